//! Amazon Resource Names: their parts, and the two ways in which a policy matches them.
//!
//! Used by the evaluator, once for the `Resource` element and once for the `Arn…` operators, which AWS
//! matches differently. It decides about one name at a time and knows nothing of services' own formats;
//! variables have been put in before a pattern comes here.

use crate::glob::{self, Case};

/// The parts of an ARN, `arn:partition:service:region:account:resource`, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`…
    pub partition: &'a str,
    /// The service's namespace, such as `s3`.
    pub service: &'a str,
    /// The region; often empty.
    pub region: &'a str,
    /// The account's number; often empty, and `aws` for what AWS itself owns.
    pub account: &'a str,
    /// Everything behind the fifth colon; it may hold colons and slashes of its own.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// The parts of `text`, when it is `arn:` and five parts more (IAM User Guide, "Identify AWS
    /// resources with Amazon Resource Names (ARNs)").
    ///
    /// ```
    /// use leastwise_policy::arn::Arn;
    /// let arn = Arn::parse("arn:aws:logs:eu-west-1:111122223333:log-group:app:*").unwrap();
    /// assert_eq!((arn.account, arn.resource), ("111122223333", "log-group:app:*"));
    /// ```
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Arn {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }
}

/// Whether `text` is an account's number: twelve digits.
#[must_use]
pub fn is_account_number(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// What stands behind the service in the short form of a resource that API Gateway's resource policies may use,
/// `execute-api:/stage/VERB/path`: the slash and the rest. Nothing for other patterns.
///
/// ```
/// use leastwise_policy::arn::api_gateway_short;
/// assert_eq!(api_gateway_short("execute-api:/prod/GET/pets"), Some("/prod/GET/pets"));
/// assert_eq!(api_gateway_short("arn:aws:execute-api:*:*:*"), None);
/// ```
#[must_use]
pub fn api_gateway_short(pattern: &str) -> Option<&str> {
    pattern.strip_prefix("execute-api:").filter(|rest| rest.starts_with('/'))
}

/// One unit of a pattern into which values may have been put: what came from a value is never a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// This character and no other.
    Char(char),
    /// `?`: one character.
    One,
    /// `*`: any run of characters, also an empty one.
    Any,
}

impl Unit {
    /// The unit that a character of the policy's own text stands for.
    #[must_use]
    pub fn of(c: char) -> Unit {
        match c {
            '*' => Unit::Any,
            '?' => Unit::One,
            c => Unit::Char(c),
        }
    }
}

/// Whether the whole of `text` matches `units`, case kept. Time is at most the product of the lengths.
#[must_use]
pub fn units_match(units: &[Unit], text: &str) -> bool {
    let (mut u, mut rest) = (0, text.chars());
    // Where to resume when the last `*` has to take one character more.
    let mut resume = None;
    loop {
        let mut next = rest.clone();
        match (units.get(u), next.next()) {
            (Some(Unit::Any), _) => {
                u += 1;
                resume = Some((u, rest.clone()));
                continue;
            }
            (Some(Unit::One), Some(_)) => (u, rest) = (u + 1, next),
            (Some(Unit::Char(own)), Some(c)) if *own == c => (u, rest) = (u + 1, next),
            (None, None) => return true,
            _ => {
                let Some((after, from)) = &mut resume else { return false };
                if from.next().is_none() {
                    return false;
                }
                (u, rest) = (*after, from.clone());
            }
        }
    }
}

/// Walks all ways of matching at once. The flag says whether a wildcard may take a colon.
fn run(units: impl Iterator<Item = (Unit, bool)>, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // reached: whether the units so far match exactly the first i characters.
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for (unit, crosses) in units {
        let mut carry = false;
        match unit {
            Unit::Any => {
                for (i, here) in reached.iter_mut().enumerate() {
                    *here |= carry;
                    carry = *here && text.get(i).is_some_and(|c| crosses || *c != ':');
                }
            }
            Unit::One | Unit::Char(_) => {
                for (i, here) in reached.iter_mut().enumerate() {
                    let fits = text.get(i).is_some_and(|c| match unit {
                        Unit::Char(own) => own == *c,
                        _ => crosses || *c != ':',
                    });
                    let was = *here;
                    *here = carry;
                    carry = was && fits;
                }
            }
        }
    }
    reached.last().copied().unwrap_or(false)
}

