//! The state of one permission of one principal: used, unused, unobservable or unknown, and how we know.
//!
//! The last step of this stage; findings and refinement take its word. Only a source that would have shown the use,
//! looked during the whole tracking period and is silent makes a permission unused (`evidence.md`). A source that failed
//! or has a gap makes it unknown, one that cannot see it leaves it unobservable, and a use that any source saw wins.

use std::cell::RefCell;

use leastwise_policy::ActionName;
use leastwise_policy::catalogue::AccessLevel;

use super::ledger::{Bar, UsageLedger, Use};
use super::mapping::{EventMapper, Observability};
use super::sources::last_accessed::{LastAccessedReport, REPORT_DELAY, ReportStatus, ServiceAccess};
use super::timeline::{RecordKind, RecordedIn, TrailTimeline, recording_region};
use super::window::{ObservationWindow, Shortfall, TrackingPeriod};
use crate::access::{PrincipalArn, Timestamp};

/// What may be concluded about a permission. Only `Unused` ever leads to a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// A record shows a use within the period.
    Used,
    /// A source that would have shown a use was complete for the whole period and showed none.
    Unused,
    /// No source that we have could have shown it.
    Unobservable,
    /// A source that should show it failed, is truncated, or has a gap in the period.
    Unknown,
}

impl State {
    /// The state in one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Used => "used",
            State::Unused => "unused",
            State::Unobservable => "unobservable",
            State::Unknown => "unknown",
        }
    }
}

/// Whether an attempt that a policy turned down counts as a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeniedAttempts {
    /// It is recorded apart and is no use.
    #[default]
    RecordApart,
    /// It is a use, as the provider counts it.
    CountAsUse,
}

/// What of a role counts as its activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoleActivity {
    /// Being assumed, and what its sessions call.
    #[default]
    Assumptions,
    /// What its sessions call alone, as AWS counts.
    RequestsOnly,
}

/// Choices of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// What a denied attempt in a log means.
    pub denied: DeniedAttempts,
    /// Whether a role that was assumed and then called nothing was active.
    pub role_activity: RoleActivity,
    /// By how many seconds a source may begin late or end early and still count as complete. Zero is strict: then the
    /// period must end before the sources do, reports being 4 hours behind.
    pub tolerance: u32,
}

/// A source that shows use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Events of CloudTrail.
    CloudTrail,
    /// A report of last access.
    LastAccessed,
}

/// How a state is known. The list of a state has every source's reason, the deciding one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The source shows a use, the last one then.
    Seen(Source, Timestamp),
    /// The trail covers the period and shows no use.
    SilentTrail(ObservationWindow),
    /// The report, complete up to then, shows no attempt at the tracked action in the period.
    SilentReport(Timestamp),
    /// The report, complete up to then, shows no attempt at anything of the service in the period.
    SilentService(Timestamp),
    /// A call that was seen then may have checked the action without a record of its own.
    PossiblyUsed(Timestamp),
    /// The principal made a call that maps to no known action.
    UnmappedCall(Bar),
    /// The action was used then by somebody whom the record does not tell.
    UnattributedUse(Timestamp),
    /// There is no log of the account.
    NoTrail,
    /// The trail does not cover the period.
    TrailIncomplete(Shortfall),
    /// The trail does not record data events of these resource types.
    DataNotRecorded(Vec<String>),
    /// The trail does not record management events of this service or of this kind (reading or writing).
    ManagementNotRecorded,
    /// CloudTrail never records it.
    NeverLogged,
    /// No logged operation is known that would use it.
    NotKnownToBeLogged,
    /// The permission is checked where no source looks.
    Unseen,
    /// There is no report for the principal.
    NoReport,
    /// The report's job failed or cannot be read.
    ReportFailed(String),
    /// The report lacks pages.
    ReportPartial,
    /// The report does not reach to the end of the period, only to then.
    ReportStale(Timestamp),
    /// The report does not list the service.
    ServiceNotListed,
    /// The service was used, and the report does not track the action.
    NotTracked,
    /// The report says that the service was not used, and events say that it was.
    ReportContradicted,
}

