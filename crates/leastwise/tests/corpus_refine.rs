//! Runs `corpus/refine/*.md`: each case is a policy, an unused list and the document that must come out.
//!
//! Every case is also proved, and put to the laws of identity and idempotence. What a case may say is checked too, so
//! that a mistyped setting is no setting that is silently ignored. `corpus/README.md` describes the form.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use leastwise::refine::{Choices, Generalization, NotActionForm, refine};
use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::{Policy, Unused};

/// The settings that a case may have, and what they may be; a star stands for any value.
const SETTINGS: [(&str, &[&str]); 10] = [
    ("catalogue", &["*"]),
    ("generalize", &["closed"]),
    ("compact", &["yes"]),
    ("not-action", &["rewrite"]),
    ("result", &["detach", "unchanged"]),
    ("warnings", &["*"]),
    ("byte-order mark", &["yes"]),
    ("line ends", &["CRLF"]),
    ("final newline", &["no"]),
    ("percent-encoded", &["yes"]),
];

/// One case as its Markdown says it.
struct Case {
    title: String,
    prose: String,
    settings: Vec<(String, String)>,
    blocks: Vec<(String, String)>,
}

impl Case {
    fn read(text: &str) -> Case {
        let mut case = Case { title: String::new(), prose: String::new(), settings: Vec::new(), blocks: Vec::new() };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some((key, value)) = line.strip_prefix("- ").and_then(|l| l.split_once(": ")) {
                case.settings.push((key.to_owned(), value.to_owned()));
            } else if let Some(info) = line.strip_prefix("```") {
                let body: Vec<&str> = lines.by_ref().take_while(|l| !l.starts_with("```")).collect();
                let name = info.split_whitespace().last().unwrap_or_default();
                case.blocks.push((name.to_owned(), body.join("\n") + "\n"));
            } else if let Some(title) = line.strip_prefix("# ") {
                case.title.push_str(title);
            } else {
                case.prose += line;
            }
        }
        case
    }

    /// What is wrong with the case itself.
    fn faults(&self) -> Option<String> {
        for (at, (key, value)) in self.settings.iter().enumerate() {
            let known = SETTINGS.iter().any(|(k, values)| k == key && values.iter().any(|v| *v == "*" || v == value));
            if !known || self.settings.iter().take(at).any(|(k, _)| k == key) {
                return Some(format!("the setting `{key}: {value}` is unknown, or stands twice"));
            }
        }
        for (at, (name, _)) in self.blocks.iter().enumerate() {
            let twice = self.blocks.iter().take(at).any(|(n, _)| n == name);
            if twice || !["policy", "unused", "result"].contains(&name.as_str()) {
                return Some(format!("the block `{name}` is unknown, or stands twice"));
            }
        }
        match (self.title.is_empty(), self.prose.len()) {
            (true, _) => Some("it has no title".to_owned()),
            (_, ..60) => Some("it does not say why".to_owned()),
            _ => None,
        }
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    fn block(&self, name: &str) -> Option<&str> {
        self.blocks.iter().find(|(n, _)| n == name).map(|(_, b)| b.as_str())
    }

    /// A document of the case in the layout that its settings ask for.
    fn document(&self, name: &str) -> Option<String> {
        let mut text = self.block(name)?.to_owned();
        if self.setting("final newline") == Some("no") {
            text.truncate(text.trim_end().len());
        }
        if self.setting("line ends") == Some("CRLF") {
            text = text.replace('\n', "\r\n");
        }
        if self.setting("byte-order mark") == Some("yes") {
            text.insert(0, '\u{feff}');
        }
        Some(text)
    }

    fn choices(&self) -> Choices {
        let closed = self.setting("generalize") == Some("closed");
        let rewrite = self.setting("not-action") == Some("rewrite");
        Choices {
            generalization: if closed { Generalization::Closed } else { Generalization::Open },
            not_action: if rewrite { NotActionForm::RewriteWhenShorter } else { NotActionForm::Keep },
            compact: self.setting("compact") == Some("yes"),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every case, by the name of its file.
fn cases() -> Vec<(String, Case)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("corpus/refine")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let read = |file: &PathBuf| Case::read(&std::fs::read_to_string(file).unwrap());
    files.iter().map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), read(file))).collect()
}

