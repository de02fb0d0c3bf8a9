//! The Verhoeff scheme (J. Verhoeff, "Error detecting decimal codes", 1969): multiplication in the dihedral
//! group of order ten, with a permutation that depends on the place. Finds every single error and every
//! transposition of neighbours.

/// What the permutation makes of a digit in the second place; further places apply it again.
const PERMUTATION: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// All places: the permutation's period is eight.
const PLACES: [[usize; 10]; 8] = places();

const fn places() -> [[usize; 10]; 8] {
    let mut all = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
    let mut place = 1;
    while place < 8 {
        let mut digit = 0;
        while digit < 10 {
            all[place][digit] = PERMUTATION[all[place - 1][digit]];
            digit += 1;
        }
        place += 1;
    }
    all
}

/// The product in the dihedral group: rotations 0 to 4, reflections 5 to 9.
const fn product(a: usize, b: usize) -> usize {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b) % 5 + 5,
        (false, true) => (a - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// True if the last digit is the Verhoeff check of the ones before.
pub(in super::super) fn check(text: &[u8]) -> bool {
    let mut state = 0;
    for (i, byte) in text.iter().rev().enumerate() {
        let digit = usize::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return false;
        }
        state = product(state, PLACES[i % 8][digit]);
    }
    !text.is_empty() && state == 0
}
