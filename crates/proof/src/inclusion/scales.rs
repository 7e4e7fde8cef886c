//! Values with an order or a form of their own: numbers, dates, truth values, addresses.
//!
//! Conditions on such values tell apart only finitely many sorts of values: those between the constants that are
//! written down. Here each sort is a position, and all that a line wants is a set of positions; what holds for a sample of each
//! holds for all values. Texts are read by the evaluator's own readers (crate `policy`), so that both read the same.

use leastwise_policy::evaluate::{AddressRange, Comparison, Number, Test, date, truth};

use super::ranges::Ranges;

/// Of what sort the values of a key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Number,
    Time,
    Truth,
    Address,
}

impl Family {
    /// The family that an operator compares; none for texts.
    pub(super) fn of(test: Test) -> Option<Family> {
        match test {
            Test::Numeric(_) => Some(Family::Number),
            Test::Date(_) => Some(Family::Time),
            Test::Bool => Some(Family::Truth),
            Test::IpAddress => Some(Family::Address),
            _ => None,
        }
    }
}

/// How the values of one key are told apart.
#[derive(Debug)]
pub(super) enum Scale {
    /// Constants in order, each with a text of it. Positions are below the first, the first, between it and the second…,
    /// above the last, and what is no number.
    Numbers(Vec<(Number, String)>),
    /// The same of dates, in nanoseconds since 1970.
    Times(Vec<(i128, String)>),
    /// Texts that are compared as such, in order. Positions are other texts that are true, that are false and that are
    /// neither; then these.
    Truths(Vec<String>),
    /// The first address of each stretch, in order. Positions are the stretches, and what is no address.
    Addresses(Vec<(bool, u128)>),
}

const TRUE: u32 = 0;
const FALSE: u32 = 1;
const NEITHER: u32 = 2;
/// The position of the first text that is compared as such.
const EXACT: u32 = 3;
const SECOND: i128 = 1_000_000_000;

impl Scale {
    /// The scale for what operators of the family compare with; `exact` are texts that `Bool` stands beside, which are
    /// compared as such.
    pub(super) fn of(family: Family, wanted: &[&str], exact: &[&str]) -> Scale {
        match family {
            Family::Number => Scale::Numbers(constants(wanted, Number::parse)),
            Family::Time => Scale::Times(constants(wanted, date)),
            Family::Truth => {
                let mut texts: Vec<String> = exact.iter().map(|text| (*text).to_owned()).collect();
                texts.sort_unstable();
                texts.dedup();
                Scale::Truths(texts)
            }
            Family::Address => {
                let mut starts: Vec<(bool, u128)> = vec![(false, 0), (true, 0)];
                for range in wanted.iter().filter_map(|text| AddressRange::parse(text)) {
                    starts.push((range.is_v6, range.first));
                    starts.extend(behind(&range));
                }
                starts.sort_unstable();
                starts.dedup();
                Scale::Addresses(starts)
            }
        }
    }

    /// How many positions there are.
    pub(super) fn len(&self) -> u32 {
        match self {
            Scale::Numbers(constants) => size(constants.len() * 2 + 2),
            Scale::Times(constants) => size(constants.len() * 2 + 2),
            Scale::Truths(exact) => EXACT + size(exact.len()),
            Scale::Addresses(starts) => size(starts.len() + 1),
        }
    }

    /// The position of a value.
    pub(super) fn position(&self, value: &str) -> u32 {
        match self {
            Scale::Numbers(constants) => Number::parse(value).map_or(self.len() - 1, |value| between(constants, &value)),
            Scale::Times(constants) => date(value).map_or(self.len() - 1, |value| between(constants, &value)),
            Scale::Truths(exact) => match exact.binary_search_by(|own| own.as_str().cmp(value)) {
                Ok(at) => EXACT + size(at),
                Err(_) => match truth(value) {
                    Some(true) => TRUE,
                    Some(false) => FALSE,
                    None => NEITHER,
                },
            },
            Scale::Addresses(starts) => AddressRange::of_address(value).map_or(self.len() - 1, |address| {
                size(starts.partition_point(|start| *start <= (address.is_v6, address.first))).saturating_sub(1)
            }),
        }
    }

    /// The positions of the values that an operator matches with any of these texts, negation aside.
    pub(super) fn wanted(&self, test: Test, texts: &[String]) -> Ranges {
        let ranges = texts.iter().filter_map(|text| match (self, test) {
            (Scale::Numbers(constants), Test::Numeric(comparison)) => {
                Some(vec![admitted(comparison, between(constants, &Number::parse(text)?), self.len() - 1)])
            }
            (Scale::Times(constants), Test::Date(comparison)) => {
                Some(vec![admitted(comparison, between(constants, &date(text)?), self.len() - 1)])
            }
            (Scale::Truths(exact), Test::Bool) => {
                let (plain, word) = if truth(text)? { (TRUE, "true") } else { (FALSE, "false") };
                let own = spellings(word).filter_map(|text| exact.binary_search(&text).ok());
                Some(std::iter::once(plain).chain(own.map(|at| EXACT + size(at))).map(|at| (at, at + 1)).collect())
            }
            (Scale::Truths(_), Test::StringEquals) => {
                let at = self.position(text);
                Some(vec![(at, at + 1)])
            }
            (Scale::Addresses(starts), Test::IpAddress) => {
                let range = AddressRange::parse(text)?;
                let place = |start: (bool, u128)| size(starts.partition_point(|own| *own < start));
                let end = behind(&range).or((!range.is_v6).then_some((true, 0)));
                Some(vec![(place((range.is_v6, range.first)), end.map_or(size(starts.len()), place))])
            }
            _ => None,
        });
        Ranges::of(ranges.flatten().collect())
    }

