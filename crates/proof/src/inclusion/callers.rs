//! Callers as a dimension of requests: one for each sort of caller that the policies tell apart.
//!
//! `Principal` elements name accounts, users, roles, sessions, services and providers one by one, so that finitely many
//! callers stand for all. Only whether an element names a caller counts here, in whatever way (`docs/evaluation.md`,
//! Principals); whether the caller needs policies of their own besides does not.

use std::collections::BTreeSet;

use leastwise_policy::Effect;
use leastwise_policy::arn::{Arn, is_account_number};
use leastwise_policy::document::{PrincipalElement, PrincipalKind};
use leastwise_policy::evaluate::{AwsKind, Principal};

/// The callers of a comparison, and the elements that are about some of them.
#[derive(Debug)]
pub(super) struct Callers<'p> {
    elements: Vec<(&'p PrincipalElement, Effect)>,
    /// Whom to look at; nobody before [`Callers::settle`].
    candidates: Vec<Principal>,
    services: BTreeSet<&'p str>,
    /// The one caller of identity policies.
    fixed: bool,
}

/// The caller of identity policies: somebody of some account.
const SOMEBODY: &str = "arn:aws:iam::111122223333:user/ana";
/// A service that no policy names.
const OTHER_SERVICE: &str = "another-service.amazonaws.com";

impl<'p> Callers<'p> {
    /// Nobody yet; identity policies have one fixed caller.
    pub(super) fn new(fixed: bool) -> Callers<'p> {
        Callers { elements: Vec::new(), candidates: Vec::new(), services: BTreeSet::new(), fixed }
    }

    /// Adds an element and returns its number. The effect counts for `NotPrincipal`.
    pub(super) fn add(&mut self, element: &'p PrincipalElement, effect: Effect) -> u32 {
        let own = (element, if element.negated { effect } else { Effect::Allow });
        let at = self.elements.iter().position(|known| (same(known.0, own.0)) && known.1 == own.1);
        let at = at.unwrap_or_else(|| {
            self.elements.push(own);
            self.elements.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// To be called when all elements are there: finds the callers to look at. `strangers` leaves only those whom
    /// no account, organization or provider of the policy's author vouches for.
    pub(super) fn settle(&mut self, strangers: bool) {
        if self.fixed {
            self.candidates = Principal::parse(SOMEBODY).into_iter().collect();
            return;
        }
        let named = || self.elements.iter().flat_map(|(element, _)| &element.principals).map(|(kind, name)| (kind, &*name.what));
        let accounts: BTreeSet<&str> = named().filter_map(|(kind, name)| account_of(kind, name)).collect();
        let mut found = vec![Principal::Anonymous];
        let mut add = |text: &str| found.extend(Principal::parse(text).filter(|p| matches!(p, Principal::Aws(_))));
        let fresh = (0..=accounts.len()).map(|n| format!("{}", 999_999_999_999 - n)).find(|a| !accounts.contains(a.as_str()));
        for account in fresh.iter() {
            add(&format!("arn:aws:iam::{account}:user/somebody"));
        }
        if strangers {
            found.extend(
                named().filter(|(kind, name)| is_public_provider(kind, name)).map(|(_, name)| Principal::Federated(name.into())),
            );
            self.candidates = found;
            return;
        }
        for account in &accounts {
            add(&format!("arn:aws:iam::{account}:root"));
            add(&format!("arn:aws:iam::{account}:user/{}", unnamed("somebody", named().map(|(_, name)| name))));
        }
        for (_, name) in named().filter(|(kind, name)| **kind == PrincipalKind::Aws && !name.contains(['*', '?'])) {
            add(name);
            let Some(arn) = Arn::parse(name) else { continue };
            let last = arn.resource.rsplit('/').next().unwrap_or_default();
            match arn.resource.split_once('/') {
                Some(("role", _)) => add(&format!(
                    "arn:aws:sts::{}:assumed-role/{last}/{}",
                    arn.account,
                    unnamed("session", named().map(|(_, name)| name))
                )),
                Some(("user", _)) => add(&format!("arn:aws:sts::{}:federated-user/{last}", arn.account)),
                _ => {}
            }
        }
        for (kind, name) in named() {
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
        self.candidates = found;
    }

    /// Whether an element is about the caller.
    pub(super) fn holds(&self, element: u32, caller: &Principal) -> bool {
        self.elements.get(element as usize).is_some_and(|(element, effect)| is_about(element, *effect, caller))
    }

    /// A caller whom the elements are about as asserted.
    pub(super) fn find(&self, asserted: &[(u32, bool)]) -> Option<Principal> {
        let fits = |caller: &&Principal| asserted.iter().all(|(element, holds)| self.holds(*element, caller) == *holds);
        if let Some(found) = self.candidates.iter().find(fits) {
            return Some(found.clone());
        }
        // A service may go by several names. With as many as are not ruled out, it is named wherever it can be.
        if self.services.len() < 2 {
            return None;
        }
        let allowed = |name: &&&str| {
            let alone = Principal::Service(vec![(**name).into()]);
            asserted.iter().all(|(element, holds)| {
                let negated = self.elements.get(*element as usize).is_some_and(|(e, _)| e.negated);
                // Where the caller must not be among those listed.
                *holds != negated || self.holds(*element, &alone) == *holds
            })
        };
        let names: Vec<Box<str>> = self.services.iter().filter(allowed).map(|name| (*name).into()).collect();
        let caller = Principal::Service(names);
        matches!(&caller, Principal::Service(names) if names.len() > 1).then_some(caller).filter(|caller| fits(&caller))
    }
}

fn same(one: &PrincipalElement, other: &PrincipalElement) -> bool {
    let names = |element: &PrincipalElement| -> BTreeSet<(PrincipalKind, Box<str>)> {
        element.principals.iter().map(|(kind, name)| (kind.clone(), name.what.clone())).collect()
    };
    one.negated == other.negated && names(one) == names(other)
}

/// The account of which a principal of an element says something.
fn account_of<'n>(kind: &PrincipalKind, name: &'n str) -> Option<&'n str> {
    if *kind != PrincipalKind::Aws {
        return None;
    }
    if is_account_number(name) {
        return Some(name);
    }
    Arn::parse(name).map(|arn| arn.account).filter(|account| is_account_number(account))
}

/// A name that none of the texts ends in.
fn unnamed<'n>(base: &str, taken: impl Iterator<Item = &'n str>) -> String {
    let mut name = base.to_owned();
    let taken: Vec<&str> = taken.collect();
    while taken.iter().any(|text| text.ends_with(&name)) {
        name.push('x');
    }
    name
}

