//! The ways in which a program can come to a connection: by other system calls, protocols and socket options, from
//! another thread, process or cgroup than made the socket. Each is redirected, and its flow found.

use super::bed::{Accepted, Bed, ENDPOINTS, OTHERS, Probe, at, ip};
use interceptor::bpf::Proxy;
use interceptor_common::{Counter, Flow, Namespace};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::{gate, require_kernel};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::net::IpAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Asserts that the probe's connection was redirected from the destination that it sees, and returns what the daemon
/// has of it.
fn redirected(bed: &Bed, probe: &Probe, (endpoint, port): (&str, u16)) -> (Accepted, Flow) {
    assert_eq!(probe.peer, Some(at(endpoint, port).1));
    arrived(bed, probe, (endpoint, port))
}

/// The same, whatever the probe sees.
fn arrived(bed: &Bed, probe: &Probe, (endpoint, port): (&str, u16)) -> (Accepted, Flow) {
    let (_, destination) = at(endpoint, port);
    assert_eq!(probe.error, None);
    let accepted = bed.accept();
    assert_eq!(Some(accepted.peer), probe.local);
    let flow = accepted.flow.expect("the flow was entered");
    assert_eq!((IpAddr::from(flow.destination), flow.port), (destination.ip(), port));
    assert_eq!((flow.tgid, flow.netns), (probe.pid, bed.app.cookie.0));
    (accepted, flow)
}

/// Connects to both endpoints with these words, and asserts that both connections are redirected alike.
fn both_redirected(bed: &Bed, words: &[&str]) -> Vec<(Accepted, Flow)> {
    let to = |endpoint| {
        let probe = bed.probe(&[words, &[&at(endpoint, 443).0]].concat());
        redirected(bed, &probe, (endpoint, 443))
    };
    ENDPOINTS.map(to).into()
}

fn procs(cgroup: &Cgroup) -> String {
    cgroup.path().join("cgroup.procs").to_str().expect("we chose the name").to_owned()
}

#[test]
fn case_03_a_socket_that_speaks_no_v4_is_redirected_to_the_v6_listener() {
    require_kernel!();
    let bed = Bed::new();
    let probe = bed.probe(&["--v6only", &at(ENDPOINTS[1], 443).0]);
    let (accepted, _) = redirected(&bed, &probe, (ENDPOINTS[1], 443));
    assert!(accepted.stream.local_addr().unwrap().is_ipv6());
    // What it cannot reach without us it cannot reach with us, and the error is the same.
    let mapped = bed.probe(&["--v6only", &at(ENDPOINTS[0], 443).0]);
    let control = bed.probe(&["--v6only", &at(OTHERS[0], 443).0]);
    assert_eq!((mapped.error, control.error), (Some(libc::ENETUNREACH), Some(libc::ENETUNREACH)));
    assert_eq!(bed.count(Counter::FlowEntered), 1);
}

#[test]
fn case_06_fast_open_is_redirected_and_its_first_words_arrive() {
    require_kernel!();
    let bed = Bed::new();
    // 1 asks for a cookie, as is usual. 5 does without: `connect` then does nothing, and the first write all of it.
    for mode in ["1", "5"] {
        let set = || fs::write("/proc/sys/net/ipv4/tcp_fastopen", mode);
        bed.app.namespace.run(set).unwrap();
        for way in ["fastopen-send", "fastopen-connect"] {
            for (mut accepted, _) in both_redirected(&bed, &["--way", way]) {
                accepted.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut words = [0; 11];
                accepted.stream.read_exact(&mut words).unwrap();
                assert_eq!(&words, b"first words", "{way} in mode {mode}");
            }
        }
    }
}

#[test]
fn case_07_a_multipath_connection_is_redirected_and_sees_the_listener() {
    require_kernel!();
    let has_mptcp = Path::new("/proc/sys/net/mptcp/enabled").exists();
    if !gate::passes(has_mptcp.then_some(()).ok_or_else(|| "the kernel has no MPTCP".to_owned())) {
        return;
    }
    let bed = Bed::new();
    for endpoint in ENDPOINTS {
        let probe = bed.probe(&["--mptcp", &at(endpoint, 443).0]);
        let (accepted, _) = arrived(&bed, &probe, (endpoint, 443));
        // What is recorded is the subflow, and `getpeername` is asked of the socket above it.
        assert_eq!(probe.peer, Some(accepted.stream.local_addr().unwrap()));
    }
}

