//! Whether a value is shown rather than meant: in the documentation of code, in what a test asserts, behind "e.g.", or
//! in the line in which somebody puts his name to what he published. Looks only at what stands before the value.
//!
//! Such a value is still reported, of low confidence. Prose, records, configuration and logs have none of these marks,
//! and neither has code that does something with an address.

mod signs;

use memchr::{memchr2_iter, memrchr, memrchr_iter};

use signs::Said;
pub(super) use signs::Signs;

use super::super::text::Text;
use super::super::{Confidence, DetectorId, Finding, Work};
use super::{EMAIL, IPV4, IPV6, is_place};

/// So far before a value something may say that it is shown. A value may begin a good way before its anchor, and a
/// stream keeps no more than [`super::super::text::LOOKBACK`].
const REACH: usize = 160;
/// So far before it an example is announced.
const NEAR: usize = 16;

/// A mark of documentation at the beginning of a line.
const DOCUMENTATION: [&[u8]; 2] = [b"///", b"//!"];

/// Words before a value that say that it is an example.
const EXAMPLES: [&[u8]; 6] = [b"e.g.", b"eg.", b"i.e.", b"ex:", b"example:", b"for example,"];

/// What functions do that are shown a value: their names hold one of these.
const READERS: [&[u8]; 5] = [b"parse", b"valid", b"split", b"lookup", b"from_str"];

/// The same, where a part of the name begins so: other words end like them.
const TESTERS: [&[u8]; 7] = [b"match", b"test", b"check", b"expect", b"case", b"sample", b"example"];

/// What says in a line whose work something is, wherever it stands before the address.
const RIGHTS: [&[u8]; 4] = [b"copyright", b"(c) 1", b"(c) 2", "\u{a9}".as_bytes()];

/// Names of fields in which somebody says that it is his: a colon, an equals sign or a bracket follows them.
const FIELDS: [&[u8]; 6] =
    [b"author", b"__email__", b"maintainer", b"signed-off-by", b"packager", b"maintained by"];

/// The same in a sentence that begins with it, or that is a comment's.
const DEEDS: [&[u8]; 4] = [b"written by", b"contributed by", b"modifications by", b"maintained by"];

/// The same in comments only: letters have authors and contacts, too.
const REMARKS: [&[u8]; 2] = [b"author", b"contact:"];

/// Where a machine is.
fn is_network(detector: DetectorId) -> bool {
    [IPV4, IPV6].contains(&detector)
}

/// How sure a finding of personal data may be at most, by what stands before it.
pub(super) fn at_most(text: Text<'_>, finding: &Finding, signs: &mut Signs, work: &mut Work) -> Confidence {
    let said = signs.before(text, finding.start, &mut work.examined);
    if said == Said(0) {
        return Confidence::High;
    }
    work.examined += REACH as u64;
    by_what_stands_before(text, finding, said)
}

/// As [`at_most`], by all that stands before.
fn by_what_stands_before(text: Text<'_>, finding: &Finding, said: Said) -> Confidence {
    let before = Before::new(text, finding.start, said);
    let credit = finding.detector == EMAIL && (before.credits() || before.comments_on_a_name());
    let place = is_place(finding.detector) && before.callee().is_some();
    let stand_in = finding.detector == EMAIL && finding.confidence == Confidence::Medium;
    let argument = stand_in && before.is_argument();
    // A comment about what comes next announces nothing that would not be sure without it.
    let commented =
        (is_place(finding.detector) || is_network(finding.detector)) && before.is_below_a_comment();
    let code = credit || place || argument || commented || before.is_operand();
    if code || before.documents() || before.asserts() || before.announces_an_example() {
        return Confidence::Low;
    }
    match before.callee() {
        Some(callee) if is_reader(callee) => Confidence::Low,
        _ => Confidence::High,
    }
}

/// What stands before a value.
struct Before<'t> {
    /// The nearest [`REACH`] bytes.
    window: &'t [u8],
    /// What of them is in the value's own line.
    line: &'t [u8],
    /// All of the line before the value is there.
    whole: bool,
    said: Said,
}

impl<'t> Before<'t> {
    fn new(text: Text<'t>, start: usize, said: Said) -> Self {
        let window = &text.bytes[start.saturating_sub(REACH)..start];
        let end = memrchr(b'\n', window);
        let line = &window[end.map_or(0, |end| end + 1)..];
        Self { window, line, whole: end.is_some() || start <= REACH, said }
    }

