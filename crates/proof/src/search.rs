//! Searches all texts at once: the shortest one that lies in some glob languages and not in others.
//!
//! Second layer of the proof: breadth first over the joint positions of all automata, each joint position once.
//! Work is bounded by a [`Budget`]; when that runs out the answer is "too complex", never a guess.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::language::{self, OTHER, SEPARATOR, Symbol, Union};

/// How much a proof may still do, in steps. What is searched stops when it is spent.
///
/// A step is about as much work as one position of one automaton takes: some 20 nanoseconds. All work that grows with
/// the documents is charged, so that the steps bound the time; a step keeps four bytes at most, so that they bound the
/// memory too.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<u64>,
}

/// The steps that the searches of one claim may take together.
pub(crate) const STEPS: u64 = 6_000_000;

impl Budget {
    /// A full budget.
    pub(crate) fn full() -> Budget {
        Budget::of(STEPS)
    }

    /// A budget of so many steps.
    pub(crate) fn of(steps: u64) -> Budget {
        Budget { left: Cell::new(steps) }
    }

    /// Takes `share` of it, or what is left if that is less, as a budget of its own.
    pub(crate) fn split(&self, share: u64) -> Budget {
        let own = self.left.get().min(share);
        self.left.set(self.left.get() - own);
        Budget::of(own)
    }

    /// Takes back what is left of a budget that was split off.
    pub(crate) fn join(&self, own: &Budget) {
        self.left.set(self.left.get() + own.left.replace(0));
    }

    /// Lets something spend `share` of it, or what is left if that is less.
    pub(crate) fn within<T>(&self, share: u64, run: impl FnOnce(&Budget) -> T) -> T {
        let own = Budget::of(self.left.get().min(share));
        let before = own.left.get();
        let result = run(&own);
        self.left.set(self.left.get().saturating_sub(before - own.left.get()));
        result
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Takes `steps`; false when there are not as many left.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        let left = self.left.get().checked_sub(steps as u64);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// What has come of looking for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found<T> {
    Some(T),
    None,
    /// The budget is spent.
    TooComplex,
}

/// The form of the texts that are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tape {
    /// How many separators a text may have. A `:` before the last of them is always a separator.
    pub(crate) separators: u32,
}

/// Names of actions.
pub(crate) const NAMES: Tape = Tape { separators: 0 };
/// Texts of any kind, in which every `:` is a separator.
pub(crate) const TEXTS: Tape = Tape { separators: u32::MAX };
/// A language among those searched: a union of globs, or everything but that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'u> {
    /// The globs.
    pub(crate) union: &'u Union,
    /// Whether the language is what the globs leave.
    pub(crate) negated: bool,
}

/// What can still become of a side, whatever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// No continuation is in the language.
    Never,
    /// Some may be, some may not.
    Open,
    /// Every continuation is in the language.
    Always,
}

/// What to do with a text that the search has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Nothing.
    Pass,
    /// Write it down and go on.
    Record,
    /// Write it down and stop.
    Stop,
}

/// A text found, as symbols; [`OTHER`] does not occur in it.
pub(crate) type Word = Vec<Symbol>;

/// What a search has found.
#[derive(Debug)]
pub(crate) struct Explored {
    /// The texts written down, shortest first, each with its membership in every side.
    pub(crate) words: Vec<(Vec<bool>, Word)>,
    /// Whether the search ended because the budget was spent.
    pub(crate) too_complex: bool,
}

struct Node {
    /// The segment, then each side's cursor, its length before it.
    state: Rc<[u32]>,
    parent: usize,
    symbol: Symbol,
}

