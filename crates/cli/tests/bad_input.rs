//! Bad input gets a message that says what, where and what to do, and status 2; nothing is printed to standard output.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, leastwise};

/// Runs `refine` on a bad policy and expects each of `parts` in the message.
fn refused(policy: &[u8], parts: &[&str]) {
    let folder = Folder::new();
    let policy = folder.file("bad.json", policy);
    let unused = folder.file("unused.txt", "s3\n");
    let ran = leastwise(&["refine", &policy, "--unused", &unused], "");
    assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.starts_with("error: ") && ran.err.contains("bad.json") && ran.err.contains("\n  help: "), "{}", ran.err);
    for part in parts {
        assert!(ran.err.contains(part), "`{part}` is missing in: {}", ran.err);
    }
}

#[test]
fn what_is_not_json_is_refused() {
    refused(b"hello", &["line 1, column 1", "`h`"]);
    refused(b"", &["the document ends"]);
    refused(b"{\"Statement\": [,]}", &["line 1, column 16", "`,`"]);
    refused(b"{\"Statement\": []} x", &["line 1, column 19", "more text"]);
    refused(b"{\"Statement\": [\n{\"Effect\": \"Allow\", // why\n}]}", &["line 2, column 21"]);
}

#[test]
fn what_is_not_utf8_is_refused() {
    refused(b"{\"Sid\": \"\xff\"}", &["not UTF-8 at byte 9"]);
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    refused(
        b"{\"Statement\": [],\n \"\\u0053tatement\": []}",
        &["line 2, column 2", "`Statement` stands twice", "line 1, column 2"],
    );
}

#[test]
fn action_beside_not_action_is_refused_and_so_is_neither() {
    refused(
        br#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "NotAction": "iam:*"}}"#,
        &["column 53", "both `Action` and `NotAction`"],
    );
    refused(br#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#, &["neither `Action` nor `NotAction`"]);
    refused(br#"{"Statement": {"Effect": "Allow", "action": "s3:*"}}"#, &["column 35", "keys are case-sensitive"]);
}

#[test]
fn wrong_types_are_refused() {
    refused(b"[]", &["found a list"]);
    refused(br#"{"Statement": "Allow"}"#, &["`Statement` is a string"]);
    refused(br#"{"Statement": [7]}"#, &["statement 0 is a number"]);
    refused(br#"{"Statement": {"Effect": "Allow", "Action": 7}}"#, &["`Action` holds a number"]);
    refused(br#"{"Statement": {"Effect": "Allow", "Action": [["s3:*"]]}}"#, &["`Action` holds a list"]);
    refused(br#"{"Statement": {"Effect": true, "Action": "s3:*"}}"#, &["`Effect` is a boolean"]);
    refused(br#"{"Version": 2012, "Statement": []}"#, &["`Version` is a number"]);
    refused(br#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Condition": []}}"#, &["`Condition` is a list"]);
    refused(br#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Principal": "me"}}"#, &["`Principal` is the string `me`"]);
}

#[test]
fn an_unknown_effect_is_refused() {
    refused(
        b"{\"Statement\": {\n  \"Effect\": \"allow\", \"Action\": \"s3:*\"}}",
        &["line 2, column 13", "unknown effect `allow`", "capital letter"],
    );
}

#[test]
fn a_wildcard_in_the_service_prefix_is_refused() {
    refused(
        br#"{"Statement": {"Effect": "Allow", "Action": ["s3:Get*", "s*:Get*"]}}"#,
        &["column 57", "`s*:Get*` has a wildcard in its service prefix"],
    );
    refused(br#"{"Statement": {"Effect": "Allow", "Action": "GetObject"}}"#, &["`GetObject` has no service prefix"]);
}

#[test]
fn absurd_nesting_and_size_are_refused_without_a_crash() {
    refused("[".repeat(1_000_000).as_bytes(), &["nested deeper than 64 levels"]);
    refused(format!("{{\"Statement\": {}", "{\"a\":".repeat(100_000)).as_bytes(), &["nested deeper than 64 levels"]);
    refused(format!("{{\"Sid\": \"{}\"}}", "a".repeat(1_100_000)).as_bytes(), &["more than the limit of 1048576"]);
}

#[test]
fn an_unused_list_of_no_known_form_is_refused_with_the_three_forms() {
    let folder = Folder::new();
    for (bad, part) in [
        ("", "the list is empty"),
        ("s3:Get*", "has a wildcard"),
        ("{\"a\": 1}", "line 1, column 1"),
        ("[1]", "found a number"),
        ("[{\"serviceNamespace\": 3}]", "not a service prefix"),
    ] {
        let unused = folder.file("unused", bad);
        let ran = leastwise(&["refine", "examples/my-role/policy.json", "--unused", &unused], "");
        assert_eq!(ran.status, 2, "{bad}");
        for part in [part, "get-finding-v2", "serviceNamespace", "`s3:GetBucketAcl` for an action"] {
            assert!(ran.err.contains(part), "`{part}` is missing in: {}", ran.err);
        }
    }
}

#[test]
fn files_and_catalogues_that_cannot_be_read_are_named() {
    let missing = leastwise(&["refine", "no-such-file.json", "--unused", "x"], "");
    assert_eq!(missing.status, 2);
    assert!(missing.err.contains("no-such-file.json: No such file"), "{}", missing.err);
    let folder = leastwise(&["refine", "examples", "--unused", "x"], "");
    assert_eq!(folder.status, 2);
    let catalogue = leastwise(&["catalog", "info", "--catalog", "README.md"], "");
    assert_eq!(catalogue.status, 2);
    assert!(catalogue.err.contains("README.md: line 1"), "{}", catalogue.err);
}

#[test]
fn usage_errors_end_with_status_2_and_help_with_status_0() {
    assert_eq!(leastwise(&["refine"], "").status, 2);
    assert_eq!(leastwise(&["refine", "p.json"], "").status, 2);
    assert_eq!(leastwise(&["refine", "--batch", "x", "--format", "json"], "").status, 2);
    assert_eq!(leastwise(&["frobnicate"], "").status, 2);
    for arguments in
        [vec!["--help"], vec!["refine", "--help"], vec!["prove", "--help"], vec!["catalog", "--help"], vec!["--version"]]
    {
        let ran = leastwise(&arguments, "");
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{arguments:?}");
    }
    assert!(leastwise(&["refine", "--help"], "").out.contains("Examples:"));
}
