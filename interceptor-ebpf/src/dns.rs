//! `cgroup_skb/ingress`: reads DNS answers on their way to the application, so that the addresses of an endpoint are
//! known before the application can connect to one of them.
//!
//! Runs for sockets below the cgroup that the programs are attached to, after the packet has come through the host's
//! own address translation: an answer of a service address or of a container engine's resolver bears the address
//! that the application asked.

use crate::maps::{self, CONFIG, DNS, LEARNED, NAMES, RESOLVERS};
use crate::packet::{self, Read, TCP, Transport};
use crate::{context, event, forbid};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated;
use aya_ebpf::programs::SkBuffContext;
use core::arch::asm;
use interceptor_common::dns::{
    self, Asked, MAX_MESSAGE, MAX_RECORDS, NameEdge, NameKey, State, Walked, World,
};
use interceptor_common::{Address, Config, Counter, EventKind, Learned};

/// What the hook returns to let a packet go on.
pub const PASS: i32 = 1;
/// What the hook returns to drop a packet.
const DROP: i32 = 0;

/// A message and the reader's place in it, in the map `DNS`. This hook runs in softirq context, which does not nest:
/// nobody else uses this CPU's element meanwhile.
#[repr(C)]
pub struct Scratch {
    bytes: [u8; MAX_MESSAGE],
    /// Length of the message.
    end: u32,
    /// Whether it came over TCP.
    is_stream: u32,
    /// Whether it is known to be a whole message: any datagram is, and a segment that begins with its length.
    is_whole: u32,
    _pad: u32,
    /// Whether its sender is believed.
    is_known: u32,
    sender: Address,
    /// The cgroup of the socket that it is for.
    cgroup: u64,
    /// Addresses of the answer, and how many there are.
    found: [Address; MAX_RECORDS as usize],
    count: u32,
    /// The last of them for which there was no room.
    refused: Address,
    state: State,
}

/// Reads the packet if it may be an answer. Everything but an HTTPS answer about an endpoint goes on unchanged.
#[inline(always)]
pub fn ingress(ctx: &SkBuffContext) -> i32 {
    if packet::glance(ctx).is_some_and(|seen| seen.source_port != dns::PORT) {
        return PASS;
    }
    match packet::read(ctx) {
        Read::Transport(transport) if transport.source_port == dns::PORT => answer(ctx, &transport),
        Read::Extended(network) => {
            count_if(is_resolver(network.source), Counter::DnsUnread);
            PASS
        }
        _ => PASS,
    }
}

#[inline(always)]
fn answer(ctx: &SkBuffContext, transport: &Transport) -> i32 {
    let Some(config) = CONFIG.get(0) else { return PASS };
    if config.flags & Config::ACTIVE == 0 {
        return PASS;
    }
    let Some(mut message) = Message::load(ctx, transport) else { return PASS };
    match dns::question(&mut message) {
        Asked::Ours | Asked::Theirs if message.is_wanted(config) => message.believe(),
        Asked::Ours => {
            maps::count(Counter::DnsStranger);
            let (cgroup, sender) = message.origin();
            event::send_from_packet(EventKind::DnsStranger, cgroup, sender, dns::PORT);
            PASS
        }
        Asked::Broken => {
            message.miss(true);
            PASS
        }
        Asked::Other | Asked::Theirs => {
            message.miss(false);
            PASS
        }
    }
}

/// Bytes of the payload before the message. Over TCP a message comes after its length, which some servers send in a
/// segment of its own: then the next segment begins with the message itself.
#[inline(always)]
fn skipped(ctx: &SkBuffContext, transport: &Transport, payload: u32) -> u32 {
    if transport.protocol != TCP {
        return 0;
    }
    let length = packet::load::<u16>(ctx, payload).map(u16::from_be);
    if length.is_some_and(|length| payload + 2 + u32::from(length) == ctx.len()) { 2 } else { 0 }
}

#[inline(always)]
fn is_resolver(address: Address) -> bool {
    RESOLVERS.get_ptr(address).is_some()
}

#[inline(always)]
fn is_daemon(cgroup: u64) -> bool {
    CONFIG.get(0).is_some_and(|config| config.daemon_cgroup == cgroup)
}

#[inline(always)]
fn count_if(condition: bool, counter: Counter) {
    if condition {
        maps::count(counter);
    }
}

/// The message in this CPU's scratch.
struct Message {
    scratch: *mut Scratch,
}

