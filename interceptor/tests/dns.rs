//! The reader of DNS answers that the kernel side runs, beside hickory: whatever hickory builds or accepts, both find the
//! same addresses in it. `fuzz/fuzz_targets/dns.rs` asks the same of arbitrary bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use interceptor_common::Address;
use interceptor_common::dns::{self, Asked, Label, NameEdge, NameKey, State, Walked, World};
use proptest::prelude::*;

/// Reads one message; every name with a single label is known.
struct Memory<'m> {
    bytes: &'m [u8],
    state: State,
    learned: Vec<IpAddr>,
}

impl World for Memory<'_> {
    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap()
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
fn check(bytes: &[u8]) {
    let mut memory = Memory { bytes, state: State::NEW, learned: Vec::new() };
    let asked = dns::question(&mut memory);
    let walked = (asked == Asked::Ours).then(|| dns::answers(&mut memory));
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
fn reference(bytes: &[u8]) -> Option<Vec<IpAddr>> {
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

fn record() -> impl Strategy<Value = Record> {
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| RData::A(A(ip.into()))),
        any::<[u8; 16]>().prop_map(|ip| RData::AAAA(AAAA(ip.into()))),
        "[a-z]{1,9}(\\.[a-z]{1,9}){0,4}".prop_map(|name| RData::CNAME(CNAME(full(&name)))),
        "[a-z]{0,99}".prop_map(|text| RData::TXT(TXT::new(vec![text]))),
    ];
    ("[a-z]{1,9}(\\.[a-z]{1,9}){0,4}", data)
        .prop_map(|(owner, data)| Record::from_rdata(full(&owner), 1, data))
}

fn full(name: &str) -> Name {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    name
}

fn message(name: &str, records: Vec<Record>) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.add_query(Query::query(full(name), RecordType::A));
    for record in records {
        message.add_answer(record);
    }
    message.to_vec().unwrap()
}

proptest! {
    #[test]
    fn both_find_the_same_addresses(
        name in "[aA]",
        records in prop::collection::vec(record(), 0..70),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = message(&name, records);
        prop_assert!(reference(&bytes).is_some());
        check(&bytes);
        check(&bytes[..cut.index(bytes.len())]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            check(&bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_to_some_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes);
    }
}
