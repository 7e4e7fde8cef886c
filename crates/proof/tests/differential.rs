//! Proof, comparison and evaluator on the same pairs of policies that are nearly included in one another.
//!
//! What one says must not be contradicted by another: a claim that holds by no request, nor by the comparison; a request
//! that is shown by the evaluator, as it is read back. `LEASTWISE_PAIRS` sets how many pairs are tried, `LEASTWISE_SEED` which.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

#[allow(dead_code, reason = "other tests use the rest of it")]
mod dice;
mod pairs;

use dice::Dice;
use leastwise_policy::evaluate::{Decision, PolicySet, Request};
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access};
use leastwise_proof::{Claim, Reason, Verdict, prove};

/// How many requests are tried for a pair.
const REQUESTS: usize = 12;

fn allows(policy: &Policy, request: &Request) -> bool {
    let set = PolicySet { identity: vec![policy], ..PolicySet::default() };
    set.evaluate(request).decision == Decision::Allowed
}

/// How often each verdict came.
#[derive(Default, Debug)]
struct Tally {
    holds: usize,
    shown: usize,
    unsure: usize,
    included: usize,
    new: usize,
    undecided: usize,
}

fn judge(dice: &mut Dice, conditions: usize, catalogue: &Catalogue, tally: &mut Tally) {
    let (original, refined) = pairs::pair(dice, conditions);
    let (Ok(old), Ok(new)) = (Policy::parse(&original), Policy::parse(&refined)) else { return };
    let shown = || format!("{original}\n{refined}");
    let claims = prove(&old, std::slice::from_ref(&new), &Unused::default(), catalogue);
    for (claim, verdict) in claims.iter() {
        assert!(!matches!(verdict, Verdict::Disputed(_)), "{claim}: {verdict:?}\n{}", shown());
    }
    let (adds, keeps) = (claims.verdict(Claim::AddsNothing), claims.verdict(Claim::KeepsEverythingNotReported));
    let comparison = no_new_access(&[&old], &[&new], PolicyKind::Identity, catalogue);
    match adds {
        Verdict::Holds => tally.holds += 1,
        Verdict::Refuted(witness) if witness.reason == Reason::Shown => tally.shown += 1,
        _ => tally.unsure += 1,
    }
    match &comparison {
        Comparison::Included => tally.included += 1,
        Comparison::NotIncluded(found) => {
            tally.new += 1;
            // As it is read back from what is shown.
            let mut request = found.request.clone();
            request.complete();
            assert!(allows(&new, &request) && !allows(&old, &request), "not shown by {request:?}\n{}", shown());
            assert!(!adds.holds(), "holds, but {request:?}\n{}", shown());
            let deciding = PolicySet { identity: vec![&new], ..PolicySet::default() }.evaluate(&request).deciding;
            assert!(deciding.iter().any(|place| place.statement == found.statement), "{found:?}\n{}", shown());
        }
        Comparison::Undecided(reason) => {
            tally.undecided += 1;
            assert!(!reason.contains("internal"), "{reason}\n{}", shown());
        }
    }
    for _ in 0..REQUESTS {
        let request = pairs::request(dice, &[&old, &new]);
        match (allows(&old, &request), allows(&new, &request)) {
            (false, true) => {
                assert!(!adds.holds(), "holds, but {request:?}\n{}", shown());
                assert_ne!(comparison, Comparison::Included, "included, but {request:?}\n{}", shown());
            }
            (true, false) => {
                let known = catalogue.service(request.action.service()).and_then(|s| s.action(request.action.name())).is_some();
                assert!(!known || !keeps.holds(), "kept, but {request:?}\n{}", shown());
            }
            _ => {}
        }
    }
    // What is shown without conditions is new for everybody.
    if let Verdict::Refuted(witness) = adds
        && witness.reason == Reason::Shown
        && new.statements()[witness.refined.unwrap()].conditions.is_empty()
    {
        assert_ne!(comparison, Comparison::Included, "{witness}\n{}", shown());
    }
    let itself = no_new_access(&[&new], &[&new], PolicyKind::Identity, catalogue);
    assert!(!matches!(itself, Comparison::NotIncluded(_)), "new in itself: {itself:?}\n{refined}");
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn run(part: usize, conditions: usize) {
    let catalogue = Catalogue::parse(pairs::CATALOGUE.to_owned()).unwrap();
    let mut dice = Dice(number("LEASTWISE_SEED", 1) as u64 * 1_000_003 + part as u64);
    let mut tally = Tally::default();
    let count = number("LEASTWISE_PAIRS", 100_000) / 4;
    for _ in 0..count {
        judge(&mut dice, conditions, &catalogue, &mut tally);
    }
    // Of each sort there are enough to mean something.
    assert!(tally.holds > count / 50 && tally.shown + tally.unsure > count / 50, "{tally:?}");
    assert!(tally.included > count / 50 && tally.new > count / 50 && tally.undecided < count / 4, "{tally:?}");
}

#[test]
fn pairs_without_conditions_are_judged_alike() {
    run(0, 0);
}

#[test]
fn pairs_with_few_conditions_are_judged_alike() {
    run(1, 1);
}

#[test]
fn pairs_with_conditions_are_judged_alike() {
    run(2, 2);
}

#[test]
fn pairs_with_many_conditions_are_judged_alike() {
    run(3, 3);
}
