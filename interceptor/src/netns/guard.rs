//! The thread's stay in another network namespace.

use super::{NetNs, NetNsError};
use nix::sched::{CloneFlags, setns};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::process;

thread_local! {
    /// Where this thread is, as far as this module moved it. Looked up once: nothing else in the daemon calls
    /// `setns`, and asking each time would cost more than the switch.
    static HERE: RefCell<Option<NetNs>> = const { RefCell::new(None) };
}

/// While it lives, the thread is inside. Bound to its thread: dropped elsewhere, it would move the wrong one.
pub(super) struct Inside {
    /// Where to return to; `None` if the thread did not have to move.
    home: Option<NetNs>,
    not_send: PhantomData<*const ()>,
}

impl Inside {
    pub(super) fn enter(target: &NetNs) -> Result<Self, NetNsError> {
        let home = here()?;
        if home.id() == target.id() {
            return Ok(Self { home: None, not_send: PhantomData });
        }
        setns(target, CloneFlags::CLONE_NEWNET)
            .map_err(|error| NetNsError::Enter { id: target.id(), error: error.into() })?;
        set_here(target);
        Ok(Self { home: Some(home), not_send: PhantomData })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let Some(home) = &self.home else { return };
        if let Err(error) = setns(home, CloneFlags::CLONE_NEWNET) {
            // Why this ends the process is said at `NetNs::enter`.
            tracing::error!(%error, home = %home.id(), "cannot return to the thread's own network namespace");
            process::abort();
        }
        set_here(home);
    }
}

fn here() -> Result<NetNs, NetNsError> {
    if let Some(here) = HERE.with_borrow(Clone::clone) {
        return Ok(here);
    }
    let here = NetNs::current()?;
    set_here(&here);
    Ok(here)
}

fn set_here(netns: &NetNs) {
    HERE.set(Some(netns.clone()));
}
