//! A stream that shows every byte hyper reads to the framing check first.
//! Knows tokio's IO traits and how long a head may take. Does not know which messages pass.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::{Expect, Framing, Violation};

/// Whose messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Requests of an application.
    Client,
    /// Answers of a provider.
    Upstream,
}

/// What the exchange tells the watch, and what the watch found: shared with the connection's owner.
#[derive(Debug, Default)]
pub struct Notes {
    expect: Cell<Expect>,
    released: Cell<bool>,
    between: Cell<bool>,
    flushed: Cell<bool>,
    violation: Cell<Option<Violation>>,
}

impl Notes {
    /// Says how the next answer is framed. Set before its request is sent.
    pub fn expect(&self, expect: Expect) {
        self.expect.set(expect);
    }

    /// Stops watching: the connection is no longer HTTP/1.1.
    pub fn release(&self) {
        self.released.set(true);
    }

    /// Whether nothing is under way: the last byte read ended a message, and all that was written has left. Nothing
    /// was read or written at all before the first message, which counts as well.
    pub fn is_quiet(&self) -> bool {
        self.between.get() && self.flushed.get()
    }

    /// What ended the connection, if the watch did.
    pub fn violation(&self) -> Option<Violation> {
        self.violation.get()
    }
}

/// A stream whose inbound bytes are checked for ambiguous framing.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    framing: Framing,
    notes: Rc<Notes>,
    /// How long a head may take from its first byte to its last.
    head_time: Duration,
    /// Runs only while part of a head is here; most heads arrive whole and never start it.
    head_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// Wraps a stream at the start of its first message.
    pub fn new(stream: S, side: Side, head_time: Duration) -> (Self, Rc<Notes>) {
        let notes = Rc::new(Notes::default());
        notes.between.set(true);
        notes.flushed.set(true);
        let framing = Framing::new(side);
        (Self { stream, framing, notes: notes.clone(), head_time, head_timer: None }, notes)
    }

    /// The stream itself, for whoever takes over after an upgrade or answers a violation.
    pub fn into_inner(self) -> S {
        self.stream
    }

    fn stop(&self, violation: Violation) -> io::Error {
        self.notes.violation.set(Some(violation));
        io::Error::new(io::ErrorKind::InvalidData, violation)
    }

    /// Starts, keeps or drops the timer after each read.
    fn head_timer(&mut self, cx: &mut Context<'_>) -> Poll<Violation> {
        if !self.framing.inside_head() {
            self.head_timer = None;
            return Poll::Pending;
        }
        let time = self.head_time;
        let timer = self.head_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        timer.as_mut().poll(cx).map(|()| Violation::HeadTimeout)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let watched = &mut *self;
        if let Poll::Ready(violation) = watched.head_timer(cx) {
            return Poll::Ready(Err(watched.stop(violation)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut watched.stream).poll_read(cx, buf))?;
        if watched.notes.released.get() {
            return Poll::Ready(Ok(()));
        }
        if let Err(violation) = watched.framing.push(&buf.filled()[before..], watched.notes.expect.get()) {
            buf.set_filled(before);
            return Poll::Ready(Err(watched.stop(violation)));
        }
        watched.notes.between.set(watched.framing.between_messages());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.notes.flushed.set(false);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.notes.flushed.set(false);
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper asks for this once it holds nothing back itself.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.notes.flushed.set(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
