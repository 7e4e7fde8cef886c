//! The four claims, what became of each, and the witness of a claim that does not hold.
//!
//! The vocabulary of the proof's answers (`docs/refinement.md`, "The four claims"). It decides nothing.

use std::fmt;

use leastwise_policy::json::Position;

/// One of the four claims that a recommendation carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// Every request that the refined policy allows, the original allows; over all strings, known actions or not.
    AddsNothing,
    /// No known action that the unused list names is granted by an Allow statement of the refined policy.
    DropsEverythingUnused,
    /// Every known action that the original grants and the list does not name is still granted, on the same
    /// resources and under the same conditions.
    KeepsEverythingNotReported,
    /// The refined statements are a subsequence of the original ones, and bytes outside edited `Action` and
    /// `NotAction` elements of Allow statements and outside removed Allow statements are the same.
    KeepsStructure,
}

impl Claim {
    /// The four claims, in the order in which they are always shown.
    pub const ALL: [Claim; 4] =
        [Claim::AddsNothing, Claim::DropsEverythingUnused, Claim::KeepsEverythingNotReported, Claim::KeepsStructure];

    /// The claim's name, as it stands in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Claim::AddsNothing => "adds_nothing",
            Claim::DropsEverythingUnused => "drops_everything_unused",
            Claim::KeepsEverythingNotReported => "keeps_everything_not_reported",
            Claim::KeepsStructure => "keeps_structure",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is proved.
    Holds,
    /// It is not: the witness shows it, or says why the claim could not be shown ([`Reason`]).
    Refuted(Witness),
    /// The search found a witness that the plain matcher does not confirm. One of the two is wrong:
    /// a fault of this program, to be reported as such. The claim does not count as holding.
    Disputed(Witness),
}

impl Verdict {
    /// Whether the claim is proved.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::Holds)
    }

    /// `holds`, `refuted` or `disputed`, as outputs show it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Refuted(_) => "refuted",
            Verdict::Disputed(_) => "disputed",
        }
    }

    /// The witness, when the claim does not hold.
    #[must_use]
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Verdict::Holds => None,
            Verdict::Refuted(witness) | Verdict::Disputed(witness) => Some(witness),
        }
    }
}

/// How a claim came to be refuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The witness breaks the claim; where it is an action, the plain matcher has confirmed that.
    Shown,
    /// The claim may be true, but conditions, principals or policy variables would have to be reasoned about to
    /// show it, and they are compared as they are written only.
    CannotBeShown,
    /// The search was stopped at its bound (`docs/semantics.md`); the claim may be true.
    TooComplex,
}

/// Why a claim does not hold: something concrete that breaks it, and where. Displayed as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// How sure it is.
    pub reason: Reason,
    /// The action that breaks the claim: a catalogued one when there is one, else a shortest string.
    pub action: Option<String>,
    /// The resource of the request that breaks the claim; none when it breaks on every resource of the statement.
    pub resource: Option<String>,
    /// The original statement that it is about, from 0.
    pub original: Option<usize>,
    /// The refined document that it is about, from 0.
    pub document: Option<usize>,
    /// The statement of the refined document that it is about, from 0.
    pub refined: Option<usize>,
    /// Where in the text of the refined document, or in the original's when [`Witness::document`] is none.
    pub place: Option<Position>,
    /// What is wrong, as a sentence without a full stop.
    pub explanation: String,
}

impl Witness {
    pub(crate) fn new(reason: Reason, explanation: String) -> Witness {
        Witness { reason, action: None, resource: None, original: None, document: None, refined: None, place: None, explanation }
    }

    pub(crate) fn too_complex(what: &str) -> Witness {
        let explanation = format!(
            "{what} is too complex to decide within the bound on search steps, so it counts as refuted; split the document, by service or by statement, and prove the parts"
        );
        Witness::new(Reason::TooComplex, explanation)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.explanation)
    }
}

/// The verdicts on the four claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub(crate) adds_nothing: Verdict,
    pub(crate) drops_everything_unused: Verdict,
    pub(crate) keeps_everything_not_reported: Verdict,
    pub(crate) keeps_structure: Verdict,
}

impl Claims {
    /// The verdict on one claim.
    #[must_use]
    pub fn verdict(&self, claim: Claim) -> &Verdict {
        match claim {
            Claim::AddsNothing => &self.adds_nothing,
            Claim::DropsEverythingUnused => &self.drops_everything_unused,
            Claim::KeepsEverythingNotReported => &self.keeps_everything_not_reported,
            Claim::KeepsStructure => &self.keeps_structure,
        }
    }

    /// All verdicts, in the order of [`Claim::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Claim, &Verdict)> {
        Claim::ALL.into_iter().map(|claim| (claim, self.verdict(claim)))
    }

    /// Whether all four hold.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.iter().all(|(_, verdict)| verdict.holds())
    }
}
