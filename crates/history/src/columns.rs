//! Rows of CloudTrail Lake and Athena exports to events.
//!
//! Columns go by their names, ignoring case; nested columns are JSON or the notation of `structs`, and parts of an
//! identity may be columns of their own (`useridentity.arn`, `useridentity_arn`). Without time, source or name of the
//! events there is nothing to read; without an identity the events are read as nobody's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use leastwise::access::AccountId;
use leastwise::usage::{Event, EventKind, EventResource, Identity};

use crate::record::{RecordIdentity, RecordResource, category_of, request_of, time_of, truth_of};
use crate::structs::Node;

pub(crate) struct Columns {
    places: BTreeMap<String, usize>,
    count: usize,
}

const NEEDED: [&str; 3] = ["eventtime", "eventsource", "eventname"];

impl Columns {
    pub(crate) fn of(header: &[String]) -> Columns {
        let plain = |name: &String| name.trim().trim_start_matches('\u{feff}').to_ascii_lowercase().replace('.', "_");
        Columns { places: header.iter().enumerate().map(|(at, name)| (plain(name), at)).collect(), count: header.len() }
    }

    /// Whether events can be read at all.
    pub(crate) fn is_enough(&self) -> bool {
        NEEDED.iter().all(|name| self.places.contains_key(*name))
    }

    /// Which columns are missing, in words.
    pub(crate) fn missing(&self) -> Option<String> {
        let has_identity = self.places.keys().any(|name| name.starts_with("useridentity"));
        let identity = if has_identity { None } else { Some(&"useridentity") };
        let missing: Vec<String> = NEEDED
            .iter()
            .filter(|name| !self.places.contains_key(**name))
            .chain(identity)
            .map(|name| format!("`{name}`"))
            .collect();
        (!missing.is_empty()).then(|| format!("lacks the columns {}", missing.join(", ")))
    }

    fn value<'r>(&self, row: &'r [String], name: &str) -> Option<&'r str> {
        let text = row.get(*self.places.get(name)?)?.trim();
        (!text.is_empty() && text != "null" && text != "NULL").then_some(text)
    }

    pub(crate) fn event(&self, row: &[String], give: &mut dyn FnMut(&Event<'_>)) -> Result<(), String> {
        if row.len() != self.count {
            return Err(format!("has {} fields where the first line has {}", row.len(), self.count));
        }
        let text = |name: &str| self.value(row, name).map(Cow::Borrowed);
        let event = Event {
            id: text("eventid"),
            time: time_of(self.value(row, "eventtime"))?,
            source: text("eventsource").ok_or("has no `eventsource`")?,
            name: text("eventname").ok_or("has no `eventname`")?,
            region: text("awsregion").unwrap_or_default(),
            account: self.value(row, "recipientaccountid").and_then(AccountId::parse),
            identity: self.identity(row)?,
            error_code: text("errorcode"),
            kind: self.value(row, "eventtype").map_or(EventKind::ApiCall, EventKind::parse),
            category: category_of(self.value(row, "eventcategory"), self.value(row, "managementevent")),
            read_only: truth_of(self.value(row, "readonly")),
            resources: self.value(row, "resources").map(resources).unwrap_or_default(),
            request: self.value(row, "requestparameters").and_then(request),
            response: self.value(row, "responseelements").and_then(request),
            additional: ["additionaleventdata", "serviceeventdetails"]
                .iter()
                .find_map(|name| self.value(row, name).and_then(request)),
            from_console: truth_of(self.value(row, "sessioncredentialfromconsole")) == Some(true),
        };
        give(&event);
        Ok(())
    }

    fn identity<'r>(&self, row: &'r [String]) -> Result<Option<Identity<'r>>, String> {
        let Some(written) = self.value(row, "useridentity") else { return Ok(self.identity_by_parts(row)) };
        if let Ok(identity) = serde_json::from_str::<RecordIdentity<'_>>(written) {
            return Ok(Some(identity.into_identity()));
        }
        let node = Node::parse(written).ok_or("has a `useridentity` that cannot be read")?;
        let part = |name: &str| node.text(name).map(|text| Cow::Owned(text.to_owned()));
        let issuer = node.member("sessioncontext").and_then(|session| session.member("sessionissuer"));
        Ok(Some(Identity {
            kind: part("type"),
            arn: part("arn"),
            account: part("accountid"),
            principal_id: part("principalid"),
            user_name: part("username"),
            invoked_by: part("invokedby"),
            access_key: part("accesskeyid"),
            issuer_arn: issuer.and_then(|issuer| issuer.text("arn")).map(|text| Cow::Owned(text.to_owned())),
            issuer_id: issuer.and_then(|issuer| issuer.text("principalid")).map(|text| Cow::Owned(text.to_owned())),
        }))
    }

    fn identity_by_parts<'r>(&self, row: &'r [String]) -> Option<Identity<'r>> {
        let part = |name: &str| self.value(row, &format!("useridentity_{name}")).map(Cow::Borrowed);
        let identity = Identity {
            kind: part("type"),
            arn: part("arn"),
            account: part("accountid"),
            principal_id: part("principalid"),
            user_name: part("username"),
            invoked_by: part("invokedby"),
            access_key: part("accesskeyid"),
            issuer_arn: part("sessioncontext_sessionissuer_arn"),
            issuer_id: part("sessioncontext_sessionissuer_principalid"),
        };
        (identity != Identity::default()).then_some(identity)
    }
}

/// Request parameters, which Athena keeps as JSON and Lake as a map of texts.
fn request(written: &str) -> Option<Cow<'_, str>> {
    if !written.starts_with('{') || written.get(1..).is_some_and(|rest| rest.trim_start().starts_with(['"', '}'])) {
        return request_of(written);
    }
    Node::parse(written).and_then(|node| request_of(&node.to_json().to_string()).map(|json| Cow::Owned(json.into_owned())))
}

fn resources(written: &str) -> Vec<EventResource<'static>> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    if let Ok(list) = serde_json::from_str::<Vec<RecordResource<'_>>>(written) {
        let resource =
            |r: RecordResource<'_>| Some(EventResource { arn: owned(&r.arn?.0), kind: r.kind.map(|kind| owned(&kind.0)) });
        return list.into_iter().filter_map(resource).collect();
    }
    let Some(Node::List(list)) = Node::parse(written) else { return Vec::new() };
    list.iter()
        .filter_map(|node| Some(EventResource { arn: owned(node.text("arn")?), kind: node.text("type").map(owned) }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_parameters_are_json_or_a_map() {
        let cases = [
            (r#"{"bucketName":"b"}"#, r#"{"bucketName":"b"}"#),
            ("{bucketName=b, key=a/b=c, d}", r#"{"bucketName":"b","key":"a/b=c, d"}"#),
            (
                r#"{instancesSet={"items":[{"instanceId":"i-1"}]}, dryRun=null}"#,
                r#"{"instancesSet":{"items":[{"instanceId":"i-1"}]},"dryRun":null}"#,
            ),
        ];
        for (written, json) in cases {
            let found: Option<serde_json::Value> = request(written).and_then(|text| serde_json::from_str(&text).ok());
            assert_eq!(found, serde_json::from_str(json).ok(), "{written}");
        }
        for nothing in ["{omitted=true, originalSize=300000}", "{}", "{ }"] {
            let found = request(nothing);
            assert!(found.as_deref().is_none_or(|text| text.trim_matches(['{', '}', ' ']).is_empty()), "{nothing}: {found:?}");
        }
    }
}
