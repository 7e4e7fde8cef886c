//! The linter on made-up organizations: nothing that their generator writes is an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use leastwise::checks::{PolicyType, Severity, valid};
use leastwise_demo::{Options, generate};
use leastwise_policy::Catalogue;
use leastwise_policy::catalogue::import::{ImportHints, SourceFile, import};
use serde_json::Value;

/// Every policy document within a file of account authorization details, with the kind that it is.
fn documents(value: &Value, out: &mut Vec<(PolicyType, String)>) {
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                let kind = match key.as_str() {
                    "AssumeRolePolicyDocument" => PolicyType::Resource,
                    "PolicyDocument" | "Document" => PolicyType::Identity,
                    _ => {
                        documents(inner, out);
                        continue;
                    }
                };
                out.push((kind, inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| documents(item, out)),
        _ => {}
    }
}

#[test]
fn no_policy_of_a_made_up_organization_is_an_error() {
    for seed in 1..=3 {
        let options =
            Options { seed, roles: 150, users: 40, accounts: 4, events: 0, days: 12, tracking_period: 10, ..Options::default() };
        let mut files = BTreeMap::new();
        generate(&options, &mut |name, bytes| {
            files.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        })
        .unwrap();
        let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
        let reference: Vec<(String, String)> =
            files.keys().filter(|name| name.starts_with("service-reference/")).map(|name| (name.clone(), text(name))).collect();
        let sources: Vec<SourceFile<'_>> = reference.iter().map(|(path, text)| SourceFile { path, text }).collect();
        let hints = ImportHints { date: Some("2026-11-01"), version: Some("demo"), ..ImportHints::default() };
        let own = import(&sources, &hints).unwrap().catalogue;

        let mut found = Vec::new();
        for name in files.keys().filter(|name| name.starts_with("account/") && name.ends_with(".json")) {
            documents(&serde_json::from_str(&text(name)).unwrap(), &mut found);
        }
        assert!(found.len() > 200, "{} documents", found.len());
        let mut wrong = Vec::new();
        for (kind, document) in &found {
            // The generator's own catalog lacks a few names of AWS, and AWS's lacks what the generator makes up: an error is what
            // both say.
            let errors = |catalogue: &Catalogue| {
                let findings = valid(document, Some(*kind), catalogue).findings;
                findings.into_iter().filter(|f| f.severity == Severity::Error).collect::<Vec<_>>()
            };
            let by_aws = errors(Catalogue::embedded());
            let both = errors(&own).into_iter().filter(|f| by_aws.iter().any(|g| (g.code, g.span) == (f.code, f.span)));
            wrong.extend(both.map(|f| format!("{}: {}\n{document}", f.code, f.message)));
        }
        assert!(wrong.is_empty(), "{} errors, such as\n{}", wrong.len(), wrong[0]);
    }
}
