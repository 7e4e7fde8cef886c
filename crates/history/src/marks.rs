//! Where the quotes and brackets of a JSON text are, found 64 bytes at a time.
//!
//! The first of the two steps of the quick way; the second (`scan`) goes from mark to mark and looks at nothing between them.
//! Brackets within texts are no marks, nor are quotes behind a backslash. What nobody asks for is
//! passed over by its brackets, whole blocks at once. A text is marked in stretches, so that memory stays small.

use fearless_simd::{Level, Simd, dispatch, mask8x64, prelude::*, u8x64};

use crate::scan::Odd;

const BLOCK: usize = 64;
/// So many bytes are marked at a time.
const STRETCH: usize = 8 << 10;
/// Set in the mark of a quote that ends a text with backslashes.
const ESCAPES: u32 = 1 << 31;

/// A quote.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quote(u32);

impl Quote {
    /// The byte that it is.
    #[inline]
    pub(crate) fn place(self) -> usize {
        (self.0 & !ESCAPES) as usize
    }

    /// Whether it ends a text that has backslashes.
    #[inline]
    pub(crate) fn has_escapes(self) -> bool {
        self.0 & ESCAPES != 0
    }
}

/// The marks of a block, a bit for each byte.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    quotes: u64,
    opening: u64,
    closing: u64,
    /// How many of both there are. Counted here, since only instructions that not every processor has do it quickly.
    count: [u8; 2],
    /// So many quotes of its stretch stand before it.
    before: u32,
}

/// The marks of a text, in order.
#[derive(Debug)]
pub(crate) struct Marks<'t> {
    /// What is not yet marked.
    rest: &'t [u8],
    border: Border,
    level: Level,
    /// Where the last stretch begins, and where it ends.
    from: usize,
    to: usize,
    /// Its blocks.
    blocks: Vec<Block>,
    /// Its quotes are the first so many of these.
    quotes: Vec<Quote>,
    count: usize,
    next: usize,
}

/// What a block leaves to the next one.
#[derive(Debug, Clone, Copy, Default)]
struct Border {
    /// Where the next block begins.
    place: u32,
    /// All bits when it begins within a text.
    within: u64,
    /// One when its first byte stands behind a backslash that escapes it.
    escape: u64,
    /// Whether the text that it begins within has had a backslash.
    has_escapes: bool,
    /// Not zero when there was a byte that a text cannot have.
    wrong: u64,
}

