//! Which actions each principal is granted, by which policy and statement.
//!
//! End of the access stage: principals, their policies and the catalogue joined. Sets are worked out when asked for,
//! once for a policy that several share. It speaks of actions only: on which resources and conditions a grant
//! holds is the evaluator's and the proof's question, and whether it was used is the ledger's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::{ActionName, Effect, Policy, Statement};

use super::account::{Account, Accounts};
use super::action_set::{ActionId, ActionIndex, ActionSet};
use super::arn::{AccountId, PolicyArn, PrincipalArn, PrincipalKind};
use super::details::{Document, ManagedPolicy, Principal};

/// What a set of accounts grants, over one catalogue.
#[derive(Debug)]
pub struct AccessModel<'c> {
    accounts: Accounts,
    index: ActionIndex<'c>,
    attached: HashMap<PolicyArn, Vec<usize>>,
    bounded: HashMap<PolicyArn, Vec<usize>>,
    members: HashMap<(AccountId, Box<str>), Vec<usize>>,
    groups: HashMap<(AccountId, Box<str>), usize>,
    permission_sets: BTreeMap<Box<str>, Vec<usize>>,
    /// By the address of the policy, which `accounts` holds as long as this.
    expansions: Mutex<HashMap<usize, Arc<Expansion>>>,
}

/// One policy that grants something to a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySource<'m> {
    /// Who holds the policy: the principal itself, or a group that it is in.
    pub holder: &'m Principal,
    /// Which of the holder's policies it is.
    pub policy: PolicyRef<'m>,
    /// Its document.
    pub document: &'m Document,
}

/// A policy among those of one holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyRef<'m> {
    /// An attached managed policy.
    Managed(&'m PolicyArn),
    /// An inline policy, by name.
    Inline(&'m str),
}

/// What one Allow statement grants.
#[derive(Debug, Clone)]
pub struct Grant<'m> {
    /// The policy that it stands in.
    pub source: PolicySource<'m>,
    /// The statement's place in its policy, from 0.
    pub statement: usize,
    expansion: Arc<Expansion>,
    place: usize,
}

impl Grant<'_> {
    /// The known actions that the statement grants, whatever boundary or Deny take away again.
    #[must_use]
    pub fn actions(&self) -> &ActionSet {
        static NONE: ActionSet = ActionSet::EMPTY;
        self.expansion.statements.get(self.place).map_or(&NONE, |s| &s.actions)
    }

    /// The names written out in the statement that the catalogue lacks. They are never called unused.
    #[must_use]
    pub fn uncatalogued(&self) -> &[ActionName] {
        self.expansion.statements.get(self.place).map_or(&[], |s| &s.uncatalogued)
    }
}

/// What a principal is granted: every known action in one of the three sets, with the statements behind it.
#[derive(Debug, Clone)]
pub struct Granted<'m> {
    /// Each Allow statement of each policy that could be read: inline, attached, then those of the groups.
    pub grants: Vec<Grant<'m>>,
    /// Actions that some statement allows and nothing takes away.
    pub effective: ActionSet,
    /// Actions that some statement allows and the permissions boundary never does.
    pub blocked_by_boundary: ActionSet,
    /// Actions that some statement allows and a Deny without condition on every resource takes away. An action that
    /// the boundary blocks too is only in that set.
    pub denied: ActionSet,
}

impl<'m> Granted<'m> {
    /// The statements that grant `action`.
    pub fn granting(&self, action: ActionId) -> impl Iterator<Item = &Grant<'m>> {
        self.grants.iter().filter(move |grant| grant.actions().contains(action))
    }
}

/// To whom a managed policy is attached.
#[derive(Debug)]
pub struct Attachments<'m> {
    /// The users, groups and roles, in the order of their ARNs.
    pub principals: Vec<&'m Principal>,
    /// Whether these are all: no page is missing, and IAM counts no more.
    pub complete: bool,
}

#[derive(Debug)]
struct Expansion {
    statements: Vec<Expanded>,
}

#[derive(Debug)]
struct Expanded {
    index: usize,
    effect: Effect,
    actions: ActionSet,
    uncatalogued: Vec<ActionName>,
    /// Whether it holds for every request: no condition, and `*` as a resource.
    always: bool,
}

