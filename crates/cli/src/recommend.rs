//! `leastwise recommend`: what to do about the unused permissions of one principal or of all, proved and replayed.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use leastwise::access::{AccessModel, Principal, PrincipalArn};
use leastwise::analysis::Analysis;
use leastwise::backtest::{RequestLog, Scope};
use leastwise::findings::{Exclusions, find};
use leastwise::recommend::{Advisor, Basis, NotJudged, nearest};
use leastwise::refine::Choices;
use leastwise::report::recommendation::{recommendation, refusal};

use crate::analyze::ExclusionOptions;
use crate::everybody::{Answer, answer, answer_all, each_once};
use crate::evidence::{Evidence, EvidenceOptions, UsageOption};
use crate::failure::{Exit, Failure};
use crate::output::{Colours, print, write_folder};
use crate::plan_text;

/// What `leastwise recommend` takes.
#[derive(Debug, Args)]
pub(crate) struct RecommendArguments {
    /// The ARN of a user or role, or the id of a finding about one.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    subject: Option<String>,
    /// For everybody: a line each, or with `--format json` one JSON object a line.
    #[arg(long)]
    all: bool,
    /// A folder of exports, laid out in any way (docs/inputs.md).
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    usage: UsageOption,
    #[command(flatten)]
    evidence: EvidenceOptions,
    #[command(flatten)]
    exclusions: ExclusionOptions,
    /// With `--all`: write a file for each principal into this folder, which must not exist yet.
    #[arg(long, value_name = "DIR", requires = "all", conflicts_with = "format", help_heading = "Output")]
    out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = ViewFormat::Text, help_heading = "Output")]
    format: ViewFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ViewFormat {
    /// For people.
    Text,
    /// The whole result.
    Json,
}

