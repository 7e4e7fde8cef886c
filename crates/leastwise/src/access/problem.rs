//! What could not be read, where, and whose access is not fully known because of it.
//!
//! Every reader of this stage returns its value and a list of these; none is fatal and none is silent. A problem
//! states a fact about the input and never what to conclude from it.

use std::fmt;
use std::sync::Arc;

use leastwise_policy::json::Position;

use super::arn::{AccountId, PolicyArn, PrincipalArn};

/// One thing in the input that could not be read or is missing from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The input, by the name that the caller gave it.
    pub file: Arc<str>,
    /// Where in the input; none when it is about the input as a whole.
    pub position: Option<Position>,
    /// What is wrong, in lower case, with the offending text in backticks.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
    /// Whose access or credentials are not fully known because of it.
    pub affects: Affects,
}

/// Whose access or credentials a problem leaves in doubt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Affects {
    /// Nobody's: what is missing cannot change a result.
    Nobody,
    /// One principal.
    Principal(PrincipalArn),
    /// Everybody to whom this managed policy is attached.
    Policy(PolicyArn),
    /// One account: principals or policies of it may be missing.
    Account(AccountId),
    /// It cannot be told; something that should have been read was not.
    Untold,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(position) = self.position {
            write!(f, "{position}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The longest piece of input that a message repeats, in characters.
const EXCERPT: usize = 80;

/// `text`, cut to a length that fits into a message.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        None => text.to_owned(),
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
    }
}
