//! Finds and reads the inputs of an analysis: a folder of exports, or files by kind, into one `Analysis`.
//!
//! The rim of the flow for every command that judges accounts. A file is known by its shape; folder names are hints for what
//! has lost its shape. Whatever cannot be read becomes a problem of the analysis and the run goes on; only when there is
//! nothing to analyse at all, or a path that somebody named is not there, does it end.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use leastwise::access::access_keys::AccessKeyList;
use leastwise::access::{AccountsReader, Affects, CredentialReport, Timestamp};
use leastwise::analysis::{Analysis, DEFAULT_TOLERANCE, InputProblem, Place, Records, UndatedExports};
use leastwise::backtest::RequestLog;
use leastwise::usage::{
    Collector, DeniedAttempts, Event, EventMapper, GapCause, LastAccessedReader, RoleActivity, Rules, TrackingPeriod,
};
use leastwise_history::{DescribedTrails, ReadOptions, Reading, TrailFacts};
use leastwise_policy::Catalogue;
use leastwise_policy::catalogue::import::{ImportHints, SourceFile, import};

use crate::failure::Failure;
use crate::input::Inputs;
use crate::shape::{Kind, find};

/// Inputs by kind, and how to judge them. Every command that analyses takes these, beside or instead of a folder.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Inputs (docs/inputs.md)")]
pub(crate) struct EvidenceOptions {
    /// Output of `aws iam get-account-authorization-details`: files, pages, accounts.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    account: Vec<PathBuf>,
    /// Credential reports: CSV, or the output of `aws iam get-credential-report`.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    credential_report: Vec<PathBuf>,
    /// Outputs of `aws iam get-service-last-accessed-details`, one a principal.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    last_accessed: Vec<PathBuf>,
    /// CloudTrail: delivered files, `lookup-events`, CSV exports; folders of any depth.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    cloudtrail: Vec<PathBuf>,
    /// Outputs of `aws cloudtrail describe-trails`, `get-event-selectors` and `get-trail-status`, `aws account list-regions`,
    /// and `aws organizations list-accounts`.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    trails: Vec<PathBuf>,
    /// The provider's service reference, one file a service; it is the catalogue of the analysis.
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "catalog")]
    service_reference: Vec<PathBuf>,
    /// Outputs of `aws iam list-access-keys`, which give keys their names.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    access_keys: Vec<PathBuf>,
    /// Use this catalogue (made by `leastwise catalog import`) instead of a service reference or the embedded one.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// For how many days something must have gone unused, 1 to 365.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=365))]
    tracking_period: u32,
    /// The moment at which the period ends, and of which exports without a date are: `2026-11-01`, or with a time. Unless
    /// given it is now, and such exports count only when they show a date of the last day.
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// By how many hours a source may begin late or end early and still count as complete.
    #[arg(long, value_name = "HOURS", default_value_t = DEFAULT_TOLERANCE / 3600, value_parser = clap::value_parser!(u32).range(0..=720))]
    tolerance: u32,
    /// Count attempts that a policy turned down as use, as the provider does.
    #[arg(long)]
    count_denied: bool,
    /// Count only what its sessions call as activity of a role, as AWS does: being assumed is none.
    #[arg(long)]
    requests_only: bool,
    /// You say that the trails look in all regions, although no description does.
    #[arg(long)]
    all_regions: bool,
    /// You say that the logs are complete although no rhythm of delivery shows, that all management events are in them where no
    /// event selectors are given, and that lookups and exports were not filtered.
    #[arg(long)]
    complete_logs: bool,
    /// Data events of this resource type are all logged, such as AWS::S3::Object.
    #[arg(long, value_name = "TYPE")]
    data_events: Vec<String>,
    /// The most bytes that one compressed log may unpack to.
    #[arg(long, value_name = "BYTES", default_value_t = ReadOptions::default().max_unpacked)]
    max_unpacked: u64,
}

