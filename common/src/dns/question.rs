//! The head of a message and its question: is this an answer, and is it about an endpoint?

use super::{HEADER, IN, IS_ANSWER, LABELS, Label, NameEdge, NameKey, OPERATION, State, Turn, World, number};

/// Longest name on the wire, its final zero included.
const MAX_NAME: usize = 255;
/// Longest label; anything above is compression, which a question has no use for, or reserved.
const MAX_LABEL: u8 = 63;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It answers a question for an endpoint's name. The state says more of it, and [`crate::dns::answers`] may follow.
    Ours,
    /// It answers a question for the name of somebody else. [`crate::dns::answers`] may follow, for whoever wants to know
    /// who else is at an address; the state's provider is 0.
    Theirs,
    /// It is no answer to one question.
    Other,
    /// It breaks the format.
    Broken,
}

/// Reads up to the end of the question.
#[inline(always)]
pub fn question(world: &mut impl World) -> Asked {
    if world.end() < HEADER {
        return Asked::Broken;
    }
    let flags = number(world, 2);
    if flags & IS_ANSWER == 0 || flags & OPERATION != 0 || number(world, 4) != 1 {
        return Asked::Other;
    }
    let state = world.state();
    (state.at, state.left, state.count, state.label) = (HEADER, 0, 0, Label::EMPTY);
    for _ in 0..MAX_NAME {
        match byte(world) {
            Turn::More => {}
            Turn::Done => return asked(world),
            Turn::Broken => return Asked::Broken,
        }
    }
    Asked::Broken
}

/// Takes one byte of the name.
#[inline(always)]
fn byte(world: &mut impl World) -> Turn {
    let (at, end) = (world.state().at, world.end());
    if at >= end {
        return Turn::Broken;
    }
    let byte = world.byte(at);
    let state = world.state();
    state.at = at.wrapping_add(1);
    if state.left == 0 {
        if byte == 0 {
            return Turn::Done;
        }
        if byte > MAX_LABEL {
            return Turn::Broken;
        }
        (state.left, state.label) = (u32::from(byte), Label::EMPTY);
        return Turn::More;
    }
    let label = state.label.and(byte);
    (state.label, state.left) = (label, state.left.wrapping_sub(1));
    if state.left == 0 {
        state.labels[state.count as usize % LABELS as usize] = label;
        state.count = state.count.wrapping_add(1);
    }
    Turn::More
}

/// Reads what follows the name, and looks the name up.
#[inline(always)]
fn asked(world: &mut impl World) -> Asked {
    let at = world.state().at;
    let next = at.wrapping_add(4);
    if next > world.end() {
        return Asked::Broken;
    }
    let (kind, class) = (number(world, at), number(world, at.wrapping_add(2)));
    if class != IN {
        return Asked::Other;
    }
    let provider = provider(world);
    let (flags, answers) = (number(world, 2), number(world, 6));
    let state = world.state();
    (state.at, state.provider, state.kind) = (next, provider, kind);
    (state.flags, state.answers) = (flags, u32::from(answers));
    if provider == 0 { Asked::Theirs } else { Asked::Ours }
}

/// Whose name the labels are, or 0.
#[inline(always)]
fn provider(world: &mut impl World) -> u32 {
    let Some(mut edge) = world.edge(&NameKey::ROOT) else { return 0 };
    // No name in the catalogue has more labels, and the first of this one are overwritten already.
    if world.state().count > LABELS {
        return 0;
    }
    for turn in 0..LABELS {
        if turn >= world.state().count {
            return edge.provider;
        }
        match follow(world, edge.next, turn) {
            Some(next) => edge = next,
            None => return 0,
        }
    }
    edge.provider
}

/// Follows the label that is number `turn` from the right. The most exact edge wins; the automaton is built so that
/// it leads everywhere that a less exact one would.
#[inline(always)]
fn follow(world: &mut impl World, node: u32, turn: u32) -> Option<NameEdge> {
    let label = label(world.state(), turn);
    if let Some(edge) = world.edge(&NameKey::whole(node, label)) {
        return Some(edge);
    }
    if let Some(edge) = world.edge(&NameKey::tail(node, label)) {
        return Some(edge);
    }
    world.edge(&NameKey::any(node))
}

#[inline(always)]
fn label(state: &State, turn: u32) -> Label {
    state.labels[state.count.wrapping_sub(turn).wrapping_sub(1) as usize % LABELS as usize]
}
