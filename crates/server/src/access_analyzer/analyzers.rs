//! Analyzers: made, shown, changed and deleted.
//!
//! Only analyzers of unused access are made here. The limits that are not in the model are the API reference's.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::archive_rules;
use super::error::WireError;
use super::page::USUAL;
use super::request::Call;
use super::{Reply, tags};
use crate::state::{NO_ACCOUNT, analyzer_arn};
use crate::store::{AnalysisRule, Analyzer, NewAnalyzer, Scope, StoreError};

/// The days of `unusedAccessAge` when none are given.
const USUAL_AGE: u32 = 90;
/// The most accounts of all exclusions together.
const MOST_ACCOUNTS: usize = 2000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    analyzer_name: String,
    r#type: String,
    #[serde(default)]
    archive_rules: Option<Vec<InlineRule>>,
    tags: Option<BTreeMap<String, String>>,
    configuration: Option<Configuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InlineRule {
    rule_name: String,
    filter: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    unused_access: Option<UnusedAccess>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnusedAccess {
    unused_access_age: Option<i64>,
    analysis_rule: Option<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    exclusions: Option<Vec<Exclusion>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exclusion {
    account_ids: Option<Vec<String>>,
    resource_tags: Option<Vec<BTreeMap<String, String>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    analyzer_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    analyzer_name: String,
    configuration: Option<Configuration>,
}

#[derive(Serialize)]
struct Created<'a> {
    arn: &'a str,
}

#[derive(Serialize)]
struct One {
    analyzer: View,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    analyzers: Vec<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
struct Updated {
    configuration: ConfigurationView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    arn: String,
    name: String,
    r#type: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_resource_analyzed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_resource_analyzed_at: Option<String>,
    tags: BTreeMap<String, String>,
    status: String,
    configuration: ConfigurationView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigurationView {
    unused_access: UnusedAccessView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnusedAccessView {
    unused_access_age: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_rule: Option<RuleView>,
}

#[derive(Serialize)]
struct RuleView {
    exclusions: Vec<ExclusionView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExclusionView {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    account_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_tags: Vec<BTreeMap<String, String>>,
}

impl ConfigurationView {
    fn of(analyzer: &Analyzer) -> ConfigurationView {
        let exclusion = |rule: &AnalysisRule| ExclusionView {
            account_ids: rule.account_ids.clone(),
            resource_tags: rule.resource_tags.iter().map(|set| set.iter().cloned().collect()).collect(),
        };
        let exclusions: Vec<ExclusionView> = analyzer.exclusions.iter().map(exclusion).collect();
        let analysis_rule = (!exclusions.is_empty()).then_some(RuleView { exclusions });
        ConfigurationView { unused_access: UnusedAccessView { unused_access_age: analyzer.unused_access_age, analysis_rule } }
    }
}

/// An analyzer as whoever asks sees it; none when it is of an account of others.
async fn view(call: &Call<'_>, analyzer: Analyzer) -> Result<Option<View>, WireError> {
    let visible = &call.who.visible;
    let tags = if visible.sees_tags(&analyzer) { call.api.store.tags(&analyzer.arn).await? } else { Vec::new() };
    let tags = tags.into_iter().collect();
    let Some(analyzer) = visible.analyzer(analyzer) else { return Ok(None) };
    let configuration = ConfigurationView::of(&analyzer);
    Ok(Some(View {
        r#type: analyzer.scope.as_str(),
        created_at: analyzer.created.to_string(),
        last_resource_analyzed: analyzer.last_resource,
        last_resource_analyzed_at: analyzer.analysed.map(|time| time.to_string()),
        tags,
        status: analyzer.status,
        configuration,
        arn: analyzer.arn,
        name: analyzer.name,
    }))
}

/// What an analyzer leaves alone.
fn exclusions(rule: Option<Rule>) -> Result<Vec<AnalysisRule>, WireError> {
    let place = "configuration.unusedAccess.analysisRule.exclusions";
    let mut out = Vec::new();
    for (at, exclusion) in rule.and_then(|rule| rule.exclusions).unwrap_or_default().into_iter().enumerate() {
        let account_ids = exclusion.account_ids.unwrap_or_default();
        if let Some(wrong) = account_ids.iter().find(|id| AccountId::parse(id).is_none()) {
            return Err(WireError::field(format!("{place}.{at}.accountIds"), format!("`{wrong}` is no account")));
        }
        let sets = exclusion.resource_tags.unwrap_or_default();
        if account_ids.is_empty() && sets.iter().all(BTreeMap::is_empty) {
            return Err(WireError::field(format!("{place}.{at}"), "excludes nothing"));
        }
        out.push(AnalysisRule { account_ids, resource_tags: sets.into_iter().map(|set| set.into_iter().collect()).collect() });
    }
    if out.iter().map(|rule| rule.account_ids.len()).sum::<usize>() > MOST_ACCOUNTS {
        return Err(WireError::field(place, format!("has more than {MOST_ACCOUNTS} accounts")));
    }
    Ok(out)
}

/// The configuration of unused access; another one is not for these analyzers.
fn unused_access(configuration: Option<Configuration>) -> Result<Option<UnusedAccess>, WireError> {
    match configuration {
        None => Ok(None),
        Some(Configuration { unused_access: Some(own) }) => Ok(Some(own)),
        Some(_) => Err(WireError::unsupported("only `configuration.unusedAccess` is supported here")),
    }
}

fn age(days: Option<i64>) -> Result<u32, WireError> {
    let valid = u32::try_from(days.unwrap_or(i64::from(USUAL_AGE))).ok().filter(|days| (1..=365).contains(days));
    valid.ok_or_else(|| WireError::field("configuration.unusedAccess.unusedAccessAge", "is not from 1 to 365"))
}

/// The account in the ARNs of analyzers: as told, else that of the first one, and for good.
async fn account(call: &Call<'_>) -> Result<String, WireError> {
    if let Some(told) = &call.api.account {
        return Ok(told.to_string());
    }
    let store = &call.api.store;
    if let Some(known) = store.setting("account").await? {
        return Ok(known);
    }
    match store.analyzers(None, 1).await?.first() {
        Some(analyzer) => Ok(store.settle("account", analyzer.account()).await?),
        None => Ok(NO_ACCOUNT.to_owned()),
    }
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, WireError> {
    let create: Create = call.input()?;
    let scope = Scope::parse(&create.r#type).ok_or_else(|| {
        WireError::unsupported(format!("the analyzer type `{}` is not supported here; those of unused access are", create.r#type))
    })?;
    let configuration = unused_access(create.configuration)?;
    let (days, rule) = configuration.map_or((None, None), |own| (own.unused_access_age, own.analysis_rule));
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for rule in create.archive_rules.unwrap_or_default() {
        if !names.insert(rule.rule_name.clone()) {
            return Err(WireError::field("archiveRules", format!("has two rules `{}`", rule.rule_name)));
        }
        rules.push((rule.rule_name, archive_rules::filter(&rule.filter)?));
    }
    archive_rules::within_quota(rules.len(), &create.analyzer_name)?;
    let tags: Vec<(String, String)> = create.tags.unwrap_or_default().into_iter().collect();
    tags::check(&tags, &[])?;
    let (region, account) = (&call.api.region, account(call).await?);
    let arn = analyzer_arn(region, &account, &create.analyzer_name);
    let (unused_access_age, exclusions) = (age(days)?, exclusions(rule)?);
    let new = NewAnalyzer { name: create.analyzer_name, arn, scope, unused_access_age, exclusions, tags, rules };
    let made = call.api.store.create_analyzer(&new, &call.change()).await?;
    call.api.desk.wake();
    Reply::of(&Created { arn: &made.arn })
}

pub(super) async fn one(call: &Call<'_>) -> Result<Reply, WireError> {
    let named: Named = call.input()?;
    let missing = || StoreError::NotFound { what: "analyzer", id: named.analyzer_name.clone() };
    let analyzer = call.api.store.analyzer(&named.analyzer_name).await?;
    Reply::of(&One { analyzer: view(call, analyzer).await?.ok_or_else(missing)? })
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, WireError> {
    let size = call.page_size(USUAL)? as usize;
    let kind = call.input.get("type").and_then(Value::as_str);
    let mut after = call.after()?;
    let mut analyzers = Vec::new();
    let mut has_more = false;
    loop {
        let batch = call.api.store.analyzers(after.as_deref(), 200).await?;
        let Some(last) = batch.last() else { break };
        let next = last.name.clone();
        for analyzer in batch.into_iter().filter(|one| kind.is_none_or(|kind| one.scope.as_str() == kind)) {
            if analyzers.len() == size {
                has_more = true;
                break;
            }
            let name = analyzer.name.clone();
            if let Some(seen) = view(call, analyzer).await? {
                analyzers.push(seen);
            }
            after = Some(name);
        }
        if has_more {
            break;
        }
        after = Some(next);
    }
    let next_token = after.filter(|_| has_more).map(|name| call.token(&name)).transpose()?;
    Reply::of(&Listed { analyzers, next_token })
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, WireError> {
    let update: Update = call.input()?;
    let own = unused_access(update.configuration)?;
    let analyzer = call.api.store.analyzer(&update.analyzer_name).await?;
    let Some(own) = own else { return Reply::of(&Updated { configuration: ConfigurationView::of(&analyzer) }) };
    if own.unused_access_age.is_some_and(|days| days != i64::from(analyzer.unused_access_age)) {
        return Err(WireError::field("configuration.unusedAccess.unusedAccessAge", "cannot be changed; make another analyzer"));
    }
    let exclusions = exclusions(own.analysis_rule)?;
    let analyzer = call.api.store.update_analyzer(&analyzer.name, &exclusions, &call.change()).await?;
    call.api.desk.wake();
    Reply::of(&Updated { configuration: ConfigurationView::of(&analyzer) })
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, WireError> {
    let named: Named = call.input()?;
    call.api.store.delete_analyzer(&named.analyzer_name, &call.change()).await?;
    Reply::empty()
}
