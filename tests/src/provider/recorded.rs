//! A stream that notes every byte it hands out in the record.
//! Knows the record. Does not know TLS or HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::seen::Record;

/// Passes everything through; what is read is also recorded, and so is the end.
pub(super) struct Recorded<S> {
    inner: S,
    record: Record,
    connection: usize,
}

impl<S> Recorded<S> {
    pub(super) fn new(inner: S, record: Record, connection: usize) -> Self {
        Self { inner, record, connection }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        let read = &buffer.filled()[before..];
        let ended = result.is_err() || read.is_empty();
        self.record.connection(self.connection, |connection| {
            connection.received.extend_from_slice(read);
            connection.ended |= ended;
        });
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S> Drop for Recorded<S> {
    fn drop(&mut self) {
        self.record.connection(self.connection, |connection| connection.ended = true);
    }
}
