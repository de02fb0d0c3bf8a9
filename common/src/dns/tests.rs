//! The reader over messages in memory: every shape that servers send, and the hostile ones.

extern crate std;
use super::*;
use std::collections::HashMap;
use std::net::IpAddr;
use std::string::{String, ToString as _};
use std::vec;
use std::vec::Vec;

const PROVIDER: u32 = 7;

/// A message, the names `api.example` and `*-x.example`, and what was learned.
struct Memory {
    bytes: Vec<u8>,
    edges: HashMap<NameKey, NameEdge>,
    state: State,
    learned: Vec<String>,
    /// Addresses of other names.
    others: Vec<String>,
}

impl World for Memory {
    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap()
    }
    fn byte(&self, at: u32) -> u8 {
        self.bytes.get(usize::try_from(at).unwrap()).copied().unwrap_or(0xaa)
    }
    fn edge(&self, key: &NameKey) -> Option<NameEdge> {
        self.edges.get(key).copied()
    }
    fn learn(&mut self, address: Address) {
        match self.state.provider() {
            PROVIDER => self.learned.push(address.to_string()),
            provider => {
                assert_eq!(provider, 0);
                self.others.push(address.to_string());
            }
        }
    }
    fn state(&mut self) -> &mut State {
        &mut self.state
    }
}

fn memory(bytes: &[u8]) -> Memory {
    let edge = |next, provider| NameEdge { next, provider };
    let edges = HashMap::from([
        (NameKey::ROOT, edge(1, 0)),
        (NameKey::whole(1, Label::of(b"example")), edge(2, 0)),
        (NameKey::whole(2, Label::of(b"api")), edge(3, PROVIDER)),
        (NameKey::tail(2, Label::of(b"-x")), edge(3, PROVIDER)),
        (NameKey::any(2), edge(4, 0)),
        (NameKey::whole(4, Label::of(b"deep")), edge(5, PROVIDER)),
    ]);
    Memory { bytes: bytes.to_vec(), edges, state: State::NEW, learned: Vec::new(), others: Vec::new() }
}

/// What reading the whole message comes to.
fn read(bytes: &[u8]) -> (Asked, Option<Walked>, Vec<String>) {
    let (asked, walked, memory) = read_all(bytes);
    (asked, walked, memory.learned)
}

fn read_all(bytes: &[u8]) -> (Asked, Option<Walked>, Memory) {
    let mut memory = memory(bytes);
    let asked = question(&mut memory);
    let walked = match asked {
        Asked::Ours | Asked::Theirs => Some(answers(&mut memory)),
        _ => None,
    };
    (asked, walked, memory)
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A record under an owner that is already on the wire.
fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 9], &length.to_be_bytes(), data].concat()
}

fn address(owner: &[u8], ip: &str) -> Vec<u8> {
    match ip.parse::<IpAddr>().unwrap() {
        IpAddr::V4(v4) => record(owner, 1, &v4.octets()),
        IpAddr::V6(v6) => record(owner, 28, &v6.octets()),
    }
}

const ASKED: [u8; 2] = [0xc0, 12];
const SUCCESS: u16 = 0x8180;

fn message(flags: u16, question: &str, kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap();
    let mut bytes = [[0x12, 0x34], flags.to_be_bytes(), [0, 1], count.to_be_bytes(), [0; 2], [0; 2]].concat();
    bytes.extend(name(question));
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(records.concat());
    bytes
}

fn learned(bytes: &[u8]) -> Vec<String> {
    let (_, walked, learned) = read(bytes);
    assert_eq!(walked, Some(Walked::All));
    learned
}

#[test]
fn both_families_are_learned() {
    let records = [address(&ASKED, "203.0.113.10"), address(&ASKED, "2001:db8::10")];
    assert_eq!(learned(&message(SUCCESS, "api.example", 1, &records)), ["203.0.113.10", "2001:db8::10"]);
}

#[test]
fn case_does_not_count() {
    let records = [address(&ASKED, "203.0.113.10")];
    assert_eq!(learned(&message(SUCCESS, "aPi.EXampLE", 1, &records)), ["203.0.113.10"]);
}

#[test]
fn the_end_of_a_chain_of_aliases_is_learned() {
    let edge = name("edge.elsewhere.test");
    let records = [record(&ASKED, 5, &edge), address(&edge, "203.0.113.11")];
    assert_eq!(learned(&message(SUCCESS, "api.example", 1, &records)), ["203.0.113.11"]);
}

#[test]
fn wildcards_match_whole_labels_and_tails() {
    let records = [address(&ASKED, "203.0.113.10")];
    for ours in ["api.example", "eu-west-x.example", "deep.any.example"] {
        assert_eq!(learned(&message(SUCCESS, ours, 1, &records)).len(), 1, "{ours}");
    }
    let long = ["a."; 14].concat();
    let too_long = ["a."; 15].concat();
    let others = [
        "example",
        "apis.example",
        "x.example",
        "a.api.example",
        "api.example.test",
        "any.example",
        &std::format!("{long}api.example"),
        &std::format!("{too_long}api.example"),
        "",
    ];
    for other in others {
        let (asked, walked, memory) = read_all(&message(SUCCESS, other, 1, &records));
        assert_eq!((asked, walked, memory.learned.len()), (Asked::Theirs, Some(Walked::All), 0), "{other}");
        assert_eq!(memory.others.len(), records.len(), "{other}");
    }
}

