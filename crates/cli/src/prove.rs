//! `leastwise prove`: the four claims about any two documents, decided anew; and certificates, checked.

use std::path::Path;

use leastwise_policy::{Catalogue, Policy};
use leastwise_proof::{CertificateError, Claims, Verdict, prove};
use serde::Serialize;

use crate::args::{ProveArguments, ProveFormat};
use crate::certificate;
use crate::failure::{Exit, Failure};
use crate::input::{Inputs, name};
use crate::output::{Colours, print};

/// The JSON form's name and version.
const SCHEMA: &str = "leastwise.prove/1";

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    holds: bool,
    claims: Vec<ClaimRow>,
    catalog: leastwise::report::refinement::CatalogRow<'a>,
}

#[derive(Serialize)]
struct ClaimRow {
    claim: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WitnessRow {
    explanation: String,
    action: Option<String>,
    resource: Option<String>,
    original_statement: Option<usize>,
    document: Option<usize>,
    refined_statement: Option<usize>,
}

/// Runs the command.
pub(crate) fn run(arguments: &ProveArguments) -> Result<Exit, Failure> {
    let inputs = Inputs::default();
    let own = inputs.catalogue(arguments.catalogue.catalog.as_deref())?;
    let catalogue = own.as_ref().unwrap_or_else(|| Catalogue::embedded());
    let original = inputs.policy(&arguments.original)?;
    let unused = inputs.unused(&arguments.unused)?;
    let mut documents: Vec<Policy> = Vec::new();
    for path in &arguments.refined {
        documents.extend(document(&inputs, path)?);
    }
    let claims = prove(&original, &documents, &unused, catalogue);
    let certified = match &arguments.certificate {
        None => Ok(()),
        Some(path) => {
            let certificate = certificate::read(&inputs, path)?;
            let texts: Vec<&str> = documents.iter().map(Policy::text).collect();
            certificate.check(&original, &texts, &unused, catalogue).map(|_| ())
        }
    };
    let shown = match arguments.format {
        ProveFormat::Text => {
            text(&claims, arguments.certificate.as_deref(), certified.as_ref().err(), Colours::of_standard_output())
        }
        ProveFormat::Json => {
            let report = Report {
                schema: SCHEMA,
                holds: claims.hold() && certified.is_ok(),
                claims: rows(&claims),
                catalog: catalogue.provenance().into(),
            };
            serde_json::to_string_pretty(&report)
                .map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))?
                + "\n"
        }
    };
    print(&shown)?;
    if let (ProveFormat::Json, Some(error)) = (arguments.format, certified.as_ref().err()) {
        crate::output::remark(&format!("certificate: {error}"));
    }
    let disputed = claims.iter().any(|(_, verdict)| matches!(verdict, Verdict::Disputed(_)));
    Ok(match (disputed, claims.hold() && certified.is_ok()) {
        (true, _) => Exit::Fault,
        (false, true) => Exit::Clean,
        (false, false) => Exit::Findings,
    })
}

/// A refined document; none where the file says `null`, as nothing is left.
fn document(inputs: &Inputs, path: &Path) -> Result<Option<Policy>, Failure> {
    let text = inputs.text(path)?;
    if text.trim() == "null" {
        return Ok(None);
    }
    Policy::parse(&text).map(Some).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), e.help))
}

fn rows(claims: &Claims) -> Vec<ClaimRow> {
    let row = |(claim, verdict): (leastwise_proof::Claim, &Verdict)| ClaimRow {
        claim: claim.as_str(),
        verdict: verdict.as_str(),
        witness: verdict.witness().map(|w| WitnessRow {
            explanation: w.to_string(),
            action: w.action.clone(),
            resource: w.resource.clone(),
            original_statement: w.original,
            document: w.document,
            refined_statement: w.refined,
        }),
    };
    claims.iter().map(row).collect()
}

fn text(claims: &Claims, certificate: Option<&Path>, error: Option<&CertificateError>, colours: Colours) -> String {
    let mut out = String::new();
    for (claim, verdict) in claims.iter() {
        let mark = if verdict.holds() { colours.green("✓") } else { colours.red("✗") };
        out.push_str(&format!("{mark} {:<30} {}\n", claim.as_str(), verdict.as_str()));
        if let Some(witness) = verdict.witness() {
            out.push_str(&format!("    {witness}\n"));
        }
    }
    match (certificate, error) {
        (None, _) => {}
        (Some(path), None) => {
            out.push_str(&format!("{} certificate {} is about these inputs and holds\n", colours.green("✓"), name(path)))
        }
        (Some(path), Some(error)) => out.push_str(&format!("{} certificate {}: {error}\n", colours.red("✗"), name(path))),
    }
    out
}
