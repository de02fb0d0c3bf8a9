//! The ClientHello reader against rustls' own acceptor, against every chunking, and against garbage.

use std::sync::Arc;

use proptest::prelude::*;
use rustls::client::{ClientConfig, ClientConnection};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{RootCertStore, SupportedProtocolVersion, version};

use super::*;

/// How a generated client differs from the next one.
#[derive(Debug, Clone)]
struct Client {
    name: &'static str,
    sni: bool,
    alpn: Vec<&'static str>,
    versions: &'static [&'static SupportedProtocolVersion],
    groups: usize,
}

const NAMES: &[&str] =
    &["api.openai.com", "API.Anthropic.COM", "a", "x_y.example.org", "203.0.113.7", "2001:db8::1"];
const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
const NEW: &[&SupportedProtocolVersion] = &[&version::TLS13];
const OLD: &[&SupportedProtocolVersion] = &[&version::TLS12];

impl Client {
    /// The first flight that rustls writes for this client.
    fn hello(&self) -> Vec<u8> {
        let mut provider: CryptoProvider = aws_lc_rs::default_provider();
        provider.kx_groups.rotate_left(self.groups);
        provider.kx_groups.truncate(3);
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.enable_sni = self.sni;
        config.alpn_protocols = self.alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(self.name).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        connection.write_tls(&mut bytes).unwrap();
        bytes
    }
}

fn clients() -> impl Strategy<Value = Client> {
    let alpn =
        prop::sample::subsequence(vec!["http/1.1", "h2", "http/1.0", "grpc-exp"], 0..=4).prop_shuffle();
    (prop::sample::select(NAMES), any::<bool>(), alpn, prop::sample::select(vec![BOTH, NEW, OLD]), 0..4usize)
        .prop_map(|(name, sni, alpn, versions, groups)| Client { name, sni, alpn, versions, groups })
}

/// What rustls says of the same bytes: nothing yet, the fields it sees, or an error.
#[derive(Debug)]
enum Reference {
    Incomplete,
    Hello { name: Option<String>, alpn: Option<Vec<Vec<u8>>> },
    Error,
}

fn reference(mut bytes: &[u8]) -> Reference {
    let mut acceptor = rustls::server::Acceptor::default();
    loop {
        let read = match acceptor.read_tls(&mut bytes) {
            Ok(read) => read,
            Err(_) => return Reference::Error,
        };
        match acceptor.accept() {
            Ok(None) if read == 0 => return Reference::Incomplete,
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                return Reference::Hello {
                    name: hello.server_name().map(str::to_owned),
                    alpn: hello.alpn().map(|list| list.map(<[u8]>::to_vec).collect()),
                };
            }
            Err(_) => return Reference::Error,
        }
    }
}

/// Where rustls accepts, we must see the same name and protocols.
fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = parse(bytes);
    match (reference(bytes), ours) {
        (Reference::Hello { name, alpn }, Parsed::Hello(hello)) => {
            let name = name.map(|n| n.trim_end_matches('.').to_ascii_lowercase());
            prop_assert_eq!(name.as_deref(), hello.sni.host().map(Host::as_str));
            let has = |p: &[u8]| alpn.as_ref().is_some_and(|list| list.iter().any(|x| x == p));
            let other = alpn.as_ref().is_some_and(|list| list.iter().any(|x| x != b"h2" && x != b"http/1.1"));
            prop_assert_eq!(alpn.is_none(), hello.alpn.is_absent());
            prop_assert_eq!(
                (has(b"http/1.1"), has(b"h2"), other),
                (hello.alpn.http1(), hello.alpn.h2(), hello.alpn.other())
            );
            Ok(())
        }
        (Reference::Hello { .. }, ours) => {
            Err(TestCaseError::fail(format!("rustls accepts, we say {ours:?}")))
        }
        // A record is judged by its header alone here and there, so an error may come at different bytes.
        (Reference::Incomplete, Parsed::Hello(_)) => Err(TestCaseError::fail("complete before rustls")),
        (Reference::Incomplete | Reference::Error, _) => Ok(()),
    }
}

