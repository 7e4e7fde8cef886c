//! Each file of `corpus/findings` is one kind of finding: exports as the provider prints them, and what must be found in them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use leastwise::access::{AccountsReader, CredentialReport, Timestamp};
use leastwise::analysis::{Analysis, DEFAULT_TOLERANCE, InputProblem, Records, UndatedExports};
use leastwise::findings::{Details, Exclusions, Finding, FindingKind, find};
use leastwise::report::day;
use leastwise::usage::{Collector, EventMapper, LastAccessedReader, Rules, TrackingPeriod};
use leastwise_policy::Catalogue;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/findings")
}

/// One case: its title, whether undated exports count as they show only, and its fenced blocks in their order.
struct Case {
    title: String,
    as_they_show: bool,
    blocks: Vec<(String, String)>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { title: title.to_owned(), as_they_show: false, blocks: Vec::new() });
        }
        let Some(case) = cases.last_mut() else { continue };
        if line == "- undated: as they show" {
            case.as_they_show = true;
        } else if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            case.blocks.push((info.to_owned(), body.join("\n")));
        }
    }
    cases
}

/// What is found, as the corpus writes it, sorted.
fn told(case: &Case) -> BTreeSet<String> {
    let mapper = EventMapper::new(Catalogue::embedded());
    let mut collector = Collector::new(&mapper);
    let (mut accounts, mut reports) = (AccountsReader::new(), LastAccessedReader::default());
    let (mut credentials, mut problems) = (Vec::new(), Vec::new());
    for (kind, text) in &case.blocks {
        match kind.as_str() {
            "account" => accounts.read(kind, text.as_bytes()),
            "last-accessed" => reports.add(kind, text.as_bytes()),
            "credential-report" => {
                let (report, unread) = CredentialReport::read(kind, text.as_bytes());
                credentials.push(report);
                problems.extend(unread.into_iter().map(InputProblem::from));
            }
            "result" => {}
            other => panic!("`{other}` is no kind of block"),
        }
    }
    let (accounts, unread) = accounts.finish();
    problems.extend(unread.into_iter().map(InputProblem::from));
    let (reports, unread) = reports.finish();
    reports.into_iter().for_each(|report| collector.ledger().take_report(report));
    problems.extend(unread.into_iter().map(InputProblem::from));
    let records = Records { accounts, ledger: collector.finish(), credentials, keys: Vec::new(), problems };
    let period = TrackingPeriod::ending(Timestamp::parse("2026-11-01").unwrap(), 90).unwrap();
    let rules = Rules { tolerance: DEFAULT_TOLERANCE, ..Rules::default() };
    let undated = if case.as_they_show { UndatedExports::AsTheyShow } else { UndatedExports::OfTheMoment };
    let mapper = EventMapper::new(Catalogue::embedded());
    let analysis = Analysis { undated, ..Analysis::new(mapper, records, period, rules) };
    let found = find(&analysis, &Exclusions::default());
    let problems = analysis.problems.iter().map(|problem| format!("problem {}", problem.file));
    found.findings.iter().map(line).chain(problems).collect()
}

fn line(finding: &Finding<'_>) -> String {
    let last = |at: Option<Timestamp>| at.map_or("never".to_owned(), day);
    let details = match &finding.details {
        Details::Role { last_accessed } | Details::Password { last_accessed } => last(*last_accessed),
        Details::AccessKey { slot, last_accessed, .. } => format!("slot {slot} {}", last(*last_accessed)),
        Details::Permissions(permissions) => {
            let of_service = |service: leastwise::findings::ServicePermissions<'_>| match service.whole {
                true => vec![format!("{}:*", service.prefix)],
                false => service.actions.iter().map(|(name, _)| format!("{}:{name}", service.prefix)).collect(),
            };
            permissions.services().into_iter().flat_map(of_service).collect::<Vec<_>>().join(" ")
        }
    };
    format!("{} {} {details}", finding.kind.as_str(), finding.resource)
}

#[test]
fn every_case_of_the_corpus_finds_what_it_says_and_nothing_else() {
    let mut kinds = BTreeSet::new();
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let all = cases(&text);
        assert!(!all.is_empty(), "{}", path.display());
        let kind = text.lines().next().unwrap().strip_prefix("# ").unwrap().to_owned();
        let stem = path.file_stem().unwrap().to_str().unwrap().replace('_', "");
        assert_eq!(kind.to_lowercase(), stem);
        let mut found = false;
        for case in all {
            let (_, result) = case.blocks.iter().find(|(kind, _)| kind == "result").unwrap_or_else(|| panic!("{}", case.title));
            let expected: BTreeSet<String> = result.lines().map(str::to_owned).collect();
            assert_eq!(told(&case), expected, "{}: {}", path.display(), case.title);
            found |= expected.iter().any(|line| line.starts_with(&kind));
        }
        assert!(found, "no case of {} finds one", path.display());
        kinds.insert(kind);
    }
    assert_eq!(kinds, FindingKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect());
}
