//! Lists of text patterns as sets of texts: membership, and a text in some sets and outside others.
//!
//! The layer between the automata (`language`, `search`) and what has texts in a request: actions, resources, values
//! of condition keys. Plain patterns are decided by comparing what stands before their wildcards; only what that leaves
//! open is searched. It knows nothing of policies.

use std::cell::OnceCell;

use crate::language::{self, Glob, SEPARATOR, Symbol, Union};
use crate::search::{Answer, Budget, Side, TEXTS, Word, shortest};

/// What one search may take of the steps of its question.
const SEARCH_STEPS: u64 = 1_500_000;

/// One unit of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// This character.
    Char(char),
    /// This lower-case ASCII letter, in whatever case.
    Folded(char),
    /// `?`
    One,
    /// `*`
    Any,
    /// A text that only a request knows.
    Opaque(Symbol),
}

/// How far wildcards reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Over everything.
    Everything,
    /// As in the `Resource` element: over the first five colons only where `*` ends a part.
    Resource,
    /// As in the `Arn…` operators: never over one of the first five colons, of which there have to be five.
    Arn,
}

/// One pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// What stands before the first unit that is not one character.
    head: String,
    tail: Vec<Unit>,
    reach: Reach,
    /// The `Arn…` operators' patterns without five colons match nothing.
    nothing: bool,
    /// Whether behind the head comes only a `*` that reaches over everything.
    open: bool,
    union: OnceCell<Union>,
}

impl Pattern {
    pub(crate) fn of(units: impl IntoIterator<Item = Unit>, reach: Reach) -> Pattern {
        let mut units = units.into_iter();
        let mut head = String::new();
        let mut tail = Vec::new();
        for unit in units.by_ref() {
            match unit {
                Unit::Char(c) => head.push(c),
                other => {
                    tail.push(other);
                    break;
                }
            }
        }
        tail.extend(units);
        let colons = |units: &[Unit]| units.iter().filter(|u| **u == Unit::Char(':')).count();
        let in_head = head.bytes().filter(|b| *b == b':').count();
        let nothing = reach == Reach::Arn && in_head + colons(&tail) < 5;
        let open = !tail.is_empty() && tail.iter().all(|u| *u == Unit::Any) && (reach != Reach::Arn || in_head >= 5);
        Pattern { head, tail, reach, nothing, open, union: OnceCell::new() }
    }

    /// A pattern of plain text, in which `*` and `?` are the wildcards.
    pub(crate) fn glob(text: &str, reach: Reach) -> Pattern {
        Pattern::of(text.chars().map(unit_of), reach)
    }

    fn is_literal(&self) -> bool {
        self.tail.is_empty()
    }

    fn same(&self, other: &Pattern) -> bool {
        self.head == other.head && self.tail == other.tail && (self.tail.is_empty() || self.reach == other.reach)
    }

    fn compile(&self) -> Glob {
        let mut glob = Glob::default();
        let mut colons = 0;
        let units: Vec<Unit> = self.head.chars().map(Unit::Char).chain(self.tail.iter().copied()).collect();
        for (at, unit) in units.iter().enumerate() {
            let beyond = self.reach == Reach::Everything || colons >= 5;
            let ends_part = || self.reach == Reach::Resource && matches!(units.get(at + 1), None | Some(Unit::Char(':')));
            match unit {
                Unit::Char(':') => {
                    colons += 1;
                    glob.push_symbol(SEPARATOR);
                }
                Unit::Char(c) => glob.push_symbol((*c).into()),
                Unit::Folded(c) => glob.push_folded((*c).into()),
                Unit::Opaque(symbol) => glob.push_symbol(*symbol),
                Unit::One if beyond => glob.push_anything(),
                Unit::One => glob.push_any(),
                Unit::Any if beyond || ends_part() => glob.push_long_star(),
                Unit::Any => glob.push_star(),
            }
        }
        glob
    }

    /// How many positions it has at most.
    fn size(&self) -> usize {
        self.head.len() + self.tail.len() + 1
    }

    /// The work of looking whether it matches a text of that length: its walks begin at its head, and there are as many as it
    /// has `*` before a place.
    fn cost(&self, length: usize) -> usize {
        let stars = self.tail.iter().filter(|unit| **unit == Unit::Any).count();
        self.size() + length.saturating_mul(stars.min(self.tail.len()) + 1) / 2
    }

