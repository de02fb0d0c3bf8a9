//! Bodies that pass as they arrive, each chunk shown to the engine first.
//! Knows frames, pauses and the ledger. Does not know headers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, Sleep};

use super::ledger::Ledger;
use crate::proxy::body::{Abort, Relay};
use crate::proxy::upstream::Lease;
use crate::telemetry::event::Ending;

type Polled = Poll<Option<Result<Frame<Bytes>, Abort>>>;

/// A body being read, with a limit on how long it may pause.
pub struct Paced {
    incoming: Incoming,
    pause: Duration,
    /// When the last piece came. The timer is not set back for every piece; it looks here when it fires.
    last: Option<Instant>,
    /// Made when the body first makes us wait, which short bodies never do.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What a paced body yields.
pub enum Step {
    /// A piece of it.
    Data(Bytes),
    /// What follows the last piece.
    Trailers(HeaderMap),
    /// It is over.
    End,
    /// Its sender broke off or broke the protocol.
    Broken(hyper::Error),
    /// It paused for too long.
    Paused,
}

impl Paced {
    /// Reads `incoming`, which may pause for at most `pause`.
    pub fn new(incoming: Incoming, pause: Duration) -> Self {
        Self { incoming, pause, last: None, timer: None }
    }

    /// Whether nothing follows what was yielded. Known at once for a body whose length was announced: hyper
    /// takes such a body for sent after its last byte, and never asks for its end.
    fn is_over(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// The next step.
    pub async fn next(&mut self) -> Step {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                return self.poll_timer(cx).map(|()| Step::Paused);
            };
            if self.timer.is_some() {
                self.last = Some(Instant::now());
            }
            return Poll::Ready(match frame {
                None => Step::End,
                Some(Err(error)) => Step::Broken(error),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => Step::Data(data),
                    Err(frame) => match frame.into_trailers() {
                        Ok(trailers) => Step::Trailers(trailers),
                        Err(_) => continue,
                    },
                },
            });
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let pause = self.pause;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        while timer.as_mut().poll(cx).is_ready() {
            // Pieces that came since the timer was set move the deadline, now that somebody asks.
            match self.last.map(|last| last + pause) {
                Some(deadline) if deadline > Instant::now() => timer.as_mut().reset(deadline),
                _ => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}

/// A request body that only audit rules look at.
pub struct Upward {
    body: Paced,
    ledger: Rc<Ledger>,
    ready: VecDeque<Bytes>,
    out: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    over: bool,
}

impl Upward {
    /// Relays `body` upstream.
    pub fn new(body: Paced, ledger: Rc<Ledger>) -> Self {
        Self { body, ledger, ready: VecDeque::new(), out: Vec::new(), trailers: None, over: false }
    }

    fn look(&mut self, data: Option<Bytes>) -> Result<(), Abort> {
        let out = &mut self.out;
        let seen = self.ledger.inspect(|inspection| match data {
            Some(data) => inspection.request_data(data, out),
            None => inspection.request_end(out),
        });
        self.ready.extend(self.out.drain(..));
        // The plan said that no rule can block this request; a limit still may.
        seen.map(drop).map_err(|_| Abort("the request was refused while it was being sent"))
    }
}

impl Relay for Upward {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.over {
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            match ready!(self.body.poll(cx)) {
                Step::Data(data) => {
                    self.look(Some(data))?;
                    if self.body.is_over() {
                        self.over = true;
                        self.look(None)?;
                    }
                }
                Step::Trailers(trailers) => self.trailers = Some(trailers),
                Step::End => {
                    self.over = true;
                    self.look(None)?;
                }
                Step::Broken(_) => {
                    return Poll::Ready(Some(Err(Abort("the application broke off its request"))));
                }
                Step::Paused => return Poll::Ready(Some(Err(Abort("the request body paused for too long")))),
            }
        }
    }

    /// hyper asks for the end, and trailers come with it.
    fn is_over(&self) -> bool {
        false
    }
}

/// An answer's body.
pub struct Downward {
    body: Paced,
    ledger: Rc<Ledger>,
    lease: Option<Lease>,
    ready: VecDeque<Bytes>,
    out: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    over: bool,
}

impl Downward {
    /// Relays `body` to the application; the connection is free again at its end.
    pub fn new(body: Paced, ledger: Rc<Ledger>, lease: Lease) -> Self {
        let (ready, out) = (VecDeque::new(), Vec::new());
        Self { body, ledger, lease: Some(lease), ready, out, trailers: None, over: false }
    }

    /// Shows a chunk, or the end, to the engine. A refusal in mid-stream is the stream's last frame; where the
    /// format has no such frame, the answer is cut off, so that nobody takes it for complete.
    fn look(&mut self, data: Option<Bytes>) -> Result<(), Abort> {
        let out = &mut self.out;
        let seen = self.ledger.inspect(|inspection| match data {
            Some(data) => inspection.response_data(data, out),
            None => inspection.response_end(out),
        });
        self.ready.extend(self.out.drain(..));
        let Err(refusal) = seen else { return Ok(()) };
        self.trailers = None;
        // What the provider still has to say is not wanted; its connection goes with it.
        self.lease = None;
        self.end(Ending::Blocked);
        match refusal.stream_frame {
            Some(frame) => self.ready.push_back(frame),
            None => return Err(Abort("the answer was blocked")),
        }
        Ok(())
    }

    /// The provider has said everything. The connection is free from here on; the application still reads.
    fn complete(&mut self) -> Result<(), Abort> {
        if !self.over {
            self.look(None)?;
            self.end(Ending::Complete);
        }
        Ok(())
    }

    fn end(&mut self, ending: Ending) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
        self.ledger.finish(ending);
    }

    /// Breaks off towards the application as the provider did towards us.
    fn break_off(&mut self, ending: Ending, why: &'static str) -> Polled {
        self.lease = None;
        self.end(ending);
        Poll::Ready(Some(Err(Abort(why))))
    }
}

impl Relay for Downward {
    fn is_over(&self) -> bool {
        self.over && self.ready.is_empty() && self.trailers.is_none()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.over {
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            match ready!(self.body.poll(cx)) {
                Step::Data(data) => {
                    self.look(Some(data))?;
                    if self.body.is_over() {
                        self.complete()?;
                    }
                }
                Step::Trailers(trailers) => self.trailers = Some(trailers),
                Step::End => self.complete()?,
                Step::Broken(error) => {
                    self.ledger.detail(format_args!("the provider broke off its answer: {error}"));
                    return self.break_off(Ending::OriginFailed, "the provider broke off its answer");
                }
                Step::Paused => return self.break_off(Ending::Limit, "the answer paused for too long"),
            }
        }
    }
}
