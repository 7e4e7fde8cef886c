//! Event selectors of both forms, as descriptions and records of their change spell them, to what a trail records.
//!
//! Every member and field is looked at. A selector with one that is not interpreted here records some of its kind, and nothing
//! may be concluded from its silence (CloudTrail API reference: EventSelector, AdvancedEventSelector, AdvancedFieldSelector).

use std::collections::{BTreeMap, BTreeSet};

use leastwise::usage::RecordKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How much of a kind is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub(crate) enum Amount {
    #[default]
    Nothing,
    Part,
    All,
}

/// What the selectors of a trail record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub(crate) struct Selectors {
    reads: Management,
    writes: Management,
    data: BTreeMap<String, Amount>,
    network: BTreeMap<String, Amount>,
}

/// Management events, but for those of some services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
struct Management {
    amount: Amount,
    excluded: BTreeSet<String>,
}

impl Management {
    /// What is recorded when either selector is enough.
    fn or(&mut self, other: Management) {
        if other.amount == self.amount {
            self.excluded = self.excluded.intersection(&other.excluded).cloned().collect();
        } else if other.amount > self.amount {
            *self = other;
        }
    }

    /// What both say is recorded.
    fn and(&self, other: &Management) -> Management {
        let excluded = self.excluded.union(&other.excluded).cloned().collect();
        Management { amount: self.amount.min(other.amount), excluded }
    }

    fn of(&self, service: &str) -> Amount {
        if self.excluded.contains(service) { Amount::Nothing } else { self.amount }
    }
}

impl Selectors {
    /// All management events and no others, as a trail has it unless told otherwise.
    pub(crate) fn standard() -> Selectors {
        let all = Management { amount: Amount::All, excluded: BTreeSet::new() };
        Selectors { reads: all.clone(), writes: all, ..Selectors::default() }
    }

    /// The selectors that an answer of `get-event-selectors`, or a call of `PutEventSelectors`, has; none when it has neither form.
    pub(crate) fn read(object: &Map<String, Value>) -> Option<Selectors> {
        let list = |name| member(object, name).filter(|value| !value.is_null());
        let (basic, advanced) = (list("eventSelectors"), list("advancedEventSelectors"));
        let mut all: Option<Selectors> = None;
        for (value, read) in [(basic, Selectors::basic as fn(&Map<String, Value>) -> Selectors), (advanced, Selectors::advanced)]
        {
            let Some(value) = value else { continue };
            let mut sum = Selectors::default();
            // What is no list of objects selects nothing that we understand.
            for selector in value.as_array().into_iter().flatten().filter_map(Value::as_object) {
                sum.or(read(selector));
            }
            // A trail has one form only; an empty list of the other may stand beside it.
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            all = match all {
                None => Some(sum),
                Some(known) if is_empty => Some(known),
                Some(known) if known == Selectors::default() => Some(sum),
                Some(known) => Some(known.and(&sum)),
            };
        }
        all
    }

    /// How much of a kind is recorded.
    pub(crate) fn amount(&self, kind: &RecordKind) -> Amount {
        match kind {
            RecordKind::Reads => self.reads.amount,
            RecordKind::Writes => self.writes.amount,
            RecordKind::ReadsOf(service) => self.reads.of(service),
            RecordKind::WritesOf(service) => self.writes.of(service),
            RecordKind::Data(kind) => self.data.get(kind).copied().unwrap_or_default(),
            RecordKind::NetworkActivity(source) => self.network.get(source).copied().unwrap_or_default(),
        }
    }

    /// Kinds besides management events of which something is recorded.
    pub(crate) fn further_kinds(&self) -> impl Iterator<Item = RecordKind> {
        let data = self.data.keys().cloned().map(RecordKind::Data);
        data.chain(self.network.keys().cloned().map(RecordKind::NetworkActivity))
    }

    /// Services whose management events are left out.
    pub(crate) fn excluded(&self) -> impl Iterator<Item = &String> {
        self.reads.excluded.iter().chain(&self.writes.excluded)
    }

    /// What both say is recorded: descriptions that contradict each other are believed only so far.
    pub(crate) fn and(&self, other: &Selectors) -> Selectors {
        let both = |one: &BTreeMap<String, Amount>, other: &BTreeMap<String, Amount>| {
            one.iter().filter_map(|(kind, amount)| Some((kind.clone(), *amount.min(other.get(kind)?)))).collect()
        };
        Selectors {
            reads: self.reads.and(&other.reads),
            writes: self.writes.and(&other.writes),
            data: both(&self.data, &other.data),
            network: both(&self.network, &other.network),
        }
    }

