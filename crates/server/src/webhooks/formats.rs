//! A finding's state as other systems read it: the event that the provider sends to EventBridge, OCSF's Compliance Finding, and
//! AWS's Security Finding Format.
//!
//! Between the store and the sender. It shows what is in the finding and judges nothing; severities follow the risk.

use serde_json::{Value, json};

use crate::store::{Analyzer, Finding, FindingStatus, Risk};

/// The body of an event, in a form of [`super::FORMS`].
pub(super) fn body(form: &str, analyzer: &Analyzer, finding: &Finding) -> Value {
    match form {
        "ocsf" => ocsf(analyzer, finding),
        "asff" => asff(analyzer, finding),
        "generic" => generic(analyzer, finding),
        "jira" => jira(analyzer, finding),
        _ => eventbridge(analyzer, finding),
    }
}

/// A finding as flat members, for receivers that know none of the other forms.
fn generic(analyzer: &Analyzer, finding: &Finding) -> Value {
    let own = &finding.summary;
    json!({
        "event": "finding", "id": own.id, "status": own.status.as_str(), "findingType": own.kind.as_str(), "title": title(finding),
        "resource": own.resource, "account": own.account, "risks": own.risk.names().collect::<Vec<_>>(),
        "severity": severity(own.risk).2, "unusedActions": own.unused_actions, "analyzer": analyzer.name,
        "createdAt": own.created.to_string(), "updatedAt": own.updated.to_string(),
    })
}

/// What an incoming webhook of Jira Automation reads as `webhookData`: a rule there makes or changes an issue of it.
fn jira(analyzer: &Analyzer, finding: &Finding) -> Value {
    let own = &finding.summary;
    json!({
        "key": own.id, "status": own.status.as_str(), "summary": sentence(finding),
        "description": format!(
            "{} of {} in account {}. Status: {}. Found {}, by analyzer {}.",
            title(finding), own.resource, own.account, own.status.as_str(), own.created, analyzer.name
        ),
        "labels": ["leastwise", own.kind.as_str()], "severity": severity(own.risk).2, "account": own.account, "resource": own.resource,
    })
}

/// A finding on one line.
fn sentence(finding: &Finding) -> String {
    let own = &finding.summary;
    let name = own.resource.rsplit(['/', ':']).next().unwrap_or(&own.resource);
    format!("{}: {name} in {} ({})", title(finding), own.account, own.status.as_str().to_ascii_lowercase())
}

/// Findings that a message names; the rest is counted.
const MAX_NAMED: usize = 10;

/// One message about findings, for people.
pub(super) fn digest(form: &str, findings: &[Finding]) -> Value {
    let of = |status: FindingStatus| findings.iter().filter(|finding| finding.summary.status == status).count();
    let parts: Vec<String> =
        [(FindingStatus::Active, "open"), (FindingStatus::Archived, "archived"), (FindingStatus::Resolved, "resolved")]
            .into_iter()
            .filter(|(status, _)| of(*status) > 0)
            .map(|(status, word)| format!("{} {word}", of(status)))
            .collect();
    let noun = if findings.len() == 1 { "finding" } else { "findings" };
    let mut lines = vec![format!("leastwise: {} {noun} changed ({})", findings.len(), parts.join(", "))];
    lines.extend(findings.iter().take(MAX_NAMED).map(|finding| format!("- {}", sentence(finding))));
    if findings.len() > MAX_NAMED {
        lines.push(format!("- and {} more", findings.len() - MAX_NAMED));
    }
    message(form, &lines)
}

/// Lines as a message of a form for people.
fn message(form: &str, lines: &[String]) -> Value {
    if form == "teams" {
        let block = |line: &String| json!({"type": "TextBlock", "text": line, "wrap": true});
        return json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
                    "body": lines.iter().map(block).collect::<Vec<_>>(),
                },
            }],
        });
    }
    // Slack's three control characters ("Formatting text for app surfaces").
    let text = lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({"text": text})
}

/// A message that says that messages arrive.
pub(super) fn test(form: &str) -> Value {
    let says = "leastwise: this is a test; the webhook works";
    match form {
        "slack" | "teams" => message(form, &[says.to_owned()]),
        "jira" => json!({"key": "test", "status": "TEST", "summary": says, "description": says, "labels": ["leastwise"]}),
        _ => json!({"event": "test", "source": "leastwise", "detail-type": "Test", "message": says}),
    }
}

fn region(analyzer: &Analyzer) -> &str {
    analyzer.arn.split(':').nth(3).unwrap_or_default()
}

fn title(finding: &Finding) -> &'static str {
    match finding.summary.kind.as_str() {
        "UnusedPermission" => "Unused permissions",
        "UnusedIAMRole" => "Unused IAM role",
        "UnusedIAMUserAccessKey" => "Unused IAM user access key",
        _ => "Unused IAM user password",
    }
}

