//! What a scrape is told beside the counted events, and the port that it comes to.
//! Knows the kernel's counters and the configuration of the port. Does not know the daemon.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::admin::Admin;
use crate::app::forbidding::Tally;
use crate::app::start::StartError;
use crate::bpf;
use crate::config::Config;
use crate::proxy::shared::Shared;

/// What is asked at each scrape: the kernel's counters, and what is open right now.
pub(super) fn current(
    counters: bpf::Counters,
    learning: bpf::Learning,
    shared: Arc<Shared>,
    verdicts: Arc<Tally>,
) -> impl Fn() -> String + Send + Sync + 'static {
    let kernel = kernel_counters(counters, learning);
    move || kernel() + &shared.gauges() + &verdicts.text()
}

/// The kernel's counters as lines for a scrape. They are the ground truth of coverage.
fn kernel_counters(
    counters: bpf::Counters,
    learning: bpf::Learning,
) -> impl Fn() -> String + Send + Sync + 'static {
    move || {
        let Ok(stats) = counters.read() else { return String::new() };
        let mut text = String::from(
            "# HELP interceptor_kernel What the kernel side decided, by counter.\n# TYPE interceptor_kernel counter\n",
        );
        for (counter, value) in stats.iter() {
            text.push_str(&format!("interceptor_kernel_total{{counter=\"{}\"}} {value}\n", counter.name()));
        }
        if let Ok(learned) = learning.count() {
            text.push_str(&format!(
                "# HELP interceptor_learned_addresses Addresses learned from DNS answers and still kept.\n\
                 # TYPE interceptor_learned_addresses gauge\ninterceptor_learned_addresses {learned}\n"
            ));
        }
        text
    }
}

/// The admin port.
pub(super) struct AdminPort {
    pub(super) address: SocketAddr,
    /// For a successor.
    pub(super) copy: OwnedFd,
    accepting: AbortHandle,
}

impl AdminPort {
    /// From now on the port is a successor's alone.
    pub(super) fn hand_over(self) {
        self.accepting.abort();
    }
}

/// Opens the socket that is this daemon's own.
pub(super) fn open_socket(config: &Config, admin: &Arc<Admin>) -> Result<(), StartError> {
    let Some(path) = &config.admin_socket else { return Ok(()) };
    let failed = |io| StartError::AdminSocket { path: path.clone(), io };
    let listener = Admin::bind_local(path).map_err(failed)?;
    tokio::spawn(admin.clone().serve_local(listener));
    Ok(())
}

/// Opens the port, or goes on with the one that was inherited.
pub(super) async fn open_admin(
    config: &Config,
    admin: &Arc<Admin>,
    inherited: Option<TcpListener>,
) -> Result<Option<AdminPort>, StartError> {
    let Some(wanted) = config.admin else { return Ok(None) };
    let failed = |io| StartError::Admin { address: wanted, io };
    // Two daemons cannot bind one port, and a scraper need not notice that there are two.
    let suits = |listener: &TcpListener| {
        listener
            .local_addr()
            .is_ok_and(|has| has.ip() == wanted.ip() && [0, has.port()].contains(&wanted.port()))
    };
    let listener = match inherited.filter(suits) {
        Some(listener) => tokio::net::TcpListener::from_std(listener).map_err(failed)?,
        None => Admin::bind(wanted).await.map_err(failed)?,
    };
    let address = listener.local_addr().map_err(failed)?;
    let copy = listener.as_fd().try_clone_to_owned().map_err(failed)?;
    if let Some(path) = &config.admin_file {
        std::fs::write(path, address.to_string()).map_err(failed)?;
    }
    let accepting = tokio::spawn(admin.clone().serve(listener)).abort_handle();
    Ok(Some(AdminPort { address, copy, accepting }))
}
