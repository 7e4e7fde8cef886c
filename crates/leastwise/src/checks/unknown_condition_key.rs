//! `unknown-condition-key`: a condition asks for a key that no request carries, so that it never, or always, holds.
//!
//! Global keys are in `global_keys`, services' own in the catalogue; keys of identity providers, whose prefix is a host, are let be.

use leastwise_policy::catalogue::ConditionKey;
use leastwise_policy::{Catalogue, global_keys};

use super::finding::{Findings, Severity};
use super::managed_names;
use super::nearest::nearest;
use super::subject::Subject;
use super::unknown_service::SUGGESTED;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "unknown-condition-key", severity: Severity::Error, title: "a condition key is not known", run };

/// What is known of a condition key.
pub(super) enum Known<'c> {
    /// It exists, with values of these types, as the catalogue writes them; none when no source states any.
    Types(Types<'c>),
    /// It may exist: its prefix is outside of the catalogue.
    Outside,
    /// It does not.
    Not,
}

/// The types of a key's values.
pub(super) enum Types<'c> {
    Global(&'static str),
    OfService(&'c ConditionKey),
}

impl Types<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Types::Global(one) => (Some(*one), &[][..]),
            Types::OfService(key) => (None, key.value_types.as_slice()),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

/// Looks a key up, ignoring ASCII case.
pub(super) fn known<'c>(catalogue: &'c Catalogue, key: &str) -> Known<'c> {
    if let Some(kind) = global_keys::value_type(key) {
        return Known::Types(Types::Global(kind));
    }
    let Some((prefix, _)) = key.split_once(':') else { return Known::Not };
    if let Some(service) = catalogue.service(prefix) {
        let templates =
            || service.condition_keys().iter().find(|own| global_keys::varies(&own.name) && global_keys::names(&own.name, key));
        return match service.condition_key(key).or_else(templates) {
            Some(own) => Known::Types(Types::OfService(own)),
            None if outside(catalogue, key) => Known::Outside,
            None => Known::Not,
        };
    }
    // Identity providers are hosts; retired services' keys cannot be judged.
    if prefix.contains('.') || outside(catalogue, key) || managed_names::is_service(prefix) { Known::Outside } else { Known::Not }
}

fn outside(catalogue: &Catalogue, key: &str) -> bool {
    let prefix_of = |key: &str| key.rsplit_once(':').map(|(prefix, _)| prefix.to_owned());
    prefix_of(key).is_some_and(|prefix| catalogue.outside_key_prefixes().any(|(own, _)| global_keys::names(own, &prefix)))
}

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut asked = 0;
    for statement in subject.policy.statements() {
        for line in &statement.conditions {
            let key = &*line.key.what;
            if !matches!(known(subject.catalogue, key), Known::Not) {
                continue;
            }
            let place = subject.condition_key(statement, line);
            if managed_names::is_condition_key(key) {
                let message = format!("no source lists the condition key `{key}`, though AWS's own policies ask for it");
                *findings.add(place, message, "make sure that requests carry it") = Severity::Warning;
                continue;
            }
            if let Some((message, help)) = special(key) {
                findings.add(place, message, help);
                continue;
            }
            asked += 1;
            let near = if asked <= SUGGESTED { near(subject.catalogue, key) } else { None };
            let help = near.map_or_else(
                || {
                    "the service's reference lists its condition keys; a key that no request carries makes the condition fail"
                        .to_owned()
                },
                |near| format!("did you mean `{near}`?"),
            );
            findings.add(place, format!("the condition key `{key}` is not known"), help);
        }
    }
}

/// What to say of keys that are known to be wrong.
fn special(key: &str) -> Option<(String, &'static str)> {
    let tags = ["aws:ResourceTag", "aws:RequestTag", "aws:PrincipalTag"];
    if tags.iter().any(|own| own.eq_ignore_ascii_case(key.trim_end_matches('/'))) {
        let help = "write the tag's key behind a slash, such as aws:ResourceTag/team";
        return Some((format!("the condition key `{key}` names no tag"), help));
    }
    if key.eq_ignore_ascii_case("aws:ARN") {
        return Some((format!("AWS has no condition key `{key}`"), "use `aws:PrincipalArn`, or `aws:SourceArn` for services"));
    }
    let message = format!("`{key}` is not shaped as a condition key");
    (!key.contains(':')).then_some((message, "write the service and the key, such as s3:prefix or aws:SourceIp"))
}

pub(super) fn near<'c>(catalogue: &'c Catalogue, key: &str) -> Option<&'c str> {
    let (prefix, _) = key.split_once(':')?;
    match catalogue.service(prefix) {
        Some(service) => nearest(key, service.condition_keys().iter().map(|k| k.name.as_str())),
        None => nearest(key, global_keys::plain()),
    }
}
