//! The findings of `leastwise analyze` against made-up organizations whose truth is known.
//!
//! Six small seeds in ordinary runs; `LEASTWISE_SEEDS=40` runs more of each.

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
use std::path::Path;

use harness::{Folder, leastwise, organization};
use leastwise_demo::{Damage, FileKind, Options};
use serde_json::Value;

fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("LEASTWISE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6)
}

fn small(seed: u64) -> Options {
    Options { seed, accounts: 2, roles: 40, users: 16, events: 1500, days: 8, tracking_period: 5, ..Options::default() }
}

/// Writes the organization, analyses it, and gives the findings and the truth.
fn analysed(options: &Options) -> (Value, Value) {
    let folder = Folder::new();
    let root = organization(&folder, options);
    let ran = leastwise(
        &["analyze", &root, "--as-of", "2026-11-01", "--tracking-period", "5", "--tolerance", "0", "--format", "json"],
        "",
    );
    if ran.status == 2 {
        assert!(options.damage.contains(&(FileKind::AccountDetails, Damage::LeaveOut)), "{}", ran.err);
    } else {
        assert!(ran.status <= 1, "{}", ran.err);
    }
    let found = if ran.status == 2 {
        serde_json::json!({"findings": [], "problems": [{}]})
    } else {
        serde_json::from_str(&ran.out).unwrap()
    };
    let truth = serde_json::from_slice(&std::fs::read(Path::new(&root).join("truth.json")).unwrap()).unwrap();
    (found, truth)
}

/// Kind, resource, and what tells several of one kind apart.
type Name = (String, String, String);

struct Expected {
    exact: bool,
    unused: BTreeSet<String>,
    /// Services of which everything is unused.
    whole: BTreeSet<String>,
}

fn expected(truth: &Value) -> BTreeMap<Name, Expected> {
    let mut all = BTreeMap::new();
    for finding in truth["findings"].as_array().unwrap() {
        let mut expected = Expected { exact: finding["exact"] == true, unused: BTreeSet::new(), whole: BTreeSet::new() };
        for service in finding["unused"].as_array().into_iter().flatten() {
            let prefix = service["service"].as_str().unwrap();
            for action in service["actions"].as_array().unwrap() {
                expected.unused.insert(format!("{prefix}:{}", action.as_str().unwrap()));
            }
            if service["all"] == true {
                expected.whole.insert(prefix.to_owned());
            }
        }
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        all.insert((text("findingType"), text("resource"), finding["slot"].to_string()), expected);
    }
    all
}

/// Actions of a principal by what the truth says of them.
fn granted(truth: &Value, arn: &str, states: &[&str]) -> BTreeSet<String> {
    let principals = truth["principals"].as_array().unwrap();
    let principal = principals.iter().find(|p| p["arn"] == arn).unwrap();
    let mut names = BTreeSet::new();
    for service in principal["services"].as_array().unwrap() {
        for action in states.iter().flat_map(|state| service[state].as_array().unwrap()) {
            let name = action.as_str().or(action["action"].as_str()).unwrap();
            names.insert(format!("{}:{name}", service["service"].as_str().unwrap()));
        }
    }
    names
}

/// Compares and says how many actions were found unused. Without `exact` fewer may be.
fn compare(found: &Value, truth: &Value, options: &Options) -> usize {
    let expected = expected(truth);
    let mut seen = BTreeSet::new();
    let mut removed = 0;
    for finding in found["findings"].as_array().unwrap() {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        let name = (text("findingType"), text("resource"), finding["details"]["slot"].to_string());
        // Without the service reference the catalogue has more actions than the truth speaks of.
        let reference = options.damage.iter().any(|(kind, _)| *kind == FileKind::ServiceReference);
        let nothing = Expected { exact: false, unused: BTreeSet::new(), whole: BTreeSet::new() };
        let known = expected.get(&name).or((reference && name.0 == "UnusedPermission").then_some(&nothing));
        let known = known.unwrap_or_else(|| panic!("{options:?}: {finding} is not true"));
        seen.insert(name.clone());
        assert!(!finding["evidence"]["sources"].as_array().unwrap().is_empty());
        if name.0 != "UnusedPermission" {
            continue;
        }
        let own = granted(truth, &name.1, &["unused", "used", "unobservable", "unknown"]);
        let mut unused = BTreeSet::new();
        for service in finding["details"].as_array().unwrap() {
            let prefix = service["serviceNamespace"].as_str().unwrap();
            match service["actions"].as_array() {
                Some(actions) => {
                    unused.extend(actions.iter().map(|action| format!("{prefix}:{}", action["action"].as_str().unwrap())));
                }
                None => {
                    let of_truth = !reference || own.iter().any(|action| action.starts_with(&format!("{prefix}:")));
                    assert!(
                        !of_truth || known.whole.contains(prefix),
                        "{options:?}: {prefix} of {} is not unused as a whole",
                        name.1
                    );
                    unused.extend(own.iter().filter(|action| action.starts_with(&format!("{prefix}:"))).cloned());
                }
            }
        }
        removed += unused.len();
        let false_unused: Vec<_> = unused.difference(&known.unused).filter(|name| !reference || own.contains(*name)).collect();
        assert!(false_unused.is_empty(), "{options:?}: {} needs {false_unused:?}", name.1);
        if known.exact {
            let missed: Vec<_> = known.unused.difference(&unused).collect();
            assert!(missed.is_empty(), "{options:?}: {} does not need {missed:?}", name.1);
        }
    }
    for (name, expected) in &expected {
        assert!(!expected.exact || seen.contains(name), "{options:?}: {name:?} was not found");
    }
    removed
}

#[test]
fn what_is_found_is_the_truth() {
    for seed in seeds() {
        let all = [
            small(seed),
            Options { data_events: true, ..small(seed) },
            Options { unmapped_events: true, ..small(seed) },
            Options { gap_hours: 3, ..small(seed) },
            Options { days: 5, ..small(seed) },
        ];
        for options in all {
            let (found, truth) = analysed(&options);
            assert!(compare(&found, &truth, &options) > 0);
            assert_eq!(found["problems"], serde_json::json!([]), "{options:?}");
        }
    }
}

#[test]
fn a_source_that_is_missing_or_damaged_only_takes_findings_away() {
    for seed in seeds() {
        for kind in FileKind::ALL {
            for damage in [Damage::LeaveOut, Damage::Truncate, Damage::Corrupt] {
                let options = Options { damage: vec![(kind, damage)], ..small(seed) };
                let (found, truth) = analysed(&options);
                compare(&found, &truth, &options);
                if damage != Damage::LeaveOut {
                    assert_ne!(found["problems"], serde_json::json!([]), "{options:?}");
                }
            }
        }
    }
}
