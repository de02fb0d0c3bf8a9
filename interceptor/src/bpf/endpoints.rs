//! What is redirected: endpoints, each an address or a prefix, and proxies, each with a port.
//! Knows the maps of both. Does not know whose they are, nor who calls them.

use super::{Capture, CaptureError};
use interceptor_common::{Endpoint, Prefix, ProxyPlace, ProxyPrefix};
use std::net::{IpAddr, Ipv6Addr};

/// Room in the maps of these names.
const PREFIXES: usize = 4096;
const PROXIES: usize = 4096;
const ADDRESSES: usize = 65_536;

impl Capture {
    /// Makes every address below `address`/`length` an endpoint. `length` counts in the family of `address`;
    /// host bits are cleared.
    pub fn add_prefix(&self, address: IpAddr, length: u8, endpoint: Endpoint) -> Result<(), CaptureError> {
        self.prefixes.insert(&prefix(address, length)?, &endpoint)
    }

    /// Takes back [`Capture::add_prefix`]. Returns whether the prefix was there.
    pub fn remove_prefix(&self, address: IpAddr, length: u8) -> Result<bool, CaptureError> {
        self.prefixes.remove(&prefix(address, length)?)
    }

    /// Redirects connections to a port of every address below `address`/`length`, where a proxy listens. The port must
    /// be among those of [`Capture::set_ports`].
    pub fn add_proxy(&self, proxy: Proxy) -> Result<(), CaptureError> {
        self.proxies.insert(&proxy.key()?, &Endpoint { provider: 0 })
    }

    /// Takes back [`Capture::add_proxy`]. Returns whether the proxy was there.
    pub fn remove_proxy(&self, proxy: Proxy) -> Result<bool, CaptureError> {
        self.proxies.remove(&proxy.key()?)
    }

    /// The proxies that it was told of, by an earlier daemon perhaps.
    pub fn proxies(&self) -> Result<Vec<Proxy>, CaptureError> {
        Ok(self.proxies.keys(PROXIES)?.iter().filter_map(Proxy::of).collect())
    }

    /// Forgets the proxies that an earlier daemon was told of and that are not among these.
    pub fn keep_proxies(&self, wanted: &[Proxy]) -> Result<(), CaptureError> {
        let wanted: Vec<_> = wanted.iter().map(|proxy| proxy.key()).collect::<Result<_, _>>()?;
        let mut found = self.proxies.keys(PROXIES)?;
        found.retain(|proxy| !wanted.contains(proxy));
        found.iter().try_for_each(|proxy| self.proxies.remove(proxy).map(drop))
    }

    /// Makes one address an endpoint, or says anew whose it is. The map holds 65,536; a full one is an error.
    pub fn add_address(&self, address: IpAddr, endpoint: Endpoint) -> Result<(), CaptureError> {
        self.addresses.insert(&address.into(), &endpoint)
    }

    /// Takes back [`Capture::add_address`]. Returns whether the address was there.
    pub fn remove_address(&self, address: IpAddr) -> Result<bool, CaptureError> {
        self.addresses.remove(&address.into())
    }

    /// Forgets the prefixes that are not among these.
    pub fn keep_prefixes(&self, wanted: &[(IpAddr, u8)]) -> Result<(), CaptureError> {
        let wanted: Vec<_> =
            wanted.iter().map(|(address, length)| prefix(*address, *length)).collect::<Result<_, _>>()?;
        let mut found = self.prefixes.keys(PREFIXES)?;
        found.retain(|prefix| !wanted.contains(prefix));
        found.iter().try_for_each(|prefix| self.prefixes.remove(prefix).map(drop))
    }

    /// The addresses that are endpoints now, learned by an earlier daemon.
    pub fn addresses(&self) -> Result<Vec<IpAddr>, CaptureError> {
        Ok(self.addresses.keys(ADDRESSES)?.into_iter().map(IpAddr::from).collect())
    }
}

/// Where a proxy listens, or several that share a network and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// An address of the network.
    pub address: IpAddr,
    /// The network's prefix length, in the family of `address`.
    pub bits: u8,
    /// The port.
    pub port: u16,
}

impl Proxy {
    /// One at a single address.
    #[must_use]
    pub fn single(address: IpAddr, port: u16) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 }, port }
    }

    /// Whether its network is a single address.
    #[must_use]
    pub fn is_single(&self) -> bool {
        *self == Self::single(self.address, self.port)
    }

    /// `None` for what no daemon enters.
    fn of(key: &ProxyPrefix) -> Option<Self> {
        let address = IpAddr::from(key.place.address);
        let skipped = ProxyPrefix::PORT_BITS + if address.is_ipv4() { 96 } else { 0 };
        let bits = u8::try_from(key.bits.checked_sub(skipped)?).ok()?;
        Some(Self { address, bits, port: u16::try_from(key.place.port).ok()? })
    }

    fn key(&self) -> Result<ProxyPrefix, CaptureError> {
        let Prefix { bits, address } = prefix(self.address, self.bits)?;
        let place = ProxyPlace { port: self.port.into(), address };
        Ok(ProxyPrefix { bits: ProxyPrefix::PORT_BITS + bits, place })
    }
}

/// The canonical form of a prefix.
fn prefix(address: IpAddr, length: u8) -> Result<Prefix, CaptureError> {
    let (most, skipped) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    if length > most {
        return Err(CaptureError::PrefixLength { address, length });
    }
    let bits = u32::from(length) + skipped;
    let whole = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Ok(Prefix { bits, address: Ipv6Addr::from_bits(whole.to_bits() & mask).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, length: u8, bits: u32, network: &str) {
        let prefix = prefix(address.parse().unwrap(), length).unwrap();
        assert_eq!((prefix.bits, prefix.address.to_string()), (bits, network.to_owned()));
    }

    #[test]
    fn prefixes_take_their_canonical_form() {
        check("203.0.113.77", 24, 120, "203.0.113.0");
        check("203.0.113.77", 32, 128, "203.0.113.77");
        check("0.0.0.0", 0, 96, "0.0.0.0");
        check("2001:db8:1:2::3", 48, 48, "2001:db8:1::");
        check("2001:db8::1", 0, 0, "::");
        // A mapped prefix is an IPv6 text of an IPv4 network, and counts in IPv6 bits.
        check("::ffff:203.0.113.77", 120, 120, "203.0.113.0");
    }

    #[test]
    fn a_proxy_is_read_as_it_was_written() {
        for (address, bits) in [("203.0.113.8", 29), ("203.0.113.9", 32), ("2001:db8::", 64), ("::", 0)] {
            let proxy = Proxy { address: address.parse().unwrap(), bits, port: 3128 };
            assert_eq!(Proxy::of(&proxy.key().unwrap()), Some(proxy));
            assert_eq!(proxy.is_single(), bits == 32);
        }
    }

    #[test]
    fn a_prefix_longer_than_its_family_is_an_error() {
        let error = prefix("203.0.113.0".parse().unwrap(), 33).unwrap_err();
        assert_eq!(
            error.to_string(),
            "203.0.113.0/33 is no prefix: the length of an IPv4 prefix is at most 32"
        );
    }
}
