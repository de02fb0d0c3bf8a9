//! The store that nodes share their counts in: one connection to a Redis server, on a thread of its own.
//! Knows Redis, TLS and deadlines. Does not know what is counted, or what happens while the store is away.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Script};
use arc_swap::ArcSwapOption;
use interceptor_engine::budget::Count;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;

use super::Budgets;

/// How often others are told of what was settled: what they know of us is at most so old.
pub const TELL: Duration = Duration::from_millis(50);
/// Counts that are told in one message.
const TOLD_AT_ONCE: usize = 256;
/// A new connection may take so long, and a failed one is followed by another after so long.
const CONNECT: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(250);
/// A count is kept for so many seconds after its window, for nodes whose clocks are behind.
const KEPT: u64 = 300;

/// The store and the node's part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The number of the database.
    pub database: u32,
    /// Whether the server is spoken to over TLS, which is always verified.
    pub tls: bool,
    /// Files with roots that the server's certificate may chain to; none means the system's.
    pub roots: Vec<PathBuf>,
    /// The user.
    pub user: Option<String>,
    /// The file with the password.
    pub password: Option<PathBuf>,
    /// How long a request may wait for an answer.
    pub deadline: Duration,
    /// How many nodes share the limits.
    pub nodes: u64,
}

impl StoreSpec {
    /// Reads `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS. Credentials do not belong into a URL.
    pub fn of_url(url: &str) -> Option<Self> {
        let (tls, rest) = match url.strip_prefix("redis://") {
            Some(rest) => (false, rest),
            None => (true, url.strip_prefix("rediss://")?),
        };
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':').or(rest.is_empty().then_some("6379"))?),
            None => place.split_once(':').unwrap_or((place, "6379")),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return None;
        }
        let database = if database.is_empty() { 0 } else { database.parse().ok()? };
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok().filter(|port| *port > 0)?,
            database,
            tls,
            roots: Vec::new(),
            user: None,
            password: None,
            deadline: Duration::from_millis(100),
            nodes: 1,
        })
    }
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read.
    #[error("cannot read {} (limits.redis)", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: io::Error,
    },
    /// A file with roots has none.
    #[error("{} holds no certificate in PEM, or a damaged one (limits.redis.roots)", path.display())]
    NoCertificate {
        /// Its path.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up for {host} (limits.redis.url)")]
    Tls {
        /// The server.
        host: String,
    },
    /// There is no thread for the connection, or no randomness for the node's name.
    #[error("cannot start the connection to the shared store")]
    System(#[source] io::Error),
}

/// A question about one count.
#[derive(Debug)]
pub(super) struct Ask {
    /// Which of the parts it is about.
    pub(super) at: usize,
    /// The count, the amount included.
    pub(super) count: Count,
    pub(super) amount: u64,
    /// Whether it may be refused.
    pub(super) enforced: bool,
}

/// What the store says.
#[derive(Debug)]
pub(super) struct Answer {
    /// The first question that it answers with no.
    pub(super) refused: Option<usize>,
    /// What others have used, for each question.
    pub(super) others: Vec<u64>,
}

/// The store as workers see it.
pub(super) struct Store {
    spec: StoreSpec,
    info: RedisConnectionInfo,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// This process among the nodes. A daemon that starts again is another one, and what it had used stays used.
    node: String,
    script: Script,
    /// The connection, while it works.
    live: ArcSwapOption<MultiplexedConnection>,
}

impl Store {
    pub(super) fn new(spec: &StoreSpec) -> Result<Self, StoreError> {
        let mut info = RedisConnectionInfo::default().set_db(spec.database.into()).set_skip_set_lib_name();
        if let Some(user) = &spec.user {
            info = info.set_username(user);
        }
        if let Some(path) = &spec.password {
            let read = std::fs::read_to_string(path);
            let password = read.map_err(|io| StoreError::Read { path: path.clone(), io })?;
            info = info.set_password(password.trim_end());
        }
        let mut node = [0; 8];
        aws_lc_rs::rand::fill(&mut node)
            .map_err(|_| StoreError::System(io::Error::other("no randomness")))?;
        Ok(Self {
            spec: spec.clone(),
            info,
            tls: spec.tls.then(|| tls(spec)).transpose()?,
            node: format!("{:016x}", u64::from_ne_bytes(node)),
            script: Script::new(include_str!("take.lua")),
            live: ArcSwapOption::empty(),
        })
    }

    pub(super) fn nodes(&self) -> u64 {
        self.spec.nodes
    }

    pub(super) fn is_up(&self) -> bool {
        self.live.load().is_some()
    }

    /// Asks. `None`: the store is away, or too slow. Then it counts as away until it was connected to again, so that the
    /// next request does not wait.
    pub(super) async fn ask(&self, asks: &[Ask]) -> Option<Answer> {
        let live = self.live.load_full()?;
        let answer = self.call(&live, asks).await;
        if let Err(error) = &answer {
            tracing::debug!(%error, "the shared store of limits did not answer");
            self.give_up(&live);
        }
        answer.ok()
    }

    fn give_up(&self, live: &Arc<MultiplexedConnection>) {
        self.live.compare_and_swap(live, None);
    }

    async fn call(&self, live: &MultiplexedConnection, asks: &[Ask]) -> Result<Answer, RedisError> {
        let mut call = self.script.prepare_invoke();
        call.arg(&self.node);
        for Ask { count, amount, enforced, .. } in asks {
            call.key(format!("{{interceptor}}:{}:{}", count.window.number, count.key));
            let most = if *enforced { i64::try_from(count.most).unwrap_or(i64::MAX) } else { -1 };
            call.arg(count.change).arg(count.own).arg(*amount).arg(most);
            call.arg(count.window.end.saturating_add(KEPT));
        }
        let mut connection = live.clone();
        let called = timeout(self.spec.deadline, call.invoke_async::<Vec<i64>>(&mut connection)).await;
        let answer = called.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let numbers: Vec<u64> = answer.into_iter().map(|number| u64::try_from(number).unwrap_or(0)).collect();
        match numbers.split_first() {
            Some((refused, others)) if others.len() == asks.len() => Ok(Answer {
                refused: usize::try_from(*refused).ok().and_then(|refused| refused.checked_sub(1)),
                others: others.to_vec(),
            }),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }

    async fn connect(&self) -> io::Result<(MultiplexedConnection, Driver)> {
        let stream = TcpStream::connect((&*self.spec.host, self.spec.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Duplex> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            None => Box::new(stream),
        };
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.spec.deadline));
        let connected = MultiplexedConnection::new_with_config(&self.info, stream, config).await;
        let (connection, driver) = connected.map_err(io::Error::other)?;
        Ok((connection, Box::pin(driver)))
    }
}

/// Moves the bytes of a connection.
type Driver = Pin<Box<dyn Future<Output = ()>>>;

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

fn tls(spec: &StoreSpec) -> Result<(TlsConnector, ServerName<'static>), StoreError> {
    let failed = || StoreError::Tls { host: spec.host.clone() };
    let mut roots = RootCertStore::empty();
    for path in &spec.roots {
        let text = std::fs::read(path).map_err(|io| StoreError::Read { path: path.clone(), io })?;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or_else(|| StoreError::NoCertificate { path: path.clone() })?;
        }
        if roots.len() == before {
            return Err(StoreError::NoCertificate { path: path.clone() });
        }
    }
    if spec.roots.is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| failed())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(spec.host.clone()).map_err(|_| failed())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Keeps the connection, on a thread of its own, until the budgets are dropped. Workers send over it from their own
