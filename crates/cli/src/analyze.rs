//! `leastwise analyze`: what is unused in the accounts whose exports are given, in one of six views.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use leastwise::access::{AccountId, Principal, PrincipalArn};
use leastwise::analysis::Analysis;
use leastwise::backtest::{RequestLog, Scope};
use leastwise::findings::{Exclusions, Finding, FindingId, FindingKind, Found, find};
use leastwise::recommend::{Advisor, Basis, NotJudged};
use leastwise::refine::Choices;
use leastwise::report::analysis_sarif::sarif;
use leastwise::report::findings::{FindingRow, FindingsReport};
use leastwise::report::held_back::{NOTHING_JUDGED, all_held, held};
use leastwise::report::html::{escaped, html, recommended};
use leastwise::report::markdown::markdown;

use crate::everybody::{Answer, answer_all, each_once};
use crate::evidence::{Evidence, EvidenceOptions, UsageOption};
use crate::failure::{Exit, Failure};
use crate::output::{Colours, print, print_failure, remark, write_folder};
use crate::recommend::line;
use crate::table::table;

/// What `leastwise analyze` takes.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArguments {
    /// A folder of exports, laid out in any way (docs/inputs.md).
    folder: Option<PathBuf>,
    #[command(flatten)]
    usage: UsageOption,
    #[command(flatten)]
    evidence: EvidenceOptions,
    #[command(flatten)]
    exclusions: ExclusionOptions,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    format: Format,
    /// Write the report in every format, and the recommendations for all, into this folder, which must not exist yet.
    #[arg(long, value_name = "DIR", help_heading = "Output", conflicts_with = "format")]
    out: Option<PathBuf>,
}

/// What is to be left alone.
#[derive(Debug, Args)]
pub(crate) struct ExclusionOptions {
    /// Leave out this account.
    #[arg(long, value_name = "ID")]
    exclude_account: Vec<String>,
    /// Leave out what has this tag: KEY, or KEY=VALUE.
    #[arg(long, value_name = "TAG")]
    exclude_tag: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for a terminal, with totals.
    Table,
    /// The whole result (schema leastwise.findings/1).
    Json,
    /// One finding a line.
    Ndjson,
    /// For code scanning (SARIF 2.1.0).
    Sarif,
    /// For a pull request.
    Markdown,
    /// One page for a browser, with the recommendations; it loads nothing.
    Html,
}

