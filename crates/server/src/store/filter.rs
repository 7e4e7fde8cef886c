//! Filters over findings: key → eq, neq, contains, exists; as archive rules and lists have them.
//!
//! One meaning, in two forms that a test compares: `admits` decides about one finding, `condition` is the same in SQL. The
//! values of one operator are alternatives; operators and keys all have to fit. It keeps to the provider's limits.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilterKey {
    /// The ARN of the resource.
    Resource,
    /// `AWS::IAM::Role` or `AWS::IAM::User`.
    ResourceType,
    /// The account of the resource.
    ResourceOwnerAccount,
    /// The kind of finding.
    FindingType,
    /// `ACTIVE`, `ARCHIVED` or `RESOLVED`; for lists.
    Status,
    /// The id of the finding; for lists.
    Id,
}

impl FilterKey {
    /// All keys.
    pub const ALL: [FilterKey; 6] = [
        FilterKey::Resource,
        FilterKey::ResourceType,
        FilterKey::ResourceOwnerAccount,
        FilterKey::FindingType,
        FilterKey::Status,
        FilterKey::Id,
    ];

    /// The provider's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FilterKey::Resource => "resource",
            FilterKey::ResourceType => "resourceType",
            FilterKey::ResourceOwnerAccount => "resourceOwnerAccount",
            FilterKey::FindingType => "findingType",
            FilterKey::Status => "status",
            FilterKey::Id => "id",
        }
    }

    /// The key of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<FilterKey> {
        FilterKey::ALL.into_iter().find(|key| key.as_str() == text)
    }

    /// Whether archive rules may use it.
    #[must_use]
    pub fn is_for_rules(self) -> bool {
        !matches!(self, FilterKey::Status | FilterKey::Id)
    }
}

/// What a filter says of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criterion {
    /// It is one of these; empty says nothing.
    pub eq: Vec<String>,
    /// It is none of these.
    pub neq: Vec<String>,
    /// It contains one of these; empty says nothing.
    pub contains: Vec<String>,
    /// It is there, or it is not.
    pub exists: Option<bool>,
}

impl Criterion {
    /// Whether a value fits. Every key of a finding has one.
    #[must_use]
    pub fn admits(&self, value: &str) -> bool {
        (self.eq.is_empty() || self.eq.iter().any(|one| one == value))
            && !self.neq.iter().any(|one| one == value)
            && (self.contains.is_empty() || self.contains.iter().any(|one| value.contains(one.as_str())))
            && self.exists != Some(false)
    }
}

/// A filter; an empty one fits everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// What must fit, by key.
    pub criteria: BTreeMap<FilterKey, Criterion>,
}

/// Why something is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterProblem {
    /// Where, such as `filter.resource.eq`.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FilterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The most values that one operator may have (the provider's limit).
const VALUES: usize = 20;

impl Filter {
    /// Reads the provider's form of a filter, from JSON.
    ///
    /// # Errors
    /// At unknown keys and operators, and when there are no values or more than 20.
    pub fn of_json(value: &Value) -> Result<Filter, FilterProblem> {
        let problem = |place: &str, message: String| FilterProblem { place: place.to_owned(), message };
        let keys = value.as_object().ok_or_else(|| problem("filter", "is no map".to_owned()))?;
        let mut filter = Filter::default();
        for (name, criterion) in keys {
            let place = format!("filter.{name}");
            let key = FilterKey::parse(name).ok_or_else(|| problem(&place, format!("`{name}` is no key of a filter")))?;
            let operators = criterion.as_object().ok_or_else(|| problem(&place, "is no map".to_owned()))?;
            let mut read = Criterion::default();
            for (operator, operand) in operators.iter().filter(|(_, operand)| !operand.is_null()) {
                let place = format!("{place}.{operator}");
                let values = || -> Result<Vec<String>, FilterProblem> {
                    let list = operand.as_array().ok_or_else(|| problem(&place, "is no list".to_owned()))?;
                    if list.is_empty() || list.len() > VALUES {
                        return Err(problem(&place, format!("has {} values; 1 to {VALUES} are allowed", list.len())));
                    }
                    list.iter()
                        .map(|one| one.as_str().map(str::to_owned).ok_or_else(|| problem(&place, format!("`{one}` is no text"))))
                        .collect()
                };
                match operator.as_str() {
                    "eq" => read.eq = values()?,
                    "neq" => read.neq = values()?,
                    "contains" => read.contains = values()?,
                    "exists" => {
                        read.exists =
                            Some(operand.as_bool().ok_or_else(|| problem(&place, "is neither true nor false".to_owned()))?);
                    }
                    other => return Err(problem(&place, format!("`{other}` is no operator"))),
                }
            }
            if read == Criterion::default() {
                return Err(problem(&place, "has no operator".to_owned()));
            }
            filter.criteria.insert(key, read);
        }
        Ok(filter)
    }

