//! Two documents laid out for the eye, so that their diff has lines a person can read.
//!
//! Serves the diffs of the terminal and of the HTML page, and nothing else: what is proposed keeps the author's own layout.
//! It changes white space between the parts of JSON only, never a string, an order or a number.

use std::borrow::Cow;

/// The longest line that is left as it is.
const LONGEST: usize = 120;

/// The two documents, in the author's layout without the indentation that both have in common, or broken into lines when
/// the first one has longer lines than a person reads (IAM returns documents on one line).
#[must_use]
pub fn readable<'t>(before: &'t str, after: &'t str) -> (Cow<'t, str>, Cow<'t, str>) {
    if before.lines().any(|line| line.len() > LONGEST) {
        return (broken(before).into(), broken(after).into());
    }
    // The first line begins behind whatever the document stood in, so that its indentation says nothing.
    let indents = before.lines().skip(1).filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
    match indents.min().unwrap_or_default() {
        0 => (before.into(), after.into()),
        by => (moved(before, by).into(), moved(after, by).into()),
    }
}

fn moved(text: &str, by: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.lines().enumerate() {
        let own = line.len() - line.trim_start().len();
        out.push_str(if at == 0 { line } else { line.get(by.min(own)..).unwrap_or(line) });
        out.push('\n');
    }
    out
}

/// JSON with a line for each member and each element.
fn broken(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut rest = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                out.push(c);
                let mut escaped = false;
                for c in rest.by_ref() {
                    out.push(c);
                    if c == '"' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
            }
            '{' | '[' => {
                out.push(c);
                while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                match rest.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_on_one_line_is_broken_into_lines_and_stays_the_same_json() {
        let text = format!(
            r#"{{"Version":"2012-10-17","Id":"a \" , [ {{ b","Empty":[ ],"None":{{}},"Statement":[{{"Action":["s3:*","{}"]}}]}}"#,
            "x".repeat(200)
        );
        let (lines, _) = readable(&text, "{}");
        assert!(lines.lines().count() > 8 && lines.contains("\"Empty\": [],\n  \"None\": {},\n"), "{lines}");
        assert!(lines.contains("\n      \"Action\": [\n        \"s3:*\",\n"), "{lines}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&lines), value(&text));
    }

    #[test]
    fn common_indentation_goes_from_both_and_more_is_kept() {
        let (before, after) = readable("{\n        \"a\": [\n          1\n        ]\n      }", "{\n        \"a\": []\n      }");
        assert_eq!(before, "{\n  \"a\": [\n    1\n  ]\n}\n");
        assert_eq!(after, "{\n  \"a\": []\n}\n");
        assert_eq!(readable("{\n}\n", "{}"), ("{\n}\n".into(), "{}".into()));
    }
}
