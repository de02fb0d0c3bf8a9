//! Thousands of connections before the first is accepted.

use crate::bed::{Bed, ENDPOINTS, at, ip};
use interceptor_common::{Counter, Endpoint, Flow};
use interceptor_tests::require_kernel;
use serde_json::Value;
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROCESSES: usize = 4;
const EACH: usize = 2500;
const ALL: usize = PROCESSES * EACH;

/// Starts a process that connects; what it says is read later, so that all of them run at once.
fn start(mut command: Command, destinations: &[String]) -> Child {
    command.args(["burst", &EACH.to_string()]).args(destinations);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn said(child: &mut Child) -> Value {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("every connection was made")
}

/// Where every connection wanted to go, and whose it is, by its source.
fn wanted(children: &mut [Child]) -> HashMap<SocketAddr, (SocketAddr, u32)> {
    let mut all = HashMap::new();
    for child in children {
        let report = said(child);
        for made in report["connections"].as_array().unwrap() {
            let port = u16::try_from(made[0].as_u64().unwrap()).unwrap();
            let destination = made[1].as_str().unwrap().parse().unwrap();
            all.insert(SocketAddr::new(ip("127.0.0.1"), port), (destination, child.id()));
        }
    }
    all
}

#[test]
fn case_37_a_burst_of_ten_thousand_loses_no_destination() {
    require_kernel!();
    let bed = Bed::bare(16_384);
    bed.app.namespace.run(|| std::fs::write("/proc/sys/net/core/somaxconn", "16384")).unwrap();
    SockRef::from(&bed.app.listeners.v4).listen(16_384).unwrap();
    bed.enrol(&bed.app, 0);
    // Each flow has to be told from its neighbours by more than its source.
    let others = ["203.0.113.20", "203.0.113.21", "203.0.113.22"];
    for other in others {
        bed.capture.add_address(ip(other), Endpoint { provider: 2 }).unwrap();
    }
    let destinations: Vec<_> =
        others.into_iter().chain([ENDPOINTS[0]]).map(|address| at(address, 443).0).collect();
    let connector = || {
        let mut command = bed.app.namespace.command(env!("CARGO_BIN_EXE_connector"));
        bed.apps.adopt(&mut command);
        command
    };

    // No loop is slower than one that accepts nothing before all have come.
    let mut children: Vec<Child> = (0..PROCESSES).map(|_| start(connector(), &destinations)).collect();
    let mut wanted = wanted(&mut children);
    assert_eq!(wanted.len(), ALL);
    for _ in 0..ALL {
        let accepted = bed.accept();
        let (destination, tgid) = wanted.remove(&accepted.peer).expect("one of those that were made");
        let Flow { destination: found, port, tgid: by, .. } = accepted.flow.expect("the flow was entered");
        assert_eq!((SocketAddr::new(IpAddr::from(found), port), by), (destination, tgid));
    }
    for child in &mut children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    let all = ALL as u64;
    assert_eq!((bed.count(Counter::Redirected), bed.count(Counter::FlowEntered)), (all, all));
    assert_eq!(bed.count(Counter::FlowFull), 0);
    assert_eq!(bed.capture.flows().sweep(Duration::ZERO, |_| {}).unwrap().seen, 0);
}
