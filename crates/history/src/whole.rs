//! Reads a delivered file, `{"Records":[…]}`, in one pass over its text.
//!
//! The quick way for what CloudTrail delivers. It knows nothing of broken records: at the first one it stops, says how many
//! it gave, and the tolerant way (`split`) goes on behind those.

use std::fmt;

use leastwise::usage::Event;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::record::Record;

/// Whether the text looks like a delivered file, from its first bytes.
pub(crate) fn is_delivery(text: &[u8]) -> bool {
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"{") else { return false };
    rest.trim_ascii_start().starts_with(b"\"Records\"")
}

/// Where the events go, and how many went there.
struct Receiver<'g> {
    given: u64,
    give: &'g mut dyn FnMut(&Event<'_>),
}

/// Gives the events of a delivered file, in order.
///
/// # Errors
/// How many records were read, when there is something in the text that is not as it should be behind them.
pub(crate) fn visit(text: &str, give: &mut dyn FnMut(&Event<'_>)) -> Result<u64, u64> {
    let mut receiver = Receiver { given: 0, give };
    let mut deserializer = sonic_rs::Deserializer::from_str(text);
    let whole = File(&mut receiver).deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok();
    if whole { Ok(receiver.given) } else { Err(receiver.given) }
}

struct File<'r, 'g>(&'r mut Receiver<'g>);

impl<'de> DeserializeSeed<'de> for File<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for File<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `Records`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = false;
        while let Some(is_records) = members.next_key::<IsRecords>()? {
            if is_records.0 {
                // Two lists in one file are left to the tolerant way.
                if std::mem::replace(&mut seen, true) {
                    return Err(A::Error::custom("a second list"));
                }
                members.next_value_seed(Records(&mut *self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct IsRecords(bool);

impl<'de> Deserialize<'de> for IsRecords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<IsRecords, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = IsRecords;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<IsRecords, E> {
                match text {
                    "Records" => Ok(IsRecords(true)),
                    // Also a list of records to the tolerant way.
                    "Events" | "records" => Err(E::custom("another list")),
                    _ => Ok(IsRecords(false)),
                }
            }
        }
        deserializer.deserialize_str(Name)
    }
}

struct Records<'r, 'g>(&'r mut Receiver<'g>);

impl<'de> DeserializeSeed<'de> for Records<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(record) = list.next_element::<Record<'de>>()? {
            // A wrapper may tell something about its file, and is left to the tolerant way.
            if record.is_wrapper() {
                return Err(A::Error::custom("a wrapper"));
            }
            let event = record.into_event().map_err(A::Error::custom)?;
            (self.0.give)(&event);
            self.0.given += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"A"}"#;

    fn read(text: &str) -> (Result<u64, u64>, usize) {
        let mut events = 0;
        let read = visit(text, &mut |_| events += 1);
        (read, events)
    }

    #[test]
    fn a_whole_file_gives_all_its_events() {
        assert_eq!(read(&format!(r#"{{"Records":[{RECORD},{RECORD}]}}"#)), (Ok(2), 2));
        assert_eq!(read(&format!(r#" {{ "Records" : [ {RECORD} ] , "x": [1] }} "#)), (Ok(1), 1));
        assert_eq!(read(r#"{"Records":[]}"#), (Ok(0), 0));
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
            assert_eq!(read(&text), (Err(given), given as usize), "{text}");
        }
    }

    #[test]
    fn only_a_delivery_looks_like_one() {
        assert!(is_delivery(b" {\n \"Records\": [") && is_delivery(b"{\"Records\":[]}"));
        assert!(!is_delivery(b"[{\"Records\"") && !is_delivery(b"{\"eventTime\"") && !is_delivery(b""));
    }
}
