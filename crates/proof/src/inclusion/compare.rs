//! The question as a whole: a request that the new policies allow and the existing ones do not.
//!
//! Such a request lies in an Allow of the new ones, in none of their Denies, and either in no Allow of the existing ones or
//! in one of their Denies. First with policy variables unknown: if there is none then, there is none. If there is one
//! that the evaluator does not confirm, values are put in and the question is asked again, exactly.

use std::collections::{BTreeMap, HashMap};

use leastwise_policy::{ActionPattern, Catalogue, Effect, Policy};

use super::keys::State;
use super::solve::{Request, Solver};
use super::space::{ACTION, Literal, Point, Product, RESOURCE, Space};
use super::{Access, Comparison, Counterexample, PolicyKind, access, strangers, witness};
use crate::search::Budget;
use crate::variables::Filling;
use crate::{replay, resources, variables};

/// What is asked.
pub(super) struct Question<'p> {
    pub(super) existing: &'p [&'p Policy],
    pub(super) new: &'p [&'p Policy],
    pub(super) kind: PolicyKind,
    pub(super) catalogue: &'p Catalogue,
    pub(super) purpose: Purpose<'p>,
}

/// Which requests count.
pub(super) enum Purpose<'p> {
    /// All.
    NewAccess,
    /// Those for this access.
    Access(&'p Access),
    /// Those of strangers.
    PublicAccess,
}

/// The question, with policy variables unknown or filled in.
struct Attempt<'p> {
    space: Space<'p>,
    new_allows: Vec<Product<'p>>,
    new_denies: Vec<Product<'p>>,
    old_allows: Vec<Product<'p>>,
    /// Those that the new policies have not.
    old_denies: Vec<Product<'p>>,
    /// What holds for all requests that count.
    common: Vec<Literal>,
}

/// A request that may be the answer, and what it lies in.
struct Candidate {
    inside: Vec<Literal>,
    found: Request,
    allow: usize,
    /// The statement of the existing policies that denies it.
    deny: Option<usize>,
}

/// How many catalogued actions are tried for one that goes with a resource of its types.
const MOST_NAMES: usize = 24;

/// The steps that one question may take, with all that is tried for it.
const STEPS_OF_QUESTION: u64 = 12_000_000;
/// Of these, what the question takes with variables unknown.
const STEPS_FIRST: u64 = 6_000_000;
/// What the search for a better counterexample takes.
const STEPS_BETTER: u64 = 2_000_000;
/// What the question takes with variables filled in, each time.
const STEPS_FILLED: u64 = 2_000_000;

/// Answers the question.
pub(super) fn decide(question: &Question<'_>) -> Comparison {
    let steps = Budget::of(STEPS_OF_QUESTION);
    let mut attempt = Attempt::new(question, Filling::Unknown, steps.split(STEPS_FIRST));
    let mut solver = Solver::new();
    let mut doubt: Option<Candidate> = None;
    let first = attempt.first(question, &[], &mut solver, |candidate| {
        doubt.get_or_insert(candidate);
    });
    let spent = attempt.space.budget.is_spent();
    steps.join(&attempt.space.budget);
    if let Some(found) = first {
        return Comparison::NotIncluded(Box::new(attempt.improved(question, found, &steps)));
    }
    let Some(doubt) = doubt else {
        if solver.too_complex || spent {
            return Comparison::Undecided(TOO_COMPLEX.to_owned());
        }
        return Comparison::Included;
    };
    attempt.space.budget = steps.split(STEPS_FILLED);
    let fillings = fillings(&mut attempt.space, &doubt);
    steps.join(&attempt.space.budget);
    for values in fillings {
        if steps.is_spent() {
            break;
        }
        let mut filled = Attempt::new(question, Filling::Known(values), steps.split(STEPS_FILLED));
        let found = filled.first(question, &[], &mut Solver::new(), |_| {});
        steps.join(&filled.space.budget);
        if let Some(found) = found {
            return Comparison::NotIncluded(Box::new(filled.improved(question, found, &steps)));
        }
    }
    Comparison::Undecided(attempt.reason(&doubt, solver.too_complex || spent))
}

const TOO_COMPLEX: &str = "too complex: the policies combine too many statements, patterns or values to be compared within the bounds; \
                           split them, by service or by resource, and compare the parts";

