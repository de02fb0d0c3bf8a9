//! Reads the headers of a packet, which the hooks of `cgroup_skb` see from its network header on, and those of an
//! interface from its link header on. Knows IPv4 with options, IPv6 without extension headers, TCP and UDP. A glance
//! tells most packets apart; the others are read.

use aya_ebpf::helpers::generated;
use aya_ebpf::programs::SkBuffContext;
use core::mem::MaybeUninit;
use interceptor_common::{Address, NoteKey};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// Length of UDP's header, and the least of TCP's.
const UDP_HEADER: u32 = 8;
const TCP_HEADER: u32 = 20;

/// Where redirected connections go.
pub const LOOPBACK4: Address = Address::from_v4_word(u32::from_ne_bytes([127, 0, 0, 1]));
pub const LOOPBACK6: Address = Address::from_v6_words([0, 0, 0, u32::from_ne_bytes([0, 0, 0, 1])]);

/// What could be read.
pub enum Read {
    Transport(Transport),
    /// IPv6 with an extension header; the addresses are known, the ports are not.
    Extended(Network),
    /// A later fragment that may bring TCP's flags, or bring other ones; the addresses are known, the ports are not.
    Overlap(Network),
    /// Neither TCP nor UDP, a later fragment, or cut short.
    Other,
}

/// The network header.
#[derive(Clone, Copy)]
pub struct Network {
    pub source: Address,
    pub destination: Address,
}

/// Network and transport header.
#[derive(Clone, Copy)]
pub struct Transport {
    pub network: Network,
    pub protocol: u8,
    /// Host byte order.
    pub source_port: u16,
    /// Host byte order.
    pub destination_port: u16,
    /// Where the transport header begins.
    offset: u32,
}

#[repr(C)]
struct V4 {
    version_and_length: u8,
    _service: u8,
    _length: u16,
    _id: u16,
    fragment: u16,
    _ttl: u8,
    protocol: u8,
    _checksum: u16,
    source: u32,
    destination: u32,
}

#[repr(C)]
struct V6 {
    _version: u32,
    _length: u16,
    next_header: u8,
    _hops: u8,
    source: [u32; 4],
    destination: [u32; 4],
}

/// What a look at a packet tells that takes no helper: enough to let nearly all of them go.
pub struct Glance {
    /// Whether it belongs to a TCP connection that exists already.
    pub is_later_tcp: bool,
    /// Whether it begins a TCP connection to the address that redirected ones go to.
    pub begins_on_loopback: bool,
    /// Host byte order.
    pub source_port: u16,
    /// Host byte order.
    pub destination_port: u16,
}

/// Looks at a packet where it is. `None` says nothing of it but that [`read`] has to be asked: options, extension
/// headers, a fragment, another transport, too short a packet, or headers that are not in one piece. Of a packet whose
/// version is not that of its frame it may say anything: nobody takes such a packet.
#[inline(always)]
pub fn glance(ctx: &SkBuffContext) -> Option<Glance> {
    glance_at(ctx, 0)
}

/// The same, where the network header begins at `base`.
#[inline(always)]
pub fn glance_at(ctx: &SkBuffContext, base: usize) -> Option<Glance> {
    const V4_WITHOUT_OPTIONS: u8 = 0x45;
    // All bits but the one that forbids fragments: of a first fragment `read` takes the ports just as well.
    const FRAGMENTED: u16 = 0xbfff_u16.to_be();
    const V4: usize = size_of::<V4>();
    const V6: usize = size_of::<V6>();
    let start = first(ctx, base + V4 + FLAGS + 1)?;
    // SAFETY: every offset below is inside the piece; the compiler is told nothing else of where it is.
    unsafe {
        let start = start.add(base);
        let version = start.read();
        if version == V4_WITHOUT_OPTIONS {
            let is_fragment = start.add(6).cast::<u16>().read() & FRAGMENTED != 0;
            let is_loopback = || start.add(16).cast::<u32>().read_unaligned() == LOOPBACK4.v4_word();
            return if is_fragment { None } else { ports(start.add(V4), start.add(9).read(), is_loopback) };
        }
        if version >> 4 != 6 {
            return None;
        }
        let start = first(ctx, base + V6 + FLAGS + 1)?.add(base);
        let word = |at: usize| start.add(24 + 4 * at).cast::<u32>().read_unaligned();
        let is_loopback = || [word(0), word(1), word(2), word(3)] == LOOPBACK6.words();
        ports(start.add(V6), start.add(6).read(), is_loopback)
    }
}

/// Where the flags are in a TCP header.
const FLAGS: usize = 13;

/// # Safety
/// Of the transport header as much as TCP's flags is there.
#[inline(always)]
unsafe fn ports(header: *const u8, protocol: u8, is_loopback: impl FnOnce() -> bool) -> Option<Glance> {
    if protocol != TCP && protocol != UDP {
        return None;
    }
    // SAFETY: as promised, and the kernel aligns headers to two bytes at least.
    let (source, destination, flags) = unsafe {
        (header.cast::<u16>().read(), header.add(2).cast::<u16>().read(), header.add(FLAGS).read())
    };
    let begins = protocol == TCP && begins(flags);
    Some(Glance {
        is_later_tcp: protocol == TCP && !begins,
        begins_on_loopback: begins && is_loopback(),
        source_port: u16::from_be(source),
        destination_port: u16::from_be(destination),
    })
}

