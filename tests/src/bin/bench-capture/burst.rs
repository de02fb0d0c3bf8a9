//! A burst of connections of which none is accepted before all have come: how many still have their destination, and
//! how many a core can accept and look up in a second.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::Result;
use interceptor_common::Flow;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::bed::{Application, Bed, ENDPOINT, PORT, at};

const PROCESSES: usize = 4;

#[derive(Debug, Serialize)]
pub(crate) struct Burst {
    connections: usize,
    /// Those whose destination nobody knows any more.
    lost: usize,
    /// Accepted and looked up in a second of one core's time, the kernel's work for it included.
    accepted_per_second: f64,
}

pub(crate) fn measure(bed: &Bed, count: usize) -> Result<Burst> {
    let each = (count / PROCESSES).max(1);
    let words = ["burst", &each.to_string(), &at(ENDPOINT, PORT)];
    let start = |_| bed.start(&bed.inside, Stdio::piped(), &words);
    let mut applications: Vec<Application> = (0..PROCESSES).map(start).collect::<Result<_>>()?;
    for application in &mut applications {
        application.said()?;
    }
    let connections = each * PROCESSES;
    let mut known = 0;
    let begun = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    for _ in 0..connections {
        let (_stream, peer): (_, SocketAddr) = bed.listener.accept()?;
        let flow: Option<Flow> = bed.capture.flows().take(bed.cookie, peer)?;
        known += usize::from(flow.is_some());
    }
    let took = std::time::Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)? - begun);
    let accepted_per_second = connections as f64 / took.as_secs_f64();
    Ok(Burst { connections, lost: connections - known, accepted_per_second })
}
