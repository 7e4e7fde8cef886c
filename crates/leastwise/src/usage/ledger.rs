//! Who used which action, when and how often: one small record per principal and action.
//!
//! Filled from events (`collector`) and reports, then asked by `state`. Names are interned and times kept in 32 bits,
//! so that a hundred thousand roles fit into memory. It keeps what it cannot attribute or map beside the rest, because
//! that limits what may be called unused; it decides nothing itself. Whose a recorded name is, `identity` says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leastwise_policy::ActionName;

use super::identity::{Identities, NameKey, Named, Part, name_key};
use super::mapping::NotAnApiCall;
use super::principal::Unattributable;
use super::shelf::{Kept, Shelf, narrow, wide};
use super::sources::last_accessed::{LastAccessedReport, ReportStatus};
use super::timeline::TrailTimeline;
use crate::access::{AccessKeyId, AccountId, Principal, PrincipalArn, PrincipalKind, Timestamp};

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

impl Use {
    fn add(&mut self, other: Use) {
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        self.denied = self.denied.saturating_add(other.denied);
        self.last_denied = self.last_denied.max(other.last_denied);
        self.last_possible = self.last_possible.max(other.last_possible);
    }
}

/// `Use` in 28 bytes; zero stands for no time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    pub(super) action: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) count: u32,
    pub(super) denied: u32,
    pub(super) last_denied: u32,
    pub(super) last_possible: u32,
}

impl Record {
    /// The last time of anything in it.
    fn ends(&self) -> u32 {
        self.last.max(self.last_denied).max(self.last_possible)
    }

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

/// What is kept of one name and unique id, or of all records of an account that do not tell theirs.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Sorted by action.
    pub(super) uses: Vec<Record>,
    pub(super) bars: Vec<Bar>,
    pub(super) events: u64,
    pub(super) last_event: u32,
    /// Of a user: each key that records name, with its last use.
    pub(super) keys: Vec<(Box<str>, u32)>,
    /// Of a user: the last use of a key that the record does not tell.
    pub(super) last_of_some_key: u32,
    /// Of a user: the last time that it signed in with its password.
    pub(super) last_sign_in: u32,
    /// Of a role: when it was last assumed, and by whom.
    pub(super) assumed: Option<Box<(u32, Box<str>)>>,
}

impl Entry {
    /// The last time at which anything of it is on record.
    fn last(&self) -> u32 {
        self.last_event.max(self.assumed.as_ref().map_or(0, |assumed| assumed.0))
    }
}

/// An assumption of a role, as records tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed {
    /// When the role was last assumed.
    pub last: Timestamp,
    /// By whom, in a few words: a principal's ARN, a service, an account.
    pub by: Box<str>,
}

/// What records show of the use of one access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUses {
    /// The last use of a key of that id.
    pub own: Option<Timestamp>,
    /// The last use of a key of the user that records name and the caller does not.
    pub others: Option<Timestamp>,
    /// The last use of a key of the user that the record does not tell.
    pub some: Option<Timestamp>,
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
    /// Whether an entry of it tells of a use without a date that can be.
    pub doubtful: bool,
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

/// The unique ids that go with a name, each with the place of its entry.
type Ids = Vec<(Box<str>, u32)>;

/// The use of everything by everybody.
#[derive(Debug, Default)]
pub struct UsageLedger {
    pub(super) entries: Vec<Entry>,
    /// Every name that an event has, each unique id that goes with it apart; the empty one for none.
    principals: BTreeMap<NameKey, (PrincipalArn, Ids)>,
    /// Reports, by the name of their principal.
    reports: BTreeMap<NameKey, (PrincipalArn, Box<Kept>)>,
    /// Whose the names are, once the account's principals are known.
    identities: Option<Identities>,
    /// Names of users that a record of a change of names has.
    pub(super) renamed: BTreeSet<(AccountId, Box<str>)>,
    /// Roles under a pattern that were assumed: what stands before the pattern's end, with the last time and by whom.
    pub(super) assumed: BTreeMap<Box<str>, (u32, Box<str>)>,
    /// Records that do not tell their principal, by account; they may be anybody's there. Without an account: anybody's.
    shadows: BTreeMap<Option<AccountId>, u32>,
    actions: Vec<ActionName>,
    by_action: HashMap<ActionName, u32>,
    shelf: Shelf,
    coverage: Vec<TrailTimeline>,
    pub(super) recorded: Recorded,
}

