//! The rows of the rollup: what they are told apart by, and how two of them become one.
//!
//! Everything in a row adds up in any order: counts are summed, times are bounds, regions are sets. Merging is therefore
//! commutative and associative, and equal sets of events give equal rows however they were split (law, tested below).

use std::borrow::Cow;
use std::cmp::Ordering;

use leastwise::access::PrincipalArn;
use leastwise::usage::{Attribution, EventKind, Unattributable};

use super::resource::{LEVELS, MOST, coarse};

/// Whose permissions the calls used, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalType {
    /// A role; `principal` is its ARN.
    Role,
    /// A user; `principal` is its ARN.
    User,
    /// The root of an account.
    Root,
    /// A service of AWS for itself; `principal` is its name.
    Service,
    /// A principal of another account that is not named; `principal` is the account.
    OtherAccount,
    /// Signed in elsewhere, without permissions of its own yet.
    Federated,
    /// Without credentials.
    Anonymous,
    /// The records have no identity; `principal` is empty.
    NoIdentity,
    /// The identity names no principal; `principal` is empty.
    NoArn,
    /// The identity has a type that is not known; `principal` is empty.
    UnknownType,
}

impl PrincipalType {
    /// Every type.
    pub const ALL: [PrincipalType; 10] = [
        PrincipalType::Role,
        PrincipalType::User,
        PrincipalType::Root,
        PrincipalType::Service,
        PrincipalType::OtherAccount,
        PrincipalType::Federated,
        PrincipalType::Anonymous,
        PrincipalType::NoIdentity,
        PrincipalType::NoArn,
        PrincipalType::UnknownType,
    ];

    /// As it is written in the rollup.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalType::Role => "Role",
            PrincipalType::User => "User",
            PrincipalType::Root => "Root",
            PrincipalType::Service => "AWSService",
            PrincipalType::OtherAccount => "AWSAccount",
            PrincipalType::Federated => "Federated",
            PrincipalType::Anonymous => "Anonymous",
            PrincipalType::NoIdentity => "NoIdentity",
            PrincipalType::NoArn => "NoArn",
            PrincipalType::UnknownType => "Unknown",
        }
    }

    /// Type and name of whom a record is attributed to.
    pub(crate) fn of(attribution: &Attribution) -> (PrincipalType, &str) {
        match attribution {
            Attribution::Principal(arn) => {
                let kind = match arn.kind().name() {
                    "role" => PrincipalType::Role,
                    "root" => PrincipalType::Root,
                    _ => PrincipalType::User,
                };
                (kind, arn.as_str())
            }
            Attribution::Service(name) => (PrincipalType::Service, name),
            Attribution::OtherAccount(account) => (PrincipalType::OtherAccount, account),
            Attribution::Federated(name) => (PrincipalType::Federated, name),
            Attribution::Anonymous => (PrincipalType::Anonymous, ""),
            Attribution::Unattributable(Unattributable::NoIdentity) => (PrincipalType::NoIdentity, ""),
            Attribution::Unattributable(Unattributable::NoArn) => (PrincipalType::NoArn, ""),
            Attribution::Unattributable(Unattributable::UnknownType) => (PrincipalType::UnknownType, ""),
        }
    }

    /// The attribution that was told apart like this; none when the name is not one of that type.
    #[must_use]
    pub fn attribution(self, principal: &str) -> Option<Attribution> {
        Some(match self {
            PrincipalType::Role | PrincipalType::User | PrincipalType::Root => {
                Attribution::Principal(PrincipalArn::parse(principal)?)
            }
            PrincipalType::Service => Attribution::Service(principal.to_owned()),
            PrincipalType::OtherAccount => Attribution::OtherAccount(principal.to_owned()),
            PrincipalType::Federated => Attribution::Federated(principal.to_owned()),
            PrincipalType::Anonymous => Attribution::Anonymous,
            PrincipalType::NoIdentity => Attribution::Unattributable(Unattributable::NoIdentity),
            PrincipalType::NoArn => Attribution::Unattributable(Unattributable::NoArn),
            PrincipalType::UnknownType => Attribution::Unattributable(Unattributable::UnknownType),
        })
    }
}

