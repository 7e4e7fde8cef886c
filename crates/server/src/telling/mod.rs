//! Telling other systems what became of findings: webhooks, signed, tried again until they arrive; and figures for Prometheus.
//!
//! Beside the API, behind the store: what is to be told was written with the change itself. It changes no finding.

mod forms;
mod metrics;
mod sender;

pub(crate) use metrics::metrics;
pub(crate) use sender::Sender;

/// The forms in which events can be sent.
pub(crate) const FORMS: [&str; 3] = ["eventbridge", "ocsf", "asff"];
