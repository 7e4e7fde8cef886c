//! `leastwise ingest`, `leastwise usage` and `analyze --usage`, against a plain tally in Python and against themselves:
//! other orders, other threads, kills, a full disk.
//!
//! `LEASTWISE_SHARED_DATA` names a folder of published logs to compare as well; `LEASTWISE_SEEDS` asks for more organizations.

#![cfg(feature = "ingest")]
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

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Folder, Ran, leastwise, logs, organization, root, small, tree};
use leastwise_demo::{Damage, FileKind, Options};
use serde_json::Value;

fn ingest(arguments: &[&str], out: &str) -> Ran {
    leastwise(&[&["ingest"], arguments, &["--out", out]].concat(), "")
}

/// The rows of a folder of usage, as the tally prints them.
fn usage(out: &str) -> Vec<String> {
    let ran = leastwise(&["usage", out, "--format", "ndjson"], "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    let mut rows: Vec<String> = ran
        .out
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let columns =
                ["account", "principal", "eventSource", "eventName", "outcome", "count", "firstSeen", "lastSeen", "regions"];
            serde_json::to_string(&columns.map(|column| row[column].clone())).unwrap()
        })
        .collect();
    rows.sort();
    rows
}

fn tally(paths: &[&str]) -> Vec<String> {
    let script = root().join("crates/cli/tests/tally.py");
    let ran = Command::new("python3").arg(script).args(paths).output().expect("python3 runs the plain tally");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let compact = |line: &str| serde_json::from_str::<Value>(line).unwrap().to_string();
    let mut rows: Vec<String> = text.lines().map(compact).collect();
    rows.sort();
    rows
}

/// The tree without the names of the logs.
fn counted(folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut tree = tree(folder);
    assert!(tree.remove(Path::new("files.parquet")).is_some());
    tree
}

#[test]
fn usage_is_the_plain_tally_in_any_order_with_any_threads_and_with_doubles() {
    let folder = Folder::new();
    let options = Options { data_events: true, unmapped_events: true, ..small(1) };
    let logs_at = format!("{}/cloudtrail", organization(&folder, &options));
    let expected = tally(&[&logs_at]);
    assert!(expected.len() > 100);
    let whole = folder.path("whole");
    let ran = ingest(&[&logs_at, "--threads", "1"], &whole);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(usage(&whole), expected);
    // Backwards, in seven portions, each with some files that an earlier one had, under other names.
    let all = logs(&logs_at);
    let parts = folder.path("parts");
    for (turn, portion) in all.rchunks(all.len() / 7).enumerate() {
        let place = folder.path(&format!("portion-{turn}"));
        fs::create_dir_all(&place).unwrap();
        for (at, file) in portion.iter().chain(all.iter().skip(turn * 5).take(20)).enumerate() {
            fs::copy(file, Path::new(&place).join(format!("{:03}.json.gz", 900 - at))).unwrap();
        }
        let threads = (turn % 3 + 1).to_string();
        let ran = ingest(&[&place, "--threads", &threads, "--memory", "1MB"], &parts);
        assert!(ran.status <= 1, "{}", ran.err);
    }
    assert_eq!(usage(&parts), expected);
    let calls = |out: &str| {
        let mut tree = counted(out);
        tree.retain(|name, _| name.starts_with("calls") || name.starts_with("events"));
        tree
    };
    assert_eq!(calls(&parts), calls(&whole), "the same bytes");
    let again = ingest(&[&logs_at], &whole);
    assert!(again.out.contains(" 0 of "), "{}", again.out);
    let three = folder.path("three");
    ingest(&[&logs_at, "--threads", "3"], &three);
    assert_eq!(tree(&three), tree(&whole));
}

