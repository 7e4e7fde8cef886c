//! Reads a delivered file, `{"Records":[…]}`, in one pass over its text.
//!
//! The quick way for what CloudTrail delivers. It knows nothing of broken records: it stops at the first one, and the tolerant
//! way (`split`) goes on there.

use std::borrow::Cow;

use leastwise::access::{AccountId, Timestamp};
use leastwise::usage::{Event, EventKind, EventResource, Identity};

use crate::record::{category_of, request_of, text_of, truth_of};
use crate::scan::{Odd, Scanner};

/// Whether the text looks like a delivered file, from its first bytes.
pub(crate) fn is_delivery(text: &[u8]) -> bool {
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"{") else { return false };
    rest.trim_ascii_start().starts_with(b"\"Records\"")
}

/// Gives the events of a delivered file, one for each record, in order.
///
/// # Errors
/// Behind the records whose events were given there is something in the text that is not as it should be.
pub(crate) fn visit(text: &str, give: &mut dyn FnMut(&Event<'_>)) -> Result<(), Odd> {
    let mut scanner = Scanner::new(text)?;
    let (mut seen, mut room) = (false, Vec::new());
    scanner.object(|scanner, name| match name {
        // Two lists in one file are left to the tolerant way, and so is what else it takes for a list of records.
        b"Records" if !seen => {
            seen = true;
            scanner.list(|scanner| record(scanner, &mut room, give))
        }
        b"Records" | b"Events" | b"records" => Err(Odd),
        _ => scanner.skip(),
    })?;
    if scanner.is_at_end() { Ok(()) } else { Err(Odd) }
}

/// Steps over a member that nobody asks for. One that is called as a known one but for capital letters is left to the tolerant way.
fn other(scanner: &mut Scanner<'_>, member: &[u8]) -> Result<(), Odd> {
    if KNOWN.iter().any(|known| member.eq_ignore_ascii_case(known.as_bytes())) { Err(Odd) } else { scanner.skip() }
}

/// What the names of members that count are, in any spelling.
const KNOWN: [&str; 29] = [
    "eventID",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "recipientAccountId",
    "errorCode",
    "eventType",
    "eventCategory",
    "managementEvent",
    "readOnly",
    "userIdentity",
    "requestParameters",
    "resources",
    "CloudTrailEvent",
    "@timestamp",
    "accountId",
    "principalId",
    "userName",
    "invokedBy",
    "sessionContext",
    "sessionIssuer",
    "arn",
    "type",
    "accessKeyId",
    "responseElements",
    "additionalEventData",
    "sessionCredentialFromConsole",
    "serviceEventDetails",
];

/// What some members say, each there at most once.
struct Spellings<'t, const N: usize> {
    all: [&'t str; N],
    seen: u32,
}

impl<'t, const N: usize> Spellings<'t, N> {
    fn take(&mut self, member: usize, scanner: &mut Scanner<'t>) -> Result<(), Odd> {
        self.once(member)?;
        let slot = self.all.get_mut(member).ok_or(Odd)?;
        *slot = scanner.spelling()?;
        Ok(())
    }

    /// The text of a value, whatever it is.
    fn take_value(&mut self, member: usize, scanner: &mut Scanner<'t>) -> Result<(), Odd> {
        self.once(member)?;
        let slot = self.all.get_mut(member).ok_or(Odd)?;
        *slot = scanner.value()?;
        Ok(())
    }

    fn once(&mut self, member: usize) -> Result<(), Odd> {
        let bit = 1 << member;
        let seen = self.seen & bit != 0;
        self.seen |= bit;
        if seen { Err(Odd) } else { Ok(()) }
    }

    /// None for what is not there and for what is empty.
    fn filled(&self, member: usize) -> Option<Cow<'t, str>> {
        self.all.get(member).filter(|text| !text.is_empty()).map(|text| Cow::Borrowed(*text))
    }
}

const ID: usize = 0;
const TIME: usize = 1;
const SOURCE: usize = 2;
const NAME: usize = 3;
const REGION: usize = 4;
const ACCOUNT: usize = 5;
const ERROR: usize = 6;
const KIND: usize = 7;
const CATEGORY: usize = 8;
const MANAGEMENT: usize = 9;
const READ_ONLY: usize = 10;
const IDENTITY: usize = 11;
const REQUEST: usize = 12;
const RESOURCES: usize = 13;
const RESPONSE: usize = 14;
const ADDITIONAL: usize = 15;
const FROM_CONSOLE: usize = 16;
const DETAILS: usize = 17;

