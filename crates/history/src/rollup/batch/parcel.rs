//! Events of one account and day as bytes, on their way from whoever reads logs to whoever adds them up.
//!
//! A part of a batch with the texts that it needs, so that the work per event is a few numbers. How it is written down is
//! nobody else's business and lasts no longer than a run; it begins with the version of the program, and another is refused.

use leastwise::access::AccountId;
use leastwise::usage::EventKind;

use crate::rollup::report::{begin, begun};
use crate::rollup::row::{Outcome, PrincipalType};

use super::{Batch, KeyNumbers, Lists, NONE, Resources, Stock, Texts, Tuple};

/// Numbers given anew, in the order in which they are asked for.
#[derive(Default)]
struct Renumbered {
    /// By the former number.
    known: Vec<u32>,
    /// The former numbers.
    used: Vec<u32>,
}

impl Renumbered {
    fn of(&mut self, former: u32) -> u32 {
        let at = former as usize;
        if self.known.len() <= at {
            self.known.resize(at + 1, NONE);
        }
        let next = u32::try_from(self.used.len()).unwrap_or(NONE);
        match self.known.get_mut(at) {
            Some(known) if *known == NONE => {
                *known = next;
                self.used.push(former);
                next
            }
            Some(known) => *known,
            None => NONE,
        }
    }

    fn clear(&mut self) {
        for former in self.used.drain(..) {
            if let Some(known) = self.known.get_mut(former as usize) {
                *known = NONE;
            }
        }
    }
}

/// Makes parcels of a batch; keeps its tables from one to the next.
#[derive(Default)]
struct Packer {
    texts: Renumbered,
    keys: Renumbered,
    lists: Renumbered,
    resources: Renumbered,
    bytes: Vec<u8>,
}

/// The bytes of an event.
const EVENT: usize = 32;
/// The bytes of a key.
const KEY: usize = 24;

impl Packer {
    fn pack(&mut self, batch: &Batch, tuples: &[Tuple]) -> &[u8] {
        let Packer { texts, keys, lists, resources, bytes } = self;
        [&mut *texts, keys, lists, resources].into_iter().for_each(Renumbered::clear);
        bytes.clear();
        begin(bytes);
        put(tuples.len(), bytes);
        for Tuple { id: [high, low], second, key, region, resources } in tuples {
            let list = if *resources == NONE { NONE } else { lists.of(*resources) };
            bytes.extend(high.to_le_bytes().into_iter().chain(low.to_le_bytes()));
            bytes.extend([*second, keys.of(*key), texts.of(*region), list].into_iter().flat_map(u32::to_le_bytes));
        }
        put(keys.used.len(), bytes);
        for key in keys.used.iter().filter_map(|key| batch.key_numbers_of(*key)) {
            let numbers = [key.principal, key.id, key.access_key, key.source, key.name].map(|text| texts.of(text));
            bytes.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
            bytes.extend([place(&PrincipalType::ALL, key.principal_type), place(&Outcome::ALL, key.outcome)]);
            bytes.extend([place(&EventKind::ALL, key.kind), u8::from(key.may_tag)]);
        }
        put(lists.used.len(), bytes);
        for list in &lists.used {
            let list = batch.list(*list);
            put(list.len(), bytes);
            bytes.extend(list.iter().flat_map(|resource| resources.of(*resource).to_le_bytes()));
        }
        put_all(&texts.used, &|number| batch.texts.text(number), bytes);
        put_all(&resources.used, &|number| batch.resources.arn(number), bytes);
        bytes
    }
}

fn put(number: usize, bytes: &mut Vec<u8>) {
    bytes.extend(u32::try_from(number).unwrap_or(NONE).to_le_bytes());
}

/// Writes texts, their lengths first.
fn put_all<'t>(numbers: &[u32], text: &dyn Fn(u32) -> &'t str, bytes: &mut Vec<u8>) {
    put(numbers.len(), bytes);
    numbers.iter().for_each(|number| put(text(*number).len(), bytes));
    numbers.iter().for_each(|number| bytes.extend(text(*number).bytes()));
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    all.iter().zip(0..).find(|(known, _)| **known == one).map_or(u8::MAX, |(_, place)| place)
}

/// Takes the account, the day counted from 1970, and the bytes of a parcel.
pub type Give<'g> = dyn FnMut(Option<AccountId>, i64, &[u8]) + 'g;

