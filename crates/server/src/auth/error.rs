//! Why a request is not admitted, by the names that the provider's clients know.
//!
//! The names are those of "Common errors" (API reference of every AWS service). A refusal never says what would have been right.

use std::fmt;

/// Why a request is not admitted. All are answered with status 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthError {
    /// There is neither an `Authorization` header nor a presigned query.
    Unsigned,
    /// The signature's parts are incomplete or unreadable.
    Incomplete(String),
    /// Nobody has this key.
    UnknownKey,
    /// The key is past its day.
    ExpiredKey,
    /// The signature is not that of the request, is of another service, region or day, or was used before.
    Invalid(String),
    /// A presigned request is past its time.
    Expired(String),
    /// The key may not do this.
    Denied(String),
}

impl AuthError {
    /// The class of error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            AuthError::Unsigned => "MissingAuthenticationTokenException",
            AuthError::Incomplete(_) => "IncompleteSignatureException",
            AuthError::UnknownKey => "UnrecognizedClientException",
            AuthError::ExpiredKey => "ExpiredTokenException",
            AuthError::Invalid(_) => "InvalidSignatureException",
            AuthError::Expired(_) => "RequestExpired",
            AuthError::Denied(_) => "AccessDeniedException",
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Unsigned => f.write_str("the request is not signed"),
            AuthError::UnknownKey => f.write_str("the access key is not known here"),
            AuthError::ExpiredKey => f.write_str("the access key has expired"),
            AuthError::Incomplete(why) | AuthError::Invalid(why) | AuthError::Expired(why) | AuthError::Denied(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for AuthError {}
