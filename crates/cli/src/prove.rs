//! `leastwise prove`: the four claims about any two documents, decided anew; and certificates, checked.

use std::path::Path;

use leastwise::report::proof::ProofReport;
use leastwise_policy::{Catalogue, Policy};
use leastwise_proof::{CertificateError, Claims, Verdict, prove};

use crate::args::{ProveArguments, ProveFormat};
use crate::certificate;
use crate::failure::{Exit, Failure};
use crate::input::{Inputs, name};
use crate::output::{Colours, print};

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
            let checked = arguments.certificate.is_some().then(|| certified.as_ref().err().map(ToString::to_string));
            let report = ProofReport::new(&claims, checked, catalogue.provenance());
            serde_json::to_string_pretty(&report)
                .map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))?
                + "\n"
        }
    };
    print(&shown)?;
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
