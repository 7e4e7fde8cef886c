//! The provider's operations and what their inputs may hold, read from the committed table.
//!
//! The table is `data/access_analyzer.json`, which `scripts/refresh-wire-model` makes from botocore's model. Here it is read and
//! asked: which operation a request is, and what of an input breaks its rules. It answers no operation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::error::Problem;

/// Where a member of an input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Location {
    /// In the body.
    #[default]
    Body,
    /// In the path.
    Uri,
    /// In the query.
    Querystring,
}

/// A member of a structure.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    shape: String,
    #[serde(default)]
    pub(super) location: Location,
}

/// The types of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Boolean,
    Timestamp,
}

/// What a value may be.
#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) members: BTreeMap<String, Member>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    union: bool,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
    #[serde(default, rename = "enum")]
    words: Vec<String>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
}

/// An operation.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    #[serde(skip)]
    pub(super) name: String,
    pub(super) method: String,
    pub(super) uri: String,
    input: String,
    /// The classes of errors that it knows.
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Model {
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
    #[serde(skip)]
    patterns: BTreeMap<String, Regex>,
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    // That the table can be read, and every pattern, is a test's word.
    let mut model: Model = serde_json::from_str(include_str!("../../data/access_analyzer.json")).unwrap_or_default();
    for (name, operation) in &mut model.operations {
        operation.name.clone_from(name);
    }
    let patterns = model.shapes.values().filter_map(|shape| shape.pattern.as_ref());
    let whole = |pattern: &String| Some((pattern.clone(), Regex::new(&format!("^(?:{pattern})$")).ok()?));
    model.patterns = patterns.filter_map(whole).collect();
    model
});

impl Model {
    /// The provider's model.
    pub(super) fn of_provider() -> &'static Model {
        &MODEL
    }

    /// All operations, by name.
    pub(super) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    /// The operation that a method and an undecoded path ask for, with the undecoded parts of the path. Words in a path
    /// come before names.
    pub(super) fn find<'p>(
        &'static self,
        method: &str,
        path: &'p str,
    ) -> Option<(&'static Operation, Vec<(&'static str, &'p str)>)> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return None;
        }
        let fits = |operation: &'static Operation| {
            let wanted: Vec<&'static str> = operation.uri.trim_start_matches('/').split('/').collect();
            if operation.method != method || wanted.len() != parts.len() {
                return None;
            }
            let mut labels = Vec::new();
            for (wanted, part) in wanted.into_iter().zip(&parts) {
                match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    Some(name) => labels.push((name, *part)),
                    None if wanted == *part => {}
                    None => return None,
                }
            }
            Some((operation, labels))
        };
        self.operations().filter_map(fits).min_by_key(|(_, labels)| labels.len())
    }

    /// What an operation takes.
    pub(super) fn input(&self, operation: &Operation) -> Option<&Shape> {
        self.shapes.get(&operation.input)
    }

    /// What a member is.
    pub(super) fn shape_of(&self, member: &Member) -> Option<&Shape> {
        self.shapes.get(&member.shape)
    }

    /// What of an input breaks the model's rules.
    pub(super) fn problems(&self, operation: &Operation, input: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check(&operation.input, input, &mut Vec::new(), &mut problems);
        problems
    }

    fn check(&self, name: &str, value: &Value, path: &mut Vec<String>, problems: &mut Vec<Problem>) {
        let Some(shape) = self.shapes.get(name) else { return };
        let mut bad = |message: String, is_unreadable: bool| {
            problems.push(Problem { name: path.join("."), message, is_unreadable });
        };
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(members)) => {
                let there = |key: &String| members.get(key).is_some_and(|value| !value.is_null());
                let known = shape.members.keys().filter(|key| there(key)).count();
                if shape.union && known != 1 {
                    bad(format!("has {known} members that are known here; exactly one is needed"), true);
                }
                for (key, member) in &shape.members {
                    path.push(key.clone());
                    match members.get(key).filter(|value| !value.is_null()) {
                        Some(value) => self.check(&member.shape, value, path, problems),
                        None if shape.required.contains(key) => {
                            let message = "is required".to_owned();
                            problems.push(Problem { name: path.join("."), message, is_unreadable: false });
                        }
                        None => {}
                    }
                    path.pop();
                }
            }
            (Kind::List, Value::Array(items)) => {
                within(shape, items.len(), "items", &mut bad);
                for (at, item) in items.iter().enumerate() {
                    path.push(at.to_string());
                    self.check(shape.member.as_deref().unwrap_or_default(), item, path, problems);
                    path.pop();
                }
            }
            (Kind::Map, Value::Object(entries)) => {
                within(shape, entries.len(), "entries", &mut bad);
                for (key, value) in entries {
                    path.push(key.clone());
                    self.check(shape.key.as_deref().unwrap_or_default(), &Value::String(key.clone()), path, problems);
                    self.check(shape.value.as_deref().unwrap_or_default(), value, path, problems);
                    path.pop();
                }
            }
            // No text that we keep can hold it, and PostgreSQL would refuse it later.
            (Kind::String, Value::String(text)) if text.contains('\0') => bad("holds a NUL character".to_owned(), false),
            (Kind::String, Value::String(text)) => {
                within(shape, text.chars().count(), "characters", &mut bad);
                if !shape.words.is_empty() && !shape.words.contains(text) {
                    bad(format!("is none of {}", shape.words.join(", ")), false);
                }
                let pattern = shape.pattern.as_ref().and_then(|pattern| self.patterns.get(pattern));
                if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
                    bad(format!("does not match `{}`", shape.pattern.as_deref().unwrap_or_default()), false);
                }
            }
            (Kind::Integer, Value::Number(number)) => match number.as_i64().filter(|n| i32::try_from(*n).is_ok()) {
                None => bad("is no whole number of 32 bits".to_owned(), true),
                Some(n) if shape.min.is_some_and(|min| n < min) || shape.max.is_some_and(|max| n > max) => {
                    bad(format!("is not {}", range(shape)), false);
                }
                Some(_) => {}
            },
            (Kind::Boolean, Value::Bool(_)) | (Kind::Timestamp, Value::String(_) | Value::Number(_)) => {}
            (kind, _) => bad(format!("is no {}", kind.as_str()), true),
        }
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Structure => "structure",
            Kind::List => "list",
            Kind::Map => "map",
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Timestamp => "timestamp",
        }
    }
}

