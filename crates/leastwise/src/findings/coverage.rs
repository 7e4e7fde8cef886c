//! What an analysis looked at: sources and their windows, permissions by state, and what was not judged and why.
//!
//! Told with every list of findings, so that nobody takes a short list for a clean account. It counts and concludes nothing.

use std::collections::BTreeMap;

use super::exclusions::Unmatched;
use super::stale::StaleExports;
use super::{Exclusions, HeldBack, Judged};
use crate::access::{AccountId, Principal, PrincipalKind, Timestamp};
use crate::analysis::Analysis;
use crate::usage::sources::last_accessed::REPORT_DELAY;
use crate::usage::{Recorded, ReportStatus, Shortfall, State, TrailTimeline};

/// How many actions of a principal, or of many, are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// In state `used`.
    pub used: usize,
    /// In state `unused`.
    pub unused: usize,
    /// In state `unobservable`.
    pub unobservable: usize,
    /// In state `unknown`.
    pub unknown: usize,
    /// Granted and blocked by the permissions boundary; without a state.
    pub blocked: usize,
    /// Granted and taken away by a Deny that holds always; without a state.
    pub denied: usize,
    /// Written out in a policy and not in the catalogue; without a state.
    pub uncatalogued: usize,
}

impl StateCounts {
    pub(super) fn count(&mut self, state: State) {
        *match state {
            State::Used => &mut self.used,
            State::Unused => &mut self.unused,
            State::Unobservable => &mut self.unobservable,
            State::Unknown => &mut self.unknown,
        } += 1;
    }

    fn add(&mut self, other: StateCounts) {
        self.used += other.used;
        self.unused += other.unused;
        self.unobservable += other.unobservable;
        self.unknown += other.unknown;
        self.blocked += other.blocked;
        self.denied += other.denied;
        self.uncatalogued += other.uncatalogued;
    }

    /// All granted actions.
    #[must_use]
    pub fn granted(&self) -> usize {
        self.used + self.unused + self.unobservable + self.unknown + self.blocked + self.denied + self.uncatalogued
    }
}

/// Why a principal's permissions were not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unjudged {
    /// Somebody excluded it, by account or tag.
    Excluded,
    /// A group: it makes no calls; what it grants is judged for its members.
    Group,
    /// A service made the role for itself.
    ServiceLinked,
    /// It was created in the period, or nobody knows when.
    Young,
    /// Something of what it is granted could not be read.
    Unreadable,
}

impl Unjudged {
    /// All reasons.
    pub const ALL: [Unjudged; 5] =
        [Unjudged::Excluded, Unjudged::Group, Unjudged::ServiceLinked, Unjudged::Young, Unjudged::Unreadable];

    /// The name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Unjudged::Excluded => "excluded",
            Unjudged::Group => "group",
            Unjudged::ServiceLinked => "serviceLinked",
            Unjudged::Young => "young",
            Unjudged::Unreadable => "unreadable",
        }
    }

    /// The reason in words, as the end of a sentence.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Unjudged::Excluded => "it is excluded",
            Unjudged::Group => "a group makes no calls",
            Unjudged::ServiceLinked => "it is a service-linked role",
            Unjudged::Young => "it is younger than the period, or its creation date cannot be read",
            Unjudged::Unreadable => "what it is granted could not be read in full",
        }
    }

    /// Why `principal` is not judged; none when it is.
    #[must_use]
    pub fn of(analysis: &Analysis<'_>, exclusions: &Exclusions, principal: &Principal) -> Option<Unjudged> {
        if exclusions.principal(principal) {
            Some(Unjudged::Excluded)
        } else if principal.arn.kind() == PrincipalKind::Group {
            Some(Unjudged::Group)
        } else if principal.is_service_linked() {
            Some(Unjudged::ServiceLinked)
        } else if analysis.is_young(principal.created) {
            Some(Unjudged::Young)
        } else if principal.unread.is_empty() {
            None
        } else {
            Some(Unjudged::Unreadable)
        }
    }
}

/// What one account's sources are like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSources<'a> {
    /// The account.
    pub id: AccountId,
    /// Whether all pages of its details are there.
    pub details_complete: bool,
    /// Whether there is a credential report of it.
    pub credential_report: bool,
    /// When that was made, where it says so; otherwise it is taken to be of the moment of the analysis.
    pub credential_report_made: Option<Timestamp>,
    /// A use that the details, which have no date, do not know of: nothing is concluded from their silence then.
    pub details_refuted_by: Option<Timestamp>,
    /// Whether the details have no date near the end of the period, and nobody says that they are of then: nothing is
    /// concluded from their silence. With the latest date in them.
    pub details_old: Option<Option<Timestamp>>,
    /// The same of a credential report that does not say when it was made.
    pub credentials_old: bool,
    /// A use that the credential report does not know of: nothing is concluded from it then.
    pub credentials_refuted_by: Option<Timestamp>,
    /// Its trails, each with what it lacks for the whole period.
    pub trails: Vec<(&'a TrailTimeline, Option<Shortfall>)>,
    /// Reports of last access of its principals.
    pub reports: ReportCounts,
}