/// Whether an `Arn…` operator's pattern matches the ARN `value`: each of the six parts by itself, case kept,
/// so that no wildcard reaches over one of the first five colons ("IAM JSON policy elements: Condition
/// operators", ARN operators). A pattern or a value with fewer parts matches nothing.
///
/// ```
/// use leastwise_policy::arn::like;
/// let topic = "arn:aws:sns:us-east-1:111122223333:orders";
/// assert!(like("arn:aws:sns:*:111122223333:*", topic));
/// assert!(!like("arn:aws:sns:*", topic));
/// ```
#[must_use]
pub fn like(pattern: &str, value: &str) -> bool {
    let (mut patterns, mut values) = (pattern.splitn(6, ':'), value.splitn(6, ':'));
    for _ in 0..6 {
        match (patterns.next(), values.next()) {
            (Some(p), Some(v)) if part_matches(p, v) => {}
            _ => return false,
        }
    }
    true
}

/// As [`like`], for a pattern into which values have been put; a colon in a value separates parts too.
#[must_use]
pub fn like_units(pattern: &[Unit], value: &str) -> bool {
    let mut patterns = pattern.splitn(6, |unit| *unit == Unit::Char(':'));
    let mut values = value.splitn(6, ':');
    for _ in 0..6 {
        match (patterns.next(), values.next()) {
            (Some(p), Some(v)) if units_match(p, v) => {}
            _ => return false,
        }
    }
    true
}

fn part_matches(pattern: &str, value: &str) -> bool {
    pattern == value || glob::matches(pattern, value, Case::Kept)
}

/// Whether a pattern of the `Resource` element matches `resource`, case kept.
///
/// Part by part, where `*` at the end of a part may reach over colons, a wildcard elsewhere in the first
/// five parts stays within its part, and behind the fifth colon wildcards take everything ("IAM JSON policy
/// elements: Resource", wildcards). `*` alone matches everything. What is no ARN is one part.
///
/// ```
/// use leastwise_policy::arn::resource_matches;
/// assert!(resource_matches("arn:aws:s3:::logs/*", "arn:aws:s3:::logs/2026/01/x.gz"));
/// assert!(resource_matches("arn:aws:s3:*", "arn:aws:s3:::logs"));
/// assert!(!resource_matches("arn:aws:s3:::Logs", "arn:aws:s3:::logs"));
/// ```
#[must_use]
pub fn resource_matches(pattern: &str, resource: &str) -> bool {
    if pattern == "*" || pattern == resource {
        return true;
    }
    if !glob::has_wildcard(pattern) {
        return false;
    }
    if !pattern.starts_with("arn:") || !resource.starts_with("arn:") {
        return glob::matches(pattern, resource, Case::Kept);
    }
    if like(pattern, resource) {
        return true;
    }
    let stars_cross = pattern.contains("*:") || pattern.ends_with('*');
    if cannot_cross(pattern.bytes().filter(|b| *b == b':').count(), stars_cross, resource) {
        return false;
    }
    let units: Vec<Unit> = pattern.chars().map(Unit::of).collect();
    crossing_match(&units, resource)
}

/// Whether no star of the pattern can take a colon of the resource and so match what does not match part by part: a
/// whole ARN would need more colons than the pattern has. `colons` are the pattern's, `stars_cross` says whether a star ends a part.
fn cannot_cross(colons: usize, stars_cross: bool, resource: &str) -> bool {
    let there = resource.bytes().filter(|b| *b == b':').count();
    there >= 5 && (there <= colons || !stars_cross)
}

/// As [`resource_matches`], for a pattern into which values have been put.
#[must_use]
pub fn resource_units_match(pattern: &[Unit], resource: &str) -> bool {
    if like_units(pattern, resource) {
        return true;
    }
    let colons = pattern.iter().filter(|unit| **unit == Unit::Char(':')).count();
    let stars_cross = (0..pattern.len()).any(|i| pattern.get(i) == Some(&Unit::Any) && ends_part(pattern, i));
    !cannot_cross(colons, stars_cross, resource) && crossing_match(pattern, resource)
}

