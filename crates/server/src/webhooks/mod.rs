//! Webhooks: what became of findings, sent to other systems, signed, and tried again until it arrives.
//!
//! Beside the API, behind the store: what is to be told was written with the change itself. It changes no finding.

mod formats;
mod sender;
mod targets;

pub(crate) use sender::Sender;
pub(crate) use targets::{Targets, shown};

/// The forms in which events can be sent.
pub(crate) const FORMS: [&str; 7] = ["eventbridge", "generic", "slack", "teams", "jira", "ocsf", "asff"];

/// The forms for people: one message about many findings.
pub(crate) const DIGESTS: [&str; 2] = ["slack", "teams"];
