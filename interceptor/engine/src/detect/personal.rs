//! Personal data: what is known about its detectors, what announces a candidate, and who confirms it.
//!
//! The pass stops at an `@` and at the first digit of a word, which letters may stand before. From there a
//! candidate is read once; what it may be is looked up by its shape. How each kind is confirmed stands beside it.

mod birth;
mod form;
mod judge;
mod kind;
mod network;
mod recipe;
mod shown;
mod table;
#[cfg(test)]
mod tests;
mod topics;
mod url;
mod wallet;
mod words;

use super::metadata::{Detector, Family, Sample, personal_id};
use super::number::Mark;
use super::sample::SampleSource;
use super::text::{Text, Verdict, left};
use super::{Confidence, DetectorId, Finding, Work, email, iban, phone};
use words::Near;

pub(super) use recipe::Recipe;
#[cfg(test)]
pub(super) use table::KINDS;
pub(super) use url::tail as url_tail;

pub(crate) const EMAIL: DetectorId = personal_id("pii.email");
pub(super) const CARD: DetectorId = personal_id("pii.card");
pub(super) const IBAN: DetectorId = personal_id("pii.iban");
pub(super) const US_SSN: DetectorId = personal_id("pii.us_ssn");
pub(super) const PHONE: DetectorId = personal_id("pii.phone");
const IPV4: DetectorId = personal_id("pii.ipv4");
const IPV6: DetectorId = personal_id("pii.ipv6");
const MAC: DetectorId = personal_id("pii.mac_address");
const URL_CREDENTIALS: DetectorId = personal_id("pii.url_credentials");

/// Where something is. Code calls functions with numbers that look like that. Coordinates are never sure at all.
fn is_place(detector: DetectorId) -> bool {
    const POSTAL_CODE: DetectorId = personal_id("pii.postal_code");
    detector == POSTAL_CODE
}

const fn personal(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    validators: &'static [&'static str],
    sample: fn(&mut SampleSource) -> String,
) -> Detector {
    Detector { name, family: Family::Personal, label, description, validators, sample: Sample::Made(sample) }
}

/// Detectors whose rules do not fit the table of kinds.
const OWN: [Detector; 9] = [
    personal(
        "pii.email",
        "EMAIL",
        "an e-mail address",
        &["local part", "host labels", "known top-level domain"],
        |s| format!("jane.doe{}@example.com", s.below(1000)),
    ),
    personal(
        "pii.card",
        "CARD",
        "a payment card number",
        &["Luhn checksum", "issuer range", "length of that issuer", "grouping"],
        super::card::sample,
    ),
    personal(
        "pii.iban",
        "IBAN",
        "an international bank account number",
        &["ISO 7064 mod 97-10", "length of the country", "structure of the country"],
        iban::sample,
    ),
    personal(
        "pii.us_ssn",
        "US_SSN",
        "a social security number of the United States",
        &["no number of the never issued ranges", "separators or context"],
        |s| format!("{}-{}-{}", 100 + s.below(500), 10 + s.below(90), 1000 + s.below(9000)),
    ),
    personal(
        "pii.phone",
        "PHONE",
        "a telephone number",
        &["the numbering plan of the country", "grouping", "context"],
        |s| format!("+1 (415) 555-{}", 1000 + s.below(9000)),
    ),
    personal(
        "pii.ipv4",
        "IPV4",
        "an IPv4 address",
        &["four octets", "neither private nor reserved, or context"],
        |s| format!("IP address 9{}.{}.{}.{}", s.below(9), s.below(256), s.below(256), 1 + s.below(254)),
    ),
    personal(
        "pii.ipv6",
        "IPV6",
        "an IPv6 address",
        &["eight groups or an ellipsis", "global unicast"],
        |s| {
            let mut group = || s.text(b"0123456789abcdef", 4);
            format!(
                "2a02:{}:{}:{}:{}:{}:{}:{}",
                group(),
                group(),
                group(),
                group(),
                group(),
                group(),
                group()
            )
        },
    ),
    personal(
        "pii.mac_address",
        "MAC_ADDRESS",
        "a hardware address of a network interface",
        &["six or eight groups of two digits", "not one digit over and over"],
        |s| {
            let mut group = || s.text(b"0123456789abcdef", 2);
            format!("0{}:1b:{}:{}:{}:{}", 2, group(), group(), group(), group())
        },
    ),
    personal(
        "pii.url_credentials",
        "URL_CREDENTIALS",
        "a name and password inside a URL",
        &["scheme and authority", "no placeholder"],
        |s| format!("ftp://jane:{}@files.example.com/", s.mixed(12)),
    ),
];

const COUNT: usize = OWN.len() + wallet::OWN.len() + table::KINDS.len();

