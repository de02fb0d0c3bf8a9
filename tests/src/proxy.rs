//! A corporate proxy of the laboratory: takes `CONNECT`, asks for credentials if told to, and answers plain requests
//! itself. It keeps every head exactly as it came. Knows HTTP/1.1 as far as heads go; does not know what is in a tunnel.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Result;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::netns::Namespace;
use crate::topology;

/// What opens a tunnel, byte for byte.
pub const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nProxy-Agent: lab/1.0\r\n\r\n";
/// What asks for credentials, on a connection that goes on.
pub const CREDENTIALS_WANTED: &str = "HTTP/1.1 407 Proxy Authentication Required\r\n\
    Proxy-Authenticate: Basic realm=\"lab\"\r\nContent-Length: 11\r\n\r\nwho is it?\n";
/// What is said of a target that cannot be reached, on a connection that ends.
pub const UNREACHABLE: &str = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\nnobody there\n";
/// What a plain request gets.
pub const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nby way of a\n";

/// A running proxy. It ends, with all its tunnels, when dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    namespace: Namespace,
    /// Where tunnels leave from: the proxy's own address.
    own: IpAddr,
    /// Where names are found that have no route of their own.
    fallback: IpAddr,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    heads: Vec<String>,
    routes: HashMap<String, SocketAddr>,
    credentials: Option<String>,
}

impl Proxy {
    /// Starts one in `namespace`. Names lead to `fallback`.
    pub fn start(namespace: &Namespace, address: SocketAddr, fallback: IpAddr) -> Result<Self> {
        let listener = topology::listen(namespace, address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (namespace, inner) = (namespace.clone(), Mutex::default());
        let shared = Arc::new(Shared { namespace, own: address.ip(), fallback, inner });
        let mut tasks = JoinSet::new();
        let accepting = shared.clone();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(serve(accepting.clone(), client));
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Self { shared, _tasks: tasks })
    }

    /// Every head so far, in order, from its first byte to its empty line.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.shared.lock().heads.clone()
    }

    /// From now on `authority`, as a client writes it, is at `address`.
    pub fn route(&self, authority: &str, address: SocketAddr) {
        self.shared.lock().routes.insert(authority.to_owned(), address);
    }

    /// From now on only those are let through whose head has this line.
    pub fn require(&self, line: &str) {
        self.shared.lock().credentials = Some(line.to_owned());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the proxy's lock panics")
    }

    /// Keeps a head, and says whether its sender is let through.
    fn admits(&self, head: &str) -> bool {
        let mut inner = self.lock();
        inner.heads.push(head.to_owned());
        inner.credentials.as_ref().is_none_or(|line| head.split("\r\n").any(|one| one == line))
    }

    fn address(&self, authority: &str) -> Option<SocketAddr> {
        let known = self.lock().routes.get(authority).copied();
        known.or_else(|| authority.parse().ok()).or_else(|| {
            let (_, port) = authority.rsplit_once(':')?;
            Some((self.fallback, port.parse().ok()?).into())
        })
    }

    async fn dial(&self, authority: &str) -> io::Result<TcpStream> {
        let to = self.address(authority).ok_or(io::ErrorKind::InvalidInput)?;
        let own = SocketAddr::new(self.own, 0);
        let socket = self.namespace.run(|| {
            let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), None)?;
            if own.is_ipv4() == to.is_ipv4() {
                socket.bind(&own.into())?;
            }
            io::Result::Ok(socket)
        })?;
        TcpSocket::from_std_stream(socket.into()).connect(to).await
    }
}

async fn serve(shared: Arc<Shared>, mut client: TcpStream) {
    // A client that goes away is no failure of the proxy.
    let _ = converse(&shared, &mut client).await;
}

async fn converse(shared: &Shared, client: &mut TcpStream) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if client.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).map_err(io::Error::other)?;
        let admitted = shared.admits(&head);
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        match target {
            _ if !admitted => client.write_all(CREDENTIALS_WANTED.as_bytes()).await?,
            None => client.write_all(PLAIN.as_bytes()).await?,
            Some(authority) => {
                let Ok(mut origin) = shared.dial(authority).await else {
                    return client.write_all(UNREACHABLE.as_bytes()).await;
                };
                client.write_all(ESTABLISHED.as_bytes()).await?;
                origin.write_all(&buffer).await?;
                return copy_bidirectional(client, &mut origin).await.map(drop);
            }
        }
    }
}
