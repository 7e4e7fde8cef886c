//! Certificates: which inputs were proved, by their digests, so that anyone can check and prove them again.
//!
//! The last step of the proof. A certificate is not believed but checked: digests are compared and the claims are
//! decided anew. It is no signature; who made it is not its subject.

use std::fmt;

use leastwise_policy::catalogue::Provenance;
use leastwise_policy::document::PolicyError;
use leastwise_policy::json::{self, Node, quote};
use leastwise_policy::{Catalogue, Policy, Unused};
use sha2::{Digest, Sha256};

use crate::claims::{Claim, Claims, Witness};
use crate::prove::prove;

/// Name of the certificate's schema, as it stands in the JSON text.
pub const SCHEMA: &str = "leastwise-certificate";
/// Version of that schema. Readers refuse others.
pub const SCHEMA_VERSION: u32 = 1;

/// What was proved: all four claims, of the inputs that have these digests (SHA-256, hexadecimal, lower case).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    leastwise: String,
    original: String,
    refined: Vec<String>,
    unused: String,
    catalogue: CatalogueRecord,
}

/// Which catalogue a proof stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CatalogueRecord {
    source: String,
    version: String,
    date: String,
    sha256: String,
}

/// Why a certificate does not certify what it is shown with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// The text is not a certificate that this version reads.
    Unreadable(String),
    /// The certificate is about other inputs: which one, the digest that it records and the digest found.
    OtherInput {
        /// `original`, `refined[0]`, `unused` or `catalogue`.
        input: String,
        /// As recorded.
        recorded: String,
        /// As found.
        found: String,
    },
    /// It is about another number of refined documents.
    OtherCount {
        /// As recorded.
        recorded: usize,
        /// As found.
        found: usize,
    },
    /// A refined document is not a policy.
    NotAPolicy {
        /// Which one, from 0.
        document: usize,
        /// What is wrong with it.
        error: PolicyError,
    },
    /// The inputs are the certificate's, but a claim does not hold for them.
    ClaimFails {
        /// Which claim.
        claim: Claim,
        /// Why.
        witness: Box<Witness>,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateError::Unreadable(message) => write!(f, "this is not a certificate: {message}"),
            CertificateError::OtherInput { input, recorded, found } => {
                write!(f, "the certificate is about another `{input}`: it records SHA-256 {recorded}, found {found}")
            }
            CertificateError::OtherCount { recorded, found } => {
                write!(f, "the certificate is about {recorded} refined documents, not {found}")
            }
            CertificateError::NotAPolicy { document, error } => write!(f, "refined document {document} is not a policy: {error}"),
            CertificateError::ClaimFails { claim, witness } => write!(f, "`{claim}` does not hold: {witness}"),
        }
    }
}

impl std::error::Error for CertificateError {}

impl Certificate {
    pub(crate) fn of(original: &Policy, refined: &[Policy], unused: &Unused, catalogue: &Catalogue) -> Certificate {
        Certificate {
            leastwise: env!("CARGO_PKG_VERSION").to_owned(),
            original: digest(original.text()),
            refined: refined.iter().map(|policy| digest(policy.text())).collect(),
            unused: digest(&unused.canonical()),
            catalogue: CatalogueRecord::of(catalogue.provenance()),
        }
    }

    /// SHA-256 of the canonical form of the unused list (`Unused::canonical`), as hexadecimal digits.
    #[must_use]
    pub fn unused_sha256(&self) -> &str {
        &self.unused
    }

    /// Version of leastwise that made it.
    #[must_use]
    pub fn leastwise(&self) -> &str {
        &self.leastwise
    }

    /// The certificate as JSON: always the same bytes for the same certificate, keys in a fixed order.
    #[must_use]
    pub fn to_json(&self) -> String {
        let refined: Vec<String> = self.refined.iter().map(|sha256| format!("{{ \"sha256\": {} }}", quote(sha256))).collect();
        let refined = if refined.is_empty() { "[]".to_owned() } else { format!("[\n    {}\n  ]", refined.join(",\n    ")) };
        let claims: Vec<String> = Claim::ALL.iter().map(|claim| format!("    {}: \"holds\"", quote(claim.as_str()))).collect();
        let CatalogueRecord { source, version, date, sha256 } = &self.catalogue;
        format!(
            "{{\n  \"schema\": {},\n  \"schema_version\": {SCHEMA_VERSION},\n  \"leastwise\": {},\n  \
             \"original\": {{ \"sha256\": {} }},\n  \"refined\": {refined},\n  \"unused\": {{ \"sha256\": {} }},\n  \
             \"catalog\": {{\n    \"source\": {},\n    \"version\": {},\n    \"date\": {},\n    \"sha256\": {}\n  }},\n  \
             \"claims\": {{\n{}\n  }}\n}}\n",
            quote(SCHEMA),
            quote(&self.leastwise),
            quote(&self.original),
            quote(&self.unused),
            quote(source),
            quote(version),
            quote(date),
            quote(sha256),
            claims.join(",\n"),
        )
    }