    /// The line is documentation, or a literal in it stands behind the prompt of an interpreter. Replies to mail quote
    /// what they answer with the same mark.
    fn documents(&self) -> bool {
        let line = self.line.trim_ascii_start();
        let code = |line: &[u8]| line.iter().any(|b| matches!(b, b'(' | b'=')) && self.quoted().is_some();
        let prompt = line.strip_prefix(b">>>").is_some_and(code);
        let said = self.said.any(Said::DOCUMENTATION);
        said && self.whole && (prompt || DOCUMENTATION.iter().any(|mark| line.starts_with(mark)))
    }

    /// A test says what it expects, and no empty line ends that before the value.
    fn asserts(&self) -> bool {
        if !self.said.any(Said::ASSERTS) {
            return false;
        }
        let empty = |at: &usize| self.window[..*at].ends_with(b"\n");
        let paragraph = memrchr_iter(b'\n', self.window).find(empty).map_or(0, |end| end + 1);
        let here = &self.window[paragraph..];
        let called = |at: usize, word: &[u8]| {
            let behind = here.get(at + word.len());
            here[at..].starts_with(word)
                && behind.is_some_and(|b| matches!(b, b'(' | b'!' | b'_' | b'.') || b.is_ascii_uppercase())
        };
        memchr2_iter(b'a', b'#', here).any(|at| {
            called(at, b"assert")
                || here[at..].starts_with(b"#[case")
                || here[at..].starts_with(b"#[test_case")
        })
    }

    /// `e.g.` and the like stand right before, perhaps with a mark or a word between.
    fn announces_an_example(&self) -> bool {
        let near = &self.line[self.line.len().saturating_sub(NEAR)..];
        self.said.of(Said::EXAMPLES, &EXAMPLES).any(|word| {
            let starts = |at: usize| near[at..].len() >= word.len() && eq(&near[at..at + word.len()], word);
            let begins = |at: usize| at == 0 || !near[at - 1].is_ascii_alphanumeric();
            (0..near.len()).any(|at| starts(at) && begins(at))
        })
    }

    /// The line says whose work something is.
    fn credits(&self) -> bool {
        let line = self.line.trim_ascii_start();
        let begins = |word: &&[u8]| line.get(..word.len()).is_some_and(|there| eq(there, word));
        let deeds = || {
            let (deeds, said) = (self.said.of(Said::DEEDS, &DEEDS), self.said);
            let remarks = said.of(Said::REMARKS, &REMARKS);
            self.comment().is_some_and(|line| deeds.clone().chain(remarks).any(|word| holds(line, word)))
                || (self.whole && deeds.clone().any(|word| begins(&word)))
        };
        self.said.of(Said::RIGHTS, &RIGHTS).any(|word| holds(self.line, word))
            || self.said.of(Said::FIELDS, &FIELDS).any(|word| self.is_field(word))
            || self.is_listed()
            || deeds()
    }

    /// A field of this name stands in the line, as in `author_email=`, `authors = [` and `Author:`.
    fn is_field(&self, name: &[u8]) -> bool {
        places(self.line, name).any(|at| {
            let behind = &self.line[at + name.len()..];
            let rest = behind.iter().take_while(|b| is_word(**b) || matches!(b, b'-' | b'"' | b'\'')).count();
            let mark = behind[rest..].trim_ascii_start();
            let doxygen = at > 0 && self.line[at - 1] == b'@';
            doxygen || (rest < 12 && matches!(mark, [b':' | b'=', ..]))
        })
    }

    /// A list of authors stands open, as in the metadata of a package: each has a line.
    fn is_listed(&self) -> bool {
        self.said.of(Said::FIELDS, &FIELDS).any(|name| {
            places(self.window, name).any(|at| {
                let behind = &self.window[at + name.len()..];
                let open = behind.iter().take(8).position(|b| *b == b'[');
                open.is_some_and(|open| !behind[open..].contains(&b']'))
            })
        })
    }

