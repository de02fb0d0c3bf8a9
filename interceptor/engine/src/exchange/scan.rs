//! Scans one text in all the forms in which something may hide in it: as written, with its escapes and encodings
//! undone, undone again, and with tokens put together that were pulled apart. Says where in the bytes as written each
//! finding lies. Knows no document: a text is what stands between two quotes, or a whole file.

use std::ops::Range;
use std::sync::Arc;

use crate::cache::{self, Cache, Held};
use crate::detect::{Confidence, DetectorId, Detectors, Finding, Heard};
use crate::json::escape;
use crate::policy::Subject;
use crate::reveal::{Shower, Shown};
use crate::view::{self, Join, Undo};

use super::inspect::Said;

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

/// Remembers what was found in texts and in whole messages, for as long as an engine lives. Shared by all its
/// exchanges; bounded.
#[derive(Clone, Debug)]
pub struct VerdictCache {
    texts: Arc<Cache<Spot>>,
    elements: Arc<Cache<Said>>,
    /// How long elements are that begin in the same way.
    lengths: Arc<Cache<u32>>,
}

/// What it remembers for one caller.
#[derive(Debug)]
pub(super) struct Memories {
    pub(super) texts: cache::View<Spot>,
    pub(super) elements: cache::View<Said>,
    pub(super) lengths: cache::View<u32>,
}

pub(super) type Memory = Arc<Memories>;

impl VerdictCache {
    /// An empty cache of at most `bytes`. The secret keeps others from making texts that are taken for one another, so
    /// it must be random and new with every start.
    pub fn new(secret: [u8; 32], bytes: usize) -> Self {
        let (lengths, elements) = (bytes / 8, bytes / 8 * 3);
        VerdictCache {
            texts: Cache::new(secret, bytes - lengths - elements),
            elements: Cache::new(secret, elements),
            lengths: Cache::new(secret, lengths),
        }
    }

    /// What it costs at the moment, in bytes.
    pub fn cost(&self) -> usize {
        self.texts.cost() + self.elements.cost() + self.lengths.cost()
    }

    /// The part of a caller: of a pod's namespace, or of a control group and user where there is none.
    pub(super) fn of(&self, subject: &Subject, version: &str) -> Memory {
        let uid = subject.uid.to_le_bytes();
        let tenant: &[&[u8]] = match subject.tenant() {
            Some(namespace) => &[namespace.as_bytes()],
            None => &[subject.cgroup.as_bytes(), &uid],
        };
        Arc::new(Memories {
            texts: self.texts.view(tenant, version),
            elements: self.elements.view(tenant, version),
            lengths: self.lengths.view(tenant, version),
        })
    }
}

impl Held for Spot {}

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
        self.explore(raw, out);
        if let Reading::Plain = reading {
            // Two bytes for each character: a label in one would not be read.
            for spot in &mut out[first..] {
                spot.fixed = raw[spot.raw.clone()].contains(&0);
            }
        }
    }

    /// Scans the form that is there and all that can be made from it.
    fn explore(&mut self, raw: &[u8], out: &mut Vec<Spot>) {
        let Some(detectors) = self.detectors.clone() else { return };
        let first = out.len();
        self.look(&detectors, raw, first, out);
        self.undo(&detectors, raw, DEEPEST, first, out);
        if self.join(raw) {
            self.look(&detectors, raw, first, out);
            self.undo(&detectors, raw, DEEPEST_JOINED, first, out);
        }
        for form in self.forms.iter_mut().filter(|form| form.view.capacity() > ROOMY) {
            form.view = Vec::new();
        }
    }

    /// Undoes encodings until there are none, at most so many times.
    fn undo(&mut self, detectors: &Detectors, raw: &[u8], times: usize, first: usize, out: &mut Vec<Spot>) {
        for _ in 0..times {
            if !self.make(raw, Made::Undone).changed {
                return;
            }
            self.look(detectors, raw, first, out);
        }
        // Doubled backslashes go on for ever in some logs; they hide nothing that was not seen.
        let text = self.forms[..self.depth].last().map_or(raw, |form| &form.view);
        self.unfinished += u64::from(Undo::worthwhile(text).is_some_and(view::hides));
    }

    fn join(&mut self, raw: &[u8]) -> bool {
        self.make(raw, Made::Joined).changed
    }

    /// Makes the next form from the last; if nothing changes it is dropped again.
    fn make(&mut self, raw: &[u8], made: Made) -> view::Undone {
        self.next_form(made);
        let (before, behind) = self.forms.split_at_mut(self.depth);
        let text = before.last().map_or(raw, |form| &form.view);
        let view = &mut behind[0].view;
        let viewed = before.iter().map(|form| form.view.len()).sum::<usize>() + text.len();
        let room = viewed <= VIEWED + 2 * raw.len();
        let undone = match made {
            Made::Joined => Join::worthwhile(text).filter(|_| room).map(|steps| view::write(steps, view)),
            _ => match Undo::worthwhile(text) {
                Some(steps) if !room => {
                    self.unfinished += u64::from(view::hides(steps));
                    None
                }
                steps => steps.map(|steps| view::write(steps, view)),
            },
        };
        let undone = undone.unwrap_or_default();
        self.depth += usize::from(undone.changed);
        undone
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

    /// Scans the last form. What is in `out` from `first` on was found in the forms before it.
    fn look(&mut self, detectors: &Detectors, raw: &[u8], first: usize, out: &mut Vec<Spot>) {
        let forms = &self.forms[..self.depth];
        let text = forms.last().map_or(raw, |form| &form.view);
        self.found.clear();
        detectors.scan(text, &mut self.found);
        if self.found.is_empty() {
            return;
        }
        self.ranges.clear();
        self.ranges.extend(self.found.iter().map(|finding| finding.start..finding.end));
        written(raw, forms, &mut self.ranges);
        let mut shower = self.reveals.then(|| Shower::new(text));
        let middle = out.len();
        for (finding, range) in self.found.iter().zip(&self.ranges) {
            let shown = shower.as_mut().map(|shower| shower.show(finding.start..finding.end));
            out.push(Spot::new(finding, range.clone(), shown));
        }
        share(&mut out[middle..]);
        let guessed = forms.last().is_some_and(|form| matches!(form.made, Made::Joined));
        merge(out, first, middle, !guessed);
    }
}

