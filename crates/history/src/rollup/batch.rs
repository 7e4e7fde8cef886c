//! Events on their way into the rollup: texts held once, and 32 bytes for each event.
//!
//! Every thread fills a batch of its own, without asking the others; doubles are told apart when batches are merged. What an
//! event shows is decided here: whose call, which resources; which actions it means is asked only to find the resources.

pub(crate) mod parcel;
pub(crate) mod ranks;

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use leastwise::access::{AccountId, PrincipalArn};
use leastwise::usage::{
    Attribution, Event, EventKind, EventMapper, Mapping, ResourceRecipe, access_key_of, attribute, unique_id,
};

use super::row::{Key, Outcome, PrincipalType};
use crate::copies::key_of;
use crate::digest;

pub(crate) use leastwise::access::time::DAY;

/// Texts one after the other, known by their numbers.
#[derive(Default)]
struct Stock {
    all: String,
    ends: Vec<u32>,
}

impl Stock {
    fn text(&self, number: u32) -> &str {
        let at = number as usize;
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.ends.get(at).and_then(|end| self.all.get(from..*end as usize)).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..).take(self.ends.len()).map(|number| self.text(number))
    }

    fn add(&mut self, text: &str) -> u32 {
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.all.push_str(text);
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        number
    }

    fn memory(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * 4
    }
}

/// Texts, each held once and known by a number.
#[derive(Default)]
pub(crate) struct Texts {
    stock: Stock,
    table: HashTable<u32>,
}

impl Texts {
    pub(crate) fn text(&self, number: u32) -> &str {
        self.stock.text(number)
    }

    fn number(&mut self, text: &str, hasher: &DefaultHashBuilder) -> u32 {
        let Texts { stock, table } = self;
        let hash = hasher.hash_one(text);
        if let Some(number) = table.find(hash, |number| stock.text(*number) == text) {
            return *number;
        }
        let number = stock.add(text);
        table.insert_unique(hash, number, |number| hasher.hash_one(stock.text(*number)));
        number
    }

    fn memory(&self) -> usize {
        self.stock.memory() + self.table.capacity() * 5
    }
}

/// The numbers of what came lately, each at the place that its hash tells.
///
/// Most resources never come again, and a table of them all would cost more than it saves.
#[derive(Default)]
struct Lately(Vec<(u32, u32)>);

/// So many are known.
const LATELY: usize = 4096;
/// The number of nothing: an empty text or list.
const NONE: u32 = u32::MAX;

impl Lately {
    /// The place, and more of the hash to know it by.
    fn place(hash: u64) -> (usize, u32) {
        (usize::try_from(hash).unwrap_or_default() % LATELY, u32::try_from(hash >> 32).unwrap_or_default())
    }

    fn find(&self, hash: u64) -> Option<u32> {
        let (place, tag) = Lately::place(hash);
        self.0.get(place).filter(|known| known.0 == tag && known.1 != NONE).map(|known| known.1)
    }

    fn put(&mut self, hash: u64, number: u32) {
        let (place, tag) = Lately::place(hash);
        if self.0.is_empty() {
            self.0.resize(LATELY, (0, NONE));
        }
        if let Some(known) = self.0.get_mut(place) {
            *known = (tag, number);
        }
    }
}

/// The ARNs of resources. One that comes again after many others may have several numbers.
#[derive(Default)]
pub(crate) struct Resources {
    stock: Stock,
    lately: Lately,
}

impl Resources {
    /// The ARN of that number.
    pub(crate) fn arn(&self, number: u32) -> &str {
        self.stock.text(number)
    }

    fn number(&mut self, arn: &str, hasher: &DefaultHashBuilder) -> u32 {
        let hash = hasher.hash_one(arn);
        if let Some(number) = self.lately.find(hash).filter(|number| self.arn(*number) == arn) {
            return number;
        }
        let number = self.stock.add(arn);
        self.lately.put(hash, number);
        number
    }
}

/// Lists of resources. One that comes again after many others may have several numbers, as they do.
#[derive(Default)]
struct Lists {
    all: Vec<u32>,
    ends: Vec<u32>,
    lately: Lately,
}

impl Lists {
    fn list(&self, number: u32) -> &[u32] {
        let at = number as usize;
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.ends.get(at).and_then(|end| self.all.get(from..*end as usize)).unwrap_or_default()
    }

