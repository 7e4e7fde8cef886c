//! What is unused, and how we know: one file per kind of finding.
//!
//! Third stage of the flow, after access and usage and before refinement and reports. It applies the rules of evidence
//! (`docs/evidence.md`) to one principal after the other: nothing is found where a source is silent for want of sight, and
//! what is not judged is counted and says why. It writes no report and proposes no change.

mod activity;
pub mod coverage;
mod credentials;
mod exclusions;
pub mod held_back;
pub mod permissions;
mod stale;
pub mod unused_iam_role;
pub mod unused_iam_user_access_key;
pub mod unused_iam_user_password;
pub mod unused_permission;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::access::{AccessKeyId, AccountId, Principal, PrincipalArn, Timestamp};
use crate::analysis::Analysis;
use crate::usage::{ObservationWindow, State};

pub use activity::Activity;
pub use coverage::{Coverage, StateCounts, Unjudged};
use credentials::Credentials;
pub use exclusions::Exclusions;
pub use held_back::{HeldBack, HeldReason};
pub use permissions::{Permissions, ServicePermissions};
use stale::StaleExports;

/// The kinds of findings, by the provider's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A role that nobody used.
    UnusedIamRole,
    /// An active access key that nobody used.
    UnusedIamUserAccessKey,
    /// An enabled password that nobody used.
    UnusedIamUserPassword,
    /// Permissions that a principal who is active did not use.
    UnusedPermission,
}

impl FindingKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [FindingKind; 4] = [
        FindingKind::UnusedIamRole,
        FindingKind::UnusedIamUserAccessKey,
        FindingKind::UnusedIamUserPassword,
        FindingKind::UnusedPermission,
    ];

    /// The provider's name, as `findingType` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::UnusedIamRole => "UnusedIAMRole",
            FindingKind::UnusedIamUserAccessKey => "UnusedIAMUserAccessKey",
            FindingKind::UnusedIamUserPassword => "UnusedIAMUserPassword",
            FindingKind::UnusedPermission => "UnusedPermission",
        }
    }

    /// What it says, in a short title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            FindingKind::UnusedIamRole => "Unused roles",
            FindingKind::UnusedIamUserAccessKey => "Unused access keys",
            FindingKind::UnusedIamUserPassword => "Unused passwords",
            FindingKind::UnusedPermission => "Unused permissions",
        }
    }
}

/// A finding's name, the same at every analysis: 32 hexadecimal digits with the dashes of a UUID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(String);

impl FindingId {
    /// Of the kind, the resource, its account, and what tells several of one kind apart on one resource (a key's date).
    #[must_use]
    pub fn of(kind: FindingKind, resource: &PrincipalArn, apart: &str) -> FindingId {
        let text = format!("leastwise-finding 1\n{}\n{}\n{resource}\n{apart}", kind.as_str(), resource.account());
        let digits: String = Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        FindingId(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one source says, as part of a finding's evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Testimony {
    /// Where it is from.
    pub source: Witnessing,
    /// Over which time the source looked, where that is known.
    pub window: Option<ObservationWindow>,
    /// The last use that it shows, if any.
    pub last_seen: Option<Timestamp>,
    /// What it says, in a sentence without capital and full stop.
    pub says: String,
}

/// The sources of evidence, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Witnessing {
    /// `RoleLastUsed` in the account authorization details.
    RoleLastUsed,
    /// The report of the service's last access.
    LastAccessed,
    /// Events of CloudTrail.
    CloudTrail,
    /// The credential report.
    CredentialReport,
}

impl Witnessing {
    /// The name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Witnessing::RoleLastUsed => "roleLastUsed",
            Witnessing::LastAccessed => "lastAccessed",
            Witnessing::CloudTrail => "cloudTrail",
            Witnessing::CredentialReport => "credentialReport",
        }
    }

    /// The source in words, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Witnessing::RoleLastUsed => "Role last used",
            Witnessing::LastAccessed => "Report of last access",
            Witnessing::CloudTrail => "CloudTrail",
            Witnessing::CredentialReport => "Credential report",
        }
    }
}

/// Something unused.
#[derive(Debug, Clone)]
pub struct Finding<'a> {
    /// Its name.
    pub id: FindingId,
    /// Its kind.
    pub kind: FindingKind,
    /// The role, or the user who holds the key, the password or the permissions.
    pub resource: &'a PrincipalArn,
    /// Since when its use could be known: since it was made, or since IAM's memory begins. What was "never used" was not since then.
    pub known_since: Option<Timestamp>,
    /// What the sources say; never empty.
    pub evidence: Vec<Testimony>,
    /// What is unused.
    pub details: Details<'a>,
}

impl Finding<'_> {
    /// The account of the resource.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.resource.account()
    }
}

/// What of a finding's resource is unused.
#[derive(Debug, Clone)]
pub enum Details<'a> {
    /// The role as a whole.
    Role {
        /// Its last use, before the period.
        last_accessed: Option<Timestamp>,
    },
    /// One of the user's two keys.
    AccessKey {
        /// 1 or 2, the key's place in the credential report.
        slot: u8,
        /// Its id, when a list of keys told it.
        id: Option<&'a AccessKeyId>,
        /// Its last use, before the period.
        last_accessed: Option<Timestamp>,
    },
    /// The user's password.
    Password {
        /// Its last use, before the period.
        last_accessed: Option<Timestamp>,
    },
    /// Permissions, with all that is known of the principal's.
    Permissions(Permissions<'a>),
}

