//! Calls that change a trail, as the log shows them.
//!
//! Read from events while logs are read, and kept by the rollup: with a description they tell what the trail recorded before, and
//! by themselves what it recorded afterwards (CloudTrail API reference).

use leastwise::usage::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::selectors::{Selectors, member};

/// Which trail: names are unique in a region of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TrailName {
    pub(crate) account: String,
    /// Where it was created, and is managed.
    pub(crate) home: String,
    pub(crate) name: String,
}

impl TrailName {
    pub(crate) fn of_arn(arn: &str) -> Option<TrailName> {
        let mut parts = arn.splitn(6, ':');
        let is_trail = parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("cloudtrail");
        let (home, account) = (parts.next()?, parts.next()?);
        let name = parts.next()?.strip_prefix("trail/")?;
        is_trail.then(|| TrailName { account: account.to_owned(), home: home.to_owned(), name: name.to_owned() })
    }
}

/// A change of a trail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TrailChange {
    /// When, in seconds since 1970.
    pub(crate) time: i64,
    pub(crate) trail: TrailName,
    pub(crate) what: Change,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Change {
    Created(Settings),
    Updated(Settings),
    /// None when the record does not say which.
    Selected(Option<Selectors>),
    Started,
    Stopped,
    Deleted,
    /// Something that the record does not tell.
    Unknown,
}

#[cfg(feature = "rollup")]
impl TrailChange {
    /// Any change of any trail of a region, up to that time.
    pub(crate) fn unknown(account: leastwise::access::AccountId, home: &str, time: i64) -> TrailChange {
        let trail = TrailName { account: account.to_string(), home: home.to_owned(), name: ANY_TRAIL.to_owned() };
        TrailChange { time, trail, what: Change::Unknown }
    }
}

/// What a call states; none where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub(crate) struct Settings {
    pub(crate) multi_region: Option<bool>,
    pub(crate) organization: Option<bool>,
    pub(crate) global_events: Option<bool>,
}

impl Settings {
    pub(crate) fn read(object: &Map<String, Value>) -> Settings {
        let truth = |name| member(object, name).and_then(Value::as_bool);
        Settings {
            multi_region: truth("isMultiRegionTrail"),
            organization: truth("isOrganizationTrail"),
            global_events: truth("includeGlobalServiceEvents"),
        }
    }
}

/// The change that an event tells of; none when it tells of none, or of one that was refused.
pub(crate) fn change_of(event: &Event<'_>) -> Option<TrailChange> {
    const CALLS: [&str; 6] = ["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging", "PutEventSelectors"];
    if event.source != "cloudtrail.amazonaws.com" || !CALLS.contains(&&*event.name) || event.error_code.is_some() {
        return None;
    }
    let request = event.request.as_deref().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let text = |name| request.as_ref().and_then(|request| member(request, name)).and_then(Value::as_str);
    let named = text("name").or_else(|| text("trailName"));
    let account = event.account.map(|account| account.to_string()).unwrap_or_default();
    let trail = match named {
        Some(arn) if arn.starts_with("arn:") => TrailName::of_arn(arn)?,
        // Of a trail that is not named any in the region may be meant.
        name => TrailName { account, home: event.region.clone().into_owned(), name: name.unwrap_or(ANY_TRAIL).to_owned() },
    };
    let what = match (&*event.name, &request) {
        ("StartLogging", _) => Change::Started,
        ("StopLogging", _) => Change::Stopped,
        ("DeleteTrail", _) => Change::Deleted,
        ("CreateTrail", Some(request)) => Change::Created(Settings::read(request)),
        ("UpdateTrail", Some(request)) => Change::Updated(Settings::read(request)),
        ("PutEventSelectors", Some(request)) => Change::Selected(Selectors::read(request)),
        ("PutEventSelectors", None) => Change::Selected(None),
        _ => Change::Unknown,
    };
    Some(TrailChange { time: event.time.seconds(), trail, what })
}

/// In the place of the name of a trail that the record does not name.
pub(crate) const ANY_TRAIL: &str = "*";