impl<'p> Attempt<'p> {
    fn new(question: &Question<'p>, filling: Filling, budget: Budget) -> Attempt<'p> {
        let mut space = Space::new(question.kind, filling, question.catalogue, budget);
        let mut new_allows = space.products(question.new, Effect::Allow);
        let new_denies = space.products(question.new, Effect::Deny);
        let old_allows = space.products(question.existing, Effect::Allow);
        let mut old_denies = space.products(question.existing, Effect::Deny);
        let index = Index::of(new_denies.iter());
        old_denies.retain(|old| !index.holds_one_around(&old.literals, &space.budget));
        space.add_what_follows(&mut new_allows);
        space.add_what_follows(&mut old_denies);
        let public = matches!(question.purpose, Purpose::PublicAccess);
        let common = match question.purpose {
            Purpose::NewAccess => Vec::new(),
            Purpose::Access(access) => access::literals(access, &mut space),
            Purpose::PublicAccess => strangers::literals(question.new, &mut space),
        };
        space.settle(public);
        // What the new ones deny in other words.
        let covering: Vec<&Product<'_>> = new_denies.iter().collect();
        old_denies.retain(|old| {
            let mut solver = Solver::new();
            covering.is_empty() || solver.run(&mut space, &old.literals, &covering).is_some() || solver.too_complex
        });
        Attempt { space, new_allows, new_denies, old_allows, old_denies, common }
    }

    /// The first confirmed request with these literals too. Others that are found on the way are handed to `doubtful`.
    fn first(
        &mut self,
        question: &Question<'_>,
        besides: &[Literal],
        solver: &mut Solver,
        mut doubtful: impl FnMut(Candidate),
    ) -> Option<(Candidate, Counterexample)> {
        let covered: Vec<&Product<'_>> = self.new_denies.iter().chain(&self.old_allows).collect();
        let denied: Vec<&Product<'_>> = self.new_denies.iter().collect();
        let (around, around_denied) = (Index::of(covered.iter().copied()), Index::of(denied.iter().copied()));
        for (allow, product) in self.new_allows.iter().enumerate() {
            let lost = self
                .old_denies
                .iter()
                .enumerate()
                .map(|(at, deny)| (Some(at), deny.literals.as_slice(), (&denied, &around_denied)));
            let missing = std::iter::once((None, &[][..], (&covered, &around)));
            for (deny, more, (outside, around)) in missing.chain(lost) {
                if self.space.budget.is_spent() {
                    solver.too_complex = true;
                    return None;
                }
                let inside: Vec<Literal> = [&product.literals, more, &self.common, besides].concat();
                if around.holds_one_around(&inside, &self.space.budget) {
                    continue;
                }
                let Some(found) = solver.run(&mut self.space, &inside, outside) else { continue };
                let candidate = Candidate { inside, found, allow, deny };
                match confirmed(&self.space, &self.new_allows, &self.old_denies, question, &candidate) {
                    Some(counterexample) => return Some((candidate, counterexample)),
                    None => doubtful(candidate),
                }
            }
        }
        None
    }

    /// A counterexample with a catalogued action, where there is one, and a resource of its types, where that can be.
    fn improved(&mut self, question: &Question<'_>, (_, plain): (Candidate, Counterexample), steps: &Budget) -> Counterexample {
        self.space.budget = steps.split(STEPS_BETTER);
        let set = self.space.names.add_catalogue();
        let catalogued = Literal { dimension: ACTION, set, holds: true };
        let Some((candidate, second)) = self.first(question, &[catalogued], &mut Solver::new(), |_| {}) else {
            return plain;
        };
        let asserted = candidate.found.asserted_in(ACTION).to_vec();
        let names = self.space.names.catalogued(&asserted, MOST_NAMES, &self.space.budget).unwrap_or_default();
        for name in names {
            for types in formats(question.catalogue, &name) {
                let action = self.space.names.add_patterns(ActionPattern::parse(&name).into_iter().collect());
                let place = self.space.resources.add(types.iter().map(|text| resources::plain(text)));
                let both = [
                    Literal { dimension: ACTION, set: action, holds: true },
                    Literal { dimension: RESOURCE, set: place, holds: true },
                ];
                let inside: Vec<Literal> = candidate.inside.iter().chain(&both).copied().collect();
                let outside: Vec<&Product<'_>> = match candidate.deny {
                    None => self.new_denies.iter().chain(&self.old_allows).collect(),
                    Some(_) => self.new_denies.iter().collect(),
                };
                let Some(found) = Solver::new().run(&mut self.space, &inside, &outside) else { continue };
                let fitting = Candidate { inside, found, ..candidate };
                if let Some(best) = confirmed(&self.space, &self.new_allows, &self.old_denies, question, &fitting) {
                    return best;
                }
            }
        }
        second
    }

