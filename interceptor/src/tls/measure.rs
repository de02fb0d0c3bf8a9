//! What TLS costs: time of a mint and of handshakes on our side only, bytes of the first flight, and memory
//! of an idle connection. Not a test of anything; run it by hand with
//! `cargo test -p interceptor --lib tls::measure -- --ignored --nocapture --test-threads 1`.

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
    connection: (ClientConnection, ServerConnection),
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
    Run { server: times[0], client: times[1], first_flight, connection: (near, far) }
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
#[ignore = "a measurement, for a quiet machine"]
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

    let count = 4000;
    let before = resident();
    let idle: Vec<ServerConnection> = (0..count).map(|_| handshake(&classic, &config).connection.1).collect();
    println!(
        "idle server connection    {:8.1} KiB",
        (resident() - before) as f64 / 1024.0 / f64::from(count)
    );
    drop(idle);
}
