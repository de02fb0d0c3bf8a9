//! Tells a format by a body alone: the one whose places the body fills best. For bodies that came from elsewhere
//! than a connection, such as records in a file; on a connection host and path decide.

use super::{Catalogue, FormatId, Operation, ProviderId};
use crate::json::{Class, Cursor, Sink, Table, Text, Walker, Word};
use crate::policy::Direction;

/// So much of a body is looked at.
const ENOUGH: usize = 256 * 1024;

/// Most documents of a stream that are looked at.
const MOST_DOCUMENTS: usize = 64;

/// Where a request of a format can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// To whom.
    pub provider: ProviderId,
    /// How.
    pub method: Box<str>,
    /// A path of the format, with `x` where anything may stand.
    pub path: String,
}

impl Catalogue {
    /// The format that a decoded body has: a document, JSON lines or server-sent events. None if it holds no place
    /// that any format names. Formats that share their bodies cannot be told apart; the first is the answer.
    pub fn recognise(&self, direction: Direction, body: &[u8]) -> Option<FormatId> {
        self.recognise_among(direction, body, |_| true)
    }

    /// As [`Catalogue::recognise`], among the formats of one provider.
    pub fn recognise_of(&self, provider: ProviderId, direction: Direction, body: &[u8]) -> Option<FormatId> {
        let formats = &self.provider(provider).formats;
        self.recognise_among(direction, body, |id| formats.contains(&id))
    }

    /// Somewhere a request of this format can be sent; `provider` if it speaks it.
    pub fn address(&self, format: FormatId, provider: Option<ProviderId>) -> Option<Address> {
        let others = self.providers().map(|(id, _)| id);
        provider.into_iter().chain(others).find_map(|id| self.address_at(format, id))
    }

    /// Somebody who speaks a known format under this path.
    pub fn speaker(&self, method: &str, path: &str) -> Option<ProviderId> {
        let knows = |id: &ProviderId| matches!(self.operation(*id, method, path), Operation::Known(_));
        self.providers().map(|(id, _)| id).find(knows)
    }

    fn address_at(&self, format: FormatId, provider: ProviderId) -> Option<Address> {
        let method = self.format(format).methods.first()?;
        let operations = &self.provider(provider).operations;
        let paths = operations.iter().filter(|(_, known)| *known == format).map(|(path, _)| path.example());
        let fits = |path: &String| self.operation(provider, method, path) == Operation::Known(format);
        let path = { paths }.find(fits)?;
        Some(Address { provider, method: method.clone(), path })
    }

    fn recognise_among(
        &self,
        direction: Direction,
        body: &[u8],
        among: impl Fn(FormatId) -> bool,
    ) -> Option<FormatId> {
        let body = &body[..body.len().min(ENOUGH)];
        let ids = (0..).map(FormatId).take(self.formats.len()).filter(|id| among(*id));
        let mut best = None;
        for id in ids {
            let Some(bodies) = &self.format(id).bodies else { continue };
            let whole = match direction {
                Direction::Request => score(&bodies.request, &[body]),
                Direction::Response => score(&bodies.response, &[body]),
            };
            let stream = match (&bodies.stream, direction) {
                (Some(rules), Direction::Response) => score(&rules.event, &documents(body)),
                _ => 0,
            };
            let score = whole.max(stream);
            if score > best.map_or(0, |(_, best)| best) {
                best = Some((id, score));
            }
        }
        best.map(|(id, _)| id)
    }
}

/// The documents of a stream: the data of server-sent events, or lines.
fn documents(body: &[u8]) -> Vec<&[u8]> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let data = lines.filter_map(|line| match line.strip_prefix(b"data:") {
        Some(data) => Some(data),
        None => line.first().is_some_and(|byte| b"{[".contains(byte)).then_some(line),
    });
    data.take(MOST_DOCUMENTS).collect()
}

/// How well documents fill the places of a table; 0 or less if not at all.
fn score(table: &Table, documents: &[&[u8]]) -> i64 {
    let mut score = Score::default();
    let mut walker = Walker::many();
    for document in documents {
        walker.reset();
        walker.feed(table, document, 0, &mut score);
    }
    if score.named { score.points } else { 0 }
}

#[derive(Default)]
struct Score {
    points: i64,
    /// Something was at a place that the catalogue names, and not just somewhere below one.
    named: bool,
}

impl Score {
    fn count(&mut self, cursor: &Cursor<'_>) {
        let state = cursor.state();
        let points = match state.class {
            Class::Unknown => -1,
            Class::JsonValue | Class::Schema => 1,
            Class::Plain => 2,
            Class::Text | Class::JsonString | Class::Binary | Class::Sealed => 3,
        };
        self.points += points + if state.stream.is_empty() { 0 } else { 3 };
        self.named |= points > 1 || !state.stream.is_empty();
    }
}

impl Sink for Score {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        // A key comes here if no rule names it; its value says whether a wider rule covers it.
        if !text.key {
            self.count(cursor);
        }
    }

    fn number(&mut self, cursor: &Cursor<'_>, _raw: &[u8], _start: usize) {
        self.count(cursor);
    }

    fn word(&mut self, cursor: &Cursor<'_>, _word: Word) {
        self.count(cursor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(direction: Direction, body: &str) -> Option<String> {
        let catalogue = Catalogue::builtin();
        let format = catalogue.recognise(direction, body.as_bytes())?;
        Some(catalogue.format(format).id.to_string())
    }

    #[test]
    fn bodies_are_told_apart() {
        let is = |direction, body: &str, format: &str| {
            assert_eq!(name(direction, body).as_deref(), Some(format), "{body}");
        };
        let request = Direction::Request;
        is(
            request,
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
            "openai.chat_completions",
        );
        is(request, r#"{"model":"m","input":"hi","instructions":"be brief"}"#, "openai.responses");
        is(
            request,
            r#"{"model":"m","max_tokens":5,"system":"s","messages":[{"role":"user","content":"hi"}]}"#,
            "anthropic.messages",
        );
        is(
            Direction::Response,
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n",
            "openai.chat_completions",
        );
        is(
            Direction::Response,
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
            "anthropic.messages",
        );
    }

    #[test]
    fn what_is_nobody_s_is_not_recognised() {
        assert_eq!(name(Direction::Request, r#"{"colour":"blue"}"#), None);
        assert_eq!(name(Direction::Request, "not json"), None);
        assert_eq!(name(Direction::Request, ""), None);
    }

    #[test]
    fn every_walked_format_has_an_address() {
        let catalogue = Catalogue::builtin();
        for number in 0..catalogue.formats.len() {
            let id = FormatId(u16::try_from(number).unwrap());
            let format = catalogue.format(id);
            if format.bodies.is_some() && !format.methods.is_empty() {
                let address = catalogue.address(id, None);
                let spoken = catalogue
                    .providers
                    .iter()
                    .any(|provider| provider.operations.iter().any(|(_, known)| *known == id));
                assert_eq!(address.is_some(), spoken, "{}", format.id);
            }
        }
    }
}
