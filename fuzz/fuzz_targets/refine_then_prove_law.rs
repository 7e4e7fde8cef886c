//! A random policy and a random unused list over the corpus's pocket catalogue: what is refined has to be certified.
//!
//! Also the laws of identity, idempotence and monotonicity, and the claims about known actions by brute force, through
//! the policy language's matcher. A failure prints the case in the form of `corpus/refine`.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use leastwise::refine::{Choices, Generalization, NotActionForm, refine, split};
use leastwise_policy::{ActionName, Catalogue, Effect, Policy, Unused};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::parse(include_str!("../../corpus/catalogues/pocket.txt").to_owned()).unwrap());
static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| CATALOGUE.services().flat_map(|s| s.action_names().map(move |n| format!("{}:{n}", s.prefix()))).collect());

/// A name of the catalogue, or now and then one that is nearly such.
fn name(u: &mut Unstructured<'_>) -> Result<String> {
    let name = u.choose(&NAMES)?.clone();
    Ok(match u.int_in_range(0..=19u8)? {
        0 => name + "s",
        1 => name.replace("Get", "Got"),
        2 => format!("holodeck:{}", name.split_once(':').map_or("", |(_, n)| n)),
        3 => name[..name.len() - 1].to_owned() + "é",
        _ => name,
    })
}

fn pattern(u: &mut Unstructured<'_>) -> Result<String> {
    if u.ratio(1, 16)? {
        return Ok((*u.choose(&["*", "*:*", "s3:", "s3:**", "holodeck:*", "s3:?", "S3:*"])?).to_owned());
    }
    let full = name(u)?;
    let (service, name) = full.split_once(':').unwrap();
    let mut letters: Vec<char> = name.chars().collect();
    for _ in 0..u.int_in_range(0..=3u8)? {
        let at = u.choose_index(letters.len() + 1)?;
        let end = at + u.choose_index(letters.len() - at + 1)?;
        let wildcard: &[char] = u.choose(&[&['*'][..], &['?'], &['*', '?'], &['?', '*'], &['*', '*']])?;
        letters.splice(at..end, wildcard.iter().copied());
    }
    let mut text: String = letters.into_iter().collect();
    if u.ratio(1, 8)? {
        text = if u.arbitrary()? { text.to_uppercase() } else { text.to_lowercase() };
    }
    Ok(format!("{service}:{text}"))
}

