//! Splits the name of an action into CamelCase tokens, the places where a prefix may end.
//!
//! Tokens only propose prefixes; whether a prefix is safe is decided on strings (`refinement.md`, step 2).

/// The byte offsets at which a token of `name` ends; the last one is the length of the name.
///
/// A run of capitals is one token, but its last capital belongs to the lower-case word behind it; digits
/// stay with the word before them; any other character is a token of its own (`refinement.md`, step 1).
pub(crate) fn token_ends(name: &str) -> Vec<usize> {
    let bytes = name.as_bytes();
    let run = |from: usize, class: fn(&u8) -> bool| from + bytes.iter().skip(from).take_while(|b| class(b)).count();
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        let end = if first.is_ascii_uppercase() {
            let capitals = run(at, u8::is_ascii_uppercase);
            let lower = run(capitals, u8::is_ascii_lowercase);
            match (capitals - at, lower > capitals) {
                (1, _) | (_, false) => run(lower, u8::is_ascii_digit),
                (_, true) => capitals - 1,
            }
        } else if first.is_ascii_lowercase() {
            run(run(at, u8::is_ascii_lowercase), u8::is_ascii_digit)
        } else if first.is_ascii_digit() {
            run(at, u8::is_ascii_digit)
        } else {
            // One character, which may have several bytes.
            at + name.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        };
        ends.push(end);
        at = end;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(name: &str) -> Vec<&str> {
        let mut start = 0;
        token_ends(name)
            .into_iter()
            .map(|end| {
                let token = &name[start..end];
                start = end;
                token
            })
            .collect()
    }

    #[test]
    fn names_split_as_the_rules_say() {
        for (name, expected) in [
            ("GetBucketCORS", "Get Bucket CORS"),
            ("CreateDBInstance", "Create DB Instance"),
            ("GetV2LoggingLevel", "Get V2 Logging Level"),
            ("AssociateViaAWSService-EventsAndStates", "Associate Via AWS Service - Events And States"),
            ("connect", "connect"),
            ("GET", "GET"),
            ("ListS3Buckets", "List S3 Buckets"),
            ("DeleteEC2instance", "Delete EC2 instance"),
            ("2Fast", "2 Fast"),
            ("É_x", "É _ x"),
            ("", ""),
        ] {
            assert_eq!(tokens(name).join(" "), expected, "{name}");
        }
    }
}
