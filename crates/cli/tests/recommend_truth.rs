//! Recommendations on made-up organizations, whose generator knows by its own means what is used.
//!
//! Steps are applied here by hand to the policies, and grants worked out by a matcher of this file's own, so that nothing
//! is shared with what is tested but the texts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use harness::{Folder, organization, tree};
use leastwise::access::model::PolicyRef;
use leastwise::access::{Accounts, AccountsReader, Principal, PrincipalKind, Timestamp};
use leastwise::analysis::{Analysis, Records};
use leastwise::backtest::{Halves, RequestLog, Scope, Verdict, judge};
use leastwise::recommend::{Advisor, Basis, Change, GroupWay, ManagedWay, NotJudged, Plan};
use leastwise::refine::Choices;
use leastwise::usage::sources::last_accessed::LastAccessedReader;
use leastwise::usage::{Collector, Event, EventMapper, Rules, TrackingPeriod, UsageLedger};
use leastwise_demo::{Damage, FileKind, Options};
use leastwise_history::{DescribedTrails, ReadOptions, Reading, TrailFacts};
use leastwise_policy::Catalogue;
use leastwise_policy::catalogue::import::{ImportHints, SourceFile, import};
use serde_json::Value;

/// A demo on disk, as far as logs go, and in memory.
struct Demo {
    options: Options,
    /// Removed with it.
    folder: Folder,
    files: BTreeMap<String, Vec<u8>>,
    logs: PathBuf,
    catalogue: Catalogue,
    truth: BTreeMap<String, Truth>,
}

#[derive(Default)]
struct Truth {
    judged: bool,
    unused: BTreeSet<String>,
}

impl Demo {
    fn new(options: Options) -> Demo {
        let folder = Folder::new();
        let root = organization(&folder, &options);
        let mut files = tree(&root);
        files.retain(|path, _| !path.starts_with("cloudtrail"));
        let files: BTreeMap<String, Vec<u8>> =
            files.into_iter().map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes)).collect();
        let logs = Path::new(&root).join("cloudtrail");
        let texts: Vec<(&str, &str)> = files
            .iter()
            .filter(|(name, _)| name.starts_with("service-reference/"))
            .map(|(name, bytes): (&String, &Vec<u8>)| (name.as_str(), std::str::from_utf8(bytes).unwrap()))
            .collect();
        let sources: Vec<SourceFile<'_>> = texts.iter().map(|(path, text)| SourceFile { path, text }).collect();
        let hints = ImportHints { date: Some("2026-11-01"), version: Some("demo"), ..ImportHints::default() };
        let catalogue = import(&sources, &hints).unwrap().catalogue;
        let truth = truth(&files);
        Demo { options, folder, files, logs, catalogue, truth }
    }

    fn period(&self) -> TrackingPeriod {
        TrackingPeriod::ending(Timestamp::from_seconds(self.options.as_of), self.options.tracking_period).unwrap()
    }

    fn read(&self, visit: &mut dyn FnMut(&Event<'_>)) -> Reading {
        leastwise_history::read(std::slice::from_ref(&self.logs), &ReadOptions::default(), visit)
    }

    fn ledger(&self, mapper: &EventMapper<'_>) -> UsageLedger {
        let mut collector = Collector::new(mapper);
        if self.logs.exists() {
            let reading = self.read(&mut |event| collector.record(event));
            let trails = TrailFacts { all_regions: true, complete: true, ..TrailFacts::default() };
            reading
                .observed
                .timelines(&DescribedTrails::default(), &trails)
                .into_iter()
                .for_each(|coverage| collector.ledger().cover(coverage));
        }
        let mut reports = LastAccessedReader::default();
        for (name, bytes) in self.files.iter().filter(|(name, _)| name.starts_with("last-accessed/")) {
            reports.add(name, bytes);
        }
        reports.finish().0.into_iter().for_each(|report| collector.ledger().take_report(report));
        collector.finish()
    }

    fn accounts(&self) -> Accounts {
        let mut reader = AccountsReader::new();
        for (name, bytes) in self.files.iter().filter(|(name, _)| name.starts_with("account/")) {
            reader.read(name, bytes);
        }
        reader.finish().0
    }

    fn analysis(&self) -> Analysis<'_> {
        let mapper = EventMapper::new(&self.catalogue);
        let ledger = self.ledger(&mapper);
        let records = Records { accounts: self.accounts(), ledger, ..Records::default() };
        Analysis::new(mapper, records, self.period(), Rules::default())
    }
}

fn options(seed: u64) -> Options {
    Options { seed, roles: 50, users: 24, accounts: 2, events: 4_000, days: 14, tracking_period: 10, ..Options::default() }
}

