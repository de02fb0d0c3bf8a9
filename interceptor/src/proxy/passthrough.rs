//! Copies bytes both ways between two sockets until both directions have ended.
//! Knows sockets. Does not know TLS, HTTP, or why the connection is not inspected.
//!
//! An idle connection owns no buffer: reading happens into a scratch buffer that all connections of the
//! thread share, and only bytes that the other side would not take at once are kept, up to one scratch
//! buffer a direction. Reading stops until they are gone, so a slow reader slows its sender, nobody else.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use tokio::net::TcpStream;

/// Large enough that a bulk transfer spends its time in the kernel, small enough to stay in the L2 cache.
const SCRATCH: usize = 128 * 1024;

thread_local! {
    static SCRATCH_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// Bytes moved, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// From the application to the origin.
    pub sent: u64,
    /// From the origin to the application.
    pub received: u64,
}

/// How a passed-through connection ended.
#[derive(Debug)]
pub enum Ended {
    /// Both directions ended in order.
    Closed,
    /// The application's side broke.
    Application(io::Error),
    /// The origin's side broke.
    Origin(io::Error),
}

/// Forwards `first`, then everything else, in both directions, half-close included.
/// A reset on one side is passed on as a reset, because that is what a direct connection would have shown.
pub async fn run(application: TcpStream, origin: TcpStream, first: Vec<u8>) -> (Moved, Ended) {
    let mut up = Pipe::new(first);
    let mut down = Pipe::new(Vec::new());
    let ended = std::future::poll_fn(|cx| {
        let sent = up.poll(cx, &application, &origin);
        let received = down.poll(cx, &origin, &application).map_err(Fault::swap);
        match (sent, received) {
            (Poll::Ready(Err(fault)), _) | (_, Poll::Ready(Err(fault))) => Poll::Ready(fault.into_ended()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ended::Closed),
            _ => Poll::Pending,
        }
    })
    .await;
    if !matches!(ended, Ended::Closed) {
        reset(&application);
        reset(&origin);
    }
    (Moved { sent: up.moved, received: down.moved }, ended)
}

/// Makes the coming close of a socket a reset instead of an orderly end.
pub fn reset(stream: &TcpStream) {
    // A failure means that the socket is already gone, which is what was wanted.
    let _ = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
}

/// Which end of a pipe broke, seen from that pipe.
enum Fault {
    From(io::Error),
    To(io::Error),
}

impl Fault {
    /// The downward pipe reads from the origin and writes to the application.
    fn swap(self) -> Self {
        match self {
            Self::From(error) => Self::To(error),
            Self::To(error) => Self::From(error),
        }
    }

    fn into_ended(self) -> Ended {
        match self {
            Self::From(error) => Ended::Application(error),
            Self::To(error) => Ended::Origin(error),
        }
    }
}

/// One direction.
struct Pipe {
    /// Read but not yet taken by the other side, from `at` on.
    pending: Vec<u8>,
    at: usize,
    ended: bool,
    closed: bool,
    moved: u64,
}

impl Pipe {
    fn new(pending: Vec<u8>) -> Self {
        Self { pending, at: 0, ended: false, closed: false, moved: 0 }
    }

    fn poll(&mut self, cx: &mut Context<'_>, from: &TcpStream, to: &TcpStream) -> Poll<Result<(), Fault>> {
        loop {
            ready!(self.poll_pending(cx, to)).map_err(Fault::To)?;
            if self.closed {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                ready!(poll_shutdown(to)).map_err(Fault::To)?;
                self.closed = true;
                return Poll::Ready(Ok(()));
            }
            ready!(from.poll_read_ready(cx)).map_err(Fault::From)?;
            SCRATCH_BUFFER.with_borrow_mut(|scratch| self.step(from, to, scratch))?;
        }
    }

    /// Reads once and writes what the other side takes at once.
    fn step(&mut self, from: &TcpStream, to: &TcpStream, scratch: &mut [u8]) -> Result<(), Fault> {
        let read = match from.try_read(scratch) {
            Ok(0) => {
                self.ended = true;
                return Ok(());
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(Fault::From(error)),
        };
        let mut at = 0;
        while at < read {
            match to.try_write(&scratch[at..read]) {
                Ok(written) => at += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Fault::To(error)),
            }
        }
        self.moved += at as u64;
        if at < read {
            self.pending.extend_from_slice(&scratch[at..read]);
        }
        Ok(())
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<()>> {
        while self.at < self.pending.len() {
            ready!(to.poll_write_ready(cx))?;
            match to.try_write(&self.pending[self.at..]) {
                Ok(written) => {
                    self.at += written;
                    self.moved += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if !self.pending.is_empty() {
            // Given back, not kept: most connections block rarely, and there are many of them.
            self.pending = Vec::new();
            self.at = 0;
        }
        Poll::Ready(Ok(()))
    }
}

/// Ends the writing half. TCP needs no waiting for it.
fn poll_shutdown(to: &TcpStream) -> Poll<io::Result<()>> {
    match socket2::SockRef::from(to).shutdown(std::net::Shutdown::Write) {
        // The other side has gone already; there is nobody left to tell.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
        result => Poll::Ready(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn both_directions_arrive_whole_and_half_close_is_respected() {
        let ((mut app, accepted), (dialled, mut origin)) = (pair().await, pair().await);
        let relay = run(accepted, dialled, b"first ".to_vec());
        let big = vec![7u8; 3 << 20];
        let application = async {
            app.write_all(b"second").await.unwrap();
            app.shutdown().await.unwrap();
            let mut got = Vec::new();
            app.read_to_end(&mut got).await.unwrap();
            got
        };
        let peer = async {
            let mut got = Vec::new();
            origin.read_to_end(&mut got).await.unwrap();
            // The application has ended its half; the answer must still get through.
            origin.write_all(&big).await.unwrap();
            drop(origin);
            got
        };
        let ((moved, ended), got, sent) = tokio::join!(relay, application, peer);
        assert!(matches!(ended, Ended::Closed), "{ended:?}");
        assert_eq!(sent, b"first second");
        assert_eq!(got, big);
        assert_eq!(moved, Moved { sent: 12, received: 3 << 20 });
    }

    #[tokio::test]
    async fn a_reset_is_passed_on_as_a_reset() {
        let ((mut app, accepted), (dialled, origin)) = (pair().await, pair().await);
        reset(&origin);
        drop(origin);
        let (_, ended) = run(accepted, dialled, Vec::new()).await;
        assert!(matches!(ended, Ended::Origin(_)), "{ended:?}");
        let error = app.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
