//! A stream that first yields bytes which were read from it before.
//! Knows IO traits only.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream with its first bytes put back.
#[derive(Debug)]
pub(super) struct Replay<S> {
    first: Vec<u8>,
    at: usize,
    stream: S,
}

impl<S> Replay<S> {
    /// Puts `first` in front of what the stream will yield.
    pub(super) fn new(first: Vec<u8>, stream: S) -> Self {
        Self { first, at: 0, stream }
    }

    /// Puts bytes that were read, and are wanted after all, in front of what is left.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.first.drain(..self.at);
        self.at = 0;
        self.first.splice(..0, bytes.iter().copied());
    }
}

/// What is read to find out that there is something to read: a request's head, usually with its body.
const FIRST: usize = 4096;

impl<S: AsyncRead + Unpin> Replay<S> {
    /// Waits for something to read without holding a buffer meanwhile. False at the end of the stream.
    pub(super) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.at < self.first.len() {
            return Poll::Ready(Ok(true));
        }
        let mut space = [MaybeUninit::uninit(); FIRST];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.put_back(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at < self.first.len() {
            let take = buf.remaining().min(self.first.len() - self.at);
            buf.put_slice(&self.first[self.at..self.at + take]);
            self.at += take;
            if self.at == self.first.len() {
                // An idle connection has no use for its old hello.
                self.first = Vec::new();
                self.at = 0;
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