/// Folders of usage, for commands that take them beside or in the place of logs.
#[derive(Debug, Clone, Args)]
pub(crate) struct UsageOption {
    /// A folder of `leastwise ingest`, or `s3://bucket/prefix`, in the place of the logs that a folder of exports may hold.
    #[cfg(feature = "ingest")]
    #[arg(long, value_name = "DIR|URL", help_heading = "Inputs (docs/inputs.md)")]
    usage: Vec<PathBuf>,
    #[cfg(feature = "ingest")]
    #[command(flatten)]
    stores: crate::stores::StoreArguments,
}

impl UsageOption {
    /// Refuses folders of usage where they cannot answer, with the reason.
    pub(crate) fn refuse(&self, why: &str) -> Result<(), Failure> {
        #[cfg(feature = "ingest")]
        if !self.usage.is_empty() {
            return Err(Failure::bad_input(format!("{why}, which `--usage` does not have"), "name the logs themselves"));
        }
        let _ = why;
        Ok(())
    }
}

/// Reads one file: its name, its bytes, and where its problems go.
type ReadOne<'r> = dyn FnMut(&str, &[u8], &mut Vec<InputProblem>) + 'r;

/// The inputs that were found, and the catalogue that they are to be read by.
pub(crate) struct Evidence {
    files: Vec<(Kind, PathBuf)>,
    /// The given folder with a `/` at its end: what is told of files is told from there on.
    root: Option<String>,
    catalogue: Option<Catalogue>,
    problems: Vec<InputProblem>,
    period: TrackingPeriod,
    rules: Rules,
    undated: UndatedExports,
    trails: TrailFacts,
    reading: ReadOptions,
    #[cfg(feature = "ingest")]
    usage: Vec<leastwise_history::rollup::Usage>,
}

const HELP_NOTHING: &str = "give a folder of exports, or `--account FILE`; docs/inputs.md says how to get the files, and \
`leastwise demo --out demo` makes some up";

/// What makes a folder with logs only conclusive.
const HELP_LOGS_ONLY: &str = "logs show who did what; add what is granted, and what the trails record:
aws iam get-account-authorization-details > account/ACCOUNT.json
aws cloudtrail describe-trails > trails/trails.json, and aws cloudtrail get-event-selectors --trail-name NAME > trails/selectors.json";

impl Evidence {
    /// Finds the files of `folder` and those that the options name, and reads the catalogue.
    pub(crate) fn find(folder: Option<&Path>, options: &EvidenceOptions) -> Result<Evidence, Failure> {
        let period = options.period()?;
        let mut files = Vec::new();
        let mut problems = Vec::new();
        if let Some(folder) = folder {
            find(folder, None, &mut files, &mut problems)?;
        }
        for (kind, paths) in options.named() {
            for path in paths {
                find(path, Some(kind), &mut files, &mut problems)?;
            }
        }
        files.sort();
        files.dedup();
        if !files.iter().any(|(kind, _)| *kind == Kind::Account) {
            let place = folder.map_or(String::new(), |folder| format!("{}: ", folder.display()));
            let message = format!("{place}no account authorization details found, so nothing can be judged");
            let has_logs = files.iter().any(|(kind, _)| *kind == Kind::Logs);
            return Err(Failure::bad_input(message, if has_logs { HELP_LOGS_ONLY } else { HELP_NOTHING }));
        }
        let role_activity = if options.requests_only { RoleActivity::RequestsOnly } else { RoleActivity::Assumptions };
        let denied = if options.count_denied { DeniedAttempts::CountAsUse } else { DeniedAttempts::RecordApart };
        let trails = TrailFacts {
            all_regions: options.all_regions,
            complete: options.complete_logs,
            exports_complete: options.complete_logs,
            data_types: options.data_events.iter().cloned().collect(),
        };
        let mut evidence = Evidence {
            files,
            root: folder.map(|folder| format!("{}/", folder.display().to_string().trim_end_matches('/'))),
            catalogue: Inputs::default().catalogue(options.catalog.as_deref())?,
            problems,
            period,
            rules: Rules { denied, role_activity, tolerance: options.tolerance * 3600 },
            // Who names a moment says that what has no date is of then.
            undated: if options.as_of.is_some() { UndatedExports::OfTheMoment } else { UndatedExports::AsTheyShow },
            trails,
            reading: ReadOptions { max_unpacked: options.max_unpacked, ..ReadOptions::default() },
            #[cfg(feature = "ingest")]
            usage: Vec::new(),
        };
        if evidence.catalogue.is_none() {
            evidence.import_reference();
        }
        Ok(evidence)
    }