/// Gives the event of one record. What makes none is left to the tolerant way, wrappers too: they may tell something about their
/// file. `resources` is room for them, and empty.
fn record<'t>(
    scanner: &mut Scanner<'t>,
    resources: &mut Vec<EventResource<'t>>,
    give: &mut dyn FnMut(&Event<'_>),
) -> Result<(), Odd> {
    let mut said = Spellings { all: [""; 18], seen: 0 };
    let mut who = None;
    // By length first: comparing every name with every other takes longer than reading the record.
    scanner.object(|scanner, member| match (member.len(), member) {
        (7, b"eventID") => said.take(ID, scanner),
        (9, b"eventTime") => said.take(TIME, scanner),
        (11, b"eventSource") => said.take(SOURCE, scanner),
        (9, b"eventName") => said.take(NAME, scanner),
        (9, b"awsRegion") => said.take(REGION, scanner),
        (18, b"recipientAccountId") => said.take(ACCOUNT, scanner),
        (9, b"errorCode") => said.take(ERROR, scanner),
        (9, b"eventType") => said.take(KIND, scanner),
        (13, b"eventCategory") => said.take(CATEGORY, scanner),
        (15, b"managementEvent") => said.take(MANAGEMENT, scanner),
        (8, b"readOnly") => said.take(READ_ONLY, scanner),
        (12, b"userIdentity") => {
            said.once(IDENTITY)?;
            who = identity(scanner)?;
            Ok(())
        }
        (17, b"requestParameters") => said.take_value(REQUEST, scanner),
        (16, b"responseElements") => said.take_value(RESPONSE, scanner),
        (19, b"additionalEventData") => said.take_value(ADDITIONAL, scanner),
        (19, b"serviceEventDetails") => said.take_value(DETAILS, scanner),
        (28, b"sessionCredentialFromConsole") => said.take(FROM_CONSOLE, scanner),
        (9, b"resources") => {
            said.once(RESOURCES)?;
            if scanner.take_null()? { Ok(()) } else { scanner.list(|scanner| resource(scanner, resources)) }
        }
        (15, b"CloudTrailEvent") | (10, b"@timestamp") => Err(Odd),
        // Most of a record is these, which nobody asks for.
        (12, b"eventVersion") | (15, b"sourceIPAddress") | (9, b"userAgent" | b"requestID") => scanner.skip(),
        (10, b"tlsDetails") => scanner.skip(),
        _ => other(scanner, member),
    })?;
    let [
        _,
        time,
        source,
        name,
        region,
        account,
        _,
        kind,
        category,
        management,
        read_only,
        _,
        request,
        _,
        response,
        additional,
        from_console,
        details,
    ] = said.all;
    if source.is_empty() || name.is_empty() {
        return Err(Odd);
    }
    let event = Event {
        id: said.filled(ID),
        time: Timestamp::parse(time.trim()).ok_or(Odd)?,
        source: Cow::Borrowed(source),
        name: Cow::Borrowed(name),
        region: Cow::Borrowed(region),
        account: AccountId::parse(account),
        identity: who,
        error_code: said.filled(ERROR),
        kind: said.filled(KIND).map_or(EventKind::ApiCall, |_| EventKind::parse(kind)),
        category: category_of(Some(category), Some(management)),
        read_only: truth_of(Some(read_only)),
        resources: std::mem::take(resources),
        request: if request.is_empty() { None } else { request_of(request) },
        response: given(response),
        additional: given(additional).or_else(|| given(details)),
        from_console: truth_of(Some(from_console)) == Some(true),
    };
    give(&event);
    *resources = event.resources;
    resources.clear();
    Ok(())
}

/// A value that is there and not null. It is not looked into: few ask for it.
fn given(value: &str) -> Option<Cow<'_, str>> {
    if value.is_empty() || value == "null" { None } else { Some(text_of(value)) }
}

