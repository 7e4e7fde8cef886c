//! The dashboard: pages made on the server for people who would rather look than read.
//!
//! A rim of the crate, beside the API: reads and changes the store, asks the desk, and answers with HTML. Every page works
//! without a script; scripts make it quicker. Nothing is loaded from elsewhere, and nothing is in a page that the content
//! security policy would have to allow by exception.
//!
//! A page is a module, named as its address: a struct with the template's fields, a function that fills it, and the functions
//! behind its forms. `visitor.rs` says who asks; `site.rs` what all have at hand; `charts.rs`, `text.rs` and `risk.rs` how things look.

mod accounts;
mod analyzers;
mod assets;
mod audit;
mod charts;
mod coverage;
mod evidence;
pub(crate) mod fields;
mod finding;
mod findings;
mod frame;
mod headers;
mod listing;
mod oidc;
mod overview;
mod recommendation;
mod risk;
mod rules;
mod settings;
mod sign_in;
pub(crate) mod site;
mod text;
pub mod users;
pub(crate) mod visitor;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub(crate) use finding::{begin as begin_recommendation, permissions_of};
pub use oidc::OidcOptions;
pub(crate) use oidc::Provider;
pub(crate) use overview::{days as trend_days, report as last_report};
pub use sign_in::is_name;
pub(crate) use sign_in::whose;
pub(crate) use site::{AuthConfig, Site};
pub(crate) use visitor::setup_token;

/// The longest form of a sign-in, in bytes: a password has at most a kilobyte.
const MAX_SIGN_IN: usize = 8 << 10;

/// All addresses of the dashboard.
pub(crate) fn router(site: Site) -> Router {
    let pages = Router::new()
        .route("/", get(overview::show))
        .route("/findings", get(findings::show))
        .route("/findings/bulk", post(findings::bulk))
        .route("/findings/export.csv", get(findings::csv))
        .route("/findings/export.json", get(findings::json))
        .route("/findings/{id}", get(finding::show))
        .route("/findings/{id}/evidence", get(finding::show_evidence))
        .route("/findings/{id}/archive", post(finding::archive))
        .route("/findings/{id}/reactivate", post(finding::reactivate))
        .route("/findings/{id}/recommendation", post(finding::ask))
        .route("/findings/{id}/recommendation/{alternative}/{step}/{file}", get(finding::download))
        .route("/findings/{id}/accept", post(finding::accept))
        .route("/accounts", get(accounts::show))
        .route("/accounts/{account}", get(accounts::show_one))
        .route("/principals/{arn}", get(accounts::show_principal))
        .route("/coverage", get(coverage::show))
        .route("/rules", get(rules::show).post(rules::create))
        .route("/rules/{name}/delete", post(rules::delete))
        .route("/rules/{name}/apply", post(rules::apply))
        .route("/analyzers", get(analyzers::show).post(analyzers::create))
        .route("/analyzers/{name}/delete", post(analyzers::delete))
        .route("/analyzer-choice", post(analyzers::choose))
        .route("/audit", get(audit::show))
        .route("/settings", get(settings::show))
        .route("/settings/users", post(settings::add_user))
        .route("/settings/users/{name}/delete", post(settings::delete_user))
        .route("/settings/webhooks", post(settings::add_webhook))
        .route("/settings/webhooks/{id}/delete", post(settings::delete_webhook))
        .route("/settings/webhooks/{id}/test", post(settings::test_webhook))
        .route("/theme", post(analyzers::theme))
        .route("/sign-in", get(sign_in::show).post(sign_in::send).layer(DefaultBodyLimit::max(MAX_SIGN_IN)))
        .route("/sign-in/oidc", get(oidc::leave))
        .route("/sign-in/oidc/back", get(oidc::come_back))
        .route("/sign-out", post(sign_in::out))
        .route("/setup", get(sign_in::show_setup).post(sign_in::send_setup).layer(DefaultBodyLimit::max(MAX_SIGN_IN)));
    let pages = pages
        .route("/metrics", get(crate::native_api::metrics))
        .merge(crate::native_api::router())
        .layer(axum::middleware::map_response(headers::private));
    let files = Router::new().route("/static/{digest}/{name}", get(assets::serve));
    pages.merge(files).layer(axum::middleware::map_response(headers::safe)).with_state(site)
}
