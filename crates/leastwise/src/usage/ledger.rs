//! Who used which action, when and how often: one small record per principal and action.
//!
//! Filled from events (`Collector`) and reports, then asked by `state`. Names are interned and times kept in 32 bits,
//! so that a hundred thousand roles fit into memory. It keeps what it cannot attribute or map beside the rest, because
//! that limits what may be called unused; it decides nothing itself.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use leastwise_policy::ActionName;

use super::event::{Event, EventKind};
use super::mapping::{EventMapper, Mapping, NotAnApiCall};
use super::principal::{Attribution, Unattributable, attribute};
use super::shelf::{Kept, Shelf, narrow, wide};
use super::sources::last_accessed::{LastAccessedReport, ReportStatus};
use super::window::TrailCoverage;
use crate::access::{AccountId, PrincipalArn, PrincipalKind, Timestamp};

/// The use of one action by one principal, as events show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Use {
    /// First use that was not turned down.
    pub first: Option<Timestamp>,
    /// Last use that was not turned down.
    pub last: Option<Timestamp>,
    /// How often, turned-down attempts left out.
    pub count: u32,
    /// How many attempts were turned down.
    pub denied: u32,
    /// The last attempt that was turned down.
    pub last_denied: Option<Timestamp>,
    /// The last call that may have checked the action besides, without a record of its own.
    pub last_possible: Option<Timestamp>,
}

/// `Use` in 28 bytes; zero stands for no time.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    action: u32,
    first: u32,
    last: u32,
    count: u32,
    denied: u32,
    last_denied: u32,
    last_possible: u32,
}

impl Record {
    fn to_use(self) -> Use {
        Use {
            first: wide(self.first),
            last: wide(self.last),
            count: self.count,
            denied: self.denied,
            last_denied: wide(self.last_denied),
            last_possible: wide(self.last_possible),
        }
    }
}

/// A call that maps to no action, as a bar to calling anything of its service unused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The service's prefix; none when the event source is unknown, which bars all services.
    pub service: Option<String>,
    /// The last such call.
    pub last: Timestamp,
    /// `eventSource` of that call.
    pub source: String,
    /// `eventName` of that call.
    pub name: String,
}

/// What is kept of one principal, or of all records of an account that do not tell theirs.
#[derive(Debug, Default)]
struct Entry {
    /// Sorted by action.
    uses: Vec<Record>,
    bars: Vec<Bar>,
    report: Option<Box<Kept>>,
    events: u64,
    last_event: u32,
}

/// A report of last access as a whole.
#[derive(Debug, Clone, Copy)]
pub struct ReportSummary<'l> {
    /// When its job was completed.
    pub completed: Option<Timestamp>,
    /// Whether all of it is there.
    pub status: &'l ReportStatus,
    /// The last attempt at anything of any service.
    pub last: Option<Timestamp>,
}

/// What became of the events that were read, for the account of coverage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// All events.
    pub events: u64,
    /// Of these, calls that mapped to actions.
    pub mapped: u64,
    /// Calls that did not, by event source and name.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// Records that are no calls, by reason.
    pub not_api_calls: BTreeMap<NotAnApiCall, u64>,
    /// Events of users, roles and roots.
    pub of_principals: u64,
    /// Events of services, by name.
    pub of_services: BTreeMap<String, u64>,
    /// Events of other accounts' principals, of callers signed in elsewhere, and without credentials.
    pub of_others: u64,
    /// Events whose principal cannot be told, by reason.
    pub unattributable: BTreeMap<Unattributable, u64>,
}

type Key = (AccountId, PrincipalKind, Box<str>);

/// Names of users and roles are unique in an account whatever their path and case; a session tells no path.
fn key(principal: &PrincipalArn) -> Key {
    (principal.account(), principal.kind(), principal.name().to_ascii_lowercase().into())
}

/// The use of everything by everybody.
#[derive(Debug, Default)]
pub struct UsageLedger {
    entries: Vec<Entry>,
    principals: BTreeMap<Key, (PrincipalArn, u32)>,
    /// Records that do not tell their principal, by account; they may be anybody's there. Without an account: anybody's.
    shadows: BTreeMap<Option<AccountId>, u32>,
    actions: Vec<ActionName>,
    by_action: HashMap<ActionName, u32>,
    shelf: Shelf,
    coverage: Vec<TrailCoverage>,
    recorded: Recorded,
}

impl UsageLedger {
    /// What became of the events.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// What the trails cover, in the order in which they were told.
    #[must_use]
    pub fn coverage(&self) -> &[TrailCoverage] {
        &self.coverage
    }

