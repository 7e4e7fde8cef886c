//! The text of a file's bytes: UTF-8, with or without a byte-order mark, or UTF-16 as PowerShell's `>` writes it.

/// Why bytes are no text that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodingError {
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
}

/// The text. UTF-16 needs its byte-order mark, or to begin as ASCII text does.
///
/// # Errors
/// When the bytes are neither UTF-8 nor UTF-16.
///
/// ```
/// use leastwise::sources::text_of;
/// assert_eq!(text_of(b"{}".to_vec()).unwrap(), "{}");
/// assert_eq!(text_of(vec![0xFF, 0xFE, b'{', 0, b'}', 0]).unwrap(), "{}");
/// assert_eq!(text_of(vec![0xFE, 0xFF, 0, b'{', 0, b'}']).unwrap(), "{}");
/// assert!(text_of(vec![0xC3]).is_err());
/// ```
pub fn text_of(bytes: Vec<u8>) -> Result<String, EncodingError> {
    match bytes.as_slice() {
        // UTF-32 begins as UTF-16 does.
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(EncodingError {
            message: "the text is UTF-32".to_owned(),
            help: "save the file as UTF-8; in PowerShell: `| Out-File -Encoding utf8 FILE`",
        }),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [first, 0, ..] if first.is_ascii() && *first != 0 => wide(&bytes, u16::from_le_bytes),
        [0, second, ..] if second.is_ascii() && *second != 0 => wide(&bytes, u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|e| EncodingError {
            message: format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to()),
            help: "save the file as UTF-8 or UTF-16; AWS tools write UTF-8",
        }),
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, EncodingError> {
    let broken = |at: usize| EncodingError {
        message: format!("not UTF-16 at byte {at}, although the file begins as UTF-16 does"),
        help: "save the file as UTF-8; in PowerShell: `| Out-File -Encoding utf8 FILE`",
    };
    if !bytes.len().is_multiple_of(2) {
        return Err(broken(bytes.len()));
    }
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [one, other] => unit([*one, *other]),
        _ => 0,
    });
    let (mut text, mut at) = (String::with_capacity(bytes.len() / 2), 0);
    for c in char::decode_utf16(units) {
        let c = c.map_err(|_| broken(at))?;
        at += c.len_utf16() * 2;
        text.push(c);
    }
    Ok(text)
}
