//! An application that makes whole frames by itself and sends them by a packet socket, past all hooks of sockets. Prints one
//! JSON line with the error number that it met, and ends.
//!
//! `packets --device NAME --to MAC [--times N] [--tags N] KIND SOURCE DESTINATION`

use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use nix::net::if_::if_nametoindex;
use serde_json::json;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

#[derive(Parser)]
struct Args {
    /// The interface to send by.
    #[arg(long)]
    device: String,
    /// The link address of the other end.
    #[arg(long)]
    to: String,
    /// How often.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Tags of virtual networks before the packet.
    #[arg(long, default_value_t = 0)]
    tags: usize,
    /// What to send.
    #[arg(value_enum)]
    kind: Kind,
    /// Where it says that it comes from.
    source: SocketAddr,
    /// Where to.
    destination: SocketAddr,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A TCP SYN.
    Syn,
    /// A TCP segment of a connection that exists.
    Later,
    /// A datagram that says `raw`.
    Datagram,
    /// The first fragment of a TCP SYN, cut off before its flags.
    Cut,
    /// A fragment that brings the flags to a first one, or other flags than it had.
    Overlap,
    /// A TCP SYN behind an extension header or, in IPv4, options.
    Extended,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

fn main() -> Result<()> {
    let args = Args::parse();
    let frame = frame(&args)?;
    let index = if_nametoindex(args.device.as_str())?;
    // With no protocol it receives nothing.
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    let by = address(index);
    let sent = (0..args.times).try_for_each(|_| socket.send_to(&frame, &by).map(drop));
    let code = sent.err().and_then(|error: io::Error| error.raw_os_error());
    println!("{}", json!({ "sent": code }));
    Ok(())
}

/// The link-level address that stands for an interface.
fn address(index: u32) -> SockAddr {
    const FAMILY: libc::sa_family_t = 17; // AF_PACKET, in the width that addresses have.
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).expect("a small struct");
    let mut storage = SockAddrStorage::zeroed();
    #[expect(unsafe_code, reason = "there is no safe way to make the address of a packet socket")]
    // SAFETY: the storage has room for any address, and all zero is a valid one of this kind.
    unsafe {
        let link = storage.view_as::<libc::sockaddr_ll>();
        link.sll_family = FAMILY;
        link.sll_ifindex = index.cast_signed();
        SockAddr::new(storage, length)
    }
}

fn frame(args: &Args) -> Result<Vec<u8>> {
    let mac: Vec<u8> =
        args.to.split(':').map(|part| u8::from_str_radix(part, 16)).collect::<Result<_, _>>()?;
    let mut frame = mac;
    frame.extend([2, 0, 0, 0, 0, 1]);
    for tag in 0..args.tags {
        // The outer ones are a service's, and the innermost is a customer's.
        let kind: u16 = if tag + 1 < args.tags { 0x88a8 } else { 0x8100 };
        frame.extend(kind.to_be_bytes());
        // Network 1280 reads like the first bytes of an IPv4 header that is none of anybody's.
        frame.extend(0x4500_u16.to_be_bytes());
    }
    let packet = packet(args)?;
    let kind: u16 = if args.destination.is_ipv4() { 0x0800 } else { 0x86dd };
    frame.extend(kind.to_be_bytes());
    frame.extend(packet);
    Ok(frame)
}

fn packet(args: &Args) -> Result<Vec<u8>> {
    let ports = [args.source.port().to_be_bytes(), args.destination.port().to_be_bytes()].concat();
    let segment =
        |flags: u8| [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]].concat();
    let (protocol, mut payload) = match args.kind {
        Kind::Syn | Kind::Extended => (TCP, segment(SYN)),
        Kind::Later => (TCP, segment(ACK)),
        Kind::Cut => (TCP, segment(SYN)[..8].to_vec()),
        Kind::Overlap => (TCP, segment(SYN)[8..].to_vec()),
        Kind::Datagram => (UDP, [&ports[..], &[0, 11, 0, 0], b"raw"].concat()),
    };
    match (args.source.ip(), args.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let options: &[u8] = if args.kind == Kind::Extended { &[1, 1, 1, 0] } else { &[] };
            let fragment: u16 = match args.kind {
                Kind::Cut => 0x2000,
                Kind::Overlap => 1,
                _ => 0,
            };
            let addresses = [source.octets(), destination.octets()].concat();
            v4(protocol, fragment, &addresses, options, &payload)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let next = if args.kind == Kind::Extended { 0 } else { protocol };
            let addresses = [source.octets(), destination.octets()].concat();
            if args.kind == Kind::Datagram {
                // Over IPv6 a datagram needs its checksum.
                let length = u8::try_from(payload.len())?;
                let pseudo = [&addresses[..], &[0, 0, 0, length, 0, 0, 0, UDP], &payload].concat();
                payload[6..8].copy_from_slice(&checksum(&pseudo).to_be_bytes());
            }
            if args.kind == Kind::Extended {
                // Hop-by-hop options that say nothing.
                payload = [&[protocol, 0, 1, 4, 0, 0, 0, 0][..], &payload].concat();
            }
            let length = u16::try_from(payload.len()).context("a short packet")?;
            let head = [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[next, 64]].concat();
            Ok([head, addresses, payload].concat())
        }
        _ => bail!("source and destination are of two families"),
    }
}

fn v4(protocol: u8, fragment: u16, addresses: &[u8], options: &[u8], payload: &[u8]) -> Result<Vec<u8>> {
    let words = 5 + options.len() / 4;
    let length = u16::try_from(4 * words + payload.len())?;
    let mut header = vec![0x40 | u8::try_from(words)?, 0];
    header.extend(length.to_be_bytes());
    header.extend([0, 7]);
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(addresses);
    header.extend(options);
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header.extend(payload);
    Ok(header)
}

/// The Internet checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let sum: u32 = words.sum();
    // The longest packet here carries twice at most.
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("folded to sixteen bits")
}