impl Message {
    /// Copies the message. `None` where there is none, or it cannot be read, which is counted.
    #[inline(always)]
    fn load(ctx: &SkBuffContext, transport: &Transport) -> Option<Self> {
        let payload = transport.payload(ctx)?;
        let start = payload + skipped(ctx, transport, payload);
        let length = ctx.len().checked_sub(start).filter(|length| *length != 0)?;
        if length as usize > MAX_MESSAGE {
            count_if(is_resolver(transport.network.source), Counter::DnsUnread);
            return None;
        }
        let scratch = DNS.get_ptr_mut(0)?;
        // The bound once more, in a form that the verifier follows whatever registers the compiler chose.
        let bounded = ((hide(length).wrapping_sub(1)) & (MAX_MESSAGE as u32 - 1)) + 1;
        // SAFETY: the scratch is this CPU's own, and `bounded` is at most the length of its first field.
        let result = unsafe {
            let bytes = (&raw mut (*scratch).bytes).cast();
            generated::bpf_skb_load_bytes(ctx.skb.skb.cast(), start, bytes, bounded)
        };
        if result != 0 {
            return None;
        }
        let message = Self { scratch };
        message.note(ctx, transport, length);
        message.frame(start != payload);
        Some(message)
    }

    /// Notes everything that is asked for later. What stayed in a register would have a known value on each of the
    /// paths that lead here, and the verifier would follow all that comes after once for each of them.
    #[inline(always)]
    fn note(&self, ctx: &SkBuffContext, transport: &Transport, length: u32) {
        // SAFETY: as in `load`.
        let scratch = unsafe { &mut *self.scratch };
        scratch.end = length;
        scratch.is_stream = u32::from(transport.protocol == TCP);
        scratch.is_known = u32::from(is_resolver(transport.network.source));
        scratch.sender = transport.network.source;
        scratch.cgroup = packet::cgroup(ctx);
        scratch.count = 0;
        scratch.refused = NOBODY;
    }

    /// Notes whether it is whole.
    #[inline(always)]
    fn frame(&self, has_length: bool) {
        // SAFETY: as in `load`.
        let scratch = unsafe { &mut *self.scratch };
        scratch.is_whole = u32::from(has_length || scratch.is_stream == 0);
    }

    /// Counts a message of a known resolver that is not about an endpoint. Part of one may have been, and may be
    /// anything by itself; of a whole one only that it is broken is worth a count.
    #[inline(always)]
    fn miss(&self, is_broken: bool) {
        // SAFETY: as in `load`.
        let (is_whole, end) = unsafe { ((*self.scratch).is_whole != 0, (*self.scratch).end) };
        // Two bytes of a stream are the length of what follows.
        if !self.is_known() || (!is_whole && end == 2) {
            return;
        }
        if !is_whole {
            maps::count(Counter::DnsUnread);
        } else if is_broken {
            maps::count(Counter::DnsBroken);
        }
    }

    /// Learns from an answer of a known resolver, and says whether the packet goes on.
    #[inline(always)]
    fn believe(&mut self) -> i32 {
        if self.is_ours() {
            maps::count(Counter::DnsAnswer);
            count_if(self.state().is_truncated(), Counter::DnsTruncated);
        } else {
            self.miss(false);
        }
        if self.state().is_success() {
            self.learn_all();
        }
        if !self.is_ours() {
            return PASS;
        }
        // SAFETY: as in `load`.
        let (is_stream, cgroup) = unsafe { ((*self.scratch).is_stream != 0, (*self.scratch).cgroup) };
        // Over TCP a segment that is dropped comes again, and holds up the others.
        if is_stream || !self.state().is_service() || is_daemon(cgroup) {
            return PASS;
        }
        maps::count(Counter::DnsServiceDropped);
        DROP
    }

    /// Reads the answers, and counts what came of it.
    #[inline(always)]
    fn learn_all(&mut self) {
        match dns::answers(self) {
            Walked::All => {}
            Walked::Bound => count_if(self.is_ours(), Counter::DnsBound),
            // What was cut off by its sender has been counted.
            Walked::Broken => count_if(!self.state().is_truncated(), Counter::DnsBroken),
        }
        for number in 0..MAX_RECORDS {
            // SAFETY: as in `load`.
            if number >= unsafe { (&raw const (*self.scratch).count).read_volatile() } {
                break;
            }
            self.enter(number as usize);
        }
        // SAFETY: as in `load`.
        let (refused, cgroup) = unsafe { ((*self.scratch).refused, (*self.scratch).cgroup) };
        if refused != NOBODY {
            event::send_from_packet(EventKind::DnsFull, cgroup, refused, 0);
        }
    }

    /// Where a byte of the message is; somewhere in the message's array if it has none there.
    #[inline(always)]
    fn place(&self, at: u32) -> *const u8 {
        let index = hide(at) as usize & (MAX_MESSAGE - 1);
        // SAFETY: the mask keeps the index inside the array.
        unsafe { (&raw const (*self.scratch).bytes).cast::<u8>().add(index) }
    }

    /// Enters one address, or says anew when it was in an answer.
    #[inline(always)]
    fn enter(&mut self, number: usize) {
        // SAFETY: as in `load`.
        let address = unsafe { (*self.scratch).found[number] };
        // Nothing in `LEARNED` would tell afterwards that an address was another provider's, too.
        if !self.is_ours() || self.keep(address) {
            forbid::note_other(address);
        }
    }

