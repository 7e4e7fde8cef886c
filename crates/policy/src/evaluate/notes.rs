//! What a reader of a decision should know besides: keys that were asked for and not given, statements that can never apply
//! where they stand, and parts of the request that are missing or look mistaken.
//!
//! Nothing here changes a decision.

use super::PolicySet;
use super::decision::PolicyKind;
use super::principal::Principal;
use super::request::Request;
use super::wording::{did_you_mean, misplaced, with_article};
use crate::arn::{Arn, is_account_number};
use crate::catalogue::Catalogue;
use crate::document::{Policy, Statement};
use crate::glob;
use crate::global_keys;

/// Every policy of the set with its kind and its place, as messages name it.
fn policies<'a>(set: &PolicySet<'a>) -> Vec<(PolicyKind, String, &'a Policy)> {
    let mut all = Vec::new();
    let mut add = |kind: PolicyKind, policies: &[&'a Policy]| {
        all.extend(policies.iter().enumerate().map(|(at, policy)| (kind, format!("{kind} {at}"), *policy)));
    };
    add(PolicyKind::Identity, &set.identity);
    add(PolicyKind::Resource, set.resource.as_slice());
    add(PolicyKind::Endpoint, set.endpoint.as_slice());
    add(PolicyKind::Boundary, &set.boundaries);
    add(PolicyKind::Session, &set.session);
    for (kind, levels) in
        [(PolicyKind::ServiceControl, &set.service_control), (PolicyKind::ResourceControl, &set.resource_control)]
    {
        for (level, policies) in levels.iter().enumerate() {
            all.extend(policies.iter().enumerate().map(|(at, p)| (kind, format!("{kind} {at} of level {level}"), *p)));
        }
    }
    all
}

pub(super) fn notes(set: &PolicySet<'_>, request: &Request) -> Vec<String> {
    let mut notes = Vec::new();
    let missing = missing_keys(set, request);
    if !missing.is_empty() {
        notes.push(format!("the policies ask for keys that the request does not give: `{}`", missing.join("`, `")));
    }
    for (kind, name, policy) in policies(set) {
        for statement in policy.statements() {
            if let Some(why) = never_applies(statement, kind) {
                notes.push(format!("{name}, statement {} never applies: {why}", statement.index));
            }
        }
    }
    of_action(request, &mut notes);
    of_resource(set, request, &mut notes);
    of_context(request, &mut notes);
    notes
}

/// Why a statement of a policy of that kind can never apply, whatever the request; AWS stores no such policy.
fn never_applies(statement: &Statement, kind: PolicyKind) -> Option<String> {
    let named = matches!(kind, PolicyKind::Resource | PolicyKind::ResourceControl | PolicyKind::Endpoint);
    let about_iot = || statement.actions.patterns.iter().any(|p| p.what.reaches("iot"));
    match (&statement.principal, &statement.resources) {
        (Some(_), _) if !named => Some(misplaced(kind)),
        (None, _) if kind == PolicyKind::Resource && !about_iot() => {
            Some(format!("it has no `Principal`, which {} needs", with_article(kind)))
        }
        (_, None) if kind != PolicyKind::Resource => Some(format!("it has no `Resource`, which {} needs", with_article(kind))),
        _ => None,
    }
}

pub(super) fn missing_keys(set: &PolicySet<'_>, request: &Request) -> Vec<String> {
    let (service, name) = (request.action.service(), request.action.name());
    let mut keys: Vec<String> = Vec::new();
    let mut ask = |key: &str| {
        let key = key.trim();
        let known = request.context.mentions(key) || keys.iter().any(|own| own.eq_ignore_ascii_case(key));
        if !known && !key.is_empty() {
            keys.push(key.to_owned());
        }
    };
    for (_, _, policy) in policies(set) {
        let variables = policy.version() == Some("2012-10-17");
        for statement in policy.statements() {
            let about = statement.actions.patterns.iter().any(|p| p.what.matches(service, name)) != statement.actions.negated;
            if !about {
                continue;
            }
            let values = statement.conditions.iter().flat_map(|line| &line.values).map(|value| &*value.what);
            let resources = statement.resources.iter().flat_map(|element| &element.patterns).map(|pattern| &*pattern.what);
            statement.conditions.iter().for_each(|line| ask(&line.key.what));
            if variables {
                for text in resources.chain(values) {
                    variables_of(text).for_each(&mut ask);
                }
            }
        }
    }
    keys
}

