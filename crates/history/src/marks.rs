//! Where the quotes and brackets of a JSON text are, found 64 bytes at a time.
//!
//! The first of the two steps of the quick way; the second (`scan`) goes from mark to mark and looks at nothing between them.
//! Brackets within texts are no marks, nor are quotes behind a backslash. A text is marked in stretches, so that memory stays small.

use fearless_simd::{Level, Simd, dispatch, mask8x64, prelude::*, u8x64};

use crate::scan::Odd;

const BLOCK: usize = 64;
/// So many bytes are marked at a time.
const STRETCH: usize = 16 << 10;
/// Set in the mark of a quote that ends a text with backslashes.
const ESCAPES: u32 = 1 << 31;

/// A quote or a bracket.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark(u32);

impl Mark {
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

/// The marks of a text, in order.
#[derive(Debug)]
pub(crate) struct Marks<'t> {
    /// What is not yet marked.
    rest: &'t [u8],
    border: Border,
    level: Level,
    /// The marks of the last stretch are the first so many of these.
    found: Vec<Mark>,
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
}

impl<'t> Marks<'t> {
    /// Of a text of less than 2 GiB; nothing is looked at yet.
    pub(crate) fn of(text: &'t str) -> Result<Marks<'t>, Odd> {
        if text.len() >= ESCAPES as usize {
            return Err(Odd);
        }
        let found = vec![Mark::default(); text.len().min(STRETCH) + 2 * BLOCK];
        Ok(Marks { rest: text.as_bytes(), border: Border::default(), level: Level::new(), found, count: 0, next: 0 })
    }

    /// Steps to the next mark; it is odd that there is none.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<Mark, Odd> {
        if self.next == self.count {
            self.more()?;
        }
        let mark = self.found.get(self.next).ok_or(Odd)?;
        self.next += 1;
        Ok(*mark)
    }

    /// Steps to the next two marks, such as the quotes of a text.
    #[inline]
    pub(crate) fn pair(&mut self) -> Result<[Mark; 2], Odd> {
        if let Some(pair) = self.found.get(self.next..self.count).and_then(|ahead| ahead.first_chunk()) {
            self.next += 2;
            return Ok(*pair);
        }
        Ok([self.step()?, self.step()?])
    }

    /// The marks of this stretch that are not yet stepped over; none is odd.
    #[inline]
    pub(crate) fn ahead(&mut self) -> Result<&[Mark], Odd> {
        if self.next == self.count {
            self.more()?;
        }
        self.found.get(self.next..self.count).ok_or(Odd)
    }

    /// Steps over so many of them.
    #[inline]
    pub(crate) fn step_over(&mut self, marks: usize) {
        self.next += marks;
    }

    /// Marks stretches until there is a mark.
    #[cold]
    fn more(&mut self) -> Result<(), Odd> {
        (self.next, self.count) = (0, 0);
        while self.count == 0 {
            if self.rest.is_empty() {
                return Err(Odd);
            }
            let (stretch, rest) = self.rest.split_at_checked(STRETCH).unwrap_or((self.rest, &[]));
            self.rest = rest;
            let (found, border) = (self.found.as_mut_slice(), &mut self.border);
            self.count = dispatch!(self.level, simd => mark(simd, stretch, border, found)).ok_or(Odd)?;
        }
        Ok(())
    }
}

/// Marks a stretch; says how many marks there are. None when a text has a byte that it cannot have.
#[inline(always)]
fn mark<S: Simd>(simd: S, stretch: &[u8], border: &mut Border, marks: &mut [Mark]) -> Option<usize> {
    let (blocks, end) = stretch.as_chunks::<BLOCK>();
    let (mut count, mut wrong) = (0, 0);
    for block in blocks {
        count += mark_block(simd, block, border, &mut wrong, marks.get_mut(count..)?)?;
    }
    if !end.is_empty() {
        let mut block = [b' '; BLOCK];
        block.iter_mut().zip(end).for_each(|(to, from)| *to = *from);
        count += mark_block(simd, &block, border, &mut wrong, marks.get_mut(count..)?)?;
    }
    (wrong == 0).then_some(count)
}