#[test]
fn case_08_io_uring_is_redirected_whoever_submits() {
    require_kernel!();
    let allowed =
        fs::read_to_string("/proc/sys/kernel/io_uring_disabled").is_ok_and(|mode| mode.trim() != "2");
    if !gate::passes(allowed.then_some(()).ok_or_else(|| "the kernel has io_uring switched off".to_owned())) {
        return;
    }
    let bed = Bed::new();
    for way in ["uring", "uring-polled"] {
        for nonblocking in [&[][..], &["--nonblocking"]] {
            // A thread of the kernel's is one of the application's in all that policy asks about.
            for (_, flow) in both_redirected(&bed, &[&["--way", way, "--uid", "65534"], nonblocking].concat())
            {
                assert_eq!((flow.cgroup, flow.uid), (bed.apps.id(), 65534), "{way}");
            }
        }
    }
}

#[test]
fn case_09_a_thread_of_a_child_that_became_another_user_is_known_as_what_it_is() {
    require_kernel!();
    let bed = Bed::new();
    // The probe always connects from a thread that is not its first.
    for (_, flow) in both_redirected(&bed, &["--forked", "--uid", "65534"]) {
        assert_eq!((flow.cgroup, flow.uid), (bed.apps.id(), 65534));
        assert_eq!(&flow.comm, b"probe\0\0\0\0\0\0\0\0\0\0\0");
    }
}

#[test]
fn case_11_a_socket_from_another_cgroup_belongs_to_who_connects_it() {
    require_kernel!();
    let bed = Bed::new();
    let other = bed.cgroup.child("other");
    for (_, flow) in both_redirected(&bed, &["--hand-over", "--join", &procs(&other)]) {
        assert_eq!(flow.cgroup, other.id());
    }
    // The daemon's own sockets would be no way out, if anybody got hold of one.
    let (text, _) = at(ENDPOINTS[0], 443);
    let words = ["--hand-over", "--join", &procs(&other), &text];
    let probe = Probe::start(&bed.app.namespace, &bed.cgroup, &words);
    assert_eq!(redirected(&bed, &probe, (ENDPOINTS[0], 443)).1.cgroup, other.id());
    assert_eq!(bed.count(Counter::Exempt), 0);
}

#[test]
fn case_12_a_process_that_is_moved_is_known_by_where_it_is() {
    require_kernel!();
    let bed = Bed::new();
    let other = bed.cgroup.child("other");
    for (_, flow) in both_redirected(&bed, &["--join", &procs(&other)]) {
        assert_eq!(flow.cgroup, other.id());
    }
}

#[test]
fn case_14_every_container_of_a_pod_is_redirected_and_told_from_the_others() {
    require_kernel!();
    let bed = Bed::new();
    let pod = bed.cgroup.child("pod");
    let (text, _) = at(ENDPOINTS[0], 443);
    // One after the other, as they come to a pod; an init container is gone when the next one starts.
    for name in ["init", "app", "sidecar", "ephemeral"] {
        let container = pod.child(name);
        let probe = Probe::start(&bed.app.namespace, &container, &[&text]);
        assert_eq!(redirected(&bed, &probe, (ENDPOINTS[0], 443)).1.cgroup, container.id(), "{name}");
    }
}

#[test]
fn case_15_a_socket_used_again_is_redirected_to_its_next_destination() {
    require_kernel!();
    let bed = Bed::new();
    let (first, _) = at(OTHERS[0], 443);
    let (second, _) = at(ENDPOINTS[0], 443);
    let probe = bed.probe(&["--again", &second, "--again", &second, &first]);
    bed.accept_at_origin();
    // The first of the two redirected connections was dissolved, and its flow waits to be swept.
    let dissolved = bed.accept();
    assert!(dissolved.flow.is_some());
    redirected(&bed, &probe, (ENDPOINTS[0], 443));
    assert_eq!((bed.count(Counter::OtherAddress), bed.count(Counter::FlowEntered)), (1, 2));
}

