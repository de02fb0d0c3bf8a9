//! Whole elements of a list, such as the messages that an agent sends again with every turn: those that were read before
//! are passed over, and what was found in them is found again. So are stretches of them, which costs less than one by one.
//!
//! What an element says depends on its bytes, on the place in the catalogue's table and on the texts before it, of which
//! something may reach into it. All three are in its name. What else reading one may do, such as naming a model, is not
//! remembered: such an element is read each time. Knows no text.

use std::fmt;
use std::sync::Arc;

use super::{Hit, Inspector, MOST_HITS, Quoting, place_of};
use crate::cache::{Held, Name};
use crate::detect::{Confidence, DetectorId};
use crate::exchange::neighbours::{Moment, Since};
use crate::exchange::scan::Memories;
use crate::json::{Cursor, Here, Stretch};
use crate::record::Ledger;

/// Shorter elements are read faster than they are looked up. So much of each is what it is looked up by at first.
const BEGINNING: usize = 64;

/// A stretch of this length is remembered as one, and the next begins.
const FULL: usize = 16 << 10;

/// Longest stretch, so that nothing has to be hashed that hardly comes again.
const LONGEST: usize = 64 << 10;

/// How many lengths are remembered of elements that begin in the same way, the last ones.
const MOST_LENGTHS: usize = 4;

/// What a stretch says, with places and offsets counted from its beginning.
#[derive(Clone)]
pub(in crate::exchange) struct Said {
    elements: u32,
    counted: Ledger,
    hits: Box<[SaidHit]>,
    /// Names of tools, in order, as often as they stand there.
    tools: Box<[Box<[u8]>]>,
    neighbours: Since,
}

/// A [`Hit`] in it.
#[derive(Clone, Debug)]
struct SaidHit {
    /// In which element.
    element: u32,
    /// The place below that.
    place: Box<str>,
    detector: DetectorId,
    confidence: Confidence,
    start: u64,
    length: u64,
    raw: (usize, usize),
    text: (usize, usize),
    quoting: Quoting,
    sealed: bool,
}

// Names of tools are what a body says, and may be anything.
impl fmt::Debug for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Elements({} tools)", self.tools.len())
    }
}

impl Held for Said {
    fn beyond(&self) -> usize {
        let places: usize = self.hits.iter().map(|hit| hit.place.len()).sum();
        let tools: usize = self.tools.iter().map(|tool| tool.len() + size_of_val(tool)).sum();
        size_of_val(&*self.hits) + places + tools + self.neighbours.beyond()
    }
}

/// What has been read since some elements began.
#[derive(Default)]
pub(super) struct Elements {
    /// The element that is being read.
    element: Option<Start>,
    /// The stretch that it is in.
    stretch: Option<Start>,
    /// Names of tools that were noted.
    pub(super) tools: Vec<Box<[u8]>>,
    /// How often something happened that cannot be said again.
    pub(super) spoilt: u64,
}

/// Where something began, and what there was then.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// In the document.
    at: usize,
    index: u32,
    /// The list's place in the catalogue.
    list: [u64; 2],
    hits: usize,
    counted: Ledger,
    tools: usize,
    neighbours: Moment,
    spoilt: u64,
    unfinished: u64,
}

impl Start {
    /// The name of what begins here and is written with these bytes.
    fn name(&self, memory: &Memories, raw: &[u8]) -> Name {
        let ([a, b], [table, state]) = (self.neighbours.name, self.list);
        memory.elements.name_after([a, b, table, state], raw)
    }

    /// What the lengths are found by of elements that begin like `raw`.
    fn beginning(&self, memory: &Memories, raw: &[u8]) -> Option<Name> {
        let [table, state] = self.list;
        raw.get(..BEGINNING).map(|first| memory.lengths.name_after([0, 0, table, state], first))
    }
}

impl Elements {
    /// What comes now does not continue what was read.
    pub(super) fn part(&mut self) {
        (self.element, self.stretch) = (None, None);
        self.tools.clear();
    }
}

impl Inspector {
    fn start(&self, cursor: &Cursor<'_>, at: usize) -> Start {
        Start {
            at,
            index: cursor.index(),
            list: [cursor.table_number(), cursor.state_id().number()],
            hits: self.hits.len(),
            counted: self.ledger,
            tools: self.elements.tools.len(),
            neighbours: self.neighbours.now(),
            spoilt: self.elements.spoilt,
            unfinished: self.scanner.unfinished(),
        }
    }

    /// How much of what stands here is known. Its findings are pushed.
    pub(super) fn known_elements(&mut self, cursor: &Cursor<'_>, here: Here<'_>) -> Option<Stretch> {
        // What tools are called with is not remembered.
        if self.calls.is_asked() {
            return None;
        }
        let memory = self.scanner.memories()?.clone();
        let start = self.start(cursor, here.base + here.at);
        if self.elements.stretch.is_none_or(|stretch| stretch.list != start.list) {
            self.elements.stretch = Some(start);
        }
        let Some((said, bytes)) = find(&memory, &start, &here.chunk[here.at..]) else {
            self.elements.element = Some(start);
            return None;
        };
        self.elements.element = None;
        let said = &said[0];
        if self.hits.len() + said.hits.len() > MOST_HITS {
            self.elements.part();
            return None;
        }
        self.say_again(cursor, said, &here.chunk[here.at..here.at + bytes], start.at);
        let fresh = self.elements.stretch.is_some_and(|stretch| stretch.at == start.at);
        if fresh && bytes >= FULL {
            self.elements.stretch = None;
        } else {
            let elements = said.elements - 1;
            self.extend(cursor, Here { at: here.at + bytes, ..here }, cursor.index() + elements);
        }
        Some(Stretch { bytes, elements: said.elements })
    }

