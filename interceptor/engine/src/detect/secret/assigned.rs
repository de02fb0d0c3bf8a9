//! Secrets without a shape of their own, given away by the name they are assigned to: `password = "…"`,
//! `API_KEY: …`, `Authorization: Bearer …`. The name says that a secret may follow; the value must look like
//! one, by [`rarity`] and not by its length or entropy alone.
//!
//! Not reported: stand-ins (`${VAR}`, `<your-key>`, `xxxx`), names and look-ups in code
//! (`os.environ["TOKEN"]`, `get_secret(…)`), ids, hashes and public keys by their names.

mod counts;
mod gap;
mod judge;
mod option;
mod value;

use std::ops::Range;

use memchr::memchr2_iter;

use counts::Counts;
use gap::{Word, between, is_gap, small_word};
pub(super) use judge::STAND_INS;
pub(in crate::detect) use option::Commands;
pub(super) use option::{OPTIONS, password_option, user_option};
use value::{Assignment, is_value_byte, value};

use super::rarity::Stretch;
use super::read::{Against, Read};
use crate::detect::Work;
use crate::detect::text::{Peek, Text, Verdict};

/// What the name announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detect) enum Named {
    /// Something that a person may have chosen.
    Password,
    /// Something that was drawn.
    Key,
    /// The value of an HTTP header.
    Header,
}

/// Bytes that a name may go on for.
const NAME: usize = 40;
/// Bytes of punctuation, spaces and small words between name and value.
const GAP: usize = 40;
/// Fewer characters than this make no key.
const SHORTEST: usize = 10;

/// Names that hold such a word announce something that may be read by everybody.
pub(super) const HARMLESS: [&str; 35] = [
    "public",
    "page",
    "next",
    "csrf",
    "xsrf",
    "cancel",
    "hash",
    "digest",
    "checksum",
    "sha1",
    "sha2",
    "sha5",
    "shasum",
    "sha_",
    "cache",
    "name",
    "length",
    "size",
    "path",
    "file",
    "url",
    "type",
    "foreign",
    "primary",
    "partition",
    "schema",
    "sequence",
    "idempot",
    "update_token",
    "lifecycle",
    "starting",
    "tokeni",
    "secretar",
    "prefix",
    "manager",
];

/// What was read of names and values, in places of one text: whoever reads another clears it first.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// The ends of values without quotation marks, and behind each of the three.
    ends: [Stretch; 4],
    counts: Counts,
}

impl Values {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.ends.iter_mut().for_each(Stretch::clear);
        self.counts.clear();
    }

    /// Where the value ends that begins at `start`, at most `most` bytes on.
    fn end(
        &mut self,
        text: Text<'_>,
        start: usize,
        most: usize,
        quote: Option<u8>,
        work: &mut Work,
    ) -> usize {
        let read = &mut work.examined;
        let [bare, double, single, other] = &mut self.ends;
        let quoted = match quote {
            None => return bare.end(text, start, most, is_value_byte, read),
            Some(b'"') => double,
            Some(b'\'') => single,
            Some(_) => other,
        };
        quoted.end(text, start, most, |b| Some(b) != quote && b != b'\n' && b != b'\\', read)
    }
}