/// Walks all texts, shortest first, cut off where `worth` says that nothing of interest can follow.
pub(crate) fn explore(
    sides: &[Side<'_>],
    tape: Tape,
    budget: &Budget,
    worth: impl Fn(&[Outlook]) -> bool,
    mut visit: impl FnMut(&[bool]) -> Visit,
) -> Explored {
    let mut found = Explored { words: Vec::new(), too_complex: false };
    let mut nodes: Vec<Node> = Vec::new();
    let mut seen: HashSet<Rc<[u32]>> = HashSet::new();
    let mut state = vec![0];
    for side in sides {
        append(&mut state, |state| side.union.start(tape.separators == 0, state));
    }
    let state: Rc<[u32]> = state.into();
    seen.insert(Rc::clone(&state));
    nodes.push(Node { state, parent: usize::MAX, symbol: OTHER });
    let (mut next, mut accepts, mut stepped, mut outlooks) = (0, Vec::new(), Vec::new(), Vec::new());
    while let Some(node) = nodes.get(next) {
        let state = Rc::clone(&node.state);
        if !budget.spend(state.len()) {
            found.too_complex = true;
            return found;
        }
        accepts.clear();
        accepts.extend(sides.iter().zip(cursors(&state)).map(|(s, c)| s.union.accepts(c) != s.negated));
        let visited = visit(&accepts);
        if visited != Visit::Pass {
            found.words.push((accepts.clone(), spell(sides, tape, &nodes, next)));
            if visited == Visit::Stop {
                return found;
            }
        }
        let segment = state.first().copied().unwrap_or_default();
        for symbol in alphabet(sides, &state, segment, tape) {
            let segment = if tape == TEXTS { 0 } else { segment + u32::from(symbol == SEPARATOR) };
            let last = segment >= tape.separators;
            if !budget.spend(state.len()) {
                found.too_complex = true;
                return found;
            }
            stepped.clear();
            outlooks.clear();
            stepped.push(segment);
            for (side, cursor) in sides.iter().zip(cursors(&state)) {
                let from = stepped.len() + 1;
                append(&mut stepped, |stepped| side.union.step(cursor, symbol, last, stepped));
                outlooks.push(outlook(*side, stepped.get(from..).unwrap_or_default()));
            }
            if !worth(&outlooks) || seen.contains(stepped.as_slice()) {
                continue;
            }
            let state: Rc<[u32]> = stepped.as_slice().into();
            seen.insert(Rc::clone(&state));
            nodes.push(Node { state, parent: next, symbol });
        }
        next += 1;
    }
    found
}

/// The shortest text in all of `inside` and in none of `outside`.
pub(crate) fn shortest(inside: &[Side<'_>], outside: &[Side<'_>], tape: Tape, budget: &Budget) -> Answer {
    let sides: Vec<Side<'_>> = inside.iter().chain(outside).copied().collect();
    let split = inside.len();
    let found = explore(
        &sides,
        tape,
        budget,
        |outlooks| {
            !outlooks.iter().take(split).any(|o| *o == Outlook::Never)
                && !outlooks.iter().skip(split).any(|o| *o == Outlook::Always)
        },
        |accepts| {
            let hit = accepts.iter().take(split).all(|a| *a) && !accepts.iter().skip(split).any(|a| *a);
            if hit { Visit::Stop } else { Visit::Pass }
        },
    );
    match found.words.into_iter().next() {
        Some((_, word)) => Answer::Word(word),
        None if found.too_complex => Answer::TooComplex,
        None => Answer::None,
    }
}

/// What a search for one text has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is no such text.
    None,
    /// There is, and this is a shortest one.
    Word(Word),
    /// The budget is spent.
    TooComplex,
}

fn outlook(side: Side<'_>, cursor: &[u32]) -> Outlook {
    match (language::accepts_everything(cursor), cursor.is_empty(), side.negated) {
        (true, _, false) | (_, true, true) => Outlook::Always,
        (true, _, true) | (_, true, false) => Outlook::Never,
        _ => Outlook::Open,
    }
}

