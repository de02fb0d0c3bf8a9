//! Scans one text in all the forms in which something may hide in it: as written, with its escapes and encodings
//! undone, undone again, and with tokens put together that were pulled apart. Says where in the bytes as written each
//! finding lies. Knows no document: a text is what stands between two quotes, or a whole file.

use std::ops::Range;
use std::sync::Arc;

use crate::cache;
use crate::detect::{Confidence, DetectorId, Detectors, Finding, Heard};
use crate::json::escape;
use crate::reveal::{Shower, Shown};
use crate::view::{self, Glance, Join, Undo, Wide};
use crate::wide::{self, Both};

mod guess;
mod memory;
mod merge;
mod tested;

pub(super) use guess::{begins_alone, stands_alone};
pub use memory::VerdictCache;
pub(super) use memory::{Memories, Memory};
pub(super) use merge::{merge, share};

/// How often encodings are undone, beyond a string's own escapes: JSON in JSON in JSON, and base64 of something in
/// it. What is still encoded then is counted, and policy is asked.
const DEEPEST: usize = 5;

/// Bytes of views that any text may need. Past it they may be twice as long as the text: what is nested deeply is
/// short, and what is long and nested was made to keep us busy. A text that hides more is counted like one that is
/// encoded too often.
const VIEWED: usize = 1 << 20;

/// Views up to this size keep their memory for the next text.
const ROOMY: usize = 64 << 10;

/// How often they are undone again once tokens were put together.
const DEEPEST_JOINED: usize = 2;

/// A finding, and the bytes it was written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) detector: DetectorId,
    pub(super) confidence: Confidence,
    /// First byte, counted in the form in which it was found.
    pub(super) start: u64,
    /// Bytes in that form.
    pub(super) length: u64,
    /// Where it lies in the text as written.
    pub(super) raw: Range<usize>,
    /// A label in its place would not be read as one.
    pub(super) fixed: bool,
    /// What it says; only where that was asked for.
    pub(super) shown: Option<Box<Shown>>,
}

/// How a text is read, which is part of its name.
#[derive(Clone, Copy)]
enum Reading {
    Plain,
    Text,
    Escaped,
}

/// The detectors with the buffers they need, so that nothing is allocated for each text.
#[derive(Debug)]
pub(super) struct Scanner {
    /// None if no rule asks for anything.
    detectors: Option<Arc<Detectors>>,
    found: Vec<Finding>,
    /// The forms of the text, each made from the one before.
    forms: Vec<Form>,
    /// How many of them there are at the moment; the others keep their memory.
    depth: usize,
    ranges: Vec<Range<usize>>,
    /// What is found is shown, too.
    reveals: bool,
    /// Texts that were still encoded after everything that was undone.
    unfinished: u64,
    memory: Option<Memory>,
    /// Copies of the texts, for whoever looks at them later.
    heard: Option<Heard>,
}

/// A form of a text.
#[derive(Debug, Default)]
struct Form {
    view: Vec<u8>,
    made: Made,
}

/// How a form was made from the one before.
#[derive(Clone, Copy, Debug, Default)]
enum Made {
    /// By JSON's own rules.
    #[default]
    Unquoted,
    /// From two bytes for each character.
    Narrowed,
    Undone,
    Joined,
}

impl Scanner {
    pub(super) fn new(detectors: Option<Arc<Detectors>>) -> Self {
        Scanner {
            detectors,
            found: Vec::new(),
            forms: Vec::new(),
            depth: 0,
            ranges: Vec::new(),
            reveals: false,
            unfinished: 0,
            memory: None,
            heard: None,
        }
    }

    /// Keeps copies of texts from now on, as far as there is room in `heard`.
    pub(super) fn listen(&mut self, heard: Heard) {
        self.heard = Some(heard);
    }

    /// What was kept since.
    pub(super) fn heard(&mut self) -> Option<Heard> {
        self.heard.take()
    }

    /// Asks `memory` before it looks, and tells it what it saw. Whoever does not look has nothing to tell: what it said
    /// would stand for texts in which somebody else looks for everything.
    pub(super) fn remember(&mut self, memory: Option<Memory>) {
        self.memory = memory.filter(|_| self.detectors.is_some());
    }

    /// What may be asked instead of reading a whole message. Texts that are shown or kept have to be read.
    pub(super) fn memories(&self) -> Option<&Memory> {
        self.memory.as_ref().filter(|_| !self.reveals && self.heard.is_none())
    }

    /// The set itself, for texts that come in fragments.
    pub(super) fn detectors(&self) -> Option<&Arc<Detectors>> {
        self.detectors.as_ref()
    }

    /// From now on spots carry what was found.
    pub(super) fn reveal(&mut self) {
        self.reveals = true;
    }