#[test]
fn case_21_a_stale_flow_does_not_open_the_listener() {
    require_kernel!();
    let bed = Bed::new();
    let source = "203.0.113.2:7011";
    drop(bed.probe(&["--bind", source, &at(ENDPOINTS[0], 443).0]));
    // Its flow waits under its source port, which the next connection has too.
    let listener = at("127.0.0.1", bed.app.listeners.port()).0;
    assert_eq!(bed.probe(&["--bind", source, &listener]).error, Some(libc::EPERM));
    assert_eq!((bed.count(Counter::DirectConnect), bed.count(Counter::FlowEntered)), (1, 1));
    // What comes to the listener is the connection that the flow is of, and nothing else.
    let Accepted { flow, peer, .. } = bed.accept();
    assert_eq!((flow.is_some(), peer.to_string().as_str()), (true, source));
    let again = bed.app.listeners.v4.accept().unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn case_29_another_configured_port_is_redirected_and_the_usual_one_may_be_none() {
    require_kernel!();
    let bed = Bed::new();
    bed.capture.set_ports(&[8443], &[]).unwrap();
    for endpoint in ENDPOINTS {
        let probe = bed.probe(&[&at(endpoint, 8443).0]);
        redirected(&bed, &probe, (endpoint, 8443));
    }
    assert_eq!(bed.probe(&[&at(ENDPOINTS[0], 443).0]).error, None);
    bed.accept_at_origin();
    assert_eq!(bed.count(Counter::OtherPort), 1);
}

#[test]
fn case_24_a_connection_to_a_proxy_is_redirected_in_either_mode_and_marked() {
    require_kernel!();
    let bed = Bed::new();
    bed.capture.set_ports(&[443], &[8443]).unwrap();
    for proxy in OTHERS {
        let bits = if proxy.contains(':') { 128 } else { 32 };
        bed.capture.add_proxy(Proxy { address: ip(proxy), bits, port: 8443 }).unwrap();
    }
    for flags in [0, Namespace::STRICT] {
        bed.enrol(&bed.app, flags);
        for proxy in OTHERS {
            let probe = bed.probe(&[&at(proxy, 8443).0]);
            assert_eq!(redirected(&bed, &probe, (proxy, 8443)).1.flags, Flow::PROXY, "{proxy}");
        }
        // The port alone makes nobody a proxy, and an endpoint is none.
        for endpoint in ENDPOINTS {
            assert_eq!(bed.probe(&[&at(endpoint, 8443).0]).error, None);
            bed.accept_at_origin();
            let probe = bed.probe(&[&at(endpoint, 443).0]);
            assert_eq!(redirected(&bed, &probe, (endpoint, 443)).1.flags, 0, "{endpoint}");
        }
    }
    // What connected past the hooks would have been counted here.
    assert_eq!((bed.count(Counter::OtherPort), bed.count(Counter::GuardUnseen)), (4, 0));
}

#[test]
fn case_24_a_proxy_that_is_reached_past_the_hooks_is_seen_and_forgotten_ones_are_not() {
    require_kernel!();
    let bed = Bed::new();
    bed.capture.set_ports(&[443], &[8443]).unwrap();
    let network = Proxy { address: ip("203.0.113.8"), bits: 29, port: 8443 };
    bed.capture.add_proxy(network).unwrap();
    crate::bypass::sent(&bed, &["raw", &at(OTHERS[0], 8443).0]);
    assert_eq!(bed.count(Counter::GuardUnseen), 1);
    bed.capture.keep_proxies(&[network]).unwrap();
    let probe = bed.probe(&[&at(OTHERS[0], 8443).0]);
    assert_eq!(redirected(&bed, &probe, (OTHERS[0], 8443)).1.flags, Flow::PROXY);
    bed.capture.keep_proxies(&[]).unwrap();
    assert_eq!(bed.probe(&[&at(OTHERS[0], 8443).0]).error, None);
    bed.accept_at_origin();
}

#[test]
fn case_30_a_second_address_of_a_private_endpoint_is_redirected_in_a_strict_namespace_only() {
    require_kernel!();
    let bed = Bed::new();
    // The endpoint answers at both; the kernel side was told of one.
    for (flags, found) in [(0, false), (Namespace::STRICT, true)] {
        bed.enrol(&bed.app, flags);
        let probe = bed.probe(&[&at(OTHERS[0], 443).0]);
        if found {
            redirected(&bed, &probe, (OTHERS[0], 443));
        } else {
            assert_eq!(probe.error, None);
            bed.accept_at_origin();
        }
    }
}

/// A cgroup of version 1 with the `net_cls` controller, in mounts that only the calling thread and its processes see.
struct NetCls {
    mounted: tempfile::TempDir,
    /// How many cgroups the hierarchy had without ours.
    others: u32,
}

impl NetCls {
    const NAME: &str = "interceptor-case-43";

    fn new() -> Self {
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        let mounted = tempfile::tempdir().unwrap();
        mount(Some("cgroup"), mounted.path(), Some("cgroup"), MsFlags::empty(), Some("net_cls")).unwrap();
        let own = Self { mounted, others: Self::count() };
        let _ = fs::remove_dir(own.path());
        fs::create_dir(own.path()).unwrap();
        fs::write(own.path().join("net_cls.classid"), "0x100001").unwrap();
        own
    }

    /// How many cgroups there are with the controller: the third column.
    fn count() -> u32 {
        let all = fs::read_to_string("/proc/cgroups").unwrap();
        let line = all.lines().find(|line| line.starts_with("net_cls\t")).unwrap();
        line.split('\t').nth(2).unwrap().parse().unwrap()
    }

    fn path(&self) -> std::path::PathBuf {
        self.mounted.path().join(Self::NAME)
    }

    fn adopt(&self, command: &mut Command) {
        let procs = OpenOptions::new().write(true).open(self.path().join("cgroup.procs")).unwrap();
        let join = move || nix::unistd::write(&procs, b"0").map(drop).map_err(std::io::Error::from);
        #[expect(unsafe_code, reason = "the child has to join between fork and exec")]
        // SAFETY: one system call, which allocates nothing.
        unsafe {
            command.pre_exec(join)
        };
    }
}

impl Drop for NetCls {
    fn drop(&mut self) {
        let removed = fs::remove_dir(self.path());
        // Without a cgroup in it, the kernel ends the hierarchy with its last mount; but a removed one takes a moment
        // to be gone, which nothing here can wait for.
        for _ in 0..100_000 {
            if Self::count() <= self.others {
                break;
            }
            std::thread::yield_now();
        }
        let unmounted = umount2(self.mounted.path(), MntFlags::MNT_DETACH);
        if !std::thread::panicking() {
            removed.unwrap();
            unmounted.unwrap();
        }
    }
}

/// A class of version 1 took the place of the version 2 cgroup in a socket once, and the programs of the latter were
/// not run any more (kernel commit 8520e224f547, of 5.15).
#[test]
fn case_43_a_class_of_cgroup_v1_changes_nothing() {
    require_kernel!();
    let available = fs::read_to_string("/proc/cgroups").is_ok_and(|all| all.contains("net_cls"));
    if !gate::passes(available.then_some(()).ok_or_else(|| "the kernel has no net_cls".to_owned())) {
        return;
    }
    let bed = Bed::new();
    let class = NetCls::new();
    for endpoint in ENDPOINTS {
        let mut command = bed.app.namespace.command(env!("CARGO_BIN_EXE_probe"));
        bed.apps.adopt(&mut command);
        class.adopt(&mut command);
        let probe = Probe::of(command, &[&at(endpoint, 443).0]);
        let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", probe.pid)).unwrap();
        assert!(cgroups.contains(&format!("net_cls:/{}", NetCls::NAME)), "{cgroups}");
        assert_eq!(redirected(&bed, &probe, (endpoint, 443)).1.cgroup, bed.apps.id());
    }
}
