//! Cuts a stream of JSON into records without holding more than one of them.
//!
//! Knows `{"Records":[…]}`, `{"Events":[…]}` and `{"events":[…]}`, lists, and values one after the other (NDJSON), pretty-printed or
//! not. It only finds where records begin and end; what is in them is read by `record`. A record that is broken ends at
//! the next line that begins a new one, if there is such a line; too long a one is passed over.

use std::io::{ErrorKind, Read};

/// What could not be cut.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// This record; others may follow.
    Record(String),
    /// The file as a whole, or what stands between its records.
    File(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between records.
    Between,
    /// Between records, in text that is no record.
    Garbage,
    /// In a record, outside of strings.
    Inside,
    /// In a string of a record.
    String,
    /// Behind a backslash in a string.
    Escape,
    /// Nothing comes any more.
    Ended,
}

pub(crate) struct Splitter<R> {
    input: R,
    block: Vec<u8>,
    /// The part of the block that is not yet looked at.
    at: usize,
    end: usize,
    item: Vec<u8>,
    /// Whether the item's text is passed over, because it is a wrapper or too long.
    dropped: bool,
    too_long: bool,
    max: usize,
    place: Place,
    /// Lists that are open around the records; true for one that is a member of a wrapper.
    lists: Vec<bool>,
    depth: usize,
    /// Whether the item turned out to be a wrapper of a list.
    wrapper: bool,
    /// At depth 1: where in the item the last string begins and ends, and whether a colon followed it.
    key: (usize, usize, bool),
    at_line_start: bool,
}

const BLOCK: usize = 256 << 10;
const WRAPPERS: [&[u8]; 4] = [b"\"Records\"", b"\"Events\"", b"\"records\"", b"\"events\""];

impl<R: Read> Splitter<R> {
    pub(crate) fn new(input: R, max: usize) -> Splitter<R> {
        Splitter {
            input,
            block: vec![0; BLOCK],
            at: 0,
            end: 0,
            item: Vec::new(),
            dropped: false,
            too_long: false,
            max,
            place: Place::Between,
            lists: Vec::new(),
            depth: 0,
            wrapper: false,
            key: (0, 0, false),
            at_line_start: true,
        }
    }

    /// The next record's text, or what is broken; none at the end.
    pub(crate) fn next_item(&mut self) -> Option<Result<&[u8], Broken>> {
        loop {
            if self.place == Place::Ended {
                return None;
            }
            if self.at == self.end {
                match self.input.read(&mut self.block) {
                    Ok(0) => return self.finish(None),
                    Ok(read) => (self.at, self.end) = (0, read),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return self.finish(Some(error.to_string())),
                }
            }
            match self.place {
                Place::Between | Place::Garbage => {
                    if let Some(broken) = self.between() {
                        return Some(Err(broken));
                    }
                }
                _ => {
                    if let Some(whole) = self.inside() {
                        return Some(whole.map(|()| self.item.as_slice()));
                    }
                }
            }
        }
    }

    fn finish(&mut self, error: Option<String>) -> Option<Result<&[u8], Broken>> {
        let open = !matches!(self.place, Place::Between | Place::Garbage) && !self.wrapper;
        let lists = !self.lists.is_empty() || self.wrapper;
        self.place = Place::Ended;
        let ending = error.map(|error| format!("cannot be read further: {error}"));
        match (open, ending) {
            (true, Some(ending)) => Some(Err(Broken::File(format!("{ending}; a record is cut off there")))),
            (true, None) => Some(Err(Broken::Record("is cut off at the end of the file".to_owned()))),
            (false, Some(ending)) => Some(Err(Broken::File(ending))),
            (false, None) if lists => Some(Err(Broken::File("ends before its list of records does".to_owned()))),
            (false, None) => None,
        }
    }

    fn rest(&self) -> &[u8] {
        self.block.get(self.at..self.end).unwrap_or_default()
    }

