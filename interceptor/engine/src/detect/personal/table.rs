//! The kinds of numbers, by region. One entry says everything about a kind: adding one is adding an entry.

mod africa;
mod americas;
mod anywhere;
mod around;
mod asia;
mod central;
mod english;
mod north;
mod south;
mod told;

use super::kind::Kind;

/// Digits most of which are the one before and one more: typed to show what a number looks like.
fn counts(text: &[u8]) -> bool {
    let steps = text.windows(2).filter(|two| two[1] == two[0].wrapping_add(1)).count();
    text.len() >= 8 && steps + 3 >= text.len()
}

const PARTS: [&[Kind]; 10] = [
    anywhere::KINDS,
    told::KINDS,
    africa::KINDS,
    around::KINDS,
    english::KINDS,
    central::KINDS,
    south::KINDS,
    north::KINDS,
    asia::KINDS,
    americas::KINDS,
];

const COUNT: usize = {
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

/// All kinds, in the order of their ids.
pub(in super::super) static KINDS: [Kind; COUNT] = {
    let mut all = [PARTS[0][0]; COUNT];
    let (mut at, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut i = 0;
        while i < PARTS[part].len() {
            all[at] = PARTS[part][i];
            (at, i) = (at + 1, i + 1);
        }
        part += 1;
    }
    all
};
