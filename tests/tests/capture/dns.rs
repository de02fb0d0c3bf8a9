//! Addresses learned from DNS answers before the application sees them, by real resolvers of real programs and by
//! messages that are crafted byte for byte.

use crate::bed::{App, Bed, ENDPOINTS, OTHERS, Probe, at, ip};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use interceptor_common::{Counter, EventKind};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::dns::{Server, Zone};
use interceptor_tests::place::Place;
use interceptor_tests::{gate, require_kernel};
use nix::time::{ClockId, clock_gettime};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The resolvers that are believed, and one that is not.
const RESOLVERS: [&str; 2] = ["203.0.113.53", "2001:db8::53"];
const STRANGER: &str = "203.0.113.54";
/// A name that is written out in the catalogue, and one that a pattern covers.
pub(crate) const NAME: &str = "api.openai.com";
const COVERED: &str = "corp.openai.azure.com";
const PATIENCE: Duration = Duration::from_secs(20);

/// A bed without endpoints, in which names are learned and the world has name servers.
pub(crate) fn bed() -> Bed {
    let bed = Bed::new();
    for endpoint in ENDPOINTS {
        bed.capture.remove_address(ip(endpoint)).unwrap();
    }
    for server in RESOLVERS.into_iter().chain([STRANGER]) {
        let length = if server.contains(':') { 64 } else { 24 };
        bed.world.add_addresses("wire", &[&format!("{server}/{length}")]);
    }
    let names = [(NAME, 1), ("*.openai.azure.com", 2)];
    bed.capture.learning().set_names(names.into_iter()).unwrap();
    bed.capture.learning().set_resolvers(&RESOLVERS.map(ip)).unwrap();
    bed
}

fn is_learned(bed: &Bed, address: &str) -> bool {
    bed.capture.learning().learned(ip(address)).unwrap().is_some()
}

fn datagrams(bed: &Bed, server: &str) -> UdpSocket {
    let bind = || UdpSocket::bind(SocketAddr::new(ip(server), 53));
    // A process that another test has forked, and that is not its own program yet, has a copy of every descriptor: a
    // socket that was closed here a moment ago may hold the port for as long as that takes.
    let until = Instant::now() + PATIENCE;
    let socket = bed.world.run(|| {
        loop {
            match bind() {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                    std::thread::yield_now();
                }
                bound => break bound.unwrap(),
            }
        }
    });
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn asker(bed: &Bed, words: &[&str]) -> Child {
    let mut command = bed.app.namespace.command(env!("CARGO_BIN_EXE_asker"));
    bed.apps.adopt(&mut command);
    command.args(words).stdout(Stdio::piped()).spawn().unwrap()
}

/// What the application printed, once it has ended well.
fn said(asker: Child) -> Vec<String> {
    let output = asker.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An application asks the first resolver and is sent these messages, each by the given server. Returns those that
/// it received.
fn answered(bed: &Bed, answers: &[(&str, Vec<u8>)], received: usize) -> Vec<String> {
    let resolver = datagrams(bed, RESOLVERS[0]);
    let server = at(RESOLVERS[0], 53).0;
    let asker = asker(bed, &["--answers", &received.to_string(), "00", &server]);
    let (_, client) = resolver.recv_from(&mut [0; 16]).unwrap();
    let stranger = datagrams(bed, STRANGER);
    for (from, message) in answers {
        let socket = if *from == STRANGER { &stranger } else { &resolver };
        socket.send_to(message, client).unwrap();
    }
    said(asker)
}

/// The same for one message of the first resolver.
pub(crate) fn answered_by_one(bed: &Bed, message: &Message) {
    let bytes = message.to_vec().unwrap();
    let whole = hexadecimal(&bytes);
    assert_eq!(answered(bed, &[(RESOLVERS[0], bytes)], 1), [whole]);
}

pub(crate) fn message(name: &str, kind: RecordType, records: Vec<Record>) -> Message {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.metadata.response_code = ResponseCode::NoError;
    message.add_query(Query::query(full(name), kind));
    for record in records {
        message.add_answer(record);
    }
    message
}

fn full(name: &str) -> Name {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    name
}

pub(crate) fn record(owner: &str, address: &str) -> Record {
    let data = match ip(address) {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    };
    Record::from_rdata(full(owner), 1, data)
}

/// A zone served by the first resolver as long as it is held.
struct World {
    zone: Zone,
    folder: tempfile::TempDir,
    _server: Server,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(bed: &Bed) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let zone = Zone::default();
        let address = SocketAddr::new(ip(RESOLVERS[0]), 53);
        let udp = bed.world.run(|| UdpSocket::bind(address)).unwrap();
        let tcp = bed.world.run(|| TcpListener::bind(address)).unwrap();
        let server = {
            let _inside = runtime.enter();
            Server::start(&zone, vec![udp], vec![tcp]).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("resolv.conf"), format!("nameserver {}\n", RESOLVERS[0])).unwrap();
        Self { zone, folder, _server: server, _runtime: runtime }
    }

    /// A command in the application's namespace and cgroup that asks this world's resolver.
    fn command(&self, app: &App, cgroup: &Cgroup, program: &str) -> Command {
        let resolver = self.folder.path().join("resolv.conf");
        let place = Place::new(&app.namespace).bind(&resolver, Path::new("/etc/resolv.conf")).unwrap();
        let mut command = place.command(program);
        cgroup.adopt(&mut command);
        command
    }
}

