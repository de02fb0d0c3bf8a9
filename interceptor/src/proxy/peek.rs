//! Reads the first bytes of a redirected connection; every byte read is handed on for replay.
//! Knows sockets and deadlines. Does not know certificates, HTTP or policy.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::limits::Limits;
use crate::hello::{Hello, Malformed, NotTls, Parsed, Peeker};

/// Grows with what arrives; most hellos fit into the first read.
const FIRST_READ: usize = 4096;

/// What the first bytes of a connection are.
#[derive(Debug)]
pub enum Peeked {
    /// A whole ClientHello.
    Hello(Hello),
    /// The beginning of a `CONNECT`: the client takes whom it talks to for its proxy.
    Connect,
    /// Not TLS.
    NotTls(NotTls),
    /// Begins as TLS and breaks its rules.
    Malformed(Malformed),
    /// More than a hello may have.
    TooLarge,
    /// The client has said nothing, and the server has spoken or may have to speak first.
    Silent,
    /// Part of a hello, and then nothing until [`Limits::hello`].
    Slow,
    /// The client has closed before it said enough.
    Closed,
}

/// Reads until the first bytes are understood or time is up. The second half holds everything that was read.
///
/// # Errors
/// The client's socket broke.
pub async fn hello(stream: &TcpStream, limits: &Limits) -> io::Result<(Peeked, Vec<u8>)> {
    peek(stream, Vec::new(), limits, after(limits.silence, Peeked::Silent)).await
}

/// The same with a proxy, whose clients always speak first, if not always at once: browsers connect in advance.
///
/// # Errors
/// The client's socket broke.
pub async fn to_proxy(stream: &TcpStream, limits: &Limits) -> io::Result<(Peeked, Vec<u8>)> {
    peek(stream, Vec::new(), limits, after(limits.idle, Peeked::Closed)).await
}

/// The same where the server is there already, and is the first to speak if it has something to say. `seen` was read
/// before. Where neither speaks, the connection is given up: nobody should gain by having waited.
///
/// # Errors
/// The client's socket broke.
pub async fn inside(
    stream: &TcpStream,
    server: &TcpStream,
    seen: Vec<u8>,
    limits: &Limits,
) -> io::Result<(Peeked, Vec<u8>)> {
    let mut first = [0; 1];
    let spoken = async {
        // Readiness alone may be left from what was read before.
        tokio::select! {
            _ = server.peek(&mut first) => Peeked::Silent,
            given_up = after(limits.idle, Peeked::Closed) => given_up,
        }
    };
    peek(stream, seen, limits, spoken).await
}

async fn after(time: Duration, peeked: Peeked) -> Peeked {
    sleep(time).await;
    peeked
}

/// `silence` says when to wait no longer for the client's first byte, and what that means.
async fn peek(
    stream: &TcpStream,
    mut seen: Vec<u8>,
    limits: &Limits,
    silence: impl Future<Output = Peeked>,
) -> io::Result<(Peeked, Vec<u8>)> {
    let mut silence = pin!(silence);
    let mut deadline = None;
    let mut peeker = Peeker::default();
    loop {
        let read = if seen.is_empty() {
            tokio::select! {
                biased;
                read = receive(stream, &mut seen) => read?,
                silent = &mut silence => return Ok((silent, seen)),
            }
        } else {
            if let Some(peeked) = of(peeker.parse(&seen)) {
                return Ok((peeked, seen));
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + limits.hello);
            match timeout_at(deadline, receive(stream, &mut seen)).await {
                Ok(read) => read?,
                Err(_) => return Ok((Peeked::Slow, seen)),
            }
        };
        if read == 0 {
            return Ok((Peeked::Closed, seen));
        }
    }
}

/// `None` asks for more.
fn of(parsed: Parsed) -> Option<Peeked> {
    Some(match parsed {
        Parsed::Incomplete => return None,
        Parsed::Hello(hello) => Peeked::Hello(hello),
        Parsed::NotTls(NotTls::Connect) => Peeked::Connect,
        Parsed::NotTls(why) => Peeked::NotTls(why),
        Parsed::Malformed(why) => Peeked::Malformed(why),
        Parsed::TooLarge => Peeked::TooLarge,
    })
}

/// Reads once. Zero is the end.
async fn receive(stream: &TcpStream, seen: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        // Allocated only now: a silent connection owns no buffer.
        seen.reserve(FIRST_READ.max(seen.len()));
        match stream.try_read_buf(seen) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_means_what_the_place_makes_of_it() {
        let (_client, accepted) = pair().await;
        let (_server, dialled) = pair().await;
        let limits = Limits::STANDARD;
        // With a server that has not been asked yet it may be the server's turn.
        assert!(matches!(hello(&accepted, &limits).await.unwrap().0, Peeked::Silent));
        // A proxy's client that says nothing wants nothing, and neither does one that waits inside a tunnel.
        assert!(matches!(to_proxy(&accepted, &limits).await.unwrap().0, Peeked::Closed));
        assert!(matches!(inside(&accepted, &dialled, Vec::new(), &limits).await.unwrap().0, Peeked::Closed));
    }

    #[tokio::test]
    async fn inside_a_tunnel_the_first_to_speak_is_heard() {
        let ((mut client, accepted), (mut server, dialled)) = (pair().await, pair().await);
        let limits = Limits::STANDARD;
        client.write_all(b"CONNECT ").await.unwrap();
        let (peeked, seen) = inside(&accepted, &dialled, Vec::new(), &limits).await.unwrap();
        assert!(matches!(peeked, Peeked::Connect), "{peeked:?}");
        assert_eq!(seen, b"CONNECT ");
        server.write_all(b"220 ready\r\n").await.unwrap();
        let (peeked, seen) = inside(&accepted, &dialled, Vec::new(), &limits).await.unwrap();
        assert!(matches!(peeked, Peeked::Silent) && seen.is_empty(), "{peeked:?}");
        // What was read before needs nobody to speak.
        let (peeked, seen) = inside(&accepted, &dialled, b"SSH-".to_vec(), &limits).await.unwrap();
        assert!(matches!(peeked, Peeked::NotTls(NotTls::Ssh)), "{peeked:?}");
        assert_eq!(seen, b"SSH-");
    }
}
