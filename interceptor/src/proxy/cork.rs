//! Gathers what the exchanges of one turn of the thread have to send, so that it leaves in one record and one system
//! call. Knows byte streams and wakers. Does not know frames.
//!
//! The HTTP/2 codec flushes after each frame of data, because its buffer is full then. On a connection that many
//! exchanges share, the next frame usually comes from a task that is already waiting for its turn: so a flush is put
//! off once, to the end of the queue of this thread, and no further.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is gathered: what fits a TLS record. Larger pieces go through as they are.
const MOST: usize = 16 * 1024;

/// A stream whose writes are gathered.
#[derive(Debug)]
pub(super) struct Corked<S> {
    stream: S,
    held: Vec<u8>,
    /// A flush was asked for and put off; the task was woken to make up for it.
    owed: bool,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), owed: false }
    }

    /// Hands on all that is held.
    fn poll_uncork(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sent = 0;
        let result = loop {
            if sent == self.held.len() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.held[sent..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => sent += written,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.held.drain(..sent);
        if self.held.is_empty() {
            // An idle connection keeps no buffer for its next busy moment.
            self.held = Vec::new();
        }
        result
    }

    /// Makes up for a flush that was put off.
    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.owed {
            ready!(self.poll_uncork(cx))?;
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.owed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The task reads on every turn, so this is where the put-off flush is made up for. An error shows again to
        // whoever writes next; there may still be something to read. Nor must a full socket keep us from reading.
        let _ = self.poll_owed(cx);
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.held.len() + bytes.len() > MOST {
            ready!(self.poll_uncork(cx))?;
        }
        if bytes.len() > MOST {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.held.len() + length > MOST {
            ready!(self.poll_uncork(cx))?;
        }
        if length > MOST {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.owed || self.held.is_empty() {
            ready!(self.poll_owed(cx))?;
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        self.owed = true;
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_uncork(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use task::turn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    /// The smallest stand-in for a task: polls once and says whether it was woken meanwhile.
    mod task {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::task::{Context, Wake, Waker};

        struct Woken(AtomicBool);

        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }

        pub(super) fn turn<T>(poll: impl FnOnce(&mut Context<'_>) -> T) -> (T, bool) {
            let woken = Arc::new(Woken(AtomicBool::new(false)));
            let result = poll(&mut Context::from_waker(&Waker::from(woken.clone())));
            (result, woken.0.load(Ordering::Relaxed))
        }
    }

    fn read(stream: &mut Corked<DuplexStream>) -> bool {
        let mut space = [0; 16];
        let mut buffer = ReadBuf::new(&mut space);
        turn(|cx| Pin::new(stream).poll_read(cx, &mut buffer)).0.is_pending()
    }

    #[tokio::test]
    async fn frames_of_one_turn_leave_together_on_the_next() {
        let (near, mut far) = duplex(64 * 1024);
        let mut corked = Corked::new(near);
        for frame in [&b"one "[..], b"two "] {
            let (written, _) = turn(|cx| Pin::new(&mut corked).poll_write(cx, frame));
            assert!(matches!(written, Poll::Ready(Ok(4))));
        }
        let (flushed, woken) = turn(|cx| Pin::new(&mut corked).poll_flush(cx));
        assert!(flushed.is_ready() && woken, "the flush is put off, and the task comes back for it");
        let mut space = [0; 16];
        let mut buffer = ReadBuf::new(&mut space);
        assert!(turn(|cx| Pin::new(&mut far).poll_read(cx, &mut buffer)).0.is_pending());
        assert!(read(&mut corked), "nothing to read, but what is owed is sent");
        let mut got = [0; 8];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"one two ");
    }

    #[tokio::test]
    async fn a_second_flush_is_not_put_off() {
        let (near, mut far) = duplex(64 * 1024);
        let mut corked = Corked::new(near);
        corked.write_all(b"frame").await.unwrap();
        corked.flush().await.unwrap();
        corked.flush().await.unwrap();
        let mut got = [0; 5];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"frame");
    }

    #[tokio::test]
    async fn every_size_arrives_in_order_and_whole() {
        // Smaller than what is gathered: the far side takes it piece by piece.
        let (near, mut far) = duplex(1000);
        let mut corked = Corked::new(near);
        let sizes = [1, MOST - 1, 2, MOST, MOST + 1, 3 * MOST, 7];
        let all: Vec<u8> = (0..=250).cycle().take(sizes.iter().sum()).collect();
        let expected = all.clone();
        let sender = async {
            let mut rest = &all[..];
            for size in sizes {
                let (piece, after) = rest.split_at(size);
                corked.write_all(piece).await.unwrap();
                corked.flush().await.unwrap();
                rest = after;
            }
            corked.shutdown().await.unwrap();
            drop(corked);
        };
        let mut got = Vec::new();
        let (_, received) = tokio::join!(sender, far.read_to_end(&mut got));
        received.unwrap();
        assert_eq!(got, expected);
    }
}