#[test]
fn the_first_connection_after_the_first_look_up_is_redirected() {
    require_kernel!();
    let bed = bed();
    let world = World::new(&bed);
    for (name, endpoint) in [(NAME, ENDPOINTS[0]), (COVERED, ENDPOINTS[1])] {
        world.zone.address(name, ip(endpoint));
        let command = world.command(&bed.app, &bed.apps, env!("CARGO_BIN_EXE_probe"));
        // The look-up is getaddrinfo of the C library that this machine has.
        let probe = Probe::of(command, &["--name", name, "0.0.0.0:443"]);
        let destination = SocketAddr::new(ip(endpoint), 443);
        assert_eq!((probe.error, probe.peer), (None, Some(destination)));
        let flow = bed.accept().flow.expect("the flow was entered");
        assert_eq!(IpAddr::from(flow.destination), destination.ip());
    }
    assert_eq!((bed.count(Counter::OtherAddress), bed.count(Counter::Redirected)), (0, 2));
    assert_eq!((bed.count(Counter::DnsLearned), bed.count(Counter::DnsStranger)), (2, 0));
}

#[test]
fn other_names_teach_nothing() {
    require_kernel!();
    let bed = bed();
    answered_by_one(
        &bed,
        &message("www.example.com", RecordType::A, vec![record("www.example.com", OTHERS[0])]),
    );
    assert!(!is_learned(&bed, OTHERS[0]));
    assert_eq!(bed.count(Counter::DnsAnswer), 0);
}

#[test]
fn names_can_be_replaced_while_running() {
    require_kernel!();
    let bed = bed();
    let (old, new) = (
        message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]),
        message("api.example.com", RecordType::A, vec![record("api.example.com", OTHERS[0])]),
    );
    for round in 1..4 {
        bed.capture.learning().set_names([("api.example.com", round)].into_iter()).unwrap();
        answered_by_one(&bed, &old);
        answered_by_one(&bed, &new);
        assert!(!is_learned(&bed, ENDPOINTS[0]));
        let learned = bed.capture.learning().learned(ip(OTHERS[0])).unwrap().unwrap();
        assert_eq!(learned.provider, round);
    }
}

#[test]
fn what_is_in_no_answer_any_more_is_forgotten() {
    require_kernel!();
    let bed = bed();
    answered_by_one(&bed, &message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]));
    let learning = bed.capture.learning();
    let young = learning.sweep(Duration::from_secs(3600)).unwrap();
    assert_eq!((young.seen, young.removed, learning.count().unwrap()), (1, 0, 1));
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap());
    let learned = Duration::from_nanos(learning.learned(ip(ENDPOINTS[0])).unwrap().unwrap().at);
    assert!(learned <= now && now - learned < PATIENCE);

    // Seen again, it is not new, and is as old as the last answer.
    answered_by_one(&bed, &message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]));
    let again = Duration::from_nanos(learning.learned(ip(ENDPOINTS[0])).unwrap().unwrap().at);
    assert!(again > learned);
    assert_eq!(bed.count(Counter::DnsLearned), 1);
    assert_eq!(learning.sweep(Duration::ZERO).unwrap().removed, 1);
    assert_eq!(learning.count().unwrap(), 0);
}