    /// Steps over what stands between records, up to the beginning of one.
    fn between(&mut self) -> Option<Broken> {
        while let Some(byte) = self.rest().first().copied() {
            match byte {
                b'{' => {
                    self.start();
                    return None;
                }
                b'[' => {
                    self.lists.push(false);
                    self.place = Place::Between;
                }
                b']' => {
                    self.place = Place::Between;
                    match self.lists.pop() {
                        Some(false) => {}
                        Some(true) => {
                            // Back in the wrapper, behind its list.
                            self.at += 1;
                            // What follows is kept until its names are known: there may be another list.
                            self.start();
                            (self.depth, self.wrapper) = (1, true);
                            return None;
                        }
                        None => {
                            self.at += 1;
                            return Some(Broken::File("has a `]` that closes nothing".to_owned()));
                        }
                    }
                }
                b' ' | b'\t' | b'\r' | b',' => {}
                b'\n' => self.place = Place::Between,
                _ if self.place == Place::Garbage => {}
                _ => {
                    self.place = Place::Garbage;
                    let shown = char::from(byte).escape_default();
                    self.at += 1;
                    return Some(Broken::File(format!("has `{shown}` where a record is expected")));
                }
            }
            self.at += 1;
        }
        None
    }

    fn start(&mut self) {
        self.item.clear();
        (self.place, self.depth, self.dropped, self.too_long, self.wrapper) = (Place::Inside, 0, false, false, false);
        (self.key, self.at_line_start) = ((0, 0, false), false);
    }

    fn keep(&mut self, from: usize, to: usize) {
        if self.dropped {
            return;
        }
        if self.item.len() + (to - from) > self.max {
            (self.dropped, self.too_long) = (true, true);
            self.item = Vec::new();
            return;
        }
        self.item.extend_from_slice(self.block.get(from..to).unwrap_or_default());
    }

