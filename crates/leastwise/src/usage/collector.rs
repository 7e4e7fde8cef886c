//! Fills a ledger from events, or from calls that a rollup has added up.
//!
//! Before the ledger: it maps each kind of call once, and puts every call where it belongs: to a name and unique id, to the account
//! when the record does not tell its principal, or to the count of what others did. It judges nothing.

use std::collections::HashMap;
use std::rc::Rc;

use leastwise_policy::ActionName;

use super::assumption::{assumer, assumes_role, renames_user};
use super::event::{Event, EventKind};
use super::identity::{SOME_KEY, access_key_of, name_key, unique_id};
use super::ledger::{Bar, Entry, Record, UsageLedger};
use super::mapping::{EventMapper, Mapping, NotAnApiCall};
use super::principal::{Attribution, attribute};
use super::resource::ResourceRecipe;
use super::shelf::narrow;
use crate::access::{AccountId, PrincipalArn, PrincipalKind, Timestamp};

/// Events that are alike in all that the ledger asks: one call, and how often and when it was made.
#[derive(Debug, Clone)]
pub struct Recurrence<'a> {
    /// Whose permissions they used.
    pub attribution: Attribution,
    /// The principal's [unique id](unique_id); empty when the records tell none.
    pub id: &'a str,
    /// The [access key](access_key_of) of a user; empty when none was used.
    pub access_key: &'a str,
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
    /// Whether they [failed](Event::has_failed), for whatever reason.
    pub failed: bool,
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
    /// How the resources are found of calls that concern principals.
    recipes: HashMap<String, Rc<ResourceRecipe>>,
    /// The key of the event at hand; kept for its memory.
    key: String,
}

impl<'m, 'c> Collector<'m, 'c> {
    /// A collector for an empty ledger.
    #[must_use]
    pub fn new(mapper: &'m EventMapper<'c>) -> Collector<'m, 'c> {
        Collector { mapper, ledger: UsageLedger::default(), told: HashMap::new(), recipes: HashMap::new(), key: String::new() }
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
        let calls = Recurrence {
            attribution: attribute(event),
            id: unique_id(event),
            access_key: access_key_of(event),
            account: event.account,
            kind: event.kind,
            may_tag: event.may_tag(),
            source: &event.source,
            name: &event.name,
            denied: event.is_denied(),
            failed: event.has_failed(),
            count: 1,
            first: event.time,
            last: event.time,
        };
        self.recur(&calls);
        if calls.concerns_principals() {
            let arns = self.recipe_of(&calls).arns(event);
            arns.iter().for_each(|arn| self.concern(&calls, arn, false, event.time));
        }
    }

    /// How the resources of such calls are found.
    fn recipe_of(&mut self, calls: &Recurrence<'_>) -> Rc<ResourceRecipe> {
        let mapper = self.mapper;
        let make = || match mapper.map_kind(calls.kind, false, calls.source, calls.name) {
            Mapping::Actions { used, .. } => ResourceRecipe::of(&used, mapper.catalogue()),
            _ => ResourceRecipe::default(),
        };
        // The key of the calls at hand stands there since they were recorded.
        self.recipes.entry(self.key.clone()).or_insert_with(|| Rc::new(make())).clone()
    }

    /// Records a role that such calls assumed, or a user whose name they changed: those that [concern](Recurrence::concerns_principals)
    /// principals. A `summarised` resource is a pattern, and its end stands for any rest.
    pub fn concern(&mut self, calls: &Recurrence<'_>, resource: &str, summarised: bool, last: Timestamp) {
        let ledger = &mut self.ledger;
        if renames_user(calls.source, calls.name) {
            match PrincipalArn::parse(resource).filter(|arn| arn.kind() == PrincipalKind::User) {
                Some(arn) if !summarised => {
                    let (account, _, name) = name_key(&arn);
                    ledger.renamed.insert((account, name));
                }
                _ => {}
            }
            return;
        }
        let (last, by) = (narrow(Some(last)), assumer(&calls.attribution));
        let later = |known: &(u32, Box<str>)| (last, by.as_ref()) > (known.0, &*known.1);
        if summarised || resource.ends_with('*') {
            let start = resource.trim_end_matches('*');
            match ledger.assumed.get_mut(start) {
                Some(known) if !later(known) => {}
                Some(known) => *known = (last, by.as_ref().into()),
                None => {
                    ledger.assumed.insert(start.into(), (last, by.as_ref().into()));
                }
            }
            return;
        }
        let Some(role) = PrincipalArn::parse(resource).filter(|arn| arn.kind() == PrincipalKind::Role) else { return };
        let at = ledger.intern_principal(&role, "");
        let Some(entry) = ledger.entries.get_mut(at as usize) else { return };
        if entry.assumed.as_deref().is_none_or(later) {
            entry.assumed = Some(Box::new((last, by.as_ref().into())));
        }
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
        entry.sign(calls, last);
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
                Some(self.ledger.intern_principal(principal, calls.id))
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

impl Recurrence<'_> {
    /// Whether they did something to principals that tells whose later or earlier records are: they assumed a role, or changed
    /// the name of a user.
    #[must_use]
    pub fn concerns_principals(&self) -> bool {
        !self.failed && (assumes_role(self.source, self.name) || renames_user(self.source, self.name))
    }
}

impl Entry {
    /// Notes the credentials that the calls used.
    fn sign(&mut self, calls: &Recurrence<'_>, last: u32) {
        match calls.access_key {
            "" => {}
            SOME_KEY => self.last_of_some_key = self.last_of_some_key.max(last),
            key => match self.keys.iter_mut().find(|(own, _)| **own == *key) {
                Some((_, known)) => *known = (*known).max(last),
                None => self.keys.push((key.into(), last)),
            },
        }
        if calls.kind == EventKind::ConsoleSignIn && !calls.failed && calls.name.eq_ignore_ascii_case("ConsoleLogin") {
            self.last_sign_in = self.last_sign_in.max(last);
        }
    }

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
