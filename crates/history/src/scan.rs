//! Steps through JSON text forwards, by maps of where its texts and brackets are, 64 bytes at a time.
//!
//! The ground of the quick way (`whole`): what nobody asks for is passed over without being looked into. It is stricter than
//! it need be where it looks and blind where it does not, so whoever uses it must have a careful way for what is [`Odd`].

use std::borrow::Cow;

use wide::u8x16;

/// The text is not what was expected at this place; a careful reader may know more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Odd;

const BLOCK: usize = 64;

/// Where things are in one block, a bit a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Map {
    /// Quotes that begin or end a text.
    quotes: u64,
    backslashes: u64,
    /// `{` and `[` outside of texts.
    opens: u64,
    /// `}` and `]` outside of texts.
    closes: u64,
}

/// A place in a text, and the map around it.
#[derive(Debug)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// The number of the block that the map is of.
    block: usize,
    map: Map,
    /// All bits when the block ends within a text.
    within: u64,
    /// One when the block's last byte is a backslash that escapes the next one.
    escape: u64,
    /// Whether the text that was stepped over last has escapes.
    has_escapes: bool,
}

/// The bytes of a block that equal one of these.
struct Bits {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
    controls: u64,
}

impl Bits {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Bits {
        let quarter = |at: usize| {
            let quarter = block.get(at..).and_then(|rest| rest.first_chunk::<16>());
            u8x16::new(quarter.copied().unwrap_or_default())
        };
        let quarters = [quarter(0), quarter(16), quarter(32), quarter(48)];
        let bits = |quarters: [u8x16; 4]| {
            let [a, b, c, d] = quarters.map(|quarter| u64::from(quarter.to_bitmask()));
            a | b << 16 | c << 32 | d << 48
        };
        // Rare ones are looked for all at once first.
        let rare = |quarters: [u8x16; 4]| {
            let [a, b, c, d] = quarters;
            if ((a | b) | (c | d)).to_bitmask() == 0 { 0 } else { bits(quarters) }
        };
        // `[` and `{`, and `]` and `}`, differ in this bit, which no other byte that counts lacks.
        let curly = quarters.map(|bytes| bytes | u8x16::splat(0x20));
        Bits {
            quotes: bits(quarters.map(|bytes| bytes.simd_eq(u8x16::splat(b'"')))),
            backslashes: rare(quarters.map(|bytes| bytes.simd_eq(u8x16::splat(b'\\')))),
            opens: bits(curly.map(|bytes| bytes.simd_eq(u8x16::splat(b'{')))),
            closes: bits(curly.map(|bytes| bytes.simd_eq(u8x16::splat(b'}')))),
            controls: rare(quarters.map(|bytes| bytes.min(u8x16::splat(0x1f)).simd_eq(bytes))),
        }
    }
}

impl<'t> Scanner<'t> {
    /// At the beginning of a text.
    pub(crate) fn new(text: &'t str) -> Result<Scanner<'t>, Odd> {
        let mut scanner = Scanner { text, at: 0, block: 0, map: Map::default(), within: 0, escape: 0, has_escapes: false };
        scanner.look()?;
        Ok(scanner)
    }

    /// Makes the map of the block whose number is set.
    fn look(&mut self) -> Result<(), Odd> {
        let rest = self.text.as_bytes().get(self.block * BLOCK..).unwrap_or_default();
        let bits = match rest.first_chunk::<BLOCK>() {
            Some(block) => Bits::of(block),
            None if rest.is_empty() => return Err(Odd),
            None => {
                let mut block = [b' '; BLOCK];
                block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                Bits::of(&block)
            }
        };
        let mut escaped = self.escape;
        self.escape = 0;
        let mut left = bits.backslashes & !escaped;
        while left != 0 {
            let one = left & left.wrapping_neg();
            let next = one << 1;
            self.escape = u64::from(next == 0);
            escaped |= next;
            left &= !(one | next);
        }
        let quotes = bits.quotes & !escaped;
        // A bit for each byte from a quote that begins a text up to the one that ends it.
        let mut within = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            within ^= within << shift;
        }
        within ^= self.within;
        self.within = 0u64.wrapping_sub(within >> 63);
        self.map = Map { quotes, backslashes: bits.backslashes, opens: bits.opens & !within, closes: bits.closes & !within };
        // A line's end within a text, or another such byte, is damage.
        if bits.controls & within != 0 { Err(Odd) } else { Ok(()) }
    }

