//! The stream of changes: server-sent events, one for each line of the audit log, from where the reader left off.
//!
//! What was written to the log is sent at least once and in order: a reader that comes back says the last id that it has seen.
//! It reads the store and keeps nothing in memory.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use serde_json::{Value, json};

use super::{Caller, Problem};
use crate::dashboard::fields::Fields;
use crate::dashboard::site::Site;
use crate::store::AuditRow;

/// How often the log is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Lines that are read at once.
const LINES: u32 = 200;

/// A line of the log as JSON.
pub(super) fn change(row: &AuditRow) -> Value {
    json!({
        "id": row.id, "at": row.at.to_string(), "actor": row.actor, "action": row.action, "subject": row.subject, "note": row.note,
    })
}

/// `GET /api/v1/events`.
pub(super) async fn events(
    State(site): State<Site>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let fields = Fields::parse(uri.query().unwrap_or_default());
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or_else(|| fields.of("after"));
    let after = match seen {
        "" => site.store().audit(None, None, 1).await?.first().map_or(0, |row| row.id),
        text => text.parse().map_err(|_| Problem::bad(format!("`{text}` is no number of a change")))?,
    };
    let rows = stream::unfold((site, caller, after, Vec::<AuditRow>::new()), async |(site, caller, mut after, mut ready)| {
        let mut stopping = site.stopping();
        while ready.is_empty() {
            if *stopping.borrow() {
                return None;
            }
            let found = match caller.visible.accounts() {
                None => site.store().audit_after(after, LINES).await,
                Some(accounts) => site.store().audit_of_accounts_after(&accounts, after, LINES).await,
            };
            match found {
                Ok(mut found) if !found.is_empty() => {
                    found.reverse();
                    ready = found;
                }
                Ok(_) => {
                    tokio::time::timeout(PAUSE, stopping.wait_for(|stopping| *stopping)).await.ok();
                }
                Err(error) => {
                    tracing::warn!(%error, "the stream of changes waits for the store");
                    tokio::time::sleep(PAUSE * 5).await;
                }
            }
        }
        let row = ready.pop()?;
        after = after.max(row.id);
        let event = Event::default().id(row.id.to_string()).event("change").data(change(&caller.visible.audit(row)).to_string());
        Some((Ok(event), (site, caller, after, ready)))
    });
    Ok(Sse::new(rows).keep_alive(KeepAlive::default()))
}
