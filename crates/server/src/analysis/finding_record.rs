//! From a finding of an analysis to what the store keeps of it.
//!
//! Between the flow and the store: gives a finding its name, the digest of its content, its risk and its JSON. What the provider
//! has no words for stays in our own evidence. It decides nothing about status.

use leastwise::access::{AccountId, PrincipalArn, PrincipalKind, Unread};
use leastwise::analysis::Analysis;
use leastwise::findings::{Details, Exclusions, Finding, FindingKind};
use leastwise::report::findings::FindingRow;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::analysis::risk::Risks;
use crate::store::{AnalysisRule, Analyzer, FoundFinding, ResourceType, Scope};

/// What the store keeps of a finding.
///
/// # Errors
/// When the finding cannot be written as JSON, which would be our fault.
pub(crate) fn describe(analysis: &Analysis<'_>, risks: &Risks, finding: &Finding<'_>) -> Result<FoundFinding, serde_json::Error> {
    let mut row = serde_json::to_value(FindingRow::new(finding))?;
    let details = wire_details(finding.kind, row.get_mut("details").map(Value::take).unwrap_or_default());
    let evidence = row.get_mut("evidence").map(Value::take).unwrap_or_default();
    let mut content = Sha256::new();
    let mut services = Vec::new();
    let (mut unused_actions, mut risk) = (0, None);
    if let Details::Permissions(permissions) = &finding.details {
        risk = Some(risks.judge(&permissions.unused));
        unused_actions = u32::try_from(permissions.unused.len()).unwrap_or(u32::MAX);
        for service in permissions.services() {
            services.push(service.prefix.to_owned());
            if service.whole {
                content.update(format!("{}:*\n", service.prefix));
            } else {
                service.actions.iter().for_each(|(name, _)| content.update(format!("{}:{name}\n", service.prefix)));
            }
        }
    }
    // What is unused as a whole could do all that its principal is granted.
    let of_principal =
        || analysis.access.principal(finding.resource).map(|principal| analysis.access.granted(principal).effective);
    let risk = risk.or_else(|| of_principal().map(|granted| risks.judge(&granted))).unwrap_or_default();
    let digits: String = content.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(FoundFinding {
        base: finding.id.as_str().to_owned(),
        content: digits,
        kind: finding.kind,
        resource: finding.resource.as_str().to_owned(),
        resource_type: if finding.resource.kind() == PrincipalKind::Role { ResourceType::Role } else { ResourceType::User },
        account: finding.account().to_string(),
        risk,
        unused_actions,
        services,
        details: details.to_string(),
        evidence: evidence.to_string(),
    })
}

/// The provider's `findingDetails`.
fn wire_details(kind: FindingKind, details: Value) -> Value {
    let last =
        |details: &Value| details.get("lastAccessed").cloned().map(|last| json!({"lastAccessed": last})).unwrap_or(json!({}));
    match kind {
        FindingKind::UnusedIamRole => json!([{"unusedIamRoleDetails": last(&details)}]),
        FindingKind::UnusedIamUserPassword => json!([{"unusedIamUserPasswordDetails": last(&details)}]),
        FindingKind::UnusedIamUserAccessKey => {
            // The provider's model requires a key id; without a list of keys only the place is known.
            let slot = || format!("access-key-{}", details.get("slot").and_then(Value::as_u64).unwrap_or_default());
            let id = details.get("accessKeyId").and_then(Value::as_str).map_or_else(slot, str::to_owned);
            let mut key = last(&details);
            if let Value::Object(fields) = &mut key {
                fields.insert("accessKeyId".to_owned(), id.into());
            }
            json!([{"unusedIamUserAccessKeyDetails": key}])
        }
        FindingKind::UnusedPermission => {
            let services = match details {
                Value::Array(services) => services,
                _ => Vec::new(),
            };
            services.into_iter().map(|service| json!({"unusedPermissionDetails": service})).collect()
        }
    }
}

/// Whether an analyzer looks at a principal at all: its account, and none of its exclusions.
pub(crate) fn is_looked_at(analysis: &Analysis<'_>, analyzer: &Analyzer, resource: &PrincipalArn) -> bool {
    let account = resource.account();
    if analyzer.scope == Scope::Account && account.as_str() != analyzer.account() {
        return false;
    }
    !analyzer.exclusions.iter().any(|rule| is_excluded(analysis, rule, resource))
}

fn is_excluded(analysis: &Analysis<'_>, rule: &AnalysisRule, resource: &PrincipalArn) -> bool {
    if rule.account_ids.is_empty() && rule.resource_tags.is_empty() {
        return false;
    }
    if !rule.account_ids.is_empty() && !rule.account_ids.iter().any(|id| id == resource.account().as_str()) {
        return false;
    }
    if rule.resource_tags.is_empty() {
        return true;
    }
    // A principal whose tags are not known may have any.
    let Some(principal) = analysis.access.principal(resource) else { return true };
    let unread = |unread: &Unread| matches!(unread, Unread::Field("" | "Tags") | Unread::TwoRecords);
    let has = |(key, value): &(String, String)| {
        principal.tags.iter().any(|tag| *tag.key == **key && (value.is_empty() || *tag.value == **value))
    };
    principal.unread.iter().any(unread) || rule.resource_tags.iter().any(|set| set.iter().all(has))
}

/// The exclusions of an analyzer that the flow understands by itself, so that coverage counts them.
pub(crate) fn exclusions(analyzer: &Analyzer) -> Exclusions {
    let mut known = Exclusions::default();
    for rule in &analyzer.exclusions {
        match (rule.account_ids.as_slice(), rule.resource_tags.as_slice()) {
            (accounts, []) => known.accounts.extend(accounts.iter().filter_map(|account| AccountId::parse(account))),
            ([], sets) => {
                for set in sets {
                    if let [(key, value)] = set.as_slice() {
                        known.tags.push((key.clone(), (!value.is_empty()).then(|| value.clone())));
                    }
                }
            }
            _ => {}
        }
    }
    known
}
