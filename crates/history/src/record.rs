//! One record's JSON text to an event.
//!
//! Takes what the record says and nothing more. Knows the wrappers that records come in: `LookupEvents` (the record as
//! text in `CloudTrailEvent`), EventBridge (`detail`), Elasticsearch (`_source`), Logstash (`@timestamp` for the time,
//! `message`). A record without source, name or time is an error with the reason.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use leastwise::access::{AccountId, Timestamp};
use leastwise::usage::{Event, EventCategory, EventKind, EventResource, Identity};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use sonic_rs::LazyValue;

use crate::forms;

/// A text, borrowed where it has no escapes; numbers and truth values are written as one.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if truth { "true" } else { "false" })))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[derive(Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow, rename = "eventID", alias = "eventId", alias = "eventid")]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "eventTime", alias = "eventtime")]
    time: Option<Text<'a>>,
    #[serde(borrow, rename = "@timestamp")]
    shipped: Option<Text<'a>>,
    #[serde(borrow, rename = "eventSource", alias = "eventsource")]
    source: Option<Text<'a>>,
    #[serde(borrow, rename = "eventName", alias = "eventname")]
    name: Option<Text<'a>>,
    #[serde(borrow, rename = "awsRegion", alias = "awsregion")]
    region: Option<Text<'a>>,
    #[serde(borrow, rename = "recipientAccountId", alias = "recipientaccountid")]
    account: Option<Text<'a>>,
    #[serde(borrow, rename = "userIdentity", alias = "useridentity")]
    identity: Option<RecordIdentity<'a>>,
    #[serde(borrow, rename = "errorCode", alias = "errorcode")]
    error_code: Option<Text<'a>>,
    #[serde(borrow, rename = "eventType", alias = "eventtype")]
    kind: Option<Text<'a>>,
    #[serde(borrow, rename = "eventCategory", alias = "eventcategory")]
    category: Option<Text<'a>>,
    #[serde(borrow, rename = "managementEvent", alias = "managementevent")]
    management: Option<Text<'a>>,
    #[serde(borrow, rename = "readOnly", alias = "readonly")]
    read_only: Option<Text<'a>>,
    #[serde(borrow)]
    resources: Option<Vec<Option<Listed<'a>>>>,
    #[serde(borrow, rename = "requestParameters", alias = "requestparameters")]
    request: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "responseElements", alias = "responseelements")]
    response: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "additionalEventData", alias = "additionaleventdata")]
    additional: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "serviceEventDetails", alias = "serviceeventdetails")]
    details: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "sessionCredentialFromConsole", alias = "sessioncredentialfromconsole")]
    from_console: Option<Text<'a>>,
    #[serde(borrow, rename = "CloudTrailEvent")]
    looked_up: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "_source")]
    indexed: Option<LazyValue<'a>>,
    #[serde(borrow)]
    message: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "logStreamName")]
    stream: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
pub(crate) struct RecordIdentity<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) arn: Option<Text<'a>>,
    #[serde(borrow, rename = "accountId", alias = "accountid")]
    pub(crate) account: Option<Text<'a>>,
    #[serde(borrow, rename = "principalId", alias = "principalid")]
    pub(crate) principal_id: Option<Text<'a>>,
    #[serde(borrow, rename = "userName", alias = "username")]
    pub(crate) user_name: Option<Text<'a>>,
    #[serde(borrow, rename = "invokedBy", alias = "invokedby")]
    pub(crate) invoked_by: Option<Text<'a>>,
    #[serde(borrow, rename = "accessKeyId", alias = "accesskeyid")]
    pub(crate) access_key: Option<Text<'a>>,
    #[serde(borrow, rename = "sessionContext", alias = "sessioncontext")]
    session: Option<Session<'a>>,
}

#[derive(Deserialize)]
struct Session<'a> {
    #[serde(borrow, rename = "sessionIssuer", alias = "sessionissuer")]
    issuer: Option<Issuer<'a>>,
}