impl<'t> Marks<'t> {
    /// Of a text of less than 2 GiB; nothing is looked at yet.
    pub(crate) fn of(text: &'t str) -> Result<Marks<'t>, Odd> {
        if text.len() >= ESCAPES as usize {
            return Err(Odd);
        }
        let room = text.len().min(STRETCH);
        Ok(Marks {
            rest: text.as_bytes(),
            border: Border::default(),
            level: Level::new(),
            from: 0,
            to: 0,
            blocks: vec![Block::default(); room.div_ceil(BLOCK)],
            quotes: vec![Quote::default(); room + 2 * BLOCK],
            count: 0,
            next: 0,
        })
    }

    /// Steps to the next two quotes, those of a text; it is odd that there are none.
    #[inline]
    pub(crate) fn pair(&mut self) -> Result<[Quote; 2], Odd> {
        if let Some(pair) = self.quotes.get(self.next..self.count).and_then(|ahead| ahead.first_chunk()) {
            self.next += 2;
            return Ok(*pair);
        }
        Ok([self.quote()?, self.quote()?])
    }

    #[cold]
    fn quote(&mut self) -> Result<Quote, Odd> {
        while self.next == self.count {
            self.more()?;
        }
        let quote = self.quotes.get(self.next).ok_or(Odd)?;
        self.next += 1;
        Ok(*quote)
    }

    /// Steps from the bracket at that place, which opens, over all up to the one that closes it, and gives the place of that.
    #[inline]
    pub(crate) fn over(&mut self, place: usize) -> Result<usize, Odd> {
        while place >= self.to {
            self.more()?;
        }
        let within = place.checked_sub(self.from).ok_or(Odd)?;
        let (mut number, mut ahead) = (within / BLOCK, u64::MAX << (within % BLOCK));
        let mut depth = 0u32;
        loop {
            while number * BLOCK >= self.to - self.from {
                self.more()?;
                number = 0;
            }
            let block = self.blocks.get(number).ok_or(Odd)?;
            let [opening, closing] = block.count.map(u32::from);
            if closing < depth {
                depth = depth + opening - closing;
            } else {
                let mut brackets = (block.opening | block.closing) & ahead;
                while brackets != 0 {
                    let bit = brackets.trailing_zeros();
                    depth = if block.closing >> bit & 1 == 0 { depth + 1 } else { depth.checked_sub(1).ok_or(Odd)? };
                    if depth == 0 {
                        self.next = block.before as usize + (block.quotes & !(u64::MAX << bit)).count_ones() as usize;
                        return Ok(self.from + number * BLOCK + bit as usize);
                    }
                    brackets &= brackets.wrapping_sub(1);
                }
            }
            (number, ahead) = (number + 1, u64::MAX);
        }
    }

    /// Marks the next stretch. It is odd that there is none.
    #[cold]
    fn more(&mut self) -> Result<(), Odd> {
        if self.rest.is_empty() {
            return Err(Odd);
        }
        let (stretch, rest) = self.rest.split_at_checked(STRETCH).unwrap_or((self.rest, &[]));
        self.rest = rest;
        (self.from, self.to, self.next) = (self.to, self.to + stretch.len(), 0);
        let Marks { border, blocks, quotes, .. } = self;
        self.count = dispatch!(self.level, simd => mark(simd, stretch, border, blocks, quotes)).ok_or(Odd)?;
        Ok(())
    }
}

/// Marks a stretch; says how many quotes there are. None when a text has a byte that it cannot have.
#[inline(always)]
fn mark<S: Simd>(simd: S, stretch: &[u8], border: &mut Border, blocks: &mut [Block], quotes: &mut [Quote]) -> Option<usize> {
    let (whole, end) = stretch.as_chunks::<BLOCK>();
    let mut count = 0;
    let mut blocks = blocks.iter_mut();
    for (bytes, block) in whole.iter().zip(&mut blocks) {
        *block = mark_block(simd, bytes, border, quotes, &mut count)?;
    }
    if !end.is_empty() {
        let mut bytes = [b' '; BLOCK];
        bytes.iter_mut().zip(end).for_each(|(to, from)| *to = *from);
        *blocks.next()? = mark_block(simd, &bytes, border, quotes, &mut count)?;
    }
    (border.wrong == 0).then_some(count)
}

/// Marks a block behind the first `count` quotes of its stretch, and counts its own.
#[inline(always)]
fn mark_block<S: Simd>(
    simd: S,
    block: &[u8; BLOCK],
    border: &mut Border,
    quotes_of_stretch: &mut [Quote],
    count: &mut usize,
) -> Option<Block> {
    let marks = quotes_of_stretch.get_mut(*count..)?;
    let bytes = u8x64::simd_from(simd, *block);
    let backslashes = bytes.simd_eq(b'\\').to_bitmask();
    let mut quotes = bytes.simd_eq(b'"').to_bitmask();
    let before = *border;
    if backslashes | before.escape != 0 {
        quotes &= !escaped(backslashes, &mut border.escape);
    }
    // A bit for each byte from a quote that begins a text up to the one that ends it.
    let mut within = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        within ^= within << shift;
    }
    within ^= before.within;
    // Filled with the last byte's bit.
    border.within = 0u64.wrapping_sub(within >> 63);
    // A line's end within a text, or another such byte, is damage.
    border.wrong |= bytes.simd_lt(0x20).to_bitmask() & within;
    // `[` and `{`, and `]` and `}`, differ in this bit, which no other byte that counts lacks.
    let curly = bytes | u8x64::splat(simd, 0x20);
    let [opening, closing] = [b'{', b'}'].map(|bracket| curly.simd_eq(bracket).to_bitmask() & !within);
    let count_of = |marks: u64| u8::try_from(marks.count_ones()).unwrap_or_default();
    let own = quotes.count_ones() as usize;
    let room = marks.first_chunk_mut::<BLOCK>()?.as_chunks_mut::<16>().0;
    // More than there are, rather than asking after each one.
    if packs(simd) {
        let all = u8x64::from_fn(simd, |place| u8::try_from(place).unwrap_or_default());
        let places: [u8; BLOCK] = all.compress(mask8x64::from_bitmask(simd, quotes)).into();
        for ((some, places), from) in room.iter_mut().zip(places.as_chunks::<16>().0).zip([0, 16, 32, 48]) {
            if from >= own {
                break;
            }
            for (mark, place) in some.iter_mut().zip(places) {
                *mark = Quote(before.place.wrapping_add(u32::from(*place)));
            }
        }
    } else {
        let mut left = quotes;
        for some in room {
            if left == 0 {
                break;
            }
            for mark in some {
                *mark = Quote(before.place.wrapping_add(left.trailing_zeros()));
                left &= left.wrapping_sub(1);
            }
        }
    }
    border.place = before.place.wrapping_add(64);
    if before.has_escapes || backslashes != 0 {
        border.has_escapes = before.has_escapes;
        flag(marks.get_mut(..own)?, within, backslashes, &mut border.has_escapes);
    }
    let before = u32::try_from(*count).unwrap_or_default();
    *count += own;
    Some(Block { quotes, opening, closing, count: [opening, closing].map(count_of), before })
}

