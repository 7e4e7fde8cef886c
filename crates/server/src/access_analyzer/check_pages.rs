//! The pages about checks of policies, where the API's `learnMoreLink` leads: `docs/checks`, as they are in the sources.
//!
//! Part of the binary (`build.rs` lists them), for anybody: nothing of what is kept is in them.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// `GET /docs/checks/{code}`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/docs/checks/{code}", get(show))
}

async fn show(Path(code): Path<String>) -> Response {
    match PAGES.iter().find(|(own, _)| *own == code) {
        Some((_, text)) => ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], *text).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such check\n").into_response(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_page_about_a_check_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/checks");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().and_then(|name| name.strip_suffix(".md")).map(str::to_owned))
            .collect();
        there.sort();
        assert_eq!(PAGES.iter().map(|(code, _)| *code).collect::<Vec<_>>(), there);
    }
}
