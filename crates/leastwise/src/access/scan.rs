//! Finds the pages, lists and elements of an export without building a tree of the whole text.
//!
//! First step of the account reader: an export may be larger than any document that is read in one piece, and half of
//! one is still worth reading. It only finds where values begin and end; what is in them is read by others.

use leastwise_policy::json::{Position, Span};

/// One page: an object at the top of the text, or in a list at its top.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The members of the page, in order: key (as spelled between its quotes) and value.
    pub(super) members: Vec<(Span, Value)>,
    /// Where the text stopped making sense, and what was wanted there. Members before it are whole.
    pub(super) broken: Option<(usize, &'static str)>,
}

/// A member's value, as far as it is looked into here.
#[derive(Debug)]
pub(super) enum Value {
    /// A list, with the spans of its elements.
    List(Vec<Span>),
    /// Anything else.
    Other(Span),
}

/// The pages of `text`: objects one after the other, or in one list. A text without any object gives one broken page.
pub(super) fn pages(text: &str) -> Vec<Page> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let mut pages = Vec::new();
    let listed = scanner.take(b'[');
    loop {
        match scanner.peek() {
            Some(b'{') => {
                let page = scanner.page();
                let broken = page.broken.is_some();
                pages.push(page);
                if broken {
                    return pages;
                }
            }
            Some(b',') if listed && !pages.is_empty() => scanner.at += 1,
            Some(b']') if listed => return pages,
            None if !listed && !pages.is_empty() => return pages,
            None => {
                let wanted = if listed { "`]`" } else { "an object" };
                pages.push(Page { broken: Some((scanner.at, wanted)), ..Page::default() });
                return pages;
            }
            Some(_) => {
                pages.push(Page { broken: Some((scanner.at, "an object")), ..Page::default() });
                return pages;
            }
        }
    }
}

struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
}

type Broken = (usize, &'static str);

impl Scanner<'_> {
    /// The next byte that is no white space; `at` stands on it.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn page(&mut self) -> Page {
        let mut page = Page::default();
        self.at += 1;
        if self.take(b'}') {
            return page;
        }
        loop {
            match self.member(&mut page.members) {
                Ok(()) if self.take(b',') => {}
                Ok(()) if self.take(b'}') => return page,
                Ok(()) => {
                    page.broken = Some((self.at, "`,` or `}`"));
                    return page;
                }
                Err(broken) => {
                    page.broken = Some(broken);
                    return page;
                }
            }
        }
    }

    fn member(&mut self, members: &mut Vec<(Span, Value)>) -> Result<(), Broken> {
        if self.peek() != Some(b'"') {
            return Err((self.at, "a key in double quotes"));
        }
        let start = self.at;
        self.value()?;
        let key = Span { start: start + 1, end: self.at - 1 };
        if !self.take(b':') {
            return Err((self.at, "`:`"));
        }
        if self.peek() != Some(b'[') {
            let start = self.at;
            self.value()?;
            members.push((key, Value::Other(Span { start, end: self.at })));
            return Ok(());
        }
        self.at += 1;
        let mut elements = Vec::new();
        let ended = self.elements(&mut elements);
        // Also when the list breaks off: the elements before that are whole.
        members.push((key, Value::List(elements)));
        ended
    }

    fn elements(&mut self, elements: &mut Vec<Span>) -> Result<(), Broken> {
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.peek();
            let start = self.at;
            self.value()?;
            elements.push(Span { start, end: self.at });
            if self.take(b',') {
                continue;
            }
            return if self.take(b']') { Ok(()) } else { Err((self.at, "`,` or `]`")) };
        }
    }

    /// Steps over one value. Inside it only strings and brackets are told apart.
    fn value(&mut self) -> Result<(), Broken> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.bytes.get(self.at) {
                None => return Err((start, "a value that has an end")),
                Some(b'"') => self.string(start)?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if depth == 0 => {
                    return if self.at > start { Ok(()) } else { Err((start, "a value")) };
                }
                Some(b'}' | b']') => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth == 0 => {
                    return if self.at > start { Ok(()) } else { Err((start, "a value")) };
                }
                Some(_) if depth == 0 => {
                    // A number or a word: up to what cannot be part of one.
                    while self.bytes.get(self.at).is_some_and(|b| !b" \t\n\r,:]}\"[{".contains(b)) {
                        self.at += 1;
                    }
                    return if self.at > start { Ok(()) } else { Err((start, "a value")) };
                }
                Some(_) => self.at += 1,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string(&mut self, start: usize) -> Result<(), Broken> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err((start, "a value that has an end")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }
}