    /// Every principal that an event or a report names, sorted by account, kind and name.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalArn> {
        self.principals.values().map(|(principal, _)| principal)
    }

    /// The actions that events show the principal to have used, tried or possibly used, sorted by name.
    #[must_use]
    pub fn uses(&self, principal: &PrincipalArn) -> Vec<(&ActionName, Use)> {
        let records = self.entry(principal).map(|entry| entry.uses.as_slice()).unwrap_or_default();
        let mut uses: Vec<_> = records.iter().filter_map(|r| Some((self.actions.get(r.action as usize)?, r.to_use()))).collect();
        uses.sort_by(|a, b| a.0.cmp(b.0));
        uses
    }

    /// Whether events show a use of anything of the service between two times, both included.
    pub(super) fn used_service(&self, principal: &PrincipalArn, service: &str, from: Timestamp, to: Timestamp) -> bool {
        let records = self.entry(principal).map(|entry| entry.uses.as_slice()).unwrap_or_default();
        let within = |record: &Record| wide(record.last).is_some_and(|last| last >= from && last <= to);
        let of_service =
            |record: &Record| self.actions.get(record.action as usize).is_some_and(|a| a.service().eq_ignore_ascii_case(service));
        records.iter().any(|record| within(record) && of_service(record))
    }

    /// What events show of one action.
    #[must_use]
    pub fn use_of(&self, principal: &PrincipalArn, action: &ActionName) -> Use {
        self.entry(principal).map(|entry| self.use_in(entry, action)).unwrap_or_default()
    }

    /// The calls of the principal that map to no action.
    #[must_use]
    pub fn bars(&self, principal: &PrincipalArn) -> &[Bar] {
        self.entry(principal).map(|entry| entry.bars.as_slice()).unwrap_or_default()
    }

    /// The report of the principal's last access, the best of those that were read.
    #[must_use]
    pub fn report(&self, principal: &PrincipalArn) -> Option<LastAccessedReport> {
        let kept = self.entry(principal)?.report.as_deref()?;
        Some(self.shelf.report(kept, principal))
    }

    /// The same report as a whole, without its services.
    #[must_use]
    pub fn report_summary(&self, principal: &PrincipalArn) -> Option<ReportSummary<'_>> {
        Some(self.entry(principal)?.report.as_deref()?.summary())
    }

    /// All reports that were kept, each with its principal, in the order of [`principals`](Self::principals).
    pub fn report_summaries(&self) -> impl Iterator<Item = (&PrincipalArn, ReportSummary<'_>)> {
        self.principals
            .values()
            .filter_map(|(principal, at)| Some((principal, self.entries.get(*at as usize)?.report.as_deref()?.summary())))
    }

    /// The principal's last event of any kind, and how many there are.
    #[must_use]
    pub fn activity(&self, principal: &PrincipalArn) -> (Option<Timestamp>, u64) {
        self.entry(principal).map_or((None, 0), |entry| (wide(entry.last_event), entry.events))
    }

    fn entry(&self, principal: &PrincipalArn) -> Option<&Entry> {
        let (_, at) = self.principals.get(&key(principal))?;
        self.entries.get(*at as usize)
    }

    fn use_in(&self, entry: &Entry, action: &ActionName) -> Use {
        let Some(id) = self.by_action.get(action) else { return Use::default() };
        let found = entry.uses.binary_search_by_key(id, |record| record.action).ok().and_then(|at| entry.uses.get(at));
        found.map(|record| record.to_use()).unwrap_or_default()
    }

    /// What records without a principal show: of the account, and those without an account.
    pub(super) fn shadow_uses(&self, account: AccountId, action: &ActionName) -> impl Iterator<Item = Use> {
        self.shadow_entries(account).map(|entry| self.use_in(entry, action))
    }

    pub(super) fn shadow_bars(&self, account: AccountId) -> impl Iterator<Item = &Bar> {
        self.shadow_entries(account).flat_map(|entry| &entry.bars)
    }

    fn shadow_entries(&self, account: AccountId) -> impl Iterator<Item = &Entry> {
        [Some(account), None].into_iter().filter_map(|of| self.entries.get(*self.shadows.get(&of)? as usize))
    }

    /// Adds what a trail covers.
    pub fn cover(&mut self, coverage: TrailCoverage) {
        self.coverage.push(coverage);
    }

    /// Adds a report. Of several for one principal the newest that can be concluded from is kept, with all times of
    /// attempts that the others know.
    pub fn take_report(&mut self, report: LastAccessedReport) {
        let at = self.intern_principal(&report.principal);
        let Some(entry) = self.entries.get_mut(at as usize) else { return };
        let rank = |report: &LastAccessedReport| {
            let sound = match report.status {
                ReportStatus::Complete => 2,
                ReportStatus::Partial => 1,
                ReportStatus::Failed(_) => 0,
            };
            (sound, report.completed)
        };
        let report = match entry.report.take().map(|kept| self.shelf.report(&kept, &report.principal)) {
            None => report,
            Some(kept) => {
                let (mut better, other) = if rank(&report) > rank(&kept) { (report, kept) } else { (kept, report) };
                better.learn_times(other);
                better
            }
        };
        entry.report = Some(Box::new(self.shelf.keep(report)));
    }

    fn intern_principal(&mut self, principal: &PrincipalArn) -> u32 {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let (known, at) = self.principals.entry(key(principal)).or_insert_with(|| (principal.clone(), next));
        // An ARN that was made from a session has no path; a longer one is the true one.
        let rank = |arn: &PrincipalArn| (arn.as_str().len(), std::cmp::Reverse(arn.as_str().to_owned()));
        if principal != known && rank(principal) > rank(known) {
            known.clone_from(principal);
        }
        let at = *at;
        if at == next {
            self.entries.push(Entry::default());
        }
        at
    }

    fn intern_shadow(&mut self, account: Option<AccountId>) -> u32 {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let at = *self.shadows.entry(account).or_insert(next);
        if at == next {
            self.entries.push(Entry::default());
        }
        at
    }

    fn intern_action(&mut self, action: &ActionName) -> u32 {
        if let Some(at) = self.by_action.get(action) {
            return *at;
        }
        let at = u32::try_from(self.actions.len()).unwrap_or(u32::MAX);
        self.actions.push(action.clone());
        self.by_action.insert(action.clone(), at);
        at
    }
}

