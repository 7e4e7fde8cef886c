//! Names and patterns of actions: `s3:GetObject`, `s3:Get*`, `*`.
//!
//! Parsed once, where text enters; afterwards no bare string stands for an action. A pattern here only
//! says whether it matches one name; it does not expand, and it does not compare itself with patterns.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::glob;

/// Compares two strings as AWS compares service prefixes and action names: ignoring ASCII case.
#[must_use]
pub fn compare_ignoring_case(a: &str, b: &str) -> Ordering {
    // Equal bytes, which most are, need no lower-casing.
    for (one, other) in a.bytes().zip(b.bytes()) {
        if one != other {
            let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
            if one != other {
                return one.cmp(&other);
            }
        }
    }
    a.len().cmp(&b.len())
}

/// The name of one action, `service:Name`, without a wildcard. Equality and order ignore ASCII case.
#[derive(Debug, Clone)]
pub struct ActionName {
    written: Box<str>,
    colon: usize,
}

impl ActionName {
    /// Reads `service:Name`; nothing when a colon or one of the parts is missing or a wildcard stands in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<ActionName> {
        let colon = text.find(':')?;
        if colon == 0 || colon + 1 == text.len() || glob::has_wildcard(text) {
            return None;
        }
        Some(ActionName { written: text.into(), colon })
    }

    /// The action `name` of the service with that prefix. Neither part may hold a wildcard.
    #[must_use]
    pub fn of(service: &str, name: &str) -> Option<ActionName> {
        let colon = service.find(':').unwrap_or(service.len());
        if colon == 0 || name.is_empty() && colon == service.len() || glob::has_wildcard(service) || glob::has_wildcard(name) {
            return None;
        }
        let mut written = String::with_capacity(service.len() + 1 + name.len());
        written.push_str(service);
        written.push(':');
        written.push_str(name);
        Some(ActionName { written: written.into_boxed_str(), colon })
    }

    /// The whole name as spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The service prefix as spelled.
    #[must_use]
    pub fn service(&self) -> &str {
        self.written.get(..self.colon).unwrap_or_default()
    }

    /// The part behind the colon, as spelled.
    #[must_use]
    pub fn name(&self) -> &str {
        self.written.get(self.colon + 1..).unwrap_or_default()
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl PartialEq for ActionName {
    fn eq(&self, other: &Self) -> bool {
        self.written.eq_ignore_ascii_case(&other.written)
    }
}

impl Eq for ActionName {}

impl PartialOrd for ActionName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ActionName {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_ignoring_case(&self.written, &other.written)
    }
}

impl Hash for ActionName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.written.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

/// A pattern over action names as it stands in `Action` or `NotAction`: `*`, or `service:glob`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern {
    written: Box<str>,
    /// Offset of the colon; none for the patterns that mean every service (`*` and `*:*`).
    colon: Option<usize>,
}

/// Why a text is not an action pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// There is no `service:` before the name.
    NoService,
    /// The service prefix holds `*` or `?`.
    WildcardInService,
}

impl PatternError {
    /// What is wrong, to follow the offending text.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            PatternError::NoService => "has no service prefix",
            PatternError::WildcardInService => "has a wildcard in its service prefix",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            PatternError::NoService => "write `service:Action`, such as `s3:GetObject`, or `*` for everything",
            PatternError::WildcardInService => "name each service, such as `s3:Get*`, or write `*` for everything",
        }
    }
}

impl ActionPattern {
    /// Reads a pattern. `*` and `*:*` mean every action of every service (`docs/refinement.md`, "Words").
    ///
    /// # Errors
    /// When the service prefix is missing or holds a wildcard.
    pub fn parse(text: &str) -> Result<ActionPattern, PatternError> {
        Ok(ActionPattern { colon: ActionPattern::colon_in(text)?, written: text.into() })
    }

    /// As [`ActionPattern::parse`], of a text that is given away; with an error it comes back.
    pub(crate) fn of(text: Box<str>) -> Result<ActionPattern, (PatternError, Box<str>)> {
        match ActionPattern::colon_in(&text) {
            Ok(colon) => Ok(ActionPattern { written: text, colon }),
            Err(error) => Err((error, text)),
        }
    }

