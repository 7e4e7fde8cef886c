//! Runs `corpus/refine/*.md`: each case is a policy, an unused list and the document that must come out.

use std::path::{Path, PathBuf};

use leastwise::refine::{Choices, Generalization, NotActionForm, refine};
use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::{Policy, Unused};

/// One case as its Markdown says it.
struct Case {
    settings: Vec<(String, String)>,
    blocks: Vec<(String, String)>,
}

impl Case {
    fn read(text: &str) -> Case {
        let (mut settings, mut blocks) = (Vec::new(), Vec::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some((key, value)) = line.strip_prefix("- ").and_then(|l| l.split_once(": ")) {
                settings.push((key.to_owned(), value.to_owned()));
            } else if let Some(info) = line.strip_prefix("```") {
                let body: Vec<&str> = lines.by_ref().take_while(|l| !l.starts_with("```")).collect();
                let name = info.split_whitespace().last().unwrap_or_default();
                blocks.push((name.to_owned(), body.join("\n") + "\n"));
            }
        }
        Case { settings, blocks }
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    fn block(&self, name: &str) -> Option<&str> {
        self.blocks.iter().find(|(n, _)| n == name).map(|(_, b)| b.as_str())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_case_of_the_corpus_comes_out_as_written() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("corpus/refine")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "md") && f.file_name().is_some_and(|n| n != "README.md"));
    files.sort();
    assert!(files.len() >= 20, "the corpus has only {} cases", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let case = Case::read(&std::fs::read_to_string(file).unwrap());
        if let Err(message) = run(&case) {
            wrong.push(format!("{}: {message}", file.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

fn run(case: &Case) -> Result<(), String> {
    let catalogue = case.setting("catalogue").map(|name| {
        let text = std::fs::read_to_string(root().join(format!("corpus/catalogues/{name}.txt"))).unwrap();
        Catalogue::parse(text).unwrap()
    });
    let catalogue = catalogue.as_ref().unwrap_or(Catalogue::embedded());
    let choices = Choices {
        generalization: if case.setting("generalize") == Some("closed") { Generalization::Closed } else { Generalization::Open },
        not_action: if case.setting("not-action") == Some("rewrite") {
            NotActionForm::RewriteWhenShorter
        } else {
            NotActionForm::Keep
        },
        compact: case.setting("compact") == Some("yes"),
    };
    let text = case.block("policy").ok_or("no `policy` block")?;
    let policy = Policy::parse(text).map_err(|e| e.to_string())?;
    let unused = Unused::parse(case.block("unused").ok_or("no `unused` block")?).map_err(|e| e.to_string())?;
    let candidate = refine(&policy, &unused, catalogue, choices);
    let warnings: Vec<&str> = candidate.warnings.iter().map(|w| w.code.as_str()).collect();
    let proved = leastwise_proof::certify(&policy, &unused, catalogue, candidate.clone())
        .map_err(|r| format!("refuted: {r}\n{:?}", candidate.text))?;
    let expected = match (case.setting("result"), case.block("result")) {
        (Some("detach"), None) => None,
        (Some("unchanged"), None) => Some(text),
        (None, Some(result)) => Some(result),
        _ => return Err("give a `result` block, or `- result: detach` or `unchanged`".to_owned()),
    };
    if proved.text.as_deref() != expected {
        return Err(format!(
            "expected\n{}\ngot\n{}",
            expected.unwrap_or("(detach)"),
            proved.text.as_deref().unwrap_or("(detach)")
        ));
    }
    let wanted: Vec<&str> = case.setting("warnings").map(|w| w.split(", ").collect()).unwrap_or_default();
    if warnings != wanted {
        return Err(format!("expected the warnings {wanted:?}, got {:?}", proved.warnings));
    }
    Ok(())
}
