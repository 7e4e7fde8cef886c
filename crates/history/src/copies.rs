//! Tells copies of an event from different events that have the same id.
//!
//! CloudTrail may deliver an event twice; copies agree in id, time, source, name, region and identity. Where ids are masked, different
//! events have the same one: each of them counts.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use leastwise::usage::Event;

use crate::number_of;

/// What an event is to those that were seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A new one. Events without an id are all new.
    New,
    /// A copy.
    Copy,
    /// A new one with the id of another.
    Masked,
}

/// Events that were seen.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    first: HashSet<Seen>,
    /// The contents of those with an id that others have too.
    others: HashSet<(u128, u64)>,
}

/// The upper 96 bits of an id, and 32 bits of the contents, which do not count when two are compared. Ids that differ in the lower
/// bits alone are compared by contents, which makes different events of them.
#[derive(Debug, Clone, Copy)]
struct Seen(u128);

impl PartialEq for Seen {
    fn eq(&self, other: &Seen) -> bool {
        self.0 >> 32 == other.0 >> 32
    }
}

impl Eq for Seen {}

impl Hash for Seen {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 >> 32).hash(state);
    }
}

impl Copies {
    pub(crate) fn add(&mut self, event: &Event<'_>) -> Arrival {
        let Some(id) = event.id.as_deref() else { return Arrival::New };
        let (id, contents) = (number_of(id), contents_of(event));
        // Lower bits of the id take part in the contents, so that they are not lost.
        let contents = step(contents, u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default());
        let short = u128::from(contents >> 32);
        let seen = Seen(id >> 32 << 32 | short);
        match self.first.get(&seen) {
            None => {
                self.first.insert(seen);
                Arrival::New
            }
            Some(known) if known.0 == seen.0 => Arrival::Copy,
            Some(_) if self.others.insert((id, contents)) => Arrival::Masked,
            Some(_) => Arrival::Copy,
        }
    }
}

/// A number for what copies of an event agree in besides their id. The same on every machine.
pub(crate) fn contents_of(event: &Event<'_>) -> u64 {
    let identity = event.identity.as_ref();
    // Exports leave parts of an identity out; the ARN tells it best.
    let who = identity.and_then(|identity| identity.arn.as_deref().or(identity.principal_id.as_deref())).unwrap_or_default();
    let mut hash = step(0, event.time.seconds().cast_unsigned());
    for text in [&*event.source, &*event.name, &*event.region, who] {
        hash = add(hash, text.as_bytes());
    }
    hash ^ hash >> 29
}

fn add(mut hash: u64, bytes: &[u8]) -> u64 {
    let (whole, rest) = bytes.as_chunks::<8>();
    for eight in whole {
        hash = step(hash, u64::from_le_bytes(*eight));
    }
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    // With the length, so that neighbours do not run into each other.
    step(hash, last ^ (bytes.len() as u64) << 56)
}

/// One step of a multiplicative hash: an odd constant of many bits, and a rotation that brings high bits down.
fn step(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

/// The id by which a rollup knows an event: that of its record and what copies agree in, as one number.
#[cfg(feature = "rollup")]
pub(crate) fn key_of(id: &str, event: &Event<'_>) -> u128 {
    let contents = u128::from(contents_of(event));
    number_of(id) ^ (contents | contents << 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Arrival> {
        let mut copies = Copies::default();
        let mut told = Vec::new();
        for record in text.split_whitespace() {
            let [id, name, region, who] = record.split(',').collect::<Vec<_>>().try_into().unwrap();
            let record = format!(
                r#"{{"eventID":"{id}","eventTime":"2026-03-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"{region}","userIdentity":{{"arn":"{who}"}}}}"#
            );
            crate::record::visit(&record, &mut false, &mut |event| told.push(copies.add(event))).unwrap();
        }
        told
    }

    #[test]
    fn copies_agree_in_contents_and_events_with_a_masked_id_count_once_each() {
        use Arrival::{Copy, Masked, New};
        assert_eq!(
            of("x,A,r,u x,A,r,u x,B,r,u x,B,r,u x,A,s,u x,A,r,v x,A,r,u y,A,r,u"),
            [New, Copy, Masked, Copy, Masked, Masked, Copy, New]
        );
        let (one, other) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002");
        let told = of(&format!("{one},A,r,u {other},A,r,u {one},A,r,u {other},A,r,u"));
        assert_eq!((told[0], told[2], told[3]), (New, Copy, Copy), "ids that differ in the last digits are different events");
        assert_ne!(told[1], Copy);
    }
}
