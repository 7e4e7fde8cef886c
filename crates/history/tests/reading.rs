//! Every form that records come in, and every way in which a file can be bad, with fixtures made here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A test may fail where its helpers do.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use leastwise::usage::{GapCause, Ground, RecordKind, Span, TrailTimeline, attribute};
use leastwise_history::{DescribedTrails, ReadOptions, Reading, TrailFacts, read};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("leastwise-history-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Folder {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn read(&self) -> (Reading, Vec<String>) {
        read_with(&self.0, &ReadOptions::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read_with(path: &Path, options: &ReadOptions) -> (Reading, Vec<String>) {
    let mut names = Vec::new();
    let reading = read(&[path.to_owned()], options, &mut |event| names.push(event.name.clone().into_owned()));
    assert_eq!(reading.events as usize, names.len());
    (reading, names)
}

fn record(id: u64, name: &str, time: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann","accountId":"111122223333"}},"eventTime":"{time}","eventSource":"ec2.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","requestParameters":{{"x":"y"}},"eventID":"00000000-0000-0000-0000-{id:012}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#
    )
}

fn records(range: std::ops::Range<u64>) -> String {
    let list: Vec<String> = range.map(|id| record(id, &format!("Call{id}"), "2026-03-01T12:00:00Z")).collect();
    format!("{{\"Records\":[{}]}}", list.join(","))
}

fn gz(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_ref()).unwrap();
    packer.finish().unwrap()
}

fn messages(reading: &Reading) -> Vec<String> {
    let file = |name: &str| Path::new(name).file_name().unwrap().to_string_lossy().into_owned();
    reading.problems.iter().map(|p| format!("{} {:?} {}", file(&p.file), p.record, p.message)).collect()
}

#[test]
fn plain_packed_and_many_member_files_in_folders_of_any_depth_are_read_in_the_order_of_names() {
    let folder = Folder::new("forms");
    let two_members = [gz(records(4..6)), gz(records(6..8))].concat();
    folder
        .put("a.json", records(0..2))
        .put("b/c/d/e.json.gz", gz(records(2..4)))
        .put("f.json.gz", two_members)
        .put(
            "g.ndjson",
            format!("{}\n{}\n", record(8, "Call8", "2026-03-01T12:00:00Z"), record(9, "Call9", "2026-03-01T12:00:00Z")),
        )
        .put("h.json", format!("[{}]", record(10, "Call10", "2026-03-01T12:00:00Z")))
        .put("README.md", "no log");
    let (reading, names) = folder.read();
    assert_eq!(names, (0..11).map(|id| format!("Call{id}")).collect::<Vec<_>>());
    assert_eq!(messages(&reading), Vec::<String>::new());
    assert_eq!((reading.files, reading.ignored.len()), (5, 1));
}

#[test]
fn looked_up_events_are_read_from_the_text_within() {
    let folder = Folder::new("lookup");
    let inner = serde_json::to_string(&record(1, "Inner", "2026-03-01T12:00:00Z")).unwrap();
    folder.put(
        "lookup.json",
        format!(
            r#"{{"Events":[{{"EventId":"x","EventName":"Inner","Resources":[],"CloudTrailEvent":{inner}}}],"NextToken":"t"}}"#
        ),
    );
    let (reading, names) = folder.read();
    assert_eq!(names, ["Inner"]);
    assert_eq!(covered(&reading), [], "a lookup may have been filtered, so it covers nothing");
}

#[test]
fn csv_exports_of_lake_and_athena_are_read_with_their_identities() {
    let folder = Folder::new("csv");
    folder.put(
        "lake.csv",
        "eventID,eventTime,eventSource,eventName,awsRegion,recipientAccountId,userIdentity,readOnly\n\
         id-1,2026-03-01 12:00:00.000,s3.amazonaws.com,ListBuckets,eu-west-1,111122223333,\"{type=AssumedRole, principalid=A:b, arn=arn:aws:sts::111122223333:assumed-role/r/s, sessioncontext={attributes={x=y}, sessionissuer={type=Role, arn=arn:aws:iam::111122223333:role/p/r}}}\",true\n",
    );
    folder.put(
        "athena.csv",
        "\"eventid\",\"eventtime\",\"eventsource\",\"eventname\",\"useridentity.arn\",\"useridentity.type\"\n\
         \"id-2\",\"2026-03-01T12:00:00Z\",\"s3.amazonaws.com\",\"ListBuckets\",\"arn:aws:iam::111122223333:user/ann\",\"IAMUser\"\n",
    );
    let mut told = Vec::new();
    let reading =
        read(std::slice::from_ref(&folder.0), &ReadOptions::default(), &mut |event| told.push(format!("{:?}", attribute(event))));
    assert_eq!(messages(&reading), Vec::<String>::new());
    assert!(told[0].contains("user/ann") && told[1].contains("role/p/r"), "{told:?}");
}

