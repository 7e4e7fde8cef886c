//! Figures for Prometheus, as text: findings, analyses, deliveries that wait.
//!
//! From counters; asking is cheap. It tells numbers and names of analyzers, no resource.

use std::fmt::Write;

use crate::clock;
use crate::store::{Store, StoreError};

/// A name of an analyzer as the value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The whole page (text exposition format 0.0.4).
pub(crate) async fn metrics(store: &Store) -> Result<String, StoreError> {
    let mut findings = String::new();
    let mut analysed = String::new();
    let mut failed = String::new();
    for analyzer in store.analyzers(None, 1000).await? {
        let name = label(&analyzer.name);
        for ((kind, status), count) in store.statistics(&analyzer, 0).await?.by_kind {
            let (kind, status) = (kind.as_str(), status.as_str());
            writeln!(findings, "leastwise_findings{{analyzer=\"{name}\",type=\"{kind}\",status=\"{status}\"}} {count}").ok();
        }
        let at = analyzer.analysed.map_or(0, leastwise::access::Timestamp::seconds);
        writeln!(analysed, "leastwise_last_analysis_timestamp_seconds{{analyzer=\"{name}\"}} {at}").ok();
        let bad = store.runs(&analyzer, 1).await?.first().is_some_and(|run| run.problem.is_some());
        writeln!(failed, "leastwise_last_analysis_failed{{analyzer=\"{name}\"}} {}", u8::from(bad)).ok();
    }
    let mut waiting = 0;
    for webhook in store.webhooks().await? {
        waiting += store.waiting(&webhook.id).await?.count;
    }
    let families = [
        ("leastwise_findings", "Findings by type and status.", findings),
        ("leastwise_last_analysis_timestamp_seconds", "When the last complete analysis ended.", analysed),
        ("leastwise_last_analysis_failed", "Whether the latest analysis failed.", failed),
        ("leastwise_deliveries_waiting", "Webhook deliveries that wait.", format!("leastwise_deliveries_waiting {waiting}\n")),
        ("leastwise_time_seconds", "The server's clock.", format!("leastwise_time_seconds {}\n", clock::now().seconds())),
        (
            "leastwise_build_info",
            "The version.",
            format!("leastwise_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION")),
        ),
    ];
    let mut out = String::new();
    for (name, help, lines) in families.into_iter().filter(|family| !family.2.is_empty()) {
        write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{lines}").ok();
    }
    Ok(out)
}
