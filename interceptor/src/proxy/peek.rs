//! Reads the ClientHello of a redirected connection; every byte read is handed on for replay.
//! Knows sockets and deadlines. Does not know certificates, HTTP or policy.

use std::io;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::limits::Limits;
use crate::hello::{Hello, Malformed, NotTls, Parsed, Peeker};

/// Grows with what arrives; most hellos fit into the first read.
const FIRST_READ: usize = 4096;

/// What the first bytes of a connection are.
#[derive(Debug)]
pub enum Peeked {
    /// A whole ClientHello.
    Hello(Hello),
    /// Not TLS.
    NotTls(NotTls),
    /// Begins as TLS and breaks its rules.
    Malformed(Malformed),
    /// More than a hello may have.
    TooLarge,
    /// The client has said nothing for [`Limits::silence`]: the server may have to speak first.
    Silent,
    /// Part of a hello, and then nothing until [`Limits::hello`].
    Slow,
    /// The client has closed before it said enough.
    Closed,
}

/// Reads until the first bytes are understood or time is up. `seen` holds everything that was read.
///
/// # Errors
/// The client's socket broke.
pub async fn hello(stream: &TcpStream, limits: &Limits) -> io::Result<(Peeked, Vec<u8>)> {
    let start = Instant::now();
    let mut seen = Vec::new();
    let mut peeker = Peeker::default();
    loop {
        let deadline = start + if seen.is_empty() { limits.silence } else { limits.hello };
        match read(stream, &mut seen, deadline).await? {
            Read::Some => {}
            Read::End => return Ok((Peeked::Closed, seen)),
            Read::Late if seen.is_empty() => return Ok((Peeked::Silent, seen)),
            Read::Late => return Ok((Peeked::Slow, seen)),
        }
        let peeked = match peeker.parse(&seen) {
            Parsed::Incomplete => continue,
            Parsed::Hello(hello) => Peeked::Hello(hello),
            Parsed::NotTls(why) => Peeked::NotTls(why),
            Parsed::Malformed(why) => Peeked::Malformed(why),
            Parsed::TooLarge => Peeked::TooLarge,
        };
        return Ok((peeked, seen));
    }
}

enum Read {
    Some,
    End,
    Late,
}

async fn read(stream: &TcpStream, seen: &mut Vec<u8>, deadline: Instant) -> io::Result<Read> {
    loop {
        match timeout_at(deadline, stream.readable()).await {
            Err(_) => return Ok(Read::Late),
            Ok(ready) => ready?,
        }
        // Allocated only now: a silent connection owns no buffer.
        seen.reserve(FIRST_READ.max(seen.len()));
        match stream.try_read_buf(seen) {
            Ok(0) => return Ok(Read::End),
            Ok(_) => return Ok(Read::Some),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
