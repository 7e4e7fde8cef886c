//! Decides the claims of a refined policy by its own means; depends on the policy language alone.

mod language;
mod search;