/// Findings of one form that lie in the same piece of the text, such as one run of base64, share all of it: what is
/// put in its place stands for both.
fn share(spots: &mut [Spot]) {
    let mut from = 0;
    for at in 1..spots.len() {
        if spots[at].raw.start >= spots[at - 1].raw.end {
            from = at;
            continue;
        }
        let whole = spots[from].raw.start..spots[at].raw.end.max(spots[at - 1].raw.end);
        for spot in &mut spots[from..=at] {
            spot.raw = whole.clone();
        }
    }
}

/// Merges what two groups of forms showed, the second of them made from the first. Where they disagree about a place
/// the surer one is right, then the deeper one: in `\tjane@…` the `t` is part of an escape. What was put together on
/// a guess is only right where nothing else was found, or only a part of it. Both are in order.
fn merge(out: &mut Vec<Spot>, first: usize, middle: usize, trust_deeper: bool) {
    if first == middle || middle == out.len() {
        return;
    }
    let deeper = out.split_off(middle);
    let mut shallower = out.split_off(first).into_iter().peekable();
    // The place of the last spot, its confidence, and whether it is a deeper one.
    let mut last: Option<(Range<usize>, Confidence, bool)> = None;
    let mut deeper = deeper.into_iter().peekable();
    loop {
        let take_deeper = match (shallower.peek(), deeper.peek()) {
            (None, None) => return,
            (Some(a), Some(b)) => b.raw.start < a.raw.start,
            (a, _) => a.is_none(),
        };
        let next = if take_deeper { deeper.next() } else { shallower.next() };
        let Some(spot) = next else { return };
        // What an operator looks for and what anybody looks for do not compete.
        let own = |detector: DetectorId| !detector.is_builtin();
        let clash = last.as_ref().filter(|(place, ..)| {
            spot.raw.start < place.end && out.last().is_some_and(|l| own(l.detector) == own(spot.detector))
        });
        if let Some((place, confidence, _)) = clash.filter(|(.., was_deeper)| *was_deeper != take_deeper) {
            let same = *place == spot.raw && out.last().is_some_and(|last| last.detector == spot.detector);
            let (deep, shallow) = if take_deeper { (&spot.raw, place) } else { (place, &spot.raw) };
            let covers = deep != shallow && deep.start <= shallow.start && shallow.end <= deep.end;
            let better = take_deeper == (trust_deeper || covers);
            let wins = spot.confidence > *confidence || (spot.confidence == *confidence && better && !same);
            if !wins {
                continue;
            }
            // All spots that share the lost place are lost with it.
            while out.len() > first && out.last().is_some_and(|last| last.raw == *place) {
                out.pop();
            }
        }
        last = Some((spot.raw.clone(), spot.confidence, take_deeper));
        out.push(spot);
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

/// Follows ranges in the last form back to the text as written.
fn written(raw: &[u8], forms: &[Form], ranges: &mut [Range<usize>]) {
    for (depth, form) in forms.iter().enumerate().rev() {
        let text = depth.checked_sub(1).map_or(raw, |before| &forms[before].view);
        match form.made {
            Made::Unquoted => escape::raw_ranges(text, ranges),
            Made::Undone => view::trace(Undo::new(text), ranges),
            Made::Joined => view::trace(Join::new(text), ranges),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_scanned() {
        let address = "jane.doe@example.com";
        let mut text = format!("x\n\t{address} \"quoted\"");
        let mut scanner = Scanner::new(Some(Detectors::builtin()));
        for _ in 0..DEEPEST {
            let quoted = serde_json::to_string(&text).unwrap();
            let raw = &quoted[1..quoted.len() - 1];
            let mut out = Vec::new();
            scanner.scan(raw.as_bytes(), true, &mut out);
            let found: Vec<&str> = out.iter().map(|spot| &raw[spot.raw.clone()]).collect();
            assert_eq!(found, [address], "{raw}");
            text = quoted;
        }
    }

    fn found(text: &str) -> Vec<(&str, &str)> {
        let mut out = Vec::new();
        Scanner::new(Some(Detectors::builtin())).scan_plain(text.as_bytes(), &mut out);
        out.iter().map(|spot| (spot.detector.name(), &text[spot.raw.clone()])).collect()
    }

    #[test]
    fn encodings_hide_nothing() {
        const BASE64: &str = "amFuZS5kb2VAZXhhbXBsZS5jb20gYW5kIGpvaG5AZXhhbXBsZS5jb20=";
        for (text, place) in [
            ("to jane%2Edoe%40example.com, ok", "jane%2Edoe%40example.com"),
            ("to jane.doe&#64;example.com, ok", "jane.doe&#64;example.com"),
            ("to j.a.n.e. j_a_n_e_@_e_x_a_m_p_l_e_._c_o_m", "j_a_n_e_@_e_x_a_m_p_l_e_._c_o_m"),
            ("to jane\u{200b}.doe@exa\u{200d}mple.com", "jane\u{200b}.doe@exa\u{200d}mple.com"),
            ("to jаne.doe@exаmple.com", "jаne.doe@exаmple.com"),
            ("to 6a616e652e646f65406578616d706c652e636f6d", "6a616e652e646f65406578616d706c652e636f6d"),
            ("to jane.doe@exam\nple.com", "jane.doe@exam\nple.com"),
        ] {
            assert_eq!(found(text), [("pii.email", place)], "{text}");
        }
        assert_eq!(found(&format!("see {BASE64}.")), [("pii.email", BASE64); 2]);
    }

    #[test]
    fn a_surer_form_wins_over_a_guess() {
        // Put together, the number would be another.
        assert_eq!(found("4111 1111 1111 1111\n1234567890123456"), [("pii.card", "4111 1111 1111 1111")]);
    }

    #[test]
    fn a_guess_that_covers_a_part_of_it_wins() {
        let half = |number: usize| {
            (0..20usize).map(move |at| char::from(b"0a1b2c3d4e5f6789abcd"[(7 * at + number) % 20]))
        };
        let token: String = half(3).chain(['\n']).chain(half(8)).collect();
        let text = format!("wandb key {token} and more");
        assert_eq!(found(&text).iter().map(|(_, place)| *place).collect::<Vec<_>>(), [&*token]);
    }

    #[test]
    fn what_is_still_encoded_is_counted() {
        let mut scanner = Scanner::new(Some(Detectors::builtin()));
        let mut nested = "jane.doe@example.com".replace('.', "%2E");
        for _ in 1..DEEPEST {
            nested = nested.replace('%', "%25");
        }
        let mut out = Vec::new();
        scanner.scan_plain(nested.as_bytes(), &mut out);
        assert_eq!((out.len(), scanner.unfinished()), (1, 0));
        assert_eq!(out[0].raw, 0..nested.len());
        scanner.scan_plain(nested.replace('%', "%25").as_bytes(), &mut out);
        assert_eq!(scanner.unfinished(), 1);
    }

    #[test]
    fn what_is_long_and_nested_is_counted_instead_of_followed() {
        let mut scanner = Scanner::new(Some(Detectors::builtin()));
        let mut out = Vec::new();
        scanner.scan_plain("%2525252541".repeat(400_000).as_bytes(), &mut out);
        assert_eq!(scanner.unfinished(), 1);
        // Text in its own script hides nothing, however long it is.
        scanner
            .scan_plain("Съешь же ещё этих мягких французских булок. ".repeat(50_000).as_bytes(), &mut out);
        assert_eq!(scanner.unfinished(), 1);
    }

    #[test]
    fn two_bytes_for_each_character_are_read_and_not_rewritten() {
        let text: Vec<u8> = "to jane.doe@example.com".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = Vec::new();
        Scanner::new(Some(Detectors::builtin())).scan_plain(&text, &mut out);
        assert_eq!((out[0].raw.clone(), out[0].fixed), (6..45, true));
    }

    #[test]
    fn an_escaped_at_sign_hides_nothing() {
        let raw = r"write to jane.doe\u0040example.com \ud83d\ude00";
        let mut out = Vec::new();
        Scanner::new(Some(Detectors::builtin())).scan(raw.as_bytes(), true, &mut out);
        assert_eq!(&raw[out[0].raw.clone()], r"jane.doe\u0040example.com");
        assert_eq!((out[0].start, out[0].length), (9, 20));
    }
}
