//! What reading one log told besides its events, in a form that travels.
//!
//! Whoever reads logs on other machines sends one of these for each of them to whoever commits. It holds what the manifest
//! and the coverage are made of; how it is written down is nobody else's business, and lasts no longer than a run.

use leastwise::access::{AccountId, Timestamp};
use serde_json::{Value, json};

use super::manifest::ReadFile;
use crate::Problem;
use crate::reading::FileReading;
use crate::trail::deliveries::{Day, Kinds, Observation, Origin};

/// Who wrote what travels in a run: programs of different versions may read differently, and must not share one.
pub(crate) const BY: &str = env!("CARGO_PKG_VERSION");

/// Begins bytes that travel in a run.
pub(crate) fn begin(bytes: &mut Vec<u8>) {
    bytes.extend(BY.bytes().chain([END_OF_BY]));
}

/// What stands behind what [`begin`] wrote; none when another version of the program did.
pub(crate) fn begun(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(BY.as_bytes())?.strip_prefix(&[END_OF_BY])
}

/// Stands in no version.
const END_OF_BY: u8 = b'\n';

/// What reading one log told, besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    pub(crate) name: String,
    pub(crate) events: u64,
    /// Whether it could not even be opened.
    pub(crate) unread: bool,
    /// Flaw and problems; state and moment are those of whoever listed it.
    pub(crate) file: ReadFile,
    pub(crate) observations: Vec<Observation>,
}

impl FileReport {
    pub(crate) fn of(name: &str, reading: FileReading) -> FileReport {
        let (flaw, observations) = (reading.facts.flaw(), reading.facts.observations());
        let file = ReadFile { state: String::new(), since: None, events: reading.events, flaw, problems: reading.problems };
        FileReport { name: name.to_owned(), events: reading.events, unread: reading.unread, file, observations }
    }

    /// What the log is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many events were read, doubles included.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What could not be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.file.problems
    }

    /// As bytes, for the way to another machine.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let observations: Vec<Value> = self.observations.iter().map(written).collect();
        json!({
            "by": BY,
            "file": self.name,
            "events": self.events,
            "unread": self.unread,
            "trouble": self.file.trouble(),
            "observations": observations,
        })
        .to_string()
        .into_bytes()
    }

    /// What [`FileReport::encode`] wrote.
    ///
    /// # Errors
    /// It was not written by this version of the program.
    pub fn decode(bytes: &[u8]) -> Result<FileReport, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let member = |name: &str| value.get(name).ok_or_else(|| format!("it has no `{name}`"));
        let wrong = |name: &str| format!("its `{name}` is `{}`", value.get(name).unwrap_or(&Value::Null));
        if member("by")?.as_str() != Some(BY) {
            return Err(format!("{}; this is `{BY}`", wrong("by")));
        }
        let name = member("file")?.as_str().ok_or_else(|| wrong("file"))?.to_owned();
        let events = member("events")?.as_u64().ok_or_else(|| wrong("events"))?;
        let unread = member("unread")?.as_bool().ok_or_else(|| wrong("unread"))?;
        let mut file = ReadFile { state: String::new(), since: None, events, flaw: None, problems: Vec::new() };
        if let Some(trouble) = member("trouble")?.as_str() {
            file.take_trouble(&name, trouble)?;
        }
        let list = member("observations")?.as_array().ok_or_else(|| wrong("observations"))?;
        let observations: Option<Vec<Observation>> = list.iter().map(read).collect();
        Ok(FileReport { name, events, unread, file, observations: observations.ok_or_else(|| wrong("observations"))? })
    }
}

fn written(observation: &Observation) -> Value {
    let Observation { account, region, origin, number, day, window: (from, to), organization, changes } = observation;
    let kinds = [day.kinds.reads, day.kinds.writes, day.kinds.kms, day.kinds.rds_data];
    let of = [*origin == Origin::Export, *organization];
    json!([account.to_string(), region, of, number, day.hours, from.seconds(), to.seconds(), kinds, day.kinds.data, changes])
}

fn read(value: &Value) -> Option<Observation> {
    let [account, region, of, number, hours, from, to, kinds, data, changes] = value.as_array()?.as_slice() else { return None };
    let [reads, writes, kms, rds_data] = kinds.as_array()?.as_slice() else { return None };
    let [export, organization] = of.as_array()?.as_slice() else { return None };
    let kinds = Kinds {
        reads: reads.as_bool()?,
        writes: writes.as_bool()?,
        kms: kms.as_bool()?,
        rds_data: rds_data.as_bool()?,
        data: data.as_array()?.iter().map(|kind| kind.as_str().map(str::to_owned)).collect::<Option<_>>()?,
    };
    Some(Observation {
        account: AccountId::parse(account.as_str()?)?,
        region: region.as_str()?.to_owned(),
        origin: if export.as_bool()? { Origin::Export } else { Origin::Trail },
        number: number.as_i64()?,
        day: Day { hours: u32::try_from(hours.as_u64()?).ok()?, kinds },
        window: (Timestamp::from_seconds(from.as_i64()?), Timestamp::from_seconds(to.as_i64()?)),
        organization: organization.as_bool()?,
        changes: serde_json::from_value(changes.clone()).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::changes::{Change, TrailChange, TrailName};
    use crate::trail::deliveries::Flaw;

    #[test]
    fn a_report_survives_the_way_to_another_machine() {
        let account = AccountId::parse("111122223333").unwrap();
        let at = |seconds| Timestamp::from_seconds(seconds);
        let trail = TrailName::of_arn("arn:aws:cloudtrail:eu-west-1:111122223333:trail/all").unwrap();
        let observation = Observation {
            account,
            region: "eu-west-1".to_owned(),
            origin: Origin::Export,
            number: -3,
            day: Day {
                hours: 0x80_0001,
                kinds: Kinds { reads: true, kms: true, data: ["x".to_owned()].into(), ..Kinds::default() },
            },
            window: (at(-9), at(1_700_000_000)),
            organization: true,
            changes: [TrailChange { time: 3, trail, what: Change::Stopped }].into(),
        };
        let problem = Problem { file: "a \"b\"".to_owned(), record: Some(3), message: "is `\u{0}`".to_owned() };
        let flaw =
            Flaw { file: "a \"b\"".to_owned(), accounts: Some([account].into()), region: None, window: Some((at(1), at(2))) };
        let file = ReadFile { state: String::new(), since: None, events: 7, flaw: Some(flaw), problems: vec![problem] };
        let trail = Observation { origin: Origin::Trail, ..observation.clone() };
        let report =
            FileReport { name: "a \"b\"".to_owned(), events: 7, unread: true, file, observations: vec![observation, trail] };
        assert_eq!(FileReport::decode(&report.encode()).as_ref(), Ok(&report));
        let whole = FileReport { file: ReadFile { flaw: None, problems: Vec::new(), ..report.file.clone() }, ..report };
        assert_eq!(FileReport::decode(&whole.encode()).as_ref(), Ok(&whole));
        for cut in [
            "",
            "{}",
            "[1]",
            r#"{"by":"0","file":"a","events":1,"unread":false,"trouble":null,"observations":[]}"#,
            r#"{"by":"0.1.0","file":"a","events":-1,"unread":false,"trouble":null,"observations":[]}"#,
        ] {
            assert!(FileReport::decode(cut.as_bytes()).is_err(), "{cut}");
        }
    }
}
