//! Reads JSON text without losing where anything stood: every value keeps its span.
//!
//! First step of the flow: text becomes [`Node`]s, which `document` reads as a policy. Strict (RFC 8259),
//! with bounds on size and nesting, and with duplicate keys refused. It never prints or rewrites text.

use std::fmt;

/// The longest text that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 64;

/// A half-open range of byte offsets into the text that was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// The part of `text` that this span covers; empty when the span is of another text.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where the value stands, quotes and brackets included.
    pub span: Span,
    /// The value itself.
    pub value: Value,
}

/// A JSON value. Objects keep the order of their members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as spelled.
    Number(Box<str>),
    /// A string, with its escapes resolved.
    String(Box<str>),
    /// An array.
    Array(Vec<Node>),
    /// An object.
    Object(Vec<Member>),
}

/// One member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key, with its escapes resolved.
    pub key: Box<str>,
    /// Where the key stands, quotes included.
    pub key_span: Span,
    /// The member's value.
    pub value: Node,
}

impl Node {
    /// The string, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of that key, if this is an object that has it.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.as_object()?.iter().find(|m| &*m.key == key)
    }

    /// What kind of value this is, in words for a message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// A place in a text, counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// The place of byte `offset` in `text`.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Position {
        let bytes = text.as_bytes();
        let before = bytes.get(..offset.min(bytes.len())).unwrap_or_default();
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        // A UTF-8 continuation byte does not begin a character; the byte-order mark shows no column.
        let mut column = in_line.iter().filter(|b| (**b & 0xC0) != 0x80).count() + 1;
        if line_start == 0 && text.starts_with('\u{feff}') && offset > 0 {
            column = column.saturating_sub(1).max(1);
        }
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Position { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is not JSON that we read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong, in lower case.
    pub message: String,
    /// Byte offset of the offending text.
    pub offset: usize,
    /// The place of that offset.
    pub position: Position,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)
    }
}

impl std::error::Error for JsonError {}

/// Reads one JSON document, which may begin with a byte-order mark.
///
/// # Errors
/// When the text is not JSON, has a key twice in one object, or exceeds [`MAX_BYTES`] or [`MAX_DEPTH`].
pub fn parse(text: &str) -> Result<Node, JsonError> {
    let mut reader = Reader::open(text)?;
    let node = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error(
            "more text after the end of the document",
            reader.at,
            "remove what follows the closing bracket",
        ));
    }
    Ok(node)
}

/// Reads JSON documents that follow one another, with or without white space between (NDJSON included).
///
/// # Errors
/// As [`parse`]; a text without any document gives an empty list.
pub fn parse_sequence(text: &str) -> Result<Vec<Node>, JsonError> {
    let mut reader = Reader::open(text)?;
    let mut nodes = Vec::new();
    reader.space();
    while reader.at < text.len() {
        nodes.push(reader.value(0)?);
        reader.space();
    }
    Ok(nodes)
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    fn open(text: &'t str) -> Result<Reader<'t>, JsonError> {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let reader = Reader { text, bytes: text.as_bytes(), at };
        if text.len() > MAX_BYTES {
            let message = format!("the document has {} bytes, more than the limit of {MAX_BYTES}", text.len());
            return Err(reader.error(&message, 0, "split it into smaller files; is this the right file?"));
        }
        Ok(reader)
    }

    fn error(&self, message: &str, offset: usize, help: &'static str) -> JsonError {
        JsonError { message: message.to_owned(), offset, position: Position::of(self.text, offset), help }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// An error about what stands here instead of `wanted`.
    fn unexpected(&self, wanted: &str) -> JsonError {
        let message = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => format!("the document ends where {wanted} should be"),
            // Quotes and backslashes are shown as they stand; what cannot be seen is shown by its number.
            Some(c @ ('\'' | '"' | '\\')) => format!("found `{c}` where {wanted} should be"),
            Some(c) => format!("found `{}` where {wanted} should be", c.escape_debug()),
        };
        self.error(&message, self.at, "the document must be JSON (RFC 8259); comments and trailing commas are not JSON")
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { span: Span { start, end: self.at }, value })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.unexpected("a value"))
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(self.error(&message, self.at, "no IAM policy needs this depth; is this the right file?"));
        }
        Ok(depth + 1)
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut seen: std::collections::HashSet<Box<str>> = std::collections::HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            let key_span = Span { start, end: self.at };
            let twice = if members.len() < 16 {
                members.iter().any(|m| m.key == key)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|m| m.key.clone()));
                }
                !seen.insert(key.clone())
            };
            if twice {
                let first = members.iter().find(|m| m.key == key).map_or(0, |m| m.key_span.start);
                let message = format!("the key `{key}` stands twice in one object, first at {}", Position::of(self.text, first));
                return Err(self.error(&message, start, "keep one of the two: readers differ in which one they take"));
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            let value = self.value(depth)?;
            members.push(Member { key, key_span, value });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits("a digit")?,
            _ => return Err(self.unexpected("a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("a digit after the decimal point")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("a digit of the exponent")?;
        }
        let spelled = self.text.get(start..self.at).unwrap_or_default();
        Ok(Value::Number(spelled.into()))
    }

    fn digits(&mut self, wanted: &str) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected(wanted));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads the string that begins here and resolves its escapes.
    fn string(&mut self) -> Result<Box<str>, JsonError> {
        let open = self.at;
        self.at += 1;
        let mut unescaped = String::new();
        let mut run = self.at;
        loop {
            match self.peek() {
                None => return Err(self.error("this string is not closed", open, "add the closing double quote")),
                Some(b'"') => {
                    let tail = self.text.get(run..self.at).unwrap_or_default();
                    self.at += 1;
                    if unescaped.is_empty() {
                        return Ok(tail.into());
                    }
                    unescaped.push_str(tail);
                    return Ok(unescaped.into_boxed_str());
                }
                Some(b'\\') => {
                    unescaped.push_str(self.text.get(run..self.at).unwrap_or_default());
                    unescaped.push(self.escape()?);
                    run = self.at;
                }
                Some(0..=0x1f) => {
                    return Err(self.error(
                        "a control character stands unescaped in a string",
                        self.at,
                        "write it as an escape, such as \\n or \\u0009",
                    ));
                }
                // What needs no care, in one go.
                Some(_) => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    self.at += rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => {
                return Err(self.error(
                    "this escape does not exist in JSON",
                    start,
                    "JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX",
                ));
            }
        })
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, JsonError> {
        let bad = "this escape is not a character";
        let help = "write \\u and four hexadecimal digits; a surrogate needs its other half behind it";
        let first = self.hex4().ok_or_else(|| self.error(bad, start, help))?;
        let code = if (0xD800..0xDC00).contains(&first) {
            if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                return Err(self.error(bad, start, help));
            }
            self.at += 2;
            let second = self.hex4().filter(|s| (0xDC00..0xE000).contains(s)).ok_or_else(|| self.error(bad, start, help))?;
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error(bad, start, help))
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16)?;
        }
        self.at += 4;
        Some(code)
    }
}

/// Writes `text` as a JSON string literal, escaping only what JSON demands.
#[must_use]
pub fn quote(text: &str) -> String {
    if !text.bytes().any(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        return ["\"", text, "\""].concat();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