fn truth(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Truth> {
    let truth: Value = serde_json::from_slice(&files["truth.json"]).unwrap();
    let mut all = BTreeMap::new();
    for principal in truth["principals"].as_array().unwrap() {
        let mut own = Truth { judged: principal["judged"].as_bool().unwrap(), ..Truth::default() };
        for service in principal["services"].as_array().unwrap() {
            let prefix = service["service"].as_str().unwrap();
            for name in service["unused"].as_array().unwrap() {
                own.unused.insert(format!("{prefix}:{}", name.as_str().unwrap()));
            }
        }
        all.insert(principal["arn"].as_str().unwrap().to_owned(), own);
    }
    all
}

/// Holder, policy and text.
type Held = (String, String, String);

fn id(policy: PolicyRef<'_>) -> String {
    match policy {
        PolicyRef::Managed(arn) => arn.as_str().to_owned(),
        PolicyRef::Inline(name) => name.to_owned(),
    }
}

fn held(analysis: &Analysis<'_>, principal: &Principal) -> Vec<Held> {
    let sources = analysis.access.sources(principal);
    let text = |source: &leastwise::access::model::PolicySource<'_>| source.document.policy().unwrap().text().to_owned();
    sources.iter().map(|s| (s.holder.arn.to_string(), id(s.policy), text(s))).collect()
}

/// The policies of `principal` once the plan's steps are done.
fn after(plan: &Plan<'_>, principal: &Principal, mut held: Vec<Held>) -> Vec<Held> {
    let own = principal.arn.to_string();
    let asked = plan.principal.arn.to_string();
    if own == asked {
        held.retain(|(holder, ..)| !plan.leaves.iter().any(|group| group.arn.as_str() == holder));
    }
    for step in &plan.steps {
        let (holder, policy) = (step.source.holder.arn.to_string(), id(step.source.policy));
        let text = step.refined.text.clone();
        if step.change == Change::MoveToUser {
            if own == asked {
                held.extend(text.map(|text| (own.clone(), policy, text)));
            }
            continue;
        }
        let concerned = |(of, id, _): &Held| match step.change {
            Change::Inline | Change::Copy | Change::ForGroup => *of == holder && *id == policy,
            Change::InPlace => *id == policy,
            Change::PermissionSet(set) => {
                principal.arn.name().starts_with(&format!("AWSReservedSSO_{set}_"))
                    && id.rsplit('/').next() == policy.rsplit('/').next()
            }
            Change::MoveToUser => false,
        };
        let hit: Vec<Held> = held.iter().filter(|h| concerned(h)).cloned().collect();
        held.retain(|h| !concerned(h));
        if let Some(text) = text {
            held.extend(hit.into_iter().map(|(of, id, _)| (of, id, text.clone())));
        }
    }
    held
}

/// Every action of the catalogue that an Allow statement names.
fn granted(catalogue: &Catalogue, held: &[Held]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, _, text) in held {
        let policy: Value = serde_json::from_str(text).unwrap();
        let list = |value: &Value| -> Vec<Value> { value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]) };
        for statement in list(&policy["Statement"]).iter().filter(|s| s["Effect"] == "Allow") {
            let negated = !statement["NotAction"].is_null();
            let patterns = list(&statement[if negated { "NotAction" } else { "Action" }]);
            let patterns: Vec<String> = patterns.iter().map(|p| p.as_str().unwrap().to_ascii_lowercase()).collect();
            for service in catalogue.services() {
                for name in service.action_names() {
                    let full = format!("{}:{name}", service.prefix());
                    let lower = full.to_ascii_lowercase();
                    let named = patterns.iter().any(|pattern| pattern == "*" || glob(pattern.as_bytes(), lower.as_bytes()));
                    if named != negated {
                        all.insert(full);
                    }
                }
            }
        }
    }
    all
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'*'), _) => glob(&pattern[1..], text) || (!text.is_empty() && glob(pattern, &text[1..])),
        (Some(b'?'), Some(_)) => glob(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) if p == t => glob(&pattern[1..], &text[1..]),
        _ => false,
    }
}

#[derive(Default, Debug)]
struct Seen {
    plans: usize,
    moves: usize,
    unions: usize,
    in_place: usize,
    sets: usize,
    not_actions: usize,
}