#[derive(Deserialize)]
struct Issuer<'a> {
    #[serde(borrow)]
    arn: Option<Text<'a>>,
    #[serde(borrow, rename = "principalId", alias = "principalid")]
    principal_id: Option<Text<'a>>,
}

/// A resource, or its ARN alone, which is how EventBridge lists them.
struct Listed<'a>(RecordResource<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Listed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Listed<'a>, D::Error> {
        struct Reader;
        impl Reader {
            fn of_arn(arn: Cow<'_, str>) -> Listed<'_> {
                Listed(RecordResource { arn: Some(Text(arn)), kind: None })
            }
        }
        impl<'de> Visitor<'de> for Reader {
            type Value = Listed<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a resource or its ARN")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Listed<'de>, A::Error> {
                RecordResource::deserialize(MapAccessDeserializer::new(members)).map(Listed)
            }

            fn visit_borrowed_str<E: de::Error>(self, arn: &'de str) -> Result<Listed<'de>, E> {
                Ok(Reader::of_arn(Cow::Borrowed(arn)))
            }

            fn visit_str<E: de::Error>(self, arn: &str) -> Result<Listed<'de>, E> {
                Ok(Reader::of_arn(Cow::Owned(arn.to_owned())))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[derive(Deserialize)]
pub(crate) struct RecordResource<'a> {
    #[serde(borrow, rename = "ARN", alias = "arn")]
    pub(crate) arn: Option<Text<'a>>,
    #[serde(borrow, rename = "type", alias = "resourceType")]
    pub(crate) kind: Option<Text<'a>>,
}

/// How deep wrappers may be in each other.
const DEPTH: u32 = 3;
/// How deep lists and objects may be in each other. The parser calls itself for each, and no record has a tenth of it.
const DEEPEST: usize = 512;

/// Whether lists and objects are deeper in each other than that.
fn is_too_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() <= DEEPEST || memchr::memchr2_iter(b'{', b'[', bytes).nth(DEEPEST).is_none() {
        return false;
    }
    let (mut depth, mut within, mut escaped) = (0usize, false, false);
    bytes.iter().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = within,
            b'"' => within = !within,
            b'{' | b'[' if !within => depth += 1,
            b'}' | b']' if !within => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    })
}

/// Reads one record and gives its event to `give`. `looked_up` becomes true when it came from `LookupEvents`.
pub(crate) fn visit(text: &str, looked_up: &mut bool, give: &mut dyn FnMut(&Event<'_>)) -> Result<(), String> {
    unwrap(text, DEPTH, looked_up, give)
}

fn unwrap(text: &str, depth: u32, looked_up: &mut bool, give: &mut dyn FnMut(&Event<'_>)) -> Result<(), String> {
    if is_too_deep(text) {
        return Err(format!("has more than {DEEPEST} lists and objects in each other"));
    }
    let record: Record<'_> = sonic_rs::from_str(text).map_err(|error| {
        // The rest of the library's message draws the text around the place.
        let message = error.to_string();
        format!("is not a record: {}", message.lines().next().unwrap_or_default().trim_end_matches(':'))
    })?;
    if record.source.is_none() && record.name.is_none() && depth > 0 && forms::is_ocsf(text) {
        *looked_up = true;
        return forms::of_ocsf(text)?.map_or(Ok(()), |record| unwrap(&record, 0, looked_up, give));
    }
    record.give(depth, looked_up, give)
}

