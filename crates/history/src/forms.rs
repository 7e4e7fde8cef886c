//! Records of CloudTrail in the forms of other tools: OCSF, as Security Lake keeps them, and rows of CloudTrail Lake.
//!
//! Each is brought into an event, or refused with the name of its form and what to run instead. Whoever queried them may have filtered
//! them, so that they show use and never silence.

use leastwise::access::Timestamp;
use leastwise::usage::Event;
use serde_json::{Map, Value, json};

use crate::columns::Columns;

/// What to do about a record of a form that is known and lacks what is needed.
const OCSF_HELP: &str = "is an OCSF record (Security Lake) that does not tell its call: give the trail's own log files instead";

/// Whether a record looks like one of OCSF.
pub(crate) fn is_ocsf(text: &str) -> bool {
    ["\"metadata\"", "\"api\"", "\"operation\""].iter().all(|part| text.contains(part)) && !text.contains("\"eventSource\"")
}

/// The record of CloudTrail that an OCSF record of the class API Activity was made of, as far as it tells; none for other products
/// (schema.ocsf.io, 1.0 and 1.1; Security Lake user guide, mapping of CloudTrail events).
pub(crate) fn of_ocsf(text: &str) -> Result<Option<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is not a record: {error}"))?;
    let at = |path: &str| value.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    if at("/metadata/product/name").is_some_and(|name| name != "CloudTrail") {
        return Ok(None);
    }
    let (source, name) = at("/api/service/name").zip(at("/api/operation")).ok_or(OCSF_HELP)?;
    let time = match value.get("time").and_then(Value::as_i64) {
        Some(time) => Timestamp::from_seconds(time.div_euclid(1000)).to_string(),
        None => at("/time_dt").or(at("/time")).ok_or(OCSF_HELP)?.to_owned(),
    };
    // `uid` is the ARN since 1.1 of the schema, and was the principal's id before.
    let names = [at("/actor/user/uid"), at("/actor/user/uid_alt")];
    let arn = names.iter().flatten().find(|text| text.starts_with("arn:"));
    let id = names.iter().flatten().find(|text| !text.starts_with("arn:"));
    let account = at("/actor/user/account/uid").or(at("/actor/user/account_uid"));
    let issuer = at("/actor/session/issuer").map(|issuer| json!({"sessionIssuer": {"type": "Role", "arn": issuer}}));
    let record = json!({
        "eventID": at("/metadata/uid"),
        "eventTime": time,
        "eventSource": source,
        "eventName": name,
        "awsRegion": at("/cloud/region").or(at("/region")),
        "recipientAccountId": at("/cloud/account/uid").or(at("/accountid")).or(account),
        "userIdentity": {
            "type": at("/actor/user/type"),
            "arn": arn,
            "principalId": id,
            "accountId": account,
            "userName": at("/actor/user/name"),
            "accessKeyId": at("/actor/user/credential_uid"),
            "invokedBy": at("/actor/invoked_by"),
            "sessionContext": issuer,
        },
        "errorCode": at("/api/response/error"),
        "eventType": at("/metadata/event_code"),
        "eventCategory": at("/metadata/product/feature/name"),
        "requestParameters": at("/api/request/data"),
    });
    Ok(Some(record.to_string()))
}

/// Whether a file is the answer of `aws cloudtrail get-query-results` or `aws logs get-query-results`.
pub(crate) fn is_query(text: &[u8]) -> bool {
    let head = text.get(..text.len().min(4096)).unwrap_or_default();
    let has = |part: &[u8]| memchr::memmem::find(head, part).is_some();
    text.trim_ascii_start().starts_with(b"{") && (has(b"\"QueryResultRows\"") || has(b"\"results\"") && has(b"\"field\""))
}

/// The rows of such an answer, each as JSON.
pub(crate) fn rows_of(text: &str) -> Result<Vec<String>, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("is not a whole answer of `get-query-results`: {error}"))?;
    let rows = value.get("QueryResultRows").or_else(|| value.get("results")).and_then(Value::as_array);
    Ok(rows.ok_or("is an answer of `get-query-results` without rows")?.iter().map(Value::to_string).collect())
}

