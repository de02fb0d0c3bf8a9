//! Looks for surer findings in and around a weak one before that is reported: a number that is one only by its form
//! must not hide the key that begins in it. Knows anchors and findings; keeps nothing between runs, so that every
//! chunking gives the same answer: what the text so far does not decide is asked again when more of it is there.

use smallvec::SmallVec;

use super::super::anchor::{Anchor, Anchors, Found, Kind, Sweep};
use super::super::metadata::{Family, Route};
use super::super::seen::Seen;
use super::super::text::{Peek, Text, Verdict, is_key_byte};
use super::super::{Confidence, Finding, Work, secret};
use super::{Growing, Step, confirm};

/// The longest stretch of a key before the literal that tells it.
const LEAD: usize = 88;

/// Where a weak finding is looked at again.
pub(super) struct Look<'m, 't> {
    pub(super) anchors: &'m Anchors,
    /// Its floor is the end of the finding before the weak one.
    pub(super) text: Text<'t>,
    /// The anchor that gave the weak one.
    pub(super) asked: Option<Anchor>,
    pub(super) counted: usize,
    pub(super) sweep: &'m mut Sweep,
    pub(super) seen: &'m mut Seen,
    pub(super) work: &'m mut Work,
}

/// What is reported where a weak finding was.
pub(super) enum Settled {
    /// The continuation decides.
    Wait,
    /// These, in order, and not empty unless something long goes on.
    Report { findings: SmallVec<[Finding; 4]>, long: Option<Long> },
}

/// A surer candidate that is longer than the text, or than a piece. Its walk is at its beginning.
pub(super) struct Long {
    pub(super) growing: Growing,
    pub(super) anchor: usize,
}

/// What lies in a weak finding.
enum Answer {
    Nothing,
    Wait,
    Surer { finding: Finding, anchor: usize },
    Long { long: Long, start: usize },
}

/// Settles what is reported for `weak`.
pub(super) fn settle(look: &mut Look<'_, '_>, weak: Finding) -> Settled {
    let mut findings = SmallVec::new();
    // Another literal may begin where the anchor is.
    let (mut rest, mut from) = (weak, look.asked.map_or(weak.start, |asked| asked.at));
    loop {
        let answer =
            if rest.confidence == Confidence::High { Answer::Nothing } else { look.inside(rest, from) };
        let (surer, anchor) = match answer {
            Answer::Wait => return Settled::Wait,
            Answer::Nothing => {
                findings.push(rest);
                return Settled::Report { findings, long: None };
            }
            Answer::Long { long, start } => {
                findings.extend(before(rest, start));
                return Settled::Report { findings, long: Some(long) };
            }
            Answer::Surer { finding, anchor } => (finding, anchor),
        };
        findings.extend(before(rest, surer.start));
        if surer.confidence < Confidence::High {
            (rest, from) = (surer, anchor);
            continue;
        }
        findings.push(surer);
        if !is_kept(rest) || surer.end >= rest.end {
            return Settled::Report { findings, long: None };
        }
        look.text.floor = surer.end;
        (rest, from) = (Finding { start: surer.end, ..rest }, surer.end);
    }
}

/// What was found is not taken back: around a key that is surer, the rest of a likely secret stays one. Half a number
/// is none.
fn is_kept(weak: Finding) -> bool {
    weak.confidence > Confidence::Low && weak.detector.detector().family == Family::Secret
}

/// The part of `weak` before a surer finding.
fn before(weak: Finding, start: usize) -> Option<Finding> {
    (is_kept(weak) && start > weak.start).then_some(Finding { end: start, ..weak })
}

