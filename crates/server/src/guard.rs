//! What stands before every route: a panic ends its request and nothing else, and a server without sign-in answers this machine alone.
//!
//! Around all routers, under the connections. It decides nothing about users and keys.

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};
use tower_http::catch_panic::CatchPanicLayer;

use crate::dashboard::visitor::{from_here, names_this_machine};

/// Puts the guards around a router. `is_open` is set when there is no sign-in.
pub(crate) fn guarded(router: Router, is_open: bool) -> Router {
    let router = if is_open { router.layer(from_fn(this_machine_alone)) } else { router };
    router.layer(CatchPanicLayer::custom(panicked))
}

/// An error that the API's clients and people understand alike.
fn refused(status: StatusCode, class: &'static str, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{{\"message\":\"{message}\"}}")));
    *response.status_mut() = status;
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(class));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn panicked(what: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = what.downcast_ref::<String>().map(String::as_str).or_else(|| what.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no message"), "a request ended by a panic; this is a mistake of leastwise");
    refused(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerException",
        "something went wrong here; the log of the server says more",
    )
}

/// Whether an `Origin` is that of this server. Browsers send it with whatever another site has them ask for by a script.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), host) => origin.split_once("://").map(|(_, own)| own) == host && host.is_some(),
    }
}

/// Refuses what does not name this machine, and what another site has a browser send. Health checks tell nothing and are answered.
async fn this_machine_alone(request: Request, next: Next) -> Response<Body> {
    let is_health = matches!(request.uri().path(), "/healthz" | "/readyz");
    let headers = request.headers();
    let is_from_here = names_this_machine(headers) && is_own_origin(headers) && from_here(request.method(), headers).is_ok();
    if is_health || is_from_here {
        return next.run(request).await;
    }
    let why = "without sign-in only this machine is answered: the Host and the Origin of the request have to name it";
    refused(StatusCode::FORBIDDEN, "AccessDeniedException", why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    async fn fault() -> &'static str {
        if std::hint::black_box(true) { panic!("on purpose") } else { "" }
    }

    fn ask(path: &str, headers: &[(&str, &str)]) -> Request {
        let request = axum::http::Request::builder().method("PUT").uri(path);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_ends_its_request_with_status_500_and_the_next_one_is_answered() {
        let router = guarded(Router::new().route("/fault", any(fault)).route("/good", any(async || "good")), false);
        let answer = router.clone().oneshot(ask("/fault", &[])).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["x-amzn-errortype"], "InternalServerException");
        assert_eq!(router.oneshot(ask("/good", &[])).await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn without_sign_in_every_route_is_for_this_machine_alone() {
        let router = guarded(Router::new().route("/analyzer", any(async || "")).route("/healthz", any(async || "")), true);
        let status =
            async |path: &str, headers: &[(&str, &str)]| router.clone().oneshot(ask(path, headers)).await.unwrap().status();
        assert_eq!(status("/analyzer", &[("host", "localhost:8787")]).await, StatusCode::OK);
        assert_eq!(status("/analyzer", &[("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:8787")]).await, StatusCode::OK);
        for wrong in [
            [("host", "evil.example"), ("accept", "*/*")],
            [("host", "localhost:8787"), ("origin", "https://evil.example")],
            [("host", "localhost:8787"), ("origin", "null")],
            [("host", "localhost:8787"), ("sec-fetch-site", "cross-site")],
            [("accept", "*/*"), ("accept", "*/*")],
        ] {
            assert_eq!(status("/analyzer", &wrong).await, StatusCode::FORBIDDEN, "{wrong:?}");
            assert_eq!(status("/nowhere", &wrong).await, StatusCode::FORBIDDEN, "{wrong:?}");
            assert_eq!(status("/healthz", &wrong).await, StatusCode::OK, "{wrong:?}");
        }
    }
}
