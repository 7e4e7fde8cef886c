//! Quick answers about two patterns: does one surely cover the other, can they surely not meet?
//!
//! For hints only, and each errs on the safe side; whether policies include one another is for the proof to decide.

use leastwise_policy::glob::{self, Case};

/// Whether `wide` surely matches all that `narrow` matches.
pub(super) fn covers(wide: &str, narrow: &str, case: Case) -> bool {
    let same = match case {
        Case::Ignored => wide.eq_ignore_ascii_case(narrow),
        Case::Kept => wide == narrow,
    };
    // Read as a text, `narrow` has stars that only a star may take: so no `?` may meet one, and no variable may be split.
    same || wide == "*"
        || (wide.contains('*') && !wide.contains('?') && !wide.contains("${") && glob::matches(wide, narrow, case))
}

/// As [`covers`], for patterns of the `Resource` element, where wildcards before the fifth colon stay within their part.
pub(super) fn covers_resource(wide: &str, narrow: &str) -> bool {
    if wide == "*" || wide == narrow {
        return true;
    }
    let (mut wide, mut narrow) = (wide.splitn(6, ':'), narrow.splitn(6, ':'));
    (0..6).all(|_| match (wide.next(), narrow.next()) {
        (Some(wide), Some(narrow)) => covers(wide, narrow, Case::Kept),
        _ => false,
    })
}

/// Two globs whose lengths' product is larger are not compared in full.
const MOST_WORK: usize = 1 << 18;

/// Whether some text may match both globs, case kept. `false` is certain; a bound on the work makes `true` the answer to very long ones.
pub(super) fn may_meet(one: &str, other: &str) -> bool {
    if !glob::has_wildcard(one) {
        return glob::matches(other, one, Case::Kept);
    }
    if !glob::has_wildcard(other) {
        return glob::matches(one, other, Case::Kept);
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let wild = |b: &u8| matches!(b, b'*' | b'?');
    let differ = |(a, b): (&u8, &u8)| a != b;
    let fixed = |(a, b): &(&u8, &u8)| !wild(a) && !wild(b);
    let fronts_differ = one.iter().zip(other).take_while(fixed).any(differ);
    if fronts_differ || one.iter().rev().zip(other.iter().rev()).take_while(fixed).any(differ) {
        return false;
    }
    if one.len().saturating_mul(other.len()) > MOST_WORK {
        return true;
    }
    // reached[j]: the units so far of `one` and the first j of `other` can match one text. Bytes are enough: `?` is taken for any run.
    let mut reached = vec![false; other.len() + 1];
    let step = |reached: &mut Vec<bool>| {
        let mut carry = false;
        for (j, here) in reached.iter_mut().enumerate() {
            *here |= carry;
            carry = *here && other.get(j).is_some_and(wild);
        }
    };
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    step(&mut reached);
    for a in one {
        let mut next = vec![false; other.len() + 1];
        for (j, _) in reached.iter().enumerate().filter(|(_, was)| **was) {
            if wild(a) {
                next.iter_mut().skip(j).for_each(|n| *n = true);
                break;
            }
            let to = match other.get(j) {
                Some(b) if wild(b) => j,
                Some(b) if a == b => j + 1,
                _ => continue,
            };
            if let Some(n) = next.get_mut(to) {
                *n = true;
            }
        }
        step(&mut next);
        reached = next;
    }
    reached.last().copied().unwrap_or(true)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn covering_is_safe_about_wildcards_on_both_sides() {
        for (wide, narrow, expected) in [
            ("Get*", "GetObject", true),
            ("get*", "GetObject*", true),
            ("*", "?", true),
            ("Get?", "Get*", false),
            ("GetObject", "Get*", false),
            ("Get*Tag", "GetX*Tag", true),
            ("Get*Tag", "GetX*", false),
            ("GetObject", "getobject", true),
        ] {
            assert_eq!(covers(wide, narrow, Case::Ignored), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_resource_is_covered_part_by_part() {
        for (wide, narrow, expected) in [
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x*", true),
            ("arn:aws:s3:::b*", "arn:aws:s3:::b/x", true),
            ("arn:aws:sqs:*:1:q", "arn:aws:sqs:us-*:1:q", true),
            ("arn:aws:sqs:u*a:1:q", "arn:aws:sqs:us-*:1:q", false),
            ("arn:aws:sqs:*", "arn:aws:sqs:r:1:q", false),
            ("*", "anything", true),
        ] {
            assert_eq!(covers_resource(wide, narrow), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn globs_that_share_no_text_do_not_meet() {
        for (one, other, expected) in [
            ("arn:*:s3:::*/*", "arn:aws:s3:::b", false),
            ("arn:*:s3:::*/*", "arn:aws:s3:::b*", true),
            ("arn:*:s3:::*/*", "arn:aws:s3:::b?c", true),
            ("a*b", "*c", false),
            ("a*b*c", "*bc*", true),
            ("*x*", "*y*", true),
            ("a*", "b*", false),
            ("ab", "a?", true),
            ("*a", "*b", false),
            ("a*c", "ab*d", false),
        ] {
            assert_eq!(may_meet(one, other), expected, "{one} {other}");
            assert_eq!(may_meet(other, one), expected, "{other} {one}");
        }
    }
}
