//! The sockets that the daemon makes inside namespaces: listeners for redirected connections, upstream sockets.

use super::{NetNs, NetNsError, NetnsCookie};
use interceptor_common::Namespace;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Kubernetes' node ports. A connection to such a port on loopback is taken for one to a service by Cilium's
/// replacement of kube-proxy, which would carry a redirected connection away.
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// How often a free port is looked for that suits both families.
const ATTEMPTS: usize = 64;

/// The loopback listeners of one namespace, on the same port, non-blocking.
#[derive(Debug)]
pub struct Listeners {
    /// On `127.0.0.1`.
    pub v4: TcpListener,
    /// On `::1`, IPv6 only. `None` where IPv6 is switched off; connections over it cannot be made there either.
    pub v6: Option<TcpListener>,
    port: u16,
}

/// No listeners in this namespace.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The namespace cannot be used.
    #[error(transparent)]
    NetNs(#[from] NetNsError),
    /// A port that others claim.
    #[error("port {port} is among Kubernetes' node ports, 30000 to 32767; choose another for listen.port")]
    NodePort {
        /// What was asked for.
        port: u16,
    },
    /// Its loopback device is down.
    #[error("the loopback device of the network namespace is down; `ip link set lo up` inside it")]
    NoLoopback,
    /// The kernel does not say which devices there are.
    #[error("the devices of the network namespace cannot be listed")]
    Devices(#[source] io::Error),
    /// Somebody has that port.
    #[error("port {port} is in use in the network namespace; choose another for listen.port")]
    InUse {
        /// What was asked for.
        port: u16,
        /// What the kernel says.
        #[source]
        error: io::Error,
    },
    /// The second descriptor of a listener, to hand it over one day.
    #[error("no descriptor is left for a listener")]
    Descriptor(#[source] io::Error),
    /// Anything else.
    #[error("cannot listen on {address}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Each port that was free in one family was taken in the other.
    #[error("no port is free on both 127.0.0.1 and ::1 in the network namespace")]
    NoCommonPort,
}

impl Listeners {
    /// Their port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Listeners that another process has made.
    ///
    /// # Errors
    /// They are none.
    pub fn inherit(v4: TcpListener, v6: Option<TcpListener>) -> io::Result<Self> {
        let port = v4.local_addr()?.port();
        Ok(Self { v4, v6, port })
    }

    /// The same listeners by other descriptors, with one backlog.
    ///
    /// # Errors
    /// There is no room for more descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        let v6 = self.v6.as_ref().map(TcpListener::try_clone).transpose()?;
        Ok(Self { v4: self.v4.try_clone()?, v6, port: self.port })
    }

    /// What the kernel side is told of them, if the first worker accepts; `flags` as in [`Namespace::flags`].
    #[must_use]
    pub fn enrolment(&self, flags: u32) -> Namespace {
        Namespace { port4: self.port, port6: self.v6.as_ref().map_or(0, |_| self.port), flags, worker: 0 }
    }
}

impl NetNs {
    /// Listens on the loopback addresses of both families. `port` 0 takes any port that is free in both;
    /// `backlog` is bounded by `net.core.somaxconn` of the namespace.
    pub fn listen(&self, port: u16, backlog: i32) -> Result<Listeners, ListenError> {
        if NODE_PORTS.contains(&port) {
            return Err(ListenError::NodePort { port });
        }
        if port != 0 {
            return self.enter(|| listen_on(port, backlog))?;
        }
        self.enter(|| listen_on_any(backlog))?
    }

    /// A TCP socket of the namespace, non-blocking and not yet connected, to reach an address of `destination`'s
    /// family.
    pub fn tcp_socket(&self, destination: IpAddr) -> Result<io::Result<Socket>, NetNsError> {
        let domain = if destination.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        self.enter(|| stream(domain))
    }
}

fn listen_on_any(backlog: i32) -> Result<Listeners, ListenError> {
    for _ in 0..ATTEMPTS {
        match listen_on(0, backlog) {
            Ok(listeners) if !NODE_PORTS.contains(&listeners.port) => return Ok(listeners),
            Ok(_) | Err(ListenError::InUse { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ListenError::NoCommonPort)
}

fn listen_on(port: u16, backlog: i32) -> Result<Listeners, ListenError> {
    if !has_loopback()? {
        return Err(ListenError::NoLoopback);
    }
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v4 = bind(wanted, backlog).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { port, error },
        _ => ListenError::Socket { address: wanted, error },
    })?;
    let port = v4.local_addr().map_err(|error| ListenError::Socket { address: wanted, error })?.port();
    let wanted = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let v6 = match bind(wanted, backlog) {
        Ok(listener) => Some(listener),
        Err(error) if is_without_v6(&error) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            return Err(ListenError::InUse { port, error });
        }
        Err(error) => return Err(ListenError::Socket { address: wanted, error }),
    };
    Ok(Listeners { v4, v6, port })
}

/// Whether the loopback device is up. Binding does not tell: it succeeds, and only connections fail.
fn has_loopback() -> Result<bool, ListenError> {
    let up = InterfaceFlags::IFF_LOOPBACK | InterfaceFlags::IFF_UP;
    let mut devices = getifaddrs().map_err(|error| ListenError::Devices(error.into()))?;
    Ok(devices.any(|device| device.flags.contains(up)))
}

/// The kernel has no IPv6 at all, or it is disabled for the loopback device.
fn is_without_v6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

fn bind(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = stream(Domain::for_address(address))?;
    // A restarted daemon must not wait for its old connections to leave TIME_WAIT. There is no SO_REUSEPORT: it
    // would let another process of the same user take a share of the connections.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn stream(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))
}

/// The cookie of the namespace that the thread is in.
pub(super) fn netns_cookie() -> io::Result<NetnsCookie> {
    let probe = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None)?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).expect("8 fits");
    #[expect(unsafe_code, reason = "no crate offers SO_NETNS_COOKIE")]
    // SAFETY: both pointers lead to live variables, and `length` says how much room the first one has.
    let result = unsafe {
        libc::getsockopt(
            probe.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(NetnsCookie(cookie)) }
}

/// Whether the file is a network namespace's (`NS_GET_NSTYPE`).
pub(super) fn is_net_namespace(fd: BorrowedFd<'_>) -> bool {
    /// `_IO(0xb7, 0x3)` of `linux/nsfs.h`.
    const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
    #[expect(unsafe_code, reason = "no crate offers this ioctl")]
    // SAFETY: the ioctl takes no argument, and other files answer ENOTTY.
    let kind = unsafe { libc::ioctl(fd.as_raw_fd(), NS_GET_NSTYPE) };
    kind == libc::CLONE_NEWNET
}
