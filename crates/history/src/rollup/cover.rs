//! What the files showed of accounts and regions on one day, as a Parquet file: hours, windows, kinds of events, changes of trails.
//!
//! Timelines are made of these as they are made of the files themselves (`trail`), by the same code. Rows add up in any order.
//! Files of version 2 of the layout have no types of data events and no changes of trails: only what was then known follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use leastwise::access::{AccountId, Timestamp};

use super::table::{column, counts, numbers, read, texts, written};
use crate::trail::changes::TrailChange;
use crate::trail::deliveries::{Day, Kinds, Observation, Origin};

type Place = (AccountId, String, Origin);

/// What is known of one account and region on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    day: Day,
    from: i64,
    to: i64,
    organization: bool,
    changes: BTreeSet<TrailChange>,
}

/// All that is known of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DayCover(BTreeMap<Place, Seen>);

/// Observations by day.
pub(crate) fn by_day(observations: impl IntoIterator<Item = Observation>) -> BTreeMap<i64, DayCover> {
    let mut days: BTreeMap<i64, DayCover> = BTreeMap::new();
    for observation in observations {
        let Observation { account, region, origin, number, day, window: (from, to), organization, changes } = observation;
        let seen = Seen { day, from: from.seconds(), to: to.seconds(), organization, changes };
        days.entry(number).or_default().add((account, region, origin), seen);
    }
    days
}

impl DayCover {
    fn add(&mut self, place: Place, seen: Seen) {
        let Some(known) = self.0.get_mut(&place) else {
            self.0.insert(place, seen);
            return;
        };
        known.day.add(&seen.day);
        known.from = known.from.min(seen.from);
        known.to = known.to.max(seen.to);
        known.organization |= seen.organization;
        known.changes.extend(seen.changes);
    }

    /// Adds what another says of the same day.
    pub(crate) fn absorb(&mut self, other: DayCover) {
        other.0.into_iter().for_each(|(place, seen)| self.add(place, seen));
    }

    /// As observations, for the day counted from 1970.
    pub(crate) fn observations(&self, number: i64) -> impl Iterator<Item = Observation> {
        self.0.iter().map(move |((account, region, origin), seen)| {
            let Seen { day, from, to, organization, changes } = seen.clone();
            let window = (Timestamp::from_seconds(from), Timestamp::from_seconds(to));
            Observation { account: *account, region: region.clone(), origin: *origin, number, day, window, organization, changes }
        })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        let (mut account, mut region, mut origin) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let (mut hours, mut from, mut to) = (UInt64Builder::new(), Int64Builder::new(), Int64Builder::new());
        let mut truths = [(); 5].map(|()| BooleanBuilder::new());
        let (mut data, mut changes) = (StringBuilder::new(), StringBuilder::new());
        for ((of, place, from_where), seen) in &self.0 {
            account.append_value(of.as_str());
            region.append_value(place);
            origin.append_value(if *from_where == Origin::Export { "export" } else { "trail" });
            hours.append_value(u64::from(seen.day.hours));
            from.append_value(seen.from);
            to.append_value(seen.to);
            let kinds = &seen.day.kinds;
            let own = [kinds.reads, kinds.writes, kinds.kms, kinds.rds_data, seen.organization];
            truths.iter_mut().zip(own).for_each(|(column, value)| column.append_value(value));
            data.append_option((!kinds.data.is_empty()).then(|| kinds.data.iter().cloned().collect::<Vec<_>>().join(" ")));
            let text = || serde_json::to_string(&seen.changes).map_err(|error| error.to_string());
            changes.append_option(if seen.changes.is_empty() { None } else { Some(text()?) });
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(account.finish()),
            Arc::new(region.finish()),
            Arc::new(origin.finish()),
            Arc::new(hours.finish()),
            Arc::new(from.finish()),
            Arc::new(to.finish()),
        ];
        columns.extend(truths.iter_mut().map(|column| -> ArrayRef { Arc::new(column.finish()) }));
        columns.extend([&mut data, &mut changes].map(|column| -> ArrayRef { Arc::new(column.finish()) }));
        let types = [
            ("account", DataType::Utf8, false),
            ("region", DataType::Utf8, false),
            ("origin", DataType::Utf8, false),
            ("hours", DataType::UInt64, false),
            ("from", DataType::Int64, false),
            ("to", DataType::Int64, false),
            ("reads", DataType::Boolean, false),
            ("writes", DataType::Boolean, false),
            ("kms", DataType::Boolean, false),
            ("rdsData", DataType::Boolean, false),
            ("organization", DataType::Boolean, false),
            ("dataTypes", DataType::Utf8, true),
            ("trailChanges", DataType::Utf8, true),
        ];
        let fields: Vec<Field> = types.into_iter().map(|(name, kind, empty)| Field::new(name, kind, empty)).collect();
        written(Arc::new(Schema::new(fields)), columns)
    }

