//! Decides the claims of a refined policy by its own means; depends on the policy language alone.

/// stub
pub trait Candidate {
    /// stub
    fn documents(&self) -> Vec<&str>;
}
