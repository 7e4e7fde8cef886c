//! Which files were read, in which state, and what was wrong with them.
//!
//! So that the next run reads only what is new. It holds nothing of the run itself, neither its time nor what was a double of
//! what: equal files give equal bytes. Losing it loses time and no event, since ids tell what was counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder, UInt64Builder};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, Schema};
use leastwise::access::{AccountId, Timestamp};
use serde_json::{Value, json};

use super::table::{batches, counts, numbers, texts, written};
use crate::Problem;
use crate::trail::deliveries::Flaw;

/// What is known of one file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadFile {
    /// What changes when the file does: size and time of change, or the tag that its store gives it.
    pub(crate) state: String,
    /// Events before this moment were left out.
    pub(crate) since: Option<i64>,
    /// Events that were read, doubles included.
    pub(crate) events: u64,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) problems: Vec<Problem>,
}

/// All files that were read, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Manifest {
    pub(crate) files: BTreeMap<String, ReadFile>,
}

impl Manifest {
    /// Whether the file was read in this state, and as far back.
    pub(crate) fn has(&self, name: &str, state: &str, since: Option<i64>) -> bool {
        self.files.get(name).is_some_and(|file| {
            file.state == state && file.since.is_none_or(|left_out| since.is_some_and(|since| since >= left_out))
        })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        let (mut name, mut state, mut trouble) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let (mut since, mut events) = (Int64Builder::new(), UInt64Builder::new());
        for (of, file) in &self.files {
            name.append_value(of);
            state.append_value(&file.state);
            since.append_option(file.since);
            events.append_value(file.events);
            trouble.append_option(file.trouble());
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(name.finish()),
            Arc::new(state.finish()),
            Arc::new(since.finish()),
            Arc::new(events.finish()),
            Arc::new(trouble.finish()),
        ];
        let schema = Schema::new(vec![
            Field::new("file", DataType::Utf8, false),
            Field::new("state", DataType::Utf8, false),
            Field::new("since", DataType::Int64, true),
            Field::new("events", DataType::UInt64, false),
            Field::new("trouble", DataType::Utf8, true),
        ]);
        written(Arc::new(schema), columns)
    }

    pub(crate) fn decode(bytes: Vec<u8>) -> Result<Manifest, String> {
        let mut manifest = Manifest::default();
        files(bytes, &mut |name, file| {
            manifest.files.insert(name.to_owned(), file);
        })?;
        Ok(manifest)
    }
}

/// Gives every file of a manifest, in the order in which they are written; a history may have millions of them.
pub(crate) fn files(bytes: Vec<u8>, give: &mut dyn FnMut(&str, ReadFile)) -> Result<(), String> {
    for batch in batches(bytes)? {
        let batch = batch?;
        let (name, state, trouble) = (texts(&batch, "file")?, texts(&batch, "state")?, texts(&batch, "trouble")?);
        let (since, events) = (numbers(&batch, "since")?, counts(&batch, "events")?);
        for at in 0..batch.num_rows() {
            let mut file = ReadFile {
                state: state.value(at).to_owned(),
                since: since.is_valid(at).then(|| since.value(at)),
                events: events.value(at),
                flaw: None,
                problems: Vec::new(),
            };
            if trouble.is_valid(at) {
                file.take_trouble(name.value(at), trouble.value(at))?;
            }
            give(name.value(at), file);
        }
    }
    Ok(())
}

impl ReadFile {
    /// What was wrong, as JSON.
    pub(crate) fn trouble(&self) -> Option<String> {
        let flaw = self.flaw.as_ref()?;
        let accounts = flaw.accounts.as_ref().map(|accounts| accounts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let problems: Vec<Value> = self.problems.iter().map(|problem| json!([problem.record, problem.message])).collect();
        let window = flaw.window.map(|(from, to)| [from.seconds(), to.seconds()]);
        Some(json!({ "accounts": accounts, "region": flaw.region, "window": window, "problems": problems }).to_string())
    }

    pub(crate) fn take_trouble(&mut self, name: &str, text: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("`trouble` of `{name}`: {error}"))?;
        let accounts = value
            .get("accounts")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(|account| AccountId::parse(account.as_str()?)).collect::<BTreeSet<_>>());
        let moment = |at: usize| {
            value.get("window").and_then(|window| window.get(at)).and_then(Value::as_i64).map(Timestamp::from_seconds)
        };
        self.flaw = Some(Flaw {
            file: name.to_owned(),
            accounts,
            region: value.get("region").and_then(Value::as_str).map(str::to_owned),
            window: moment(0).zip(moment(1)),
        });
        self.problems = value
            .get("problems")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|problem| Problem {
                file: name.to_owned(),
                record: problem.get(0).and_then(Value::as_u64),
                message: problem.get(1).and_then(Value::as_str).unwrap_or_default().to_owned(),
            })
            .collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_the_way_through_its_file() {
        let at = Timestamp::from_seconds(5);
        let whole = ReadFile { state: "12 34".to_owned(), since: Some(-7), events: 3, flaw: None, problems: Vec::new() };
        let problem = |record| Problem { file: "b".to_owned(), record, message: "is `x`".to_owned() };
        let flaw = Flaw {
            file: "b".to_owned(),
            accounts: Some([AccountId::parse("111122223333").unwrap()].into()),
            region: Some("eu-west-1".to_owned()),
            window: Some((at, at)),
        };
        let broken =
            ReadFile { flaw: Some(flaw.clone()), since: None, problems: vec![problem(None), problem(Some(3))], ..whole.clone() };
        let unknown = Flaw { file: "c".to_owned(), accounts: None, region: None, window: None };
        let dark = ReadFile { flaw: Some(unknown), ..whole.clone() };
        let files = [("a", whole), ("b", broken), ("c", dark)].map(|(name, file)| (name.to_owned(), file));
        let manifest = Manifest { files: files.into() };
        assert_eq!(Manifest::decode(manifest.encode().unwrap()).as_ref(), Ok(&manifest));
    }

    #[test]
    fn a_file_counts_as_read_in_the_same_state_and_only_as_far_back() {
        let file = |since| ReadFile { state: "s".to_owned(), since, events: 0, flaw: None, problems: Vec::new() };
        let manifest = Manifest { files: [("a".to_owned(), file(Some(10))), ("b".to_owned(), file(None))].into() };
        assert!(manifest.has("b", "s", None) && manifest.has("b", "s", Some(3)) && !manifest.has("b", "t", None));
        assert!(manifest.has("a", "s", Some(10)) && manifest.has("a", "s", Some(11)));
        assert!(!manifest.has("a", "s", Some(9)) && !manifest.has("a", "s", None) && !manifest.has("c", "s", None));
    }
}
