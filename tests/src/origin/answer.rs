//! What the origin answers, and how a request asks for it: one header, so that the paths stay real ones.
//! Knows bodies and a clock. Does not know sockets.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior};

use super::{Never, payload};

/// The request header that picks the answer.
pub const ANSWER: &str = "x-bench-answer";

/// The body of any answer.
pub type AnswerBody = Either<Full<Bytes>, EventBody>;

/// The kinds of answer. The text form, in the header: `chat`, `stream CHUNKS MICROSECONDS`, `bytes N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A chat completion of about 1 KB.
    Chat,
    /// Server-sent events, one every so often.
    Stream {
        /// How many events before `[DONE]`.
        chunks: u32,
        /// The pause between two of them.
        every: Duration,
    },
    /// A chat completion of this many bytes.
    Bytes(usize),
}

/// The largest answer that is made on request.
const LARGEST: usize = 64 << 20;

impl Answer {
    /// Reads the wish; no or an unreadable wish is answered with a chat completion.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers.get(ANSWER).and_then(|value| value.to_str().ok()).and_then(Self::parse).unwrap_or(Self::Chat)
    }

    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["chat"] => Some(Self::Chat),
            ["bytes", size] => size.parse().ok().filter(|size| *size <= LARGEST).map(Self::Bytes),
            ["stream", chunks, every] => Some(Self::Stream {
                chunks: chunks.parse().ok()?,
                every: Duration::from_micros(every.parse().ok()?),
            }),
            _ => None,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Stream { .. } => "text/event-stream",
            Self::Chat | Self::Bytes(_) => "application/json",
        }
    }

    pub(super) fn body(self) -> AnswerBody {
        match self {
            Self::Chat => Either::Left(Full::new(payload::chat_answer(1024))),
            Self::Bytes(size) => Either::Left(Full::new(payload::chat_answer(size))),
            Self::Stream { chunks, every } => Either::Right(EventBody::new(chunks, every)),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat => out.write_str("chat"),
            Self::Bytes(size) => write!(out, "bytes {size}"),
            Self::Stream { chunks, every } => write!(out, "stream {chunks} {}", every.as_micros()),
        }
    }
}

/// Events at a steady pace, each stamped with the time it was handed over. The first leaves at once.
#[derive(Debug)]
pub struct EventBody {
    left: u32,
    sent: u32,
    done: bool,
    pace: Interval,
}

impl EventBody {
    fn new(chunks: u32, every: Duration) -> Self {
        let mut pace = tokio::time::interval(every.max(Duration::from_micros(1)));
        // A late event must not make the next one early: two events at once would look like a merge.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { left: chunks, sent: 0, done: false, pace }
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Never;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Never>>> {
        if self.done {
            return Poll::Ready(None);
        }
        std::task::ready!(self.pace.poll_tick(context));
        if self.left == 0 {
            self.done = true;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(payload::LAST_EVENT)))));
        }
        self.left -= 1;
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(payload::event(self.sent)))))
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_goes_both_ways() {
        let stream = Answer::Stream { chunks: 200, every: Duration::from_millis(20) };
        for answer in [Answer::Chat, Answer::Bytes(10_000_000), stream] {
            assert_eq!(Answer::parse(&answer.to_string()), Some(answer));
        }
        assert_eq!(Answer::parse("bytes 999999999999"), None);
        assert_eq!(Answer::parse("stream 1"), None);
    }
}
