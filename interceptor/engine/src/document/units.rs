//! Values with a unit or a notation of their own: durations, byte sizes, addresses, network prefixes.
//! Plain functions from text, so that command-line arguments can use them too.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Why a value was refused: what would have been right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct UnitError {
    /// What would have been right: "a duration such as `30s`".
    pub expected: &'static str,
}

const DURATION: UnitError =
    UnitError { expected: "a duration such as `250ms`, `30s`, `5m`, `12h`, `7d` or `1h30m`" };
const BYTE_SIZE: UnitError = UnitError { expected: "a size such as `512`, `64KiB`, `16MiB` or `1GiB`" };
const SOCKET: UnitError =
    UnitError { expected: "an address and port such as `127.0.0.1:9090` or `[::1]:9090`" };
const PREFIX: UnitError = UnitError {
    expected: "an address or prefix such as `203.0.113.10`, `203.0.113.0/24` or `2001:db8::/48`",
};

/// Reads `250ms`, `30s`, `5m`, `12h`, `7d` and sums of them (`1h30m`). A bare number is refused: its unit
/// would be a guess. `0` alone needs none.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return Err(DURATION);
    }
    while !rest.is_empty() {
        let (number, after) = digits(rest).ok_or(DURATION)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(DURATION),
        };
        let part = number.checked_mul(millis).ok_or(DURATION)?;
        total = total.checked_add(Duration::from_millis(part)).ok_or(DURATION)?;
        rest = after;
    }
    Ok(total)
}

/// Reads a number of bytes: `512`, `512B`, `64KiB`, `16MiB`, `1GiB` (powers of 1024), `64KB`, `16MB`, `1GB`
/// (powers of 1000).
pub fn byte_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = digits(text).ok_or(BYTE_SIZE)?;
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(BYTE_SIZE),
    };
    number.checked_mul(factor).ok_or(BYTE_SIZE)
}

/// Reads an address with a port; names are refused, because resolving them is not a reader's work.
pub fn socket_address(text: &str) -> Result<SocketAddr, UnitError> {
    text.parse().map_err(|_| SOCKET)
}

/// An address with the number of leading bits that count. Host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkPrefix {
    /// The first address of the network.
    pub address: IpAddr,
    /// Leading bits that count: at most 32 for IPv4, 128 for IPv6.
    pub bits: u8,
}

impl NetworkPrefix {
    /// True if `address` is of this family and inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(a)) => masked_v4(a.to_bits(), self.bits) == net.to_bits(),
            (IpAddr::V6(net), IpAddr::V6(a)) => masked_v6(a.to_bits(), self.bits) == net.to_bits(),
            _ => false,
        }
    }
}

impl fmt::Display for NetworkPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Reads an address (a prefix of full length) or a prefix. Host bits that are set are refused: the writer
/// meant another network than the one that would match.
pub fn network_prefix(text: &str) -> Result<NetworkPrefix, UnitError> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| PREFIX)?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => full,
        Some(bits) if bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit()) => {
            bits.parse::<u8>().map_err(|_| PREFIX)?
        }
        Some(_) => return Err(PREFIX),
    };
    let prefix = NetworkPrefix { address, bits };
    if bits > full || !prefix.contains(address) {
        return Err(PREFIX);
    }
    Ok(prefix)
}

fn masked_v4(address: u32, bits: u8) -> u32 {
    address & u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0)
}

fn masked_v6(address: u128, bits: u8) -> u128 {
    address & u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0)
}

/// Splits the leading decimal number off; `None` without digits or past `u64`.
fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}
