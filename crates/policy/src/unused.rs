//! Reads lists of unused permissions, in the three forms in which they come, told apart by their shape.
//!
//! Input of the refiner and of the proof. A list names whole services or single actions; it never holds
//! patterns, and it never guesses: what is not one of the three forms is refused.

use std::collections::BTreeMap;
use std::fmt;

use crate::action::{ActionName, compare_ignoring_case};
use crate::glob;
use crate::json::{self, Node, Position, Value};

/// The permissions reported unused: rows of a service and, unless the whole service is unused, its actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unused {
    /// By lower-case service prefix.
    rows: BTreeMap<Box<str>, Row>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    whole: bool,
    /// Sorted by name ignoring case, each once, once the list is settled.
    actions: Vec<ActionName>,
}

impl Row {
    /// The place of a name, or where it would stand.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.actions.binary_search_by(|action| compare_ignoring_case(action.name(), name))
    }

    /// Puts the actions in order, the first of several spellings alone.
    fn settle(&mut self) {
        if !self.actions.is_sorted_by(|a, b| compare_ignoring_case(a.name(), b.name()).is_lt()) {
            self.actions.sort_by(|a, b| compare_ignoring_case(a.name(), b.name()));
            self.actions.dedup_by(|a, b| a.name().eq_ignore_ascii_case(b.name()));
        }
    }
}

/// Why a text is not a list of unused permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedError {
    /// What is wrong, in lower case.
    pub message: String,
    /// Where in the text.
    pub position: Position,
}

impl UnusedError {
    /// The three forms that are read.
    pub const HELP: &'static str = "an unused list has one of three forms:\n  \
        1. rows: [{\"serviceNamespace\": \"s3\", \"actions\": [\"GetBucketAcl\"]}, {\"serviceNamespace\": \"sqs\"}]\n  \
        2. findings: the output of `aws accessanalyzer get-finding-v2`, one or many\n  \
        3. lines, or a list of strings: `s3:GetBucketAcl` for an action, `sqs` or `sqs:*` for a whole service";
}

impl fmt::Display for UnusedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)
    }
}

impl std::error::Error for UnusedError {}

impl Unused {
    /// Reads a list in any of the three forms.
    ///
    /// # Errors
    /// When the text has none of the forms, or a row is malformed; [`UnusedError::HELP`] shows the forms.
    pub fn parse(text: &str) -> Result<Unused, UnusedError> {
        let body = text.trim_start_matches('\u{feff}').trim_start();
        if body.starts_with(['[', '{']) {
            let nodes = json::parse_sequence(text).map_err(|e| UnusedError { message: e.message, position: e.position })?;
            let mut list = Unused::default();
            for node in &nodes {
                list.read(text, node)?;
            }
            return Ok(list.settled());
        }
        Unused::parse_lines(text)
    }

    /// Reads a list from a JSON value inside a larger text: rows, findings, or a string of lines.
    ///
    /// # Errors
    /// As [`Unused::parse`], with positions in `text`.
    pub fn from_node(text: &str, node: &Node) -> Result<Unused, UnusedError> {
        let mut list = Unused::default();
        match &node.value {
            Value::String(lines) => {
                return Unused::parse(lines)
                    .map_err(|e| UnusedError { message: e.message, position: Position::of(text, node.span.start) });
            }
            _ => list.read(text, node)?,
        }
        Ok(list.settled())
    }

    /// A list that names the given actions and nothing else.
    pub fn of_actions(actions: impl IntoIterator<Item = ActionName>) -> Unused {
        let mut list = Unused::default();
        for action in actions {
            list.push(action);
        }
        list.settled()
    }

    /// Adds a whole service.
    pub fn add_service(&mut self, service: &str) {
        self.rows.entry(service.to_ascii_lowercase().into()).or_default().whole = true;
    }

    /// Adds one action.
    pub fn add_action(&mut self, action: ActionName) {
        let row = self.rows.entry(action.service().to_ascii_lowercase().into()).or_default();
        if let Err(place) = row.place(action.name()) {
            row.actions.insert(place, action);
        }
    }

    /// Adds an action at the end of its row; `settled` puts it in its place.
    fn push(&mut self, action: ActionName) {
        self.row_of(action.service()).actions.push(action);
    }