impl LastAccessedReport {
    fn learn_times(&mut self, other: LastAccessedReport) {
        for service in other.services {
            match self.services.binary_search_by(|known| known.prefix.cmp(&service.prefix)) {
                Ok(at) => {
                    let Some(known) = self.services.get_mut(at) else { continue };
                    known.last = known.last.max(service.last);
                    for (name, time) in service.tracked {
                        match known.tracked.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                            Some((_, known)) => *known = (*known).max(time),
                            None if time.is_some() => known.tracked.push((name, time)),
                            None => {}
                        }
                    }
                }
                Err(at) if service.last.is_some() => self.services.insert(at, service),
                Err(_) => {}
            }
        }
    }
}

/// Events that are alike in all that the ledger asks: one call, and how often and when it was made.
#[derive(Debug, Clone)]
pub struct Recurrence<'a> {
    /// Whose permissions they used.
    pub attribution: Attribution,
    /// `recipientAccountId`.
    pub account: Option<AccountId>,
    /// `eventType`.
    pub kind: EventKind,
    /// Whether they [may have set tags](Event::may_tag).
    pub may_tag: bool,
    /// `eventSource`.
    pub source: &'a str,
    /// `eventName`.
    pub name: &'a str,
    /// Whether a policy turned them down.
    pub denied: bool,
    /// How many events these are.
    pub count: u64,
    /// When the first was.
    pub first: Timestamp,
    /// When the last was.
    pub last: Timestamp,
}

/// A mapping with its actions interned.
#[derive(Debug)]
enum Told {
    Actions { used: Box<[u32]>, possibly_used: Box<[u32]> },
    NotAnApiCall(NotAnApiCall),
    Unmapped(Box<[Option<String>]>),
}

/// Fills a ledger from events, mapping each kind of call once.
#[derive(Debug)]
pub struct Collector<'m, 'c> {
    mapper: &'m EventMapper<'c>,
    ledger: UsageLedger,
    /// By kind of record, whether tags may be in it, event source and name.
    told: HashMap<String, Rc<Told>>,
    /// The key of the event at hand; kept for its memory.
    key: String,
}

impl<'m, 'c> Collector<'m, 'c> {
    /// A collector for an empty ledger.
    #[must_use]
    pub fn new(mapper: &'m EventMapper<'c>) -> Collector<'m, 'c> {
        Collector { mapper, ledger: UsageLedger::default(), told: HashMap::new(), key: String::new() }
    }

    /// The ledger so far, to add reports and coverage.
    pub fn ledger(&mut self) -> &mut UsageLedger {
        &mut self.ledger
    }

    /// The ledger.
    #[must_use]
    pub fn finish(self) -> UsageLedger {
        self.ledger
    }

    /// Records one event; doubles must be gone by now.
    pub fn record(&mut self, event: &Event<'_>) {
        self.recur(&Recurrence {
            attribution: attribute(event),
            account: event.account,
            kind: event.kind,
            may_tag: event.may_tag(),
            source: &event.source,
            name: &event.name,
            denied: event.is_denied(),
            count: 1,
            first: event.time,
            last: event.time,
        });
    }

