//! What the reader of policy documents refuses: message, line, column and help, each as a user sees them.
//!
//! Also what it accepts although it looks odd, so that nobody makes it stricter by accident.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use leastwise_policy::document::MAX_BYTES;
use leastwise_policy::json::{MAX_DEPTH, Position};
use leastwise_policy::{Effect, Policy};

/// Reads `text`, which has to be refused, and says where and why in one line, the help behind an arrow.
fn refusal(text: &str) -> String {
    let error = Policy::parse(text).map(|_| format!("{text} is accepted")).unwrap_err();
    assert!(!error.help.is_empty(), "no help: {error}");
    let Position { line, column } = error.position;
    format!("{line}:{column} {} -> {}", error.message, error.help)
}

/// Each text has to be refused at that place, in those words; `help` is how the help begins.
fn refused(cases: &[(&str, &str, &str)]) {
    for (text, expected, help) in cases {
        let refusal = refusal(text);
        let (told, helped) = refusal.split_once(" -> ").unwrap();
        assert_eq!(told, *expected, "{text}");
        assert!(helped.starts_with(help), "{text}: the help is `{helped}`");
    }
}

/// A document whose only statement has these members.
fn statement(members: &str) -> String {
    format!("{{\"Statement\": {{{members}}}}}")
}

#[test]
fn what_is_not_json_is_refused_where_it_stops_being_json() {
    let json = "the document must be JSON (RFC 8259)";
    refused(&[
        ("", "1:1 the document ends where a value should be", json),
        ("\u{feff}", "1:1 the document ends where a value should be", json),
        (" \n\t", "2:2 the document ends where a value should be", json),
        ("Version: '2012-10-17'", "1:1 found `V` where a value should be", json),
        ("{'Statement': []}", "1:2 found `'` where a key in double quotes should be", json),
        ("{\"Statement\": [],}", "1:18 found `}` where a key in double quotes should be", json),
        ("{\"Statement\": [1,]}", "1:18 found `]` where a value should be", json),
        ("{\n  // mine\n}", "2:3 found `/` where a key in double quotes should be", json),
        ("{\"Statement\" []}", "1:14 found `[` where `:` should be", json),
        ("{\"Statement\": [{} {}]}", "1:19 found `{` where `,` or `]` should be", json),
        ("{\"Id\": \"x\" \"Statement\": []}", "1:12 found `\"` where `,` or `}` should be", json),
        ("{\"Statement\": [", "1:16 the document ends where a value should be", json),
        ("{\"Statement\": nul}", "1:15 found `n` where a value should be", json),
        ("{\"Statement\": True}", "1:15 found `T` where a value should be", json),
        ("{\"Statement\": 01}", "1:16 found `1` where `,` or `}` should be", json),
        ("{\"Statement\": -}", "1:16 found `}` where a digit should be", json),
        ("{\"Statement\": 1.}", "1:17 found `}` where a digit after the decimal point should be", json),
        ("{\"Statement\": 1e}", "1:17 found `}` where a digit of the exponent should be", json),
        ("{\u{a0}}", "1:2 found `\\u{a0}` where a key in double quotes should be", json),
        ("{\u{feff}}", "1:2 found `\\u{feff}` where a key in double quotes should be", json),
        ("{\"Statement\": \"é", "1:15 this string is not closed", "add the closing double quote"),
        ("\"\\", "1:2 this escape does not exist in JSON", "JSON knows"),
        ("\"é\\x41\"", "1:3 this escape does not exist in JSON", "JSON knows"),
    ]);
}

#[test]
fn text_behind_the_document_is_refused() {
    refused(&[
        ("{\"Statement\": []} x", "1:19 more text after the end of the document", "remove what follows"),
        ("{\"Statement\": []}\n{\"Statement\": []}", "2:1 more text after the end of the document", "remove what follows"),
        ("{\"Statement\": []}\u{0}", "1:18 more text after the end of the document", "remove what follows"),
    ]);
}

