//! Addresses and ranges of the `IpAddress` operators, IPv4 and IPv6.
//!
//! A range is an address with a prefix length (CIDR); without one it is the single address. It resolves no names,
//! and an address of one family is never in a range of the other.

use std::net::IpAddr;

/// Whether `address` lies in `range`; false when one of the texts is not what it should be.
pub(super) fn contains(range: &str, address: &str) -> bool {
    let (base, prefix) = match range.split_once('/') {
        Some((base, prefix)) => (base, Some(prefix)),
        None => (range, None),
    };
    let (Some(base), Some(address)) = (bits(base), bits(address)) else { return false };
    if base.1 != address.1 {
        return false;
    }
    let width = base.1;
    let length = match prefix {
        None => width,
        Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => match text.parse() {
            Ok(length) if length <= width => length,
            _ => return false,
        },
        Some(_) => return false,
    };
    (base.0 ^ address.0).checked_shr(width - length).unwrap_or(0) == 0
}

/// The bits of an address, and how many there are.
fn bits(text: &str) -> Option<(u128, u32)> {
    match text.parse().ok()? {
        IpAddr::V4(address) => Some((u128::from(u32::from(address)), 32)),
        IpAddr::V6(address) => Some((u128::from(address), 128)),
    }
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn ranges_hold_their_addresses_and_no_others() {
        for (range, address, expected) in [
            ("203.0.113.0/24", "203.0.113.7", true),
            ("203.0.113.9/24", "203.0.113.7", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7/32", "203.0.113.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "8.8.8.8", false),
            ("0.0.0.0/0", "::1", false),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:1::1", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::1", false),
            ("2001:db8::1", "2001:0db8:0:0::0001", true),
            ("203.0.113.0/33", "203.0.113.0", false),
            ("203.0.113.0/", "203.0.113.0", false),
            ("203.0.113.0/+8", "203.0.113.0", false),
            ("203.0.113.*", "203.0.113.0", false),
            ("203.0.113.0/24", "host", false),
        ] {
            assert_eq!(contains(range, address), expected, "{range} {address}");
        }
    }
}
