//! Texts that follow one another are read as one: a key whose halves stand in two parts of a message is found.
//! Only what lies around the seam is looked at again, and only where something could go on across it.
//! Knows texts as they are written in JSON. Does not know what becomes of a finding.

use std::ops::Range;

use smallvec::SmallVec;

use super::scan::{Memories, Scanner, Spot, begins_alone};
use crate::cache::Name;
use crate::json::Text;

/// So much of a text on either side of a seam is looked at. Longer keys are found by their halves, or not at all.
const REACH: usize = 512;

/// Numbers of persons and of cards, with blanks between their digits, are no longer.
const NUMBER_REACH: usize = 40;

/// What came last, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// The end of the texts so far, put together, as written.
    tail: Vec<u8>,
    escaped: bool,
    pieces: SmallVec<[Piece; 4]>,
    spots: Vec<Spot>,
    /// The texts since the last part began, where somebody may want to say them again.
    said: Vec<Said>,
    /// How many parts began.
    parts: u64,
    /// Stands for all of it.
    name: Name,
}

/// A text that was taken: where its end stands in the document that is remembered.
#[derive(Clone, Copy, Debug)]
struct Said {
    start: usize,
    length: usize,
    escaped: bool,
}

/// What was there at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    said: usize,
    parts: u64,
    pub(super) name: Name,
}

/// What came since a moment, in offsets from a place behind it.
#[derive(Clone, Debug)]
pub(super) struct Since {
    parted: bool,
    said: Box<[Said]>,
    name: Name,
}

impl Since {
    /// What it takes beyond its own size.
    pub(super) fn beyond(&self) -> usize {
        size_of_val(&*self.said)
    }
}

/// A text of which a part is in the tail.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it begins in the tail.
    start: usize,
    /// Where that is in the document.
    document: usize,
}

/// Something that reaches across a seam.
#[derive(Debug)]
pub(super) struct Across {
    pub(super) spot: Spot,
    /// Its pieces in the document, in order: at least two.
    pub(super) ranges: SmallVec<[Range<usize>; 2]>,
    /// What of it lies before the last text could as well stand there by itself.
    pub(super) begins_alone: bool,
}

impl Neighbours {
    /// What follows does not belong to what was.
    pub(super) fn part(&mut self) {
        self.tail.clear();
        self.pieces.clear();
        self.escaped = false;
        self.said.clear();
        self.parts += 1;
        self.name = Name::default();
    }

    /// What is there now.
    pub(super) fn now(&self) -> Moment {
        Moment { said: self.said.len(), parts: self.parts, name: self.name }
    }

    /// What came since `moment`, in offsets from `from`, which lies before all of it.
    pub(super) fn since(&self, moment: Moment, from: usize) -> Since {
        let parted = self.parts != moment.parts;
        let said = if parted { &self.said } else { &self.said[moment.said..] };
        let said = said.iter().map(|said| Said { start: said.start - from, ..*said }).collect();
        Since { parted, said, name: self.name }
    }

    /// Says again what came since a moment that was like this one. `raw` stands at `from` of the document.
    pub(super) fn again(&mut self, since: &Since, raw: &[u8], from: usize) {
        if since.parted {
            self.part();
        }
        for Said { start, length, escaped } in since.said.iter().copied() {
            let text = &raw[start..start + length];
            self.keep(&Text { raw: text, start: from + start, escaped, key: false });
        }
        self.name = since.name;
    }

    /// Takes the next text and pushes what reaches into it from those before.
    pub(super) fn take(&mut self, text: &Text<'_>, scanner: &mut Scanner, out: &mut Vec<Across>) {
        if text.raw.is_empty() {
            return;
        }
        let reach = self.reach(text.raw);
        if reach > 0 {
            self.look_across(text, reach, scanner, out);
        }
        self.remember(text);
        if let Some(memory) = scanner.memories() {
            self.rename(memory);
        }
    }

    /// What is there is named by the text that came last and by what was there before. A text that leaves nothing of
    /// what was before is named by itself.
    fn rename(&mut self, memory: &Memories) {
        let Some(last) = self.said.last() else { return };
        let end = &self.tail[self.tail.len() - last.length.min(self.tail.len())..];
        let [a, b] = self.name;
        self.name = memory.elements.name_after([a, b, u64::from(last.escaped), 0], end);
    }

