//! The present moment, for the server.
//!
//! The pure crates are given time; this is where it comes from. It measures no durations.

use std::time::{SystemTime, UNIX_EPOCH};

use leastwise::access::Timestamp;

/// Now, in whole seconds.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since).unwrap_or(i64::MAX))
}