#[test]
fn published_logs_have_the_plain_tally() {
    let Ok(data) = std::env::var("LEASTWISE_SHARED_DATA") else {
        println!("skipped: LEASTWISE_SHARED_DATA does not name the folder of shared data");
        return;
    };
    for name in ["invictus", "stratus", "otrf"] {
        let folder = Folder::new();
        let path = format!("{data}/cloudtrail/{name}");
        let ran = ingest(&[&path], &folder.path("usage"));
        assert_eq!(ran.err, "", "{name}");
        let (found, expected) = (usage(&folder.path("usage")), tally(&[&path]));
        let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).collect();
        let more: Vec<_> = found.iter().filter(|row| !expected.contains(row)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{name}: missing {missing:#?}, too many {more:#?}");
    }
}

#[test]
fn findings_from_usage_are_the_findings_from_the_logs() {
    let seeds = std::env::var("LEASTWISE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    for seed in 0..seeds {
        for options in [
            Options { data_events: true, ..small(seed) },
            Options { unmapped_events: true, ..small(seed) },
            Options { gap_hours: 3, ..small(seed) },
            Options { damage: vec![(FileKind::CloudTrail, Damage::Truncate)], ..small(seed) },
        ] {
            let folder = Folder::new();
            let org = organization(&folder, &options);
            let logs_at = format!("{org}/cloudtrail");
            ingest(&[&logs_at], &folder.path("usage"));
            let findings = |more: &[&str]| {
                let period = ["--as-of", "2026-11-01", "--tracking-period", "5", "--tolerance", "0", "--format", "json"];
                let ran = leastwise(&[&["analyze", &org], more, &period].concat(), "");
                assert!(ran.status <= 1, "{}", ran.err);
                serde_json::from_str::<Value>(&ran.out).unwrap()
            };
            let (direct, mut recalled) = (findings(&[]), findings(&["--usage", &folder.path("usage")]));
            assert!(!direct["findings"].as_array().unwrap().is_empty());
            // The folder's own logs are left out, which is said once.
            let is_left_out = |problem: &Value| problem["message"].as_str().unwrap().starts_with("is left out, since `--usage`");
            let problems = recalled["problems"].as_array_mut().unwrap();
            assert_eq!(problems.iter().filter(|problem| is_left_out(problem)).count(), 1, "{problems:?}");
            problems.retain(|problem| !is_left_out(problem));
            assert_eq!(direct, recalled, "{options:?}");
            // Two parts of the logs are together what the whole is, each kept or read.
            let all: Vec<String> = logs(&logs_at).iter().map(|path| path.to_str().unwrap().to_owned()).collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let (first, second) = all.split_at(all.len() / 3);
            let (a, b) = (folder.path("a"), folder.path("b"));
            assert!(ingest(first, &a).status <= 1 && ingest(second, &b).status <= 1);
            let of_logs = [&["--usage", &a, "--cloudtrail"], second].concat();
            for parts in [&["--usage", &a, "--usage", &b][..], &of_logs] {
                assert_eq!(findings(parts)["findings"], direct["findings"], "{options:?}");
            }
            // What the usage does not have is not found: without it nothing is unused that only logs show.
            fs::remove_dir_all(folder.path("usage") + "/coverage").unwrap();
            let less = findings(&["--usage", &folder.path("usage")]);
            assert_ne!(less["coverage"], direct["coverage"], "a comparison that notices");
        }
    }
}

#[test]
fn twenty_kills_and_another_run_leave_the_same_bytes() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &Options { events: 20_000, ..small(5) }));
    let begun = Instant::now();
    ingest(&[&logs_at, "--memory", "1MB"], &folder.path("whole"));
    let length = begun.elapsed();
    let whole = tree(&folder.path("whole"));
    let out = folder.path("killed");
    let mut random: u64 = 88_172_645_463_325_252;
    let mut killed = 0;
    for _ in 0..20 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_micros(random % u64::try_from(length.as_micros()).unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .args(["ingest", &logs_at, "--out", &out, "--memory", "1MB"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(moment);
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // Every third time all over again, so that the first steps are met as well.
        if random.is_multiple_of(3) {
            let _ = fs::remove_dir_all(&out);
        }
    }
    assert!(killed > 5, "only {killed} runs were still going");
    assert_eq!(ingest(&[&logs_at, "--memory", "1MB"], &out).status, 0);
    assert!(tree(&out) == whole, "the same bytes");
}

#[test]
fn a_full_disk_is_named_and_the_next_run_ends_the_work() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(7)));
    let (whole, out) = (folder.path("whole"), folder.path("full"));
    ingest(&[&logs_at], &whole);
    // No file may grow over 8 blocks; the signal that this sends is ignored, and writing fails as on a full disk.
    let script = format!("ulimit -f 8; trap '' XFSZ; exec {} ingest {logs_at} --out {out}", env!("CARGO_BIN_EXE_leastwise"));
    let ran = Command::new("bash").args(["-c", &script]).output().unwrap();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{err}");
    assert!(err.contains("cannot write") && err.contains("run `leastwise ingest` again"), "{err}");
    assert_eq!(ingest(&[&logs_at], &out).status, 0);
    assert!(tree(&out) == tree(&whole), "the same bytes");
}