/// threads; a connection for each of them would save them the way to another thread, and cost one on each of many nodes.
pub(super) fn keep(store: Arc<Store>, budgets: &Arc<Budgets>) -> Result<(), StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(StoreError::System)?;
    let weak = Arc::downgrade(budgets);
    let run = move || LocalSet::new().block_on(&runtime, keep_on(&store, &weak));
    std::thread::Builder::new().name("budgets".into()).spawn(run).map_err(StoreError::System)?;
    Ok(())
}

async fn keep_on(store: &Store, budgets: &Weak<Budgets>) {
    let mut was_up = true;
    while budgets.strong_count() > 0 {
        let connected = timeout(CONNECT, store.connect()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let ended = match connected {
            Ok((connection, driver)) => {
                let driver = tokio::task::spawn_local(driver);
                let ended = use_while(store, budgets, &Arc::new(connection), &mut was_up).await;
                driver.abort();
                ended
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = ended
            && std::mem::replace(&mut was_up, false)
        {
            tracing::warn!(%error, "the shared store of limits is away; `whenUnavailable` says what happens");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Lets workers use a connection as long as it works. It is tried before: a server that wants a password agrees to
/// connect.
async fn use_while(
    store: &Store,
    budgets: &Weak<Budgets>,
    live: &Arc<MultiplexedConnection>,
    was_up: &mut bool,
) -> Result<(), RedisError> {
    store.call(live, &[]).await?;
    // A server that has forgotten everything is told before anybody is asked whether there is enough left.
    if let Some(budgets) = budgets.upgrade() {
        budgets.table().tell_all();
        while tell(store, &budgets, live).await? > 0 {}
    }
    tracing::info!("the shared store of limits answers");
    *was_up = true;
    store.live.store(Some(live.clone()));
    let ended = tell_while(store, budgets, live).await;
    store.give_up(live);
    ended
}

/// Tells the others what was settled, as long as the connection works and somebody counts.
async fn tell_while(
    store: &Store,
    budgets: &Weak<Budgets>,
    live: &Arc<MultiplexedConnection>,
) -> Result<(), RedisError> {
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Without anything to tell, the connection is tried once a second: a server that is gone is noticed before somebody
    // waits for it.
    for tick in 0_u32.. {
        ticks.tick().await;
        let Some(budgets) = budgets.upgrade() else { break };
        if !store.live.load().as_ref().is_some_and(|now| Arc::ptr_eq(now, live)) {
            // A worker has given it up.
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        if tell(store, &budgets, live).await? == 0 && tick % 20 == 0 {
            store.call(live, &[]).await?;
        }
    }
    Ok(())
}

/// Tells of some of the counts that have changed, and says of how many.
async fn tell(store: &Store, budgets: &Budgets, live: &MultiplexedConnection) -> Result<usize, RedisError> {
    let counts = budgets.table().untold(TOLD_AT_ONCE);
    if counts.is_empty() {
        return Ok(0);
    }
    let ask = |count: &Count| Ask { at: 0, count: count.clone(), amount: 0, enforced: false };
    let told = store.call(live, &counts.iter().map(ask).collect::<Vec<_>>()).await;
    let mut table = budgets.table();
    match told {
        Ok(answer) => {
            for (count, others) in counts.iter().zip(answer.others) {
                table.learn(&count.key, count.window.number, others);
            }
            Ok(counts.len())
        }
        Err(error) => {
            table.tell_again(counts);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_server_is() {
        let place = |url| StoreSpec::of_url(url).map(|spec| (spec.host, spec.port, spec.database, spec.tls));
        let at = |host: &str, port, database, tls| Some((host.to_owned(), port, database, tls));
        assert_eq!(place("redis://redis.example"), at("redis.example", 6379, 0, false));
        assert_eq!(place("rediss://redis.example:6380/7"), at("redis.example", 6380, 7, true));
        assert_eq!(place("redis://[2001:db8::1]"), at("2001:db8::1", 6379, 0, false));
        assert_eq!(place("redis://[2001:db8::1]:1/"), at("2001:db8::1", 1, 0, false));
        for wrong in [
            "",
            "redis://",
            "http://a",
            "redis://a:0",
            "redis://a:b",
            "redis://a/b",
            "redis://u@a",
            "redis://u:p@a",
            "redis://a:70000",
            "redis://[a",
            "redis://[a]b",
            "redis://a?b=c",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