    pub(crate) fn decode(bytes: Vec<u8>) -> Result<DayCover, String> {
        let mut cover = DayCover::default();
        for batch in read(bytes)? {
            let (account, region, origin) = (texts(&batch, "account")?, texts(&batch, "region")?, texts(&batch, "origin")?);
            let (hours, from, to) = (counts(&batch, "hours")?, numbers(&batch, "from")?, numbers(&batch, "to")?);
            let (reads, writes) = (truths(&batch, "reads")?, truths(&batch, "writes")?);
            let (kms, rds_data) = (truths(&batch, "kms")?, truths(&batch, "rdsData")?);
            // Files of version 2 lack these.
            let organization = truths(&batch, "organization").ok();
            let (data, changes) = (texts(&batch, "dataTypes").ok(), texts(&batch, "trailChanges").ok());
            for at in 0..batch.num_rows() {
                let of = AccountId::parse(account.value(at)).ok_or("it has an account that is none")?;
                let from_where = if origin.value(at) == "export" { Origin::Export } else { Origin::Trail };
                let filled = |column: Option<&arrow_array::StringArray>| {
                    column.filter(|column| column.is_valid(at)).map(|column| column.value(at).to_owned())
                };
                let kinds = Kinds {
                    reads: reads.value(at),
                    writes: writes.value(at),
                    kms: kms.value(at),
                    rds_data: rds_data.value(at),
                    data: filled(data).unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
                };
                let known = match filled(changes) {
                    Some(text) => serde_json::from_str(&text).map_err(|error| format!("its `trailChanges` are none: {error}"))?,
                    None => BTreeSet::new(),
                };
                // Nobody noted them, so that any trail of the region may have been changed on that day.
                let changes =
                    if changes.is_some() { known } else { [TrailChange::unknown(of, region.value(at), to.value(at))].into() };
                let hours = u32::try_from(hours.value(at)).map_err(|_| "it has hours that are none")?;
                let organization = organization.is_some_and(|column| column.value(at));
                let seen = Seen { day: Day { hours, kinds }, from: from.value(at), to: to.value(at), organization, changes };
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
    use crate::trail::changes::{Change, TrailName};
    use crate::trail::selectors::Selectors;

    fn observation(hour: i64, region: &str, reads: bool) -> Observation {
        let at = Timestamp::from_seconds(hour * 3600 + 60);
        let trail = TrailName::of_arn("arn:aws:cloudtrail:eu-west-1:111122223333:trail/all").unwrap();
        let change = TrailChange { time: hour * 3600, trail, what: Change::Selected(Some(Selectors::standard())) };
        let data = (hour % 7 == 0).then(|| "AWS::S3::Object".to_owned()).into_iter().collect();
        Observation {
            account: AccountId::parse("111122223333").unwrap(),
            region: region.to_owned(),
            origin: if reads { Origin::Trail } else { Origin::Export },
            number: hour.div_euclid(24),
            day: Day { hours: 1 << hour.rem_euclid(24), kinds: Kinds { reads, data, ..Kinds::default() } },
            window: (at, at),
            organization: hour % 5 == 0,
            changes: (hour % 11 == 0).then_some(change).into_iter().collect(),
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
