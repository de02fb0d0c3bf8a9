//! `connect4` and `connect6`: decide an attempt, record it in its socket, rewrite its destination.

use crate::maps::{self, CONFIG, NAMESPACES, ORIGINS};
use crate::packet::{LOOPBACK4, LOOPBACK6, UDP};
use crate::{context, datagram, event, exec, flow, forbid, liveness, mark, workload};
use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated;
use aya_ebpf::programs::SockAddrContext;
use interceptor_common::{
    Address, Attempt, Config, Decision, EventKind, Flow, Left, Namespace, RefusalKey, Refused, Target,
    Verdict, WorkloadKey, World, decide,
};

/// What the hook returns to let `connect` go on.
pub const ALLOW: i32 = 1;
/// What the hook returns to make `connect` fail with `EPERM`.
pub const DENY: i32 = 0;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The hook of `AF_INET` sockets.
#[inline(always)]
pub fn v4(ctx: &SockAddrContext) -> i32 {
    let hook = Hook { ctx, family: AF_INET, rewrite: |to| context::set_ip4(ctx.sock_addr, to) };
    hook.run(context::ip4(ctx.sock_addr))
}

/// The hook of `AF_INET6` sockets, which may connect to IPv4-mapped addresses too; those stay mapped.
#[inline(always)]
pub fn v6(ctx: &SockAddrContext) -> i32 {
    let hook = Hook { ctx, family: AF_INET6, rewrite: |to| context::set_ip6(ctx.sock_addr, to) };
    hook.run(context::ip6(ctx.sock_addr))
}

/// The hook of datagrams over IPv4, those of `AF_INET6` sockets included.
#[inline(always)]
pub fn datagram4(ctx: &SockAddrContext) -> i32 {
    Hook { ctx, family: AF_INET, rewrite: () }.datagram(context::ip4(ctx.sock_addr))
}

/// The hook of datagrams over IPv6.
#[inline(always)]
pub fn datagram6(ctx: &SockAddrContext) -> i32 {
    Hook { ctx, family: AF_INET6, rewrite: () }.datagram(context::ip6(ctx.sock_addr))
}

/// One run of a hook. `rewrite` replaces the destination in the way that this hook's context allows: the verifier
/// refuses a program in which the other family's field is written on any path.
struct Hook<'a, Rewrite> {
    ctx: &'a SockAddrContext,
    family: u16,
    rewrite: Rewrite,
}

impl<Rewrite> World for Hook<'_, Rewrite> {
    #[inline(always)]
    fn is_active(&self) -> bool {
        CONFIG.get(0).is_some_and(|config| config.flags & Config::ACTIVE != 0)
    }

    #[inline(always)]
    fn is_exempt(&self) -> bool {
        CONFIG.get(0).is_some_and(|config| config.exempts(context::cgroup()))
    }

    #[inline(always)]
    fn has_port(&self, port: u16) -> bool {
        maps::has_port(port)
    }

    #[inline(always)]
    fn has_proxy(&self, address: Address, port: u16) -> bool {
        maps::has_proxy(address, port)
    }

    #[inline(always)]
    fn has_endpoint(&self, address: Address) -> bool {
        maps::has_endpoint(address)
    }

    #[inline(always)]
    fn namespace(&self) -> Option<Namespace> {
        // SAFETY: the daemon replaces an entry as a whole, and the kernel frees the old one after a grace period
        // that this program is part of.
        unsafe { NAMESPACES.get(netns(self.ctx)) }.copied()
    }

    #[inline(always)]
    fn unknown(&self) -> Namespace {
        maps::unknown_namespace()
    }

    #[inline(always)]
    fn is_alive(&self, worker: u32) -> bool {
        liveness::is_fresh(worker)
    }

    #[inline(always)]
    fn has_listener(&self, destination: Address, port: u16) -> bool {
        if destination.is_v4() {
            liveness::listens4(self.ctx, LOOPBACK4, port)
        } else {
            liveness::listens6(self.ctx, LOOPBACK6, port)
        }
    }

    #[inline(always)]
    fn verdict(&self, destination: Address) -> Verdict {
        forbid::verdict(context::cgroup(), self.ctx.uid(), destination)
    }
}

impl Hook<'_, ()> {
    #[inline(always)]
    fn datagram(&self, destination: Address) -> i32 {
        let protocol = context::protocol(self.ctx.sock_addr);
        let attempt = Attempt { protocol, destination, port: context::port(self.ctx.sock_addr) };
        datagram::send(self.ctx, netns(self.ctx), &attempt, self)
    }
}