    fn or(&mut self, other: Selectors) {
        self.reads.or(other.reads);
        self.writes.or(other.writes);
        for (own, others) in [(&mut self.data, other.data), (&mut self.network, other.network)] {
            for (kind, amount) in others {
                let known = own.entry(kind).or_default();
                *known = amount.max(*known);
            }
        }
    }

    fn management(reads: Amount, writes: Amount, excluded: &BTreeSet<String>) -> Selectors {
        let of =
            |amount| Management { amount, excluded: if amount == Amount::Nothing { BTreeSet::new() } else { excluded.clone() } };
        Selectors { reads: of(reads), writes: of(writes), ..Selectors::default() }
    }

    fn basic(selector: &Map<String, Value>) -> Selectors {
        const MEMBERS: [&str; 4] = ["readWriteType", "includeManagementEvents", "dataResources", "excludeManagementEventSources"];
        let is_plain = selector.keys().all(|name| MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(name)));
        let all = if is_plain { Amount::All } else { Amount::Part };
        // What is not stated is `All` and true.
        let kind = member(selector, "readWriteType").map_or(Some("All"), Value::as_str);
        let (reads, writes) = match kind {
            Some("All") => (all, all),
            Some("ReadOnly") => (all, Amount::Nothing),
            Some("WriteOnly") => (Amount::Nothing, all),
            _ => (Amount::Part, Amount::Part),
        };
        let managed = member(selector, "includeManagementEvents").map_or(Some(true), Value::as_bool);
        let sources = member(selector, "excludeManagementEventSources");
        let excluded = texts(sources).into_iter().flatten().map(|source| service_of(&source)).collect();
        let mut selectors = match managed {
            Some(true) if sources.is_none_or(|sources| texts(Some(sources)).is_some()) => {
                Selectors::management(reads, writes, &excluded)
            }
            Some(false) => Selectors::default(),
            _ => Selectors::management(reads.min(Amount::Part), writes.min(Amount::Part), &excluded),
        };
        let resources = member(selector, "dataResources").and_then(Value::as_array);
        for resource in resources.into_iter().flatten().filter_map(Value::as_object) {
            let Some(kind) = member(resource, "type").and_then(Value::as_str) else { continue };
            let values = texts(member(resource, "values")).unwrap_or_default();
            let whole = values.iter().any(|value| is_everything(kind, value)) && (reads, writes) == (Amount::All, Amount::All);
            let amount = if whole { Amount::All } else { Amount::Part };
            selectors.or(Selectors { data: [(kind.to_owned(), amount)].into(), ..Selectors::default() });
        }
        selectors
    }

    fn advanced(selector: &Map<String, Value>) -> Selectors {
        let known = selector.keys().all(|name| ["name", "fieldSelectors"].iter().any(|known| known.eq_ignore_ascii_case(name)));
        let list = member(selector, "fieldSelectors").and_then(Value::as_array);
        let conditions: Option<Vec<Condition>> = list.map(|list| list.iter().map(Condition::read).collect());
        let conditions = conditions.unwrap_or_default();
        let category: Vec<&Condition> = conditions.iter().filter(|of| of.field == "eventCategory").collect();
        let [Condition { equals, plain: true, .. }] = category.as_slice() else { return Selectors::default() };
        let rest = || conditions.iter().filter(|of| of.field != "eventCategory");
        let mut whole = known;
        match equals.as_slice() {
            [category] if category == "Management" => {
                let (mut reads, mut writes) = (Amount::All, Amount::All);
                let mut excluded = BTreeSet::new();
                for of in rest() {
                    match (of.field.as_str(), of.equals.as_slice()) {
                        ("readOnly", [truth]) if of.plain && truth == "true" => writes = Amount::Nothing,
                        ("readOnly", [truth]) if of.plain && truth == "false" => reads = Amount::Nothing,
                        ("eventSource", []) if of.only_not_equals => {
                            excluded.extend(of.not_equals.iter().map(|source| service_of(source)));
                        }
                        _ => whole = false,
                    }
                }
                let most = if whole { Amount::All } else { Amount::Part };
                Selectors::management(reads.min(most), writes.min(most), &excluded)
            }
            [category] if category == "Data" || category == "NetworkActivity" => {
                let field = if category == "Data" { "resources.type" } else { "eventSource" };
                whole &= rest().all(|of| of.field == field && of.plain) && rest().count() == 1;
                let amount = if whole { Amount::All } else { Amount::Part };
                let kinds = rest().filter(|of| of.field == field).flat_map(|of| &of.equals);
                let kinds = kinds.map(|kind| (kind.clone(), amount)).collect();
                if category == "Data" {
                    Selectors { data: kinds, ..Selectors::default() }
                } else {
                    Selectors { network: kinds, ..Selectors::default() }
                }
            }
            _ => Selectors::default(),
        }
    }
}

