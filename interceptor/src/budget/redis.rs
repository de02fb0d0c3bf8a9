//! The store that nodes share their counts in: one connection to a Redis server, on a thread of its own.
//! Knows Redis, TLS and deadlines. Does not know what is counted, or what happens while the store is away.

mod keep;
mod spec;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, RedisError, Script, ScriptInvocation,
};
use arc_swap::ArcSwapOption;
use interceptor_engine::budget::Count;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(super) use keep::keep;
pub use spec::{StoreError, StoreSpec};

/// How often others are told of what was settled: what they know of us is at most so old.
pub const TELL: Duration = Duration::from_millis(50);
/// A count is kept for so many seconds after its window, for nodes whose clocks are behind.
const KEPT: u64 = 300;

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
    take: Script,
    age: Script,
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
            tls: spec.tls.then(|| spec::tls(spec)).transpose()?,
            node: format!("{:016x}", u64::from_ne_bytes(node)),
            take: Script::new(include_str!("redis/take.lua")),
            age: Script::new(include_str!("redis/age.lua")),
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
        let mut call = self.take.prepare_invoke();
        call.arg(&self.node);
        for Ask { count, amount, enforced, .. } in asks {
            call.key(format!("{{interceptor}}:{}:{}", count.window.number, count.key));
            let most = if *enforced { i64::try_from(count.most).unwrap_or(i64::MAX) } else { -1 };
            call.arg(count.change).arg(count.own).arg(*amount).arg(most);
            call.arg(count.window.end.saturating_add(KEPT));
        }
        let answer: Vec<i64> = self.invoke(&call, live).await?;
        let numbers: Vec<u64> = answer.into_iter().map(|number| u64::try_from(number).unwrap_or(0)).collect();
        match numbers.split_first() {
            Some((refused, others)) if others.len() == asks.len() => Ok(Answer {
                refused: usize::try_from(*refused).ok().and_then(|refused| refused.checked_sub(1)),
                others: others.to_vec(),
            }),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }

    /// How long ago somebody first asked the store, as it is now: one that has forgotten everything is young again.
    async fn age(&self, live: &MultiplexedConnection) -> Result<Duration, RedisError> {
        let mut call = self.age.prepare_invoke();
        let age: i64 = self.invoke(call.key("{interceptor}:since"), live).await?;
        // A clock that was set back makes it young.
        Ok(Duration::from_millis(u64::try_from(age).unwrap_or(0)))
    }

    async fn invoke<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
        live: &MultiplexedConnection,
    ) -> Result<T, RedisError> {
        let mut connection = live.clone();
        let called = timeout(self.spec.deadline, call.invoke_async(&mut connection)).await;
        called.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
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
