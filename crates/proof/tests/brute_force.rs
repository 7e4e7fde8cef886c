//! The claims against brute force: random small documents, judged one request at a time.
//!
//! The judge is the plain evaluation of a request: statements one by one, the policy crate's plain matcher, and every
//! way in which the conditions can turn out.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

mod dice;

use dice::Dice;
use leastwise_policy::glob::{Case, matches};
use leastwise_policy::{Catalogue, Effect, Policy, Statement, Unused};
use leastwise_proof::{Claim, Reason, Verdict, prove};

impl Dice {
    fn statement(&mut self) -> String {
        let effect = if self.roll(4) == 0 { "Deny" } else { "Allow" };
        let action = if self.roll(5) == 0 { "NotAction" } else { "Action" };
        let resource = if self.roll(6) == 0 { "NotResource" } else { "Resource" };
        let actions =
            self.some(&["*", "s:*", "t:*", "s:a*", "s:*b", "s:a", "s:ab", "s:?", "S:A?", "t:a", "s:a?*", "t:*a*", "s:b*a"], 2);
        let resources = self.some(&["*", "x:::::*", "x:::::a*", "x:::::*b", "x:::::ab", "*:::::a", "x:::::?", "y:*::::*"], 1);
        let mut condition = String::new();
        if self.roll(3) == 0 {
            condition = ",\"Condition\":{\"Bool\":{\"k:1\":\"true\"}}".to_owned();
        }
        if self.roll(6) == 0 {
            condition = ",\"Condition\":{\"Bool\":{\"k:1\":\"true\",\"k:2\":\"true\"}}".to_owned();
        }
        format!("{{\"Effect\":\"{effect}\",\"{action}\":{actions},\"{resource}\":{resources}{condition}}}")
    }

    /// A document, and one made of its statements with small changes.
    fn pair(&mut self) -> (String, String) {
        let old: Vec<String> = (0..=self.roll(3)).map(|_| self.statement()).collect();
        let mut new = old.clone();
        for _ in 0..=self.roll(2) {
            let at = self.roll(new.len());
            match self.roll(5) {
                0 if new.len() > 1 => {
                    new.remove(at);
                }
                1 => new.push(self.statement()),
                2 => new[at] = self.statement(),
                3 => new[at] = new[at].replace("s:*", "s:a*"),
                _ => new[at] = new[at].replacen("Action\":[\"*\"", "Action\":[\"s:a*\",\"s:b\"", 1),
            }
        }
        let document = |list: Vec<String>| format!("{{\"Statement\":[{}]}}", list.join(","));
        (document(old), document(new))
    }
}

fn names() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut from = 0;
    for _ in 0..4 {
        let until = all.len();
        for i in from..until {
            for c in ['a', 'b', 'c'] {
                let name = format!("{}{c}", all[i]);
                all.push(name);
            }
        }
        from = until;
    }
    // An action has a name.
    all.split_off(1)
}

fn resources() -> Vec<String> {
    let mut all = vec!["*".to_owned()];
    for head in ["x::::", "y::::", "z::::", "y:q:::", "x:q:::"] {
        for tail in ["", "a", "b", "c", "ab", "ba", "aab", "cab", "aa", "bb"] {
            all.push(format!("{head}:{tail}"));
        }
    }
    all
}

fn on_action(statement: &Statement, service: &str, name: &str) -> bool {
    statement.actions.patterns.iter().any(|p| p.what.matches(service, name)) != statement.actions.negated
}

fn on_resource(statement: &Statement, resource: &str) -> bool {
    let element = statement.resources.as_ref().unwrap();
    let one = |pattern: &str| {
        let (p, r): (Vec<&str>, Vec<&str>) = (pattern.split(':').collect(), resource.split(':').collect());
        pattern == "*" || p.len() == r.len() && p.iter().zip(&r).all(|(p, r)| matches(p, r, Case::Kept))
    };
    element.patterns.iter().any(|p| one(&p.what)) != element.negated
}

/// Under which of the four outcomes of the two conditions the statement applies, as bits.
fn when(statement: &Statement) -> u8 {
    match statement.conditions.len() {
        0 => 0b1111,
        1 => 0b1010,
        _ => 0b1000,
    }
}

/// Under which outcomes the policy allows the request.
fn allowed(policy: &Policy, service: &str, name: &str, resource: &str) -> u8 {
    let of = |effect: Effect| {
        let statements = policy.statements().iter().filter(|s| s.effect == effect);
        statements.filter(|s| on_action(s, service, name) && on_resource(s, resource)).fold(0, |bits, s| bits | when(s))
    };
    of(Effect::Allow) & !of(Effect::Deny)
}

const CATALOGUE: &str = "leastwise-catalogue 1
source test
version 1
date 2026-01-01
licence MIT

