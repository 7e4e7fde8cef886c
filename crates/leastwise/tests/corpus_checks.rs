//! Each file of `corpus/checks` names one check, documents with the findings that they must give, and the sentence that each proves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use leastwise_policy::{Catalogue, json};

use leastwise::checks::{CHECKS, PolicyType, valid};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `code path line:column`, as a corpus file lists findings.
fn told(text: &str, kind: Option<PolicyType>) -> Vec<String> {
    valid(text, kind, Catalogue::embedded())
        .findings
        .iter()
        .map(|f| format!("{} {} {} {}:{}", f.severity, f.code, f.path, f.line, f.column))
        .collect()
}

struct Case {
    title: String,
    kind: Option<PolicyType>,
    policy: String,
    findings: Vec<String>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { title: title.to_owned(), kind: None, policy: String::new(), findings: Vec::new() });
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(kind) = line.strip_prefix("- type: ") {
            case.kind = Some(match kind {
                "identity" => PolicyType::Identity,
                "resource" => PolicyType::Resource,
                "scp" => PolicyType::ServiceControl,
                "rcp" => PolicyType::ResourceControl,
                other => panic!("no such type: {other}"),
            });
        } else if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|l| !l.starts_with("```")).collect();
            match info {
                "json" => case.policy = body.join("\n"),
                _ => case.findings = body.into_iter().map(str::to_owned).collect(),
            }
        }
    }
    cases
}

#[test]
fn every_case_of_the_corpus_gives_the_findings_as_written() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for check in &CHECKS {
        let file = root().join(format!("corpus/checks/{}.md", check.code));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let cases = cases(&text);
        let says = |case: &Case| case.findings.iter().any(|f| f.split(' ').nth(1) == Some(check.code));
        assert!(cases.iter().any(says), "no case of {} finds anything", check.code);
        assert!(cases.iter().any(|c| !says(c)), "no case of {} finds nothing of it", check.code);
        for case in cases {
            count += 1;
            let told = told(&case.policy, case.kind);
            if told != case.findings {
                wrong.push(format!("{}: {}\n{}", check.code, case.title, told.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(count >= 2 * CHECKS.len());
}

#[test]
fn every_check_has_its_own_code_source_page_and_corpus_file() {
    let mut codes: Vec<&str> = CHECKS.iter().map(|c| c.code).collect();
    for code in &codes {
        let source = root().join(format!("crates/leastwise/src/checks/{}.rs", code.replace('-', "_")));
        assert!(source.exists(), "{code} has no source");
        let page = root().join(format!("docs/checks/{code}.md"));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        assert!(page.starts_with(&format!("# {code}\n")), "the page of {code} has another title");
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), CHECKS.len());
    for (folder, extension) in [("docs/checks", "md"), ("corpus/checks", "md")] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let code = name.strip_suffix(&format!(".{extension}")).unwrap_or(&name);
            assert!(code == "README" || codes.binary_search(&code).is_ok(), "{folder}/{name} is of no check");
        }
    }
}

#[test]
fn a_large_adversarial_document_is_checked_to_its_end() {
    let actions: Vec<String> = (0..8000).map(|i| format!("\"s3:*{i}*a*\"")).collect();
    let resources: Vec<String> = (0..3000).map(|i| format!("\"arn:aws:s3:::*a*{i}*b*\"")).collect();
    let statements: Vec<String> = (0..1500)
        .map(|i| format!(r#"{{"Effect": "Allow", "Action": ["s3:GetObjekt{i}"], "Resource": "arn:aws:s3:::*{i}"}}"#))
        .collect();
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": [{}, "s3:GetObject"], "Resource": [{}]}}, {}]}}"#,
        actions.join(","),
        resources.join(","),
        statements.join(",")
    );
    let findings = valid(&text, None, Catalogue::embedded()).findings;
    assert!(findings.iter().filter(|f| f.code == "unknown-action").count() >= 1500);
}

#[test]
fn spans_cut_out_what_a_finding_is_about() {
    let text = "{\"Version\": \"2012-10-17\", \"Statement\": [\n {\"Effect\": \"Allow\", \"Action\": [\"s3:Gett\"], \"Resource\": \"*\"}]}";
    assert!(json::parse(text).is_ok());
    let findings = valid(text, None, Catalogue::embedded()).findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].span.of(text), "\"s3:Gett\"");
    assert_eq!((findings[0].line, findings[0].column, findings[0].end_line, findings[0].end_column), (2, 33, 2, 42));
}
