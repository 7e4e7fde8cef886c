//! `host-bits-in-range`: an address range has bits behind its prefix, which are not looked at
//! ("IAM JSON policy elements: Condition operators", IP address condition operators).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::lines;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "host-bits-in-range",
    severity: Severity::Suggestion,
    title: "an address range has bits behind its prefix",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|line| line.operator.test == Test::IpAddress) {
        for (at, value) in line.condition.values.iter().enumerate() {
            let Some(network) = network(&value.what).filter(|network| !network.eq_ignore_ascii_case(&value.what)) else {
                continue;
            };
            let message = format!("`{}` is the range `{network}`: what is behind the prefix does not count", value.what);
            let place = subject.condition_value(line.statement, line.condition, at, value);
            findings.add(place, message, format!("write `{network}`, or the one address without a prefix"));
        }
    }
}

/// The range with zeros behind its prefix; nothing when it has none behind it already, or is no range.
fn network(range: &str) -> Option<String> {
    let (address, length) = range.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32u32.checked_sub(length)?).unwrap_or(0);
            let bits = u32::from(address);
            (bits & mask != bits).then(|| format!("{}/{length}", Ipv4Addr::from(bits & mask)))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128u32.checked_sub(length)?).unwrap_or(0);
            let bits = u128::from(address);
            (bits & mask != bits).then(|| format!("{}/{length}", Ipv6Addr::from(bits & mask)))
        }
    }
}

#[cfg(test)]
mod unit {
    use super::network;

    #[test]
    fn bits_behind_the_prefix_are_cleared() {
        for (range, expected) in [
            ("203.0.113.9/24", Some("203.0.113.0/24")),
            ("203.0.113.0/24", None),
            ("203.0.113.9/32", None),
            ("203.0.113.9", None),
            ("1.2.3.4/0", Some("0.0.0.0/0")),
            ("1.2.3.4/33", None),
            ("2001:db8::1/32", Some("2001:db8::/32")),
            ("::/0", None),
        ] {
            assert_eq!(network(range).as_deref(), expected, "{range}");
        }
    }
}