/// All detectors of personal data: those with rules of their own, the wallets, then the kinds of the tables.
pub(super) static TABLE: &[Detector] = &{
    let mut all = [OWN[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < OWN.len() {
            OWN[at]
        } else if at < OWN.len() + wallet::OWN.len() {
            wallet::OWN[at - OWN.len()]
        } else {
            table::KINDS[at - OWN.len() - wallet::OWN.len()].detector
        };
        at += 1;
    }
    all
};

/// The id of the kind at this place of the tables.
fn id_of(kind: usize) -> DetectorId {
    DetectorId::nth(personal_id("pii.email").index() + OWN.len() + wallet::OWN.len() + kind)
}

fn is_network(meaning: words::Meaning) -> bool {
    meaning == words::Meaning::Topic(kind::Topic::Network)
}

/// Who confirms a literal. Digits and `@` lead to nearly everything that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// A word for birth, behind which a date may have a name for its month.
    Birth,
}

/// Literals that announce personal data, with who confirms it.
pub(super) static LITERALS: &[(&str, Route)] = birth::LITERALS;

/// Asks the detector in charge of the literal that stands from `start` to `end`.
pub(super) fn literal(
    text: Text<'_>,
    start: usize,
    end: usize,
    route: Route,
    kept: &mut Kept,
    work: &mut Work,
) -> Verdict {
    match route {
        Route::Birth => weigh(text, birth::confirm(text, start, end, work), kept, work),
    }
}

/// True if the `@` at `at` is worth [`at_sign`]: a host with a dot may follow, or a URL with a name and a password stand
/// before. Looks at a few bytes that are there, and says true where those do not tell.
pub(super) fn may_be_at_sign(bytes: &[u8], at: usize) -> bool {
    /// Bytes on either side that are looked at.
    const FEW: usize = 8;
    let label = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    let behind = bytes[at + 1..].iter().take(FEW).find(|b| !label(b));
    if behind.is_none_or(|b| *b == b'.') {
        return true;
    }
    let before = bytes[at.saturating_sub(FEW)..at].iter().rev().find(|b| !url::is_userinfo(**b));
    before.is_none_or(|b| *b == b'/')
}

/// What was read of a text before numbers and addresses, and is before the next of them, too.
#[derive(Debug, Default)]
pub(super) struct Kept {
    near: Near,
    signs: shown::Signs,
}

impl Kept {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.near.clear();
        self.signs.clear();
    }
}

/// Asks about an `@`.
pub(super) fn at_sign(text: Text<'_>, at: usize, kept: &mut Kept, work: &mut Work) -> Verdict {
    match url::confirm(text, at, work) {
        Verdict::No { .. } => weigh(text, email::confirm(text, at, work), kept, work),
        verdict => verdict,
    }
}

/// What is found, less sure where it is only shown.
fn weigh(text: Text<'_>, verdict: Verdict, kept: &mut Kept, work: &mut Work) -> Verdict {
    match verdict {
        Verdict::Match(found) if found.confidence > Confidence::Low => {
            let most = shown::at_most(text, &found, &mut kept.signs, work);
            let confidence = found.confidence.min(most);
            Verdict::Match(Finding { confidence, ..found })
        }
        verdict => verdict,
    }
}

/// Everything that a value may be by its form and check alone.
pub(super) fn readings(value: &[u8]) -> Vec<DetectorId> {
    let text = Text::complete(value);
    let mut found =
        if value.first().is_some_and(u8::is_ascii_alphanumeric) { judge::readings(text) } else { Vec::new() };
    if phone::may_be(value) {
        found.push(PHONE);
    }
    found
}

/// Most letters before the first digit of a word that is looked at: addresses in base58 have the most.
const LETTERS: usize = 20;

/// Asks about the first digit of a group, which may stand behind letters.
pub(super) fn confirm(text: Text<'_>, digit: usize, kept: &mut Kept, work: &mut Work) -> Verdict {
    let verdict = number(text, digit, &mut kept.near, work);
    weigh(text, verdict, kept, work)
}

fn number(text: Text<'_>, digit: usize, near: &mut Near, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: digit + 1 };
    let Some(start) = word_start(text.bytes, digit) else { return no };
    if start < text.floor {
        return no;
    }
    if digit - start == 2 {
        match iban::confirm(text, digit, work) {
            Verdict::No { .. } => {}
            verdict => return verdict,
        }
    }
    match wallet::confirm(text, start, near, work) {
        Verdict::No { .. } => judge::run(text, start, near, work),
        // Whether it is worth holding is the number's affair as well.
        Verdict::Undecided { hold: usize::MAX } => match judge::run(text, start, near, work) {
            Verdict::No { .. } => Verdict::Undecided { hold: usize::MAX },
            verdict => verdict,
        },
        verdict => verdict,
    }
}

/// Where the word with this first digit begins; `None` if another digit or an underscore stands before it.
fn word_start(bytes: &[u8], digit: usize) -> Option<usize> {
    let mut start = digit;
    loop {
        match left(bytes, start) {
            Some(b) if b.is_ascii_alphabetic() => start -= 1,
            Some(b'0'..=b'9' | b'_') => return None,
            _ => return Some(start),
        }
        if digit - start > LETTERS {
            return None;
        }
    }
}

