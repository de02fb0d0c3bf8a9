//! Walks from anchor to anchor, asks the detector in charge, and keeps what must survive until more text
//! arrives. The same machine runs over whole texts and over streams.

mod surer;

use surer::{Look, Settled};

use super::anchor::{Anchor, Anchors, Found, Kind, Stop, Sweep};
use super::metadata::Route;
use super::seen::Seen;
use super::text::{Peek, Text, Verdict};
use super::{Confidence, Finding, Work, aws, encoded, injection, jwt, pem, personal, secret};

/// A candidate that may become long, with the progress of its walk. Re-walking it for every fragment would
/// be quadratic.
pub(super) enum Growing {
    Jwt(jwt::Walk),
    PrivateKey(pem::Walk),
}

impl Growing {
    fn step(&mut self, text: Text<'_>, work: &mut Work) -> Step {
        match self {
            Self::Jwt(walk) => walk.step(text, work),
            Self::PrivateKey(walk) => walk.step(text, work),
        }
    }
}

/// What a step of a growing candidate's walk says.
pub(super) enum Step {
    /// It ended: found (or its last piece), or not. Look on from `resume`.
    Done { found: Option<Finding>, resume: usize },
    /// It reached the bound: report this piece and go on.
    Piece(Finding),
    /// It needs more text; bytes from `hold` on must not leave.
    Undecided { hold: usize },
}

/// How a run over the text so far ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paused {
    /// Bytes from here on must not leave; `None` if no candidate is live.
    pub(super) hold: Option<usize>,
}

/// A place from which on an AWS secret key is looked for.
#[derive(Clone, Copy)]
struct Follow {
    from: usize,
    /// A name announced it, and not a key id: another secret may stand there as well.
    named: bool,
}

/// Where the walk stands. Positions are indices into the text given to [`Machine::run`].
#[derive(Default)]
pub(super) struct Machine {
    /// Anchors before this are dealt with.
    next: usize,
    /// Digits before this are: what was read from one of them on is no number. Literals among them still count, and so
    /// do tokens.
    counted: usize,
    /// End of the last finding.
    floor: usize,
    growing: Option<Growing>,
    /// An AWS secret key is looked for from here on.
    follow: Option<Follow>,
    /// What was read around the last digits.
    seen: Seen,
    work: Work,
}

impl Machine {
    pub(super) fn work(&self) -> Work {
        self.work
    }

    /// End of the last finding.
    pub(super) fn floor(&self) -> usize {
        self.floor
    }

    /// The first byte that later runs may still look at, before look-back.
    pub(super) fn needs_from(&self) -> usize {
        self.follow.map_or(self.next, |follow| follow.from.min(self.next))
    }

    /// Tells that the first `gone` bytes of the text were cut off. `gone` is at most [`Self::needs_from`].
    pub(super) fn shift(&mut self, gone: usize) {
        self.next -= gone;
        self.counted = self.counted.saturating_sub(gone);
        self.floor = self.floor.saturating_sub(gone);
        self.follow = self.follow.map(|follow| Follow { from: follow.from - gone, ..follow });
        match &mut self.growing {
            Some(Growing::Jwt(walk)) => walk.shift(gone),
            Some(Growing::PrivateKey(walk)) => walk.shift(gone),
            None => {}
        }
    }

    /// Goes on until the text is used up or a candidate needs more of it.
    pub(super) fn run(&mut self, anchors: &Anchors, text: Text<'_>, out: &mut Vec<Finding>) -> Paused {
        self.run_on(anchors, Sweep::new(), text, out)
    }

    /// The same of a text that was looked over in part.
    pub(super) fn run_on(
        &mut self,
        anchors: &Anchors,
        mut sweep: Sweep,
        text: Text<'_>,
        out: &mut Vec<Finding>,
    ) -> Paused {
        let mut found = Found::new();
        // The text may be another than in the last run.
        self.seen.clear();
        loop {
            if let Some(paused) = self.continue_candidate(anchors, text, &mut sweep, out) {
                return paused;
            }
            let stop = match anchors.next(&mut sweep, text, self.next, self.counted) {
                Ok(stop) => stop,
                Err(end) => {
                    self.next = end;
                    return Paused { hold: None };
                }
            };
            let here = Text { floor: self.floor, ..text };
            if let Some(paused) = self.visit(anchors, here, stop, (&mut sweep, &mut found), out) {
                return paused;
            }
        }
    }