/// Reads a row of the result of a query, which may have been filtered.
pub(crate) fn visit_row(text: &str, give: &mut dyn FnMut(&Event<'_>)) -> Result<(), String> {
    // Two readers want the events one after the other, never at once.
    let give = std::cell::RefCell::new(give);
    forms::row(text, &mut |message| visit(message, &mut true, &mut |event| (give.borrow_mut())(event)), &mut |event| {
        (give.borrow_mut())(event);
    })
}

impl Record<'_> {
    fn give(self, depth: u32, looked_up: &mut bool, give: &mut dyn FnMut(&Event<'_>)) -> Result<(), String> {
        if self.name.is_none() && depth > 0 {
            if let Some(inner) = &self.looked_up {
                *looked_up = true;
                return unwrap(&inner.0, depth - 1, looked_up, give);
            }
            // As `aws logs filter-log-events` prints it.
            *looked_up |= self.stream.is_some();
            if let Some(inner) = self.detail.as_ref().or(self.indexed.as_ref()).or(self.message.as_ref()) {
                let inner = text_of(inner.as_raw_str());
                if inner.trim_start().starts_with('{') {
                    return unwrap(&inner, depth - 1, looked_up, give);
                }
            }
        }
        // What tells of calls that are out of the common, or sums up many, and is none.
        let is = |text: &Option<Text<'_>>, words: [&str; 2]| text.as_ref().is_some_and(|text| words.contains(&text.0.as_ref()));
        if self.source.is_none()
            && (is(&self.kind, ["AwsCloudTrailInsight", "AwsAggregatedEvent"]) || is(&self.category, ["Insight", "Aggregated"]))
        {
            return Ok(());
        }
        give(&self.into_event()?);
        Ok(())
    }
}

/// JSON as text: what a string holds, or the value as written.
pub(crate) fn text_of(json: &str) -> Cow<'_, str> {
    if !json.starts_with('"') {
        return Cow::Borrowed(json);
    }
    serde_json::from_str::<Text<'_>>(json).map(|text| text.0).unwrap_or(Cow::Borrowed(json))
}

/// What CloudTrail puts in the place of parameters that are too large. Made once, since making takes longer than finding.
static OMITTED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"omitted\":true"));

/// Request parameters as JSON text; none when there are none or when CloudTrail left them out for their size.
pub(crate) fn request_of(json: &str) -> Option<Cow<'_, str>> {
    let text = text_of(json.trim());
    let left_out = text.starts_with("{\"omitted\"") || OMITTED.find(text.as_bytes()).is_some();
    (!left_out && !text.is_empty() && text != "null").then_some(text)
}

/// The same for a text that may be borrowed for longer.
fn request_in<'a>(json: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    match json {
        Cow::Borrowed(json) => request_of(json),
        Cow::Owned(json) => request_of(json).map(|text| Cow::Owned(text.into_owned())),
    }
}

impl<'a> Record<'a> {
    /// The event that the record tells of.
    pub(crate) fn into_event(self) -> Result<Event<'a>, String> {
        let source = self.source.ok_or("has no `eventSource`")?.0;
        let name = self.name.ok_or("has no `eventName`")?.0;
        let time = time_of(self.time.or(self.shipped).as_ref().map(|text| text.0.as_ref()))?;
        let resources = self.resources.unwrap_or_default().into_iter().flatten().map(|listed| listed.0);
        let resources =
            resources.filter_map(|r| Some(EventResource { arn: r.arn?.0, kind: r.kind.map(|kind| kind.0) })).collect();
        Ok(Event {
            id: self.id.map(|id| id.0).filter(|id| !id.is_empty()),
            time,
            source,
            name,
            region: self.region.map(|region| region.0).unwrap_or_default(),
            account: self.account.and_then(|account| AccountId::parse(&account.0)),
            identity: self.identity.map(RecordIdentity::into_identity),
            error_code: self.error_code.map(|code| code.0).filter(|code| !code.is_empty()),
            kind: self.kind.filter(|kind| !kind.0.is_empty()).map_or(EventKind::ApiCall, |kind| EventKind::parse(&kind.0)),
            category: category_of(
                self.category.as_ref().map(|text| text.0.as_ref()),
                self.management.as_ref().map(|text| text.0.as_ref()),
            ),
            read_only: truth_of(self.read_only.as_ref().map(|text| text.0.as_ref())),
            resources,
            request: self.request.as_ref().and_then(|request| request_in(&request.as_raw_cow())),
            response: self.response.as_ref().and_then(|response| request_in(&response.as_raw_cow())),
            additional: [&self.additional, &self.details]
                .into_iter()
                .flatten()
                .find_map(|additional| request_in(&additional.as_raw_cow())),
            from_console: truth_of(self.from_console.as_ref().map(|text| text.0.as_ref())) == Some(true),
        })
    }
}