/// Rewrites the handshake bytes of `hello` into records of the given sizes, the last size repeated.
fn refragment(hello: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rest: Vec<u8> = Fragments { rest: hello }.flatten().copied().collect();
    let mut sizes = sizes.iter().copied();
    let mut last = 1;
    let mut out = Vec::new();
    while !rest.is_empty() {
        last = sizes.next().unwrap_or(last).clamp(1, rest.len());
        out.extend_from_slice(&[22, 3, 1]);
        out.extend_from_slice(&u16::try_from(last).unwrap().to_be_bytes());
        out.extend(rest.drain(..last));
    }
    out
}

fn plain_client() -> Client {
    Client { name: "api.openai.com", sni: true, alpn: vec!["h2", "http/1.1"], versions: BOTH, groups: 0 }
}

#[test]
fn fields_of_a_modern_hello() {
    let bytes = plain_client().hello();
    let Parsed::Hello(hello) = parse(&bytes) else { panic!("{:?}", parse(&bytes)) };
    assert_eq!(hello.sni, Sni::Name(Host::parse("api.openai.com").unwrap()));
    assert!(hello.alpn.h2() && hello.alpn.http1() && !hello.alpn.other());
    assert!(hello.versions.tls13() && hello.versions.tls12() && !hello.versions.older());
    assert!(hello.post_quantum && !hello.offers_ech && !hello.early_data);
    assert_eq!(hello.total_len, bytes.len());
}

#[test]
fn tls12_only_and_no_name() {
    let client = Client { sni: false, alpn: vec![], versions: OLD, ..plain_client() };
    let Parsed::Hello(hello) = parse(&client.hello()) else { panic!() };
    assert_eq!(hello.sni, Sni::Absent);
    assert!(hello.alpn.is_absent() && hello.versions.tls12() && !hello.versions.tls13());
}

#[test]
fn every_prefix_is_incomplete() {
    let whole = plain_client().hello();
    for bytes in [whole.clone(), refragment(&whole, &[1]), refragment(&whole, &[3, 700, 2])] {
        let mut peeker = Peeker::default();
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Parsed::Incomplete, "at {cut}");
            assert_eq!(peeker.parse(&bytes[..cut]), Parsed::Incomplete, "incremental, at {cut}");
        }
        assert_eq!(peeker.parse(&bytes), parse(&bytes));
        assert!(matches!(parse(&bytes), Parsed::Hello(hello) if hello.total_len == bytes.len()));
    }
}

#[test]
fn bytes_after_the_hello_are_left_alone() {
    let mut bytes = plain_client().hello();
    let len = bytes.len();
    bytes.extend_from_slice(&[23, 3, 3, 0, 1, 0]);
    assert!(matches!(parse(&bytes), Parsed::Hello(hello) if hello.total_len == len));
}

#[test]
fn interleaved_and_empty_records_are_refused() {
    let whole = plain_client().hello();
    let mut bytes = refragment(&whole, &[100, 2000]);
    let second = 5 + 100;
    bytes[second] = 23;
    assert_eq!(parse(&bytes), Parsed::Malformed(Malformed::Interleaved(23)));
    bytes.splice(second.., [22, 3, 1, 0, 0]);
    assert_eq!(parse(&bytes), Parsed::Malformed(Malformed::EmptyRecord));
}

