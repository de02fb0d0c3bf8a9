//! Secrets without a shape of their own, given away by the name they are assigned to: `password = "…"`,
//! `API_KEY: …`, `Authorization: Bearer …`. The name says that a secret may follow; the value must look like
//! one, by [`rarity`] and not by its length or entropy alone.
//!
//! Not reported: stand-ins (`${VAR}`, `<your-key>`, `xxxx`), names and look-ups in code
//! (`os.environ["TOKEN"]`, `get_secret(…)`), ids, hashes and public keys by their names.

mod judge;

use std::sync::LazyLock;

use judge::{is_stand_in, judge};

use super::rarity::{self, TELLING};
use super::words::Words;
use super::{ASSIGNED_PASSWORD, keys};
use crate::detect::text::{Peek, Text, Verdict};
use crate::detect::{Confidence, Finding, Work};

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
/// A longer value is data, not a secret.
const LONGEST: usize = 512;
/// Fewer characters than this make no key.
const SHORTEST: usize = 10;
/// What the beginning of a drawn value shows; most other values need no look beyond.
const TELLTALE: usize = 32;
/// Fewer characters than this of a value are not worth holding.
const HOLD: usize = 6;
/// A longer value is no password.
const PASSWORD: usize = 128;

/// Names that hold such a word announce something that may be read by everybody.
static HARMLESS: LazyLock<Words> = LazyLock::new(|| {
    let words = [
        "public",
        "page",
        "next",
        "csrf",
        "xsrf",
        "cancel",
        "hash",
        "digest",
        "checksum",
        "sha",
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
    Words::new(words.map(|word| (word, 0)))
});

/// A name that announces a secret ends, or goes on, at `end`.
pub(super) fn announced(text: Text<'_>, start: usize, end: usize, named: Named, work: &mut Work) -> Verdict {
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
    let name = &text.bytes[begins..name_end];
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
    if resource || name_end - end >= NAME || harmless(name) || contains(&text.bytes[end..name_end], b"access")
    {
        return no;
    }
    let verdict = match aws_follows(text, name_end) {
        Some(true) => no,
        None => Verdict::Undecided { hold: usize::MAX },
        Some(false) => value_behind(text, name_end, named, end, work),
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
pub(super) fn behind(text: Text<'_>, start: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: start };
    let from = start.saturating_sub(GAP).max(text.floor);
    let mut name_end = start;
    while name_end > from && is_gap(text.bytes[name_end - 1]) {
        name_end -= 1;
    }
    let Some((separated, quote)) = between(&text.bytes[name_end..start]) else { return no };
    let lowest = name_end.saturating_sub(NAME).max(text.floor);
    let is_name = |b: &u8| is_name_byte(*b) || matches!(*b, b' ' | b':');
    let name_start = name_end - text.bytes[lowest..name_end].iter().rev().take_while(|b| is_name(b)).count();
    work.examined += (start - name_start) as u64;
    let name = &text.bytes[name_start..name_end];
    if name_end == start || !announces(name, separated) || harmless(name) || contains(name, b"::") {
        return no;
    }
    value(text, start, Assignment { named: Named::Key, separated, quote, behind: true }, start, work)
}

/// The last word of a name is one that keys are called by, and it is not the only one: `key` is also the name
/// of what a map is asked for, and of what a cipher is tested with.
fn announces(name: &[u8], separated: bool) -> bool {
    const LAST: [&[u8]; 10] = [
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
    ];
    let name = name.trim_ascii();
    LAST.iter().any(|word| {
        let Some(first) = name.len().checked_sub(word.len()) else { return false };
        let rest = &name[..first];
        let apart = rest.ends_with(b" ") && (separated || rest.ends_with(b"- "));
        let option = rest.ends_with(b"--");
        name[first..].eq_ignore_ascii_case(word) && rest.len() >= 3 && !option && !(apart && *word == b"key")
    })
}

fn harmless(name: &[u8]) -> bool {
    let id = name.len() > 2 && (name.ends_with(b"Id") || name.ends_with(b"_id") || name.ends_with(b"_ID"));
    // What says that nobody else changed something meanwhile.
    let version = [&b"changetoken"[..], b"change_token", b"change-token"]
        .iter()
        .any(|word| name.get(..word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word)));
    id || version || name.ends_with(b"IDs") || HARMLESS.any(name)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

fn is_separator(b: u8) -> bool {
    matches!(b, b'=' | b':' | b'>')
}

fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

fn is_gap(b: u8) -> bool {
    is_separator(b)
        || is_quote(b)
        || matches!(b, b',' | b' ' | b'\t' | b'\n' | b'\r' | b'\\' | b']' | b'?' | b'.' | b'!' | b'~' | b'-')
}

/// What stands between a name and its value says how the value is written; `None` if it says that there is
/// none: a quotation mark that is closed again, or the end of a sentence in quotes.
fn between(gap: &[u8]) -> Option<(bool, Option<u8>)> {
    let quoted_name = gap.first().is_some_and(|b| is_quote(*b));
    let listed = quoted_name && gap.contains(&b',');
    let separated = listed || gap.iter().any(|b| is_separator(*b));
    let quote = gap.last().copied().filter(|b| is_quote(*b));
    let marks = quote.map_or(0, |quote| {
        let own = usize::from(gap[0] == quote && gap.len() > 1);
        gap.iter().filter(|b| **b == quote).count() - own
    });
    let closed = quote.is_some() && (marks % 2 == 0 || gap.len() == 1 && quoted_name);
    // The next line of a list is not about the one before.
    let comma = gap.contains(&b',') && (!listed || gap.contains(&b'\n'));
    (!closed && !comma).then_some((separated, quote))
}

/// How a value is written.
#[derive(Debug, Clone, Copy)]
struct Assignment {
    named: Named,
    /// More than spaces stand between name and value.
    separated: bool,
    quote: Option<u8>,
    /// The value was seen first, and the name looked for before it.
    behind: bool,
}

/// Looks for the value behind a name that ends at `from`.
pub(super) fn value_behind(
    text: Text<'_>,
    from: usize,
    named: Named,
    resume: usize,
    work: &mut Work,
) -> Verdict {
    let no = Verdict::No { resume };
    let mut at = from;
    let mut lines = 0;
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
            Word::Skip(end) => at = end,
            Word::Unknown => return Verdict::Undecided { hold: usize::MAX },
            Word::None => {
                // Between names of more than one word the words are part of the gap.
                let Some((separated, quote)) = between(&text.bytes[from..at]) else { return no };
                return value(text, at, Assignment { named, separated, quote, behind: false }, resume, work);
            }
        }
    }
    no
}

enum Word {
    Skip(usize),
    Unknown,
    None,
}

/// Steps over a word that may stand between a name and its value: a type, `is`, or more of the name.
fn small_word(text: Text<'_>, at: usize, named: Named) -> Word {
    const WORDS: [&[u8]; 16] = [
        b"string", b"str", b"is", b"was", b"key", b"token", b"secret", b"access", b"private", b"value",
        b"basic", b"bearer", b"digest", b"apikey", b"code", b"api",
    ];
    let end = text.run_end(at, 10, |b| b.is_ascii_alphabetic());
    let word = &text.bytes[at..end];
    if text.peek(end) == Peek::Unknown && end - at < 10 {
        // What can be none of the words any more is the beginning of the value, and has to be held.
        let may_become = |w: &&[u8]| w.len() >= word.len() && w[..word.len()].eq_ignore_ascii_case(word);
        return if WORDS.iter().any(may_become) { Word::Unknown } else { Word::None };
    }
    let closes = matches!(text.peek(end), Peek::Byte(b) if is_gap(b) || b == b'_');
    let known = WORDS.iter().any(|w| word.eq_ignore_ascii_case(w));
    let known = known || (named == Named::Header && word.eq_ignore_ascii_case(b"token"));
    if closes && known { Word::Skip(end) } else { Word::None }
}

/// `--user name:password` of a command: the password, with its name.
pub(super) fn user_option(text: Text<'_>, option: usize, end: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: end };
    let start = text.run_end(end, 3, |b| is_quote(b) || matches!(b, b'\\' | b'='));
    let stop =
        text.run_end(start, 256, |b| b.is_ascii_graphic() && !matches!(b, b'"' | b'`' | b'\\') || b >= 0x80);
    work.examined += (stop - end) as u64;
    let stop = if text.before(start, 1) == Some(b'\'') {
        text.run_end(start, 256, |b| b.is_ascii_graphic() && b != b'\'')
    } else {
        stop
    };
    if text.peek(stop) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    let pair = &text.bytes[start..stop];
    let Some(colon) = pair.iter().position(|b| *b == b':') else { return no };
    let password = &pair[colon + 1..];
    let how = Assignment { named: Named::Password, separated: true, quote: Some(b'"'), behind: false };
    if colon == 0 || password.len() < 6 || is_stand_in(pair) || is_stand_in(password) {
        return no;
    }
    match judge(password, how) {
        Some((_, confidence))
            if confidence > Confidence::Low
                && text.mentions_before(option, 200, &["curl", "wget", "http"], work) =>
        {
            Verdict::Match(Finding { detector: ASSIGNED_PASSWORD, start, end: stop, confidence })
        }
        _ => no,
    }
}

/// Judges the value that begins at `start`.
fn value(text: Text<'_>, start: usize, how: Assignment, resume: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume };
    if start < text.floor {
        return no;
    }
    // A key that can be told by itself is found as what it is. Where the look goes backward, the pass has
    // been there already.
    let mut misfit = how.behind && super::begins_known(&text.bytes[start..]);
    if !how.behind {
        match super::known_at(text, start, work) {
            None => {}
            Some(Verdict::No { .. }) => misfit = true,
            Some(verdict) => return verdict,
        }
    }
    let most = if how.named == Named::Password { PASSWORD } else { LONGEST };
    let run = |most: usize| match how.quote {
        Some(quote) => text.run_end(start, most, |b| b != quote && b != b'\n' && b != b'\\'),
        None => text.run_end(start, most, is_value_byte),
    };
    // What begins like words, or like another assignment, is not read to its end: that would be quadratic
    // in a text of nothing but names.
    let beginning = run(TELLTALE);
    work.examined += (beginning - start) as u64;
    if beginning - start == TELLTALE && !may_go_on(&text.bytes[start..beginning], how.named) {
        return no;
    }
    let end = run(most);
    work.examined += (end - start) as u64;
    if end - start >= most {
        return no;
    }
    if text.peek(end) == Peek::Unknown {
        // A word of prose is let go; anything else may also be what another detector would hold.
        let word = text.bytes[start..end].iter().all(u8::is_ascii_alphabetic);
        let live = how.quote.is_some() || end - start >= HOLD || !word;
        return Verdict::Undecided { hold: if live { start } else { usize::MAX } };
    }
    let mut end = end;
    while how.quote.is_none()
        && end > start
        && matches!(text.bytes[end - 1], b'.' | b',' | b':' | b'!' | b'?')
    {
        end -= 1;
    }
    let value = &text.bytes[start..end];
    if value.len() >= SHORTEST
        && !is_stand_in(value)
        && rarity::random(&value[..value.len().min(96)], 0)
        && let Some((detector, end)) = keys::named(text, start, work)
    {
        return Verdict::Match(Finding { detector, start, end, confidence: Confidence::Medium });
    }
    if is_uuid(value) && text.mentions_before(start, 32, &REQUESTS, work) {
        return no;
    }
    match judge(value, how) {
        // It begins like a key that is known and does not go on like one: cut, or made up.
        Some(_) if misfit && how.named != Named::Password && end - start < 30 => no,
        Some((detector, confidence)) => Verdict::Match(Finding { detector, start, end, confidence }),
        None => no,
    }
}

/// Names of tokens that tell one request or state from another, if the value is a UUID: whoever makes the request thinks
/// it up, and it opens nothing.
const REQUESTS: [&str; 9] = [
    "clienttoken",
    "client-token",
    "client_token",
    "requesttoken",
    "request-token",
    "request_token",
    "locktoken",
    "lock-token",
    "lock_token",
];

fn is_uuid(value: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, &u8)| if dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    value.len() == 36 && value.iter().enumerate().all(fits)
}

fn may_go_on(beginning: &[u8], named: Named) -> bool {
    match named {
        Named::Password => !contains(beginning, b"pass") && !contains(beginning, b"pwd"),
        _ => rarity::random(beginning, TELLING) || beginning.iter().all(u8::is_ascii_digit),
    }
}

fn is_value_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'\\') || b >= 0x80
}
