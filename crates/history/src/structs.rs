//! Reads nested values in the notation that Athena and CloudTrail Lake put into CSV: `{type=Role, arn=…, x={y=1}}`.
//!
//! The notation quotes nothing, so that a value may hold what looks like structure; a comma ends a value only when a
//! name and an equals sign follow. Good enough for identities and resources, and for nothing else.

/// A value of the notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
}

/// How deep values may be in each other.
const DEPTH: u32 = 16;

impl Node {
    pub(crate) fn parse(text: &str) -> Option<Node> {
        let mut rest = text.trim();
        let node = value(&mut rest, DEPTH)?;
        rest.trim().is_empty().then_some(node)
    }

    /// The member of that name, ignoring case.
    pub(crate) fn member(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(members) => members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text of the member of that name; none for `null` and nothing.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.member(name)? {
            Node::Text(text) if !text.is_empty() && text != "null" => Some(text),
            _ => None,
        }
    }
}

fn value(rest: &mut &str, depth: u32) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        let mut members = Vec::new();
        loop {
            *rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                *rest = after;
                return Some(Node::Map(members));
            }
            let (name, after) = rest.split_once('=').filter(|(name, _)| is_name(name))?;
            *rest = after;
            members.push((name.trim().to_owned(), value(rest, depth)?));
            *rest = rest.trim_start();
            *rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
    if let Some(inner) = rest.strip_prefix('[') {
        *rest = inner;
        let mut items = Vec::new();
        loop {
            *rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix(']') {
                *rest = after;
                return Some(Node::List(items));
            }
            items.push(value(rest, depth)?);
            *rest = rest.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => *rest = after,
                None if rest.starts_with(']') => {}
                None => return None,
            }
        }
    }
    let end = rest.char_indices().find(|(at, c)| match c {
        '}' | ']' => true,
        ',' => rest.get(at + 1..).is_some_and(|after| {
            after.split_once('=').is_some_and(|(name, _)| is_name(name)) || after.trim_start().starts_with('{')
        }),
        _ => false,
    });
    let end = end.map_or(rest.len(), |(at, _)| at);
    let text = rest.get(..end)?.trim().to_owned();
    *rest = rest.get(end..)?;
    Some(Node::Text(text))
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_found_by_name() {
        let node = Node::parse("{type=AssumedRole, arn=arn:aws:sts::1:assumed-role/r/a=b, c, invokedby=null, sessioncontext={attributes={x=y}, sessionissuer={type=Role, arn=arn:aws:iam::1:role/r}}}").unwrap();
        assert_eq!(node.text("arn"), Some("arn:aws:sts::1:assumed-role/r/a=b, c"));
        assert_eq!(node.text("invokedBy"), None);
        assert_eq!(
            node.member("sessionContext").and_then(|s| s.member("sessionIssuer")).and_then(|i| i.text("arn")),
            Some("arn:aws:iam::1:role/r")
        );
        let list = Node::parse("[{arn=a, type=T}, {arn=b}]").unwrap();
        assert!(matches!(list, Node::List(items) if items.len() == 2 && items[1].text("arn") == Some("b")));
    }

    #[test]
    fn what_does_not_end_is_none() {
        for text in ["{a=b", "{a", "[{a=1}", "{=b}", &"{a=".repeat(40)] {
            assert_eq!(Node::parse(text), None, "{text}");
        }
    }
}
