//! The JSON view of recommendations that have been proved and replayed: `leastwise.recommend/2`.
//!
//! Policies are read from [`Applicable`] plans only; of a withheld one there is nothing to show but why. It decides nothing.

use serde_json::{Value, json};

use super::refinement::claims_object;
use crate::access::{AccessModel, ActionSet, Principal, PrincipalArn};
use crate::backtest::{Applicable, Cut, Open, Replay, Verdict};
use crate::recommend::{Basis, Change, Ground, GroupWay, Judged, ManagedWay, NotJudged, Operation, Plan, PolicyStep, Remedy};

/// Name and version of this form.
pub const SCHEMA: &str = "leastwise.recommend/2";

/// The whole answer about one principal. `unused` is what may go.
#[must_use]
pub fn recommendation(
    basis: &Basis<'_>,
    judged: &Judged<'_>,
    set: Option<&str>,
    unused: &ActionSet,
    verdicts: &[Verdict<'_>],
) -> Value {
    let access = basis.access;
    json!({
        "schema": SCHEMA,
        "resource": judged.principal.arn.as_str(),
        "resourceOwnerAccount": judged.principal.arn.account().as_str(),
        "recommendationType": "UnusedPermissionRecommendation",
        "permissionSet": set,
        "trackingPeriod": {"from": basis.period.start.to_string(), "to": basis.period.end.to_string()},
        "unused": names(access, unused),
        "kept": {
            "used": names(access, &judged.used),
            "unobservable": names(access, &judged.unobservable),
            "unknown": names(access, &judged.unknown),
            "blockedByBoundary": names(access, &judged.granted.blocked_by_boundary),
            "denied": names(access, &judged.granted.denied),
            "uncatalogued": judged.uncatalogued.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "evidence": judged.grounds.iter().map(|(ground, actions)| evidence(*ground, *actions)).collect::<Vec<_>>(),
        "alternatives": verdicts.iter().map(|verdict| match verdict {
            Verdict::Applicable(plan) => applicable(access, plan),
            Verdict::Withheld(withheld) => json!({
                "status": "withheld",
                "policies": withheld.policies,
                "replay": replay(&withheld.replay),
            }),
        }).collect::<Vec<_>>(),
        "catalog": {
            "source": access.actions().catalogue().provenance().source,
            "date": access.actions().catalogue().provenance().date,
            "sha256": access.actions().catalogue().provenance().sha256,
        },
    })
}

/// The answer about a principal for whom nothing can be recommended.
#[must_use]
pub fn refusal(basis: &Basis<'_>, asked: &Principal, why: &NotJudged) -> Value {
    json!({
        "schema": SCHEMA,
        "resource": asked.arn.as_str(),
        "resourceOwnerAccount": asked.arn.account().as_str(),
        "recommendationType": "UnusedPermissionRecommendation",
        "trackingPeriod": {"from": basis.period.start.to_string(), "to": basis.period.end.to_string()},
        "notJudged": why.to_string(),
        "alternatives": [],
    })
}

/// How a plan goes about it, in one line.
#[must_use]
pub fn title(plan: &Plan<'_>) -> String {
    // A way that no step goes is not named.
    let has = |change: Change<'_>| plan.steps.iter().any(|step| step.change == change);
    let mut parts = Vec::new();
    match plan.managed {
        Some(ManagedWay::Fork) if has(Change::Copy) => parts.push("shared policies: copies of its own"),
        Some(ManagedWay::InPlace) if has(Change::InPlace) => parts.push("shared policies: changed for all who have them"),
        _ => {}
    }
    match plan.groups {
        Some(GroupWay::Move) if !plan.leaves.is_empty() => {
            parts.push("groups: the user leaves them and takes along what it needs");
        }
        Some(GroupWay::Union) if has(Change::ForGroup) => parts.push("groups: what all members leave unused goes"),
        _ => {}
    }
    if parts.is_empty() { "replace its policies".to_owned() } else { parts.join("; ") }
}

/// The actions of a set, as full names.
#[must_use]
pub fn names(access: &AccessModel<'_>, set: &ActionSet) -> Vec<String> {
    let full = |(service, name): (&str, &str)| format!("{service}:{name}");
    set.iter().map(|action| full(access.actions().name(action))).collect()
}

/// A ground in words.
#[must_use]
pub fn ground(ground: Ground) -> String {
    match ground {
        Ground::Trail(window) => format!("CloudTrail, complete from {} to {}, shows no use", window.from, window.to),
        Ground::TrackedAction(to) => format!("last-accessed report, complete up to {to}, shows no attempt at the action"),
        Ground::WholeService(to) => format!("last-accessed report, complete up to {to}, shows no attempt at the service"),
    }
}

fn evidence(of: Ground, actions: usize) -> Value {
    let source = match of {
        Ground::Trail(_) => "cloudtrail",
        Ground::TrackedAction(_) | Ground::WholeService(_) => "last_accessed",
    };
    json!({"source": source, "actions": actions, "statement": ground(of)})
}

fn applicable(access: &AccessModel<'_>, plan: &Applicable<'_>) -> Value {
    json!({
        "status": "applicable",
        "title": title(plan),
        "removed": names(access, &plan.removed),
        "retained": plan.retained.iter().map(|retained| json!({
            "policy": retained.policy, "reason": retained.why.to_string(), "actions": names(access, &retained.actions),
        })).collect::<Vec<_>>(),
        "price": {
            "principals": plan.price.principals,
            "statements": {"before": plan.price.statements.0, "after": plan.price.statements.1},
            "characters": {"before": plan.price.characters.0, "after": plan.price.characters.1},
            "managedPolicies": {
                "before": plan.price.managed_policies.0,
                "after": plan.price.managed_policies.1,
                "fits": plan.price.within_policy_count(),
            },
        },
        "leavesGroups": plan.leaves.iter().map(|group| group.arn.as_str()).collect::<Vec<_>>(),
        "affected": plan.affected.iter().map(|principal| principal.arn.as_str()).collect::<Vec<_>>(),
        "operations": plan.operations().iter().map(operation).collect::<Vec<_>>(),
        "inAwsWords": plan.is_in_aws_words(),
        "recommendedSteps": plan.steps.iter().map(|step| one_step(access, step)).collect::<Vec<_>>(),
        "replay": replay(plan.replay()),
    })
}

fn one_step(access: &AccessModel<'_>, step: &PolicyStep<'_>) -> Value {
    let text = step.refined.text.as_deref();
    let policy = text.map(leastwise_policy::document::minified);
    let recommended = step.aws_actions().into_iter().flatten().map(|action| {
        let created = (action == "CREATE_POLICY").then_some(&policy).and_then(Option::as_ref);
        json!({"unusedPermissionsRecommendedStep": {
            "recommendedAction": action,
            "recommendedPolicy": created,
            "existingPolicyId": step.existing_policy_id(),
            "policyUpdatedAt": step.updated.map(|time| time.to_string()),
        }})
    });
    let remedies = step.fit.remedies.iter().map(|remedy| match remedy {
        Remedy::Split(split) => json!({"split": split.parts, "claims": claims_object(split.claims())}),
        Remedy::Compact(compact) => json!({"compact": compact.text, "claims": claims_object(compact.claims())}),
    });
    let full = |(service, name): (&str, &str)| format!("{service}:{name}");
    json!({
        "steps": recommended.collect::<Vec<_>>(),
        "change": step.change.as_str(),
        "holder": step.source.holder.arn.as_str(),
        "operations": step.operations.iter().map(operation).collect::<Vec<_>>(),
        "instruction": step.instruction(),
        "before": step.original.text(),
        "text": text,
        "certificate": text.and_then(|_| serde_json::from_str::<Value>(&step.refined.certificate().to_json()).ok()),
        "claims": claims_object(step.refined.claims()),
        "removed": step.removed.iter().map(|removed| json!({
            "action": full(access.actions().name(removed.action)),
            "lastSeen": removed.last_seen.map(|time| time.to_string()),
        })).collect::<Vec<_>>(),
        "warnings": step.refined.warnings.iter().map(|warning| warning.message.as_str()).collect::<Vec<_>>(),
        "quota": {
            "kind": step.fit.quota.as_str(), "size": step.fit.size, "limit": step.fit.quota.limit(), "fits": step.fit.fits(),
            "remedies": remedies.collect::<Vec<_>>(),
        },
    })
}

/// One operation: what, with which policy, and whose policies change.
fn operation(done: &Operation) -> Value {
    let mut view = json!({"operation": done.word(), "says": done.phrase()});
    let more = match done {
        Operation::DeletePolicyVersion(_, version) => vec![("version", version.as_str())],
        Operation::LeaveGroup(group, _) => vec![("group", group.as_str())],
        Operation::UpdatePermissionSet(_, set, _) => vec![("permissionSet", set.as_str())],
        _ => Vec::new(),
    };
    let known = [("policy", done.policy()), ("holder", done.holder().map(PrincipalArn::as_str))];
    let known = known.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    if let Value::Object(members) = &mut view {
        members.extend(known.chain(more).map(|(name, value)| (name.to_owned(), Value::from(value))));
    }
    view
}

/// A replay as JSON.
#[must_use]
pub fn replay(replay: &Replay) -> Value {
    let cut = |cut: &Cut| {
        json!({
            "principal": cut.principal.as_str(), "action": cut.action.as_str(), "resource": cut.resource, "count": cut.count,
            "first": cut.first.to_string(), "last": cut.last.to_string(), "certain": cut.certain,
        })
    };
    let open = |open: &Open| {
        json!({
            "principal": open.principal.as_str(), "action": open.action.as_str(), "resource": open.resource, "count": open.count,
            "because": open.why.iter().map(|why| json!({"code": why.code(), "says": why.to_string()})).collect::<Vec<_>>(),
        })
    };
    json!({
        "requests": replay.events,
        "stillAllowed": replay.still_allowed,
        "undecidable": replay.undecidable,
        "undecided": replay.open.iter().map(open).collect::<Vec<_>>(),
        "notGrantedBefore": replay.not_granted_before,
        "deniedThen": replay.denied_then,
        "newlyDenied": replay.newly_denied,
        "cuts": replay.cuts.iter().map(cut).collect::<Vec<_>>(),
        "usedBeforeThePeriod": replay.older.iter().map(cut).collect::<Vec<_>>(),
    })
}