/// The keys of a text's variables.
fn variables_of(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| {
        let inside = rest.split_once('}')?.0;
        let key = inside.split_once(',').map_or(inside, |(key, _)| key);
        key.contains(':').then_some(key)
    })
}

fn of_action(request: &Request, notes: &mut Vec<String>) {
    let (prefix, name) = (request.action.service(), request.action.name());
    match Catalogue::embedded().service(prefix) {
        None => {
            let near = did_you_mean(prefix, Catalogue::embedded().services().map(|service| service.prefix()));
            notes.push(format!("the catalog has no service `{prefix}`{near}"));
        }
        Some(service) if service.action(name).is_none() => {
            let near = did_you_mean(name, service.action_names());
            notes.push(format!("the catalog has no action `{}`{near}", request.action));
        }
        Some(_) => {}
    }
}

fn of_resource(set: &PolicySet<'_>, request: &Request, notes: &mut Vec<String>) {
    let resource = &*request.resource;
    if resource == "*" {
        let action = Catalogue::embedded().service(request.action.service()).and_then(|s| s.action(request.action.name()));
        let kinds: Vec<&str> = action.iter().flat_map(|action| action.resource_types()).map(|of| of.name()).collect();
        if !kinds.is_empty() {
            notes.push(format!(
                "`{}` acts on resources of type {}; `*` stands for none in particular, so that only `*` matches it",
                request.action,
                kinds.join(", ")
            ));
        }
        return;
    }
    if glob::has_wildcard(resource) {
        notes.push(format!(
            "the wildcards of the request's resource `{resource}` are taken as they are written; name one resource"
        ));
    }
    let Some(arn) = Arn::parse(resource) else {
        notes.push(format!(
            "the request's resource `{resource}` is no ARN; write `arn:partition:service:region:account:resource`"
        ));
        return;
    };
    if request.owner().is_none()
        && arn.account.is_empty()
        && let Some(account) = request.principal.account()
    {
        notes.push(format!(
            "the account that owns `{resource}` is not given; it is taken to be the caller's, {account} (say `resourceAccount`)"
        ));
    }
    if arn.service == "s3" && arn.resource.starts_with("accesspoint/") {
        notes.push(
            "a request through an access point needs the bucket's policy to allow it too; evaluate it on the bucket's ARN as well"
                .to_owned(),
        );
    } else if arn.service == "s3"
        && arn.resource.contains('/')
        && set.resource.is_some()
        && set.object_owner.is_none()
        && matches!(request.principal.account(), Some(account) if request.owner().is_some_and(|owner| owner != account))
    {
        notes.push(
            "the object is taken to belong to the bucket's owner; where object ownership is not enforced, say `objectOwner`"
                .to_owned(),
        );
    }
}

fn of_context(request: &Request, notes: &mut Vec<String>) {
    for (key, _) in request.context.iter() {
        let global = key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
        if global && global_keys::value_type(key).is_none() && !key.eq_ignore_ascii_case("aws:SourceOwner") {
            notes.push(format!("`{key}` is not a global condition key{}", did_you_mean(key, global_keys::plain())));
        }
    }
    if let Principal::Aws(aws) = &request.principal
        && let Some(arn) = Arn::parse(aws.arn())
    {
        if glob::has_wildcard(aws.arn()) {
            notes.push(format!(
                "the wildcards of the principal `{}` are taken as they are written; name one principal",
                aws.arn()
            ));
        }
        if !is_account_number(arn.account) {
            notes.push(format!("`{}` names no account of twelve digits", aws.arn()));
        }
    }
}
