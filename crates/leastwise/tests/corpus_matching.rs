//! Runs `corpus/matching/*.toml` by every matcher we have: the policy language's, the refiner's and the proof's.
//!
//! The refiner and the proof show no matcher, so they are asked through what they decide. No two of them share code, and
//! a fourth, the plainest one, stands here. `corpus/README.md` describes the form.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use leastwise::refine::{Choices, refine};
use leastwise_policy::{ActionName, ActionPattern, Catalogue, Policy, Unused};
use leastwise_proof::{Claim, Verdict, prove};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// Whether `pattern` matches `name`, and the reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    pattern: String,
    name: String,
    matches: bool,
    why: String,
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/matching");
    let mut out = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files {
        let file: File = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for case in file.case {
            let place = format!("{}: `{}` on `{}`", path.file_name().unwrap().to_string_lossy(), case.pattern, case.name);
            assert!(case.why.len() > 5, "{place}: it does not say why");
            out.push((place, case));
        }
    }
    out
}

/// Runs one matcher over the corpus; it answers nothing where it cannot be asked.
fn every_case(matcher: impl Fn(&Case) -> Option<bool>) {
    let cases = cases();
    assert!(cases.len() >= 65, "the corpus has only {} cases", cases.len());
    let answers: Vec<_> = cases.iter().filter_map(|(place, case)| Some((place, case, matcher(case)?))).collect();
    assert!(answers.len() + 3 >= cases.len(), "only {} of {} cases could be asked", answers.len(), cases.len());
    let wrong: Vec<String> =
        answers.iter().filter(|(_, c, a)| c.matches != *a).map(|(p, c, _)| format!("{p}: {}", c.why)).collect();
    assert!(wrong.is_empty(), "{} of {} are answered wrongly:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn catalogue() -> Catalogue {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/catalogues/pocket.txt");
    Catalogue::parse(std::fs::read_to_string(file).unwrap()).unwrap()
}

fn policy(action: &str) -> Policy {
    Policy::parse(&json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}).to_string()).unwrap()
}

/// Service and name, parted at the first colon.
fn parts(case: &Case) -> (&str, &str) {
    case.name.split_once(':').unwrap()
}

#[test]
fn the_policy_languages_matcher_answers_the_corpus() {
    every_case(|case| {
        let (service, name) = parts(case);
        Some(ActionPattern::parse(&case.pattern).unwrap().matches(service, name))
    });
}

#[test]
fn the_plainest_matcher_there_is_answers_the_corpus() {
    fn plain(glob: &[char], text: &[char]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', glob)), rest) => plain(glob, text) || rest.is_some_and(|(_, rest)| plain(&[&['*'], glob].concat(), rest)),
            (Some((g, glob)), Some((t, text))) => (*g == '?' || g.eq_ignore_ascii_case(t)) && plain(glob, text),
            (Some(_), None) => false,
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<char>>();
    every_case(|case| {
        let (service, name) = parts(case);
        let (own, glob) = case.pattern.split_once(':').unwrap_or(("*", "*"));
        Some((own == "*" || own.eq_ignore_ascii_case(service)) && plain(&chars(glob), &chars(name)))
    });
}

#[test]
fn the_refiner_changes_a_pattern_exactly_when_it_matches_the_unused_name() {
    let catalogue = catalogue();
    every_case(|case| {
        let unused = Unused::of_actions([ActionName::parse(&case.name)?]);
        Some(!refine(&policy(&case.pattern), &unused, &catalogue, Choices::default()).is_unchanged())
    });
}

#[test]
fn the_proof_includes_a_name_in_exactly_the_patterns_that_match_it() {
    let catalogue = catalogue();
    every_case(|case| {
        let claims = prove(&policy(&case.pattern), &[policy(&case.name)], &Unused::default(), &catalogue);
        match claims.verdict(Claim::AddsNothing) {
            Verdict::Disputed(witness) => panic!("`{}`: {witness}", case.pattern),
            verdict => Some(verdict.holds()),
        }
    });
}

#[test]
fn the_proof_finds_an_unused_name_in_exactly_the_patterns_that_match_it() {
    let catalogue = catalogue();
    every_case(|case| {
        let unused = Unused::of_actions([ActionName::parse(&case.name)?]);
        let whole = policy(&case.pattern);
        let claims = prove(&whole, std::slice::from_ref(&whole), &unused, &catalogue);
        Some(!claims.verdict(Claim::DropsEverythingUnused).holds())
    });
}

#[test]
fn the_proof_misses_an_unreported_name_in_exactly_the_patterns_that_match_it() {
    let catalogue = catalogue();
    every_case(|case| {
        // A Deny statement makes the name known without granting it.
        let text = json!({"Statement": [
            {"Effect": "Allow", "Action": case.pattern, "Resource": "*"},
            {"Effect": "Deny", "Action": [case.name], "Resource": "arn:aws:s3:::nothing"}]});
        let original = Policy::parse(&text.to_string()).unwrap();
        let name = ActionName::parse(&case.name)?;
        // All other names are unused, the catalogue's and the pattern when it is one: only this one can be missed.
        let catalogued = catalogue.services().flat_map(|s| s.action_names().filter_map(|n| ActionName::of(s.prefix(), n)));
        let others = catalogued.chain(ActionName::parse(&case.pattern)).filter(|other| *other != name);
        let unused = Unused::of_actions(others);
        let deny = Policy::parse(&json!({"Statement": [text["Statement"][1]]}).to_string()).unwrap();
        let claims = prove(&original, &[deny], &unused, &catalogue);
        Some(!claims.verdict(Claim::KeepsEverythingNotReported).holds())
    });
}
