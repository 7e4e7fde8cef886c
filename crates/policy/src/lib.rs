//! The IAM policy language: text and document, names and patterns, the action catalogue, the plain evaluator.
//!
//! First crate of the flow; everything else stands on it. It does no I/O, reads no clock, runs nothing
//! asynchronous and prints nothing: the same input gives the same bytes.

pub mod catalogue;
pub mod json;
