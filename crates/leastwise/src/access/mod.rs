//! What accounts grant: from the exports of IAM to principals, their policies and the actions these grant.
//!
//! First stage of the flow: text in, typed values and a list of problems out. It opens no file, reads no clock
//! and judges no use. What it cannot read it records on the principal concerned, so that nothing is removed for it.

pub mod access_keys;
pub mod account;
pub mod action_set;
pub mod arn;
pub mod credential_report;
pub mod details;
pub mod model;
pub mod problem;
mod scan;
#[cfg(test)]
mod tests;
pub mod time;

pub use access_keys::{AccessKeyId, AccessKeyList};
pub use account::{Account, Accounts, AccountsReader};
pub use action_set::{ActionId, ActionIndex, ActionSet};
pub use arn::{AccountId, PolicyArn, PrincipalArn, PrincipalKind};
pub use credential_report::CredentialReport;
pub use details::{Document, ManagedPolicy, Principal, Unread};
pub use model::{AccessModel, Grant, Granted};
pub use problem::{Affects, Problem};
pub use time::Timestamp;