    /// How much on either side could belong together.
    fn reach(&self, next: &[u8]) -> usize {
        let (Some(last), first) = (last_seen(&self.tail), next[0]) else { return 0 };
        let inside = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'@' | b'%' | b'\\')
        };
        let goes_on = match last {
            // The end of a sentence, unless something small follows.
            b'.' | b':' => {
                first.is_ascii_lowercase() || first.is_ascii_digit() || matches!(first, b'_' | b'-')
            }
            last => inside(last) && (inside(first) || matches!(first, b'.' | b':')),
        };
        if goes_on {
            return REACH;
        }
        let digit = |text: &[u8]| text.iter().any(u8::is_ascii_digit);
        let (end, begin) = (
            &self.tail[self.tail.len().saturating_sub(NUMBER_REACH)..],
            &next[..next.len().min(NUMBER_REACH)],
        );
        if digit(end) && digit(begin) { NUMBER_REACH } else { 0 }
    }

    fn look_across(&mut self, text: &Text<'_>, reach: usize, scanner: &mut Scanner, out: &mut Vec<Across>) {
        let seam = self.tail.len();
        let begin = &text.raw[..text.raw.len().min(reach)];
        self.tail.extend_from_slice(begin);
        let from = seam.saturating_sub(reach);
        self.spots.clear();
        scanner.scan(&self.tail[from..], self.escaped || text.escaped, &mut self.spots);
        let seam_document = text.start;
        for mut spot in self.spots.drain(..) {
            let whole = spot.raw.start + from..spot.raw.end + from;
            if whole.start >= seam || whole.end <= seam {
                continue;
            }
            let mut ranges = SmallVec::new();
            let pieces = self.pieces.iter().copied().chain([Piece { start: seam, document: seam_document }]);
            let ends = self.pieces.iter().skip(1).map(|piece| piece.start).chain([seam, self.tail.len()]);
            for (piece, end) in pieces.zip(ends) {
                let (start, end) = (whole.start.max(piece.start), whole.end.min(end));
                if start < end {
                    ranges.push(piece.document + start - piece.start..piece.document + end - piece.start);
                }
            }
            let begins_alone = begins_alone(&self.tail[whole.start..seam]);
            spot.raw = whole;
            out.push(Across { spot, ranges, begins_alone });
        }
        self.tail.truncate(seam);
    }

    /// Keeps the end of a text, and of those before it what still may matter.
    fn remember(&mut self, text: &Text<'_>) {
        if text.raw.len() >= REACH {
            self.part();
        }
        self.keep(text);
    }

    fn keep(&mut self, text: &Text<'_>) {
        let kept = text.raw.len().min(REACH);
        let skipped = text.raw.len() - kept;
        self.said.push(Said { start: text.start + skipped, length: kept, escaped: text.escaped });
        self.pieces.push(Piece { start: self.tail.len(), document: text.start + skipped });
        self.tail.extend_from_slice(&text.raw[skipped..]);
        self.escaped |= text.escaped;
        if self.tail.len() >= 2 * REACH {
            self.forget(self.tail.len() - REACH);
        }
    }

    /// Forgets so many bytes from the front.
    fn forget(&mut self, bytes: usize) {
        self.tail.drain(..bytes);
        let first = self.pieces.iter().rposition(|piece| piece.start <= bytes).unwrap_or(0);
        self.pieces.drain(..first);
        for piece in &mut self.pieces {
            let cut = bytes.saturating_sub(piece.start);
            piece.document += cut;
            piece.start = piece.start.saturating_sub(bytes);
        }
    }
}

/// The last character that can be seen: the `n` of a line end is no letter, and most files end with one.
fn last_seen(text: &[u8]) -> Option<u8> {
    let mut seen = text;
    while let [before @ .., b'\\', b'n' | b'r' | b't'] = seen {
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        if !backslashes.is_multiple_of(2) {
            break;
        }
        seen = before;
    }
    // Of a text that is all line ends, something may go on.
    seen.last().or(text.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detectors;

    /// What reaches across, by what is written in the document.
    fn across(texts: &[&str]) -> Vec<Vec<String>> {
        let mut scanner = Scanner::new(Some(Detectors::builtin()));
        let mut neighbours = Neighbours::default();
        let (mut document, mut found) = (String::new(), Vec::new());
        for raw in texts {
            document.push('"');
            let text =
                Text { raw: raw.as_bytes(), start: document.len(), escaped: raw.contains('\\'), key: false };
            document += raw;
            neighbours.take(&text, &mut scanner, &mut found);
        }
        let pieces =
            |across: &Across| across.ranges.iter().map(|range| document[range.clone()].to_owned()).collect();
        found.iter().map(pieces).collect()
    }

    #[test]
    fn halves_are_found_together() {
        let key = ["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"].concat();
        for cut in 1..key.len() {
            let (first, second) = key.split_at(cut);
            let texts = [format!("the token {first}"), format!("{second} and more")];
            let found = across(&[&texts[0], &texts[1]]);
            assert_eq!(found, [[first, second]], "{cut}");
        }
        let pieces: Vec<&str> = vec![&key[..3], &key[3..9], &key[9..20], &key[20..]];
        assert_eq!(across(&pieces).last().unwrap(), &pieces);
        assert_eq!(across(&["card 4111 1111 ", "1111 1111."]), [["4111 1111 ", "1111 1111"]]);
        assert_eq!(across(&[r"to jane.doe\u0040exa", "mple.com"]), [[r"jane.doe\u0040exa", "mple.com"]]);
    }

    #[test]
    fn the_tail_does_not_grow() {
        let long = "word ".repeat(300);
        let mut texts = vec![&*long; 5];
        texts.extend(["a b c! "; 400]);
        texts.push("jane@exam");
        texts.push("ple.com");
        assert_eq!(across(&texts), [["jane@exam", "ple.com"]]);
    }

    #[test]
    fn what_ends_is_not_looked_at_again() {
        let mut neighbours = Neighbours::default();
        let text = |raw: &'static str| Text { raw: raw.as_bytes(), start: 0, escaped: false, key: false };
        neighbours.remember(&text("A sentence."));
        assert_eq!(neighbours.reach(b"Another one"), 0);
        assert_eq!(neighbours.reach(b"com"), REACH);
        neighbours.remember(&text(r"fn main() {}\n"));
        assert_eq!(neighbours.reach(b"Another"), 0);
        neighbours.remember(&text(r"jane.doe@exam\n"));
        assert_eq!(neighbours.reach(b"ple.com"), REACH);
        neighbours.remember(&text(r"C:\\bin\\n"));
        assert_eq!(neighbours.reach(b"ext"), REACH);
        neighbours.remember(&text("Call 415 "));
        assert_eq!((neighbours.reach(b" 555 0100"), neighbours.reach(b" now")), (NUMBER_REACH, 0));
    }
}