#[test]
fn case_22_an_address_that_was_never_looked_up_is_no_endpoint_and_a_kept_one_is_after_its_ttl() {
    require_kernel!();
    let bed = bed();
    // An IP literal, /etc/hosts or an answer that came some other way: in `hint` mode nothing says what it is.
    assert_eq!(bed.probe(&[&at(ENDPOINTS[0], 443).0]).error, None);
    bed.accept_at_origin();
    assert_eq!(bed.count(Counter::OtherAddress), 1);

    // An application that goes on using an address after its TTL, which is a second here, is redirected until the
    // daemon forgets the address, which it does hours later.
    answered_by_one(&bed, &message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]));
    assert_eq!(bed.capture.learning().sweep(Duration::from_secs(3600)).unwrap().removed, 0);
    let _probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn case_23_every_shape_of_answer_teaches() {
    require_kernel!();
    let bed = bed();
    // A chain of aliases whose end has both families, asked for in mixed case.
    let alias = |from: &str, to: &str| Record::from_rdata(full(from), 1, RData::CNAME(CNAME(full(to))));
    let chain = vec![
        alias("aPi.OPENAI.cOm", "edge.example.net"),
        alias("edge.example.net", "a.b.c.example.org"),
        record("a.b.c.example.org", ENDPOINTS[0]),
        record("a.b.c.example.org", ENDPOINTS[1]),
    ];
    answered_by_one(&bed, &message("aPi.OPENAI.cOm", RecordType::A, chain));
    assert!(is_learned(&bed, ENDPOINTS[0]) && is_learned(&bed, ENDPOINTS[1]));

    // More than 16 answers, and more than are looked at.
    let many = |n: u8| (0..n).map(|host| record(NAME, &format!("198.51.100.{host}"))).collect();
    answered_by_one(&bed, &message(NAME, RecordType::A, many(40)));
    assert!(is_learned(&bed, "198.51.100.0") && is_learned(&bed, "198.51.100.39"));
    assert_eq!(bed.count(Counter::DnsBound), 0);
    answered_by_one(&bed, &message(NAME, RecordType::A, many(80)));
    assert!(is_learned(&bed, "198.51.100.63") && !is_learned(&bed, "198.51.100.64"));
    assert_eq!((bed.count(Counter::DnsBound), bed.count(Counter::DnsBroken)), (1, 0));
}

#[test]
fn case_23_hostile_answers_do_no_harm_and_are_counted() {
    require_kernel!();
    let bed = bed();
    let whole = message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]).to_vec().unwrap();
    // The owner's name points at itself.
    let owner = whole.len() - 16;
    let mut circle = whole.clone();
    circle[owner..owner + 2].copy_from_slice(&[0xc0, u8::try_from(owner).unwrap()]);
    // The question does, which no server would send.
    let mut compressed = whole.clone();
    compressed[12..14].copy_from_slice(&[0xc0, 12]);
    // More records are announced than follow, and the data is longer than the message.
    let (mut short, mut long) = (whole.clone(), whole.clone());
    short[7] = 9;
    let length = long.len() - 5;
    long[length] = 200;
    let cut = whole[..5].to_vec();
    let answers = [circle, compressed, short, long, cut].map(|bytes| (RESOLVERS[0], bytes));
    let received = answered(&bed, &answers, answers.len());
    assert_eq!(received, answers.each_ref().map(|(_, bytes)| hexadecimal(bytes)), "all of them arrive");
    assert!(is_learned(&bed, ENDPOINTS[0]));
    assert_eq!(bed.count(Counter::DnsBroken), 4);
    assert_eq!(bed.capture.learning().count().unwrap(), 1);
}

