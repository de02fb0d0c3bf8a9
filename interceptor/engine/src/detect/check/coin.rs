//! Addresses of crypto-currencies: base58 with a double SHA-256, bech32 and bech32m, and the mixed case of
//! Ethereum. The sums are 30 bits and more, so that what passes is an address.

use sha2::{Digest as _, Sha256};

mod keccak;

/// Bitcoin's alphabet: no 0, O, I and l.
const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Ripple's alphabet: the same characters in another order.
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// Bytes of an address with version and sum.
const LEGACY: usize = 25;

/// The value of each character, 0xff for none.
const fn values(alphabet: &[u8; 58]) -> [u8; 256] {
    let mut values = [0xff; 256];
    let mut i = 0;
    while i < 58 {
        values[alphabet[i as usize] as usize] = i;
        i += 1;
    }
    values
}

static BITCOIN_VALUES: [u8; 256] = values(BITCOIN);
static RIPPLE_VALUES: [u8; 256] = values(RIPPLE);

/// The number that `text` writes to the base of 58, in `LEGACY` bytes; `None` if a character is foreign or the
/// number is larger.
fn base58(text: &[u8], values: &[u8; 256]) -> Option<[u8; LEGACY]> {
    // Ten characters at a time fit into 64 bits, so that the long number is touched four times only.
    let mut limbs = [0u64; 4];
    for chunk in text.chunks(10) {
        let (mut part, mut scale) = (0u64, 1u64);
        for byte in chunk {
            let value = values[usize::from(*byte)];
            if value == 0xff {
                return None;
            }
            part = part * 58 + u64::from(value);
            scale *= 58;
        }
        let mut carry = u128::from(part);
        for limb in &mut limbs {
            carry += u128::from(*limb) * u128::from(scale);
            *limb = u64::try_from(carry & u128::from(u64::MAX)).unwrap_or(0);
            carry >>= 64;
        }
        if carry != 0 {
            return None;
        }
    }
    let mut all = [0; 32];
    for (bytes, limb) in all.chunks_exact_mut(8).zip(limbs.iter().rev()) {
        bytes.copy_from_slice(&limb.to_be_bytes());
    }
    let (head, tail) = all.split_at(32 - LEGACY);
    head.iter().all(|b| *b == 0).then(|| tail.try_into().ok()).flatten()
}

/// The version byte, if the last four bytes are the sum of the others.
fn version(text: &[u8], values: &[u8; 256]) -> Option<u8> {
    let bytes = base58(text, values)?;
    let (body, sum) = bytes.split_at(LEGACY - 4);
    let twice = Sha256::digest(Sha256::digest(body));
    (twice[..4] == *sum).then_some(body[0])
}

/// Which coin an address in base58 belongs to, by its first character (the version byte makes it) and sum.
pub(in super::super) fn legacy(text: &[u8]) -> Option<Coin> {
    if !(25..=35).contains(&text.len()) {
        return None;
    }
    let (coin, versions): (_, &[u8]) = match text[0] {
        b'1' => (Coin::Bitcoin, &[0]),
        b'3' => (Coin::Bitcoin, &[5]),
        // Coins of its test network are worth nothing, but whoever holds them is the same.
        b'm' | b'n' => (Coin::Bitcoin, &[111]),
        b'2' => (Coin::Bitcoin, &[196]),
        b'L' => (Coin::Litecoin, &[48]),
        b'M' => (Coin::Litecoin, &[50]),
        b'D' | b'9' | b'A' => (Coin::Dogecoin, &[30, 22]),
        b'X' => (Coin::Dash, &[76]),
        b't' => return None,
        b'T' => (Coin::Tron, &[65]),
        b'r' => return (version(text, &RIPPLE_VALUES)? == 0).then_some(Coin::Ripple),
        _ => return None,
    };
    versions.contains(&version(text, &BITCOIN_VALUES)?).then_some(coin)
}

/// A currency whose addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Coin {
    Bitcoin,
    Litecoin,
    Dogecoin,
    Dash,
    Tron,
    Ripple,
    Cardano,
    Cosmos,
}

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Addresses in bech32 (BIP 173) and bech32m (BIP 350): a readable part, `1`, the data, six characters of sum.
pub(in super::super) fn bech32(text: &[u8]) -> Option<Coin> {
    let lower = !text.iter().any(u8::is_ascii_uppercase);
    let upper = !text.iter().any(u8::is_ascii_lowercase);
    if !lower && !upper {
        return None;
    }
    let split = text.iter().position(|b| *b == b'1')?;
    let (name, data) = (&text[..split], &text[split + 1..]);
    let named = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
    let (coin, segwit) = match () {
        () if named(b"bc") || named(b"tb") => (Coin::Bitcoin, true),
        () if named(b"ltc") => (Coin::Litecoin, true),
        () if named(b"addr") || named(b"stake") => (Coin::Cardano, false),
        () if named(b"cosmos") || named(b"osmo") => (Coin::Cosmos, false),
        () => return None,
    };
    if data.len() < 38 || data.len() > 120 {
        return None;
    }
    let mut sum = 1u32;
    for byte in name {
        sum = step(sum, u32::from(byte.to_ascii_lowercase() >> 5));
    }
    sum = step(sum, 0);
    for byte in name {
        sum = step(sum, u32::from(byte.to_ascii_lowercase() & 31));
    }
    for byte in data {
        sum = step(sum, u32::from(super::place(BECH32, byte.to_ascii_lowercase())?));
    }
    // Segwit version 0 ("q") keeps to bech32, later ones to bech32m.
    let wanted = if segwit && !data[0].eq_ignore_ascii_case(&b'q') { 0x2bc8_30a3 } else { 1 };
    (sum == wanted).then_some(coin)
}