    /// Reads a certificate's JSON.
    ///
    /// # Errors
    /// When the text is not JSON, or not a certificate of this schema version with all four claims.
    pub fn from_json(text: &str) -> Result<Certificate, CertificateError> {
        let root = json::parse(text).map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let root = Reader { node: &root, path: "" };
        let schema = root.string("schema")?;
        if schema != SCHEMA {
            return Err(CertificateError::Unreadable(format!("its `schema` is `{schema}`, not `{SCHEMA}`")));
        }
        let version = root.member("schema_version")?;
        if !matches!(&version.node.value, json::Value::Number(number) if **number == *SCHEMA_VERSION.to_string()) {
            return Err(CertificateError::Unreadable(format!(
                "its `schema_version` is not {SCHEMA_VERSION}, the one that is read"
            )));
        }
        let claims = root.member("claims")?;
        for claim in Claim::ALL {
            let verdict = claims.string(claim.as_str())?;
            if verdict != "holds" {
                return Err(CertificateError::Unreadable(format!(
                    "it says that `{claim}` is `{verdict}`, and certifies nothing"
                )));
            }
        }
        let refined = root.member("refined")?;
        let Some(documents) = refined.node.as_array() else {
            return Err(CertificateError::Unreadable("`refined` is not a list".to_owned()));
        };
        let sha256 = |key| root.member(key)?.string("sha256");
        let catalogue = root.member("catalog")?;
        Ok(Certificate {
            leastwise: root.string("leastwise")?,
            original: sha256("original")?,
            refined: documents
                .iter()
                .map(|node| Reader { node, path: "refined" }.string("sha256"))
                .collect::<Result<_, CertificateError>>()?,
            unused: sha256("unused")?,
            catalogue: CatalogueRecord {
                source: catalogue.string("source")?,
                version: catalogue.string("version")?,
                date: catalogue.string("date")?,
                sha256: catalogue.string("sha256")?,
            },
        })
    }

    /// Checks that the certificate is about these inputs, and decides the claims anew.
    ///
    /// # Errors
    /// When a digest or the number of documents differs, a document is not a policy, or a claim does not hold.
    pub fn check(
        &self,
        original: &Policy,
        refined: &[&str],
        unused: &Unused,
        catalogue: &Catalogue,
    ) -> Result<Claims, CertificateError> {
        if refined.len() != self.refined.len() {
            return Err(CertificateError::OtherCount { recorded: self.refined.len(), found: refined.len() });
        }
        let mut documents = Vec::new();
        for (document, text) in refined.iter().enumerate() {
            documents.push(Policy::parse(text).map_err(|error| CertificateError::NotAPolicy { document, error })?);
        }
        let found = Certificate::of(original, &documents, unused, catalogue);
        same("original", &self.original, &found.original)?;
        for (at, (recorded, found)) in self.refined.iter().zip(&found.refined).enumerate() {
            same(&format!("refined[{at}]"), recorded, found)?;
        }
        same("unused", &self.unused, &found.unused)?;
        same("catalogue", &self.catalogue.sha256, &found.catalogue.sha256)?;
        let claims = prove(original, &documents, unused, catalogue);
        let failing = claims.iter().find_map(|(claim, verdict)| verdict.witness().map(|witness| (claim, witness.clone())));
        if let Some((claim, witness)) = failing {
            return Err(CertificateError::ClaimFails { claim, witness: Box::new(witness) });
        }
        Ok(claims)
    }
}

impl CatalogueRecord {
    fn of(provenance: &Provenance) -> CatalogueRecord {
        CatalogueRecord {
            source: provenance.source.clone(),
            version: provenance.version.clone(),
            date: provenance.date.clone(),
            sha256: provenance.sha256.clone(),
        }
    }
}

fn same(input: &str, recorded: &str, found: &str) -> Result<(), CertificateError> {
    if recorded == found {
        return Ok(());
    }
    Err(CertificateError::OtherInput { input: input.to_owned(), recorded: recorded.to_owned(), found: found.to_owned() })
}

fn digest(text: &str) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    Sha256::digest(text.as_bytes()).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads members of an object, naming what is missing.
struct Reader<'n> {
    node: &'n Node,
    path: &'n str,
}

impl<'n> Reader<'n> {
    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn member(&self, key: &'n str) -> Result<Reader<'n>, CertificateError> {
        let member = self.node.member(key);
        let node = member.map(|m| &m.value);
        node.map(|node| Reader { node, path: key })
            .ok_or_else(|| CertificateError::Unreadable(format!("it has no `{}`", self.name(key))))
    }

    fn string(&self, key: &'n str) -> Result<String, CertificateError> {
        let node = self.member(key)?.node;
        node.as_str()
            .map(str::to_owned)
            .ok_or_else(|| CertificateError::Unreadable(format!("`{}` is {}, not a string", self.name(key), node.kind())))
    }
}
