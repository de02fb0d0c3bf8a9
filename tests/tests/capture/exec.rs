//! When a process becomes another program: noted of those that have connected, from then on.

use crate::bed::{Bed, ENDPOINTS, at};
use crate::pins::bpffs;
use interceptor_tests::require_kernel;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A shell that connects, and becomes `sleep` when it is told to.
struct Shell(Child);

impl Shell {
    fn start(bed: &Bed) -> Self {
        let mut command = bed.app.namespace.command("/bin/bash");
        bed.apps.adopt(&mut command);
        let script = format!("exec 3<>/dev/tcp/{}/443; read line; exec sleep 600", ENDPOINTS[0]);
        Self(command.args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap())
    }

    fn is_sleep(&self) -> bool {
        let path = std::fs::read_link(format!("/proc/{}/exe", self.0.id())).unwrap();
        path.ends_with("sleep")
    }

    fn execute(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"now\n").unwrap();
        let until = Instant::now() + PATIENCE;
        while !self.is_sleep() {
            assert!(Instant::now() < until, "it is still a shell");
            std::thread::yield_now();
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_noted(bed: &Bed) {
    let execs = bed.capture.execs();
    let mut shell = Shell::start(bed);
    let flow = bed.accept().flow.expect("the flow was entered");
    assert_eq!(flow.tgid, shell.0.id());
    assert_eq!(execs.last(flow.tgid).unwrap(), Some(Duration::ZERO), "what was before does not matter");
    shell.execute();
    // The path changes a moment before it is noted.
    let until = Instant::now() + PATIENCE;
    let noted = loop {
        match execs.last(flow.tgid).unwrap() {
            Some(Duration::ZERO) => assert!(Instant::now() < until, "nobody noted it"),
            noted => break noted.expect("it is not forgotten"),
        }
    };
    assert!(noted > Duration::from_nanos(flow.at));
}

#[test]
fn an_execution_is_noted_of_a_process_that_has_connected() {
    require_kernel!();
    let bed = Bed::new();
    is_noted(&bed);
    // Nobody else is followed: this test's own processes have executed a few programs meanwhile.
    assert_eq!(bed.capture.execs().last(std::process::id()).unwrap(), None);
    let elsewhere = bed.probe(&[&at(ENDPOINTS[0], 8443).0]);
    assert_eq!(elsewhere.error, None);
    assert_eq!(bed.capture.execs().last(elsewhere.pid).unwrap(), None);
}

#[test]
fn a_daemon_that_takes_over_goes_on_noting() {
    require_kernel!();
    let bpffs = bpffs();
    let pins = bpffs.path().join("pins");
    let mut bed = Bed::pinned(&pins);
    is_noted(&bed);
    bed.restart(&pins);
    is_noted(&bed);
}
