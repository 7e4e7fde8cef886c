//! Whether a principal did anything at all in the period, whatever it was allowed to do.
//!
//! Asked by the findings about roles and permissions. Every source that saw something counts, denied attempts included: who
//! tried is not idle. That nothing was seen counts only from a source that would have seen everything.

use super::stale::StaleExports;
use super::{Testimony, Witnessing};
use crate::access::credential_report::LastUse;
use crate::access::details::RoleLastUsed;
use crate::access::{Principal, PrincipalKind, Timestamp};
use crate::analysis::Analysis;
use crate::usage::sources::last_accessed::REPORT_DELAY;
use crate::usage::{ObservationWindow, ReportStatus, RoleActivity};

/// What the sources say about a principal as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What each source says that has something to say.
    pub testimonies: Vec<Testimony>,
    /// Whether any of them shows activity in the period.
    pub seen: bool,
    /// Whether sources that would have shown any activity looked over the whole period and show none.
    pub silent: bool,
}

impl Activity {
    pub(super) fn of(analysis: &Analysis<'_>, stale: &StaleExports, principal: &Principal) -> Activity {
        let mut activity = Activity { testimonies: Vec::new(), seen: false, silent: false };
        let role_silent = activity.ask_role(analysis, stale, principal);
        let log_silent = activity.ask_log(analysis, principal);
        activity.ask_assumptions(analysis, principal);
        let report_silent = activity.ask_report(analysis, principal);
        activity.ask_credentials(analysis, principal);
        activity.seen = activity.testimonies.iter().any(|t| t.last_seen.is_some_and(|last| last >= analysis.period.start));
        // A log alone does not show data events, a report alone does not show calls that no policy has a say in.
        activity.silent = !activity.seen && (role_silent || (log_silent && report_silent));
        activity
    }

    /// The last activity that any source shows.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.testimonies.iter().filter_map(|testimony| testimony.last_seen).max()
    }

    fn tell(&mut self, source: Witnessing, window: Option<ObservationWindow>, last_seen: Option<Timestamp>, says: String) {
        self.testimonies.push(Testimony { source, window, last_seen, says });
    }

    fn ask_role(&mut self, analysis: &Analysis<'_>, stale: &StaleExports, principal: &Principal) -> bool {
        let Some(role) = &principal.role else { return false };
        let is_stale = stale.details_mean_nothing(principal.arn.account());
        match role.last_used {
            RoleLastUsed::Unknown => false,
            RoleLastUsed::Never => {
                let says = "IAM knows of no use of the role in the 400 days that it looks back".to_owned();
                self.tell(Witnessing::RoleLastUsed, None, None, says);
                !is_stale
            }
            RoleLastUsed::At(last) => {
                self.tell(Witnessing::RoleLastUsed, None, Some(last), "IAM knows of no later use of the role".to_owned());
                last < analysis.period.start && !is_stale
            }
        }
    }

    fn ask_log(&mut self, analysis: &Analysis<'_>, principal: &Principal) -> bool {
        let (last, events) = analysis.ledger.activity(&principal.arn);
        let trails = analysis.ledger.coverage().iter().filter(|trail| trail.account == principal.arn.account());
        let tolerance = i64::from(analysis.rules.tolerance);
        let whole = trails.clone().find(|trail| trail.shortfall(&analysis.period, tolerance).is_none());
        if let Some(last) = last {
            let says = format!("the log has {events} {} of it", if events == 1 { "event" } else { "events" });
            self.tell(Witnessing::CloudTrail, trails.map(|trail| trail.window).next(), Some(last), says);
        } else if let Some(trail) = whole {
            let says = "the log is without a gap over the period and has no event of it".to_owned();
            self.tell(Witnessing::CloudTrail, Some(trail.window), None, says);
        }
        whole.is_some() && last.is_none_or(|last| last < analysis.period.start)
    }

    /// Being assumed is activity, even when the session then calls nothing: whoever did it needs the role.
    fn ask_assumptions(&mut self, analysis: &Analysis<'_>, principal: &Principal) {
        let counts = analysis.rules.role_activity == RoleActivity::Assumptions;
        let Some(assumed) = analysis.ledger.assumed(&principal.arn).filter(|_| principal.role.is_some() && counts) else {
            return;
        };
        let says = format!("the log shows that the role was last assumed by {}", assumed.by);
        self.tell(Witnessing::CloudTrail, None, Some(assumed.last), says);
    }

    fn ask_report(&mut self, analysis: &Analysis<'_>, principal: &Principal) -> bool {
        let Some(facts) = analysis.ledger.report_summary(&principal.arn) else { return false };
        let Some(completed) = facts.completed else { return false };
        let until = Timestamp::from_seconds(completed.seconds() - REPORT_DELAY);
        let whole = facts.status == &ReportStatus::Complete
            && !facts.doubtful
            && until.seconds() + i64::from(analysis.rules.tolerance) >= analysis.period.end.seconds();
        if whole || facts.last.is_some() {
            let says = match facts.last {
                Some(_) => "the report shows no later attempt at any service",
                None => "the report shows no attempt at any service in the 400 days that IAM looks back",
            };
            self.tell(
                Witnessing::LastAccessed,
                Some(ObservationWindow { from: until.days_before(400), to: until }),
                facts.last,
                says.to_owned(),
            );
        }
        whole && facts.last.is_none_or(|last| last < analysis.period.start)
    }

    fn ask_credentials(&mut self, analysis: &Analysis<'_>, principal: &Principal) {
        if principal.arn.kind() != PrincipalKind::User {
            return;
        }
        for row in analysis.credentials.iter().flat_map(|report| &report.rows).filter(|row| row.arn == principal.arn) {
            let uses = row.keys.iter().map(|key| key.last_used).chain([row.password.last_used]);
            let last = uses.filter_map(|last| if let LastUse::At(last) = last { Some(last) } else { None }).max();
            if last.is_some() {
                let says = "the user's keys and password show no later use".to_owned();
                self.tell(Witnessing::CredentialReport, None, last, says);
            }
        }
    }
}