    /// Records events that are alike, as a rollup keeps them. Equal to recording each of them, in any order.
    pub fn recur(&mut self, calls: &Recurrence<'_>) {
        self.ledger.recorded.events += calls.count;
        let entry = self.entry_of(calls);
        let told = self.told_by(calls);
        match told.as_ref() {
            Told::Actions { .. } => self.ledger.recorded.mapped += calls.count,
            Told::NotAnApiCall(reason) => *self.ledger.recorded.not_api_calls.entry(*reason).or_default() += calls.count,
            Told::Unmapped(_) => {
                let pair = (calls.source.to_owned(), calls.name.to_owned());
                *self.ledger.recorded.unmapped.entry(pair).or_default() += calls.count;
            }
        }
        let Some(entry) = entry.and_then(|at| self.ledger.entries.get_mut(at as usize)) else { return };
        let (first, last) = (narrow(Some(calls.first)), narrow(Some(calls.last)));
        let count = u32::try_from(calls.count).unwrap_or(u32::MAX);
        entry.events += calls.count;
        entry.last_event = entry.last_event.max(last);
        match told.as_ref() {
            Told::NotAnApiCall(_) => {}
            Told::Unmapped(services) => services.iter().for_each(|service| entry.bar(service.as_deref(), calls)),
            Told::Actions { used, .. } if calls.denied => {
                for action in used {
                    let record = entry.record(*action);
                    record.denied = record.denied.saturating_add(count);
                    record.last_denied = record.last_denied.max(last);
                }
            }
            Told::Actions { used, possibly_used } => {
                for action in used {
                    let record = entry.record(*action);
                    record.count = record.count.saturating_add(count);
                    record.last = record.last.max(last);
                    record.first = if record.first == 0 { first } else { record.first.min(first) };
                }
                for action in possibly_used {
                    let record = entry.record(*action);
                    record.last_possible = record.last_possible.max(last);
                }
            }
        }
    }

    /// The entry that the events go to; none when they are no principal's.
    fn entry_of(&mut self, calls: &Recurrence<'_>) -> Option<u32> {
        let recorded = &mut self.ledger.recorded;
        match &calls.attribution {
            Attribution::Principal(principal) => {
                recorded.of_principals += calls.count;
                Some(self.ledger.intern_principal(principal))
            }
            Attribution::Service(name) => {
                *recorded.of_services.entry(name.clone()).or_default() += calls.count;
                None
            }
            Attribution::OtherAccount(_) | Attribution::Federated(_) | Attribution::Anonymous => {
                recorded.of_others += calls.count;
                None
            }
            Attribution::Unattributable(why) => {
                *recorded.unattributable.entry(*why).or_default() += calls.count;
                Some(self.ledger.intern_shadow(calls.account))
            }
        }
    }

    fn told_by(&mut self, calls: &Recurrence<'_>) -> Rc<Told> {
        self.key.clear();
        self.key.push(char::from(b'a' + calls.kind as u8));
        self.key.push(if calls.may_tag { '+' } else { '-' });
        self.key.extend([calls.source, "\n", calls.name]);
        if let Some(told) = self.told.get(&self.key) {
            return told.clone();
        }
        let told = match self.mapper.map_kind(calls.kind, calls.may_tag, calls.source, calls.name) {
            Mapping::Actions { used, possibly_used } => {
                let mut interned =
                    |actions: &[ActionName]| actions.iter().map(|action| self.ledger.intern_action(action)).collect();
                Told::Actions { used: interned(&used), possibly_used: interned(&possibly_used) }
            }
            Mapping::NotAnApiCall(reason) => Told::NotAnApiCall(reason),
            Mapping::Unmapped { services } if services.is_empty() => Told::Unmapped([None].into()),
            Mapping::Unmapped { services } => Told::Unmapped(services.into_iter().map(Some).collect()),
        };
        let told = Rc::new(told);
        self.told.insert(self.key.clone(), told.clone());
        told
    }
}

impl Entry {
    fn record(&mut self, action: u32) -> &mut Record {
        let at = match self.uses.binary_search_by_key(&action, |record| record.action) {
            Ok(at) => at,
            Err(at) => {
                self.uses.insert(at, Record { action, ..Record::default() });
                at
            }
        };
        // The record was found or just put there.
        #[allow(clippy::indexing_slicing)]
        &mut self.uses[at]
    }

    fn bar(&mut self, service: Option<&str>, calls: &Recurrence<'_>) {
        let fresh = || Bar {
            service: service.map(str::to_owned),
            last: calls.last,
            source: calls.source.to_owned(),
            name: calls.name.to_owned(),
        };
        // Of calls in the same second the first by name, so that the order in which they are read does not matter.
        let later = |bar: &Bar| (calls.last, &*bar.source, &*bar.name) > (bar.last, calls.source, calls.name);
        match self.bars.iter_mut().find(|bar| bar.service.as_deref() == service) {
            Some(bar) if later(bar) => *bar = fresh(),
            Some(_) => {}
            None => self.bars.push(fresh()),
        }
    }
}