    fn union(&self) -> &Union {
        self.union.get_or_init(|| Union::of([self.compile()]))
    }
}

/// The unit that a character of a pattern stands for.
pub(crate) fn unit_of(c: char) -> Unit {
    match c {
        '*' => Unit::Any,
        '?' => Unit::One,
        c => Unit::Char(c),
    }
}

/// The texts that some patterns match.
#[derive(Debug, Default)]
pub(crate) struct TextSet {
    /// Sorted by head.
    patterns: Vec<Pattern>,
    /// Whether one of them matches everything.
    everything: bool,
}

impl TextSet {
    pub(crate) fn of(patterns: impl IntoIterator<Item = Pattern>) -> TextSet {
        let mut patterns: Vec<Pattern> = patterns.into_iter().filter(|p| !p.nothing).collect();
        patterns.sort_by(|a, b| a.head.cmp(&b.head));
        let everything = patterns.iter().any(|p| p.head.is_empty() && p.open);
        TextSet { patterns, everything }
    }

    /// Whether every text is in it.
    pub(crate) fn is_everything(&self) -> bool {
        self.everything
    }

    /// What stands before the first wildcard of each pattern, and whether there is none, sorted.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (&str, bool)> {
        self.patterns.iter().map(|p| (p.head.as_str(), p.is_literal()))
    }

    /// The patterns whose heads begin with `head`.
    fn beginning_with(&self, head: &str) -> &[Pattern] {
        let from = self.patterns.partition_point(|p| p.head.as_str() < head);
        let behind = self.patterns.get(from..).unwrap_or_default();
        behind.get(..behind.partition_point(|p| p.head.starts_with(head))).unwrap_or_default()
    }

    /// Shows the patterns whose heads `text` begins with, shortest first, until one is taken.
    fn leading<'s>(&'s self, text: &str, mut take: impl FnMut(&'s Pattern) -> bool) -> bool {
        // Those that begin with the bytes of the text so far; they get fewer byte by byte.
        let mut range = self.patterns.as_slice();
        for at in 0..=text.len() {
            while let Some((first, rest)) = range.split_first()
                && first.head.len() == at
            {
                if take(first) {
                    return true;
                }
                range = rest;
            }
            let (Some(byte), false) = (text.as_bytes().get(at), range.is_empty()) else { break };
            let own = |p: &Pattern| p.head.as_bytes().get(at).copied();
            let from = range.partition_point(|p| own(p) < Some(*byte));
            range = range.get(from..).unwrap_or_default();
            let until = range.partition_point(|p| own(p) == Some(*byte));
            range = range.get(..until).unwrap_or_default();
        }
        false
    }

    /// Whether the text is in it. When the budget is spent on the way the answer means nothing.
    pub(crate) fn contains(&self, text: &str, budget: &Budget) -> bool {
        let mut left = Vec::new();
        self.everything
            || self.leading(text, |pattern| {
                let surely = pattern.open || (pattern.is_literal() && pattern.head.len() == text.len());
                if !surely && !pattern.is_literal() {
                    left.push(pattern);
                }
                surely
            })
            || left
                .iter()
                .any(|pattern| budget.spend(pattern.cost(text.len())) && accepts(pattern.union(), text.chars().map(symbol_of)))
    }

    /// Whether a text with unknown parts is in it, whatever these are. When the budget is spent on the way the answer means
    /// nothing.
    pub(crate) fn contains_word(&self, word: &[Symbol], budget: &Budget) -> bool {
        let accepts = |p: &Pattern| budget.spend(p.cost(word.len())) && accepts(p.union(), word.iter().copied());
        self.everything || self.patterns.iter().any(accepts)
    }

    /// Whether all that the pattern matches is in it, where that shows at a glance.
    fn covers(&self, pattern: &Pattern) -> bool {
        self.everything || self.leading(&pattern.head, |own| own.open || own.same(pattern))
    }

    /// Those of its patterns that may match something that `pattern` matches.
    fn near<'s>(&'s self, pattern: &'s Pattern) -> impl Iterator<Item = &'s Pattern> {
        let literal = pattern.is_literal();
        let longer = self.beginning_with(&pattern.head);
        let longer = longer.iter().filter(move |p| !literal || !p.is_literal() || p.head == pattern.head);
        let mut shorter = Vec::new();
        self.leading(&pattern.head, |own| {
            if !own.is_literal() && own.head.len() < pattern.head.len() {
                shorter.push(own);
            }
            false
        });
        longer.chain(shorter)
    }
}