    /// Asks about every anchor at `at`.
    fn visit(
        &mut self,
        anchors: &Anchors,
        text: Text<'_>,
        stop: Stop,
        (sweep, found): (&mut Sweep, &mut Found),
        out: &mut Vec<Finding>,
    ) -> Option<Paused> {
        let at = stop.at;
        let mut resume_at = at + 1;
        anchors.at(text, stop, found);
        for anchor in found.iter().copied() {
            let is_digit = matches!(anchor.kind, Kind::Digit { .. });
            if anchor.at < text.floor {
                continue;
            }
            self.work.anchors += 1;
            let verdict = confirm(text, anchor, &mut self.seen, &mut self.work);
            match secret::lowered(text, verdict) {
                Verdict::No { resume } if is_digit => self.counted = self.counted.max(resume),
                // Another literal may begin inside this one.
                Verdict::No { resume } if !anchor.holds(resume) => resume_at = resume_at.max(resume),
                Verdict::No { .. } => {}
                Verdict::Match(finding) => {
                    let paused = self.report(anchors, text, sweep, (finding, Some(anchor)), out);
                    if paused.is_some() {
                        self.next = anchor.at;
                    }
                    return paused;
                }
                Verdict::Undecided { hold } => {
                    self.next = anchor.at;
                    return Some(Paused { hold: (hold != usize::MAX).then_some(hold) });
                }
                Verdict::Grow(growing) => {
                    self.growing = Some(growing);
                    self.next = anchor.at;
                    return None;
                }
                Verdict::Follow { from } => {
                    self.follow = Some(Follow { from, named: true });
                    self.next = from;
                    return None;
                }
            }
        }
        // A literal that begins with the last byte shows when more have come.
        if at + 1 == text.bytes.len() && !text.complete {
            self.next = at;
            return Some(Paused { hold: None });
        }
        self.next = resume_at;
        None
    }

    /// Reports a finding, or what is surer and lies in it. `Some` if more text is needed to say which; nothing is
    /// changed then.
    fn report(
        &mut self,
        anchors: &Anchors,
        text: Text<'_>,
        sweep: &mut Sweep,
        (finding, asked): (Finding, Option<Anchor>),
        out: &mut Vec<Finding>,
    ) -> Option<Paused> {
        let (counted, seen, work) = (self.counted, &mut self.seen, &mut self.work);
        let mut look = Look { anchors, text, asked, counted, sweep, seen, work };
        let Settled::Report { findings, long } = surer::settle(&mut look, finding) else {
            return Some(Paused { hold: Some(finding.start) });
        };
        for finding in findings {
            self.floor = finding.end;
            self.next = finding.end;
            if finding.detector == secret::AWS_ACCESS_KEY {
                self.follow = Some(Follow { from: finding.end, named: false });
            }
            out.push(finding);
        }
        if let Some(long) = long {
            self.next = long.anchor;
            self.growing = Some(long.growing);
        }
        None
    }

    /// Continues a candidate that spans runs. `Some` if it still needs more text.
    fn continue_candidate(
        &mut self,
        anchors: &Anchors,
        text: Text<'_>,
        sweep: &mut Sweep,
        out: &mut Vec<Finding>,
    ) -> Option<Paused> {
        while let Some(growing) = &mut self.growing {
            match growing.step(text, &mut self.work) {
                Step::Done { found, resume } => {
                    self.growing = None;
                    self.next = resume;
                    self.accept(found, out);
                }
                Step::Piece(finding) => {
                    self.next = finding.end;
                    self.accept(Some(finding), out);
                }
                Step::Undecided { hold } => return Some(Paused { hold: Some(hold) }),
            }
        }
        let follow = self.follow?;
        let here = Text { floor: self.floor, ..text };
        let mut verdict = aws::secret_key(here, follow.from, &mut self.work);
        if follow.named && matches!(verdict, Verdict::No { .. }) {
            verdict = secret::after_name(here, follow.from, &mut self.seen.secret, &mut self.work);
        }
        match secret::lowered(text, verdict) {
            Verdict::Undecided { hold } => {
                return Some(Paused { hold: (hold != usize::MAX).then_some(hold) });
            }
            Verdict::Match(finding) => {
                let follow = self.follow.take();
                let paused = self.report(anchors, here, sweep, (finding, None), out);
                if paused.is_some() {
                    self.follow = follow;
                } else if self.growing.is_some() {
                    return self.continue_candidate(anchors, text, sweep, out);
                }
                return paused;
            }
            Verdict::Grow(growing) => {
                self.growing = Some(growing);
                self.follow = None;
                return self.continue_candidate(anchors, text, sweep, out);
            }
            _ => {}
        }
        self.follow = None;
        None
    }

