//! What is pinned outlives the daemon: the fail policy answers while there is none, and the next one goes on where the
//! last one stopped, whether it is of the same version or not.

use super::bed::{App, Bed, ENDPOINTS, OTHERS, Probe, at, live, take_over};
use interceptor::bpf::{self, Capture, CaptureError, Pins};
use interceptor_common::{ABI_VERSION, Counter, Endpoint, Namespace};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::mounts::enter_private_bpffs;
use interceptor_tests::require_kernel;
use std::net::IpAddr;
use tempfile::TempDir;

/// A directory in a bpffs that only this thread and its processes see.
pub(crate) fn bpffs() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    enter_private_bpffs(directory.path()).unwrap();
    directory
}

#[test]
fn a_daemon_that_takes_over_loses_no_flow_and_no_table() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let mut bed = Bed::pinned(&pins);
    let first = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    bed.restart(&pins);
    // Redirected before, accepted afterwards.
    assert_eq!(bed.accept().flow.expect("the flow is still there").tgid, first.pid);
    let second = bed.probe(&[&at(ENDPOINTS[1], 443).0]);
    assert_eq!((second.error, bed.accept().flow.is_some()), (None, true));
    // One connection, one record: the programs were exchanged and not added to.
    assert_eq!((bed.count(Counter::Redirected), bed.count(Counter::FlowEntered)), (2, 2));
    let mut known = bed.capture.addresses().unwrap();
    known.sort();
    assert_eq!(known, ENDPOINTS.map(|address| address.parse::<IpAddr>().unwrap()));
}

#[test]
fn without_a_daemon_the_fail_policy_answers() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    for (flags, error) in [(0, None), (Namespace::CLOSED, Some(libc::EPERM))] {
        let mut bed = Bed::pinned(&pins);
        bed.enrol(&bed.app, flags);
        bed.capture.heartbeats().stop(0).unwrap();
        bed.die();
        for endpoint in ENDPOINTS {
            assert_eq!(bed.probe(&[&at(endpoint, 443).0]).error, error);
            if error.is_none() {
                bed.accept_at_origin();
            }
        }
        Pins::open(&pins).unwrap().remove().unwrap();
    }
}

#[test]
fn tables_are_reconciled_with_what_the_new_daemon_serves() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let mut bed = Bed::pinned(&pins);
    let gone = App::new();
    bed.enrol(&gone, Namespace::CLOSED);
    let prefixes =
        [("203.0.113.8", 29), ("2001:db8::10", 124)].map(|(ip, length)| (ip.parse().unwrap(), length));
    for (address, length) in prefixes {
        bed.capture.add_prefix(address, length, Endpoint { provider: 2 }).unwrap();
    }
    bed.restart(&pins);
    let own = bed.app.cookie;
    assert_eq!(bed.capture.keep_namespaces(|cookie| cookie == own).unwrap(), 1);
    assert!(!bed.capture.release(gone.cookie).unwrap());
    bed.capture.keep_prefixes(&prefixes[1..]).unwrap();
    let [left, redirected] = OTHERS;
    assert_eq!(bed.probe(&[&at(left, 443).0]).error, None);
    bed.accept_at_origin();
    assert_eq!(bed.probe(&[&at(redirected, 443).0]).error, None);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn pins_have_one_daemon_at_a_time() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let held = Pins::open(&pins).unwrap();
    let said = Pins::open(&pins).unwrap_err().to_string();
    assert!(said.starts_with("another daemon uses the pins in "), "{said}");
    drop(held);
    Pins::open(&pins).unwrap();
}

#[test]
fn pins_want_a_bpffs_and_say_how_to_have_one() {
    require_kernel!();
    let directory = tempfile::tempdir().unwrap();
    let error = Pins::open(&directory.path().join("pins")).unwrap_err();
    assert!(matches!(error, CaptureError::NoBpffs { .. }));
    assert!(error.to_string().contains("mount -t bpf bpf"), "{error}");
}

#[test]
fn detaching_leaves_nothing() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let mut bed = Bed::pinned(&pins);
    let idle = Capture::load(bpf::object().unwrap(), &bed.config).unwrap();
    std::mem::replace(&mut bed.capture, idle).detach().unwrap();
    assert!(!pins.exists());
    // Our listener takes direct connections again.
    let listener = at("127.0.0.1", bed.app.listeners.port()).0;
    assert_eq!(bed.probe(&[&listener]).error, None);
}

#[test]
fn pins_follow_the_cgroup_that_is_configured() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let mut bed = Bed::pinned(&pins);
    bed.die();
    let elsewhere = Cgroup::new();
    bed.capture = take_over(&bed.config, &pins);
    bed.capture.attach(elsewhere.path()).unwrap();
    let listener = at("127.0.0.1", bed.app.listeners.port()).0;
    let connect = |cgroup: &Cgroup| Probe::start(&bed.app.namespace, cgroup, &[&listener]).error;
    assert_eq!(connect(&elsewhere.child("apps")), Some(libc::EPERM));
    assert_eq!(connect(&bed.apps), None);
}

#[test]
fn case_41_two_versions_attached_at_once_redirect_a_connection_once() {
    require_kernel!();
    let mut bed = Bed::new();
    // Another daemon's programs run after ours, and see what ours have made of a connection.
    let mut other = Capture::load(bpf::object().unwrap(), &bed.config).unwrap();
    live(&other);
    let listeners = bed.app.netns.listen(0, 128).unwrap();
    other.enrol(bed.app.cookie, listeners.enrolment(Namespace::STRICT)).unwrap();
    other.attach(bed.cgroup.path()).unwrap();
    for endpoint in ENDPOINTS {
        let (text, destination) = at(endpoint, 443);
        let probe = bed.probe(&[&text]);
        let flow = bed.accept().flow.expect("the flow is in the first daemon's map");
        assert_eq!((probe.error, IpAddr::from(flow.destination)), (None, destination.ip()));
        assert_eq!(probe.peer, Some(destination));
    }
    let stats = other.stats().unwrap();
    assert_eq!((stats.of(Counter::Redirected), stats.of(Counter::Loopback)), (0, 2));
    assert_eq!(stats.of(Counter::FlowEntered), 0);
    // Once the first is gone, the second has it all.
    bed.capture = other;
    let probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    let accepted = bed.accept_in(&bed.app, &[&listeners.v4]);
    assert_eq!((probe.error, probe.local), (None, Some(accepted.peer)));
    assert!(accepted.flow.is_some());
}

#[test]
fn case_41_pins_of_another_version_are_replaced_without_a_gap() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let mut bed = Bed::pinned(&pins);
    // As if an older daemon had left them.
    let former = pins.join("v0");
    std::fs::rename(pins.join(format!("v{ABI_VERSION}")), &former).unwrap();
    bed.die();
    bed.capture = take_over(&bed.config, &pins);
    live(&bed.capture);
    // The older programs are still attached, and find the older daemon dead and its listener gone.
    bed.app.listeners = bed.app.netns.listen(0, 128).unwrap();
    bed.enrol(&bed.app, Namespace::STRICT);
    assert_eq!(bed.capture.attach(bed.cgroup.path()).unwrap(), [former]);
    assert_eq!(std::fs::read_dir(&pins).unwrap().count(), 1);
    let probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    let accepted = bed.accept();
    assert_eq!((probe.error, probe.local), (None, Some(accepted.peer)));
    assert!(accepted.flow.is_some());
}