/// The principal of that ARN, or one whose ARN differs in its path only; else what names are near.
pub(crate) fn principal<'a>(access: &'a AccessModel<'_>, text: &str) -> Result<&'a Principal, Failure> {
    if let Some(principal) = PrincipalArn::parse(text).and_then(|arn| access.principal(&arn)) {
        return Ok(principal);
    }
    let near = nearest(text, access.principals().iter().map(|principal| principal.arn.as_str()));
    let by_name = nearest(text.rsplit('/').next().unwrap_or_default(), access.principals().iter().map(|p| p.arn.name()));
    let help = match (near.is_empty(), by_name.is_empty()) {
        (false, _) => format!("did you mean {}?", list(&near)),
        (true, false) => format!("there are principals named {}; give the whole ARN", list(&by_name)),
        (true, true) => "give the ARN of a user or role of the exports".to_owned(),
    };
    Err(Failure::bad_input(format!("`{text}` is no principal of the exports"), help))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The principal that is meant: by its ARN, or by the id of a finding about it.
fn subject<'a>(analysis: &'a Analysis<'a>, exclusions: &Exclusions, text: &str) -> Result<&'a Principal, Failure> {
    if !text.contains(':') {
        let found = find(analysis, exclusions);
        if let Some(finding) = found.findings.iter().find(|finding| finding.id.as_str() == text) {
            return principal(&analysis.access, finding.resource.as_str());
        }
    }
    principal(&analysis.access, text)
}

/// Runs the command.
pub(crate) fn run(arguments: &RecommendArguments) -> Result<Exit, Failure> {
    let exclusions = arguments.exclusions.read()?;
    let evidence =
        Evidence::find(arguments.from.as_deref(), &arguments.evidence)?.with_usage(&arguments.usage, &arguments.evidence)?;
    match &arguments.subject {
        Some(subject) => for_one(arguments, &evidence, &exclusions, subject),
        None => for_all(arguments, &evidence, &exclusions),
    }
}

fn for_one(arguments: &RecommendArguments, evidence: &Evidence, exclusions: &Exclusions, text: &str) -> Result<Exit, Failure> {
    let analysis = evidence.analyse(&mut |_| {});
    let asked = subject(&analysis, exclusions, text)?;
    let basis = Basis::of(&analysis, Choices::default());
    let advisor = Advisor::new(basis).excluding(exclusions.clone());
    // Whose records are needed is known only now, so that the logs are read once more; keeping everybody's would cost more.
    let concerned = advisor.propose(asked).map_err(|fault| Failure::fault(fault.to_string()))?.map(|p| p.affected());
    let mut log = RequestLog::new(&analysis.mapper, Scope::only(&concerned.unwrap_or_default()), analysis.period);
    evidence.read_logs(&mut |event| log.record(event), &mut Vec::new());
    evidence.replay_usage(&mut log)?;
    let answer = answer(&advisor, &log, asked)?;
    let shown = match (&answer, arguments.format) {
        (Err(why), ViewFormat::Text) => format!("{}\n  nothing is recommended: {why}\n", asked.arn),
        (Err(why), ViewFormat::Json) => pretty(&refusal(&basis, asked, why))?,
        (Ok(answer), ViewFormat::Json) => pretty(&whole(&basis, answer))?,
        (Ok(answer), ViewFormat::Text) => plan_text::whole(&basis, asked, answer, Colours::of_standard_output()),
    };
    print(&shown)?;
    Ok(if answer.is_ok_and(|answer| !answer.verdicts.is_empty()) { Exit::Findings } else { Exit::Clean })
}

fn whole(basis: &Basis<'_>, answer: &Answer<'_>) -> serde_json::Value {
    recommendation(basis, &answer.judged, answer.set, &answer.unused, &answer.verdicts)
}

/// The line of one principal in the list of all; nothing for whom there is nothing to do.
pub(crate) fn line(basis: &Basis<'_>, answer: &Answer<'_>) -> Option<String> {
    (!answer.verdicts.is_empty()).then(|| format!("{}\n", whole(basis, answer)))
}

fn for_all(arguments: &RecommendArguments, evidence: &Evidence, exclusions: &Exclusions) -> Result<Exit, Failure> {
    let mapper = evidence.mapper();
    let mut log = RequestLog::new(&mapper, Scope::All, evidence.period());
    let analysis = evidence.analyse(&mut |event| log.record(event));
    evidence.replay_usage(&mut log)?;
    let basis = Basis::of(&analysis, Choices::default());
    let advisor = Advisor::new(basis).excluding(exclusions.clone());
    let principals = each_once(analysis.access.principals());
    let (mut recommended, mut withheld) = (0, 0);
    let colours = if arguments.out.is_some() { Colours::none() } else { Colours::of_standard_output() };
    let shape = |principal: &Principal, answer: Result<Answer<'_>, NotJudged>| {
        let answer = answer.ok().filter(|answer| !answer.verdicts.is_empty())?;
        let none_left = answer.verdicts.iter().all(|verdict| verdict.applicable().is_none());
        let shown = match (&arguments.out, arguments.format) {
            (Some(_), _) => pretty(&whole(&basis, &answer)).ok()?,
            (None, ViewFormat::Json) => line(&basis, &answer)?,
            (None, ViewFormat::Text) => plan_text::short(principal, &answer, colours),
        };
        Some((path_of(principal), shown, none_left))
    };
    let mut all = |take: &mut dyn FnMut(&Path, &str) -> Result<(), Failure>| {
        answer_all(&advisor, &log, &principals, shape, |one| {
            let Some((path, shown, none_left)) = one else { return Ok(()) };
            recommended += 1;
            withheld += usize::from(none_left);
            take(&path, &shown)
        })
    };
    match &arguments.out {
        None => all(&mut |_, shown| print(shown))?,
        Some(out) => write_folder(out, &mut |folder| all(&mut |path, shown| write_below(folder, path, shown)))?,
    }
    if arguments.out.is_some() || arguments.format == ViewFormat::Text {
        let place = arguments.out.as_ref().map_or(String::new(), |out| format!("{}: ", out.display()));
        print(&format!("{place}{recommended} recommendations, {withheld} of them withheld by the backtest\n"))?;
    }
    Ok(if recommended == 0 { Exit::Clean } else { Exit::Findings })
}

/// Where a principal's recommendation is written: account, kind and name, which is unique whatever the path.
fn path_of(principal: &Principal) -> PathBuf {
    let name: String =
        principal.arn.name().chars().map(|c| if c.is_ascii_alphanumeric() || "+=,.@-_".contains(c) { c } else { '_' }).collect();
    PathBuf::from(principal.arn.account().as_str()).join(principal.arn.kind().name()).join(format!("{name}.json"))
}

fn write_below(folder: &Path, path: &Path, text: &str) -> Result<(), Failure> {
    let path = folder.join(path);
    let fail = |e: std::io::Error| Failure::bad_input(format!("{}: {e}", path.display()), "check the space left");
    std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(fail)?;
    std::fs::write(&path, text).map_err(fail)
}

/// JSON as it is printed.
pub(crate) fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(value);
    json.map(|text| text + "\n").map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))
}
