//! Glob languages as position automata: compile globs, walk all of them at once, symbol by symbol.
//!
//! The lowest layer of the proof. A text is written on a tape of symbols: its characters, separators between
//! the segments of an ARN, and opaque symbols for what only a request can fill in (`${aws:username}`). It
//! decides nothing by itself (`search` does), and it shares no code with the policy crate's matcher.

/// A character, or one of the symbols beyond the characters.
pub(crate) type Symbol = u32;
/// The boundary between two segments of an ARN.
pub(crate) const SEPARATOR: Symbol = 0x11_0000;
/// Some character that no glob asks for at the present place.
pub(crate) const OTHER: Symbol = 0x11_0001;
/// The first of the opaque symbols: a text that is the same wherever the symbol stands, and nobody knows which.
pub(crate) const FIRST_OPAQUE: Symbol = 0x11_0002;

/// In a cursor: whatever follows is accepted.
const EVERYTHING: u32 = u32::MAX;

/// What has to be read at a position to go on to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Symbol(Symbol),
    /// `?`: one character.
    Any,
    /// `?` that takes a separator too.
    Anything,
    /// Any symbol: an opaque one too.
    Whatever,
    /// This lower-case ASCII letter, or what is the same but for its case.
    Folded(Symbol),
    End,
}

/// What may be read at a position, as often as wanted, without going on: the `*`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    None,
    /// Characters: no separator, and no opaque symbol, which may hold one.
    Segment,
    /// Everything.
    Rest,
}

/// One glob, compiled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Glob {
    positions: Vec<(Option<Token>, Option<Run>)>,
}

impl Glob {
    /// A glob over plain text, in which `*` and `?` are the wildcards and everything else is itself.
    pub(crate) fn of(text: &str) -> Glob {
        let mut glob = Glob::default();
        for c in text.chars() {
            match c {
                '*' => glob.push_star(),
                '?' => glob.push_any(),
                c => glob.push_symbol(c.into()),
            }
        }
        glob
    }

    /// Adds a symbol that has to stand here.
    pub(crate) fn push_symbol(&mut self, symbol: Symbol) {
        self.push_token(Token::Symbol(symbol));
    }

    /// Adds `?`.
    pub(crate) fn push_any(&mut self) {
        self.push_token(Token::Any);
    }

    /// Adds `?`, a separator among what it takes.
    pub(crate) fn push_anything(&mut self) {
        self.push_token(Token::Anything);
    }

    /// Adds any one symbol, be it a character, a separator or an opaque one.
    pub(crate) fn push_whatever(&mut self) {
        self.push_token(Token::Whatever);
    }

    /// Adds a lower-case ASCII letter whose case does not count.
    pub(crate) fn push_folded(&mut self, lower: Symbol) {
        self.push_token(Token::Folded(lower));
    }

    /// Adds `*`, which stays within its segment.
    pub(crate) fn push_star(&mut self) {
        self.push_run(Run::Segment);
    }

    /// Adds `*`, which takes separators too.
    pub(crate) fn push_long_star(&mut self) {
        self.push_run(Run::Rest);
    }

    fn push_run(&mut self, run: Run) {
        match self.positions.last_mut() {
            Some((None, Some(Run::Rest))) => {}
            Some((None, own)) => *own = Some(run),
            _ => self.positions.push((None, Some(run))),
        }
    }