#[test]
fn an_event_that_is_delivered_twice_counts_once() {
    let folder = Folder::new("doubles");
    folder.put("a.json", records(0..3)).put("b.json", records(1..4));
    let (reading, _) = folder.read();
    assert_eq!((reading.events, reading.duplicates), (4, 2));
}

#[test]
fn what_stands_around_a_broken_record_is_read_once_with_ids_or_without() {
    let folder = Folder::new("around");
    let broken = r#"{"eventSource":"ec2.amazonaws.com","eventName":"Call2","eventTime":"today"}"#;
    let list = records(0..5).replacen(&record(2, "Call2", "2026-03-01T12:00:00Z"), broken, 1);
    folder.put("a.json", list.replace("\"eventID\"", "\"formerID\"")).put("b.json.gz", gz(&list));
    let (reading, names) = folder.read();
    let calls = ["Call0", "Call1", "Call3", "Call4"];
    assert_eq!(names, [calls, calls].concat());
    assert_eq!(
        messages(&reading),
        ["a.json", "b.json.gz"].map(|file| format!("{file} Some(3) has an `eventTime` that is no time: `today`"))
    );
}

#[test]
fn every_bad_file_is_a_problem_with_its_place_and_the_run_goes_on() {
    let folder = Folder::new("bad");
    let whole = gz(records(0..200));
    folder
        .put("a-truncated.json.gz", &whole[..whole.len() / 2])
        .put("b-half.json", &records(300..302)[..700])
        .put(
            "c-utf8.json",
            records(310..312)
                .replace("Call310", "Call\u{1}")
                .into_bytes()
                .into_iter()
                .map(|b| if b == 1 { 0xff } else { b })
                .collect::<Vec<_>>(),
        )
        .put("d-columns.csv", "eventid,eventname\nx,y\n")
        .put("e-empty.json", "")
        .put("f-text.json", "hello\n")
        .put("g-record.json", format!("[{{\"eventName\":\"X\"}},{}]", record(320, "Call320", "2026-03-01T12:00:00Z")))
        .put("h-checksum.json.gz", {
            let mut bytes = gz(records(330..331));
            let at = bytes.len() - 6;
            bytes[at] ^= 1;
            bytes
        })
        .put("z-good.json", records(400..401));
    let (reading, names) = folder.read();
    let told = messages(&reading);
    for expected in [
        "a-truncated.json.gz None cannot be read further",
        "b-half.json Some(2) is cut off at the end of the file",
        "c-utf8.json Some(1) is not valid UTF-8",
        "d-columns.csv None lacks the columns `eventtime`, `eventsource`, `useridentity`",
        "e-empty.json None is empty",
        "f-text.json None is neither JSON nor CSV",
        "g-record.json Some(1) has no `eventSource`",
        "h-checksum.json.gz None cannot be read further",
    ] {
        assert!(told.iter().any(|message| message.starts_with(expected)), "{expected}\n{told:#?}");
    }
    assert_eq!(told.len(), 8, "{told:#?}");
    for name in ["Call0", "Call300", "Call311", "Call320", "Call330", "Call400"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
}

#[test]
fn a_gz_bomb_stops_at_the_limit() {
    let folder = Folder::new("bomb");
    folder.put(
        "bomb.json.gz",
        gz(format!("{{\"Records\":[{},{{\"x\":\"{}\"}}]}}", record(1, "Call1", "2026-03-01T12:00:00Z"), "0".repeat(4 << 20))),
    );
    let options = ReadOptions { max_unpacked: 1 << 20, ..ReadOptions::default() };
    let (reading, names) = read_with(&folder.0, &options);
    assert_eq!(names, ["Call1"]);
    assert!(messages(&reading)[0].contains("unpacks to more than 1048576 bytes"), "{:?}", messages(&reading));
}

#[test]
fn a_record_of_100_megabytes_is_passed_over_without_being_held() {
    let folder = Folder::new("huge");
    let huge = format!(
        "{{\"Records\":[{},{{\"x\":\"{}\"}},{}]}}",
        record(1, "Call1", "2026-03-01T12:00:00Z"),
        "0".repeat(100 << 20),
        record(2, "Call2", "2026-03-01T12:00:00Z")
    );
    folder.put("huge.json.gz", gz(huge));
    let (reading, names) = folder.read();
    assert_eq!(names, ["Call1", "Call2"]);
    assert_eq!(messages(&reading), ["huge.json.gz Some(2) is longer than 16777216 bytes, the limit"]);
}

#[test]
fn a_missing_path_is_a_problem() {
    let (reading, _) = read_with(Path::new("no-such-folder"), &ReadOptions::default());
    assert!(messages(&reading)[0].contains("cannot be read"));
}

/// A trail's files for so many days, one an hour, without the hours that `missing` names.
fn deliver(folder: &Folder, days: i64, missing: impl Fn(i64) -> bool) {
    let start = leastwise::access::Timestamp::parse("2026-01-01").unwrap().seconds();
    for hour in (0..days * 24).filter(|hour| !missing(*hour)) {
        for (region, kind) in [("eu-west-1", 0), ("us-east-1", 1)] {
            let time = leastwise::access::Timestamp::from_seconds(start + hour * 3600 + 300).to_string();
            let stamp: String = time.chars().filter(|c| *c != '-' && *c != ':').take(13).collect();
            let reads = record((hour * 4 + kind) as u64, "DescribeInstances", &time).replace("eu-west-1", region);
            let writes = record((hour * 4 + kind + 2) as u64, "CreateTags", &time).replace("eu-west-1", region);
            let writes = writes.replace("\"readOnly\":true", "\"readOnly\":false");
            folder.put(
                &format!("AWSLogs/111122223333/CloudTrail/{region}/111122223333_CloudTrail_{region}_{stamp}Z_x.json"),
                format!("{{\"Records\":[{reads},{writes}]}}"),
            );
        }
    }
}

/// What follows from what was read, with the description of a trail of all regions.
fn covered(reading: &Reading) -> Vec<TrailTimeline> {
    let mut trails = DescribedTrails::default();
    let text = r#"{"trailList":[{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/all","IsMultiRegionTrail":true,"HasCustomEventSelectors":false}]}"#;
    trails.add("trails.json", text.as_bytes()).unwrap();
    reading.observed.clone().timelines(&trails, &TrailFacts::default())
}

fn spans(timeline: &TrailTimeline, region: Option<&str>, kind: RecordKind) -> Vec<String> {
    let own = timeline.spans.get(&(region.map(str::to_owned), kind));
    own.into_iter().flatten().map(|Span { from, to, ground }| format!("{from} {to} {}", ground.as_str())).collect()
}

#[test]
fn an_hourly_trail_of_all_regions_shows_its_window_in_every_region() {
    let folder = Folder::new("hourly");
    deliver(&folder, 6, |_| false);
    folder
        .put("AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/111122223333_CloudTrail-Digest_eu-west-1_t_x.json.gz", "not read");
    let (reading, _) = folder.read();
    let trail = &covered(&reading)[0];
    assert_eq!((trail.account.as_str(), trail.looks_everywhere(), &trail.gaps), ("111122223333", true, &Vec::new()));
    for region in [Some("eu-west-1"), Some("us-east-1"), None] {
        for kind in [RecordKind::Reads, RecordKind::Writes] {
            assert_eq!(spans(trail, region, kind), ["2026-01-01T00:05:00Z 2026-01-06T23:05:01Z described"]);
        }
    }
    assert_eq!(trail.data_types().count(), 0);
    assert_eq!(reading.digests, 1);
}

#[test]
fn without_a_description_deliveries_show_kinds_and_nothing_is_concluded_from_them() {
    let folder = Folder::new("undescribed");
    deliver(&folder, 6, |_| false);
    let (reading, _) = folder.read();
    let of = |facts: &TrailFacts| reading.observed.clone().timelines(&DescribedTrails::default(), facts).remove(0);
    let alone = of(&TrailFacts::default());
    assert!(!alone.looks_everywhere() && !alone.selectors_known && alone.set_up.is_empty());
    assert!(spans(&alone, Some("us-east-1"), RecordKind::Reads)[0].ends_with(Ground::Delivered.as_str()));
    assert!(alone.gaps.iter().any(|gap| matches!(gap.cause, GapCause::NoSelectors(_))));
    let said = of(&TrailFacts { all_regions: true, complete: true, ..TrailFacts::default() });
    assert!(said.looks_everywhere());
    assert!(spans(&said, None, RecordKind::Writes)[0].ends_with(Ground::Asserted.as_str()));
}

#[test]
fn a_missing_hour_or_day_and_a_bad_file_are_gaps_of_their_region() {
    let folder = Folder::new("gaps");
    deliver(&folder, 10, |hour| hour == 50 || (96..120).contains(&hour));
    folder.put(
        "AWSLogs/111122223333/CloudTrail/eu-west-1/111122223333_CloudTrail_eu-west-1_20260103T0805Z_bad.json.gz",
        &gz(records(0..9))[..40],
    );
    let (reading, _) = folder.read();
    let covered = covered(&reading);
    let of = |region: &str| -> Vec<String> {
        let own = covered[0].gaps.iter().filter(|gap| gap.region.as_deref() == Some(region));
        let own = own.filter(|gap| matches!(gap.cause, GapCause::NoDelivery | GapCause::Unreadable(_)));
        own.map(|g| format!("{} {}", g.from, g.to)).collect()
    };
    let missing = ["2026-01-03T02:00:00Z 2026-01-03T03:00:00Z", "2026-01-05T00:00:00Z 2026-01-06T00:00:00Z"];
    assert_eq!(of("us-east-1"), missing);
    assert_eq!(of("eu-west-1"), [&["2026-01-02T08:05:00Z 2026-01-03T09:05:00Z"], &missing[..]].concat());
    assert_eq!(spans(&covered[0], Some("us-east-1"), RecordKind::Reads).len(), 1, "how the trail was set up before is not known");
    assert_eq!(spans(&covered[0], Some("eu-west-1"), RecordKind::Reads), ["2026-01-06T00:00:00Z 2026-01-10T23:05:01Z described"]);
}

#[test]
fn a_bad_file_without_a_name_or_event_leaves_every_account_in_doubt() {
    let folder = Folder::new("doubt");
    deliver(&folder, 5, |_| false);
    folder.put("unknown.json", "{\"Records\":[{\"eventName\"");
    let (reading, _) = folder.read();
    let trail = &covered(&reading)[0];
    assert!(trail.spans.values().flatten().all(|span| span.ground == Ground::Delivered), "{:?}", trail.spans);
    assert!(trail.gaps.iter().any(|gap| matches!(gap.cause, GapCause::Unreadable(_)) && gap.from <= trail.window.from));
}

#[test]
fn a_delivered_file_without_records_or_of_another_place_or_day_is_a_flaw() {
    let folder = Folder::new("disagree");
    let name = |region: &str, day: &str| format!("111122223333_CloudTrail_{region}_202603{day}T1205Z_x.json");
    let good = records(0..1);
    folder
        .put(&name("eu-west-1", "01"), &good)
        .put(&name("us-east-1", "01"), good.replace("0000-000000000000", "0000-000000000001"))
        .put(&name("eu-west-1", "09"), good.replace("0000-000000000000", "0000-000000000002"))
        .put("444455556666_CloudTrail_eu-west-1_20260301T1205Z_x.json", good.replace("0000-000000000000", "0000-000000000003"))
        .put(&name("eu-west-1", "02"), r#"{"Records":[]}"#);
    let (reading, names) = folder.read();
    assert_eq!(names.len(), 4, "what they hold counts all the same");
    let mut told: Vec<String> = reading.problems.iter().map(|problem| problem.message.clone()).collect();
    told.sort();
    let other = |what: &str| format!("holds events of another {what} than its name says");
    assert_eq!(
        told,
        [other("account"), other("day"), other("region"), "holds no records, which CloudTrail never delivers".to_owned()]
    );
}

#[test]
fn too_few_events_show_no_rhythm_and_cover_nothing() {
    let folder = Folder::new("sparse");
    folder.put("a.json", records(0..3));
    let (reading, _) = folder.read();
    let trail = &covered(&reading)[0];
    assert!(trail.spans.values().flatten().all(|span| span.ground == Ground::Delivered), "{:?}", trail.spans);
    assert!(trail.gaps.iter().any(|gap| gap.cause == GapCause::NoRhythm));
}
