//! Refinement: a policy and its unused permissions in, a smaller policy out, in the author's own structure.
//!
//! Follows the findings in the flow. The result is only a candidate until the proof crate has certified it;
//! nothing here says that a claim holds, and nothing here touches a Deny statement.

mod compact;
mod cover;
mod names;
mod not_action;
mod prefixes;
mod quota;
mod set_cover;
mod statement;
mod tokens;
mod warnings;

use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::edit::{Item, StatementEdit};
use leastwise_policy::known::KnownActions;
use leastwise_policy::{Effect, Policy, Statement, Unused};

pub use compact::Compactness;
pub use quota::{MANAGED_POLICIES_PER_PRINCIPAL, Quota, Split, SplitError, split};
pub use warnings::{Warning, WarningCode};

/// How a wildcard of which a part is unused is narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generalization {
    /// To the shortest safe prefixes: actions that AWS adds under them later are granted.
    #[default]
    Open,
    /// To exact names: actions added later are not granted. A `NotAction` list that stays one still grants them.
    Closed,
}

impl Generalization {
    /// The word for it, as on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Generalization::Open => "open",
            Generalization::Closed => "closed",
        }
    }
}

/// In which form an Allow statement with `NotAction` is refined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotActionForm {
    /// It stays a `NotAction` list, with more in it.
    #[default]
    Keep,
    /// It becomes an `Action` list where that is shorter.
    RewriteWhenShorter,
}

/// What the user may choose about a refinement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    /// How wildcards are narrowed.
    pub generalization: Generalization,
    /// What becomes of `NotAction`.
    pub not_action: NotActionForm,
    /// Whether narrowed wildcards become the cheapest `prefix*suffix` patterns instead of the shortest safe
    /// prefixes. Has no effect on [`Generalization::Closed`], which has no patterns.
    pub compact: bool,
}

/// A smaller policy, not yet proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The new document's text; none when nothing is left to grant.
    pub text: Option<String>,
    /// What changed and what stayed, a row for each statement of the original, in order.
    pub changes: Vec<StatementChange>,
    /// What the user should know before applying it.
    pub warnings: Vec<Warning>,
    /// How wildcards were narrowed.
    pub generalization: Generalization,
    /// How short the compact lists are, when they were asked for.
    pub compactness: Option<Compactness>,
}

impl leastwise_proof::Candidate for Recommendation {
    fn documents(&self) -> Vec<&str> {
        self.text.as_deref().into_iter().collect()
    }
}

impl Recommendation {
    /// Whether the document stays as it is, byte for byte.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.changes.iter().all(|c| c.removed.is_empty() && c.added.is_empty() && !c.statement_removed)
    }

    /// The steps that put it into force, in the provider's words (`recommendedAction` of
    /// `UnusedPermissionsRecommendedStep`): create the new policy and detach the old one, detach alone when
    /// nothing is left, nothing when the policy stays.
    #[must_use]
    pub fn steps(&self) -> &'static [Step] {
        match (&self.text, self.is_unchanged()) {
            (_, true) => &[],
            (Some(_), false) => &[Step::CreatePolicy, Step::DetachPolicy],
            (None, false) => &[Step::DetachPolicy],
        }
    }
}

/// A step that puts a recommendation into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Create the recommended policy (and attach it).
    CreatePolicy,
    /// Detach the existing policy.
    DetachPolicy,
}

impl Step {
    /// The provider's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Step::CreatePolicy => "CREATE_POLICY",
            Step::DetachPolicy => "DETACH_POLICY",
        }
    }
}

/// What became of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementChange {
    /// Place among the original statements, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Patterns that no longer stand in its list, as they were written.
    pub removed: Vec<String>,
    /// Patterns that are new in its list.
    pub added: Vec<String>,
    /// Whether the whole statement goes.
    pub statement_removed: bool,
    /// Patterns that stay, and why.
    pub kept: Vec<Kept>,
}

/// A pattern that stays as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The pattern.
    pub pattern: String,
    /// Why it stays.
    pub reason: KeptReason,
}

/// Why a pattern stays as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptReason {
    /// None of the actions that it matches is reported unused.
    NothingUnused,
    /// It is a name that the catalogue lacks, and the list does not name it.
    UnknownName,
    /// It matches no known action.
    MatchesNothingKnown,
    /// It stands in a `NotAction` list: it excludes.
    StillExcluded,
    /// It stands in a Deny statement.
    DenyUntouched,
}

