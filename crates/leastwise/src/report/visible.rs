//! Text from files made safe for a terminal and for one line: control characters are shown, not obeyed.
//!
//! Escapes are those of JSON, so that a JSON text stays what it says.

use std::borrow::Cow;

/// Whether the character could move the cursor, change colors, or turn the order of the text around.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    // Controls of C0 and C1, the marks that turn the direction of writing, line separators, and the byte-order mark.
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}')
}

/// The text with every such character as an escape, line ends and tabs included; for parts of a message.
///
/// ```
/// use leastwise::report::visible;
/// assert_eq!(visible("x\u{1b}[31mRED\n"), r"x\u001b[31mRED\n");
/// assert_eq!(visible("plain é"), "plain é");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_unsafe(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The text with every such character as an escape but line ends and tabs; for whole outputs.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) && !matches!(c, '\n' | '\t') { push_escape(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn push_escape(out: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}
