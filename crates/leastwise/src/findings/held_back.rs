//! What was held back: what would have been called unused, had a source been able to show its use, counted by type and reason.
//!
//! Kept beside the findings, so that a short list never passes for a clean account. Each reason names the command whose answer
//! settles it, where one does. It counts and concludes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::stale::StaleExports;
use super::{Details, Exclusions, Finding, FindingKind, Judged, Unjudged};
use crate::access::credential_report::{CredentialRow, Enabled, LastUse};
use crate::access::details::RoleLastUsed;
use crate::access::{Principal, PrincipalArn, PrincipalKind};
use crate::analysis::Analysis;
use crate::usage::State;

/// Why something was neither found nor refuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldReason {
    /// The account details say nothing of a role's last use.
    NoRoleLastUsed,
    /// The account details have no date near the end of the period.
    DetailsMayBeOld,
    /// Logs show a use that the account details must have known.
    DetailsRefuted,
    /// The credential report is of an account of which there are no details.
    AccountNotGiven,
    /// No credential report of the account.
    NoCredentialReport,
    /// The credential report does not reach the end of the period, or does not say when it was made.
    CredentialReportMayBeOld,
    /// Logs show a use that the credential report must have known.
    CredentialReportRefuted,
    /// A date or state in the credential report cannot be read.
    CredentialUnreadable,
    /// An action is kept, and this reason of the ledger (its code) decided.
    Action(&'static str),
}

impl HeldReason {
    /// The reason in one word, as reports have it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            HeldReason::NoRoleLastUsed => "noRoleLastUsed",
            HeldReason::DetailsMayBeOld => "detailsMayBeOld",
            HeldReason::DetailsRefuted => "detailsRefutedByUse",
            HeldReason::AccountNotGiven => "accountNotGiven",
            HeldReason::NoCredentialReport => "noCredentialReport",
            HeldReason::CredentialReportMayBeOld => "credentialReportMayBeOld",
            HeldReason::CredentialReportRefuted => "credentialReportRefutedByUse",
            HeldReason::CredentialUnreadable => "credentialUnreadable",
            HeldReason::Action(code) => code,
        }
    }

    /// The reason in a sentence, without capital and full stop.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            HeldReason::NoRoleLastUsed => "the account details do not say when the role was last used",
            HeldReason::DetailsMayBeOld => "the account details do not say of which day they are",
            HeldReason::DetailsRefuted => "logs show a use that the account details do not know of",
            HeldReason::AccountNotGiven => "the credential report is of an account whose details were not given",
            HeldReason::NoCredentialReport => "no credential report of the account was given",
            HeldReason::CredentialReportMayBeOld => "the credential report does not reach the end of the period",
            HeldReason::CredentialReportRefuted => "logs show a use that the credential report does not know of",
            HeldReason::CredentialUnreadable => "the credential report has no readable state or date of it",
            HeldReason::Action(code) => match code {
                "noTrail" => "no log of the account was given",
                "noReport" => "no last-accessed report of the principal was given",
                "trailIncomplete" => "the logs do not show the whole period",
                "managementNotRecorded" => "no trail is known to record these management events",
                "dataNotRecorded" => "no trail is known to record these data events",
                "reportFailed" => "the last-accessed report failed or cannot be read",
                "reportPartial" => "the last-accessed report lacks pages",
                "reportStale" => "the last-accessed report is older than the period's end",
                "reportContradicted" => "the last-accessed report contradicts the logs",
                "serviceNotListed" => "the last-accessed report does not list the service",
                "notTracked" => "IAM does not track the action, and no log shows it",
                "unmappedCall" => "the principal made a call that maps to no known action of the service",
                "unattributedUse" => "a record that does not name its principal shows a use",
                "possiblyUsed" => "a recorded call may have checked it besides",
                "neverLogged" => "CloudTrail never records it",
                "notKnownToBeLogged" => "no logged operation is known that would use it",
                "unseen" => "it is checked where no source looks",
                _ => "no source could show its use",
            },
        }
    }

    /// The command whose answer settles it; none when no export does.
    #[must_use]
    pub fn command(self) -> Option<&'static str> {
        const DETAILS: &str = "aws iam get-account-authorization-details > account/ACCOUNT.json, then --as-of with that day";
        const CREDENTIALS: &str =
            "aws iam generate-credential-report; aws iam get-credential-report > credential-report/ACCOUNT.json";
        const LAST_ACCESSED: &str = "aws iam generate-service-last-accessed-details --granularity ACTION_LEVEL --arn ARN; \
                                     aws iam get-service-last-accessed-details --job-id ID";
        const TRAILS: &str = "aws cloudtrail describe-trails > trails/trails.json; \
                              aws cloudtrail get-event-selectors --trail-name NAME > trails/selectors.json";
        Some(match self {
            HeldReason::NoRoleLastUsed
            | HeldReason::DetailsMayBeOld
            | HeldReason::DetailsRefuted
            | HeldReason::AccountNotGiven => DETAILS,
            HeldReason::NoCredentialReport
            | HeldReason::CredentialReportMayBeOld
            | HeldReason::CredentialReportRefuted
            | HeldReason::CredentialUnreadable => CREDENTIALS,
            HeldReason::Action(code) => match code {
                "noTrail" | "notTracked" => "aws s3 sync s3://BUCKET/AWSLogs cloudtrail/",
                "trailIncomplete" | "managementNotRecorded" | "dataNotRecorded" => TRAILS,
                "noReport" | "reportFailed" | "reportPartial" | "reportStale" | "reportContradicted" | "serviceNotListed" => {
                    LAST_ACCESSED
                }
                _ => return None,
            },
        })
    }
}

