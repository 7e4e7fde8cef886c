//! The API of AWS: IAM Access Analyzer, version 2019-11-01, in REST and JSON, so that its clients need no change.
//!
//! A request comes in here, is admitted by `auth`, becomes an operation of the model (`model`) and of the table of those that
//! are answered (`operations`), is held against the model's rules (`request`), and is answered by one module a group. These modules hold the only types that are serialised,
//! besides reports. They keep no state, know no SQL, and decide nothing about findings or proofs.

mod analyzers;
mod archive_rules;
pub(crate) mod check_pages;
mod checks;
mod error;
mod findings;
mod model;
mod operations;
mod page;
mod rate;
mod recommendations;
mod request;
mod statistics;
mod tags;
mod token;
mod validation;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::any;
use leastwise::access::AccountId;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::analysis::AnalysisHandle;
use crate::auth::{Key, Scope, Secret, SignedRequest, Units, Verifier, Visibility};
use crate::state::AppState;
use crate::store::{ApiKey, Store, StoreError};
use error::WireError;
use model::{Model, Operation};
use operations::Effect;
use rate::Rate;
use request::Call;
pub(crate) use token::Tokens;

/// The longest body that is read, in bytes.
pub const MAX_BODY: usize = 2 << 20;

/// So many requests are in hand at a time; more are told to come again. Who waits for the store waits a second or two then, and
/// not until it is taken for lost.
const IN_HAND: usize = 128;

/// The API with what it stands on.
#[derive(Clone)]
pub struct Api {
    store: Store,
    desk: AnalysisHandle,
    gate: Arc<Verifier>,
    tokens: Tokens,
    region: String,
    account: Option<AccountId>,
    /// Where the server is reached, if that is not where a request says.
    public_url: Option<String>,
    is_encrypted: bool,
    units: Units,
    rate: Arc<Rate>,
    in_hand: Arc<Semaphore>,
}

impl Api {
    /// The API of a server.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(state: &AppState) -> Result<Api, StoreError> {
        let (store, desk, options) = (state.store.clone(), state.desk.clone(), &state.options);
        let gate = Arc::new(if options.insecure_no_auth { Verifier::open() } else { Verifier::signed(None) });
        let tokens = Tokens::of_key(store.secret("next-token").await?);
        let rate = Arc::new(Rate::of(options.requests_per_second));
        let in_hand = Arc::new(Semaphore::new(IN_HAND));
        Ok(Api {
            store,
            desk,
            gate,
            tokens,
            region: options.region.clone(),
            account: options.account,
            public_url: options.public_url.clone(),
            is_encrypted: options.tls.is_some(),
            units: state.units.clone(),
            rate,
            in_hand,
        })
    }

    /// A router with every path of the model.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let paths: BTreeSet<&str> = Model::of_provider().operations().map(|operation| operation.uri.as_str()).collect();
        paths.into_iter().fold(Router::new(), |router, path| router.route(path, any(answer))).with_state(self)
    }
}