    /// An element was read, up to here.
    pub(super) fn read_element(&mut self, cursor: &Cursor<'_>, here: Here<'_>) {
        if let Some(start) = self.elements.element.take() {
            if !self.learn(&start, cursor, here, cursor.index()) {
                self.elements.stretch = None;
            }
            self.extend(cursor, here, cursor.index());
        }
    }

    /// The stretch goes up to here, and ends if it is long enough.
    fn extend(&mut self, cursor: &Cursor<'_>, here: Here<'_>, last: u32) {
        let Some(stretch) = self.elements.stretch else { return };
        let bytes = here.base + here.at - stretch.at;
        if bytes < FULL && stretch.at >= here.base {
            return;
        }
        self.elements.stretch = None;
        if bytes <= LONGEST && last > stretch.index {
            self.learn(&stretch, cursor, here, last);
        }
        self.elements.tools.clear();
    }

    /// Remembers what came since `start`, unless it cannot be said again.
    fn learn(&mut self, start: &Start, cursor: &Cursor<'_>, here: Here<'_>, last: u32) -> bool {
        let Some(memory) = self.scanner.memories().cloned() else { return false };
        let same = self.elements.spoilt == start.spoilt && self.scanner.unfinished() == start.unfinished;
        let Some(raw) = start.at.checked_sub(here.base).and_then(|from| here.chunk.get(from..here.at)) else {
            return false;
        };
        let Some(said) = same.then(|| self.since(start, cursor, last)).flatten() else { return false };
        let Some(beginning) = start.beginning(&memory, raw) else { return true };
        let Ok(length) = u32::try_from(raw.len()) else { return false };
        memory.elements.put(start.name(&memory, raw), &[said]);
        let known = memory.lengths.get(beginning);
        let known = known.as_deref().unwrap_or_default();
        if !known.contains(&length) {
            let lengths: Vec<u32> =
                [length].into_iter().chain(known.iter().copied()).take(MOST_LENGTHS).collect();
            memory.lengths.put(beginning, &lengths);
        }
        true
    }

    /// What came since `start`; none if it does not stand below the elements.
    fn since(&self, start: &Start, cursor: &Cursor<'_>, last: u32) -> Option<Said> {
        let list = list_of(&place_of(&self.below, cursor))?.to_owned();
        let hits = self.hits.get(start.hits..)?.iter().map(|hit| {
            let (index, place) = hit.place.strip_prefix(&*list)?.strip_prefix('[')?.split_once(']')?;
            let from = |at: usize| at.checked_sub(start.at);
            Some(SaidHit {
                element: index.parse::<u32>().ok()?.checked_sub(start.index)?,
                place: place.into(),
                detector: hit.detector,
                confidence: hit.confidence,
                start: hit.start,
                length: hit.length,
                raw: (from(hit.raw.start)?, from(hit.raw.end)?),
                text: (from(hit.text.start)?, from(hit.text.end)?),
                quoting: hit.quoting,
                sealed: hit.sealed,
            })
        });
        Some(Said {
            elements: last.checked_sub(start.index)? + 1,
            counted: self.ledger.minus(start.counted),
            hits: hits.collect::<Option<_>>()?,
            tools: self.elements.tools.get(start.tools..)?.into(),
            neighbours: self.neighbours.since(start.neighbours, start.at),
        })
    }

    /// Does what reading these bytes would do.
    fn say_again(&mut self, cursor: &Cursor<'_>, said: &Said, raw: &[u8], at: usize) {
        self.ledger = self.ledger.plus(said.counted);
        for tool in &said.tools {
            self.facts.name(tool, |facts| &mut facts.tools);
            self.elements.tools.push(tool.clone());
        }
        self.neighbours.again(&said.neighbours, raw, at);
        if said.hits.is_empty() {
            return;
        }
        let place = place_of(&self.below, cursor);
        let list = list_of(&place).unwrap_or(&place);
        let mut last: Option<(u32, &str, Arc<str>)> = None;
        for hit in &said.hits {
            // The findings of one text share the place.
            let place = match &last {
                Some((element, below, place)) if (*element, *below) == (hit.element, &*hit.place) => {
                    place.clone()
                }
                _ => format!("{list}[{}]{}", cursor.index() + hit.element, hit.place).into(),
            };
            last = Some((hit.element, &hit.place, place.clone()));
            self.hits.push(Hit {
                detector: hit.detector,
                confidence: hit.confidence,
                place,
                start: hit.start,
                length: hit.length,
                raw: at + hit.raw.0..at + hit.raw.1,
                rest: Vec::new(),
                text: at + hit.text.0..at + hit.text.1,
                quoting: hit.quoting,
                sealed: hit.sealed,
                shown: None,
            });
        }
    }
}

/// The longest stretch that is known to begin here, and how long it is.
fn find(memory: &Memories, start: &Start, rest: &[u8]) -> Option<(Arc<[Said]>, usize)> {
    let known = memory.lengths.get(start.beginning(memory, rest)?)?;
    let mut lengths: smallvec::SmallVec<[u32; MOST_LENGTHS]> = known.iter().copied().collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths.into_iter().find_map(|length| {
        let bytes = usize::try_from(length).ok()?;
        let said = memory.elements.get(start.name(memory, rest.get(..bytes)?))?;
        Some((said, bytes))
    })
}

/// `messages` of `messages[3]`.
fn list_of(element: &str) -> Option<&str> {
    element.strip_suffix(']')?.rsplit_once('[').map(|(list, _)| list)
}
