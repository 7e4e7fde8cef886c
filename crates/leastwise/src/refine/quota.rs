//! IAM's size quotas for policies, and splitting a policy that exceeds one over several managed policies.
//!
//! Source: AWS, "IAM and STS quotas" (2026): managed policy 6,144 characters; inline policies in total
//! 2,048 for a user, 10,240 for a role, 5,120 for a group. White space is not counted.

use leastwise_policy::document::quota_size;
use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};
use leastwise_policy::{Effect, Policy};

/// A size quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// One managed policy.
    Managed,
    /// All inline policies of a user together.
    User,
    /// All inline policies of a role together.
    Role,
    /// All inline policies of a group together.
    Group,
}

impl Quota {
    /// The limit in characters, white space not counted.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Quota::Managed => 6_144,
            Quota::User => 2_048,
            Quota::Role => 10_240,
            Quota::Group => 5_120,
        }
    }

    /// The word for it on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Quota::Managed => "managed",
            Quota::User => "user",
            Quota::Role => "role",
            Quota::Group => "group",
        }
    }
}

/// How many managed policies a principal may have by default (AWS, "IAM and STS quotas").
pub const MANAGED_POLICIES_PER_PRINCIPAL: usize = 10;

/// A policy spread over several managed policies that together grant what it grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The documents; each alone allows nothing that the original does not.
    pub parts: Vec<String>,
}

impl leastwise_proof::Candidate for Split {
    fn documents(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }
}

/// Why a policy cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitError {
    /// What does not fit, in lower case.
    pub message: String,
}

/// Splits `policy` into documents of at most `limit` characters. Every part repeats the Deny statements, so
/// that each alone allows nothing more; a statement that is too long is cut between its actions.
///
/// Works in the document's order and fills each part before it begins the next, so the count of parts is not
/// always the least possible.
///
/// # Errors
/// When the Deny statements alone, or one statement with a single action, or a `NotAction` statement as a
/// whole, do not fit into a part.
pub fn split(policy: &Policy, limit: usize) -> Result<Split, SplitError> {
    let count = policy.statements().len();
    let base: Vec<StatementEdit> =
        policy.statements().iter().map(|s| if s.effect == Effect::Deny { StatementEdit::Keep } else { StatementEdit::Remove }).collect();
    let fits = |edits: &[StatementEdit]| policy.edited(edits).is_none_or(|text| quota_size(&text) <= limit);
    let mut parts = Vec::new();
    let mut current = base.clone();
    let mut empty = true;
    for statement in policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        let place = statement.index;
        let with = |current: &[StatementEdit], edit: StatementEdit| {
            let mut edits = current.to_vec();
            if let Some(slot) = edits.get_mut(place) {
                *slot = edit;
            }
            edits
        };
        let whole = with(&current, StatementEdit::Keep);
        if fits(&whole) {
            (current, empty) = (whole, false);
            continue;
        }
        if !empty {
            parts.extend(policy.edited(&current));
            current = base.clone();
            empty = true;
            let alone = with(&current, StatementEdit::Keep);
            if fits(&alone) {
                (current, empty) = (alone, false);
                continue;
            }
        }
        let actions = &statement.actions;
        let too_long = |what: &str| SplitError { message: format!("{what} of statement {place} does not fit into {limit} characters beside the Deny statements") };
        if actions.negated || actions.patterns.len() < 2 {
            return Err(too_long(if actions.negated { "the `NotAction` list" } else { "the single action" }));
        }
        let piece = |range: std::ops::Range<usize>| StatementEdit::Actions(ActionEdit { negated: false, items: range.map(Item::Kept).collect() });
        let mut from = 0;
        while from < actions.patterns.len() {
            // The longest run of patterns from here that fits, by bisection: size grows with the run.
            let (mut low, mut high) = (from, actions.patterns.len());
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                if fits(&with(&base, piece(from..middle))) { low = middle } else { high = middle - 1 }
            }
            if low == from {
                return Err(too_long("one action"));
            }
            if low == actions.patterns.len() {
                (current, empty) = (with(&base, piece(from..low)), false);
            } else {
                parts.extend(policy.edited(&with(&base, piece(from..low))));
            }
            from = low;
        }
    }
    if !empty || (parts.is_empty() && count > 0) {
        parts.extend(policy.edited(&current));
    }
    Ok(Split { parts })
}