    /// A value at a position, other than the empty text, if there is one.
    pub(super) fn sample(&self, position: u32) -> Option<String> {
        if position + 1 >= self.len() && !matches!(self, Scale::Truths(_)) {
            return (position + 1 == self.len()).then(|| "none".to_owned());
        }
        let half = (position / 2) as usize;
        match self {
            Scale::Numbers(constants) => {
                if position % 2 == 1 {
                    return constants.get(half).map(|(_, text)| text.clone());
                }
                let low = half.checked_sub(1).and_then(|at| constants.get(at)).map(|(number, _)| number);
                super::decimals::between(low, constants.get(half).map(|(number, _)| number))
            }
            Scale::Times(constants) => {
                if position % 2 == 1 {
                    return constants.get(half).map(|(_, text)| text.clone());
                }
                let low = half.checked_sub(1).and_then(|at| constants.get(at)).map(|(time, _)| *time);
                time_between(low, constants.get(half).map(|(time, _)| *time))
            }
            Scale::Truths(exact) => match position {
                TRUE => spellings("true").find(|text| exact.binary_search(text).is_err()),
                FALSE => spellings("false").find(|text| exact.binary_search(text).is_err()),
                NEITHER => (0_u32..)
                    .map(|n| if n == 0 { "none".to_owned() } else { format!("none{n}") })
                    .find(|text| exact.binary_search(text).is_err()),
                at => exact.get((at - EXACT) as usize).filter(|text| !text.is_empty()).cloned(),
            },
            Scale::Addresses(starts) => starts.get(position as usize).map(|(is_v6, start)| match u32::try_from(*start) {
                Ok(start) if !is_v6 => std::net::Ipv4Addr::from(start).to_string(),
                _ => std::net::Ipv6Addr::from(*start).to_string(),
            }),
        }
    }
}

/// A count of constants. Documents are far smaller than this could matter for.
fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX >> 1)
}

/// What the texts say, in order and without doubles; texts that say nothing are left out.
fn constants<V: Ord>(wanted: &[&str], read: impl Fn(&str) -> Option<V>) -> Vec<(V, String)> {
    let mut all: Vec<(V, String)> = wanted.iter().filter_map(|text| Some((read(text)?, (*text).to_owned()))).collect();
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    all
}

/// Where a value stands: twice the number of constants below it, and one more if it is a constant itself.
fn between<V: Ord>(constants: &[(V, String)], value: &V) -> u32 {
    let at = constants.partition_point(|(own, _)| own < value);
    size(at * 2) + u32::from(constants.get(at).is_some_and(|(own, _)| own == value))
}

/// The positions that stand so to a constant's; `end` is behind the last number or date.
fn admitted(comparison: Comparison, constant: u32, end: u32) -> (u32, u32) {
    match comparison {
        Comparison::Equal => (constant, constant + 1),
        Comparison::Less => (0, constant),
        Comparison::LessOrEqual => (0, constant + 1),
        Comparison::Greater => (constant + 1, end),
        Comparison::GreaterOrEqual => (constant, end),
    }
}

/// The first address behind a range, if there is one of its family.
fn behind(range: &AddressRange) -> Option<(bool, u128)> {
    let most = if range.is_v6 { u128::MAX } else { u128::from(u32::MAX) };
    (range.last < most).then(|| (range.is_v6, range.last + 1))
}

