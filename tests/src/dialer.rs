//! Real connections from the application's place, for a test that wants to hold the socket itself: a small program
//! (`lab-dialer`) in the application's cgroup and namespace connects and hands the socket over.
//! The kernel sees another process connect; the test decides about every byte. Does not know TLS.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, send,
    sendmsg, socketpair,
};
use tokio::net::TcpStream;

use crate::deadline;
use crate::place::Place;

/// A request or an answer is one line, far shorter than this.
const LINE: usize = 256;

/// A running dialer. It ends when dropped.
pub struct Dialer {
    socket: OwnedFd,
    child: Child,
}

impl Dialer {
    /// Starts one at `place`.
    pub fn start(place: &Place) -> Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut command: Command = place.command(crate::program("lab-dialer")?);
        let child = command.stdin(Stdio::from(theirs)).spawn().context("start lab-dialer")?;
        Ok(Self { socket: ours, child })
    }

    /// The process that connects, as the daemon should report it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has the process become another program, which gets these words and, as its standard input, our socket. Returns once
    /// it has.
    pub fn execute(&self, program: &Path, words: &[&str]) -> Result<()> {
        let before = self.executable()?;
        let line = [&["exec", &program.to_string_lossy()], words].concat().join(" ");
        send(self.socket.as_raw_fd(), line.as_bytes(), MsgFlags::empty())?;
        let until = Instant::now() + deadline();
        while self.executable()? == before {
            ensure!(Instant::now() < until, "the dialer did not become {}", program.display());
            std::thread::yield_now();
        }
        Ok(())
    }

    fn executable(&self) -> Result<PathBuf> {
        Ok(std::fs::read_link(format!("/proc/{}/exe", self.pid()))?)
    }

    /// Connects to `to`. The error is the one that the application's `connect` got.
    pub fn connect(&self, to: SocketAddr) -> Result<Result<TcpStream, io::Error>> {
        send(self.socket.as_raw_fd(), to.to_string().as_bytes(), MsgFlags::empty())?;
        let mut line = [0; LINE];
        let mut control = nix::cmsg_space!([RawFd; 1]);
        let mut parts = [io::IoSliceMut::new(&mut line)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
        let passed = message.cmsgs()?.find_map(|c| match c {
            ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
            _ => None,
        });
        let length = message.bytes;
        if let Some(fd) = passed {
            #[expect(unsafe_code, reason = "a received descriptor has no owner yet")]
            // SAFETY: the kernel has just made this descriptor for us and nobody else knows its number.
            let stream = std::net::TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) });
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            return Ok(Ok(TcpStream::from_std(stream)?));
        }
        let code = std::str::from_utf8(&line[..length])?.trim();
        let code: i32 = code.parse().with_context(|| format!("lab-dialer ended or said {code:?}"))?;
        Ok(Err(io::Error::from_raw_os_error(code)))
    }
}

impl Drop for Dialer {
    fn drop(&mut self) {
        // It is our own child; it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program's side: connects as asked on descriptor 0 until it closes.
pub fn serve() -> Result<()> {
    let stdin = io::stdin();
    let socket = stdin.as_fd().as_raw_fd();
    let mut line = [0; LINE];
    loop {
        let length = match recv(socket, &mut line, MsgFlags::empty()) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(Errno::EINTR) => continue,
            Err(error) => bail!("the laboratory is gone: {error}"),
        };
        let line = std::str::from_utf8(&line[..length])?;
        if let Some(words) = line.strip_prefix("exec ") {
            bail!("cannot {line}: {}", execute(words));
        }
        let to: SocketAddr = line.parse()?;
        match std::net::TcpStream::connect(to) {
            Ok(stream) => {
                let fds = [stream.as_raw_fd()];
                let control = [ControlMessage::ScmRights(&fds)];
                sendmsg::<()>(socket, &[io::IoSlice::new(b"0")], &control, MsgFlags::empty(), None)?;
            }
            Err(error) => {
                let code = error.raw_os_error().unwrap_or(0).to_string();
                send(socket, code.as_bytes(), MsgFlags::empty())?;
            }
        }
    }
}

/// Returns only if the program cannot be executed.
fn execute(line: &str) -> io::Error {
    loop {
        let mut words = line.split(' ');
        let error = Command::new(words.next().unwrap_or_default()).args(words).exec();
        // A file that was written a moment ago: a process that is between fork and exec still has it open.
        if error.kind() != io::ErrorKind::ExecutableFileBusy {
            return error;
        }
        std::thread::yield_now();
    }
}
