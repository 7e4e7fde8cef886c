//! Runs `corpus/evaluate`: every case, as its file says, with the failing ones named.
//!
//! The files are for people who write policies; nothing about the expected decisions is in here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::path::Path;

use leastwise_policy::evaluate::Case;
use leastwise_policy::json;
use toml::{Table, Value};

struct Corpus {
    failures: String,
    cases: usize,
}

impl Corpus {
    /// Evaluates a batch line and compares the decision.
    fn check(&mut self, name: &str, line: &str, decision: &str, decided_by: Option<&Vec<Value>>) {
        self.cases += 1;
        let node = json::parse(line).unwrap_or_else(|e| panic!("{name}: {e}\n{line}"));
        let case = Case::from_node(&node, line).unwrap_or_else(|e| panic!("{name}: {e}\n{line}"));
        let result = case.result();
        let deciding: Vec<String> = result
            .deciding
            .iter()
            .map(|d| match d.level {
                Some(level) => format!("{} {level}/{}/{}", d.member, d.policy, d.statement),
                None => format!("{} {}/{}", d.member, d.policy, d.statement),
            })
            .collect();
        let wanted = decided_by.map(|list| list.iter().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>());
        if result.decision.as_str() != decision || wanted.as_ref().is_some_and(|wanted| *wanted != deciding) {
            let _ = writeln!(self.failures, "\n{name}\n  expected {decision} {wanted:?}, got {} {deciding:?}", result.decision);
            for explanation in case.explain() {
                let _ = writeln!(self.failures, "    {explanation}");
            }
        }
    }

    fn file(&mut self, file: &str, table: &Table) {
        let tables = |key: &str| table.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        for (i, group) in tables("condition").iter().enumerate() {
            self.conditions(&format!("{file}, condition {i}"), group.as_table().unwrap());
        }
        for (i, group) in tables("resource").iter().enumerate() {
            self.resources(&format!("{file}, resource {i}"), group.as_table().unwrap());
        }
        for case in tables("case") {
            let case = case.as_table().unwrap();
            let name = format!("{file}: {}", text(case, "says"));
            let line = whole_case(table, case);
            self.check(&name, &line, text(case, "decision"), case.get("decided_by").and_then(Value::as_array));
        }
    }

    fn conditions(&mut self, place: &str, group: &Table) {
        let (operator, key) = (text(group, "operator"), group.get("key").map_or("k:Key", |k| k.as_str().unwrap()));
        assert!(!text(group, "rule").is_empty() && text(group, "source").starts_with("https://"), "{place}: rule and source");
        let version = group.get("version").map_or("2012-10-17", |v| v.as_str().unwrap());
        for row in group["rows"].as_array().unwrap() {
            let row = row.as_table().unwrap();
            let holds = row["holds"].as_bool().unwrap();
            let name = format!("{place} ({}): {operator} {row}", text(group, "rule"));
            let condition = format!(r#"{{"{operator}": {{"{key}": {}}}}}"#, as_json(&row["policy"]));
            let mut context = group.get("context").map_or_else(Table::new, |c| c.as_table().unwrap().clone());
            if let Some(value) = row.get("request") {
                context.insert(row.get("key").unwrap_or(&Value::from(key)).as_str().unwrap().to_owned(), value.clone());
            }
            let context = as_json(&Value::Table(context));
            let request = format!(
                r#"{{"principal": "arn:aws:iam::111122223333:user/ana", "action": "a:B", "resource": "*", "context": {context}}}"#
            );
            let all = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
            let line = |statements: String| {
                format!(r#"{{"request": {request}, "identity": [{{"Version": "{version}", "Statement": [{statements}]}}]}}"#)
            };
            let conditional =
                |effect| format!(r#"{{"Effect": "{effect}", "Action": "a:B", "Resource": "*", "Condition": {condition}}}"#);
            let (allow, deny) = if holds { ("Allowed", "ExplicitlyDenied") } else { ("ImplicitlyDenied", "Allowed") };
            self.check(&name, &line(conditional("Allow")), allow, None);
            self.check(&name, &line(format!("{all}, {}", conditional("Deny"))), deny, None);
        }
    }

    fn resources(&mut self, place: &str, group: &Table) {
        assert!(!text(group, "rule").is_empty() && text(group, "source").starts_with("https://"), "{place}: rule and source");
        let context = group.get("context").map_or("{}".to_owned(), as_json);
        let version = group.get("version").map_or("2012-10-17", |v| v.as_str().unwrap());
        for row in group["rows"].as_array().unwrap() {
            let [pattern, resource, matches] = row.as_array().unwrap().as_slice() else { panic!("{place}: {row}") };
            for (element, expected) in [("Resource", matches.as_bool().unwrap()), ("NotResource", !matches.as_bool().unwrap())] {
                let line = format!(
                    r#"{{"request": {{"principal": "arn:aws:iam::111122223333:user/ana", "action": "a:B", "resource": {},
                        "resourceAccount": "111122223333", "context": {context}}},
                        "identity": [{{"Version": "{version}", "Statement": {{"Effect": "Allow", "Action": "*", "{element}": {}}}}}]}}"#,
                    as_json(resource),
                    as_json(pattern)
                );
                let decision = if expected { "Allowed" } else { "ImplicitlyDenied" };
                self.check(&format!("{place} ({}): {element} {row}", text(group, "rule")), &line, decision, None);
            }
        }
    }
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no `{key}` in {table}"))
}