/// Gives the events of a batch, those of each account and day as one parcel.
pub(crate) fn pack(batch: &Batch, give: &mut Give<'_>) {
    let mut packer = Packer::default();
    for (day, tuples) in &batch.days {
        let mut of_accounts: Vec<Vec<Tuple>> = vec![Vec::new(); batch.accounts.len()];
        for tuple in tuples {
            let account = batch.key_numbers_of(tuple.key).and_then(|key| of_accounts.get_mut(key.account as usize));
            account.into_iter().for_each(|of_account| of_account.push(*tuple));
        }
        for (account, tuples) in batch.accounts.iter().zip(&of_accounts).filter(|(_, tuples)| !tuples.is_empty()) {
            give(*account, *day, packer.pack(batch, tuples));
        }
    }
}

/// The events of a parcel of that account and day; none when it is something else, or of another version of the program.
pub(crate) fn unpack(account: Option<AccountId>, day: i64, bytes: &[u8]) -> Option<Batch> {
    let mut rest = Rest(begun(bytes)?);
    let events = rest.number()?;
    let (tuples, _) = rest.bytes(events.checked_mul(EVENT)?)?.as_chunks::<EVENT>();
    let keys = rest.number()?;
    let (keys, _) = rest.bytes(keys.checked_mul(KEY)?)?.as_chunks::<KEY>();
    let mut lists = Lists::default();
    for _ in 0..rest.number()? {
        let length = rest.number()?;
        let (numbers, _) = rest.bytes(length.checked_mul(4)?)?.as_chunks::<4>();
        lists.all.extend(numbers.iter().map(|number| u32::from_le_bytes(*number)));
        lists.ends.push(u32::try_from(lists.all.len()).ok()?);
    }
    let (texts, resources) = (rest.stock()?, rest.stock()?);
    rest.0.is_empty().then_some(())?;
    let is_of = |number: u32, count: usize| (number as usize) < count;
    let keys = keys.iter().map(|key| {
        let numbers @ [principal, id, access_key, source, name] = [0, 4, 8, 12, 16].map(|at| u32::from_le_bytes(part(key, at)));
        let [principal_type, outcome, kind, may_tag] = part(key, 20);
        numbers.iter().all(|number| is_of(*number, texts.ends.len())).then_some(())?;
        Some(KeyNumbers {
            account: 0,
            principal,
            id,
            access_key,
            source,
            name,
            principal_type: *PrincipalType::ALL.get(usize::from(principal_type))?,
            outcome: *Outcome::ALL.get(usize::from(outcome))?,
            kind: *EventKind::ALL.get(usize::from(kind))?,
            may_tag: may_tag == 1,
        })
    });
    let keys: Vec<KeyNumbers> = keys.collect::<Option<_>>()?;
    let tuples = tuples.iter().map(|tuple| {
        let id = [0, 8].map(|at| u64::from_le_bytes(part(tuple, at)));
        let [second, key, region, resources] = [16, 20, 24, 28].map(|at| u32::from_le_bytes(part(tuple, at)));
        let is_whole = is_of(key, keys.len())
            && is_of(region, texts.ends.len())
            && (resources == NONE || is_of(resources, lists.ends.len()));
        is_whole.then_some(Tuple { id, second, key, region, resources })
    });
    let tuples: Vec<Tuple> = tuples.collect::<Option<_>>()?;
    lists.all.iter().all(|resource| is_of(*resource, resources.ends.len())).then_some(())?;
    let (texts, resources) = (Texts { stock: texts, ..Texts::default() }, Resources { stock: resources, ..Resources::default() });
    Some(Batch { accounts: vec![account], days: vec![(day, tuples)], events, keys, lists, texts, resources, ..Batch::default() })
}

/// The bytes that stand there.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([u8::MAX; N])
}

/// What is still to be read.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn number(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*self.bytes(4)?.first_chunk()?)).ok()
    }

    fn bytes(&mut self, length: usize) -> Option<&'b [u8]> {
        self.0.split_off(..length)
    }

    fn stock(&mut self) -> Option<Stock> {
        let count = self.number()?;
        let (lengths, _) = self.bytes(count.checked_mul(4)?)?.as_chunks::<4>();
        let mut end = 0u32;
        let ends: Option<Vec<u32>> = lengths
            .iter()
            .map(|length| {
                end = end.checked_add(u32::from_le_bytes(*length))?;
                Some(end)
            })
            .collect();
        let (ends, all) = (ends?, simdutf8::basic::from_utf8(self.bytes(end as usize)?).ok()?);
        ends.iter().all(|end| all.is_char_boundary(*end as usize)).then(|| Stock { all: all.to_owned(), ends })
    }
}
