//! The files that pages load: one style sheet, one script, htmx, one icon; part of the binary.
//!
//! Their addresses hold a digest of their bytes, so that a browser may keep them for ever. Nothing else is ever served from
//! here, and no page loads anything from anywhere else.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset { name: "dashboard.css", kind: "text/css; charset=utf-8", text: include_str!("../../static/dashboard.css") },
    Asset { name: "dashboard.js", kind: "text/javascript; charset=utf-8", text: include_str!("../../static/dashboard.js") },
    Asset { name: "htmx.min.js", kind: "text/javascript; charset=utf-8", text: include_str!("../../static/htmx.min.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("../../static/icon.svg") },
];

static DIGESTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let digest = |asset: &Asset| Sha256::digest(asset.text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    ASSETS.iter().map(digest).collect()
});

/// Where a page finds the file of that name.
pub(super) fn address(name: &str) -> String {
    let digest = ASSETS.iter().zip(DIGESTS.iter()).find(|(asset, _)| asset.name == name).map_or("", |(_, digest)| digest);
    format!("/static/{digest}/{name}")
}

/// `GET /static/{digest}/{name}`.
pub(super) async fn serve(Path((digest, name)): Path<(String, String)>) -> Response {
    match ASSETS.iter().zip(DIGESTS.iter()).find(|(asset, own)| asset.name == name && **own == digest) {
        Some((asset, _)) => {
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