/// The spellings of a word in all mixtures of case, lower case first.
fn spellings(word: &str) -> impl Iterator<Item = String> {
    (0_u32..1 << word.len()).map(move |upper| {
        word.char_indices().map(|(at, c)| if upper >> at & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect()
    })
}

/// A date between two, a second from one of them if there is room; none where no text says one.
fn time_between(low: Option<i128>, high: Option<i128>) -> Option<String> {
    let tried = match (low, high) {
        (None, None) => vec![SECOND],
        (Some(low), _) => vec![low + SECOND, low + 1],
        (None, Some(high)) => vec![high - SECOND, high - 1],
    };
    let fits = |time: &i128| low.is_none_or(|low| low < *time) && high.is_none_or(|high| *time < high);
    tried
        .into_iter()
        .filter(fits)
        .map(|time| (time, spell_time(time)))
        .find(|(time, text)| date(text) == Some(*time))
        .map(|(_, text)| text)
}

fn spell_time(time: i128) -> String {
    let (whole, rest) = (time.unsigned_abs() / SECOND.unsigned_abs(), time.unsigned_abs() % SECOND.unsigned_abs());
    let sign = if time < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}");
    match rest {
        // Four characters alone are a year.
        0 if text.len() == 4 => text + ".0",
        0 => text,
        _ => format!("{text}.{rest:09}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(scale: &Scale) -> Vec<String> {
        (0..scale.len()).filter_map(|at| scale.sample(at)).collect()
    }

    #[test]
    fn numbers_get_a_sample_at_and_between_constants() {
        let scale = Scale::of(Family::Number, &["5", "5.5", "x", "5.0"], &[]);
        assert_eq!(samples(&scale), ["4", "5", "5.01", "5.5", "6", "none"]);
        assert_eq!(samples(&Scale::of(Family::Number, &[], &[])), ["1", "none"]);
    }

    #[test]
    fn every_sample_stands_at_its_own_position() {
        let numbers =
            ["0", "-1", "1e3", "1000.5", "-1e-400", "1e-400", "9007199254740993", "9007199254740993.5", "1e308", "-7.25"];
        let long = "9".repeat(400);
        let dates =
            ["0", "1", "2020", "2020-01-01T00:00:00.000000001Z", "999999999999999999.999999999", "-999999999999999999", "1234.0"];
        let ranges = ["10.0.0.0/8", "::/0", "0.0.0.0/0", "255.255.255.255", "2001:db8::/32", "10.1.0.0/16"];
        let numbers: Vec<&str> = numbers.into_iter().chain([long.as_str()]).collect();
        for (family, wanted) in [(Family::Number, numbers.as_slice()), (Family::Time, &dates), (Family::Address, &ranges)] {
            let scale = Scale::of(family, wanted, &[]);
            let mut found = 0;
            for at in 0..scale.len() {
                if let Some(sample) = scale.sample(at) {
                    assert_eq!(scale.position(&sample), at, "{family:?} {sample}");
                    found += 1;
                }
            }
            // One constant's neighbour is a nanosecond away, and nothing is above the last date.
            assert!(found + 2 >= scale.len(), "{family:?}: {found} of {}", scale.len());
        }
        let exact: Vec<String> = spellings("true").collect();
        let exact: Vec<&str> = exact.iter().map(String::as_str).chain(["", "none"]).collect();
        let scale = Scale::of(Family::Truth, &[], &exact);
        assert_eq!(scale.sample(TRUE), None);
        for at in 1..scale.len() {
            assert!(scale.sample(at).is_none_or(|sample| scale.position(&sample) == at));
        }
    }

    #[test]
    fn what_is_wanted_is_what_the_evaluator_matches() {
        use leastwise_policy::Policy;
        use leastwise_policy::evaluate::{Context, Operator, PolicyKind, Principal, Request, applying};
        let numbers = ["5", "05.0", "5.5", "x", "-3", "5e0", "1e400", "", "+5"];
        let dates = ["0", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z00:00", "1970", "1", "x", "1970-01-01T01:00+01", "1.5"];
        let truths = ["true", "TRUE", "false", "no", ""];
        let addresses = ["10.0.0.0/8", "10.0.0.1", "::/0", "10.0.0.0/33", "1.2.3", "::1", "10.0.0.0/08"];
        let all = [
            "NumericEquals",
            "NumericLessThan",
            "NumericGreaterThanEquals",
            "DateEquals",
            "DateGreaterThan",
            "Bool",
            "IpAddress",
        ];
        for name in all {
            let test = Operator::parse(name).unwrap().test;
            let family = Family::of(test).unwrap();
            let texts: &[&str] = match family {
                Family::Number => &numbers,
                Family::Time => &dates,
                Family::Truth => &truths,
                Family::Address => &addresses,
            };
            let scale = Scale::of(family, texts, &[]);
            for wanted in texts {
                let text = format!(
                    r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {{"{name}": {{"k:k": "{wanted}"}}}}}}}}"#
                );
                let policy = Policy::parse(&text).unwrap();
                let ranges = scale.wanted(test, &[(*wanted).to_owned()]);
                for value in texts.iter().map(|text| (*text).to_owned()).chain(samples(&scale)) {
                    let mut request = Request {
                        principal: Principal::Anonymous,
                        action: leastwise_policy::ActionName::parse("a:B").unwrap(),
                        resource: "*".into(),
                        resource_account: None,
                        context: Context::default(),
                    };
                    request.context.insert("k:k", [value.as_str()]);
                    let applies = !applying(&policy, PolicyKind::Identity, &request).is_empty();
                    assert_eq!(ranges.contains(scale.position(&value)), applies, "{name} {wanted} on {value}");
                }
            }
        }
    }

    #[test]
    fn ranges_begin_and_end_where_their_bits_say() {
        let scale = Scale::of(Family::Address, &["10.0.0.0/8"], &[]);
        assert_eq!(samples(&scale), ["0.0.0.0", "10.0.0.0", "11.0.0.0", "::", "none"]);
    }
}
