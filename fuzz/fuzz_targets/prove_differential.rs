//! Claims, comparison and evaluator on pairs of policies that are nearly included in one another.
//!
//! The pairs are those of `crates/proof/tests/differential.rs`, by a seed and a number of conditions from the input; the rest of the
//! input is put in place of one text, so that the fuzzer writes patterns and values of its own.
#![no_main]

use std::sync::LazyLock;

use leastwise_policy::evaluate::{Decision, PolicySet, Request};
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access};
use leastwise_proof::{Claim, Verdict, prove};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/proof/tests/dice/mod.rs"]
mod dice;
#[path = "../../crates/proof/tests/pairs/mod.rs"]
mod pairs;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::parse(pairs::CATALOGUE.to_owned()).unwrap());

fn allows(policy: &Policy, request: &Request) -> bool {
    let set = PolicySet { identity: vec![policy], ..PolicySet::default() };
    set.evaluate(request).decision == Decision::Allowed
}

/// The text with one of its strings replaced, where that is a policy still.
fn with_own(text: String, own: &str, place: usize) -> String {
    let ends: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    let pairs: Vec<_> = ends.chunks_exact(2).collect();
    let [from, to] = pairs[place % pairs.len()] else { return text };
    let changed = format!("{}{}{}", &text[..*from], serde_json::Value::from(own), &text[*to + 1..]);
    if Policy::parse(&changed).is_ok() { changed } else { text }
}

fuzz_target!(|data: &[u8]| {
    let Some((seed, rest)) = data.split_first_chunk::<8>() else { return };
    let mut dice = dice::Dice(u64::from_le_bytes(*seed));
    let conditions = dice.roll(4);
    let (original, refined) = pairs::pair(&mut dice, conditions);
    let own = String::from_utf8_lossy(rest);
    let (original, refined) = match own.is_empty() {
        true => (original, refined),
        false => (with_own(original, &own, dice.roll(1000)), with_own(refined, &own, dice.roll(1000))),
    };
    let (Ok(old), Ok(new)) = (Policy::parse(&original), Policy::parse(&refined)) else { return };
    let claims = prove(&old, std::slice::from_ref(&new), &Unused::default(), &CATALOGUE);
    assert!(!claims.iter().any(|(_, verdict)| matches!(verdict, Verdict::Disputed(_))), "{claims:?}\n{original}\n{refined}");
    let holds = claims.verdict(Claim::AddsNothing).holds();
    let comparison = no_new_access(&[&old], &[&new], PolicyKind::Identity, &CATALOGUE);
    if let Comparison::NotIncluded(found) = &comparison {
        let mut request = found.request.clone();
        request.complete();
        assert!(!holds && allows(&new, &request) && !allows(&old, &request), "{request:?}\n{original}\n{refined}");
    }
    for _ in 0..20 {
        let request = pairs::request(&mut dice, &[&old, &new]);
        if allows(&new, &request) && !allows(&old, &request) {
            assert!(!holds && comparison != Comparison::Included, "{request:?}\n{original}\n{refined}");
        }
    }
});