/// One character of the BCH code of BIP 173.
fn step(sum: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let mut next = (sum & 0x01ff_ffff) << 5 ^ value;
    for (i, part) in GENERATOR.iter().enumerate() {
        if top >> i & 1 == 1 {
            next ^= part;
        }
    }
    next
}

/// The forty digits of an Ethereum address in the case that sums them up (EIP-55). `None` if all letters have
/// one case, which says nothing.
pub(in super::super) fn ethereum(digits: &[u8]) -> Option<bool> {
    if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Some(false);
    }
    let upper = digits.iter().any(u8::is_ascii_uppercase);
    let lower = digits.iter().any(u8::is_ascii_lowercase);
    if !(upper && lower) {
        return None;
    }
    let mut plain = [0; 40];
    plain.copy_from_slice(digits);
    plain.make_ascii_lowercase();
    let hash = keccak::keccak256(&plain);
    Some(digits.iter().enumerate().all(|(i, b)| {
        let nibble = hash[i / 2] >> (4 * (1 - i % 2)) & 15;
        !b.is_ascii_alphabetic() || b.is_ascii_uppercase() == (nibble >= 8)
    }))
}

/// A Monero address: eleven characters stand for eight bytes; the last four bytes are a Keccak sum of the
/// others (Monero's cn_slow_hash is not needed for it).
pub(in super::super) fn monero(text: &[u8]) -> bool {
    const SIZES: [usize; 12] = [0, 0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8];
    if !matches!(text.len(), 95 | 106) || !matches!(text[0], b'4' | b'8') {
        return false;
    }
    let mut bytes = [0u8; 80];
    let mut len = 0;
    for block in text.chunks(11) {
        let mut number = 0u128;
        for byte in block {
            let value = BITCOIN_VALUES[usize::from(*byte)];
            if value == 0xff {
                return false;
            }
            number = number * 58 + u128::from(value);
        }
        let size = SIZES[block.len()];
        if number >> (8 * size) != 0 {
            return false;
        }
        bytes[len..len + size].copy_from_slice(&number.to_be_bytes()[16 - size..]);
        len += size;
    }
    len > 4 && keccak::keccak256(&bytes[..len - 4])[..4] == bytes[len - 4..len]
}

/// Thirty-two bytes in base58, as Solana and others write keys. There is no sum.
pub(in super::super) fn is_base58(text: &[u8]) -> bool {
    text.iter().all(|b| BITCOIN_VALUES[usize::from(*b)] != 0xff)
}

/// Writes `payload` behind `version` with its sum, for test values.
pub(in super::super) fn write_legacy(version: u8, payload: [u8; 20], ripple: bool) -> String {
    let mut bytes = [0; LEGACY];
    bytes[0] = version;
    bytes[1..21].copy_from_slice(&payload);
    let twice = Sha256::digest(Sha256::digest(&bytes[..21]));
    bytes[21..].copy_from_slice(&twice[..4]);
    let alphabet = if ripple { RIPPLE } else { BITCOIN };
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let mut text = Vec::new();
    while bytes.iter().any(|b| *b != 0) {
        let mut rest = 0u16;
        for byte in &mut bytes {
            let value = rest << 8 | u16::from(*byte);
            *byte = u8::try_from(value / 58).unwrap_or(0);
            rest = value % 58;
        }
        text.push(alphabet[usize::from(rest)]);
    }
    text.extend(std::iter::repeat_n(alphabet[0], zeros));
    text.iter().rev().map(|b| char::from(*b)).collect()
}

/// Writes 5-bit `data` behind `name` with the sum that its kind asks for, for test values.
pub(in super::super) fn write_bech32(name: &str, data: &[u8], wanted: u32) -> String {
    let mut sum = 1u32;
    for byte in name.bytes() {
        sum = step(sum, u32::from(byte >> 5));
    }
    sum = step(sum, 0);
    for value in name.bytes().map(|b| b & 31).chain(data.iter().copied()).chain([0; 6]) {
        sum = step(sum, u32::from(value));
    }
    let tail = (0..6).map(|i| u8::try_from((sum ^ wanted) >> (5 * (5 - i)) & 31).unwrap_or(0));
    let text = data.iter().copied().chain(tail).map(|v| char::from(BECH32[usize::from(v & 31)]));
    format!("{name}1{}", text.collect::<String>())
}

/// Puts the letters of forty hexadecimal digits into the case of EIP-55, for test values.
pub(in super::super) fn write_ethereum(digits: &str) -> String {
    let hash = keccak::keccak256(digits.as_bytes());
    let upper = |i: usize| hash[i / 2] >> (4 * (1 - i % 2)) & 15 >= 8;
    digits.chars().enumerate().map(|(i, c)| if upper(i) { c.to_ascii_uppercase() } else { c }).collect()
}

/// Writes a Monero address over bytes of `source`, for test values.
pub(in super::super) fn write_monero(source: &mut dyn FnMut() -> u8) -> String {
    const LENGTHS: [usize; 9] = [0, 2, 3, 5, 6, 7, 9, 10, 11];
    let mut bytes: Vec<u8> = std::iter::once(18).chain((0..64).map(|_| source())).collect();
    let sum = keccak::keccak256(&bytes);
    bytes.extend(&sum[..4]);
    let mut text = String::new();
    for block in bytes.chunks(8) {
        let mut number = block.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let mut characters = vec![BITCOIN[0]; LENGTHS[block.len()]];
        for character in characters.iter_mut().rev() {
            *character = BITCOIN[usize::try_from(number % 58).unwrap_or(0)];
            number /= 58;
        }
        text.extend(characters.iter().map(|b| char::from(*b)));
    }
    text
}
