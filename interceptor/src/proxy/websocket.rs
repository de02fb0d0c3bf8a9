//! Carries the messages of a WebSocket both ways, each chunk shown to the engine first.
//! Knows streams, pauses and how such a connection ends. Does not know frames.
//!
//! An idle connection owns no buffer: reading happens into a scratch buffer that all connections of the thread share,
//! and a direction is read only when its other side has taken everything before.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use interceptor_engine::policy::Direction;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::exchange::ledger::Ledger;
use crate::telemetry::event::{Ending, Outcome};

/// As much as one TLS record holds.
const SCRATCH: usize = 16 * 1024;

thread_local! {
    static SCRATCH_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// How long the last words may take to be said.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A stream, and what had already been read from it.
pub struct Side<S> {
    /// The stream.
    pub stream: S,
    /// Its first bytes.
    pub first: Bytes,
}

/// Carries messages until both directions have ended, one side breaks, or a rule ends it. Neither side may be silent
/// for longer than `pause` while the other is, too: living WebSockets send pings.
pub async fn run<A, O>(
    application: Side<A>,
    origin: Side<O>,
    ledger: &Ledger,
    pause: Duration,
) -> (Outcome, Option<String>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let firsts = [application.first, origin.first];
    let mut relay = Relay {
        application: Leg::new(application.stream),
        origin: Leg::new(origin.stream),
        ledger,
        last: Instant::now(),
    };
    let mut early = Ok(());
    for (direction, first) in Direction::ALL.into_iter().zip(firsts) {
        if early.is_ok() && !first.is_empty() {
            early = relay.show(direction, first);
        }
    }
    let ended = match early {
        Ok(()) => relay.carry(pause).await,
        Err(ended) => ended,
    };
    relay.conclude(ended).await
}

/// Why messages are carried no more.
enum Ended {
    /// Both directions have ended.
    Closed,
    /// A rule ended it.
    Blocked,
    /// Nothing was said for too long.
    Paused,
    /// The application's side broke.
    Application(io::Error),
    /// The provider's side broke.
    Origin(io::Error),
}

struct Relay<'l, A, O> {
    application: Leg<A>,
    origin: Leg<O>,
    ledger: &'l Ledger,
    /// When somebody last said something.
    last: Instant,
}

impl<A, O> Relay<'_, A, O>
where
    A: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    async fn carry(&mut self, pause: Duration) -> Ended {
        let mut timer = pin!(tokio::time::sleep(pause));
        poll_fn(|cx| {
            if let Poll::Ready(ended) = self.poll(cx) {
                return Poll::Ready(ended.err().unwrap_or(Ended::Closed));
            }
            while timer.as_mut().poll(cx).is_ready() {
                // What was said since the timer was set moves the deadline, now that somebody asks.
                let deadline = self.last + pause;
                if deadline <= Instant::now() {
                    return Poll::Ready(Ended::Paused);
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        loop {
            let to_application = self.application.poll_write(cx).map_err(Ended::Application)?;
            let to_origin = self.origin.poll_write(cx).map_err(Ended::Origin)?;
            let mut moved = false;
            // Who does not take what he is told is told no more, and the other side feels it.
            if to_origin.is_ready() {
                moved |= self.read(Direction::Request, cx)?;
            }
            if to_application.is_ready() {
                moved |= self.read(Direction::Response, cx)?;
            }
            if self.application.is_shut() && self.origin.is_shut() {
                return Poll::Ready(Ok(()));
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    /// Reads once in one direction; true if something was read. An error is the end.
    fn read(&mut self, direction: Direction, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let read = match direction {
            Direction::Request => self.application.poll_read(cx).map_err(Ended::Application),
            Direction::Response => self.origin.poll_read(cx).map_err(Ended::Origin),
        };
        let Poll::Ready(chunk) = read else { return Ok(false) };
        self.last = Instant::now();
        self.show(direction, chunk?)?;
        Ok(true)
    }

    /// Shows a chunk to the engine, an empty one for the end, and queues what may go on.
    fn show(&mut self, direction: Direction, chunk: Bytes) -> Result<(), Ended> {
        let (is_end, mut out) = (chunk.is_empty(), Vec::new());
        let seen = self.ledger.inspect(|inspection| match is_end {
            false => inspection.message_data(direction, chunk, &mut out),
            true => inspection.message_end(direction, &mut out),
        });
        let (queue, shut) = match direction {
            Direction::Request => (&mut self.origin.queue, &mut self.origin.shut),
            Direction::Response => (&mut self.application.queue, &mut self.application.shut),
        };
        queue.extend(out.into_iter().filter(|bytes| !bytes.is_empty()));
        if is_end {
            *shut = Shut::Wanted;
        }
        let Err(refusal) = seen else { return Ok(()) };
        self.application.queue.extend(refusal.stream_frame);
        Err(Ended::Blocked)
    }

    /// Says the last words, tells of the exchange, and closes both sides.
    async fn conclude(mut self, ended: Ended) -> (Outcome, Option<String>) {
        if let Ended::Blocked = ended {
            (self.application.shut, self.origin.shut) = (Shut::Wanted, Shut::Wanted);
            let words = poll_fn(|cx| {
                // Each side is told as far as it listens.
                let told =
                    [self.application.poll_write(cx).is_ready(), self.origin.poll_write(cx).is_ready()];
                if told == [true, true] { Poll::Ready(()) } else { Poll::Pending }
            });
            let _ = tokio::time::timeout(LAST_WORDS, words).await;
        }
        let (ending, outcome, detail) = match ended {
            Ended::Closed => (Ending::Complete, Outcome::Closed, None),
            Ended::Blocked => (Ending::Blocked, Outcome::Closed, None),
            Ended::Paused => (Ending::Limit, Outcome::Idle, None),
            Ended::Application(error) => {
                (Ending::ApplicationGone, Outcome::Application, Some(error.kind().to_string()))
            }
            Ended::Origin(error) => {
                let why = format!("the provider broke off: {}", error.kind());
                self.ledger.detail(&why);
                (Ending::OriginFailed, Outcome::Origin, Some(why))
            }
        };
        self.ledger.finish(ending);
        (outcome, detail)
    }
}

/// How far the writing half of a side is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shut {
    No,
    Wanted,
    Done,
}

/// One side, and what it has still to be told.
struct Leg<S> {
    stream: S,
    queue: VecDeque<Bytes>,
    /// Something was written and not flushed.
    dirty: bool,
    /// Nothing more is to be read.
    over: bool,
    shut: Shut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Leg<S> {
    fn new(stream: S) -> Self {
        Leg { stream, queue: VecDeque::new(), dirty: false, over: false, shut: Shut::No }
    }

    fn is_shut(&self) -> bool {
        self.shut == Shut::Done
    }

    /// Writes what is queued. Ready when all of it has been taken.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.queue.front_mut() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.dirty = true;
            let _ = bytes.split_to(written);
            if bytes.is_empty() {
                self.queue.pop_front();
            }
        }
        if self.dirty {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.dirty = false;
        }
        if self.shut == Shut::Wanted {
            match ready!(Pin::new(&mut self.stream).poll_shutdown(cx)) {
                // It has gone already; there is nobody left to tell.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                result => result?,
            }
            self.shut = Shut::Done;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once. An empty chunk is the end, and comes once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.over {
            return Poll::Pending;
        }
        SCRATCH_BUFFER.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                // Many leave without TLS's goodbye; a WebSocket has one of its own.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                result => result?,
            }
            self.over = buffer.filled().is_empty();
            Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
        })
    }
}
