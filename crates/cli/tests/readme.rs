//! Every `console` block of the README is run, and what it shows is what comes out.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{leastwise, root};

/// The commands of the README with the output that it shows.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let body = block.split("```").next().unwrap();
        let (command, shown) = body.split_once('\n').unwrap();
        out.push((command.strip_prefix("$ ").unwrap().to_owned(), shown.to_owned()));
    }
    out
}

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(blocks.len() >= 2);
    for (command, shown) in blocks {
        let arguments = command
            .strip_prefix("cargo run --quiet --no-default-features --bin leastwise -- ")
            .expect("a README command runs the built program");
        let ran = leastwise(&arguments.split_whitespace().collect::<Vec<_>>(), "");
        assert_eq!(ran.out, shown, "{command}\n{}", ran.err);
    }
}

#[test]
fn every_file_that_the_documents_link_to_exists() {
    for document in
        ["README.md", "ARCHITECTURE.md", "DESIGN.md", "COMPARE.md", "CHANGELOG.md", "docs/semantics.md", "docs/glossary.md"]
    {
        let path = root().join(document);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{document}: {e}"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(path.parent().unwrap().join(target).exists(), "{document} links to {target}, which does not exist");
            }
        }
    }
}