/// A name that announces a secret ends, or goes on, at `end`.
pub(super) fn announced(
    text: Text<'_>,
    start: usize,
    end: usize,
    named: Named,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    let no = Verdict::No { resume: end };
    let name_end = text.run_end(end, NAME, is_name_byte);
    work.examined += (name_end - start) as u64;
    // A number that is joined to the word is a candidate of its own, and must not wait for the name's end.
    if text.bytes[end..name_end].windows(4).any(|four| four.iter().all(u8::is_ascii_digit)) {
        return no;
    }
    let from = start.saturating_sub(24);
    let begins = start - text.bytes[from..start].iter().rev().take_while(|b| is_name_byte(**b)).count();
    if text.peek(name_end) == Peek::Unknown && name_end - end < NAME {
        return hold_name(Verdict::Undecided { hold: usize::MAX }, text, begins, name_end);
    }
    // `_pass` is a password's name only where it ends, and `AWS::IAM::AccessKey` is a type's.
    let part = text.bytes[start] == b'_' && text.bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if part || text.bytes[..begins].ends_with(b"::") {
        return no;
    }
    // `arn:…:123456789012:secret:name` names where one is kept.
    let resource = text.before(begins, 1) == Some(b':')
        && text.before(begins, 2).is_some_and(|b| b.is_ascii_digit())
        && text.peek(name_end) == Peek::Byte(b':');
    // AWS' secret key has a shape of its own, and its detector looks for it behind this name.
    let harmless = |read: &mut Read, work: &mut Work| harmless(text.bytes, begins..name_end, read, work);
    if resource
        || name_end - end >= NAME
        || harmless(read, work)
        || contains(&text.bytes[end..name_end], b"access")
    {
        return no;
    }
    let verdict = match aws_follows(text, name_end) {
        Some(true) => no,
        None => Verdict::Undecided { hold: usize::MAX },
        Some(false) => value_behind(text, name_end, named, end, read, work),
    };
    hold_name(verdict, text, begins, name_end)
}

/// While a name waits for its value nothing else is looked at, so a name that may itself be something (it has
/// digits) is held.
fn hold_name(verdict: Verdict, text: Text<'_>, begins: usize, name_end: usize) -> Verdict {
    let begins = begins.max(text.floor);
    match verdict {
        Verdict::Undecided { hold }
            if hold > begins && text.bytes[begins..name_end].iter().any(u8::is_ascii_digit) =>
        {
            Verdict::Undecided { hold: begins }
        }
        verdict => verdict,
    }
}

/// Whether the name goes on as `Secret Access Key` does; `None` if the text is too short to tell.
fn aws_follows(text: Text<'_>, name_end: usize) -> Option<bool> {
    const ACCESS: &[u8] = b" access";
    let there = &text.bytes[name_end..text.bytes.len().min(name_end + ACCESS.len())];
    let same = there.eq_ignore_ascii_case(&ACCESS[..there.len()]);
    if same && there.len() < ACCESS.len() && text.peek(text.bytes.len()) == Peek::Unknown {
        return None;
    }
    Some(same && there.len() == ACCESS.len())
}

/// A value that begins at `start` looks drawn: does the name before it announce a secret?
pub(super) fn behind(text: Text<'_>, start: usize, read: &mut Read, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: start };
    let from = start.saturating_sub(GAP).max(text.floor);
    let name_end = name_before(text.bytes, from, start);
    let Some((separated, quote)) = between(&text.bytes[name_end..start]) else { return no };
    let lowest = name_end.saturating_sub(NAME).max(text.floor);
    let is_name = |b: &u8| is_name_byte(*b) || matches!(*b, b' ' | b':');
    let name_start = name_end - text.bytes[lowest..name_end].iter().rev().take_while(|b| is_name(b)).count();
    work.examined += (start - name_start) as u64;
    let name = &text.bytes[name_start..name_end];
    // What stands before a colon says nothing about it, as in `name: signing_key`.
    let own_start =
        name.windows(2).rposition(|two| two == b": ").map_or(name_start, |colon| name_start + colon);
    if name_end == start
        || !announces(name, separated)
        || harmless(text.bytes, own_start..name_end, read, work)
        || contains(name, b"::")
    {
        return no;
    }
    let how = Assignment { named: Named::Key, separated, quote, behind: true };
    value(text, start, how, start, read, work)
}

/// Where the name ends before a value that begins at `start`: before punctuation, and before one small word with
/// punctuation around it.
fn name_before(bytes: &[u8], from: usize, start: usize) -> usize {
    let before_gap = |at: usize| at - bytes[from..at].iter().rev().take_while(|b| is_gap(**b)).count();
    let end = before_gap(start);
    for word in [&b"is"[..], b"was", b"value"] {
        let there = &bytes[from..end];
        let Some(first) = there.len().checked_sub(word.len()) else { continue };
        if end < start && there[first..].eq_ignore_ascii_case(word) && before_gap(from + first) < from + first
        {
            return before_gap(from + first);
        }
    }
    end
}