    /// Keeps one address of an endpoint, and says whether it was another provider's before.
    #[inline(always)]
    fn keep(&mut self, address: Address) -> bool {
        let learned = Learned { at: context::now(), provider: self.state().provider(), pad: 0 };
        if let Some(known) = LEARNED.get_ptr_mut(address) {
            // SAFETY: the kernel frees an element after a grace period that this program is part of. The daemon does
            // not write to this map, and of two writers either may win.
            let former = unsafe { (&raw const (*known).provider).read_volatile() };
            // SAFETY: as above.
            unsafe { known.write(learned) };
            return former != learned.provider;
        }
        match LEARNED.insert(&address, &learned, u64::from(BPF_NOEXIST)) {
            Ok(()) => maps::count(Counter::DnsLearned),
            Err(code) if code == -EEXIST => {}
            Err(_) => {
                maps::count(Counter::DnsFull);
                // SAFETY: as in `load`.
                unsafe { (*self.scratch).refused = address };
            }
        }
        false
    }

    /// Whether the answers are to be read.
    #[inline(always)]
    fn is_wanted(&mut self, config: &Config) -> bool {
        self.is_known() && (self.is_ours() || config.flags & Config::FORBIDS != 0)
    }

    /// Whether an endpoint's name was asked for.
    #[inline(always)]
    fn is_ours(&mut self) -> bool {
        self.state().provider() != 0
    }

    #[inline(always)]
    fn is_known(&self) -> bool {
        // SAFETY: as in `load`.
        unsafe { (&raw const (*self.scratch).is_known).read_volatile() != 0 }
    }

    /// Whom it is for, and who sent it.
    #[inline(always)]
    fn origin(&self) -> (u64, Address) {
        // SAFETY: as in `load`.
        unsafe { ((*self.scratch).cgroup, (*self.scratch).sender) }
    }
}

impl World for Message {
    #[inline(always)]
    fn end(&self) -> u32 {
        // SAFETY: as in `load`. Volatile: what the compiler knew of the length, the verifier would not.
        unsafe { (&raw const (*self.scratch).end).read_volatile() }
    }

    #[inline(always)]
    fn byte(&self, at: u32) -> u8 {
        // SAFETY: `place` leads into the scratch.
        unsafe { self.place(at).read() }
    }

    #[inline(always)]
    fn pair(&self, at: u32) -> [u8; 2] {
        let place = self.place(at);
        let value: u64;
        // SAFETY: as in `quad`.
        unsafe {
            asm!("{value} = *(u16 *)({place} + 0)", value = out(reg) value, place = in(reg) place,
                options(pure, readonly, nostack, preserves_flags));
        }
        (value as u16).to_ne_bytes()
    }

    #[inline(always)]
    fn quad(&self, at: u32) -> [u8; 4] {
        let place = self.place(at);
        let value: u64;
        // SAFETY: `place` leads into the scratch, which goes on behind the message. In assembly, because the compiler
        // takes no target for one that loads from any address, and loads byte by byte: four times as much for the
        // verifier to follow.
        unsafe {
            asm!("{value} = *(u32 *)({place} + 0)", value = out(reg) value, place = in(reg) place,
                options(pure, readonly, nostack, preserves_flags));
        }
        (value as u32).to_ne_bytes()
    }

    #[inline(always)]
    fn edge(&self, key: &NameKey) -> Option<NameEdge> {
        // SAFETY: the daemon replaces an entry as a whole, and the kernel frees the old one after a grace period
        // that this program is part of.
        unsafe { NAMES.get(key) }.copied()
    }

    #[inline(always)]
    fn learn(&mut self, address: Address) {
        // Entered in `LEARNED` when the loop is over: whatever is done here, the verifier follows in every turn.
        // SAFETY: as in `load`.
        let scratch = unsafe { &mut *self.scratch };
        let number = scratch.count;
        scratch.count = number.wrapping_add(1);
        scratch.found[number as usize % MAX_RECORDS as usize] = address;
    }

    #[inline(always)]
    fn state(&mut self) -> &mut State {
        // The compiler has to take it that the scratch was changed here, and so reads it again: see `dns`'s head. An
        // instruction that does nothing, because none at all would leave two lines of source at one instruction,
        // which the kernel refuses.
        // SAFETY: the scratch is alive and used by nobody else.
        unsafe {
            let mut scratch = self.scratch;
            asm!("{0} = {0}", inout(reg) scratch);
            &mut (*scratch).state
        }
    }
}

const EEXIST: i32 = 17;
/// No address that anybody looks up.
const NOBODY: Address = Address::from_v6_words([0; 4]);

/// The same number, of which the compiler knows nothing any more.
#[inline(always)]
fn hide(mut number: u32) -> u32 {
    // SAFETY: a register is moved onto itself.
    unsafe { asm!("{0} = {0}", inout(reg) number, options(pure, nomem, nostack, preserves_flags)) };
    number
}
