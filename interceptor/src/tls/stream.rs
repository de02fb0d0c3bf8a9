//! An encrypted connection that holds no buffer while it is idle.
//!
//! The usual adapter keeps 4 KiB for each connection and reads 4 KiB at a time. This one reads into memory
//! that all connections of a thread share, as much as a system call gives, and keeps for itself only what is
//! left over: a record cut in two, plaintext that the reader did not take, ciphertext that the socket did not.
//! Knows rustls' unbuffered interface and byte streams. Does not know names, certificates or HTTP.

mod scratch;
mod session;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustls::CommonState;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use scratch::Scratch;
pub use session::Session;
use session::{Next, Sink, Write};

/// The most plaintext that one call encrypts: four full records, which leave in one system call.
const MAX_WRITE: usize = 64 * 1024;

/// An encrypted connection over `T`. `S` is rustls' state of either side.
pub struct Stream<S, T> {
    io: T,
    session: S,
    /// Ciphertext that does not make a record yet.
    incoming: Vec<u8>,
    /// Plaintext that the reader has not taken yet, from `taken` on.
    plain: Vec<u8>,
    taken: usize,
    /// Ciphertext that the socket has not taken yet, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    reading: Reading,
    closing: bool,
    /// Who waits for the socket to take `outgoing`. The socket itself knows only who asked last.
    writer: Option<Waker>,
}

/// Whether more can come from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// The peer said that it has no more to send.
    Closed,
    /// The session broke, and the error was reported.
    Failed,
}

impl<S: Session, T: AsyncRead + AsyncWrite + Unpin> Stream<S, T> {
    /// Completes the handshake. Both sides may then send.
    pub(super) async fn handshake(io: T, session: S) -> io::Result<Self> {
        let mut stream = Self {
            io,
            session,
            incoming: Vec::new(),
            plain: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
            reading: Reading::Open,
            closing: false,
            writer: None,
        };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// Sends and receives side by side: over a narrow connection both peers may be in the middle of sending,
    /// and one of them has to listen. What is left to send in the end goes out with the first read or write.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.advance(cx, &mut [], None)?;
            let _ = self.poll_send(cx)?;
            if !self.session.common().is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx, None))?;
        }
    }

    /// Lets the session go on with the ciphertext at hand, until it wants more or has encrypted `write`.
    /// Returns how much of `sealed`, which is where the ciphertext of `write` goes, was filled.
    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        sealed: &mut [u8],
        write: Option<Write<'_>>,
    ) -> io::Result<usize> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let result = self.process(&mut incoming, None, sealed, write);
        self.keep(incoming, &result);
        result.map(|done| done.sealed).map_err(|error| self.fail(cx, error))
    }

    /// Runs the session over `incoming` and says how far it came.
    fn process(
        &mut self,
        incoming: &mut [u8],
        reader: Option<&mut ReadBuf<'_>>,
        sealed: &mut [u8],
        write: Option<Write<'_>>,
    ) -> Result<Done, rustls::Error> {
        let mut sink = Sink { reader, plain: &mut self.plain, outgoing: &mut self.outgoing, sealed, write };
        let mut used = 0;
        loop {
            let (discard, next) = self.session.step(&mut incoming[used..], &mut sink);
            used += discard;
            match next? {
                Next::Again => {}
                Next::NeedsInput => return Ok(Done { used, sealed: 0 }),
                Next::Sealed(sealed) => return Ok(Done { used, sealed }),
                Next::PeerClosed => self.reading = Reading::Closed,
            }
        }
    }

    /// Keeps the ciphertext that was not used.
    fn keep(&mut self, mut incoming: Vec<u8>, result: &Result<Done, rustls::Error>) {
        let used = result.as_ref().map_or(incoming.len(), |done| done.used);
        if used > 0 {
            incoming.drain(..used);
            incoming.shrink_to_fit();
        }
        self.incoming = incoming;
    }

    /// Remembers that the session broke, and sends the alert that says why, as far as the socket takes it.
    fn fail(&mut self, cx: &mut Context<'_>, error: rustls::Error) -> io::Error {
        self.reading = Reading::Failed;
        let mut sink = Sink {
            reader: None,
            plain: &mut self.plain,
            outgoing: &mut self.outgoing,
            sealed: &mut [],
            write: None,
        };
        // The alert, and nothing else: the session must not look at its input again.
        while self.session.common().wants_write() {
            if self.session.step(&mut [], &mut sink).1.is_err() {
                break;
            }
        }
        // The error matters more than whether the alert could be sent.
        let _ = self.poll_send(cx);
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    /// Reads once from the socket, and decrypts all of it: into `reader` first, the rest into `plain`.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        reader: Option<&mut ReadBuf<'_>>,
    ) -> Poll<io::Result<()>> {
        let mut scratch = Scratch::take();
        let (head, space) = scratch.split(self.incoming.len())?;
        let mut buffer = ReadBuf::new(space);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
        let fresh = buffer.filled().len();
        match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) if fresh == 0 => {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the peer closed the connection without saying so in TLS",
                )));
            }
            Poll::Ready(Ok(())) => {}
        }
        head.copy_from_slice(&self.incoming);
        let incoming = scratch.filled(self.incoming.len() + fresh);
        let result = self.process(incoming, reader, &mut [], None);
        let used = result.as_ref().map_or(incoming.len(), |done| done.used);
        self.incoming.clear();
        self.incoming.extend_from_slice(&incoming[used..]);
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        Poll::Ready(result.map(drop).map_err(|error| self.fail(cx, error)))
    }

    /// Writes what is left over until the socket has it all.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.outgoing[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        if !self.outgoing.is_empty() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// [`Self::poll_send`] for a writer, who has to be told when a reader completes it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.poll_send(cx);
        self.writer = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    /// [`Self::poll_send`] for a reader, whose answer may depend on what the session has to send. A writer
    /// who waits stays the one to be woken: the reader may be gone by then. Errors are left to the writer,
    /// because there may still be something to read.
    fn send_while_reading(&mut self, cx: &mut Context<'_>) {
        if self.outgoing.is_empty() {
            return;
        }
        let Some(writer) = self.writer.take() else {
            let _ = self.poll_send(cx);
            return;
        };
        match self.poll_send(&mut Context::from_waker(&writer)) {
            Poll::Ready(_) => writer.wake(),
            Poll::Pending => self.writer = Some(writer),
        }
    }

    /// Encrypts `data`, whose length is at most [`MAX_WRITE`], and gives the socket as much as it takes.
    fn seal_and_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut scratch = Scratch::take();
        let sealed = scratch.all();
        let len = self.advance(cx, sealed, Some(Write::Data(data)))?;
        if len == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.send_fresh(cx, &sealed[..len])?;
        Poll::Ready(Ok(data.len()))
    }

    /// Sends new ciphertext after what is left over, and keeps what the socket does not take.
    fn send_fresh(&mut self, cx: &mut Context<'_>, mut fresh: &[u8]) -> io::Result<()> {
        // The session may have had a message of its own to send before.
        if self.poll_send(cx)?.is_ready() {
            while !fresh.is_empty() {
                match Pin::new(&mut self.io).poll_write(cx, fresh) {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(written)) => fresh = &fresh[written..],
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => break,
                }
            }
        }
        self.outgoing.extend_from_slice(fresh);
        Ok(())
    }
}