/// Gives the event of a row of a query's result: `[{"eventTime": "…"}, {"eventSource": "…"}]` of `aws cloudtrail get-query-results`, or
/// `[{"field": "@message", "value": "{…}"}]` of `aws logs get-query-results`.
pub(crate) fn row(
    text: &str,
    record: &mut dyn FnMut(&str) -> Result<(), String>,
    give: &mut dyn FnMut(&Event<'_>),
) -> Result<(), String> {
    let fields: Vec<Map<String, Value>> =
        serde_json::from_str(text).map_err(|error| format!("is not a row of a query: {error}"))?;
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for field in &fields {
        if let Some((name, value)) = field.get("field").and_then(Value::as_str).zip(field.get("value")) {
            match (name, value.as_str()) {
                ("@message", Some(message)) => return record(message),
                _ => {
                    names.push(name.to_owned());
                    values.push(text_of(value));
                }
            }
            continue;
        }
        for (name, value) in field {
            names.push(name.clone());
            values.push(text_of(value));
        }
    }
    let columns = Columns::of(&names);
    if let Some(missing) = columns.missing().filter(|_| !columns.is_enough()) {
        return Err(format!("is a row of `get-query-results` that {missing}: select these too, or `@message`"));
    }
    columns.event(&values, give)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use leastwise::usage::{Attribution, attribute};

    use super::*;

    fn read_ocsf(text: &str, give: &mut dyn FnMut(&Event<'_>)) -> Result<(), String> {
        match of_ocsf(text)? {
            Some(text) => crate::record::visit(&text, &mut false, give),
            None => Ok(()),
        }
    }

    fn told(read: impl FnOnce(&mut dyn FnMut(&Event<'_>)) -> Result<(), String>) -> Result<Vec<String>, String> {
        let mut told = Vec::new();
        read(&mut |event| {
            let who = match attribute(event) {
                Attribution::Principal(arn) => arn.name().to_owned(),
                other => format!("{other:?}"),
            };
            told.push(format!("{} {} {} {} {who}", event.time, event.source, event.name, event.region));
        })?;
        Ok(told)
    }

    const OCSF: &str = r#"{"metadata":{"product":{"name":"CloudTrail"},"event_code":"AwsApiCall","uid":"u"},"time":1789466400000,
        "cloud":{"region":"us-east-1"},"api":{"operation":"ListRoles","service":{"name":"iam.amazonaws.com"}},
        "actor":{"user":{"type":"IAMUser","uid":"arn:aws:iam::111122223333:user/kim","uid_alt":"AIDA1","account":{"uid":"111122223333"}}}}"#;

    #[test]
    fn a_record_of_ocsf_is_a_call_of_its_user_or_of_the_role_that_issued_its_session() {
        assert!(is_ocsf(OCSF) && !is_ocsf(r#"{"eventSource":"x","metadata":1,"api":1,"operation":2}"#));
        assert_eq!(
            told(|give| read_ocsf(OCSF, give)).unwrap(),
            ["2026-09-15T10:00:00Z iam.amazonaws.com ListRoles us-east-1 kim"]
        );
        let role = OCSF
            .replace("\"IAMUser\"", "\"AssumedRole\"")
            .replace("\"actor\":{", r#""actor":{"session":{"issuer":"arn:aws:iam::111122223333:role/p/r"},"#);
        assert!(told(|give| read_ocsf(&role, give)).unwrap()[0].ends_with(" r"));
        assert_eq!(told(|give| read_ocsf(&OCSF.replace("\"CloudTrail\"", "\"VPC\""), give)), Ok(Vec::new()));
        assert!(told(|give| read_ocsf(&OCSF.replace("\"operation\"", "\"call\""), give)).unwrap_err().contains("OCSF"));
    }

    #[test]
    fn an_answer_of_a_query_is_known_by_its_beginning() {
        assert!(is_query(br#"{"QueryStatus":"FINISHED","QueryResultRows":[]}"#) && !is_query(b"{\"Records\":[]}"));
        assert!(is_query(br#"{"results":[[{"field":"@message","value":"{}"}]]}"#) && !is_query(b"{\"results\":[]}"));
        assert_eq!(rows_of(r#"{"QueryResultRows":[[{"a":"b"}]]}"#), Ok(vec![r#"[{"a":"b"}]"#.to_owned()]));
        assert!(rows_of("{").is_err());
    }

    #[test]
    fn rows_of_queries_are_calls_when_they_have_the_columns() {
        let lake = r#"[{"eventTime":"2026-09-15 10:00:00.000"},{"eventSource":"iam.amazonaws.com"},{"eventName":"ListRoles"},{"awsRegion":"us-east-1"},
            {"userIdentity":"{type=IAMUser, arn=arn:aws:iam::111122223333:user/kim, accountid=111122223333}"}]"#;
        let read = |text: &str| told(|give| row(text, &mut |message| Err(format!("message {message}")), give));
        assert_eq!(read(lake).unwrap(), ["2026-09-15T10:00:00Z iam.amazonaws.com ListRoles us-east-1 kim"]);
        assert!(read(&lake.replace("eventName", "name")).unwrap_err().contains("`eventname`"));
        assert_eq!(read(r#"[{"field":"@message","value":"{}"}]"#), Err("message {}".to_owned()));
    }
}
