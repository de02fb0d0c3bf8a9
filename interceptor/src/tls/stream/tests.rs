//! The stream against rustls' own adapter, on both sides, over pipes of every width.

use std::sync::Arc;

use proptest::prelude::*;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::tls::testkit::{Origin, Wrong, client};

const NAME: &str = "api.openai.com";

fn configs(version: &'static SupportedProtocolVersion) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let origin = Origin::new();
    let client = client(std::slice::from_ref(&origin.root), &[], &[version]);
    (Arc::new(client), Arc::new(origin.server(NAME, Wrong::Nothing, &[])))
}

type Ours<S> = Stream<S, DuplexStream>;
type Server = Ours<UnbufferedServerConnection>;
type Client = Ours<UnbufferedClientConnection>;

async fn our_server(config: Arc<ServerConfig>, io: DuplexStream) -> io::Result<Server> {
    Stream::handshake(io, UnbufferedServerConnection::new(config).unwrap()).await
}

async fn our_client(config: Arc<ClientConfig>, io: DuplexStream) -> io::Result<Client> {
    Stream::handshake(io, UnbufferedClientConnection::new(config, NAME.try_into().unwrap()).unwrap()).await
}

/// A server of ours and a client of tokio-rustls, after the handshake.
async fn pair(
    version: &'static SupportedProtocolVersion,
    width: usize,
) -> (Server, tokio_rustls::client::TlsStream<DuplexStream>) {
    let (client, server) = configs(version);
    let (near, far) = duplex(width);
    let connect = TlsConnector::from(client).connect(NAME.try_into().unwrap(), near);
    let (theirs, ours) = tokio::join!(connect, our_server(server, far));
    (ours.unwrap(), theirs.unwrap())
}

/// Sends `chunks` and closes; returns what was read until the other side closed. At most `most` bytes a read.
async fn talk<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    chunks: &[Vec<u8>],
    most: usize,
) -> io::Result<Vec<u8>> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        for chunk in chunks {
            writer.write_all(chunk).await?;
        }
        writer.shutdown().await
    };
    let read = async {
        let mut all = Vec::new();
        let mut buffer = vec![0; most];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok::<_, io::Error>(all),
                len => all.extend_from_slice(&buffer[..len]),
            }
        }
    };
    let (written, read) = tokio::join!(write, read);
    written.and(read)
}

fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let small = prop::collection::vec(any::<u8>(), 0..200);
    let large = (1000..200_000usize, any::<u8>()).prop_map(|(len, seed)| {
        (0..len).map(|i| seed.wrapping_add(i.to_le_bytes()[0].wrapping_mul(31))).collect::<Vec<u8>>()
    });
    prop::collection::vec(prop_oneof![3 => small, 1 => large], 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_byte_arrives_in_order_both_ways(
        up in chunks(),
        down in chunks(),
        width in prop_oneof![1..40usize, 1000..200_000usize],
        most in prop_oneof![1..300usize, 4096..100_000usize],
        old in any::<bool>(),
        client_is_ours in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // A pipe of a byte and a quarter of a megabyte would take minutes.
        let (width, most) = if up.iter().chain(&down).map(Vec::len).sum::<usize>() > 2000 {
            (width.max(500), most.max(500))
        } else {
            (width, most)
        };
        let (seen_down, seen_up) = runtime.block_on(async {
            let (client, server) = configs(if old { &TLS12 } else { &TLS13 });
            let (near, far) = duplex(width);
            let near = async {
                if client_is_ours {
                    talk(our_client(client, near).await?, &up, most).await
                } else {
                    let connector = TlsConnector::from(client);
                    talk(connector.connect(NAME.try_into().unwrap(), near).await?, &up, most).await
                }
            };
            let far = async {
                if client_is_ours {
                    talk(TlsAcceptor::from(server).accept(far).await?, &down, most).await
                } else {
                    talk(our_server(server, far).await?, &down, most).await
                }
            };
            tokio::join!(near, far)
        });
        prop_assert!(seen_up.unwrap() == up.concat());
        prop_assert!(seen_down.unwrap() == down.concat());
    }

    /// A hostile peer: after the handshake, or in it, anything at all.
    #[test]
    fn garbage_is_an_error_and_never_a_panic(
        garbage in prop::collection::vec(any::<u8>(), 1..400),
        kind in prop::sample::select(vec![20u8, 21, 22, 23, 24, 0]),
        after_handshake in any::<bool>(),
        fragments in prop::collection::vec(1..200usize, 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut wire = Vec::new();
        let mut rest = garbage.as_slice();
        for fragment in &fragments {
            let (part, more) = rest.split_at(rest.len().min(*fragment));
            rest = more;
            wire.extend_from_slice(&[kind, 3, 3]);
            wire.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
            wire.extend_from_slice(part);
        }
        let outcome = runtime.block_on(async {
            if after_handshake {
                let (mut server, theirs) = pair(&TLS13, 1 << 16).await;
                let mut raw = theirs.into_inner().0;
                raw.write_all(&wire).await.unwrap();
                drop(raw);
                server.read_to_end(&mut Vec::new()).await.map(drop)
            } else {
                let (mut raw, far) = duplex(1 << 16);
                raw.write_all(&wire).await.unwrap();
                drop(raw);
                our_server(configs(&TLS13).1, far).await.map(drop)
            }
        });
        prop_assert!(outcome.is_err());
    }
}

fn patient(bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).collect()
}