    /// The catalogue of the analysis: the one that was named, the service reference, or the embedded one.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.catalogue.as_ref().unwrap_or_else(|| Catalogue::embedded())
    }

    /// The period of the analysis.
    pub(crate) fn period(&self) -> TrackingPeriod {
        self.period
    }

    /// A mapper over the catalogue of the analysis, for whoever looks at events beside it.
    pub(crate) fn mapper(&self) -> EventMapper<'_> {
        EventMapper::new(self.catalogue())
    }

    /// Reads everything; `also` is given every event of the logs too, so that nobody has to read them twice.
    pub(crate) fn analyse(&self, also: &mut dyn FnMut(&Event<'_>)) -> Analysis<'_> {
        let mut problems = self.problems.clone();
        let mapper = self.mapper();
        let mut collector = Collector::new(&mapper);
        let mut visit = |event: &Event<'_>| {
            collector.record(event);
            also(event);
        };
        let reading = self.read_logs(&mut visit, &mut problems);
        #[cfg_attr(not(feature = "ingest"), allow(unused_mut))]
        let mut observed = reading.observed;
        #[cfg(feature = "ingest")]
        self.recall(&mut collector, &mut observed, &mut problems);
        let described = self.described_trails(&mut problems);
        for mut timeline in observed.timelines(&described, &self.trails) {
            for gap in &mut timeline.gaps {
                if let GapCause::Unreadable(file) = &mut gap.cause {
                    *file = self.shortened(file);
                }
            }
            collector.ledger().cover(timeline);
        }
        let mut reports = LastAccessedReader::default();
        self.each(Kind::LastAccessed, &mut problems, &mut |name, bytes, _| reports.add(name, bytes));
        let (reports, unread) = reports.finish();
        reports.into_iter().for_each(|report| collector.ledger().take_report(report));
        problems.extend(unread.into_iter().map(InputProblem::from));
        let ledger = collector.finish();

        let mut accounts = AccountsReader::new();
        self.each(Kind::Account, &mut problems, &mut |name, bytes, _| accounts.read(name, bytes));
        let (accounts, unread) = accounts.finish();
        problems.extend(unread.into_iter().map(InputProblem::from));
        let (mut credentials, mut keys) = (Vec::new(), Vec::new());
        self.each(Kind::CredentialReport, &mut problems, &mut |name, bytes, problems| {
            let (report, unread) = CredentialReport::read(name, bytes);
            credentials.push(report);
            problems.extend(unread.into_iter().map(InputProblem::from));
        });
        self.each(Kind::AccessKeys, &mut problems, &mut |name, bytes, problems| {
            let (list, unread) = AccessKeyList::read(name, bytes);
            keys.push(list);
            problems.extend(unread.into_iter().map(InputProblem::from));
        });
        problems.iter_mut().for_each(|problem| self.shorten(problem));
        let records = Records { accounts, ledger, credentials, keys, problems };
        Analysis { undated: self.undated, ..Analysis::new(mapper, records, self.period, self.rules) }
    }

    /// Names the file of a problem from the given folder on.
    fn shorten(&self, problem: &mut InputProblem) {
        problem.file = self.shortened(&problem.file).into();
        if let Some(root) = &self.root {
            problem.message = problem.message.replace(root.as_str(), "");
        }
    }

    /// A file's name from the given folder on.
    fn shortened(&self, file: &str) -> String {
        let rest = self.root.as_ref().and_then(|root| file.strip_prefix(root.as_str()));
        rest.unwrap_or(file).to_owned()
    }

    /// Gives every event of the logs to `visit`, each once.
    pub(crate) fn read_logs(&self, visit: &mut dyn FnMut(&Event<'_>), problems: &mut Vec<InputProblem>) -> Reading {
        let paths: Vec<PathBuf> = self.of(Kind::Logs).cloned().collect();
        let mut reading = leastwise_history::read(&paths, &self.reading, visit);
        problems.extend(std::mem::take(&mut reading.problems).into_iter().map(of_history));
        for (path, why) in &reading.refused {
            problems.push(InputProblem { affects: Affects::Nobody, ..InputProblem::of_file(path, why.as_str(), None) });
        }
        if reading.masked > 0 {
            let message = format!("{} events share an `eventID` with a different event; each is counted", reading.masked);
            let help = Some("event ids seem to be masked: copies of an event cannot be told from repetitions");
            problems.push(InputProblem { affects: Affects::Nobody, ..InputProblem::of_file("cloudtrail", message, help) });
        }
        reading
    }

    fn described_trails(&self, problems: &mut Vec<InputProblem>) -> DescribedTrails {
        let (mut trails, mut unread) = (DescribedTrails::default(), Vec::new());
        self.each(Kind::Trails, problems, &mut |name, bytes, _| unread.extend(trails.add(name, bytes).err()));
        problems.extend(unread.into_iter().map(of_history));
        trails
    }

    /// Takes folders of usage in the place of the logs that were found without being named.
    #[cfg(feature = "ingest")]
    pub(crate) fn with_usage(mut self, usage: &UsageOption, options: &EvidenceOptions) -> Result<Evidence, Failure> {
        if usage.usage.is_empty() {
            return Ok(self);
        }
        let (mut named, mut problems) = (Vec::new(), Vec::new());
        for path in &options.cloudtrail {
            find(path, Some(Kind::Logs), &mut named, &mut problems)?;
        }
        let (kept, replaced): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.files).into_iter().partition(|file| file.0 != Kind::Logs || named.contains(file));
        self.files = kept;
        // What they show counts for nothing now, and whoever forgot to ingest one of them should know.
        if let Some((_, first)) = replaced.first() {
            let others = match replaced.len() - 1 {
                0 => String::new(),
                others => format!(", and {others} more"),
            };
            let message = format!("is left out, since `--usage` takes the place of the logs in the folder{others}");
            let help = Some("ingest them too if they are not among the usage, or name them by `--cloudtrail`");
            let problem = InputProblem::of_file(&first.display().to_string(), &message, help);
            self.problems.push(InputProblem { affects: Affects::Nobody, ..problem });
        }
        let stores = usage.stores.options();
        for folder in &usage.usage {
            self.usage.push(leastwise_history::rollup::Usage::open(folder, &stores).map_err(crate::ingest::failed)?);
        }
        Ok(self)
    }

    /// There are no folders of usage in this build.
    #[cfg(not(feature = "ingest"))]
    pub(crate) fn with_usage(self, _: &UsageOption, _: &EvidenceOptions) -> Result<Evidence, Failure> {
        Ok(self)
    }

    /// Fills a log of requests from the folders of usage.
    pub(crate) fn replay_usage(&self, log: &mut RequestLog<'_>) -> Result<(), Failure> {
        #[cfg(feature = "ingest")]
        for usage in &self.usage {
            usage.replay(log).map_err(crate::ingest::failed)?;
        }
        let _ = log;
        Ok(())
    }

    /// Takes in the folders of usage: calls into the ledger, and what they show of the trails to what the logs show, so that
    /// together they may be complete.
    #[cfg(feature = "ingest")]
    fn recall(
        &self,
        collector: &mut Collector<'_, '_>,
        observed: &mut leastwise_history::Observed,
        problems: &mut Vec<InputProblem>,
    ) {
        for usage in &self.usage {
            match usage.collect(collector) {
                Ok(reading) => {
                    problems.extend(reading.problems.into_iter().map(of_history));
                    observed.absorb(reading.observed);
                }
                Err(error) => {
                    observed.miss_all(&error.to_string());
                    problems.push(InputProblem::of_file("usage", error.to_string(), Some(error.help())));
                }
            }
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter(move |(own, _)| *own == kind).map(|(_, path)| path)
    }

    /// Reads each file of one kind; one that cannot be opened is a problem.
    fn each(&self, kind: Kind, problems: &mut Vec<InputProblem>, read: &mut ReadOne<'_>) {
        for path in self.of(kind) {
            let name = path.display().to_string();
            match std::fs::read(path) {
                Ok(bytes) => read(&name, &bytes, problems),
                Err(error) => problems.push(InputProblem::of_file(&name, format!("cannot be read: {error}"), None)),
            }
        }
    }

    /// Makes the catalogue of the service reference. When a file of it is broken none of it is used: a service that is not
    /// in the catalogue would be left out of every `*`, and so be taken away without a source that says so.
    fn import_reference(&mut self) {
        let mut problems = Vec::new();
        let mut texts: Vec<(String, String)> = Vec::new();
        self.each(Kind::ServiceReference, &mut problems, &mut |name, bytes, problems| match std::str::from_utf8(bytes) {
            Ok(text) => texts.push((name.to_owned(), text.to_owned())),
            Err(error) => problems.push(of_reference(name, format!("not UTF-8 at byte {}", error.valid_up_to()))),
        });
        // The files have no date of their own: they are taken to be of the day of the analysis.
        let date: String = self.period.end.to_string().chars().take(10).collect();
        while !texts.is_empty() {
            let sources: Vec<SourceFile<'_>> = texts.iter().map(|(path, text)| SourceFile { path, text }).collect();
            match import(&sources, &ImportHints { date: Some(&date), ..ImportHints::default() }) {
                Ok(imported) if problems.is_empty() => {
                    // Without its list of services nobody knows whether the reference is whole; a service that is not in the
                    // catalogue would drop out of `*`.
                    let whole = imported.lacking.is_some_and(|lacking| lacking.is_empty());
                    let filled = || imported.catalogue.filled_from(Catalogue::embedded());
                    self.catalogue = Some(if whole { imported.catalogue } else { filled() });
                    break;
                }
                Ok(_) => break,
                // Every broken file is told, not only the first.
                Err(error) => {
                    let before = texts.len();
                    texts.retain(|(path, _)| *path != error.path);
                    problems.push(of_reference(&error.path, error.problem));
                    if texts.len() == before {
                        break;
                    }
                }
            }
        }
        self.problems.append(&mut problems);
    }
}

impl EvidenceOptions {
    /// All paths that are named, of whatever kind.
    #[cfg(feature = "serve")]
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let named = self.named().into_iter().flat_map(|(_, paths)| paths);
        named.chain(&self.catalog).map(PathBuf::as_path)
    }

    /// The present of an analysis that is made now.
    #[cfg(feature = "serve")]
    pub(crate) fn present(&self) -> Result<Timestamp, Failure> {
        self.period().map(|period| period.end)
    }

    fn named(&self) -> [(Kind, &[PathBuf]); 7] {
        [
            (Kind::Account, &self.account),
            (Kind::CredentialReport, &self.credential_report),
            (Kind::LastAccessed, &self.last_accessed),
            (Kind::Logs, &self.cloudtrail),
            (Kind::Trails, &self.trails),
            (Kind::ServiceReference, &self.service_reference),
            (Kind::AccessKeys, &self.access_keys),
        ]
    }

    fn period(&self) -> Result<TrackingPeriod, Failure> {
        let end = match &self.as_of {
            Some(text) => Timestamp::parse(text).ok_or_else(|| {
                Failure::bad_input(format!("`{text}` is no date"), "write it as 2026-11-01 or 2026-11-01T12:00:00Z")
            })?,
            None => now(),
        };
        TrackingPeriod::ending(end, self.tracking_period)
            .ok_or_else(|| Failure::bad_input("the tracking period has 1 to 365 days", "see `--tracking-period`"))
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since).unwrap_or(i64::MAX))
}

fn of_history(problem: leastwise_history::Problem) -> InputProblem {
    InputProblem {
        file: problem.file.as_str().into(),
        place: problem.record.map(Place::Record),
        message: problem.message,
        help: Some("nothing is called unused that this file would have shown; fetch it again"),
        affects: Affects::Untold,
    }
}

fn of_reference(name: &str, message: String) -> InputProblem {
    let help = "fetch the service reference again; until then the embedded catalogue is used in its place";
    InputProblem::of_file(name, message, Some(help))
}