#[test]
fn characters_that_are_none_are_refused() {
    let surrogate = "write \\u and four hexadecimal digits; a surrogate needs its other half";
    let control = "write it as an escape";
    refused(&[
        ("{\"Id\": \"\\ud800\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\ud800x\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\ud800\\n\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\ud800\\u0041\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\udc00\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\udc00\\ud800\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\u12\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\u+123\"}", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"\\u12", "1:9 this escape is not a character", surrogate),
        ("{\"Id\": \"a\tb\"}", "1:10 a control character stands unescaped in a string", control),
        ("{\"Id\": \"a\nb\"}", "1:10 a control character stands unescaped in a string", control),
        ("{\"Id\": \"\u{0}\"}", "1:9 a control character stands unescaped in a string", control),
        ("{\"I\u{1f}d\": \"\"}", "1:4 a control character stands unescaped in a string", control),
    ]);
    let fine = Policy::parse("{\"Id\": \"\\ud83d\\ude00 \\u0000 \u{7f}\", \"Statement\": []}").unwrap();
    assert_eq!(fine.id(), Some("😀 \u{0} \u{7f}"));
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_depth_and_in_any_spelling() {
    let help = "keep one of the two: readers differ in which one they take";
    refused(&[
        (
            "{\n  \"Statement\": [],\n  \"Statement\": []\n}",
            "3:3 the key `Statement` stands twice in one object, first at line 2, column 3",
            help,
        ),
        (
            &statement("\"Effect\": \"Allow\", \"\\u0045ffect\": \"Deny\", \"Action\": \"*\""),
            "1:35 the key `Effect` stands twice in one object, first at line 1, column 16",
            help,
        ),
        (
            &statement("\"Effect\": \"Allow\", \"Action\": \"*\", \"Condition\": {\"Bool\": {\"k\": true, \"k\": false}}"),
            "1:84 the key `k` stands twice in one object, first at line 1, column 73",
            help,
        ),
        (
            "{\"Unknown\": [{\"a\": {\"\": 1, \"\": 2}}]}",
            "1:28 the key `` stands twice in one object, first at line 1, column 21",
            help,
        ),
    ]);
    // An object with many keys is searched in another way than one with few.
    let many: Vec<String> = (0..40).map(|n| format!("\"k{n}\": {n}")).collect();
    assert!(refusal(&format!("{{{}, \"k3\": 0}}", many.join(", "))).contains("the key `k3` stands twice"));
    assert!(refusal(&format!("{{{}, \"k39\": 0}}", many.join(", "))).contains("the key `k39` stands twice"));
    let differing = statement("\"Effect\": \"Allow\", \"Action\": \"*\", \"EFFECT\": \"Deny\"");
    assert_eq!(Policy::parse(&differing).unwrap().statements()[0].effect, Effect::Allow);
}

#[test]
fn elements_that_exclude_each_other_are_refused() {
    let both = "keep one of the two; IAM refuses a statement with both";
    refused(&[
        (
            &statement("\"Effect\": \"Allow\",\n \"Action\": \"*\",\n \"NotAction\": \"s3:*\""),
            "3:2 statement 0 has both `Action` and `NotAction`",
            both,
        ),
        (
            &statement("\"NotAction\": [], \"Effect\": \"Allow\", \"Action\": []"),
            "1:52 statement 0 has both `Action` and `NotAction`",
            both,
        ),
        (
            &statement("\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"NotResource\": \"*\""),
            "1:67 statement 0 has both `Resource` and `NotResource`",
            both,
        ),
        (
            &statement("\"Effect\": \"Allow\", \"Action\": \"*\", \"NotPrincipal\": \"*\", \"Principal\": \"*\""),
            "1:71 statement 0 has both `Principal` and `NotPrincipal`",
            both,
        ),
    ]);
}

#[test]
fn a_statement_without_what_it_must_have_is_refused() {
    let case = "keys are case-sensitive";
    refused(&[
        ("{}", "1:1 the document has no `Statement`", "add \"Statement\""),
        ("\u{feff}  {\"Version\": \"2012-10-17\"}", "1:3 the document has no `Statement`", "add \"Statement\""),
        ("{\"statement\": []}", "1:2 the document has no `Statement`", "add \"Statement\": […]; keys are case-sensitive"),
        ("{\"Statement\": {}}", "1:15 statement 0 has no `Effect`", "add \"Effect\""),
        (
            "{\"Statement\": [{\"Effect\": \"Deny\", \"Action\": \"*\"}, {\"Action\": \"*\"}]}",
            "1:51 statement 1 has no `Effect`",
            "add \"Effect\"",
        ),
        (&statement("\"effect\": \"Allow\", \"Action\": \"*\""), "1:16 statement 0 has no `Effect`", "add \"Effect\""),
        (
            &statement("\"Effect\": \"Allow\", \"Resource\": \"*\""),
            "1:15 statement 0 has neither `Action` nor `NotAction`",
            "add \"Action\"",
        ),
        (
            &statement("\"Effect\": \"Allow\", \"action\": \"*\""),
            "1:35 statement 0 has neither `Action` nor `NotAction`",
            "add \"Action\": […]; keys are case-sensitive",
        ),
        (
            &statement("\"Effect\": \"Allow\", \"Action\": \"*\", \"condition\": {}"),
            "1:50 `condition` is not an element of a statement",
            case,
        ),
        (
            &statement("\"Effect\": \"Allow\", \"Action\": \"*\", \"RESOURCE\": \"*\""),
            "1:50 `RESOURCE` is not an element of a statement",
            case,
        ),
    ]);
}

#[test]
fn values_of_another_type_are_refused() {
    let list = "write one string, or a list of strings";
    let quotes = "put the value in double quotes";
    let effect = "\"Effect\": \"Allow\"";
    refused(&[
        ("[]", "1:1 found a list where a policy document should be", "a policy is an object"),
        ("null", "1:1 found null where a policy document should be", "a policy is an object"),
        ("\"x\"", "1:1 found a string where a policy document should be", "a policy is an object"),
        ("\n 12.5e-3 ", "2:2 found a number where a policy document should be", "a policy is an object"),
        ("{\"Statement\": null}", "1:15 `Statement` is null", "write one statement object"),
        ("{\"Statement\": \"x\"}", "1:15 `Statement` is a string", "write one statement object"),
        ("{\"Statement\": [[]]}", "1:16 statement 0 is a list", "a statement is an object"),
        ("{\"Statement\": [null]}", "1:16 statement 0 is null", "a statement is an object"),
        ("{\"Version\": 20121017, \"Statement\": []}", "1:13 `Version` is a number, not a string", quotes),
        ("{\"Id\": {}, \"Statement\": []}", "1:8 `Id` is an object, not a string", quotes),
        (&statement("\"Sid\": 1"), "1:23 `Sid` is a number, not a string", quotes),
        (&statement("\"Effect\": null"), "1:26 `Effect` is null, not a string", "write \"Allow\" or \"Deny\""),
        (&statement("\"Effect\": [\"Allow\"]"), "1:26 `Effect` is a list, not a string", "write \"Allow\" or \"Deny\""),
        (&statement(&format!("{effect}, \"Action\": null")), "1:45 `Action` holds null", list),
        (&statement(&format!("{effect}, \"Action\": {{}}")), "1:45 `Action` holds an object", list),
        (&statement(&format!("{effect}, \"Action\": true")), "1:45 `Action` holds a boolean", list),
        (&statement(&format!("{effect}, \"Action\": [\"s3:*\", 5]")), "1:54 `Action` holds a number", list),
        (&statement(&format!("{effect}, \"Action\": [[\"s3:*\"]]")), "1:46 `Action` holds a list", list),
        (&statement(&format!("{effect}, \"NotAction\": [null]")), "1:49 `NotAction` holds null", list),
        (&statement(&format!("{effect}, \"Action\": \"*\", \"Resource\": {{}}")), "1:62 `Resource` holds an object", list),
        (&statement(&format!("{effect}, \"Action\": \"*\", \"NotResource\": [1]")), "1:66 `NotResource` holds a number", list),
        (&statement(&format!("{effect}, \"Action\": \"*\", \"Principal\": null")), "1:63 `Principal` is null", "write \"*\", or"),
        (
            &statement(&format!("{effect}, \"Action\": \"*\", \"Principal\": \"me\"")),
            "1:63 `Principal` is the string `me`",
            "write \"*\", or",
        ),
        (&statement(&format!("{effect}, \"Action\": \"*\", \"Principal\": {{\"AWS\": [[]]}}")), "1:72 `AWS` holds a list", list),
        (
            &statement(&format!("{effect}, \"Action\": \"*\", \"Condition\": []")),
            "1:63 `Condition` is a list, not an object",
            "a condition is",
        ),
        (
            &statement(&format!("{effect}, \"Action\": \"*\", \"Condition\": {{\"Bool\": \"x\"}}")),
            "1:72 `Bool` is a string, not an object of keys",
            "a condition is",
        ),
        (
            &statement(&format!("{effect}, \"Action\": \"*\", \"Condition\": {{\"Bool\": {{\"k\": null}}}}")),
            "1:78 `k` holds null",
            list,
        ),
    ]);
}

#[test]
fn an_effect_that_is_neither_is_refused() {
    let help = "write \"Allow\" or \"Deny\", with a capital letter";
    refused(&[
        (&statement("\"Effect\": \"allow\""), "1:26 unknown effect `allow`", help),
        (&statement("\"Effect\": \"Audit\""), "1:26 unknown effect `Audit`", help),
        (&statement("\"Effect\": \"\""), "1:26 unknown effect ``", help),
        (&statement("\"Effect\": \"Allow \""), "1:26 unknown effect `Allow `", help),
    ]);
}

#[test]
fn an_action_that_is_no_pattern_is_refused() {
    let wildcard = "name each service, such as `s3:Get*`, or write `*` for everything";
    let service = "write `service:Action`, such as `s3:GetObject`, or `*` for everything";
    let action = |value: &str| statement(&format!("\"Effect\": \"Allow\", \"Action\": {value}"));
    for (value, message, help) in [
        ("\"s*:Get\"", "1:45 `s*:Get` has a wildcard in its service prefix", wildcard),
        ("\"*:GetObject\"", "1:45 `*:GetObject` has a wildcard in its service prefix", wildcard),
        ("\"?3:*\"", "1:45 `?3:*` has a wildcard in its service prefix", wildcard),
        ("\"s3*\"", "1:45 `s3*` has a wildcard in its service prefix", wildcard),
        ("\"**\"", "1:45 `**` has a wildcard in its service prefix", wildcard),
        ("[\"s3:*\", \"\\u002a3:*\"]", "1:54 `*3:*` has a wildcard in its service prefix", wildcard),
        ("\"GetObject\"", "1:45 `GetObject` has no service prefix", service),
        ("\":GetObject\"", "1:45 `:GetObject` has no service prefix", service),
        ("\"\"", "1:45 `` has no service prefix", service),
        ("[\"s3:*\",\n \"\"]", "2:2 `` has no service prefix", service),
    ] {
        refused(&[(&action(value), message, help)]);
    }
}

#[test]
fn nesting_of_any_depth_is_refused_without_overflowing_the_stack() {
    let deep = format!("nested deeper than {MAX_DEPTH} levels");
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]")] {
        for closed in [true, false] {
            let text = open.repeat(10_000) + "1" + &close.repeat(if closed { 10_000 } else { 0 });
            // A thread with little stack: a reader that recursed once a level would end it.
            let reader = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || refusal(&text)).unwrap();
            let told = reader.join().unwrap();
            assert!(told.contains(&deep) && told.contains("is this the right file?"), "{told}");
        }
    }
    assert_eq!(refusal(&"[".repeat(10_000)).split(' ').next(), Some("1:65"));
    // As deep as it may be: an unknown key is read over, whatever is in it.
    let levels = MAX_DEPTH - 1;
    let text = format!("{{\"Statement\": [], \"x\": {}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(Policy::parse(&text).unwrap().unknown_keys().len(), 1);
}