impl Look<'_, '_> {
    /// The first finding that is surer than `weak` and shares bytes with it.
    fn inside(&mut self, weak: Finding, from: usize) -> Answer {
        let Some(reach) = self.reach(weak.end) else { return Answer::Wait };
        if is_plain(&self.text.bytes[weak.start..reach]) {
            return Answer::Nothing;
        }
        let (mut at, mut found) = (from.max(weak.start), Found::new());
        while let Ok(stop) = self.anchors.next(self.sweep, self.text, at, self.counted)
            && stop.at < reach
        {
            at = stop.at + 1;
            self.anchors.at(self.text, stop, &mut found);
            let asked = self.asked;
            for anchor in found.iter().copied().filter(|a| Some(*a) != asked && may_reach(*a, weak)) {
                match self.ask(anchor, weak, &mut at) {
                    Answer::Nothing => {}
                    answer => return answer,
                }
            }
        }
        Answer::Nothing
    }

    /// Where the last literal may stand of a key that begins before `end`; `None` if the text is too short to tell.
    fn reach(&self, end: usize) -> Option<usize> {
        let joins = |b: u8| {
            is_key_byte(b) || matches!(b, b'+' | b'/' | b'=' | b'.' | b'~' | b':' | b'%' | b'!' | b'|' | b'$')
        };
        let reach = self.text.run_end(end, LEAD, joins);
        match self.text.peek(reach) {
            Peek::Unknown => None,
            // The name of an address may end here.
            Peek::Byte(b'@') if self.text.peek(reach + 1) == Peek::Unknown => None,
            Peek::Byte(b'@') => Some(reach + 1),
            _ => Some(reach),
        }
    }

    /// Asks the detector in charge of an anchor in `weak`, and moves `at` on over what it knows.
    fn ask(&mut self, anchor: Anchor, weak: Finding, at: &mut usize) -> Answer {
        self.work.anchors += 1;
        let verdict = confirm(self.text, anchor, self.seen, self.work);
        match secret::lowered(self.text, verdict) {
            Verdict::Match(finding) if is_surer(finding, weak) => {
                Answer::Surer { finding, anchor: anchor.at }
            }
            Verdict::Undecided { hold } if hold < weak.end || anchor.kind == Kind::Cut => Answer::Wait,
            Verdict::Grow(growing) => self.long(growing, anchor, weak, at),
            Verdict::No { resume } if matches!(anchor.kind, Kind::Digit { .. }) => {
                self.counted = self.counted.max(resume);
                Answer::Nothing
            }
            Verdict::No { resume } if !anchor.holds(resume) => {
                *at = resume.max(*at);
                Answer::Nothing
            }
            _ => Answer::Nothing,
        }
    }

    /// Walks a long candidate as far as the text goes.
    fn long(&mut self, mut growing: Growing, anchor: Anchor, weak: Finding, at: &mut usize) -> Answer {
        match growing.step(self.text, self.work) {
            Step::Undecided { hold } if hold < weak.end => Answer::Wait,
            Step::Undecided { .. } => Answer::Nothing,
            Step::Done { found: Some(finding), .. } if is_surer(finding, weak) => {
                Answer::Surer { finding, anchor: anchor.at }
            }
            Step::Done { resume, .. } => {
                *at = resume.max(*at);
                Answer::Nothing
            }
            Step::Piece(piece) => match confirm(self.text, anchor, self.seen, self.work) {
                Verdict::Grow(growing) => {
                    Answer::Long { long: Long { growing, anchor: anchor.at }, start: piece.start }
                }
                _ => Answer::Nothing,
            },
        }
    }
}

/// Digits and what joins them: no literal stands there. Rows of numbers are nothing else.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b' ' | b'-' | b'.' | b'/' | b'(' | b')'))
}

/// A number that begins inside another is none; and behind the weak finding only an `@` and the mark of a key may
/// belong to something that begins in it.
fn may_reach(anchor: Anchor, weak: Finding) -> bool {
    let is_number = matches!(anchor.kind, Kind::Digit { .. });
    if anchor.at < weak.end {
        return !is_number || weak.detector.detector().family == Family::Secret;
    }
    let marks_key =
        matches!(anchor.kind, Kind::Literal { route: Route::Secret(secret::Route::Key(_)), .. } | Kind::Cut);
    anchor.kind == Kind::At || marks_key
}

fn is_surer(finding: Finding, weak: Finding) -> bool {
    finding.confidence > weak.confidence && finding.start < weak.end && weak.start < finding.end
}
