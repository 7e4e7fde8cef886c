//! `leastwise evaluate`: decisions, the statements behind them, exit statuses, batches.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, has_schema, leastwise};
use serde_json::{Value, json};

const REQUEST: &str = r#"{"principal": "arn:aws:iam::111122223333:user/ana", "action": "s3:GetObject", "resource": "arn:aws:s3:::logs/a", "resourceAccount": "111122223333"}"#;
const READ: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}"#;
const LIST: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Sid": "List", "Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}"#;
const NOTHING: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Nothing", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}"#;

#[test]
fn the_status_and_the_first_line_are_the_decision() {
    let folder = Folder::new();
    let request = folder.file("request.json", REQUEST);
    let (read, list, nothing) =
        (folder.file("read.json", READ), folder.file("list.json", LIST), folder.file("nothing.json", NOTHING));
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--identity", &list, "--identity", &read], 0, "Allowed\n  by identity policy 1, statement 0 `Read`\n"),
        (&["--identity", &list], 1, "ImplicitlyDenied\n  no identity policy allows it\n"),
        (&["--identity", &read, "--boundary", &list], 1, "ImplicitlyDenied\n  no permissions boundary allows it\n"),
        (&["--identity", &read, "--session", &nothing], 1, "ExplicitlyDenied\n  by session policy 0, statement 0 `Nothing`\n"),
        (
            &["--identity", &read, "--scp", &read, "--scp", &list],
            1,
            "ImplicitlyDenied\n  no service control policy of level 1 allows it\n",
        ),
    ];
    for (policies, status, out) in cases {
        let mut arguments = vec!["evaluate", "--request", &request];
        arguments.extend(policies);
        let ran = leastwise(&arguments, "");
        assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (status, out, ""), "{policies:?}");
    }
}

#[test]
fn a_list_in_one_file_is_one_level() {
    let folder = Folder::new();
    let request = folder.file("request.json", REQUEST);
    let read = folder.file("read.json", READ);
    let level = folder.file("level.json", format!("[{LIST}, {READ}]"));
    let ran = leastwise(&["evaluate", "--request", &request, "--identity", &read, "--scp", &level], "");
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let empty = folder.file("empty.json", "[]");
    let ran = leastwise(&["evaluate", "--request", &request, "--identity", &read, "--scp", &empty], "");
    assert_eq!(ran.status, 1, "an empty level allows nothing");
}

