//! Addresses and ranges of the `IpAddress` operators, IPv4 and IPv6.
//!
//! A range is an address with a prefix length (CIDR); without one it is the single address. It resolves no names,
//! and an address of one family is never in a range of the other.

use std::net::IpAddr;

/// Addresses of one family, from the first to the last.
///
/// ```
/// use leastwise_policy::evaluate::AddressRange;
/// let range = AddressRange::parse("203.0.113.9/24").unwrap();
/// assert_eq!((range.first, range.last), (0xCB00_7100, 0xCB00_71FF));
/// assert!(!range.is_v6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    /// Whether they are addresses of IPv6.
    pub is_v6: bool,
    /// The first address as a number.
    pub first: u128,
    /// The last one.
    pub last: u128,
}

impl AddressRange {
    /// Reads an address with a prefix length, or an address alone; nothing when the text is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<AddressRange> {
        let (base, prefix) = text.split_once('/').map_or((text, None), |(base, prefix)| (base, Some(prefix)));
        let (base, width) = bits(base)?;
        let length = match prefix {
            None => width,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        let below = 1_u128.checked_shl(width.checked_sub(length)?).map_or(u128::MAX, |size| size - 1);
        Some(AddressRange { is_v6: width == 128, first: base & !below, last: base | below })
    }

    /// Reads one address; nothing when the text is none, and a range is none.
    #[must_use]
    pub fn of_address(text: &str) -> Option<AddressRange> {
        let (address, width) = bits(text)?;
        Some(AddressRange { is_v6: width == 128, first: address, last: address })
    }

    /// Whether all addresses of the other lie in this one.
    #[must_use]
    pub fn contains(&self, other: &AddressRange) -> bool {
        self.is_v6 == other.is_v6 && self.first <= other.first && other.last <= self.last
    }
}

/// Whether `address` lies in `range`; false when one of the texts is not what it should be.
pub(super) fn contains(range: &str, address: &str) -> bool {
    match (AddressRange::parse(range), AddressRange::of_address(address)) {
        (Some(range), Some(address)) => range.contains(&address),
        _ => false,
    }
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
