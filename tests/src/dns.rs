//! The DNS server of the laboratory: answers from a zone that a test can change while it runs, over UDP and TCP,
//! and remembers what was asked. Knows the wire format. Does not know namespaces: it is given its sockets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Result, bail};
use hickory_proto::op::{Message, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Seconds that answers may be kept. Short: tests change the zone.
const TTL: u32 = 5;
/// An answer longer than this goes out truncated over UDP, so that the client asks again over TCP.
const UDP_LIMIT: usize = 512;
/// A chain of aliases longer than this is a mistake of the test.
const ALIASES: usize = 16;

/// Something the zone knows about a name.
#[derive(Clone, Debug)]
enum Entry {
    Address(IpAddr),
    Alias(String),
}

#[derive(Default)]
struct Inner {
    names: HashMap<String, Vec<Entry>>,
    asked: Vec<(String, RecordType)>,
}

/// The names of the laboratory's internet. Clones share the same content.
#[derive(Clone, Default)]
pub struct Zone(Arc<Mutex<Inner>>);

impl Zone {
    /// Adds an address to a name.
    pub fn address(&self, name: &str, address: impl Into<IpAddr>) {
        self.add(name, Entry::Address(address.into()));
    }

    /// Makes `name` an alias (CNAME) of `target`.
    pub fn alias(&self, name: &str, target: &str) {
        self.add(name, Entry::Alias(target.to_owned()));
    }

    /// Forgets a name: from now on it is NXDOMAIN.
    pub fn forget(&self, name: &str) {
        self.lock().names.remove(&canonical(name));
    }

    /// Every question so far, oldest first: lower-case name without the final dot, and type.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        self.lock().asked.clone()
    }

    fn add(&self, name: &str, entry: Entry) {
        self.lock().names.entry(canonical(name)).or_default().push(entry);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of the zone's lock panics")
    }

    /// Answers one message. `None` for something that is not a query at all.
    fn answer(&self, request: &[u8]) -> Option<Message> {
        let request = Message::from_vec(request).ok()?;
        let mut response = Message::response(request.metadata.id, OpCode::Query);
        response.metadata = Metadata::response_from_request(&request.metadata);
        response.metadata.recursion_available = true;
        let [query] = request.queries.as_slice() else {
            response.metadata.response_code = ResponseCode::FormErr;
            return Some(response);
        };
        response.add_query(query.clone());
        if self.resolve(query, &mut response).is_err() {
            response.metadata.response_code = ResponseCode::ServFail;
        }
        Some(response)
    }

    /// Follows aliases and adds the records asked for. A known name without such a record is an empty answer;
    /// that includes HTTPS (type 65), which the laboratory never publishes.
    fn resolve(&self, query: &Query, response: &mut Message) -> Result<()> {
        let mut zone = self.lock();
        let mut name = canonical(&query.name().to_ascii());
        zone.asked.push((name.clone(), query.query_type()));
        // The owner's name is repeated as it was asked, upper case and all.
        let mut owner = query.name().clone();
        for _ in 0..ALIASES {
            let Some(entries) = zone.names.get(&name) else {
                response.metadata.response_code = ResponseCode::NXDomain;
                return Ok(());
            };
            let mut next = None;
            for entry in entries {
                let data = match (entry, query.query_type()) {
                    (Entry::Address(IpAddr::V4(address)), RecordType::A) => RData::A(A(*address)),
                    (Entry::Address(IpAddr::V6(address)), RecordType::AAAA) => RData::AAAA(AAAA(*address)),
                    (Entry::Address(_), _) => continue,
                    (Entry::Alias(target), _) => {
                        next = Some(target.clone());
                        RData::CNAME(CNAME(Name::from_ascii(target)?))
                    }
                };
                response.add_answer(Record::from_rdata(owner.clone(), TTL, data));
            }
            let Some(target) = next else { return Ok(()) };
            owner = Name::from_ascii(&target)?;
            name = canonical(&target);
        }
        bail!("more than {ALIASES} aliases from {name}")
    }
}

fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// A running server. Dropping it ends its tasks and closes its sockets.
pub struct Server {
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves `zone` on sockets that are already bound, in whatever namespace they were made.
    pub fn start(
        zone: &Zone,
        udp: Vec<std::net::UdpSocket>,
        tcp: Vec<std::net::TcpListener>,
    ) -> Result<Self> {
        let mut tasks = JoinSet::new();
        for socket in udp {
            socket.set_nonblocking(true)?;
            tasks.spawn(datagrams(zone.clone(), UdpSocket::from_std(socket)?));
        }
        for listener in tcp {
            listener.set_nonblocking(true)?;
            tasks.spawn(streams(zone.clone(), TcpListener::from_std(listener)?));
        }
        Ok(Self { _tasks: tasks })
    }
}

async fn datagrams(zone: Zone, socket: UdpSocket) {
    let mut buffer = vec![0; 4096];
    // An error here is an ICMP answer to something we sent: the next datagram is still welcome.
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(answer) = zone.answer(&buffer[..length]) else { continue };
        let Ok(mut bytes) = answer.to_vec() else { continue };
        if bytes.len() > UDP_LIMIT {
            let Ok(short) = answer.truncate().to_vec() else { continue };
            bytes = short;
        }
        let _ = socket.send_to(&bytes, peer).await;
    }
}

async fn streams(zone: Zone, listener: TcpListener) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        open.spawn(conversation(zone.clone(), stream));
        while open.try_join_next().is_some() {}
    }
}

async fn conversation(zone: Zone, mut stream: TcpStream) -> Option<()> {
    loop {
        let length = stream.read_u16().await.ok()?;
        let mut request = vec![0; usize::from(length)];
        stream.read_exact(&mut request).await.ok()?;
        let answer = zone.answer(&request)?.to_vec().ok()?;
        stream.write_u16(u16::try_from(answer.len()).ok()?).await.ok()?;
        stream.write_all(&answer).await.ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

    fn ask(zone: &Zone, name: &str, kind: RecordType) -> Message {
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        zone.answer(&query.to_vec().unwrap()).unwrap()
    }

    #[test]
    fn a_name_has_the_addresses_it_was_given_whatever_its_case() {
        let zone = Zone::default();
        zone.address("api.openai.com", V4);
        zone.address("api.openai.com", Ipv6Addr::LOCALHOST);
        let answer = ask(&zone, "API.OpenAI.com.", RecordType::A);
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(answer.answers[0].data, RData::A(A(V4)));
        assert_eq!(ask(&zone, "api.openai.com.", RecordType::AAAA).answers.len(), 1);
        assert_eq!(zone.asked()[0], ("api.openai.com".to_owned(), RecordType::A));
    }

    #[test]
    fn aliases_are_followed_and_shown() {
        let zone = Zone::default();
        zone.alias("api.example.com", "edge.example.net");
        zone.address("edge.example.net", V4);
        let answer = ask(&zone, "api.example.com.", RecordType::A);
        let kinds: Vec<_> = answer.answers.iter().map(Record::record_type).collect();
        assert_eq!(kinds, [RecordType::CNAME, RecordType::A]);
    }

    #[test]
    fn a_loop_of_aliases_is_a_server_failure() {
        let zone = Zone::default();
        zone.alias("a.example", "b.example");
        zone.alias("b.example", "a.example");
        let answer = ask(&zone, "a.example.", RecordType::A);
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    }

    #[test]
    fn type_65_is_empty_and_an_unknown_name_does_not_exist() {
        let zone = Zone::default();
        zone.address("api.openai.com", V4);
        let answer = ask(&zone, "api.openai.com.", RecordType::HTTPS);
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 0));
        zone.forget("api.openai.com");
        let answer = ask(&zone, "api.openai.com.", RecordType::A);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }
}
