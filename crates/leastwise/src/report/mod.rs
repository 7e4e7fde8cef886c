//! Views of results: JSON, SARIF, and text for a terminal. They show what was decided and proved, and decide nothing.

pub mod checks;
pub mod diff;
pub mod evaluation;
pub mod refinement;
pub mod sarif;
