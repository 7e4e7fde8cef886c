//! Who may ask what: the signature of a request (AWS Signature Version 4), API keys and what each may do and see, passwords
//! of users, and the limit on attempts to sign in.
//!
//! First stage of a request, before anything of it is believed. It reads no store and answers nothing itself: it admits, or
//! refuses with an [`AuthError`], whose names AWS's clients know. The pages of the sign-in are in `dashboard`.

mod error;
mod key;
pub mod password;
mod sigv4;
pub(crate) mod throttle;
mod visibility;

pub use error::AuthError;
pub use key::{Key, KeyError, Scope, Secret};
pub use sigv4::{Admitted, SERVICE, SignedRequest, Verifier, pairs};
pub use visibility::{OrganizationalUnits, Visibility, is_organizational_unit, read_units};
pub(crate) use visibility::{Units, wrong_words};