service s\tS
actions
 a\tR
 aa\tR
 ab\tR
 b\tR
 ba\tR
 c\tR

service t\tT
actions
 a\tR
 ba\tR
 c\tR
";

#[test]
fn adds_nothing_is_what_trying_every_request_says() {
    let catalogue = Catalogue::parse(CATALOGUE.to_owned()).unwrap();
    let (names, resources) = (names(), resources());
    let mut dice = Dice(3);
    let (mut held, mut shown, mut unsure) = (0, 0, 0);
    for _ in 0..1500 {
        let (original, refined) = dice.pair();
        let (old, new) = (Policy::parse(&original).unwrap(), Policy::parse(&refined).unwrap());
        let claims = prove(&old, std::slice::from_ref(&new), &Unused::default(), &catalogue);
        let added = |service: &str, name: &str, resource: &str| {
            allowed(&new, service, name, resource) & !allowed(&old, service, name, resource) != 0
        };
        let brute = ["s", "t", "u"].iter().find_map(|s| {
            names.iter().find_map(|n| resources.iter().find(|r| added(s, n, r)).map(|r| format!("{s}:{n} on {r}")))
        });
        match claims.verdict(Claim::AddsNothing) {
            Verdict::Holds => {
                held += 1;
                assert_eq!(brute, None, "{original}\n{refined}");
            }
            Verdict::Refuted(witness) if witness.reason == Reason::Shown => {
                shown += 1;
                let (service, name) = witness.action.as_ref().unwrap().split_once(':').unwrap();
                let resource = witness.resource.as_ref().unwrap();
                assert!(added(service, name, resource), "{witness}\n{original}\n{refined}");
            }
            Verdict::Refuted(witness) => {
                unsure += 1;
                // Conditions are opaque; without any, everything is decided.
                assert_eq!(witness.reason, Reason::CannotBeShown, "{witness}");
                assert!(original.contains("Condition") || refined.contains("Condition"), "{witness}\n{original}\n{refined}");
            }
            Verdict::Disputed(witness) => panic!("{witness}\n{original}\n{refined}"),
        }
    }
    assert!(held > 300 && shown > 300 && unsure < 300, "{held} {shown} {unsure}");
}

fn known() -> Vec<(&'static str, &'static str)> {
    let s = ["a", "aa", "ab", "b", "ba", "c"].map(|n| ("s", n));
    let t = ["a", "ba", "c"].map(|n| ("t", n));
    s.into_iter().chain(t).collect()
}

#[test]
fn dropped_and_kept_are_what_trying_every_known_action_says() {
    let catalogue = Catalogue::parse(CATALOGUE.to_owned()).unwrap();
    let resources = resources();
    let mut dice = Dice(5);
    let mut outcomes = [0; 4];
    for _ in 0..3000 {
        let (original, refined) = dice.pair();
        let (old, new) = (Policy::parse(&original).unwrap(), Policy::parse(&refined).unwrap());
        let mut lines = vec!["other:Thing".to_owned()];
        lines.extend(known().iter().filter(|_| dice.roll(3) == 0).map(|(s, n)| format!("{s}:{n}")));
        if dice.roll(8) == 0 {
            lines.push("t".to_owned());
        }
        let unused = Unused::parse(&lines.join("\n")).unwrap();
        let claims = prove(&old, std::slice::from_ref(&new), &unused, &catalogue);
        let allows = |policy: &Policy, service: &str, name: &str| {
            policy.statements().iter().any(|s| s.effect == Effect::Allow && on_action(s, service, name))
        };
        let granted = known().into_iter().chain([("other", "Thing")]).any(|(s, n)| unused.names(s, n) && allows(&new, s, n));
        let dropped = claims.verdict(Claim::DropsEverythingUnused);
        assert_eq!(dropped.holds(), !granted, "{dropped:?}\n{original}\n{refined}\n{lines:?}");
        outcomes[usize::from(granted)] += 1;

        // What a statement granted is allowed still, under every outcome under which the original allowed it.
        let lost = known().into_iter().filter(|(s, n)| !unused.names(s, n)).find_map(|(s, n)| {
            resources.iter().find(|r| allowed(&old, s, n, r) & !allowed(&new, s, n, r) != 0).map(|r| format!("{s}:{n} on {r}"))
        });
        let kept = claims.verdict(Claim::KeepsEverythingNotReported);
        assert!(!matches!(kept, Verdict::Disputed(_)), "{kept:?}\n{original}\n{refined}");
        if kept.holds() {
            assert_eq!(lost, None, "{original}\n{refined}\n{lines:?}");
            outcomes[2] += 1;
        } else {
            outcomes[3] += 1;
        }
    }
    assert!(outcomes.iter().all(|n| *n > 200), "{outcomes:?}");
}
