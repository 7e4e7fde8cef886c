//! Views of results: JSON, SARIF, and text for a terminal. They show what was decided and proved, and decide nothing.

pub mod analysis_sarif;
pub mod batch;
pub mod check_runs;
pub mod checks;
pub mod diff;
pub mod evaluation;
pub mod findings;
pub mod held_back;
pub mod html;
pub mod layout;
pub mod markdown;
pub mod permissions;
pub mod proof;
pub mod recommendation;
pub mod refinement;
pub mod sarif;
mod sentence;
mod visible;

pub use sentence::{counted, day, sentence};
pub use visible::{is_unsafe, visible, visible_lines};

use serde::Serialize;

/// A result that can be shown as JSON: every report of these modules is one.
pub trait View: Serialize {
    /// The JSON on one line, for a batch.
    ///
    /// # Errors
    /// When a map in it has keys that are no strings: our own fault.
    fn line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The JSON on many lines, with a line end.
    ///
    /// # Errors
    /// As [`View::line`].
    fn pretty(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

impl<T: Serialize> View for T {}
