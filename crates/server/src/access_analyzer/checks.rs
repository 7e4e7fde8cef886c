//! The three questions about all requests at once: new access, access not granted, public access.
//!
//! The proof answers them; what it cannot decide is FAIL. Here its answers take the provider's form.

use leastwise::checks::{self, Access, Answer, PolicyType};
use leastwise_policy::json::MAX_DEPTH;
use leastwise_policy::{Catalogue, Policy};
use serde::{Deserialize, Serialize};

use super::Reply;
use super::error::WireError;
use super::request::Call;

/// The longest policy that is compared, in bytes: several times what AWS stores of any kind.
const LONGEST_POLICY: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAccess {
    new_policy_document: String,
    existing_policy_document: String,
    policy_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotGranted {
    policy_document: String,
    access: Vec<AccessAsked>,
    policy_type: String,
}

#[derive(Deserialize)]
struct AccessAsked {
    actions: Option<Vec<String>>,
    resources: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicAccess {
    policy_document: String,
    resource_type: String,
}

#[derive(Serialize)]
struct View {
    result: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<ReasonView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonView {
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_id: Option<String>,
}

impl View {
    fn of(answer: Answer) -> View {
        let reason = |reason: checks::Reason| ReasonView {
            description: reason.description,
            statement_index: reason.statement_index,
            statement_id: reason.statement_id.map(Into::into),
        };
        View {
            result: answer.outcome.as_str(),
            message: answer.message,
            reasons: answer.reasons.into_iter().map(reason).collect(),
        }
    }
}

/// Reads a policy of a check.
fn policy(name: &str, text: &str) -> Result<Policy, WireError> {
    if text.len() > LONGEST_POLICY {
        return Err(WireError::Unprocessable(format!("`{name}` has more than {LONGEST_POLICY} bytes")));
    }
    Policy::parse(text).map_err(|e| match e.to_string() {
        why if nested(text) => WireError::Unprocessable(format!("`{name}` is nested too deeply: {why}")),
        why => WireError::InvalidParameter(format!("`{name}` is no policy: {why}")),
    })
}

/// Whether a text is nested more deeply than policies are read.
fn nested(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|byte| {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

fn kind(word: &str) -> PolicyType {
    if word == "RESOURCE_POLICY" { PolicyType::Resource } else { PolicyType::Identity }
}

/// Thinks on a thread of its own, so that others are answered meanwhile.
pub(super) async fn aside<T: Send + 'static>(think: impl FnOnce() -> T + Send + 'static) -> Result<T, WireError> {
    tokio::task::spawn_blocking(think).await.map_err(|e| WireError::Internal(format!("a check did not end: {e}")))
}

pub(super) async fn no_new_access(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: NewAccess = call.input()?;
    let existing = policy("existingPolicyDocument", &asked.existing_policy_document)?;
    let new = policy("newPolicyDocument", &asked.new_policy_document)?;
    let kind = kind(&asked.policy_type);
    let answer = aside(move || checks::no_new_access(&existing, &new, kind, Catalogue::embedded())).await?;
    Reply::of(&View::of(answer))
}

pub(super) async fn access_not_granted(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: NotGranted = call.input()?;
    let policy = policy("policyDocument", &asked.policy_document)?;
    let Some(access) = asked.access.into_iter().next() else {
        return Err(WireError::field("access", "has no item; one is needed"));
    };
    let access = Access::new(access.actions.unwrap_or_default(), access.resources.unwrap_or_default())
        .map_err(|e| WireError::InvalidParameter(format!("`access`: {e}; {}", e.help)))?;
    let kind = kind(&asked.policy_type);
    let answer = aside(move || checks::access_not_granted(&policy, &access, kind, Catalogue::embedded())).await?;
    Reply::of(&View::of(answer))
}

pub(super) async fn no_public_access(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: PublicAccess = call.input()?;
    let policy = policy("policyDocument", &asked.policy_document)?;
    let answer = aside(move || checks::no_public_access(&policy, &asked.resource_type, Catalogue::embedded())).await?;
    Reply::of(&View::of(answer))
}
