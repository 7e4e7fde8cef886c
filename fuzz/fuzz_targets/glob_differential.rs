//! Three matchers against each other: the policy language's, the proof's inclusion, and the plainest there is.
//!
//! First one glob and one text, then two globs: where the proof says that one includes the other, no short text may
//! show otherwise, and where it says no, its witness has to.
#![no_main]

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use leastwise_policy::glob::{Case, matches};
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::{Claim, Reason, Verdict, prove};
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let text = "leastwise-catalogue 1\nsource fuzz\nversion 1\ndate 2026-01-01\n\nservice s\tS\nactions\n ab\tR\n";
    Catalogue::parse(text.to_owned()).unwrap()
});

const LETTERS: [char; 8] = ['a', 'b', 'A', '-', 'é', '\u{212a}', '1', 'k'];

fn word(u: &mut Unstructured<'_>, wildcards: bool, longest: usize) -> Result<String> {
    let length = u.int_in_range(0..=longest)?;
    (0..length)
        .map(|_| {
            Ok(match u.int_in_range(0..=11u8)? {
                8..=9 if wildcards => '*',
                10 if wildcards => '?',
                n => LETTERS[usize::from(n) % if n > 7 { 2 } else { 8 }],
            })
        })
        .collect()
}

fn plain(glob: &[char], text: &[char], ignore_case: bool) -> bool {
    match (glob.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some(('*', rest)), _) => (0..=text.len()).any(|n| plain(rest, &text[n..], ignore_case)),
        (Some((g, glob)), Some((t, text))) => {
            let same = g == t || (ignore_case && g.eq_ignore_ascii_case(t));
            (*g == '?' || same) && plain(glob, text, ignore_case)
        }
        (Some(_), None) => false,
    }
}

fn policy(actions: &[&String]) -> Policy {
    let actions: Vec<String> = actions.iter().map(|glob| format!("s:{glob}")).collect();
    let text = serde_json::json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
    Policy::parse(&text.to_string()).unwrap()
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let (glob, other, inner) = (word(u, true, 8)?, word(u, true, 6)?, word(u, true, 6)?);
    let text = word(u, false, 9)?;
    let chars = |s: &str| s.chars().collect::<Vec<char>>();
    for (case, ignored) in [(Case::Ignored, true), (Case::Kept, false)] {
        assert_eq!(matches(&glob, &text, case), plain(&chars(&glob), &chars(&text), ignored), "{glob} on {text}, {case:?}");
    }
    let among = |text: &str| [&glob, &other].iter().any(|g| plain(&chars(g), &chars(text), true));
    let included = |inner: &String| {
        let claims = prove(&policy(&[&glob, &other]), &[policy(&[inner])], &Unused::default(), &CATALOGUE);
        match claims.verdict(Claim::AddsNothing) {
            Verdict::Holds => None,
            Verdict::Disputed(witness) => panic!("disputed: {glob} {other} {inner}: {witness}"),
            Verdict::Refuted(witness) => Some(witness.clone()),
        }
    };
    assert_eq!(included(&text).is_none(), among(&text), "{text} in {glob} or {other}");
    match included(&inner) {
        Some(witness) => {
            assert_eq!(witness.reason, Reason::Shown, "{witness}");
            let action = witness.action.clone().expect("a witness of inclusion is an action");
            let name = action.strip_prefix("s:").expect("of the one service");
            assert!(plain(&chars(&inner), &chars(name), true) && !among(name), "{inner} in {glob} or {other}: {action}");
        }
        None => {
            // Every text of up to five letters, the alphabet being what tells the globs apart and one letter more.
            let mut texts = vec![String::new()];
            for _ in 0..5 {
                for text in &texts {
                    assert!(!plain(&chars(&inner), &chars(text), true) || among(text), "{text}: {inner} in {glob} or {other}");
                }
                texts = texts.iter().flat_map(|t| ["a", "b", "é", "z"].map(|c| format!("{t}{c}"))).collect();
            }
        }
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    // Too few bytes end a case early; there is nothing to say about it.
    let _ = run(&mut Unstructured::new(bytes));
});