/// The symbols that can matter here: those that some glob asks for, and one for all the others.
fn alphabet(sides: &[Side<'_>], state: &[u32], segment: u32, tape: Tape) -> Vec<Symbol> {
    let mut symbols = mentioned(sides, state);
    let open = segment < tape.separators;
    symbols.retain(|s| *s != SEPARATOR && !(open && *s == u32::from(':')));
    symbols.push(OTHER);
    if open {
        symbols.push(SEPARATOR);
    }
    symbols
}

fn mentioned(sides: &[Side<'_>], state: &[u32]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for (side, cursor) in sides.iter().zip(cursors(state)) {
        side.union.mention(cursor, &mut symbols);
    }
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

/// Appends what `write` appends, with its length before it.
fn append(state: &mut Vec<u32>, write: impl FnOnce(&mut Vec<u32>)) {
    let at = state.len();
    state.push(0);
    write(state);
    let length = u32::try_from(state.len() - at - 1).unwrap_or(u32::MAX);
    if let Some(slot) = state.get_mut(at) {
        *slot = length;
    }
}

/// The cursors of a state, one for each side.
fn cursors(state: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = state.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first()?;
        let (cursor, behind) = behind.split_at_checked(*length as usize)?;
        rest = behind;
        Some(cursor)
    })
}

