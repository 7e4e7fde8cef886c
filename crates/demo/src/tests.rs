//! What the generator promises: valid files, equal bytes for equal seeds, and a truth that its own files bear out.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::*;

fn small(seed: u64) -> Options {
    Options { seed, accounts: 2, roles: 30, users: 8, events: 2000, days: 12, tracking_period: 10, ..Options::default() }
}

fn files(options: &Options) -> (BTreeMap<String, Vec<u8>>, Summary) {
    let mut files = BTreeMap::new();
    let summary = generate(options, &mut |name, bytes| {
        assert!(files.insert(name.to_owned(), bytes.to_vec()).is_none(), "{name} twice");
        Ok(())
    });
    (files, summary.unwrap())
}

fn records(bytes: &[u8]) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(value["Records"].take()).unwrap()
}

fn truth(files: &BTreeMap<String, Vec<u8>>) -> Value {
    serde_json::from_slice(&files["truth.json"]).unwrap()
}

#[test]
fn equal_options_give_equal_bytes_and_another_seed_others() {
    let (one, _) = files(&small(3));
    assert!(one == files(&small(3)).0);
    assert!(one["truth.json"] != files(&small(4)).0["truth.json"]);
}

#[test]
fn every_file_is_valid_and_counted() {
    let (files, summary) = files(&Options { unmapped_events: true, data_events: true, ..small(5) });
    let mut events = 0;
    for (name, bytes) in &files {
        if name.ends_with(".gz") {
            events += records(bytes).len();
        } else if name.ends_with(".json") && !name.starts_with("access-keys/") {
            let _: Value = serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
    assert_eq!((files.len(), events), (summary.files, summary.events));
    // 2 accounts, every hour of 12 days and the 5 until the collection.
    assert_eq!(files.keys().filter(|name| name.ends_with(".gz")).count(), 2 * (12 * 24 + 5));
    assert!(events > 2000);
}

#[test]
fn the_truth_has_every_state_and_every_kind_of_finding() {
    let options = Options { roles: 200, users: 60, unmapped_events: true, gap_hours: 2, ..small(7) };
    let truth = truth(&files(&options).0);
    for state in ["used", "unused", "unobservable", "unknown", "blocked", "denied"] {
        let mut services = truth["principals"].as_array().unwrap().iter().flat_map(|p| p["services"].as_array().unwrap());
        assert!(services.any(|s| !s[state].as_array().unwrap().is_empty()), "{state}");
    }
    for kind in ["UnusedIAMRole", "UnusedIAMUserAccessKey", "UnusedIAMUserPassword", "UnusedPermission"] {
        assert!(truth["findings"].as_array().unwrap().iter().any(|f| f["findingType"] == kind), "{kind}");
    }
}

#[test]
fn what_the_truth_calls_unused_is_in_no_record_of_the_period() {
    let options = Options { data_events: true, ..small(11) };
    let (files, _) = files(&options);
    let truth = truth(&files);
    let reference =
        |service: &str| -> Value { serde_json::from_slice(&files[&format!("service-reference/{service}.json")]).unwrap() };
    let start = truth["periodStart"].as_str().unwrap();
    // By principal: the operations that the logs show as let in.
    let mut called: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (_, bytes) in files.iter().filter(|(name, _)| name.ends_with(".gz")) {
        for record in records(bytes) {
            let identity = &record["userIdentity"];
            let arn = identity["sessionContext"]["sessionIssuer"]["arn"].as_str().or(identity["arn"].as_str());
            if let Some(arn) = arn.filter(|_| record.get("errorCode").is_none() && record["eventTime"].as_str().unwrap() >= start)
            {
                let source = record["eventSource"].as_str().unwrap().trim_end_matches(".amazonaws.com").to_owned();
                called.entry(arn.to_owned()).or_default().push((source, record["eventName"].as_str().unwrap().to_owned()));
            }
        }
    }
    let mut checked = 0;
    for principal in truth["principals"].as_array().unwrap() {
        let own = called.get(principal["arn"].as_str().unwrap()).cloned().unwrap_or_default();
        for service in principal["services"].as_array().unwrap() {
            let prefix = service["service"].as_str().unwrap();
            let source = match prefix {
                "cloudwatch" => "monitoring",
                "tag" => "tagging",
                other => other,
            };
            let operations = reference(prefix);
            for action in service["unused"].as_array().unwrap() {
                for operation in operations["Operations"].as_array().unwrap() {
                    if operation["AuthorizedActions"][0]["Name"] == *action {
                        let name = operation["Name"].as_str().unwrap();
                        let seen = |(own, event): &(String, String)| {
                            own == source
                                && event.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("20"))
                        };
                        assert!(!own.iter().any(seen), "{} {action}", principal["arn"]);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn less_evidence_never_makes_more_unused() {
    let unused = |options: &Options| -> Vec<(String, String)> {
        let mut all = Vec::new();
        for principal in truth(&files(options).0)["principals"].as_array().unwrap() {
            for service in principal["services"].as_array().unwrap() {
                for action in service["unused"].as_array().unwrap() {
                    all.push((principal["arn"].to_string(), format!("{}:{action}", service["service"])));
                }
            }
        }
        all
    };
    let whole = unused(&small(13));
    assert!(!whole.is_empty());
    for source in [FileKind::LastAccessed, FileKind::CloudTrail] {
        for damage in [Damage::LeaveOut, Damage::Truncate, Damage::Corrupt] {
            let less = unused(&Options { damage: vec![(source, damage)], ..small(13) });
            assert!(less.len() < whole.len(), "{source:?} {damage:?}");
            assert!(less.iter().all(|one| whole.contains(one)), "{source:?} {damage:?}");
        }
    }
    let gap = unused(&Options { gap_hours: 1, ..small(13) });
    assert!(gap.len() < whole.len());
}

#[test]
fn damage_is_done_to_the_named_files_only() {
    let (whole, _) = files(&small(17));
    for source in FileKind::ALL {
        for damage in [Damage::LeaveOut, Damage::Truncate, Damage::Corrupt] {
            let (less, _) = files(&Options { damage: vec![(source, damage)], ..small(17) });
            let changed: Vec<&String> =
                whole.iter().filter(|(name, bytes)| less.get(*name) != Some(bytes)).map(|(name, _)| name).collect();
            let own = |name: &str| {
                name.starts_with(source.folder())
                    || name == "truth.json"
                    || (source == FileKind::CloudTrail && name.starts_with("trails/"))
            };
            assert!(changed.iter().any(|name| name.starts_with(source.folder())), "{source:?} {damage:?}");
            assert!(changed.iter().all(|name| own(name)), "{source:?} {damage:?}: {changed:?}");
        }
    }
}

#[test]
fn a_tangled_past_is_in_the_logs_and_in_the_truth() {
    let options = Options { tangles: true, accounts: 1, roles: 300, users: 60, days: 26, tracking_period: 24, ..small(19) };
    let (files, _) = files(&options);
    let truth = truth(&files);
    let all: Vec<Value> = files.iter().filter(|(name, _)| name.ends_with(".gz")).flat_map(|(_, bytes)| records(bytes)).collect();
    let named = |name: &str| all.iter().filter(|record| record["eventName"] == name).count();
    for name in ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "SwitchRole", "ConsoleLogin"] {
        assert!(named(name) > 0, "{name}");
    }
    let former = |record: &&Value| record["userIdentity"]["userName"].as_str().is_some_and(|name| name.ends_with("-former"));
    let of_former = all.iter().find(former).unwrap();
    // Under its former name the user has the unique id that it has now.
    let id = of_former["userIdentity"]["principalId"].as_str().unwrap();
    let details: String =
        files.iter().filter(|(name, _)| name.starts_with("account/")).map(|(_, text)| String::from_utf8_lossy(text)).collect();
    assert!(details.contains(&format!("\"UserId\": \"{id}\"")) && !details.contains("-former"));
    // A role made anew has another id than the records of the one before it.
    let unknown = |record: &&Value| {
        let issuer = &record["userIdentity"]["sessionContext"]["sessionIssuer"];
        issuer["principalId"].as_str().is_some_and(|id| !details.contains(id))
            && details.contains(issuer["arn"].as_str().unwrap())
    };
    assert!(all.iter().any(|record| unknown(&record)));
    let principals = truth["principals"].as_array().unwrap();
    assert!(principals.iter().filter(|principal| principal["onlyLogs"] == true).count() > 10);
}

#[test]
fn several_trails_record_data_events_since_the_middle_of_the_period_only() {
    let options = Options { data_events: true, trails: Trails::Several, regions: 2, ..small(23) };
    let (files, summary) = files(&options);
    assert!(files.keys().any(|name| name.contains("/eu-west-1/")) && files.keys().any(|name| name.contains("/us-east-1/")));
    let all: Vec<Value> = files.iter().filter(|(name, _)| name.ends_with(".gz")).flat_map(|(_, bytes)| records(bytes)).collect();
    assert_eq!(all.len(), summary.events);
    let set = all.iter().find(|record| record["eventName"] == "PutEventSelectors").unwrap()["eventTime"].as_str().unwrap();
    let mut data = all.iter().filter(|record| record["eventCategory"] == "Data").peekable();
    assert!(data.peek().is_some() && data.all(|record| record["eventTime"].as_str().unwrap()[..13] >= set[..13]));
    assert!(all.iter().any(|record| record["eventCategory"] == "Aggregated"));
    assert_eq!(files.keys().filter(|name| name.ends_with("selectors.json")).count(), 4);
}

#[test]
fn the_trail_of_an_organization_is_described_once_and_delivers_for_all_accounts() {
    let (files, _) = files(&Options { trails: Trails::Organization, ..small(29) });
    assert_eq!(files.keys().filter(|name| name.starts_with("trails/")).count(), 2);
    let logs: Vec<&String> = files.keys().filter(|name| name.ends_with(".gz")).collect();
    assert!(logs.iter().all(|name| name.starts_with("cloudtrail/AWSLogs/o-")));
    let accounts: std::collections::BTreeSet<&str> = logs.iter().map(|name| name.split('/').nth(3).unwrap()).collect();
    assert_eq!(accounts.len(), 2);
}
