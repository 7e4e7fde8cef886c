//! Undoes the percent-encoding in which the IAM API returns policy documents (RFC 3986).
//!
//! Only whole documents are decoded, and only when they begin as an encoded `{` or `[` does; a plain JSON
//! text is left alone, whatever percent signs its strings hold.

/// The decoded text, or none when `text` is not percent-encoded.
///
/// # Errors
/// The byte offset of an escape that is broken or does not decode to UTF-8.
pub(crate) fn decode_document(text: &str) -> Result<Option<String>, usize> {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let encoded =
        start.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("%7b") || head.eq_ignore_ascii_case("%0a") || head == "%20");
    if !encoded {
        return Ok(None);
    }
    let offset = text.len() - start.len();
    let mut bytes = Vec::with_capacity(start.len());
    let mut rest = start.trim_end().bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<(usize, u8)>| b.and_then(|(_, b)| char::from(b).to_digit(16)).ok_or(offset + at);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| offset + at)?);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_document_is_decoded() {
        let decoded = decode_document("%7B%22Version%22%3A%20%222012-10-17%22%7d\n").unwrap();
        assert_eq!(decoded.as_deref(), Some(r#"{"Version": "2012-10-17"}"#));
    }

    #[test]
    fn plain_json_stays_as_it_is_whatever_percent_signs_it_holds() {
        assert_eq!(decode_document(r#"{"Sid":"100%25"}"#), Ok(None));
    }

    #[test]
    fn a_broken_escape_is_reported_where_it_stands() {
        assert_eq!(decode_document("%7B%2"), Err(3));
        assert_eq!(decode_document("%7B%zz"), Err(3));
    }
}