    /// Reads what [`Filter::to_json`] wrote.
    ///
    /// # Errors
    /// As [`Filter::of_json`], and when it is no JSON.
    pub fn parse(text: &str) -> Result<Filter, FilterProblem> {
        let value = serde_json::from_str(text)
            .map_err(|error| FilterProblem { place: "filter".to_owned(), message: format!("is no JSON: {error}") })?;
        Filter::of_json(&value)
    }

    /// The provider's form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let criterion = |criterion: &Criterion| {
            let mut map = Map::new();
            for (name, values) in [("eq", &criterion.eq), ("neq", &criterion.neq), ("contains", &criterion.contains)] {
                if !values.is_empty() {
                    map.insert(name.to_owned(), values.clone().into());
                }
            }
            if let Some(exists) = criterion.exists {
                map.insert("exists".to_owned(), exists.into());
            }
            Value::Object(map)
        };
        Value::Object(self.criteria.iter().map(|(key, one)| (key.as_str().to_owned(), criterion(one))).collect())
    }

    /// Whether a finding fits, whose values `value` tells.
    pub fn admits<'v>(&self, value: impl Fn(FilterKey) -> &'v str) -> bool {
        self.criteria.iter().all(|(key, criterion)| criterion.admits(value(*key)))
    }

    /// What it says of a key.
    pub(super) fn of(&self, key: FilterKey) -> Option<&Criterion> {
        self.criteria.get(&key)
    }
}

/// The provider's form, as text.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_back_as_it_was_written() {
        let text = r#"{"resource":{"contains":["a","b"],"exists":true},"status":{"eq":["ACTIVE"],"neq":["x"]}}"#;
        assert_eq!(Filter::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn what_is_no_filter_says_where() {
        for (text, place) in [
            (r#"{"colour":{"eq":["x"]}}"#, "filter.colour"),
            (r#"{"resource":{"eq":[]}}"#, "filter.resource.eq"),
            (r#"{"resource":{"like":["x"]}}"#, "filter.resource.like"),
            (r#"{"resource":{}}"#, "filter.resource"),
            (r#"{"resource":{"eq":[1]}}"#, "filter.resource.eq"),
            (r#"{"resource":{"exists":"yes"}}"#, "filter.resource.exists"),
            ("[]", "filter"),
            ("{", "filter"),
        ] {
            assert_eq!(Filter::parse(text).unwrap_err().place, place, "{text}");
        }
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert!(Filter::of_json(&serde_json::json!({"id": {"neq": many}})).is_err());
    }

    #[test]
    fn operators_all_have_to_fit_and_values_are_alternatives() {
        let filter =
            Filter::parse(r#"{"resource":{"contains":["app","web"],"neq":["web-1"]},"status":{"eq":["ACTIVE","RESOLVED"]}}"#)
                .unwrap();
        let admits = |resource: &'static str, status: &'static str| {
            filter.admits(|key| if key == FilterKey::Status { status } else { resource })
        };
        assert!(admits("web-2", "ACTIVE") && admits("my-app", "RESOLVED"));
        assert!(!admits("web-1", "ACTIVE") && !admits("db", "ACTIVE") && !admits("web-2", "ARCHIVED"));
        assert!(!Filter::parse(r#"{"resource":{"exists":false}}"#).unwrap().admits(|_| "x"));
    }
}