/// How many reports of last access can be concluded from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportCounts {
    /// Whole, and new enough for the period.
    pub complete: usize,
    /// Whole, and too old.
    pub stale: usize,
    /// With pages missing.
    pub partial: usize,
    /// Failed or not readable.
    pub failed: usize,
    /// Up to when the oldest of the complete ones counts.
    pub until: Option<Timestamp>,
}

/// What an analysis looked at.
#[derive(Debug)]
pub struct Coverage<'a> {
    /// Principals that were judged, by kind.
    pub judged: BTreeMap<PrincipalKind, usize>,
    /// Principals that were not, by reason.
    pub unjudged: BTreeMap<Unjudged, usize>,
    /// Granted actions by state, for each kind of principal that was judged.
    pub states: BTreeMap<PrincipalKind, StateCounts>,
    /// The sources of each account.
    pub accounts: Vec<AccountSources<'a>>,
    /// What became of the events.
    pub events: &'a Recorded,
    /// Until when every source looked from which something unused was concluded; at most the tolerance before the end of
    /// the period. What was used later than this is not seen.
    pub seen_until: Option<Timestamp>,
    /// What was held back for want of evidence, and what could be judged.
    pub held: HeldBack,
    /// Exclusions that leave nothing out.
    pub unmatched: Vec<Unmatched>,
}

impl<'a> Coverage<'a> {
    pub(super) fn of_sources(analysis: &'a Analysis<'a>, stale: &StaleExports) -> Coverage<'a> {
        let tolerance = i64::from(analysis.rules.tolerance);
        let mut reports: BTreeMap<AccountId, ReportCounts> = BTreeMap::new();
        for (principal, report) in analysis.ledger.report_summaries() {
            let counts = reports.entry(principal.account()).or_default();
            match (report.status, report.completed) {
                (ReportStatus::Partial, _) => counts.partial += 1,
                (ReportStatus::Complete, Some(completed)) => {
                    let until = completed.seconds() - REPORT_DELAY;
                    if until + tolerance < analysis.period.end.seconds() {
                        counts.stale += 1;
                    } else {
                        counts.complete += 1;
                        let until = Timestamp::from_seconds(until);
                        counts.until = Some(counts.until.map_or(until, |known| known.min(until)));
                    }
                }
                (ReportStatus::Failed(_) | ReportStatus::Complete, _) => counts.failed += 1,
            }
        }
        let accounts: Vec<AccountSources<'a>> = analysis
            .access
            .accounts()
            .iter()
            .map(|account| {
                let report = analysis.credentials.iter().find(|report| report.accounts().contains(&account.id));
                let trails = analysis.ledger.coverage().iter().filter(|trail| trail.account == account.id);
                AccountSources {
                    id: account.id,
                    details_complete: account.complete,
                    credential_report: report.is_some(),
                    credential_report_made: report.and_then(|report| report.generated),
                    details_refuted_by: stale.details(account.id),
                    details_old: stale.old_details(account.id),
                    credentials_old: report.is_some_and(|report| StaleExports::is_old(analysis, report, account.id)),
                    credentials_refuted_by: stale.credentials(account.id),
                    trails: trails.map(|trail| (trail, trail.shortfall(&analysis.period, tolerance))).collect(),
                    reports: reports.get(&account.id).copied().unwrap_or_default(),
                }
            })
            .collect();
        let of_trails = accounts.iter().flat_map(|a| &a.trails).filter(|(_, lacks)| lacks.is_none()).map(|(t, _)| t.window.to);
        let until = of_trails.chain(accounts.iter().filter_map(|a| a.reports.until)).min();
        let seen_until = until.map(|until| until.min(analysis.period.end));
        Coverage {
            judged: BTreeMap::new(),
            unjudged: BTreeMap::new(),
            states: BTreeMap::new(),
            accounts,
            events: analysis.ledger.recorded(),
            seen_until,
            held: HeldBack::default(),
            unmatched: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, principal: &Principal, judged: &Judged<'_>) {
        match judged.unjudged {
            Some(why) => *self.unjudged.entry(why).or_default() += 1,
            None => *self.judged.entry(principal.arn.kind()).or_default() += 1,
        }
        if let Some(counts) = judged.permissions {
            self.states.entry(principal.arn.kind()).or_default().add(counts);
        }
    }

    /// Granted actions by state, over all judged principals.
    #[must_use]
    pub fn total(&self) -> StateCounts {
        self.states.values().fold(StateCounts::default(), |mut sum, counts| {
            sum.add(*counts);
            sum
        })
    }

    /// The principals whose details were refuted, for a remark: account, whether it is the credential report, the use.
    #[must_use]
    pub fn refuted(&self) -> Vec<(AccountId, bool, Timestamp)> {
        let details = self.accounts.iter().filter_map(|a| Some((a.id, false, a.details_refuted_by?)));
        details.chain(self.accounts.iter().filter_map(|a| Some((a.id, true, a.credentials_refuted_by?)))).collect()
    }
}