#[test]
fn case_23_a_spoofed_answer_teaches_nothing_and_is_told() {
    require_kernel!();
    let mut bed = bed();
    let mut events = bed.capture.take_events().unwrap();
    let spoofed = message(NAME, RecordType::A, vec![record(NAME, OTHERS[0])]).to_vec().unwrap();
    let received = answered(&bed, &[(STRANGER, spoofed.clone())], 1);
    assert_eq!(received, [hexadecimal(&spoofed)]);
    assert!(!is_learned(&bed, OTHERS[0]));
    assert_eq!((bed.count(Counter::DnsStranger), bed.count(Counter::DnsLearned)), (1, 0));
    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::DnsStranger));
    assert_eq!((IpAddr::from(event.destination), event.cgroup), (ip(STRANGER), bed.apps.id()));

    // The workload's own server, on its own loopback device.
    let own = bed.app.namespace.run(|| UdpSocket::bind("127.0.0.1:53")).unwrap();
    own.set_read_timeout(Some(PATIENCE)).unwrap();
    let asker = asker(&bed, &["00", "127.0.0.1:53"]);
    let (_, client) = own.recv_from(&mut [0; 16]).unwrap();
    own.send_to(&spoofed, client).unwrap();
    assert_eq!(said(asker), [hexadecimal(&spoofed)]);
    assert_eq!((bed.count(Counter::DnsStranger), bed.count(Counter::DnsLearned)), (2, 0));
}

#[test]
fn case_23_a_truncated_answer_is_followed_to_tcp() {
    require_kernel!();
    let bed = bed();
    let world = World::new(&bed);
    // More than 512 bytes: over UDP the server sends the head alone.
    for host in 0..60 {
        world.zone.address(NAME, ip(&format!("198.51.100.{host}")));
    }
    let mut command = world.command(&bed.app, &bed.apps, "/usr/bin/getent");
    let output = command.args(["ahostsv4", NAME]).output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.contains("198.51.100.59 "), "{found}");
    for host in 0..60 {
        assert!(is_learned(&bed, &format!("198.51.100.{host}")), "{host}");
    }
    assert!(bed.count(Counter::DnsTruncated) >= 1);
}

#[test]
fn case_23_over_tcp_a_segment_with_the_whole_message_is_read_and_another_is_counted() {
    require_kernel!();
    let bed = bed();
    let listener = bed.world.run(|| TcpListener::bind(SocketAddr::new(ip(RESOLVERS[1]), 53))).unwrap();
    let answer = message(NAME, RecordType::AAAA, vec![record(NAME, ENDPOINTS[1])]).to_vec().unwrap();
    let prefix = u16::try_from(answer.len()).unwrap().to_be_bytes();
    let serve = |parts: &[&[u8]]| {
        let server = at(RESOLVERS[1], 53).0;
        let asker = asker(&bed, &["--tcp", "00", &server]);
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        for part in parts {
            stream.write_all(part).unwrap();
        }
        drop(stream);
        assert_eq!(said(asker), [hexadecimal(&parts.concat())]);
        bed.capture.learning().sweep(Duration::ZERO).unwrap().removed
    };
    assert_eq!(serve(&[&[&prefix[..], &answer].concat()]), 1);
    // The length in a segment of its own.
    assert_eq!(serve(&[&prefix, &answer]), 1);
    let unread = bed.count(Counter::DnsUnread);
    let half = answer.len() / 2;
    assert_eq!(serve(&[&[&prefix[..], &answer[..half]].concat(), &answer[half..]]), 0);
    assert!(bed.count(Counter::DnsUnread) > unread);
}

