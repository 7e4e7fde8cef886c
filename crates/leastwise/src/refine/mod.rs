//! Refinement: a policy and its unused permissions in, a smaller policy out, in the author's own structure.
//!
//! Follows the findings in the flow. The result is only a candidate until the proof crate has certified it;
//! nothing here says that a claim holds, and nothing here touches a Deny statement.

mod cover;
mod names;
mod not_action;
mod prefixes;
mod quota;
mod statement;
mod tokens;
mod warnings;

use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::edit::{Item, StatementEdit};
use leastwise_policy::known::KnownActions;
use leastwise_policy::{Effect, Policy, Statement, Unused};

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

/// Refines `policy`: what `unused` names goes, everything else stays (`refinement.md`).
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
    let decisions: Vec<statement::Decision> = policy.statements().iter().map(|s| decide(s, unused, &known, choices)).collect();
    let edits: Vec<StatementEdit> = decisions.iter().map(|d| d.edit.clone()).collect();
    let changes: Vec<StatementChange> = policy.statements().iter().zip(decisions).map(|(s, d)| change(s, d)).collect();
    let warnings = warnings::warnings(policy, unused, &known, &edits);
    Recommendation { text: policy.edited(&edits), changes, warnings, generalization: choices.generalization }
}

fn decide(statement: &Statement, unused: &Unused, known: &KnownActions<'_>, choices: Choices) -> statement::Decision {
    let actions = &statement.actions;
    match (statement.effect, actions.negated) {
        (Effect::Deny, _) => {
            let kept = actions.patterns.iter().map(|p| Kept { pattern: p.what.as_str().to_owned(), reason: KeptReason::DenyUntouched }).collect();
            statement::Decision { edit: StatementEdit::Keep, kept }
        }
        (Effect::Allow, false) => statement::refine_actions(actions, unused, known, choices.generalization),
        (Effect::Allow, true) => not_action::refine_not_actions(actions, unused, known, choices.generalization, choices.not_action),
    }
}

fn change(statement: &Statement, decision: statement::Decision) -> StatementChange {
    let written = |at: usize| statement.actions.patterns.get(at).map(|p| p.what.as_str().to_owned());
    let all = 0..statement.actions.patterns.len();
    let (removed, added) = match &decision.edit {
        StatementEdit::Keep => (Vec::new(), Vec::new()),
        StatementEdit::Remove => (all.filter_map(written).collect(), Vec::new()),
        StatementEdit::Actions(edit) => {
            let stays = |at: &usize| edit.items.contains(&Item::Kept(*at));
            let added = edit.items.iter().filter_map(|item| if let Item::New { pattern, .. } = item { Some(pattern.clone()) } else { None });
            (all.filter(|at| !stays(at)).filter_map(written).collect(), added.collect())
        }
    };
    StatementChange {
        index: statement.index,
        sid: statement.sid.as_deref().map(str::to_owned),
        removed,
        added,
        statement_removed: decision.edit == StatementEdit::Remove,
        kept: decision.kept,
    }
}