impl KeptReason {
    /// The reason in the words of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeptReason::NothingUnused => "nothing_unused",
            KeptReason::UnknownName => "unknown_name",
            KeptReason::MatchesNothingKnown => "matches_nothing_known",
            KeptReason::StillExcluded => "still_excluded",
            KeptReason::DenyUntouched => "deny_untouched",
        }
    }
}

impl KeptReason {
    /// The reason as a sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            KeptReason::NothingUnused => "nothing in it is reported unused",
            KeptReason::UnknownName => "the catalogue does not know it and the list does not name it",
            KeptReason::MatchesNothingKnown => "it matches no known action",
            KeptReason::StillExcluded => "it excludes, and still does",
            KeptReason::DenyUntouched => "Deny statements are never changed",
        }
    }
}

/// Refines `policy`: what `unused` names goes, everything else stays (`docs/refinement.md`).
///
/// ```
/// use leastwise::refine::{refine, Choices};
/// use leastwise_policy::{catalogue::Catalogue, Policy, Unused};
/// let text = r#"{"Statement": {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:PurgeQueue"], "Resource": "*"}}"#;
/// let policy = Policy::parse(text).unwrap();
/// let unused = Unused::parse("sqs:PurgeQueue").unwrap();
/// let result = refine(&policy, &unused, Catalogue::embedded(), Choices::default());
/// assert_eq!(result.text.unwrap(), text.replace(r#", "sqs:PurgeQueue""#, ""));
/// ```
#[must_use]
pub fn refine(policy: &Policy, unused: &Unused, catalogue: &Catalogue, choices: Choices) -> Recommendation {
    let known = KnownActions::new(catalogue, unused, &[policy]);
    let services = names::Services::new(&known, unused);
    let decisions: Vec<statement::Decision> = policy.statements().iter().map(|s| decide(s, &services, choices)).collect();
    let compactness = choices.compact.then(|| {
        let mut total = Compactness::default();
        decisions.iter().filter_map(|d| d.compactness).for_each(|c| total += c);
        total
    });
    let (edits, kept): (Vec<StatementEdit>, Vec<Vec<Kept>>) = decisions.into_iter().map(|d| (d.edit, d.kept)).unzip();
    let changes = policy.statements().iter().zip(&edits).zip(kept).map(|((s, edit), kept)| change(s, edit, kept)).collect();
    let warnings = warnings::warnings(policy, unused, &known, &edits);
    Recommendation { text: policy.edited(&edits), changes, warnings, generalization: choices.generalization, compactness }
}

fn decide(statement: &Statement, services: &names::Services<'_>, choices: Choices) -> statement::Decision {
    let actions = &statement.actions;
    match (statement.effect, actions.negated) {
        (Effect::Deny, _) => {
            let kept = actions
                .patterns
                .iter()
                .map(|p| Kept { pattern: p.what.as_str().to_owned(), reason: KeptReason::DenyUntouched })
                .collect();
            statement::Decision { edit: StatementEdit::Keep, kept, compactness: None }
        }
        (Effect::Allow, false) => statement::refine_actions(actions, services, choices),
        (Effect::Allow, true) => not_action::refine_not_actions(actions, services, choices.generalization, choices.not_action),
    }
}

fn change(statement: &Statement, edit: &StatementEdit, kept: Vec<Kept>) -> StatementChange {
    let written = |at: usize| statement.actions.patterns.get(at).map(|p| p.what.as_str().to_owned());
    let all = 0..statement.actions.patterns.len();
    let (removed, added) = match edit {
        StatementEdit::Keep => (Vec::new(), Vec::new()),
        StatementEdit::Remove => (all.filter_map(written).collect(), Vec::new()),
        StatementEdit::Actions(edit) => {
            let mut stays = vec![false; all.len()];
            for item in &edit.items {
                if let Item::Kept(at) = item
                    && let Some(stays) = stays.get_mut(*at)
                {
                    *stays = true;
                }
            }
            let goes = |at: &usize| stays.get(*at) == Some(&false);
            let added = edit
                .items
                .iter()
                .filter_map(|item| if let Item::New { pattern, .. } = item { Some(pattern.clone()) } else { None });
            (all.filter(goes).filter_map(written).collect(), added.collect())
        }
    };
    StatementChange {
        index: statement.index,
        sid: statement.sid.as_deref().map(str::to_owned),
        removed,
        added,
        statement_removed: *edit == StatementEdit::Remove,
        kept,
    }
}
