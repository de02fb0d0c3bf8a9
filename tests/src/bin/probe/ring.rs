//! Connects by io_uring, where no `connect` is ever called: a filter of system calls sees nothing of it.

use io_uring::{IoUring, opcode, types};
use socket2::{SockAddr, Socket};
use std::io;
use std::os::fd::AsRawFd as _;

/// How long the kernel's thread looks for new work before it sleeps, in milliseconds.
const IDLE: u32 = 1000;

/// Connects by a ring of its own; `polled` leaves the submission to a thread of the kernel's.
pub(crate) fn connect(socket: &Socket, destination: &SockAddr, polled: bool) -> io::Result<()> {
    let mut builder = IoUring::builder();
    if polled {
        builder.setup_sqpoll(IDLE);
    }
    let mut ring: IoUring = builder.build(1)?;
    let fd = types::Fd(socket.as_raw_fd());
    let entry = opcode::Connect::new(fd, destination.as_ptr().cast(), destination.len()).build();
    #[expect(unsafe_code, reason = "the kernel reads the address while the entry is in the ring")]
    // SAFETY: socket and address are borrowed for longer than this function waits for the completion.
    let pushed = unsafe { ring.submission().push(&entry) };
    pushed.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    let completion = ring.completion().next().ok_or(io::ErrorKind::UnexpectedEof)?;
    match completion.result() {
        0.. => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}