    /// Makes the map of the block that the place is in.
    fn catch_up(&mut self) -> Result<(), Odd> {
        while self.block < self.at / BLOCK {
            self.block += 1;
            self.look()?;
        }
        Ok(())
    }

    #[inline]
    fn here(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over blanks; gives the byte behind them without stepping over it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        match self.here() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.behind_blanks(),
        }
    }

    #[cold]
    fn behind_blanks(&mut self) -> Option<u8> {
        loop {
            match self.here() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Steps over blanks and this byte.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.take(byte) { Ok(()) } else { Err(Odd) }
    }

    /// Steps over the byte when it is the next one.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Steps over a text, behind its first quote; gives where it ends.
    #[inline]
    fn end_text(&mut self) -> Result<usize, Odd> {
        let from = u64::MAX << (self.at % BLOCK);
        let quotes = self.map.quotes & from;
        if self.at / BLOCK == self.block && quotes != 0 {
            let end = quotes.trailing_zeros();
            self.has_escapes = self.map.backslashes & from & !(u64::MAX << end) != 0;
            self.at = self.block * BLOCK + end as usize + 1;
            return Ok(self.at - 1);
        }
        self.end_far_text()
    }

    /// The same for a text that ends in another block.
    fn end_far_text(&mut self) -> Result<usize, Odd> {
        self.catch_up()?;
        let from = u64::MAX << (self.at % BLOCK);
        let (mut quotes, mut backslashes, mut escapes) = (self.map.quotes & from, self.map.backslashes & from, 0);
        while quotes == 0 {
            escapes |= backslashes;
            self.block += 1;
            self.look()?;
            (quotes, backslashes) = (self.map.quotes, self.map.backslashes);
        }
        let end = quotes.trailing_zeros();
        self.has_escapes = escapes | (backslashes & !(u64::MAX << end)) != 0;
        self.at = self.block * BLOCK + end as usize + 1;
        Ok(self.at - 1)
    }

    /// Steps over a text and gives what it means.
    pub(crate) fn text(&mut self) -> Result<Cow<'t, str>, Odd> {
        self.expect(b'"')?;
        let from = self.at;
        let to = self.end_text()?;
        let raw = self.text.get(from..to).ok_or(Odd)?;
        if !self.has_escapes {
            return Ok(Cow::Borrowed(raw));
        }
        serde_json::from_str(&format!("\"{raw}\"")).map(Cow::Owned).map_err(|_| Odd)
    }

    /// Steps over what stands where a text is expected: a text without escapes, a number or a truth value as its spelling;
    /// `null` is empty.
    pub(crate) fn spelling(&mut self) -> Result<&'t str, Odd> {
        if self.take(b'"') {
            let from = self.at;
            let to = self.end_text()?;
            return if self.has_escapes { Err(Odd) } else { self.text.get(from..to).ok_or(Odd) };
        }
        let word = self.word()?;
        let is_number =
            word.len() < 20 && word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        match word {
            "null" => Ok(""),
            "true" | "false" => Ok(word),
            _ if is_number => Ok(word),
            _ => Err(Odd),
        }
    }

    fn word(&mut self) -> Result<&'t str, Odd> {
        let from = self.at;
        while self.here().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            self.at += 1;
        }
        self.text.get(from..self.at).filter(|word| !word.is_empty()).ok_or(Odd)
    }

    /// Whether the value at hand is `null`, which is stepped over.
    pub(crate) fn take_null(&mut self) -> Result<bool, Odd> {
        match self.peek() {
            Some(b'n') => self.word().and_then(|word| if word == "null" { Ok(true) } else { Err(Odd) }),
            _ => Ok(false),
        }
    }

    /// Steps over a value, whatever it is; gives its text.
    pub(crate) fn value(&mut self) -> Result<&'t str, Odd> {
        self.peek();
        let from = self.at;
        self.skip()?;
        self.text.get(from..self.at).ok_or(Odd)
    }

    /// Steps over a value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<(), Odd> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.end_text().map(drop)
            }
            Some(b'{' | b'[') => self.brackets(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.word().map(drop),
            _ => Err(Odd),
        }
    }

    /// Steps over brackets and all between them.
    fn brackets(&mut self) -> Result<(), Odd> {
        self.catch_up()?;
        let mut from = u64::MAX << (self.at % BLOCK);
        let mut depth = 0u32;
        loop {
            let (opens, closes) = (self.map.opens & from, self.map.closes & from);
            if depth > closes.count_ones() {
                // It cannot end here.
                depth = depth + opens.count_ones() - closes.count_ones();
            } else {
                let mut left = opens | closes;
                while left != 0 {
                    let one = left & left.wrapping_neg();
                    if opens & one != 0 {
                        depth += 1;
                    } else {
                        depth = depth.checked_sub(1).ok_or(Odd)?;
                        if depth == 0 {
                            self.at = self.block * BLOCK + one.trailing_zeros() as usize + 1;
                            return Ok(());
                        }
                    }
                    left ^= one;
                }
            }
            self.block += 1;
            self.look()?;
            from = u64::MAX;
        }
    }

    /// Steps through an object; `member` is called behind each name and colon, and must step over the value. A name that is
    /// written with escapes may be any, and is odd.
    #[inline]
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Scanner<'t>, &'t [u8]) -> Result<(), Odd>) -> Result<(), Odd> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.expect(b'"')?;
            let from = self.at;
            let to = self.end_text()?;
            let name = self.text.as_bytes().get(from..to).filter(|_| !self.has_escapes).ok_or(Odd)?;
            self.expect(b':')?;
            member(self, name)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Steps through a list; `item` must step over each item.
    pub(crate) fn list(&mut self, mut item: impl FnMut(&mut Scanner<'t>) -> Result<(), Odd>) -> Result<(), Odd> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Steps over the value of the one member and says what it was.
    fn value_in(text: &str) -> Result<String, Odd> {
        let mut told = String::new();
        let mut scanner = Scanner::new(text)?;
        scanner.object(|scanner, name| {
            told = format!("{}={}", String::from_utf8_lossy(name), scanner.value()?);
            Ok(())
        })?;
        if scanner.is_at_end() { Ok(told) } else { Err(Odd) }
    }

    #[test]
    fn a_value_ends_where_it_ends_wherever_the_blocks_are() {
        for value in
            [r#""x""#, r#""\"}\\""#, "{}", r#"{"a":["}",{"b\\":"]"}],"c":{}}"#, "[[[],[]]]", "-1.5e3", "null", r#""é\\\\""#]
        {
            for blanks in 0..140 {
                let text =
                    format!("{}{{\"k\" :{} {value}{}}}", " ".repeat(blanks), " ".repeat(blanks % 7), " ".repeat(blanks % 5));
                assert_eq!(value_in(&text), Ok(format!("k={value}")), "{blanks}");
            }
        }
    }

    #[test]
    fn what_is_no_json_where_it_looks_is_odd() {
        for text in [
            "",
            " ",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":"x}"#,
            r#"{"a":[1,2}"#,
            r#"{"a":1 2}"#,
            "{\"a\":\"x\ny\"}",
            "{} x",
            r#"{"a":x}"#,
            r#"{a:1}"#,
            r#"{"\u0061":1}"#,
        ] {
            assert_eq!(value_in(text), Err(Odd), "{text}");
        }
    }

    #[test]
    fn only_what_is_spelled_soundly_is_taken_for_a_text() {
        fn spelling(text: &str) -> Result<&str, Odd> {
            Scanner::new(text)?.spelling()
        }
        assert_eq!(
            (spelling("12"), spelling("true"), spelling("null"), spelling("\"é\"")),
            (Ok("12"), Ok("true"), Ok(""), Ok("é"))
        );
        for text in ["007", "-1", "1.5", "nul", "{}", r#""\u0041""#] {
            assert_eq!(spelling(text), Err(Odd), "{text}");
        }
        assert_eq!(Scanner::new(r#""a\u0041\/""#).unwrap().text().as_deref(), Ok("aA/"));
        assert_eq!(Scanner::new(r#""\x""#).unwrap().text(), Err(Odd));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\\\[\\]{}:,\u{1}\né ]{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("[a-z\"\\\\{]{0,12}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_stepped_over_and_its_members_are_found(value in json(), pretty in any::<bool>()) {
            let value = serde_json::json!({ "first": value, "last": [value] });
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut members = Vec::new();
            let mut scanner = Scanner::new(&text).unwrap();
            scanner.object(|scanner, name| {
                members.push((String::from_utf8(name.to_vec()).unwrap(), serde_json::from_str::<Value>(scanner.value()?).unwrap()));
                Ok(())
            }).unwrap();
            prop_assert!(scanner.is_at_end());
            let expected: Vec<(String, Value)> = value.as_object().unwrap().clone().into_iter().collect();
            prop_assert_eq!(members, expected);
        }
    }
}
