//! Keys of both APIs: listed, made and taken back.
//!
//! For callers who administer. A secret is in the answer that makes its key, and in no other.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leastwise::access::Timestamp;
use serde_json::{Value, json};

use super::{Caller, Problem};
use crate::api_keys::{Wanted, made};
use crate::auth::Scope;
use crate::dashboard::site::Site;
use crate::dashboard::visitor::Level;
use crate::store::ApiKey;

/// A key without its secret.
fn view(row: &ApiKey) -> Value {
    json!({
        "id": row.id, "name": row.owner, "scope": row.scopes,
        "accounts": row.accounts.split(',').filter(|word| !word.is_empty()).collect::<Vec<_>>(),
        "createdAt": row.created.to_string(), "expiresAt": row.expires.map(|at| at.to_string()),
    })
}

/// `GET /api/v1/keys`: those that count, by id.
pub(super) async fn list(State(site): State<Site>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.changes(Level::Administer)?;
    let rows = site.store().keys().await?;
    Ok(Json(json!({"keys": rows.iter().filter(|row| !row.is_disabled).map(view).collect::<Vec<_>>()})))
}

/// The longest name of a key, in characters.
const MAX_NAME: usize = 128;

/// What a body wants of a new key.
fn wanted(sent: &Value) -> Result<Wanted, Problem> {
    let members = sent.as_object().ok_or_else(|| Problem::bad("the body is no JSON object"))?;
    if let Some(unknown) = members.keys().find(|name| !["name", "scope", "accounts", "expiresAt"].contains(&name.as_str())) {
        return Err(Problem::bad(format!("`{unknown}` is no member of a key")));
    }
    let name = sent.get("name").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let is_plain = name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !is_plain || !name.starts_with(|sign: char| sign.is_ascii_alphanumeric()) || name.len() > MAX_NAME {
        return Err(Problem::bad(format!(
            "`name` is needed: 1 to {MAX_NAME} ASCII characters, the first of them a letter or a digit"
        )));
    }
    let scope = sent.get("scope").map_or(Some("read"), Value::as_str).and_then(Scope::parse);
    let scope = scope.ok_or_else(|| Problem::bad("`scope` is none of `read`, `archive` and `administer`"))?;
    let accounts = match sent.get("accounts") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) if !all.is_empty() => {
            let word = |one: &Value| one.as_str().filter(|word| !word.is_empty() && !word.contains(',')).map(str::to_owned);
            all.iter().map(word).collect::<Option<Vec<String>>>().ok_or_else(|| Problem::bad("`accounts` is no list of texts"))?
        }
        Some(_) => return Err(Problem::bad("`accounts` is no list with at least one account; leave it out for all")),
    };
    let expires = match sent.get("expiresAt") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let read = value.as_str().and_then(Timestamp::parse);
            Some(read.ok_or_else(|| Problem::bad("`expiresAt` is no date; write it as 2027-01-31"))?)
        }
    };
    Ok(Wanted { name: name.to_owned(), scope, accounts, expires })
}

/// `POST /api/v1/keys`. The only answer that has the secret.
pub(super) async fn create(State(site): State<Site>, caller: Caller, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let change = caller.changes(Level::Administer)?;
    let sent: Value = serde_json::from_slice(&body).map_err(|error| Problem::bad(format!("the body is no JSON: {error}")))?;
    let (key, row) = made(wanted(&sent)?).map_err(|error| Problem::bad(error.to_string()))?;
    site.store().create_key(&row, &change).await?;
    let mut view = view(&row);
    if let Some(members) = view.as_object_mut() {
        members.insert("secret".to_owned(), key.secret.expose().into());
        members.insert("token".to_owned(), format!("{}.{}", key.id, key.secret.expose()).into());
    }
    Ok((StatusCode::CREATED, Json(view)))
}

/// `DELETE /api/v1/keys/{key}`: it counts no longer.
pub(super) async fn revoke(State(site): State<Site>, caller: Caller, Path(key): Path<String>) -> Result<StatusCode, Problem> {
    let change = caller.changes(Level::Administer)?;
    site.store().disable_key(&key, &change).await?;
    Ok(StatusCode::NO_CONTENT)
}
