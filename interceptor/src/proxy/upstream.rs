//! Warm connections to providers, shared by all applications of a namespace on one worker.
//! Knows hyper's client side and how to dial. Does not know exchanges, policy or who is served.
//!
//! A connection belongs to the worker that dialled it and never leaves its thread. What is shared is only
//! what a verified name, a namespace and an ALPN offer have in common: credentials travel in requests, not in
//! connections, and connections with a client certificate are never intercepted. Only a proxy is shown credentials for
//! the connection itself, and what went through one is shared among those who show it the same.

pub mod connection;
pub mod dialler;
mod slot;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

pub use connection::{Protocol, SendError, Sender, Upgraded};
pub use dialler::ConnectError;
pub use slot::{Lease, Slot};

use crate::hello::Host;
use crate::proxy::tunnel::Via;
use crate::tls::upstream::AlpnOffer;

/// What connections must have in common to be shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Cookie of the network namespace they leave from.
    pub namespace: u64,
    /// The verified name.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// What was offered. An application that offers less must not be served over more.
    pub offer: AlpnOffer,
    /// The proxy in between, and what it was asked with.
    pub via: Option<Via>,
}

/// All warm connections of one worker.
#[derive(Debug, Default)]
pub struct Pool {
    slots: RefCell<HashMap<Key, Rc<Slot>>>,
}

/// The most (namespace, name, offer) combinations one worker keeps. Beyond it the unused ones go first, and
/// a combination that finds no room is served without being kept.
const MAX_SLOTS: usize = 16_384;

impl Pool {
    /// The slot of a key, made if there is none.
    pub fn slot(&self, key: Key, spare: usize) -> Rc<Slot> {
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = slots.get(&key) {
            return slot.clone();
        }
        if slots.len() >= MAX_SLOTS {
            slots.retain(|_, slot| Rc::strong_count(slot) > 1);
        }
        let slot = Rc::new(Slot::new(spare));
        if slots.len() < MAX_SLOTS {
            slots.insert(key, slot.clone());
        }
        slot
    }

    /// Drops what has been unused for `idle`, and slots that hold nothing. Called now and then.
    pub fn sweep(&self, idle: Duration) {
        self.slots.borrow_mut().retain(|_, slot| {
            slot.sweep(idle);
            !slot.is_empty() || Rc::strong_count(slot) > 1
        });
    }

    /// Drops every connection of a namespace that is gone.
    pub fn forget(&self, namespace: u64) {
        self.slots.borrow_mut().retain(|key, _| key.namespace != namespace);
    }
}