/// Whether anybody can get an identity of the provider: web identities, but not a SAML provider of an account.
pub(super) fn is_public_provider(kind: &PrincipalKind, name: &str) -> bool {
    *kind == PrincipalKind::Federated && !name.contains(":saml-provider/")
}

/// How directly an element names a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Account,
    Role,
    Self_,
}

fn is_about(element: &PrincipalElement, effect: Effect, caller: &Principal) -> bool {
    let way = element.principals.iter().filter_map(|(kind, name)| names(kind, &name.what, caller)).max();
    match (element.negated, effect) {
        (false, _) => way.is_some(),
        (true, Effect::Allow) => way.is_none(),
        // A Deny spares only those whom it names by their own name.
        (true, Effect::Deny) => {
            let own = match caller {
                Principal::Aws(aws) if aws.kind() == AwsKind::Role => Way::Role,
                _ => Way::Self_,
            };
            way < Some(own)
        }
    }
}

fn names(kind: &PrincipalKind, written: &str, caller: &Principal) -> Option<Way> {
    let exactly = |own: &str| (own == written).then_some(Way::Self_);
    match (kind, caller) {
        (PrincipalKind::Anyone, _) => Some(Way::Self_),
        (PrincipalKind::Aws, _) if written == "*" => Some(Way::Self_),
        (PrincipalKind::Service, Principal::Service(own)) => own.iter().find_map(|own| exactly(own)),
        (PrincipalKind::Federated, Principal::Federated(own)) => exactly(own),
        (PrincipalKind::CanonicalUser, Principal::CanonicalUser(own)) => exactly(own),
        (PrincipalKind::Aws, Principal::Aws(own)) => {
            let account = caller.account().unwrap_or_default();
            if written == own.arn() {
                return Some(if own.kind() == AwsKind::Role { Way::Role } else { Way::Self_ });
            }
            let all_of = |named: &str| {
                let way = if own.kind() == AwsKind::Root { Way::Self_ } else { Way::Account };
                (named == account).then_some(way)
            };
            if is_account_number(written) {
                return all_of(written);
            }
            let arn = Arn::parse(written).filter(|arn| arn.service == "iam" && arn.account == account)?;
            if arn.resource == "root" {
                return all_of(arn.account);
            }
            let (sort, path) = arn.resource.split_once('/')?;
            let own_path = Arn::parse(own.arn())?.resource.split_once('/')?.1;
            let (behind, name) = match own.kind() {
                AwsKind::RoleSession => ("role", own_path.split('/').next()),
                AwsKind::FederatedUser => ("user", own_path.rsplit('/').next()),
                _ => return None,
            };
            (sort == behind && path.rsplit('/').next() == name).then_some(Way::Role)
        }
        _ => None,
    }
}
