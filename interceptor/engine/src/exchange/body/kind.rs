//! Decides how a body is read: by its content type, and where that leaves it open by its first bytes.
//! What a sender calls its bytes is not believed where the receiver would read them in another way.

use crate::catalogue::Bodies;
use crate::json::Walker;
use crate::multipart::Multipart;
use crate::policy::Direction;
use crate::sniff::{MOST_SNIFFED, Sniffed, sniff};

use super::form::Form;
use super::parts::Parts;
use super::{BodyHead, Reading, Undecided};

/// A known format is read as JSON whatever its content type says, because that is what its servers do; unless it is
/// a form, or says that it is something else than JSON and looks like it.
pub(super) fn first_reading(head: &BodyHead<'_>) -> Reading {
    let json = json(&head.tables);
    let Some(content_type) = head.content_type else {
        return if head.tables.is_some() { Reading::Json(json) } else { undecided(false, json) };
    };
    let name = content_type.split(';').next().unwrap_or_default().trim();
    if head.tables.is_some() && name.eq_ignore_ascii_case("application/json") {
        return Reading::Json(json);
    }
    let name = name.to_ascii_lowercase();
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
    /// Takes more of what comes first, without the white space before it.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let more = if self.first.is_empty() { chunk.trim_ascii_start() } else { chunk };
        self.first.extend_from_slice(more);
    }

    /// As far as it has come. JSON shows itself by its first byte, and what comes behind that must not change the
    /// answer: how much of it is there depends on how the body was cut.
    pub(super) fn sniff(&self) -> Sniffed {
        match self.first.first() {
            Some(b'{' | b'[') if !self.binary => Sniffed::Json,
            _ => sniff(&self.first),
        }
    }

    /// No more has to come. What says that it is binary is judged by all that a judgement looks at.
    pub(super) fn is_decided(&self) -> bool {
        self.first.len() >= MOST_SNIFFED || (!self.binary && self.sniff() == Sniffed::Json)
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