fn identity<'t>(scanner: &mut Scanner<'t>) -> Result<Option<Identity<'t>>, Odd> {
    if scanner.take_null()? {
        return Ok(None);
    }
    let mut said = Spellings { all: [""; 9], seen: 0 };
    let (mut sessions, mut issuers) = (0, 0);
    scanner.object(|scanner, member| match (member.len(), member) {
        (4, b"type") => said.take(0, scanner),
        (3, b"arn") => said.take(1, scanner),
        (9, b"accountId") => said.take(2, scanner),
        (11, b"principalId") => said.take(3, scanner),
        (8, b"userName") => said.take(4, scanner),
        (9, b"invokedBy") => said.take(5, scanner),
        (11, b"accessKeyId") => said.take(7, scanner),
        (14, b"sessionContext") => {
            sessions += 1;
            nested(scanner, |scanner, member| match (member.len(), member) {
                (10, b"attributes") => scanner.skip(),
                (13, b"sessionIssuer") => {
                    issuers += 1;
                    nested(scanner, |scanner, member| match (member.len(), member) {
                        (3, b"arn") => said.take(6, scanner),
                        (11, b"principalId") => said.take(8, scanner),
                        (4, b"type") | (9, b"accountId") | (8, b"userName") => scanner.skip(),
                        _ => other(scanner, member),
                    })
                }
                _ => other(scanner, member),
            })
        }
        _ => other(scanner, member),
    })?;
    if sessions > 1 || issuers > 1 {
        return Err(Odd);
    }
    Ok(Some(Identity {
        kind: said.filled(0),
        arn: said.filled(1),
        account: said.filled(2),
        principal_id: said.filled(3),
        user_name: said.filled(4),
        invoked_by: said.filled(5),
        access_key: said.filled(7),
        issuer_arn: said.filled(6),
        issuer_id: said.filled(8),
    }))
}

/// An object, or nothing.
fn nested<'t>(scanner: &mut Scanner<'t>, member: impl FnMut(&mut Scanner<'t>, &'t [u8]) -> Result<(), Odd>) -> Result<(), Odd> {
    if scanner.take_null()? { Ok(()) } else { scanner.object(member) }
}

fn resource<'t>(scanner: &mut Scanner<'t>, all: &mut Vec<EventResource<'t>>) -> Result<(), Odd> {
    let (mut arn, mut arns) = (None, 0);
    let mut said = Spellings { all: [""; 1], seen: 0 };
    scanner.object(|scanner, member| match (member.len(), member) {
        (3, b"ARN" | b"arn") => {
            arns += 1;
            arn = if scanner.take_null()? { None } else { Some(scanner.text()?) };
            Ok(())
        }
        (4, b"type") | (12, b"resourceType") => said.take(0, scanner),
        (9, b"accountId") => scanner.skip(),
        _ => other(scanner, member),
    })?;
    if arns > 1 {
        return Err(Odd);
    }
    all.extend(arn.map(|arn| EventResource { arn, kind: said.filled(0) }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"A"}"#;

    fn read(text: &str) -> (Result<(), Odd>, usize) {
        let mut events = 0;
        let read = visit(text, &mut |_| events += 1);
        (read, events)
    }

    #[test]
    fn a_whole_file_gives_all_its_events() {
        assert_eq!(read(&format!(r#"{{"Records":[{RECORD},{RECORD}]}}"#)), (Ok(()), 2));
        assert_eq!(read(&format!(r#" {{ "Records" : [ {RECORD} ] , "x": [1] }} "#)), (Ok(()), 1));
        assert_eq!(read(r#"{"Records":[]}"#), (Ok(()), 0));
    }

    #[test]
    fn what_is_broken_says_how_many_were_given() {
        for (text, given) in [
            (format!(r#"{{"Records":[{RECORD},{{"eventName":"x"}},{RECORD}]}}"#), 1),
            (format!(r#"{{"Records":[{RECORD},{RECORD}"#), 2),
            (format!(r#"{{"Records":[{RECORD}]}}{{"Records":[{RECORD}]}}"#), 1),
            (format!(r#"{{"Records":[{RECORD}],"Records":[{RECORD}]}}"#), 1),
            (format!(r#"{{"Records":[{RECORD},{{"CloudTrailEvent":"x"}}]}}"#), 1),
        ] {
            assert_eq!(read(&text), (Err(Odd), given), "{text}");
        }
    }

    #[test]
    fn only_a_delivery_looks_like_one() {
        assert!(is_delivery(b" {\n \"Records\": [") && is_delivery(b"{\"Records\":[]}"));
        assert!(!is_delivery(b"[{\"Records\"") && !is_delivery(b"{\"eventTime\"") && !is_delivery(b""));
    }
}