    fn row_of(&mut self, service: &str) -> &mut Row {
        self.rows.entry(service.to_ascii_lowercase().into()).or_default()
    }

    fn settled(mut self) -> Unused {
        self.rows.values_mut().for_each(Row::settle);
        self
    }

    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.values().all(|row| !row.whole && row.actions.is_empty())
    }

    /// Whether the service with that prefix is named as a whole.
    #[must_use]
    pub fn names_service(&self, service: &str) -> bool {
        self.row(service).is_some_and(|row| row.whole)
    }

    /// Whether the list says anything about the service with that prefix.
    #[must_use]
    pub fn touches(&self, service: &str) -> bool {
        self.row(service).is_some_and(|row| row.whole || !row.actions.is_empty())
    }

    /// Whether the action is named, by itself or with its whole service.
    #[must_use]
    pub fn names(&self, service: &str, name: &str) -> bool {
        self.row(service).is_some_and(|row| row.whole || row.place(name).is_ok())
    }

    /// Every action that is named by itself, by service and name.
    pub fn actions(&self) -> impl Iterator<Item = &ActionName> {
        self.rows.values().flat_map(|row| &row.actions)
    }

    /// The actions of one service that are named by themselves, sorted by name ignoring case, each once.
    pub fn actions_of(&self, service: &str) -> impl ExactSizeIterator<Item = &ActionName> {
        self.row(service).map(|row| row.actions.as_slice()).unwrap_or_default().iter()
    }

    /// Every service that is named as a whole, as lower-case prefixes in order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter(|(_, row)| row.whole).map(|(service, _)| &**service)
    }

    /// One text for all spellings of the same list: sorted lower-case lines. Digests are made of it.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        for (service, row) in &self.rows {
            if row.whole {
                out.push_str(service);
                out.push('\n');
                continue;
            }
            for action in &row.actions {
                out.push_str(service);
                out.push(':');
                let start = out.len();
                out.push_str(action.name());
                if let Some(name) = out.get_mut(start..) {
                    name.make_ascii_lowercase();
                }
                out.push('\n');
            }
        }
        out
    }

    /// The actions of each service that are named by themselves, sorted by name ignoring case, each once.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[ActionName]> {
        self.rows.values().map(|row| row.actions.as_slice())
    }

    fn row(&self, service: &str) -> Option<&Row> {
        // Prefixes are nearly always written in lower case.
        if service.bytes().any(|b| b.is_ascii_uppercase()) {
            return self.rows.get(&*service.to_ascii_lowercase());
        }
        self.rows.get(service)
    }

    fn parse_lines(text: &str) -> Result<Unused, UnusedError> {
        let mut list = Unused::default();
        let mut seen = false;
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            seen = true;
            let error = |message: String| UnusedError { message, position: Position { line: index + 1, column: 1 } };
            list.entry(entry).map_err(error)?;
        }
        if !seen {
            let message = "the list is empty; write `[]` to say that nothing is unused".to_owned();
            return Err(UnusedError { message, position: Position { line: 1, column: 1 } });
        }
        Ok(list.settled())
    }

    /// Adds an action (`s3:GetObject`) or a whole service (`s3`, or `s3:*`), as one line or one string says it.
    fn entry(&mut self, entry: &str) -> Result<(), String> {
        match entry.split_once(':') {
            None if plain(entry) => self.add_service(entry),
            Some((service, "*")) if plain(service) => self.add_service(service),
            Some((service, name)) if plain(service) && plain(name) => {
                if let Some(action) = ActionName::of(service, name) {
                    self.push(action);
                }
            }
            _ if glob::has_wildcard(entry) => {
                return Err(format!("`{entry}` has a wildcard; an unused list names actions, and services as `s3` or `s3:*`"));
            }
            _ => return Err(format!("`{entry}` is neither `service:Action` nor a service prefix")),
        }
        Ok(())
    }

    fn read(&mut self, text: &str, node: &Node) -> Result<(), UnusedError> {
        match &node.value {
            Value::Array(items) => {
                for item in items {
                    if let Some(entry) = item.as_str() {
                        self.entry(entry.trim()).map_err(|message| refuse(text, item, message))?;
                    } else if item.member("findingDetails").is_some() {
                        self.read_finding(text, item)?;
                    } else {
                        self.read_row(text, item)?;
                    }
                }
                Ok(())
            }
            Value::Object(_) if node.member("findingDetails").is_some() => self.read_finding(text, node),
            Value::Object(_) if node.member("serviceNamespace").is_some() => self.read_row(text, node),
            _ => Err(refuse(text, node, format!("{} is not a list of unused permissions", node.kind()))),
        }
    }

    /// A finding as `get-finding-v2` returns it.
    fn read_finding(&mut self, text: &str, finding: &Node) -> Result<(), UnusedError> {
        let details = finding.member("findingDetails").map(|m| &m.value);
        let Some(items) = details.and_then(Node::as_array) else {
            return Err(refuse(text, details.unwrap_or(finding), "`findingDetails` is not a list".to_owned()));
        };
        let mut found = false;
        for item in items {
            if let Some(row) = item.member("unusedPermissionDetails") {
                self.read_row(text, &row.value)?;
                found = true;
            }
        }
        if !found && !items.is_empty() {
            return Err(refuse(
                text,
                finding,
                "the finding has no `unusedPermissionDetails`; only findings of type UnusedPermission name permissions"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn read_row(&mut self, text: &str, row: &Node) -> Result<(), UnusedError> {
        if row.as_object().is_none() {
            return Err(refuse(text, row, format!("found {} where a row `{{\"serviceNamespace\": …}}` should be", row.kind())));
        }
        let Some(namespace) = row.member("serviceNamespace") else {
            return Err(refuse(text, row, "the row has no `serviceNamespace`".to_owned()));
        };
        let service = namespace.value.as_str().filter(|s| plain(s));
        let Some(service) = service else {
            return Err(refuse(text, &namespace.value, "`serviceNamespace` is not a service prefix such as \"s3\"".to_owned()));
        };
        // A misspelled `actions` would turn one action into a whole service: refuse what is nearly it.
        let near = row
            .as_object()
            .into_iter()
            .flatten()
            .find(|m| &*m.key != "actions" && matches!(&*m.key.to_ascii_lowercase(), "actions" | "action"));
        if let Some(near) = near {
            let message =
                format!("`{}` should be spelled `actions`; without `actions` the row would name the whole service", near.key);
            return Err(UnusedError { message, position: Position::of(text, near.key_span.start) });
        }
        let actions = match row.member("actions").map(|m| &m.value) {
            None | Some(Node { value: Value::Null, .. }) => {
                self.add_service(service);
                return Ok(());
            }
            Some(node) => node,
        };
        let Some(items) = actions.as_array() else {
            return Err(refuse(text, actions, format!("`actions` is {}, not a list", actions.kind())));
        };
        let mut named = Vec::with_capacity(items.len());
        for item in items {
            let written = item.as_str().or_else(|| item.member("action").and_then(|m| m.value.as_str()));
            let Some(written) = written else {
                return Err(refuse(text, item, "an action is neither a string nor an object with `action`".to_owned()));
            };
            if written == "*" || written.strip_suffix(":*").is_some_and(|own| own.eq_ignore_ascii_case(service)) {
                self.add_service(service);
                continue;
            }
            let full = if written.bytes().any(|b| b == b':') { ActionName::parse(written) } else { None };
            let action = match full {
                Some(action) if action.service().eq_ignore_ascii_case(service) => Some(action),
                Some(_) => {
                    return Err(refuse(text, item, format!("`{written}` is of another service than its row, `{service}`")));
                }
                None => ActionName::of(service, written),
            };
            let Some(action) = action.filter(|action| plain(action.name())) else {
                return Err(refuse(
                    text,
                    item,
                    format!("`{written}` is not the name of an action; an unused list holds no wildcards"),
                ));
            };
            named.push(action);
        }
        if let Some(first) = named.first() {
            self.row_of(first.service()).actions.append(&mut named);
        }
        Ok(())
    }
}

/// Whether a service prefix or an action's name is made of the characters that such names have. No other character
/// comes into a list, so that its canonical form cannot be read in two ways.
fn plain(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn refuse(text: &str, node: &Node, message: String) -> UnusedError {
    UnusedError { message, position: Position::of(text, node.span.start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_mean_the_same() {
        let rows = r#"[{"serviceNamespace":"s3","actions":["GetBucketAcl","s3:PutObject"]},{"serviceNamespace":"sqs"},{"serviceNamespace":"sns","actions":[]}]"#;
        let finding = r#"{"id":"1","findingDetails":[
            {"unusedPermissionDetails":{"serviceNamespace":"s3","actions":[{"action":"GetBucketAcl","lastAccessed":"2026-01-01T00:00:00Z"},{"action":"PutObject"}]}},
            {"unusedPermissionDetails":{"serviceNamespace":"sqs","actions":null}}]}"#;
        let lines = "# from last week\ns3:getbucketacl\n\ns3:PutObject # twice\nSQS\n";
        let expected = "s3:getbucketacl\ns3:putobject\nsqs\n";
        for text in [rows, finding, lines] {
            assert_eq!(Unused::parse(text).unwrap().canonical(), expected, "{text}");
        }
        for strings in [r#"["s3:GetBucketAcl", "s3:PutObject", "sqs"]"#, r#"["s3:getbucketacl", "s3:PutObject", "sqs:*"]"#] {
            assert_eq!(Unused::parse(strings).unwrap().canonical(), expected, "{strings}");
        }
        let star = r#"[{"serviceNamespace":"s3","actions":["GetBucketAcl","PutObject"]},{"serviceNamespace":"sqs","actions":["sqs:*"]}]"#;
        assert_eq!(Unused::parse(star).unwrap().canonical(), expected);
        assert_eq!(Unused::parse("s3:GetBucketAcl\ns3:PutObject\nsqs:*\n").unwrap().canonical(), expected);
        let many = format!("[{finding},{finding}]");
        assert_eq!(Unused::parse(&many).unwrap().canonical(), expected);
        assert_eq!(Unused::parse(&format!("{finding}\n{finding}")).unwrap().canonical(), expected);
    }

    #[test]
    fn an_empty_list_of_actions_names_nothing() {
        let list = Unused::parse(r#"[{"serviceNamespace":"s3","actions":[]}]"#).unwrap();
        assert!(list.is_empty());
        assert!(!list.names("s3", "GetObject"));
    }

    #[test]
    fn a_whole_service_names_every_action_of_it() {
        let list = Unused::parse("s3\n").unwrap();
        assert!(list.names("S3", "Anything"));
        assert!(!list.names("s3express", "Anything"));
    }

    #[test]
    fn anything_else_is_refused_where_it_stands() {
        for (text, line, column) in [
            ("", 1, 1),
            ("{\"a\":1}", 1, 1),
            ("[\n 1]", 2, 2),
            ("[{\"serviceNamespace\":\"s3\",\"actions\":\"GetObject\"}]", 1, 37),
            ("[{\"serviceNamespace\":\"s3\",\"Actions\":[]}]", 1, 27),
            ("[{\"serviceNamespace\":\"s3\",\"actions\":[\"sqs:Send\"]}]", 1, 38),
            ("[{\"serviceNamespace\":\"s3\",\"actions\":[\"Get*\"]}]", 1, 38),
            ("[{\"serviceNamespace\":\"s3\\nsqs\"}]", 1, 22),
            ("[{\"serviceNamespace\":\"s#\"}]", 1, 22),
            ("[{\"serviceNamespace\":\"s3\",\"actions\":[\"GetObject\\nsqs\"]}]", 1, 38),
            ("[{\"serviceNamespace\":\"s3\",\"actions\":[\"\"]}]", 1, 38),
            ("s3:GetObject\ns3:Get*", 2, 1),
            ("*", 1, 1),
            ("[\"s3:Get*\"]", 1, 2),
            ("what is this", 1, 1),
            ("[{\"findingDetails\":[{\"unusedIamRoleDetails\":{}}]}]", 1, 2),
        ] {
            let error = Unused::parse(text).unwrap_err();
            assert_eq!(error.position, Position { line, column }, "{text}: {error}");
        }
    }
}
