//! `leastwise refine --batch`: a result a line, in order, whatever single lines are like.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, leastwise};
use serde_json::{Value, json};

fn results(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn case(id: usize) -> Value {
    let actions = ["s3:Get*", "sqs:*", "lambda:Invoke*", "ec2:Describe*"];
    let policy = json!({"Statement": [{"Effect": "Allow", "Action": actions[id % 4], "Resource": "*"}]});
    json!({"id": id, "policy": policy, "unused": [{"serviceNamespace": "s3", "actions": ["GetObject"]}, {"serviceNamespace": "sqs"}, {"serviceNamespace": "ec2", "actions": ["DescribeFleets"]}]})
}

#[test]
fn results_come_in_the_order_of_the_cases() {
    let lines: Vec<String> = (0..1200).map(|id| case(id).to_string()).collect();
    let ran = leastwise(&["refine", "--batch", "-"], &lines.join("\n"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let results = results(&ran.out);
    assert_eq!(results.len(), 1200);
    for (id, result) in results.iter().enumerate() {
        assert_eq!(result["id"], json!(id));
        assert!(result["claims"].as_object().unwrap().values().all(|v| v == "holds"));
        for member in ["policy", "text", "changes", "warnings", "catalog"] {
            assert!(result.get(member).is_some(), "{member}");
        }
        assert_eq!(result["policy"].is_null(), id % 4 == 1);
    }
    assert_eq!(results[2]["text"], lines_policy(&lines[2]), "untouched bytes stay");
}

fn lines_policy(line: &str) -> Value {
    let start = line.find("\"policy\":").unwrap() + "\"policy\":".len();
    let end = line.find(",\"unused\"").unwrap();
    Value::from(&line[start..end])
}

#[test]
fn a_bad_line_yields_an_error_in_its_place_and_the_run_goes_on() {
    let bad = [
        ("{", "json", Value::Null),
        ("[]", "case", Value::Null),
        (r#"{"id": "a", "unused": []}"#, "case", json!("a")),
        (r#"{"id": {"b": 1}, "policy": {"Statement": 1}, "unused": []}"#, "policy", json!({"b": 1})),
        (r#"{"id": null, "policy": {"Statement": []}, "unused": [1]}"#, "unused", Value::Null),
        (r#"{"id": 5, "policy": {"Statement": [], "Statement": []}, "unused": []}"#, "json", Value::Null),
    ];
    let mut lines = Vec::new();
    for (line, _, _) in &bad {
        lines.push((*line).to_owned());
        lines.push(case(0).to_string());
        lines.push(String::new());
    }
    let ran = leastwise(&["refine", "--batch", "-"], &lines.join("\n"));
    assert_eq!(ran.status, 2);
    let results = results(&ran.out);
    assert_eq!(results.len(), 2 * bad.len());
    for ((_, kind, id), pair) in bad.iter().zip(results.chunks(2)) {
        assert_eq!((&pair[0]["error"]["kind"], &pair[0]["id"]), (&json!(kind), id), "{}", pair[0]);
        assert!(!pair[0]["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(pair[1]["claims"]["adds_nothing"], "holds");
    }
}

#[test]
fn a_case_may_hold_its_documents_as_text() {
    let line = json!({"id": 1, "policy": "{\"Statement\":[ {\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\", \"s3:PutObject\"],\"Resource\":\"*\"} ]}", "unused": "s3:PutObject"});
    let ran = leastwise(&["refine", "--batch", "-"], &line.to_string());
    let result = &results(&ran.out)[0];
    assert_eq!(result["text"], "{\"Statement\":[ {\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\"],\"Resource\":\"*\"} ]}");
    assert_eq!(result["policy"]["Statement"][0]["Action"], json!(["s3:GetObject"]));
}

#[test]
fn a_document_with_line_breaks_still_gives_one_line() {
    let pretty = serde_json::to_string_pretty(&case(0)["policy"]).unwrap();
    let line = json!({"id": 1, "policy": pretty, "unused": "s3:GetObject"});
    let ran = leastwise(&["refine", "--batch", "-"], &line.to_string());
    assert_eq!(ran.out.lines().count(), 1);
    assert!(results(&ran.out)[0]["text"].as_str().unwrap().contains("\n"));
}

#[test]
fn a_file_gives_what_standard_input_gives() {
    let folder = Folder::new();
    let text: String = (0..40).map(|id| case(id).to_string() + "\r\n").collect();
    let path = folder.file("cases.ndjson", &text);
    let (file, input) = (leastwise(&["refine", "--batch", &path], ""), leastwise(&["refine", "--batch", "-"], &text));
    assert_eq!((file.status, &file.out), (0, &input.out));
    assert_eq!(file.out.lines().count(), 40);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    use std::process::{Command, Stdio};
    let folder = Folder::new();
    let text: String = (0..4000).map(|id| case(id).to_string() + "\n").collect();
    let path = folder.file("cases.ndjson", &text);
    let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(["refine", "--batch", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
}
