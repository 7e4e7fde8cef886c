//! The provider's errors: class, status and body, as its model has them.
//!
//! The class travels in the header `x-amzn-errortype`. What went wrong inside is logged, not told.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::auth::AuthError;
use crate::store::StoreError;

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The member, such as `filter.resource.eq`.
    pub(super) name: String,
    /// What is wrong with it.
    pub(super) message: String,
    /// Whether it is not even of the right type.
    pub(super) is_unreadable: bool,
}

/// Why an input is not valid, in the provider's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    CannotParse,
    FieldValidationFailed,
    NotSupported,
    Other,
}

/// What is answered instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WireError {
    /// The input is not valid.
    Validation(Reason, String, Vec<Problem>),
    /// There is no such thing: a sentence, its id, and what it would be.
    NotFound(String, String, &'static str),
    /// It is there already: a sentence, its id, and what it is.
    Conflict(String, String, &'static str),
    /// There are as many as there may be: a sentence, the id, and what of.
    Quota(String, String, &'static str),
    /// Too much at once.
    Throttled,
    /// A policy or a parameter of a check cannot be read.
    InvalidParameter(String),
    /// A policy of a check is more than can be compared.
    Unprocessable(String),
    /// Our own fault.
    Internal(String),
    /// The body is too long.
    TooLarge(usize),
    /// There is no such operation.
    UnknownOperation,
    /// The request is not admitted.
    Refused(AuthError),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    field_list: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'a str>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    message: &'a str,
}

impl WireError {
    /// An input of which one member is not valid.
    pub(super) fn field(name: impl Into<String>, message: impl Into<String>) -> WireError {
        WireError::fields(vec![Problem { name: name.into(), message: message.into(), is_unreadable: false }])
    }

    /// An input that breaks rules; there is at least one.
    pub(super) fn fields(problems: Vec<Problem>) -> WireError {
        let unreadable = problems.iter().any(|problem| problem.is_unreadable);
        let reason = if unreadable { Reason::CannotParse } else { Reason::FieldValidationFailed };
        let each: Vec<String> = problems.iter().take(5).map(|p| format!("`{}` {}", p.name, p.message)).collect();
        WireError::Validation(reason, each.join("; "), problems)
    }

    /// Something that the model has and we do not.
    pub(super) fn unsupported(message: impl Into<String>) -> WireError {
        WireError::Validation(Reason::NotSupported, message.into(), Vec::new())
    }

    fn class(&self) -> (StatusCode, &'static str) {
        match self {
            WireError::Validation(..) => (StatusCode::BAD_REQUEST, "ValidationException"),
            WireError::NotFound(..) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            WireError::Conflict(..) => (StatusCode::CONFLICT, "ConflictException"),
            WireError::Quota(..) => (StatusCode::PAYMENT_REQUIRED, "ServiceQuotaExceededException"),
            WireError::Throttled => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
            WireError::InvalidParameter(_) => (StatusCode::BAD_REQUEST, "InvalidParameterException"),
            WireError::Unprocessable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "UnprocessableEntityException"),
            WireError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException"),
            WireError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException"),
            WireError::UnknownOperation => (StatusCode::NOT_FOUND, "UnknownOperationException"),
            WireError::Refused(refusal) => (StatusCode::FORBIDDEN, refusal.code()),
        }
    }

    /// The answer.
    pub(super) fn response(&self) -> Response<Body> {
        let (status, class) = self.class();
        let too_large;
        let refusal;
        let mut body = ErrorBody { message: "", reason: None, field_list: Vec::new(), resource_id: None, resource_type: None };
        match self {
            WireError::Validation(reason, message, problems) => {
                body.message = message;
                body.reason = Some(match reason {
                    Reason::CannotParse => "cannotParse",
                    Reason::FieldValidationFailed => "fieldValidationFailed",
                    Reason::NotSupported => "notSupported",
                    Reason::Other => "other",
                });
                body.field_list = problems.iter().map(|p| Field { name: &p.name, message: &p.message }).collect();
            }
            WireError::NotFound(message, id, kind)
            | WireError::Conflict(message, id, kind)
            | WireError::Quota(message, id, kind) => {
                (body.message, body.resource_id, body.resource_type) = (message, Some(id.as_str()), Some(*kind));
            }
            WireError::InvalidParameter(message) | WireError::Unprocessable(message) => body.message = message,
            WireError::Throttled => body.message = "too many requests; ask again in a moment",
            WireError::Internal(why) => {
                tracing::error!(error = %why, "a request failed");
                body.message = "something went wrong here; the server's log says more";
            }
            WireError::UnknownOperation => body.message = "there is no such operation",
            WireError::TooLarge(most) => {
                too_large = format!("the body has more than {most} bytes");
                body.message = &too_large;
            }
            WireError::Refused(why) => {
                refusal = why.to_string();
                body.message = &refusal;
            }
        }
        // Strings only: it cannot fail.
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(class));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self, WireError::Throttled | WireError::Internal(_)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<AuthError> for WireError {
    fn from(refusal: AuthError) -> WireError {
        WireError::Refused(refusal)
    }
}

impl From<StoreError> for WireError {
    fn from(error: StoreError) -> WireError {
        let message = error.to_string();
        match error {
            StoreError::NotFound { what, id } => WireError::NotFound(message, id, resource_type(what)),
            StoreError::Exists { what, id } => WireError::Conflict(message, id, resource_type(what)),
            StoreError::Quota { what, of, .. } => WireError::Quota(message, of, resource_type(what)),
            StoreError::TokenReused => WireError::field("clientToken", "was used before, with other parameters"),
            error @ (StoreError::Full(_) | StoreError::Unreachable(_) | StoreError::Unexpected(_)) => {
                WireError::Internal(error.to_string())
            }
        }
    }
}

/// The provider's word for what the store calls `what`.
fn resource_type(what: &str) -> &'static str {
    match what {
        "analyzer" => "Analyzer",
        "archive rule" => "ArchiveRule",
        "finding" => "Finding",
        "recommendation" => "Recommendation",
        _ => "Resource",
    }
}