    fn number(&mut self, list: &[u32], hasher: &DefaultHashBuilder) -> u32 {
        if list.is_empty() {
            return NONE;
        }
        let hash = hasher.hash_one(list);
        if let Some(number) = self.lately.find(hash).filter(|number| self.list(*number) == list) {
            return number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(NONE);
        self.all.extend_from_slice(list);
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.lately.put(hash, number);
        number
    }

    fn memory(&self) -> usize {
        (self.all.capacity() + self.ends.capacity()) * 4
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

/// A key, by the numbers of its account and texts. In the order of [`Key`], so that ranks in the place of numbers order keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyNumbers {
    pub(crate) account: u32,
    principal: u32,
    principal_type: PrincipalType,
    id: u32,
    access_key: u32,
    source: u32,
    name: u32,
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

/// The events of some files, or of a part of one.
#[derive(Default)]
pub(crate) struct Batch {
    hasher: DefaultHashBuilder,
    pub(crate) texts: Texts,
    pub(crate) resources: Resources,
    keys: Vec<KeyNumbers>,
    /// The number of each key, and of the recipe for the resources of its calls.
    key_numbers: HashMap<KeyNumbers, (u32, u32)>,
    lists: Lists,
    /// Events by their day, counted from 1970.
    pub(crate) days: Vec<(i64, Vec<Tuple>)>,
    last_day: usize,
    /// The region of the last event.
    region: u32,
    accounts: Vec<Option<AccountId>>,
    account_numbers: HashMap<Option<AccountId>, u32>,
    /// The account of the last event.
    account: u32,
    /// Which sort of principal a text is the ARN of, by its number; none within where it is none, and outside where nobody asked.
    principals: Vec<Option<Option<PrincipalType>>>,
    /// The unique id and access key that the principal with the name of that number had last; mostly they are the same again.
    credentials: Vec<[u32; 2]>,
    calls: HashMap<Call, u32>,
    recipes: Vec<ResourceRecipe>,
    events: usize,
    /// The resources of the event at hand; kept for its memory.
    named: Vec<u32>,
}

impl Batch {
    pub(crate) fn new() -> Batch {
        Batch::default()
    }

    /// About how much memory the batch holds, in bytes.
    pub(crate) fn memory(&self) -> usize {
        // Vectors that grow by doubling hold up to twice what is in them.
        let resources = self.resources.stock.memory() + self.lists.memory();
        self.events * 48 + self.texts.memory() + self.keys.len() * 96 + resources
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

    /// How many keys there are.
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The resources of a list.
    pub(crate) fn list(&self, number: u32) -> &[u32] {
        self.lists.list(number)
    }

    /// The numbers of the key of that number.
    fn key_numbers_of(&self, number: u32) -> Option<&KeyNumbers> {
        self.keys.get(number as usize)
    }

    /// The key of that number, and its account.
    pub(crate) fn key(&self, number: u32) -> Option<(Option<AccountId>, Key<'_>)> {
        let numbers = self.key_numbers_of(number)?;
        let key = Key {
            principal: self.texts.text(numbers.principal),
            principal_type: numbers.principal_type,
            id: self.texts.text(numbers.id),
            access_key: self.texts.text(numbers.access_key),
            source: self.texts.text(numbers.source),
            name: self.texts.text(numbers.name),
            outcome: numbers.outcome,
            kind: numbers.kind,
            may_tag: numbers.may_tag,
        };
        Some((*self.accounts.get(numbers.account as usize)?, key))
    }

    /// Adds an event, of the `record`th record of its file, counted from 1. Events without an id are told apart by where they stand.
    pub(crate) fn add(&mut self, event: &Event<'_>, mapper: &EventMapper<'_>, file: u128, record: u64) {
        let id = match event.id.as_deref() {
            Some(id) => key_of(id, event),
            None => {
                // Counted from 0, as it always was: what is in a rollup must be known again.
                let place = file.to_be_bytes().into_iter().chain(record.saturating_sub(1).to_be_bytes());
                let time = event.time.seconds().to_be_bytes();
                digest(place.chain(time).chain(event.source.bytes()).chain([0]).chain(event.name.bytes()))
            }
        };
        let (principal_type, principal) = self.principal(event);
        let [unique_id, access_key] = self.credentials(principal, event);
        let source = self.texts.number(&event.source, &self.hasher);
        let name = self.texts.number(&event.name, &self.hasher);
        let outcome = match event.has_failed() {
            false => Outcome::Ok,
            true if event.is_denied() => Outcome::Denied,
            true => Outcome::Error,
        };
        let account = self.account(event.account);
        let kind = event.kind;
        let may_tag = event.may_tag();
        let key =
            KeyNumbers { account, principal, principal_type, id: unique_id, access_key, source, name, outcome, kind, may_tag };
        let (key, recipe) = self.key_number(key, mapper);
        // Mostly a file is of one region.
        if self.texts.text(self.region) != event.region || self.events == 0 {
            self.region = self.texts.number(&event.region, &self.hasher);
        }
        let region = self.region;
        let resources = self.resources(event, recipe);
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

    /// The number of an account; mostly a file is of one.
    fn account(&mut self, account: Option<AccountId>) -> u32 {
        let Batch { accounts, account_numbers, account: last, .. } = self;
        if accounts.get(*last as usize) != Some(&account) {
            *last = *account_numbers.entry(account).or_insert_with(|| {
                accounts.push(account);
                u32::try_from(accounts.len() - 1).unwrap_or(NONE)
            });
        }
        *last
    }

    /// The numbers of a key and of the recipe for the resources of its calls.
    fn key_number(&mut self, key: KeyNumbers, mapper: &EventMapper<'_>) -> (u32, u32) {
        if let Some(known) = self.key_numbers.get(&key) {
            return *known;
        }
        let call = Call { source: key.source, name: key.name, kind: key.kind };
        let Batch { calls, recipes, texts, .. } = self;
        let recipe = *calls.entry(call).or_insert_with(|| {
            recipes.push(match mapper.map_kind(key.kind, false, texts.text(key.source), texts.text(key.name)) {
                Mapping::Actions { used, .. } => ResourceRecipe::of(&used, mapper.catalogue()),
                _ => ResourceRecipe::default(),
            });
            u32::try_from(recipes.len() - 1).unwrap_or(NONE)
        });
        let number = u32::try_from(self.keys.len()).unwrap_or(NONE);
        self.keys.push(key);
        self.key_numbers.insert(key, (number, recipe));
        (number, recipe)
    }

    /// What [`attribute`] says, from memory for the common cases.
    fn principal(&mut self, event: &Event<'_>) -> (PrincipalType, u32) {
        let identity = event.identity.as_ref();
        let is_plain = event.kind != EventKind::ConsoleSignIn;
        let arn = identity.filter(|_| is_plain).and_then(|identity| match identity.kind.as_deref()? {
            "AssumedRole" | "Role" => identity.issuer_arn.as_deref(),
            "IAMUser" | "User" => identity.arn.as_deref(),
            _ => None,
        });
        if let Some(arn) = arn {
            let number = self.texts.number(arn, &self.hasher);
            let at = number as usize;
            if self.principals.len() <= at {
                self.principals.resize(at + 1, None);
            }
            let kind = || PrincipalArn::parse(arn).map(|arn| PrincipalType::of(&Attribution::Principal(arn)).0);
            if let Some(kind) = self.principals.get_mut(at).and_then(|known| *known.get_or_insert_with(kind)) {
                return (kind, number);
            }
        }
        let attribution = attribute(event);
        let (kind, name) = PrincipalType::of(&attribution);
        (kind, self.texts.number(name, &self.hasher))
    }

    /// The numbers of what [`unique_id`] and [`access_key_of`] say.
    fn credentials(&mut self, principal: u32, event: &Event<'_>) -> [u32; 2] {
        let at = principal as usize;
        if self.credentials.len() <= at {
            self.credentials.resize(at + 1, [NONE; 2]);
        }
        let Batch { credentials, texts, hasher, .. } = self;
        let Some(known) = credentials.get_mut(at) else { return [NONE; 2] };
        for (number, text) in known.iter_mut().zip([unique_id(event), access_key_of(event)]) {
            if *number == NONE || texts.text(*number) != text {
                *number = texts.number(text, hasher);
            }
        }
        *known
    }

    /// The number of the list of resources that the event names, found by that recipe.
    fn resources(&mut self, event: &Event<'_>, recipe: u32) -> u32 {
        let Batch { named, resources, lists, recipes, hasher, .. } = self;
        let Some(recipe) = recipes.get(recipe as usize) else { return NONE };
        named.clear();
        recipe.each_arn(event, &mut |arn| named.push(resources.number(arn, hasher)));
        lists.number(named, hasher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number() {
        let (mut texts, hasher) = (Texts::default(), DefaultHashBuilder::default());
        let numbers: Vec<u32> = ["a", "", "bc", "a", "", "bc"].iter().map(|text| texts.number(text, &hasher)).collect();
        assert_eq!(numbers, [0, 1, 2, 0, 1, 2]);
        assert_eq!([0, 1, 2, 3].map(|number| texts.text(number)), ["a", "", "bc", ""]);
    }

    #[test]
    fn a_resource_and_a_list_that_came_lately_have_one_number_and_others_stay_what_they_are() {
        let (mut resources, mut lists, hasher) = (Resources::default(), Lists::default(), DefaultHashBuilder::default());
        assert_eq!(["a", "b", "a"].map(|arn| resources.number(arn, &hasher)), [0, 1, 0]);
        assert_eq!([&[][..], &[1, 2], &[], &[1], &[1, 2]].map(|list| lists.number(list, &hasher)), [NONE, 0, NONE, 1, 0]);
        assert_eq!((lists.list(0), lists.list(1), lists.list(NONE)), (&[1, 2][..], &[1][..], &[][..]));
        // More than are known at a time.
        let arns: Vec<String> = (0..5 * LATELY).map(|number| format!("arn:{number}")).collect();
        for _ in 0..2 {
            let numbers: Vec<u32> = arns.iter().map(|arn| resources.number(arn, &hasher)).collect();
            assert!(numbers.iter().zip(&arns).all(|(number, arn)| resources.arn(*number) == arn));
        }
        assert_eq!(resources.arn(0), "a");
    }
}