/// The answer to a path that nobody has: to a signed request in the API's words, to a browser in plain ones.
pub async fn no_such_path(request: Request) -> Response<Body> {
    let in_header = request.headers().get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    let in_query = request.uri().query().is_some_and(|query| query.contains("X-Amz-Signature="));
    if in_header || in_query {
        return finished(WireError::UnknownOperation.response());
    }
    let mut response = Response::new(Body::from("there is nothing here\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

async fn answer(State(api): State<Api>, request: Request) -> Response<Body> {
    finished(match api.handle(request).await {
        Ok(reply) => reply.0,
        Err(error) => error.response(),
    })
}

/// With an id, by which it can be found in a client's log.
fn finished(mut response: Response<Body>) -> Response<Body> {
    let mut bytes = [0; 16];
    // Without randomness the id is all zeros, and the answer as good.
    let _ = getrandom::fill(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let id = format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer that is a result.
struct Reply(Response<Body>);

impl Reply {
    fn of(view: &impl Serialize) -> Result<Reply, WireError> {
        let text = serde_json::to_vec(view).map_err(|e| WireError::Internal(format!("an answer cannot be written: {e}")))?;
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Reply(response))
    }

    /// The answer of an operation that has nothing to say.
    fn empty() -> Result<Reply, WireError> {
        Reply::of(&serde_json::Map::new())
    }
}

impl Api {
    async fn handle(&self, request: Request) -> Result<Reply, WireError> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| WireError::TooLarge(MAX_BODY))?;
        let asked = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            authority: head.uri.authority().map(axum::http::uri::Authority::as_str),
            body: &body,
        };
        let now = crate::clock::now();
        let _in_hand = self.in_hand.try_acquire().map_err(|_| WireError::Throttled)?;
        let key = match self.gate.named(&asked)? {
            Some(id) => self.store.key(&id).await?.and_then(|row| usable(row, &self.units)),
            None => None,
        };
        let who = self.gate.admit(&asked, key, now.seconds())?;
        if !self.rate.allows(who.key.as_deref().unwrap_or_default(), now.seconds()) {
            return Err(WireError::Throttled);
        }
        let found = Model::of_provider().find(asked.method, asked.path);
        let (operation, labels) = found.ok_or(WireError::UnknownOperation)?;
        let supported = operations::supported(&operation.name)?;
        who.may(supported.scope)?;
        let is_change = supported.effect != Effect::Reads;
        if supported.effect == Effect::ChangesSettings {
            who.sees_all()?;
        }
        let mut input = request::read(operation, &labels, &asked)?;
        self.resolve(&who.visible, &mut input).await?;
        if is_change {
            let has_token = input.get("clientToken").and_then(serde_json::Value::as_str).is_some_and(|token| !token.is_empty());
            self.gate.once(&who, has_token, now.seconds())?;
        }
        let base = self.base(&head.headers);
        let call = Call { api: self, who: &who, operation, input, now, base };
        let result = (supported.handler)(&call).await.map_err(|error| of_model(operation, error));
        if is_change && matches!(result, Err(WireError::Internal(_) | WireError::Throttled)) {
            self.gate.not_done(&who);
        }
        result
    }
}

impl Api {
    /// Where a client reaches the server: as the operator says, else as the request does.
    fn base(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let is_host = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(is_host).unwrap_or("localhost");
        format!("{}://{host}", if self.is_encrypted { "https" } else { "http" })
    }

    /// Puts the ARNs of analyzers into an input that the store knows in the place of those that a caller is shown who sees some accounts
    /// only. What the caller does not see is not there.
    async fn resolve(&self, visible: &Visibility, input: &mut serde_json::Value) -> Result<(), WireError> {
        if visible.is_all() {
            return Ok(());
        }
        for member in ["analyzerArn", "resourceArn"] {
            let Some(asked) = input.get(member).and_then(serde_json::Value::as_str).map(str::to_owned) else { continue };
            let Some((_, name)) = asked.split_once(":analyzer/") else { continue };
            let missing = || WireError::from(StoreError::NotFound { what: "analyzer", id: asked.clone() });
            let analyzer = match self.store.analyzer(name).await {
                Ok(analyzer) => analyzer,
                Err(StoreError::NotFound { .. }) => return Err(missing()),
                Err(error) => return Err(error.into()),
            };
            let arn = analyzer.arn.clone();
            if visible.analyzer(analyzer).is_none_or(|seen| seen.arn != asked) {
                return Err(missing());
            }
            if let Some(value) = input.get_mut(member) {
                *value = arn.into();
            }
        }
        Ok(())
    }
}

/// The key that a row keeps, if it counts.
pub(crate) fn usable(row: ApiKey, units: &Units) -> Option<Key> {
    let scope = Scope::parse(&row.scopes)?;
    let visible = units.visibility(&row.accounts);
    let key = Key { id: row.id, secret: Secret::kept(row.secret), scope, visible, expires: row.expires };
    (!row.is_disabled).then_some(key)
}

/// The error as the operation's model has it: some know no missing or existing things, and call them not valid.
fn of_model(operation: &Operation, error: WireError) -> WireError {
    let class = match &error {
        WireError::NotFound(..) => "ResourceNotFoundException",
        WireError::Conflict(..) => "ConflictException",
        WireError::Quota(..) => "ServiceQuotaExceededException",
        _ => return error,
    };
    match error {
        WireError::NotFound(message, ..) | WireError::Conflict(message, ..) | WireError::Quota(message, ..)
            if !operation.errors.iter().any(|known| known == class) =>
        {
            WireError::Validation(error::Reason::Other, message, Vec::new())
        }
        error => error,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_comes_while_too_many_wait_is_told_to_come_again_and_not_that_the_server_failed() {
        let folder = std::env::temp_dir().join(format!("leastwise-in-hand-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&crate::store::Location::Sqlite(folder.join("store.db"))).await.unwrap();
        let api = Api {
            tokens: Tokens::of_key(store.secret("next-token").await.unwrap()),
            store: store.clone(),
            desk: AnalysisHandle::default(),
            gate: Arc::new(Verifier::open()),
            region: "us-east-1".to_owned(),
            account: None,
            public_url: None,
            is_encrypted: false,
            units: Units::default(),
            rate: Arc::new(Rate::of(0)),
            in_hand: Arc::new(Semaphore::new(1)),
        };
        let ask = || {
            let request = axum::http::Request::builder().uri("/analyzer").body(Body::empty()).unwrap();
            answer(State(api.clone()), request)
        };
        let other = api.in_hand.acquire().await.unwrap();
        let refused = ask().await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            (&refused.headers()["x-amzn-errortype"], &refused.headers()["retry-after"]),
            (&"ThrottlingException".parse().unwrap(), &"1".parse().unwrap())
        );
        drop(other);
        assert_eq!([ask().await.status(), ask().await.status()], [StatusCode::OK; 2]);
        store.close().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
