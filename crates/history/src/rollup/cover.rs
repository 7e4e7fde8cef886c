//! What the files showed of accounts and regions on one day, as a Parquet file: hours, windows, kinds of events.
//!
//! The ledger's windows and gaps are made of these as they are made of the files themselves (`coverage`), by the same code.
//! Rows add up in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use leastwise::access::{AccountId, Timestamp};

use super::table::{column, counts, numbers, read, texts, written};
use crate::coverage::{Kinds, Observation, Origin};

type Place = (AccountId, String, Origin);

/// What is known of one account and region on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// A bit for each hour.
    hours: u64,
    from: i64,
    to: i64,
    kinds: Kinds,
}

/// All that is known of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DayCover(BTreeMap<Place, Seen>);

/// Observations by day.
pub(crate) fn by_day(observations: impl IntoIterator<Item = Observation>) -> BTreeMap<i64, DayCover> {
    let mut days: BTreeMap<i64, DayCover> = BTreeMap::new();
    for observation in observations {
        let Observation { account, region, origin, hours, window: (from, to), kinds } = observation;
        for hour in hours {
            let bit = 1 << hour.rem_euclid(24);
            let seen = Seen { hours: bit, from: from.seconds(), to: to.seconds(), kinds };
            days.entry(hour.div_euclid(24)).or_default().add((account, region.clone(), origin), seen);
        }
    }
    days
}

impl DayCover {
    fn add(&mut self, place: Place, seen: Seen) {
        let known = self.0.entry(place).or_insert(seen);
        known.hours |= seen.hours;
        known.from = known.from.min(seen.from);
        known.to = known.to.max(seen.to);
        known.kinds.add(seen.kinds);
    }

    /// Adds what another says of the same day.
    pub(crate) fn absorb(&mut self, other: DayCover) {
        other.0.into_iter().for_each(|(place, seen)| self.add(place, seen));
    }

    /// As observations, for the day counted from 1970.
    pub(crate) fn observations(&self, day: i64) -> impl Iterator<Item = Observation> {
        self.0.iter().map(move |((account, region, origin), seen)| {
            let hours: BTreeSet<i64> = (0..24).filter(|hour| seen.hours >> hour & 1 == 1).map(|hour| day * 24 + hour).collect();
            let window = (Timestamp::from_seconds(seen.from), Timestamp::from_seconds(seen.to));
            Observation { account: *account, region: region.clone(), origin: *origin, hours, window, kinds: seen.kinds }
        })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        let (mut account, mut region, mut origin) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let (mut hours, mut from, mut to) = (UInt64Builder::new(), Int64Builder::new(), Int64Builder::new());
        let mut kinds = [BooleanBuilder::new(), BooleanBuilder::new(), BooleanBuilder::new(), BooleanBuilder::new()];
        for ((of, place, from_where), seen) in &self.0 {
            account.append_value(of.as_str());
            region.append_value(place);
            origin.append_value(if *from_where == Origin::Export { "export" } else { "trail" });
            hours.append_value(seen.hours);
            from.append_value(seen.from);
            to.append_value(seen.to);
            let own = [seen.kinds.reads, seen.kinds.writes, seen.kinds.kms, seen.kinds.rds_data];
            kinds.iter_mut().zip(own).for_each(|(column, value)| column.append_value(value));
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(account.finish()),
            Arc::new(region.finish()),
            Arc::new(origin.finish()),
            Arc::new(hours.finish()),
            Arc::new(from.finish()),
            Arc::new(to.finish()),
        ];
        columns.extend(kinds.iter_mut().map(|column| -> ArrayRef { Arc::new(column.finish()) }));
        let types = [
            ("account", DataType::Utf8),
            ("region", DataType::Utf8),
            ("origin", DataType::Utf8),
            ("hours", DataType::UInt64),
            ("from", DataType::Int64),
            ("to", DataType::Int64),
            ("reads", DataType::Boolean),
            ("writes", DataType::Boolean),
            ("kms", DataType::Boolean),
            ("rdsData", DataType::Boolean),
        ];
        let fields: Vec<Field> = types.into_iter().map(|(name, kind)| Field::new(name, kind, false)).collect();
        written(Arc::new(Schema::new(fields)), columns)
    }

    pub(crate) fn decode(bytes: Vec<u8>) -> Result<DayCover, String> {
        let mut cover = DayCover::default();
        for batch in read(bytes)? {
            let (account, region, origin) = (texts(&batch, "account")?, texts(&batch, "region")?, texts(&batch, "origin")?);
            let (hours, from, to) = (counts(&batch, "hours")?, numbers(&batch, "from")?, numbers(&batch, "to")?);
            let (reads, writes) = (truths(&batch, "reads")?, truths(&batch, "writes")?);
            let (kms, rds_data) = (truths(&batch, "kms")?, truths(&batch, "rdsData")?);
            for at in 0..batch.num_rows() {
                let of = AccountId::parse(account.value(at)).ok_or("it has an account that is none")?;
                let from_where = if origin.value(at) == "export" { Origin::Export } else { Origin::Trail };
                let kinds =
                    Kinds { reads: reads.value(at), writes: writes.value(at), kms: kms.value(at), rds_data: rds_data.value(at) };
                let seen = Seen { hours: hours.value(at), from: from.value(at), to: to.value(at), kinds };
                cover.add((of, region.value(at).to_owned(), from_where), seen);
            }
        }
        Ok(cover)
    }
}

fn truths<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b BooleanArray, String> {
    column(batch, name).and_then(|array| array.as_boolean_opt()).ok_or_else(|| format!("it has no column `{name}` of truths"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(hour: i64, region: &str, reads: bool) -> Observation {
        let at = Timestamp::from_seconds(hour * 3600 + 60);
        Observation {
            account: AccountId::parse("111122223333").unwrap(),
            region: region.to_owned(),
            origin: if reads { Origin::Trail } else { Origin::Export },
            hours: [hour].into(),
            window: (at, at),
            kinds: Kinds { reads, ..Kinds::default() },
        }
    }

    #[test]
    fn observations_survive_the_way_through_files_in_any_portions() {
        let all: Vec<Observation> =
            (-30..60).map(|hour| observation(hour, ["eu-west-1", "us-east-1"][hour as usize % 2], hour % 3 == 0)).collect();
        let whole = by_day(all.clone());
        let mut parts = by_day(all[50..].to_vec());
        for (day, cover) in by_day(all[..60].to_vec()) {
            parts.entry(day).or_default().absorb(cover);
        }
        assert_eq!(parts, whole);
        for (day, cover) in &whole {
            assert_eq!(DayCover::decode(cover.encode().unwrap()).as_ref(), Ok(cover));
            assert_eq!(by_day(cover.observations(*day)).get(day), Some(cover));
        }
    }
}
