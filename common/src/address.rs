//! One canonical form for addresses of both families. Knows nothing of ports and scopes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The third word of an IPv4-mapped address, `::ffff:0:0/96`, in network byte order.
const MAPPED: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
/// The last word of `::1`.
const ONE: u32 = u32::from_ne_bytes([0, 0, 0, 1]);

/// An IP address in 16 bytes; IPv4 is IPv4-mapped (`::ffff:a.b.c.d`), so that an application which reaches the
/// same host through either family has the same key.
///
/// Kept as four words in network byte order, as the kernel's contexts give them: in memory it reads like the
/// address, and BPF code compares words instead of calling `memcmp`, which kernels before 5.17 reject.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Address {
    words: [u32; 4],
}
const _: () = assert!(size_of::<Address>() == 16);

impl Address {
    /// An IPv4 address from its word in network byte order.
    #[inline(always)]
    #[must_use]
    pub const fn from_v4_word(word: u32) -> Self {
        Self { words: [0, 0, MAPPED, word] }
    }

    /// An IPv6 address, mapped or not, from its words in network byte order.
    #[inline(always)]
    #[must_use]
    pub const fn from_v6_words(words: [u32; 4]) -> Self {
        Self { words }
    }

    /// The four words in network byte order.
    #[inline(always)]
    #[must_use]
    pub const fn words(self) -> [u32; 4] {
        self.words
    }

    /// The IPv4 address's word in network byte order; meaningless unless [`Address::is_v4`].
    #[inline(always)]
    #[must_use]
    pub const fn v4_word(self) -> u32 {
        self.words[3]
    }

    /// Whether this is an IPv4 address, written as such or mapped.
    #[inline(always)]
    #[must_use]
    pub const fn is_v4(self) -> bool {
        self.words[0] == 0 && self.words[1] == 0 && self.words[2] == MAPPED
    }

    /// Whether a connection to this address ends on the loopback device: `127.0.0.0/8`, `::1`, and the
    /// unspecified addresses, which `connect` takes to mean loopback.
    #[inline(always)]
    #[must_use]
    pub const fn is_loopback_target(self) -> bool {
        let last = self.words[3];
        if self.is_v4() {
            return last.to_ne_bytes()[0] == 127 || last == 0;
        }
        self.words[0] == 0 && self.words[1] == 0 && self.words[2] == 0 && (last == 0 || last == ONE)
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => v6.into(),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(ip: Ipv4Addr) -> Self {
        Self::from_v4_word(u32::from_ne_bytes(ip.octets()))
    }
}

impl From<Ipv6Addr> for Address {
    fn from(ip: Ipv6Addr) -> Self {
        zerocopy::transmute!(ip.octets())
    }
}

impl From<Address> for IpAddr {
    /// Mapped addresses come back as IPv4.
    fn from(address: Address) -> Self {
        let octets: [u8; 16] = zerocopy::transmute!(address);
        IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&IpAddr::from(*self), f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn mapped_and_plain_v4_are_one_address() {
        assert_eq!(address("203.0.113.9"), address("::ffff:203.0.113.9"));
        assert_eq!(address("::ffff:203.0.113.9").to_string(), "203.0.113.9");
        assert!(address("203.0.113.9").is_v4());
        assert!(!address("2001:db8::9").is_v4());
        // Deprecated IPv4-compatible addresses are IPv6 addresses.
        assert!(!address("::203.0.113.9").is_v4());
    }

    #[test]
    fn memory_reads_like_the_address() {
        let text = "2001:db8:1:2:3:4:5:6";
        let octets: [u8; 16] = zerocopy::transmute!(address(text));
        assert_eq!(octets, text.parse::<Ipv6Addr>().unwrap().octets());
        let words = address("203.0.113.9").words();
        assert_eq!(words[3].to_ne_bytes(), [203, 0, 113, 9]);
    }

    #[test]
    fn loopback_targets_include_what_connect_takes_for_loopback() {
        for yes in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"] {
            assert!(address(yes).is_loopback_target(), "{yes}");
        }
        for no in ["128.0.0.1", "203.0.113.127", "0.0.0.1", "::2", "::1:1", "::127.0.0.1", "2001:db8::1"] {
            assert!(!address(no).is_loopback_target(), "{no}");
        }
    }
}
