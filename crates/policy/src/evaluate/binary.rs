//! Values of `BinaryEquals`: bytes, written in base64.
//!
//! The policy holds base64. A request's value may be given in base64 too, as the policy simulator takes it, or
//! as the bytes themselves. No other encoding is tried.

/// Whether the policy's base64 and the request's value are the same bytes.
pub(super) fn equal(policy: &str, value: &str) -> bool {
    let Some(wanted) = decode(policy) else { return false };
    wanted == value.as_bytes() || decode(value).is_some_and(|given| given == wanted)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut count) = (0_u32, 0);
    for c in body.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((held >> count) & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_equal_whether_the_request_gives_them_plain_or_in_base64() {
        let policy = "QmluYXJ5VmFsdWVJbkJhc2U2NA==";
        assert!(equal(policy, "BinaryValueInBase64"));
        assert!(equal(policy, policy));
        assert!(!equal(policy, "BinaryValueInBase65"));
        assert!(!equal(policy, "qmluYXJ5VmFsdWVJbkJhc2U2NA=="));
        assert!(!equal("not base64!", "not base64!"));
        assert_eq!(decode("").as_deref(), Some(&[][..]));
    }
}