    fn push_token(&mut self, token: Token) {
        match self.positions.last_mut() {
            Some((open @ None, _)) => *open = Some(token),
            _ => self.positions.push((Some(token), None)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Position {
    token: Token,
    run: Run,
    glob: u32,
    /// How many separators and opaque symbols of its glob stand before it.
    part: u32,
}

/// A union of globs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Union {
    positions: Vec<Position>,
    starts: Vec<u32>,
}

impl Union {
    /// The union of `globs`.
    pub(crate) fn of(globs: impl IntoIterator<Item = Glob>) -> Union {
        let mut union = Union::default();
        for glob in globs {
            union.push(&glob);
        }
        union
    }

    /// Adds a glob.
    pub(crate) fn push(&mut self, glob: &Glob) {
        let number = as_u32(self.starts.len());
        self.starts.push(as_u32(self.positions.len()));
        let (mut open, mut part) = (false, 0);
        for (token, run) in &glob.positions {
            let run = run.unwrap_or(Run::None);
            open = token.is_none();
            self.positions.push(Position { token: token.unwrap_or(Token::End), run, glob: number, part });
            part += u32::from(matches!(token, Some(Token::Symbol(own)) if *own == SEPARATOR || *own >= FIRST_OPAQUE));
        }
        if !open {
            self.positions.push(Position { token: Token::End, run: Run::None, glob: number, part });
        }
    }

    fn at(&self, position: u32) -> Option<Position> {
        self.positions.get(position as usize).copied()
    }

    /// Appends the cursor before the first symbol. `last` says whether no separator can follow.
    ///
    /// A cursor is where the walks through all globs stand: positions, sorted.
    pub(crate) fn start(&self, last: bool, cursor: &mut Vec<u32>) {
        let from = cursor.len();
        cursor.extend_from_slice(&self.starts);
        self.reduce(cursor, from, last);
    }

    /// Appends the cursor behind `symbol`. `last` says whether no separator can follow that.
    pub(crate) fn step(&self, cursor: &[u32], symbol: Symbol, last: bool, next: &mut Vec<u32>) {
        let from = next.len();
        if accepts_everything(cursor) {
            next.push(EVERYTHING);
            return;
        }
        for position in cursor {
            let Some(here) = self.at(*position) else { continue };
            let stays = match here.run {
                Run::None => false,
                // A text that nobody knows may hold a separator.
                Run::Segment => symbol < SEPARATOR || symbol == OTHER,
                Run::Rest => true,
            };
            if stays {
                next.push(*position);
            }
            let goes = match here.token {
                Token::Symbol(own) => own == symbol,
                Token::Any => symbol < SEPARATOR || symbol == OTHER,
                Token::Anything => symbol <= OTHER,
                Token::Whatever => true,
                Token::Folded(lower) => is_letter(lower, symbol),
                Token::End => false,
            };
            if goes {
                next.push(position + 1);
            }
        }
        self.reduce(next, from, last);
    }

    /// Sorts what stands from `from` on, and leaves out what other positions make superfluous: a position with a `*`
    /// accepts all that the earlier positions of its glob accept in the same part, as they have to come through it, and
    /// with a `*` that takes separators all that any earlier position accepts.
    fn reduce(&self, cursor: &mut Vec<u32>, from: usize, last: bool) {
        let Some(own) = cursor.get_mut(from..) else { return };
        own.sort_unstable();
        let all = |p: &u32| {
            self.at(*p).is_some_and(|p| {
                p.token == Token::End
                    && match p.run {
                        Run::None => false,
                        Run::Segment => last,
                        Run::Rest => true,
                    }
            })
        };
        if own.iter().any(all) {
            cursor.truncate(from);
            cursor.push(EVERYTHING);
            return;
        }
        // From behind, writing what is kept to the end: the last position with a `*` covers those before it.
        let mut kept = own.len();
        let (mut covered, mut whole, mut previous) = (None, None, None);
        for at in (0..own.len()).rev() {
            let Some(position) = own.get(at).copied() else { continue };
            let Some(here) = self.at(position) else { continue };
            if whole == Some(here.glob) || covered == Some((here.glob, here.part)) || previous == Some(position) {
                continue;
            }
            previous = Some(position);
            match here.run {
                Run::None => {}
                Run::Segment => covered = Some((here.glob, here.part)),
                Run::Rest => whole = Some(here.glob),
            }
            kept -= 1;
            if let Some(slot) = own.get_mut(kept) {
                *slot = position;
            }
        }
        cursor.drain(from..from + kept);
    }

    /// Whether the text that was read is in the language.
    pub(crate) fn accepts(&self, cursor: &[u32]) -> bool {
        accepts_everything(cursor) || cursor.iter().any(|p| self.at(*p).is_some_and(|p| p.token == Token::End))
    }

    /// Whether there is no glob in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Adds the globs of another union.
    pub(crate) fn join(&mut self, other: &Union) {
        let (globs, positions) = (as_u32(self.starts.len()), as_u32(self.positions.len()));
        self.starts.extend(other.starts.iter().map(|start| start + positions));
        self.positions.extend(other.positions.iter().map(|p| Position { glob: p.glob + globs, ..*p }));
    }

    /// Adds the symbols that some glob asks for here.
    pub(crate) fn mention(&self, cursor: &[u32], symbols: &mut Vec<Symbol>) {
        for position in cursor {
            match self.at(*position).map(|p| p.token) {
                Some(Token::Symbol(symbol)) => symbols.push(symbol),
                Some(Token::Folded(lower)) => symbols.extend(letters(lower)),
                _ => {}
            }
        }
    }
}

/// The characters whose lower case is this lower-case ASCII letter; the Kelvin sign is a `k` too.
fn letters(lower: Symbol) -> impl Iterator<Item = Symbol> {
    let upper = char::from_u32(lower).map_or(lower, |c| c.to_ascii_uppercase().into());
    let kelvin = (lower == u32::from('k')).then_some(0x212A);
    [lower, upper].into_iter().chain(kelvin)
}

fn is_letter(lower: Symbol, symbol: Symbol) -> bool {
    letters(lower).any(|letter| letter == symbol)
}

/// Whether whatever follows is accepted.
pub(crate) fn accepts_everything(cursor: &[u32]) -> bool {
    cursor == [EVERYTHING]
}

/// A count as `u32`. Policies are far smaller than this could matter for; beyond it positions would run together,
/// so that it saturates at a value that no position has.
fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX - 1)
}

/// Whether the whole of `text` matches `glob`: pieces between the `*`s, each found at its leftmost place.
///
/// The proof's own matcher for single names; case is the caller's business. Time is at most the product of the lengths.
pub(crate) fn matches(glob: &str, text: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else {
        return fits(glob, text, 0) == Some(text.len());
    };
    let Some(mut at) = fits(first, text, 0) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let remaining = text.get(at..).unwrap_or_default();
        let found = if piece.contains('?') {
            remaining.char_indices().map(|(offset, _)| at + offset).find_map(|start| fits(piece, text, start))
        } else {
            remaining.find(piece).map(|offset| at + offset + piece.len())
        };
        match found {
            Some(end) => at = end,
            None => return false,
        }
    }
    let tail = text.get(at..).unwrap_or_default();
    if !last.contains('?') {
        return tail.ends_with(last);
    }
    let length = last.chars().count();
    tail.char_indices().rev().nth(length - 1).is_some_and(|(offset, _)| fits(last, text, at + offset) == Some(text.len()))
}