fn range(shape: &Shape) -> String {
    match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("{min} or more"),
        (None, max) => format!("at most {}", max.unwrap_or(i64::MAX)),
    }
}

fn within(shape: &Shape, count: usize, what: &str, bad: &mut impl FnMut(String, bool)) {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if shape.min.is_some_and(|min| count < min) || shape.max.is_some_and(|max| count > max) {
        bad(format!("has {count} {what}, not {}", range(shape)), false);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_is_readable_with_all_its_patterns() {
        let model: Model = serde_json::from_str(include_str!("../../data/access_analyzer.json")).unwrap();
        assert_eq!(model.operations.len(), 39);
        let patterns = model.shapes.values().filter_map(|s| s.pattern.as_ref()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(Model::of_provider().patterns.len(), patterns.len());
        for operation in Model::of_provider().operations() {
            assert!(Model::of_provider().input(operation).is_some(), "{}", operation.name);
        }
    }

    #[test]
    fn every_operation_is_found_by_its_own_path() {
        for operation in Model::of_provider().operations() {
            let path = operation.uri.replace(['{', '}'], "");
            let (found, _) = Model::of_provider().find(&operation.method, &path).unwrap();
            assert_eq!(found.name, operation.name);
        }
    }

    #[test]
    fn words_of_a_path_come_before_names_and_odd_paths_are_none() {
        let find = |method, path| Model::of_provider().find(method, path).map(|(operation, _)| operation.name.as_str());
        assert_eq!(find("POST", "/analyzer/findings/statistics"), Some("GetFindingsStatistics"));
        assert_eq!(find("GET", "/policy/generation/x"), Some("GetGeneratedPolicy"));
        let (operation, labels) = Model::of_provider().find("GET", "/tags/arn%3Aa%2Fb").unwrap();
        assert_eq!((operation.name.as_str(), labels), ("ListTagsForResource", vec![("resourceArn", "arn%3Aa%2Fb")]));
        for path in ["/analyzer/", "//analyzer", "/analyzer/..", "/analyzer/./archive-rule", "", "/", "/tags/a/b", "analyzer"] {
            assert_eq!(find("GET", path), None, "{path}");
        }
        assert_eq!(find("PATCH", "/analyzer"), None);
    }

    #[test]
    fn what_breaks_the_rules_is_told_with_its_place() {
        let model = Model::of_provider();
        let problems = |operation: &str, input: Value| {
            let problems = model.problems(&model.operations[operation], &input);
            problems.into_iter().map(|p| format!("{} {}", p.name, p.message)).collect::<Vec<_>>()
        };
        assert_eq!(problems("CreateAnalyzer", json!({})), ["analyzerName is required", "type is required"]);
        assert_eq!(problems("CreateAnalyzer", json!({"analyzerName": "a", "type": "ACCOUNT", "tags": {"k": "v"}})), [""; 0]);
        assert_eq!(
            problems("CreateAnalyzer", json!({"analyzerName": "1", "type": "X", "tags": {"k": 1}, "configuration": {}})),
            [
                "analyzerName does not match `[A-Za-z_][A-Za-z0-9_.-]*`",
                "configuration has 0 members that are known here; exactly one is needed",
                "tags.k is no string",
                "type is none of ACCOUNT, ORGANIZATION, ACCOUNT_UNUSED_ACCESS, ORGANIZATION_UNUSED_ACCESS, \
                 ACCOUNT_INTERNAL_ACCESS, ORGANIZATION_INTERNAL_ACCESS",
            ]
        );
        let rule = |filter: Value| problems("CreateArchiveRule", json!({"analyzerName": "a", "ruleName": "r", "filter": filter}));
        assert_eq!(rule(json!({"resource": {"eq": []}})), ["filter.resource.eq has 0 items, not from 1 to 20"]);
        assert_eq!(rule(json!({"resource": {"exists": "x"}})), ["filter.resource.exists is no boolean"]);
        let page = |n: Value| {
            let input = json!({"analyzerArn": "a:a:a:a:a:analyzer/x", "id": "i", "maxResults": n});
            problems("GetFindingRecommendation", input)
        };
        assert_eq!(page(json!(1000)), [""; 0]);
        assert_eq!(page(json!(0)), ["maxResults is not from 1 to 1000"]);
        assert_eq!(page(json!(1.5)), ["maxResults is no whole number of 32 bits"]);
        assert_eq!(
            problems("GetAnalyzer", json!({"analyzerName": "a".repeat(256)})),
            ["analyzerName has 256 characters, not from 1 to 255"]
        );
    }
}
