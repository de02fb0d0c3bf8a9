//! Addresses of crypto-currencies in a text. A word of 25 characters and more is read once; its first characters say
//! which coin's sum to compute.

use super::super::check::coin::{self, Coin};
use super::super::metadata::{Detector, personal_id};
use super::super::number::may_begin;
use super::super::sample::SampleSource;
use super::super::text::{Peek, Text, Verdict};
use super::super::{Confidence, DetectorId, Finding, Work};
use super::kind::Topic;
use super::personal;
use super::words::{Heard, Meaning, Near};
use crate::wide;

const BITCOIN: DetectorId = personal_id("pii.bitcoin_address");
const ETHEREUM: DetectorId = personal_id("pii.ethereum_address");
const LITECOIN: DetectorId = personal_id("pii.litecoin_address");
const DOGECOIN: DetectorId = personal_id("pii.dogecoin_address");
const DASH: DetectorId = personal_id("pii.dash_address");
const TRON: DetectorId = personal_id("pii.tron_address");
const RIPPLE: DetectorId = personal_id("pii.ripple_address");
const CARDANO: DetectorId = personal_id("pii.cardano_address");
const COSMOS: DetectorId = personal_id("pii.cosmos_address");
const MONERO: DetectorId = personal_id("pii.monero_address");
const SOLANA: DetectorId = personal_id("pii.solana_address");

const SUM: &[&str] = &["base58 or bech32 alphabet", "checksum of the address"];

pub(super) const OWN: [Detector; 11] = [
    personal("pii.bitcoin_address", "BITCOIN_ADDRESS", "an address of Bitcoin", SUM, |s| legacy(s, 0)),
    personal(
        "pii.ethereum_address",
        "ETHEREUM_ADDRESS",
        "an address of Ethereum and its kin",
        &["40 hexadecimal digits", "EIP-55 case"],
        |s| format!("0x{}", coin::write_ethereum(&s.text(b"0123456789abcdef", 40))),
    ),
    personal("pii.litecoin_address", "LITECOIN_ADDRESS", "an address of Litecoin", SUM, |s| legacy(s, 48)),
    personal("pii.dogecoin_address", "DOGECOIN_ADDRESS", "an address of Dogecoin", SUM, |s| legacy(s, 30)),
    personal("pii.dash_address", "DASH_ADDRESS", "an address of Dash", SUM, |s| legacy(s, 76)),
    personal("pii.tron_address", "TRON_ADDRESS", "an address of Tron", SUM, |s| legacy(s, 65)),
    personal("pii.ripple_address", "RIPPLE_ADDRESS", "an address of the XRP ledger", SUM, |s| {
        coin::write_legacy(0, payload(s), true)
    }),
    personal("pii.cardano_address", "CARDANO_ADDRESS", "an address of Cardano", SUM, |s| {
        coin::write_bech32("addr", &five_bits(s, 92), 1)
    }),
    personal("pii.cosmos_address", "COSMOS_ADDRESS", "an address of Cosmos", SUM, |s| {
        coin::write_bech32("cosmos", &five_bits(s, 32), 1)
    }),
    personal(
        "pii.monero_address",
        "MONERO_ADDRESS",
        "an address of Monero",
        &["base58 in blocks", "Keccak checksum"],
        |s| coin::write_monero(&mut || u8::try_from(s.below(256)).unwrap_or(0)),
    ),
    personal(
        "pii.solana_address",
        "SOLANA_ADDRESS",
        "an address of Solana",
        &["base58 alphabet and length", "context"],
        |s| {
            let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
            format!("solana wallet 7{}", s.text(alphabet, 43))
        },
    ),
];

fn payload(source: &mut SampleSource) -> [u8; 20] {
    std::array::from_fn(|_| u8::try_from(source.below(256)).unwrap_or(0))
}

fn five_bits(source: &mut SampleSource, count: usize) -> Vec<u8> {
    (0..count).map(|_| u8::try_from(source.below(32)).unwrap_or(0)).collect()
}

fn legacy(source: &mut SampleSource, version: u8) -> String {
    // An address without a digit exists and is not found: the pass stops at digits.
    loop {
        let address = coin::write_legacy(version, payload(source), false);
        if address.bytes().take(super::LETTERS).any(|b| b.is_ascii_digit()) {
            return address;
        }
    }
}