    /// How many texts were encoded more often than is undone.
    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Counts a text that somebody else has undone, in fragments.
    pub(super) fn note_unfinished(&mut self, is_unfinished: bool) {
        self.unfinished += u64::from(is_unfinished);
    }

    /// Scans the inside of a JSON string; `escaped` says whether it holds backslashes. Spots are pushed in order
    /// of position; those that share a place share it in full.
    pub(super) fn scan(&mut self, raw: &[u8], escaped: bool, out: &mut Vec<Spot>) {
        self.recall(raw, if escaped { Reading::Escaped } else { Reading::Text }, out);
    }

    /// Scans a text that nothing was done to.
    pub(super) fn scan_plain(&mut self, text: &[u8], out: &mut Vec<Spot>) {
        self.recall(text, Reading::Plain, out);
    }

    /// What was found in the text before, or what is found in it now.
    fn recall(&mut self, raw: &[u8], reading: Reading, out: &mut Vec<Spot>) {
        if let Some(heard) = &mut self.heard {
            let mut meant = Vec::new();
            heard.keep(match reading {
                Reading::Escaped => {
                    escape::decode(raw, &mut meant);
                    &meant
                }
                _ => raw,
            });
        }
        // What is shown is not kept.
        let memory = self.memory.as_ref().filter(|_| raw.len() >= cache::SHORTEST && !self.reveals);
        let Some(memory) = memory.cloned() else { return self.read(raw, reading, out) };
        let name = memory.texts.name(reading as u64, raw);
        if let Some(known) = memory.texts.get(name) {
            return out.extend_from_slice(&known);
        }
        let (first, unfinished) = (out.len(), self.unfinished);
        self.read(raw, reading, out);
        if self.unfinished == unfinished {
            memory.texts.put(name, &out[first..]);
        }
    }

    fn read(&mut self, raw: &[u8], reading: Reading, out: &mut Vec<Spot>) {
        self.depth = 0;
        let first = out.len();
        if let Reading::Escaped = reading {
            let form = self.next_form(Made::Unquoted);
            escape::decode(raw, &mut form.view);
            self.depth = 1;
        }
        let wide = if let Reading::Plain = reading { Wide::of(raw) } else { None };
        if let Some(wide) = wide {
            let form = self.next_form(Made::Narrowed);
            view::write(wide, &mut form.view);
            self.depth = 1;
        }
        self.explore(raw, out);
        if let Reading::Plain = reading {
            // Two bytes for each character: a label in one would not be read.
            for spot in &mut out[first..] {
                spot.fixed = wide.is_some() || raw[spot.raw.clone()].contains(&0);
            }
        }
    }

    /// Scans the form that is there and all that can be made from it.
    fn explore(&mut self, raw: &[u8], out: &mut Vec<Spot>) {
        // Taken out for as long as it is read, which costs less than to count one more owner for each text.
        let Some(detectors) = self.detectors.take() else { return };
        let first = out.len();
        let seen = self.undo(&detectors, raw, DEEPEST, first, out);
        if self.make(raw, Made::Joined, seen) {
            self.undo(&detectors, raw, DEEPEST_JOINED, first, out);
        }
        self.detectors = Some(detectors);
        for form in self.forms.iter_mut().filter(|form| form.view.capacity() > ROOMY) {
            form.view = Vec::new();
        }
    }

    /// Scans the last form, and undoes encodings until there are none, at most so many times. Returns what the form looks
    /// like that is the last then.
    fn undo(
        &mut self,
        detectors: &Detectors,
        raw: &[u8],
        times: usize,
        first: usize,
        out: &mut Vec<Spot>,
    ) -> Glance {
        let mut seen = self.see(detectors, raw, first, out);
        for _ in 0..times {
            if !self.make(raw, Made::Undone, seen) {
                return seen;
            }
            seen = self.see(detectors, raw, first, out);
        }
        // Doubled backslashes go on for ever in some logs; they hide nothing that was not seen.
        self.unfinished += u64::from(seen.hidden && view::hides(Undo::new(self.last(raw))));
        seen
    }

    /// The last form of the text.
    fn last<'t>(&'t self, raw: &'t [u8]) -> &'t [u8] {
        self.forms[..self.depth].last().map_or(raw, |form| &form.view)
    }

