//! AWS Signature Version 4 of a request whose body is known: the canonical request, the key, the signature.
//! Knows the algorithm as AWS documents it, for every service but the storage service. Does not choose what is signed.

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac;
use http::HeaderMap;
use http::header::HOST;
use zeroize::Zeroizing;

/// What a signature is made over.
#[derive(Debug)]
pub(super) struct Said<'r> {
    pub(super) method: &'r str,
    /// As it is written in the request.
    pub(super) path: &'r str,
    pub(super) query: &'r str,
    pub(super) headers: &'r HeaderMap,
    /// The authority of a request that has no header for it.
    pub(super) host: Option<&'r str>,
    /// Names of headers, sorted; all are there, or are `host`.
    pub(super) names: &'r [String],
    /// The hash of the body, in hexadecimal digits.
    pub(super) payload: &'r str,
}

/// The key for one day, region and service.
pub(super) fn key(secret: &str, day: &str, region: &str, service: &str) -> hmac::Key {
    let first = Zeroizing::new(format!("AWS4{secret}"));
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes());
    for part in [day, region, service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}

/// The signature, in hexadecimal digits.
pub(super) fn signature(key: &hmac::Key, stamp: &str, scope: &str, said: &Said<'_>) -> String {
    let hash = digest::digest(&SHA256, &canonical(said));
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(hash.as_ref()));
    hex(hmac::sign(key, to_sign.as_bytes()).as_ref())
}

/// The canonical request. It names what is signed and holds no part of the body.
fn canonical(said: &Said<'_>) -> Vec<u8> {
    let mut out = format!("{}\n{}\n{}\n", said.method, path(said.path), query(said.query)).into_bytes();
    for name in said.names {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        let values: Vec<&[u8]> = match said.host.filter(|_| name == HOST.as_str()) {
            Some(host) => vec![host.as_bytes()],
            None => said.headers.get_all(name).iter().map(|value| value.as_bytes()).collect(),
        };
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            trimmed(value, &mut out);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(said.names.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(said.payload.as_bytes());
    out
}

/// Without blanks around it, and with one where there are several.
fn trimmed(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// Without dots and empty segments, each byte of what is left escaped: what is escaped in the request is so twice here.
pub(super) fn path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut out = String::from("/");
    for (at, segment) in segments.iter().enumerate() {
        if at > 0 {
            out.push('/');
        }
        escape(segment.as_bytes(), &mut out);
    }
    if path.ends_with('/') && !segments.is_empty() {
        out.push('/');
    }
    out
}

/// Sorted by name, then by value; what is escaped is so once.
pub(super) fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let again = |text: &str| {
            let mut out = String::new();
            escape(&unescaped(text), &mut out);
            out
        };
        pairs.push((again(name), again(value)));
    }
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn escape(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Hexadecimal digits, in small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