#[inline(always)]
fn mark_block<S: Simd>(simd: S, block: &[u8; BLOCK], border: &mut Border, wrong: &mut u64, marks: &mut [Mark]) -> Option<usize> {
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
    *wrong |= bytes.simd_lt(0x20).to_bitmask() & within;
    // `[` and `{`, and `]` and `}`, differ in this bit, which no other byte that counts lacks.
    let curly = bytes | u8x64::splat(simd, 0x20);
    let brackets = (curly.simd_eq(b'{') | curly.simd_eq(b'}')).to_bitmask() & !within;
    let found = quotes | brackets;
    let count = found.count_ones() as usize;
    let room = marks.first_chunk_mut::<BLOCK>()?.as_chunks_mut::<16>().0;
    // More than there are, rather than asking after each one.
    if packs(simd) {
        let all = u8x64::from_fn(simd, |place| u8::try_from(place).unwrap_or_default());
        let places: [u8; BLOCK] = all.compress(mask8x64::from_bitmask(simd, found)).into();
        for ((some, places), from) in room.iter_mut().zip(places.as_chunks::<16>().0).zip([0, 16, 32, 48]) {
            if from >= count {
                break;
            }
            for (mark, place) in some.iter_mut().zip(places) {
                *mark = Mark(before.place.wrapping_add(u32::from(*place)));
            }
        }
    } else {
        let mut left = found;
        for some in room {
            if left == 0 {
                break;
            }
            for mark in some {
                *mark = Mark(before.place.wrapping_add(left.trailing_zeros()));
                left &= left.wrapping_sub(1);
            }
        }
    }
    border.place = before.place.wrapping_add(64);
    if before.has_escapes || backslashes != 0 {
        border.has_escapes = before.has_escapes;
        flag(marks.get_mut(..count)?, quotes, within, backslashes, &mut border.has_escapes);
    }
    Some(count)
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
fn flag(marks: &mut [Mark], quotes: u64, within: u64, backslashes: u64, has_escapes: &mut bool) {
    let mut from = 0;
    for mark in marks {
        let bit = mark.0 % 64;
        if quotes >> bit & 1 == 0 {
            continue;
        }
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

    /// The marks of a text, a byte after the other: where, and whether it ends a text with backslashes.
    fn slowly(text: &str) -> Option<Vec<(usize, bool)>> {
        let (mut marks, mut within, mut escaped, mut has_escapes) = (Vec::new(), false, false, false);
        for (at, byte) in text.bytes().enumerate() {
            let is_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' => {
                    escaped = !is_escaped;
                    has_escapes |= within;
                }
                b'"' if !is_escaped => {
                    marks.push((at, within && has_escapes));
                    (within, has_escapes) = (!within, false);
                }
                b'{' | b'[' | b'}' | b']' if !within => marks.push((at, false)),
                0..0x20 if within => return None,
                _ => {}
            }
        }
        Some(marks)
    }

    fn told(marks: &[Mark]) -> Vec<(usize, bool)> {
        marks.iter().map(|mark| (mark.place(), mark.has_escapes())).collect()
    }

    /// The marks of a text that is one stretch, on one level of instructions.
    fn at_once<S: Simd>(simd: S, text: &str) -> Option<Vec<(usize, bool)>> {
        let mut marks = vec![Mark::default(); text.len() + 2 * BLOCK];
        let count = simd.vectorize(
            #[inline(always)]
            || mark(simd, text.as_bytes(), &mut Border::default(), &mut marks),
        )?;
        Some(told(&marks[..count]))
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
                let mut found = Vec::new();
                let mut marks = Marks::of(&text).unwrap();
                while let Ok(mark) = marks.step() {
                    found.push(mark);
                }
                prop_assert_eq!(told(&found), expected.unwrap_or_default());
            }
        }
    }

    #[test]
    fn stretches_hang_together() {
        // The text's pieces end in other places of each stretch.
        let text: String = (0..STRETCH).map(|at| ["\"a\\\"}b\"", "{", "\"\\\\\"", "]", "x", "\"{\""][at % 6]).collect();
        let mut marks = Marks::of(&text).unwrap();
        let mut found = Vec::new();
        while let Ok(pair) = marks.pair() {
            found.extend(pair);
        }
        assert!(text.len() > 2 * STRETCH);
        assert_eq!(Some(told(&found)), slowly(&text));
    }
}