impl<'c> AccessModel<'c> {
    /// Joins what was read with a catalogue. Nothing is expanded yet.
    #[must_use]
    pub fn new(accounts: Accounts, catalogue: &'c Catalogue) -> AccessModel<'c> {
        let mut model = AccessModel {
            accounts: Accounts::default(),
            index: ActionIndex::new(catalogue),
            attached: HashMap::new(),
            bounded: HashMap::new(),
            members: HashMap::new(),
            groups: HashMap::new(),
            permission_sets: BTreeMap::new(),
            expansions: Mutex::default(),
        };
        for (at, principal) in accounts.principals.iter().enumerate() {
            let account = principal.arn.account();
            for arn in &principal.attached {
                model.attached.entry(arn.clone()).or_default().push(at);
            }
            if let Some(arn) = &principal.boundary {
                model.bounded.entry(arn.clone()).or_default().push(at);
            }
            for group in &principal.groups {
                model.members.entry((account, group.clone())).or_default().push(at);
            }
            if principal.arn.kind() == PrincipalKind::Group {
                model.groups.insert((account, principal.arn.name().into()), at);
            }
            if let Some(set) = principal.permission_set() {
                model.permission_sets.entry(set.into()).or_default().push(at);
            }
        }
        model.accounts = accounts;
        model
    }

    /// The accounts, sorted by id.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts.accounts
    }

    /// Users, groups and roles of all accounts, sorted by ARN.
    #[must_use]
    pub fn principals(&self) -> &[Principal] {
        &self.accounts.principals
    }

    /// The principal of that ARN.
    #[must_use]
    pub fn principal(&self, arn: &PrincipalArn) -> Option<&Principal> {
        let at = self.accounts.principals.binary_search_by(|p| p.arn.cmp(arn)).ok()?;
        self.accounts.principals.get(at)
    }

    /// The managed policies, sorted by ARN.
    #[must_use]
    pub fn policies(&self) -> &[ManagedPolicy] {
        &self.accounts.policies
    }

    /// The managed policy of that ARN.
    #[must_use]
    pub fn policy(&self, arn: &PolicyArn) -> Option<&ManagedPolicy> {
        let at = self.accounts.policies.binary_search_by(|p| p.arn.cmp(arn)).ok()?;
        self.accounts.policies.get(at)
    }

