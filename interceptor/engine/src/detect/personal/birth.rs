//! Dates of birth whose month is a word: `born March 3, 1980`, `née le 1er août 1992`, `Date of birth | 3. März 1980`.
//!
//! Begins at a word for birth, so that nothing else is asked, and a stream can hold the date from its first letter. Dates
//! of digits alone are forms like those of other numbers (see `table::told`); without such a word a date is nobody's.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::text::{Peek, Text, Verdict};
use super::super::{Confidence, DetectorId, Finding, Work};
use super::Route;
use crate::detect::metadata::personal_id;

const DATE_OF_BIRTH: DetectorId = personal_id("pii.date_of_birth");

/// What announces a date of birth, as it is written. More letters may follow: `birthday`, `geburtsdatum`.
const WORDS: [&str; 50] = [
    "born",
    "Born",
    "birth",
    "Birth",
    "bday",
    "Bday",
    "geboren",
    "Geboren",
    "geburts",
    "Geburts",
    "geboorte",
    "Geboorte",
    "née le",
    "Née le",
    "né le",
    "Né le",
    "naissance",
    "Naissance",
    "nacimiento",
    "Nacimiento",
    "nacido",
    "Nacido",
    "nacida",
    "Nacida",
    "nascimento",
    "Nascimento",
    "nascido",
    "Nascido",
    "nascida",
    "Nascida",
    "nascita",
    "Nascita",
    "nato il",
    "Nato il",
    "nata il",
    "Nata il",
    "urodzen",
    "Urodzen",
    "urodzon",
    "Urodzon",
    "narozen",
    "Narozen",
    "BORN",
    "BIRTH",
    "dob:",
    "dob\"",
    "DOB:",
    "DOB ",
    "DOB\"",
    "D.O.B",
];

/// [`WORDS`], for the pass.
pub(super) const LITERALS: &[(&str, Route)] = &{
    let mut all = [("", Route::Birth); WORDS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at].0 = WORDS[at];
        at += 1;
    }
    all
};

/// Names of months and what they are cut to, in lower case; several languages share most of them.
const MONTHS: [&str; 12] = [
    "january jan januar jänner jän janvier janv enero ene janeiro gennaio gen januari stycznia ledna",
    "february feb februar février fevrier févr fevr febrero fevereiro fev febbraio februari lutego února",
    "march mar märz maerz mär mrz mars marzo março marco maart mrt marts marca března",
    "april apr avril avr abril abr aprile kwietnia dubna",
    "may mai mayo maio maggio mag mei maj maja května",
    "june jun juni juin junio junho giugno giu czerwca června",
    "july jul juli juillet juil julio julho luglio lug lipca července",
    "august aug août aout agosto ago augustus augusti sierpnia srpna",
    "september sept sep septembre septiembre setiembre setembro set settembre września wrzesnia září",
    "october oct oktober okt octobre octubre outubro out ottobre ott października pazdziernika října",
    "november nov novembre noviembre novembro listopada listopadu",
    "december dec dezember dez décembre decembre déc diciembre dic dezembro dicembre grudnia prosince",
];

/// [`MONTHS`], each name with its number.
static NAMES: LazyLock<HashMap<&str, u16>> = LazyLock::new(|| {
    let named = |(month, names): (u16, &&'static str)| names.split(' ').map(move |name| (name, month));
    (1..).zip(&MONTHS).flat_map(named).collect()
});

/// So far behind the word a date may begin: `born in Clermont-Ferrand on …`.
const REACH: usize = 40;
/// No name of a month has more bytes.
const LONGEST_NAME: usize = 16;
/// Words between day, month and year, and what makes a day the third.
const BETWEEN: [&[u8]; 8] = [b"of", b"de", b"del", b"di", b"do", b"den", b"the", b"du"];
const ORDINALS: [&[u8]; 5] = [b"st", b"nd", b"rd", b"th", b"er"];

/// Why reading a date stopped.
enum Stop {
    /// It is none.
    No,
    /// More text decides.
    Open,
}

/// Looks for a date behind the word for birth that stands from `start` to `end`.
pub(super) fn confirm(text: Text<'_>, start: usize, end: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: end };
    if text.before(start, 1).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return no;
    }
    let mut at = end;
    while at < end + REACH {
        work.examined += 1;
        let Peek::Byte(byte) = text.peek(at) else { return open_or_no(text, at, end) };
        let day = byte.is_ascii_digit();
        if !day && !is_letter(byte) {
            // Marks of sentences, tables, JSON and Markdown; a line end is the next record's.
            if !b" \t:=\"'*_|,(-".contains(&byte) {
                return no;
            }
            at += 1;
            continue;
        }
        let mut reader = Reader { text, at };
        match if day { reader.day_first() } else { reader.month_first() } {
            Ok(()) => return found(at, reader.at),
            Err(Stop::Open) => return Verdict::Undecided { hold: end },
            Err(Stop::No) if day => return no,
            Err(Stop::No) => {}
        }
        // That one is asked about by itself.
        if WORDS.iter().any(|word| text.bytes[at..].starts_with(word.as_bytes())) {
            return no;
        }
        match word(text, at) {
            Ok(len) => at += len,
            Err(Stop::Open) => return Verdict::Undecided { hold: end },
            Err(Stop::No) => return no,
        }
    }
    no
}