#[test]
fn what_is_not_tls_has_a_name() {
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n"[..], Parsed::NotTls(NotTls::Http1)),
        (b"DELETE ", Parsed::NotTls(NotTls::Http1)),
        (b"CONNECT ", Parsed::NotTls(NotTls::Connect)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Parsed::NotTls(NotTls::Http2)),
        (b"SSH-2.0-OpenSSH", Parsed::NotTls(NotTls::Ssh)),
        (b"PO", Parsed::Incomplete),
        (b"POX", Parsed::NotTls(NotTls::Unknown)),
        (b"\x15\x03\x01\x00\x02", Parsed::NotTls(NotTls::TlsRecord(21))),
        (b"\x16\x02", Parsed::NotTls(NotTls::Unknown)),
        (b"\x00\x00", Parsed::NotTls(NotTls::Unknown)),
        (b"\x16\x03\x01\x00\x04\x02", Parsed::Malformed(Malformed::NotClientHello(2))),
        (b"", Parsed::Incomplete),
    ] {
        assert_eq!(parse(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_hello_that_announces_too_much_is_refused_at_once() {
    let mut bytes = vec![22, 3, 1, 0, 4, 1, 0, 255, 255];
    assert_eq!(parse(&bytes), Parsed::TooLarge);
    bytes[6] = 255;
    assert_eq!(parse(&bytes), Parsed::TooLarge);
    // One byte a record: the headers count too.
    let mut drip = vec![];
    for byte in [1, 0, 60, 0].into_iter().chain(std::iter::repeat_n(0, 20_000)) {
        drip.extend_from_slice(&[22, 3, 1, 0, 1, byte]);
    }
    assert_eq!(parse(&drip), Parsed::TooLarge);
    assert!(matches!(parse(&drip[..60_000]), Parsed::Incomplete));
}

/// A hello with the given extension block content and nothing unusual otherwise.
fn hello_with(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend_from_slice(extensions);
    let mut message = vec![1, 0];
    message.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&body);
    refragment_message(&message)
}

fn refragment_message(message: &[u8]) -> Vec<u8> {
    let mut out = vec![22, 3, 1];
    out.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
    out.extend_from_slice(message);
    out
}

fn sni_extension(entries: &[(u8, &[u8])]) -> Vec<u8> {
    let mut list = vec![];
    for (kind, name) in entries {
        list.push(*kind);
        list.extend_from_slice(&u16::try_from(name.len()).unwrap().to_be_bytes());
        list.extend_from_slice(name);
    }
    let mut extension = vec![0, 0];
    extension.extend_from_slice(&u16::try_from(list.len() + 2).unwrap().to_be_bytes());
    extension.extend_from_slice(&u16::try_from(list.len()).unwrap().to_be_bytes());
    extension.extend_from_slice(&list);
    extension
}

#[test]
fn one_hello_never_shows_two_names() {
    let twice = [sni_extension(&[(0, b"a.example")]), sni_extension(&[(0, b"b.example")])].concat();
    assert_eq!(parse(&hello_with(&twice)), Parsed::Malformed(Malformed::DuplicateExtension(0)));
    let both = sni_extension(&[(0, b"a.example"), (0, b"b.example")]);
    assert_eq!(parse(&hello_with(&both)), Parsed::Malformed(Malformed::TwoNames));
}

#[test]
fn names_are_normalised_or_named_invalid() {
    let address = |text: &str| Sni::IpLiteral(text.parse().unwrap());
    for (raw, expected) in [
        (&b"API.OpenAI.com"[..], Sni::Name(Host::parse("api.openai.com").unwrap())),
        (b"api.openai.com.", Sni::Name(Host::parse("api.openai.com").unwrap())),
        (b"203.0.113.9", address("203.0.113.9")),
        (b"2001:db8::9", address("2001:db8::9")),
        (b"[2001:db8::9]", address("2001:db8::9")),
        (b".", Sni::Invalid(InvalidName::Empty)),
        (b"a..b", Sni::Invalid(InvalidName::Label)),
        (b"-a.example", Sni::Invalid(InvalidName::Label)),
        (b"api.openai.com\0.evil.example", Sni::Invalid(InvalidName::Character)),
        (b"*.example", Sni::Invalid(InvalidName::Character)),
        ("b\u{fc}cher.example".as_bytes(), Sni::Invalid(InvalidName::Character)),
        (b"\xff\xfe", Sni::Invalid(InvalidName::Character)),
        (b"1.2.3", Sni::Invalid(InvalidName::Numeric)),
        ([b'a'; 64].as_slice(), Sni::Invalid(InvalidName::Label)),
        ("a.".repeat(127).as_bytes(), Sni::Name(Host::parse(&"a.".repeat(127)).unwrap())),
        ("a.".repeat(128).as_bytes(), Sni::Invalid(InvalidName::TooLong)),
    ] {
        let Parsed::Hello(hello) = parse(&hello_with(&sni_extension(&[(0, raw)]))) else { panic!() };
        assert_eq!(hello.sni, expected, "{:?}", String::from_utf8_lossy(raw));
    }
    let Parsed::Hello(hello) = parse(&hello_with(&sni_extension(&[(9, b"x")]))) else { panic!() };
    assert_eq!(hello.sni, Sni::Invalid(InvalidName::NoHostName));
}

#[test]
fn encrypted_client_hello_and_early_data_are_seen() {
    let Parsed::Hello(hello) = parse(&hello_with(&[0xfe, 0x0d, 0, 1, 0, 0, 42, 0, 0])) else { panic!() };
    assert!(hello.offers_ech && hello.early_data && hello.sni == Sni::Absent);
}

#[test]
fn a_host_is_within_a_domain_by_labels() {
    let host = Host::parse("api.openai.com").unwrap();
    assert!(host.is_within("openai.com") && host.is_within("api.openai.com"));
    assert!(!host.is_within("penai.com") && !host.is_within("eu.api.openai.com"));
}

proptest! {
    #[test]
    fn agrees_with_rustls_on_real_hellos(client in clients(), sizes in prop::collection::vec(1..900usize, 0..6)) {
        let bytes = client.hello();
        let Parsed::Hello(hello) = parse(&bytes) else { return Err(TestCaseError::fail("not accepted")) };
        agrees(&bytes)?;
        let accepted = matches!(reference(&bytes), Reference::Hello { .. });
        prop_assert!(accepted);
        let pieces = refragment(&bytes, &sizes);
        agrees(&pieces)?;
        let Parsed::Hello(joined) = parse(&pieces) else { return Err(TestCaseError::fail("not joined")) };
        prop_assert_eq!(Hello { total_len: hello.total_len, ..joined }, hello);
    }

    #[test]
    fn agrees_with_rustls_on_mutated_hellos(
        client in clients(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..8),
        cut in any::<prop::sample::Index>(),
        truncate in prop::bool::weighted(0.2),
    ) {
        let mut bytes = client.hello();
        for (at, value, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] ^= 1 << (value & 7),
                1 => bytes[at] = value,
                2 => bytes.insert(at, value),
                _ => { bytes.remove(at); }
            }
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        agrees(&bytes)?;
    }

    /// Edits inside the extension that carries the name, where a difference would be a bypass.
    #[test]
    fn agrees_with_rustls_on_odd_names(
        entries in prop::collection::vec((0..2u8, prop::collection::vec(prop::sample::select(b"aA1-_.\0*".to_vec()), 0..12)), 0..3),
        sizes in prop::collection::vec(1..40usize, 0..4),
    ) {
        let entries: Vec<(u8, &[u8])> = entries.iter().map(|(kind, name)| (*kind, name.as_slice())).collect();
        // rustls wants signature schemes and groups before it accepts.
        let mut extensions = sni_extension(&entries);
        extensions.extend_from_slice(&[0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 29]);
        agrees(&refragment(&hello_with(&extensions), &sizes))?;
    }

    #[test]
    fn verdicts_do_not_depend_on_chunking(
        client in clients(),
        flip in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        sizes in prop::collection::vec(1..300usize, 0..4),
    ) {
        let mut bytes = refragment(&client.hello(), &sizes);
        if let Some((at, value)) = flip {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let mut peeker = Peeker::default();
        let mut verdict = Parsed::Incomplete;
        for cut in cuts {
            verdict = peeker.parse(&bytes[..cut]);
            prop_assert_eq!(&verdict, &parse(&bytes[..cut]));
            if verdict != Parsed::Incomplete {
                break;
            }
        }
        prop_assert_eq!(verdict, parse(&bytes));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), tls in any::<bool>()) {
        let mut bytes = bytes;
        if tls && bytes.len() > 6 {
            bytes[0] = 22;
            bytes[1] = 3;
            bytes[3] = 0;
            bytes[5] = 1;
        }
        agrees(&bytes)?;
    }
}