impl<S: Session, T> Stream<S, T> {
    /// The connection below and rustls' state, for what was negotiated.
    pub fn get_ref(&self) -> (&T, &CommonState) {
        (&self.io, self.session.common())
    }

    /// Plaintext and ciphertext that is held for this connection, in bytes.
    pub fn held(&self) -> usize {
        self.incoming.capacity() + self.plain.capacity() + self.outgoing.capacity()
    }

    /// Gives the reader what was decrypted before.
    fn take_plain(&mut self, reader: &mut ReadBuf<'_>) {
        let rest = &self.plain[self.taken..];
        let len = rest.len().min(reader.remaining());
        reader.put_slice(&rest[..len]);
        self.taken += len;
        if self.taken == self.plain.len() {
            self.plain = Vec::new();
            self.taken = 0;
        }
    }
}

struct Done {
    /// Bytes of ciphertext that are not needed any more.
    used: usize,
    /// Bytes of ciphertext that were made.
    sealed: usize,
}

impl<S: Session, T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S, T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        reader: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = reader.filled().len();
        loop {
            // The end of the handshake, or the session's answer to a key update.
            this.send_while_reading(cx);
            if !this.plain.is_empty() {
                this.take_plain(reader);
            }
            if reader.filled().len() > before || reader.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match this.reading {
                Reading::Open => ready!(this.poll_receive(cx, Some(reader)))?,
                Reading::Closed => return Poll::Ready(Ok(())),
                Reading::Failed => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            }
        }
    }
}

impl<S: Session, T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S, T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let len = data.len().min(MAX_WRITE);
        self.get_mut().seal_and_send(cx, &data[..len])
    }

    /// Joins the slices, so that a small head and its body share a record.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut full = slices.iter().filter(|slice| !slice.is_empty());
        match (full.next(), full.next()) {
            (None, _) => Poll::Ready(Ok(0)),
            (Some(only), None) => this.seal_and_send(cx, &only[..only.len().min(MAX_WRITE)]),
            _ => {
                // Not while the socket is full: the copy would be for nothing.
                ready!(this.poll_drain(cx))?;
                let mut joined = Scratch::take();
                let len = joined.join(slices, MAX_WRITE);
                this.seal_and_send(cx, joined.filled(len))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closing && this.reading != Reading::Failed {
            let mut notice = [0; 128];
            let len = this.advance(cx, &mut notice, Some(Write::Close))?;
            this.outgoing.extend_from_slice(&notice[..len]);
        }
        this.closing = true;
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

impl<S, T: std::fmt::Debug> std::fmt::Debug for Stream<S, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The buffers hold what people wrote.
        f.debug_struct("Stream").field("io", &self.io).field("reading", &self.reading).finish_non_exhaustive()
    }
}