impl<'a> RecordIdentity<'a> {
    pub(crate) fn into_identity(self) -> Identity<'a> {
        let text = |text: Option<Text<'a>>| text.map(|text| text.0).filter(|text| !text.is_empty());
        let (issuer_arn, issuer_id) =
            self.session.and_then(|session| session.issuer).map(|issuer| (issuer.arn, issuer.principal_id)).unwrap_or_default();
        Identity {
            kind: text(self.kind),
            arn: text(self.arn),
            account: text(self.account),
            principal_id: text(self.principal_id),
            user_name: text(self.user_name),
            invoked_by: text(self.invoked_by),
            access_key: text(self.access_key),
            issuer_arn: text(issuer_arn),
            issuer_id: text(issuer_id),
        }
    }
}

pub(crate) fn time_of(text: Option<&str>) -> Result<Timestamp, String> {
    let text = text.ok_or("has no `eventTime`")?.trim();
    Timestamp::parse(text)
        .ok_or_else(|| format!("has an `eventTime` that is no time: `{}`", text.chars().take(40).collect::<String>()))
}

pub(crate) fn truth_of(text: Option<&str>) -> Option<bool> {
    match text {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    }
}

pub(crate) fn category_of(category: Option<&str>, management: Option<&str>) -> EventCategory {
    match (category.filter(|text| !text.is_empty()), truth_of(management)) {
        (Some("Management"), _) | (None, Some(true)) => EventCategory::Management,
        (Some("Data"), _) | (None, Some(false)) => EventCategory::Data,
        _ => EventCategory::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> Result<String, String> {
        let mut told = String::new();
        let mut looked_up = false;
        visit(text, &mut looked_up, &mut |event| {
            let issuer = event.identity.as_ref().and_then(|identity| identity.issuer_arn.as_deref());
            told = format!("{} {} {} {issuer:?} {:?}", event.time, event.source, event.name, event.request.as_deref());
        })?;
        Ok(format!("{told}{}", if looked_up { " looked up" } else { "" }))
    }

    const RECORD: &str = r#"{"eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets",
        "userIdentity":{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/r"}}},"requestParameters":{"a":"b"}}"#;
    const TOLD: &str =
        r#"2026-03-01T12:00:00Z s3.amazonaws.com ListBuckets Some("arn:aws:iam::111122223333:role/r") Some("{\"a\":\"b\"}")"#;

    #[test]
    fn a_record_is_the_same_in_every_wrapper() {
        assert_eq!(summary(RECORD).as_deref(), Ok(TOLD));
        let text = serde_json::to_string(RECORD).unwrap();
        assert_eq!(
            summary(&format!(r#"{{"EventId":"x","EventName":"ListBuckets","CloudTrailEvent":{text}}}"#)).unwrap(),
            format!("{TOLD} looked up")
        );
        assert_eq!(
            summary(&format!(r#"{{"detail-type":"AWS API Call via CloudTrail","detail":{RECORD}}}"#)).as_deref(),
            Ok(TOLD)
        );
        assert_eq!(summary(&format!(r#"{{"_index":"i","_source":{RECORD}}}"#)).as_deref(), Ok(TOLD));
        assert_eq!(summary(&format!(r#"{{"message":{text}}}"#)).as_deref(), Ok(TOLD));
        let shipped = RECORD.replace("\"eventTime\":\"2026-03-01T12:00:00Z\"", "\"@timestamp\":\"2026-03-01T12:00:00.000Z\"");
        assert_eq!(summary(&shipped).as_deref(), Ok(TOLD));
    }

    #[test]
    fn empty_and_missing_parts_of_an_identity_are_none() {
        let empty = RECORD.replace(r#"{"arn":"arn:aws:iam::111122223333:role/r"}"#, "{}").replace(r#"{"a":"b"}"#, "null");
        assert_eq!(summary(&empty).as_deref(), Ok("2026-03-01T12:00:00Z s3.amazonaws.com ListBuckets None None"));
    }

    #[test]
    fn a_record_without_what_makes_an_event_says_what_is_missing() {
        assert_eq!(summary("{}"), Err("has no `eventSource`".to_owned()));
        assert_eq!(
            summary(&RECORD.replace("2026-03-01T12:00:00Z", "noon")),
            Err("has an `eventTime` that is no time: `noon`".to_owned())
        );
        assert!(summary(r#"{"eventSource":["x"]}"#).unwrap_err().starts_with("is not a record"));
    }

    #[test]
    fn a_wrapper_may_list_the_arns_of_its_resources() {
        let wrapped =
            |list: &str| format!(r#"{{"detail-type":"AWS API Call via CloudTrail","resources":{list},"detail":{RECORD}}}"#);
        for list in ["[]", r#"["arn:aws:s3:::b"]"#, r#"[null,"arn:aws:s3:::b\u002f"]"#] {
            assert_eq!(summary(&wrapped(list)).as_deref(), Ok(TOLD), "{list}");
        }
        let listed = RECORD.replace(
            "\"requestParameters\"",
            r#""resources":["arn:aws:s3:::a",null,{"ARN":"arn:aws:s3:::b"}],"requestParameters""#,
        );
        let mut arns = Vec::new();
        visit(&listed, &mut false, &mut |event| arns.extend(event.resources.iter().map(|one| one.arn.to_string()))).unwrap();
        assert_eq!(arns, ["arn:aws:s3:::a", "arn:aws:s3:::b"]);
    }

    #[test]
    fn a_number_where_a_text_is_expected_is_written_as_one() {
        for (number, text) in [("7", "7"), ("-1", "-1"), ("111122223333.0", "111122223333"), ("true", "true")] {
            let record = RECORD.replace("\"arn:aws:iam::111122223333:role/r\"", number);
            assert_eq!(summary(&record), Ok(TOLD.replace("arn:aws:iam::111122223333:role/r", text)), "{number}");
        }
    }

    #[test]
    fn an_insight_is_no_call_and_no_problem() {
        let insight = r#"{"eventTime":"2026-03-01T12:00:00Z","eventType":"AwsCloudTrailInsight","eventCategory":"Insight",
            "insightDetails":{"state":"Start","eventSource":"s3.amazonaws.com","eventName":"DeleteBucket"}}"#;
        assert_eq!(summary(insight).as_deref(), Ok(""));
    }

    #[test]
    fn an_aggregated_event_is_no_call_and_no_problem() {
        for told in [r#""eventType":"AwsAggregatedEvent""#, r#""eventCategory":"Aggregated""#] {
            let text = format!(r#"{{"eventTime":"2026-03-01T12:00:00Z",{told},"summary":{{"count":12}}}}"#);
            assert_eq!(summary(&text).as_deref(), Ok(""));
        }
        assert!(summary(r#"{"eventTime":"2026-03-01T12:00:00Z","eventCategory":"Management"}"#).is_err());
    }

    #[test]
    fn events_of_log_groups_are_what_a_query_found() {
        let text = serde_json::to_string(RECORD).unwrap();
        assert_eq!(
            summary(&format!(r#"{{"logStreamName":"s","timestamp":1,"message":{text}}}"#)),
            Ok(format!("{TOLD} looked up"))
        );
    }

    #[test]
    fn what_is_too_deep_is_named_and_brackets_in_texts_are_not_deep() {
        let deep = |levels: usize| RECORD.replace(r#"{"a":"b"}"#, &format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        assert!(summary(&deep(DEEPEST - 1)).is_ok());
        for levels in [DEEPEST, 200_000] {
            assert_eq!(summary(&deep(levels)), Err("has more than 512 lists and objects in each other".to_owned()));
        }
        let flat = RECORD.replace(r#""b""#, &format!(r#""\"{}""#, "[{".repeat(2000)));
        assert!(summary(&flat).is_ok());
    }

    #[test]
    fn parameters_that_cloudtrail_left_out_are_none() {
        assert_eq!(request_of(r#"{"omitted":true,"originalSize":300000}"#), None);
        assert_eq!(request_of(r#""{\"a\":1}""#).as_deref(), Some(r#"{"a":1}"#));
    }
}
