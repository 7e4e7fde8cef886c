//! Proves a refined policy: all four claims, for one document, for several of a split, or for none.
//!
//! The entrance. It prepares both sides once and hands them to one module per claim; it decides nothing itself.

use leastwise_policy::json::Position;
use leastwise_policy::{Catalogue, Policy, Unused};

use crate::claims::{Claims, Reason, Verdict, Witness};
use crate::clause::Clause;
use crate::known_names::KnownNames;
use crate::{adds_nothing, others_kept, structure, unused_dropped};

/// Decides the four claims of `refined`, the documents that are to take the place of `original`.
///
/// No document means that nothing is left (the policy is to be detached); several mean that the policy is split.
/// Of several documents each alone must add nothing, drop what is unused and keep the structure, and all together
/// must keep what is not reported. Known actions are those of `catalogue`, of `unused` and the exact names in `original`.
#[must_use]
pub fn prove(original: &Policy, refined: &[Policy], unused: &Unused, catalogue: &Catalogue) -> Claims {
    let mut known = KnownNames::new(catalogue, unused, original);
    let documents: Vec<&Policy> = refined.iter().collect();
    let new: Vec<Vec<Clause<'_>>> = documents.iter().map(|policy| Clause::of(policy)).collect();
    // A document that is the original itself includes itself and keeps everything.
    let untouched = documents.iter().all(|document| document.text() == original.text()) && !documents.is_empty();
    let drops_everything_unused = unused_dropped::drops_everything_unused(&new, &mut known);
    if untouched {
        return Claims {
            adds_nothing: Verdict::Holds,
            drops_everything_unused: located(drops_everything_unused, documents.len()),
            keeps_everything_not_reported: Verdict::Holds,
            keeps_structure: Verdict::Holds,
        };
    }
    let old = Clause::of(original);
    let unfit = unfit(original, &documents);
    let mut adds_nothing = Verdict::Holds;
    for (at, (document, clauses)) in documents.iter().zip(&new).enumerate() {
        let verdict = match &unfit {
            Some(witness) => Verdict::Refuted(witness.clone()),
            None => adds_nothing::adds_nothing((original, &old), (document, clauses), &mut known),
        };
        adds_nothing = match verdict {
            Verdict::Holds => continue,
            Verdict::Refuted(witness) => Verdict::Refuted(Witness { document: witness.document.or(Some(at)), ..witness }),
            Verdict::Disputed(witness) => Verdict::Disputed(Witness { document: Some(at), ..witness }),
        };
        break;
    }
    let keeps_everything_not_reported = match unfit {
        Some(witness) => Verdict::Refuted(witness),
        None => others_kept::keeps_everything_not_reported(&old, &new, &mut known),
    };
    Claims {
        adds_nothing: located(adds_nothing, documents.len()),
        drops_everything_unused: located(drops_everything_unused, documents.len()),
        keeps_everything_not_reported: located(keeps_everything_not_reported, documents.len()),
        keeps_structure: located(structure::keeps_structure(original, &documents), documents.len()),
    }
}

/// Why the documents cannot be compared: a statement that AWS would not store where the others stand. Policies of users
/// and roles have no `Principal` and need a `Resource`; policies of resources need a `Principal`.
fn unfit(original: &Policy, documents: &[&Policy]) -> Option<Witness> {
    let all = || std::iter::once((None, original)).chain(documents.iter().enumerate().map(|(at, policy)| (Some(at), *policy)));
    let with_principal = all().flat_map(|(_, policy)| policy.statements()).find(|s| s.principal.is_some()).is_some();
    all().find_map(|(document, policy)| {
        policy.statements().iter().find_map(|statement| {
            let lacking = match (&statement.principal, &statement.resources) {
                (None, None) => "neither `Resource` nor `Principal`, so that no kind of policy takes it",
                (None, Some(_)) if with_principal => {
                    "no `Principal`, while other statements have one: no kind of policy takes both"
                }
                _ => return None,
            };
            let of = if document.is_some() { "refined" } else { "original" };
            let explanation =
                format!("statement {} of the {of} policy has {lacking}, and what it allows cannot be said", statement.index);
            let mut witness = Witness::new(Reason::CannotBeShown, explanation);
            witness.document = document;
            *(if document.is_some() { &mut witness.refined } else { &mut witness.original }) = Some(statement.index);
            witness.place = Some(Position::of(policy.text(), statement.span.start));
            Some(witness)
        })
    })
}

/// Says which document the witness is about, when there are several.
fn located(verdict: Verdict, documents: usize) -> Verdict {
    let name = |witness: Witness| match witness.document {
        Some(at) if documents > 1 => {
            Witness { explanation: format!("document {at} of {documents}: {}", witness.explanation), ..witness }
        }
        _ => witness,
    };
    match verdict {
        Verdict::Holds => Verdict::Holds,
        Verdict::Refuted(witness) => Verdict::Refuted(name(witness)),
        Verdict::Disputed(witness) => Verdict::Disputed(name(witness)),
    }
}
