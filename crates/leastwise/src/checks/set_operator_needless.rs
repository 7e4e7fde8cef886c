//! `set-operator-needless`: `ForAnyValue:` or `ForAllValues:` on a key that has one value, or before `Null`
//! ("Set operators for multivalued context keys"). An Allow with `ForAllValues:` is worse: `for-all-values-with-allow`.

use leastwise_policy::Effect;
use leastwise_policy::evaluate::{Quantifier, Test};

use super::finding::{Findings, Severity};
use super::lines::{has_many_values, lines};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "set-operator-needless",
    severity: Severity::Suggestion,
    title: "a set operator stands where it has no use",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject) {
        let Some(quantifier) = line.operator.quantifier else { continue };
        let operator = &line.condition.operator.what;
        let place = subject.operator(line.statement, line.condition);
        let bare = operator.split_once(':').map_or(&**operator, |(_, bare)| bare);
        if line.operator.test == Test::Null {
            let always = if quantifier == Quantifier::ForAllValues { "true" } else { "false" };
            let message = format!("`{operator}` is always {always}, whether the request carries `{}` or not", line.key());
            *findings.add(place, message, "write `Null` alone") = Severity::Warning;
            continue;
        }
        // The audience of a token: one value in AWS's context, whatever the token lists.
        let audience = subject.kind == PolicyType::Resource && line.key().to_ascii_lowercase().ends_with(":aud");
        if audience {
            let message = format!("`{}` has one value, so that `{operator}` compares more loosely than it seems", line.key());
            *findings.add(place, message, format!("write `{bare}`")) = Severity::SecurityWarning;
            continue;
        }
        if has_many_values(subject.catalogue, line.key()) != Some(false) {
            continue;
        }
        match (quantifier, line.statement.effect) {
            (Quantifier::ForAllValues, Effect::Allow) => {}
            (Quantifier::ForAllValues, Effect::Deny) => {
                let message = format!("`{}` has one value, and `{operator}` also denies requests without it", line.key());
                findings.add(place, message, format!("write `{bare}`, or `{bare}IfExists` when that is meant"));
            }
            (Quantifier::ForAnyValue, _) => {
                let message = format!("`{}` has one value, so that `ForAnyValue:` changes nothing", line.key());
                findings.add(place, message, format!("write `{bare}`"));
            }
        }
    }
}