/// What was held back, and whether each type could be judged at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBack {
    counts: BTreeMap<(FindingKind, HeldReason), usize>,
    judged: BTreeMap<FindingKind, usize>,
}

impl HeldBack {
    /// Notes that something of this type was held back.
    pub(super) fn hold(&mut self, kind: FindingKind, reason: HeldReason, count: usize) {
        if count > 0 {
            *self.counts.entry((kind, reason)).or_default() += count;
        }
    }

    /// Notes what is known of one principal and its permissions.
    /// That something is used any scrap of a log can show; only where a source would have shown a use is it judged.
    pub(super) fn principal(&mut self, stale: &StaleExports, principal: &Principal, judged: &Judged<'_>, complete: bool) {
        if let Some(counts) = judged.permissions {
            let told = if complete || counts.unused > 0 { counts.used + counts.unused } else { 0 };
            self.judge(FindingKind::UnusedPermission, told);
            self.keep(judged.kept.iter().copied());
        }
        let Some(role) = principal.role.as_ref().filter(|_| judged.unjudged.is_none_or(|why| why == Unjudged::Unreadable)) else {
            return;
        };
        let account = principal.arn.account();
        let details_count = !stale.details_mean_nothing(account) && role.last_used != RoleLastUsed::Unknown;
        match judged.told {
            Some(true) if complete || details_count => self.judge(FindingKind::UnusedIamRole, 1),
            Some(true) | None => {}
            Some(false) => {
                let reason = if role.last_used == RoleLastUsed::Unknown {
                    HeldReason::NoRoleLastUsed
                } else if stale.old_details(account).is_some() {
                    HeldReason::DetailsMayBeOld
                } else if stale.details(account).is_some() {
                    HeldReason::DetailsRefuted
                } else {
                    HeldReason::NoRoleLastUsed
                };
                self.hold(FindingKind::UnusedIamRole, reason, 1);
            }
        }
    }

