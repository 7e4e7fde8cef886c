//! `unknown-variable`: a policy variable names no condition key, or one with several values, so that nothing is ever put in its place and
//! the text matches nothing ("IAM policy elements: Variables and tags"). Mostly a template that was not filled in.

use leastwise_policy::global_keys;

use super::finding::{Findings, Severity};
use super::lines::has_many_values;
use super::nearest::nearest;
use super::subject::{Place, Subject};
use super::unknown_condition_key::{Known, known, near};
use super::unknown_service::SUGGESTED;
use super::valid::Check;
use super::variable::{Variable, variables};

pub(super) const CHECK: Check = Check {
    code: "unknown-variable",
    severity: Severity::Error,
    title: "a policy variable names no condition key with one value",
    run,
};

/// Variables of services' own policies, which are no condition keys of requests: AWS Transfer Family ("Create a session
/// policy"), AWS IoT Core ("AWS IoT Core policy variables"). A name that ends in a colon stands for all that begin so.
const OF_SERVICES: [&str; 14] = [
    "transfer:HomeBucket",
    "transfer:HomeDirectory",
    "transfer:HomeFolder",
    "transfer:UserName",
    "iot:ClientId",
    "iot:DomainName",
    "iot:Connection.",
    "iot:Certificate.",
    "iot:Thing.",
    "iot:Identity.",
    "iot:VpcEndpointId",
    "iot:SourceIp",
    "iot:ThingGroup.",
    "iot:Principal.",
];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.policy.version() != Some("2012-10-17") || !subject.policy.text().contains("${") {
        return;
    }
    let mut asked = 0;
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            names(subject, &pattern.what, &mut asked, || subject.resource(statement, at, pattern), findings);
        }
        for line in &statement.conditions {
            for (at, value) in line.values.iter().enumerate() {
                names(subject, &value.what, &mut asked, || subject.condition_value(statement, line, at, value), findings);
            }
        }
    }
}

fn names(subject: &Subject<'_>, text: &str, asked: &mut usize, place: impl Fn() -> Place, findings: &mut Findings) {
    if !text.contains("${") {
        return;
    }
    for variable in variables(text) {
        let Variable::Name(name) = variable else { continue };
        let own = |known: &&str| {
            name.eq_ignore_ascii_case(known)
                || (known.ends_with('.') && name.get(..known.len()).is_some_and(|s| s.eq_ignore_ascii_case(known)))
        };
        if OF_SERVICES.iter().any(own) {
            continue;
        }
        let (message, help) = match known(subject.catalogue, name) {
            Known::Not if !name.contains(':') || name.contains("::") => (
                format!("`${{{name}}}` is no condition key, and nothing is put in its place"),
                "fill in the template's value before the policy is used".to_owned(),
            ),
            Known::Not => {
                *asked += 1;
                let near = if *asked <= SUGGESTED { near(subject.catalogue, name).or_else(|| tag(name)) } else { None };
                let help = near.map_or_else(
                    || "name a condition key that requests carry, such as aws:username".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                (format!("`${{{name}}}` names no known condition key, and nothing is put in its place"), help)
            }
            _ if has_many_values(subject.catalogue, name) == Some(true) => (
                format!("`{name}` may have several values, so that nothing is put in the place of `${{{name}}}`"),
                "use a key with one value".to_owned(),
            ),
            _ => continue,
        };
        findings.add(place(), message, help);
    }
}

/// The key of tags that was meant, when only what is before the slash is misspelled.
fn tag(name: &str) -> Option<&'static str> {
    let (before, _) = name.split_once('/')?;
    nearest(&format!("{before}/"), global_keys::plain().filter(|key| key.ends_with('/')))
}
