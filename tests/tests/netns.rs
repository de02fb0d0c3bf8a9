//! The kernel tier of network namespaces: real `setns`, real sockets, nothing that leaves a namespace.
//! Needs root; says aloud when it cannot run.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use interceptor::netns::{self, ListenError, NetNs};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::netns::Namespace;
use interceptor_tests::{require_kernel, require_root};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

fn open(namespace: &Namespace) -> NetNs {
    NetNs::open(&namespace.path()).unwrap()
}

#[test]
fn a_thread_is_inside_for_the_closure_only() {
    require_root!();
    let home = NetNs::current().unwrap();
    let (first, second) = (open(&Namespace::new()), open(&Namespace::new()));
    let here = || NetNs::current().unwrap().id();
    let (outer, inner, back) = first.enter(|| (here(), second.enter(here).unwrap(), here())).unwrap();
    assert_eq!((outer, inner, back), (first.id(), second.id(), first.id()));
    assert_eq!(here(), home.id());
}

#[test]
fn a_panic_inside_brings_the_thread_home() {
    require_root!();
    let home = NetNs::current().unwrap().id();
    let away = open(&Namespace::new());
    let fall = || away.enter(|| panic!("as intended"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fall)).is_err());
    assert_eq!(NetNs::current().unwrap().id(), home);
}

#[test]
fn identity_and_cookie_tell_namespaces_apart() {
    require_root!();
    let (first, second) = (Namespace::new(), Namespace::new());
    assert_eq!(open(&first).id(), open(&first).id());
    assert_ne!(open(&first).id(), open(&second).id());
    assert_eq!(open(&first).cookie().unwrap(), open(&first).cookie().unwrap());
    assert_ne!(open(&first).cookie().unwrap(), open(&second).cookie().unwrap());
    assert_ne!(open(&first).cookie().unwrap(), NetNs::current().unwrap().cookie().unwrap());
}

#[test]
fn a_process_leads_to_its_namespace() {
    require_root!();
    let namespace = Namespace::new();
    let mut child = namespace.command("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(NetNs::of_pid(child.id()).unwrap().id(), open(&namespace).id());
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn listeners_live_in_the_namespace_and_share_a_port() {
    require_root!();
    let namespace = Namespace::new();
    let listeners = open(&namespace).listen(0, 16).unwrap();
    let port = listeners.port();
    assert!(!(30_000..=32_767).contains(&port));
    assert_eq!(listeners.v6.as_ref().unwrap().local_addr().unwrap().port(), port);
    // Both take connections made inside, whichever thread accepts them.
    namespace.run(|| {
        for host in ["127.0.0.1", "::1"] {
            TcpStream::connect((host, port)).unwrap();
        }
    });
    listeners.v4.accept().unwrap();
    listeners.v6.unwrap().accept().unwrap();
}

#[test]
fn a_namespace_without_ipv6_has_a_v4_listener() {
    require_root!();
    let namespace = Namespace::new();
    namespace.run(|| std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")).unwrap();
    let listeners = open(&namespace).listen(0, 16).unwrap();
    assert!(listeners.v6.is_none());
    let enrolment = listeners.enrolment(0);
    assert_eq!((enrolment.port4, enrolment.port6), (listeners.port(), 0));
}

#[test]
fn a_port_that_cannot_be_had_is_named() {
    require_root!();
    let namespace = open(&Namespace::new());
    let taken = namespace.listen(15_443, 16).unwrap();
    let refused = namespace.listen(taken.port(), 16).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "port 15443 is in use in the network namespace; choose another for listen.port"
    );
    let node_port = namespace.listen(30_000, 16).unwrap_err();
    assert!(matches!(node_port, ListenError::NodePort { port: 30_000 }), "{node_port}");
}

#[test]
fn a_loopback_device_that_is_down_is_named() {
    require_root!();
    let namespace = Namespace::new();
    namespace.ip("link set lo down");
    let refused = open(&namespace).listen(0, 16).unwrap_err();
    assert!(
        refused.to_string().starts_with("the loopback device of the network namespace is down"),
        "{refused}"
    );
}

#[test]
fn an_upstream_socket_uses_the_routes_of_its_namespace() {
    require_root!();
    let (near, far) = (Namespace::new(), Namespace::new());
    near.join(&far, "wire");
    near.add_addresses("wire", &["203.0.113.2/24"]);
    far.add_addresses("wire", &["203.0.113.10/24"]);
    let server = far.run(|| std::net::TcpListener::bind("203.0.113.10:443")).unwrap();
    let destination: SocketAddr = "203.0.113.10:443".parse().unwrap();
    let socket = open(&near).tcp_socket(destination.ip()).unwrap().unwrap();
    // Non-blocking, and connected from a thread that is elsewhere by now.
    let pending = socket.connect(&destination.into()).unwrap_err();
    assert_eq!(pending.raw_os_error(), Some(libc::EINPROGRESS));
    let (_stream, peer) = server.accept().unwrap();
    assert_eq!(peer.ip().to_string(), "203.0.113.2");
}

#[test]
fn namespaces_below_a_cgroup_are_found_once_each() {
    require_kernel!();
    let (first, second) = (Namespace::new(), Namespace::new());
    let cgroup = Cgroup::new();
    let below = cgroup.child("below");
    let start = |namespace: &Namespace, cgroup: &Cgroup| {
        let mut command = namespace.command("cat");
        cgroup.adopt(&mut command);
        command.stdin(Stdio::piped()).spawn().unwrap()
    };
    let mut children = [start(&first, &cgroup), start(&first, &below), start(&second, &below)];
    let found = netns::below_cgroup(cgroup.path()).unwrap();
    let mut found: Vec<_> = found.iter().map(|one| (one.netns.id(), one.cgroups.clone())).collect();
    found.sort();
    let (above, below) = (cgroup.path().to_owned(), below.path().to_owned());
    let mut expected =
        vec![(open(&first).id(), vec![above, below.clone()]), (open(&second).id(), vec![below])];
    expected.sort();
    assert_eq!(found, expected);
    for child in &mut children {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

#[test]
fn without_permission_the_error_says_so() {
    require_root!();
    let away = open(&Namespace::new());
    let said = std::thread::spawn(move || {
        interceptor_tests::gate::become_nobody();
        away.enter(|| ()).unwrap_err().to_string()
    });
    let said = said.join().unwrap();
    assert!(said.ends_with("cannot be entered; that needs CAP_SYS_ADMIN"), "{said}");
}
