//! The log of changes: who did what to what, and when.
//!
//! The store writes it with every change; this page shows it, newest first. Nothing can be changed here.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::finding::{Happened, happened};
use super::frame::{Frame, frame};
use super::site::{PageError, Site, page};
use super::visitor::Visitor;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Happened>,
    next: String,
}

/// Lines on a page.
const PAGE: u32 = 100;

/// `GET /audit`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/audit").await?;
    let before = visitor.query.of("before").parse().ok();
    let found = match visitor.visible.accounts() {
        None => site.store().audit(None, before, PAGE).await?,
        Some(accounts) => site.store().audit_of_accounts(&accounts, before, PAGE).await?,
    };
    let next = found.last().filter(|_| found.len() == PAGE as usize).map(|last| format!("/audit?before={}", last.id));
    page(&AuditPage {
        frame,
        rows: found.iter().map(|row| happened(&visitor.visible.audit(row.clone()))).collect(),
        next: next.unwrap_or_default(),
    })
}
