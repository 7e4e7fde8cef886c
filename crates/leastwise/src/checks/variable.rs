//! Policy variables as they are written, and what is wrong with them: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.
//!
//! Shared by the checks of variables. Where the evaluator would see no variable, this says why.

/// One place at which a variable begins, or something that looks like one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Variable<'t> {
    /// A name that is written well, without its default.
    Name(&'t str),
    /// What is wrong, and what to do.
    Wrong { text: &'t str, what: &'static str, help: &'static str },
}

/// Everything in the text that is, or looks like, a variable. The escapes `${*}`, `${?}` and `${$}` are left out.
pub(super) fn variables(text: &str) -> Vec<Variable<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '&', '#', '%', '{', '<']) {
        let from = rest.get(at..).unwrap_or_default();
        let (found, length) = if from.starts_with("${") { variable(from) } else { placeholder(from) };
        out.extend(found);
        rest = from.get(length..).unwrap_or_default();
    }
    out
}

/// The variable with which the text begins, and its length in bytes.
fn variable(text: &str) -> (Option<Variable<'_>>, usize) {
    let inside = text.get(2..).unwrap_or_default();
    let mut quoted = false;
    let end = inside.char_indices().find(|(_, c)| {
        quoted ^= *c == '\'';
        *c == '}' && !quoted
    });
    let Some((end, _)) = end else {
        return match inside.find('}') {
            Some(brace) => {
                let text = text.get(..brace + 3).unwrap_or(text);
                (
                    wrong(
                        text,
                        "has a default with one quote",
                        "write the default between two single quotes: ${aws:PrincipalTag/team, 'none'}",
                    ),
                    brace + 3,
                )
            }
            None => (wrong(text, "has no closing brace", "close it: ${aws:username}"), text.len()),
        };
    };
    let (whole, inside) = (text.get(..end + 3).unwrap_or(text), inside.get(..end).unwrap_or_default());
    (judge(whole, inside), end + 3)
}

fn wrong<'t>(text: &'t str, what: &'static str, help: &'static str) -> Option<Variable<'t>> {
    Some(Variable::Wrong { text, what, help })
}

fn judge<'t>(whole: &'t str, inside: &'t str) -> Option<Variable<'t>> {
    if matches!(inside, "*" | "?" | "$") {
        return None;
    }
    if inside.trim().is_empty() {
        return wrong(whole, "is empty", "name a condition key: ${aws:username}");
    }
    let (name, default) = inside.split_once(',').map_or((inside, None), |(name, default)| (name, Some(default.trim())));
    if name.trim() != name {
        return wrong(whole, "has blanks around its name", "remove them: ${aws:username}");
    }
    if let Some(default) = default {
        let quoted = default.len() >= 2 && default.starts_with('\'') && default.ends_with('\'');
        if !quoted {
            return wrong(whole, "has a default without quotes", "write it in single quotes: ${aws:PrincipalTag/team, 'none'}");
        }
    }
    // Only the key of a tag, behind the slash, may hold other characters.
    let (key, tag) = name.split_once('/').unwrap_or((name, ""));
    if key.contains(' ') {
        return wrong(whole, "has a blank in its name", "names of condition keys have no blanks");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.' | '_');
    if !key.chars().all(plain) || tag.contains(['$', '{', '*', '?']) {
        return wrong(whole, "has a character that no name of a condition key has", "write the key alone: ${aws:username}");
    }
    Some(Variable::Name(name))
}

/// What a template left over, such as `&{aws:username}` or `{{bucket}}`, and how much to pass over.
fn placeholder(text: &str) -> (Option<Variable<'_>>, usize) {
    let forms: [(&str, &str, &str, &str); 5] = [
        ("&{", "}", "is no variable", "write `${…}`; Terraform's `aws_iam_policy_document` turns `&{…}` into it"),
        ("#{", "}", "is a placeholder of a template", "fill in its value; a policy's own variables are `${…}`"),
        ("%{", "}", "is a placeholder of a template", "fill in its value; a policy's own variables are `${…}`"),
        ("{{", "}}", "is a placeholder of a template", "fill in its value; a policy's own variables are `${…}`"),
        ("$(", ")", "is a placeholder of a shell", "fill in its value; a policy's own variables are `${…}`"),
    ];
    let named = |inside: &str| inside.trim().starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    for (open, close, what, help) in forms {
        if let Some(inside) = text.strip_prefix(open)
            && let Some(end) = inside.find(close).filter(|end| named(inside.get(..*end).unwrap_or_default()))
        {
            let length = open.len() + end + close.len();
            return (wrong(text.get(..length).unwrap_or(text), what, help), length);
        }
    }
    // A global key whose dollar sign or braces are missing.
    for (open, length) in [("{aws:", 5), ("$aws:", 5)] {
        if text.starts_with(open) {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '$' | '{' | ':'))).unwrap_or(text.len());
            return (wrong(text.get(..end).unwrap_or(text), "is plain text", "write it as a variable: ${aws:username}"), length);
        }
    }
    // `<account-id>`: letters and dashes between angles; keys of objects hold such things very rarely.
    if let Some(inside) = text.strip_prefix('<')
        && let Some(end) = inside.find('>')
        && named(inside.get(..end).unwrap_or_default())
        && inside.bytes().take(end).all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b' '))
    {
        let length = end + 2;
        return (wrong(text.get(..length).unwrap_or(text), "is a placeholder of an example", "fill in its value"), length);
    }
    (None, 1)
}

#[cfg(test)]
mod unit {
    use super::*;

    fn first(text: &str) -> String {
        match variables(text).first() {
            None => String::new(),
            Some(Variable::Name(name)) => (*name).to_owned(),
            Some(Variable::Wrong { text, what, .. }) => format!("{text} {what}"),
        }
    }

    #[test]
    fn variables_are_read_and_what_is_wrong_with_them_is_said() {
        for (text, expected) in [
            ("home/${aws:username}/*", "aws:username"),
            ("${aws:PrincipalTag/team, 'none'}", "aws:PrincipalTag/team"),
            ("${aws:PrincipalTag/a b}", "aws:PrincipalTag/a b"),
            ("${aws:userid,'}'}", "aws:userid"),
            ("${*}${?}${$}", ""),
            ("plain $x 5% {a} #1 a&b", ""),
            ("${aws:username/*", "${aws:username/* has no closing brace"),
            ("${}", "${} is empty"),
            ("${ }", "${ } is empty"),
            ("${ aws:username }", "${ aws:username } has blanks around its name"),
            ("${aws:user name}", "${aws:user name} has a blank in its name"),
            ("${aws:userid, none}", "${aws:userid, none} has a default without quotes"),
            ("${aws:userid, 'none}/*", "${aws:userid, 'none} has a default with one quote"),
            ("${aws:username*}", "${aws:username*} has a character that no name of a condition key has"),
            ("&{aws:username}", "&{aws:username} is no variable"),
            ("{{ bucket }}/*", "{{ bucket }} is a placeholder of a template"),
            ("<account-id>", "<account-id> is a placeholder of an example"),
            ("<5>", ""),
            ("{aws:username}/*", "{aws:username is plain text"),
            ("b/$aws:username/*", "$aws:username is plain text"),
            ("$(BUCKET)", "$(BUCKET) is a placeholder of a shell"),
        ] {
            assert_eq!(first(text), expected, "{text}");
        }
        assert_eq!(variables("${aws:userid}-${aws:username}").len(), 2);
        assert!(variables("€${é}").len() == 1);
    }
}
