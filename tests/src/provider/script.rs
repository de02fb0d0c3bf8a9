//! What a test tells the provider to answer, and the handle by which it paces a streamed answer itself.
//! Knows formats and pieces. Does not know connections.

use anyhow::{Result, anyhow};
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::body::Piece;
use super::format::Format;

/// One prepared answer.
pub struct Script {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// In the format of the path, whole or streamed as the request asks.
    Text(Vec<String>),
    /// With a length.
    Sized(Bytes),
    /// Without a length, piece by piece.
    Paced(UnboundedReceiver<Piece>),
    /// The connection closes instead of an answer.
    Hangup,
    /// Neither an answer nor an end: only the other side can give up.
    Silence,
    /// A WebSocket on which the test itself speaks.
    Socket(UnboundedReceiver<Bytes>),
}

impl Script {
    fn new(content: Content) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), content }
    }

    /// The model says these tokens.
    pub fn tokens<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Content::Text(tokens.into_iter().map(str::to_owned).collect()))
    }

    /// Exactly this body, with its length.
    pub fn sized(body: impl Into<Bytes>) -> Self {
        Self::new(Content::Sized(body.into()))
    }

    /// Exactly this body, without a length: chunked, or DATA frames.
    #[must_use]
    pub fn chunked(chunks: Vec<Bytes>, trailers: Option<HeaderMap>) -> Self {
        let (sender, script) = Self::pieces();
        let data = chunks.into_iter().map(Piece::Data);
        for piece in data.chain(trailers.map(Piece::Trailers)) {
            sender.send(piece).unwrap_or_else(|_| unreachable!("the receiver is in `script`"));
        }
        script
    }

    /// The connection closes after the request, without an answer.
    #[must_use]
    pub fn hangup() -> Self {
        Self::new(Content::Hangup)
    }

    /// The answer never comes.
    #[must_use]
    pub fn silence() -> Self {
        Self::new(Content::Silence)
    }

    /// Another status than 200.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a test gives header values that are allowed");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// An answer that the test sends by hand, and the hand.
    pub(super) fn pieces() -> (UnboundedSender<Piece>, Self) {
        let (sender, receiver) = unbounded_channel();
        (sender, Self::new(Content::Paced(receiver)))
    }
}

/// A streamed answer that goes only as far as the test lets it. Dropping it ends the answer as complete.
pub struct Stream {
    format: Format,
    sender: UnboundedSender<Piece>,
    tokens: usize,
    text: String,
}

impl Stream {
    pub(super) fn new(format: Format) -> (Self, Script) {
        let (sender, script) = Script::pieces();
        let stream = Self { format, sender, tokens: 0, text: String::new() };
        (stream, script.header("content-type", "text/event-stream; charset=utf-8"))
    }

    /// Sends the events before the first token, in one piece.
    pub fn open(&self) -> Result<()> {
        self.raw(self.format.opening().concat())
    }

    /// Sends one token as one event in one piece, and returns the event's bytes.
    pub fn token(&mut self, text: &str) -> Result<String> {
        let event = self.format.token(self.tokens, text);
        self.tokens += 1;
        self.text.push_str(text);
        self.raw(event.clone())?;
        Ok(event)
    }

    /// Sends the closing events and ends the answer.
    pub fn close(self) -> Result<()> {
        self.raw(self.format.closing(self.tokens, &self.text).concat())
    }

    /// Sends any bytes as one piece.
    pub fn raw(&self, bytes: impl Into<Bytes>) -> Result<()> {
        self.send(Piece::Data(bytes.into()))
    }

    /// Cuts the answer off in the middle.
    pub fn abort(self) -> Result<()> {
        self.send(Piece::Abort)
    }

    fn send(&self, piece: Piece) -> Result<()> {
        self.sender.send(piece).map_err(|_| anyhow!("nobody takes the stream's pieces any more"))
    }
}

/// The provider's side of a WebSocket, byte by byte. Dropping it ends what the provider says.
pub struct Socket {
    sender: UnboundedSender<Bytes>,
}

impl Socket {
    pub(super) fn new(extensions: Option<&str>) -> (Self, Script) {
        let (sender, receiver) = unbounded_channel();
        let script = Script::new(Content::Socket(receiver));
        let script = match extensions {
            Some(extensions) => script.header("sec-websocket-extensions", extensions),
            None => script,
        };
        (Self { sender }, script)
    }

    /// Sends any bytes.
    pub fn send(&self, bytes: impl Into<Bytes>) -> Result<()> {
        self.sender.send(bytes.into()).map_err(|_| anyhow!("nobody takes the provider's messages any more"))
    }
}