impl Reason {
    /// The reason in one word, as reports have it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Seen(..) => "seen",
            Reason::SilentTrail(_) => "silentTrail",
            Reason::SilentReport(_) => "silentReport",
            Reason::SilentService(_) => "silentService",
            Reason::PossiblyUsed(_) => "possiblyUsed",
            Reason::UnmappedCall(_) => "unmappedCall",
            Reason::UnattributedUse(_) => "unattributedUse",
            Reason::NoTrail => "noTrail",
            Reason::TrailIncomplete(_) => "trailIncomplete",
            Reason::DataNotRecorded(_) => "dataNotRecorded",
            Reason::ManagementNotRecorded => "managementNotRecorded",
            Reason::NeverLogged => "neverLogged",
            Reason::NotKnownToBeLogged => "notKnownToBeLogged",
            Reason::Unseen => "unseen",
            Reason::NoReport => "noReport",
            Reason::ReportFailed(_) => "reportFailed",
            Reason::ReportPartial => "reportPartial",
            Reason::ReportStale(_) => "reportStale",
            Reason::ServiceNotListed => "serviceNotListed",
            Reason::NotTracked => "notTracked",
            Reason::ReportContradicted => "reportContradicted",
        }
    }
}

/// What is known about one action of one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What events show, over all their time.
    pub events: Use,
    /// The last attempt that a report shows, over all its time.
    pub last_reported: Option<Timestamp>,
    /// How the state is known, the deciding reason first.
    pub reasons: Vec<Reason>,
}

impl Evidence {
    /// The last use that any source shows, denied attempts left out.
    #[must_use]
    pub fn last_used(&self) -> Option<Timestamp> {
        self.events.last.max(self.last_reported)
    }
}

/// What one source has to say when it shows no use.
enum Silence {
    /// It would have shown one.
    Telling(Reason),
    /// It should have been able to, and is not in a state to.
    Failed(Reason),
    /// It could not have shown one.
    Blind(Reason),
}

/// Over which window a trail observed a kind of events, or what it lacks.
type Answer = Result<ObservationWindow, Shortfall>;

/// One principal's part of a ledger, over one period.
#[derive(Debug)]
pub struct PrincipalUse<'l> {
    ledger: &'l UsageLedger,
    mapper: &'l EventMapper<'l>,
    principal: &'l PrincipalArn,
    period: TrackingPeriod,
    rules: Rules,
    trails: Vec<&'l TrailTimeline>,
    /// What the trails answered so far: many actions ask the same.
    asked: RefCell<Vec<(usize, RecordedIn, RecordKind, Answer)>>,
    report: Option<LastAccessedReport>,
    bars: Vec<&'l Bar>,
}

/// The part of one service in a principal's use: what is alike for all of its actions is looked up once.
#[derive(Debug)]
pub struct ServiceUse<'u, 'l> {
    of: &'u PrincipalUse<'l>,
    listed: Option<&'u ServiceAccess>,
    /// Tracked actions in lower case, sorted, each with its last attempt.
    tracked: Vec<(String, Option<Timestamp>)>,
    /// Calls that may have been any action of it.
    bars: Vec<&'l Bar>,
    /// Whether events show a use of the service that the report should know of.
    contradicted: bool,
}

impl UsageLedger {
    /// The principal's part, to ask for states.
    #[must_use]
    pub fn of<'l>(
        &'l self,
        principal: &'l PrincipalArn,
        mapper: &'l EventMapper<'l>,
        period: TrackingPeriod,
        rules: Rules,
    ) -> PrincipalUse<'l> {
        let trails = self.coverage().iter().filter(|trail| trail.account == principal.account()).collect();
        let bars =
            self.bars(principal).into_iter().chain(self.shadow_bars(principal)).filter(|bar| bar.last >= period.start).collect();
        let asked = RefCell::default();
        PrincipalUse { ledger: self, mapper, principal, period, rules, trails, asked, report: self.report(principal), bars }
    }
}

impl<'l> PrincipalUse<'l> {
    /// The state of one action, and how it is known.
    #[must_use]
    pub fn state(&self, action: &ActionName) -> (State, Evidence) {
        self.service(action.service()).state(action)
    }

