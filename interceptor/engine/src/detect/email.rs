//! E-mail addresses: a local part, `@`, a host with at least one dot and a plausible top-level domain
//! (RFC 5321 lengths; the quoted local part and address literals are not looked for).
//!
//! Not reported: `user:password@host` and `user@host` inside URLs, the `git@` of clone addresses, file names
//! such as `icon@2x.png`, package versions such as `name@1.2.3`. Of low confidence: addresses that nobody reads, such
//! as `noreply@…`; of medium: most at hosts that stand in for others; see `email/nobody.rs`.

mod nobody;
mod tail;

use super::text::{Peek, Text, Verdict};
use super::{Confidence, Finding, Work, metadata};

pub(super) use tail::tail;

const LONGEST_LOCAL: usize = 64;
const LONGEST_HOST: usize = 253;

pub(super) fn confirm(text: Text<'_>, at: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: at + 1 };
    let (host, undecided) = host_end(text, at + 1);
    // Most signs have no host behind them, and then nobody needs to know what stands before.
    if !undecided && !text.bytes[at + 1..host].contains(&b'.') {
        return no;
    }
    let Some(start) = local_start(text, at) else { return no };
    work.examined += (host - start) as u64;
    if undecided {
        return Verdict::Undecided { hold: start };
    }
    let Some(end) = trim_host(&text.bytes[at + 1..host]).map(|len| at + 1 + len) else { return no };
    let Some(confidence) = plausible(&text.bytes[at + 1..end]) else { return no };
    if in_url(text, start) || (&text.bytes[start..at] == b"git" && text.peek(end) == Peek::Byte(b':')) {
        return no;
    }
    let confidence = confidence.min(nobody::at_most(&text.bytes[start..at], &text.bytes[at + 1..end]));
    let nobodys = is_login(text, start, end) || is_rest(text, start);
    let confidence = if nobodys { Confidence::Low } else { confidence };
    Verdict::Match(Finding { detector: metadata::EMAIL, start, end, confidence })
}

/// Walks back over the local part that ends before `at`; `None` if there is none or it is too long.
fn local_start(text: Text<'_>, at: usize) -> Option<usize> {
    let lowest = at.saturating_sub(LONGEST_LOCAL + 1).max(text.floor);
    let mut start = at;
    while start > lowest && is_local(text, start - 1) {
        start -= 1;
    }
    if at - start > LONGEST_LOCAL {
        return None;
    }
    // The letter of a written line end belongs to the line end, and a redaction must not tear them apart.
    if start < at && start > lowest && text.left(start + 1) == Some(b' ') {
        start += 1;
    }
    // Neither a dot nor a dash begins an address: bullets and sentences end before it.
    while start < at && matches!(text.bytes[start], b'.' | b'-' | b'+' | b'\'' | b'%') {
        start += 1;
    }
    (start < at && text.bytes[at - 1] != b'.').then_some(start)
}

/// The characters of a local part as they are used: letters (also those that UTF-8 writes in two bytes,
/// Latin, Greek and Cyrillic), digits and the marks that providers allow.
fn is_local(text: Text<'_>, i: usize) -> bool {
    match text.bytes[i] {
        b if b.is_ascii_alphanumeric() => true,
        b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' => true,
        0xc3..=0xd4 => text.bytes.get(i + 1).is_none_or(|b| (0x80..0xc0).contains(b)),
        0x80..=0xbf => text.before(i, 1).is_some_and(|b| (0xc3..=0xd4).contains(&b)),
        _ => false,
    }
}

