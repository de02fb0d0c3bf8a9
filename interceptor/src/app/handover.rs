//! Hands the listeners of a running daemon to the one that replaces it, so that no connection is refused meanwhile.
//! Knows the socket, who may speak on it, and the order of messages. Does not know what is done with what is handed
//! over: `running` decides.
//!
//! ```text
//! new  ── Ask ─────────────────────────────▶ old      it is ready but for what only the old one can give
//!      ◀── Offer, with the lock of the pins ──        the old one changes nothing in the kernel from here on
//!      ◀── Namespace, with its listeners, each ──
//!      ── Serving ──────────────────────────▶         both accept; the old one stops, drains, and ends
//!      ◀── (end of the connection) ──────────         it has drained, and its exemption ends
//! ```
//!
//! A new daemon that ends before `Serving` has changed nothing that the old one does not set right again.

mod receive;
mod send;

pub use receive::{Inherited, InheritedNamespace, Predecessor, ask};
pub use send::{Door, Offer, Offered, Successor, Visit};

use nix::cmsg_space;
use nix::sys::socket::sockopt::{PeerCredentials, ReceiveTimeout, SendTimeout};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, getsockopt, recvmsg, sendmsg, setsockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the running daemon listens, below its state directory.
const SOCKET: &str = "handover.sock";
/// The longest message: a namespace's name is a path.
const LONGEST: usize = 16 * 1024;
/// Descriptors with one message: a namespace and its two listeners.
const DESCRIPTORS: usize = 3;
/// How long either side waits for the other's next message. Starting takes the longest: the first look at a node's
/// processes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said on the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// A new daemon wants to take over.
    Ask {
        /// The ABI version it speaks.
        abi: u32,
        /// The directory of its pins.
        pins: PathBuf,
    },
    /// The old one gives everything it has: here the lock of the pins, and the admin port if it has one.
    Offer {
        /// How many namespaces follow.
        namespaces: usize,
    },
    /// A namespace with its handle and its listeners.
    Namespace {
        /// The kernel's cookie.
        cookie: u64,
    },
    /// The old one gives nothing.
    Refuse {
        /// Why, for people.
        reason: String,
    },
    /// The new one accepts connections.
    Serving,
}

/// One side of the conversation.
#[derive(Debug)]
struct Line(OwnedFd);

impl Line {
    /// Talks only to root, and never for longer than the patience.
    fn new(socket: OwnedFd) -> io::Result<Self> {
        if getsockopt(&socket, PeerCredentials)?.uid() != 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the other side is not root"));
        }
        let patience = TimeVal::seconds(i64::try_from(PATIENCE.as_secs()).unwrap_or(i64::MAX));
        setsockopt(&socket, ReceiveTimeout, &patience)?;
        setsockopt(&socket, SendTimeout, &patience)?;
        Ok(Self(socket))
    }

    fn send(&self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let raw: Vec<RawFd> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() { &[][..] } else { &rights[..] };
        let parts = [IoSlice::new(&text)];
        sendmsg::<()>(self.0.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }

    fn receive(&self) -> io::Result<(Message, Vec<OwnedFd>)> {
        let mut text = vec![0; LONGEST];
        let mut control = cmsg_space!([RawFd; DESCRIPTORS]);
        let mut parts = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let received = recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
        let mut descriptors = Vec::new();
        for message in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(raw) = message {
                #[expect(unsafe_code, reason = "received descriptors have no owner yet")]
                // SAFETY: the kernel has just made these descriptors for us and nobody else knows their numbers.
                descriptors.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        let length = received.bytes;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((serde_json::from_slice(&text[..length])?, descriptors))
    }

    /// Waits, however long, until the other side has ended.
    fn wait_for_end(self) {
        let forever = TimeVal::seconds(0);
        let _ = setsockopt(&self.0, ReceiveTimeout, &forever);
        // Nothing more is said: whatever comes is the end.
        let _ = self.receive();
    }
}

fn unexpected(message: &Message) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("did not expect {message:?}"))
}

/// Removes the socket that a killed daemon has left. Returns its path if there was one.
pub fn remove_abandoned(state: &Path) -> Option<PathBuf> {
    let path = socket_path(state);
    std::fs::remove_file(&path).is_ok().then_some(path)
}

fn socket_path(state: &Path) -> PathBuf {
    state.join(SOCKET)
}