    /// The part of one service, for whoever asks for many of its actions.
    #[must_use]
    pub fn service(&self, prefix: &str) -> ServiceUse<'_, 'l> {
        let listed = self.report.as_ref().and_then(|report| service_in(report, prefix));
        let mut tracked: Vec<(String, Option<Timestamp>)> =
            listed.into_iter().flat_map(|s| &s.tracked).map(|(name, last)| (name.to_ascii_lowercase(), *last)).collect();
        // The latest attempt last, where a name stands twice.
        tracked.sort();
        let barred = |bar: &&&Bar| bar.service.as_deref().is_none_or(|service| service.eq_ignore_ascii_case(prefix));
        let completed = self.report.as_ref().and_then(|report| report.completed).map(until);
        let own = |bar: &&Bar| bar.service.as_deref().is_some_and(|service| service.eq_ignore_ascii_case(prefix));
        let called = |to: Timestamp| {
            self.ledger.bars(self.principal).into_iter().filter(own).any(|bar| bar.last >= self.period.start && bar.last <= to)
        };
        let contradicted =
            completed.is_some_and(|to| self.ledger.used_service(self.principal, prefix, self.period.start, to) || called(to));
        ServiceUse { of: self, listed, tracked, bars: self.bars.iter().filter(barred).copied().collect(), contradicted }
    }

    /// A time that is not before the period. One after its end is a use as well: nothing is removed for being early.
    fn in_period(&self, time: Option<Timestamp>) -> Option<Timestamp> {
        time.filter(|time| *time >= self.period.start)
    }

    /// What each trail of the account has to say.
    fn trail_silences(&self, action: &ActionName, observability: &Observability) -> Vec<Silence> {
        match observability {
            Observability::NotLogged => return vec![Silence::Blind(Reason::NeverLogged)],
            Observability::NotKnown | Observability::Unseen => return vec![Silence::Blind(Reason::NotKnownToBeLogged)],
            Observability::Management | Observability::Data(_) if self.trails.is_empty() => {
                return vec![Silence::Blind(Reason::NoTrail)];
            }
            Observability::Management | Observability::Data(_) => {}
        }
        let partition = self.principal.as_str().split(':').nth(1).unwrap_or_default();
        let place = recording_region(action.service(), partition);
        let of_trail = |(at, trail): (usize, &&TrailTimeline)| {
            let kinds = self.kinds_of(action, observability, trail);
            let answers: Vec<Answer> = kinds.into_iter().map(|kind| self.ask(at, trail, place, kind)).collect();
            let missing = |answer: &Answer| match answer {
                Err(Shortfall::NotRecorded(RecordKind::Data(kind))) => Some(kind.clone()),
                _ => None,
            };
            let missing: Vec<String> = answers.iter().filter_map(missing).collect();
            if !missing.is_empty() {
                return Silence::Blind(Reason::DataNotRecorded(missing));
            }
            match answers.into_iter().collect::<Result<Vec<_>, _>>() {
                Err(Shortfall::NotRecorded(_)) => Silence::Blind(Reason::ManagementNotRecorded),
                Err(shortfall) => Silence::Failed(Reason::TrailIncomplete(shortfall)),
                Ok(_) => Silence::Telling(Reason::SilentTrail(trail.window)),
            }
        };
        self.trails.iter().enumerate().map(of_trail).collect()
    }

    fn ask(&self, at: usize, trail: &TrailTimeline, place: RecordedIn, kind: RecordKind) -> Answer {
        let known = |asked: &&(usize, RecordedIn, RecordKind, Answer)| asked.0 == at && asked.1 == place && asked.2 == kind;
        if let Some(found) = self.asked.borrow().iter().find(known) {
            return found.3.clone();
        }
        let answer = trail.observed(place, &kind, &self.period, i64::from(self.rules.tolerance)).map(|seen| seen.window);
        self.asked.borrow_mut().push((at, place, kind, answer.clone()));
        answer
    }

