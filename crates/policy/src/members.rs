//! The members that an object of an input may have; any other is named, with the one that was probably meant.
//!
//! Used for requests, for cases of every batch, and for whatever else is read strictly. It reads no values.

use crate::json::{Member, Node};
use crate::nearest::nearest;

/// A member of an object: its name, and other names that are understood too.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The name.
    pub name: &'static str,
    /// Other names for the same.
    pub also: &'static [&'static str],
    /// Names by which others call it; they are not understood, and lead to the name.
    pub elsewhere: &'static [&'static str],
}

impl Known {
    /// A member of one name.
    #[must_use]
    pub const fn plain(name: &'static str) -> Known {
        Known { name, also: &[], elsewhere: &[] }
    }

    /// The member of that object, under whichever of its names it stands.
    #[must_use]
    pub fn of<'n>(&self, node: &'n Node) -> Option<&'n Member> {
        node.as_object()?.iter().find(|member| self.understands(&member.key))
    }

    fn understands(&self, key: &str) -> bool {
        key == self.name || self.also.contains(&key)
    }
}

/// What is wrong with the members of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberError<'n> {
    /// The member.
    pub member: &'n Member,
    /// What is wrong, in lower case.
    pub message: String,
}

/// The first member that is not among `known`, or that says again what another one says.
#[must_use]
pub fn unknown<'n>(node: &'n Node, known: &[Known]) -> Option<MemberError<'n>> {
    let members = node.as_object()?;
    for (at, member) in members.iter().enumerate() {
        let Some(own) = known.iter().find(|known| known.understands(&member.key)) else {
            let names = known.iter().map(|known| known.name).collect::<Vec<_>>().join("`, `");
            let message = match meant(&member.key, known) {
                Some(near) => format!("unknown member `{}`; did you mean `{near}`?", member.key),
                None => format!("unknown member `{}`; the members are `{names}`", member.key),
            };
            return Some(MemberError { member, message });
        };
        if let Some(first) = members.iter().take(at).find(|before| own.understands(&before.key)) {
            let message = format!("`{}` says again what `{}` says; keep one of the two", member.key, first.key);
            return Some(MemberError { member, message });
        }
    }
    None
}

/// The name that was probably meant: the same but for case and separators, a name used elsewhere, or one that differs by few letters.
fn meant(key: &str, known: &[Known]) -> Option<&'static str> {
    let bare = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let (wrong, singular) = (bare(key), |name: &str| bare(name).trim_end_matches('s').to_owned());
    let same = |name: &str| bare(name) == wrong || singular(name) == wrong.trim_end_matches('s');
    let by_name = known.iter().find(|known| {
        same(known.name) || known.also.iter().any(|name| same(name)) || known.elsewhere.iter().any(|name| same(name))
    });
    by_name.map(|known| known.name).or_else(|| {
        let near = nearest(key, known.iter().flat_map(|known| [known.name].into_iter().chain(known.also.iter().copied())))?;
        known.iter().find(|known| known.understands(near)).map(|known| known.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const KNOWN: [Known; 3] = [
        Known::plain("id"),
        Known { name: "boundaries", also: &["boundary"], elsewhere: &["permissionsBoundary"] },
        Known { name: "scps", also: &[], elsewhere: &["serviceControlPolicies"] },
    ];

    #[test]
    fn what_is_not_known_is_named_with_what_was_meant() {
        for (text, part) in [
            (r#"{"id": 1, "scps": []}"#, None),
            (r#"{"boundary": []}"#, None),
            (r#"{"scp": []}"#, Some("did you mean `scps`?")),
            (r#"{"SCPs": []}"#, Some("did you mean `scps`?")),
            (r#"{"Boundaries": []}"#, Some("did you mean `boundaries`?")),
            (r#"{"permissions_boundary": []}"#, Some("did you mean `boundaries`?")),
            (r#"{"service-control-policies": []}"#, Some("did you mean `scps`?")),
            (r#"{"bundaries": []}"#, Some("did you mean `boundaries`?")),
            (r#"{"frobnicate": []}"#, Some("the members are `id`, `boundaries`, `scps`")),
            (r#"{"boundary": [], "boundaries": []}"#, Some("says again")),
        ] {
            let node = json::parse(text).unwrap();
            let message = unknown(&node, &KNOWN).map(|error| error.message);
            match part {
                None => assert_eq!(message, None, "{text}"),
                Some(part) => assert!(message.as_deref().is_some_and(|m| m.contains(part)), "{text}: {message:?}"),
            }
        }
    }
}
