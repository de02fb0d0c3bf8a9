//! Makes the parts of a daemon that touch the kernel side: programs and maps, endpoints, workers.
//! Knows the configuration. Does not know what order they are made in.

use std::fs::File;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use interceptor_common::Endpoint;

use super::kernel::KernelFlows;
use crate::app::exempt::Exempt;
use crate::app::proxies;
use crate::app::start::StartError;
use crate::bpf::{self, Capture, CaptureConfig, CaptureError, Pins};
use crate::config::Config;
use crate::proxy::accept::Flows;
use crate::proxy::shared::Shared;
use crate::proxy::worker::Crew;

/// The kernel side, taken over from an earlier daemon where there was one. `lock` is that of one which still runs.
pub(super) fn load(config: &Config, exempt: &Exempt, lock: Option<File>) -> Result<Capture, StartError> {
    let told = CaptureConfig {
        ports: config.endpoints.ports.clone(),
        proxies: proxies::ports(&config.endpoints),
        exempt: exempt.id,
        flows: CaptureConfig::FLOWS,
        events: CaptureConfig::EVENTS,
    };
    Ok(match &config.capture.pins {
        Some(path) => {
            let pins = lock.map_or_else(|| Pins::open(path), |lock| Ok(Pins::inherit(path, lock)))?;
            Capture::take_over(bpf::object()?, &told, pins)?
        }
        None => Capture::load(bpf::object()?, &told)?,
    })
}

/// The configured prefixes, and no others.
pub(super) fn prefixes(config: &Config, capture: &Capture) -> Result<(), StartError> {
    let wanted: Vec<_> =
        config.endpoints.addresses.iter().map(|prefix| (prefix.address, prefix.bits)).collect();
    for (address, length) in &wanted {
        capture.add_prefix(*address, *length, Endpoint { provider: 0 })?;
    }
    Ok(capture.keep_prefixes(&wanted)?)
}

/// The workers, each of which has given its first sign of life.
pub(super) fn crew(
    config: &Config,
    shared: &Arc<Shared>,
    capture: &Capture,
) -> Result<(Crew, Vec<JoinHandle<()>>), StartError> {
    let flows: Arc<dyn Flows> = Arc::new(KernelFlows(capture.flows(), capture.execs()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = config.workers.unwrap_or(cores).min(interceptor_common::WORKERS);
    Crew::start(workers, shared, &flows, &capture.heartbeats())
        .map_err(|io| StartError::System { what: "worker threads", io })
}

/// The addresses that an earlier daemon has learned. Whose they are is asked anew, by this catalogue: until then they
/// are nobody's.
pub(super) fn disown(capture: &Capture) -> Result<Vec<IpAddr>, CaptureError> {
    let addresses = capture.addresses()?;
    addresses.iter().try_for_each(|address| capture.add_address(*address, Endpoint { provider: 0 }))?;
    Ok(addresses)
}
