//! Reads nested values in the notation that Athena and CloudTrail Lake put into CSV: `{type=Role, arn=…, x={y=1}}`.
//!
//! The notation quotes nothing, so that a value may hold what looks like structure. A comma ends a value only when a name and
//! an equals sign follow, behind a blank where the text has such commas; a bracket ends one only when it closes what is open
//! and something else ends there too. Good enough for identities, resources and request
//! parameters, and for nothing else.

use serde::de::IgnoredAny;
use serde_json::Value;

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
        let spaced = rest.match_indices(", ").any(|(at, _)| rest.get(at + 2..).and_then(name_before).is_some());
        let node = value(&mut rest, DEPTH, None, spaced)?;
        rest.trim().is_empty().then_some(node)
    }

    /// As JSON. A text that is a list or an object of JSON is that.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Node::Text(text) if text == "null" => Value::Null,
            Node::Text(text) => {
                let nested = text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten();
                nested.unwrap_or_else(|| Value::from(text.as_str()))
            }
            Node::Map(members) => members.iter().map(|(name, node)| (name.clone(), node.to_json())).collect(),
            Node::List(items) => items.iter().map(Node::to_json).collect(),
        }
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

/// Takes the value that the text begins with, which stands in something that this byte closes. `spaced` is whether blanks follow the
/// commas between members.
fn value(rest: &mut &str, depth: u32, close: Option<char>, spaced: bool) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    // JSON may stand for a part: its quotes tell where it ends.
    if ["{\"", "[\"", "[{\""].iter().any(|begin| rest.starts_with(begin)) {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        if let Some(Ok(_)) = values.next() {
            let (json, after) = rest.split_at_checked(values.byte_offset())?;
            *rest = after;
            return Some(Node::Text(json.to_owned()));
        }
    }
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        let mut members = Vec::new();
        loop {
            *rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                *rest = after;
                return Some(Node::Map(members));
            }
            let name = name_before(rest)?;
            *rest = rest.get(name.len() + 1..)?;
            members.push((name.to_owned(), value(rest, depth, Some('}'), spaced)?));
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
            items.push(value(rest, depth, Some(']'), spaced)?);
            *rest = rest.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => *rest = after,
                None if rest.starts_with(']') => {}
                None => return None,
            }
        }
    }
    let ends = |(at, found): (usize, char)| {
        let after = rest.get(at + 1..).unwrap_or_default();
        match found {
            ',' if spaced => after.strip_prefix(' ').is_some_and(begins_next),
            ',' => begins_next(after),
            _ => Some(found) == close && (after.trim_start().is_empty() || after.trim_start().starts_with([',', '}', ']'])),
        }
    };
    let end =
        rest.match_indices([',', '}', ']']).filter_map(|(at, found)| Some((at, found.chars().next()?))).find(|end| ends(*end));
    let (text, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
    *rest = after;
    Some(Node::Text(text.trim().to_owned()))
}

/// Whether a text behind a comma begins with the next member or the next item.
fn begins_next(after: &str) -> bool {
    let after = after.trim_start();
    after.starts_with('{') || name_before(after).is_some()
}

/// The name that the text begins with, when an equals sign follows. Federated identities have attributes called
/// `accounts.google.com:aud`.
fn name_before(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"_.:/-".contains(c))?;
    let (name, after) = text.split_at(end);
    (!name.is_empty() && after.starts_with('=')).then_some(name)
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
    fn values_may_hold_what_looks_like_structure() {
        let node = Node::parse(
            "{type=AssumedRole, principalid=AROA:x}y, arn=arn:aws:iam::1:user/a,b=c, x=[{arn=arn:aws:s3:::b/a]b, type=T}, {arn=c,d=e}], \
             webidfederationdata={federatedprovider=f, attributes={accounts.google.com:aud=1/2, www.amazon.com:app_id=z}}}",
        );
        let node = node.unwrap();
        assert_eq!((node.text("principalid"), node.text("arn")), (Some("AROA:x}y"), Some("arn:aws:iam::1:user/a,b=c")));
        let attributes = node.member("webidfederationdata").and_then(|data| data.member("attributes")).unwrap();
        assert_eq!(
            (attributes.text("accounts.google.com:aud"), attributes.text("www.amazon.com:app_id")),
            (Some("1/2"), Some("z"))
        );
        let Some(Node::List(list)) = node.member("x") else { panic!("{node:?}") };
        assert_eq!((list[0].text("arn"), list[1].text("arn")), (Some("arn:aws:s3:::b/a]b"), Some("c,d=e")));
        // Without blanks behind commas.
        let node = Node::parse("{type=Role,arn=arn:aws:iam::1:role/r,x={y=1}}").unwrap();
        assert_eq!((node.text("type"), node.text("arn")), (Some("Role"), Some("arn:aws:iam::1:role/r")));
    }

    #[test]
    fn what_does_not_end_is_none() {
        for text in ["{a=b", "{a", "[{a=1}", "{=b}", &"{a=".repeat(40)] {
            assert_eq!(Node::parse(text), None, "{text}");
        }
    }
}
