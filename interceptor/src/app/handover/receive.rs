//! The new daemon's side: asks the running one for what it has.

use super::{Line, Message, socket_path};
use crate::netns::{Listeners, NetNs};
use interceptor_common::ABI_VERSION;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

/// What the running daemon gave.
#[derive(Debug)]
pub struct Inherited {
    /// The lock of the pins.
    pub lock: File,
    /// The listener of the admin port.
    pub admin: Option<TcpListener>,
    /// Namespaces by cookie.
    pub namespaces: HashMap<u64, InheritedNamespace>,
    /// The running daemon itself.
    pub predecessor: Predecessor,
}

/// One namespace.
#[derive(Debug)]
pub struct InheritedNamespace {
    /// Its handle, which keeps it alive until somebody else does.
    pub netns: NetNs,
    /// Its listeners, whose backlogs are shared with the running daemon.
    pub listeners: Listeners,
}

/// The line to the running daemon.
#[derive(Debug)]
pub struct Predecessor(Line);

impl Predecessor {
    /// Says that we serve: it stops accepting now, and ends when its connections have.
    ///
    /// # Errors
    /// It has gone.
    pub fn relieve(&self) -> io::Result<()> {
        self.0.send(&Message::Serving, &[])
    }

    /// Resolves when it has ended.
    pub async fn ended(self) {
        let (told, end) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            self.0.wait_for_end();
            let _ = told.send(());
        });
        let _ = end.await;
    }
}

/// Asks the daemon that runs with this state directory and these pins. `None` if there is none.
///
/// # Errors
/// It refuses, or breaks off.
pub fn ask(state: &Path, pins: &Path) -> io::Result<Option<Inherited>> {
    let fd = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    match connect(fd.as_raw_fd(), &UnixAddr::new(&socket_path(state))?) {
        Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(None),
        connected => connected?,
    }
    let line = Line::new(fd)?;
    line.send(&Message::Ask { abi: ABI_VERSION, pins: pins.to_owned() }, &[])?;
    let (count, first) = match line.receive()? {
        (Message::Offer { namespaces }, descriptors) => (namespaces, descriptors),
        (Message::Refuse { reason }, _) => return Err(io::Error::other(reason)),
        (other, _) => return Err(super::unexpected(&other)),
    };
    let mut first = first.into_iter();
    let lock = first.next().ok_or_else(missing)?.into();
    let admin = first.next().map(TcpListener::from);
    let namespaces = (0..count).map(|_| namespace(&line)).collect::<io::Result<_>>()?;
    Ok(Some(Inherited { lock, admin, namespaces, predecessor: Predecessor(line) }))
}

fn namespace(line: &Line) -> io::Result<(u64, InheritedNamespace)> {
    let (cookie, descriptors) = match line.receive()? {
        (Message::Namespace { cookie }, descriptors) => (cookie, descriptors),
        (other, _) => return Err(super::unexpected(&other)),
    };
    let mut descriptors = descriptors.into_iter();
    let mut next = || -> io::Result<OwnedFd> { descriptors.next().ok_or_else(missing) };
    let netns = NetNs::from_file(next()?.into()).map_err(io::Error::other)?;
    let v4 = next()?.into();
    let listeners = Listeners::inherit(v4, descriptors.next().map(TcpListener::from))?;
    Ok((cookie, InheritedNamespace { netns, listeners }))
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a descriptor is missing")
}