/// Checks every plan of every principal; `exact` says that the truth must be reached, not only not overstepped.
fn check(demo: &Demo, exact: bool, seen: &mut Seen) {
    let analysis = demo.analysis();
    let advisor = Advisor::new(Basis::of(&analysis, Choices::default()));
    let mut log = RequestLog::new(&analysis.mapper, Scope::All, analysis.period);
    if demo.logs.exists() {
        demo.read(&mut |event| log.record(event));
    }
    let before: BTreeMap<String, (Vec<Held>, BTreeSet<String>)> = analysis
        .access
        .principals()
        .iter()
        .filter(|p| p.unread.is_empty())
        .map(|p| {
            let held = held(&analysis, p);
            let granted = granted(&demo.catalogue, &held);
            (p.arn.to_string(), (held, granted))
        })
        .collect();
    for principal in analysis.access.principals() {
        let Some(truth) = demo.truth.get(principal.arn.as_str()) else { continue };
        let proposal = match advisor.propose(principal).unwrap() {
            Ok(proposal) => proposal,
            Err(NotJudged::PermissionSet(_)) => continue,
            Err(_) => {
                assert!(!truth.judged || !exact, "{}", principal.arn);
                continue;
            }
        };
        let set = proposal.permission_set.is_some();
        let verdicts = judge(&analysis.access, proposal, &log);
        if exact && !set {
            assert_eq!(verdicts.is_empty(), truth.unused.is_empty(), "{}", principal.arn);
        }
        for verdict in &verdicts {
            let Verdict::Applicable(plan) = verdict else { panic!("{}: {:?}", principal.arn, verdict.replay().cuts) };
            assert_eq!(plan.replay().newly_denied, 0);
            seen.plans += 1;
            seen.moves += usize::from(!plan.leaves.is_empty());
            seen.unions +=
                usize::from(plan.groups == Some(GroupWay::Union) && plan.steps.iter().any(|s| s.change == Change::ForGroup));
            seen.in_place += usize::from(plan.steps.iter().any(|s| s.change == Change::InPlace));
            seen.sets += usize::from(set);
            seen.not_actions += usize::from(plan.steps.iter().any(|s| s.original.text().contains("NotAction")));
            for other in analysis.access.principals().iter().filter(|p| p.arn.kind() != PrincipalKind::Group) {
                let Some((held, had)) = before.get(other.arn.as_str()) else {
                    assert!(plan.affected.iter().all(|affected| affected.arn != other.arn));
                    continue;
                };
                let now_held = after(plan, other, held.clone());
                if now_held == *held {
                    continue;
                }
                assert!(plan.affected.iter().any(|affected| affected.arn == other.arn), "{} by {}", other.arn, principal.arn);
                let has = granted(&demo.catalogue, &now_held);
                assert_eq!(has.difference(had).next(), None, "{} gains by the plan for {}", other.arn, principal.arn);
                let lost: BTreeSet<&String> = had.difference(&has).collect();
                let unused = &demo.truth[other.arn.as_str()].unused;
                let wrong: Vec<_> = lost.iter().filter(|action| !unused.contains(**action)).collect();
                assert!(wrong.is_empty(), "{} loses {wrong:?} by the plan for {}", other.arn, principal.arn);
                if other.arn == principal.arn {
                    let strongest = plan.managed != Some(ManagedWay::InPlace) && plan.groups != Some(GroupWay::Union) && !set;
                    if strongest && exact {
                        let kept = has.intersection(unused).next();
                        assert_eq!(kept, None, "{} keeps something unused", principal.arn);
                    }
                    // What goes is gone from every policy.
                    for action in plan.removed.iter() {
                        let (service, name) = analysis.access.actions().name(action);
                        assert!(!has.contains(&format!("{service}:{name}")), "{}: {service}:{name}", principal.arn);
                    }
                }
            }
        }
    }
}

/// Three seeds in ordinary runs; `LEASTWISE_SEEDS=30` runs more.
fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("LEASTWISE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

#[test]
fn no_step_ever_takes_what_is_not_unused_and_the_strongest_plan_takes_all_that_is() {
    let mut seen = Seen::default();
    for seed in seeds() {
        check(&Demo::new(options(seed)), true, &mut seen);
    }
    assert!(seen.plans > 100 && seen.moves > 5 && seen.unions > 0 && seen.in_place > 0 && seen.sets > 0, "{seen:?}");
    assert!(seen.not_actions > 0, "{seen:?}");
}

#[test]
fn damaged_sources_only_make_recommendations_smaller() {
    for (nth, source) in [FileKind::LastAccessed, FileKind::CloudTrail, FileKind::AccountDetails].into_iter().enumerate() {
        for damage in [Damage::LeaveOut, Damage::Truncate, Damage::Corrupt] {
            let small = Options { roles: 24, users: 12, events: 1_500, ..options(20 + nth as u64) };
            check(&Demo::new(Options { damage: vec![(source, damage)], ..small }), false, &mut Seen::default());
        }
    }
}

#[test]
fn what_the_first_half_would_have_cut_and_the_second_used_is_found() {
    let demo = Demo::new(Options { days: 40, tracking_period: 30, ..options(8) });
    let analysis = demo.analysis();
    let halves = Halves::of(analysis.ledger.coverage()).unwrap();
    let mut collector = Collector::new(&analysis.mapper);
    let mut log = RequestLog::new(&analysis.mapper, Scope::All, halves.rest);
    let mut used_later: BTreeSet<String> = BTreeSet::new();
    demo.read(&mut |event| {
        log.record(event);
        if event.time < halves.learning.end {
            collector.record(event);
        } else {
            used_later.insert(event.name.clone().into_owned());
        }
    });
    halves.cover(collector.ledger(), analysis.ledger.coverage());
    let ledger = collector.finish();
    let basis = Basis { ledger: &ledger, period: halves.learning, ..Basis::of(&analysis, Choices::default()) };
    let advisor = Advisor::new(basis);
    let mut missed = Vec::new();
    for principal in analysis.access.principals() {
        if let Ok(proposal) = advisor.propose(principal).unwrap() {
            missed.extend(halves.missed(&analysis.access, &proposal, &log));
        }
    }
    assert!(!missed.is_empty());
    for miss in &missed {
        assert!(miss.seen.to >= halves.learning.end, "{miss:?}");
        let first_half = ledger.use_of(&miss.principal, &miss.action);
        assert!(first_half.last.is_none_or(|last| last < halves.learning.start), "{miss:?}");
    }
}