fn found(start: usize, end: usize) -> Verdict {
    Verdict::Match(Finding { detector: DATE_OF_BIRTH, start, end, confidence: Confidence::Medium })
}

fn open_or_no(text: Text<'_>, at: usize, end: usize) -> Verdict {
    match text.peek(at) {
        Peek::Unknown => Verdict::Undecided { hold: end },
        _ => Verdict::No { resume: end },
    }
}

fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b >= 0x80
}

/// How many bytes the word at `at` has, which ends in the text. Longer ones than [`LONGEST_NAME`] twice over are no words.
fn word(text: Text<'_>, at: usize) -> Result<usize, Stop> {
    for len in 0..=2 * LONGEST_NAME {
        match text.peek(at + len) {
            Peek::Byte(b) if is_letter(b) => {}
            Peek::Byte(b) if b.is_ascii_digit() => return Err(Stop::No),
            Peek::Unknown => return Err(Stop::Open),
            _ => return Ok(len),
        }
    }
    Err(Stop::No)
}

/// Reads a date part by part.
struct Reader<'t> {
    text: Text<'t>,
    at: usize,
}

impl Reader<'_> {
    /// `March 3rd, 1980`
    fn month_first(&mut self) -> Result<(), Stop> {
        let month = self.month()?;
        self.gap(b".")?;
        let day = self.number(1..=2)?;
        self.ordinal()?;
        self.gap(b",")?;
        self.year(month, day)
    }

    /// `3 March 1980`, `3. März 1980`, `1er août 1992`, `3 de marzo de 1980`, `3-Mar-1980`
    fn day_first(&mut self) -> Result<(), Stop> {
        let day = self.number(1..=2)?;
        self.ordinal()?;
        self.gap(b".")?;
        self.between()?;
        let month = self.month()?;
        self.gap(b".,")?;
        self.between()?;
        self.year(month, day)
    }

    fn year(&mut self, month: u16, day: u16) -> Result<(), Stop> {
        let year = self.number(4..=4)?;
        let exists = matches!(year, 1900..=2030) && super::super::check::date::exists(year, month, day);
        if exists { Ok(()) } else { Err(Stop::No) }
    }

    fn month(&mut self) -> Result<u16, Stop> {
        let len = word(self.text, self.at)?;
        let name = std::str::from_utf8(&self.text.bytes[self.at..self.at + len]).map_err(|_| Stop::No)?;
        if !(3..=LONGEST_NAME).contains(&len) {
            return Err(Stop::No);
        }
        let month = NAMES.get(name.to_lowercase().as_str()).ok_or(Stop::No)?;
        self.at += len;
        Ok(*month)
    }

    /// A number of so many digits, behind which neither digit nor letter makes it something else.
    fn number(&mut self, lengths: std::ops::RangeInclusive<usize>) -> Result<u16, Stop> {
        let (from, mut number) = (self.at, 0);
        loop {
            match self.text.peek(self.at) {
                Peek::Byte(b @ b'0'..=b'9') if self.at - from < *lengths.end() => {
                    number = number * 10 + u16::from(b - b'0');
                    self.at += 1;
                }
                Peek::Byte(b'0'..=b'9') => return Err(Stop::No),
                Peek::Byte(b) if *lengths.end() == 4 && is_letter(b) => return Err(Stop::No),
                Peek::Unknown => return Err(Stop::Open),
                _ if lengths.contains(&(self.at - from)) => return Ok(number),
                _ => return Err(Stop::No),
            }
        }
    }

    /// One of `marks` if it is there, and a space or a dash; or one of the two alone.
    fn gap(&mut self, marks: &[u8]) -> Result<(), Stop> {
        if let Peek::Byte(b) = self.text.peek(self.at)
            && marks.contains(&b)
        {
            self.at += 1;
        }
        match self.text.peek(self.at) {
            Peek::Byte(b' ' | b'-') => {
                self.at += 1;
                Ok(())
            }
            Peek::Unknown => Err(Stop::Open),
            _ => Err(Stop::No),
        }
    }

    /// `st`, `nd` and the like, or the sign for it.
    fn ordinal(&mut self) -> Result<(), Stop> {
        let Peek::Byte(b) = self.text.peek(self.at) else { return self.open_or_on() };
        if !is_letter(b) {
            return Ok(());
        }
        let len = word(self.text, self.at)?;
        let there = &self.text.bytes[self.at..self.at + len];
        let sign = there == "º".as_bytes() || there == "ª".as_bytes();
        if !sign && !ORDINALS.iter().any(|ordinal| there.eq_ignore_ascii_case(ordinal)) {
            return Err(Stop::No);
        }
        self.at += len;
        Ok(())
    }

    /// A word between the parts, with the space behind it.
    fn between(&mut self) -> Result<(), Stop> {
        let Peek::Byte(b) = self.text.peek(self.at) else { return self.open_or_on() };
        if !is_letter(b) {
            return Ok(());
        }
        let len = word(self.text, self.at)?;
        if BETWEEN.iter().any(|word| self.text.bytes[self.at..self.at + len].eq_ignore_ascii_case(word)) {
            self.at += len;
            return self.gap(b"");
        }
        Ok(())
    }

    fn open_or_on(&self) -> Result<(), Stop> {
        if self.text.peek(self.at) == Peek::Unknown { Err(Stop::Open) } else { Ok(()) }
    }
}
