//! The flow from what is granted and what was used to smaller policies.
//!
//! Stands on the policy language and on the proof. It does no I/O, reads no clock and prints nothing: the
//! same input gives the same bytes.
//!
//! ```
//! use leastwise::refine::{Choices, refine};
//! use leastwise_policy::{Catalogue, Policy, Unused};
//!
//! let text = r#"{"Statement": {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:PurgeQueue"], "Resource": "*"}}"#;
//! let policy = Policy::parse(text).unwrap();
//! let unused = Unused::parse("sqs:PurgeQueue").unwrap();
//! let smaller = refine(&policy, &unused, Catalogue::embedded(), Choices::default());
//! assert_eq!(smaller.text.unwrap(), text.replace(r#", "sqs:PurgeQueue""#, ""));
//! ```

pub mod access;
pub mod analysis;
pub mod backtest;
pub mod checks;
pub mod findings;
pub mod recommend;
pub mod refine;
pub mod report;
pub mod sources;
pub mod usage;