impl ExclusionOptions {
    /// As the library has them.
    pub(crate) fn read(&self) -> Result<Exclusions, Failure> {
        let account = |text: &String| {
            AccountId::parse(text)
                .ok_or_else(|| Failure::bad_input(format!("`{text}` is no account"), "an account has twelve digits"))
        };
        let accounts = self.exclude_account.iter().map(account).collect::<Result<_, _>>()?;
        let tag = |text: &String| match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (text.clone(), None),
        };
        Ok(Exclusions { accounts, tags: self.exclude_tag.iter().map(tag).collect() })
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &AnalyzeArguments) -> Result<Exit, Failure> {
    let exclusions = arguments.exclusions.read()?;
    let evidence =
        Evidence::find(arguments.folder.as_deref(), &arguments.evidence)?.with_usage(&arguments.usage, &arguments.evidence)?;
    // The page and the folder show recommendations, for which every recorded request is needed too.
    let advised = arguments.out.is_some() || arguments.format == Format::Html;
    let mapper = evidence.mapper();
    let mut log = RequestLog::new(&mapper, Scope::All, evidence.period());
    let analysis = evidence.analyse(&mut |event| {
        if advised {
            log.record(event)
        }
    });
    if advised {
        evidence.replay_usage(&mut log)?;
    }
    let found = find(&analysis, &exclusions);
    if arguments.format == Format::Ndjson && arguments.out.is_none() {
        // A line of NDJSON is a finding; what else there is to say must not be lost.
        notes(&found).iter().for_each(|note| remark(note));
    }
    match &arguments.out {
        None => {
            let mut advice = Advice::default();
            if advised {
                advice.gather(&analysis, &exclusions, &log, &mut |_| Ok(()))?;
            }
            let mut standard = std::io::BufWriter::new(std::io::stdout().lock());
            show(arguments.format, Colours::of_standard_output(), &analysis, &found, &advice, &mut standard)
                .and_then(|()| standard.flush())
                .map_err(|error| print_failure(&error))?;
        }
        Some(out) => {
            write_folder(out, &mut |folder| {
                let fail = |e: std::io::Error| Failure::bad_input(format!("{}: {e}", out.display()), "check the space left");
                let lines = std::fs::File::create(folder.join("recommendations.ndjson")).map_err(fail)?;
                let mut lines = std::io::BufWriter::new(lines);
                let mut advice = Advice::default();
                advice.gather(&analysis, &exclusions, &log, &mut |line| lines.write_all(line.as_bytes()).map_err(fail))?;
                lines.flush().map_err(fail)?;
                for (format, name) in FILES {
                    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join(name)).map_err(fail)?);
                    let written = show(format, Colours::none(), &analysis, &found, &advice, &mut file);
                    written.and_then(|()| file.flush()).map_err(fail)?;
                }
                print(&format!("{}: {} findings, {} recommendations\n", out.display(), found.findings.len(), advice.recommended))
            })?;
        }
    }
    Ok(if found.findings.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// What a list of findings alone would not say.
fn notes(found: &Found<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if found.coverage.held.nothing_judged() {
        notes.push(NOTHING_JUDGED.to_owned());
    }
    notes.extend(found.coverage.unmatched.iter().map(ToString::to_string));
    notes.extend(all_held(found).into_iter().map(|(kind, reason, count)| format!("held back: {}", held(kind, reason, count))));
    notes
}

/// What the page shows of the recommendations.
#[derive(Default)]
struct Advice {
    /// By principal.
    parts: HashMap<PrincipalArn, String>,
    recommended: usize,
}

impl Advice {
    /// Recommends for everybody; `take` gets a line of JSON for each for whom there is something to do.
    fn gather(
        &mut self,
        analysis: &Analysis<'_>,
        exclusions: &Exclusions,
        log: &RequestLog<'_>,
        take: &mut dyn FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let basis = Basis::of(analysis, Choices::default());
        let advisor = Advisor::new(basis).excluding(exclusions.clone());
        let principals = each_once(analysis.access.principals());
        let shape = |principal: &Principal, answer: Result<Answer<'_>, NotJudged>| match answer {
            Ok(answer) => {
                let part = recommended(&analysis.access, answer.set, &answer.verdicts);
                (principal.arn.clone(), part, line(&basis, &answer))
            }
            Err(why) => (principal.arn.clone(), format!("<p>Nothing is recommended: {}.</p>", escaped(&why.to_string())), None),
        };
        answer_all(&advisor, log, &principals, shape, |(arn, part, line)| {
            if let Some(line) = line {
                self.recommended += 1;
                take(&line)?;
            }
            self.parts.insert(arn, part);
            Ok(())
        })
    }

    /// The part of the page for a finding. What is recommended is about permissions only, and once for a permission set.
    fn part(&self, analysis: &Analysis<'_>, finding: &Finding<'_>) -> Option<String> {
        if finding.kind != FindingKind::UnusedPermission {
            return None;
        }
        if let Some(part) = self.parts.get(finding.resource) {
            return Some(part.clone());
        }
        let set = analysis.access.principal(finding.resource)?.permission_set()?;
        let (_, roles) = analysis.access.permission_sets().find(|(name, _)| *name == set)?;
        let first = roles.iter().find(|role| self.parts.contains_key(&role.arn))?;
        Some(format!(
            "<p>Permission set <code>{}</code> is changed for all its roles: see <code>{}</code>.</p>",
            escaped(set),
            escaped(first.arn.as_str())
        ))
    }
}

const FILES: [(Format, &str); 6] = [
    (Format::Table, "findings.txt"),
    (Format::Json, "findings.json"),
    (Format::Ndjson, "findings.ndjson"),
    (Format::Sarif, "findings.sarif"),
    (Format::Markdown, "findings.md"),
    (Format::Html, "findings.html"),
];

/// Writes one view. JSON is written while it is made: the findings of a large organization are gigabytes of text.
fn show(
    format: Format,
    colours: Colours,
    analysis: &Analysis<'_>,
    found: &Found<'_>,
    advice: &Advice,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &FindingsReport::new(analysis, found))?;
            out.write_all(b"\n")
        }
        Format::Ndjson => found.findings.iter().try_for_each(|finding| {
            serde_json::to_writer(&mut *out, &FindingRow::new(finding))?;
            out.write_all(b"\n")
        }),
        Format::Sarif => {
            serde_json::to_writer_pretty(&mut *out, &sarif(found))?;
            out.write_all(b"\n")
        }
        Format::Table => out.write_all(table(analysis, found, colours).as_bytes()),
        Format::Markdown => out.write_all(markdown(analysis, found).as_bytes()),
        Format::Html => {
            let by_id: HashMap<&FindingId, &Finding<'_>> = found.findings.iter().map(|finding| (&finding.id, finding)).collect();
            out.write_all(html(analysis, found, &|id| advice.part(analysis, by_id.get(id)?)).as_bytes())
        }
    }
}