/// What became of the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// They went through.
    Ok,
    /// A policy turned them down.
    Denied,
    /// They were let in and failed for another reason.
    Error,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 3] = [Outcome::Ok, Outcome::Denied, Outcome::Error];

    /// As it is written in the rollup.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Denied => "denied",
            Outcome::Error => "error",
        }
    }
}

/// What rows of one account are told apart by, in the order in which rows of a file stand.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The principal, as its type says.
    pub principal: &'a str,
    /// What the principal is.
    pub principal_type: PrincipalType,
    /// The principal's unique id (`AIDA…`, `AROA…`); empty when the records tell none.
    pub id: &'a str,
    /// The access key of a user (`AKIA…`); `*` when one was used that the records do not tell, empty when none was.
    pub access_key: &'a str,
    /// `eventSource`.
    pub source: &'a str,
    /// `eventName`, as written.
    pub name: &'a str,
    /// What became of the calls.
    pub outcome: Outcome,
    /// `eventType`.
    pub kind: EventKind,
    /// Whether the calls may have set tags.
    pub may_tag: bool,
}

/// A resource, or several under a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource<'a> {
    /// An ARN, or a pattern with `*` at its end.
    pub arn: Cow<'a, str>,
    /// How coarse it is: 0 for the ARN itself, otherwise the row stands for all that begin like it.
    pub level: u8,
}

/// Calls that are alike, of one account and one day or of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// What they have in common.
    pub key: Key<'a>,
    /// None for the row of all the calls; the rows with resources count the calls that name each, some in several.
    pub resource: Option<Resource<'a>>,
    /// How many calls; in a row of a pattern, how often something under it was named.
    pub count: u64,
    /// When the first was, in seconds since 1970.
    pub first: i64,
    /// When the last was, in seconds since 1970.
    pub last: i64,
    /// In which regions.
    pub regions: Regions<'a>,
}

/// Some regions, sorted, each once. Mostly it is one, which takes no memory besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions<'a>(Held<'a>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held<'a> {
    One(&'a str),
    /// None, or more than one.
    Many(Vec<&'a str>),
}

impl<'a> Regions<'a> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[&'a str] {
        match &self.0 {
            Held::One(region) => std::slice::from_ref(region),
            Held::Many(regions) => regions,
        }
    }

    fn add(&mut self, region: &'a str) {
        if let Err(at) = self.as_slice().binary_search(&region) {
            let mut regions = self.as_slice().to_vec();
            regions.insert(at, region);
            *self = regions.into_iter().collect();
        }
    }
}

impl<'a> FromIterator<&'a str> for Regions<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(regions: I) -> Regions<'a> {
        let mut regions = regions.into_iter();
        match (regions.next(), regions.next()) {
            (Some(region), None) => Regions(Held::One(region)),
            (first, second) => {
                let mut all: Vec<&str> = first.into_iter().chain(second).chain(regions).collect();
                all.sort_unstable();
                all.dedup();
                match all.as_slice() {
                    [region] => Regions(Held::One(region)),
                    _ => Regions(Held::Many(all)),
                }
            }
        }
    }
}

impl<'a> Row<'a> {
    fn absorb(&mut self, other: &Row<'a>) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        other.regions.as_slice().iter().for_each(|region| self.regions.add(region));
    }

    fn arn(&self) -> Option<&str> {
        self.resource.as_ref().map(|resource| resource.arn.as_ref())
    }

    /// By key, then by resource.
    pub(crate) fn order(&self, other: &Row<'_>) -> Ordering {
        self.key.cmp(&other.key).then_with(|| self.arn().cmp(&other.arn()))
    }
}

/// By its members as they stand; quick where texts are the same ones.
impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let text = |a: &str, b: &str| if std::ptr::eq(a, b) { Ordering::Equal } else { a.cmp(b) };
        text(self.principal, other.principal)
            .then_with(|| self.principal_type.cmp(&other.principal_type))
            .then_with(|| text(self.id, other.id))
            .then_with(|| text(self.access_key, other.access_key))
            .then_with(|| text(self.source, other.source))
            .then_with(|| text(self.name, other.name))
            .then_with(|| (self.outcome, self.kind, self.may_tag).cmp(&(other.outcome, other.kind, other.may_tag)))
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key<'_> {}

