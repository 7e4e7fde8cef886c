//! A statement as the proof reasons about it: its actions in lower case and in order, and its frame.
//!
//! The frame is everything but the actions: on which resources, for whom, under which conditions. Frames are
//! compared as values, so layout, order and doubles in a list do not matter; the document's version does where there are variables. Nothing here decides a claim.

use std::cell::OnceCell;
use std::collections::HashSet;

use leastwise_policy::document::{ActionElement, PrincipalKind};
use leastwise_policy::{Effect, Policy, Statement};

use crate::language::Glob;
use crate::variables;

/// A statement, prepared.
#[derive(Debug)]
pub(crate) struct Clause<'p> {
    /// The document that it is in.
    pub(crate) policy: &'p Policy,
    /// The statement itself.
    pub(crate) statement: &'p Statement,
    /// Everything but its actions.
    pub(crate) frame: Frame<'p>,
    /// The bytes of its `Action` or `NotAction` value.
    pub(crate) written: &'p str,
    set: OnceCell<ActionSet>,
}

impl<'p> Clause<'p> {
    /// The statements of a policy.
    pub(crate) fn of(policy: &'p Policy) -> Vec<Clause<'p>> {
        let variables = policy.version() == Some("2012-10-17");
        let clause = |statement: &'p Statement| Clause {
            policy,
            statement,
            frame: Frame::of(statement, variables),
            written: statement.actions.value.of(policy.text()),
            set: OnceCell::new(),
        };
        policy.statements().iter().map(clause).collect()
    }

    pub(crate) fn allows(&self) -> bool {
        self.statement.effect == Effect::Allow
    }

    pub(crate) fn negated(&self) -> bool {
        self.statement.actions.negated
    }

    /// The patterns of its `Action` or `NotAction`.
    pub(crate) fn set(&self) -> &ActionSet {
        self.set.get_or_init(|| ActionSet::of([&self.statement.actions]))
    }

    /// Whether it is `NotAction`, and its value as written: statements that have the same list the same.
    pub(crate) fn listing(&self) -> (bool, &'p str) {
        (self.negated(), self.written)
    }

    /// What it lists, whatever the layout: two statements of one frame and effect that have the same say the same.
    pub(crate) fn meaning(&self) -> (bool, bool, Vec<&str>) {
        (self.negated(), self.set().everything, self.set().texts().collect())
    }
}

/// Statements that have one frame, with what they list taken together once.
#[derive(Debug, Default)]
pub(crate) struct Alike<'c, 'p> {
    clauses: Vec<&'c Clause<'p>>,
    /// What they list, as written.
    written: HashSet<(bool, &'p str)>,
    listed: OnceCell<ActionSet>,
}

impl<'c, 'p> Alike<'c, 'p> {
    /// Puts one in, before anything is asked.
    pub(crate) fn push(&mut self, clause: &'c Clause<'p>) {
        self.clauses.push(clause);
        self.written.insert(clause.listing());
    }

    /// Whether one of them lists the same patterns in the same kind of element; quick, and false when unsure.
    pub(crate) fn has_actions_of(&self, clause: &Clause<'p>) -> bool {
        self.written.contains(&clause.listing())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.clauses.len()
    }

    /// Those with an `Action` element.
    fn with_action(&self) -> impl Iterator<Item = &'c Clause<'p>> {
        self.clauses.iter().copied().filter(|c| !c.negated())
    }

    /// Those with a `NotAction` element.
    pub(crate) fn excluding(&self) -> impl Iterator<Item = &'c Clause<'p>> {
        self.clauses.iter().copied().filter(|c| c.negated())
    }

    /// The patterns of all `Action` elements.
    pub(crate) fn listed(&self) -> &ActionSet {
        let mut listing = self.with_action();
        match (listing.next(), listing.next()) {
            (Some(one), None) => one.set(),
            _ => self.listed.get_or_init(|| ActionSet::of(self.with_action().map(|c| &c.statement.actions))),
        }
    }
}

/// A text of a policy, and whether it is read for variables: `${…}` is plain text in documents of other versions
/// than 2012-10-17, so that one and the same text may mean two things.
pub(crate) type Text<'p> = (&'p str, bool);

/// Everything that a statement says but for its effect and its actions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame<'p> {
    /// Whether `NotResource`, and the patterns; none when the statement has neither.
    pub(crate) resources: Option<(bool, Vec<Text<'p>>)>,
    /// For whom and when.
    pub(crate) guard: Guard<'p>,
}

