//! The JSON view of a proved refinement: `leastwise.refine/1`, whose schema is `docs/schema/refine.v1.json`.
//!
//! A view over `Verified` results only; it decides nothing.

use leastwise_policy::catalogue::{Catalogue, Provenance};
use leastwise_policy::document::quota_size;
use leastwise_policy::{Policy, Unused};
use leastwise_proof::{Claim, Claims, Verdict, Verified};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::refine::{Quota, Recommendation, Split};

/// Name and version of this form; the number grows when a reader would have to change.
pub const SCHEMA: &str = "leastwise.refine/1";

/// A refinement as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefinementReport<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    policy: Option<Box<RawValue>>,
    text: Option<&'a str>,
    claims: serde_json::Map<String, serde_json::Value>,
    changes: Vec<Change<'a>>,
    steps: Vec<&'static str>,
    size: Size,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<Part<'a>>>,
    generalization: &'static str,
    warnings: Vec<WarningRow<'a>>,
    unused_list: UnusedList,
    catalog: CatalogRow<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    index: usize,
    sid: Option<&'a str>,
    removed: &'a [String],
    added: &'a [String],
    statement_removed: bool,
    kept: Vec<KeptRow<'a>>,
}

#[derive(Debug, Serialize)]
struct KeptRow<'a> {
    pattern: &'a str,
    reason: &'static str,
}

#[derive(Debug, Serialize)]
struct Size {
    /// Characters that count for a quota.
    before: usize,
    after: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaRow>,
}

#[derive(Debug, Serialize)]
struct QuotaRow {
    kind: &'static str,
    limit: usize,
    fits: bool,
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    policy: Box<RawValue>,
    text: &'a str,
    size: usize,
}

#[derive(Debug, Serialize)]
struct WarningRow<'a> {
    code: &'static str,
    statement: Option<usize>,
    message: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnusedList {
    /// SHA-256 of the list's canonical form.
    sha256: String,
    /// The period that the list is about; null, as lists given by hand do not say it.
    observation_window: Option<&'static str>,
}

/// The catalogue that a result stands on, as JSON.
#[derive(Debug, Serialize)]
pub struct CatalogRow<'a> {
    source: &'a str,
    version: &'a str,
    date: &'a str,
    sha256: &'a str,
}

impl<'a> From<&'a Provenance> for CatalogRow<'a> {
    fn from(p: &'a Provenance) -> Self {
        CatalogRow { source: &p.source, version: &p.version, date: &p.date, sha256: &p.sha256 }
    }
}

/// What a report is about.
pub struct Refined<'a> {
    /// The caller's own id for the case, as JSON.
    pub id: Option<&'a RawValue>,
    /// The policy that was refined.
    pub original: &'a Policy,
    /// What was reported unused.
    pub unused: &'a Unused,
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    /// The proved result.
    pub recommendation: &'a Verified<Recommendation>,
    /// The quota that was asked for.
    pub quota: Option<Quota>,
    /// The proved parts, when the result was split.
    pub split: Option<&'a Verified<Split>>,
}

impl<'a> RefinementReport<'a> {
    /// The report on a proved refinement.
    #[must_use]
    pub fn new(refined: &Refined<'a>) -> RefinementReport<'a> {
        let result = refined.recommendation;
        let after = result.text.as_deref().map_or(0, quota_size);
        let part = |text: &'a str| Some(Part { policy: raw(text)?, text, size: quota_size(text) });
        RefinementReport {
            schema: SCHEMA,
            id: refined.id,
            policy: result.text.as_deref().and_then(raw),
            text: result.text.as_deref(),
            claims: claims_object(result.claims()),
            changes: result.changes.iter().map(change).collect(),
            steps: result.steps().iter().map(|s| s.as_str()).collect(),
            size: Size {
                before: refined.original.quota_size(),
                after,
                quota: refined.quota.map(|q| QuotaRow { kind: q.as_str(), limit: q.limit(), fits: after <= q.limit() }),
            },
            parts: refined.split.map(|s| s.parts.iter().filter_map(|p| part(p)).collect()),
            generalization: result.generalization.as_str(),
            warnings: result.warnings.iter().map(|w| WarningRow { code: w.code.as_str(), statement: w.statement, message: &w.message }).collect(),
            unused_list: UnusedList { sha256: leastwise_proof::sha256_hex(refined.unused.canonical().as_bytes()), observation_window: None },
            catalog: refined.catalogue.provenance().into(),
        }
    }
}

fn change(change: &crate::refine::StatementChange) -> Change<'_> {
    Change {
        index: change.index,
        sid: change.sid.as_deref(),
        removed: &change.removed,
        added: &change.added,
        statement_removed: change.statement_removed,
        kept: change.kept.iter().map(|k| KeptRow { pattern: &k.pattern, reason: k.reason.as_str() }).collect(),
    }
}

/// The claims as JSON: name → `holds` or `refuted`.
#[must_use]
pub fn claims_object(claims: &Claims) -> serde_json::Map<String, serde_json::Value> {
    let word = |claim: Claim| match claims.verdict(claim) {
        Verdict::Holds => "holds",
        Verdict::Refuted(_) => "refuted",
    };
    Claim::ALL.iter().map(|c| (c.as_str().to_owned(), word(*c).into())).collect()
}

/// A document's text as one JSON value on one line; its strings and their order stay as they are.
fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(leastwise_policy::document::minified(text)).ok()
}