/// Sorts the rows and makes one of those that are alike; summarises resources where a key has too many.
#[must_use]
pub(crate) fn merge(mut rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    // Rows come in a few runs that are sorted already, which this sort finds.
    rows.sort_by(Row::order);
    unite(&mut rows);
    let level = |row: &Row<'_>| row.resource.as_ref().map_or(0, |resource| resource.level);
    let is_sound = |of_key: &[Row<'_>]| {
        let mut levels = of_key.iter().filter_map(|row| row.resource.as_ref()).map(|resource| resource.level);
        let first = levels.next();
        of_key.len() <= MOST + 1 && levels.all(|level| Some(level) == first)
    };
    if rows.chunk_by(|a, b| a.key == b.key).all(is_sound) {
        return rows;
    }
    let mut merged: Vec<Row<'_>> = Vec::with_capacity(rows.len());
    let mut rows = rows.into_iter().peekable();
    while let Some(row) = rows.next() {
        let key = row.key;
        let mut of_key = vec![row];
        while let Some(row) = rows.next_if(|row| row.key == key) {
            of_key.push(row);
        }
        let mut least = of_key.iter().map(level).max().unwrap_or_default();
        loop {
            fold(&mut of_key, least);
            if least >= LEVELS || of_key.len() <= MOST + 1 {
                break;
            }
            least += 1;
        }
        merged.extend(of_key);
    }
    merged
}

/// Makes one row of those side by side that are alike.
fn unite(rows: &mut Vec<Row<'_>>) {
    let level = |row: &Row<'_>| row.resource.as_ref().map(|resource| resource.level);
    rows.dedup_by(|row, last| {
        let alike = last.order(row).is_eq() && level(last) == level(row);
        if alike {
            last.absorb(row);
        }
        alike
    });
}