#[test]
fn an_https_answer_about_an_endpoint_is_dropped_and_nothing_else() {
    require_kernel!();
    let bed = bed();
    let https = RecordType::HTTPS;
    let service = |name: &str| {
        let data = hickory_proto::rr::rdata::NULL::with(vec![0, 1, 0]);
        let data = RData::Unknown { code: https, rdata: data };
        message(name, https, vec![Record::from_rdata(full(name), 1, data)]).to_vec().unwrap()
    };
    let empty = message(NAME, https, Vec::new()).to_vec().unwrap();
    let address = message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]).to_vec().unwrap();
    let (ours, other) = (service(NAME), service("www.example.com"));
    let sent = [&ours, &empty, &ours, &other, &address].map(|bytes| (RESOLVERS[0], bytes.clone()));
    // UDP keeps the order on one wire: what is not among the first three was dropped.
    let received = answered(&bed, &sent, 3);
    assert_eq!(received, [&empty, &other, &address].map(|bytes| hexadecimal(bytes)));
    assert_eq!(bed.count(Counter::DnsServiceDropped), 2);
}

#[test]
fn a_full_table_is_told_and_what_is_known_stays() {
    require_kernel!();
    let mut bed = bed();
    let mut events = bed.capture.take_events().unwrap();
    // 64 messages of 32 addresses each, 32 times: as many as there is room for.
    for block in 0..32_u32 {
        let part = |part: u32| {
            let host = |host: u32| format!("2001:db8::{:x}:{:x}", block + 1, part * 32 + host);
            let records = (0..32).map(|n| record(NAME, &host(n))).collect();
            (RESOLVERS[0], message(NAME, RecordType::AAAA, records).to_vec().unwrap())
        };
        answered(&bed, &(0..64).map(part).collect::<Vec<_>>(), 64);
    }
    assert_eq!((bed.count(Counter::DnsFull), bed.count(Counter::DnsLearned)), (0, 65_536));
    answered_by_one(&bed, &message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]));
    assert!(!is_learned(&bed, ENDPOINTS[0]));
    assert!(is_learned(&bed, "2001:db8::1:0") && is_learned(&bed, "2001:db8::20:7ff"));
    assert_eq!((bed.count(Counter::DnsFull), bed.count(Counter::DnsLearned)), (1, 65_536));
    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::DnsFull));
    assert_eq!(IpAddr::from(event.destination), ip(ENDPOINTS[0]));
}

/// Look-up and connection by programs as they are. None of them asks for HTTPS records, so that none can wait for one.
#[test]
fn real_clients_are_redirected_at_their_first_connection() {
    require_kernel!();
    let bed = bed();
    let world = World::new(&bed);
    let connect = "require('net').connect(443, process.argv[1]).on('connect', () => process.exit(0))";
    let python = "import socket, sys; socket.create_connection((sys.argv[1], 443))";
    let go = gate::go_client();
    if !gate::passes(go.as_ref().map(drop).map_err(Clone::clone)) {
        return;
    }
    let go = go.unwrap().to_string_lossy().into_owned();
    let clients: [(&str, &[&str]); 4] = [
        (&go, &[]),
        ("/usr/bin/curl", &["--silent", "--max-time", "20", "--output", "/dev/null"]),
        ("/usr/bin/node", &["-e", connect]),
        ("/usr/bin/python3", &["-c", python]),
    ];
    for (number, (program, words)) in (10..).zip(clients) {
        if !gate::passes(gate::program(program)) {
            continue;
        }
        let name = format!("client{number}.openai.azure.com");
        let (v4, v6) = (format!("203.0.113.{number}"), format!("2001:db8::{number}"));
        world.zone.address(&name, ip(&v4));
        world.zone.address(&name, ip(&v6));
        let mut command = world.command(&bed.app, &bed.apps, program);
        let target = if program.ends_with("curl") { format!("https://{name}/") } else { name.clone() };
        let mut child = command.args(words).arg(target).stdout(Stdio::null()).spawn().unwrap();
        let accepted = bed.accept();
        let destination = IpAddr::from(accepted.flow.expect("the flow was entered").destination);
        assert!([ip(&v4), ip(&v6)].contains(&destination), "{program} went to {destination}");
        drop(accepted.stream);
        child.wait().unwrap();
        let kinds: Vec<_> = world.zone.asked().into_iter().filter(|(asked, _)| *asked == name).collect();
        assert!(kinds.iter().all(|(_, kind)| *kind != RecordType::HTTPS), "{program} asked {kinds:?}");
    }
    assert_eq!(bed.count(Counter::OtherAddress), 0);
}