const SHORTEST: usize = 25;
/// A Cardano address with its delegation part is the longest but Monero's integrated one.
const LONGEST: usize = 110;

/// Asks whether the word that begins at `start` is an address.
pub(super) fn confirm(text: Text<'_>, start: usize, near: &mut Near, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: start + 1 };
    if is_number(text.bytes, start) || !may_begin(text, start) {
        return no;
    }
    let end = text.run_end(start, LONGEST + 1, |b| b.is_ascii_alphanumeric());
    let word = &text.bytes[start..end];
    if text.peek(end) == Peek::Unknown && word.len() <= LONGEST {
        let hold = if plausible(word) { start } else { usize::MAX };
        return if may_grow(word) { Verdict::Undecided { hold } } else { no };
    }
    if word.len() < SHORTEST || word.len() > LONGEST || text.peek(end) == Peek::Byte(b'_') {
        return no;
    }
    work.examined += word.len() as u64;
    let found = |detector, confidence| Verdict::Match(Finding { detector, start, end, confidence });
    match address(word) {
        Some((detector, confidence)) => found(detector, confidence),
        None if is_solana(text, start, word, near, work) => found(SOLANA, Confidence::Medium),
        None => no,
    }
}

/// A few digits and no letter behind them, as most that begins with a digit.
fn is_number(bytes: &[u8], start: usize) -> bool {
    let Some(block) = bytes.get(start..).and_then(|rest| rest.first_chunk()) else { return false };
    block.get(wide::leading_digits(block)).is_some_and(|behind| !behind.is_ascii_alphanumeric())
}

/// What of a word is there has the characters of some address.
fn may_grow(word: &[u8]) -> bool {
    let lower = !word.iter().any(u8::is_ascii_uppercase);
    let upper = !word.iter().any(u8::is_ascii_lowercase);
    // Base58 leaves out what bech32 and hexadecimal digits have; those keep to one case.
    coin::is_base58(word) || lower || upper || word.starts_with(b"0x")
}

/// What of a word is there may become an address that is worth holding back.
fn plausible(word: &[u8]) -> bool {
    let named = |name: &[u8]| word.get(..name.len()).is_some_and(|w| w.eq_ignore_ascii_case(name));
    let begins = named(b"0x")
        || named(b"bc1")
        || named(b"tb1")
        || named(b"ltc1")
        || named(b"addr1")
        || named(b"stake1")
        || named(b"cosmos1");
    // Others are told by their alphabet once more than a number is there.
    begins || (word.len() > 8 && b"123LMDXTmnr9A48".contains(&word[0]) && coin::is_base58(word))
}

/// The coin whose sum fits.
fn address(word: &[u8]) -> Option<(DetectorId, Confidence)> {
    if let Some(digits) = word.strip_prefix(b"0x") {
        // All in one case says nothing about the sum; forty digits are still rare, and often a commit.
        return match coin::ethereum(digits) {
            Some(true) => Some((ETHEREUM, Confidence::High)),
            None => Some((ETHEREUM, Confidence::Low)),
            Some(false) => None,
        };
    }
    let coin = if word.contains(&b'1') && word.len() > 40 { coin::bech32(word) } else { None };
    if coin.is_none() && coin::monero(word) {
        return Some((MONERO, Confidence::High));
    }
    let detector = match coin.or_else(|| coin::legacy(word))? {
        Coin::Bitcoin => BITCOIN,
        Coin::Litecoin => LITECOIN,
        Coin::Dogecoin => DOGECOIN,
        Coin::Dash => DASH,
        Coin::Tron => TRON,
        Coin::Ripple => RIPPLE,
        Coin::Cardano => CARDANO,
        Coin::Cosmos => COSMOS,
    };
    Some((detector, Confidence::High))
}

/// Base58 of 32 bytes, of mixed case, behind a word that names a coin.
fn is_solana(text: Text<'_>, start: usize, word: &[u8], near: &mut Near, work: &mut Work) -> bool {
    let mixed = word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase);
    if !(32..=44).contains(&word.len()) || !mixed || !coin::is_base58(word) {
        return false;
    }
    let mut heard = Heard::new();
    near.before(text, start, &mut heard, &mut work.examined);
    heard.iter().any(|(_, meaning)| *meaning == Meaning::Topic(Topic::Coin))
}
