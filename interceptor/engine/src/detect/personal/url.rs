//! Names and passwords inside URLs: `scheme://name:password@host` (RFC 3986, 3.2.1). The value reported is what
//! stands between the slashes and the `@`.

use super::super::text::{Peek, Text, Verdict};
use super::super::{Confidence, DetectorId, Finding, Work, secret};
use super::URL_CREDENTIALS;

/// The longest name and password together.
const LONGEST: usize = 160;

/// Asks about an `@` behind which a host must follow.
pub(super) fn confirm(text: Text<'_>, at: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: at + 1 };
    let Some(start) = authority(text, at) else { return no };
    work.examined += (at - start) as u64;
    let Some(colon) = text.bytes[start..at].iter().position(|b| *b == b':') else { return no };
    match text.peek(at + 1) {
        Peek::Unknown => return Verdict::Undecided { hold: start },
        Peek::Byte(b) if b.is_ascii_alphanumeric() || b == b'[' => {}
        _ => return no,
    }
    match sold_by_url(text, at + 1) {
        Sold::Unknown => return Verdict::Undecided { hold: start },
        Sold::Licence(detector) if is_licence(&text.bytes[start..at]) => {
            return Verdict::Match(Finding { detector, start, end: at, confidence: Confidence::High });
        }
        Sold::Licence(_) | Sold::No => {}
    }
    let Some(confidence) = confidence(&text.bytes[start + colon + 1..at]) else { return no };
    Verdict::Match(Finding { detector: URL_CREDENTIALS, start, end: at, confidence })
}

/// Whether a host lets in by a licence that is written as name and password.
enum Sold {
    Licence(DetectorId),
    No,
    Unknown,
}

/// Looks at the host that begins at `at`.
fn sold_by_url(text: Text<'_>, at: usize) -> Sold {
    const HOSTS: [(&[u8], DetectorId); 2] = [
        (b"gems.contribsys.com", secret::SIDEKIQ_CREDENTIAL),
        (b"enterprise.contribsys.com", secret::SIDEKIQ_CREDENTIAL),
    ];
    let there = &text.bytes[at..];
    for (host, detector) in HOSTS {
        if there.starts_with(host) {
            return Sold::Licence(detector);
        }
        if host.starts_with(there) && text.peek(text.bytes.len()) == Peek::Unknown {
            return Sold::Unknown;
        }
    }
    Sold::No
}

/// Eight hexadecimal digits on either side of the colon.
fn is_licence(pair: &[u8]) -> bool {
    let digits = |part: &[u8]| part.len() == 8 && part.iter().all(u8::is_ascii_hexdigit);
    pair.len() == 17 && digits(&pair[..8]) && pair[8] == b':' && digits(&pair[9..])
}

/// Where the name in front of the `@` at `at` begins: behind `://`, with nothing between that a name or password
/// cannot hold.
fn authority(text: Text<'_>, at: usize) -> Option<usize> {
    let lowest = at.saturating_sub(LONGEST).max(text.floor);
    let mut start = at;
    while start > lowest && is_userinfo(text.bytes[start - 1]) {
        start -= 1;
    }
    let scheme = |back: usize| text.before(start, back);
    let behind = scheme(1) == Some(b'/') && scheme(2) == Some(b'/') && scheme(3) == Some(b':');
    (behind && scheme(4).is_some_and(|b| b.is_ascii_alphanumeric())).then_some(start)
}

pub(super) fn is_userinfo(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:^#?".contains(&b)
}

/// Words that documentation writes for a password.
const PLACEHOLDERS: [&str; 22] = [
    "password", "passwd", "pass", "pwd", "pw", "secret", "user", "username", "word", "xxx", "example",
    "changeme", "test", "token", "key", "foo", "bar", "baz", "your", "admin", "root", "guest",
];

/// How sure a password makes us; `None` for a placeholder.
fn confidence(password: &[u8]) -> Option<Confidence> {
    let bare = password.iter().filter(|b| b.is_ascii_alphanumeric()).count();
    let named = |word: &&str| password.eq_ignore_ascii_case(word.as_bytes());
    let template = matches!(password, [b'$' | b'%' | b'<' | b'{', ..] | [b'*', ..] | [b'.', ..]);
    if bare < 3 || template || PLACEHOLDERS.iter().any(named) {
        return None;
    }
    let digit = password.iter().any(u8::is_ascii_digit);
    let upper = password.iter().any(u8::is_ascii_uppercase);
    let mixed = digit && (upper || password.iter().any(|b| !b.is_ascii_alphanumeric()));
    let telling = password.len() >= 8 && (mixed || secret::looks_drawn(password));
    Some(if telling { Confidence::Medium } else { Confidence::Low })
}

/// Where what may become a name and password begins, if the text so far ends inside one: behind its colon it is
/// held, because the `@` may come next.
pub(in super::super) fn tail(text: Text<'_>) -> Option<usize> {
    let end = text.bytes.len();
    let start = authority(text, end)?;
    text.bytes[start..end].contains(&b':').then_some(start)
}
