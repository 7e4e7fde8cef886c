//! Events and rows as bytes, which is how the engine compares and groups them.
//!
//! A *call* sorts like the law that says which of several differing copies of an event counts, so that the engine's `min` is
//! that law. A *row* is what rows of the rollup are told apart by; equal rows are equal bytes, and their order means nothing.

use std::borrow::Cow;

use leastwise::access::AccountId;
use leastwise::access::time::DAY;
use leastwise::usage::EventKind;
use leastwise_history::rollup::events::EventRow;
use leastwise_history::rollup::row::{Key, Outcome, PrincipalType, Resource};

/// The first byte of what identifies an event, and of its row: the day and the id follow.
pub(crate) const EVENT: u8 = b'E';
/// The first byte of a report of a log: its name follows, in a row the report.
pub(crate) const REPORT: u8 = b'F';
/// A row of how often known events came again.
pub(crate) const KNOWN: u8 = b'K';
/// The first byte of a row of calls.
const CALLS: u8 = b'R';

/// What identifies an event.
pub(crate) fn event(day: i64, id: u128) -> [u8; 21] {
    let mut bytes = [EVENT; 21];
    let day = i32::try_from(day).unwrap_or(i32::MAX);
    let rest = day.to_be_bytes().into_iter().chain(id.to_be_bytes());
    bytes.iter_mut().skip(1).zip(rest).for_each(|(place, byte)| *place = byte);
    bytes
}

/// Day and id of an event; none when these are other bytes.
pub(crate) fn read_event(bytes: &[u8]) -> Option<(i64, u128)> {
    let (head, id) = bytes.split_at_checked(5)?;
    let [EVENT, day @ ..] = head else { return None };
    Some((i32::from_be_bytes(day.try_into().ok()?).into(), u128::from_be_bytes(id.try_into().ok()?)))
}

/// The day of a moment.
pub(crate) fn day_of(seconds: i64) -> i64 {
    seconds.div_euclid(DAY)
}

/// Writes the call of an event, in the order of the law: fuller copies first.
pub(crate) fn write_call(row: &EventRow<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend([u8::from(row.account.is_none()), u8::from(row.resources.is_empty())]);
    write_account(row.account, out);
    write_text(row.key.principal, out);
    out.push(number_of_type(row.key.principal_type));
    write_text(row.key.source, out);
    write_text(row.key.name, out);
    out.extend([number_of_outcome(row.key.outcome), number_of_kind(row.key.kind), u8::from(row.key.may_tag)]);
    out.extend(u32::try_from(row.time.rem_euclid(DAY)).unwrap_or_default().to_be_bytes());
    write_text(row.region, out);
    for resource in &row.resources {
        out.push(1);
        write_text(resource, out);
    }
    out.push(0);
}

/// A call that was read again.
pub(crate) struct Call<'b> {
    pub(crate) account: Option<AccountId>,
    pub(crate) principal: Cow<'b, str>,
    pub(crate) principal_type: PrincipalType,
    pub(crate) source: Cow<'b, str>,
    pub(crate) name: Cow<'b, str>,
    pub(crate) outcome: Outcome,
    pub(crate) kind: EventKind,
    pub(crate) may_tag: bool,
    /// Second of the day.
    pub(crate) second: u32,
    pub(crate) region: Cow<'b, str>,
    pub(crate) resources: Vec<Cow<'b, str>>,
}

/// What [`write_call`] wrote; none when these are other bytes.
pub(crate) fn read_call(bytes: &[u8]) -> Option<Call<'_>> {
    let mut rest = bytes.get(2..)?;
    let rest = &mut rest;
    let account = read_account(rest)?;
    let principal = read_text(rest)?;
    let principal_type = *PrincipalType::ALL.get(usize::from(byte(rest)?))?;
    let (source, name) = (read_text(rest)?, read_text(rest)?);
    let (outcome, kind, may_tag) = (*Outcome::ALL.get(usize::from(byte(rest)?))?, kind_of(byte(rest)?)?, byte(rest)? == 1);
    let second = u32::from_be_bytes(*rest.split_off(..4)?.first_chunk()?);
    let region = read_text(rest)?;
    let mut resources = Vec::new();
    while byte(rest)? == 1 {
        resources.push(read_text(rest)?);
    }
    Some(Call { account, principal, principal_type, source, name, outcome, kind, may_tag, second, region, resources })
}

