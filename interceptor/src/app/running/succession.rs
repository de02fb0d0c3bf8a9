//! One daemon after another: what is offered to a successor, what is taken back if it does not come to serve, and what
//! is left to a predecessor that still drains. The conversation itself is in `handover`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::TcpListener;

use tokio::sync::oneshot;

use super::Daemon;
use crate::app::handover::{Door, Inherited, InheritedNamespace, Offer, Predecessor, Successor, Visit};
use crate::app::treatment::flags_of_unknown;
use crate::telemetry::chain;

impl Daemon {
    /// What a successor is given. Without it there is none, and this daemon goes on.
    pub(super) fn offer(&self, visit: Visit) -> Option<oneshot::Receiver<Successor>> {
        let offer = || {
            let pins = self.capture.pins().ok_or(io::ErrorKind::NotFound)?;
            let admin = self.admin_port.as_ref().map(|port| port.copy.try_clone()).transpose()?;
            let lock = pins.lock().try_clone()?.into();
            io::Result::Ok(Offer { lock, admin, namespaces: self.namespaces.offer()? })
        };
        match offer() {
            Ok(offer) => {
                tracing::info!("a new daemon takes over");
                Some(visit.answer(offer))
            }
            Err(error) => {
                tracing::warn!(%error, "nothing can be handed over");
                None
            }
        }
    }

    /// After a successor that did not come to serve.
    pub(super) fn go_on(&mut self) {
        let unknown = flags_of_unknown(&self.config.capture, self.config.discovers());
        let engine = self.shared.engine.load_full();
        if let Err(error) = self.forbidding.renew(&self.capture, &self.shared, &engine) {
            tracing::error!(error = chain(&error), "what policy forbids is refused in exchanges only");
        }
        // It has taken them for nobody's.
        self.tell_whose(&self.learner.addresses());
        let reasserted =
            self.capture.reassert(self.exempt.id).and_then(|()| self.capture.set_unknown(unknown));
        if let Err(error) = reasserted.and_then(|()| self.namespaces.reassert(&self.capture)) {
            tracing::error!(error = chain(&error), "what the new daemon has changed stays changed");
        }
    }

    pub(super) fn forget_former(&self) {
        tracing::info!("the daemon that ran before has ended");
        if let Err(error) = self.capture.forget_former() {
            tracing::warn!(error = chain(&error), "the cgroup of the daemon that ran before stays exempt");
        }
        if let Err(error) = self.coverage.settle() {
            tracing::warn!(error = chain(&error), "what it was brought is not accounted for");
        }
    }

    /// Ends after a successor has taken over: what is open may finish, and the kernel side stays as it is. Health is told
    /// meanwhile, and afterwards as long as the runtime lives.
    pub async fn leave(self) {
        self.admin.set_ready(false);
        if let Some(port) = self.admin_port {
            port.hand_over();
        }
        self.crew.relieve();
        // Should the successor die, nobody must wait at a listener that lives on with us.
        drop(self.namespaces);
        let threads = self.threads;
        // A worker that panicked has told so already.
        let joined =
            tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join())));
        let _ = joined.await;
        self.capture.hand_over();
        self.shared.telemetry.flush();
        // Nothing of ours needs to be exempt any more.
        drop(self.successor);
    }
}

/// What was handed over, part by part.
pub(super) type Parts =
    (Option<File>, Option<TcpListener>, HashMap<u64, InheritedNamespace>, Option<Predecessor>);

/// Takes it apart.
pub(super) fn apart(inherited: Option<Inherited>) -> Parts {
    match inherited {
        Some(Inherited { lock, admin, namespaces, predecessor }) => {
            (Some(lock), admin, namespaces, Some(predecessor))
        }
        None => (None, None, HashMap::new(), None),
    }
}

/// The successor, if the conversation with it ended well; never, without one.
pub(super) async fn told(offered: Option<&mut oneshot::Receiver<Successor>>) -> Option<Successor> {
    match offered {
        // The thread that would tell has given up: nobody serves.
        Some(offered) => offered.await.ok(),
        None => std::future::pending().await,
    }
}

/// The next successor that asks.
pub(super) async fn knock(door: Option<&mut Door>) -> Visit {
    match door {
        Some(door) => door.knock().await,
        None => std::future::pending().await,
    }
}

/// Waits for a future that may not be there.
pub(super) async fn or_never<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
