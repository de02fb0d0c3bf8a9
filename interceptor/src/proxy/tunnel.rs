//! Opens the tunnel that an application asks its proxy for, and later ones like it for ourselves.
//! Knows the head of a `CONNECT`, the proxy's answer and the order of things. Does not know what is said inside.
//!
//! The head is the application's own, with its credentials: it leaves exactly as it came, for this proxy and from this
//! namespace only, and it is never printed. What the proxy answers is the application's to read.

mod answer;
pub mod head;

use std::cell::RefCell;
use std::fmt;
use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use self::answer::{Answer, Then};
use self::head::{Authority, Mistake, Reader};
use super::dial::{self, DialError};
use super::flow::{Flow, Namespace, OrigDst};
use super::framing::Violation;
use super::limits::Limits;
use super::peek::{self, Peeked};

/// How often one connection may ask: as often as the longest exchange of credentials takes, and a little more.
const MOST_ASKED: usize = 8;

/// The head of a `CONNECT`. It holds credentials: nothing prints it.
struct Secret(Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// By which proxy, and with which head. Connections to a provider are shared only where both are the same, to the last
/// byte: whoever has other credentials might not have been let through. Of the head there is a digest (SHA-256), so that
/// nothing that is kept warm keeps credentials, or much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Via {
    proxy: OrigDst,
    head: [u8; 32],
}

/// A tunnel that a proxy has just opened for an application.
pub struct Opened {
    /// Where it leads.
    pub target: Authority,
    /// The tunnel itself.
    pub stream: TcpStream,
    /// What the application has said behind its head.
    pub seen: Vec<u8>,
    /// The other end has spoken first, and was heard.
    pub has_answered: bool,
    proxy: OrigDst,
    head: Secret,
}

/// The way to a provider through a proxy: a tunnel that is open, and how to ask for more.
#[derive(Debug)]
pub struct Tunnel {
    proxy: OrigDst,
    head: Secret,
    /// The port at the other end.
    port: u16,
    /// The one that the application asked for, until somebody uses it.
    first: RefCell<Option<TcpStream>>,
}

