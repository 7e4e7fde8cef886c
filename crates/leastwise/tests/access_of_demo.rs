//! The access model against made-up organizations, whose generator knows by its own means what is granted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::access_keys::AccessKeyList;
use leastwise::access::credential_report::{CredentialReport, LastUse};
use leastwise::access::{AccessModel, Accounts, AccountsReader, ActionSet, Problem, Unread};
use leastwise_demo::{Damage, FileKind, Options, generate};
use leastwise_policy::Catalogue;
use leastwise_policy::catalogue::import::{ImportHints, SourceFile, import};
use serde_json::Value;

type Files = BTreeMap<String, Vec<u8>>;

fn files(options: &Options) -> Files {
    let mut files = Files::new();
    generate(options, &mut |name, bytes| {
        files.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    })
    .unwrap();
    files
}

fn options(seed: u64) -> Options {
    Options { seed, roles: 150, users: 40, accounts: 4, events: 0, days: 12, tracking_period: 10, ..Options::default() }
}

fn catalogue(files: &Files) -> Catalogue {
    let texts: Vec<(&str, &str)> =
        below(files, "service-reference/").map(|(name, bytes)| (name, std::str::from_utf8(bytes).unwrap())).collect();
    let sources: Vec<SourceFile<'_>> = texts.iter().map(|(path, text)| SourceFile { path, text }).collect();
    import(&sources, &ImportHints { date: Some("2026-11-01"), version: Some("demo"), ..ImportHints::default() })
        .unwrap()
        .catalogue
}

fn below<'f>(files: &'f Files, folder: &'f str) -> impl Iterator<Item = (&'f str, &'f [u8])> {
    files.iter().filter(move |(name, _)| name.starts_with(folder)).map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
}

fn read(files: &Files) -> (Accounts, Vec<Problem>) {
    let mut reader = AccountsReader::new();
    for (name, bytes) in below(files, "account/") {
        reader.read(name, bytes);
    }
    reader.finish()
}

/// By ARN and by state, what the truth says, as full names.
fn truth(files: &Files) -> BTreeMap<String, [BTreeSet<String>; 3]> {
    let truth: Value = serde_json::from_slice(&files["truth.json"]).unwrap();
    let mut all = BTreeMap::new();
    for principal in truth["principals"].as_array().unwrap() {
        let mut sets: [BTreeSet<String>; 3] = Default::default();
        for service in principal["services"].as_array().unwrap() {
            let prefix = service["service"].as_str().unwrap();
            let states = [("used", 0), ("unused", 0), ("unobservable", 0), ("unknown", 0), ("blocked", 1), ("denied", 2)];
            for (state, set) in states {
                for action in service[state].as_array().unwrap() {
                    let name = action.as_str().or(action["action"].as_str()).unwrap();
                    sets[set].insert(format!("{prefix}:{name}"));
                }
            }
        }
        all.insert(principal["arn"].as_str().unwrap().to_owned(), sets);
    }
    all
}

fn names(model: &AccessModel<'_>, set: &ActionSet) -> BTreeSet<String> {
    set.iter().map(|id| model.actions().name(id)).map(|(service, name)| format!("{service}:{name}")).collect()
}

#[test]
fn every_principal_is_granted_what_the_generator_granted_it() {
    for seed in 0..12 {
        let files = files(&options(seed));
        let catalogue = catalogue(&files);
        let (accounts, problems) = read(&files);
        assert_eq!(problems, [], "seed {seed}");
        let model = AccessModel::new(accounts, &catalogue);
        let truth = truth(&files);
        assert_eq!(truth.len(), model.principals().len());
        for principal in model.principals() {
            let granted = model.granted(principal);
            let own = [&granted.effective, &granted.blocked_by_boundary, &granted.denied].map(|set| names(&model, set));
            assert_eq!(own, truth[principal.arn.as_str()], "seed {seed}, {}", principal.arn);
            for action in granted.effective.iter() {
                assert!(granted.granting(action).next().is_some());
            }
            assert_eq!(principal.unread, []);
        }
        assert!(model.policies().iter().all(|policy| model.attachments(&policy.arn).complete));
        assert!(model.permission_sets().any(|(_, roles)| roles.len() > 1));
    }
}

#[test]
fn damage_is_reported_and_whoever_is_readable_still_has_the_true_grants() {
    for seed in 0..12 {
        for damage in [Damage::Truncate, Damage::Corrupt] {
            let files = files(&Options { damage: vec![(FileKind::AccountDetails, damage)], ..options(seed) });
            let catalogue = catalogue(&files);
            let (accounts, problems) = read(&files);
            assert!(!problems.is_empty(), "seed {seed}");
            let model = AccessModel::new(accounts, &catalogue);
            let truth = truth(&files);
            for principal in model.principals().iter().filter(|p| p.unread.is_empty()) {
                if let Some(known) = truth.get(principal.arn.as_str()) {
                    assert_eq!(names(&model, &model.granted(principal).effective), known[0], "seed {seed}, {}", principal.arn);
                }
            }
            let told = model.accounts().iter().any(|account| !account.complete)
                || model.principals().iter().any(|p| p.unread.iter().any(|unread| !matches!(unread, Unread::TwoRecords)));
            assert!(told, "seed {seed}");
        }
    }
}

#[test]
fn every_key_finds_its_slot_and_its_last_use_is_the_generators() {
    let files = files(&options(3));
    let mut keys = 0;
    for (name, bytes) in below(&files, "credential-report/") {
        let (mut report, problems) = CredentialReport::read(name, bytes);
        assert_eq!(problems, []);
        let list = name.replace("credential-report", "access-keys").replace(".csv", ".json");
        let (list, problems) = AccessKeyList::read(&list, &files[&list]);
        assert_eq!((problems, list.join(&mut report)), (vec![], 0));
        let named = report.rows.iter().flat_map(|row| &row.keys).filter(|key| key.id.is_some()).count();
        assert_eq!(named, list.keys.len());
        assert!(report.rows.iter().flat_map(|row| &row.keys).all(|key| key.last_used != LastUse::Unknown));
        keys += named;
    }
    assert!(keys > 20);
}
