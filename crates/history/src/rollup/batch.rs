//! Events on their way into the rollup: texts held once, and 32 bytes for each event.
//!
//! Every thread fills a batch of its own, without asking the others; doubles are told apart when batches are merged. What an
//! event shows is decided here: whose call, which resources; which actions it means is asked only to find the resources.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use leastwise::access::{AccountId, PrincipalArn};
use leastwise::usage::{Attribution, Event, EventKind, EventMapper, Mapping, ResourceRecipe, attribute};

use super::row::{Key, Outcome, PrincipalType};
use crate::{digest, number_of};

pub(crate) use leastwise::access::time::DAY;

/// Texts, each held once and known by a number.
#[derive(Default)]
pub(crate) struct Texts {
    all: String,
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Texts {
    pub(crate) fn text(&self, number: u32) -> &str {
        let at = number as usize;
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.ends.get(at).and_then(|end| self.all.get(from..*end as usize)).unwrap_or_default()
    }

    fn number(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        if let Some(number) = self.table.find(hash, |number| self.text(*number) == text) {
            return *number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.all.push_str(text);
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let Texts { all, ends, table, hasher } = self;
        let text = |number: &u32| {
            let at = *number as usize;
            let from = at.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
            ends.get(at).and_then(|end| all.get(from..*end as usize)).unwrap_or_default()
        };
        table.insert_unique(hash, number, |number| hasher.hash_one(text(number)));
        number
    }

    fn memory(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * 4 + self.table.capacity() * 5
    }
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuple {
    pub(crate) id: [u64; 2],
    /// Second of the day.
    pub(crate) second: u32,
    pub(crate) key: u32,
    pub(crate) region: u32,
    /// Which list of resources.
    pub(crate) resources: u32,
}

/// A key, by the numbers of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyNumbers {
    pub(crate) account: Option<AccountId>,
    principal: u32,
    source: u32,
    name: u32,
    principal_type: PrincipalType,
    outcome: Outcome,
    kind: EventKind,
    may_tag: bool,
}

/// What is looked up once for each kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Call {
    source: u32,
    name: u32,
    kind: EventKind,
}

/// Lists of resources, each held once.
#[derive(Default)]
struct Lists {
    all: Vec<u32>,
    ends: Vec<u32>,
    table: HashTable<u32>,
}

impl Lists {
    fn list(&self, number: u32) -> &[u32] {
        let at = number as usize;
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.ends.get(at).and_then(|end| self.all.get(from..*end as usize)).unwrap_or_default()
    }

    fn number(&mut self, list: &[u32], hasher: &DefaultHashBuilder) -> u32 {
        let hash = hasher.hash_one(list);
        if let Some(number) = self.table.find(hash, |number| self.list(*number) == list) {
            return *number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.all.extend_from_slice(list);
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let Lists { all, ends, table } = self;
        let list = |number: &u32| {
            let at = *number as usize;
            let from = at.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
            ends.get(at).and_then(|end| all.get(from..*end as usize)).unwrap_or_default()
        };
        table.insert_unique(hash, number, |number| hasher.hash_one(list(number)));
        number
    }
}

/// How many requests are recalled, each at the place that its hash tells.
const RECALLED: usize = 4096;
/// Longer requests are not.
const LONGEST: usize = 512;

/// What a request was found to name.
struct Recalled {
    asked: (Call, Option<AccountId>, u32),
    request: String,
    list: u32,
}

/// The events of some files, or of a part of one.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) texts: Texts,
    pub(crate) keys: Vec<KeyNumbers>,
    key_numbers: HashMap<KeyNumbers, u32>,
    lists: Lists,
    /// Events by their day, counted from 1970.
    pub(crate) days: Vec<(i64, Vec<Tuple>)>,
    last_day: usize,
    /// That of the last event.
    region: u32,
    /// Which sort of principal a text is the ARN of, by its number.
    principals: HashMap<u32, Option<PrincipalType>>,
    recipes: HashMap<Call, ResourceRecipe>,
    /// Requests that came lately; the same one names the same resources.
    recalled: Vec<Option<Recalled>>,
    events: usize,
    /// The resources of the event at hand; kept for its memory.
    resources: Vec<u32>,
}

impl Batch {
    pub(crate) fn new() -> Batch {
        Batch::default()
    }

    /// About how much memory the batch holds, in bytes.
    pub(crate) fn memory(&self) -> usize {
        // Vectors that grow by doubling hold up to twice what is in them.
        self.events * 48 + self.texts.memory() + self.keys.len() * 96 + self.lists.all.capacity() * 4 + self.lists.ends.len() * 16
    }

    /// Leaves the events out, and keeps texts, keys and lists for those that follow.
    pub(crate) fn forget_events(&mut self) {
        self.days.clear();
        (self.last_day, self.events) = (0, 0);
    }

    /// How many events are in it.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// The resources of a list.
    pub(crate) fn list(&self, number: u32) -> &[u32] {
        self.lists.list(number)
    }

    /// The key of that number, and its account.
    pub(crate) fn key(&self, number: u32) -> Option<(Option<AccountId>, Key<'_>)> {
        let numbers = self.keys.get(number as usize)?;
        let key = Key {
            principal: self.texts.text(numbers.principal),
            principal_type: numbers.principal_type,
            source: self.texts.text(numbers.source),
            name: self.texts.text(numbers.name),
            outcome: numbers.outcome,
            kind: numbers.kind,
            may_tag: numbers.may_tag,
        };
        Some((numbers.account, key))
    }

