//! The flow from what is granted and what was used to smaller policies.

pub mod access;