/// A search for one text.
pub(crate) struct Search<'s> {
    /// What every text has to match besides.
    pub(crate) universe: &'s Union,
    /// Whether a text without wildcards is one at all.
    pub(crate) valid: fn(&str) -> bool,
    /// Sets in which the text has to be.
    pub(crate) inside: &'s [&'s TextSet],
    /// Sets in which it must not be.
    pub(crate) outside: &'s [&'s TextSet],
}

impl Search<'_> {
    /// A text inside all and outside all, if there is one.
    pub(crate) fn run(&self, budget: &Budget) -> Answer {
        if self.outside.iter().any(|set| set.everything) {
            return Answer::None;
        }
        let limits = || self.inside.iter().filter(|set| !set.everything);
        let Some(first) = limits().min_by_key(|set| set.patterns.len()) else {
            if !budget.spend(self.outside.iter().flat_map(|set| &set.patterns).map(Pattern::size).sum()) {
                return Answer::TooComplex;
            }
            let outside = joined(self.outside.iter().flat_map(|set| &set.patterns));
            return search(&[self.universe], &outside, budget);
        };
        let others: Vec<&TextSet> = limits().filter(|set| !std::ptr::eq(**set, *first)).copied().collect();
        let mut too_complex = false;
        for pattern in &first.patterns {
            if !budget.spend(self.outside.len() + others.len() + pattern.head.len() / 16 + 1) {
                return Answer::TooComplex;
            }
            if self.outside.iter().any(|set| set.covers(pattern)) {
                continue;
            }
            if pattern.is_literal() {
                let text = &pattern.head;
                let found = (self.valid)(text)
                    && others.iter().all(|set| set.contains(text, budget))
                    && !self.outside.iter().any(|set| set.contains(text, budget));
                if budget.is_spent() {
                    return Answer::TooComplex;
                }
                if found {
                    return Answer::Word(text.chars().map(symbol_of).collect());
                }
                continue;
            }
            let near: Vec<Vec<&Pattern>> = others.iter().map(|set| set.near(pattern).collect()).collect();
            if !budget.spend(near.iter().flatten().map(|own| own.size()).sum()) {
                return Answer::TooComplex;
            }
            let near: Vec<Union> = near.into_iter().map(joined).collect();
            if near.iter().any(|union| union.is_empty()) {
                continue;
            }
            let outside: Vec<&Pattern> = self.outside.iter().flat_map(|set| set.near(pattern)).collect();
            if !budget.spend(outside.iter().map(|own| own.size()).sum()) {
                return Answer::TooComplex;
            }
            let inside: Vec<&Union> = [self.universe, pattern.union()].into_iter().chain(&near).collect();
            match search(&inside, &joined(outside), budget) {
                Answer::None => {}
                Answer::TooComplex => too_complex = true,
                found @ Answer::Word(_) => return found,
            }
        }
        if too_complex { Answer::TooComplex } else { Answer::None }
    }
}

fn search(inside: &[&Union], outside: &Union, budget: &Budget) -> Answer {
    let inside: Vec<Side<'_>> = inside.iter().map(|union| Side { union, negated: false }).collect();
    budget.within(SEARCH_STEPS, |share| shortest(&inside, &[Side { union: outside, negated: false }], TEXTS, share))
}

fn joined<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> Union {
    let mut all = Union::default();
    for pattern in patterns {
        all.join(pattern.union());
    }
    all
}

/// Whether the automaton accepts a text.
fn accepts(union: &Union, symbols: impl Iterator<Item = Symbol>) -> bool {
    let (mut cursor, mut next) = (Vec::new(), Vec::new());
    union.start(false, &mut cursor);
    for symbol in symbols {
        if cursor.is_empty() || language::accepts_everything(&cursor) {
            break;
        }
        next.clear();
        union.step(&cursor, symbol, false, &mut next);
        std::mem::swap(&mut cursor, &mut next);
    }
    union.accepts(&cursor)
}

/// The symbol that a character is on the tape of [`TEXTS`].
pub(crate) fn symbol_of(c: char) -> Symbol {
    if c == ':' { SEPARATOR } else { c.into() }
}

/// The text that a word is; none when it holds what only a request knows.
pub(crate) fn text_of(word: &Word) -> Option<String> {
    word.iter().map(|symbol| if *symbol == SEPARATOR { Some(':') } else { char::from_u32(*symbol) }).collect()
}