/// The last word of a name is one that keys are called by, and it is not the only one: `key` is also the name
/// of what a map is asked for, and of what a cipher is tested with.
fn announces(name: &[u8], separated: bool) -> bool {
    const LAST: [&[u8]; 11] = [
        b"key",
        b"token",
        b"secret",
        b"access",
        b"private",
        b"auth",
        b"pass",
        b"pat",
        b"login",
        b"credential",
        b"credentials",
    ];
    let name = name.trim_ascii();
    let last = name.last().map_or(0, u8::to_ascii_lowercase);
    LAST.iter().filter(|word| word.last() == Some(&last)).any(|word| {
        let Some(first) = name.len().checked_sub(word.len()) else { return false };
        let rest = &name[..first];
        let apart = rest.ends_with(b" ") && (separated || rest.ends_with(b"- "));
        let option = rest.ends_with(b"--");
        name[first..].eq_ignore_ascii_case(word) && rest.len() >= 3 && !option && !(apart && *word == b"key")
    })
}

fn harmless(bytes: &[u8], name: Range<usize>, read: &mut Read, work: &mut Work) -> bool {
    let said = read.says(Against::Harmless, bytes, name.clone(), work);
    let name = &bytes[name];
    let id = name.len() > 2 && (name.ends_with(b"Id") || name.ends_with(b"_id") || name.ends_with(b"_ID"));
    // What says that nobody else changed something meanwhile.
    let version = [&b"changetoken"[..], b"change_token", b"change-token"]
        .iter()
        .any(|word| name.get(..word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word)));
    // `commitSha`, but not `sharedSecret`.
    let sum = name.len() > 3 && name[name.len() - 3..].eq_ignore_ascii_case(b"sha");
    id || version || sum || name.ends_with(b"IDs") || said
}

/// True for the name of an option of a command, such as `--db-password`.
fn is_option(bytes: &[u8], name_end: usize) -> bool {
    let name = bytes[..name_end].iter().rev().take(NAME).take_while(|b| is_name_byte(**b)).count();
    bytes[name_end - name..].starts_with(b"-")
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    let (lower, upper) = (word[0].to_ascii_lowercase(), word[0].to_ascii_uppercase());
    let there = |at: usize| text.get(at..at + word.len());
    memchr2_iter(lower, upper, text).any(|at| there(at).is_some_and(|there| there.eq_ignore_ascii_case(word)))
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// Looks for the value behind a name that ends at `from`.
pub(super) fn value_behind(
    text: Text<'_>,
    from: usize,
    named: Named,
    resume: usize,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    let no = Verdict::No { resume };
    let mut at = from;
    let mut lines = 0;
    let mut said = false;
    while at - from <= GAP {
        work.examined += 1;
        let byte = match text.peek(at) {
            Peek::Unknown => return Verdict::Undecided { hold: usize::MAX },
            Peek::End => return no,
            Peek::Byte(byte) => byte,
        };
        if is_gap(byte) {
            lines += u32::from(byte == b'\n');
            at += 1;
            continue;
        }
        if at == from || lines > 1 {
            return no;
        }
        match small_word(text, at, named) {
            Word::Skip(end) => {
                said |= matches!(&text.bytes[at..end], b"is" | b"was");
                at = end;
            }
            Word::Unknown => return Verdict::Undecided { hold: usize::MAX },
            Word::None => {
                // Between names of more than one word the words are part of the gap.
                let Some((separated, quote)) = between(&text.bytes[from..at]) else { return no };
                // A sentence says that it is one, or it is the option of a command.
                let mut by_its_place =
                    || said || is_option(text.bytes, from) || option::is_word(text, from, work);
                let told = separated || named == Named::Password && by_its_place();
                let how = Assignment { named, separated: told, quote, behind: false };
                return value(text, at, how, resume, read, work);
            }
        }
    }
    no
}
