//! `for-all-values-with-allow`: `ForAllValues:` holds when the key is missing, so that an Allow with it on a key that has one value is
//! open to every request without the key ("Set operators for multivalued context keys").

use leastwise_policy::Effect;
use leastwise_policy::evaluate::{Operator, Quantifier, Test};

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::unknown_condition_key::{Known, known};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "for-all-values-with-allow",
    severity: Severity::SecurityWarning,
    title: "an Allow uses `ForAllValues:` on a key with one value",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    // Policies of an organization grant nothing: they only limit what others grant.
    if matches!(subject.kind, PolicyType::ServiceControl | PolicyType::ResourceControl) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        for line in &statement.conditions {
            let Some(operator) = Operator::parse(&line.operator.what) else { continue };
            if operator.quantifier != Some(Quantifier::ForAllValues) || operator.test == Test::Null {
                continue;
            }
            let Known::Types(types) = known(subject.catalogue, &line.key.what) else { continue };
            let single = types.iter().next().is_some() && types.iter().all(|kind| !kind.starts_with("ArrayOf"));
            let must_exist = statement.conditions.iter().any(|other| {
                other.key.what.eq_ignore_ascii_case(&line.key.what)
                    && Operator::parse(&other.operator.what).is_some_and(|o| o.test == Test::Null)
                    && other.values.iter().all(|v| v.what.eq_ignore_ascii_case("false"))
            });
            if single && !must_exist {
                let message = format!("`{}` also holds for requests without `{}`", line.operator.what, line.key.what);
                let help = "leave out `ForAllValues:`: the key has one value; or add {\"Null\": {key: \"false\"}}";
                findings.add(subject.operator(statement, line), message, help);
            }
        }
    }
}
