//! Finds a name among sorted ones without regard to ASCII case, by hashing; for names that are asked for often.
//!
//! A catalogue has one over its services, and each service one over its actions. It keeps places, not names: who asks
//! says what stands at a place. It orders nothing.

/// Places of names by their hash.
#[derive(Debug)]
pub(super) struct Index {
    /// A part of the hash, and the place plus one; an empty slot has 0 there.
    slots: Vec<(u32, u32)>,
}

impl Index {
    /// The index of these names, whose places are their order.
    pub(super) fn of<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Index {
        let mut slots = vec![(0u32, 0u32); (names.len() * 2).next_power_of_two()];
        let mask = slots.len() - 1;
        for (name, number) in names.zip(1u32..) {
            let tag = hash(name);
            let mut at = tag as usize & mask;
            while slots.get(at).is_some_and(|(_, taken)| *taken != 0) {
                at = (at + 1) & mask;
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = (tag, number);
            }
        }
        Index { slots }
    }

    /// The place of `name`, ignoring ASCII case; `named` is what stands at a place.
    pub(super) fn place<'n>(&self, name: &str, named: impl Fn(usize) -> &'n str) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let wanted = hash(name);
        let mut at = wanted as usize & mask;
        // At least half of the slots are empty, so it ends.
        while let Some((tag, number)) = self.slots.get(at).filter(|(_, number)| *number != 0) {
            let place = *number as usize - 1;
            if *tag == wanted && named(place).eq_ignore_ascii_case(name) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
        None
    }
}

/// A hash that letters of different case share. Whoever makes names collide slows down only their own catalogue.
fn hash(name: &str) -> u32 {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let (whole, rest) = name.as_bytes().as_chunks::<8>();
    let mut last = [0u8; 8];
    last.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
    let words = whole.iter().chain([&last]).map(|word| u64::from_le_bytes(*word) | 0x2020_2020_2020_2020);
    let mixed = words.fold(name.len() as u64, |state, word| (state.rotate_left(23) ^ word).wrapping_mul(MIX));
    u32::try_from(mixed >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_no_other() {
        let names: Vec<String> = (0..1000).map(|i| format!("Describe{}Thing{i}", "x".repeat(i % 11))).collect();
        let index = Index::of(names.iter().map(String::as_str));
        let find = |name: &str| index.place(name, |at| &names[at]);
        for (at, name) in names.iter().enumerate() {
            assert_eq!(find(name), Some(at));
            assert_eq!(find(&name.to_uppercase()), Some(at));
            assert_eq!(find(&format!("{name}s")), None);
        }
        assert_eq!(find(""), None);
        assert_eq!(Index::of(std::iter::empty()).place("a", |_| ""), None);
    }
}
