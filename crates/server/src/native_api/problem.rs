//! Why an operation of the own API gives nothing: RFC 9457 problem documents.
//!
//! Below all operations. A fault of ours is logged and not told.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::dashboard::site::PageError;
use crate::store::StoreError;

/// A problem: status, what it is, and what is wrong this time.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    wait: Option<u64>,
}

impl Problem {
    fn of(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), wait: None }
    }

    pub(super) fn forbidden(detail: &str) -> Problem {
        Problem::of(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn unauthorized() -> Problem {
        Problem::of(StatusCode::UNAUTHORIZED, "sign in, or send a key as a bearer token, or name and password")
    }

    pub(super) fn missing(detail: impl Into<String>) -> Problem {
        Problem::of(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn bad(detail: impl Into<String>) -> Problem {
        Problem::of(StatusCode::BAD_REQUEST, detail)
    }

    /// Our own fault; the log says more than the answer.
    pub(super) fn fault(why: &str) -> Problem {
        tracing::error!(why, "an operation failed");
        Problem::of(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here; the log of the server says more")
    }

    pub(super) fn wait(seconds: u64) -> Problem {
        let detail = format!("too many attempts; wait {seconds} seconds");
        Problem { wait: Some(seconds), ..Problem::of(StatusCode::TOO_MANY_REQUESTS, detail) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let (status, _, detail) = PageError::Store(error).told();
        Problem::of(status, detail.trim_end_matches('.'))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Problem");
        let body = json!({"type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail});
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"leastwise\", Bearer realm=\"leastwise\""),
            );
        }
        if let Some(value) = self.wait.and_then(|wait| HeaderValue::from_str(&wait.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
