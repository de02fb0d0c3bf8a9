//! Reads what a proxy answers to a `CONNECT`, and hands it to whoever is to have it.
//! Knows HTTP/1.1 and sockets. Does not know who asked, or what for.

use std::io;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::TunnelError;
use crate::proxy::framing::{Expect, Framing, Side, head_length};
use crate::proxy::limits::Limits;

/// What is read at once: more than most answers have.
const READ: usize = 4096;

/// The head of an answer, and what came with it.
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// Everything that was read, the head first.
    bytes: Vec<u8>,
    /// Bytes of the head.
    length: usize,
    /// Follows the body, if there is one.
    framing: Framing,
}

/// What becomes of the connection to the proxy behind an answer that opens no tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It may be asked again.
    Again,
    /// It has ended.
    Over,
}

impl Answer {
    /// Waits for the head of an answer. `bytes` were read before.
    pub(super) async fn read(
        proxy: &TcpStream,
        mut bytes: Vec<u8>,
        deadline: Instant,
    ) -> Result<Self, TunnelError> {
        let mut looked = 0;
        loop {
            if let Some(length) = head_length(&bytes, looked)? {
                let mut framing = Framing::new(Side::Upstream);
                framing.push(&bytes[..length], Expect::Normal)?;
                // The head is well-formed, and so these are three digits.
                let status = bytes[9..12].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
                return Ok(Self { status, bytes, length, framing });
            }
            looked = bytes.len();
            if receive(proxy, &mut bytes, deadline).await? == 0 {
                return Err(TunnelError::Ended);
            }
        }
    }

    /// Whether the connection is a tunnel from here on.
    pub(super) fn opens(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether another head follows this one.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// Whether the other end of the tunnel has spoken already.
    pub(super) fn has_more(&self) -> bool {
        self.bytes.len() > self.length
    }

    /// Hands on everything that was read, and of an interim answer the head alone, whose rest is returned.
    pub(super) async fn hand_on(
        mut self,
        application: &mut TcpStream,
        limits: &Limits,
    ) -> Result<Vec<u8>, TunnelError> {
        let rest = if self.is_interim() { self.bytes.split_off(self.length) } else { Vec::new() };
        give(application, &self.bytes, limits).await?;
        Ok(rest)
    }

    /// What came behind the head.
    pub(super) fn into_rest(mut self) -> Vec<u8> {
        self.bytes.split_off(self.length)
    }

    /// Hands on an answer that opens no tunnel, to its last byte.
    pub(super) async fn hand_on_whole(
        mut self,
        proxy: &TcpStream,
        application: &mut TcpStream,
        limits: &Limits,
    ) -> Result<Then, TunnelError> {
        self.framing.push(&self.bytes[self.length..], Expect::Normal)?;
        loop {
            give(application, &self.bytes, limits).await?;
            if self.framing.between_messages() {
                return Ok(Then::Again);
            }
            self.bytes.clear();
            let deadline = Instant::now() + limits.answer_pause;
            if receive(proxy, &mut self.bytes, deadline).await? == 0 {
                return Ok(Then::Over);
            }
            self.framing.push(&self.bytes, Expect::Normal)?;
        }
    }
}

async fn give(application: &mut TcpStream, bytes: &[u8], limits: &Limits) -> Result<(), TunnelError> {
    let given = timeout(limits.answer_pause, application.write_all(bytes)).await;
    given.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(TunnelError::Application)
}

/// Reads once. Zero is the end.
async fn receive(proxy: &TcpStream, bytes: &mut Vec<u8>, deadline: Instant) -> Result<usize, TunnelError> {
    loop {
        timeout_at(deadline, proxy.readable())
            .await
            .map_err(|_| TunnelError::Silent)?
            .map_err(TunnelError::Proxy)?;
        bytes.reserve(READ);
        match proxy.try_read_buf(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read.map_err(TunnelError::Proxy),
        }
    }
}
