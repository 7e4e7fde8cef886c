//! How many findings there are, by status, kind and account.
//!
//! The sums are the store's. A key for some accounts gets the sums of these.

use std::collections::BTreeMap;

use leastwise::access::AccountId;
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
struct Asked {
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
    let asked: Asked = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.analyzer_arn).await?;
    let (mut of_status, mut of_kind) = (BTreeMap::new(), BTreeMap::new());
    let mut of_account: BTreeMap<String, BTreeMap<FindingKind, u64>> = BTreeMap::new();
    for count in call.api.store.counts(&analyzer).await? {
        if !AccountId::parse(&count.account).is_some_and(|account| call.who.sees(account)) {
            continue;
        }
        *of_status.entry(count.status).or_default() += count.findings;
        if count.status == FindingStatus::Active {
            *of_kind.entry(count.kind).or_default() += count.findings;
            *of_account.entry(count.account).or_default().entry(count.kind).or_default() += count.findings;
        }
    }
    let total = |status: FindingStatus| number(of_status.get(&status).copied().unwrap_or_default());
    let mut accounts: Vec<(u64, String, BTreeMap<FindingKind, u64>)> =
        of_account.into_iter().map(|(account, kinds)| (kinds.values().sum(), account, kinds)).collect();
    accounts.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let top = accounts.into_iter().take(TOP).map(|(active, account, kinds)| OfAccount {
        account,
        number_of_active_findings: number(active),
        details: kinds.into_iter().map(|(kind, count)| (kind.as_str(), number(count))).collect(),
    });
    let of_type = |kind: FindingKind| OfType {
        unused_access_type: kind.as_str(),
        total: number(of_kind.get(&kind).copied().unwrap_or_default()),
    };
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