/// For whom and under which conditions a statement applies; taken apart no further.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Guard<'p> {
    principal: Option<(bool, Vec<(&'p PrincipalKind, &'p str)>)>,
    conditions: Vec<(&'p str, &'p str, Vec<Text<'p>>)>,
}

impl<'p> Frame<'p> {
    fn of(statement: &'p Statement, variables: bool) -> Frame<'p> {
        let text = |text: &'p str| (text, variables && variables::has_variable(text));
        let resources = statement.resources.as_ref().map(|r| (r.negated, sorted(r.patterns.iter().map(|p| text(&p.what)))));
        let principal = statement
            .principal
            .as_ref()
            .map(|p| (p.negated, sorted(p.principals.iter().map(|(kind, name)| (kind, &*name.what)))));
        let conditions = sorted(statement.conditions.iter().map(|c| {
            let values = sorted(c.values.iter().map(|v| text(&v.what)));
            (&*c.operator.what, &*c.key.what, values)
        }));
        Frame { resources, guard: Guard { principal, conditions } }
    }
}

impl Frame<'_> {
    /// How much preparing its resources takes.
    pub(crate) fn size(&self) -> usize {
        self.resources.as_ref().map_or(0, |(_, patterns)| patterns.len()) + 1
    }
}

impl Guard<'_> {
    /// How much a look at it takes.
    pub(crate) fn size(&self) -> usize {
        self.conditions.len() * 4 + 1
    }

    /// Whether it holds for every request.
    pub(crate) fn is_empty(&self) -> bool {
        self.principal.is_none() && self.conditions.is_empty()
    }

    /// Whether this holds whenever `other` does, as far as that can be seen from how they are written:
    /// all that this demands, the other demands too.
    pub(crate) fn follows_from(&self, other: &Guard<'_>) -> bool {
        (self.principal.is_none() || self.principal == other.principal)
            && self.conditions.iter().all(|condition| other.conditions.binary_search(condition).is_ok())
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// The patterns of some `Action` or `NotAction` elements: in lower case, sorted, by service.
#[derive(Debug, Default)]
pub(crate) struct ActionSet {
    text: String,
    entries: Vec<Entry>,
    groups: Vec<Group>,
    /// Whether `*` or `*:*` is among them.
    pub(crate) everything: bool,
}

/// One pattern of an [`ActionSet`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    start: u32,
    colon: u32,
    end: u32,
    /// End of what stands before the first wildcard.
    literal: u32,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first: u32,
    end: u32,
}

/// The patterns of one service in an [`ActionSet`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceSet<'a> {
    set: &'a ActionSet,
    entries: &'a [Entry],
}

/// One pattern of a service: a glob over its names, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamePattern<'a> {
    /// The service prefix.
    pub(crate) service: &'a str,
    /// The glob.
    pub(crate) glob: &'a str,
    /// What stands before its first wildcard.
    pub(crate) literal: &'a str,
}

impl NamePattern<'_> {
    /// Whether it has no wildcard.
    pub(crate) fn is_name(&self) -> bool {
        self.literal.len() == self.glob.len()
    }

    /// Whether its only wildcard is a `*` at the end.
    pub(crate) fn is_prefix(&self) -> bool {
        self.literal.len() + 1 == self.glob.len() && self.glob.ends_with('*')
    }

    /// Whether it matches a name given in lower case.
    pub(crate) fn matches(&self, name: &str) -> bool {
        if !name.starts_with(self.literal) {
            return false;
        }
        if self.is_prefix() {
            return true;
        }
        if self.is_name() { name.len() == self.literal.len() } else { crate::language::matches(self.glob, name) }
    }

    /// Its automaton.
    pub(crate) fn compile(&self) -> Glob {
        Glob::of(self.glob)
    }
}

