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
    End,
}

/// What may be read at a position, as often as wanted, without going on: the `*`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    None,
    /// Characters and opaque symbols, but no separator.
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

    /// The language of all tapes, separators included.
    pub(crate) fn everything() -> Glob {
        Glob { positions: vec![(None, Some(Run::Rest))] }
    }

    /// Adds a symbol that has to stand here.
    pub(crate) fn push_symbol(&mut self, symbol: Symbol) {
        self.push_token(Token::Symbol(symbol));
    }

    /// Adds `?`.
    pub(crate) fn push_any(&mut self) {
        self.push_token(Token::Any);
    }

    /// Adds `*`, which stays within its segment.
    pub(crate) fn push_star(&mut self) {
        match self.positions.last_mut() {
            Some((token @ None, run)) => {
                *token = None;
                *run = Some(Run::Segment);
            }
            _ => self.positions.push((None, Some(Run::Segment))),
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
}

/// A union of globs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Union {
    positions: Vec<Position>,
    starts: Vec<u32>,
}

/// Where the walks through the globs of a union stand: positions, sorted.
pub(crate) type Cursor = Vec<u32>;

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
        let mut open = false;
        for (token, run) in &glob.positions {
            let run = run.unwrap_or(Run::None);
            open = token.is_none();
            self.positions.push(Position { token: token.unwrap_or(Token::End), run, glob: number });
        }
        if !open {
            self.positions.push(Position { token: Token::End, run: Run::None, glob: number });
        }
    }

    fn at(&self, position: u32) -> Option<Position> {
        self.positions.get(position as usize).copied()
    }

    /// The cursor before the first symbol. `last` says whether no separator can follow.
    pub(crate) fn start(&self, last: bool) -> Cursor {
        let mut cursor = self.starts.clone();
        self.reduce(&mut cursor, last);
        cursor
    }

    /// The cursor behind `symbol`. `last` says whether no separator can follow that.
    pub(crate) fn step(&self, cursor: &[u32], symbol: Symbol, last: bool) -> Cursor {
        if cursor == [EVERYTHING] {
            return cursor.to_vec();
        }
        let mut next = Cursor::with_capacity(cursor.len() + 1);
        for position in cursor {
            let Some(here) = self.at(*position) else { continue };
            let stays = match here.run {
                Run::None => false,
                Run::Segment => symbol != SEPARATOR,
                Run::Rest => true,
            };
            if stays {
                next.push(*position);
            }
            let goes = match here.token {
                Token::Symbol(own) => own == symbol,
                Token::Any => symbol < SEPARATOR || symbol == OTHER,
                Token::End => false,
            };
            if goes {
                next.push(position + 1);
            }
        }
        self.reduce(&mut next, last);
        next
    }

    /// Sorts, and leaves out what other positions make superfluous: a position with a `*` accepts all that the
    /// earlier positions of its glob accept in the same segment, as they have to come through it.
    fn reduce(&self, cursor: &mut Cursor, last: bool) {
        cursor.sort_unstable();
        cursor.dedup();
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
        if cursor.iter().any(all) {
            cursor.clear();
            cursor.push(EVERYTHING);
            return;
        }
        let mut covered = None;
        let mut kept: Cursor = Vec::with_capacity(cursor.len());
        for position in cursor.iter().rev() {
            let Some(here) = self.at(*position) else { continue };
            if covered == Some(here.glob) {
                continue;
            }
            if here.run != Run::None {
                covered = Some(here.glob);
            }
            kept.push(*position);
        }
        kept.reverse();
        *cursor = kept;
    }

    /// Whether the text that was read is in the language.
    pub(crate) fn accepts(&self, cursor: &[u32]) -> bool {
        accepts_everything(cursor) || cursor.iter().any(|p| self.at(*p).is_some_and(|p| p.token == Token::End))
    }

    /// Adds the symbols that some glob asks for here.
    pub(crate) fn mention(&self, cursor: &[u32], symbols: &mut Vec<Symbol>) {
        for position in cursor {
            if let Some(Position { token: Token::Symbol(symbol), .. }) = self.at(*position) {
                symbols.push(symbol);
            }
        }
    }
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
        let found = remaining.char_indices().map(|(offset, _)| at + offset).find_map(|start| fits(piece, text, start));
        match found {
            Some(end) => at = end,
            None => return false,
        }
    }
    let tail = text.get(at..).unwrap_or_default();
    let length = last.chars().count();
    if length == 0 {
        return true;
    }
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
        let mut cursor = union.start(true);
        for c in text.chars() {
            cursor = union.step(&cursor, c.into(), true);
        }
        union.accepts(&cursor)
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
    fn a_star_stays_within_its_segment_and_takes_opaque_symbols() {
        let union = Union::of([Glob::of("a*")]);
        let cursor = union.step(&union.start(false), u32::from('a'), false);
        assert!(union.step(&cursor, SEPARATOR, false).is_empty());
        assert!(union.accepts(&union.step(&cursor, FIRST_OPAQUE, false)));
        let question = Union::of([Glob::of("?")]);
        assert!(question.step(&question.start(true), FIRST_OPAQUE, true).is_empty());
        assert!(!question.step(&question.start(true), OTHER, true).is_empty());
    }
}
