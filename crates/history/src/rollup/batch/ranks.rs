//! Where keys stand among those of several batches, as numbers: to compare their texts again and again is dear.

use super::{Batch, KeyNumbers};

/// Where the texts and accounts of batches stand among those of all of them.
pub(crate) struct Ranks {
    /// Of each batch, by their numbers.
    texts: Vec<Vec<u32>>,
    accounts: Vec<Vec<u32>>,
}

impl Ranks {
    pub(crate) fn of<'b>(batches: &'b [Batch]) -> Ranks {
        let texts = |batch: &'b Batch| -> Vec<&'b str> { batch.texts.stock.iter().collect() };
        Ranks { texts: ranks(batches.iter().map(texts)), accounts: ranks(batches.iter().map(|batch| batch.accounts.clone())) }
    }

    /// The key of that number of the batch at that place: equal ones for equal keys and accounts, in the order of accounts and keys.
    pub(crate) fn key(&self, at: usize, batch: &Batch, number: u32) -> Option<KeyNumbers> {
        let (texts, accounts) = (self.texts.get(at)?, self.accounts.get(at)?);
        let numbers = batch.key_numbers_of(number)?;
        let text = |number: u32| texts.get(number as usize).copied();
        Some(KeyNumbers {
            account: *accounts.get(numbers.account as usize)?,
            principal: text(numbers.principal)?,
            id: text(numbers.id)?,
            access_key: text(numbers.access_key)?,
            source: text(numbers.source)?,
            name: text(numbers.name)?,
            ..*numbers
        })
    }
}

/// The ranks of what each batch has, equal ones for equal values.
fn ranks<T: Ord>(of_batches: impl Iterator<Item = Vec<T>>) -> Vec<Vec<u32>> {
    let mut ranks: Vec<Vec<u32>> = Vec::new();
    let mut order: Vec<(T, usize, usize)> = Vec::new();
    for (batch, all) in of_batches.enumerate() {
        ranks.push(vec![0; all.len()]);
        order.extend(all.into_iter().enumerate().map(|(number, value)| (value, batch, number)));
    }
    order.sort_unstable();
    for (rank, alike) in (0..).zip(order.chunk_by(|a, b| a.0 == b.0)) {
        for (_, batch, number) in alike {
            if let Some(known) = ranks.get_mut(*batch).and_then(|ranks| ranks.get_mut(*number)) {
                *known = rank;
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use leastwise::access::AccountId;
    use leastwise::usage::EventKind;
    use proptest::prelude::*;

    use super::*;
    use crate::rollup::row::{Outcome, PrincipalType};

    /// Account, principal, source and name of a key, and what it has besides texts.
    type Told = (usize, usize, usize, usize, u8);

    fn batch(keys: &[Told]) -> Batch {
        let mut batch = Batch::new();
        for (account, principal, source, name, other) in keys {
            let texts = ["", "a", "ab", "b"];
            let [principal, source, name] = [principal, source, name].map(|text| batch.texts.number(texts[*text], &batch.hasher));
            let accounts = [None, AccountId::parse("111122223333"), AccountId::parse("444455556666")];
            let account = batch.account(accounts[*account]);
            let at = |bit: u8| usize::from(other >> bit & 1);
            batch.keys.push(KeyNumbers {
                account,
                principal,
                principal_type: PrincipalType::ALL[at(0)],
                id: name,
                access_key: source,
                source,
                name,
                outcome: Outcome::ALL[at(1)],
                kind: EventKind::ALL[at(2)],
                may_tag: at(3) == 1,
            });
        }
        batch
    }

    proptest! {
        #[test]
        fn keys_of_all_batches_are_in_the_order_of_their_accounts_and_texts(
            keys in proptest::collection::vec(proptest::collection::vec((0..3usize, 0..4usize, 0..4usize, 0..4usize, 0..16u8), 0..6), 0..5),
        ) {
            let batches: Vec<Batch> = keys.iter().map(|keys| batch(keys)).collect();
            let ranks = Ranks::of(&batches);
            let all = || batches.iter().enumerate().flat_map(|(at, batch)| (0..).take(batch.keys()).map(move |number| (at, batch, number)));
            for (at, batch, number) in all() {
                for (other_at, other_batch, other_number) in all() {
                    let (one, other) = (ranks.key(at, batch, number), ranks.key(other_at, other_batch, other_number));
                    prop_assert!(one.is_some());
                    prop_assert_eq!(one.cmp(&other), batch.key(number).cmp(&other_batch.key(other_number)));
                }
            }
        }
    }

    #[test]
    fn ranks_are_in_the_order_of_the_values_and_equal_for_equal_ones() {
        let of_batches = [vec!["c", "", "b"], vec![], vec!["b", "a", "c"]];
        assert_eq!(ranks(of_batches.into_iter()), [vec![3, 0, 2], vec![], vec![2, 1, 3]]);
    }
}
