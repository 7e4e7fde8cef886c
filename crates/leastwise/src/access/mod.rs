//! Names and times of the access stage, as far as the usage stage needs them; the whole stage comes from its own branch.

pub mod arn;
pub mod time;

pub use arn::{AccountId, PolicyArn, PrincipalArn, PrincipalKind};
pub use time::Timestamp;
