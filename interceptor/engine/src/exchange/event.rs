//! Reads the document of one event of a stream: picks out the fragments of longer texts and what says to which
//! text they belong, and looks at everything else as in any document.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::catalogue::MOST_KEYS;
use crate::detect::Detectors;
use crate::json::{Capture, Class, Cursor, Role, Sink, StateId, Text, Word, escape};

use super::inspect::Inspector;
use super::restore::Candidate;

/// The numbers that tell parallel texts apart, by key place.
pub(super) type Keys = [Option<u32>; MOST_KEYS];

/// A fragment of a longer text.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    /// Where it stands; says which rules could apply.
    pub(super) state: StateId,
    /// Its bytes as written, in offsets of the event.
    pub(super) raw: Range<usize>,
    pub(super) escaped: bool,
    pub(super) keys: Keys,
}

/// A value that closes texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    pub(super) rule: u16,
    pub(super) keys: Keys,
}

/// A tool that is about to be called.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) keys: Keys,
}

// The name is the application's.
impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// Reads events. Its buffers are kept from one event to the next.
#[derive(Debug)]
pub(super) struct EventReader {
    pub(super) inspector: Inspector,
    pub(super) fragments: Vec<Fragment>,
    pub(super) closings: Vec<Closing>,
    /// Tools that the event names.
    pub(super) named: Vec<Named>,
    /// The event's `type`, if its document has one.
    pub(super) kind: Vec<u8>,
    /// Keys of the document itself.
    pub(super) keys: Keys,
    /// Whole strings in which tokens may stand; looked for only if asked.
    pub(super) candidates: Vec<Candidate>,
    pub(super) restores: bool,
    /// Fragments, closings and names that there were when each open container began.
    marks: Vec<[usize; 3]>,
    /// Keys of containers that are still open: depth, place and number.
    open_keys: Vec<(usize, u8, u32)>,
}

impl EventReader {
    pub(super) fn new(detectors: Option<Arc<Detectors>>) -> Self {
        EventReader {
            inspector: Inspector::new(detectors),
            fragments: Vec::new(),
            closings: Vec::new(),
            named: Vec::new(),
            kind: Vec::new(),
            keys: Keys::default(),
            candidates: Vec::new(),
            restores: false,
            marks: Vec::new(),
            open_keys: Vec::new(),
        }
    }

    /// Ready for the next event.
    pub(super) fn begin(&mut self) {
        self.inspector.begin();
        self.fragments.clear();
        self.closings.clear();
        self.named.clear();
        self.kind.clear();
        self.keys = Keys::default();
        self.candidates.clear();
        self.marks.clear();
        self.open_keys.clear();
    }

    /// What closes if the value at a place is not null.
    fn closing(&mut self, cursor: &Cursor<'_>) {
        for role in &cursor.state().stream {
            if let Role::Close(rule) = role {
                self.closings.push(Closing { rule: *rule, keys: Keys::default() });
            }
        }
    }
}

impl Sink for EventReader {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        let state = cursor.state();
        if !text.key && cursor.depth() == 1 && state.capture == Some(Capture::Type) {
            self.kind.clear();
            escape::decode(text.raw, &mut self.kind);
        }
        if !text.key && state.capture == Some(Capture::Tool) {
            let mut name = Vec::new();
            escape::decode(text.raw, &mut name);
            let name = String::from_utf8_lossy(&name).into_owned();
            self.named.push(Named { name, keys: Keys::default() });
        }
        let is_delta = !text.key && state.stream.iter().any(|role| matches!(role, Role::Delta(_)));
        if self.restores && !is_delta {
            self.candidates.extend(Candidate::new(state.class, &text));
        }
        if text.key || state.stream.is_empty() {
            return self.inspector.text(cursor, text);
        }
        self.closing(cursor);
        if is_delta {
            let (raw, escaped) = (text.range(), text.escaped);
            self.fragments.push(Fragment { state: cursor.state_id(), raw, escaped, keys: Keys::default() });
        } else {
            self.inspector.text(cursor, text);
        }
    }

    fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8], start: usize) {
        let key = cursor.state().stream.iter().find_map(|role| match role {
            Role::Key(place) => Some(*place),
            _ => None,
        });
        let value = key.and_then(|_| std::str::from_utf8(raw).ok()?.parse().ok());
        if let (Some(place), Some(value)) = (key, value) {
            self.open_keys.push((cursor.depth(), place, value));
        }
        self.closing(cursor);
        self.inspector.number(cursor, raw, start);
    }

    fn word(&mut self, cursor: &Cursor<'_>, word: Word) {
        if word != Word::Null {
            self.closing(cursor);
        }
        self.inspector.word(cursor, word);
    }

    fn open(&mut self, cursor: &Cursor<'_>) {
        self.marks.push([self.fragments.len(), self.closings.len(), self.named.len()]);
        self.inspector.open(cursor);
    }

    /// The keys of a container belong to everything inside it, whatever came first.
    fn close(&mut self, cursor: &Cursor<'_>) {
        self.inspector.close(cursor);
        let depth = cursor.depth();
        let Some([fragments, closings, named]) = self.marks.pop() else { return };
        while let Some((_, place, value)) = self.open_keys.pop_if(|(at, ..)| *at >= depth) {
            let place = usize::from(place);
            let inside = self.fragments[fragments..].iter_mut().map(|fragment| &mut fragment.keys);
            let inside = inside.chain(self.closings[closings..].iter_mut().map(|closing| &mut closing.keys));
            let inside = inside.chain(self.named[named..].iter_mut().map(|named| &mut named.keys));
            for keys in inside {
                keys[place] = keys[place].or(Some(value));
            }
            if depth == 1 {
                self.keys[place] = Some(value);
            }
        }
    }
}

/// What a fragment is counted as.
pub(super) fn class_of(kind: crate::catalogue::DeltaKind) -> Class {
    use crate::catalogue::DeltaKind;
    match kind {
        DeltaKind::Text | DeltaKind::Raw | DeltaKind::Json => Class::Text,
        DeltaKind::Sealed => Class::Sealed,
        DeltaKind::Binary => Class::Binary,
    }
}