/// The packet's first `length` bytes, if they are in one piece.
#[inline(always)]
fn first(ctx: &SkBuffContext, length: usize) -> Option<*const u8> {
    // SAFETY: the kernel passes a valid context, two of whose fields it makes pointers when they are loaded.
    let (start, end) = unsafe {
        let skb = ctx.skb.skb;
        (
            (&raw const (*skb).data).read_volatile() as usize,
            (&raw const (*skb).data_end).read_volatile() as usize,
        )
    };
    if start + length > end { None } else { Some(start as *const u8) }
}

/// Protocols of a frame, as contexts have them.
pub const V4_FRAME: u32 = 0x0800_u16.to_be() as u32;
pub const V6_FRAME: u32 = 0x86dd_u16.to_be() as u32;

/// What kind of packet it is, by its frame: network byte order.
#[inline(always)]
pub fn protocol(ctx: &SkBuffContext) -> u32 {
    // SAFETY: the kernel passes a valid context.
    unsafe { (&raw const (*ctx.skb.skb).protocol).read_volatile() }
}

/// Reads the headers.
#[inline(always)]
pub fn read(ctx: &SkBuffContext) -> Read {
    read_at(ctx, protocol(ctx), 0)
}

/// The same for a packet of this kind, where the network header begins at `base`.
#[inline(always)]
pub fn read_at(ctx: &SkBuffContext, protocol: u32, base: u32) -> Read {
    if protocol == V4_FRAME {
        return v4(ctx, base);
    }
    if protocol == V6_FRAME {
        return v6(ctx, base);
    }
    Read::Other
}

#[inline(always)]
fn v4(ctx: &SkBuffContext, base: u32) -> Read {
    const OFFSET: u16 = 0x1fff;
    // In units of eight bytes: behind these, a fragment has nothing of a TCP header without options.
    const TCP_HEADER_ENDS: u16 = TCP_HEADER.div_ceil(8) as u16;
    let Some(header) = load::<V4>(ctx, base) else { return Read::Other };
    let network = Network {
        source: Address::from_v4_word(header.source),
        destination: Address::from_v4_word(header.destination),
    };
    let fragment = u16::from_be(header.fragment) & OFFSET;
    if fragment != 0 {
        let is_overlap = header.protocol == TCP && fragment < TCP_HEADER_ENDS;
        return if is_overlap { Read::Overlap(network) } else { Read::Other };
    }
    let offset = base + u32::from(header.version_and_length & 0xf) * 4;
    transport(ctx, network, header.protocol, offset)
}

#[inline(always)]
fn v6(ctx: &SkBuffContext, base: u32) -> Read {
    const LENGTH: u32 = size_of::<V6>() as u32;
    let Some(header) = load::<V6>(ctx, base) else { return Read::Other };
    let network = Network {
        source: Address::from_v6_words(header.source),
        destination: Address::from_v6_words(header.destination),
    };
    // Hop-by-hop, routing, fragment and destination options.
    if let 0 | 43 | 44 | 60 = header.next_header {
        return Read::Extended(network);
    }
    transport(ctx, network, header.next_header, base + LENGTH)
}

#[inline(always)]
fn transport(ctx: &SkBuffContext, network: Network, protocol: u8, offset: u32) -> Read {
    if protocol != TCP && protocol != UDP {
        return Read::Other;
    }
    let Some(ports) = load::<[u16; 2]>(ctx, offset) else { return Read::Other };
    Read::Transport(Transport {
        network,
        protocol,
        source_port: u16::from_be(ports[0]),
        destination_port: u16::from_be(ports[1]),
        offset,
    })
}

impl Transport {
    /// Whether a TCP packet begins a connection. One that is cut off before its flags may: they can follow in a
    /// fragment.
    #[inline(always)]
    pub fn may_begin(&self, ctx: &SkBuffContext) -> bool {
        load::<u8>(ctx, self.offset + FLAGS as u32).is_none_or(begins)
    }

    /// The key of its note.
    #[inline(always)]
    pub fn note(&self) -> NoteKey {
        NoteKey {
            source: self.network.source,
            destination: self.network.destination,
            source_port: self.source_port,
            destination_port: self.destination_port,
            protocol: u32::from(self.protocol),
        }
    }

    /// Where the payload begins. It may be empty.
    #[inline(always)]
    pub fn payload(&self, ctx: &SkBuffContext) -> Option<u32> {
        if self.protocol == UDP {
            return Some(self.offset + UDP_HEADER);
        }
        let length = u32::from(load::<u8>(ctx, self.offset + 12)? >> 4) * 4;
        (length >= TCP_HEADER).then_some(self.offset + length)
    }
}

/// Whether the flags of a TCP header are those of a connection's first packet.
#[inline(always)]
fn begins(flags: u8) -> bool {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    flags & (SYN | ACK) == SYN
}

/// Loads a header or a part of one.
#[inline(always)]
pub fn load<T>(ctx: &SkBuffContext, offset: u32) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: pointer and length are those of one value.
    let result = unsafe {
        generated::bpf_skb_load_bytes(
            ctx.skb.skb.cast(),
            offset,
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
        )
    };
    // SAFETY: the helper filled all of it. Every type that is loaded here is made of plain numbers.
    (result == 0).then(|| unsafe { value.assume_init() })
}

/// Id of the cgroup in which the packet's socket was made; 0 where it has none.
#[inline(always)]
pub fn cgroup(ctx: &SkBuffContext) -> u64 {
    // SAFETY: the helper takes the program's own context.
    unsafe { generated::bpf_skb_cgroup_id(ctx.skb.skb) }
}
