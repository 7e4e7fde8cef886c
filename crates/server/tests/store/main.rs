//! The store, on SQLite and on a real PostgreSQL: lives of findings, lists, and what it survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod bed;
mod history;
mod life_cycle;
mod lists;
mod publication;
mod survives;
mod telling;