#[test]
fn a_document_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let document = |bytes: usize| {
        let (head, tail) = ("{\"Id\": \"", "\", \"Statement\": []}");
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    assert!(Policy::parse(&document(MAX_BYTES)).is_ok());
    let refusal = refusal(&document(MAX_BYTES + 1));
    let expected = format!("1:1 the document has {} bytes, more than the limit of {MAX_BYTES} -> an IAM policy", MAX_BYTES + 1);
    assert!(refusal.starts_with(&expected), "{refusal}");
}

#[test]
fn a_broken_percent_encoding_is_refused() {
    let told = "this looks percent-encoded, but an escape in it is broken";
    refused(&[
        ("%7B%2", &format!("1:4 {told}"), "give the document as JSON"),
        ("%7b%22%zz", &format!("1:7 {told}"), "give the document as JSON"),
        ("\n%7B%C3%28%7D", &format!("2:1 {told}"), "give the document as JSON"),
        ("%7B%7D", "1:1 the document has no `Statement`", "add \"Statement\""),
    ]);
}

#[test]
fn what_looks_odd_but_is_allowed_is_read() {
    for text in [
        "{\"Statement\": []}",
        "{\"Version\": \"2999-01-01\", \"Statement\": []}",
        "\r\n\t {\"Statement\":[{\"Effect\":\"Deny\",\"NotAction\":[],\"NotPrincipal\":{\"AWS\":[]}}]}\r\n",
        "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:\", \"Resource\": []}}",
        "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*:*\", \"Condition\": {}}}",
        "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": [\"a:b:c\"], \"Condition\": {\"X\": {\"k\": [1, true, \"s\", -0.5e9]}}}}",
    ] {
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.edited(&[]).as_deref(), Some(text));
    }
}
