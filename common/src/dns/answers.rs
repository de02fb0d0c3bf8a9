//! The answer section: takes the addresses, skips everything else.

use super::{IN, Turn, World, number};
use crate::Address;

/// Most records that are looked at.
pub const MAX_RECORDS: u32 = 64;
/// Most turns that are taken: one a record, and one more for each label of an owner's name that is written out.
pub const MAX_TURNS: u32 = 256;

const A: u16 = 1;
const AAAA: u16 = 28;
/// Bytes of a record between its owner's name and its data.
const FIXED: u32 = 10;
/// The two high bits of a length that make it a pointer.
const POINTER: u8 = 0xc0;
const MAX_LABEL: u8 = 63;

/// How far the answers were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// To their end.
    All,
    /// To one of the bounds here. What lies behind was not looked at.
    Bound,
    /// To where they break the format, or where the message ends too early.
    Broken,
}

/// Reads the answers to a question that [`crate::dns::question`] found to be ours, and tells [`World::learn`] of each
/// address.
#[inline(always)]
pub fn answers(world: &mut impl World) -> Walked {
    let state = world.state();
    state.records = if state.answers > MAX_RECORDS { MAX_RECORDS } else { state.answers };
    for _ in 0..MAX_TURNS {
        match turn(world) {
            Turn::More => {}
            Turn::Done => return done(world),
            Turn::Broken => return Walked::Broken,
        }
    }
    done(world)
}

/// The last turn may have ended the last record, or not.
#[inline(always)]
fn done(world: &mut impl World) -> Walked {
    let state = world.state();
    if state.records == 0 && state.answers <= MAX_RECORDS { Walked::All } else { Walked::Bound }
}

/// Skips a label of an owner's name, or its end and then reads the record.
#[inline(always)]
fn turn(world: &mut impl World) -> Turn {
    let state = world.state();
    let (at, records) = (state.at, state.records);
    if records == 0 {
        return Turn::Done;
    }
    if at >= world.end() {
        return Turn::Broken;
    }
    let byte = world.byte(at);
    if byte != 0 && byte & POINTER != POINTER {
        if byte > MAX_LABEL {
            return Turn::Broken;
        }
        world.state().at = at.wrapping_add(1).wrapping_add(u32::from(byte));
        return Turn::More;
    }
    // The name ends with a zero, or with a pointer of two bytes.
    let length = if byte == 0 { 1 } else { 2 };
    record(world, at.wrapping_add(length))
}

/// Reads one record from behind its owner's name.
#[inline(always)]
fn record(world: &mut impl World, at: u32) -> Turn {
    let (data, end) = (at.wrapping_add(FIXED), world.end());
    if data > end {
        return Turn::Broken;
    }
    let (kind, class, length) =
        (number(world, at), number(world, at.wrapping_add(2)), number(world, at.wrapping_add(8)));
    let next = data.wrapping_add(u32::from(length));
    if next > end {
        return Turn::Broken;
    }
    let state = world.state();
    (state.at, state.records) = (next, state.records.wrapping_sub(1));
    if class != IN || (kind != A && kind != AAAA) {
        return Turn::More;
    }
    let (address, expected) = if kind == A {
        (Address::from_v4_word(word(world, data)), 4)
    } else {
        let at = |word: u32| data.wrapping_add(4 * word);
        (Address::from_v6_words([0, 1, 2, 3].map(|n| word(world, at(n)))), 16)
    };
    if length != expected {
        return Turn::Broken;
    }
    world.learn(address);
    Turn::More
}

/// Four bytes as they are; anything where the message ends before.
#[inline(always)]
fn word(world: &impl World, at: u32) -> u32 {
    u32::from_ne_bytes(world.quad(at))
}
