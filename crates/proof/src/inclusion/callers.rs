//! Callers as a dimension of requests: one for each sort of caller that the policies tell apart.
//!
//! `Principal` elements name accounts, users, roles, sessions, services and providers one by one, so that finitely many
//! callers stand for all. Only whether an element names a caller counts here, in whatever way (`docs/evaluation.md`,
//! Principals); whether the caller needs policies of their own besides does not. What an element can name a caller by is
//! numbered, so that neither long elements nor many callers are gone through one by one.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use leastwise_policy::Effect;
use leastwise_policy::arn::{Arn, is_account_number};
use leastwise_policy::document::{PrincipalElement, PrincipalKind};
use leastwise_policy::evaluate::{AwsKind, Principal};

use crate::search::{Budget, Found};

/// What tells elements apart: the effect of the statement, whether it is `NotPrincipal`, and the principals that it names.
type ElementKey<'p> = (Effect, bool, Vec<(&'p PrincipalKind, &'p str)>);

/// The callers of a comparison, and the elements that are about some of them.
#[derive(Debug)]
pub(super) struct Callers<'p> {
    elements: Vec<Element<'p>>,
    known: BTreeMap<ElementKey<'p>, u32>,
    /// The numbers of what elements name callers by.
    names: BTreeMap<Name, u32>,
    /// By number: the callers whom it names, and how.
    named: Vec<Vec<(u32, Way)>>,
    /// Whom to look at; nobody before [`Callers::settle`].
    candidates: Vec<Rc<Caller>>,
    services: BTreeSet<&'p str>,
    /// The one caller of identity policies.
    fixed: bool,
}

/// A `Principal` or `NotPrincipal` element.
#[derive(Debug)]
struct Element<'p> {
    element: &'p PrincipalElement,
    /// Of its statement, where that counts: for `NotPrincipal`.
    effect: Effect,
    /// Numbers of its names, sorted.
    names: Vec<u32>,
    /// The candidates whom it is about, one bit each.
    members: OnceCell<Vec<u64>>,
}

/// A caller, and by what they may be named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) principal: Principal,
    names: Vec<(u32, Way)>,
}

/// What an element can name a caller by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Everyone,
    /// The very text, of that kind of principal.
    Text(PrincipalKind, String),
    /// All of an account. Whatever stands in the account's place of an ARN is one.
    Account(String),
    /// The sessions of a role, by account and last name.
    Role(String, String),
    /// The federated sessions of a user, by account and last name.
    User(String, String),
}

/// How directly an element names a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Account,
    Role,
    Self_,
}

/// The caller of identity policies: somebody of some account.
const SOMEBODY: &str = "arn:aws:iam::111122223333:user/ana";
/// A service that no policy names.
const OTHER_SERVICE: &str = "another-service.amazonaws.com";

