//! `leastwise check`: results, exit statuses, JSON, SARIF and batches of the four checks.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, has_schema, leastwise};
use serde_json::{Value, json};

fn policy(sid: &str, action: &str, resource: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}]})
        .to_string()
}

fn public(principal: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::site/*"}]})
    .to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn new_access_fails_with_the_statement_and_a_request_that_evaluate_confirms() {
    let folder = Folder::new();
    let old = folder.file("old.json", policy("Read", "s3:GetObject", "*"));
    let new = folder.file("new.json", policy("ReadMore", "s3:GetObject*", "*"));
    let ran = leastwise(&["check", "no-new-access", &new, &old], "");
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.starts_with("PASS  "), "{}", ran.out);

    let ran = leastwise(&["check", "no-new-access", &old, &new, "--format", "json"], "");
    assert_eq!((ran.status, ran.err.as_str()), (1, ""));
    let report = parsed(&ran.out);
    assert_eq!(
        (&report["schema"], &report["check"], &report["result"]),
        (&json!("leastwise.check/1"), &json!("no-new-access"), &json!("FAIL"))
    );
    assert_eq!(report["reasons"][0]["statementId"], "ReadMore");
    assert_eq!(report["reasons"][0]["statementIndex"], 0);
    let request = folder.file("request.json", report["witness"].to_string());
    assert_eq!(leastwise(&["evaluate", "--request", &request, "--identity", &new], "").status, 0);
    assert_eq!(leastwise(&["evaluate", "--request", &request, "--identity", &old], "").status, 1);

    has_schema("check", &report);
    has_schema("check", &parsed(&leastwise(&["check", "no-new-access", &new, &old, "--format", "json"], "").out));
    let sarif = parsed(&leastwise(&["check", "no-new-access", &old, &new, "--format", "sarif"], "").out);
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "no-new-access");
    assert_eq!(sarif["runs"][0]["results"][0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "Statement[0]");
}

#[test]
fn access_is_granted_or_not() {
    let folder = Folder::new();
    let file = folder.file("policy.json", policy("Logs", "s3:*", "arn:aws:s3:::logs/*"));
    let check = |rest: &[&str]| {
        let mut arguments = vec!["check", "access-not-granted", &file];
        arguments.extend(rest);
        leastwise(&arguments, "")
    };
    assert_eq!(check(&["--actions", "sqs:SendMessage,iam:PassRole"]).status, 0);
    assert_eq!(check(&["--actions", "s3:DeleteObject", "--resources", "arn:aws:s3:::other/a"]).status, 0);
    assert_eq!(check(&["--actions", "s3:Delete*", "--resources", "arn:aws:s3:::logs/*"]).status, 1);
    assert_eq!(check(&["--actions", "s3:Delete*", "--resources", "arn:aws:s3:::other/*"]).status, 0);
    assert_eq!(check(&["--actions", "iam:PassRole, s3:GetObject"]).status, 1, "blanks behind commas");
    let ran = check(&["--actions", "iam:PassRole,s3:DeleteObject", "--resources", "arn:aws:s3:::logs/a"]);
    assert_eq!(ran.status, 1);
    assert!(ran.out.starts_with("FAIL  ") && ran.out.contains("Logs") && ran.out.contains("for instance"), "{}", ran.out);
    for (bad, part) in [
        (&["--actions", "GetObject"][..], "`GetObject` has no service prefix"),
        (&["--resources", "logs"], "`logs` is no ARN"),
        (&["--actions", "s3:GetObjekt"], "did you mean `s3:GetObject`?"),
        (&["--actions", "s4:GetObject"], "`s4:GetObject` is no action of the catalog"),
        (&[], "neither actions nor resources"),
    ] {
        let ran = check(bad);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains(part), "{}", ran.err);
    }
    let many = vec!["s3:GetObject"; 101].join(",");
    assert!(check(&["--actions", &many]).err.contains("101 actions are given, more than 100"));
}

#[test]
fn public_access_is_found() {
    let folder = Folder::new();
    let closed = folder.file("closed.json", public(&json!({"AWS": "111122223333"})));
    let open = folder.file("open.json", public(&json!("*")));
    let check = |file: &str| leastwise(&["check", "no-public-access", file, "--resource-type", "AWS::S3::Bucket"], "");
    assert_eq!(check(&closed).status, 0);
    let ran = check(&open);
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("\"principal\""), "{}", ran.out);
    assert_eq!(leastwise(&["check", "no-public-access", &open], "").status, 2);
}

#[test]
fn findings_come_with_file_line_column_code_and_help() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", "{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:GetObjekt\", \"Resource\": \"*\"}]}");
    let ran = leastwise(&["check", "valid", &bad], "");
    let expected = format!(
        "{bad}:2:46: ERROR unknown-action at Statement[0].Action: `s3` has no action `GetObjekt`\n  help: did you mean `s3:GetObject`?\nFAIL  1 finding\n"
    );
    assert_eq!((ran.status, ran.out, ran.err.as_str()), (1, expected, ""));

    let report = parsed(&leastwise(&["check", "valid", &bad, "--format", "json"], "").out);
    assert_eq!((&report["result"], &report["policyType"]), (&json!("FAIL"), &json!("IDENTITY_POLICY")));
    has_schema("check", &report);
    let finding = &report["findings"][0];
    for (member, value) in [
        ("code", json!("unknown-action")),
        ("severity", json!("ERROR")),
        ("path", json!("Statement[0].Action")),
        ("line", json!(2)),
        ("column", json!(46)),
    ] {
        assert_eq!(finding[member], value);
    }

    let sarif = parsed(&leastwise(&["check", "valid", &bad, "--format", "sarif"], "").out);
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    assert_eq!(run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
    assert_eq!(result["level"], "error");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"],
        json!({"startLine": 2, "startColumn": 46, "endLine": 2, "endColumn": 60})
    );
}

#[test]
fn a_clean_policy_passes_and_fail_on_lets_milder_findings_pass() {
    let folder = Folder::new();
    let good = folder.file("good.json", policy("Read", "s3:GetObject", "arn:aws:s3:::logs/*"));
    let ran = leastwise(&["check", "valid", &good], "");
    assert_eq!((ran.status, ran.out.as_str()), (0, "PASS  no findings\n"));
    let old = folder.file("old.json", policy("Read", "s3:GetObject", "*").replace("2012", "2008"));
    assert_eq!(leastwise(&["check", "valid", &old, "--fail-on", "suggestion"], "").status, 1);
    let ran = leastwise(&["check", "valid", &old], "");
    assert_eq!(ran.status, 0);
    assert!(ran.out.contains("SUGGESTION invalid-version") && ran.out.ends_with("PASS  1 finding\n"), "{}", ran.out);
    let ran = leastwise(&["check", "valid", &good, "--type", "resource"], "");
    assert!(ran.status == 1 && ran.out.contains("missing-principal"), "{}", ran.out);
}

#[test]
fn a_text_that_is_no_policy_is_a_finding_but_a_file_that_is_not_there_is_bad_input() {
    let ran = leastwise(&["check", "valid", "-"], "{\"Statement\": [}");
    assert_eq!(ran.status, 1);
    assert!(ran.out.starts_with("standard input:1:16: ERROR syntax-error: "), "{}", ran.out);
    assert_eq!(leastwise(&["check", "valid", "absent.json"], "").status, 2);
    assert_eq!(leastwise(&["check", "valid"], "").status, 2);
}

#[test]
fn batches_of_every_check_answer_each_line_in_order() {
    let (narrow, wide) = (parsed(&policy("A", "s3:GetObject", "*")), parsed(&policy("B", "s3:Get*", "*")));
    let (open, closed) = (parsed(&public(&json!("*"))), parsed(&public(&json!({"AWS": "111122223333"}))));
    let runs = [
        ("no-new-access", json!({"existing": wide, "new": narrow}), json!({"existing": narrow, "new": wide.to_string()})),
        (
            "access-not-granted",
            json!({"policy": narrow, "actions": ["sqs:*"]}),
            json!({"policy": wide, "actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/b"]}),
        ),
        (
            "no-public-access",
            json!({"policy": closed, "resourceType": "AWS::S3::Bucket"}),
            json!({"policy": open, "resourceType": "AWS::S3::Bucket"}),
        ),
        ("valid", json!({"policy": narrow}), json!({"policy": {"Statement": []}})),
    ];
    for (check, mut pass, mut fail) in runs {
        pass["id"] = json!("p");
        fail["id"] = json!(["f"]);
        let lines = format!("{pass}\n\n{{\"id\": 7}}\nnonsense\n{fail}\n");
        let ran = leastwise(&["check", check, "--batch", "-"], &lines);
        assert_eq!((ran.status, ran.err.as_str()), (2, ""), "{check}");
        let results: Vec<Value> = ran.out.lines().map(parsed).collect();
        assert_eq!(results.len(), 4, "{check}: {}", ran.out);
        results.iter().for_each(|result| has_schema("check", result));
        assert_eq!((&results[1]["error"]["line"], &results[2]["error"]["line"]), (&json!(3), &json!(4)), "{check}");
        assert_eq!((&results[0]["id"], &results[0]["result"]), (&json!("p"), &json!("PASS")), "{check}: {}", results[0]);
        assert_eq!((&results[1]["id"], &results[1]["error"]["kind"]), (&json!(7), &json!("case")), "{check}");
        assert_eq!((&results[2]["id"], &results[2]["error"]["kind"]), (&json!(null), &json!("json")), "{check}");
        assert_eq!((&results[3]["id"], &results[3]["result"]), (&json!(["f"]), &json!("FAIL")), "{check}: {}", results[3]);
        if check != "valid" {
            assert_eq!(results[3]["reasons"][0]["statementIndex"], 0, "{check}");
            assert!(results[3]["witness"]["action"].is_string() && results[0]["witness"].is_null(), "{check}");
        }
        let ran = leastwise(&["check", check, "--batch", "-"], &format!("{fail}\n{pass}"));
        assert_eq!(ran.status, 1, "{check}");
        assert_eq!(leastwise(&["check", check, "--batch", "-"], &pass.to_string()).status, 0, "{check}");
    }
}

#[test]
fn a_request_without_a_key_that_its_principal_has_says_so_and_is_confirmed() {
    let folder = Folder::new();
    let with = |operator: &str| {
        let text = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
            "Condition": {operator: {"aws:username": "bob"}}}});
        folder.file(&format!("{operator}.json"), text.to_string())
    };
    let (old, new) = (with("StringEquals"), with("StringEqualsIfExists"));
    let report = parsed(&leastwise(&["check", "no-new-access", &old, &new, "--format", "json"], "").out);
    has_schema("check", &report);
    assert_eq!(report["witness"]["context"], json!({"aws:username": null}), "{report}");
    assert!(report["reasons"][0]["description"].as_str().unwrap().contains("when `aws:username` is missing"), "{report}");
    let request = folder.file("request.json", report["witness"].to_string());
    assert_eq!(leastwise(&["evaluate", "--request", &request, "--identity", &new], "").status, 0);
    assert_eq!(leastwise(&["evaluate", "--request", &request, "--identity", &old], "").status, 1);
}

#[test]
fn the_schema_refuses_what_has_another_form() {
    let good = json!({"id": 1, "result": "FAIL", "message": "m", "witness": null,
        "reasons": [{"statementId": null, "statementIndex": 0, "description": "d"}]});
    has_schema("check", &good);
    for (member, value) in
        [("result", json!("MAYBE")), ("reasons", json!([])), ("witness", json!({"action": "a:B"})), ("odd", json!(1))]
    {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(std::panic::catch_unwind(|| has_schema("check", &bad)).is_err(), "{member}");
    }
}

#[test]
fn a_baseline_knows_an_answer_only_to_the_same_question() {
    let folder = Folder::new();
    let both =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","iam:PassRole"],"Resource":"*"}]}"#;
    folder.file("policy.json", both);
    let (policy, baseline) = (folder.path("policy.json"), folder.path("baseline.json"));
    let check = |actions: &str, more: &[&str]| {
        leastwise(&[&["check", "access-not-granted", &policy, "--actions", actions], more].concat(), "")
    };
    let first = check("s3:GetObject", &["--format", "json"]);
    assert_eq!(first.status, 1);
    folder.file("baseline.json", first.out);
    assert_eq!(check("s3:GetObject", &["--baseline", &baseline]).status, 0);
    assert_eq!(check("iam:PassRole", &["--baseline", &baseline]).status, 1);
    assert_eq!(check("s3:GetObject", &["--resources", "arn:aws:s3:::b/*", "--baseline", &baseline]).status, 1);
}

#[test]
fn what_is_not_known_does_not_pass() {
    let folder = Folder::new();
    folder.file(
        "template.yaml",
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Policies:\n        - S3ReadPolicy:\n            BucketName: b\n        - Statement:\n            - Effect: Allow\n              Action: sqs:SendMessage\n              Resource: '*'\n",
    );
    let ran = leastwise(&["check", "access-not-granted", &folder.path("template.yaml"), "--actions", "s3:ListBucket"], "");
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("S3ReadPolicy") && ran.out.contains("1 policy not checked"), "{}", ran.out);
}