#[test]
fn bad_files_are_named_and_the_rest_is_counted() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(9)));
    let all = logs(&logs_at);
    let expected = tally(&[&logs_at]);
    let packed = fs::read(&all[0]).unwrap();
    fs::write(folder.path("cut.json.gz"), &packed[..packed.len() - 20]).unwrap();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&vec![b' '; 20 << 20]).unwrap();
    fs::write(folder.path("bomb.json.gz"), bomb.finish().unwrap()).unwrap();
    std::os::unix::fs::symlink(folder.path("nowhere"), folder.path("gone.json")).unwrap();
    let links = [folder.path("cut.json.gz"), folder.path("bomb.json.gz")];
    let ran = ingest(&[&logs_at, &links[0], &links[1], "--max-unpacked", "10000000"], &folder.path("usage"));
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains("cut.json.gz: cannot be read further"), "{}", ran.err);
    assert!(ran.err.contains("bomb.json.gz: cannot be read: it unpacks to more than 10000000 bytes"), "{}", ran.err);
    assert_eq!(usage(&folder.path("usage")), expected, "what the cut file has was in the whole one too");
    // A file that is mended is read again, and no longer named.
    fs::write(folder.path("cut.json.gz"), &packed).unwrap();
    let ran = ingest(&[&folder.path("cut.json.gz")], &folder.path("usage"));
    assert_eq!((ran.status, ran.out.contains("1 of 1 files")), (0, true), "{}{}", ran.out, ran.err);
    assert_eq!(leastwise(&["ingest", "nowhere", "--out", &folder.path("x")], "").status, 2);
    assert_eq!(leastwise(&["ingest", &logs_at, "--out", &logs_at], "").status, 2, "a folder of other things is left alone");
}

#[test]
fn a_log_that_vanishes_while_others_are_read_is_named_and_read_when_it_is_back() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(8)));
    let (whole, out) = (folder.path("whole"), folder.path("usage"));
    // Read first, and long enough for what follows.
    let long = Path::new(&logs_at).join("0-long.json");
    let record = |id: u32| {
        format!(
            r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"eventTime":"2026-10-29T12:00:01Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"eu-west-1","eventID":"long-{id}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
        )
    };
    fs::write(&long, format!("{{\"Records\":[{}]}}", (0..120_000).map(record).collect::<Vec<_>>().join(","))).unwrap();
    ingest(&[&logs_at], &whole);
    let all = logs(&logs_at);
    let (last, gone) = (&all[all.len() - 1], folder.path("gone"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(["ingest", &logs_at, "--out", &out, "--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once a log is open, everything was listed.
    let is_reading = |id: u32| {
        let open = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == long)
    };
    let begun = Instant::now();
    while !is_reading(child.id()) {
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60), "the log was not seen open");
    }
    fs::rename(last, &gone).unwrap();
    let ran = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{err}");
    assert!(err.contains(&format!("{}: cannot be opened: No such file", last.display())), "{err}");
    fs::rename(&gone, last).unwrap();
    let ran = ingest(&[&logs_at], &out);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(tree(&out) == tree(&whole), "the same bytes");
}

#[test]
fn what_is_older_than_asked_for_is_left_out_and_read_when_it_is_asked_for() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(11)));
    let out = folder.path("usage");
    let ran = ingest(&[&logs_at, "--since", "2026-10-29T12:00:00Z"], &out);
    assert!(ran.out.contains("files are too old"), "{}", ran.out);
    for row in usage(&out) {
        let row: Value = serde_json::from_str(&row).unwrap();
        assert!(row[6].as_str().unwrap() >= "2026-10-29T12:00:00Z", "{row}");
    }
    assert_ne!(usage(&out), tally(&[&logs_at]));
    assert_eq!(ingest(&[&logs_at], &out).status, 0);
    assert_eq!(usage(&out), tally(&[&logs_at]));
}

