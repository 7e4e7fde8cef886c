//! `recommend`, `explain` and `replay` as a user meets them: subjects, exclusions, exit status, and the committed schemas.

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

use harness::{Folder, Ran, leastwise, root};
use leastwise_demo::Options;
use serde_json::Value;

/// A small organization with some of everything, and few days of logs.
fn organization(folder: &Folder, gap_hours: u32) -> String {
    let few = Options {
        seed: 3,
        accounts: 2,
        roles: 24,
        users: 10,
        events: 2_000,
        days: 13,
        tracking_period: 10,
        ..Options::default()
    };
    harness::organization(folder, &Options { gap_hours, ..few })
}

const AS_OF: [&str; 4] = ["--as-of", "2026-11-01", "--tracking-period", "10"];

fn run(arguments: &[&str]) -> Ran {
    leastwise(&[arguments, &AS_OF].concat(), "")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn findings(root: &str) -> Vec<Value> {
    let ran = run(&["analyze", root, "--format", "ndjson"]);
    assert_eq!(ran.status, 1, "{}", ran.err);
    ran.out.lines().map(json).collect()
}

fn of_permissions(findings: &[Value]) -> Vec<(&str, &str)> {
    let own = findings.iter().filter(|finding| finding["findingType"] == "UnusedPermission");
    own.map(|finding| (finding["id"].as_str().unwrap(), finding["resource"].as_str().unwrap())).collect()
}

struct Schema(Value);

impl Schema {
    fn of(name: &str) -> Schema {
        let version = if name == "recommend" { 2 } else { 1 };
        Schema(json(&std::fs::read_to_string(root().join(format!("docs/schema/{name}.v{version}.json"))).unwrap()))
    }

    /// The schema of one finding, as a line of NDJSON.
    fn finding() -> Schema {
        let Schema(mut whole) = Schema::of("findings");
        let members = whole.as_object_mut().unwrap();
        members.retain(|key, _| key == "$schema" || key == "$defs");
        members.insert("$ref".to_owned(), "#/$defs/finding".into());
        Schema(whole)
    }

    fn errors(&self, value: &Value) -> Vec<String> {
        let schema = jsonschema::validator_for(&self.0).unwrap();
        schema.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
    }

    fn holds(&self, value: &Value) {
        assert_eq!(self.errors(value), Vec::<String>::new(), "{value}");
    }
}

#[test]
fn whatever_is_printed_as_json_has_its_committed_schema() {
    let folder = Folder::new();
    let root = organization(&folder, 30);
    std::fs::write(Path::new(&root).join("account/broken.json"), "{\"RoleDetailList\": [").unwrap();
    let whole = json(&run(&["analyze", &root, "--format", "json"]).out);
    assert!(!whole["problems"].as_array().unwrap().is_empty() && whole["coverage"].to_string().contains("gap"));
    Schema::of("findings").holds(&whole);
    let found = findings(&root);
    let line = Schema::finding();
    found.iter().for_each(|finding| line.holds(finding));

    let recommend = Schema::of("recommend");
    let all = run(&["recommend", "--all", "--from", &root, "--format", "json"]);
    assert_eq!(all.status, 1, "{}", all.err);
    assert!(all.out.lines().count() > 3);
    all.out.lines().for_each(|line| recommend.holds(&json(line)));
    let group = std::fs::read_dir(Path::new(&root).join("account")).unwrap().filter_map(|entry| {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let at = text.find(":group/")?;
        let start = text[..at].rfind("arn:aws:iam::")?;
        Some(text[start..].split('"').next()?.to_owned())
    });
    let refused = run(&["recommend", &group.min().unwrap(), "--from", &root, "--format", "json"]);
    assert_eq!(refused.status, 0, "{}", refused.err);
    recommend.holds(&json(&refused.out));
    assert!(json(&refused.out)["notJudged"].as_str().unwrap().contains("group"));

    let replay = run(&["replay", "--from", &root, "--format", "json", "--split-half"]);
    Schema::of("replay").holds(&json(&replay.out));
    let (_, arn) = of_permissions(&found)[0];
    for action in ["s3:GetObject", "iam:PassRole", "ec2:RunInstances", "sqs:SendMessage"] {
        let explained = run(&["explain", arn, action, "--from", &root, "--format", "json"]);
        Schema::of("explain").holds(&json(&explained.out));
    }
}

#[test]
fn the_schemas_refuse_what_has_another_form() {
    let folder = Folder::new();
    let root = organization(&folder, 0);
    let mut finding = findings(&root).remove(0);
    finding["surprise"] = Value::Null;
    assert!(!Schema::finding().errors(&finding).is_empty());
    let lines = run(&["recommend", "--all", "--from", &root, "--format", "json"]).out;
    let mut first = json(lines.lines().next().unwrap());
    first["alternatives"][0]["recommendedSteps"][0]["claims"]["adds_nothing"] = "refuted".into();
    assert!(!Schema::of("recommend").errors(&first).is_empty());
}

#[test]
fn an_unknown_subject_is_refused_with_names_that_are_near() {
    let folder = Folder::new();
    let root = organization(&folder, 0);
    let found = findings(&root);
    let (_, arn) = of_permissions(&found).into_iter().find(|(_, arn)| arn.contains(":user/")).unwrap();
    let wrong = format!("{arn}x");
    for arguments in [vec!["recommend", &wrong], vec!["explain", &wrong, "s3:GetObject"]] {
        let ran = run(&[arguments, vec!["--from", &root]].concat());
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arn}");
        assert!(ran.err.contains(&format!("`{wrong}`")) && ran.err.contains(arn), "{}", ran.err);
    }
    let ran = run(&["recommend", "00000000-0000-0000-0000-000000000000", "--from", &root]);
    assert_eq!(ran.status, 2, "an id of no finding");
    let ran = run(&["explain", arn, "s3:GetObjekt", "--from", &root]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("`s3:GetObjekt`") && ran.err.contains("s3:GetObject"), "{}", ran.err);
    assert_eq!(run(&["recommend", "--from", &root]).status, 2, "neither a subject nor --all");
    assert_eq!(run(&["recommend", arn, "--all", "--from", &root]).status, 2, "both");
}

