//! Any bytes as a policy document: the reader never panics, and what it accepts it gives back byte for byte.
//!
//! `crates/leastwise/tests/documents.rs` asserts the same on made-up texts, in the ordinary tests.
#![no_main]

use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};
use leastwise_policy::{Policy, Unused};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &str| {
    // The same bytes as an unused list: read or refused, and its canonical form says the same.
    if let Ok(list) = Unused::parse(given)
        && !list.is_empty()
    {
        let again = Unused::parse(&list.canonical()).unwrap();
        assert_eq!(again.canonical(), list.canonical());
    }
    let policy = match Policy::parse(given) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(error.position.line >= 1 && error.position.column >= 1 && !error.help.is_empty());
            return;
        }
    };
    assert!(policy.percent_encoded() || policy.text() == given);
    let text = policy.text().to_owned();
    assert_eq!(policy.edited(&[]).as_deref(), Some(text.as_str()));
    let keep_all: Vec<StatementEdit> = policy
        .statements()
        .iter()
        .map(|s| match s.actions.patterns.len() {
            0 => StatementEdit::Keep,
            patterns => {
                StatementEdit::Actions(ActionEdit { negated: s.actions.negated, items: (0..patterns).map(Item::Kept).collect() })
            }
        })
        .collect();
    assert_eq!(policy.edited(&keep_all).as_deref(), Some(text.as_str()));
    assert!(policy.quota_size() <= text.chars().count());
    for statement in policy.statements() {
        // Without the statement, and with one pattern more: still a policy, with the others as they were.
        let only = |edit: StatementEdit| {
            let mut edits = vec![StatementEdit::Keep; policy.statements().len()];
            edits[statement.index] = edit;
            policy.edited(&edits)
        };
        if let Some(text) = only(StatementEdit::Remove) {
            assert_eq!(Policy::parse(&text).unwrap().statements().len() + 1, policy.statements().len());
        }
        let mut items: Vec<Item> = (0..statement.actions.patterns.len()).map(Item::Kept).collect();
        items.push(Item::New { pattern: "s3:Get*".to_owned(), at: items.len().saturating_sub(1) });
        let negated = !statement.actions.negated;
        let text = only(StatementEdit::Actions(ActionEdit { negated, items })).unwrap();
        let turned = Policy::parse(&text).unwrap();
        let (old, new) = (&statement.actions, &turned.statements()[statement.index].actions);
        assert_eq!((new.negated, new.patterns.len()), (negated, old.patterns.len() + 1));
        assert!(old.patterns.iter().zip(&new.patterns).all(|(a, b)| a.what == b.what));
    }
});
