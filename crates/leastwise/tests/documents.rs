//! The document reader on arbitrary text: the part of the fuzz target `document_roundtrip` that runs everywhere.
//!
//! Texts are made in three ways: any characters; documents of policy vocabulary in any order and nesting; and good
//! documents with a few bytes changed. A reader may refuse any of them; it may not panic, and what it reads it gives back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};
use leastwise_policy::{Policy, Unused};
use proptest::prelude::*;

/// A policy in an odd layout, with most of what the grammar has.
const WHOLE: &str = "\u{feff} {\"Version\" :\"2012-10-17\",\r\n\t\"Id\":\"\\u00e9\\ud83d\\ude00\", \"x\": [null, -1.5e3, {}],\"Statement\" : [ {\"Sid\":\"A\",
 \"Effect\":\"Allow\",\"Action\":[ \"s3:Get*\" ,\"sqs:SendMessage\"], \"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":true}}},
 {\"Effect\":\"Deny\",\"NotAction\":\"iam:*\",\"NotResource\":[],\"Principal\":{\"AWS\":[\"*\"]}} ] }\n";

/// Pieces of which documents are made, good ones and broken ones.
const PIECES: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\t",
    "\r\n",
    "\u{feff}",
    "\"Statement\":",
    "\"Effect\":\"Allow\"",
    "\"Effect\":\"Deny\"",
    "\"Action\":",
    "\"NotAction\":",
    "\"Resource\":\"*\"",
    "\"s3:Get*\"",
    "\"*\"",
    "\"s*:x\"",
    "\"\\u0073\"",
    "\"\\ud800\"",
    "\"",
    "\\",
    "null",
    "1e9",
    "-",
    "true",
    "é",
    "😀",
    "\u{0}",
    "%7B",
    "%",
    "{\"Effect\":\"Allow\",\"Action\":\"s3:*\"}",
];

fn text() -> impl Strategy<Value = String> {
    let pieces = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24).prop_map(|p| p.concat());
    let framed = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12)
        .prop_map(|p| format!("{{\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":{}}}]}}", p.concat()));
    let changed =
        proptest::collection::vec((any::<prop::sample::Index>(), proptest::sample::select(&PIECES[..]), 0usize..9), 0..4)
            .prop_map(|changes| {
                changes.into_iter().fold(WHOLE.to_owned(), |text, (at, piece, removed)| {
                    let mut characters: Vec<char> = text.chars().collect();
                    let at = at.index(characters.len().max(1));
                    let end = (at + removed).min(characters.len());
                    characters.splice(at.min(end)..end, piece.chars());
                    characters.into_iter().collect()
                })
            });
    let encoded = any::<Vec<u8>>().prop_map(|bytes| bytes.iter().fold("%7B".to_owned(), |text, b| text + &format!("%{b:02x}")));
    prop_oneof![2 => any::<String>(), 4 => pieces, 3 => framed, 4 => changed, 1 => encoded]
}

/// Unused lists of odd names, as rows and as lines.
fn list() -> impl Strategy<Value = String> {
    let name = || proptest::sample::select(&["s3", "GetObject", "", "a-b", "a#b", "a\nb", "s3:x", "*", " ", "é", "A.b_c"][..]);
    let row = (name(), proptest::option::of(proptest::collection::vec(name(), 0..3)))
        .prop_map(|(service, actions)| serde_json::json!({"serviceNamespace": service, "actions": actions}));
    let lines = proptest::collection::vec(name(), 0..4).prop_map(|lines| lines.join("\n"));
    prop_oneof![proptest::collection::vec(row, 0..3).prop_map(|rows| serde_json::json!(rows).to_string()), lines]
}

/// What holds of every text that is a policy. The fuzz target asserts the same.
fn is_read_faithfully(given: &str) -> Result<(), TestCaseError> {
    let policy = match Policy::parse(given) {
        Ok(policy) => policy,
        Err(error) => {
            let lines = given.split('\n').count();
            prop_assert!(error.position.line >= 1 && error.position.column >= 1, "{error}");
            prop_assert!(error.position.line <= lines || given.contains('%'), "{error} of {lines} lines");
            prop_assert!(!error.message.is_empty() && !error.help.is_empty());
            return Ok(());
        }
    };
    prop_assert!(policy.percent_encoded() || policy.text() == given, "the text has changed");
    let text = policy.text().to_owned();
    prop_assert_eq!(policy.edited(&[]), Some(text.clone()), "no edit changes the text");
    let keep_all: Vec<StatementEdit> = policy
        .statements()
        .iter()
        .filter(|s| !s.actions.patterns.is_empty())
        .map(|s| {
            let items = (0..s.actions.patterns.len()).map(Item::Kept).collect();
            StatementEdit::Actions(ActionEdit { negated: s.actions.negated, items })
        })
        .collect();
    if keep_all.len() == policy.statements().len() {
        prop_assert_eq!(policy.edited(&keep_all), Some(text.clone()), "an edit that keeps every pattern changes the text");
    }
    // The reader agrees with the common one on what is JSON.
    let body = text.trim_start_matches('\u{feff}');
    prop_assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "it is no JSON");
    prop_assert!(policy.quota_size() <= text.chars().count());
    // Taking out a statement leaves a document with the others.
    for statement in policy.statements() {
        let edits: Vec<StatementEdit> = (0..policy.statements().len())
            .map(|at| if at == statement.index { StatementEdit::Remove } else { StatementEdit::Keep })
            .collect();
        match policy.edited(&edits) {
            None => prop_assert_eq!(policy.statements().len(), 1),
            Some(text) => {
                let left = Policy::parse(&text).map_err(|e| TestCaseError::fail(format!("{e} in {text}")))?;
                prop_assert_eq!(left.statements().len() + 1, policy.statements().len());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_reader_accepts_it_gives_back_and_the_rest_it_refuses(text in text()) {
        is_read_faithfully(&text)?;
    }

    #[test]
    fn the_reader_of_unused_lists_refuses_or_reads_and_its_canonical_form_is_a_list(text in prop_oneof![text(), list()]) {
        if let Ok(list) = Unused::parse(&text) && !list.is_empty() {
            let again = Unused::parse(&list.canonical()).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(again.canonical(), list.canonical());
        }
    }
}

#[test]
fn the_whole_document_is_read_faithfully() {
    is_read_faithfully(WHOLE).unwrap();
    let policy = Policy::parse(WHOLE).unwrap();
    assert_eq!(policy.statements().len(), 2);
    assert_eq!(policy.id(), Some("é😀"));
}

#[test]
fn the_pieces_make_documents_that_are_read() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let read = (0..1000).filter(|_| Policy::parse(&text().new_tree(&mut runner).unwrap().current()).is_ok()).count();
    assert!((50..=950).contains(&read), "{read} of 1000 texts are policies: the test would prove little");
}
