//! Decides the claims of a refined policy by its own means; depends on the policy language alone.
//!
//! Between the refiner and everything that shows or applies a recommendation: [`certify`] is the only way to a
//! [`Verified`], and [`prove`] decides the same claims for any two documents. No code is shared with the refiner, and
//! none with the policy crate's matcher but to replay witnesses. It does no I/O and reads no clock: same input, same verdicts.
//!
//! Bottom up: `language` (automata) and `search` (shortest text inside some languages and outside others), `clause`
//! (a statement as sets), `known_names` and `resources`, then one module per claim: `inclusion` with its quick way
//! `actions`, `unused_dropped`, `others_kept`, `structure`; `replay` checks their witnesses.

mod actions;
mod certificate;
mod certify;
mod claims;
mod clause;
mod inclusion;
mod known_names;
mod language;
mod others_kept;
mod prove;
mod replay;
mod resources;
mod search;
mod structure;
mod unused_dropped;

pub use certificate::{Certificate, CertificateError, SCHEMA, SCHEMA_VERSION};
pub use certify::{Candidate, Refusal, Refuted, Verified, certify};
pub use claims::{Claim, Claims, Reason, Verdict, Witness};
pub use prove::prove;