/// Writes what the row of these calls of a day is told apart by, of all of them or of those that name a resource.
pub(crate) fn write_row(call: &Call<'_>, day: i64, resource: Option<&str>, out: &mut Vec<u8>) {
    out.clear();
    out.push(CALLS);
    out.extend(i32::try_from(day).unwrap_or(i32::MAX).to_be_bytes());
    write_account(call.account, out);
    out.push(number_of_type(call.principal_type));
    out.extend([number_of_outcome(call.outcome), number_of_kind(call.kind), u8::from(call.may_tag)]);
    for text in [&call.principal, &call.source, &call.name, &call.region] {
        write_counted(text, out);
    }
    if let Some(resource) = resource {
        write_counted(resource, out);
    }
}

/// A row of calls, without its counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallsRow<'b> {
    pub(crate) account: Option<AccountId>,
    pub(crate) day: i64,
    pub(crate) key: Key<'b>,
    pub(crate) region: &'b str,
    pub(crate) resource: Option<Resource<'b>>,
}

/// What [`write_row`] wrote; none when these are other bytes.
pub(crate) fn read_row(bytes: &[u8]) -> Option<CallsRow<'_>> {
    let mut rest = bytes;
    let rest = &mut rest;
    if byte(rest)? != CALLS {
        return None;
    }
    let day = i32::from_be_bytes(*rest.split_off(..4)?.first_chunk()?).into();
    let account = read_account(rest)?;
    let principal_type = *PrincipalType::ALL.get(usize::from(byte(rest)?))?;
    let (outcome, kind, may_tag) = (*Outcome::ALL.get(usize::from(byte(rest)?))?, kind_of(byte(rest)?)?, byte(rest)? == 1);
    let (principal, source, name, region) = (read_counted(rest)?, read_counted(rest)?, read_counted(rest)?, read_counted(rest)?);
    let resource = match rest.is_empty() {
        true => None,
        false => Some(Resource { arn: Cow::Borrowed(read_counted(rest)?), level: 0 }),
    };
    let key = Key { principal, principal_type, source, name, outcome, kind, may_tag };
    Some(CallsRow { account, day, key, region, resource })
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    rest.split_off_first().copied()
}

fn write_account(account: Option<AccountId>, out: &mut Vec<u8>) {
    out.push(u8::from(account.is_some()));
    if let Some(account) = account {
        out.extend(account.as_str().bytes());
    }
}

#[allow(clippy::option_option)] // The outer one is whether it could be read.
fn read_account(rest: &mut &[u8]) -> Option<Option<AccountId>> {
    match byte(rest)? {
        0 => Some(None),
        _ => Some(Some(AccountId::parse(std::str::from_utf8(rest.split_off(..12)?).ok()?)?)),
    }
}

/// Writes a text so that the bytes of texts sort like the texts, whatever follows.
fn write_text(text: &str, out: &mut Vec<u8>) {
    for (at, part) in text.split('\0').enumerate() {
        if at > 0 {
            out.extend([0, u8::MAX]);
        }
        out.extend(part.as_bytes());
    }
    out.extend([0, 1]);
}

fn read_text<'b>(rest: &mut &'b [u8]) -> Option<Cow<'b, str>> {
    let mut text: Option<String> = None;
    loop {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let part = std::str::from_utf8(rest.split_off(..end)?).ok()?;
        let [0, mark] = *rest.split_off(..2)? else { return None };
        match (mark, &mut text) {
            (1, None) => return Some(Cow::Borrowed(part)),
            (1, Some(text)) => return Some(Cow::Owned(std::mem::take(text) + part)),
            (_, text) => text.get_or_insert_default().extend([part, "\0"]),
        }
    }
}

/// Writes a text behind its length.
fn write_counted(text: &str, out: &mut Vec<u8>) {
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(text.as_bytes());
}

fn read_counted<'b>(rest: &mut &'b [u8]) -> Option<&'b str> {
    let length = u32::from_le_bytes(*rest.split_off(..4)?.first_chunk()?);
    std::str::from_utf8(rest.split_off(..usize::try_from(length).ok()?)?).ok()
}

fn number_of_type(kind: PrincipalType) -> u8 {
    PrincipalType::ALL.iter().zip(0..).find(|(known, _)| **known == kind).map_or(u8::MAX, |(_, number)| number)
}

