//! AWS Signature Version 4: takes the signature of a request apart, computes what it must be, and remembers it, so that no
//! request counts twice.
//!
//! Source of the rules: "AWS Signature Version 4 for API requests", IAM User Guide.

mod canonical;
mod presented;
mod replay;
mod verify;

pub use canonical::{SignedRequest, pairs};
pub use verify::{Admitted, SERVICE, Verifier};
