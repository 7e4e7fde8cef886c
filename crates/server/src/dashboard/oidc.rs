//! Signing in with an OpenID Connect provider.
//!
//! Not built yet: a provider cannot be configured.

/// A provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name, as the sign-in page shows it.
    pub(super) name: String,
}
