//! Holds the kernel side's reader of DNS answers to what hickory reads in the same bytes. Used by the tests with messages
//! that hickory builds, and by the fuzz target with arbitrary bytes; knows neither.

use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{DNSClass, RData};
use interceptor_common::Address;
use interceptor_common::dns::{self, Asked, Label, NameEdge, NameKey, State, Walked, World};

/// Reads one message; every name with a single label is known.
struct Memory<'m> {
    bytes: &'m [u8],
    state: State,
    learned: Vec<IpAddr>,
}

impl World for Memory<'_> {
    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }
    fn byte(&self, at: u32) -> u8 {
        self.bytes.get(at as usize).copied().unwrap_or(0)
    }
    fn edge(&self, key: &NameKey) -> Option<NameEdge> {
        let known = [(NameKey::ROOT, 1, 0), (NameKey::whole(1, Label::of(b"a")), 2, 1)];
        known.iter().find(|edge| edge.0 == *key).map(|edge| NameEdge { next: edge.1, provider: edge.2 })
    }
    fn learn(&mut self, address: Address) {
        self.learned.push(address.into());
    }
    fn state(&mut self) -> &mut State {
        &mut self.state
    }
}

/// Reads a message as the kernel side does, and holds it to what hickory says of it.
pub(crate) fn check(bytes: &[u8]) {
    let mut memory = Memory { bytes, state: State::NEW, learned: Vec::new() };
    let asked = dns::question(&mut memory);
    let walked = matches!(asked, Asked::Ours | Asked::Theirs).then(|| dns::answers(&mut memory));
    assert!(memory.learned.len() <= dns::MAX_RECORDS as usize);

    let Some(expected) = reference(bytes) else { return };
    assert_eq!(asked, Asked::Ours);
    match walked {
        Some(Walked::All) => assert_eq!(memory.learned, expected),
        Some(Walked::Bound) => assert!(expected.starts_with(&memory.learned)),
        other => panic!("hickory accepts what we do not: {other:?}"),
    }
}

/// The addresses that hickory finds in an answer about the name.
pub(crate) fn reference(bytes: &[u8]) -> Option<Vec<IpAddr>> {
    let message = Message::from_vec(bytes).ok()?;
    let metadata = &message.metadata;
    let [query] = message.queries.as_slice() else { return None };
    let is_ours = metadata.message_type == MessageType::Response
        && metadata.op_code == OpCode::Query
        && query.query_class() == DNSClass::IN
        && query.name().to_ascii().eq_ignore_ascii_case("a.");
    let records = message.answers.iter().filter(|record| record.dns_class == DNSClass::IN);
    let addresses = records.filter_map(|record| match &record.data {
        RData::A(address) => Some(IpAddr::from(address.0)),
        // Mapped addresses have one form with us.
        RData::AAAA(address) => Some(IpAddr::from(address.0).to_canonical()),
        _ => None,
    });
    is_ours.then(|| addresses.collect())
}
