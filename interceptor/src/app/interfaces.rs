//! Has the interfaces guarded that the configuration wants, as they come and go. Knows names, and that the kernel tells of
//! changes. Does not know what is counted there.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use std::os::fd::AsRawFd as _;
use tokio::io::unix::AsyncFd;

use crate::bpf::{self, Capture, Interface, Settled};
use crate::config::VethGuard;
use crate::telemetry::chain;

/// Tells when interfaces of this network namespace have come, gone or changed. What has changed is not read: a list of
/// all that are there is right even if the kernel had no room to tell of some.
pub(super) struct Changes(AsyncFd<OwnedFd>);

impl Changes {
    /// Listens from now on. Wants a runtime.
    ///
    /// # Errors
    /// The kernel has no such socket, or the reactor no room for it.
    pub(super) fn watch() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, libc::RTMGRP_LINK.cast_unsigned()))?;
        #[expect(unsafe_code, reason = "the reactor wants a promise about the descriptor's life")]
        // SAFETY: the `AsyncFd` owns the descriptor, which does not change.
        let registered = unsafe { AsyncFd::register(socket) };
        Ok(Self(registered.map_err(|error| error.into_parts().1)?))
    }

    /// Resolves after a change. What has changed until then is one change.
    ///
    /// # Errors
    /// The socket is of no use any more.
    pub(super) async fn next(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        let mut message = [0; 64];
        loop {
            match recv(self.0.as_raw_fd(), &mut message, MsgFlags::empty()) {
                Err(Errno::EAGAIN) => break,
                // More has changed than there was room to tell, or a signal came.
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        ready.clear_ready();
        Ok(())
    }
}

/// Interfaces that could not be guarded, each of which is told of once.
#[derive(Default)]
pub(super) struct Guarding {
    told: HashSet<Interface>,
}

impl Guarding {
    /// Guards what is wanted of the interfaces that are there.
    pub(super) fn settle(&mut self, capture: &mut Capture, guard: &VethGuard) {
        let wanted = bpf::interfaces().map(|mut there| {
            there.retain(|interface| guard.wants(&interface.name));
            there
        });
        match wanted {
            Ok(wanted) => match capture.guard(&wanted) {
                Ok(settled) => self.tell(settled),
                Err(error) => tracing::error!(error = chain(&error), "interfaces are guarded as before"),
            },
            Err(error) => {
                tracing::error!(%error, "cannot list the network interfaces, which are guarded as before");
            }
        }
    }

    fn tell(&mut self, settled: Settled) {
        for Interface { name, .. } in settled.guarded {
            tracing::info!(interface = name, "raw packets of this interface are looked for");
        }
        for interface in settled.released {
            tracing::info!(interface = interface.name, "an interface is guarded no more");
            self.told.remove(&interface);
        }
        for (interface, error) in settled.failed {
            if self.told.insert(interface) {
                tracing::error!(error = chain(&error), "an interface is not guarded");
            }
        }
    }
}
