//! Views of results: JSON, and text for a terminal. They show what was decided and proved, and decide nothing.

pub mod batch;
pub mod diff;
pub mod proof;
pub mod refinement;