/// One field selector.
struct Condition {
    field: String,
    equals: Vec<String>,
    not_equals: Vec<String>,
    /// Whether it has `Equals` and no other operator.
    plain: bool,
    /// Whether it has `NotEquals` and no other operator.
    only_not_equals: bool,
}

impl Condition {
    fn read(value: &Value) -> Condition {
        let mut of =
            Condition { field: String::new(), equals: Vec::new(), not_equals: Vec::new(), plain: true, only_not_equals: true };
        for (name, value) in value.as_object().into_iter().flatten() {
            if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "field" => value.as_str().unwrap_or_default().clone_into(&mut of.field),
                "equals" => {
                    of.only_not_equals = false;
                    match texts(Some(value)) {
                        Some(values) => of.equals = values,
                        None => of.plain = false,
                    }
                }
                "notequals" => {
                    of.plain = false;
                    match texts(Some(value)) {
                        Some(values) => of.not_equals = values,
                        None => of.only_not_equals = false,
                    }
                }
                _ => (of.plain, of.only_not_equals) = (false, false),
            }
        }
        // Without a value it says nothing that we understand.
        of.plain &= !of.equals.is_empty();
        of.only_not_equals &= !of.not_equals.is_empty();
        of
    }
}

/// Whether a value of a data resource selects every resource of the type: a bare `arn:aws:s3`, `arn:aws:s3:::`.
fn is_everything(kind: &str, value: &str) -> bool {
    let service = match kind {
        "AWS::S3::Object" => "s3",
        "AWS::Lambda::Function" => "lambda",
        "AWS::DynamoDB::Table" => "dynamodb",
        _ => return false,
    };
    let mut parts = value.split(':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some(service)
        && parts.all(str::is_empty)
}

/// A member whatever the case of its letters: descriptions write `ReadWriteType`, records `readWriteType`.
pub(crate) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The texts of a list; none when it is none, or holds something else.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    value?.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

/// The prefix behind an event source that a trail can leave out: `kms.amazonaws.com`, `rdsdata.amazonaws.com`.
fn service_of(source: &str) -> String {
    match source.split('.').next().unwrap_or_default() {
        "rdsdata" => "rds-data".to_owned(),
        label => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Selectors {
        let value: Value = serde_json::from_str(text).unwrap();
        Selectors::read(value.as_object().unwrap()).unwrap()
    }

    fn management(text: &str) -> (Amount, Amount) {
        let selectors = read(text);
        (selectors.amount(&RecordKind::Reads), selectors.amount(&RecordKind::Writes))
    }

    fn advanced(fields: &str) -> Selectors {
        read(&format!(r#"{{"AdvancedEventSelectors":[{{"Name":"n","FieldSelectors":[{fields}]}}]}}"#))
    }

    const MANAGED: &str = r#"{"Field":"eventCategory","Equals":["Management"]}"#;
    const DATA: &str = r#"{"Field":"eventCategory","Equals":["Data"]}"#;
    use Amount::{All, Nothing, Part};

    #[test]
    fn the_kind_of_a_basic_selector_narrows_it_and_so_does_what_is_not_understood() {
        let of = |members: &str| management(&format!(r#"{{"EventSelectors":[{{{members}}}]}}"#));
        assert_eq!(of(""), (All, All));
        assert_eq!(of(r#""ReadWriteType":"WriteOnly""#), (Nothing, All));
        assert_eq!(of(r#""readWriteType":"ReadOnly","includeManagementEvents":true"#), (All, Nothing));
        assert_eq!(of(r#""IncludeManagementEvents":false"#), (Nothing, Nothing));
        assert_eq!(of(r#""ReadWriteType":"Some""#), (Part, Part));
        assert_eq!(of(r#""Sampling":0.5"#), (Part, Part));
        assert_eq!(management(r#"{"EventSelectors":[{"ReadWriteType":"ReadOnly"},{"ReadWriteType":"WriteOnly"}]}"#), (All, All));
        assert_eq!(management(r#"{"EventSelectors":[]}"#), (Nothing, Nothing));
        assert_eq!(management(r#"{"EventSelectors":null,"AdvancedEventSelectors":[]}"#), (Nothing, Nothing));
    }

    #[test]
    fn advanced_selectors_are_read_field_by_field() {
        let of = |further: &str| {
            let selectors = advanced(&format!("{MANAGED}{further}"));
            (selectors.amount(&RecordKind::Reads), selectors.amount(&RecordKind::Writes))
        };
        assert_eq!(of(""), (All, All));
        assert_eq!(of(r#",{"Field":"readOnly","Equals":["false"]}"#), (Nothing, All));
        assert_eq!(of(r#",{"Field":"readOnly","Equals":["true"]}"#), (All, Nothing));
        for narrow in [
            r#",{"Field":"eventName","StartsWith":["Create"]}"#,
            r#",{"Field":"eventName","NotEquals":["ListRoles"]}"#,
            r#",{"Field":"eventSource","Equals":["iam.amazonaws.com"]}"#,
            r#",{"Field":"eventSource","NotStartsWith":["iam"]}"#,
            r#",{"Field":"userIdentity.arn","NotEndsWith":["dan"]}"#,
            r#",{"Field":"eventSource","NotEquals":"kms.amazonaws.com"}"#,
            r#",{"Field":"readOnly"}"#,
        ] {
            assert_eq!(of(narrow), (Part, Part), "{narrow}");
        }
        assert_eq!(advanced(r#"{"Field":"eventCategory","NotEquals":["Data"]}"#), Selectors::default());
    }

    #[test]
    fn excluded_sources_are_left_out_unless_another_selector_has_them() {
        let kms = RecordKind::ReadsOf("kms".to_owned());
        let out = advanced(&format!(
            r#"{MANAGED},{{"Field":"eventSource","NotEquals":["kms.amazonaws.com","rdsdata.amazonaws.com"]}}"#
        ));
        assert_eq!((out.amount(&kms), out.amount(&RecordKind::Reads)), (Nothing, All));
        assert_eq!(out.amount(&RecordKind::WritesOf("rds-data".to_owned())), Nothing);
        let basic = r#"{"EventSelectors":[{"ExcludeManagementEventSources":["kms.amazonaws.com"]},{}]}"#;
        assert_eq!(read(basic).amount(&kms), All);
        assert_eq!(read(&basic.replace(",{}", "")).amount(&kms), Nothing);
    }

    #[test]
    fn data_events_are_all_recorded_when_nothing_of_their_type_is_left_out() {
        let object = RecordKind::Data("AWS::S3::Object".to_owned());
        let basic = |value: &str, kind: &str| {
            read(&format!(
                r#"{{"EventSelectors":[{{"ReadWriteType":"{kind}","DataResources":[{{"Type":"AWS::S3::Object","Values":["{value}"]}}]}}]}}"#
            ))
            .amount(&object)
        };
        assert_eq!((basic("arn:aws:s3", "All"), basic("arn:aws:s3:::", "All")), (All, All));
        for (value, kind) in [("arn:aws:s3:::one/", "All"), ("arn:aws:s3", "WriteOnly"), ("arn:aws:lambda", "All"), ("", "All")] {
            assert_eq!(basic(value, kind), Part, "{value} {kind}");
        }
        let typed = |further: &str| {
            advanced(&format!(r#"{DATA},{{"Field":"resources.type","Equals":["AWS::S3::Object"]}}{further}"#)).amount(&object)
        };
        assert_eq!(typed(""), All);
        assert_eq!(typed(r#",{"Field":"resources.ARN","StartsWith":["arn:aws:s3:::one/"]}"#), Part);
        assert_eq!(typed(r#",{"Field":"readOnly","Equals":["true"]}"#), Part);
        assert_eq!(advanced(DATA).amount(&object), Nothing);
    }

    #[test]
    fn descriptions_that_contradict_each_other_are_believed_where_both_agree() {
        let all = Selectors::standard();
        let writes =
            read(r#"{"EventSelectors":[{"ReadWriteType":"WriteOnly","ExcludeManagementEventSources":["kms.amazonaws.com"]}]}"#);
        let both = all.and(&writes);
        assert_eq!((both.amount(&RecordKind::Reads), both.amount(&RecordKind::Writes)), (Nothing, All));
        assert_eq!(both.amount(&RecordKind::WritesOf("kms".to_owned())), Nothing);
        assert_eq!(all.and(&all), all);
    }
}
