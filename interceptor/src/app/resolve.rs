//! Learns the addresses of the catalogue's names by asking name servers, now and then.
//! Knows DNS over UDP. Does not know what an address is used for.
//!
//! A hint, never a decision: the ClientHello decides. A seed, so that a connection with an address from before the
//! daemon's start is caught. Names with a wildcard cannot be asked for; the kernel side learns them, and everything
//! else, from the answers to applications.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::whose::Sets;

/// How long one question may take, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 2;
/// Questions under way at once.
const PARALLEL: usize = 32;
/// More than any name server sends over UDP with the size that is asked for here.
const MAX_ANSWER: usize = 4096;

/// A name, and the number of the provider whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// In full, without a wildcard.
    pub name: Arc<str>,
    /// 0 if nobody asks.
    pub provider: u32,
}

/// Asks for a fixed set of names again and again, and remembers what was answered.
pub struct Learner {
    names: Arc<[Named]>,
    servers: Arc<[SocketAddr]>,
    keep: Duration,
    seen: HashMap<IpAddr, Seen>,
    sets: Sets,
}

/// An address that was answered.
struct Seen {
    at: Instant,
    /// For which names, and when.
    names: Vec<(Named, Instant)>,
    /// Whose it is by that.
    provider: u32,
}

impl Seen {
    fn new(at: Instant) -> Self {
        Self { at, names: Vec::new(), provider: 0 }
    }

    fn add(&mut self, named: Named, now: Instant) {
        match self.names.iter_mut().find(|(known, _)| *known == named) {
            Some((_, at)) => *at = now,
            None => self.names.push((named, now)),
        }
    }

    /// Works out whose it is, and says whether that has changed.
    fn settle(&mut self, sets: &mut Sets) -> bool {
        let provider = sets.number(self.names.iter().map(|(named, _)| named.provider));
        std::mem::replace(&mut self.provider, provider) != provider
    }
}

/// What was answered in one round.
#[derive(Debug, Default)]
pub struct Answers {
    addresses: Vec<(IpAddr, Named)>,
    unanswered: usize,
}

/// What one round has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Addresses not known before.
    pub added: Vec<IpAddr>,
    /// Addresses that were known before, and are not the same provider's any more.
    pub changed: Vec<IpAddr>,
    /// Addresses not seen for longer than they are kept.
    pub dropped: Vec<IpAddr>,
    /// Names that no server answered for: they keep the addresses known before.
    pub unanswered: usize,
}

impl Learner {
    /// Asks `servers` for `names`; an address is kept for `keep` after it was last seen.
    pub fn new(names: Vec<Named>, servers: Vec<SocketAddr>, keep: Duration) -> Self {
        Self {
            names: names.into(),
            servers: servers.into(),
            keep,
            seen: HashMap::new(),
            sets: Sets::default(),
        }
    }

    /// Asks for these names from the next round on. Addresses of names that are gone are kept for their time, but are
    /// nobody's from now on: what has changed by that is returned.
    pub fn ask_for(&mut self, names: Vec<Named>) -> Vec<IpAddr> {
        if *self.names == *names {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for (address, seen) in &mut self.seen {
            seen.names.retain(|(known, _)| names.contains(known));
            if seen.settle(&mut self.sets) {
                changed.push(*address);
            }
        }
        self.names = names.into();
        changed
    }

    /// Providers that have an address in common, or had one since the start.
    pub(super) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Whose an address is: one provider's, or that of [`Learner::sets`]; 0 if that is not known.
    pub fn provider(&self, address: IpAddr) -> u32 {
        self.seen.get(&address).map_or(0, |seen| seen.provider)
    }

    /// All that count as endpoints.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.seen.keys().copied().collect()
    }

    /// Whether an address was answered.
    pub fn knows(&self, address: IpAddr) -> bool {
        self.seen.contains_key(&address)
    }

    /// The names that an address was answered for.
    pub fn names_at(&self, address: IpAddr) -> Vec<Arc<str>> {
        let seen = self.seen.get(&address);
        seen.map_or(Vec::new(), |seen| seen.names.iter().map(|(named, _)| named.name.clone()).collect())
    }

    /// Takes over addresses that an earlier daemon has learned, as if they were seen now. Whose they are is asked anew.
    pub fn adopt(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        let now = Instant::now();
        self.seen.extend(addresses.into_iter().map(|address| (address, Seen::new(now))));
    }

    /// Addresses that count as endpoints.
    pub fn known(&self) -> usize {
        self.seen.len()
    }

    /// Asks for every name once. That takes a minute where several servers are silent, so that it is nobody's to wait for:
    /// the answers are for [`Learner::learn`].
    pub fn ask(&self) -> impl Future<Output = Answers> + Send + use<> {
        let (names, servers) = (self.names.clone(), self.servers.clone());
        async move {
            let mut answers = Answers::default();
            for names in names.chunks(PARALLEL) {
                let asked = names.iter().map(|named| ask(&servers, &named.name));
                for (answer, named) in futures_util::future::join_all(asked).await.into_iter().zip(names) {
                    match answer {
                        Some(addresses) => {
                            answers.addresses.extend(addresses.into_iter().map(|ip| (ip, named.clone())));
                        }
                        None => answers.unanswered += 1,
                    }
                }
            }
            answers
        }
    }

    /// Remembers what was answered, and forgets what was not for long.
    pub fn learn(&mut self, answers: Answers) -> Change {
        let now = Instant::now();
        let mut change = Change { unanswered: answers.unanswered, ..Change::default() };
        for (address, named) in answers.addresses {
            let seen = self.seen.entry(address).or_insert_with(|| {
                change.added.push(address);
                Seen::new(now)
            });
            seen.at = now;
            // Asked before the names were replaced.
            if self.names.contains(&named) {
                seen.add(named, now);
            }
        }
        let is_kept = |at: Instant| now.duration_since(at) < self.keep;
        self.seen.retain(|address, seen| {
            if !is_kept(seen.at) {
                change.dropped.push(*address);
                return false;
            }
            seen.names.retain(|(_, at)| is_kept(*at));
            if seen.settle(&mut self.sets) && !change.added.contains(address) {
                change.changed.push(*address);
            }
            true
        });
        change
    }
}

