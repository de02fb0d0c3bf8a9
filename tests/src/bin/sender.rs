//! An application that tries to get past the connect hooks: sends a datagram, a packet of its own making, or connects a
//! socket that it has had for long. Prints one JSON line with the error numbers of what it did, and ends.
//!
//! `sender [--mark N] datagram|connected|raw|raw-options|late|late-datagram ADDRESS:PORT`

use std::io::{self, BufRead as _};
use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};

#[derive(Parser)]
struct Args {
    /// Set this mark first.
    #[arg(long)]
    mark: Option<u32>,
    /// What to do.
    #[arg(value_enum)]
    way: Way,
    /// Where to.
    destination: SocketAddr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    /// `sendto` on a UDP socket that is not connected.
    Datagram,
    /// `connect` of a UDP socket, and then `send`, twice.
    Connected,
    /// A TCP SYN with its own IP header.
    Raw,
    /// The same, with options in the IP header.
    RawOptions,
    /// A TCP socket that says `ready`, and connects when a line was read.
    Late,
    /// A connected UDP socket that says `ready`, and sends when a line was read.
    LateDatagram,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let kind = match args.way {
        Way::Late => (Type::STREAM, None),
        Way::Raw | Way::RawOptions => (Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW))),
        _ => (Type::DGRAM, None),
    };
    let socket = Socket::new(Domain::for_address(args.destination), kind.0, kind.1)?;
    if let Some(mark) = args.mark {
        socket.set_mark(mark)?;
    }
    let to = args.destination.into();
    let code = |result: io::Result<()>| result.err().and_then(|error| error.raw_os_error());
    let report = match args.way {
        Way::Datagram => json!({ "sent": code(socket.send_to(b"quic", &to).map(drop)) }),
        Way::Connected => json!({
            "connected": code(socket.connect(&to)),
            "sent": code(socket.send(b"quic").map(drop)),
            "again": code(socket.send(b"quic").map(drop)),
        }),
        Way::Raw => json!({ "sent": code(socket.send_to(&syn(args.destination, &[]), &to).map(drop)) }),
        Way::RawOptions => {
            // One word of options that say nothing.
            let packet = syn(args.destination, &[[1, 1, 1, 0]]);
            json!({ "sent": code(socket.send_to(&packet, &to).map(drop)) })
        }
        Way::Late => {
            wait()?;
            json!({ "connected": code(socket.connect(&to)) })
        }
        Way::LateDatagram => {
            socket.connect(&to)?;
            wait()?;
            json!({ "sent": code(socket.send(b"quic").map(drop)) })
        }
    };
    println!("{report}");
    Ok(())
}

fn wait() -> Result<()> {
    println!("ready");
    io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// An IPv4 header with these words of options, which the kernel completes, and a TCP header with the SYN flag.
fn syn(to: SocketAddr, options: &[[u8; 4]]) -> Vec<u8> {
    let SocketAddr::V4(to) = to else { return Vec::new() };
    let words = u8::try_from(options.len()).expect("an IP header has room for ten");
    let mut packet = vec![0x45 + words, 0, 0, 40 + 4 * words, 0, 1, 0, 0, 64, 6, 0, 0, 0, 0, 0, 0];
    packet.extend(to.ip().octets());
    packet.extend(options.as_flattened());
    packet.extend(7004_u16.to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    packet
}
