//! How many findings there are, by status, kind and account.
//!
//! The sums are the store's. A key for some accounts gets the sums of these.

use std::collections::BTreeMap;

use leastwise::findings::FindingKind;
use serde::{Deserialize, Serialize};

use super::Reply;
use super::error::WireError;
use super::request::Call;
use crate::store::FindingStatus;

/// The most accounts that are told apart (the model's limit).
const TOP: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedRequest {
    analyzer_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    findings_statistics: [Statistics; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_at: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    unused_access_findings_statistics: UnusedAccess,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnusedAccess {
    unused_access_type_statistics: Vec<OfType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_accounts: Vec<OfAccount>,
    total_active_findings: i32,
    total_archived_findings: i32,
    total_resolved_findings: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfType {
    unused_access_type: &'static str,
    total: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfAccount {
    account: String,
    number_of_active_findings: i32,
    details: BTreeMap<&'static str, i32>,
}

/// The model's integers have 32 bits.
fn number(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub(super) async fn of_findings(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: SignedRequest = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.analyzer_arn).await?;
    let only = call.who.visible.accounts();
    let known = call.api.store.statistics_of(&analyzer, only.as_deref(), TOP).await?;
    let top = known.accounts.iter().map(|totals| OfAccount {
        account: totals.account.clone(),
        number_of_active_findings: number(totals.active),
        details: totals.by_kind.iter().map(|(kind, count)| (kind.as_str(), number(*count))).collect(),
    });
    let of_type = |kind: FindingKind| OfType { unused_access_type: kind.as_str(), total: number(known.active(kind)) };
    let total = |status: FindingStatus| number(known.of_status(status));
    let statistics = UnusedAccess {
        unused_access_type_statistics: FindingKind::ALL.into_iter().map(of_type).collect(),
        top_accounts: top.collect(),
        total_active_findings: total(FindingStatus::Active),
        total_archived_findings: total(FindingStatus::Archived),
        total_resolved_findings: total(FindingStatus::Resolved),
    };
    Reply::of(&View {
        findings_statistics: [Statistics { unused_access_findings_statistics: statistics }],
        last_updated_at: analyzer.analysed.map(|time| time.to_string()),
    })
}
