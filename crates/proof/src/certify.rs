//! Turns a candidate into a verified one: the only place that builds a [`Verified`].
//!
//! The candidate's own texts are read anew, so that what was proved is what will be shown. A candidate whose claims
//! do not all hold comes back as [`Refuted`], never as output.

use std::fmt;
use std::ops::Deref;

use leastwise_policy::document::PolicyError;
use leastwise_policy::{Catalogue, Policy, Unused};

use crate::certificate::Certificate;
use crate::claims::Claims;
use crate::prove::prove;

/// Something that proposes documents in a policy's place.
pub trait Candidate {
    /// The texts that will be shown or applied: none when nothing is left of the policy, several when it is split.
    fn documents(&self) -> Vec<&str>;
}

/// A candidate whose four claims hold. Only [`certify`] builds one.
///
/// Code outside this crate can neither write one down nor change the one that it has:
/// ```compile_fail,E0451
/// use leastwise_proof::{Certificate, Claims, Verified};
/// fn forge<C>(candidate: C, claims: Claims, certificate: Certificate) -> Verified<C> {
///     Verified { candidate, claims, certificate }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Verified<C> {
    candidate: C,
    claims: Claims,
    certificate: Certificate,
}

impl<C> Verified<C> {
    /// The four claims, all of which hold.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// What was proved, of which inputs; for a file that can be checked again.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The candidate, no longer known to be verified.
    #[must_use]
    pub fn into_inner(self) -> C {
        self.candidate
    }
}

impl<C> Deref for Verified<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.candidate
    }
}

/// A candidate that is not what it claims to be.
#[derive(Debug, Clone)]
pub struct Refuted<C> {
    /// The candidate.
    pub candidate: C,
    /// Why.
    pub refusal: Refusal,
}

/// Why a candidate was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A claim does not hold.
    Claims(Box<Claims>),
    /// A document of the candidate is not a policy.
    Unreadable {
        /// Which document, from 0.
        document: usize,
        /// What is wrong with it.
        error: PolicyError,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unreadable { document, error } => write!(f, "document {document} is not a policy: {error}"),
            Refusal::Claims(claims) => {
                let mut first = true;
                for (claim, verdict) in claims.iter() {
                    if let Some(witness) = verdict.witness() {
                        let separator = if first { "" } else { "\n" };
                        write!(f, "{separator}`{claim}` is {}: {witness}", verdict.as_str())?;
                        first = false;
                    }
                }
                Ok(())
            }
        }
    }
}

impl<C> fmt::Display for Refuted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<C: fmt::Debug> std::error::Error for Refuted<C> {}

/// Proves a candidate.
///
/// # Errors
/// When a document of the candidate is not a policy, or a claim does not hold.
pub fn certify<C: Candidate>(
    original: &Policy,
    unused: &Unused,
    catalogue: &Catalogue,
    candidate: C,
) -> Result<Verified<C>, Refuted<C>> {
    let mut documents = Vec::new();
    for (document, text) in candidate.documents().into_iter().enumerate() {
        match Policy::parse(text) {
            Ok(policy) => documents.push(policy),
            Err(error) => return Err(Refuted { candidate, refusal: Refusal::Unreadable { document, error } }),
        }
    }
    let claims = prove(original, &documents, unused, catalogue);
    if !claims.hold() {
        return Err(Refuted { candidate, refusal: Refusal::Claims(Box::new(claims)) });
    }
    let certificate = Certificate::of(original, &documents, unused, catalogue);
    Ok(Verified { candidate, claims, certificate })
}