#[tokio::test]
async fn a_pipe_of_a_byte_does_not_block_two_of_us() {
    // Both send in the middle of the handshake: the server its flight, the client a change of cipher.
    for (width, version) in (1..9).flat_map(|width| [(width, &TLS12), (width, &TLS13)]) {
        let (client, server) = configs(version);
        let (near, far) = duplex(width);
        let body = [patient(3000)];
        let near = async { talk(our_client(client, near).await?, &body, 100).await };
        let far = async { talk(our_server(server, far).await?, &body, 100).await };
        let (down, up) = tokio::join!(near, far);
        assert!(down.unwrap() == body[0] && up.unwrap() == body[0]);
    }
}

#[tokio::test]
async fn a_reader_that_sends_for_a_writer_wakes_it() {
    let (ours, theirs) = pair(&TLS13, 4096).await;
    let (mut reader, mut writer) = tokio::io::split(ours);
    let body = patient(200_000);
    let sent = body.clone();
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async move {
            // Two tasks, so that each has a waker of its own; and a peer that answers byte by byte.
            let write = tokio::task::spawn_local(async move {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let read = tokio::task::spawn_local(async move {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).await.unwrap();
                all
            });
            let seen = talk(theirs, &[patient(50_000)], 700).await.unwrap();
            write.await.unwrap();
            assert!(seen == body);
            assert!(read.await.unwrap() == patient(50_000));
        })
        .await;
}

#[tokio::test]
async fn an_idle_connection_holds_nothing() {
    let (mut ours, mut theirs) = pair(&TLS13, 1 << 20).await;
    let body = patient(300_000);
    let mut seen = vec![0; body.len()];
    let (written, read) = tokio::join!(theirs.write_all(&body), ours.read_exact(&mut seen));
    written.and(read.map(drop)).unwrap();
    assert!(seen == body);
    ours.write_all(&body).await.unwrap();
    let (flushed, read) = tokio::join!(ours.flush(), theirs.read_exact(&mut seen));
    flushed.and(read.map(drop)).unwrap();
    assert_eq!(ours.held(), 0);
}

#[tokio::test]
async fn what_a_slow_reader_makes_us_hold_is_bounded() {
    let (mut ours, mut theirs) = pair(&TLS13, 1 << 20).await;
    theirs.write_all(&patient(500_000)).await.unwrap();
    for _ in 0..100 {
        ours.read_exact(&mut [0]).await.unwrap();
    }
    assert!(ours.held() <= 96 * 1024, "{}", ours.held());
}