#[test]
fn the_id_of_a_finding_stands_for_its_principal_and_all_gives_what_each_gives_alone() {
    let folder = Folder::new();
    let root = organization(&folder, 0);
    let found = findings(&root);
    let (id, arn) = of_permissions(&found).into_iter().find(|(_, arn)| arn.contains(":user/")).unwrap();
    let by_arn = run(&["recommend", arn, "--from", &root, "--format", "json"]);
    let by_id = run(&["recommend", id, "--from", &root, "--format", "json"]);
    assert_eq!((by_id.status, &by_id.out), (1, &by_arn.out), "{}", by_id.err);
    let all = run(&["recommend", "--all", "--from", &root, "--format", "json"]).out;
    let of_all = all.lines().map(json).find(|line| line["resource"] == *arn).unwrap();
    assert_eq!(of_all, json(&by_arn.out));
    assert_eq!(all, run(&["recommend", "--all", "--from", &root, "--format", "json"]).out, "the order is always the same");

    let out = folder.path("out");
    let ran = run(&["recommend", "--all", "--from", &root, "--out", &out]);
    assert_eq!(ran.status, 1, "{}", ran.err);
    let part = |n: usize| arn.split(':').nth(n).unwrap();
    let name = arn.rsplit('/').next().unwrap();
    let file = Path::new(&out).join(part(4)).join("user").join(format!("{name}.json"));
    assert_eq!(json(&std::fs::read_to_string(file).unwrap()), of_all);
    assert_eq!(run(&["recommend", "--all", "--from", &root, "--out", &out]).status, 2, "the folder is there already");
}