/// The text that leads to a node, with a concrete character for every [`OTHER`].
fn spell(sides: &[Side<'_>], tape: Tape, nodes: &[Node], end: usize) -> Word {
    let mut word = Word::new();
    let mut at = end;
    while let Some(node) = nodes.get(at) {
        let Some(parent) = nodes.get(node.parent) else { break };
        let symbol = if node.symbol == OTHER {
            let segment = parent.state.first().copied().unwrap_or_default();
            unmentioned(&mentioned(sides, &parent.state), segment < tape.separators)
        } else {
            node.symbol
        };
        word.push(symbol);
        at = node.parent;
    }
    word.reverse();
    word
}

/// A character that is not among `mentioned`: a lower-case letter or a digit if possible.
fn unmentioned(mentioned: &[Symbol], open: bool) -> Symbol {
    let friendly = "xyzabcdefghijklmnopqrstuvw0123456789-_".chars();
    let any = ('\u{a1}'..='\u{ffff}').filter(|c| c.is_alphabetic());
    friendly
        .chain(any)
        .map(u32::from)
        .find(|c| mentioned.binary_search(c).is_err() && !(open && *c == u32::from(':')))
        .unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Glob;

    /// The shortest text that `left` matches and none of `right` does.
    fn escape(left: &str, right: &[&str]) -> Answer {
        let left = Union::of([Glob::of(left)]);
        let right = Union::of(right.iter().map(|g| Glob::of(g)));
        let side = |union| Side { union, negated: false };
        shortest(&[side(&left)], &[side(&right)], NAMES, &Budget::full())
    }

    fn text(word: &Word) -> String {
        word.iter().filter_map(|s| char::from_u32(*s)).collect()
    }

    #[test]
    fn a_union_can_cover_what_none_of_its_globs_covers() {
        assert_eq!(escape("a*", &["a", "a?*"]), Answer::None);
        assert_eq!(escape("*", &["", "?", "??*"]), Answer::None);
        assert_eq!(escape("get*", &["get*object", "get*"]), Answer::None);
        assert_eq!(escape("?*", &["*?"]), Answer::None);
    }

    #[test]
    fn the_witness_is_a_shortest_one() {
        let Answer::Word(word) = escape("get*", &["geta*", "get?", "get"]) else { panic!() };
        assert_eq!(text(&word), "getxx");
        let Answer::Word(word) = escape("describefleet*", &["describefleets", "describefleet"]) else { panic!() };
        assert_eq!(text(&word), "describefleetx");
    }

    /// Every text over {a, b, c} up to `longest`; `c` stands for the characters that no glob mentions.
    fn texts(longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let until = all.len();
            for i in from..until {
                for c in ['a', 'b', 'c'] {
                    let text = format!("{}{c}", all[i]);
                    all.push(text);
                }
            }
            from = until;
        }
        all
    }

    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }

        fn glob(&mut self, longest: u64) -> String {
            let length = self.roll(longest + 1);
            (0..length).map(|_| ['a', 'b', '*', '*', '?', 'a'][self.roll(6) as usize]).collect()
        }
    }

    #[test]
    fn inclusion_agrees_with_brute_force_over_all_short_texts() {
        let texts = texts(7);
        let mut dice = Dice(7);
        let (mut included, mut refuted) = (0, 0);
        for _ in 0..4000 {
            let left = dice.glob(4);
            let right: Vec<String> = (0..dice.roll(4)).map(|_| dice.glob(4)).collect();
            let right: Vec<&str> = right.iter().map(String::as_str).collect();
            let brute = texts.iter().find(|t| language::matches(&left, t) && !right.iter().any(|r| language::matches(r, t)));
            match (escape(&left, &right), brute) {
                (Answer::None, None) => included += 1,
                (Answer::Word(word), Some(brute)) => {
                    refuted += 1;
                    assert_eq!(word.len(), brute.len(), "`{left}` in {right:?}");
                    let word = text(&word);
                    assert!(language::matches(&left, &word) && !right.iter().any(|r| language::matches(r, &word)));
                }
                (answer, brute) => panic!("`{left}` in {right:?}: {answer:?}, brute force {brute:?}"),
            }
        }
        assert!(included > 500 && refuted > 500, "{included} {refuted}");
    }

    #[test]
    fn inclusion_agrees_with_products_of_regular_expressions() {
        use regex_automata::dfa::{Automaton, dense};
        let expression = |glob: &str| glob.replace('*', "[abc]*").replace('?', "[abc]");
        let build = |text: &str| dense::DFA::new(&format!("^(?:{text})$")).unwrap();
        let mut dice = Dice(11);
        for _ in 0..300 {
            let left = dice.glob(7);
            let right: Vec<String> = (0..=dice.roll(4)).map(|_| dice.glob(6)).collect();
            let borrowed: Vec<&str> = right.iter().map(String::as_str).collect();
            let a = build(&expression(&left));
            let b = build(&right.iter().map(|r| expression(r)).collect::<Vec<_>>().join("|"));
            let start = |dfa: &dense::DFA<Vec<u32>>| {
                dfa.start_state_forward(&regex_automata::Input::new("").anchored(regex_automata::Anchored::Yes)).unwrap()
            };
            let mut queue = vec![(start(&a), start(&b))];
            let mut at = 0;
            let mut escapes = false;
            while let Some((x, y)) = queue.get(at).copied() {
                let accepts = |dfa: &dense::DFA<Vec<u32>>, s| dfa.is_match_state(dfa.next_eoi_state(s));
                escapes |= accepts(&a, x) && !accepts(&b, y);
                for byte in *b"abc" {
                    let next = (a.next_state(x, byte), b.next_state(y, byte));
                    if !queue.contains(&next) {
                        queue.push(next);
                    }
                }
                at += 1;
            }
            assert_eq!(matches!(escape(&left, &borrowed), Answer::Word(_)), escapes, "`{left}` in {right:?}");
        }
    }

    #[test]
    fn adversarial_globs_end_within_the_budget() {
        let a_star_b = "a*".repeat(100) + "b";
        assert_eq!(escape(&a_star_b, &["a*b"]), Answer::None);
        assert_eq!(escape(&a_star_b, &[&a_star_b]), Answer::None);
        // A `?` behind a literal behind a `*` is where subsets multiply.
        let bad: Vec<String> = (10..60).map(|n| format!("*a{}", "?".repeat(n))).collect();
        let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
        let question = format!("*b{}", "?".repeat(60));
        let mut all = bad.clone();
        all.push(&question);
        all.push("*c?*");
        let left = format!("{}*", "?".repeat(70));
        // Too complex or a witness: either is an answer, and both come soon.
        assert_ne!(escape(&left, &all), Answer::None);
        let exponential = format!("*a{}*b", "?".repeat(40));
        let one_more = format!("*a{}*b", "?".repeat(39));
        assert_eq!(escape(&exponential, &[&one_more]), Answer::TooComplex);
    }
}
