//! What all sources together say of each user's password and keys.
//!
//! Asked by the two findings about credentials. Of several reports none hides another: the latest use wins, whatever their dates,
//! and so does a use that records of CloudTrail show. It finds nothing unused itself; what no source tells stays unknown.

use std::collections::BTreeMap;

use super::stale::StaleExports;
use crate::access::credential_report::{AccessKey, CredentialRow, Enabled, LastUse};
use crate::access::{AccessKeyId, PrincipalArn, PrincipalKind, Timestamp};
use crate::analysis::Analysis;

/// For how long temporary credentials of a user live on after its key or password was used (IAM user guide,
/// `GetSessionToken`: at most 36 hours), in seconds.
pub(super) const LONGEST_SESSION: i64 = 36 * 3600;

/// By how much IAM may round the time of a last use, in seconds.
const ROUNDING: i64 = 15 * 60;

/// One user's rows in all reports.
pub(super) struct Credentials<'a> {
    pub(super) user: &'a PrincipalArn,
    /// Those of reports whose silence counts.
    sound: Vec<&'a CredentialRow>,
    /// Those of all reports: a use that one of them shows is a use.
    all: Vec<&'a CredentialRow>,
}

/// A last use, and which source shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// No source shows any.
    Never,
    /// The last one, which a credential report shows.
    Report(Timestamp),
    /// The last one, which only records of CloudTrail show.
    Log(Timestamp),
}

impl Shown {
    pub(super) fn last(self) -> Option<Timestamp> {
        match self {
            Shown::Never => None,
            Shown::Report(last) | Shown::Log(last) => Some(last),
        }
    }

    fn of(reported: Option<Timestamp>, logged: Option<Timestamp>) -> Shown {
        match (reported, logged) {
            (None, None) => Shown::Never,
            (Some(reported), logged) if logged.is_none_or(|logged| logged <= reported) => Shown::Report(reported),
            (_, Some(logged)) => Shown::Log(logged),
            (Some(reported), None) => Shown::Report(reported),
        }
    }
}

/// A password or key that is switched on, of which it is known when it was made and last used.
pub(super) struct Credential<'a> {
    /// 1 or 2 for a key.
    pub(super) slot: u8,
    pub(super) id: Option<&'a AccessKeyId>,
    /// Since when it has been there to be used.
    pub(super) since: Timestamp,
    pub(super) last: Shown,
}

impl<'a> Credentials<'a> {
    /// The users of all reports, in the order of their ARNs. A user whom complete details of its account do not have is gone, or has
    /// another name, and is left out, as are those of accounts without any details.
    pub(super) fn of_all(analysis: &'a Analysis<'a>, stale: &StaleExports) -> Vec<Credentials<'a>> {
        let mut users: BTreeMap<&PrincipalArn, Credentials<'a>> = BTreeMap::new();
        for report in &analysis.credentials {
            for row in report.rows.iter().filter(|row| row.arn.kind() == PrincipalKind::User) {
                let of_user =
                    users.entry(&row.arn).or_insert_with(|| Credentials { user: &row.arn, sound: Vec::new(), all: Vec::new() });
                of_user.all.push(row);
                if !stale.refutes(analysis, report, row.arn.account()) {
                    of_user.sound.push(row);
                }
            }
        }
        let accounts = analysis.access.accounts();
        let is_gone = |user: &PrincipalArn| match accounts.iter().find(|account| account.id == user.account()) {
            Some(account) => account.complete && analysis.access.principal(user).is_none(),
            // A report of an account that nothing else is about may have been given another account's number.
            None => !accounts.is_empty(),
        };
        users.into_values().filter(|of_user| !is_gone(of_user.user)).collect()
    }

    /// The active keys of which enough is known.
    pub(super) fn keys(&self, analysis: &Analysis<'_>) -> Vec<Credential<'a>> {
        let ids: Vec<&AccessKeyId> = self.all.iter().flat_map(|row| &row.keys).filter_map(|key| key.id.as_ref()).collect();
        let key = |at: usize| {
            let sound: Vec<(&CredentialRow, &'a AccessKey)> =
                self.sound.iter().filter_map(|row| Some((*row, row.keys.get(at)?))).collect();
            let all = self.all.iter().filter_map(|row| row.keys.get(at));
            let slot = sound.first()?.1.slot;
            let is_active = sound.iter().any(|(_, key)| key.active == Enabled::Yes);
            let since = since(sound.iter().map(|(row, key)| row.key_since(key)))?;
            let reported = reported(sound.iter().map(|(_, key)| key.last_used), all.clone().map(|key| key.last_used))?;
            let id = all.filter_map(|key| key.id.as_ref()).next();
            let last = Shown::of(reported, self.logged(analysis, id, reported, &ids));
            is_active.then_some(Credential { slot, id, since, last })
        };
        [0, 1].into_iter().filter_map(key).collect()
    }

    /// The last use of a key that records show. One of a key that they do not tell, or that no list has, may be of each key of the
    /// user, unless what the reports say of the other one explains it (a key that was replaced and deleted is explained so).
    fn logged(
        &self,
        analysis: &Analysis<'_>,
        id: Option<&AccessKeyId>,
        reported: Option<Timestamp>,
        ids: &[&AccessKeyId],
    ) -> Option<Timestamp> {
        let uses = analysis.ledger.key_uses(self.user, id, ids);
        let (lost, _) = analysis.ledger.lost_credentials(self.user);
        let of_others: Vec<Timestamp> = self
            .all
            .iter()
            .flat_map(|row| &row.keys)
            .filter_map(|key| at(key.last_used))
            .filter(|last| Some(*last) != reported)
            .collect();
        let unexplained = |used: &Timestamp, by: i64| !of_others.iter().any(|last| last.seconds() + by >= used.seconds());
        let others = uses.others.filter(|used| unexplained(used, ROUNDING));
        let some = uses.some.filter(|used| unexplained(used, LONGEST_SESSION));
        uses.own.max(others).max(some).max(lost)
    }

    /// The password, when it is enabled and enough is known of it.
    pub(super) fn password(&self, analysis: &Analysis<'_>) -> Option<Credential<'a>> {
        let passwords = || self.sound.iter().map(|row| (row, &row.password));
        let is_enabled = passwords().any(|(_, password)| password.enabled == Enabled::Yes);
        let since = since(passwords().map(|(row, _)| row.password_since()))?;
        let all = self.all.iter().map(|row| row.password.last_used);
        let reported = reported(passwords().map(|(_, password)| password.last_used), all)?;
        let (_, lost) = analysis.ledger.lost_credentials(self.user);
        let logged = analysis.ledger.last_sign_in(self.user).max(lost);
        is_enabled.then_some(Credential { slot: 0, id: None, since, last: Shown::of(reported, logged) })
    }
}

/// The latest of all dates; none when one of them is not known.
fn since(dates: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    dates.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn at(last: LastUse) -> Option<Timestamp> {
    if let LastUse::At(last) = last { Some(last) } else { None }
}

/// The last use that any report shows; none when one whose silence counts cannot be read.
fn reported(sound: impl Iterator<Item = LastUse>, all: impl Iterator<Item = LastUse>) -> Option<Option<Timestamp>> {
    let is_read = sound.into_iter().all(|last| last != LastUse::Unknown);
    is_read.then(|| all.filter_map(at).max())
}