fn ends_part(pattern: &[Unit], at: usize) -> bool {
    matches!(pattern.get(at + 1), None | Some(Unit::Char(':')))
}

/// The rule in full, without a short way.
fn crossing_match(pattern: &[Unit], resource: &str) -> bool {
    let mut colons = 0;
    run(
        pattern.iter().enumerate().map(|(i, unit)| {
            colons += usize::from(*unit == Unit::Char(':'));
            (*unit, colons >= 5 || (*unit == Unit::Any && ends_part(pattern, i)))
        }),
        resource,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_operators_match_each_of_six_parts_by_itself() {
        // The example of the documentation.
        let value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt";
        assert!(!like("arn:aws:someservice:*:111122223333:finance/*", value));
        assert!(like("arn:aws:someservice:*:999999999999:*:finance/*", value));
        assert!(like("arn:*:*:*:*:*", value));
        assert!(!like("arn:*", value));
        assert!(!like("*", value));
        assert!(!like("arn:aws:s3:::b", "b"));
    }

    #[test]
    fn a_star_at_the_end_of_a_part_of_a_resource_reaches_over_colons() {
        let topic = "arn:aws:sns:us-east-1:111122223333:orders";
        for (pattern, expected) in [
            ("arn:aws:sns:*", true),
            ("arn:aws:sns:us-east-1:*", true),
            ("arn:aws:*", true),
            ("arn:*", true),
            ("arn:aws:sns:*:orders", true),
            ("arn:aws:sns:us-*-1:111122223333:orders", true),
            ("arn:aws:sns:us-*s", false),
            ("arn:aws:sns?us-east-1:111122223333:orders", false),
            ("arn:aws:sns:us-east-?:111122223333:orders", true),
            ("arn:aws:sns:us-east-1:111122223333", false),
            ("arn:aws:sns::111122223333:orders", false),
        ] {
            assert_eq!(resource_matches(pattern, topic), expected, "{pattern}");
        }
    }

    #[test]
    fn behind_the_fifth_colon_wildcards_take_slashes_and_colons() {
        assert!(resource_matches("arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/1/2/test/3/object.jpg"));
        assert!(!resource_matches("arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/1-test/object.jpg"));
        assert!(resource_matches("arn:aws:logs:*:*:log-group:a*:x", "arn:aws:logs:r:1:log-group:a:b:c:x"));
        assert!(resource_matches("arn:aws:s3:::a?c", "arn:aws:s3:::a/c"));
    }

    #[test]
    fn what_is_no_arn_is_matched_only_by_a_pattern_for_it() {
        assert!(resource_matches("*", "*"));
        assert!(!resource_matches("arn:aws:s3:::*", "*"));
        assert!(!resource_matches("arn:aws:s3:::b", "arn:aws:S3:::b"));
    }

    #[test]
    fn the_short_ways_agree_with_the_rule_in_full() {
        let parts = ["", "*", "a", "a*", "*a", "?", "a:b"];
        let mut patterns = vec!["arn".to_owned()];
        for _ in 0..4 {
            patterns = patterns.iter().flat_map(|p| parts.map(|part| format!("{p}:{part}"))).collect();
        }
        for pattern in patterns.iter().flat_map(|p| [p.clone(), format!("{p}:a"), format!("{p}*")]) {
            let units: Vec<Unit> = pattern.chars().map(Unit::of).collect();
            for text in ["arn:a:a:a:a:a", "arn:a::a:b:a:b", "arn:a:a", "arn:::::", "arn:b:a:b:ba:a:a"] {
                let full = crossing_match(&units, text);
                assert_eq!(resource_matches(&pattern, text), full, "{pattern} on {text}");
                assert_eq!(resource_units_match(&units, text), full, "{pattern} on {text}");
            }
        }
    }

    #[test]
    fn units_and_text_match_alike() {
        for pattern in ["*", "a*b", "a?b", "", "**a", "?"] {
            for text in ["", "a", "ab", "axb", "axyb", "é"] {
                let units: Vec<Unit> = pattern.chars().map(Unit::of).collect();
                assert_eq!(units_match(&units, text), glob::matches(pattern, text, Case::Kept), "{pattern} {text}");
            }
        }
    }
}
