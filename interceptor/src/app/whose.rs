//! Whose an address is, as a number for the kernel side: one provider's, or that of several together.
//! Knows numbers. Does not know who asks.

use std::collections::BTreeMap;

/// Most different sets of providers that share addresses. Addresses of others are nobody's, as all of them once were.
const MOST: usize = 256;

/// The number of a name (FNV-1a), so that a catalogue that has changed does not make one provider of another. Never 0,
/// which is nobody's, nor the one of proxies.
pub(super) fn number(name: impl IntoIterator<Item = u8>) -> u32 {
    let hash = { name.into_iter() }
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.clamp(1, u32::MAX - 1)
}

/// Sets of providers that have an address in common, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sets(BTreeMap<u32, Box<[u32]>>);

impl Sets {
    /// The number for these providers: 0 if one of them is nobody, or if there is no room.
    pub(super) fn number(&mut self, providers: impl IntoIterator<Item = u32>) -> u32 {
        let mut providers: Vec<u32> = providers.into_iter().collect();
        providers.sort_unstable();
        providers.dedup();
        match &*providers {
            [] | [0, ..] => 0,
            [one] => *one,
            several => {
                let number = number(several.iter().flat_map(|provider| provider.to_le_bytes()));
                let known = self.0.get(&number).map(|known| **known == *several);
                match known {
                    Some(is_same) => {
                        if is_same {
                            number
                        } else {
                            0
                        }
                    }
                    None if self.0.len() == MOST => 0,
                    None => {
                        self.0.insert(number, several.into());
                        number
                    }
                }
            }
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.0.iter().map(|(number, providers)| (*number, &**providers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_have_a_number_of_their_own_in_whatever_order() {
        let mut sets = Sets::default();
        assert_eq!((sets.number([]), sets.number([7]), sets.number([7, 7])), (0, 7, 7));
        let both = sets.number([7, 9, 7]);
        assert_eq!((sets.number([9, 7]), sets.number([0, 7, 9])), (both, 0));
        assert!(![0, 7, 9, u32::MAX].contains(&both));
        assert_ne!(sets.number([7, 8, 9]), both);
        assert_eq!(sets.iter().find(|(number, _)| *number == both), Some((both, &[7, 9][..])));
    }

    #[test]
    fn without_room_more_than_one_is_nobody() {
        let mut sets = Sets::default();
        let most = u32::try_from(MOST).unwrap();
        assert!((1..=most).all(|number| sets.number([number, 1_000_000]) != 0));
        assert_eq!(sets.number([most + 1, 1_000_000]), 0);
        assert_ne!(sets.number([1, 1_000_000]), 0);
    }
}
