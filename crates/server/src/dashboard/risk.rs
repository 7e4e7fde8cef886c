//! Risks as pages show them: a class, a name, a sentence; of a finding and of a single action.
//!
//! Between the store's sets of risks and the templates. The judgement is `crate::risk`'s.

use crate::store::Risk;

/// A risk in words: the store's name of it, the style's class, what a chip says, what it means.
pub(super) const WORDS: [(Risk, &str, &str, &str, &str); 4] = [
    (Risk::ESCALATION, "escalation", "escalation", "Escalation", "could give itself more than it has"),
    (Risk::PERMISSIONS_MANAGEMENT, "permissionsManagement", "permissions", "Permissions", "could grant permissions to others"),
    (Risk::DATA_ACCESS, "dataAccess", "data", "Data access", "could read what is stored"),
    (Risk::WRITE, "write", "write", "Write", "could create, change or delete"),
];

/// Class and name of the worst of a set.
pub(super) fn worst(risk: Risk) -> (&'static str, &'static str) {
    let found = WORDS.iter().find(|(one, ..)| risk.has(*one));
    found.map_or(("read", "Look only"), |(_, _, class, name, _)| (*class, *name))
}

/// The risk of a name in an address.
pub(super) fn parse(text: &str) -> Option<Risk> {
    WORDS.iter().find(|(_, name, ..)| *name == text).map(|(risk, ..)| *risk)
}