/// Both families of one name. `None` when nobody answered for either.
async fn ask(servers: &[SocketAddr], name: &str) -> Option<Vec<IpAddr>> {
    let mut name = Name::from_ascii(name).ok()?;
    // An answer repeats the question as a full name, and names are compared with that in mind.
    name.set_fqdn(true);
    let (v4, v6) =
        tokio::join!(query(servers, &name, RecordType::A), query(servers, &name, RecordType::AAAA));
    match (v4, v6) {
        (None, None) => None,
        (v4, v6) => Some(v4.into_iter().chain(v6).flatten().collect()),
    }
}

async fn query(servers: &[SocketAddr], name: &Name, kind: RecordType) -> Option<Vec<IpAddr>> {
    for _ in 0..TRIES {
        for server in servers {
            if let Ok(Ok(addresses)) = timeout(PATIENCE, exchange(*server, name, kind)).await {
                return Some(addresses);
            }
        }
    }
    None
}

/// One question to one server.
async fn exchange(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Vec<IpAddr>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A socket of its own for every question: the kernel picks an unpredictable port, and connect() keeps
    // strangers out.
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let id = u16::from_ne_bytes(random()?);
    let mut question = Message::new(id, MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    socket.send(&question.to_vec().map_err(io::Error::other)?).await?;
    let mut buffer = [0; MAX_ANSWER];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // What does not parse, or answers something else, was not meant for us; the right one may follow.
        let Ok(answer) = Message::from_vec(&buffer[..length]) else { continue };
        if answer.metadata.id != id || answer.queries != question.queries {
            continue;
        }
        return match answer.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(addresses(&answer)),
            code => Err(io::Error::other(format!("the name server answered {code}"))),
        };
    }
}

fn addresses(answer: &Message) -> Vec<IpAddr> {
    answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect()
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(bytes)
}

/// The name servers of a resolv.conf. Unknown lines are skipped, as every resolver does.
pub fn resolv_conf(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == "nameserver").then(|| words.next())??.parse::<IpAddr>().ok()
        })
        .map(|address| SocketAddr::new(address, 53))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_libc_does() {
        let text =
            "# comment\nnameserver 192.0.2.1\nnameserver 2001:db8::1\noptions ndots:5\nnameserver broken\n";
        let expected: Vec<SocketAddr> =
            vec!["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(resolv_conf(text), expected);
    }

    #[tokio::test]
    async fn a_silent_server_is_counted_and_does_not_hang() {
        tokio::time::pause();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        let names = vec![Named { name: "api.example".into(), provider: 1 }];
        let mut learner = Learner::new(names, vec![server], Duration::from_secs(60));
        let answers = learner.ask().await;
        assert_eq!(learner.learn(answers), Change { unanswered: 1, ..Change::default() });
    }

    fn named(name: &str, provider: u32) -> Named {
        Named { name: name.into(), provider }
    }

    fn answers(all: &[(&str, &Named)]) -> Answers {
        let addresses = all.iter().map(|(ip, named)| (ip.parse().unwrap(), (*named).clone())).collect();
        Answers { addresses, unanswered: 0 }
    }

    #[test]
    fn an_address_is_a_providers_while_all_its_names_are() {
        let (a, b, c) = (named("a.example", 1), named("b.example", 1), named("c.example", 2));
        let mut learner =
            Learner::new(vec![a.clone(), b.clone(), c.clone()], Vec::new(), Duration::from_secs(60));
        let ip: IpAddr = "203.0.113.1".parse().unwrap();
        let text = "203.0.113.1";
        let first = learner.learn(answers(&[(text, &a), (text, &b)]));
        assert_eq!((first.added, first.changed.len(), learner.provider(ip)), (vec![ip], 0, 1));
        assert_eq!(learner.names_at(ip), [a.name.clone(), b.name.clone()]);
        // Another one's name makes it both's, and it stays so although the next answer does not say it again.
        let second = learner.learn(answers(&[(text, &c)]));
        assert_eq!((second.added.len(), second.changed), (0, vec![ip]));
        let both = learner.provider(ip);
        assert_eq!(learner.sets().iter().collect::<Vec<_>>(), [(both, &[1, 2][..])]);
        assert_eq!(learner.learn(answers(&[(text, &a)])), Change::default());
        // Until that name is no endpoint's any more.
        assert_eq!(learner.ask_for(vec![a.clone(), b.clone()]), [ip]);
        assert_eq!(learner.provider(ip), 1);
        assert!(learner.ask_for(vec![a, b]).is_empty());
        // What was asked for under the old names says nothing.
        assert_eq!(learner.learn(answers(&[(text, &c)])), Change::default());
        assert_eq!(learner.provider(ip), 1);
    }

    #[test]
    fn addresses_of_an_earlier_daemon_are_nobodys_until_they_are_answered_again() {
        let a = named("a.example", 1);
        let mut learner = Learner::new(vec![a.clone()], Vec::new(), Duration::from_secs(60));
        let ip: IpAddr = "203.0.113.1".parse().unwrap();
        learner.adopt([ip]);
        assert_eq!((learner.knows(ip), learner.provider(ip)), (true, 0));
        assert_eq!(learner.learn(answers(&[("203.0.113.1", &a)])).changed, [ip]);
        assert_eq!(learner.provider(ip), 1);
    }
}
