//! The old daemon's side: listens for a new one, and gives it what the main thread offers.

use super::{Line, Message, PATIENCE, socket_path};
use crate::netns::{Listeners, NetNs};
use interceptor_common::ABI_VERSION;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, listen, socket};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

/// What one namespace is handed over with.
#[derive(Debug)]
pub struct Offered {
    /// Its cookie.
    pub cookie: u64,
    /// Its handle.
    pub netns: NetNs,
    /// Copies of its listeners.
    pub listeners: Listeners,
}

/// Everything that is handed over.
#[derive(Debug)]
pub struct Offer {
    /// The lock of the pins.
    pub lock: OwnedFd,
    /// The listener of the admin port.
    pub admin: Option<OwnedFd>,
    /// The namespaces that are served.
    pub namespaces: Vec<Offered>,
}

/// A new daemon that asks to take over.
pub struct Visit {
    offer: oneshot::Sender<Offer>,
    /// The new daemon once it serves; an error if it does not come to that.
    pub outcome: oneshot::Receiver<Successor>,
}

/// The line to a daemon that has taken over. Dropped, it tells that nothing of ours is open any more.
#[derive(Debug)]
pub struct Successor(#[expect(dead_code, reason = "it is held, and nothing more is said on it")] Line);

impl Visit {
    /// Answers. Returns what tells how it ended.
    pub fn answer(self, offer: Offer) -> oneshot::Receiver<Successor> {
        // A thread that has gone has told so by the outcome.
        let _ = self.offer.send(offer);
        self.outcome
    }
}

/// The socket that new daemons come to.
pub struct Door {
    path: PathBuf,
    visits: mpsc::Receiver<Visit>,
}

impl Door {
    /// Listens below the state directory. One that an earlier daemon left is replaced.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn open(state: &Path, pins: &Path) -> io::Result<Self> {
        fs::create_dir_all(state)?;
        let path = socket_path(state);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        bind(listener.as_raw_fd(), &UnixAddr::new(&path)?)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        listen(&listener, Backlog::new(1)?)?;
        let (sender, visits) = mpsc::channel(1);
        let pins = pins.to_owned();
        std::thread::Builder::new().name("handover".to_owned()).spawn(move || {
            while let Some(line) = accept(&listener) {
                if let Err(error) = serve(line, &pins, &sender) {
                    tracing::warn!(%error, "a new daemon did not take over; this one goes on");
                }
            }
        })?;
        Ok(Self { path, visits })
    }

    /// The next daemon that asks.
    pub async fn knock(&mut self) -> Visit {
        match self.visits.recv().await {
            Some(visit) => visit,
            // The thread has ended: nobody can come any more.
            None => std::future::pending().await,
        }
    }

    /// Removes the socket's name, unless it is the successor's by now.
    pub fn close(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The next connection; `None` once the listener is of no use.
fn accept(listener: &OwnedFd) -> Option<io::Result<Line>> {
    let fd = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC).ok()?;
    #[expect(unsafe_code, reason = "an accepted descriptor has no owner yet")]
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows its number.
    Some(Line::new(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// One conversation. After it has succeeded the line is the main thread's.
fn serve(line: io::Result<Line>, pins: &Path, visits: &mpsc::Sender<Visit>) -> io::Result<()> {
    let line = line?;
    match line.receive()?.0 {
        Message::Ask { abi, pins: theirs } => {
            if let Some(reason) = refusal(abi, &theirs, pins) {
                return line.send(&Message::Refuse { reason }, &[]);
            }
        }
        other => return Err(super::unexpected(&other)),
    }
    let (offer, offered) = oneshot::channel();
    let (outcome, told) = oneshot::channel();
    let visit = Visit { offer, outcome: told };
    if visits.blocking_send(visit).is_err() {
        return Ok(());
    }
    let Ok(offer) = offered.blocking_recv() else { return Ok(()) };
    give(&line, &offer)?;
    let _ = outcome.send(Successor(line));
    Ok(())
}

/// Why the new daemon cannot have what we have.
fn refusal(abi: u32, theirs: &Path, ours: &Path) -> Option<String> {
    if abi != ABI_VERSION {
        return Some(format!(
            "the running daemon speaks ABI version {ABI_VERSION} to its programs and the new one {abi}, which has \
             nowhere to find the destinations of its connections; stop the running one and start the new one"
        ));
    }
    (theirs != ours).then(|| format!("the running daemon has its pins in {}", ours.display()))
}

fn give(line: &Line, offer: &Offer) -> io::Result<()> {
    let first: Vec<BorrowedFd<'_>> =
        [Some(&offer.lock), offer.admin.as_ref()].into_iter().flatten().map(|fd| fd.as_fd()).collect();
    line.send(&Message::Offer { namespaces: offer.namespaces.len() }, &first)?;
    for Offered { cookie, netns, listeners } in &offer.namespaces {
        let v6 = listeners.v6.as_ref().map(|listener| listener.as_fd());
        let descriptors: Vec<_> =
            [Some(netns.as_fd()), Some(listeners.v4.as_fd()), v6].into_iter().flatten().collect();
        line.send(&Message::Namespace { cookie: *cookie }, &descriptors)?;
    }
    tracing::debug!(patience = ?PATIENCE, "waiting for the new daemon to serve");
    match line.receive()?.0 {
        Message::Serving => Ok(()),
        other => Err(super::unexpected(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_daemon_of_the_same_abi_with_the_same_pins_is_given_anything() {
        let pins = Path::new("/sys/fs/bpf/interceptor");
        assert_eq!(refusal(ABI_VERSION, pins, pins), None);
        let said = refusal(ABI_VERSION + 1, pins, pins).expect("its maps are others");
        assert!(said.contains("stop the running one and start the new one"), "{said}");
        let said = refusal(ABI_VERSION, Path::new("/sys/fs/bpf/other"), pins).expect("its maps are others");
        assert_eq!(said, "the running daemon has its pins in /sys/fs/bpf/interceptor");
    }
}
