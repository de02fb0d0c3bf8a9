//! What TLS costs: time of a mint and of handshakes on our side only, bytes of the first flight, and memory
//! of an idle connection. Not a test of anything; run it by hand with
//! `cargo test --release -p interceptor --features measure tls::measure -- --nocapture --test-threads 1`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use nix::time::ClockId;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use time::OffsetDateTime;

use super::server::ServerSide;
use super::testkit::{Ca, host};
use super::{Alpn, leaf};

const NAME: &str = "api.openai.com";

/// As many names, of the same length, as a catalogue of 190 providers folds into.
fn catalogue() -> Vec<String> {
    (0..250).map(|i| format!("api{i}.provider{}.example", i % 97)).chain([NAME.to_owned()]).collect()
}

fn authority() -> Ca {
    let patterns = catalogue();
    Ca::for_patterns(&patterns.iter().map(String::as_str).collect::<Vec<_>>())
}

/// CPU time of this thread, which other work on the machine does not stretch.
struct Instant(Duration);

impl Instant {
    fn now() -> Self {
        Self(ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into())
    }

    fn elapsed(&self) -> Duration {
        Self::now().0 - self.0
    }
}

/// One handshake, and the time that the server's part of it took; the bytes that the server sent first.
struct Run {
    server: Duration,
    client: Duration,
    first_flight: usize,
}

fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Run {
    let mut near = ClientConnection::new(Arc::clone(client), NAME.try_into().unwrap()).unwrap();
    let mut times = [Duration::ZERO; 2];
    let mut first_flight = 0;
    let start = Instant::now();
    let mut far = ServerConnection::new(Arc::clone(server)).unwrap();
    times[0] += start.elapsed();
    let mut wire = Vec::new();
    loop {
        let start = Instant::now();
        while near.wants_write() {
            near.write_tls(&mut wire).unwrap();
        }
        times[1] += start.elapsed();
        let start = Instant::now();
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            far.read_tls(&mut rest).unwrap();
            far.process_new_packets().unwrap();
        }
        wire.clear();
        while far.wants_write() {
            far.write_tls(&mut wire).unwrap();
        }
        times[0] += start.elapsed();
        if first_flight == 0 {
            first_flight = wire.len();
        }
        if wire.is_empty() {
            break;
        }
        let start = Instant::now();
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            near.read_tls(&mut rest).unwrap();
            near.process_new_packets().unwrap();
        }
        wire.clear();
        times[1] += start.elapsed();
    }
    assert!(!near.is_handshaking() && !far.is_handshaking());
    Run { server: times[0], client: times[1], first_flight }
}