#[test]
fn what_is_excluded_is_left_alone_by_recommend_and_replay_too() {
    let folder = Folder::new();
    let root = organization(&folder, 0);
    let found = findings(&root);
    let (_, arn) = of_permissions(&found)[0];
    let account = arn.split(':').nth(4).unwrap();
    let ran = run(&["recommend", arn, "--from", &root, "--exclude-account", account]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.contains("it is excluded"), "{}", ran.out);
    let all = run(&["recommend", "--all", "--from", &root, "--format", "json", "--exclude-account", account]).out;
    for line in all.lines().map(json) {
        for plan in line["alternatives"].as_array().unwrap() {
            let affected = plan["affected"].as_array().unwrap();
            assert!(affected.iter().all(|other| !other.as_str().unwrap().contains(account)), "{affected:?}");
        }
    }
    let count = |more: &[&str]| {
        json(&run(&[&["replay", "--from", &root, "--format", "json"], more].concat()).out)["recommendations"].as_u64().unwrap()
    };
    assert!(count(&["--exclude-account", account]) < count(&[]));
}

#[test]
fn explain_answers_for_every_action_of_a_recommendation_from_the_records() {
    let folder = Folder::new();
    let root = organization(&folder, 0);
    let found = findings(&root);
    let (_, arn) = of_permissions(&found).into_iter().find(|(_, arn)| arn.contains(":user/")).unwrap();
    let plan = json(&run(&["recommend", arn, "--from", &root, "--format", "json"]).out);
    let names = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let explained = |action: &str| {
        let ran = run(&["explain", arn, action, "--from", &root, "--format", "json"]);
        assert_eq!(ran.status, 0, "{}", ran.err);
        json(&ran.out)
    };
    for action in names(&plan["alternatives"][0]["removed"]).iter().step_by(20).take(6) {
        let why = explained(action);
        assert_eq!((&why["state"], &why["grant"]), (&"unused".into(), &"granted".into()), "{action}");
        assert!(why["reasons"][0].as_str().unwrap().contains("shows no"), "{why}");
        assert_eq!(why["events"]["last"].as_str().filter(|last| *last >= "2026-10-22"), None);
    }
    let used = names(&plan["kept"]["used"]);
    let why = explained(used.iter().find(|action| explained(action)["events"]["count"] != 0).unwrap());
    assert_eq!(why["state"], "used");
    let sample = why["events"]["sample"].as_array().unwrap();
    assert!(!sample.is_empty() && sample.iter().all(|event| event["eventID"].is_string()), "{why}");
    let text = run(&["explain", arn, &used[0], "--from", &root]).out;
    assert!(!text.contains("Shortfall") && !text.contains(" { ") && !text.contains("Some("), "{text}");
}

#[test]
fn a_gap_is_explained_in_words() {
    let folder = Folder::new();
    let root = organization(&folder, 30);
    let found = findings(&root);
    // The gap is in the first account only, so that not everybody's answer has it.
    let told = of_permissions(&found).into_iter().any(|(_, arn)| {
        let text = run(&["explain", arn, "ec2:RunInstances", "--from", &root]).out;
        assert!(!text.contains("Gap(") && !text.contains("Gap {"), "{text}");
        text.contains("it has a gap from")
    });
    assert!(told);
}

#[test]
fn the_page_shows_each_recommendation_side_by_side_and_loads_nothing() {
    let folder = Folder::new();
    let root = organization(&folder, 0);
    let page = run(&["analyze", &root, "--format", "html"]).out;
    let found = findings(&root);
    for (id, arn) in of_permissions(&found) {
        let part = page.split("<details id=").find(|part| part.contains(id)).unwrap();
        let answered = part.contains("class=\"diff\"") && part.contains("adds nothing") && part.contains("Backtest");
        let said = ["Nothing is recommended", "is changed for all its roles", "Nothing that it grants is left"];
        assert!(answered || said.iter().any(|words| part.contains(words)), "{arn}");
        assert!(part.contains("How we know"), "{arn}");
    }
    assert!(page.contains("class=\"del\"") && page.contains("class=\"ins\""));
    for loading in ["http://", "https://", "<script", "<link", "<img", "url(", "@import"] {
        assert!(!page.contains(loading), "{loading}");
    }
}