    /// The kinds of events that a use of the action may be recorded as. What CloudTrail takes for a read is not known for certain
    /// (`sts:AssumeRole` and `kms:Decrypt` are writes to IAM, and reads to CloudTrail): only where access level and name agree
    /// one kind is enough.
    fn kinds_of(&self, action: &ActionName, observability: &Observability, trail: &TrailTimeline) -> Vec<RecordKind> {
        if let Observability::Data(types) = observability {
            return types.iter().cloned().map(RecordKind::Data).collect();
        }
        let service = action.service().to_ascii_lowercase();
        let known = self.mapper.catalogue().service(&service).and_then(|service| service.action(action.name()));
        let levels = known.map(|action| action.access_levels()).unwrap_or_default();
        let is_read = |level| matches!(level, AccessLevel::List | AccessLevel::Read);
        let begins = |words: &[&str]| words.iter().any(|word| action.name().starts_with(word));
        let reads = !levels.is_empty() && levels.iter().all(is_read) && begins(&READING);
        let writes = !levels.is_empty() && !levels.iter().any(is_read) && begins(&WRITING);
        let of = |write| trail.management_of(&service, write);
        match (reads, writes) {
            (true, _) => vec![of(false)],
            (_, true) => vec![of(true)],
            _ => vec![of(false), of(true)],
        }
    }
}

/// How operations are called that CloudTrail takes for reads.
const READING: [&str; 4] = ["Describe", "Get", "List", "BatchGet"];
/// How operations are called that it takes for writes.
const WRITING: [&str; 24] = [
    "Add",
    "Associate",
    "Attach",
    "Create",
    "Delete",
    "Deregister",
    "Detach",
    "Disable",
    "Disassociate",
    "Enable",
    "Modify",
    "Put",
    "Reboot",
    "Register",
    "Remove",
    "Restore",
    "Run",
    "Set",
    "Start",
    "Stop",
    "Tag",
    "Terminate",
    "Untag",
    "Update",
];

impl ServiceUse<'_, '_> {
    /// The state of one action of the service, and how it is known.
    #[must_use]
    pub fn state(&self, action: &ActionName) -> (State, Evidence) {
        let of = self.of;
        let events = of.ledger.use_of(of.principal, action);
        let tracked = self.tracked_as(action.name());
        let last_reported = tracked.flatten();
        let mut evidence = Evidence { events, last_reported, reasons: Vec::new() };
        let counted =
            if of.rules.denied == DeniedAttempts::CountAsUse { events.last.max(events.last_denied) } else { events.last };
        let seen = [(Source::CloudTrail, counted), (Source::LastAccessed, last_reported)];
        evidence.reasons.extend(seen.into_iter().filter_map(|(source, last)| Some(Reason::Seen(source, of.in_period(last)?))));
        if !evidence.reasons.is_empty() {
            return (State::Used, evidence);
        }
        let (state, reasons) = self.unseen(action, &events, tracked.is_some());
        evidence.reasons = reasons;
        (state, evidence)
    }

    /// The last attempt at anything of the service that the report shows, over all its time.
    #[must_use]
    pub fn last_reported(&self) -> Option<Timestamp> {
        self.listed.and_then(|service| service.last)
    }

    /// None when the action is not tracked; the last attempt when it is.
    fn tracked_as(&self, name: &str) -> Option<Option<Timestamp>> {
        let name = name.to_ascii_lowercase();
        let behind = self.tracked.partition_point(|(own, _)| *own <= name);
        self.tracked.get(behind.checked_sub(1)?).filter(|(own, _)| *own == name).map(|(_, last)| *last)
    }

    /// The state of an action that no source shows as used.
    fn unseen(&self, action: &ActionName, events: &Use, tracked: bool) -> (State, Vec<Reason>) {
        let of = self.of;
        if let Some(time) = of.in_period(events.last_possible) {
            return (State::Unobservable, vec![Reason::PossiblyUsed(time)]);
        }
        let observability = of.mapper.observability(action);
        if *observability == Observability::Unseen {
            return (State::Unobservable, vec![Reason::Unseen]);
        }
        let report = self.report_silence(tracked);
        let mut silences: Vec<Silence> = match self.disturbance(action, &report) {
            Some(reason) => vec![Silence::Failed(reason)],
            None => of.trail_silences(action, &observability),
        };
        // A report that must have known of all that disturbs the trail's silence tells by itself.
        match (report, silences.first()) {
            (Silence::Telling(_), Some(Silence::Failed(reason))) if !self.outlasts(reason) => {}
            (report, _) => silences.push(report),
        }
        let telling = silences.iter().any(|silence| matches!(silence, Silence::Telling(_)));
        let failed = silences.iter().any(|silence| matches!(silence, Silence::Failed(_)));
        silences.sort_by_key(|silence| match silence {
            Silence::Telling(_) => 0,
            Silence::Failed(_) => 1,
            Silence::Blind(_) => 2,
        });
        let reasons = silences.into_iter().map(|silence| match silence {
            Silence::Telling(reason) | Silence::Failed(reason) | Silence::Blind(reason) => reason,
        });
        let state = if telling {
            State::Unused
        } else if failed {
            State::Unknown
        } else {
            State::Unobservable
        };
        (state, reasons.collect())
    }