    /// Why a request could be neither excluded nor confirmed.
    fn reason(&self, doubt: &Candidate, too_complex: bool) -> String {
        let opaque: Vec<String> = self
            .space
            .keys
            .iter()
            .zip(doubt.found.points.iter().skip((self.space.dimensions() as usize).saturating_sub(self.space.keys.len())))
            .filter(|(_, point)| matches!(point, Point::Key(State::Unknown)))
            .map(|(key, _)| format!("`{}`", key.name))
            .collect();
        if !self.space.variables.is_empty() {
            let names: Vec<String> = self.space.variables.iter().map(|name| format!("`${{{name}}}`")).collect();
            return format!("it depends on the policy variables {}", names.join(", "));
        }
        if !opaque.is_empty() {
            return format!("conditions on {} are compared only as they are written", opaque.join(", "));
        }
        if too_complex {
            return TOO_COMPLEX.to_owned();
        }
        "internal error: the evaluator does not confirm a request that was found; please report it".to_owned()
    }
}

/// Products by one of their literals, to find those that hold wherever some literals do.
struct Index<'a, 'p> {
    /// By the last literal, which is about a condition or a caller if the product has one.
    by_last: HashMap<Literal, Vec<&'a Product<'p>>>,
    /// All of them, where they are few.
    few: Vec<&'a Product<'p>>,
    /// Whether there is one that holds everywhere.
    has_everything: bool,
}

/// Up to how many products are looked at one by one.
const MAX_FEW: usize = 64;

impl<'a, 'p> Index<'a, 'p> {
    fn of(products: impl ExactSizeIterator<Item = &'a Product<'p>>) -> Index<'a, 'p> {
        let mut index = Index { by_last: HashMap::new(), few: Vec::new(), has_everything: false };
        if products.len() <= MAX_FEW {
            index.few.extend(products);
            return index;
        }
        for product in products {
            match product.literals.last() {
                Some(last) => index.by_last.entry(*last).or_default().push(product),
                None => index.has_everything = true,
            }
        }
        index
    }

    /// Whether all literals of one of the products are among those asserted, so that what these hold for lies in it. False
    /// also when the budget is spent.
    fn holds_one_around(&self, inside: &[Literal], budget: &Budget) -> bool {
        let within = |product: &&Product<'_>| {
            budget.spend(product.literals.len()) && product.literals.iter().all(|literal| inside.contains(literal))
        };
        self.has_everything
            || self.few.iter().any(within)
            || (!self.by_last.is_empty()
                && inside.iter().any(|literal| self.by_last.get(literal).is_some_and(|products| products.iter().any(within))))
    }
}

