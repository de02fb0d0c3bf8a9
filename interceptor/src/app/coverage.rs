//! The report of coverage: what the kernel side counted and what the daemon was told of, workload by workload.
//! Reads both; what is made of it is in `coverage/join.rs`, and what it is called in `coverage/name.rs`.

mod join;
mod name;
pub mod report;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use interceptor_common::Counter;

use self::join::Halves;
pub(super) use self::join::NO_SOCKET;
use self::name::Names;
use self::report::{RawPackets, Report};
use crate::bpf::{self, Capture, CaptureError, Counters, Flows, Interfaces, Workloads};
use crate::telemetry::{Telemetry, chain};

/// A connection that is between the two halves while they are read makes them differ; it is there for microseconds.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Makes reports.
pub struct Coverage {
    counters: Counters,
    workloads: Workloads,
    flows: Flows,
    interfaces: Interfaces,
    telemetry: Telemetry,
    /// The cgroup that the programs are attached to.
    attached: PathBuf,
    /// Redirected connections by workload that were another daemon's.
    earlier: Mutex<HashMap<u64, u64>>,
}

impl Coverage {
    /// What an earlier daemon's programs have counted so far is an earlier daemon's.
    ///
    /// # Errors
    /// The kernel's maps cannot be read.
    pub fn new(capture: &Capture, telemetry: Telemetry, attached: PathBuf) -> Result<Self, CaptureError> {
        let coverage = Self {
            counters: capture.counters()?,
            workloads: capture.workloads().clone(),
            flows: capture.flows(),
            interfaces: capture.interfaces()?,
            telemetry,
            attached,
            earlier: Mutex::default(),
        };
        coverage.settle()?;
        Ok(coverage)
    }

    /// Another daemon accepts no more from now on: what has been redirected and is not ours was its own.
    ///
    /// # Errors
    /// The kernel's maps cannot be read.
    pub fn settle(&self) -> Result<(), CaptureError> {
        let halves = self.read(HashMap::new())?;
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        *earlier = halves.not_ours();
        Ok(())
    }

    /// A report of this moment. Walks the cgroup tree and may pause: not for a thread that serves.
    ///
    /// # Errors
    /// The kernel's maps cannot be read.
    pub fn report(&self) -> Result<Report, CaptureError> {
        let names = Names::below(&self.attached)?;
        let mut report = self.read_once(&names)?;
        for _ in 1..TRIES {
            if report.adds_up {
                break;
            }
            std::thread::sleep(PAUSE);
            report = self.read_once(&names)?;
        }
        Ok(report)
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn json(&self) -> Result<String, String> {
        let report = self.report().map_err(|error| chain(&error))?;
        serde_json::to_string(&report).map_err(|error| chain(&error))
    }

    fn read_once(&self, names: &Names) -> Result<Report, CaptureError> {
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.read(earlier)?.join(names))
    }

    /// In the order that a connection goes, so that none is missed. One that is made or on its way meanwhile can be seen
    /// too early or twice, and is in its place when it is read again.
    fn read(&self, earlier: HashMap<u64, u64>) -> Result<Halves, CaptureError> {
        let stats = self.counters.read()?;
        let node = Counter::ALL.into_iter().map(|counter| (counter, stats.of(counter))).collect();
        let counts = self.workloads.read()?;
        let waiting = self.flows.waiting()?;
        let raw_packets = self.raw_packets()?;
        Ok(Halves { node, counts, waiting, accounts: self.telemetry.coverage().read(), earlier, raw_packets })
    }

    /// By interface, those of which there were some.
    fn raw_packets(&self) -> Result<Vec<RawPackets>, CaptureError> {
        let counts = self.interfaces.read()?;
        let mut seen = counts.into_iter().filter(|(_, raw)| raw.left + raw.dropped > 0).peekable();
        if seen.peek().is_none() {
            return Ok(Vec::new());
        }
        let there = bpf::interfaces().unwrap_or_default();
        let name = |index| {
            let interface = there.iter().find(|interface| interface.index == index);
            interface.map_or_else(|| format!("gone (interface {index})"), |interface| interface.name.clone())
        };
        let line = |(index, raw): (u32, interceptor_common::RawPackets)| RawPackets {
            interface: name(index),
            left: raw.left,
            refused: raw.dropped,
        };
        let mut lines: Vec<_> = seen.map(line).collect();
        lines.sort_by(|one, other| one.interface.cmp(&other.interface));
        Ok(lines)
    }
}
