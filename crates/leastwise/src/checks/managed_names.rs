//! Names that AWS's own managed policies use although the service reference does not list them: retired, or never published.
//!
//! As of 2026-11-22: all 1,582 policies that `moto` 5.2.5 carries, held against the catalogue of 2026-10-27. A name here is
//! no misspelling, so that the checks are milder about it. It says nothing about names that are not here.

/// Service prefixes.
const SERVICES: [&str; 10] = [
    "builderid",
    "codestar",
    "deepcomposer",
    "deeplens",
    "deepracer",
    "elastic-inference",
    "evidently",
    "iot1click",
    "iotevents",
    "zocalo",
];

/// Actions, of services that the catalogue has.
const ACTIONS: [&str; 51] = [
    "budgets:CreateBudget",
    "budgets:DeleteBudget",
    "budgets:DescribeBudget",
    "budgets:DescribeBudgets",
    "budgets:UpdateBudget",
    "cloud9:ValidateEnvironmentName",
    "cloudhsm:CreateLunaClient",
    "cloudhsm:DeleteLunaClient",
    "cloudhsm:DescribeHapg",
    "cloudhsm:DescribeLunaClient",
    "cloudhsm:GetConfig",
    "cloudhsm:ModifyHapg",
    "cloudhsm:ModifyLunaClient",
    "memorydb:ReplicateMultiRegionClusterData",
    "organizations:CreateBuilderIdOwnedAccount",
    "payments:AcceptTermsAndConditionsForProgramByAccountId",
    "payments:BatchGetPaymentProfiles",
    "payments:CreatePaymentAttempt",
    "payments:CreatePaymentProfile",
    "payments:Get",
    "payments:GetAcceptedTermsAndConditionsForProgramByAccountId",
    "payments:GetAccountBalance",
    "payments:GetDefaultPaymentProfile",
    "payments:GetEligibleCurrencies",
    "payments:GetPaymentAttempt",
    "payments:GetPaymentPreferences",
    "payments:GetPreferredCurrency",
    "payments:GetRecommendedTermsAndConditionsForProgram",
    "payments:ListPaymentProfiles",
    "payments:SearchFinancialRecords",
    "payments:SetPreferredCurrency",
    "payments:UpdatePaymentProfile",
    "qapps:ImportDocumentToQApp",
    "qapps:ImportDocumentToQAppSession",
    "route53-recovery-control-config:DescribeRoutingControlByName",
    "securityagent:BatchGetAgentInstances",
    "securityagent:BatchGetSecurityTestContentMetadata",
    "securityagent:BatchGetTasks",
    "securityagent:CreateDocumentReview",
    "securityagent:DeleteDocumentReview",
    "securityagent:GetCodeReviewTask",
    "securityagent:GetDocReviewTask",
    "securityagent:GetDocumentReview",
    "securityagent:GetDocumentReviewArtifact",
    "securityagent:ListAgentInstances",
    "securityagent:ListControls",
    "securityagent:ListDocumentReviewComments",
    "securityagent:ListDocumentReviews",
    "securityagent:ListTasks",
    "securityagent:StartPentestExecution",
    "securityagent:StopPentestExecution",
];

/// Condition keys.
const KEYS: [&str; 2] = ["aws:PrincipalOrgMasterAccountId", "lakeformation:GlueARN"];

pub(super) fn is_service(prefix: &str) -> bool {
    SERVICES.iter().any(|own| own.eq_ignore_ascii_case(prefix))
}

pub(super) fn is_action(name: &str) -> bool {
    ACTIONS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

pub(super) fn is_condition_key(name: &str) -> bool {
    KEYS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Keys with several values that AWS's own policies compare without a set operator.
const COMPARED_AS_ONE: [&str; 1] = ["events:detail-type"];

/// Resources of services, as `service:resource` with stars.
const RESOURCES: [&str; 16] = [
    "apigateway:/*",
    "aps:/workspaces",
    "autoscaling:scalingPolicy:*:resource/*",
    "backup:recovery-point:*",
    "bedrock-agentcore:credential-provider/*",
    "cloudformation:transform/*",
    "grafana:/workspaces",
    "iam:root",
    "organizations:",
    "pricingplanmanager:subscription:*",
    "qdeveloper:plugin/*",
    "redshift-serverless:snapshotcopyconfiguration/*",
    "robomaker:/createSimulationApplication",
    "securityagent:agent-instance*",
    "waf-regional:changetoken/*",
    "waf:changetoken/*",
];

/// Services whose ARNs of AWS's own resources have no account: documents and parameters of Systems Manager, views of Resource
/// Explorer.
const WITHOUT_ACCOUNT: [&str; 2] = ["resource-explorer-2", "ssm"];

/// Whether AWS's own resources of the service have no account in their ARNs, though the service reference gives one.
pub(super) fn has_resources_without_account(service: &str) -> bool {
    WITHOUT_ACCOUNT.contains(&service)
}

pub(super) fn is_compared_as_one(key: &str) -> bool {
    COMPARED_AS_ONE.iter().any(|own| own.eq_ignore_ascii_case(key))
}

pub(super) fn is_resource(service: &str, resource: &str) -> bool {
    let of_service = |own: &&&str| own.split_once(':').is_some_and(|(prefix, _)| prefix == service);
    RESOURCES.iter().filter(of_service).any(|own| {
        let pattern = own.split_once(':').map_or("", |(_, pattern)| pattern);
        super::pattern::may_meet(pattern, &super::formats::as_glob(resource))
    })
}