impl ActionSet {
    /// The patterns of all `elements`, whether negated or not.
    pub(crate) fn of<'e>(elements: impl IntoIterator<Item = &'e ActionElement>) -> ActionSet {
        let mut set = ActionSet::default();
        for element in elements {
            set.entries.reserve(element.patterns.len());
            set.text.reserve(element.value.end - element.value.start);
            for pattern in &element.patterns {
                set.add(pattern.what.service(), pattern.what.name_glob());
            }
        }
        let text = &set.text;
        set.entries.sort_unstable_by(|a, b| a.whole(text).cmp(b.whole(text)));
        set.entries.dedup_by(|a, b| a.whole(text) == b.whole(text));
        let mut first = 0;
        for chunk in set.entries.chunk_by(|a, b| a.service(text) == b.service(text)) {
            let end = first + chunk.len();
            set.groups.push(Group { first: offset(first), end: offset(end) });
            first = end;
        }
        set
    }

    fn add(&mut self, service: Option<&str>, glob: &str) {
        let Some(service) = service else {
            self.everything = true;
            return;
        };
        let start = self.text.len();
        let put = |text: &mut String, part: &str| {
            let from = text.len();
            text.push_str(part);
            if let Some(added) = text.get_mut(from..) {
                added.make_ascii_lowercase();
            }
        };
        put(&mut self.text, service);
        let colon = self.text.len();
        self.text.push(':');
        put(&mut self.text, glob);
        let literal = colon + 1 + glob.bytes().position(|b| b == b'*' || b == b'?').unwrap_or(glob.len());
        self.entries.push(Entry {
            start: offset(start),
            colon: offset(colon),
            end: offset(self.text.len()),
            literal: offset(literal),
        });
    }

    /// Whether there is no pattern at all.
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.entries.is_empty()
    }

    /// The patterns of every service that has some.
    pub(crate) fn services(&self) -> impl Iterator<Item = ServiceSet<'_>> {
        self.groups.iter().map(|group| ServiceSet {
            set: self,
            entries: self.entries.get(group.first as usize..group.end as usize).unwrap_or_default(),
        })
    }

    /// The patterns of one service, whose prefix is given in lower case.
    pub(crate) fn of_service(&self, service: &str) -> ServiceSet<'_> {
        // Sorted as whole texts, so that services are compared with their colon.
        let with_colon = || service.bytes().chain([b':']);
        let from = self.groups.partition_point(|group| {
            let entry = self.entries.get(group.first as usize);
            entry.is_some_and(|e| e.service(&self.text).bytes().chain([b':']).lt(with_colon()))
        });
        let group = self.groups.get(from).copied().unwrap_or(Group { first: 0, end: 0 });
        let entries = self.entries.get(group.first as usize..group.end as usize).unwrap_or_default();
        let same = entries.first().is_some_and(|e| e.service(&self.text) == service);
        ServiceSet { set: self, entries: if same { entries } else { &[] } }
    }

    /// How many patterns there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The patterns in lower case, sorted.
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.whole(&self.text))
    }
}

impl<'a> ServiceSet<'a> {
    /// The service prefix in lower case; empty when there are no patterns.
    pub(crate) fn service(&self) -> &'a str {
        self.entries.first().map_or("", |e| e.service(&self.set.text))
    }

    /// The patterns, sorted.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = NamePattern<'a>> + use<'a> {
        let text = &self.set.text;
        self.entries.iter().map(|e| e.pattern(text))
    }

    /// How many patterns there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the very pattern is among them.
    pub(crate) fn has(&self, glob: &str) -> bool {
        self.entries.binary_search_by(|e| e.glob(&self.set.text).cmp(glob)).is_ok()
    }

    /// Whether a pattern `literal*` is among them.
    pub(crate) fn has_prefix(&self, literal: &str) -> bool {
        let wanted = || literal.bytes().chain([b'*']);
        self.entries.binary_search_by(|e| e.glob(&self.set.text).bytes().cmp(wanted())).is_ok()
    }
}

impl Entry {
    fn slice(text: &str, from: u32, to: u32) -> &str {
        text.get(from as usize..to as usize).unwrap_or_default()
    }

    fn whole(self, text: &str) -> &str {
        Entry::slice(text, self.start, self.end)
    }

    fn service(self, text: &str) -> &str {
        Entry::slice(text, self.start, self.colon)
    }

    fn glob(self, text: &str) -> &str {
        Entry::slice(text, self.colon + 1, self.end)
    }

    fn pattern(self, text: &str) -> NamePattern<'_> {
        let literal = Entry::slice(text, self.colon + 1, self.literal);
        NamePattern { service: self.service(text), glob: self.glob(text), literal }
    }
}

/// An offset into a policy's patterns, which are bounded far below this type's range (`document::MAX_BYTES`).
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