    /// The catalogue's actions by number.
    #[must_use]
    pub fn actions(&self) -> &ActionIndex<'c> {
        &self.index
    }

    /// The users, groups and roles that have `policy` attached.
    #[must_use]
    pub fn attachments(&self, policy: &PolicyArn) -> Attachments<'_> {
        let principals = self.at(self.attached.get(policy));
        let whole = |account: &Account| account.complete || policy.owner().is_some_and(|owner| owner != account.id);
        let counted = policy.is_aws_managed()
            || self.policy(policy).and_then(|p| p.attachment_count).is_some_and(|said| said <= principals.len() as u64);
        Attachments { complete: counted && self.accounts.accounts.iter().all(whole), principals }
    }

    /// The users and roles whose permissions boundary is `policy`: an edit of it would move their bounds.
    #[must_use]
    pub fn bounded_by(&self, policy: &PolicyArn) -> Vec<&Principal> {
        self.at(self.bounded.get(policy))
    }

    /// The users in `group`, in the order of their ARNs.
    #[must_use]
    pub fn members(&self, group: &PrincipalArn) -> Vec<&Principal> {
        self.at(self.members.get(&(group.account(), group.name().into())))
    }

    /// The permission sets of Identity Center that have roles, each with its roles in all accounts.
    pub fn permission_sets(&self) -> impl Iterator<Item = (&str, Vec<&Principal>)> {
        self.permission_sets.iter().map(|(name, at)| (&**name, self.at(Some(at))))
    }

    fn at(&self, places: Option<&Vec<usize>>) -> Vec<&Principal> {
        places.into_iter().flatten().filter_map(|at| self.accounts.principals.get(*at)).collect()
    }

    /// Every policy that grants something to `principal`: inline, attached, and those of its groups.
    #[must_use]
    pub fn sources<'m>(&'m self, principal: &'m Principal) -> Vec<PolicySource<'m>> {
        let group = |name: &str| {
            let at = self.groups.get(&(principal.arn.account(), name.into()))?;
            self.accounts.principals.get(*at)
        };
        let mut sources = Vec::new();
        for holder in std::iter::once(principal).chain(principal.groups.iter().filter_map(|name| group(name))) {
            for inline in &holder.inline {
                sources.push(PolicySource { holder, policy: PolicyRef::Inline(&inline.name), document: &inline.document });
            }
            for arn in &holder.attached {
                let document = self.policy(arn).map_or(&Document::Unread, |policy| &policy.document);
                sources.push(PolicySource { holder, policy: PolicyRef::Managed(arn), document });
            }
        }
        sources
    }

    /// What `principal` is granted, as far as its policies could be read (see [`Principal::unread`]).
    #[must_use]
    pub fn granted<'m>(&'m self, principal: &'m Principal) -> Granted<'m> {
        let mut grants = Vec::new();
        let (mut effective, mut taken) = (ActionSet::new(), ActionSet::new());
        for source in self.sources(principal) {
            let Some(policy) = source.document.policy() else { continue };
            let expansion = self.expansion(policy, matches!(source.policy, PolicyRef::Managed(_)));
            for (place, statement) in expansion.statements.iter().enumerate() {
                match statement.effect {
                    Effect::Allow => {
                        effective.add_all(&statement.actions);
                        grants.push(Grant { source, statement: statement.index, expansion: Arc::clone(&expansion), place });
                    }
                    Effect::Deny if statement.always => taken.add_all(&statement.actions),
                    Effect::Deny => {}
                }
            }
        }
        let mut blocked_by_boundary = ActionSet::new();
        let boundary = principal.boundary.as_ref().and_then(|arn| self.policy(arn)).and_then(|p| p.document.policy());
        if let Some(boundary) = boundary {
            let expansion = self.expansion(boundary, true);
            let (mut within, mut without) = (ActionSet::new(), ActionSet::new());
            for statement in &expansion.statements {
                match statement.effect {
                    Effect::Allow => within.add_all(&statement.actions),
                    Effect::Deny if statement.always => without.add_all(&statement.actions),
                    Effect::Deny => {}
                }
            }
            within.remove_all(&without);
            blocked_by_boundary = effective.clone();
            blocked_by_boundary.remove_all(&within);
            effective.remove_all(&blocked_by_boundary);
        }
        let mut denied = effective.clone();
        denied.keep_all(&taken);
        effective.remove_all(&denied);
        Granted { grants, effective, blocked_by_boundary, denied }
    }

    /// The actions of each statement; worked out once for a document that several hold.
    fn expansion(&self, policy: &Arc<Policy>, managed: bool) -> Arc<Expansion> {
        let key = Arc::as_ptr(policy).addr();
        let known = || self.expansions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expansion) = known().get(&key) {
            return Arc::clone(expansion);
        }
        let statements = policy.statements().iter().map(|statement| self.expand(statement)).collect();
        let expansion = Arc::new(Expansion { statements });
        if Arc::strong_count(policy) > 1 || managed {
            known().insert(key, Arc::clone(&expansion));
        }
        expansion
    }

    fn expand(&self, statement: &Statement) -> Expanded {
        let (mut actions, mut uncatalogued) = (ActionSet::new(), Vec::new());
        for pattern in &statement.actions.patterns {
            actions.add_all(&self.index.matching(&pattern.what));
            if let Some(name) = pattern.what.as_name().filter(|_| !statement.actions.negated)
                && self.index.action(name.service(), name.name()).is_none()
            {
                uncatalogued.push(name);
            }
        }
        if statement.actions.negated {
            let listed = std::mem::replace(&mut actions, self.index.all());
            actions.remove_all(&listed);
        }
        let everywhere = statement.resources.as_ref().is_some_and(|resources| {
            !resources.negated && resources.patterns.iter().any(|p| !p.what.is_empty() && p.what.bytes().all(|b| b == b'*'))
        });
        let always = everywhere && statement.conditions.is_empty() && statement.principal.is_none();
        Expanded { index: statement.index, effect: statement.effect, actions, uncatalogued, always }
    }
}
