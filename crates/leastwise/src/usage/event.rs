//! One record of CloudTrail, reduced to what tells who used which permission on what, and when.
//!
//! Filled by the reader of records (crate `leastwise-history`), read by the rest of this stage. Texts are borrowed from
//! the record where they can be. It holds no judgement: which principal and which actions it means is decided beside it.

use std::borrow::Cow;

use crate::access::{AccountId, Timestamp};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// `eventID`; the same one can be delivered twice. Old or foreign records may lack it.
    pub id: Option<Cow<'a, str>>,
    /// `eventTime`, seconds of UTC.
    pub time: Timestamp,
    /// `eventSource`, such as `monitoring.amazonaws.com`.
    pub source: Cow<'a, str>,
    /// `eventName` as written, version suffix included.
    pub name: Cow<'a, str>,
    /// `awsRegion`; empty when the record has none.
    pub region: Cow<'a, str>,
    /// `recipientAccountId`: the account whose trail this is.
    pub account: Option<AccountId>,
    /// `userIdentity`; none when the record has none.
    pub identity: Option<Identity<'a>>,
    /// `errorCode`.
    pub error_code: Option<Cow<'a, str>>,
    /// `eventType`.
    pub kind: EventKind,
    /// `eventCategory`, or what `managementEvent` says in older records.
    pub category: EventCategory,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `resources[]`.
    pub resources: Vec<EventResource<'a>>,
    /// `requestParameters` as JSON text; none when absent or null.
    pub request: Option<Cow<'a, str>>,
    /// `responseElements` as JSON text; none when absent or null.
    pub response: Option<Cow<'a, str>>,
    /// `additionalEventData`, or for want of it `serviceEventDetails`, as JSON text; none when absent or null.
    pub additional: Option<Cow<'a, str>>,
    /// Whether `sessionCredentialFromConsole` says that the credentials are those of a console session.
    pub from_console: bool,
}

/// `userIdentity`, as far as it tells the principal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity<'a> {
    /// `type`.
    pub kind: Option<Cow<'a, str>>,
    /// `arn`.
    pub arn: Option<Cow<'a, str>>,
    /// `accountId`.
    pub account: Option<Cow<'a, str>>,
    /// `principalId`.
    pub principal_id: Option<Cow<'a, str>>,
    /// `userName`.
    pub user_name: Option<Cow<'a, str>>,
    /// `invokedBy`: the service that called, for itself or on the principal's behalf.
    pub invoked_by: Option<Cow<'a, str>>,
    /// `accessKeyId`: the key that signed, a user's own (`AKIA…`) or a session's (`ASIA…`).
    pub access_key: Option<Cow<'a, str>>,
    /// `sessionContext.sessionIssuer.arn`.
    pub issuer_arn: Option<Cow<'a, str>>,
    /// `sessionContext.sessionIssuer.principalId`.
    pub issuer_id: Option<Cow<'a, str>>,
}

/// An entry of `resources[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventResource<'a> {
    /// `ARN`.
    pub arn: Cow<'a, str>,
    /// `type`, such as `AWS::S3::Object`.
    pub kind: Option<Cow<'a, str>>,
}

/// `eventType` (CloudTrail user guide, record contents).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// `AwsApiCall`, or a record from before the field existed.
    ApiCall,
    /// `AwsServiceEvent`: the service tells of something that nobody called for.
    ServiceEvent,
    /// `AwsConsoleAction`: done in the console, without an API call.
    ConsoleAction,
    /// `AwsConsoleSignIn`.
    ConsoleSignIn,
    /// `AwsVpceEvent`: an endpoint's record of a call that went through it.
    NetworkActivity,
    /// `AwsCloudTrailInsight`.
    Insight,
    /// A type that is not known here.
    Other,
}

impl EventKind {
    /// Every kind, in their order.
    pub const ALL: [EventKind; 7] = [
        EventKind::ApiCall,
        EventKind::ServiceEvent,
        EventKind::ConsoleAction,
        EventKind::ConsoleSignIn,
        EventKind::NetworkActivity,
        EventKind::Insight,
        EventKind::Other,
    ];

    /// Reads `eventType`.
    #[must_use]
    pub fn parse(text: &str) -> EventKind {
        match text {
            "AwsApiCall" => EventKind::ApiCall,
            "AwsServiceEvent" => EventKind::ServiceEvent,
            "AwsConsoleAction" => EventKind::ConsoleAction,
            "AwsConsoleSignIn" => EventKind::ConsoleSignIn,
            "AwsVpceEvent" => EventKind::NetworkActivity,
            "AwsCloudTrailInsight" => EventKind::Insight,
            _ => EventKind::Other,
        }
    }

