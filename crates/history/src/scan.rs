//! Steps through JSON text forwards, from quote to quote and from bracket to bracket.
//!
//! The ground of the quick way (`whole`): what nobody asks for is passed over without being looked into. It is stricter than
//! it need be where it looks and blind where it does not, so whoever uses it must have a careful way for what is [`Odd`].

use std::borrow::Cow;
use std::ops::Range;

use crate::marks::Marks;

/// The text is not what was expected at this place; a careful reader may know more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Odd;

/// A place in a text, and the marks behind it.
#[derive(Debug)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// The next quote is the first one at the place or behind it.
    marks: Marks<'t>,
}

impl<'t> Scanner<'t> {
    /// At the beginning of a text.
    pub(crate) fn new(text: &'t str) -> Result<Scanner<'t>, Odd> {
        Ok(Scanner { text, at: 0, marks: Marks::of(text)? })
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

    /// Steps over blanks and this byte, which is no quote.
    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.take(byte) { Ok(()) } else { Err(Odd) }
    }

    /// Steps over the byte, which is no quote, when it is the next one.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Steps over a text that begins here, where its first quote was seen; gives where what stands between its quotes is.
    #[inline(always)]
    fn quoted(&mut self) -> Result<(Range<usize>, bool), Odd> {
        let [open, close] = self.marks.pair()?;
        if open.place() != self.at {
            return Err(Odd);
        }
        self.at = close.place() + 1;
        Ok((open.place() + 1..close.place(), close.has_escapes()))
    }

    /// Steps over a text and gives what it means.
    pub(crate) fn text(&mut self) -> Result<Cow<'t, str>, Odd> {
        if self.peek() != Some(b'"') {
            return Err(Odd);
        }
        let (place, has_escapes) = self.quoted()?;
        let raw = self.text.get(place).ok_or(Odd)?;
        if !has_escapes {
            return Ok(Cow::Borrowed(raw));
        }
        serde_json::from_str(&format!("\"{raw}\"")).map(Cow::Owned).map_err(|_| Odd)
    }

    /// Steps over what stands where a text is expected: a text without escapes, a number or a truth value as its spelling;
    /// `null` is empty.
    pub(crate) fn spelling(&mut self) -> Result<&'t str, Odd> {
        if self.peek() == Some(b'"') {
            let (place, has_escapes) = self.quoted()?;
            return if has_escapes { Err(Odd) } else { self.text.get(place).ok_or(Odd) };
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
                let [_, close] = self.marks.pair()?;
                self.at = close.place() + 1;
                Ok(())
            }
            Some(b'{' | b'[') => {
                self.at = self.marks.over(self.at)? + 1;
                Ok(())
            }
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.word().map(drop),
            _ => Err(Odd),
        }
    }

    /// Steps over the name of a member and the colon behind it.
    #[inline(always)]
    fn name(&mut self) -> Result<&'t [u8], Odd> {
        if self.peek() != Some(b'"') {
            return Err(Odd);
        }
        let (place, has_escapes) = self.quoted()?;
        self.expect(b':')?;
        if has_escapes { Err(Odd) } else { self.text.as_bytes().get(place).ok_or(Odd) }
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
            let name = self.name()?;
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
