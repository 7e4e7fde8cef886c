//! Splits the name of an action into CamelCase tokens, the places where a prefix may end.
//!
//! Tokens only propose prefixes; whether a prefix is safe is decided on strings (`docs/refinement.md`, "Shortest safe prefixes").

/// The byte offsets at which a token of `name` ends; the last one is the length of the name.
///
/// A run of capitals is one token, but its last capital belongs to the lower-case word behind it; digits
/// stay with the word before them; any other character is a token of its own (`docs/refinement.md`, "Tokens").
pub(crate) fn token_ends(name: &str) -> impl Iterator<Item = usize> {
    let next = move |at: &usize| {
        let end = token_end(name, *at);
        (end > *at).then_some(end)
    };
    std::iter::successors(Some(0), next).skip(1)
}

/// Where the token ends that begins at `at`; `at` itself at the end of the name.
fn token_end(name: &str, at: usize) -> usize {
    let bytes = name.as_bytes();
    let run = |from: usize, class: fn(&u8) -> bool| {
        from + bytes.get(from..).unwrap_or_default().iter().take_while(|b| class(b)).count()
    };
    let Some(first) = bytes.get(at) else { return at };
    if first.is_ascii_uppercase() {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(name: &str) -> Vec<&str> {
        let mut start = 0;
        token_ends(name)
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
