//! Runs every check over a document.
//!
//! The table of the checks is here; what each looks for is in its own file.

use leastwise_policy::{Catalogue, Policy};

use super::finding::{Finding, Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::{
    arn_not_of_service, condition_never_holds, duplicate_condition_key, duplicate_sid, empty_list, for_all_values_with_allow,
    host_bits_in_range, impossible_value, invalid_arn, invalid_condition_value, invalid_principal, invalid_sid, invalid_variable,
    invalid_version, irrelevant_key, key_not_carried, missing_principal, missing_resource, missing_version, multiple_booleans,
    not_action_with_allow, not_principal_with_allow, not_resource_with_allow, open_trust_policy, pass_role_on_star,
    private_address, rcp_perimeter, rcp_syntax, redundant_action, redundant_condition_value, redundant_principal,
    redundant_resource, redundant_statement, resource_type_not_taken, service_linked_role_on_star, service_principal,
    set_operator_missing, set_operator_needless, shadowed_statement, size_quota, star_in_condition, syntax_error,
    tag_not_carried, trust_policy, type_mismatch, unexpected_principal, unknown_action, unknown_condition_key, unknown_element,
    unknown_operator, unknown_resource_form, unknown_service, unknown_variable, variables_need_version, weak_condition,
    wildcard_in_account_key, wildcard_in_service, wildcard_matches_nothing, wildcard_without_like,
};

/// One check of `valid`.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The stable name; its page is `docs/checks/<code>.md`.
    pub code: &'static str,
    /// The usual severity; a finding may be milder.
    pub severity: Severity,
    /// The check in one line.
    pub title: &'static str,
    pub(super) run: fn(&Subject<'_>, &mut Findings),
}

/// Every check, in the order of a reader's interest.
pub static CHECKS: [Check; 59] = [
    syntax_error::CHECK,
    unknown_element::CHECK,
    missing_version::CHECK,
    invalid_version::CHECK,
    variables_need_version::CHECK,
    invalid_variable::CHECK,
    unknown_variable::CHECK,
    unknown_service::CHECK,
    unknown_action::CHECK,
    wildcard_matches_nothing::CHECK,
    invalid_arn::CHECK,
    arn_not_of_service::CHECK,
    unknown_resource_form::CHECK,
    wildcard_in_service::CHECK,
    resource_type_not_taken::CHECK,
    missing_resource::CHECK,
    missing_principal::CHECK,
    unexpected_principal::CHECK,
    invalid_principal::CHECK,
    trust_policy::CHECK,
    open_trust_policy::CHECK,
    service_principal::CHECK,
    redundant_principal::CHECK,
    unknown_operator::CHECK,
    duplicate_condition_key::CHECK,
    unknown_condition_key::CHECK,
    key_not_carried::CHECK,
    tag_not_carried::CHECK,
    irrelevant_key::CHECK,
    type_mismatch::CHECK,
    invalid_condition_value::CHECK,
    impossible_value::CHECK,
    multiple_booleans::CHECK,
    set_operator_missing::CHECK,
    set_operator_needless::CHECK,
    condition_never_holds::CHECK,
    private_address::CHECK,
    host_bits_in_range::CHECK,
    weak_condition::CHECK,
    wildcard_in_account_key::CHECK,
    star_in_condition::CHECK,
    redundant_condition_value::CHECK,
    wildcard_without_like::CHECK,
    for_all_values_with_allow::CHECK,
    pass_role_on_star::CHECK,
    service_linked_role_on_star::CHECK,
    not_action_with_allow::CHECK,
    not_principal_with_allow::CHECK,
    not_resource_with_allow::CHECK,
    rcp_syntax::CHECK,
    rcp_perimeter::CHECK,
    duplicate_sid::CHECK,
    invalid_sid::CHECK,
    size_quota::CHECK,
    empty_list::CHECK,
    redundant_action::CHECK,
    redundant_resource::CHECK,
    redundant_statement::CHECK,
    shadowed_statement::CHECK,
];

/// What `valid` says about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// The kind of policy that it was checked as.
    pub kind: PolicyType,
    /// The findings, in the order of the text.
    pub findings: Vec<Finding>,
}

/// Checks a policy document, in the order of its text. Without a kind, the document's looks decide ([`PolicyType::guess`]).
/// A text that is no policy gives one finding, `syntax-error`.
///
/// ```
/// use leastwise::checks::{PolicyType, Severity, valid};
/// use leastwise_policy::Catalogue;
///
/// let policy = r#"{"Version": "2012-10-17", "Statement": [
///     {"Effect": "Allow", "Action": ["s3:GetObjekt"], "Resource": "*"}]}"#;
/// let findings = valid(policy, Some(PolicyType::Identity), Catalogue::embedded()).findings;
/// assert_eq!(findings[0].code, "unknown-action");
/// assert_eq!(findings[0].severity, Severity::Error);
/// assert_eq!(findings[0].path.to_string(), "Statement[0].Action[0]");
/// assert_eq!((findings[0].line, findings[0].column), (2, 36));
/// assert!(findings[0].help.contains("s3:GetObject"));
/// ```
#[must_use]
pub fn valid(text: &str, kind: Option<PolicyType>, catalogue: &Catalogue) -> Validation {
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => {
            let kind = kind.unwrap_or(PolicyType::Identity);
            return Validation { kind, findings: vec![syntax_error::finding(error, text)] };
        }
    };
    let kind = kind.unwrap_or_else(|| PolicyType::guess(&policy));
    let subject = Subject { policy: &policy, kind, catalogue };
    let mut findings = Findings::none();
    for check in &CHECKS {
        findings.begin(check.code, check.severity);
        (check.run)(&subject, &mut findings);
    }
    Validation { kind, findings: findings.placed(policy.text()) }
}