/// The end of what may be a host, and whether it may go on.
fn host_end(text: Text<'_>, from: usize) -> (usize, bool) {
    let end = text.run_end(from, LONGEST_HOST + 1, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (end, end - from <= LONGEST_HOST && text.peek(end) == Peek::Unknown)
}

/// The host's length without the dots and dashes of the sentence behind it.
fn trim_host(host: &[u8]) -> Option<usize> {
    let len = host.iter().rposition(|b| b.is_ascii_alphanumeric())? + 1;
    (len <= LONGEST_HOST).then_some(len)
}

/// True if the local part is the user information of a URL: `//user@`, `//user:password@`.
fn in_url(text: Text<'_>, start: usize) -> bool {
    // Marks that begin no address may still be part of the name, as the percent sign of what is escaped.
    let marks =
        text.bytes[..start].iter().rev().take(4).take_while(|b| matches!(b, b'%' | b'.' | b'-' | b'+'));
    let start = start - marks.count();
    if text.before(start, 1) == Some(b'/') {
        return text.before(start, 2) == Some(b'/');
    }
    if text.before(start, 1) != Some(b':') {
        return false;
    }
    // Some readers of URLs let a second `@` through.
    let mut user = start - 1 - usize::from(text.before(start, 2) == Some(b'@'));
    while user > start.saturating_sub(LONGEST_LOCAL) && is_local(text, user - 1) {
        user -= 1;
    }
    text.before(user, 1) == Some(b'/') && text.before(user, 2) == Some(b'/')
}

/// `name:password@host:3128`, which only looks like an address: what stands before and behind says so.
fn is_login(text: Text<'_>, start: usize, end: usize) -> bool {
    let named = text.before(start, 1) == Some(b':')
        && text.before(start, 2).is_some_and(|b| b.is_ascii_alphanumeric());
    let port = text.peek(end) == Peek::Byte(b':')
        && matches!(text.peek(end + 1), Peek::Byte(b) if b.is_ascii_digit());
    named && port
}

/// The rest of a longer name that has a `$` inside: programs name messages so (`<0020$8752e060$56@example.com>`), and no
/// provider lets anybody have such an address.
fn is_rest(text: Text<'_>, start: usize) -> bool {
    text.before(start, 1) == Some(b'$') && text.before(start, 2).is_some_and(|b| b.is_ascii_alphanumeric())
}

/// `v1.2…`: what follows is the next word of a list of packages.
fn is_version(host: &[u8]) -> bool {
    let number = |label: Option<&[u8]>| {
        label.is_some_and(|label| !label.is_empty() && label.iter().all(u8::is_ascii_digit))
    };
    let mut labels = host.strip_prefix(b"v").unwrap_or_default().split(|b| *b == b'.');
    number(labels.next()) && number(labels.next())
}

/// How sure a host makes us; `None` if it cannot be one.
fn plausible(host: &[u8]) -> Option<Confidence> {
    if is_version(host) {
        return None;
    }
    let mut labels = host.split(|b| *b == b'.').rev();
    let top = labels.next()?;
    let mut count = 0;
    for label in labels {
        count += 1;
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        if label.len() > 63 || !edge(label.first()) || !edge(label.last()) {
            return None;
        }
    }
    if count == 0 || top.len() < 2 || top.len() > 24 {
        return None;
    }
    let mut buffer = [0; 24];
    let top_lower = &mut buffer[..top.len()];
    top_lower.copy_from_slice(top);
    top_lower.make_ascii_lowercase();
    if top_lower.starts_with(b"xn--") {
        return Some(Confidence::High);
    }
    if !top_lower.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let word = std::str::from_utf8(top_lower).ok()?;
    if NOT_TOP_LEVEL.contains(&word) {
        return None;
    }
    let known = TOP_LEVEL.contains(&word) || is_country(word);
    Some(if known { Confidence::High } else { Confidence::Low })
}

/// What stands behind a dot in file names and code, and is no top-level domain.
const NOT_TOP_LEVEL: [&str; 40] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "pdf", "css", "scss", "html", "htm", "json",
    "yaml", "yml", "toml", "xml", "txt", "csv", "log", "exe", "dll", "tar", "gz", "tgz", "jar", "class",
    "java", "cpp", "hpp", "tsx", "jsx", "mjs", "vue", "lock", "shape", "dot", "dtype", "whl",
];

/// A top-level domain of a country: the codes of ISO 3166-1, and those that are in use beside them.
fn is_country(top: &str) -> bool {
    let place = |letter: u8| letter.wrapping_sub(b'a');
    match top.as_bytes() {
        [first, second] if place(*second) < 26 => COUNTRIES_BY_FIRST
            .get(usize::from(place(*first)))
            .is_some_and(|all| all >> place(*second) & 1 == 1),
        _ => false,
    }
}

/// By its first letter: a bit for each second one.
static COUNTRIES_BY_FIRST: [u32; 26] = {
    let (mut all, codes, mut at) = ([0; 26], COUNTRIES.as_bytes(), 0);
    while at < codes.len() {
        all[(codes[at] - b'a') as usize] |= 1 << (codes[at + 1] - b'a');
        at += 2;
    }
    all
};

const COUNTRIES: &str = "\
    acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjblbmbnbobqbrbsbtbvbwbybzcacccdcfcgchcickclcmcnco\
    crcucvcwcxcyczdedjdkdmdodzeceeegehereseteufifjfkfmfofrgagbgdgegfggghgiglgmgngpgqgrgsgtgugwgyhkhmhnhr\
    hthuidieiliminioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalblclilklrlsltlulvlymamcmdmemfmgmhmkmlmmmnmo\
    mpmqmrmsmtmumvmwmxmymznancnenfngninlnonpnrnunzompapepfpgphpkplpmpnprpsptpwpyqarerorsrurwsasbscsdsesg\
    shsisjskslsmsnsosrssstsusvsxsysztctdtftgthtjtktltmtntotrtttvtwtzuaugukumusuyuzvavcvevgvivnvuwfwsyeyt\
    zazmzw";

/// Generic top-level domains in wide use, and the reserved ones (RFC 2606, RFC 6762, RFC 8375) that internal
/// addresses carry. An unknown one lowers the confidence.
const TOP_LEVEL: [&str; 84] = [
    "com",
    "org",
    "net",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "name",
    "pro",
    "aero",
    "coop",
    "museum",
    "mobi",
    "asia",
    "jobs",
    "travel",
    "tel",
    "cat",
    "post",
    "arpa",
    "app",
    "dev",
    "cloud",
    "online",
    "site",
    "store",
    "shop",
    "tech",
    "xyz",
    "club",
    "blog",
    "email",
    "mail",
    "live",
    "news",
    "media",
    "agency",
    "digital",
    "solutions",
    "services",
    "systems",
    "software",
    "network",
    "group",
    "team",
    "world",
    "global",
    "international",
    "company",
    "consulting",
    "design",
    "studio",
    "academy",
    "school",
    "university",
    "bank",
    "finance",
    "capital",
    "legal",
    "law",
    "health",
    "care",
    "clinic",
    "hospital",
    "london",
    "berlin",
    "paris",
    "wien",
    "koeln",
    "hamburg",
    "nyc",
    "tokyo",
    "swiss",
    "quebec",
    "google",
    "example",
    "test",
    "invalid",
    "local",
    "internal",
    "lan",
    "corp",
];