    /// Whether somebody signed a request with a key for it.
    pub(super) fn is_signed(self) -> bool {
        matches!(self, EventKind::ApiCall | EventKind::ConsoleAction | EventKind::NetworkActivity | EventKind::Other)
    }

    /// The `eventType` that it stands for; `Other` for one that is not known here.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::ApiCall => "AwsApiCall",
            EventKind::ServiceEvent => "AwsServiceEvent",
            EventKind::ConsoleAction => "AwsConsoleAction",
            EventKind::ConsoleSignIn => "AwsConsoleSignIn",
            EventKind::NetworkActivity => "AwsVpceEvent",
            EventKind::Insight => "AwsCloudTrailInsight",
            EventKind::Other => "Other",
        }
    }
}

/// `eventCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventCategory {
    /// Management events.
    Management,
    /// Data events, of the resource types that the trail selects.
    Data,
    /// Anything else, or not stated.
    Other,
}

/// Error codes that mean that a policy said no. A code that is not among them counts as a use: the call was let in.
const DENIALS: [&str; 10] = [
    "AccessDenied",
    "AccessDeniedException",
    "Client.UnauthorizedOperation",
    "UnauthorizedOperation",
    "Client.UnauthorizedAccess",
    "UnauthorizedAccess",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorizedForThisOperation",
    "VpceAccessDenied",
];

impl Event<'_> {
    /// Whether the attempt was turned down by a policy, rather than made. A switch of roles that failed is one: what the console
    /// tells of it has no error code.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        (self.is_role_switch() && self.is_failed_sign_in())
            || self.error_code.as_deref().is_some_and(|code| DENIALS.iter().any(|denial| code.eq_ignore_ascii_case(denial)))
    }

    /// Whether the call did not do what was asked, whatever the reason.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.error_code.is_some() || self.is_failed_sign_in()
    }

    /// Whether it is a sign-in, or a step of one, of which the record says that it failed (CloudTrail user guide, console
    /// sign-in events: `"responseElements":{"ConsoleLogin":"Failure"}`, without an error code).
    fn is_failed_sign_in(&self) -> bool {
        self.kind == EventKind::ConsoleSignIn
            && self
                .response
                .as_deref()
                .is_some_and(|response| response.split('"').any(|text| text.eq_ignore_ascii_case("failure")))
    }

    /// Whether somebody changed to a role in the console.
    pub(super) fn is_role_switch(&self) -> bool {
        self.kind == EventKind::ConsoleSignIn && self.name.eq_ignore_ascii_case("SwitchRole")
    }

    /// Whether the request may set tags, which some calls check as a further action without a record of its own.
    /// A request that the record leaves out may have done so.
    #[must_use]
    pub fn may_tag(&self) -> bool {
        let Some(request) = self.request.as_deref() else { return self.read_only != Some(true) };
        let bytes = request.as_bytes();
        // A `g` is rarer than a `t` in requests, and the two before it decide.
        memchr::memchr2_iter(b'g', b'G', bytes)
            .any(|at| at.checked_sub(2).and_then(|from| bytes.get(from..at)).is_some_and(|two| two.eq_ignore_ascii_case(b"ta")))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn event(source: &'static str, name: &'static str) -> Event<'static> {
        Event {
            id: None,
            time: Timestamp::parse("2026-03-01T12:00:00Z").unwrap(),
            source: source.into(),
            name: name.into(),
            region: "eu-west-1".into(),
            account: AccountId::parse("111122223333"),
            identity: None,
            error_code: None,
            kind: EventKind::ApiCall,
            category: EventCategory::Management,
            read_only: None,
            resources: Vec::new(),
            request: Some("{}".into()),
            response: None,
            additional: None,
            from_console: false,
        }
    }

    #[test]
    fn only_a_refusal_by_a_policy_is_a_denied_attempt() {
        let mut event = event("ec2.amazonaws.com", "RunInstances");
        assert!(!event.is_denied());
        for (code, denied) in [
            ("Client.UnauthorizedOperation", true),
            ("AccessDenied", true),
            ("Client.DryRunOperation", false),
            ("Client.InvalidPermission.NotFound", false),
            ("ThrottlingException", false),
        ] {
            event.error_code = Some(code.into());
            assert_eq!(event.is_denied(), denied, "{code}");
        }
    }

    #[test]
    fn a_request_that_the_record_leaves_out_may_have_tagged() {
        let mut event = event("ec2.amazonaws.com", "RunInstances");
        assert!(!event.may_tag());
        event.request = Some(r#"{"tagSpecificationSet":{}}"#.into());
        assert!(event.may_tag());
        event.request = None;
        assert!(event.may_tag());
        event.read_only = Some(true);
        assert!(!event.may_tag());
    }
}