impl<'p> Callers<'p> {
    /// Nobody yet; identity policies have one fixed caller.
    pub(super) fn new(fixed: bool) -> Callers<'p> {
        Callers {
            elements: Vec::new(),
            known: BTreeMap::new(),
            names: BTreeMap::new(),
            named: Vec::new(),
            candidates: Vec::new(),
            services: BTreeSet::new(),
            fixed,
        }
    }

    /// Adds an element and returns its number. The effect counts for `NotPrincipal`.
    pub(super) fn add(&mut self, element: &'p PrincipalElement, effect: Effect) -> u32 {
        let effect = if element.negated { effect } else { Effect::Allow };
        let mut listed: Vec<(&'p PrincipalKind, &'p str)> =
            element.principals.iter().map(|(kind, name)| (kind, &*name.what)).collect();
        listed.sort_unstable();
        listed.dedup();
        let key = (effect, element.negated, listed);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let mut names: Vec<u32> =
            key.2.iter().flat_map(|(kind, text)| names_of(kind, text)).map(|name| self.number(name)).collect();
        names.sort_unstable();
        names.dedup();
        let at = u32::try_from(self.elements.len()).unwrap_or(u32::MAX);
        self.elements.push(Element { element, effect, names, members: OnceCell::new() });
        self.known.insert(key, at);
        at
    }

    fn number(&mut self, name: Name) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        *self.names.entry(name).or_insert(next)
    }

    /// To be called when all elements are there: finds the callers to look at. `strangers` leaves only those whom
    /// no account, organization or provider of the policy's author vouches for.
    pub(super) fn settle(&mut self, strangers: bool) {
        let found = self.callers(strangers);
        self.named = vec![Vec::new(); self.names.len()];
        for (at, principal) in (0_u32..).zip(found) {
            let caller = self.caller(principal);
            for (name, way) in &caller.names {
                if let Some(named) = self.named.get_mut(*name as usize) {
                    named.push((at, *way));
                }
            }
            self.candidates.push(Rc::new(caller));
        }
    }

    /// The callers whom the elements tell apart.
    fn callers(&mut self, strangers: bool) -> Vec<Principal> {
        if self.fixed {
            return Principal::parse(SOMEBODY).into_iter().collect();
        }
        let elements: Vec<&'p PrincipalElement> = self.elements.iter().map(|own| own.element).collect();
        let named = || elements.iter().flat_map(|element| &element.principals).map(|(kind, name)| (kind, &*name.what));
        let accounts: BTreeSet<&str> = named().filter_map(|(kind, name)| account_of(kind, name)).collect();
        let mut found = vec![Principal::Anonymous];
        let mut add = |text: &str| found.extend(Principal::parse(text).filter(|p| matches!(p, Principal::Aws(_))));
        let fresh = (0..=accounts.len()).map(|n| format!("{}", 999_999_999_999 - n)).find(|a| !accounts.contains(a.as_str()));
        for account in fresh.iter() {
            add(&format!("arn:aws:iam::{account}:user/somebody"));
        }
        if strangers {
            let public: BTreeSet<&str> =
                named().filter(|(kind, name)| is_public_provider(kind, name)).map(|(_, name)| name).collect();
            found.extend(public.into_iter().map(|name| Principal::Federated(name.into())));
            return found;
        }
        let somebody = unnamed("somebody", named().map(|(_, name)| name));
        let session = unnamed("session", named().map(|(_, name)| name));
        for account in &accounts {
            add(&format!("arn:aws:iam::{account}:root"));
            add(&format!("arn:aws:iam::{account}:user/{somebody}"));
        }
        let by_arn: BTreeSet<&str> = named()
            .filter(|(kind, name)| **kind == PrincipalKind::Aws && !name.contains(['*', '?']))
            .map(|(_, name)| name)
            .collect();
        for name in by_arn {
            add(name);
            let Some(arn) = Arn::parse(name) else { continue };
            let last = arn.resource.rsplit('/').next().unwrap_or_default();
            match arn.resource.split_once('/') {
                Some(("role", _)) => add(&format!("arn:aws:sts::{}:assumed-role/{last}/{session}", arn.account)),
                Some(("user", _)) => add(&format!("arn:aws:sts::{}:federated-user/{last}", arn.account)),
                _ => {}
            }
        }
        let others: BTreeSet<(&PrincipalKind, &'p str)> = named().collect();
        for (kind, name) in others {
            match kind {
                PrincipalKind::Service => {
                    self.services.insert(name);
                    found.push(Principal::Service(vec![name.into()]));
                }
                PrincipalKind::Federated => found.push(Principal::Federated(name.into())),
                PrincipalKind::CanonicalUser => found.push(Principal::CanonicalUser(name.into())),
                _ => {}
            }
        }
        let other = |wanted: &PrincipalKind| unnamed("other", named().filter(|(kind, _)| *kind == wanted).map(|(_, name)| name));
        found.push(Principal::Service(vec![OTHER_SERVICE.into()]));
        found.push(Principal::Federated(other(&PrincipalKind::Federated).into()));
        found.push(Principal::CanonicalUser(other(&PrincipalKind::CanonicalUser).into()));
        found
    }

    /// The caller with the numbers of what names them.
    fn caller(&self, principal: Principal) -> Caller {
        let names = ways(&principal).into_iter().filter_map(|(name, way)| Some((*self.names.get(&name)?, way))).collect();
        Caller { principal, names }
    }

    /// Whether an element is about the caller.
    pub(super) fn holds(&self, element: u32, caller: &Caller) -> bool {
        self.elements.get(element as usize).is_some_and(|element| element.is_about(caller))
    }

    /// The candidates whom an element is about; none when the budget is spent.
    fn members<'s>(&'s self, element: &'s Element<'p>, budget: &Budget) -> Option<&'s [u64]> {
        if element.members.get().is_none() && !budget.spend(self.candidates.len() / 16 + element.names.len() + 1) {
            return None;
        }
        let members = element.members.get_or_init(|| {
            let mut bits = vec![0_u64; self.candidates.len().div_ceil(64)];
            let listed = element.names.iter().filter_map(|name| self.named.get(*name as usize)).flatten();
            for (at, _) in listed {
                let is_about = self.candidates.get(*at as usize).is_some_and(|caller| element.is_about(caller));
                if let Some(word) = bits.get_mut(*at as usize / 64).filter(|_| is_about != element.element.negated) {
                    *word |= 1 << (at % 64);
                }
            }
            // With `NotPrincipal`, the bits are those of the callers that are left out.
            if element.element.negated {
                bits.iter_mut().for_each(|word| *word = !*word);
            }
            bits
        });
        Some(members)
    }

    /// A caller whom the elements are about as asserted.
    pub(super) fn find(&self, asserted: &[(u32, bool)], budget: &Budget) -> Found<Rc<Caller>> {
        let mut left = vec![u64::MAX; self.candidates.len().div_ceil(64)];
        for (element, holds) in asserted {
            let Some(element) = self.elements.get(*element as usize) else { continue };
            if !budget.spend(left.len() / 8 + 1) {
                return Found::TooComplex;
            }
            let Some(members) = self.members(element, budget) else { return Found::TooComplex };
            for (word, members) in left.iter_mut().zip(members) {
                *word &= if *holds { *members } else { !*members };
            }
        }
        let first = left.iter().position(|word| *word != 0);
        let first = first.and_then(|at| Some(at * 64 + left.get(at)?.trailing_zeros() as usize));
        if let Some(caller) = first.and_then(|at| self.candidates.get(at)) {
            return Found::Some(Rc::clone(caller));
        }
        // A service may go by several names. With as many as are not ruled out, it is named wherever it can be.
        if self.services.len() < 2 {
            return Found::None;
        }
        if !budget.spend(self.services.len().saturating_mul(asserted.len() + 1).saturating_mul(4)) {
            return Found::TooComplex;
        }
        let fits = |caller: &Caller| asserted.iter().all(|(element, holds)| self.holds(*element, caller) == *holds);
        let allowed = |name: &&&str| {
            let alone = self.caller(Principal::Service(vec![(**name).into()]));
            asserted.iter().all(|(element, holds)| {
                let negated = self.elements.get(*element as usize).is_some_and(|e| e.element.negated);
                // Where the caller must not be among those listed.
                *holds != negated || self.holds(*element, &alone) == *holds
            })
        };
        let names: Vec<Box<str>> = self.services.iter().filter(allowed).map(|name| (*name).into()).collect();
        if names.len() < 2 {
            return Found::None;
        }
        let caller = self.caller(Principal::Service(names));
        if fits(&caller) { Found::Some(Rc::new(caller)) } else { Found::None }
    }
}

