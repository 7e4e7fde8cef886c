//! The four claims and the three laws on random policies, judged by brute force over the known actions.
//!
//! The judge here shares no code with the refiner or the proof: it has its own matcher and its own reading
//! of the documents (through `serde_json`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use leastwise::refine::{Choices, Generalization, NotActionForm, Recommendation, refine};
use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::{Policy, Unused};
use proptest::prelude::*;
use serde_json::{Value, json};

const SERVICES: [&str; 9] = ["s3", "ec2", "lambda", "iam", "lightsail", "apigateway", "rds-db", "vpc-lattice", "sqs"];

/// Random cases for each law: 150, or what `LEASTWISE_LAW_CASES` says.
fn cases() -> u32 {
    std::env::var("LEASTWISE_LAW_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

/// The embedded catalogue, of these services alone, so that brute force stays quick.
fn catalogue() -> &'static Catalogue {
    static REDUCED: LazyLock<Catalogue> = LazyLock::new(|| {
        let text = Catalogue::embedded().render();
        let mut sections = text.split("\nservice ");
        let head = sections.next().unwrap().lines().filter(|l| !l.starts_with("outside-key")).collect::<Vec<_>>().join("\n");
        let own = sections.filter(|s| SERVICES.contains(&s.split(['\t', ' ', '\n']).next().unwrap()));
        let text = own.fold(head, |text, section| text + "\n\nservice " + section.trim_end());
        Catalogue::parse(text + "\n").unwrap()
    });
    &REDUCED
}

/// A glob as a machine whose states are the bits of a number: bit i says that i characters of the glob are used up.
struct BruteGlob {
    literal: Vec<u128>,
    any: u128,
    star: u128,
    end: u128,
}

impl BruteGlob {
    fn new(glob: &str) -> BruteGlob {
        assert!(glob.is_ascii() && glob.len() < 120, "{glob}");
        let mut machine = BruteGlob { literal: vec![0; 128], any: 0, star: 0, end: 1 << glob.len() };
        for (i, c) in glob.bytes().enumerate() {
            match c {
                b'*' => machine.star |= 1 << i,
                b'?' => machine.any |= 1 << i,
                c => machine.literal[c.to_ascii_lowercase() as usize] |= 1 << i,
            }
        }
        machine
    }

    fn settle(&self, mut states: u128) -> u128 {
        loop {
            let more = states | (states & self.star) << 1;
            if more == states {
                return states;
            }
            states = more;
        }
    }

    /// Whether the whole of `text`, which is lower-case, matches.
    fn matches(&self, text: &str) -> bool {
        let states = text.bytes().fold(1u128, |states, c| {
            let states = self.settle(states);
            (states & self.star) | (states & (self.any | self.literal[c as usize])) << 1
        });
        self.settle(states) & self.end != 0
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) => vec![s.clone()],
        Value::Array(items) => items.iter().map(|i| i.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// What one statement matches of `known`.
fn granted(statement: &Value, known: &BTreeSet<String>) -> BTreeSet<String> {
    let (patterns, negated) = if statement.get("Action").is_some() {
        (strings(&statement["Action"]), false)
    } else {
        (strings(&statement["NotAction"]), true)
    };
    let globs: Vec<BruteGlob> = patterns.iter().map(|p| BruteGlob::new(if p == "*:*" { "*" } else { p })).collect();
    let hit = |name: &String| globs.iter().any(|g| g.matches(name));
    known.iter().filter(|name| hit(name) != negated).cloned().collect()
}

fn statements(document: Option<&str>) -> Vec<Value> {
    let Some(text) = document else { return Vec::new() };
    match serde_json::from_str::<Value>(text).unwrap()["Statement"].take() {
        Value::Array(list) => list,
        one => vec![one],
    }
}

fn frame(statement: &Value) -> Value {
    let mut frame = statement.clone();
    let object = frame.as_object_mut().unwrap();
    object.remove("Action");
    object.remove("NotAction");
    frame
}

/// Every known action of a case, lower-case.
fn known(catalogue: &Catalogue, policy: &str, unused: &Value) -> BTreeSet<String> {
    let mut out: BTreeSet<String> =
        catalogue.services().flat_map(|s| s.action_names().map(move |n| format!("{}:{n}", s.prefix()).to_lowercase())).collect();
    for row in unused.as_array().unwrap() {
        let service = row["serviceNamespace"].as_str().unwrap().to_lowercase();
        out.extend(strings(&row["actions"]).iter().map(|n| format!("{service}:{}", n.to_lowercase())));
    }
    for statement in statements(Some(policy)) {
        let patterns = strings(&statement["Action"]).into_iter().chain(strings(&statement["NotAction"]));
        out.extend(patterns.filter(|p| p.contains(':') && !p.contains(['*', '?'])).map(|p| p.to_lowercase()));
    }
    out
}

/// The names and the services that a list names, lower-case.
fn named(unused: &Value) -> BTreeSet<String> {
    let rows = unused.as_array().unwrap().iter();
    rows.flat_map(|row| {
        let service = row["serviceNamespace"].as_str().unwrap().to_lowercase();
        let whole = row["actions"].is_null().then(|| service.clone());
        whole.into_iter().chain(strings(&row["actions"]).into_iter().map(move |n| format!("{service}:{}", n.to_lowercase())))
    })
    .collect()
}

/// The claims by brute force: over the known actions and, for the first one, over the given other strings.
fn judge(
    policy: &str,
    refined: Option<&str>,
    unused: &Value,
    catalogue: &Catalogue,
    others: &BTreeSet<String>,
) -> Result<(), String> {
    let known = known(catalogue, policy, unused);
    let all: BTreeSet<String> = known.union(others).cloned().collect();
    let named = named(unused);
    let is_unused = |name: &str| named.contains(name) || named.contains(name.split(':').next().unwrap());
    let (before, after) = (statements(Some(policy)), statements(refined));
    let mut left = after.iter();
    let mut next = left.next();
    for statement in &before {
        let granted_before = granted(statement, &all);
        let deny = statement["Effect"] == "Deny";
        let counterpart = next.filter(|n| frame(n) == frame(statement) && (!deny || *n == statement));
        let wanted: BTreeSet<&String> = granted_before.iter().filter(|n| known.contains(*n) && (deny || !is_unused(n))).collect();
        let Some(counterpart) = counterpart else {
            if deny || !wanted.is_empty() {
                return Err(format!("statement {statement} is gone, and with it {wanted:?}"));
            }
            continue;
        };
        let granted_after = granted(counterpart, &all);
        // An identical frame may belong to a later statement; a removed one has nothing to keep.
        if !deny && wanted.is_empty() && granted_after.iter().any(|n| !granted_before.contains(n)) {
            continue;
        }
        next = left.next();
        if let Some(added) = granted_after.difference(&granted_before).next() {
            return Err(format!("{counterpart} adds {added}"));
        }
        if let Some(lost) = wanted.iter().find(|n| !granted_after.contains(**n)) {
            return Err(format!("{counterpart} loses {lost}"));
        }
        if let Some(stays) = granted_after.iter().find(|n| !deny && known.contains(*n) && is_unused(n)) {
            return Err(format!("{counterpart} still grants {stays}"));
        }
    }
    match next {
        Some(extra) => Err(format!("{extra} is no statement of the original, or out of order")),
        None => Ok(()),
    }
}

#[derive(Debug, Clone)]
enum Shape {
    Exact,
    Prefix(usize),
    Suffix(usize),
    Middle(usize, usize),
    Question(usize),
    Two(usize, usize),
    Service,
    Everything(bool),
    Unknown,
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        3 => Just(Shape::Exact),
        4 => (0usize..14).prop_map(Shape::Prefix),
        2 => (0usize..14).prop_map(Shape::Suffix),
        3 => (0usize..10, 0usize..10).prop_map(|(a, b)| Shape::Middle(a, b)),
        2 => (0usize..14).prop_map(Shape::Question),
        2 => (1usize..8, 1usize..8).prop_map(|(a, b)| Shape::Two(a, b)),
        2 => Just(Shape::Service),
        1 => any::<bool>().prop_map(Shape::Everything),
        1 => Just(Shape::Unknown),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    (0..SERVICES.len(), any::<prop::sample::Index>(), shape(), 0u8..6).prop_map(|(service, name, shape, case)| {
        let service = catalogue().service(SERVICES[service]).unwrap();
        let names: Vec<&str> = service.action_names().collect();
        let name = names[name.index(names.len())];
        let cut = |n: usize| n.min(name.len());
        let body = match shape {
            Shape::Exact => name.to_owned(),
            Shape::Prefix(n) => format!("{}*", &name[..cut(n)]),
            Shape::Suffix(n) => format!("*{}", &name[cut(n)..]),
            Shape::Middle(a, b) => format!("{}*{}", &name[..cut(a)], &name[name.len() - cut(b).min(name.len() - cut(a))..]),
            Shape::Question(n) => format!("{}?{}*", &name[..cut(n).min(name.len() - 1)], &name[(cut(n) + 1).min(name.len())..]),
            Shape::Two(a, b) => format!("*{}*{}*", &name[..cut(a)], &name[cut(a)..cut(a + b)]),
            Shape::Service => "*".to_owned(),
            Shape::Unknown => format!("{}Xy", name),
            Shape::Everything(true) => return "*".to_owned(),
            Shape::Everything(false) => return "*:*".to_owned(),
        };
        let text = format!("{}:{body}", service.prefix());
        match case {
            0 => text.to_uppercase(),
            1 => text.to_lowercase(),
            _ => text,
        }
    })
}

fn policy() -> impl Strategy<Value = String> {
    let statement = (proptest::collection::vec(pattern(), 1..6), 0u8..8, 0u8..6, 0u8..3, any::<bool>()).prop_map(|(patterns, kind, frame, resource, lone)| {
        let key = if kind == 0 { "NotAction" } else { "Action" };
        let actions = if lone && patterns.len() == 1 { json!(patterns[0]) } else { json!(patterns) };
        let mut statement = json!({"Effect": if frame == 0 { "Deny" } else { "Allow" }, key: actions, "Resource": (["*", "arn:aws:s3:::a", "arn:aws:s3:::b"][resource as usize])});
        if frame == 1 {
            statement["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}});
        }
        statement
    });
    (proptest::collection::vec(statement, 1..4), any::<bool>()).prop_map(|(statements, pretty)| {
        let document = if statements.len() == 1 && pretty {
            json!({"Version": "2012-10-17", "Statement": statements[0]})
        } else {
            json!({"Statement": statements})
        };
        if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() }
    })
}

/// An unused list: of each service nothing, everything, or each action by the toss of a coin of the given weight.
fn unused() -> impl Strategy<Value = Value> {
    proptest::collection::vec((0u8..10, any::<u64>(), 1u64..9), SERVICES.len()).prop_map(|rows| {
        let mut out = Vec::new();
        for (service, (kind, seed, weight)) in SERVICES.iter().zip(rows) {
            let mut state = seed | 1;
            let mut toss = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % 10 < weight
            };
            let names = catalogue().service(service).unwrap();
            let picked: Vec<&str> = names.action_names().filter(|_| toss()).collect();
            match kind {
                0 => out.push(json!({"serviceNamespace": service})),
                1 => {}
                2 => out.push(json!({"serviceNamespace": service.to_uppercase(), "actions": picked.iter().map(|n| n.to_lowercase()).collect::<Vec<_>>()})),
                _ => out.push(json!({"serviceNamespace": service, "actions": picked})),
            }
        }
        json!(out)
    })
}

/// Strings that no catalogue has, made from the patterns of the result: where a wildcard stands, letters do.
fn strangers(documents: &[Option<&str>]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for statement in documents.iter().flat_map(|d| statements(*d)) {
        for pattern in strings(&statement["Action"]).into_iter().chain(strings(&statement["NotAction"])) {
            let pattern = if pattern.starts_with('*') { "s3:*".to_owned() } else { pattern.to_lowercase() };
            for filling in ["", "q", "s", "tagging", "zzz"] {
                out.insert(pattern.replace('*', filling).replace('?', "q"));
            }
        }
    }
    out.retain(|s| s.contains(':'));
    out
}

fn choices() -> impl Strategy<Value = Choices> {
    (0u8..4, any::<bool>()).prop_map(|(kind, rewrite)| Choices {
        generalization: if kind == 0 { Generalization::Closed } else { Generalization::Open },
        not_action: if rewrite { NotActionForm::RewriteWhenShorter } else { NotActionForm::Keep },
        compact: kind == 1,
    })
}

fn refined(policy: &str, unused: &Value, choices: Choices) -> Recommendation {
    let unused = Unused::parse(&unused.to_string()).unwrap();
    refine(&Policy::parse(policy).unwrap(), &unused, catalogue(), choices)
}

fn allowed(document: Option<&str>, known: &BTreeSet<String>) -> BTreeSet<(String, String)> {
    let allows = statements(document).into_iter().filter(|s| s["Effect"] == "Allow");
    allows.flat_map(|s| granted(&s, known).into_iter().map(move |n| (frame(&s).to_string(), n))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_four_claims_hold_by_brute_force_and_by_proof(policy in policy(), unused in unused(), choices in choices()) {
        let result = refined(&policy, &unused, choices);
        let others = strangers(&[Some(&policy), result.text.as_deref()]);
        if let Err(violation) = judge(&policy, result.text.as_deref(), &unused, catalogue(), &others) {
            return Err(TestCaseError::fail(format!("{violation}\nrefined: {:?}", result.text)));
        }
        let (parsed, list) = (Policy::parse(&policy).unwrap(), Unused::parse(&unused.to_string()).unwrap());
        let proved = leastwise_proof::certify(&parsed, &list, catalogue(), result);
        prop_assert!(proved.is_ok(), "{}", proved.err().map(|r| r.to_string()).unwrap_or_default());
    }

    #[test]
    fn nothing_unused_gives_the_same_bytes(policy in policy(), choices in choices()) {
        let result = refined(&policy, &json!([]), choices);
        prop_assert_eq!(result.text.as_deref(), Some(policy.as_str()));
        prop_assert!(result.is_unchanged());
    }

    #[test]
    fn refining_twice_changes_nothing_more(policy in policy(), unused in unused(), choices in choices()) {
        if let Some(once) = refined(&policy, &unused, choices).text {
            let twice = refined(&once, &unused, choices);
            prop_assert_eq!(twice.text, Some(once));
        }
    }

    #[test]
    fn a_larger_list_never_gives_a_larger_grant(policy in policy(), unused in unused(), more in unused(), choices in choices()) {
        let mut larger = unused.as_array().unwrap().clone();
        larger.extend(more.as_array().unwrap().iter().cloned());
        let larger = json!(larger);
        let known = known(catalogue(), &policy, &larger);
        let (small, large) = (refined(&policy, &unused, choices), refined(&policy, &larger, choices));
        let (with_less, with_more) = (allowed(small.text.as_deref(), &known), allowed(large.text.as_deref(), &known));
        prop_assert!(with_more.is_subset(&with_less), "{:?}", with_more.difference(&with_less).next());
    }
}