fn number_of_outcome(outcome: Outcome) -> u8 {
    Outcome::ALL.iter().zip(0..).find(|(known, _)| **known == outcome).map_or(u8::MAX, |(_, number)| number)
}

fn number_of_kind(kind: EventKind) -> u8 {
    EventKind::ALL.iter().zip(0..).find(|(known, _)| **known == kind).map_or(u8::MAX, |(_, number)| number)
}

fn kind_of(number: u8) -> Option<EventKind> {
    EventKind::ALL.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<EventRow<'static>> {
        let account = |text| AccountId::parse(text);
        let key = Key {
            principal: "arn:aws:iam::111122223333:role/r",
            principal_type: PrincipalType::Role,
            source: "s3.amazonaws.com",
            name: "GetObject",
            outcome: Outcome::Ok,
            kind: EventKind::ApiCall,
            may_tag: false,
        };
        let row = EventRow {
            id: 1,
            account: account("111122223333"),
            key,
            time: DAY * 3 + 5,
            region: "eu-west-1",
            resources: vec!["a", "b"],
        };
        let mut all = vec![row.clone()];
        for principal in ["", "arn", "arn:aws:iam::111122223333:role/r2", "a\0", "a\0b", "a\u{1}", "é", "\u{10ffff}"] {
            all.push(EventRow { key: Key { principal, ..key }, ..row.clone() });
        }
        for kind in EventKind::ALL {
            all.push(EventRow { key: Key { kind, ..key }, ..row.clone() });
        }
        for outcome in Outcome::ALL {
            all.push(EventRow { key: Key { outcome, ..key }, ..row.clone() });
        }
        for principal_type in PrincipalType::ALL {
            all.push(EventRow { key: Key { principal_type, ..key }, ..row.clone() });
        }
        for resources in [vec![], vec![""], vec!["a"], vec!["a", ""], vec!["a", "b", "c"], vec!["ab"], vec!["b"]] {
            all.push(EventRow { resources, ..row.clone() });
        }
        for time in [0, -1, 86_399, 300, 65_536] {
            all.push(EventRow { time, ..row.clone() });
        }
        all.push(EventRow { account: None, ..row.clone() });
        all.push(EventRow { account: None, resources: vec![], ..row.clone() });
        all.push(EventRow { account: account("000000000000"), region: "", ..row.clone() });
        all.push(EventRow { region: "eu", key: Key { may_tag: true, name: "Get", source: "s", ..key }, ..row });
        all
    }

    fn call(row: &EventRow<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_call(row, &mut bytes);
        bytes
    }

    #[test]
    fn calls_sort_like_the_law_of_differing_copies() {
        // As the merge of one machine sorts them (`rollup/merge.rs`).
        let law = |row: &EventRow<'static>| {
            let poor = (row.account.is_none(), row.resources.is_empty());
            (poor, row.account, row.key, row.time.rem_euclid(DAY), row.region, row.resources.clone())
        };
        let rows = rows();
        for a in &rows {
            for b in &rows {
                assert_eq!(call(a).cmp(&call(b)), law(a).cmp(&law(b)), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn calls_and_rows_survive_the_way_through_bytes() {
        for row in rows() {
            let bytes = call(&row);
            let read = read_call(&bytes).unwrap();
            let mut out = Vec::new();
            for resource in [None, Some(""), Some("arn:aws:s3:::b")] {
                write_row(&read, -7, resource, &mut out);
                let resource = resource.map(|arn| Resource { arn: arn.into(), level: 0 });
                let expected = CallsRow { account: row.account, day: -7, key: row.key, region: row.region, resource };
                assert_eq!(read_row(&out).as_ref(), Some(&expected));
            }
            assert_eq!(i64::from(read.second), row.time.rem_euclid(DAY));
            assert_eq!(read.resources, row.resources);
            for cut in 0..bytes.len() {
                assert!(read_call(&bytes[..cut]).is_none(), "{cut} of {row:?}");
            }
        }
        for (day, id) in [(0, 0), (-1, 1), (20_000, u128::MAX)] {
            assert_eq!(read_event(&event(day, id)), Some((day, id)));
        }
        assert!(read_event(b"E").is_none() && read_event(&[b'F'; 21]).is_none() && read_row(b"K").is_none());
    }
}