/// The shape of the provider's own event for unused access; `source` says that it is ours.
fn eventbridge(analyzer: &Analyzer, finding: &Finding) -> Value {
    let own = &finding.summary;
    json!({
        "version": "0",
        "id": own.id,
        "detail-type": "Unused Access Finding for IAM entities",
        "source": "leastwise",
        "account": analyzer.account(),
        "time": own.updated.to_string(),
        "region": region(analyzer),
        "resources": [analyzer.arn],
        "detail": {
            "findingId": own.id,
            "findingType": own.kind.as_str(),
            "resource": own.resource,
            "resourceType": own.resource_type.as_str(),
            "accountId": own.account,
            "status": own.status.as_str(),
            "createdAt": own.created.to_string(),
            "analyzedAt": own.analysed.to_string(),
            "updatedAt": own.updated.to_string(),
            "numberOfUnusedActions": own.unused_actions,
            "risks": own.risk.names().collect::<Vec<_>>(),
            "version": own.updated.seconds().to_string(),
        },
    })
}

/// OCSF's numbers of severity: 1 informational, 2 low, 3 medium, 4 high.
fn severity(risk: Risk) -> (u8, &'static str, &'static str) {
    if risk.has(Risk::ESCALATION) {
        (4, "High", "HIGH")
    } else if risk.has(Risk::PERMISSIONS_MANAGEMENT) || risk.has(Risk::DATA_ACCESS) {
        (3, "Medium", "MEDIUM")
    } else if risk.has(Risk::WRITE) {
        (2, "Low", "LOW")
    } else {
        (1, "Informational", "INFORMATIONAL")
    }
}

/// OCSF 1.3, class 2003 (Compliance Finding).
fn ocsf(analyzer: &Analyzer, finding: &Finding) -> Value {
    let own = &finding.summary;
    let (severity_id, severity, _) = severity(own.risk);
    let (activity_id, status_id, status) = match own.status {
        FindingStatus::Active if own.created == own.updated => (1, 1, "New"),
        FindingStatus::Active => (2, 1, "New"),
        FindingStatus::Archived => (2, 3, "Suppressed"),
        FindingStatus::Resolved => (3, 4, "Resolved"),
    };
    json!({
        "class_uid": 2003, "class_name": "Compliance Finding", "category_uid": 2, "category_name": "Findings",
        "activity_id": activity_id, "type_uid": 200_300 + activity_id,
        "severity_id": severity_id, "severity": severity, "status_id": status_id, "status": status,
        "time": own.updated.seconds() * 1000,
        "metadata": {
            "version": "1.3.0", "uid": own.id,
            "product": {"name": "leastwise", "vendor_name": "leastwise", "version": env!("CARGO_PKG_VERSION")},
        },
        "cloud": {"provider": "AWS", "region": region(analyzer), "account": {"uid": own.account, "type": "AWS Account", "type_id": 10}},
        "finding_info": {
            "uid": own.id, "title": title(finding), "types": [own.kind.as_str()],
            "created_time": own.created.seconds() * 1000, "modified_time": own.updated.seconds() * 1000,
        },
        "compliance": {"control": "least privilege", "standards": ["least privilege"], "status": if own.status == FindingStatus::Resolved { "Pass" } else { "Fail" }},
        "resources": [{"uid": own.resource, "type": own.resource_type.as_str(), "owner": {"account": {"uid": own.account}}}],
        "unmapped": {"unusedActions": own.unused_actions, "risks": own.risk.names().collect::<Vec<_>>()},
    })
}

/// AWS Security Finding Format, 2018-10-08; a product of the account itself (`product/ACCOUNT/default`).
fn asff(analyzer: &Analyzer, finding: &Finding) -> Value {
    let own = &finding.summary;
    let (_, _, label) = severity(own.risk);
    let region = region(analyzer);
    let kind = if own.resource_type.as_str() == "AWS::IAM::Role" { "AwsIamRole" } else { "AwsIamUser" };
    let (workflow, record) = match own.status {
        FindingStatus::Active => ("NEW", "ACTIVE"),
        FindingStatus::Archived => ("SUPPRESSED", "ACTIVE"),
        FindingStatus::Resolved => ("RESOLVED", "ARCHIVED"),
    };
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("{}/{}", analyzer.arn, own.id),
        "ProductArn": format!("arn:aws:securityhub:{region}:{0}:product/{0}/default", own.account),
        "GeneratorId": format!("leastwise/{}", own.kind.as_str()),
        "AwsAccountId": own.account,
        "Types": ["Software and Configuration Checks/AWS Security Best Practices/Unused access"],
        "CreatedAt": own.created.to_string(),
        "UpdatedAt": own.updated.to_string(),
        "Severity": {"Label": label},
        "Title": title(finding),
        "Description": format!("{} of {}: see the finding for the evidence.", title(finding), own.resource),
        "Resources": [{"Type": kind, "Id": own.resource, "Partition": own.resource.split(':').nth(1).unwrap_or("aws"), "Region": region}],
        "Compliance": {"Status": if own.status == FindingStatus::Resolved { "PASSED" } else { "FAILED" }},
        "Workflow": {"Status": workflow},
        "RecordState": record,
        "ProductFields": {"leastwise/unusedActions": own.unused_actions.to_string(), "leastwise/risks": own.risk.names().collect::<Vec<_>>().join(",")},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_for_people_carries_no_markup_of_names() {
        assert_eq!(message("slack", &["<!channel> & more".to_owned()]), json!({"text": "&lt;!channel&gt; &amp; more"}));
        let card = message("teams", &["one".to_owned(), "two".to_owned()]);
        assert_eq!(card.pointer("/attachments/0/content/body/1/text"), Some(&json!("two")));
        assert_eq!(digest("slack", &[]), json!({"text": "leastwise: 0 findings changed ()"}));
    }
}
