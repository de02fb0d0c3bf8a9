//! The reader of DNS answers that the kernel side runs, beside hickory: whatever hickory builds or accepts, both find the
//! same addresses in it. `fuzz/fuzz_targets/dns.rs` asks the same of arbitrary bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

#[path = "dns/beside_hickory.rs"]
mod beside_hickory;

use beside_hickory::{check, reference};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

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
