//! A recommendation for one principal, from the analysis that is in memory.
//!
//! On the thread that holds the analysis: proposes, has the proof and the replay judge, and gives the result in the provider's
//! form and in ours. What is withheld or refuted has no steps.

use leastwise::access::{AccessModel, PrincipalArn};
use leastwise::backtest::{RequestLog, judge};
use leastwise::recommend::{Advisor, Basis};
use leastwise::report::recommendation::recommendation;
use serde_json::Value;

use crate::analysis::Advice;
use crate::store::RecommendationError;

fn failed(code: &str, message: impl Into<String>) -> RecommendationError {
    RecommendationError { code: code.to_owned(), message: message.into() }
}

/// What is recommended for a principal.
///
/// # Errors
/// With a code: `NOT_FOUND`, `NOT_JUDGED`, `WITHHELD` when the recorded requests speak against every way, `INTERNAL` when our own
/// proof refutes us.
pub(crate) fn advise<'a>(
    access: &'a AccessModel<'a>,
    basis: &Basis<'a>,
    advisor: &Advisor<'a>,
    log: &RequestLog<'_>,
    resource: &str,
) -> Advice {
    let principal = PrincipalArn::parse(resource)
        .and_then(|arn| access.principal(&arn))
        .ok_or_else(|| failed("NOT_FOUND", format!("`{resource}` is not in the inputs any more")))?;
    let proposal = match advisor.propose(principal) {
        Err(fault) => {
            tracing::error!(%resource, "{fault}");
            return Err(failed("INTERNAL", "the proof refutes the recommendation; this is a mistake of leastwise"));
        }
        Ok(Err(why)) => return Err(failed("NOT_JUDGED", why.to_string())),
        Ok(Ok(proposal)) => proposal,
    };
    let (judged, set, unused) = (proposal.judged.clone(), proposal.permission_set, proposal.unused.clone());
    let verdicts = judge(access, proposal, log);
    let report = recommendation(basis, &judged, set, &unused, &verdicts);
    if !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict.applicable().is_none()) {
        let denied = verdicts.iter().map(|verdict| verdict.replay().newly_denied).max().unwrap_or_default();
        return Err(failed("WITHHELD", format!("{denied} recorded requests would have been denied")));
    }
    Ok((wire_steps(&report).to_string(), report.to_string()))
}

/// The steps of the first alternative that AWS's words can say as a whole, in AWS's form: what has no value is left out.
/// `null` when no alternative is such a one: a part of what has to be done would be worse than nothing. Without any alternative
/// there is nothing to do, and no step.
fn wire_steps(report: &Value) -> Value {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    if list(report, "alternatives").is_empty() {
        return Value::Array(Vec::new());
    }
    let is_sayable = |one: &Value| one.get("inAwsWords").and_then(Value::as_bool) == Some(true);
    let first = list(report, "alternatives").into_iter().find(is_sayable);
    let Some(first) = first else { return Value::Null };
    let steps = list(&first, "recommendedSteps").into_iter().flat_map(|policy| list(&policy, "steps")).map(without_nulls);
    Value::Array(steps.collect())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let some = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(some.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_to_do_is_an_empty_list_and_not_a_failure_of_awss_words() {
        assert_eq!(wire_steps(&json!({"alternatives": []})), json!([]));
        assert_eq!(wire_steps(&json!({"alternatives": [{"inAwsWords": false, "recommendedSteps": []}]})), Value::Null);
    }
}
