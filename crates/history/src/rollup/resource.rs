//! When a key has too many resources: which pattern stands for which of them.
//!
//! Patterns come in levels, each made of the one before, so that a set of resources ends at the same level and with the same
//! patterns whatever order and portions it comes in. An ARN is only ever cut; nothing is guessed.

use std::borrow::Cow;

/// At most so many resources, or patterns of them, are kept for one key of one account and day.
pub const MOST: usize = 100;

/// The coarsest level, at which everything is `*`.
pub(crate) const LEVELS: u8 = 4;

/// The pattern of that level for an ARN, or for a pattern of a lower level.
///
/// 1 cuts behind the last `/` or `:` of the resource, 2 behind the first; 3 leaves service, region and account, 4 nothing.
pub(crate) fn coarse(arn: &str, level: u8) -> Cow<'_, str> {
    Kept::of(arn, level).pattern()
}

/// What a pattern keeps of an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kept<'a> {
    All(&'a str),
    /// Its beginning; anything may follow.
    Beginning(&'a str),
}

impl<'a> Kept<'a> {
    /// What the pattern of that level keeps, see [`coarse`].
    pub(crate) fn of(arn: &'a str, level: u8) -> Kept<'a> {
        if level >= LEVELS {
            return Kept::Beginning("");
        }
        // arn:partition:service:region:account:resource
        let Some((at, _)) = arn.match_indices(':').nth(4) else { return Kept::Beginning("") };
        let head = at + 1;
        let resource = arn.get(head..).unwrap_or_default();
        let cut = match level {
            0 => None,
            1 => resource.rfind(['/', ':']).map(|cut| cut + 1),
            2 => resource.find(['/', ':']).map(|cut| cut + 1),
            _ => Some(0),
        };
        cut.and_then(|cut| arn.get(..head + cut)).map_or(Kept::All(arn), Kept::Beginning)
    }

    /// The pattern itself.
    pub(crate) fn pattern(self) -> Cow<'a, str> {
        match self {
            Kept::All(arn) => Cow::Borrowed(arn),
            Kept::Beginning("") => Cow::Borrowed("*"),
            Kept::Beginning(beginning) => Cow::Owned(format!("{beginning}*")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_cuts_further() {
        let levels = |arn: &str| (0..=LEVELS).map(|level| coarse(arn, level).into_owned()).collect::<Vec<_>>();
        assert_eq!(
            levels("arn:aws:s3:::bucket/a/b/c"),
            ["arn:aws:s3:::bucket/a/b/c", "arn:aws:s3:::bucket/a/b/*", "arn:aws:s3:::bucket/*", "arn:aws:s3:::*", "*"]
        );
        assert_eq!(
            levels("arn:aws:lambda:eu-west-1:111122223333:function:f"),
            [
                "arn:aws:lambda:eu-west-1:111122223333:function:f",
                "arn:aws:lambda:eu-west-1:111122223333:function:*",
                "arn:aws:lambda:eu-west-1:111122223333:function:*",
                "arn:aws:lambda:eu-west-1:111122223333:*",
                "*"
            ]
        );
        assert_eq!(levels("arn:aws:s3:::bucket")[..3], ["arn:aws:s3:::bucket"; 3]);
        assert_eq!(levels("arn:x")[1..], ["*"; 4]);
    }

    #[test]
    fn a_level_of_a_lower_level_is_the_level_itself() {
        for arn in [
            "arn:aws:s3:::bucket/a/b/c",
            "arn:aws:s3:::bucket",
            "arn:aws:s3:::a:b/c:d",
            "arn:aws:sqs:eu-west-1:1:q/",
            "arn:aws:x:::",
            "arn:",
            "",
        ] {
            for low in 0..=LEVELS {
                for high in low..=LEVELS {
                    assert_eq!(coarse(&coarse(arn, low), high), coarse(arn, high), "{arn} {low} {high}");
                }
            }
        }
    }
}