impl UsageLedger {
    /// What became of the events.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// What the trails cover, in the order in which they were told.
    #[must_use]
    pub fn coverage(&self) -> &[TrailTimeline] {
        &self.coverage
    }

    /// Says which principals there are, so that records are told by their unique ids: before, names alone count.
    pub fn identify(&mut self, present: &[Principal]) {
        let last = |place: u32| self.entries.get(place as usize).map(Entry::last).and_then(wide);
        let names = self.principals.iter().flat_map(|(key, (_, ids))| ids.iter().map(move |(id, place)| (key, id, *place)));
        let names: Vec<Named<'_>> = names
            .map(|(key, id, place)| Named { key, id, last: last(place).unwrap_or(Timestamp::from_seconds(0)), place })
            .collect();
        self.identities = Some(Identities::of(present, &names, &self.renamed));
    }

    /// Every principal that an event names, sorted by account, kind and name.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalArn> {
        self.principals.values().map(|(principal, _)| principal)
    }

    /// Under which other names records of the same unique id are that are taken for the principal's, sorted.
    #[must_use]
    pub fn other_names(&self, principal: &PrincipalArn) -> Vec<&PrincipalArn> {
        let own = name_key(principal);
        let parts: BTreeSet<u32> = self.parts(principal).into_iter().map(|part| part.place).collect();
        let of = |ids: &[(Box<str>, u32)]| ids.iter().any(|(_, place)| parts.contains(place));
        self.principals.iter().filter(|(key, (_, ids))| **key != own && of(ids)).map(|(_, (arn, _))| arn).collect()
    }

    /// The actions that events show the principal to have used, tried or possibly used, sorted by name.
    #[must_use]
    pub fn uses(&self, principal: &PrincipalArn) -> Vec<(&ActionName, Use)> {
        let mut uses: BTreeMap<&ActionName, Use> = BTreeMap::new();
        for record in self.records(principal) {
            if let Some(action) = self.actions.get(record.action as usize) {
                uses.entry(action).or_default().add(record.to_use());
            }
        }
        uses.into_iter().collect()
    }

    /// Whether events show a use of anything of the service between two times, both included.
    pub(super) fn used_service(&self, principal: &PrincipalArn, service: &str, from: Timestamp, to: Timestamp) -> bool {
        let within = |record: &Record| wide(record.last).is_some_and(|last| last >= from && last <= to);
        let of_service =
            |record: &Record| self.actions.get(record.action as usize).is_some_and(|a| a.service().eq_ignore_ascii_case(service));
        self.records(principal).any(|record| within(record) && of_service(record))
    }

    /// What events show of one action.
    #[must_use]
    pub fn use_of(&self, principal: &PrincipalArn, action: &ActionName) -> Use {
        let mut sum = Use::default();
        for (entry, since) in self.entries_of(principal) {
            sum.add(self.use_in(entry, since, action));
        }
        sum
    }

    /// The calls of the principal that map to no action.
    #[must_use]
    pub fn bars(&self, principal: &PrincipalArn) -> Vec<&Bar> {
        self.entries_of(principal)
            .flat_map(|(entry, since)| entry.bars.iter().filter(move |bar| narrow(Some(bar.last)) >= since))
            .collect()
    }

    /// The report of the principal's last access, the best of those that were read.
    #[must_use]
    pub fn report(&self, principal: &PrincipalArn) -> Option<LastAccessedReport> {
        let (_, kept) = self.reports.get(&name_key(principal))?;
        Some(self.shelf.report(kept, principal))
    }

    /// The same report as a whole, without its services.
    #[must_use]
    pub fn report_summary(&self, principal: &PrincipalArn) -> Option<ReportSummary<'_>> {
        Some(self.reports.get(&name_key(principal))?.1.summary())
    }

    /// All reports that were kept, each with its principal, sorted by account, kind and name.
    pub fn report_summaries(&self) -> impl Iterator<Item = (&PrincipalArn, ReportSummary<'_>)> {
        self.reports.values().map(|(principal, kept)| (principal, kept.summary()))
    }

    /// The principal's last event of any kind, and how many there are.
    #[must_use]
    pub fn activity(&self, principal: &PrincipalArn) -> (Option<Timestamp>, u64) {
        let of = self.entries_of(principal).filter(|(entry, since)| entry.last_event >= *since);
        let (last, events) = of.fold((0, 0), |(last, events), (entry, _)| (entry.last_event.max(last), events + entry.events));
        (wide(last), events)
    }

    /// When the role was last assumed, and by whom.
    #[must_use]
    pub fn assumed(&self, role: &PrincipalArn) -> Option<Assumed> {
        let own = self.entries_of(role).filter_map(|(entry, since)| {
            entry.assumed.as_deref().map(|(last, by)| (*last, by)).filter(|(last, _)| *last >= since)
        });
        // Of a permission set's role the record tells the beginning of the name, and no path.
        let plain = format!("arn:aws:iam::{}:role/{}", role.account(), role.name());
        let fits = |start: &str| role.as_str().starts_with(start) || plain.starts_with(start);
        let under = self.assumed.iter().filter(|(start, _)| fits(start)).map(|(_, (last, by))| (*last, by));
        let (last, by) = own.chain(under).max()?;
        Some(Assumed { last: wide(last)?, by: by.clone() })
    }

    /// When the user last signed in to the console with its password.
    #[must_use]
    pub fn last_sign_in(&self, user: &PrincipalArn) -> Option<Timestamp> {
        wide(self.entries_of(user).map(|(entry, since)| if entry.last_sign_in >= since { entry.last_sign_in } else { 0 }).max()?)
    }

    /// What records show of the use of a user's key of that id; `known` are the ids of the user's keys that are known.
    #[must_use]
    pub fn key_uses(&self, user: &PrincipalArn, id: Option<&AccessKeyId>, known: &[&AccessKeyId]) -> KeyUses {
        let mut uses = [0; 3];
        let [own, others, some] = &mut uses;
        for (entry, since) in self.entries_of(user) {
            for (key, last) in entry.keys.iter().filter(|(_, last)| *last >= since) {
                if id.is_some_and(|id| id.as_str() == &**key) {
                    *own = (*own).max(*last);
                } else if !known.iter().any(|id| id.as_str() == &**key) {
                    *others = (*others).max(*last);
                }
            }
            if entry.last_of_some_key >= since {
                *some = (*some).max(entry.last_of_some_key);
            }
        }
        let [own, others, some] = uses.map(wide);
        KeyUses { own, others, some }
    }

    fn parts(&self, principal: &PrincipalArn) -> Vec<Part> {
        let key = name_key(principal);
        match self.identities.as_ref().and_then(|identities| identities.parts(&key)) {
            Some(parts) => parts.to_vec(),
            None => {
                let ids = self.principals.get(&key).map(|(_, ids)| ids.as_slice()).unwrap_or_default();
                ids.iter().map(|(_, place)| Part { place: *place, since: None }).collect()
            }
        }
    }

    /// What is kept of the principal, each with the time from which on it is the principal's.
    fn entries_of(&self, principal: &PrincipalArn) -> impl Iterator<Item = (&Entry, u32)> {
        let parts = self.parts(principal);
        parts.into_iter().filter_map(|part| Some((self.entries.get(part.place as usize)?, narrow(part.since))))
    }

    fn records(&self, principal: &PrincipalArn) -> impl Iterator<Item = &Record> {
        self.entries_of(principal).flat_map(|(entry, since)| entry.uses.iter().filter(move |record| record.ends() >= since))
    }

    fn use_in(&self, entry: &Entry, since: u32, action: &ActionName) -> Use {
        let Some(id) = self.by_action.get(action) else { return Use::default() };
        let found = entry.uses.binary_search_by_key(id, |record| record.action).ok().and_then(|at| entry.uses.get(at));
        found.filter(|record| record.ends() >= since).map(|record| record.to_use()).unwrap_or_default()
    }

    /// What records show that may be the principal's as well as anybody's: of the account, those without an account, and those
    /// of users who are not found.
    pub(super) fn shadow_uses(&self, principal: &PrincipalArn, action: &ActionName) -> impl Iterator<Item = Use> {
        self.shadow_entries(principal).map(|entry| self.use_in(entry, 0, action))
    }

    pub(super) fn shadow_bars(&self, principal: &PrincipalArn) -> impl Iterator<Item = &Bar> {
        self.shadow_entries(principal).flat_map(|entry| &entry.bars)
    }

    fn shadow_entries(&self, principal: &PrincipalArn) -> impl Iterator<Item = &Entry> {
        let account = principal.account();
        let of_accounts = [Some(account), None].into_iter().filter_map(|of| self.shadows.get(&of).copied());
        let lost = match &self.identities {
            Some(identities) if principal.kind() == PrincipalKind::User => identities.lost(account),
            _ => &[],
        };
        of_accounts.chain(lost.iter().copied()).filter_map(|at| self.entries.get(at as usize))
    }

    /// When a user whom the account does not have, and who may be any of its users, was last on record with a key, and signed in.
    #[must_use]
    pub fn lost_credentials(&self, user: &PrincipalArn) -> (Option<Timestamp>, Option<Timestamp>) {
        let lost = self.identities.as_ref().map(|identities| identities.lost(user.account())).unwrap_or_default();
        let lost = lost.iter().filter_map(|at| self.entries.get(*at as usize));
        let of_key =
            |entry: &Entry| entry.keys.iter().map(|(_, last)| *last).max().unwrap_or_default().max(entry.last_of_some_key);
        let (key, sign_in) = lost.fold((0, 0), |(key, sign_in), entry| (of_key(entry).max(key), entry.last_sign_in.max(sign_in)));
        (wide(key), wide(sign_in))
    }

    /// Adds what a trail covers.
    pub fn cover(&mut self, coverage: TrailTimeline) {
        self.coverage.push(coverage);
    }

    /// Adds a report. Of several for one principal the newest that can be concluded from is kept, with all times of
    /// attempts that the others know.
    pub fn take_report(&mut self, report: LastAccessedReport) {
        let rank = |report: &LastAccessedReport| {
            let sound = match report.status {
                ReportStatus::Complete => 2,
                ReportStatus::Partial => 1,
                ReportStatus::Failed(_) => 0,
            };
            (sound, report.completed)
        };
        let key = name_key(&report.principal);
        let report = match self.reports.remove(&key).map(|(arn, kept)| self.shelf.report(&kept, &arn)) {
            None => report,
            Some(kept) => {
                let (mut better, other) = if rank(&report) > rank(&kept) { (report, kept) } else { (kept, report) };
                better.learn_times(other);
                better
            }
        };
        self.reports.insert(key, (report.principal.clone(), Box::new(self.shelf.keep(report))));
    }

    pub(super) fn intern_principal(&mut self, principal: &PrincipalArn, id: &str) -> u32 {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let (known, ids) = self.principals.entry(name_key(principal)).or_insert_with(|| (principal.clone(), Vec::new()));
        // An ARN that was made from a session has no path; a longer one is the true one.
        let rank = |arn: &PrincipalArn| (arn.as_str().len(), std::cmp::Reverse(arn.as_str().to_owned()));
        if principal != known && rank(principal) > rank(known) {
            known.clone_from(principal);
        }
        if let Some((_, at)) = ids.iter().find(|(own, _)| **own == *id) {
            return *at;
        }
        ids.push((id.into(), next));
        self.entries.push(Entry::default());
        next
    }

    pub(super) fn intern_shadow(&mut self, account: Option<AccountId>) -> u32 {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let at = *self.shadows.entry(account).or_insert(next);
        if at == next {
            self.entries.push(Entry::default());
        }
        at
    }

    pub(super) fn intern_action(&mut self, action: &ActionName) -> u32 {
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
                    known.doubtful |= service.doubtful;
                    for (name, time) in service.tracked {
                        match known.tracked.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                            Some((_, known)) => *known = (*known).max(time),
                            None if time.is_some() => known.tracked.push((name, time)),
                            None => {}
                        }
                    }
                }
                Err(at) if service.last.is_some() || service.doubtful => self.services.insert(at, service),
                Err(_) => {}
            }
        }
    }
}
