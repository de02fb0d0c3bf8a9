//! What the guard of interfaces adds: its own runs, and the notes that the guard of sockets then makes. The loopback device
//! stands for the host's end of a veth: every packet comes in by it, those of both sides.

use anyhow::{Result, ensure};
use interceptor::bpf::{self, RawPacketPolicy};
use serde::Serialize;

use crate::bed::Bed;
use crate::connect;
use crate::cost::Cost;
use crate::stream;

#[derive(Debug, Serialize)]
pub(crate) struct Guarded {
    /// By connection to a captured port of an address that is no endpoint.
    connect: Vec<Cost>,
    /// By megabyte of a stream to one.
    stream: Vec<Cost>,
}

/// From here on the bed is guarded.
pub(crate) fn measure(bed: &mut Bed, connections: usize, milliseconds: u64) -> Result<Guarded> {
    let Bed { capture, namespace, .. } = bed;
    capture.set_raw_packets(RawPacketPolicy::Count)?;
    let settled = namespace.run(|| capture.guard(&bpf::interfaces()?).map_err(anyhow::Error::from))?;
    ensure!(settled.failed.is_empty() && !settled.guarded.is_empty(), "{settled:?}");
    Ok(Guarded { connect: connect::left_alone(bed, connections)?, stream: stream::costs(bed, milliseconds)? })
}
