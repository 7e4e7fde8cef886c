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
    use super::*;

    #[test]
    fn ranks_are_in_the_order_of_the_values_and_equal_for_equal_ones() {
        let of_batches = [vec!["c", "", "b"], vec![], vec!["b", "a", "c"]];
        assert_eq!(ranks(of_batches.into_iter()), [vec![3, 0, 2], vec![], vec![2, 1, 3]]);
    }
}