/// Where `piece`, which has no `*`, ends when it is laid on `text` at `start`; none when it does not fit.
fn fits(piece: &str, text: &str, start: usize) -> Option<usize> {
    let mut letters = text.get(start..)?.chars();
    for wanted in piece.chars() {
        let found = letters.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(text.len() - letters.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walks_to_acceptance(glob: &str, text: &str) -> bool {
        let union = Union::of([Glob::of(glob)]);
        let mut cursor = start(&union, true);
        for c in text.chars() {
            cursor = step(&union, &cursor, c.into(), true);
        }
        union.accepts(&cursor)
    }

    fn start(union: &Union, last: bool) -> Vec<u32> {
        let mut cursor = Vec::new();
        union.start(last, &mut cursor);
        cursor
    }

    fn step(union: &Union, cursor: &[u32], symbol: Symbol, last: bool) -> Vec<u32> {
        // Behind something else, which must stay as it is.
        let mut next = vec![7, 3];
        union.step(cursor, symbol, last, &mut next);
        assert_eq!(next[..2], [7, 3]);
        next.split_off(2)
    }

    fn texts(alphabet: &[char], longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let until = all.len();
            for i in from..until {
                for c in alphabet {
                    let text = format!("{}{c}", all[i]);
                    all.push(text);
                }
            }
            from = until;
        }
        all
    }

    #[test]
    fn automaton_and_both_matchers_agree_on_every_short_glob_and_text() {
        let globs = texts(&['a', 'b', '*', '?'], 4);
        let all = texts(&['a', 'b', 'é'], 4);
        for glob in &globs {
            for text in &all {
                let plain = leastwise_policy::glob::matches(glob, text, leastwise_policy::glob::Case::Kept);
                assert_eq!(matches(glob, text), plain, "`{glob}` on `{text}`");
                assert_eq!(walks_to_acceptance(glob, text), plain, "`{glob}` on `{text}`");
            }
        }
    }

    #[test]
    fn a_star_that_stays_within_its_segment_takes_nothing_that_may_hold_a_separator() {
        let union = Union::of([Glob::of("a*")]);
        let cursor = step(&union, &start(&union, false), u32::from('a'), false);
        assert!(step(&union, &cursor, SEPARATOR, false).is_empty());
        assert!(step(&union, &cursor, FIRST_OPAQUE, false).is_empty());
        let mut glob = Glob::default();
        glob.push_long_star();
        let long = Union::of([glob]);
        assert!(long.accepts(&step(&long, &start(&long, false), FIRST_OPAQUE, false)));
        let question = Union::of([Glob::of("?")]);
        assert!(step(&question, &start(&question, true), FIRST_OPAQUE, true).is_empty());
        assert!(!step(&question, &start(&question, true), OTHER, true).is_empty());
    }

    #[test]
    fn a_star_behind_an_opaque_symbol_does_not_stand_for_the_one_before_it() {
        let mut glob = Glob::default();
        glob.push_star();
        glob.push_symbol(FIRST_OPAQUE);
        glob.push_star();
        let union = Union::of([glob]);
        let mut cursor = start(&union, false);
        for symbol in [u32::from('a'), FIRST_OPAQUE, u32::from('a')] {
            cursor = step(&union, &cursor, symbol, false);
        }
        assert!(union.accepts(&cursor));
        assert!(step(&union, &cursor, FIRST_OPAQUE, false).is_empty());
    }
}
