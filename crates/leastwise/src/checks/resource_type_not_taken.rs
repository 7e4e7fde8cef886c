//! `resource-type-not-taken`: an action is listed with resources none of which is of a type that it acts on, so that the
//! statement does not do for it what it seems to.
//!
//! Said only when certain: the action is named in full, the catalogue knows its types, and no listed ARN can be of one.

use leastwise_policy::catalogue::Service;
use leastwise_policy::document::Written;

use super::finding::{Findings, Severity};
use super::formats::as_glob;
use super::managed_names;
use super::pattern::may_meet;
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "resource-type-not-taken",
    severity: Severity::Warning,
    title: "an action takes no resource of the listed types",
    run,
};

/// So many comparisons of an ARN with a format are made for one document, at most.
const MOST_COMPARISONS: usize = 200_000;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    // A policy of a resource is about that resource and its parts; `Resource` there is often written loosely.
    if subject.kind == PolicyType::ResourceControl {
        return;
    }
    let mut left = MOST_COMPARISONS;
    for statement in subject.policy.statements() {
        let Some(resources) = statement.resources.as_ref().filter(|r| !r.negated && !r.patterns.is_empty()) else { continue };
        if statement.actions.negated || resources.patterns.iter().any(|p| !p.what.starts_with("arn:") || p.what.len() <= 4) {
            continue;
        }
        // A form that the service reference lacks, such as CloudFormation's transforms, may be of any type.
        let unlisted = |text: &str| {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            matches!(parts.as_slice(), [_, _, service, _, _, resource] if managed_names::is_resource(service, resource))
        };
        if resources.patterns.iter().any(|p| unlisted(&p.what)) {
            continue;
        }
        for (at, pattern) in statement.actions.patterns.iter().enumerate().filter(|(_, p)| !p.what.has_wildcard()) {
            let Some(service) = pattern.what.service().and_then(|prefix| subject.catalogue.service(prefix)) else { continue };
            let Some(action) = service.action(pattern.what.name_glob()) else { continue };
            let types: Vec<&str> = action.resource_types().map(|on| on.name()).collect();
            if types.is_empty() || types.contains(&"*") || taken(service, &types, &resources.patterns, &mut left) {
                continue;
            }
            let what = types.iter().take(4).map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ");
            let more = if types.len() > 4 { " and others" } else { "" };
            let message = format!("`{}` acts on {what}{more}, and no resource of this statement can be one", pattern.what);
            let help = match format_of(service, &types) {
                Some(format) => format!("add a resource such as `{format}`, or move the action to a statement of its own"),
                None => "move the action to a statement of its own".to_owned(),
            };
            findings.add(subject.action(statement, at, pattern), message, help);
        }
    }
}

fn format_of<'s>(service: &'s Service, types: &[&str]) -> Option<&'s str> {
    types.iter().find_map(|name| service.resource_type(name)).and_then(|t| t.arn_formats.first()).map(String::as_str)
}

/// Whether one of the resources may be of one of the types; also when that is not known.
fn taken(service: &Service, types: &[&str], resources: &[Written<Box<str>>], left: &mut usize) -> bool {
    for name in types {
        let Some(kind) = service.resource_type(name).filter(|kind| !kind.arn_formats.is_empty()) else { return true };
        for format in &kind.arn_formats {
            let glob = as_glob(format);
            // The names of buckets have no slash (Amazon S3 User Guide, "Bucket naming rules").
            let bucket = format.ends_with(":::${BucketName}");
            for resource in resources {
                if *left == 0 {
                    return true;
                }
                *left -= 1;
                let in_object = || resource.what.splitn(6, ':').nth(5).is_some_and(|name| as_glob(name).contains('/'));
                if !(bucket && in_object()) && may_be(&glob, &as_glob(&resource.what)) {
                    return true;
                }
            }
        }
    }
    false
}

/// Whether an ARN of that format may match the pattern. Both are globs; a star of the format takes no colon before the fifth.
fn may_be(format: &str, pattern: &str) -> bool {
    let formats: Vec<&str> = format.splitn(6, ':').collect();
    let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
    // A star at the end of one of the first parts may reach over colons; then the texts are compared as a whole.
    let crosses = patterns.iter().take(5).any(|part| part.ends_with('*'));
    if crosses || formats.len() < 6 || patterns.len() < 6 {
        return may_meet(format, pattern);
    }
    formats.iter().zip(&patterns).all(|(format, pattern)| may_meet(format, pattern))
}
