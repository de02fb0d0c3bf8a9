//! The tools that a stream calls: which name belongs to which fragments, and when a call is complete. It is ruled on then,
//! before the event that completes it leaves, so that nobody has a whole call that a rule forbids.
//! Knows keys and names. What a call says is read elsewhere.

use super::{Stream, stream_rules};
use crate::exchange::calls::Call;
use crate::exchange::case::Case;
use crate::exchange::event::{Keys, Named};
use crate::exchange::joined::Joined;
use crate::refusal::Refusal;

/// Most names that are kept.
const MOST_NAMES: usize = 512;
/// Most bytes of fragments of all calls of a stream that are kept.
const MOST_BYTES: usize = 1 << 20;

/// What is known of the tools that a stream calls.
#[derive(Debug, Default)]
pub(super) struct Called {
    names: Vec<Named>,
    /// Those of which rules ask what they are called with, and that were not called yet.
    waiting: Vec<Named>,
    /// Bytes of calls that came in fragments.
    bytes: usize,
    left_out: bool,
    /// Names in fragments, and those that they make up and that were not ruled on.
    joined: Joined,
    made_up: Vec<String>,
}

impl Stream {
    /// From now on what tools are called with is looked for.
    pub(in crate::exchange) fn ask_for_calls(&mut self, is_asked: bool) {
        self.reader.inspector.calls.ask(is_asked);
    }

    /// Notes whom the fragments of this event, and of later ones, belong to.
    pub(super) fn take_names(&mut self, case: &Case) {
        for named in std::mem::take(&mut self.reader.named) {
            // A call may be one of the fragment's name or of the whole one's.
            if let Some(made_up) = self.called.joined.add(&named) {
                self.called.made_up.push(made_up.name.clone());
                self.take_name(made_up, case);
            }
            self.take_name(named, case);
        }
    }

    fn take_name(&mut self, named: Named, case: &Case) {
        let is_known = self.called.names.iter().any(|n| n.keys == named.keys && n.name == named.name);
        if is_known {
            return;
        }
        if self.called.names.len() == MOST_NAMES {
            self.called.left_out = true;
            return;
        }
        if case.scope.waits_for_call(self.direction, &named.name) {
            self.called.waiting.push(named.clone());
        }
        self.called.names.push(named);
    }

    /// Rules on tools that were named since the last time. A tool of which rules ask what it is called with waits for that.
    pub(super) fn rule_names(&mut self, case: &mut Case) -> Result<(), Box<Refusal>> {
        let tools = &self.reader.inspector.facts.tools;
        let news = tools.get(self.told_tools..).unwrap_or_default();
        self.told_tools = tools.len();
        // All are written down, whatever becomes of the exchange.
        let mut result = Ok(());
        for name in news {
            if !case.scope.waits_for_call(self.direction, name) {
                result = result.and(case.rule_tool(self.direction, name));
                continue;
            }
            result = result.and(case.rule_called(self.direction, name));
        }
        for name in std::mem::take(&mut self.called.made_up) {
            result = result.and(case.rule_made_up(self.direction, &name));
        }
        result
    }

    /// Rules on calls that an event holds as a whole. An empty one is the beginning of one in fragments.
    pub(super) fn rule_calls(&mut self, case: &mut Case) -> Result<(), Box<Refusal>> {
        let (calls, left_out) = self.reader.inspector.calls.take();
        let names_left_out = std::mem::take(&mut self.called.left_out) | self.called.joined.take_left_out();
        if left_out || names_left_out && case.scope.asks_for_tools() {
            case.too_many_calls(self.direction)?;
        }
        for mut call in calls.into_iter().filter(|call| !call.given.is_empty()) {
            let keys = self.reader.keys;
            if call.names.is_empty() {
                call.names = self.names_of(&keys);
            }
            self.rule(&call, &keys, case)?;
        }
        Ok(())
    }

    /// Rules on a call in fragments, once it is complete.
    pub(super) fn rule_fragments(&mut self, at: usize, case: &mut Case) -> Result<(), Box<Refusal>> {
        let channel = &mut self.channels[at];
        let (has_ended, keys) = (!channel.is_open(), channel.keys);
        let Some(fragments) = &mut channel.call else { return Ok(()) };
        let is_cut = fragments.is_cut();
        let given = fragments.take(has_ended);
        self.called.bytes += fragments.grown();
        if is_cut || self.called.bytes > MOST_BYTES {
            self.channels[at].call = None;
            case.too_many_calls(self.direction)?;
        }
        let Some(given) = given else { return Ok(()) };
        let names = self.names_of(&keys);
        self.rule(&Call { names, given }, &keys, case)
    }

    /// A fragment that belongs to no text that is followed may be of a call.
    pub(super) fn not_followed(&self, rule: u16, case: &mut Case) -> Result<(), Box<Refusal>> {
        let rules = stream_rules(&self.bodies);
        let is_of_call = rules.is_some_and(|rules| rules.deltas[usize::from(rule)].arguments);
        if is_of_call && self.reader.inspector.calls.is_asked() {
            return case.too_many_calls(self.direction);
        }
        Ok(())
    }

    /// Something ended: tools that were named with these of its keys are called with nothing.
    pub(super) fn rule_waiting(
        &mut self,
        places: &[u8],
        keys: &Keys,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        let shared = |named: &mut Named| {
            places.iter().map(|place| usize::from(*place)).all(|place| named.keys[place] == keys[place])
        };
        let over: Vec<Named> = self.called.waiting.extract_if(.., shared).collect();
        over.iter().try_for_each(|named| case.rule_tool(self.direction, &named.name))
    }

    fn rule(&mut self, call: &Call, keys: &Keys, case: &mut Case) -> Result<(), Box<Refusal>> {
        let is_this = |named: &Named| call.names.contains(&named.name) && may_be(&named.keys, keys);
        self.called.waiting.retain(|named| !is_this(named));
        case.rule_call(self.direction, call)
    }

    /// The tools that may be meant by these keys: those that were named with the same ones. Where that says nothing it may
    /// be any of them.
    fn names_of(&self, keys: &Keys) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for named in self.called.names.iter().filter(|named| may_be(&named.keys, keys)) {
            if !names.contains(&named.name) {
                names.push(named.name.clone());
            }
        }
        names
    }
}

/// True unless one of the keys is another one.
fn may_be(keys: &Keys, others: &Keys) -> bool {
    keys.iter().zip(others).all(|(a, b)| a.is_none() || b.is_none() || a == b)
}