/// Brings all resources of one key to one level, and makes one row of those that are then alike.
fn fold(rows: &mut Vec<Row<'_>>, level: u8) {
    let mut moved = false;
    for resource in rows.iter_mut().filter_map(|row| row.resource.as_mut()).filter(|resource| resource.level < level) {
        resource.arn = Cow::Owned(coarse(&resource.arn, level).into_owned());
        resource.level = level;
        moved = true;
    }
    if moved {
        rows.sort_unstable_by(Row::order);
    }
    unite(rows);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::{Encoder, Table, encode, merge_with};
    use super::*;

    const NAMES: [&str; 3] = ["GetObject", "PutObject", "ListBuckets"];
    const REGIONS: [&str; 4] = ["", "eu-west-1", "us-east-1", "us-west-2"];

    /// One call and a resource of it; `thing` spreads over more resources than are kept.
    fn row(name: usize, thing: Option<usize>, time: i64, region: usize) -> Row<'static> {
        let key = Key {
            principal: "arn:aws:iam::111122223333:role/r",
            principal_type: PrincipalType::Role,
            id: "AROAEXAMPLE000000000",
            access_key: "",
            source: "s3.amazonaws.com",
            name: NAMES[name],
            outcome: Outcome::ALL[name],
            kind: EventKind::ApiCall,
            may_tag: false,
        };
        let arn = |thing: usize| match thing % 3 {
            0 => format!("arn:aws:s3:::bucket-{}/a/{}/{thing}", thing % 2, thing % 60),
            1 => format!("arn:aws:s3:::bucket-{}", thing / 7),
            _ => format!("arn:aws:dynamodb:eu-west-1:111122223333:table/t-{}/index/{thing}", thing % 3),
        };
        let resource = thing.map(|thing| Resource { arn: Cow::Owned(arn(thing)), level: 0 });
        Row { key, resource, count: 1, first: time, last: time, regions: Regions::from_iter([REGIONS[region]]) }
    }

    fn rows() -> impl Strategy<Value = Vec<Row<'static>>> {
        let one = (0..3usize, proptest::option::of(0..900usize), 0..1000i64, 0..4usize);
        proptest::collection::vec(one.prop_map(|(name, thing, time, region)| row(name, thing, time, region)), 0..700)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn any_split_and_any_order_of_events_merge_to_the_same_rows(all in rows(), cut in 0..700usize, second in 0..700usize) {
            let whole = merge(all.clone());
            let (left, right) = all.split_at(cut.min(all.len()));
            let (middle, right) = right.split_at(second.min(right.len()));
            let parts = [merge(right.to_vec()), merge(left.to_vec()), merge(middle.to_vec())];
            prop_assert_eq!(&merge(parts.concat()), &whole);
            let two = merge([parts[2].clone(), parts[1].clone()].concat());
            prop_assert_eq!(&merge([two, parts[0].clone()].concat()), &whole);
            prop_assert_eq!(&merge(whole.clone()), &whole);
            let mut backwards = all.clone();
            backwards.reverse();
            prop_assert_eq!(&merge(backwards), &whole);
        }

        #[test]
        fn rows_merged_with_those_of_a_file_part_by_part_are_the_file_of_them_all(all in rows(), cut in 0..700usize) {
            let (account, day) = (Some("111122223333"), "2026-03-01");
            let (left, right) = all.split_at(cut.min(all.len()));
            let file = encode(account, day, &merge(left.to_vec())).unwrap();
            let mut encoder = Encoder::new(account, day).unwrap();
            merge_with(file, merge(right.to_vec()), &mut encoder).unwrap();
            let bytes = encoder.finish().unwrap();
            let table = Table::read(bytes.clone()).unwrap();
            prop_assert_eq!(table.rows().unwrap(), merge(all.clone()));
            prop_assert_eq!(bytes, encode(account, day, &merge(all)).unwrap());
        }

        #[test]
        fn nothing_is_lost_and_no_key_has_more_resources_than_are_kept(all in rows()) {
            let whole = merge(all.clone());
            for name in NAMES {
                let count = |rows: &[Row<'_>], of: bool| -> u64 {
                    rows.iter().filter(|r| r.key.name == name && r.resource.is_some() == of).map(|r| r.count).sum()
                };
                prop_assert_eq!(count(&all, true), count(&whole, true));
                prop_assert_eq!(count(&all, false), count(&whole, false));
                prop_assert!(whole.iter().filter(|r| r.key.name == name && r.resource.is_some()).count() <= MOST);
            }
        }
    }

    #[test]
    fn keys_are_in_the_order_of_their_members() {
        let texts = ["a".to_owned(), "b".to_owned(), "a".to_owned()];
        let mut keys = Vec::new();
        for number in 0..3usize.pow(3) * 16 {
            let text = |place: u32| texts[number / 3usize.pow(place) % 3].as_str();
            let rest = number / 27;
            keys.push(Key {
                principal: text(0),
                principal_type: [PrincipalType::Role, PrincipalType::User][rest % 2],
                id: if rest / 8 == 1 { "b" } else { "a" },
                access_key: text(2),
                source: text(1),
                name: text(2),
                outcome: [Outcome::Ok, Outcome::Error][rest / 2 % 2],
                kind: EventKind::ApiCall,
                may_tag: rest / 4 % 2 == 1,
            });
        }
        let members = |Key { principal, principal_type, id, access_key, source, name, outcome, kind, may_tag }| {
            (principal, principal_type, id, access_key, source, name, outcome, kind, may_tag)
        };
        for a in &keys {
            for b in &keys {
                assert_eq!(a.cmp(b), members(*a).cmp(&members(*b)), "{a:?} {b:?}");
                assert_eq!(a == b, members(*a) == members(*b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn attributions_survive_the_way_through_type_and_name() {
        let arn = |text: &str| Attribution::Principal(PrincipalArn::parse(text).unwrap());
        for attribution in [
            arn("arn:aws:iam::111122223333:role/a/b"),
            arn("arn:aws:iam::111122223333:user/ann"),
            arn("arn:aws:iam::111122223333:root"),
            Attribution::Service("ec2.amazonaws.com".to_owned()),
            Attribution::OtherAccount("444455556666".to_owned()),
            Attribution::Federated("x".to_owned()),
            Attribution::Anonymous,
            Attribution::Unattributable(Unattributable::NoArn),
            Attribution::Unattributable(Unattributable::NoIdentity),
            Attribution::Unattributable(Unattributable::UnknownType),
        ] {
            let (kind, name) = PrincipalType::of(&attribution);
            assert_eq!(kind.attribution(name), Some(attribution.clone()));
        }
    }
}