    /// Why the silence of logs says nothing of the action: a record does not tell who used it, or what a call of the principal was.
    fn disturbance(&self, action: &ActionName, report: &Silence) -> Option<Reason> {
        let of = self.of;
        let shadows = of.ledger.shadow_uses(of.principal, action);
        let shadow = shadows.filter_map(|shadow| of.in_period(shadow.last.max(shadow.last_possible))).max();
        let bars: Vec<Reason> = self.bars.iter().map(|bar| Reason::UnmappedCall((*bar).clone())).collect();
        let all: Vec<Reason> = shadow.map(Reason::UnattributedUse).into_iter().chain(bars).collect();
        // The one that the report does not know of either comes first.
        let by_itself = matches!(report, Silence::Telling(_));
        let at = all.iter().position(|reason| by_itself && !self.outlasts(reason)).unwrap_or_default();
        all.into_iter().nth(at)
    }

    /// Whether what disturbs the logs was so early that the report must have known of it: AWS says whose an attempt was, and at what.
    fn outlasts(&self, reason: &Reason) -> bool {
        let time = match reason {
            Reason::UnattributedUse(time) => *time,
            Reason::UnmappedCall(bar) => bar.last,
            _ => return true,
        };
        self.of.report.as_ref().and_then(|report| report.completed).is_some_and(|completed| until(completed) >= time)
    }

    /// What the report has to say.
    fn report_silence(&self, tracked: bool) -> Silence {
        let of = self.of;
        let Some(report) = &of.report else { return Silence::Blind(Reason::NoReport) };
        let completed = match (&report.status, report.completed) {
            (ReportStatus::Failed(why), _) => return Silence::Failed(Reason::ReportFailed(why.clone())),
            (ReportStatus::Partial, _) => return Silence::Failed(Reason::ReportPartial),
            (ReportStatus::Complete, None) => return Silence::Failed(Reason::ReportFailed("no completion date".to_owned())),
            (ReportStatus::Complete, Some(completed)) => until(completed),
        };
        if completed.seconds() + i64::from(of.rules.tolerance) < of.period.end.seconds() {
            return Silence::Failed(Reason::ReportStale(completed));
        }
        let Some(service) = self.listed else { return Silence::Blind(Reason::ServiceNotListed) };
        if service.doubtful {
            return Silence::Failed(Reason::ReportFailed(
                "its entry of the service tells of a use without a date that can be".to_owned(),
            ));
        }
        if of.in_period(service.last).is_none() {
            let reason = if self.contradicted { Reason::ReportContradicted } else { Reason::SilentService(completed) };
            return if self.contradicted { Silence::Failed(reason) } else { Silence::Telling(reason) };
        }
        if tracked { Silence::Telling(Reason::SilentReport(completed)) } else { Silence::Blind(Reason::NotTracked) }
    }
}

/// Up to when a report that was completed then counts.
fn until(completed: Timestamp) -> Timestamp {
    Timestamp::from_seconds(completed.seconds() - REPORT_DELAY)
}

fn service_in<'r>(report: &'r LastAccessedReport, prefix: &str) -> Option<&'r ServiceAccess> {
    let prefix = prefix.to_ascii_lowercase();
    let at = report.services.binary_search_by(|service| service.prefix.as_str().cmp(prefix.as_str())).ok()?;
    report.services.get(at)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