    /// Where the colon stands that ends the service prefix; none for the patterns that mean every service.
    fn colon_in(text: &str) -> Result<Option<usize>, PatternError> {
        if text == "*" || text == "*:*" {
            return Ok(None);
        }
        // Prefixes are short: byte by byte is the quick way.
        match text.bytes().position(|b| matches!(b, b':' | b'*' | b'?')) {
            Some(0) if text.starts_with(':') => Err(PatternError::NoService),
            Some(at) if text.as_bytes().get(at) == Some(&b':') => Ok(Some(at)),
            Some(_) => Err(PatternError::WildcardInService),
            None => Err(PatternError::NoService),
        }
    }

    /// The pattern as spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The service prefix as spelled; none when the pattern means every service.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.colon.and_then(|colon| self.written.get(..colon))
    }

    /// The glob over the names of the service, as spelled; `*` when the pattern means every service.
    #[must_use]
    pub fn name_glob(&self) -> &str {
        self.colon.map_or("*", |colon| self.written.get(colon + 1..).unwrap_or_default())
    }

    /// The one name that this pattern is, when it has no wildcard.
    #[must_use]
    pub fn as_name(&self) -> Option<ActionName> {
        ActionName::parse(&self.written)
    }

    /// Service prefix and name of the one action that this pattern is, as spelled, when it has no wildcard.
    #[must_use]
    pub fn exact(&self) -> Option<(&str, &str)> {
        let (service, name) = (self.service()?, self.name_glob());
        let exact = !service.is_empty() && !name.is_empty() && !self.has_wildcard();
        exact.then_some((service, name))
    }

    /// Whether the pattern has a wildcard.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        glob::has_wildcard(&self.written)
    }

    /// Whether the pattern reaches into the service with that prefix at all.
    #[must_use]
    pub fn reaches(&self, service: &str) -> bool {
        self.service().is_none_or(|own| own.eq_ignore_ascii_case(service))
    }

    /// Whether the pattern matches the action `name` of the service with prefix `service`, known or not.
    #[must_use]
    pub fn matches(&self, service: &str, name: &str) -> bool {
        self.reaches(service) && glob::matches(self.name_glob(), name, glob::Case::Ignored)
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_whatever_their_case() {
        let one = ActionName::parse("s3:PutBucketCors").unwrap();
        let other = ActionName::parse("S3:PutBucketCORS").unwrap();
        assert_eq!(one, other);
        assert_eq!(one.cmp(&other), Ordering::Equal);
        assert_eq!(other.service(), "S3");
        assert_eq!(other.name(), "PutBucketCORS");
    }

    #[test]
    fn a_name_has_two_parts_and_no_wildcard() {
        for bad in ["", "s3", "s3:", ":Get", "s3:Get*", "s?:Get"] {
            assert!(ActionName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_holds_its_wildcards_behind_the_colon() {
        assert_eq!(ActionPattern::parse("s*:Get").unwrap_err(), PatternError::WildcardInService);
        assert_eq!(ActionPattern::parse("s3*").unwrap_err(), PatternError::WildcardInService);
        assert_eq!(ActionPattern::parse("**").unwrap_err(), PatternError::WildcardInService);
        assert_eq!(ActionPattern::parse("GetObject").unwrap_err(), PatternError::NoService);
        assert_eq!(ActionPattern::parse(":Get").unwrap_err(), PatternError::NoService);
    }

    #[test]
    fn star_and_star_colon_star_mean_every_service() {
        for text in ["*", "*:*"] {
            let pattern = ActionPattern::parse(text).unwrap();
            assert!(pattern.matches("s3", "GetObject"));
            assert_eq!(pattern.service(), None);
        }
    }

    #[test]
    fn matching_ignores_case_in_prefix_and_name() {
        let pattern = ActionPattern::parse("S3:get*").unwrap();
        assert!(pattern.matches("s3", "GetObject"));
        assert!(!pattern.matches("s3express", "GetObject"));
    }
}