#[test]
fn explanations_say_of_every_statement_why_it_does_not_apply() {
    let folder = Folder::new();
    let (read, list) = (folder.file("read.json", READ), folder.file("list.json", LIST));
    let arguments = ["evaluate", "--request", "-", "--identity", &list, "--identity", &read, "--explain"];
    let ran = leastwise(&arguments, REQUEST);
    assert_eq!(ran.status, 0);
    assert!(
        ran.out.contains("identity policy 0, statement 0 `List` (Allow): `Action` does not match `s3:GetObject`"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("identity policy 1, statement 0 `Read` (Allow): applies"), "{}", ran.out);
    let mut arguments = arguments.to_vec();
    arguments.extend(["--format", "json"]);
    let report: Value = serde_json::from_str(&leastwise(&arguments, REQUEST).out).unwrap();
    has_schema("evaluate", &report);
    assert_eq!(report["schema"], "leastwise.evaluate/1");
    assert_eq!(report["decision"], "Allowed");
    assert_eq!(report["deciding"], json!([{"policy": "identity", "policyIndex": 1, "statementIndex": 0, "sid": "Read"}]));
    assert_eq!(report["explanation"].as_array().unwrap().len(), 2);
}

#[test]
fn bad_input_is_named_with_its_file_and_ends_with_2() {
    let folder = Folder::new();
    let request = folder.file("request.json", REQUEST);
    let wild = folder.file("wild.json", REQUEST.replace("GetObject", "Get*"));
    let broken = folder.file("broken.json", "{");
    for (arguments, part) in [
        (vec!["evaluate", "--request", &wild], "`s3:Get*` is not the name of an action"),
        (vec!["evaluate", "--request", &broken], "broken.json: line 1, column 2"),
        (vec!["evaluate", "--request", &request, "--identity", &broken], "broken.json: line 1, column 2"),
        (vec!["evaluate", "--request", "absent.json"], "absent.json"),
        (vec!["evaluate"], "--request"),
    ] {
        let ran = leastwise(&arguments, "");
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains(part), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_batch_answers_in_order_and_goes_on_after_bad_lines() {
    let policy = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let request = policy(REQUEST);
    let mut lines = Vec::new();
    for id in 0..600 {
        let identity = [policy(READ), policy(LIST)];
        lines.push(match id % 3 {
            0 => {
                json!({"id": id, "request": request, "identity": identity, "scps": [[policy(READ)], [policy(READ)]]}).to_string()
            }
            1 => json!({"id": id, "request": request, "identity": identity, "rcps": [[policy(NOTHING)]]}).to_string(),
            _ => json!({"id": id, "identity": identity}).to_string(),
        });
    }
    let ran = leastwise(&["evaluate", "--batch", "-"], &lines.join("\n"));
    assert_eq!((ran.status, ran.err.as_str()), (2, ""));
    let results: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), 600);
    for (id, result) in results.iter().enumerate() {
        has_schema("evaluate", result);
        assert_eq!(result["id"], json!(id));
        match id % 3 {
            0 => assert_eq!(result["decision"], "Allowed"),
            1 => assert_eq!(
                (&result["decision"], &result["deciding"]),
                (
                    &json!("ExplicitlyDenied"),
                    &json!([{"policy": "rcps", "level": 0, "policyIndex": 0, "statementIndex": 0, "sid": "Nothing"}])
                )
            ),
            _ => assert_eq!((&result["error"]["kind"], &result["error"]["line"]), (&json!("case"), &json!(id + 1))),
        }
    }
    let good: Vec<&String> = lines.iter().step_by(3).collect();
    let ran = leastwise(&["evaluate", "--batch", "-"], &good.iter().map(|l| l.as_str()).collect::<Vec<_>>().join("\n"));
    assert_eq!(ran.status, 0);
}

#[test]
fn keys_that_the_principal_determines_are_there_unless_the_context_says_otherwise() {
    let folder = Folder::new();
    let own = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::logs/${aws:username}"}}"#;
    let own = folder.file("own.json", own);
    let status = |context: &str| {
        let request = format!(
            r#"{{"principal": "arn:aws:iam::111122223333:user/ana", "action": "s3:GetObject", "resource": "arn:aws:s3:::logs/ana"{context}}}"#
        );
        let ran = leastwise(&["evaluate", "--request", "-", "--identity", &own, "--format", "json"], &request);
        has_schema("evaluate", &serde_json::from_str(&ran.out).unwrap());
        ran.status
    };
    assert_eq!(status(""), 0);
    assert_eq!(status(r#", "context": {"AWS:UserName": "bob"}"#), 1);
    assert_eq!(status(r#", "context": {"aws:username": null}"#), 1);
}

#[test]
fn places_in_a_line_of_a_batch_are_columns() {
    let lines = "{\"id\": 1, \"request\": {\"principal\": \"ana\", \"action\": \"s3:GetObject\"}}\n{\n";
    let ran = leastwise(&["evaluate", "--batch", "-"], lines);
    let results: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.status, results.len()), (2, 2));
    let message = |at: usize| results[at]["error"]["message"].as_str().unwrap().to_owned();
    assert!(message(0).starts_with("column 36: `ana` is not a principal"), "{}", message(0));
    assert!(message(1).starts_with("column 2: "), "{}", message(1));
    results.iter().for_each(|result| has_schema("evaluate", result));
}

const DENY_IN_DOUBT: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Sid": "Typo", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEqual": {"aws:username": "ana"}}}]}"#;