    fn accept(&mut self, found: Option<Finding>, out: &mut Vec<Finding>) {
        if let Some(finding) = found {
            self.floor = finding.end;
            out.push(finding);
        }
    }
}

/// Asks the detector in charge of an anchor.
fn confirm(text: Text<'_>, anchor: Anchor, seen: &mut Seen, work: &mut Work) -> Verdict {
    match anchor.kind {
        Kind::Cut => Verdict::Undecided { hold: usize::MAX },
        Kind::At => personal::at_sign(text, anchor.at, &mut seen.personal, work),
        _ if encoded::inside(text.bytes, anchor.at) => Verdict::No { resume: anchor.at },
        Kind::Digit { number } => digit(text, anchor.at, number, seen, work),
        Kind::Literal { start, .. } if start < text.floor => Verdict::No { resume: anchor.at },
        Kind::Literal { route: Route::Secret(route), start, end } => {
            secret::literal(text, start, end, route, &mut seen.secret, work)
        }
        Kind::Literal { route: Route::Personal(route), start, end } => {
            personal::literal(text, start, end, route, &mut seen.personal, work)
        }
        Kind::Literal { route: Route::Risk(route), start, end } => {
            injection::literal(text, start, end, route, work)
        }
    }
}

/// A group of digits: a number of its own, or part of a token. Where both are found, or may still be, the surer one
/// counts: many a token begins like the number of some identity card. `number` is false where none begins.
fn digit(text: Text<'_>, at: usize, number: bool, seen: &mut Seen, work: &mut Work) -> Verdict {
    let mut verdict = Verdict::No { resume: at + 1 };
    if number {
        verdict = personal::confirm(text, at, &mut seen.personal, work);
    }
    if let Verdict::Match(number) = verdict
        && number.confidence == Confidence::Low
    {
        match glued(text, number.end) {
            None => verdict = Verdict::Undecided { hold: number.start },
            Some(true) => verdict = Verdict::No { resume: at + 1 },
            Some(false) => {}
        }
    }
    // The number comes first and is waited for, but a token around it must not leave meanwhile.
    if let Verdict::Undecided { hold } = verdict
        && secret::may_begin(text.bytes, at)
    {
        return match secret::digit(text, at, &mut seen.secret, work) {
            Verdict::Undecided { hold: token } => Verdict::Undecided { hold: hold.min(token) },
            Verdict::Match(token) => Verdict::Undecided { hold: hold.min(token.start) },
            _ => Verdict::Undecided { hold },
        };
    }
    // A number that begins behind this digit's own word is found from its own digits; here the word is asked.
    if let Verdict::Match(number) = verdict
        && number.start > at
        && secret::may_begin(text.bytes, at)
    {
        return match secret::digit(text, at, &mut seen.secret, work) {
            Verdict::No { .. } => verdict,
            token => token,
        };
    }
    let weak = match verdict {
        Verdict::No { .. } => true,
        Verdict::Match(number) => number.confidence == Confidence::Low,
        _ => false,
    };
    if !weak || !secret::may_begin(text.bytes, at) {
        return verdict;
    }
    match (secret::digit(text, at, &mut seen.secret, work), verdict) {
        (Verdict::No { .. }, verdict) => verdict,
        (Verdict::Match(token), Verdict::Match(number)) if token.confidence <= number.confidence => {
            Verdict::Match(number)
        }
        (verdict, _) => verdict,
    }
}

/// Whether a mark and then more of a token stand at `end`: what ends there is the beginning of something longer. `None`
/// if the text is too short to tell.
fn glued(text: Text<'_>, end: usize) -> Option<bool> {
    /// So many characters are more than the next word or number of a list.
    const MORE: usize = 12;
    match text.peek(end) {
        Peek::Unknown => return None,
        Peek::Byte(b':' | b'=' | b'_' | b'+' | b'/') => {}
        _ => return Some(false),
    }
    let token = text.run_end(end + 1, MORE, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    match token - end - 1 {
        MORE => Some(true),
        _ if text.peek(token) == Peek::Unknown => None,
        _ => Some(false),
    }
}