impl Element<'_> {
    fn is_about(&self, caller: &Caller) -> bool {
        let listed = caller.names.iter().filter(|(name, _)| self.names.binary_search(name).is_ok());
        let way = listed.map(|(_, way)| *way).max();
        match (self.element.negated, self.effect) {
            (false, _) => way.is_some(),
            (true, Effect::Allow) => way.is_none(),
            // A Deny spares only those whom it names by their own name.
            (true, Effect::Deny) => {
                let own = match &caller.principal {
                    Principal::Aws(aws) if aws.kind() == AwsKind::Role => Way::Role,
                    _ => Way::Self_,
                };
                way < Some(own)
            }
        }
    }
}

/// What a principal of an element names callers by.
fn names_of(kind: &PrincipalKind, text: &str) -> Vec<Name> {
    let own = Name::Text(kind.clone(), text.to_owned());
    match kind {
        PrincipalKind::Anyone => vec![Name::Everyone],
        PrincipalKind::Aws if text == "*" => vec![Name::Everyone],
        PrincipalKind::Aws if is_account_number(text) => vec![Name::Account(text.to_owned())],
        PrincipalKind::Aws => {
            let arn = Arn::parse(text).filter(|arn| arn.service == "iam");
            let more = arn.and_then(|arn| {
                let account = arn.account.to_owned();
                if arn.resource == "root" {
                    return Some(Name::Account(account));
                }
                let (sort, path) = arn.resource.split_once('/')?;
                let last = path.rsplit('/').next().unwrap_or_default().to_owned();
                match sort {
                    "role" => Some(Name::Role(account, last)),
                    "user" => Some(Name::User(account, last)),
                    _ => None,
                }
            });
            std::iter::once(own).chain(more).collect()
        }
        PrincipalKind::Service | PrincipalKind::Federated | PrincipalKind::CanonicalUser => vec![own],
        PrincipalKind::Other(_) => Vec::new(),
    }
}