    /// Adds an event, the `ordinal`th of its file. Events without an id are told apart by where they stand.
    pub(crate) fn add(&mut self, event: &Event<'_>, mapper: &EventMapper<'_>, file: u128, ordinal: u64) {
        let id = match event.id.as_deref() {
            Some(id) => number_of(id),
            None => {
                let place = file.to_be_bytes().into_iter().chain(ordinal.to_be_bytes());
                let time = event.time.seconds().to_be_bytes();
                digest(place.chain(time).chain(event.source.bytes()).chain([0]).chain(event.name.bytes()))
            }
        };
        let (principal_type, principal) = self.principal(event);
        let source = self.texts.number(&event.source);
        let name = self.texts.number(&event.name);
        let outcome = match event.error_code {
            None => Outcome::Ok,
            Some(_) if event.is_denied() => Outcome::Denied,
            Some(_) => Outcome::Error,
        };
        let key = KeyNumbers {
            account: event.account,
            principal,
            source,
            name,
            principal_type,
            outcome,
            kind: event.kind,
            may_tag: event.may_tag(),
        };
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let key = *self.key_numbers.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        });
        // Mostly a file is of one region.
        if self.texts.text(self.region) != event.region || self.events == 0 {
            self.region = self.texts.number(&event.region);
        }
        let region = self.region;
        let resources = self.resources(event, mapper, Call { source, name, kind: event.kind }, region);
        let (day, second) = (event.time.seconds().div_euclid(DAY), event.time.seconds().rem_euclid(DAY));
        let second = u32::try_from(second).unwrap_or_default();
        let id = [u64::try_from(id >> 64).unwrap_or_default(), u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default()];
        self.events += 1;
        self.day(day).push(Tuple { id, second, key, region, resources });
    }

    fn day(&mut self, day: i64) -> &mut Vec<Tuple> {
        if self.days.get(self.last_day).is_none_or(|(known, _)| *known != day) {
            self.last_day = self.days.iter().position(|(known, _)| *known == day).unwrap_or(self.days.len());
            if self.last_day == self.days.len() {
                self.days.push((day, Vec::new()));
            }
        }
        // The day was found or just put there.
        #[allow(clippy::indexing_slicing)]
        &mut self.days[self.last_day].1
    }

    /// What [`attribute`] says, from memory for the common cases.
    fn principal(&mut self, event: &Event<'_>) -> (PrincipalType, u32) {
        let identity = event.identity.as_ref();
        let arn = identity.and_then(|identity| match identity.kind.as_deref()? {
            "AssumedRole" | "Role" => identity.issuer_arn.as_deref(),
            "IAMUser" | "User" => identity.arn.as_deref(),
            _ => None,
        });
        if let Some(arn) = arn {
            let number = self.texts.number(arn);
            let known = self
                .principals
                .entry(number)
                .or_insert_with(|| PrincipalArn::parse(arn).map(|arn| PrincipalType::of(&Attribution::Principal(arn)).0));
            if let Some(kind) = known {
                return (*kind, number);
            }
        }
        let attribution = attribute(event);
        let (kind, name) = PrincipalType::of(&attribution);
        (kind, self.texts.number(name))
    }

    fn resources(&mut self, event: &Event<'_>, mapper: &EventMapper<'_>, call: Call, region: u32) -> u32 {
        self.resources.clear();
        let Batch { resources, texts, lists, recipes, recalled, .. } = self;
        let recipe =
            recipes.entry(call).or_insert_with(|| match mapper.map_kind(event.kind, false, &event.source, &event.name) {
                Mapping::Actions { used, .. } => ResourceRecipe::of(&used, mapper.catalogue()),
                _ => ResourceRecipe::default(),
            });
        let slot =
            event.request.as_deref().filter(|request| event.resources.is_empty() && request.len() <= LONGEST).map(|request| {
                let asked = (call, event.account, region);
                let hash = texts.hasher.hash_one((asked, request));
                (usize::try_from(hash).unwrap_or_default() % RECALLED, asked, request)
            });
        if recalled.is_empty() {
            recalled.resize_with(RECALLED, || None);
        }
        let known = slot.and_then(|(at, asked, request)| {
            let known = recalled.get(at)?.as_ref()?;
            (known.asked == asked && known.request == request).then_some(known.list)
        });
        if let Some(list) = known {
            return list;
        }
        recipe.each_arn(event, &mut |arn| resources.push(texts.number(arn)));
        let list = lists.number(resources, &texts.hasher);
        if let Some((at, asked, request)) = slot
            && let Some(place) = recalled.get_mut(at)
        {
            match place {
                Some(known) => {
                    (known.asked, known.list) = (asked, list);
                    known.request.clear();
                    known.request.push_str(request);
                }
                None => *place = Some(Recalled { asked, list, request: request.to_owned() }),
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_a_list_have_one_number_each() {
        let mut texts = Texts::default();
        let numbers: Vec<u32> = ["a", "", "bc", "a", "", "bc"].iter().map(|text| texts.number(text)).collect();
        assert_eq!(numbers, [0, 1, 2, 0, 1, 2]);
        assert_eq!([0, 1, 2, 3].map(|number| texts.text(number)), ["a", "", "bc", ""]);
        let mut lists = Lists::default();
        let numbers: Vec<u32> =
            [&[][..], &[1, 2], &[], &[1], &[1, 2]].iter().map(|list| lists.number(list, &texts.hasher)).collect();
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
        assert_eq!((lists.list(1), lists.list(0)), (&[1, 2][..], &[][..]));
    }
}