/// Runs `check` over the whole corpus and shows every case that fails it.
fn every_case(check: impl Fn(&Case) -> Result<(), String>) {
    let cases = cases();
    assert!(cases.len() >= 60, "the corpus has only {} cases", cases.len());
    let wrong: Vec<String> =
        cases.iter().filter_map(|(name, case)| check(case).err().map(|message| format!("{name}: {message}"))).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn with_catalogue<R>(case: &Case, run: impl Fn(&Catalogue) -> R) -> R {
    match case.setting("catalogue") {
        None => run(Catalogue::embedded()),
        Some(name) => {
            let text = std::fs::read_to_string(root().join(format!("corpus/catalogues/{name}.txt"))).unwrap();
            run(&Catalogue::parse(text).unwrap())
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn inputs(case: &Case) -> Result<(Policy, Unused), String> {
    let text = case.document("policy").ok_or("no `policy` block")?;
    let given = if case.setting("percent-encoded") == Some("yes") { percent_encoded(&text) } else { text };
    let policy = Policy::parse(&given).map_err(|e| e.to_string())?;
    let unused = Unused::parse(case.block("unused").ok_or("no `unused` block")?).map_err(|e| e.to_string())?;
    Ok((policy, unused))
}

fn run(case: &Case, catalogue: &Catalogue) -> Result<(), String> {
    if let Some(fault) = case.faults() {
        return Err(fault);
    }
    let (policy, unused) = inputs(case)?;
    let candidate = refine(&policy, &unused, catalogue, case.choices());
    let warnings: Vec<&str> = candidate.warnings.iter().map(|w| w.code.as_str()).collect();
    let proved = leastwise_proof::certify(&policy, &unused, catalogue, candidate.clone())
        .map_err(|r| format!("refuted: {r}\n{:?}", candidate.text))?;
    let expected = match (case.setting("result"), case.document("result")) {
        (Some("detach"), None) => None,
        (Some("unchanged"), None) => case.document("policy"),
        (None, Some(result)) if Some(&result) != case.document("policy").as_ref() => Some(result),
        (None, Some(_)) => return Err("nothing changes; say `- result: unchanged`".to_owned()),
        _ => return Err("give a `result` block, or `- result: detach` or `unchanged`".to_owned()),
    };
    if proved.text != expected {
        let shown = |text: &Option<String>| text.clone().unwrap_or("(detach)".to_owned());
        return Err(format!("expected\n{}\ngot\n{}", shown(&expected), shown(&proved.text)));
    }
    if proved.is_unchanged() != (case.setting("result") == Some("unchanged")) {
        return Err(format!("it says that something changed, or not, and is wrong: {:?}", proved.changes));
    }
    let wanted: Vec<&str> = case.setting("warnings").map(|w| w.split(", ").collect()).unwrap_or_default();
    if warnings != wanted {
        return Err(format!("expected the warnings {wanted:?}, got {:?}", proved.warnings));
    }
    Ok(())
}

#[test]
fn every_case_of_the_corpus_comes_out_as_written() {
    every_case(|case| with_catalogue(case, |catalogue| run(case, catalogue)));
}

#[test]
fn no_case_of_the_corpus_changes_when_nothing_is_unused() {
    every_case(|case| {
        let (policy, _) = inputs(case)?;
        let same = with_catalogue(case, |c| refine(&policy, &Unused::default(), c, case.choices()));
        let expected = case.document("policy");
        if same.text == expected { Ok(()) } else { Err(format!("got\n{:?}", same.text)) }
    });
}

#[test]
fn no_case_of_the_corpus_changes_when_it_is_refined_again() {
    every_case(|case| {
        let (policy, unused) = inputs(case)?;
        with_catalogue(case, |catalogue| {
            let Some(once) = refine(&policy, &unused, catalogue, case.choices()).text else { return Ok(()) };
            let again = Policy::parse(&once).map_err(|e| e.to_string())?;
            let twice = refine(&again, &unused, catalogue, case.choices()).text;
            if twice.as_deref() == Some(once.as_str()) { Ok(()) } else { Err(format!("first\n{once}\nthen\n{twice:?}")) }
        })
    });
}

#[test]
fn the_files_of_the_corpus_are_numbered_without_gaps() {
    let numbers: Vec<String> = cases().iter().map(|(name, _)| name.split('-').next().unwrap().to_owned()).collect();
    let expected: Vec<String> = (1..=numbers.len()).map(|n| format!("{n:02}")).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn a_policy_of_150_kilobytes_is_refined_and_proved() {
    let statement = |at: usize| {
        format!(
            "    {{\n      \"Sid\": \"S{at}\",\n      \"Effect\": \"Allow\",\n      \"Action\": [\n        \"s3:GetObject\",\n        \
             \"s3:DeleteObject\"\n      ],\n      \"Resource\": \"arn:aws:s3:::bucket-{at}/*\"\n    }}"
        )
    };
    let all: Vec<String> = (0..1000).map(statement).collect();
    let text = format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n", all.join(",\n"));
    assert!(text.len() > 150_000, "{}", text.len());
    let (policy, unused) = (Policy::parse(&text).unwrap(), Unused::parse("s3:DeleteObject").unwrap());
    let result = refine(&policy, &unused, Catalogue::embedded(), Choices::default());
    let proved = leastwise_proof::certify(&policy, &unused, Catalogue::embedded(), result).unwrap();
    assert_eq!(proved.text.as_deref(), Some(text.replace(",\n        \"s3:DeleteObject\"", "").as_str()));
}