    /// Makes the next form from the last, which looks like this. False if nothing changes; then it is dropped again.
    fn make(&mut self, raw: &[u8], made: Made, seen: Glance) -> bool {
        if !(if let Made::Joined = made { seen.apart } else { seen.hidden }) {
            return false;
        }
        self.next_form(made);
        let (before, behind) = self.forms.split_at_mut(self.depth);
        let text = before.last().map_or(raw, |form| &form.view);
        let view = &mut behind[0].view;
        let viewed = before.iter().map(|form| form.view.len()).sum::<usize>() + text.len();
        let room = viewed <= VIEWED + 2 * raw.len();
        let undone = match made {
            Made::Joined if room => view::write(Join::new(text), view),
            Made::Joined => view::Undone::default(),
            _ if room => view::write(Undo::new(text), view),
            _ => {
                self.unfinished += u64::from(view::hides(Undo::new(text)));
                view::Undone::default()
            }
        };
        self.depth += usize::from(undone.changed);
        undone.changed
    }

    /// The form behind the last one, empty.
    fn next_form(&mut self, made: Made) -> &mut Form {
        if self.forms.len() == self.depth {
            self.forms.push(Form::default());
        }
        let form = &mut self.forms[self.depth];
        form.view.clear();
        form.made = made;
        form
    }

    /// Scans the last form, and says what it looks like. Most strings of a request are names and words, and one look shows
    /// both that there is nothing in them and that nothing is hidden.
    fn see(&mut self, detectors: &Detectors, raw: &[u8], first: usize, out: &mut Vec<Spot>) -> Glance {
        let text = self.last(raw);
        let Some(brief) = detectors.brief(text) else {
            self.look(detectors, raw, first, out);
            return view::glance(self.last(raw));
        };
        let (may_be, seen) = wide::run(Both(brief, view::Brief(text)));
        let seen = seen.glance(text);
        if may_be {
            self.look(detectors, raw, first, out);
        }
        seen
    }

    /// Scans the last form. What is in `out` from `first` on was found in the forms before it.
    fn look(&mut self, detectors: &Detectors, raw: &[u8], first: usize, out: &mut Vec<Spot>) {
        let forms = &self.forms[..self.depth];
        let text = forms.last().map_or(raw, |form| &form.view[..]);
        self.found.clear();
        detectors.scan(text, &mut self.found);
        if self.found.is_empty() {
            return;
        }
        tested::lower(text, &mut self.found);
        self.ranges.clear();
        self.ranges.extend(self.found.iter().map(|finding| finding.start..finding.end));
        let joined = forms.iter().position(|form| matches!(form.made, Made::Joined));
        let (before, behind) = forms.split_at(joined.unwrap_or(0));
        let whole = before.last().map_or(raw, |form| &form.view[..]);
        written(whole, behind, &mut self.ranges);
        let kernel = |range: &Range<usize>| guess::kernel(whole, range.clone());
        let mut kernels: Vec<_> = joined.iter().flat_map(|_| self.ranges.iter().map(kernel)).collect();
        written(raw, before, &mut kernels);
        written(raw, before, &mut self.ranges);
        let mut shower = self.reveals.then(|| Shower::new(text));
        let middle = out.len();
        for (at, (finding, range)) in self.found.iter().zip(&self.ranges).enumerate() {
            let kernel = kernels.get(at).filter(|kernel| *kernel != range);
            if kernel.is_some_and(|kernel| knows(&out[first..middle], kernel, finding.confidence)) {
                continue;
            }
            let shown = shower.as_mut().map(|shower| shower.show(finding.start..finding.end));
            out.push(Spot::new(finding, range.clone(), shown));
        }
        share(&mut out[middle..]);
        merge(out, first, middle, joined.is_none());
    }
}

impl Spot {
    fn new(finding: &Finding, raw: Range<usize>, shown: Option<Box<Shown>>) -> Spot {
        Spot {
            detector: finding.detector,
            confidence: finding.confidence,
            start: finding.start as u64,
            length: (finding.end - finding.start) as u64,
            raw,
            fixed: false,
            shown,
        }
    }
}

/// True if something was found in that place, and as surely. The spots are in order.
fn knows(spots: &[Spot], place: &Range<usize>, confidence: Confidence) -> bool {
    let from = spots.partition_point(|spot| spot.raw.start < place.start);
    let there = spots[from..].iter().take_while(|spot| spot.raw.start == place.start);
    { there }.any(|spot| spot.raw == *place && spot.confidence >= confidence)
}

/// Follows ranges in the last form back to the text as written.
fn written(raw: &[u8], forms: &[Form], ranges: &mut [Range<usize>]) {
    for (depth, form) in forms.iter().enumerate().rev() {
        let text = depth.checked_sub(1).map_or(raw, |before| &forms[before].view);
        match form.made {
            Made::Unquoted => escape::raw_ranges(text, ranges),
            Made::Narrowed => Wide::of(text).into_iter().for_each(|wide| view::trace(wide, ranges)),
            Made::Undone => view::trace(Undo::new(text), ranges),
            Made::Joined => view::trace(Join::new(text), ranges),
        }
    }
}

#[cfg(test)]
mod tests;
