//! Who may ask what: verifies the signature of a request (AWS Signature Version 4), finds its key, and says what that
//! key may do.
//!
//! First stage of a request, before anything of it is believed. It reads no store and answers nothing itself: it admits, or
//! refuses with the class of error that the provider's clients know; and it says what of the store an admitted caller sees. People's sign-in to the dashboard is elsewhere.

mod canonical;
mod keys;
mod presented;
mod refusal;
mod replay;
mod verify;
mod visibility;

pub use canonical::{Asked, pairs};
pub use keys::{Key, KeyError, Scope, Secret};
pub use refusal::Refusal;
pub use verify::{Admitted, Gate, SERVICE};
pub use visibility::{OrganizationalUnits, Visibility, is_organizational_unit, read_units};
pub(crate) use visibility::{Units, wrong_words};
