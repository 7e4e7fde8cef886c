//! The IAM policy language: text and document, names and patterns, the action catalogue, the plain evaluator.
//!
//! First crate of the flow; everything else stands on it. It does no I/O, reads no clock, runs nothing
//! asynchronous and prints nothing: the same input gives the same bytes.
//!
//! ```
//! use leastwise_policy::Policy;
//!
//! let policy = Policy::parse(r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#).unwrap();
//! let pattern = &policy.statements()[0].actions.patterns[0].what;
//! assert!(pattern.matches("s3", "GetObject"));
//! assert!(!pattern.matches("s3", "PutObject"));
//! ```

pub mod action;
pub mod arn;
pub mod catalogue;
pub mod document;
pub mod edit;
pub mod evaluate;
pub mod glob;
pub mod global_keys;
pub mod json;
pub mod known;
pub mod members;
pub mod nearest;
mod percent;
pub mod unused;

pub use action::{ActionName, ActionPattern};
pub use catalogue::Catalogue;
pub use document::{Effect, Policy, Statement};
pub use known::KnownActions;
pub use unused::Unused;
