//! What `leastwise analyze` says of evidence that is not there: in every format, and never "0 unused" where nothing could be judged.

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

use std::path::Path;

use harness::{Folder, Ran, has_schema, leastwise, organization, small};
use leastwise_demo::{Damage, FileKind, Options};
use serde_json::{Value, json};

/// One old role with a tag, of which the details have no date.
fn details(folder: &Folder) -> String {
    let role = json!({
        "Path": "/", "RoleName": "old", "RoleId": "AROAEXAMPLE0OLD", "Arn": "arn:aws:iam::111122223333:role/old",
        "CreateDate": "2021-01-01T00:00:00+00:00", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "InstanceProfileList": [], "AttachedManagedPolicies": [], "RoleLastUsed": {"LastUsedDate": "2025-05-05T00:00:00+00:00", "Region": "eu-west-1"},
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}}],
        "Tags": [{"Key": "Team", "Value": "platform"}],
    });
    let page =
        json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "IsTruncated": false, "RoleDetailList": [role]});
    std::fs::create_dir_all(folder.path("in/account")).unwrap();
    folder.file("in/account/111122223333.json", page.to_string());
    folder.path("in")
}

fn analyzed(arguments: &[&str]) -> Ran {
    let ran = leastwise(&[&["analyze"], arguments].concat(), "");
    assert!(ran.status <= 1, "{}", ran.err);
    ran
}