/// By what a caller can be named, and how directly that names them.
fn ways(caller: &Principal) -> Vec<(Name, Way)> {
    let mut ways = vec![(Name::Everyone, Way::Self_)];
    let mut add = |name: Name, way: Way| ways.push((name, way));
    match caller {
        Principal::Anonymous => {}
        Principal::Service(names) => {
            names.iter().for_each(|own| add(Name::Text(PrincipalKind::Service, own.to_string()), Way::Self_))
        }
        Principal::Federated(own) => add(Name::Text(PrincipalKind::Federated, own.to_string()), Way::Self_),
        Principal::CanonicalUser(own) => add(Name::Text(PrincipalKind::CanonicalUser, own.to_string()), Way::Self_),
        Principal::Aws(own) => {
            let account = caller.account().unwrap_or_default().to_owned();
            let kind = own.kind();
            let by_arn = if kind == AwsKind::Role { Way::Role } else { Way::Self_ };
            add(Name::Text(PrincipalKind::Aws, own.arn().to_owned()), by_arn);
            add(Name::Account(account.clone()), if kind == AwsKind::Root { Way::Self_ } else { Way::Account });
            let path = Arn::parse(own.arn()).and_then(|arn| Some(arn.resource.split_once('/')?.1)).unwrap_or_default();
            match kind {
                AwsKind::RoleSession => {
                    add(Name::Role(account, path.split('/').next().unwrap_or_default().to_owned()), Way::Role)
                }
                AwsKind::FederatedUser => {
                    add(Name::User(account, path.rsplit('/').next().unwrap_or_default().to_owned()), Way::Role)
                }
                _ => {}
            }
        }
    }
    ways
}

/// The account of which a principal of an element says something; what stands in its place need not be a number.
fn account_of<'n>(kind: &PrincipalKind, name: &'n str) -> Option<&'n str> {
    if *kind != PrincipalKind::Aws {
        return None;
    }
    if is_account_number(name) {
        return Some(name);
    }
    Arn::parse(name).map(|arn| arn.account)
}

/// A name that none of the texts ends in.
fn unnamed<'n>(base: &str, taken: impl Iterator<Item = &'n str>) -> String {
    let ends = taken.filter_map(|text| {
        let short = text.trim_end_matches('x');
        short.ends_with(base).then_some(text.len() - short.len())
    });
    format!("{base}{}", ends.max().map_or(String::new(), |most| "x".repeat(most + 1)))
}

/// Whether anybody can get an identity of the provider: web identities, but not a SAML provider of an account.
pub(super) fn is_public_provider(kind: &PrincipalKind, name: &str) -> bool {
    *kind == PrincipalKind::Federated && !name.contains(":saml-provider/")
}
