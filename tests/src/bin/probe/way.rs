//! The system calls by which a program can connect a stream socket. Knows sockets. Does not know what is expected of
//! the connection.

use crate::ring;
use clap::ValueEnum;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockAddr, Socket};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

/// What is said in the first segment, by the ways that say something there.
const FIRST_WORDS: &[u8] = b"first words";

/// How to connect.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Way {
    /// `connect`.
    Plain,
    /// `sendto` with `MSG_FASTOPEN`, which connects as well.
    FastopenSend,
    /// `connect` with `TCP_FASTOPEN_CONNECT`, which may leave the connection to the first `write`.
    FastopenConnect,
    /// `IORING_OP_CONNECT`.
    Uring,
    /// The same, submitted by a thread of the kernel's.
    UringPolled,
}

impl Way {
    /// Connects; where the socket does not block, waits until it is writable, as programs with an event loop do.
    pub(crate) fn connect(self, socket: &Socket, destination: &SockAddr) -> io::Result<()> {
        let started = match self {
            Self::Plain => socket.connect(destination),
            Self::FastopenSend => {
                socket.send_to_with_flags(FIRST_WORDS, destination, libc::MSG_FASTOPEN).map(drop)
            }
            Self::FastopenConnect => deferred(socket, destination),
            Self::Uring => ring::connect(socket, destination, false),
            Self::UringPolled => ring::connect(socket, destination, true),
        };
        match started {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            settled => return settled,
        }
        poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
        socket.take_error()?.map_or(Ok(()), Err)
    }
}

fn deferred(mut socket: &Socket, destination: &SockAddr) -> io::Result<()> {
    setsockopt(&socket, sockopt::TcpFastOpenConnect, &true)?;
    socket.connect(destination)?;
    socket.write_all(FIRST_WORDS)
}
