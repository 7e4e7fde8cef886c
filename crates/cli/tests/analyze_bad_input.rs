//! Inputs that cannot be read end as problems with file and place; the run goes on and the rest of the result stays.

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

use std::io::Write;
use std::path::Path;

use harness::{Folder, Ran, leastwise};
use leastwise_demo::Options;
use serde_json::Value;

/// A small organization below the folder, without logs of its own.
fn organization(folder: &Folder) -> String {
    let options = Options { roles: 20, users: 8, events: 0, days: 13, tracking_period: 10, accounts: 1, ..Options::default() };
    let root = harness::organization(folder, &options);
    std::fs::remove_dir_all(Path::new(&root).join("cloudtrail")).unwrap();
    root
}

fn analyse(root: &str, more: &[&str]) -> Ran {
    let arguments = [&["analyze", root, "--as-of", "2026-11-01", "--tracking-period", "10", "--format", "json"], more].concat();
    leastwise(&arguments, "")
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.status, 1, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// Adds a file and expects a problem that names it, with the findings as they were.
fn only_a_problem(name: &str, bytes: &[u8], more: &[&str], expected: &[&str]) {
    let folder = Folder::new();
    let root = organization(&folder);
    let before = json(&analyse(&root, more));
    assert_eq!(before["problems"], serde_json::json!([]));
    let path = Path::new(&root).join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let after = json(&analyse(&root, more));
    assert_eq!(after["findings"], before["findings"], "{name}");
    let problems = after["problems"].to_string();
    assert!(problems.contains(name.rsplit('/').next().unwrap()), "{problems}");
    expected.iter().for_each(|part| assert!(problems.contains(part), "`{part}` is missing in {problems}"));
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

const RECORD: &str = r#"{"eventTime":"2026-10-30T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeRegions","awsRegion":"us-east-1","eventID":"1","recipientAccountId":"999999999999","userIdentity":{"type":"AWSService","invokedBy":"x"}}"#;

#[test]
fn a_truncated_log_is_a_problem() {
    let packed = gz(format!("{{\"Records\":[{}]}}", vec![RECORD; 200].join(",")).as_bytes());
    only_a_problem("cloudtrail/cut.json.gz", &packed[..packed.len() / 2], &[], &["cannot be read further"]);
}

#[test]
fn a_log_that_unpacks_to_more_than_the_limit_is_a_problem() {
    let mut bomb = format!("{{\"Records\":[{RECORD},").into_bytes();
    bomb.resize(30_000_000, b' ');
    only_a_problem(
        "cloudtrail/bomb.json.gz",
        &gz(&bomb),
        &["--max-unpacked", "1000000"],
        &["more than 1000000 bytes, the limit"],
    );
}

#[test]
fn a_log_that_is_not_utf8_is_a_problem_with_its_record() {
    let log = [format!("{{\"Records\":[{RECORD},{{\"eventName\":\"").as_bytes(), b"\xff\xfe\"}]}"].concat();
    only_a_problem("cloudtrail/bytes.json", &log, &[], &["record 2", "UTF-8"]);
}

#[test]
fn a_record_of_100_megabytes_is_a_problem_with_its_record() {
    let mut log = format!("{{\"Records\":[{RECORD},{{\"x\":\"").into_bytes();
    log.resize(100 << 20, b'a');
    log.extend(b"\"}]}");
    only_a_problem("cloudtrail/long.json", &log, &[], &["record 2"]);
}

#[test]
fn a_credential_report_without_its_columns_is_a_problem() {
    let csv = "user,arn,user_creation_time\nann,arn:aws:iam::999999999999:user/ann,2020-01-01T00:00:00+00:00\n";
    only_a_problem("credential-report/short.csv", csv.as_bytes(), &[], &["columns are missing", "line 1"]);
}

#[test]
fn half_a_report_and_half_a_key_list_are_problems() {
    only_a_problem("last-accessed/999999999999/role/x.json", b"{\"JobStatus\":\"COMPLETED\",\"Servi", &[], &["line 1"]);
    only_a_problem("access-keys/999999999999.json", b"{\"AccessKeyMetadata\":[{\"UserName\":", &[], &["breaks off"]);
}

#[test]
fn half_a_page_of_account_details_is_a_problem_and_takes_no_finding_from_others() {
    only_a_problem(
        "account/999999999999.json",
        b"{\"UserDetailList\":[],\"RoleDetailList\":[{\"Path\":",
        &[],
        &["line 1, column", "breaks off"],
    );
}

#[test]
fn without_account_details_there_is_nothing_to_analyse() {
    let folder = Folder::new();
    let ran = leastwise(&["analyze", &folder.path("")], "");
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("no account authorization details") && ran.err.contains("help: "), "{}", ran.err);
    assert_eq!(leastwise(&["analyze", "no-such-folder"], "").status, 2);
    assert_eq!(leastwise(&["analyze", &folder.path(""), "--as-of", "tomorrow"], "").status, 2);
    assert_eq!(leastwise(&["analyze", &folder.path(""), "--exclude-account", "12"], "").status, 2);
}

#[test]
fn every_format_is_written_and_a_folder_is_written_as_a_whole_or_not_at_all() {
    let folder = Folder::new();
    let root = organization(&folder);
    let out = folder.path("out");
    let period = ["--as-of", "2026-11-01", "--tracking-period", "10"];
    let ran = leastwise(&[&["analyze", &root, "--out", &out], &period[..]].concat(), "");
    assert_eq!(ran.status, 1, "{}", ran.err);
    let text = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    let findings: Value = serde_json::from_str(&text("findings.json")).unwrap();
    let count = findings["findings"].as_array().unwrap().len();
    assert_eq!(text("findings.ndjson").lines().count(), count);
    let sarif: Value = serde_json::from_str(&text("findings.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), count);
    assert!(text("findings.md").starts_with("# Unused access"));
    let page = text("findings.html");
    assert_eq!(page.matches("<details id=").count(), count);
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    let again = leastwise(&[&["analyze", &root, "--out", &out], &period[..]].concat(), "");
    assert_eq!(again.status, 2);
    assert_eq!(folder.names(), ["org", "out"]);
}

#[test]
fn exclusions_leave_accounts_and_tags_alone() {
    let folder = Folder::new();
    let root = organization(&folder);
    let all = json(&analyse(&root, &[]));
    let account = all["findings"][0]["resourceOwnerAccount"].as_str().unwrap();
    let none = analyse(&root, &["--exclude-account", account]);
    assert_eq!(none.status, 0);
    let none: Value = serde_json::from_str(&none.out).unwrap();
    assert_eq!(none["findings"], serde_json::json!([]));
}

#[test]
fn bytes_that_are_no_text_are_problems_in_every_kind_of_export() {
    let details = b"{\"UserDetailList\":[],\"RoleDetailList\":[{\"RoleName\":\"\xff\xfe\"}]}";
    only_a_problem("account/999999999999.json", details, &[], &["UTF-8"]);
    let report = b"{\"JobStatus\":\"COMPLETED\",\"ServicesLastAccessed\":[{\"ServiceNamespace\":\"\xff\"}]}";
    only_a_problem("last-accessed/999999999999/role/bytes.json", report, &[], &["invalid unicode", "column 71"]);
    only_a_problem("credential-report/bytes.csv", b"user,arn,user_creation_time\nann,\xff\xfe,\n", &[], &["UTF-8"]);
    only_a_problem("access-keys/999999999999.json", b"{\"AccessKeyMetadata\":[{\"UserName\":\"\xff\"}]}", &[], &["UTF-8"]);
}

#[test]
fn a_broken_service_reference_takes_no_service_away() {
    let folder = Folder::new();
    let root = organization(&folder);
    let reference = Path::new(&root).join("service-reference");
    let broken = std::fs::read_dir(&reference).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.ends_with("s3.json"));
    std::fs::write(broken.unwrap(), "{\"Name\":\"s3\",\"Actions\":[").unwrap();
    let result = json(&analyse(&root, &[]));
    assert!(result["problems"].to_string().contains("s3.json"), "{}", result["problems"]);
    assert_ne!(result["catalog"]["source"], "service-reference");
    // What everybody is granted still has its S3 actions, so that nothing of S3 goes unless a source says so.
    let period = ["--as-of", "2026-11-01", "--tracking-period", "10"];
    let all = leastwise(&[&["recommend", "--all", "--from", &root, "--format", "json"], &period[..]].concat(), "");
    let mut mentioned = false;
    for line in all.out.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let unused = answer["unused"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for step in
            answer["alternatives"].as_array().unwrap().iter().flat_map(|plan| plan["recommendedSteps"].as_array()).flatten()
        {
            for removed in step["removed"].as_array().unwrap() {
                assert!(unused.contains(&removed["action"]), "{removed} is not among what is unused");
                mentioned |= text(&removed["action"]).starts_with("s3:");
            }
        }
        mentioned |= answer["kept"].to_string().contains("s3:");
    }
    assert!(mentioned);
}

#[test]
fn a_name_with_a_line_end_makes_no_line_of_its_own() {
    let folder = Folder::new();
    let user = r#"{"UserDetailList":[{"Path":"/","UserName":"u","UserId":"AIDAEXAMPLE000000001","Arn":"arn:aws:iam::111122223333:user/u\nFAKE: PASS","CreateDate":"2025-01-01T00:00:00Z"}],"GroupDetailList":[],"RoleDetailList":[],"Policies":[],"IsTruncated":false}"#;
    folder.file("account.json", user);
    let ran = leastwise(&["analyze", &folder.path(""), "--as-of", "2026-11-01"], "");
    assert!(ran.out.contains(r"user/u\nFAKE: PASS"), "{}", ran.out);
    assert!(!ran.out.lines().chain(ran.err.lines()).any(|line| line.starts_with("FAKE")), "{}{}", ran.out, ran.err);
}
