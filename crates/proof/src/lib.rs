//! Decides the claims of a refined policy by its own means; depends on the policy language alone.
//!
//! Between the refiner and everything that shows or applies a recommendation: [`certify`] is the only way to a
//! [`Verified`], and [`prove`] decides the same claims for any two documents. No code is shared with the refiner, and
//! none with the policy crate's matcher but to replay witnesses. It does no I/O and reads no clock: same input, same verdicts.
//!
//! What is exact: actions over all strings, resources over all texts segment by segment, Deny on both sides. What is not
//! taken apart: principals and conditions, compared as values, and policy variables, each equal to itself only; where
//! these would decide, a claim is refuted with [`Reason::CannotBeShown`]. Bounds: the searches of one claim take at most
//! six million automaton steps, then it is refuted with [`Reason::TooComplex`]; claims 2 and 3 match each pattern against
//! the known names of its service once; aligning statements compares at most fifty million pairs.
//!
//! Bottom up: `language` (automata) and `search` (shortest text inside some languages and outside others), `clause`
//! (a statement as sets), `known_names` and `resources`, then one module per claim: `adds_nothing` with its quick way
//! `actions`, `unused_dropped`, `others_kept`, `structure`; `replay` checks their witnesses.
//! `inclusion` decides the general question by itself: what any policies allow that others do not, over whole requests.
//!
//! ```
//! use leastwise_policy::{Catalogue, Policy, Unused};
//! use leastwise_proof::{Claim, prove};
//!
//! let policy = |action: &str| {
//!     Policy::parse(&format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}}}"#)).unwrap()
//! };
//! let unused = Unused::parse("sqs:PurgeQueue").unwrap();
//! let claims = prove(&policy("sqs:SendMessage"), &[policy("sqs:*")], &unused, Catalogue::embedded());
//! // The second policy allows more than the first: the claim is refuted.
//! assert!(!claims.verdict(Claim::AddsNothing).holds());
//! ```

mod actions;
mod adds_nothing;
mod certificate;
mod certify;
mod claims;
mod clause;
mod covered;
pub mod inclusion;
mod known_names;
mod language;
mod others_kept;
mod prove;
mod replay;
mod resources;
mod search;
mod structure;
mod texts;
mod unused_dropped;
mod variables;

pub use certificate::{Certificate, CertificateError, SCHEMA, SCHEMA_VERSION};
pub use certify::{Candidate, Refusal, Refuted, Verified, certify};
pub use claims::{Claim, Claims, Reason, Verdict, Witness};
pub use prove::prove;
