//! Rows of a CSV file (RFC 4180), in bounded memory.
//!
//! Fields may be quoted, with doubled quotes and line ends inside. A row that grows over the limit ends in an error and
//! is passed over to its line's end: one missing quote must not swallow the rest of a file into memory.

use std::io::BufRead;

pub(crate) struct Rows<R> {
    input: R,
    max: usize,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Start,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: the end of it, or the first of two.
    Quote,
    /// In a row that is too long.
    Beyond,
}

#[derive(Debug, Default)]
struct Row {
    done: Vec<Vec<u8>>,
    field: Vec<u8>,
    length: usize,
    place: Place,
}

impl Row {
    /// Takes a byte; says whether the row ends with it.
    fn take(&mut self, byte: u8, max: usize) -> bool {
        match (self.place, byte) {
            (Place::Beyond, _) => return byte == b'\n',
            (Place::Quoted, b'"') => self.place = Place::Quote,
            (Place::Start, b'"') => self.place = Place::Quoted,
            (Place::Start | Place::Plain | Place::Quote, b'\n') => return !self.is_empty(),
            (Place::Start | Place::Plain | Place::Quote, b'\r') => {}
            (Place::Start | Place::Plain | Place::Quote, b',') => {
                self.done.push(std::mem::take(&mut self.field));
                self.place = Place::Start;
            }
            _ => {
                self.place = if matches!(self.place, Place::Quoted | Place::Quote) { Place::Quoted } else { Place::Plain };
                self.length += 1;
                if self.length > max {
                    *self = Row { place: Place::Beyond, ..Row::default() };
                    return byte == b'\n';
                }
                self.field.push(byte);
            }
        }
        false
    }

    fn is_empty(&self) -> bool {
        self.place == Place::Start && self.done.is_empty()
    }

    fn finish(mut self, max: usize, cut_off: bool) -> Result<Vec<String>, String> {
        match self.place {
            Place::Beyond => return Err(format!("is longer than {max} bytes, the limit")),
            Place::Quoted if cut_off => return Err("is cut off within a quoted field".to_owned()),
            _ => self.done.push(self.field),
        }
        self.done.into_iter().map(|field| String::from_utf8(field).map_err(|_| "is not valid UTF-8".to_owned())).collect()
    }
}

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(input: R, max: usize) -> Rows<R> {
        Rows { input, max, ended: false }
    }

    /// The next row's fields; none at the end. Empty lines are no rows.
    pub(crate) fn next_row(&mut self) -> Option<Result<Vec<String>, String>> {
        let mut row = Row::default();
        while !self.ended {
            let block = match self.input.fill_buf() {
                Ok(block) => block,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(format!("cannot be read further: {error}")));
                }
            };
            self.ended = block.is_empty();
            let end = block.iter().position(|byte| row.take(*byte, self.max));
            let used = end.map_or(block.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Some(row.finish(self.max, false));
            }
        }
        if row.is_empty() { None } else { Some(row.finish(self.max, true)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, max: usize) -> Vec<String> {
        let mut rows = Rows::new(std::io::BufReader::with_capacity(3, text.as_bytes()), max);
        let mut all = Vec::new();
        while let Some(row) = rows.next_row() {
            all.push(row.map_or_else(|error| error, |fields| fields.join("|")));
        }
        all
    }

    #[test]
    fn quotes_hold_commas_quotes_and_line_ends() {
        assert_eq!(rows("a,b\r\n\"1,\"\"2\"\"\",\"x\ny\"\n\n,\nlast,row", 100), ["a|b", "1,\"2\"|x\ny", "|", "last|row"]);
    }

    #[test]
    fn a_missing_quote_is_an_error_and_not_a_heap_of_memory() {
        assert_eq!(rows("a,b\n1,\"2\n3,4", 100), ["a|b", "is cut off within a quoted field"]);
        let long = format!("a\n\"{}\nb\nc\n", "x".repeat(200));
        assert_eq!(rows(&long, 100)[1], "is longer than 100 bytes, the limit");
        assert_eq!(rows(&long, 100).last().map(String::as_str), Some("c"));
    }

    #[test]
    fn a_row_of_other_bytes_than_utf8_is_an_error_of_its_own() {
        let mut rows = Rows::new(&b"a\n\xff\nb\n"[..], 100);
        assert!(rows.next_row().unwrap().is_ok());
        assert_eq!(rows.next_row().unwrap(), Err("is not valid UTF-8".to_owned()));
        assert_eq!(rows.next_row().unwrap(), Ok(vec!["b".to_owned()]));
    }
}