fn as_json(value: &Value) -> String {
    match value {
        Value::String(s) => format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\"")),
        Value::Array(items) => format!("[{}]", items.iter().map(as_json).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let members = table.iter().map(|(key, value)| format!("{}: {}", as_json(&Value::from(&**key)), as_json(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The batch line of a `[[case]]`.
fn whole_case(file: &Table, case: &Table) -> String {
    assert!(text(case, "source").starts_with("https://"), "{case}: source");
    let field = |key: &str| {
        case.get(key).or_else(|| file.get("defaults").and_then(Value::as_table).and_then(|defaults| defaults.get(key)))
    };
    let mut request = String::new();
    for (key, json_key) in [
        ("principal", "principal"),
        ("action", "action"),
        ("resource", "resource"),
        ("resource_account", "resourceAccount"),
        ("context", "context"),
    ] {
        if let Some(value) = field(key) {
            let _ = write!(request, "{}\"{json_key}\": {}", if request.is_empty() { "" } else { ", " }, as_json(value));
        }
    }
    let named = file.get("policies").and_then(Value::as_table);
    let policy = |value: &Value| -> String {
        let written = value.as_str().unwrap();
        let json = match named.and_then(|named| named.get(written)) {
            Some(json) => json.as_str().unwrap(),
            None => written,
        };
        assert!(json.trim_start().starts_with('{'), "no policy named `{written}`");
        // A statement alone stands for a policy of the current version.
        if json.contains("\"Statement\"") {
            json.to_owned()
        } else {
            format!(r#"{{"Version": "2012-10-17", "Statement": [{json}]}}"#)
        }
    };
    let list = |value: &Value| format!("[{}]", value.as_array().unwrap().iter().map(policy).collect::<Vec<_>>().join(", "));
    let levels = |value: &Value| format!("[{}]", value.as_array().unwrap().iter().map(list).collect::<Vec<_>>().join(", "));
    let mut line = format!("{{\"request\": {{{request}}}");
    for (json_key, written) in [
        ("identity", field("identity").map(list)),
        ("resourcePolicy", field("resource_policy").map(policy)),
        ("boundaries", field("boundaries").map(list)),
        ("sessionPolicy", field("session").map(policy)),
        ("scps", field("scps").map(levels)),
        ("rcps", field("rcps").map(levels)),
        ("vpcEndpointPolicy", field("vpc_endpoint_policy").map(policy)),
        ("objectOwner", field("object_owner").map(as_json)),
    ] {
        if let Some(written) = written {
            let _ = write!(line, ", \"{json_key}\": {written}");
        }
    }
    line.push('}');
    line
}

#[test]
fn every_case_of_the_corpus_is_decided_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/evaluate");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let mut corpus = Corpus { failures: String::new(), cases: 0 };
    for path in &files {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let table: Table = std::fs::read_to_string(path).unwrap().parse().unwrap_or_else(|e| panic!("{file}: {e}"));
        corpus.file(&file, &table);
    }
    assert!(corpus.cases > 600, "only {} cases ran", corpus.cases);
    println!("{} cases", corpus.cases);
    assert!(corpus.failures.is_empty(), "{}", corpus.failures);
}
