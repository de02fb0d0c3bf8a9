//! The bodies that travel through an exchange, in both directions.
//! Knows frames. Does not know what is in them: the engine looks at the bytes, this file moves them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::exchange::relay::{Downward, Upward};

/// Ends a connection or stream without an answer, because what could be said would be wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Abort(pub &'static str);

/// What hands a body on as it arrives.
pub trait Relay {
    /// The next frame.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Abort>>>;

    /// Whether it is known that nothing follows.
    fn is_over(&self) -> bool;
}

/// A body on its way.
pub enum Travelling<R> {
    /// None, ours, or held and now complete.
    Whole(Whole),
    /// Passed on as it arrives, looked at on the way.
    Relay(Box<R>),
}

/// A request body on its way to the provider.
pub type RequestBody = Travelling<Upward>;

/// An answer's body on its way to the application.
pub type ResponseBody = Travelling<Downward>;

/// A body that is complete.
#[derive(Default)]
pub struct Whole {
    /// The pieces, in order.
    pub pieces: VecDeque<Bytes>,
    /// What follows them.
    pub trailers: Option<HeaderMap>,
}

// Payload is not for logs: how much there is has to do.
impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Whole({} bytes)", self.len())
    }
}

impl Whole {
    /// A body of one piece.
    pub fn one(bytes: Bytes) -> Self {
        Self { pieces: VecDeque::from([bytes]), trailers: None }
    }

    /// Bytes that are left.
    pub fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Bytes::is_empty) && self.trailers.is_none()
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        while let Some(piece) = self.pieces.pop_front() {
            if !piece.is_empty() {
                return Some(Frame::data(piece));
            }
        }
        self.trailers.take().map(Frame::trailers)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

impl<R: Relay> Body for Travelling<R> {
    type Data = Bytes;
    type Error = Abort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Abort>>> {
        match &mut *self {
            Self::Whole(whole) => Poll::Ready(whole.next().map(Ok)),
            Self::Relay(relay) => relay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_empty(),
            Self::Relay(relay) => relay.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Relay(_) => SizeHint::default(),
        }
    }
}

/// Whether hyper has a body for us at all.
pub fn is_absent(incoming: &Incoming) -> bool {
    incoming.is_end_stream()
}