    /// Notes what is known of the credentials of all users. A key or password that is neither found nor seen used was held back.
    pub(super) fn credentials(
        &mut self,
        analysis: &Analysis<'_>,
        exclusions: &Exclusions,
        stale: &StaleExports,
        findings: &[Finding<'_>],
    ) {
        let mut found: BTreeSet<(&PrincipalArn, u8)> = BTreeSet::new();
        for finding in findings {
            match finding.details {
                Details::AccessKey { slot, .. } => drop(found.insert((finding.resource, slot))),
                Details::Password { .. } => drop(found.insert((finding.resource, 0))),
                Details::Role { .. } | Details::Permissions(_) => {}
            }
        }
        let mut rows: BTreeMap<&PrincipalArn, Vec<(&CredentialRow, Option<HeldReason>)>> = BTreeMap::new();
        for report in &analysis.credentials {
            for row in report.rows.iter().filter(|row| row.arn.kind() == PrincipalKind::User) {
                let account = row.arn.account();
                let weak = if !analysis.access.accounts().iter().any(|known| known.id == account) {
                    Some(HeldReason::AccountNotGiven)
                } else if !stale.refutes(analysis, report, account) {
                    None
                } else if report.generated.is_none() && stale.credentials(account).is_some() {
                    Some(HeldReason::CredentialReportRefuted)
                } else {
                    Some(HeldReason::CredentialReportMayBeOld)
                };
                rows.entry(&row.arn).or_default().push((row, weak));
            }
        }
        for (user, rows) in &rows {
            let of_account = analysis.access.accounts().iter().find(|account| account.id == user.account());
            let is_gone = of_account.is_some_and(|account| account.complete) && analysis.access.principal(user).is_none();
            if is_gone || exclusions.credentials(analysis, user) {
                continue;
            }
            // Of several reports the one that says the most of it: a use, else silence that counts, else what holds it back.
            for slot in 0..=2_u8 {
                let kind = if slot == 0 { FindingKind::UnusedIamUserPassword } else { FindingKind::UnusedIamUserAccessKey };
                let told = rows
                    .iter()
                    .filter_map(|(row, weak)| told(analysis, row, slot, *weak))
                    .min_by_key(|told| told.as_ref().err().copied());
                match told {
                    None => {}
                    Some(_) if found.contains(&(*user, slot)) => self.judge(kind, 1),
                    Some(Ok(())) => self.judge(kind, 1),
                    Some(Err(reason)) => self.hold(kind, reason, 1),
                }
            }
        }
        for principal in analysis.access.principals().iter().filter(|principal| principal.arn.kind() == PrincipalKind::User) {
            if !rows.contains_key(&principal.arn) && !exclusions.principal(principal) && !analysis.is_young(principal.created) {
                for kind in [FindingKind::UnusedIamUserAccessKey, FindingKind::UnusedIamUserPassword] {
                    self.hold(kind, HeldReason::NoCredentialReport, 1);
                }
            }
        }
    }

    /// Notes the actions of one principal that were kept for want of evidence.
    pub(super) fn keep(&mut self, kept: impl Iterator<Item = (State, &'static str, usize)>) {
        kept.for_each(|(_, code, count)| self.hold(FindingKind::UnusedPermission, HeldReason::Action(code), count));
    }

    /// Notes that sources could say of some of this type whether they are used.
    pub(super) fn judge(&mut self, kind: FindingKind, count: usize) {
        if count > 0 {
            *self.judged.entry(kind).or_default() += count;
        }
    }

    /// How many of a type sources could say something of: roles, keys, passwords, or actions.
    #[must_use]
    pub fn judged(&self, kind: FindingKind) -> usize {
        self.judged.get(&kind).copied().unwrap_or_default()
    }

    /// Whether nothing of any type could be judged: then a list without findings says nothing.
    #[must_use]
    pub fn nothing_judged(&self) -> bool {
        self.judged.is_empty()
    }

    /// What was held back of a type, most first.
    #[must_use]
    pub fn of(&self, kind: FindingKind) -> Vec<(HeldReason, usize)> {
        let mut own: Vec<(HeldReason, usize)> =
            self.counts.iter().filter(|((of, _), _)| *of == kind).map(|((_, reason), count)| (*reason, *count)).collect();
        own.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
        own
    }

    /// How many of a type were held back.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> usize {
        self.of(kind).iter().map(|(_, count)| count).sum()
    }

    /// The commands that settle the most, each once, those for actions last.
    #[must_use]
    pub fn commands(&self) -> Vec<&'static str> {
        let mut by_command: BTreeMap<&'static str, usize> = BTreeMap::new();
        for ((_, reason), count) in &self.counts {
            if let Some(command) = reason.command() {
                *by_command.entry(command).or_default() += count;
            }
        }
        let mut commands: Vec<(&'static str, usize)> = by_command.into_iter().collect();
        commands.sort_by_key(|(command, count)| (std::cmp::Reverse(*count), *command));
        commands.into_iter().map(|(command, _)| command).collect()
    }
}

/// Whether a report says of a credential (a key's slot, 0 for the password) whether it was used in the period, or why not; none
/// when there is nothing to judge: it is not there, not active, or younger than the period.
fn told(analysis: &Analysis<'_>, row: &CredentialRow, slot: u8, weak: Option<HeldReason>) -> Option<Result<(), HeldReason>> {
    let key = row.keys.iter().find(|key| key.slot == slot);
    let (active, since, last) = match key {
        Some(key) => (key.active, row.key_since(key), key.last_used),
        None => (row.password.enabled, row.password_since(), row.password.last_used),
    };
    if active == Enabled::No || since.is_some_and(|since| analysis.is_young(Some(since))) {
        return None;
    }
    if active != Enabled::Yes {
        return Some(Err(HeldReason::CredentialUnreadable));
    }
    Some(match (last, weak) {
        (LastUse::At(last), Some(_)) if last >= analysis.period.start => return None,
        (LastUse::At(last), None) if last >= analysis.period.start => Ok(()),
        (_, Some(weak)) => Err(weak),
        (LastUse::Unknown, None) => Err(HeldReason::CredentialUnreadable),
        (LastUse::At(_) | LastUse::Never, None) if since.is_none() => Err(HeldReason::CredentialUnreadable),
        // Silent and not found: logs show a use of the user's, perhaps by it.
        (LastUse::At(_) | LastUse::Never, None) => Ok(()),
    })
}

/// What one of a type is called when it is counted.
#[must_use]
pub fn unit(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::UnusedIamRole => "role",
        FindingKind::UnusedIamUserAccessKey => "access key",
        FindingKind::UnusedIamUserPassword => "password",
        FindingKind::UnusedPermission => "action",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_is_counted_by_type_and_reason_with_the_most_first() {
        let mut held = HeldBack::default();
        assert!(held.nothing_judged());
        held.hold(FindingKind::UnusedIamRole, HeldReason::DetailsMayBeOld, 2);
        held.hold(FindingKind::UnusedIamRole, HeldReason::NoRoleLastUsed, 0);
        held.keep([(State::Unobservable, "noTrail", 3), (State::Unknown, "reportFailed", 5)].into_iter());
        held.keep([(State::Unobservable, "noTrail", 4)].into_iter());
        let actions = held.of(FindingKind::UnusedPermission);
        assert_eq!(actions, [(HeldReason::Action("noTrail"), 7), (HeldReason::Action("reportFailed"), 5)]);
        assert_eq!((held.count(FindingKind::UnusedIamRole), held.count(FindingKind::UnusedIamUserAccessKey)), (2, 0));
        assert!(held.commands().first().is_some_and(|command| command.starts_with("aws s3 sync")));
        held.judge(FindingKind::UnusedPermission, 1);
        assert!(!held.nothing_judged() && held.judged(FindingKind::UnusedIamRole) == 0);
    }
}
