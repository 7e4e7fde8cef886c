//! The JSON view of every permission of one principal, with its state, its reasons and its last use: `leastwise.permissions/1`.
//!
//! A view for people and programs that ask how a conclusion is known. It decides nothing: states and reasons are the ledger's.

use leastwise_policy::ActionName;
use leastwise_policy::catalogue::AccessLevel;
use serde_json::{Value, json};

use crate::access::model::PolicyRef;
use crate::access::{ActionId, Granted, Principal, Timestamp};
use crate::analysis::Analysis;
use crate::usage::{Reason, Source, TrackingPeriod};

/// Name and version of this form.
pub const SCHEMA: &str = "leastwise.permissions/1";

/// Every catalogued action that some statement grants to `principal`, in the order of the catalogue, judged over `period`.
#[must_use]
pub fn permissions(analysis: &Analysis<'_>, principal: &Principal, period: TrackingPeriod) -> Value {
    let index = analysis.access.actions();
    let granted = analysis.access.granted(principal);
    let used = analysis.ledger.of(&principal.arn, &analysis.mapper, period, analysis.rules);
    let sets =
        [("effective", &granted.effective), ("blockedByBoundary", &granted.blocked_by_boundary), ("denied", &granted.denied)];
    let mut rows: Vec<(ActionId, Value)> = Vec::new();
    for (grant, set) in sets {
        for id in set.iter() {
            let (service, name) = index.name(id);
            let Some(action) = ActionName::of(service, name) else { continue };
            let (state, known) = used.state(&action);
            let levels: Vec<&str> = levels(analysis, service, name).map(AccessLevel::name).collect();
            let reasons = known.reasons.iter().map(|reason| json!({"code": reason.code(), "says": reason_sentence(reason)}));
            rows.push((
                id,
                json!({
                    "action": action.as_str(),
                    "grant": grant,
                    "state": (grant == "effective").then(|| state.name()),
                    "accessLevels": levels,
                    "firstSeen": text(known.events.first),
                    "lastSeen": text(known.last_used()),
                    "events": known.events.count,
                    "denied": known.events.denied,
                    "reasons": reasons.collect::<Vec<_>>(),
                    "grantedBy": granting(&granted, id),
                }),
            ));
        }
    }
    rows.sort_by_key(|(id, _)| *id);
    json!({
        "schema": SCHEMA,
        "resource": principal.arn.as_str(),
        "resourceOwnerAccount": principal.arn.account().as_str(),
        "created": text(principal.created),
        "trackingPeriod": {"from": period.start.to_string(), "to": period.end.to_string()},
        "permissions": rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(),
    })
}

fn levels(analysis: &Analysis<'_>, service: &str, name: &str) -> impl Iterator<Item = AccessLevel> + use<> {
    let known = analysis.mapper.catalogue().service(service).and_then(|service| service.action(name));
    known.map(|action| action.access_levels()).into_iter().flat_map(leastwise_policy::catalogue::AccessLevels::iter)
}

fn granting(granted: &Granted<'_>, id: ActionId) -> Vec<Value> {
    let of = |grant: &crate::access::model::Grant<'_>| {
        let policy = match grant.source.policy {
            PolicyRef::Managed(arn) => arn.to_string(),
            PolicyRef::Inline(name) => name.to_owned(),
        };
        json!({"policy": policy, "holder": grant.source.holder.arn.as_str(), "statement": grant.statement})
    };
    granted.granting(id).map(of).collect()
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

/// A reason as half a sentence.
#[must_use]
pub fn reason_sentence(reason: &Reason) -> String {
    match reason {
        Reason::Seen(Source::CloudTrail, time) => format!("CloudTrail shows a use, the last one at {time}"),
        Reason::Seen(Source::LastAccessed, time) => {
            format!("the last-accessed report shows an attempt, the last one at {time}")
        }
        Reason::SilentTrail(window) => format!("the trail, complete from {} to {}, shows no use", window.from, window.to),
        Reason::SilentReport(time) => format!("the last-accessed report, complete up to {time}, shows no attempt at it"),
        Reason::SilentService(time) => {
            format!("the last-accessed report, complete up to {time}, shows no attempt at its service")
        }
        Reason::PossiblyUsed(time) => format!("a call at {time} may have checked it without a record of its own"),
        Reason::UnmappedCall(bar) => {
            format!("the call `{}` of `{}` at {} maps to no known action", bar.name, bar.source, bar.last)
        }
        Reason::UnattributedUse(time) => format!("somebody whom the record does not tell used it at {time}"),
        Reason::NoTrail => "there is no log of the account".to_owned(),
        Reason::TrailIncomplete(shortfall) => {
            format!("the trail does not cover the period: {}", super::findings::lacks(shortfall))
        }
        Reason::DataNotRecorded(kinds) => format!("the trail does not record data events of {}", kinds.join(", ")),
        Reason::ManagementNotRecorded => "the trail does not record management events of this kind".to_owned(),
        Reason::NeverLogged => "CloudTrail never records it".to_owned(),
        Reason::NotKnownToBeLogged => "no logged operation is known that would use it".to_owned(),
        Reason::Unseen => "it is checked where no source looks".to_owned(),
        Reason::NoReport => "there is no last-accessed report of the principal".to_owned(),
        Reason::ReportFailed(why) => format!("the last-accessed report failed: {why}"),
        Reason::ReportPartial => "the last-accessed report lacks pages".to_owned(),
        Reason::ReportStale(time) => format!("the last-accessed report reaches to {time} only"),
        Reason::ServiceNotListed => "the last-accessed report does not list the service".to_owned(),
        Reason::NotTracked => "the service was used, and the report does not track the action".to_owned(),
        Reason::ReportContradicted => "the report says that the service was not used, and events say that it was".to_owned(),
    }
}
