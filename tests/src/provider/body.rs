//! The bodies of the provider's answers: sized, or piece by piece at the test's pace.
//! Knows hyper's body trait and tells the record how the answer ended. Does not know formats.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;

use super::seen::{Answer, Record};

/// One step of a paced answer.
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Ends the answer in the middle, as a crashed server would.
    Abort,
}

enum Content {
    Sized(Option<Bytes>),
    Paced(UnboundedReceiver<Piece>),
}

/// The answer was cut off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the laboratory cuts this answer off")]
pub(super) struct CutOff;

/// A body that notes in the record how it ended.
pub(super) struct Outgoing {
    content: Content,
    record: Record,
    call: usize,
    complete: bool,
}

impl Outgoing {
    pub(super) fn sized(bytes: Bytes, record: Record, call: usize) -> Self {
        let complete = bytes.is_empty();
        Self { content: Content::Sized(Some(bytes)), record, call, complete }
    }

    pub(super) fn paced(pieces: UnboundedReceiver<Piece>, record: Record, call: usize) -> Self {
        Self { content: Content::Paced(pieces), record, call, complete: false }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let this = self.get_mut();
        let pieces = match &mut this.content {
            Content::Sized(bytes) => {
                this.complete = true;
                return Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))));
            }
            Content::Paced(pieces) => pieces,
        };
        pieces.poll_recv(context).map(|piece| match piece {
            Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::Trailers(trailers)) => {
                this.complete = true;
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Piece::Abort) => Some(Err(CutOff)),
            None => {
                this.complete = true;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Sized(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Sized(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Content::Paced(_) => SizeHint::default(),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let ended = if self.complete { Answer::Complete } else { Answer::Dropped };
        self.record.edit_call(self.call, |call| call.answer = ended);
    }
}
