//! Sources of use other than logs: one file per kind of report.
//!
//! Text in, typed values and problems out. Logs are read elsewhere (crate `leastwise-history`); a report that cannot be
//! read becomes a problem and makes what it would have shown unknown.

pub mod last_accessed;