    /// Steps through a record, up to its end or the block's.
    fn inside(&mut self) -> Option<Result<(), Broken>> {
        let mut from = self.at;
        while self.at < self.end {
            match self.place {
                Place::Escape => {
                    self.at += 1;
                    self.place = Place::String;
                }
                Place::String => {
                    let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', self.rest()) else {
                        self.at = self.end;
                        break;
                    };
                    let byte = self.rest().get(found).copied();
                    self.at += found + 1;
                    match byte {
                        Some(b'"') => {
                            self.place = Place::Inside;
                            if self.depth == 1 && !self.key.2 {
                                self.key.1 = self.item.len() + (self.at - from);
                            }
                        }
                        Some(b'\\') => self.place = Place::Escape,
                        _ => {
                            self.place = Place::Between;
                            return Some(Err(Broken::Record("is broken: a line ends within a text".to_owned())));
                        }
                    }
                }
                _ => {
                    let byte = self.rest().first().copied().unwrap_or_default();
                    if self.at_line_start && byte == b'{' && self.lists.is_empty() && self.depth > 0 && !self.wrapper {
                        self.place = Place::Between;
                        return Some(Err(Broken::Record("is broken: another one begins before it ends".to_owned())));
                    }
                    self.at_line_start = byte == b'\n';
                    self.at += 1;
                    match byte {
                        b'"' => {
                            self.place = Place::String;
                            if self.depth == 1 && !self.key.2 {
                                self.key.0 = self.item.len() + (self.at - 1 - from);
                            }
                        }
                        b'{' => self.depth += 1,
                        b'[' => {
                            if self.depth == 1 && self.key.2 {
                                self.keep(from, self.at);
                                from = self.at;
                                if self.is_wrapper_key() {
                                    self.lists.push(true);
                                    (self.place, self.wrapper) = (Place::Between, false);
                                    return None;
                                }
                            }
                            self.depth += 1;
                        }
                        b']' => self.depth = self.depth.saturating_sub(1),
                        b'}' => {
                            self.depth = self.depth.saturating_sub(1);
                            if self.depth == 0 {
                                self.keep(from, self.at);
                                return self.ended();
                            }
                        }
                        b':' if self.depth == 1 => self.key.2 = true,
                        b',' if self.depth == 1 => self.key.2 = false,
                        _ => {}
                    }
                }
            }
        }
        self.keep(from, self.at);
        None
    }

    fn is_wrapper_key(&self) -> bool {
        !self.dropped && self.item.get(self.key.0..self.key.1).is_some_and(|key| WRAPPERS.contains(&key))
    }

    fn ended(&mut self) -> Option<Result<(), Broken>> {
        self.place = Place::Between;
        let wrapper = std::mem::take(&mut self.wrapper);
        if self.too_long {
            return Some(Err(Broken::Record(format!("is longer than {} bytes, the limit", self.max))));
        }
        if wrapper { None } else { Some(Ok(())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out `text` in pieces of `step` bytes.
    struct Pieces<'t>(&'t [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn split_by(text: &str, step: usize, max: usize) -> Vec<String> {
        let mut splitter = Splitter::new(Pieces(text.as_bytes(), step), max);
        let mut items = Vec::new();
        while let Some(item) = splitter.next_item() {
            items.push(match item {
                Ok(item) => String::from_utf8(item.to_vec()).unwrap(),
                Err(broken) => format!("{broken:?}"),
            });
        }
        items
    }

    fn split(text: &str) -> Vec<String> {
        let whole = split_by(text, usize::MAX, 1000);
        for step in [1, 2, 3, 7] {
            assert_eq!(split_by(text, step, 1000), whole, "in pieces of {step}");
        }
        whole
    }

    #[test]
    fn records_come_out_of_every_form_alike() {
        let expected = [r#"{"a":"}\"]","b":[{"c":1}]}"#, r#"{"a":2}"#];
        for text in [
            r#"{"Records":[{"a":"}\"]","b":[{"c":1}]},{"a":2}]}"#,
            r#"{"x":[1,{"Records":[3]}],"Records":[{"a":"}\"]","b":[{"c":1}]},{"a":2}],"NextToken":"t","y":[4]}"#,
            "{ \"Events\" : [\n {\"a\":\"}\\\"]\",\"b\":[{\"c\":1}]} ,\n{\"a\":2}\n]\n}\n",
            r#"[{"a":"}\"]","b":[{"c":1}]},{"a":2}]"#,
            "{\"a\":\"}\\\"]\",\"b\":[{\"c\":1}]}\n{\"a\":2}\r\n",
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
        assert_eq!(split(r#"{"Records":[]}{"Records":[{"a":1}]}"#), [r#"{"a":1}"#]);
        assert_eq!(split(r#"{"Records":[{"a":1}],"x":["y"],"Records":[{"a":2}],"Events":[{"a":3}]}"#).len(), 3);
    }

    #[test]
    fn half_a_page_gives_its_whole_records_and_says_that_it_is_half() {
        assert_eq!(split(r#"{"Records":[{"a":1},{"b"#), [r#"{"a":1}"#, "Record(\"is cut off at the end of the file\")"]);
        assert_eq!(split(r#"{"Records":[{"a":1},"#), [r#"{"a":1}"#, "File(\"ends before its list of records does\")"]);
        assert_eq!(split(r#"[{"a":1}"#), [r#"{"a":1}"#, "File(\"ends before its list of records does\")"]);
    }

    #[test]
    fn a_broken_line_does_not_take_the_next_ones_with_it() {
        let items = split("{\"a\":1}\n{\"a\":\"x\n{\"a\":2,\n{\"a\":3}\nnonsense\n{\"a\":4}\n");
        assert_eq!(items.len(), 6, "{items:?}");
        assert_eq!((items[0].as_str(), items[3].as_str(), items[5].as_str()), (r#"{"a":1}"#, r#"{"a":3}"#, r#"{"a":4}"#));
        assert!(items[1].contains("within a text") && items[2].contains("another one begins") && items[4].contains("`n`"));
    }

    #[test]
    fn a_record_that_is_too_long_is_passed_over() {
        let long = format!("{{\"Records\":[{{\"a\":1}},{{\"b\":\"{}\"}},{{\"c\":3}}]}}", "x".repeat(5000));
        for step in [1, 64, usize::MAX] {
            let items = split_by(&long, step, 1000);
            assert_eq!(items, [r#"{"a":1}"#, "Record(\"is longer than 1000 bytes, the limit\")", r#"{"c":3}"#]);
        }
    }
}