/// The median of the server's and the client's time in microseconds.
fn cost(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> (f64, f64, usize) {
    let mut runs: Vec<Run> = (0..400).map(|_| handshake(client, server)).collect();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    runs.sort_by_key(|run| run.server);
    let server = micros(runs[runs.len() / 2].server);
    runs.sort_by_key(|run| run.client);
    (server, micros(runs[runs.len() / 2].client), runs.last().map_or(0, |run| run.first_flight))
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn costs() {
    let ca = authority();
    let side = ServerSide::new(Arc::clone(&ca.live)).unwrap();
    let authority = ca.live.current();
    let key = super::key::SecretKey::generate().unwrap();
    let now = OffsetDateTime::now_utc();
    let start = Instant::now();
    for _ in 0..1000 {
        black_box(leaf::good(&authority, &key, &host(NAME), now).unwrap());
    }
    println!("mint                      {:8.1} us", start.elapsed().as_secs_f64() * 1e3);

    let config = side.config(&host(NAME), Some(Alpn::H2)).unwrap();
    let start = Instant::now();
    for _ in 0..100_000 {
        black_box(side.config(&host(NAME), Some(Alpn::H2)).unwrap());
    }
    println!("cached configuration      {:8.3} us", start.elapsed().as_secs_f64() * 10.0);

    let client = Arc::new(ca.client(&["h2"]));
    let mut classic = ClientConfig::clone(&client);
    classic.resumption = rustls::client::Resumption::disabled();
    let classic = Arc::new(classic);
    for (what, client) in [("full handshake", &classic), ("resumed handshake", &client)] {
        let (server, client, flight) = cost(client, &config);
        println!("{what:<26}{server:8.1} us server, {client:8.1} us client, first flight {flight} bytes");
    }
    let small = Ca::new();
    let side = ServerSide::new(Arc::clone(&small.live)).unwrap();
    let mut stranger = small.client(&["h2"]);
    stranger.resumption = rustls::client::Resumption::disabled();
    let (server, client, flight) =
        cost(&Arc::new(stranger), &side.config(&host(NAME), Some(Alpn::H2)).unwrap());
    println!(
        "full, two domains         {server:8.1} us server, {client:8.1} us client, first flight {flight} bytes"
    );

    println!("idle, our stream          {:8.1} KiB", resident_each(&classic, &config, true));
    println!("idle, usual adapter       {:8.1} KiB", resident_each(&classic, &config, false));
}

/// What a connection holds that was used and is silent now, in KiB. The client's side is gone by then.
fn resident_each(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, ours: bool) -> f64 {
    use tokio::io::AsyncReadExt;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut silent: Vec<Box<dyn std::any::Any>> = Vec::new();
        let mut before = 0;
        for i in 0..900 {
            if i == 100 {
                before = resident();
            }
            let connect = async {
                let io = tokio::net::TcpStream::connect(address).await.unwrap();
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(client));
                let mut stream = connector.connect(NAME.try_into().unwrap(), io).await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, &[1; 20_000]).await.unwrap();
            };
            let accept = async {
                let (io, _) = listener.accept().await.unwrap();
                let mut body = [0; 1000];
                let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
                let stream: Box<dyn std::any::Any> = if ours {
                    let mut stream = super::server::accept(Arc::clone(server), io, deadline).await.unwrap();
                    for _ in 0..20 {
                        stream.read_exact(&mut body).await.unwrap();
                    }
                    Box::new(stream)
                } else {
                    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(server));
                    let mut stream = acceptor.accept(io).await.unwrap();
                    for _ in 0..20 {
                        stream.read_exact(&mut body).await.unwrap();
                    }
                    Box::new(stream)
                };
                stream
            };
            silent.push(tokio::join!(connect, accept).1);
        }
        (resident() - before) as f64 / 1024.0 / 800.0
    })
}

/// Bytes through one connection over loopback, and what an idle connection holds: our stream and the usual
/// adapter, receiving and sending.
#[test]
fn streams() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ca = Ca::new();
    let side = ServerSide::new(Arc::clone(&ca.live)).unwrap();
    let config = side.config(&host(NAME), None).unwrap();
    let client = Arc::new(ca.client(&[]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    for (round, ours) in (0..15).flat_map(|round| [(round, true), (round, false)]) {
        let client = Arc::clone(&client);
        // The peer has a thread of its own, so that the clock of this one counts our side alone.
        let peer = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let io = tokio::net::TcpStream::connect(address).await.unwrap();
                let connector = tokio_rustls::TlsConnector::from(client);
                let mut stream = connector.connect(NAME.try_into().unwrap(), io).await.unwrap();
                let block = vec![7; 1 << 20];
                for _ in 0..100 {
                    stream.write_all(&block).await.unwrap();
                }
                stream.flush().await.unwrap();
                let mut sink = vec![0; 1 << 17];
                let mut left = 100 << 20;
                while left > 0 {
                    left -= stream.read(&mut sink).await.unwrap();
                }
            });
        });
        let (read, written) = runtime.block_on(async {
            let (io, _) = listener.accept().await.unwrap();
            io.set_nodelay(true).unwrap();
            let config = Arc::clone(&config);
            if ours {
                let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
                bulk(super::server::accept(config, io, deadline).await.unwrap()).await
            } else {
                bulk(tokio_rustls::TlsAcceptor::from(config).accept(io).await.unwrap()).await
            }
        });
        peer.join().unwrap();
        let name = if ours { "our stream" } else { "usual adapter" };
        println!("{name:<14} run {round}: {read:6.1} us CPU per MiB received, {written:6.1} us per MiB sent");
    }
}

async fn bulk<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut stream: T) -> (f64, f64) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut sink = vec![0; 1 << 17];
    let start = Instant::now();
    let mut left = 100 << 20;
    while left > 0 {
        left -= stream.read(&mut sink).await.unwrap();
    }
    let read = start.elapsed().as_secs_f64() * 1e4;
    let start = Instant::now();
    let block = vec![7; 1 << 20];
    for _ in 0..100 {
        stream.write_all(&block).await.unwrap();
    }
    stream.flush().await.unwrap();
    (read, start.elapsed().as_secs_f64() * 1e4)
}