/// What an analysis finds.
#[derive(Debug)]
pub struct Found<'a> {
    /// The findings, in the order of their resources and kinds.
    pub findings: Vec<Finding<'a>>,
    /// What was looked at, by which sources, and what was not judged.
    pub coverage: Coverage<'a>,
}

/// Judges every principal and credential.
#[must_use]
pub fn find<'a>(analysis: &'a Analysis<'a>, exclusions: &Exclusions) -> Found<'a> {
    let stale = StaleExports::of(analysis);
    let mut coverage = Coverage::of_sources(analysis, &stale);
    let mut findings = Vec::new();
    for principal in analysis.access.principals() {
        let judged = judge_with(analysis, exclusions, &stale, principal);
        coverage.add(principal, &judged);
        let complete = coverage.seen_until.is_some();
        coverage.held.principal(&stale, principal, &judged, complete);
        findings.extend(judged.findings);
    }
    let users = Credentials::of_all(analysis, &stale);
    unused_iam_user_access_key::find(analysis, exclusions, &users, &mut findings);
    unused_iam_user_password::find(analysis, exclusions, &users, &mut findings);
    findings.sort_by(|one, other| (one.resource, one.kind, &one.id).cmp(&(other.resource, other.kind, &other.id)));
    coverage.held.credentials(analysis, exclusions, &stale, &findings);
    coverage.unmatched = exclusions.unmatched(analysis);
    findings.iter_mut().for_each(|finding| finding.known_since = known_since(analysis, finding));
    Found { findings, coverage }
}

/// How far IAM looks back in what it says of roles and services, in days (IAM user guide, "tracking period").
pub(crate) const IAM_MEMORY: u32 = 400;

/// Since when a use of what the finding is about could be known.
fn known_since(analysis: &Analysis<'_>, finding: &Finding<'_>) -> Option<Timestamp> {
    let created = analysis.access.principal(finding.resource).and_then(|principal| principal.created);
    let rows = || analysis.credentials.iter().flat_map(|report| &report.rows).filter(|row| row.arn == *finding.resource);
    match &finding.details {
        Details::Role { .. } | Details::Permissions(_) => created.max(Some(analysis.period.end.days_before(IAM_MEMORY))),
        Details::AccessKey { slot, .. } => {
            let keys =
                rows().flat_map(|row| row.keys.iter().filter(|key| key.slot == *slot).filter_map(|key| row.key_since(key)));
            keys.max()
        }
        Details::Password { .. } => rows().filter_map(|row| row.password_since()).max(),
    }
}

/// What was found out about one principal and its permissions; its credentials are judged apart.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Why it was not judged; none when it was.
    pub unjudged: Option<Unjudged>,
    /// Its permissions by state; none when it was not judged.
    pub permissions: Option<StateCounts>,
    /// What is unused.
    pub findings: Vec<Finding<'a>>,
    /// Whether sources could say whether it did anything in the period; none when it was not judged.
    pub told: Option<bool>,
    /// How many of its actions are kept, by state and by the code of the reason that decided.
    pub kept: Vec<(State, &'static str, usize)>,
}

/// Judges one principal: a role as a whole, and the permissions of a role or user.
#[must_use]
pub fn judge<'a>(analysis: &'a Analysis<'a>, exclusions: &Exclusions, principal: &'a Principal) -> Judged<'a> {
    judge_with(analysis, exclusions, &StaleExports::of(analysis), principal)
}

/// What the sources say of a role or user as a whole, by the same rules as the findings.
#[must_use]
pub fn activity_of(analysis: &Analysis<'_>, principal: &Principal) -> Activity {
    Activity::of(analysis, &StaleExports::of(analysis), principal)
}

fn judge_with<'a>(
    analysis: &'a Analysis<'a>,
    exclusions: &Exclusions,
    stale: &StaleExports,
    principal: &'a Principal,
) -> Judged<'a> {
    let unjudged = Unjudged::of(analysis, exclusions, principal);
    let mut judged = Judged { unjudged, permissions: None, findings: Vec::new(), told: None, kept: Vec::new() };
    if matches!(judged.unjudged, Some(why) if why != Unjudged::Unreadable) {
        return judged;
    }
    let activity = Activity::of(analysis, stale, principal);
    judged.told = Some(activity.seen || activity.silent);
    let role = unused_iam_role::find(analysis, principal, &activity);
    let is_unused_role = role.is_some();
    judged.findings.extend(role);
    if judged.unjudged.is_none() {
        let permissions = Permissions::of(analysis, principal);
        judged.permissions = Some(permissions.counts());
        judged.kept = permissions.kept().collect();
        if !is_unused_role {
            judged.findings.extend(unused_permission::find(analysis, principal, &activity, permissions));
        }
    }
    judged
}