/// Why a tunnel could not be opened, or not used.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The proxy cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It broke the connection.
    #[error("the proxy broke the connection")]
    Proxy(#[source] io::Error),
    /// It ended the connection.
    #[error("the proxy ended the connection without an answer")]
    Ended,
    /// It does not answer.
    #[error("the proxy did not answer in time")]
    Silent,
    /// Its answer is malformed.
    #[error("the proxy's answer is malformed")]
    Malformed(#[from] Violation),
    /// It opens no tunnel.
    #[error("the proxy answered {0}")]
    Declined(u16),
    /// Something else than a TLS server speaks inside.
    #[error("somebody speaks inside the tunnel before being spoken to")]
    Spoken,
    /// The application broke the connection, or does not read.
    #[error("the application broke the connection")]
    Application(#[source] io::Error),
}

/// How it ended, where there is no tunnel.
pub enum Unopened {
    /// The head breaks the rules, which was answered.
    Mistake(Mistake),
    /// The head did not arrive in time.
    Slow,
    /// The application has gone before it had asked.
    Gone,
    /// No tunnel to this target: what the proxy had to say about it was handed on.
    Failed(Authority, TunnelError),
    /// The application was declined, and went on with something else on the connection to the proxy.
    Otherwise {
        /// That connection.
        proxy: TcpStream,
        /// What it goes on with.
        seen: Vec<u8>,
    },
}

/// Has the proxy open the tunnel that `seen` begins to ask for, as often as the application asks.
///
/// # Errors
/// See [`Unopened`].
pub async fn open(
    application: &mut TcpStream,
    flow: &Flow,
    mut seen: Vec<u8>,
    limits: &Limits,
) -> Result<Opened, Unopened> {
    let mut open = None;
    let mut asked = 0;
    loop {
        asked += 1;
        let (target, head) = head(application, &mut seen, limits).await?;
        let answered = exchange(application, flow, open, &head, limits).await;
        let (stream, status, then) = match answered {
            Ok((stream, Answered::Open { has_answered })) => {
                let proxy = flow.destination;
                return Ok(Opened { target, stream, seen, has_answered, proxy, head });
            }
            Ok((stream, Answered::Declined(status, then))) => (stream, status, then),
            Err(error) => return Err(Unopened::Failed(target, error)),
        };
        if then == Then::Over || asked == MOST_ASKED {
            return Err(Unopened::Failed(target, TunnelError::Declined(status)));
        }
        seen = match peek::inside(application, &stream, seen, limits).await {
            Ok((Peeked::Connect, seen)) => seen,
            // Most often nothing is left to be said by either.
            Ok((Peeked::Closed | Peeked::Silent, _)) => {
                return Err(Unopened::Failed(target, TunnelError::Declined(status)));
            }
            Ok((_, seen)) => return Err(Unopened::Otherwise { proxy: stream, seen }),
            Err(error) => return Err(Unopened::Failed(target, TunnelError::Application(error))),
        };
        open = Some(stream);
    }
}

/// Asks the proxy, on the connection that is open or on a new one, and hands its answer on.
async fn exchange(
    application: &mut TcpStream,
    flow: &Flow,
    open: Option<TcpStream>,
    head: &Secret,
    limits: &Limits,
) -> Result<(TcpStream, Answered), TunnelError> {
    let mut proxy = match open {
        Some(proxy) => proxy,
        None => dial::connect(&flow.namespace, flow.destination, limits.dial).await?,
    };
    ask(&mut proxy, head, Instant::now() + limits.dial).await?;
    let answered = relay(&proxy, application, limits).await?;
    Ok((proxy, answered))
}

/// Takes the head of a `CONNECT` off the front of `seen`, and waits for what is missing of it.
async fn head(
    application: &mut TcpStream,
    seen: &mut Vec<u8>,
    limits: &Limits,
) -> Result<(Authority, Secret), Unopened> {
    let deadline = Instant::now() + limits.head;
    let mut reader = Reader::default();
    loop {
        match reader.read(seen) {
            Ok(Some(connect)) => {
                let rest = seen.split_off(connect.length);
                let head = std::mem::replace(seen, rest);
                return Ok((connect.target, Secret(head.into())));
            }
            Ok(None) => {}
            Err(mistake) => {
                refuse(application, &mistake, limits).await;
                return Err(Unopened::Mistake(mistake));
            }
        }
        match timeout_at(deadline, application.read_buf(seen)).await {
            Err(_) => return Err(Unopened::Slow),
            Ok(Ok(0) | Err(_)) => return Err(Unopened::Gone),
            Ok(Ok(_)) => {}
        }
    }
}

/// Says what is wrong. No more than an attempt: whoever breaks the rules may not read either.
async fn refuse(application: &mut TcpStream, mistake: &Mistake, limits: &Limits) {
    let text = format!("interceptor: the request to the proxy was refused: {mistake}\n");
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    let said = async {
        application.write_all(answer.as_bytes()).await?;
        application.shutdown().await
    };
    let _ = timeout(limits.head, said).await;
}

/// What an application was told.
enum Answered {
    Open { has_answered: bool },
    Declined(u16, Then),
}

async fn ask(proxy: &mut TcpStream, head: &Secret, deadline: Instant) -> Result<(), TunnelError> {
    let written = timeout_at(deadline, proxy.write_all(&head.0)).await;
    written.map_err(|_| TunnelError::Silent)?.map_err(TunnelError::Proxy)
}

/// Hands the proxy's answer on, interim ones included.
async fn relay(
    proxy: &TcpStream,
    application: &mut TcpStream,
    limits: &Limits,
) -> Result<Answered, TunnelError> {
    let mut bytes = Vec::new();
    loop {
        // As long as an application may wait for an answer of a provider: it has a limit of its own, and its end is
        // seen. A proxy may try one address of the target after the other meanwhile.
        let deadline = Instant::now() + limits.answer_pause;
        let answer = tokio::select! {
            answer = Answer::read(proxy, bytes, deadline) => answer?,
            error = gone(application) => return Err(TunnelError::Application(error)),
        };
        if answer.opens() {
            let has_answered = answer.has_more();
            answer.hand_on(application, limits).await?;
            return Ok(Answered::Open { has_answered });
        }
        if answer.is_interim() {
            bytes = answer.hand_on(application, limits).await?;
            continue;
        }
        let status = answer.status;
        let then = answer.hand_on_whole(proxy, application, limits).await?;
        return Ok(Answered::Declined(status, then));
    }
}

/// Resolves when the application has ended its side or broken the connection, and not if it goes on to speak.
async fn gone(application: &TcpStream) -> io::Error {
    match application.peek(&mut [0; 1]).await {
        Ok(0) => io::ErrorKind::UnexpectedEof.into(),
        Ok(_) => std::future::pending().await,
        Err(error) => error,
    }
}

impl Opened {
    /// The way to the provider at the other end.
    pub fn into_tunnel(self) -> Tunnel {
        let Self { target, stream, proxy, head, .. } = self;
        Tunnel { proxy, head, port: target.port, first: RefCell::new(Some(stream)) }
    }
}

impl Tunnel {
    /// By which proxy and head.
    pub fn via(&self) -> Via {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.head.0);
        let mut head = [0; 32];
        head.copy_from_slice(digest.as_ref());
        Via { proxy: self.proxy, head }
    }

    /// The port at the other end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The tunnel that the application asked for, if nobody has used it.
    pub fn take(&self) -> Option<TcpStream> {
        self.first.take()
    }

    /// The tunnel that the application asked for, or another one like it.
    ///
    /// # Errors
    /// See [`TunnelError`].
    pub async fn connect(&self, namespace: &Namespace, deadline: Instant) -> Result<TcpStream, TunnelError> {
        if let Some(stream) = self.take() {
            return Ok(stream);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let mut proxy = dial::connect(namespace, self.proxy, left).await?;
        ask(&mut proxy, &self.head, deadline).await?;
        let mut answer = Answer::read(&proxy, Vec::new(), deadline).await?;
        while answer.is_interim() {
            answer = Answer::read(&proxy, answer.into_rest(), deadline).await?;
        }
        match answer {
            _ if !answer.opens() => Err(TunnelError::Declined(answer.status)),
            _ if answer.has_more() => Err(TunnelError::Spoken),
            _ => Ok(proxy),
        }
    }
}