fn document(u: &mut Unstructured<'_>) -> Result<String> {
    let mut statements = Vec::new();
    for _ in 0..u.int_in_range(1..=3u8)? {
        let mut patterns = Vec::new();
        for _ in 0..u.int_in_range(0..=5u8)? {
            patterns.push(pattern(u)?);
        }
        let actions = if patterns.len() == 1 && u.arbitrary()? { json!(patterns[0]) } else { json!(patterns) };
        let key = if u.ratio(1, 6)? { "NotAction" } else { "Action" };
        let effect = if u.ratio(1, 6)? { "Deny" } else { "Allow" };
        let mut statement = json!({"Effect": effect, key: actions});
        statement["Resource"] = json!(*u.choose(&["*", "arn:aws:s3:::a", "arn:aws:s3:::b/*"])?);
        if u.ratio(1, 6)? {
            statement["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}});
        }
        statements.push(statement);
    }
    let statements = if statements.len() == 1 && u.arbitrary()? { statements.remove(0) } else { Value::Array(statements) };
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    let text = if u.arbitrary()? { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
    Ok(match u.int_in_range(0..=5u8)? {
        0 => text.replace('\n', "\r\n") + "\r\n",
        1 => format!("\u{feff}{text}"),
        2 => text.replace(":", "\\u003a").replace("\"\\u003a", "\":").replace("\\u003a ", ": "),
        3 => text.replace(',', " ,\t"),
        _ => text,
    })
}

fn list(u: &mut Unstructured<'_>, mut list: Unused) -> Result<Unused> {
    for _ in 0..u.int_in_range(0..=4u8)? {
        list.add_service(u.choose(&NAMES)?.split(':').next().unwrap());
    }
    for _ in 0..u.int_in_range(0..=24u8)? {
        let name = name(u)?;
        list.add_action(ActionName::parse(if u.arbitrary()? { name.to_lowercase() } else { name }.as_str()).unwrap());
    }
    Ok(list)
}

/// What the Allow statements grant of `known`, each with the statement's other elements.
fn granted(text: Option<&str>, known: &BTreeSet<String>) -> BTreeSet<(String, String)> {
    let Some(text) = text else { return BTreeSet::new() };
    let policy = Policy::parse(text).unwrap();
    let mut out = BTreeSet::new();
    for statement in policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        let frame = format!(
            "{:?} {}",
            statement.resources.as_ref().map(|r| r.patterns.iter().map(|p| &p.what).collect::<Vec<_>>()),
            statement.conditions.len()
        );
        for name in known {
            let (service, action) = name.split_once(':').unwrap();
            let hit = statement.actions.patterns.iter().any(|p| p.what.matches(service, action));
            if hit != statement.actions.negated {
                out.insert((frame.clone(), name.clone()));
            }
        }
    }
    out
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let choices = Choices {
        generalization: if u.ratio(1, 4)? { Generalization::Closed } else { Generalization::Open },
        not_action: if u.arbitrary()? { NotActionForm::RewriteWhenShorter } else { NotActionForm::Keep },
        compact: u.ratio(1, 4)?,
    };
    let text = document(u)?;
    let smaller = list(u, Unused::default())?;
    let larger = list(u, smaller.clone())?;
    let Ok(policy) = Policy::parse(&text) else { panic!("not a policy: {text}") };
    let show = |message: &str| {
        format!("{message}\n\n{choices:?}\n\n```json policy\n{text}\n```\n\n```lines unused\n{}```\n", smaller.canonical())
    };
    let mut known: BTreeSet<String> = NAMES.iter().map(|n| n.to_lowercase()).collect();
    known.extend(larger.actions().map(|n| n.as_str().to_ascii_lowercase()));
    let exact = policy.statements().iter().flat_map(|s| &s.actions.patterns).filter_map(|p| p.what.as_name());
    known.extend(exact.map(|n| n.as_str().to_ascii_lowercase()));

    let same = refine(&policy, &Unused::default(), &CATALOGUE, choices);
    assert_eq!(same.text.as_deref(), Some(policy.text()), "{}", show("identity"));
    let once = refine(&policy, &smaller, &CATALOGUE, choices);
    if let Err(refuted) = leastwise_proof::certify(&policy, &smaller, &CATALOGUE, once.clone()) {
        panic!("{}", show(&format!("refuted: {refuted}\n{:?}", once.text)));
    }
    let before = granted(Some(policy.text()), &known);
    let after = granted(once.text.as_deref(), &known);
    let own: BTreeSet<String> =
        NAMES.iter().map(|n| n.to_lowercase()).chain(smaller.actions().map(|n| n.as_str().to_ascii_lowercase())).collect();
    for (frame, name) in &before {
        let (service, action) = name.split_once(':').unwrap();
        let unused = smaller.names(service, action);
        let present = after.contains(&(frame.clone(), name.clone()));
        assert!(!(unused && present), "{}", show(&format!("{name} is unused and stays: {:?}", once.text)));
        assert!(unused || present || !own.contains(name), "{}", show(&format!("{name} is lost: {:?}", once.text)));
    }
    assert!(after.is_subset(&before), "{}", show(&format!("{:?} is new: {:?}", after.difference(&before).next(), once.text)));
    if let Some(text) = &once.text {
        let refined = Policy::parse(text).unwrap();
        let twice = refine(&refined, &smaller, &CATALOGUE, choices);
        assert_eq!(twice.text.as_ref(), Some(text), "{}", show("idempotence"));
        if let Ok(parts) = split(&refined, 400) {
            let proved = leastwise_proof::certify(&policy, &smaller, &CATALOGUE, parts.clone());
            assert!(proved.is_ok(), "{}", show(&format!("split: {} {:?}", proved.err().unwrap(), parts.parts)));
        }
    }
    let more = granted(refine(&policy, &larger, &CATALOGUE, choices).text.as_deref(), &known);
    let both = known.iter().filter(|n| n.split_once(':').is_some_and(|(s, a)| smaller.names(s, a) || own.contains(*n)));
    let both: BTreeSet<&String> = both.collect();
    let grown = more.difference(&after).find(|(_, n)| both.contains(n));
    assert!(grown.is_none(), "{}", show(&format!("with the larger list\n{}{grown:?} is granted", larger.canonical())));
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    // Too few bytes end a case early; there is nothing to say about it.
    let _ = run(&mut Unstructured::new(bytes));
});