    /// What a line of comment says.
    fn comment(&self) -> Option<&'t [u8]> {
        let line = self.line.trim_ascii_start();
        { line.strip_prefix(b"//") }.or_else(|| line.strip_prefix(b"#")).filter(|_| self.whole)
    }

    /// A line of comment with nothing but an address, or with a name and the address in brackets. A heading of Markdown
    /// may look the same; lists do not.
    fn comments_on_a_name(&self) -> bool {
        let Some(said) = self.comment() else { return false };
        match said.trim_ascii() {
            [] => true,
            [name @ .., b'<' | b'('] => {
                name.trim_ascii_end().last().is_none_or(|b| is_word(*b) || *b == b')')
            }
            _ => false,
        }
    }

    /// The quotation mark that the value stands behind, with what stands before it.
    fn quoted(&self) -> Option<&'t [u8]> {
        let quote = self.line.iter().rposition(|b| matches!(b, b'"' | b'\''))?;
        Some(&self.line[..quote])
    }

    /// The value is in a literal that a function is called with. SQL, which is written in capitals, calls none.
    fn is_argument(&self) -> bool {
        if !self.said.any(Said::CALL) {
            return false;
        }
        let Some(before) = self.quoted() else { return false };
        let open = |at: &usize| {
            let called = at.checked_sub(1).is_some_and(|name| is_word(before[name]) || before[name] == b'!');
            before[*at] == b'(' && called && !before[..*at].last().is_some_and(u8::is_ascii_uppercase)
        };
        let closed = before.iter().rposition(|b| *b == b')').unwrap_or(0);
        let end = before.trim_ascii_end().last();
        (closed..before.len()).any(|at| open(&at)) && matches!(end, Some(b'(' | b'[' | b'=' | b',' | b'b'))
    }

    /// The value is alone in its line, but for marks, and the line above is a comment of code: with `//`, or with `#` and
    /// an indentation, which no heading of Markdown has.
    fn is_below_a_comment(&self) -> bool {
        let above = &self.window[..self.window.len() - self.line.len()];
        let Some(above) = above.strip_suffix(b"\n") else { return false };
        let above = &above[memrchr(b'\n', above).map_or(0, |end| end + 1)..];
        let said = above.trim_ascii_start();
        let comment = said.starts_with(b"//") || (said.starts_with(b"#") && above.len() - said.len() >= 2);
        comment && !self.line.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
    }

    /// The value goes on with a formula: `7*t**14 + …`.
    fn is_operand(&self) -> bool {
        const NEAR: usize = 16;
        let Some((b'+' | b'-', before)) = self.line.trim_ascii_end().split_last() else { return false };
        let near = &before[before.len().saturating_sub(NEAR)..];
        let term = |four: &[u8]| match four {
            [a, b'*', b, _] => a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric(),
            _ => false,
        };
        let power =
            |four: &[u8]| four[0].is_ascii_alphanumeric() && &four[1..3] == b"**" && four[3].is_ascii_digit();
        before.ends_with(b"]") || near.windows(4).any(|four| term(four) || power(four))
    }

    /// The function that is called with the value, or with the literal that it stands in: whose parenthesis stands open
    /// in the line, and the value behind it, behind a comma or in quotes.
    fn callee(&self) -> Option<&'t [u8]> {
        if !self.said.any(Said::CALL) {
            return None;
        }
        let before = match self.line.trim_ascii_end() {
            before @ [.., b'(' | b','] => before,
            _ => self.quoted()?,
        };
        let mut closed = 0;
        let open = before.iter().rposition(|b| {
            closed += i32::from(*b == b')') - i32::from(*b == b'(');
            closed < 0
        })?;
        let before = &before[..open];
        let before = before.strip_suffix(b"!").unwrap_or(before);
        let name = before.iter().rev().take_while(|b| is_word(**b)).count();
        (name > 0).then(|| &before[before.len() - name..])
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn eq(text: &[u8], word: &[u8]) -> bool {
    text.eq_ignore_ascii_case(word)
}

/// A function of this name is shown values.
fn is_reader(name: &[u8]) -> bool {
    READERS.iter().any(|word| holds(name, word)) || TESTERS.iter().any(|word| does(name, word))
}

/// A part of a function's name begins with the word: `check_mail`, `runTest`.
fn does(name: &[u8], word: &[u8]) -> bool {
    name.windows(word.len()).enumerate().any(|(at, there)| {
        let begins = at == 0 || !name[at - 1].is_ascii_alphabetic() || there[0].is_ascii_uppercase();
        begins && eq(there, word)
    })
}

/// The word stands somewhere in `text`, whatever its case.
fn holds(text: &[u8], word: &[u8]) -> bool {
    places(text, word).next().is_some()
}

/// Where the word stands, whatever its case. Rows of addresses are read again for each of them, and by its first letter
/// most of what they hold is passed over at once.
fn places(text: &[u8], word: &[u8]) -> impl Iterator<Item = usize> {
    let (lower, upper) = (word[0].to_ascii_lowercase(), word[0].to_ascii_uppercase());
    let there = |at: &usize| text.get(*at..*at + word.len()).is_some_and(|there| eq(there, word));
    memchr2_iter(lower, upper, text).filter(there)
}

#[cfg(test)]
mod tests;