#[test]
fn events_without_ids_are_known_again_by_their_place_in_the_file() {
    let folder = Folder::new();
    let (log, out) = (folder.path("log.json"), folder.path("usage"));
    let record = |time: &str| {
        format!(
            r#"{{"eventTime":"{time}","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","userIdentity":{{"type":"Root","accountId":"111122223333"}},"recipientAccountId":"111122223333","awsRegion":"us-east-1"}}"#
        )
    };
    let times = ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"];
    let records = times.map(record);
    let count =
        || -> u64 { usage(&out).iter().map(|row| serde_json::from_str::<Value>(row).unwrap()[5].as_u64().unwrap()).sum() };
    // Read later without `--since`, in each of the layouts.
    for text in [format!("{{\"Records\":[{}]}}", records.join(",")), records.join("\n")] {
        fs::write(&log, &text).unwrap();
        let _ = fs::remove_dir_all(&out);
        ingest(&[&log, "--since", "2026-03-01"], &out);
        assert_eq!(count(), 2);
        ingest(&[&log], &out);
        assert_eq!(count(), 3, "{text}");
    }
    // Behind a record that was broken.
    fs::write(&log, [&["{\"eventTime\":1}".to_owned()], &records[1..]].concat().join("\n")).unwrap();
    fs::remove_dir_all(&out).unwrap();
    assert_eq!((ingest(&[&log], &out).status, count()), (1, 2));
    fs::write(&log, records.join("\n")).unwrap();
    assert_eq!((ingest(&[&log], &out).status, count()), (0, 3));
}

#[test]
fn a_rollup_beside_its_logs_is_no_log() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(10)));
    let out = format!("{logs_at}/usage");
    assert_eq!(ingest(&[&logs_at], &out).status, 0);
    let ran = ingest(&[&logs_at], &out);
    assert_eq!((ran.status, ran.err.as_str(), ran.out.contains(" 0 of ")), (0, "", true), "{}", ran.out);
}

#[test]
fn what_was_no_log_is_forgotten_when_it_is_gone_and_a_broken_delivery_is_not() {
    let folder = Folder::new();
    let logs_at = folder.path("logs");
    fs::create_dir_all(&logs_at).unwrap();
    let put = |name: &str, text: &str| fs::write(Path::new(&logs_at).join(name), text).unwrap();
    let call = r#"{"eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","eventID":"a"}"#;
    put("a.json", call);
    let manifest = |out: &str| fs::read(Path::new(out).join("files.parquet")).unwrap();
    for (name, text, forgotten) in [
        ("settings.json", "{\"foo\":1}", true),
        ("b.ndjson", &format!("{call}\n{{\"foo\":1}}"), false),
        ("111122223333_CloudTrail_eu-west-1_20260301T1205Z_x.json", "{\"foo\":1}", false),
    ] {
        let out = folder.path(&format!("usage-{name}"));
        assert_eq!(ingest(&[&logs_at], &out).status, 0);
        let clean = manifest(&out);
        put(name, text);
        assert_eq!(ingest(&[&logs_at], &out).status, 1, "{name}");
        fs::remove_file(Path::new(&logs_at).join(name)).unwrap();
        assert_eq!(ingest(&[&logs_at], &out).status, 0, "{name}");
        assert_eq!(manifest(&out) == clean, forgotten, "{name}");
    }
}

#[test]
fn a_name_that_is_no_text_and_control_characters_are_told() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let logs_at = folder.path("logs");
    fs::create_dir_all(&logs_at).unwrap();
    let call = r#"{"eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"List\u001b[31m"}"#;
    for name in [&b"\xff.json"[..], b"\xfe.json", b"a.json"] {
        fs::write(Path::new(&logs_at).join(std::ffi::OsStr::from_bytes(name)), call).unwrap();
    }
    let ran = ingest(&[&logs_at], &folder.path("usage"));
    assert_eq!(
        (ran.status, ran.err.matches(".json: is not read: its name is not UTF-8; rename it").count()),
        (1, 2),
        "{}",
        ran.err
    );
    let shown = leastwise(&["usage", &folder.path("usage")], "");
    assert!(shown.out.contains("s3 List\\u{1b}[31m ") && !shown.out.contains('\u{1b}'), "{}", shown.out);
}

