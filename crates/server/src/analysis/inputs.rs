//! What the server is given to analyse: a way to see that inputs changed, and a way to read them.
//!
//! The command line implements it over a folder of exports; tests over made-up ones. Everything here runs on threads of its
//! own and may take minutes; nothing of it is asynchronous.

use std::fmt;

use leastwise::access::Timestamp;
use leastwise::analysis::Analysis;
use leastwise::usage::Event;

use crate::auth::OrganizationalUnits;

/// Reads recorded events once more, each once.
pub type Logs<'l> = dyn Fn(&mut dyn FnMut(&Event<'_>)) + 'l;

/// What is done with an analysis while it is there.
pub type Visit<'v> = dyn FnMut(Analysis<'_>, &Logs<'_>) + 'v;

/// Why inputs could not be analysed at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputsFailure {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for InputsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for InputsFailure {}

/// The inputs of the server.
pub trait Inputs: Send + Sync + 'static {
    /// Something that is the same as long as the inputs are: names, sizes and dates of files, as a digest. Cheap.
    fn mark(&self) -> u64;

    /// The moment at which tracking periods end: now, unless somebody fixed it.
    fn present(&self) -> Timestamp;

    /// Which accounts are in which organizational unit, for callers who see some of them. Looked at with each round.
    ///
    /// # Errors
    /// When it was described and cannot be read; what was read before stays.
    fn organizational_units(&self) -> Result<OrganizationalUnits, InputsFailure> {
        Ok(OrganizationalUnits::new())
    }

    /// Reads everything and gives the analysis to `visit`, which may keep it for long. Its period ends at `present` and has any
    /// length; the visitor puts in the one that it wants.
    ///
    /// # Errors
    /// When there is nothing to analyse.
    fn analyse(&self, present: Timestamp, visit: &mut Visit<'_>) -> Result<(), InputsFailure>;
}
