//! Certificates as files.

use std::path::Path;

use leastwise_proof::Certificate;

use crate::failure::Failure;
use crate::input::{Inputs, name};

/// A certificate's text, as it is written to a file.
pub(crate) fn text(certificate: &Certificate) -> String {
    let json = certificate.to_json();
    if json.ends_with('\n') { json } else { json + "\n" }
}

/// Reads a certificate.
pub(crate) fn read(inputs: &Inputs, path: &Path) -> Result<Certificate, Failure> {
    let text = inputs.text(path)?;
    Certificate::from_json(&text).map_err(|e| {
        Failure::bad_input(format!("{}: {e}", name(path)), "give a file that `leastwise refine --certificate` wrote")
    })
}