/// Whether the processor has an instruction that packs the bytes whose bits are set.
#[inline(always)]
fn packs<S: Simd>(simd: S) -> bool {
    #[cfg(target_arch = "x86_64")]
    let packs = matches!(simd.level(), Level::Avx512(_));
    #[cfg(not(target_arch = "x86_64"))]
    let packs = false;
    packs
}

/// The bytes that stand behind a backslash that is none itself. `escape` is whether the first one does, then whether the next
/// block's first one does.
fn escaped(backslashes: u64, escape: &mut u64) -> u64 {
    let mut escaped = *escape;
    *escape = 0;
    let mut left = backslashes & !escaped;
    while left != 0 {
        let one = left & left.wrapping_neg();
        let next = one << 1;
        *escape = u64::from(next == 0);
        escaped |= next;
        left &= !(one | next);
    }
    escaped
}

/// Says so in the marks of quotes that end a text with backslashes. `has_escapes` is whether the text that is open at the block's
/// beginning has had some, then the same of the one at its end.
#[cold]
fn flag(marks: &mut [Quote], within: u64, backslashes: u64, has_escapes: &mut bool) {
    let mut from = 0;
    for mark in marks {
        let bit = mark.0 % 64;
        let ends = within >> bit & 1 == 0;
        let between = backslashes >> from & !(u64::MAX << (bit - from));
        if ends && (*has_escapes || between != 0) {
            mark.0 |= ESCAPES;
        }
        (from, *has_escapes) = (bit, false);
    }
    *has_escapes |= backslashes >> from != 0;
    *has_escapes &= within >> 63 == 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found in a text: quotes, and whether they end a text with backslashes; brackets, and whether they open.
    type Told = (Vec<(usize, bool)>, Vec<(usize, bool)>);

    /// The same, a byte after the other.
    fn slowly(text: &str) -> Option<Told> {
        let (mut told, mut within, mut escaped, mut has_escapes) = (Told::default(), false, false, false);
        for (at, byte) in text.bytes().enumerate() {
            let is_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' => {
                    escaped = !is_escaped;
                    has_escapes |= within;
                }
                b'"' if !is_escaped => {
                    told.0.push((at, within && has_escapes));
                    (within, has_escapes) = (!within, false);
                }
                b'{' | b'[' | b'}' | b']' if !within => told.1.push((at, b"{[".contains(&byte))),
                0..0x20 if within => return None,
                _ => {}
            }
        }
        Some(told)
    }

    fn told(quotes: &[Quote], blocks: &[Block], from: usize) -> Told {
        let mut told = Told::default();
        for (block, at) in blocks.iter().zip((from..).step_by(BLOCK)) {
            let quotes = quotes.get(block.before as usize..).unwrap_or_default();
            let places = (0..BLOCK).filter(|bit| block.quotes >> bit & 1 == 1).map(|bit| at + bit);
            assert!(places.clone().eq(quotes.iter().map(|quote| quote.place()).take(places.count())));
            let is = |mask: u64, bit: &usize| mask >> bit & 1 == 1;
            let brackets = (0..BLOCK).filter(|bit| is(block.opening | block.closing, bit));
            told.1.extend(brackets.map(|bit| (at + bit, is(block.opening, &bit))));
        }
        told.0.extend(quotes.iter().map(|quote| (quote.place(), quote.has_escapes())));
        told
    }

    /// What is found in a text that is one stretch, on one level of instructions.
    fn at_once<S: Simd>(simd: S, text: &str) -> Option<Told> {
        let mut quotes = vec![Quote::default(); text.len() + 2 * BLOCK];
        let mut blocks = vec![Block::default(); text.len().div_ceil(BLOCK)];
        let count = simd.vectorize(
            #[inline(always)]
            || mark(simd, text.as_bytes(), &mut Border::default(), &mut blocks, &mut quotes),
        )?;
        Some(told(&quotes[..count], &blocks, 0))
    }

    /// What is found in a text, stretch by stretch.
    fn in_stretches(text: &str) -> Option<Told> {
        let (mut all, mut marks) = (Told::default(), Marks::of(text).unwrap());
        while !marks.rest.is_empty() {
            marks.more().ok()?;
            let blocks = &marks.blocks[..(marks.to - marks.from).div_ceil(BLOCK)];
            let (quotes, brackets) = told(&marks.quotes[..marks.count], blocks, marks.from);
            all.0.extend(quotes);
            all.1.extend(brackets);
        }
        Some(all)
    }

    proptest! {
        #[test]
        fn every_level_of_instructions_finds_what_is_there(text in "[a-z\"\\\\\\[\\]{}:,é\n ]{0,400}", only in "[\"{}]{0,200}") {
            for text in [text.replace('\n', "a"), text, only] {
                let expected = slowly(&text);
                #[cfg(target_arch = "x86_64")]
                {
                    let level = Level::new();
                    for found in [
                        level.as_sse2().map(|simd| at_once(simd, &text)),
                        level.as_sse4_2().map(|simd| at_once(simd, &text)),
                        level.as_avx2().map(|simd| at_once(simd, &text)),
                        level.as_avx512().map(|simd| at_once(simd, &text)),
                    ].into_iter().flatten() {
                        prop_assert_eq!(&found, &expected);
                    }
                }
                prop_assert_eq!(in_stretches(&text), expected);
            }
        }

        #[test]
        fn what_lies_between_brackets_is_stepped_over(
            before in "[a-z ]{0,70}", inner in proptest::collection::vec("[a-z,:]{0,9}|\"[a-z{}]{0,9}\"|\\{\\}|\\[", 0..40),
            repeated in 1..60usize, behind in "(\"[a-z]{0,70}\"){0,3}",
        ) {
            // Inner brackets are closed in the end; the whole may take several stretches.
            let inner = inner.concat().repeat(repeated);
            let open: usize = slowly(&inner).unwrap().1.iter().map(|(_, opens)| usize::from(*opens)).sum();
            let close = open - slowly(&inner).unwrap().1.iter().filter(|(_, opens)| !opens).count();
            let text = format!("{before}{{{inner}{}}}{behind}", "]".repeat(close));
            let mut marks = Marks::of(&text).unwrap();
            prop_assert_eq!(marks.over(before.len()), Ok(text.len() - behind.len() - 1));
            let quotes: Vec<usize> =
                std::iter::from_fn(|| marks.pair().ok()).flatten().map(Quote::place).collect();
            let expected: Vec<usize> = behind.bytes().enumerate().filter(|(_, byte)| *byte == b'"')
                .map(|(at, _)| text.len() - behind.len() + at).collect();
            prop_assert_eq!(quotes, expected);
        }
    }

    #[test]
    fn stretches_hang_together() {
        // The text's pieces end in other places of each stretch.
        let text: String = (0..STRETCH).map(|at| ["\"a\\\"}b\"", "{", "\"\\\\\"", "]", "x", "\"{\""][at % 6]).collect();
        assert!(text.len() > 2 * STRETCH);
        assert_eq!(in_stretches(&text), slowly(&text));
        let mut marks = Marks::of(&text).unwrap();
        let quotes = std::iter::from_fn(|| marks.pair().ok()).flatten().map(|quote| (quote.place(), quote.has_escapes()));
        assert_eq!(Some(quotes.collect()), slowly(&text).map(|told| told.0));
    }

    #[test]
    fn brackets_that_do_not_close_are_odd() {
        let long = format!("{{{}", "[]".repeat(STRETCH));
        for text in ["{", "{[]", "{\"}\"", long.as_str()] {
            assert_eq!(Marks::of(text).unwrap().over(0), Err(Odd), "{}", text.len());
        }
    }
}