/// The candidate as a counterexample, if the evaluator says so.
fn confirmed(
    space: &Space<'_>,
    allows: &[Product<'_>],
    denies: &[Product<'_>],
    question: &Question<'_>,
    candidate: &Candidate,
) -> Option<Counterexample> {
    let request = witness::request(space, &candidate.found, question.new)?;
    let kind = question.kind;
    let both = || question.new.iter().chain(question.existing).copied();
    let values = request.context.iter().flat_map(|(_, values)| values).map(|value| value.len());
    let longest = values.chain([request.resource.len(), request.action.as_str().len()]).max().unwrap_or(0);
    let size: usize = both().map(|policy| policy.text().len()).sum();
    if !space.budget.spend(size / 4) {
        return None;
    }
    if !replay::is_cheap(longest, both()) {
        // Nothing more is decided.
        space.budget.spend(usize::MAX);
        return None;
    }
    let (new, old) = (witness::replay(question.new, &request, kind), witness::replay(question.existing, &request, kind));
    if !new.allowed() || old.allowed() {
        return None;
    }
    let place = |product: &Product<'_>| (product.document, product.statement.index);
    // The statement that was looked at, unless the request is allowed by others only.
    let own = allows.get(candidate.allow).map(place);
    let (document, statement) = own.filter(|own| new.allows.contains(own)).or_else(|| new.allows.first().copied())?;
    let name = |(document, statement): (usize, usize), policies: &[&Policy]| {
        let sid = policies.get(document).and_then(|policy| policy.statements().get(statement)?.sid.as_deref());
        let sid = sid.map_or(String::new(), |sid| format!(" `{sid}`"));
        let of = if policies.len() > 1 { format!(" of document {document}") } else { String::new() };
        format!("statement {statement}{sid}{of}")
    };
    let mut explanation = format!("{} allows {}", name((document, statement), question.new), witness::in_words(&request, kind));
    if matches!(question.purpose, Purpose::NewAccess) {
        let own = candidate.deny.and_then(|at| denies.get(at)).map(place);
        explanation.push_str(&match own.filter(|own| old.denies.contains(own)).or_else(|| old.denies.first().copied()) {
            Some(deny) => format!("; {} of the existing policy denies it", name(deny, question.existing)),
            None => "; the existing policy does not".to_owned(),
        });
    }
    Some(Counterexample { request, statement, document, explanation })
}

/// Patterns of the resources that go with an action: of one region and account first, then of any.
fn formats(catalogue: &Catalogue, action: &str) -> Vec<Vec<String>> {
    let found = action.split_once(':').and_then(|(service, name)| catalogue.service(service)?.action(name));
    let kinds: Vec<&str> = found
        .iter()
        .flat_map(|action| action.resource_types())
        .filter_map(|kind| kind.resource_type())
        .flat_map(|kind| &kind.arn_formats)
        .map(String::as_str)
        .collect();
    if kinds.is_empty() {
        return vec![vec!["*".to_owned()]];
    }
    let of = |fill: fn(&str) -> &str| kinds.iter().map(|format| put_in(format, fill)).collect();
    let usual = |name: &str| match name {
        "Partition" => "aws",
        "Region" => "us-east-1",
        "Account" => "111122223333",
        _ => "?*",
    };
    vec![of(usual), of(|_| "?*")]
}

/// An ARN format with its `${…}` filled in.
fn put_in(format: &str, fill: fn(&str) -> &str) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        text.push_str(before);
        text.push_str(fill(name));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// How many values are tried that make a pattern with a variable one of the resources that are written out.
const MOST_VALUES: usize = 4;
/// Among how many pairs of a pattern with a variable and a resource they are looked for.
const MAX_PAIRS: usize = 10_000;

/// Values for the policy variables that may make a doubtful request a real one: what its conditions ask for, all the same,
/// none, with a colon, and what makes patterns meet resources that are written out.
fn fillings(space: &mut Space<'_>, doubt: &Candidate) -> Vec<BTreeMap<String, Option<String>>> {
    let names: Vec<String> = space.variables.iter().cloned().collect();
    if names.is_empty() {
        return Vec::new();
    }
    let (mut wanted, mut same) = (BTreeMap::new(), BTreeMap::new());
    for (at, name) in names.iter().enumerate() {
        let dimension = space.dimension_of(name);
        let asserted = doubt.found.asserted_in(dimension).to_vec();
        let own = match space.keys.iter().find(|key| key.name.eq_ignore_ascii_case(name)) {
            Some(key) if !asserted.is_empty() => key.find_one(&asserted, &space.budget),
            _ => None,
        };
        let usual = || match name.rsplit(':').next().unwrap_or_default() {
            "username" => "ana".to_owned(),
            last if last.ends_with("account") => "111122223333".to_owned(),
            _ => format!("value{at}"),
        };
        same.insert(name.clone(), Some(own.clone().unwrap_or_else(|| "111122223333".to_owned())));
        wanted.insert(name.clone(), Some(own.unwrap_or_else(usual)));
    }
    let missing = names.into_iter().map(|name| (name, None)).collect();
    let pairs = space.unfilled.iter().flat_map(|text| space.exact.iter().map(move |exact| (text, exact)));
    let pairs = pairs.take(MAX_PAIRS).filter_map(|(text, exact)| variables::value_in(text, exact));
    let meeting = pairs.take(MOST_VALUES).map(|(name, value)| {
        let mut values = wanted.clone();
        values.insert(name, Some(value));
        values
    });
    let meeting: Vec<_> = meeting.collect();
    // Identifiers of sessions hold a colon, and so may other values: no wildcard that stays within a part takes them.
    let colons =
        wanted.iter().map(|(name, value)| (name.clone(), value.as_ref().map(|value| format!("{value}:session")))).collect();
    [vec![wanted, same, missing, colons], meeting].concat()
}