#[test]
fn what_cannot_be_read_leaves_the_answer_undecided_with_status_2() {
    let folder = Folder::new();
    let (request, policy) = (folder.file("request.json", REQUEST), folder.file("policy.json", DENY_IN_DOUBT));
    let ran = leastwise(&["evaluate", "--request", &request, "--identity", &policy], "");
    assert_eq!(ran.status, 2);
    let expected = "Undecided\n  cannot decide: identity policy 0, statement 1 `Typo`: `StringEqual` is not a condition operator; did you mean `StringEquals`?\n";
    assert_eq!(ran.out, expected);
    let line = format!(r#"{{"request": {REQUEST}, "identity": [{}]}}"#, DENY_IN_DOUBT.replace('\n', " "));
    let ran = leastwise(&["evaluate", "--batch", "-"], &line);
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    has_schema("evaluate", &result);
    assert_eq!((ran.status, &result["decision"]), (2, &json!("Undecided")));
    assert!(result["unclear"][0].as_str().unwrap().contains("StringEqual"));
}

#[test]
fn members_that_are_not_known_are_refused_with_what_was_meant() {
    let policy: Value = serde_json::from_str(NOTHING).unwrap();
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    for (member, meant) in [
        ("permissionsBoundary", "boundaries"),
        ("Boundaries", "boundaries"),
        ("scp", "scps"),
        ("RCPs", "rcps"),
        ("session_policy", "sessionPolicy"),
        ("resource-policy", "resourcePolicy"),
        ("Identity", "identity"),
        ("endpointPolicy", "vpcEndpointPolicy"),
    ] {
        let mut case = json!({"id": member, "request": request});
        case[member] = json!([policy]);
        let ran = leastwise(&["evaluate", "--batch", "-"], &case.to_string());
        assert_eq!(ran.status, 2, "{member}: {}", ran.out);
        assert!(ran.out.contains(&format!("unknown member `{member}`; did you mean `{meant}`?")), "{}", ran.out);
    }
    for (member, meant) in [("Context", "context"), ("ResourceAccount", "resourceAccount"), ("actions", "action")] {
        let mut bad = request.clone();
        bad[member] = json!("x");
        let ran = leastwise(&["evaluate", "--request", "-"], &bad.to_string());
        assert_eq!(ran.status, 2);
        assert!(ran.err.contains(&format!("did you mean `{meant}`?")), "{}", ran.err);
    }
    let two = json!({"request": request, "resourcePolicy": [policy, policy]});
    assert!(leastwise(&["evaluate", "--batch", "-"], &two.to_string()).out.contains("holds 2 policies"));
}

#[test]
fn what_the_request_lacks_or_gets_wrong_is_said() {
    let folder = Folder::new();
    let policy = folder.file(
        "policy.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:PrincipalTag/team": "${aws:SourceVpce}"}}}}"#,
    );
    let run = |request: &str| {
        let ran = leastwise(&["evaluate", "--request", "-", "--identity", &policy, "--format", "json"], request);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        has_schema("evaluate", &report);
        report
    };
    let report = run(REQUEST);
    assert_eq!(report["missingContextKeys"], json!(["aws:SourceVpc", "aws:PrincipalTag/team", "aws:SourceVpce"]));
    for (request, note) in [
        (
            r#"{"principal": "111122223333", "action": "s3:GetObjekt", "resource": "arn:aws:s3:::b/k"}"#,
            "did you mean `GetObject`?",
        ),
        (r#"{"principal": "111122223333", "action": "s3:GetObject"}"#, "acts on resources of type accesspointobject, object"),
        (
            r#"{"principal": "111122223333", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/*"}"#,
            "taken as they are written",
        ),
        (r#"{"principal": "111122223333", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k"}"#, "is not given"),
        (
            r#"{"principal": "111122223333", "action": "s3:GetObject", "resource": "*", "context": {"aws:SourceIpp": "1.2.3.4"}}"#,
            "did you mean `aws:SourceIp`?",
        ),
    ] {
        let notes = run(request)["notes"].to_string();
        assert!(notes.contains(note), "{request}: {notes}");
    }
}
