//! The JSON view of the four claims about two documents: `leastwise.prove/1`.

use leastwise_policy::catalogue::Provenance;
use leastwise_proof::{Claims, Witness};
use serde::Serialize;

use super::refinement::CatalogRow;

/// Name and version of this form.
pub const SCHEMA: &str = "leastwise.prove/1";

/// The claims, their verdicts and their witnesses.
#[derive(Debug, Serialize)]
pub struct ProofReport<'a> {
    schema: &'static str,
    holds: bool,
    claims: Vec<ClaimRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateRow>,
    catalog: CatalogRow<'a>,
}

#[derive(Debug, Serialize)]
struct ClaimRow<'a> {
    claim: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessRow<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WitnessRow<'a> {
    explanation: String,
    action: Option<&'a str>,
    resource: Option<&'a str>,
    original_statement: Option<usize>,
    document: Option<usize>,
    refined_statement: Option<usize>,
}

#[derive(Debug, Serialize)]
struct CertificateRow {
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl<'a> ProofReport<'a> {
    /// The report on `claims`, and on the check of a certificate, if one was given: its problem, or none.
    #[must_use]
    pub fn new(claims: &'a Claims, certificate: Option<Option<String>>, catalogue: &'a Provenance) -> ProofReport<'a> {
        let row = |w: &'a Witness| WitnessRow {
            explanation: w.to_string(),
            action: w.action.as_deref(),
            resource: w.resource.as_deref(),
            original_statement: w.original,
            document: w.document,
            refined_statement: w.refined,
        };
        ProofReport {
            schema: SCHEMA,
            holds: claims.hold() && !matches!(certificate, Some(Some(_))),
            claims: claims
                .iter()
                .map(|(claim, verdict)| ClaimRow {
                    claim: claim.as_str(),
                    verdict: verdict.as_str(),
                    witness: verdict.witness().map(row),
                })
                .collect(),
            certificate: certificate.map(|problem| CertificateRow { holds: problem.is_none(), problem }),
            catalog: catalogue.into(),
        }
    }
}
