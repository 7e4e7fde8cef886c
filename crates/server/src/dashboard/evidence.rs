//! Evidence per action, by service: the state of each permission of a principal, and how it is known; and when it was used.
//!
//! From the JSON of `leastwise::report::permissions`, which the desk asks the analysis for, to views. It concludes nothing.

use std::collections::BTreeMap;

use leastwise::access::Timestamp;
use serde_json::Value;

use super::charts::{StateNumbers, States, Timeline, states, timeline};
use super::overview::{list, text};
use super::risk::worst;
use super::text::{capital, counted, day_of, with_days};
use crate::analysis::risk::of_action;

/// A permission.
#[derive(Debug, Clone)]
pub(super) struct ActionView {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) risk: &'static str,
    pub(super) risk_name: &'static str,
    pub(super) last: String,
    pub(super) why: String,
    pub(super) by: String,
}

/// The permissions of one service.
#[derive(Debug, Clone)]
pub(super) struct ServiceView {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) states: States,
    pub(super) actions: Vec<ActionView>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) services: Vec<ServiceView>,
    pub(super) states: States,
    pub(super) timeline: Timeline,
    pub(super) says: String,
}

fn state_of(permission: &Value) -> &'static str {
    match text(permission, "/state") {
        "used" => "used",
        "unused" => "unused",
        "unobservable" => "unobservable",
        "unknown" => "unknown",
        _ => "blocked",
    }
}

fn counts(rows: &[&Value]) -> StateNumbers {
    let of = |state: &str| rows.iter().filter(|row| state_of(row) == state).count() as u64;
    StateNumbers {
        used: of("used"),
        unused: of("unused"),
        unobservable: of("unobservable"),
        unknown: of("unknown"),
        blocked: of("blocked"),
    }
}

fn action(row: &Value) -> ActionView {
    let name = text(row, "/action");
    let levels: Vec<&str> = list(row, "/accessLevels").iter().filter_map(Value::as_str).collect();
    let (risk, risk_name) = worst(of_action(name, &levels));
    let why = match text(row, "/grant") {
        "blockedByBoundary" => "the permissions boundary blocks it".to_owned(),
        "denied" => "a Deny statement takes it away".to_owned(),
        _ => list(row, "/reasons").iter().map(|reason| text(reason, "/says")).collect::<Vec<_>>().join("; "),
    };
    let by = list(row, "/grantedBy").iter().map(|grant| {
        let policy = text(grant, "/policy");
        policy.rsplit('/').next().unwrap_or(policy).to_owned()
    });
    let mut by: Vec<String> = by.collect();
    by.dedup();
    ActionView {
        name: name.to_owned(),
        state: if state_of(row) == "blocked" { "blocked".to_owned() } else { text(row, "/state").to_owned() },
        risk,
        risk_name,
        last: match text(row, "/lastSeen") {
            "" => "never".to_owned(),
            last => day_of(last),
        },
        why: capital(&with_days(&why)),
        by: by.join(", "),
    }
}

/// The views of what the analysis says of a principal.
pub(super) fn evidence(told: &Value) -> Evidence {
    let mut by_service: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let all: Vec<&Value> = list(told, "/permissions").iter().collect();
    for row in &all {
        let service = text(row, "/action").split(':').next().unwrap_or_default();
        by_service.entry(service).or_default().push(row);
    }
    let time = |row: &Value, pointer: &str| Timestamp::parse(text(row, pointer));
    let used = by_service.iter().map(|(service, rows)| {
        let first = rows.iter().filter_map(|row| time(row, "/firstSeen")).min();
        let last = rows.iter().filter_map(|row| time(row, "/lastSeen")).max();
        ((*service).to_owned(), first, last)
    });
    let period = time(told, "/trackingPeriod/from").zip(time(told, "/trackingPeriod/to"));
    let timeline = period.map(|period| timeline(period, used.collect())).unwrap_or_default();
    let services = by_service.iter().map(|(service, rows)| {
        let numbers = counts(rows);
        let says = match (numbers.unused, rows.len() as u64) {
            (0, _) => format!("{}, none unused", counted(rows.len() as u64, "action")),
            (unused, all) if unused == all => format!("all {} unused", counted(all, "action")),
            (unused, all) => format!("{unused} of {} unused", counted(all, "action")),
        };
        let mut actions: Vec<ActionView> = rows.iter().map(|row| action(row)).collect();
        actions.sort_by_key(|one| usize::from(one.state != "unused"));
        ServiceView { name: (*service).to_owned(), says, states: states(numbers), actions }
    });
    Evidence {
        services: services.collect(),
        states: states(counts(&all)),
        timeline,
        says: format!("{} in {}", counted(all.len() as u64, "action"), counted(by_service.len() as u64, "service")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actions_are_grouped_by_service_unused_ones_first_with_their_reasons() {
        let row = |action: &str, grant: &str, state: Option<&str>, last: Option<&str>| {
            json!({"action": action, "grant": grant, "state": state, "accessLevels": ["Write"], "lastSeen": last, "firstSeen": last,
                "reasons": [{"code": "x", "says": "the trail shows no use"}], "grantedBy": [{"policy": "arn:aws:iam::1:policy/p", "statement": 0}]})
        };
        let told = json!({"trackingPeriod": {"from": "2026-08-03T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "permissions": [
            row("s3:PutObject", "effective", Some("used"), Some("2026-10-30T00:00:00Z")),
            row("s3:DeleteObject", "effective", Some("unused"), None),
            row("sqs:SendMessage", "denied", None, None),
        ]});
        let evidence = evidence(&told);
        let names: Vec<(&str, Vec<&str>)> = evidence
            .services
            .iter()
            .map(|one| (one.name.as_str(), one.actions.iter().map(|own| own.name.as_str()).collect()))
            .collect();
        assert_eq!(names, [("s3", vec!["s3:DeleteObject", "s3:PutObject"]), ("sqs", vec!["sqs:SendMessage"])]);
        let s3 = &evidence.services[0];
        assert_eq!(
            (s3.says.as_str(), s3.actions[0].why.as_str(), s3.actions[0].by.as_str()),
            ("1 of 2 actions unused", "The trail shows no use", "p")
        );
        assert_eq!(evidence.services[1].actions[0].why, "A Deny statement takes it away");
        assert_eq!(evidence.states.sentence, "1 used, 1 unused, 1 blocked by a boundary or a Deny");
        assert_eq!(evidence.timeline.rows[0].name, "s3");
    }
}