/// Fewer characters than this make no number that is looked for, unless marks and more of them follow.
const FEWEST: usize = 5;

/// What may stand between two groups.
const MARKS: &[u8] = b" -./:+()";

/// Digits of a number with a fraction that are too few for anything: no form of two groups with a dot is shorter.
const FEW: usize = 4;

/// True for a number such as `3.5` with a word, a mark of the sentence or an end behind it: the first group, of `len`
/// characters, stands at `start` before a dot. False where the text is too short to tell.
fn is_measure(bytes: &[u8], start: usize, len: usize) -> bool {
    let fraction = start + len + 1;
    let digits = bytes[fraction..].iter().take(FEW).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || len + digits > FEW || !bytes[start..start + len].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let end = fraction + digits;
    let goes_on = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
    match (bytes.get(end), bytes.get(end + 1)) {
        (None, _) => false,
        (Some(mark), then) if MARKS.contains(mark) => then.is_some_and(|then| match mark {
            b' ' => then.is_ascii_lowercase() || !(goes_on(then) || MARKS.contains(then)),
            b'(' | b')' => !(goes_on(then) || MARKS.contains(then)),
            _ => *then == b' ' || !(goes_on(then) || MARKS.contains(then)),
        }),
        (Some(behind), _) => !goes_on(behind),
    }
}

/// True for a group of `len` characters with a letter among them with which no number begins, nor an address of a network.
/// `mark` stands behind it, and `then` behind that.
fn is_of_no_form(word: &[u8], len: usize, mark: u8, then: Option<u8>) -> bool {
    let group = &word[..len];
    let letters =
        group.iter().rev().fold(0, |letters, b| letters << 1 | usize::from(b.is_ascii_alphabetic()));
    let address = || matches!(mark, b':' | b'-' | b'.') && group.iter().all(u8::is_ascii_hexdigit);
    // An extension ends a group before its letter.
    let extension = || group[len.min(2)..].contains(&b'x');
    letters != 0 && !form::INDEX.leads(len, letters, Mark::bits(mark, then)) && !extension() && !address()
}

/// A group of a few letters and a mark stand before: a form may begin with them.
fn is_behind_letters(before: &[u8]) -> bool {
    /// Most letters of such a group, and the one of a written line end.
    const MOST: usize = 5;
    let Some((b' ' | b'-', before)) = before.split_last() else { return false };
    let letters = before.iter().rev().take(MOST + 1).take_while(|b| b.is_ascii_alphabetic()).count();
    (1..=MOST).contains(&letters)
        && !before[..before.len() - letters].last().is_some_and(u8::is_ascii_alphanumeric)
}

/// True if the first digit of a group is worth [`confirm`]: most digits of prose and code are not. Looks only
/// at bytes that are there, and says true where the text is too short to tell.
pub(super) fn may_begin(bytes: &[u8], digit: usize) -> bool {
    let Some(start) = word_start(bytes, digit) else { return false };
    let most = if start == digit { FEWEST } else { FEWEST + 1 };
    let word = &bytes[start..bytes.len().min(start + most)];
    let Some(len) = word.iter().position(|b| !b.is_ascii_alphanumeric()) else { return true };
    let (mark, then) = (word[len], bytes.get(start + len + 1));
    // Account numbers in groups of four: `gb29 nwbk`.
    if digit == start + 2 && len == 4 && matches!(mark, b' ' | b'-') {
        return true;
    }
    // Letters of a plate may stand apart before it.
    if matches!(bytes[..start], [.., b, b' ' | b'-'] if b.is_ascii_uppercase()) {
        return true;
    }
    if is_of_no_form(word, len, mark, then.copied()) && !is_behind_letters(&bytes[..start]) {
        return false;
    }
    match mark {
        // What follows a mark must be another group: digits, or letters as plates and postcodes have them.
        b':' => {
            let address = then.is_none_or(|b| b.is_ascii_hexdigit() || *b == b':');
            address && (len >= 4 || !network::is_inside(bytes, start))
        }
        b'.' if start == digit && is_measure(bytes, start, len) => false,
        b'-' if len == 2 && then.is_some_and(u8::is_ascii_hexdigit) => true,
        b' ' | b'-' | b'.' | b'/' | b'+' => {
            then.is_none_or(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || *b == b'(' || *b >= 0x80)
        }
        b'(' => then.is_none_or(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'/')),
        // Up to three marks stand between two groups; `(1024).sum` has no second one.
        b')' => then.is_none_or(|b| {
            let third = bytes.get(start + len + 2);
            b.is_ascii_digit()
                || (matches!(b, b' ' | b'-' | b'.' | b'/')
                    && third.is_none_or(|b| b.is_ascii_digit() || MARKS.contains(b) || *b >= 0x80))
        }),
        0xc2 | 0xe2 => true,
        _ => bytes[..start].ends_with(b"::"),
    }
}
