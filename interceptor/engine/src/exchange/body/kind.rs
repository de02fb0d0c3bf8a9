//! Decides how a body is read: by its content type, and where that leaves it open by its first bytes.
//! What a sender calls its bytes is not believed where the receiver would read them in another way.

use crate::catalogue::Bodies;
use crate::json::Walker;
use crate::multipart::Multipart;
use crate::policy::Direction;

use super::form::Form;
use super::parts::Parts;
use super::{BodyHead, Reading, Undecided};

/// So many first bytes decide what a text, an image or a document is.
pub(super) const MOST_SNIFFED: usize = 512;

/// A known format is read as JSON whatever its content type says, because that is what its servers do; unless it is
/// a form, or says that it is something else than JSON and looks like it.
pub(super) fn first_reading(head: &BodyHead<'_>) -> Reading {
    let json = json(&head.tables);
    let Some(content_type) = head.content_type else {
        return if head.tables.is_some() { Reading::Json(json) } else { undecided(false, json) };
    };
    let name = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if name == "application/x-www-form-urlencoded" {
        return Reading::Form(Form::default());
    }
    if let Some(reader) = Multipart::new(content_type) {
        return Reading::Parts(Box::new(Parts::new(reader)));
    }
    let binary = is_binary(&name);
    let text = name.starts_with("text/") || name.ends_with("xml");
    if head.tables.is_some() && !binary && !text {
        return Reading::Json(if is_lines(&name) { Walker::many() } else { json });
    }
    undecided(binary, if head.tables.is_some() { json } else { Walker::many() })
}

fn undecided(binary: bool, json: Walker) -> Reading {
    Reading::Undecided(Undecided { first: Vec::new(), binary, json })
}

impl Undecided {
    /// JSON shows itself by its first byte.
    pub(super) fn is_json(&self) -> bool {
        !self.binary && sniff(&self.first) == Sniffed::Json
    }
}

/// One document where the format says so, otherwise any number.
fn json(tables: &Option<(std::sync::Arc<Bodies>, Direction)>) -> Walker {
    match tables {
        Some((bodies, direction)) if !bodies.lines[usize::from(*direction == Direction::Response)] => {
            Walker::new()
        }
        _ => Walker::many(),
    }
}

fn is_lines(name: &str) -> bool {
    [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
    ]
    .contains(&name)
}

/// Content types that hold no text.
fn is_binary(name: &str) -> bool {
    const FAMILIES: [&str; 4] = ["image/", "audio/", "video/", "font/"];
    const TYPES: [&str; 9] = [
        "application/octet-stream",
        "application/pdf",
        "application/zip",
        "application/gzip",
        "application/grpc",
        "application/proto",
        "application/connect+proto",
        "application/x-protobuf",
        "application/vnd.amazon.eventstream",
    ];
    FAMILIES.iter().any(|prefix| name.starts_with(prefix)) || TYPES.contains(&name)
}

/// What bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// White space, or nothing at all.
    Nothing,
    Json,
    Document,
    Text,
    Binary,
}

/// Judges by the first bytes of something: [`MOST_SNIFFED`] of them, or all there are.
pub(crate) fn sniff(first: &[u8]) -> Sniffed {
    let first = &first[..first.len().min(MOST_SNIFFED)];
    let Some(byte) = first.iter().find(|byte| !byte.is_ascii_whitespace()) else { return Sniffed::Nothing };
    if crate::extract::is_document(first) {
        return Sniffed::Document;
    }
    if !looks_like_text(first) {
        return Sniffed::Binary;
    }
    if matches!(byte, b'{' | b'[') { Sniffed::Json } else { Sniffed::Text }
}

/// Text has hardly any control characters, in whatever encoding; of random bytes every ninth is one. In UTF-16 every
/// second byte of most languages is the same, mostly zero.
fn looks_like_text(first: &[u8]) -> bool {
    if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    let controls = first.iter().filter(|byte| control(byte)).count();
    if controls * 50 <= first.len() {
        return true;
    }
    let halves = [0, 1].map(|odd| first.iter().skip(odd).step_by(2));
    let zeros = halves.clone().map(|half| half.filter(|byte| **byte == 0).count());
    let others = halves.map(|half| half.filter(|byte| control(byte)).count());
    let half = first.len() / 2;
    half > 0 && [0, 1].iter().any(|&at| zeros[at] * 10 >= half * 8 && others[1 - at] * 20 <= half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_apart() {
        let utf16: Vec<u8> = "name,mail\r\nJane".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let noise: Vec<u8> = (0..600u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for (bytes, expected) in [
            (&b" \n"[..], Sniffed::Nothing),
            (b"\n {\"a\":1}", Sniffed::Json),
            (b"a,b\n1,2\n", Sniffed::Text),
            (b"gr\xfc\xdfe aus K\xf6ln", Sniffed::Text),
            (&utf16, Sniffed::Text),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", Sniffed::Document),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Sniffed::Binary),
            (b"RIFF\x24\0\0\0WAVEfmt ", Sniffed::Binary),
            (&noise, Sniffed::Binary),
        ] {
            assert_eq!(sniff(bytes), expected, "{bytes:?}");
        }
    }
}
