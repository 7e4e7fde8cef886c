//! Whether one policy allows a request that another does not: over all actions and all resources, Deny included.
//!
//! The general way, behind the quick one of `actions`. Actions first: which sets of statements can match an action
//! together, with a shortest name for each; then, for each such set, the resources. Principals and conditions are
//! compared as they are written; where that does not settle it the answer says so and is never "included".

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use leastwise_policy::Policy;

use crate::actions;
use crate::claims::{Reason, Verdict, Witness};
use crate::clause::{Alike, Clause, Frame};
use crate::covered::{self, About, Escape, Right};
use crate::known_names::{KnownNames, Names};
use crate::language::{Glob, Union};
use crate::replay;
use crate::resources::Resources;
use crate::search::{self, Budget, NAMES, Outlook, Side, Visit, Word};

/// Decides whether `refined` allows only what `original` allows.
pub(crate) fn adds_nothing(
    (original, old): (&Policy, &[Clause<'_>]),
    (refined, new): (&Policy, &[Clause<'_>]),
    known: &mut KnownNames<'_>,
) -> Verdict {
    let budget = Budget::full();
    let mut by_frame: BTreeMap<&Frame<'_>, Alike<'_, '_>> = BTreeMap::new();
    for clause in old.iter().filter(|c| c.allows()) {
        by_frame.entry(&clause.frame).or_default().push(clause);
    }
    let none = Alike::default();
    let missing = denies_missing(old, new);
    let mut requests: Option<Requests<'_, '_>> = None;
    let mut best: Option<Ranked> = None;
    for clause in new.iter().filter(|c| c.allows()) {
        let alike = by_frame.get(&clause.frame).unwrap_or(&none);
        if actions::inside(clause, alike, &budget) && missing.is_empty() {
            continue;
        }
        let requests = requests.get_or_insert_with(|| Requests::new(old, new, &missing));
        let worst = requests.refute(clause, known, &budget);
        if let Some(worst) = worst.filter(|w| best.as_ref().is_none_or(|b| w.rank < b.rank)) {
            best = Some(worst);
        }
        // What is shown stays so, whatever else there is; and without a budget nothing more is found.
        if best.as_ref().is_some_and(|b| b.rank == CATALOGUED) || budget.is_spent() {
            break;
        }
    }
    if best.is_none() && budget.is_spent() {
        return Verdict::Refuted(Witness::too_complex("comparing the two documents"));
    }
    match best {
        None => Verdict::Holds,
        Some(Ranked { witness, .. }) if witness.reason != Reason::Shown => Verdict::Refuted(witness),
        Some(Ranked { witness, .. }) if !replay::is_cheap(replay::longest(&witness), [original, refined].into_iter()) => {
            Verdict::Refuted(Witness { reason: Reason::TooComplex, ..witness })
        }
        Some(Ranked { witness, .. }) if replay::is_added(original, refined, &witness) => Verdict::Refuted(witness),
        Some(Ranked { witness, .. }) => Verdict::Disputed(witness),
    }
}

/// What [`Clause::meaning`] says of a statement beside its frame.
type Meaning<'c> = (bool, bool, Vec<&'c str>);

/// The original Deny statements that no Deny statement of the refined document repeats.
pub(crate) fn denies_missing<'c, 'p>(old: &'c [Clause<'p>], new: &[Clause<'_>]) -> Vec<&'c Clause<'p>> {
    let mut by_frame: BTreeMap<&Frame<'_>, HashSet<Meaning<'_>>> = BTreeMap::new();
    for clause in new.iter().filter(|c| !c.allows()) {
        by_frame.entry(&clause.frame).or_default().insert(clause.meaning());
    }
    let repeated = |deny: &Clause<'_>| by_frame.get(&deny.frame).is_some_and(|same| same.contains(&deny.meaning()));
    old.iter().filter(|c| !c.allows() && !repeated(c)).collect()
}

/// A witness and how good it is; less is better.
struct Ranked {
    rank: u8,
    witness: Witness,
}

const CATALOGUED: u8 = 0;
const KNOWN: u8 = 1;
const UNKNOWN: u8 = 2;
const UNDECIDED: u8 = 3;
const TOO_COMPLEX: u8 = 4;

/// The requests that one document allows and another may not.
struct Requests<'c, 'p> {
    resources: Resources<'p>,
    others: Vec<Other<'c, 'p>>,
    /// The distinct lists of actions of the others, by one statement each that has it.
    groups: Vec<&'c Clause<'p>>,
    /// The services that these name.
    services: BTreeSet<String>,
}

/// A statement that has a say in whether a request is new.
struct Other<'c, 'p> {
    clause: &'c Clause<'p>,
    role: Role,
    about: About,
    /// Which of the distinct lists of actions it has.
    group: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The original allows it.
    Allowed,
    /// The refined document denies it, so that it is not new.
    StillDenied,
    /// The original denies it, and the refined document does not repeat that.
    NoLongerDenied,
}

/// What the resources say about the actions that one set of statements matches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    escape: Escape,
    lost_deny: Option<usize>,
}

/// Which distinct lists of actions match an action together: one bit each, the left statement's first.
type Together = Vec<bool>;

impl<'c, 'p> Requests<'c, 'p> {
    fn new(old: &'c [Clause<'p>], new: &'c [Clause<'p>], missing: &[&'c Clause<'p>]) -> Requests<'c, 'p> {
        let mut resources = Resources::new();
        let allowed = old.iter().filter(|c| c.allows()).map(|c| (c, Role::Allowed));
        let denied = new.iter().filter(|c| !c.allows()).map(|c| (c, Role::StillDenied));
        let lost = missing.iter().map(|c| (*c, Role::NoLongerDenied));
        let mut numbers: HashMap<(bool, &str), usize> = HashMap::new();
        let mut groups = Vec::new();
        let mut others = Vec::new();
        for (clause, role) in allowed.chain(denied).chain(lost) {
            let group = *numbers.entry((clause.negated(), clause.written)).or_insert(groups.len());
            if group == groups.len() {
                groups.push(clause);
            }
            others.push(Other { clause, role, about: covered::about(&clause.frame, &mut resources), group });
        }
        let services = groups.iter().flat_map(|clause| clause.set().services()).map(|s| s.service().to_owned()).collect();
        Requests { resources, others, groups, services }
    }

    fn refute(&mut self, left: &Clause<'p>, known: &mut KnownNames<'_>, budget: &Budget) -> Option<Ranked> {
        let about = covered::about(&left.frame, &mut self.resources);
        let mut findings: HashMap<Together, Finding> = HashMap::new();
        let mut best: Option<Ranked> = None;
        if !budget.spend(left.set().len() + self.services.len() * 8) {
            return None;
        }
        for service in self.services_of(left) {
            let (vectors, too_complex) = self.together(left, &service, budget);
            for (vector, word) in &vectors {
                let finding = self.finding(left, &about, vector, &mut findings, budget);
                if finding.escape == Escape::None {
                    continue;
                }
                let found = self.present(left, &about, &service, word, finding, &mut findings, known, budget);
                if best.as_ref().is_none_or(|b| found.rank < b.rank) {
                    best = Some(found);
                }
                if best.as_ref().is_some_and(|b| b.rank == CATALOGUED) {
                    break;
                }
            }
            if too_complex && best.is_none() {
                let mut witness = Witness::too_complex("comparing the actions of the two documents");
                witness.refined = Some(left.statement.index);
                best = Some(Ranked { rank: TOO_COMPLEX, witness });
            }
            if best.as_ref().is_some_and(|b| b.rank == CATALOGUED) || budget.is_spent() {
                break;
            }
        }
        best
    }

    /// The services in which the left statement may allow something new, one that nobody names for all those.
    fn services_of(&self, left: &Clause<'_>) -> Vec<String> {
        let own = left.set().services().map(|s| s.service().to_owned());
        if !left.negated() && !left.set().everything {
            return own.collect();
        }
        let mut all: Vec<String> = own.chain(self.services.iter().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        let nobody = (0..).map(|n: u32| format!("x{}", "y".repeat(n as usize))).find(|name| all.binary_search(name).is_err());
        all.extend(nobody);
        all
    }

    /// Which of the other statements can match an action of `service` together with the left one, and the shortest
    /// name for each such set. The flag says that there may be more.
    fn together(&self, left: &Clause<'_>, service: &str, budget: &Budget) -> (Vec<(Together, Word)>, bool) {
        let size = |clause: &Clause<'_>| clause.set().of_service(service).len() * 4 + 4;
        if !budget.spend(self.groups.iter().map(|clause| size(clause)).sum::<usize>() + size(left)) {
            return (Vec::new(), true);
        }
        let own = union_of(left, service);
        let mut fixed: Vec<Option<bool>> = Vec::new();
        let mut unions = Vec::new();
        for clause in &self.groups {
            let decided = decided(clause, service);
            fixed.push(decided);
            if decided.is_none() {
                unions.push((union_of(clause, service), clause.negated()));
            }
        }
        let mut sides = vec![Side { union: &own, negated: left.negated() }];
        sides.extend(unions.iter().map(|(union, negated)| Side { union, negated: *negated }));
        let stop_at_first = sides.len() == 1;
        // Actions have names: the empty text is none.
        let names = Union::of([Glob::of("?*")]);
        sides.push(Side { union: &names, negated: false });
        let mut seen: HashSet<Together> = HashSet::new();
        let found = search::explore(
            &sides,
            NAMES,
            budget,
            |outlooks| outlooks.first() != Some(&Outlook::Never),
            |accepts| {
                if accepts.first() != Some(&true) || accepts.last() != Some(&true) || !seen.insert(accepts.to_vec()) {
                    return Visit::Pass;
                }
                if stop_at_first { Visit::Stop } else { Visit::Record }
            },
        );
        let whole = |accepts: Vec<bool>| {
            let mut free = accepts.into_iter().skip(1);
            let mut vector = vec![true];
            vector.extend(fixed.iter().map(|f| f.unwrap_or_else(|| free.next().unwrap_or_default())));
            vector
        };
        (found.words.into_iter().map(|(accepts, word)| (whole(accepts), word)).collect(), found.too_complex)
    }

    /// Whether an action that just these statements match is allowed anew on some resource.
    fn finding(
        &self,
        left: &Clause<'_>,
        about: &About,
        vector: &Together,
        findings: &mut HashMap<Together, Finding>,
        budget: &Budget,
    ) -> Finding {
        if let Some(finding) = findings.get(vector) {
            return finding.clone();
        }
        let guards: usize = self.others.iter().map(|other| other.clause.frame.guard.size()).sum();
        if !budget.spend(guards + vector.len()) {
            return Finding { escape: Escape::TooComplex, lost_deny: None };
        }
        let finding = self.find(left, about, vector, budget);
        findings.insert(vector.clone(), finding.clone());
        finding
    }

    fn find(&self, left: &Clause<'_>, about: &About, vector: &Together, budget: &Budget) -> Finding {
        let active = || self.others.iter().filter(|other| vector.get(other.group + 1) == Some(&true));
        let follows = |other: &Other<'_, '_>| other.clause.frame.guard.follows_from(&left.frame.guard);
        let mut denied = Right::default();
        let mut right = Right::default();
        for other in active() {
            let lists: &mut [&mut Right<'_>] = match other.role {
                Role::Allowed => &mut [&mut right],
                Role::StillDenied => &mut [&mut right, &mut denied],
                Role::NoLongerDenied => continue,
            };
            for list in lists {
                if follows(other) { list.surely.push(&other.about) } else { list.perhaps.push(&other.about) }
            }
        }
        let mut result = Finding { escape: covered::outside(&self.resources, about, &right, budget), lost_deny: None };
        for lost in active().filter(|other| other.role == Role::NoLongerDenied) {
            if matches!(result.escape, Escape::Resource(_)) {
                break;
            }
            let escape = match covered::shared(&self.resources, about, &lost.about, &denied, budget) {
                Escape::Resource(_) if !follows(lost) && !lost.clause.frame.guard.is_empty() => Escape::Unknown,
                escape => escape,
            };
            if escape != Escape::None {
                result = Finding { escape, lost_deny: Some(lost.clause.statement.index) };
            }
        }
        result
    }

    /// The witness for an action that is allowed anew: a catalogued one when there is one.
    #[expect(clippy::too_many_arguments, reason = "one call, and all of it is needed to look for a better action")]
    fn present(
        &self,
        left: &Clause<'_>,
        about: &About,
        service: &str,
        word: &Word,
        finding: Finding,
        findings: &mut HashMap<Together, Finding>,
        known: &mut KnownNames<'_>,
        budget: &Budget,
    ) -> Ranked {
        let shown = matches!(finding.escape, Escape::Resource(_));
        let named = self.named_services(left, service, known);
        for service in named {
            let names = known.of(&service);
            let all = std::iter::once(left).chain(self.groups.iter().copied());
            let sets: Option<Vec<Rc<Names>>> = all.map(|clause| known.granted(clause, &service, budget)).collect();
            let Some(sets) = sets else { break };
            let mut refuting = Names::none(names.len());
            let mut first: HashMap<usize, Finding> = HashMap::new();
            for at in sets.first().into_iter().flat_map(|own| own.iter()) {
                if !budget.spend(sets.len()) {
                    break;
                }
                let vector: Together = sets.iter().map(|s| s.has(at)).collect();
                let here = self.finding(left, about, &vector, findings, budget);
                if here.escape != Escape::None && matches!(here.escape, Escape::Resource(_)) == shown {
                    refuting.add(at);
                    first.insert(at, here);
                    if known.catalogued(&service, names.lower(at)) {
                        break;
                    }
                }
            }
            if let Some(at) = names.best(&refuting, known) {
                let rank = if known.catalogued(&service, names.lower(at)) { CATALOGUED } else { KNOWN };
                let finding = first.remove(&at).unwrap_or(finding);
                return witness(left, names.action(at), &finding, rank);
            }
        }
        let name: String = word.iter().filter_map(|s| char::from_u32(*s)).collect();
        witness(left, format!("{service}:{name}"), &finding, UNKNOWN)
    }

    /// The services whose known names stand for `service`: itself, or, for the one that nobody names, all those
    /// that no statement names.
    fn named_services(&self, left: &Clause<'_>, service: &str, known: &mut KnownNames<'_>) -> Vec<String> {
        let mentioned = |service: &str| left.set().of_service(service).len() > 0 || self.services.contains(service);
        if mentioned(service) {
            return vec![service.to_owned()];
        }
        known.services().iter().filter(|s| !mentioned(s)).cloned().collect()
    }
}

fn witness(left: &Clause<'_>, action: String, finding: &Finding, rank: u8) -> Ranked {
    let index = left.statement.index;
    let (reason, resource, ending) = match &finding.escape {
        Escape::Resource(resource) => (Reason::Shown, Some(resource.clone()), String::new()),
        Escape::TooComplex => {
            let mut witness = Witness::too_complex("comparing the resources of the two documents");
            witness.action = Some(action);
            witness.refined = Some(index);
            return Ranked { rank: TOO_COMPLEX, witness };
        }
        _ => (
            Reason::CannotBeShown,
            None,
            ", as far as can be shown: conditions, principals and policy variables are compared only as they are written"
                .to_owned(),
        ),
    };
    let on = resource.as_ref().filter(|r| *r != "*").map_or(String::new(), |r| format!(" on `{r}`"));
    let when = if left.frame.guard.is_empty() { "" } else { " (for its principals and under its conditions)" };
    let explanation = match finding.lost_deny {
        Some(deny) => format!(
            "statement {index} of the refined policy allows `{action}`{on}{when}, which statement {deny} of the original \
             denies and no Deny of the refined policy does{ending}"
        ),
        None => format!(
            "statement {index} of the refined policy allows `{action}`{on}{when}, which the original does not allow{ending}"
        ),
    };
    let mut witness = Witness::new(reason, explanation);
    witness.action = Some(action);
    witness.resource = resource;
    witness.original = finding.lost_deny;
    witness.refined = Some(index);
    Ranked { rank: if reason == Reason::Shown { rank } else { UNDECIDED }, witness }
}

/// The automaton of a statement's patterns for one service.
fn union_of(clause: &Clause<'_>, service: &str) -> Union {
    let set = clause.set();
    let every = set.everything.then(|| Glob::of("*"));
    Union::of(every.into_iter().chain(set.of_service(service).patterns().map(|p| p.compile())))
}

/// Whether a statement matches all actions of a service or none, where that shows at a glance.
fn decided(clause: &Clause<'_>, service: &str) -> Option<bool> {
    let set = clause.set();
    let own = set.of_service(service);
    if set.everything || own.has("*") {
        return Some(!clause.negated());
    }
    (own.len() == 0).then_some(clause.negated())
}
