//! What a user should know before applying a recommendation; none of it changes the result.

use std::collections::BTreeMap;

use leastwise_policy::document::Policy;
use leastwise_policy::edit::StatementEdit;
use leastwise_policy::json::Position;
use leastwise_policy::known::KnownActions;
use leastwise_policy::{Effect, Unused};

/// Something to know about a recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// The statement that it is about, from 0.
    pub statement: Option<usize>,
    /// The whole sentence.
    pub message: String,
}

/// The kinds of warnings; the words are part of the JSON output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningCode {
    /// A name in the policy that the catalogue lacks; kept unless the list names it.
    UnknownAction,
    /// A pattern that matches no known action; kept.
    MatchesNothingKnown,
    /// A name in the unused list that the catalogue lacks.
    UnknownUnused,
    /// A wildcard over a service that the catalogue lacks went because of the names in the list alone.
    UnknownService,
    /// A key that the policy grammar does not have; kept and ignored.
    UnknownKey,
    /// A kept action may need an action that goes.
    DependentAction,
    /// `NotAction` still grants actions that are added later.
    NotActionStaysOpen,
}

impl WarningCode {
    /// The word for it in the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WarningCode::UnknownAction => "unknown_action",
            WarningCode::MatchesNothingKnown => "matches_nothing_known",
            WarningCode::UnknownUnused => "unknown_unused",
            WarningCode::UnknownService => "unknown_service",
            WarningCode::UnknownKey => "unknown_key",
            WarningCode::DependentAction => "dependent_action",
            WarningCode::NotActionStaysOpen => "not_action_stays_open",
        }
    }
}

/// The warnings about refining `policy`, in the order of the document.
pub(crate) fn warnings(policy: &Policy, unused: &Unused, known: &KnownActions<'_>, edits: &[StatementEdit]) -> Vec<Warning> {
    let mut out = Vec::new();
    for (key, span) in policy.unknown_keys() {
        let place = Position::of(policy.text(), span.start);
        out.push(Warning {
            code: WarningCode::UnknownKey,
            statement: None,
            message: format!("{place}: `{key}` is not a key of the policy grammar; it stays and is ignored"),
        });
    }
    for (statement, edit) in policy.statements().iter().zip(edits) {
        for pattern in &statement.actions.patterns {
            let Some(service) = pattern.what.service() else { continue };
            let add = |code, message| Warning { code, statement: Some(statement.index), message };
            let lacks_service = known.catalogue().service(service).is_none();
            if let Some((service, name)) = pattern.what.exact() {
                if known.adds(service, name) && !unused.names(service, name) {
                    let message = format!("`{}` is not in the catalogue; it stays as written", pattern.what);
                    out.push(add(WarningCode::UnknownAction, message));
                }
            } else if !known.any_matches(service, &pattern.what) {
                out.push(add(
                    WarningCode::MatchesNothingKnown,
                    format!("`{}` matches no action of the catalogue; it stays as written", pattern.what),
                ));
            } else if lacks_service && statement.effect == Effect::Allow && *edit != StatementEdit::Keep {
                let message = format!(
                    "the catalogue has no service `{service}`: of `{}` only the actions written in the policy or the list are known",
                    pattern.what
                );
                out.push(add(WarningCode::UnknownService, message));
            }
        }
        if statement.effect == Effect::Allow && statement.actions.negated && *edit != StatementEdit::Remove {
            let becomes_action = matches!(edit, StatementEdit::Actions(edit) if !edit.negated);
            if !becomes_action {
                let message =
                    "`NotAction` grants whatever AWS adds later outside its list; an `Action` list would not".to_owned();
                out.push(Warning { code: WarningCode::NotActionStaysOpen, statement: Some(statement.index), message });
            }
        }
    }
    let mut services: Vec<&str> = known.added().map(|name| name.service()).collect();
    services.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    let listed = services.into_iter().flat_map(|service| unused.actions_of(service));
    for name in listed.filter(|name| !known.catalogued(name.service(), name.name())) {
        let message = format!("the unused list names `{name}`, which is not in the catalogue");
        out.push(Warning { code: WarningCode::UnknownUnused, statement: None, message });
    }
    out.extend(dependents(policy, unused, known));
    out
}

/// A warning for each action that goes although a kept action may need it (the catalogue's dependent actions).
/// Only actions that the policy names in full are looked at: what a wildcard keeps may never be called.
fn dependents(policy: &Policy, unused: &Unused, known: &KnownActions<'_>) -> Vec<Warning> {
    let mut needed_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if unused.is_empty() {
        return Vec::new();
    }
    for statement in policy.statements().iter().filter(|s| s.effect == Effect::Allow && !s.actions.negated) {
        for (pattern, (service, name)) in statement.actions.patterns.iter().filter_map(|p| Some((&p.what, p.what.exact()?))) {
            let Some(action) = known.catalogue().service(service).and_then(|s| s.action(name)) else { continue };
            let mut needs = action.dependent_actions().peekable();
            if needs.peek().is_none() || unused.names(service, name) {
                continue;
            }
            for needed in needs {
                let goes = needed.split_once(':').is_some_and(|(service, needed)| unused.names(service, needed));
                let granted = || {
                    policy.statements().iter().filter(|s| s.effect == Effect::Allow).any(|s| {
                        let matched = s
                            .actions
                            .patterns
                            .iter()
                            .any(|p| needed.split_once(':').is_some_and(|(service, name)| p.what.matches(service, name)));
                        matched != s.actions.negated
                    })
                };
                if goes && granted() {
                    let users = needed_by.entry(needed.to_owned()).or_default();
                    if !users.iter().any(|user| user == pattern.as_str()) {
                        users.push(pattern.as_str().to_owned());
                    }
                }
            }
        }
    }
    needed_by
        .into_iter()
        .map(|(needed, users)| {
            let message =
                format!("`{needed}` goes, but {} may need it in some calls (dependent action of the catalogue)", quoted(&users));
            Warning { code: WarningCode::DependentAction, statement: None, message }
        })
        .collect()
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(3);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