#[test]
fn what_is_no_answer_is_let_be() {
    let records = [address(&ASKED, "203.0.113.10")];
    let query = message(0x0100, "api.example", 1, &records);
    let update = message(SUCCESS | 5 << 11, "api.example", 1, &records);
    let mut two = message(SUCCESS, "api.example", 1, &records);
    two[5] = 2;
    for other in [query, update, two] {
        assert_eq!(read(&other).0, Asked::Other);
    }
}

#[test]
fn other_records_and_classes_are_skipped() {
    let mut chaos = address(&ASKED, "203.0.113.66");
    chaos[5] = 3;
    let records = [record(&ASKED, 46, &[9; 40]), chaos, address(&ASKED, "203.0.113.10")];
    assert_eq!(learned(&message(SUCCESS, "api.example", 1, &records)), ["203.0.113.10"]);
}

#[test]
fn a_name_that_points_at_itself_is_not_followed() {
    let here = u8::try_from(message(SUCCESS, "api.example", 1, &[]).len()).unwrap();
    let records = [record(&[0xc0, here], 5, &[0xc0, here]), address(&[0xc0, here], "203.0.113.10")];
    assert_eq!(learned(&message(SUCCESS, "api.example", 1, &records)), ["203.0.113.10"]);
}

#[test]
fn a_compressed_question_is_broken() {
    let mut bytes = message(SUCCESS, "api.example", 1, &[]);
    bytes[12] = 0xc0;
    assert_eq!(read(&bytes).0, Asked::Broken);
}

#[test]
fn more_records_than_the_bound_are_told() {
    let records: Vec<_> = (0..70).map(|n| address(&ASKED, &std::format!("203.0.113.{n}"))).collect();
    let (_, walked, learned) = read(&message(SUCCESS, "api.example", 1, &records));
    assert_eq!((walked, learned.len()), (Some(Walked::Bound), 64));
    let fits = &records[..64];
    let (_, walked, learned) = read(&message(SUCCESS, "api.example", 1, fits));
    assert_eq!((walked, learned.len()), (Some(Walked::All), 64));
}

#[test]
fn more_turns_than_the_bound_are_told() {
    let owner = name(&["a"; 100].join("."));
    let records: Vec<_> = (0..3).map(|n| address(&owner, &std::format!("203.0.113.{n}"))).collect();
    let (_, walked, learned) = read(&message(SUCCESS, "api.example", 1, &records));
    assert_eq!((walked, learned.len()), (Some(Walked::Bound), 2));
}

#[test]
fn a_truncated_answer_says_so_and_gives_what_it_has() {
    for (flags, is_truncated) in [(SUCCESS, false), (SUCCESS | 0x0200, true)] {
        let bytes = message(flags, "api.example", 1, &[address(&ASKED, "203.0.113.10")]);
        let mut memory = memory(&bytes);
        assert_eq!(question(&mut memory), Asked::Ours);
        assert_eq!(memory.state.is_truncated(), is_truncated);
        assert_eq!(learned(&bytes).len(), 1);
    }
}

#[test]
fn only_a_service_answer_with_records_is_one() {
    let is_service = |kind, flags, records: &[Vec<u8>]| {
        let mut memory = memory(&message(flags, "api.example", kind, records));
        assert_eq!(question(&mut memory), Asked::Ours);
        memory.state.is_service()
    };
    let service = [record(&ASKED, HTTPS, &[0, 1, 0])];
    assert!(is_service(HTTPS, SUCCESS, &service));
    assert!(!is_service(HTTPS, SUCCESS, &[]));
    assert!(!is_service(HTTPS, SUCCESS | 3, &service));
    assert!(!is_service(1, SUCCESS, &service));
}

#[test]
fn an_address_of_the_wrong_length_is_broken() {
    for (kind, data) in [(1, vec![1; 5]), (28, vec![1; 4])] {
        let records = [record(&ASKED, kind, &data)];
        assert_eq!(read(&message(SUCCESS, "api.example", kind, &records)).1, Some(Walked::Broken));
    }
}

#[test]
fn every_prefix_is_broken_and_invents_nothing() {
    let records = [address(&ASKED, "203.0.113.10"), address(&name("b.test"), "2001:db8::10")];
    let whole = message(SUCCESS, "api.example", 1, &records);
    let all = learned(&whole);
    for cut in 0..whole.len() {
        let (asked, walked, learned) = read(&whole[..cut]);
        assert!(asked == Asked::Broken || walked == Some(Walked::Broken), "{cut}");
        assert!(all.starts_with(&learned), "{cut}");
    }
}

#[test]
fn no_byte_anywhere_makes_it_panic() {
    let records = [address(&ASKED, "203.0.113.10"), address(&name("b.test"), "2001:db8::10")];
    let whole = message(SUCCESS, "api.example", 1, &records);
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut changed = whole.clone();
            changed[at] = byte;
            let (_, _, learned) = read(&changed);
            assert!(learned.len() <= 64);
        }
    }
}
