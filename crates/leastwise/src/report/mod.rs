//! Views of results: JSON, and text for a terminal. They show what was decided and proved, and decide nothing.

pub mod diff;
pub mod findings;
pub mod recommendation;
pub mod refinement;