fn parsed(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn an_input_that_shows_nothing_says_so_in_every_format() {
    let folder = Folder::new();
    let root = details(&folder);
    for format in ["table", "markdown", "html"] {
        let ran = analyzed(&[&root, "--format", format]);
        assert!(ran.out.contains("nothing could be judged"), "{format}: {}", ran.out);
        assert!(!ran.out.contains("0 unused") && !ran.out.contains("0 are unused"), "{format}: {}", ran.out);
    }
    let json = parsed(&analyzed(&[&root, "--format", "json"]));
    has_schema("findings", &json);
    assert_eq!(json["coverage"]["nothingJudged"], true);
    let role = &json["coverage"]["findingTypes"][0]["heldBack"][0];
    assert_eq!((&role["reason"], &role["count"]), (&json!("detailsMayBeOld"), &json!(1)));
    assert!(role["command"].as_str().unwrap().contains("get-account-authorization-details"));
    let sarif = parsed(&analyzed(&[&root, "--format", "sarif"]));
    let notes = sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(notes.iter().any(|note| note["descriptor"]["id"] == "nothingJudged"), "{notes:?}");
    let lines = analyzed(&[&root, "--format", "ndjson"]);
    assert!(lines.out.is_empty() && lines.err.contains("nothing could be judged"), "{}", lines.err);
    // With a day it can be judged, and is.
    let dated = parsed(&analyzed(&[&root, "--as-of", "2026-11-01", "--format", "json"]));
    assert_eq!((&dated["coverage"]["nothingJudged"], dated["findings"].as_array().unwrap().len()), (&json!(false), 1));
}

#[test]
fn exclusions_that_match_nothing_are_named_in_every_format() {
    let folder = Folder::new();
    let root = details(&folder);
    let wrong = [root.as_str(), "--as-of", "2026-11-01", "--exclude-tag", "team=platform", "--exclude-account", "999999999999"];
    for format in ["table", "markdown", "html", "json", "sarif", "ndjson"] {
        let ran = analyzed(&[&wrong[..], &["--format", format]].concat());
        let said = ran.out + &ran.err;
        assert!(said.contains("--exclude-tag team=platform") && said.contains("Team=platform"), "{format}: {said}");
        assert!(said.contains("--exclude-account 999999999999"), "{format}: {said}");
    }
    let right = [root.as_str(), "--as-of", "2026-11-01", "--exclude-tag", "Team=platform", "--format", "table"];
    assert!(!analyzed(&right).out.contains("matches nothing"));
}

#[test]
fn what_is_held_back_is_counted_and_the_last_lines_say_what_settles_it() {
    let folder = Folder::new();
    let root = organization(&folder, &small(3));
    for gone in ["trails", "last-accessed", "credential-report", "access-keys", "service-reference"] {
        std::fs::remove_dir_all(Path::new(&root).join(gone)).unwrap();
    }
    let arguments = [root.as_str(), "--as-of", "2026-11-01", "--tracking-period", "5"];
    let table = analyzed(&arguments).out;
    let last: Vec<&str> = table.lines().rev().take(2).collect();
    assert!(last[0].contains("aws cloudtrail get-event-selectors --trail-name"), "{table}");
    assert!(last[1].contains("aws cloudtrail describe-trails"), "{table}");
    assert!(table.contains("unused access keys not judged"), "{table}");
    let json = parsed(&analyzed(&[&arguments[..], &["--format", "json"]].concat()));
    has_schema("findings", &json);
    let types = json["coverage"]["findingTypes"].as_array().unwrap();
    let reasons = |at: usize| {
        types[at]["heldBack"].as_array().unwrap().iter().map(|held| held["reason"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(reasons(1), ["noCredentialReport"]);
    assert_eq!(reasons(3)[0], "trailIncomplete");
}

#[test]
fn logs_alone_are_refused_with_the_commands_whose_answers_they_lack() {
    let folder = Folder::new();
    let root = organization(&folder, &Options { damage: vec![(FileKind::AccountDetails, Damage::LeaveOut)], ..small(4) });
    let ran = leastwise(&["analyze", &root], "");
    assert_eq!(ran.status, 2);
    let last: Vec<&str> = ran.err.trim_end().lines().rev().take(2).collect();
    assert!(last[1].contains("get-account-authorization-details") && last[0].contains("describe-trails"), "{}", ran.err);
    let empty = folder.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let ran = leastwise(&["analyze", &empty], "");
    assert!(ran.status == 2 && ran.err.contains("nothing can be judged"), "{}", ran.err);
}

#[test]
fn problems_name_files_from_the_given_folder_on() {
    let folder = Folder::new();
    let root = organization(&folder, &Options { damage: vec![(FileKind::CloudTrail, Damage::Corrupt)], ..small(5) });
    let json = parsed(&analyzed(&[&root, "--as-of", "2026-11-01", "--tracking-period", "5", "--format", "json"]));
    let problems = json["problems"].as_array().unwrap();
    assert!(!problems.is_empty());
    assert!(problems.iter().all(|problem| problem["file"].as_str().unwrap().starts_with("cloudtrail/")), "{problems:?}");
    assert!(!json["coverage"].to_string().contains(&root));
}

#[test]
fn explain_answers_for_roles_keys_and_passwords() {
    let folder = Folder::new();
    let root = organization(&folder, &small(6));
    let period = ["--from", root.as_str(), "--as-of", "2026-11-01", "--tracking-period", "5", "--format", "json"];
    let found = parsed(&analyzed(&[&root, "--as-of", "2026-11-01", "--tracking-period", "5", "--format", "json"]));
    let explained = |what: &[&str]| {
        let ran = leastwise(&[&["explain"], what, &period[..]].concat(), "");
        assert_eq!(ran.status, 0, "{}", ran.err);
        let answer = parsed(&ran);
        has_schema("explain-identity", &answer);
        answer
    };
    let mut kinds = 0;
    for kind in ["UnusedIAMRole", "UnusedIAMUserAccessKey", "UnusedIAMUserPassword"] {
        let Some(finding) = found["findings"].as_array().unwrap().iter().find(|finding| finding["findingType"] == kind) else {
            continue;
        };
        let arn = finding["resource"].as_str().unwrap();
        let slot = finding["details"]["slot"].to_string();
        let what = match kind {
            "UnusedIAMRole" => vec![arn],
            "UnusedIAMUserAccessKey" => vec![arn, slot.as_str()],
            _ => vec![arn, "password"],
        };
        assert_eq!(explained(&what)["items"][0]["state"], "unused", "{what:?}");
        kinds += 1;
        if let Some(id) = finding["details"]["accessKeyId"].as_str() {
            assert_eq!(explained(&[id])["items"], explained(&what)["items"]);
            assert_eq!(explained(&[arn])["items"].as_array().unwrap().len(), 3);
        }
    }
    assert_eq!(kinds, 3);
}