#[test]
fn what_is_no_call_or_nested_too_deep_does_not_stop_the_run() {
    let folder = Folder::new();
    let logs = folder.path("logs");
    fs::create_dir_all(&logs).unwrap();
    let put = |name: &str, text: String| fs::write(Path::new(&logs).join(name), text).unwrap();
    let insight = r#"{"eventTime":"2026-03-01T12:00:00Z","eventType":"AwsCloudTrailInsight","eventCategory":"Insight","insightDetails":{"state":"Start","eventSource":"s3.amazonaws.com","eventName":"DeleteBucket"}}"#;
    put("insight.json", format!("{{\"Records\":[{insight}]}}"));
    put("result_sign.json", "{\"files\":[{\"fileName\":\"result_1.csv.gz\"}]}".to_owned());
    let called = |more: &str, id: &str| {
        format!(
            r#"{{"eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","eventID":"{id}"{more}}}"#
        )
    };
    put(
        "bus.json",
        format!(r#"{{"detail-type":"AWS API Call via CloudTrail","resources":["arn:aws:s3:::b"],"detail":{}}}"#, called("", "a")),
    );
    put("two.json", format!("{{\"Records\":[{}],\"Records\":[{}]}}", called("", "b"), called("", "c")));
    let ran = ingest(&[&logs], &folder.path("usage"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    let deep = called(&format!(r#","responseElements":{}{}"#, "[".repeat(100_000), "]".repeat(100_000)), "d");
    put("deep.ndjson", format!("{}\n{deep}\n{}\n", called("", "e"), called("", "f")));
    put("other.ndjson", called("", "g"));
    let ran = ingest(&[&logs, "--threads", "2"], &folder.path("usage"));
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains("deep.ndjson: record 2: has more than 512 lists and objects in each other"), "{}", ran.err);
    let row: Value = serde_json::from_str(&usage(&folder.path("usage"))[0]).unwrap();
    assert_eq!(row[5], 6);
}

#[test]
fn rows_come_as_a_table_and_as_csv_and_by_resource() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &Options { data_events: true, ..small(2) }));
    let out = folder.path("usage");
    ingest(&[&logs_at], &out);
    let shown = |more: &[&str]| leastwise(&[&["usage", &out], more].concat(), "").out;
    let rows: Vec<Value> = shown(&["--format", "ndjson"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let csv = shown(&["--format", "csv"]);
    assert_eq!(csv.lines().count(), rows.len() + 1);
    assert!(rows.iter().all(|row| row.get("resource").is_none()));
    assert!(rows.iter().any(|row| row["actions"] == serde_json::json!(["s3:GetObject"])));
    let of = rows.iter().find(|row| row["principalType"] == "Role").unwrap()["principal"].as_str().unwrap();
    let table = shown(&["--principal", of]);
    assert!(table.starts_with(of) && table.lines().count() > 1, "{table}");
    let by_resource: Vec<Value> =
        shown(&["--format", "ndjson", "--resources"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let objects = |row: &&Value| row["resource"].as_str().is_some_and(|arn| arn.starts_with("arn:aws:s3:::team-"));
    assert!(by_resource.len() > rows.len() && by_resource.iter().any(|row| objects(&row)));
    assert_eq!(by_resource.iter().filter(|row| row.get("resource").is_none()).count(), rows.len());
}

/// Records of every kind of identity and outcome, and with everything in odd places that JSON allows.
fn odd_records(mark: &str) -> Vec<String> {
    let identities = [
        r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/r/s","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/a/b/r"},"attributes":{"x":"}"}}}"#,
        r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com","sessionContext":{"sessionIssuer":{}}}"#,
        r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/r/s","sessionContext":null,"onBehalfOf":{"userId":"1","identityStoreArn":"arn:aws:identitystore::1:identitystore/d-1"}}"#,
        r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/p/ann","userName":"ann","accountId":"111122223333"}"#,
        r#"{"type":"IAMUser","userName":"ben","accountId":"111122223333"}"#,
        r#"{"type":"IAMUser","userName":"HIDDEN_DUE_TO_SECURITY_REASONS","accountId":"111122223333"}"#,
        r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"}"#,
        r#"{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/g","sessionContext":{"sessionIssuer":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/p/ann"}}}"#,
        r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#,
        r#"{"invokedBy":"config.amazonaws.com","accountId":"111122223333"}"#,
        r#"{"type":"AWSAccount","accountId":"444455556666","principalId":"AIDA"}"#,
        r#"{"type":"AWSAccount","accountId":"ANONYMOUS_PRINCIPAL","principalId":""}"#,
        r#"{"type":"SAMLUser","principalId":"x:ann","userName":"ann","identityProvider":"p"}"#,
        r#"{"type":"WebIdentityUser","principalId":"accounts.google.com:app:1","userName":"1"}"#,
        r#"{"type":"IdentityCenterUser","accountId":"111122223333","onBehalfOf":{"userId":"2"},"credentialId":"c"}"#,
        r#"{"type":"Unknown"}"#,
        "{}",
        "null",
    ];
    let errors = [
        "",
        r#""errorCode":"AccessDenied","errorMessage":"\"no\" {["#,
        r#""errorCode":"","#,
        r#""errorCode":"Client.DryRunOperation","#,
        r#""errorCode":null,"#,
        r#""errorCode":"VpceAccessDenied","#,
    ];
    let mut records = Vec::new();
    for (at, who) in identities.iter().enumerate() {
        let error = errors[at % errors.len()].replace(" {[", " {[\",");
        let time = format!("2026-10-{:02}T23:59:{:02}Z", 1 + at % 3, at);
        records.push(format!(
            r#"{{"eventVersion":"1.11","userIdentity":{who},"eventTime":"{time}","eventSource":"s3.amazonaws.com","eventName":"Get{at}","awsRegion":"eu-west-1",{error}"requestParameters":{{"bucketName":"b","key":"a\\\"]}}{{é\u00e9\\","x":[1.5e3,-2,true,null,[]]}},"responseElements":{{"a":"]}}\"","b":[{{}},{{"c":"\\"}}]}},"eventID":"{mark}-{at}","readOnly":true,"eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
        ));
    }
    // Names and values that are written with escapes, in another order, without an id, without an account.
    records.push(format!(r#"{{"event\u004eame":"Li\u0073tBuckets","eventID":"{mark}-e","eventSource":"s3.amazonaws.com","eventTime":"2026-10-02T01:02:03Z","userIdentity":{{"\u0074ype":"Root","accountId":"111122223333"}},"recipientAccountId":"111122223333","awsRegion":"us-east-1"}}"#));
    records.push(r#"{"eventName":"NoId","eventSource":"x.amazonaws.com","eventTime":"2026-10-02T01:02:03Z","userIdentity":{"type":"AWSService","invokedBy":"x.amazonaws.com"},"resources":null,"requestParameters":null}"#.to_owned());
    records.push(format!(r#"{{"eventName":"Listed","eventSource":"s3.amazonaws.com","eventTime":"2026-10-02T01:02:03Z","eventID":"{mark}-l","userIdentity":{{"type":"Root","accountId":"111122223333"}},"recipientAccountId":"111122223333","awsRegion":"us-east-1","resources":[{{"accountId":"1","ARN":"arn:aws:s3:::b/\u00e9\"x","type":"T"}},{{"type":"T"}},{{"ARN":null}}]}}"#));
    records
}

#[test]
fn odd_records_in_every_layout_have_the_plain_tally() {
    let folder = Folder::new();
    let logs = folder.path("logs");
    fs::create_dir_all(&logs).unwrap();
    let put = |name: &str, text: String| fs::write(Path::new(&logs).join(name), text).unwrap();
    let gz = |text: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let wrapped = |mark: &str| format!("{{\"Records\":[{}]}}", odd_records(mark).join(","));
    let pretty = |text: &str| serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap();
    put("delivered.json", wrapped("a"));
    put("mark.json", format!("\u{feff}{}", wrapped("b")));
    put("pretty.json", pretty(&wrapped("c")));
    put("list.json", format!("[{}]", odd_records("d").join(" ,\n")));
    put("lines.ndjson", odd_records("e").join("\n"));
    put("two.json", wrapped("f") + &wrapped("g"));
    let events: Vec<String> = odd_records("h")
        .iter()
        .map(|record| format!("{{\"EventId\":\"x\",\"CloudTrailEvent\":{}}}", Value::from(record.as_str())))
        .collect();
    put("lookup.json", format!("{{\"Events\":[{}],\"NextToken\":\"t\"}}", events.join(",")));
    put("more.json", format!("{{\"x\":{{\"Records\":[1]}},\"Records\":[{}],\"y\":\"z\"}}", odd_records("i").join(",")));
    fs::write(Path::new(&logs).join("one.json.gz"), gz(&wrapped("j"))).unwrap();
    fs::write(Path::new(&logs).join("members.json.gz"), [gz(&wrapped("k")), gz(&wrapped("l"))].concat()).unwrap();
    put("again.json", wrapped("a"));
    let ran = ingest(&[&logs], &folder.path("usage"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    let expected = tally(&[&logs]);
    assert!(expected.len() > 15, "{}", expected.len());
    assert_eq!(usage(&folder.path("usage")), expected);
    // The quick way and the tolerant one say the same.
    for (quick, tolerant) in [("delivered.json", "lines.ndjson"), ("one.json.gz", "list.json")] {
        let rows = |name: &str| {
            let out = folder.path(&format!("of-{name}"));
            ingest(&[&format!("{logs}/{name}")], &out);
            leastwise(&["usage", &out, "--resources", "--format", "ndjson"], "").out
        };
        assert_eq!(rows(quick), rows(tolerant));
    }
}

#[test]
fn recommendations_from_usage_are_those_from_the_logs_and_replayed_as_well() {
    let folder = Folder::new();
    let org = organization(&folder, &Options { data_events: true, ..small(3) });
    let at = folder.path("usage");
    ingest(&[&format!("{org}/cloudtrail")], &at);
    let period = ["--as-of", "2026-11-01", "--tracking-period", "5", "--tolerance", "0"];
    let run = |command: &[&str], usage: bool| {
        let more: &[&str] = if usage { &["--usage", &at] } else { &[] };
        let ran = leastwise(&[command, more, &period].concat(), "");
        assert!(ran.status <= 1, "{}", ran.err);
        ran.out
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let replay = |usage: bool| {
        let mut told = json(&run(&["replay", "--from", &org, "--format", "json"], usage));
        assert!(told["replay"]["requests"].as_u64().unwrap() > 100);
        // Of a call that names several resources only the resources are known, not the calls.
        told.as_object_mut().unwrap().remove("replay").unwrap();
        told
    };
    assert_eq!(replay(true), replay(false));
    let plans = |usage: bool| -> Vec<Value> {
        let text = run(&["recommend", "--all", "--from", &org, "--format", "json"], usage);
        let mut plans: Vec<Value> = text.lines().map(json).collect();
        fn strip(value: &mut Value) {
            match value {
                Value::Object(members) => {
                    members.remove("replay");
                    members.values_mut().for_each(strip);
                }
                Value::Array(items) => items.iter_mut().for_each(strip),
                _ => {}
            }
        }
        plans.iter_mut().for_each(strip);
        plans
    };
    let (recalled, direct) = (plans(true), plans(false));
    assert!(!direct.is_empty());
    assert_eq!(recalled, direct);
    let who = direct.iter().find_map(|plan| plan["resource"].as_str()).expect("a plan says for whom it is").to_owned();
    assert!(run(&["recommend", &who, "--from", &org], true).contains(&who));
    let explained = json(&run(&["explain", &who, "iam:GetRole", "--from", &org, "--format", "json"], true));
    let from_logs = json(&run(&["explain", &who, "iam:GetRole", "--from", &org, "--format", "json"], false));
    assert_eq!((&explained["state"], &explained["events"]["count"]), (&from_logs["state"], &from_logs["events"]["count"]));
    let page = run(&["analyze", &org, "--format", "html"], true);
    assert!(page.contains("<html") && page.contains(&who));
    run(&["analyze", &org, "--out", &folder.path("report")], true);
    let lines = fs::read_to_string(folder.path("report") + "/recommendations.ndjson").unwrap();
    assert_eq!(lines.lines().count(), direct.len());
    let ran = leastwise(&["replay", "--from", &org, "--usage", &at, "--split-half"], "");
    assert!(ran.status == 2 && ran.err.contains("which `--usage` does not have"), "{}", ran.err);
}

#[test]
fn control_c_keeps_what_was_read_and_the_next_run_reads_the_rest() {
    let folder = Folder::new();
    let logs_at = format!("{}/cloudtrail", organization(&folder, &Options { events: 20_000, ..small(6) }));
    ingest(&[&logs_at], &folder.path("whole"));
    let whole = tree(&folder.path("whole"));
    let mut stopped = 0;
    for wait in [10, 20, 40, 80, 160] {
        let out = folder.path(&format!("stopped-{wait}"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .args(["ingest", &logs_at, "--out", &out, "--threads", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let status = child.wait().unwrap().code();
        // Before the program looks for it the signal ends it like any other.
        stopped += u32::from(status == Some(130));
        if status == Some(130) {
            assert_eq!(leastwise(&["usage", &out], "").status, 0, "nothing is half written");
        }
        assert_eq!(ingest(&[&logs_at], &out).status, 0);
        assert!(tree(&out) == whole, "the same bytes");
    }
    assert!(stopped > 0, "none was still going");
}