/// Turns offsets of one text into places, each counted on from the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    offset: usize,
    line: usize,
    column: usize,
}

impl Places {
    pub(super) fn new() -> Places {
        Places { offset: 0, line: 1, column: 1 }
    }

    /// The place of byte `offset` of `text`; cheap when offsets come in rising order.
    pub(super) fn of(&mut self, text: &str, offset: usize) -> Position {
        if offset < self.offset {
            *self = Places::new();
        }
        for byte in text.as_bytes().get(self.offset..offset.min(text.len())).unwrap_or_default() {
            match byte {
                b'\n' => (self.line, self.column) = (self.line + 1, 1),
                0x80..0xC0 => {}
                _ => self.column += 1,
            }
            self.offset += 1;
        }
        let mark = usize::from(self.line == 1 && self.offset > 0 && text.starts_with('\u{feff}'));
        Position { line: self.line, column: self.column - mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for page in pages(text) {
            for (key, value) in &page.members {
                let value = match value {
                    Value::List(spans) => spans.iter().map(|s| s.of(text)).collect::<Vec<_>>().join(" | "),
                    Value::Other(span) => span.of(text).to_owned(),
                };
                lines.push(format!("{}={value}", key.of(text)));
            }
            lines.push(page.broken.map_or("whole".to_owned(), |(at, wanted)| format!("broken at {at}, wanted {wanted}")));
        }
        lines
    }

    #[test]
    fn pages_stand_one_after_the_other_or_in_a_list() {
        let expected = ["A={\"x\":[1]} | \"]\" | 3", "B=true", "whole", "whole"];
        assert_eq!(outline("{\"A\": [{\"x\":[1]}, \"]\", 3], \"B\": true} {}"), expected);
        assert_eq!(outline("[{\"A\": [{\"x\":[1]}, \"]\", 3], \"B\": true}, {}]"), expected);
    }

    #[test]
    fn what_stands_before_a_break_is_kept() {
        assert_eq!(outline(r#"{"A":[{"x":1},{"x":"#), ["A={\"x\":1}", "broken at 14, wanted a value that has an end"]);
        assert_eq!(outline(r#"{"A":[1] "B":2}"#), ["A=1", "broken at 9, wanted `,` or `}`"]);
        assert_eq!(outline(""), ["broken at 0, wanted an object"]);
        assert_eq!(outline("[{}"), ["whole", "broken at 3, wanted `]`"]);
        assert_eq!(outline("{\"A\":}"), ["broken at 5, wanted a value"]);
    }

    #[test]
    fn every_beginning_of_a_text_is_scanned_to_an_end() {
        let text = "[{\"A\\\"\": [{\"é\":[1, {\"b\": \"}\"}]}, \"\\\\\", null], \"B\": -1.5e3}, {\"C\": []}]";
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let pages = pages(&text[..cut]);
            assert!(pages.last().is_some_and(|page| page.broken.is_some()), "{cut}");
        }
        assert!(pages(text).iter().all(|page| page.broken.is_none()));
    }

    #[test]
    fn places_are_those_of_the_document_reader() {
        let text = "\u{feff}{\"é\":\n \"ü\",\r\n\n x}";
        let mut places = Places::new();
        for offset in (0..text.len()).chain([3, 9, 1]).filter(|o| text.is_char_boundary(*o)) {
            assert_eq!(places.of(text, offset), Position::of(text, offset), "{offset}");
        }
    }
}
