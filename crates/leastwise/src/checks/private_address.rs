//! `private-address`: `aws:SourceIp` is compared with addresses that are never a request's source as AWS sees it: those of private
//! networks ("AWS global condition context keys", `aws:SourceIp`; RFC 1918, RFC 4193, RFC 3927, RFC 4291).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::lines;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "private-address",
    severity: Severity::Error,
    title: "`aws:SourceIp` is compared with addresses of private networks",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|l| l.operator.test == Test::IpAddress && l.has_key("aws:SourceIp")) {
        let values = &line.condition.values;
        let private = values.iter().filter(|v| is_private(&v.what)).count();
        if private == 0 {
            continue;
        }
        let help = "name public addresses; for a private network use `aws:SourceVpc` with `aws:VpcSourceIp`";
        if private == values.len() {
            let effect = if line.operator.negated { "always" } else { "never" };
            let message =
                format!("`aws:SourceIp` is a public address, so that the condition {effect} holds for requests with it");
            findings.add(subject.condition_key(line.statement, line.condition), message, help);
            continue;
        }
        for (at, value) in values.iter().enumerate().filter(|(_, v)| is_private(&v.what)) {
            let message = format!("`{}` is of a private network, and `aws:SourceIp` is a public address", value.what);
            let place = subject.condition_value(line.statement, line.condition, at, value);
            *findings.add(place, message, help) = Severity::Suggestion;
        }
    }
}

/// Whether the whole range is of addresses that no public network routes.
fn is_private(range: &str) -> bool {
    let (address, length) = range.split_once('/').map_or((range, None), |(address, length)| (address, length.parse().ok()));
    let within = |least: u8| length.is_none_or(|length: u8| length >= least);
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_private_4(address, within),
        Ok(IpAddr::V6(address)) => is_private_6(address, within),
        Err(_) => false,
    }
}

fn is_private_4(address: Ipv4Addr, within: impl Fn(u8) -> bool) -> bool {
    match address.octets() {
        [10 | 127, ..] => within(8),
        [172, second, ..] if (16..32).contains(&second) => within(12),
        [192, 168, ..] | [169, 254, ..] => within(16),
        _ => false,
    }
}

fn is_private_6(address: Ipv6Addr, within: impl Fn(u8) -> bool) -> bool {
    let first = address.segments().first().copied().unwrap_or_default();
    (first & 0xFE00 == 0xFC00 && within(7)) || (first & 0xFFC0 == 0xFE80 && within(10)) || (address.is_loopback() && within(128))
}

#[cfg(test)]
mod unit {
    use super::is_private;

    #[test]
    fn a_range_is_private_when_all_of_it_is() {
        for (range, expected) in [
            ("10.0.0.0/8", true),
            ("10.0.0.0/7", false),
            ("10.1.2.3", true),
            ("172.16.0.0/12", true),
            ("172.32.0.0/16", false),
            ("192.168.1.0/24", true),
            ("192.0.2.0/24", false),
            ("203.0.113.0/24", false),
            ("0.0.0.0/0", false),
            ("fd00::/8", true),
            ("fe80::1", true),
            ("::1", true),
            ("::/0", false),
            ("2001:db8::/32", false),
            ("host", false),
        ] {
            assert_eq!(is_private(range), expected, "{range}");
        }
    }
}