#[tokio::test]
async fn a_stalled_socket_stops_the_writer() {
    let (mut ours, theirs) = pair(&TLS13, 4096).await;
    let body = patient(1 << 20);
    // The other side does not read.
    let mut accepted = 0;
    let mut cx = Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(len) = Pin::new(&mut ours).poll_write(&mut cx, &body[accepted..]) {
        accepted += len.unwrap();
    }
    assert!(accepted <= 2 * MAX_WRITE && ours.held() <= 2 * MAX_WRITE, "{accepted} {}", ours.held());
    drop(theirs);
    assert!(ours.write_all(&body).await.is_err());
}

#[tokio::test]
async fn a_missing_farewell_is_an_error_and_a_farewell_is_the_end() {
    let (mut ours, theirs) = pair(&TLS13, 1 << 16).await;
    drop(theirs.into_inner().0);
    let error = ours.read(&mut [0; 10]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

    let (mut ours, mut theirs) = pair(&TLS13, 1 << 16).await;
    theirs.write_all(b"last words").await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut all = Vec::new();
    ours.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"last words");
    // Half-closed: we may still answer.
    ours.write_all(b"answer").await.unwrap();
    ours.shutdown().await.unwrap();
    all.clear();
    theirs.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"answer");
    assert_eq!(ours.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn key_updates_are_followed_and_answered() {
    let (mut ours, mut theirs) = pair(&TLS13, 1 << 16).await;
    for round in 0..5u8 {
        theirs.get_mut().1.refresh_traffic_keys().unwrap();
        theirs.write_all(&[round; 100]).await.unwrap();
        let mut seen = [0; 100];
        ours.read_exact(&mut seen).await.unwrap();
        ours.write_all(&seen).await.unwrap();
        theirs.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, [round; 100]);
    }
}

#[tokio::test]
async fn slices_are_joined_into_one_record() {
    let (client, server) = configs(&TLS13);
    let (near, far) = duplex(1 << 16);
    let (ours, theirs) = tokio::join!(our_client(client, near), our_server(server, far));
    let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
    let slices = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(b"body")];
    let len = ours.write_vectored(&slices).await.unwrap();
    assert_eq!(len, 8);
    // One read gives one record here, because a reader with little room is filled by the first.
    let mut seen = [0; 100];
    assert_eq!(theirs.read(&mut seen).await.unwrap(), 8);
    assert_eq!(&seen[..8], b"headbody");
}

#[tokio::test]
async fn the_peer_learns_why_the_handshake_failed() {
    let (_, server) = configs(&TLS13);
    let stranger = Arc::new(client(&[Origin::called("a stranger").root], &[], &[&TLS13]));
    let (near, far) = duplex(1 << 16);
    let (ours, theirs) = tokio::join!(our_client(stranger, near), TlsAcceptor::from(server).accept(far));
    assert!(ours.is_err());
    let error = theirs.err().unwrap();
    assert!(error.to_string().contains("UnknownCA"), "{error}");
}

#[tokio::test]
async fn a_connection_over_a_connection_works() {
    let (client, server) = configs(&TLS13);
    let (near, far) = duplex(1 << 16);
    let (near, far) =
        tokio::join!(our_client(Arc::clone(&client), near), our_server(Arc::clone(&server), far));
    let inner = UnbufferedClientConnection::new(client, NAME.try_into().unwrap()).unwrap();
    let near = Stream::handshake(near.unwrap(), inner);
    let far = Stream::handshake(far.unwrap(), UnbufferedServerConnection::new(server).unwrap());
    let (near, far) = tokio::join!(near, far);
    let body = vec![patient(100_000)];
    let (seen, _) = tokio::join!(talk(near.unwrap(), &[], 5000), talk(far.unwrap(), &body, 5000));
    assert!(seen.unwrap() == body[0]);
}
