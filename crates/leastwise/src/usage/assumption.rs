//! Which role an event shows to have been assumed, and by whom.
//!
//! Beside attribution: a record of an assumption is the caller's call and the role's activity at once, even when the session then
//! calls nothing. It reads one record and concludes nothing about use.

use std::borrow::Cow;

use serde_json::Value;

use super::event::Event;
use super::principal::{Attribution, of_session, switched_from};
use crate::access::{AccountId, PrincipalArn};

/// Calls by which a role is assumed: event source without its domain, name in lower case.
const CALLS: [(&str, &str); 11] = [
    ("sts", "assumerole"),
    ("sts", "assumerolewithsaml"),
    ("sts", "assumerolewithwebidentity"),
    ("signin", "switchrole"),
    ("rolesanywhere", "createsession"),
    ("eks-auth", "assumeroleforpodidentity"),
    ("cognito-identity", "getcredentialsforidentity"),
    ("sso", "getrolecredentials"),
    ("sso", "federate"),
    ("account-access", "getrolecredentials"),
    ("account-access-runtime", "getrolecredentials"),
];

/// Whether a call of that name at that event source assumes a role.
#[must_use]
pub fn assumes_role(source: &str, name: &str) -> bool {
    // Most names begin otherwise, and every event asks.
    let begins = matches!(name.as_bytes().first(), Some(b'A' | b'a' | b'S' | b's' | b'C' | b'c' | b'G' | b'g' | b'F' | b'f'));
    let label = || source.split('.').next().unwrap_or_default();
    begins && CALLS.iter().any(|(service, call)| name.eq_ignore_ascii_case(call) && label().eq_ignore_ascii_case(service))
}

/// Whether a call of that name at that event source changes the name of a user.
#[must_use]
pub fn renames_user(source: &str, name: &str) -> bool {
    name.eq_ignore_ascii_case("UpdateUser") && source.eq_ignore_ascii_case("iam.amazonaws.com")
}

/// The role that an event of such a call names, where its own list of resources names none.
pub(super) fn told_role(event: &Event<'_>) -> Option<String> {
    if event.is_role_switch() {
        let own = || {
            let identity = event.identity.as_ref()?;
            let issuer = identity.issuer_arn.as_deref().and_then(PrincipalArn::parse);
            issuer.or_else(|| identity.arn.as_deref().and_then(of_session))
        };
        let to = member(event.additional.as_deref(), "SwitchTo").and_then(|arn| role(&arn));
        return to.or_else(|| own().map(|arn| arn.as_str().to_owned()));
    }
    let asked = member(event.request.as_deref(), "roleArn").and_then(|arn| role(&arn));
    asked.or_else(|| of_permission_set(event)).or_else(|| {
        let response: Value = serde_json::from_str(event.response.as_deref()?).ok()?;
        let session = response.get("assumedRoleUser").or_else(|| response.get("assumedRole"))?.get("arn")?.as_str()?.to_owned();
        of_session(&session).map(|arn| arn.as_str().to_owned())
    })
}

/// The roles that Identity Center made for a permission set in an account: the name of each goes on with a text of its own, which
/// the record does not tell (IAM Identity Center user guide, CloudTrail use cases: `role_name` and `account_id`).
fn of_permission_set(event: &Event<'_>) -> Option<String> {
    let told = |name: &str| member(event.additional.as_deref(), name).or_else(|| member(event.request.as_deref(), name));
    let (set, account) = (told("role_name").or_else(|| told("roleName"))?, told("account_id").or_else(|| told("accountId"))?);
    let account = AccountId::parse(&account)?;
    let is_plain = !set.is_empty() && set.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte));
    is_plain.then(|| format!("arn:aws:iam::{account}:role/AWSReservedSSO_{set}_*"))
}

/// Who changed to a role in the console, where the record says so of a session of the role.
pub(super) fn switcher(event: &Event<'_>) -> Option<PrincipalArn> {
    let from = member(event.additional.as_deref(), "SwitchFrom")?;
    PrincipalArn::parse(&from).or_else(|| of_session(&from))
}

/// Whether the record says to which role somebody changed, which is told of who changed.
pub(super) fn names_target(event: &Event<'_>) -> bool {
    member(event.additional.as_deref(), "SwitchTo").is_some()
}

fn role(arn: &str) -> Option<String> {
    let arn = arn.trim();
    (arn.starts_with("arn:") && arn.contains(":role/")).then(|| arn.to_owned())
}

/// A text member of an object, whatever the case of its name.
fn member(json: Option<&str>, name: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json?).ok()?;
    let (_, value) = value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().map(str::to_owned)
}

/// Who assumed a role, in a few words.
pub(super) fn assumer<'a>(attribution: &'a Attribution) -> Cow<'a, str> {
    match attribution {
        Attribution::Principal(arn) => Cow::Borrowed(arn.as_str()),
        Attribution::Service(name) => Cow::Borrowed(name),
        Attribution::OtherAccount(account) => Cow::Owned(format!("account {account}")),
        Attribution::Federated(name) => Cow::Owned(format!("`{name}`, who was signed in elsewhere")),
        Attribution::Anonymous => Cow::Borrowed("a caller without credentials"),
        Attribution::Unattributable(_) => Cow::Borrowed("a caller whom the record does not tell"),
    }
}

/// Whether an event is a change of roles of which the record does not tell who made it.
pub(super) fn hides_switcher(event: &Event<'_>) -> bool {
    let kind = event.identity.as_ref().and_then(|identity| identity.kind.as_deref());
    event.is_role_switch() && kind == Some("AssumedRole") && switched_from(event).is_none() && !names_target(event)
}