impl<Rewrite: Fn(Address)> Hook<'_, Rewrite> {
    #[inline(always)]
    fn run(&self, destination: Address) -> i32 {
        let protocol = context::protocol(self.ctx.sock_addr);
        let attempt = Attempt { protocol, destination, port: context::port(self.ctx.sock_addr) };
        let decision = match decide(&attempt, self) {
            Decision::Redirect(target) => self.redirect(&attempt, target),
            settled => settled,
        };
        maps::count(decision.counter());
        if decision.is_about_endpoint() {
            workload::count(&WorkloadKey::new(context::cgroup(), decision.counter()));
        }
        match decision {
            Decision::Redirect(_) => return ALLOW,
            Decision::Leave(Left::OtherProtocol) if protocol == u32::from(UDP) => {
                return datagram::connect(self.ctx, netns(self.ctx), &attempt, self);
            }
            Decision::Leave(Left::OtherProtocol) => return ALLOW,
            _ => self.forget(),
        }
        if let Decision::Leave(_) = decision
            && decision.is_about_endpoint()
        {
            // Should there be no room, the guard counts what it sees as unseen.
            mark::begin(self.ctx, netns(self.ctx), decision.counter().slot());
        }
        self.tell(&attempt, decision);
        if let Decision::Refuse(_) = decision { DENY } else { ALLOW }
    }

    /// Records the attempt in its socket and then rewrites it; without a record it is not rewritten.
    #[inline(always)]
    fn redirect(&self, attempt: &Attempt, target: Target) -> Decision {
        // SAFETY: the context holds the socket that is connecting, which the kernel keeps locked meanwhile.
        let Some(origin) = (unsafe { ORIGINS.get_or_insert_ptr_mut(self.ctx, None).as_mut() }) else {
            return target.when_not_recorded();
        };
        self.record(attempt, target, origin);
        exec::follow(origin.tgid);
        if !flow::has_room(origin) {
            return target.when_not_recorded();
        }
        context::set_port(self.ctx.sock_addr, target.port);
        (self.rewrite)(if attempt.destination.is_v4() { LOOPBACK4 } else { LOOPBACK6 });
        Decision::Redirect(target)
    }

    /// Writes in place: the record may be left from an earlier attempt of the same socket.
    #[inline(always)]
    fn record(&self, attempt: &Attempt, target: Target, flow: &mut Flow) {
        flow.netns = netns(self.ctx);
        flow.cgroup = context::cgroup();
        flow.at = context::now();
        // SAFETY: the helper takes the program's own context.
        flow.socket = unsafe { generated::bpf_get_socket_cookie(self.ctx.as_ptr()) };
        flow.destination = attempt.destination;
        flow.port = attempt.port;
        flow.family = self.family;
        flow.tgid = self.ctx.tgid();
        flow.uid = self.ctx.uid();
        flow.gid = self.ctx.gid();
        context::write_comm(&mut flow.comm);
        flow.flags = if target.is_proxy { Flow::PROXY } else { 0 };
    }

    /// Drops what an earlier, redirected attempt of the same socket left: the coming connection is not ours, and
    /// must neither be entered in `FLOWS` nor answer `getpeername` with an old destination.
    #[inline(always)]
    fn forget(&self) {
        // SAFETY: as in `redirect`. That a socket has no record is the usual case, not an error.
        let _ = unsafe { ORIGINS.delete((*self.ctx.sock_addr).__bindgen_anon_1.sk) };
    }

    /// Tells the daemon of what it can do something about.
    #[inline(always)]
    fn tell(&self, attempt: &Attempt, decision: Decision) {
        let kind = match decision {
            Decision::Leave(Left::UnknownNamespace) | Decision::Refuse(Refused::UnknownNamespace) => {
                EventKind::UnknownNamespace
            }
            Decision::Leave(Left::NotRecorded) | Decision::Refuse(Refused::NotRecorded) => {
                EventKind::NotRecorded
            }
            Decision::Leave(Left::DaemonSilent) | Decision::Refuse(Refused::DaemonSilent) => {
                EventKind::DaemonSilent
            }
            Decision::Leave(Left::NoListener) | Decision::Refuse(Refused::NoListener) => {
                EventKind::NoListener
            }
            Decision::Refuse(Refused::DirectConnect) => EventKind::DirectConnect,
            Decision::Refuse(Refused::Forbidden(verdict)) => {
                exec::follow(self.ctx.tgid());
                forbid::count(&RefusalKey { cgroup: context::cgroup(), uid: self.ctx.uid(), verdict });
                return event::send_refusal(self.ctx, netns(self.ctx), attempt, verdict);
            }
            _ => return,
        };
        event::send(self.ctx, kind, netns(self.ctx), attempt);
    }
}

/// Cookie of the socket's network namespace.
#[inline(always)]
fn netns(ctx: &SockAddrContext) -> u64 {
    // SAFETY: the helper takes the program's own context.
    unsafe { generated::bpf_get_netns_cookie(ctx.as_ptr()) }
}
