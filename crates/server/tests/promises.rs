//! The threat model names a test for each promise; each of them is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

/// All sources of tests of the server and of the command.
fn sources(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names of tests that a page cites, in the last column of its tables.
fn cited(page: &str) -> Vec<String> {
    let names = |text: &str| {
        let parts: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
        parts.into_iter().filter(|name| name.matches('_').count() > 3).map(str::to_owned).collect::<Vec<_>>()
    };
    page.lines().flat_map(names).collect()
}

#[test]
fn every_promise_of_the_threat_model_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut tests = String::new();
    for folder in ["crates/server/src", "crates/server/tests", "crates/cli/tests"] {
        sources(&root.join(folder), &mut tests);
    }
    let cited = cited(&page);
    assert!(cited.len() >= 20, "{}", cited.len());
    let is_there = |name: &String| tests.contains(&format!("fn {name}(")) || tests.contains(&format!("{name} => "));
    let missing: Vec<&String> = cited.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // Every promise has a test: a row of a table that is headed so has one.
    let mut is_promise = false;
    for line in page.lines() {
        if line.starts_with("| promise") {
            is_promise = true;
        } else if !line.starts_with('|') {
            is_promise = false;
        } else if is_promise && !line.starts_with("|---") {
            assert!(!cited.is_empty() && line.trim_end_matches([' ', '|']).ends_with('`'), "no test: {line}");
        }
    }
    assert!(
        page.contains("SECURITY.md")
            || std::fs::read_to_string(root.join("SECURITY.md")).unwrap().contains("docs/threat-model.md")
    );
}
