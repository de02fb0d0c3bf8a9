//! Guards interfaces: keeps the program that looks for raw packets attached to those that are wanted, and reads what it
//! counted. Knows interfaces by index, links (tcx, Linux 6.6) and, where the kernel has none, filters of the traffic
//! control. Does not know which interfaces are wanted, nor why. Works in the network namespace of the calling thread.

use super::CaptureError;
use super::link::Link;
use super::pins::Pins;
use super::table::Table;
use aya::Ebpf;
use aya::programs::tc::{NlOptions, TcAttachOptions, qdisc_add_clsact, qdisc_detach_program};
use aya::programs::{SchedClassifier, TcAttachType, TcError};
use interceptor_common::RawPackets;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

/// The program, and the name of its filters.
pub(super) const PROGRAM: &str = "interceptor_veth";
/// Before the index in the name of a pin. Pins are removed in the order of their names, and this one comes before those of
/// the programs that note what sockets send: without them, everything would be raw.
const PIN: &str = "at-";
/// Elements of the map, as the object declares it.
const INTERFACES: usize = 8192;
/// Filters of others may end the look at a packet: ours come first.
const PRIORITY: u16 = 1;

/// A network interface of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interface {
    /// What the kernel knows it by.
    pub index: u32,
    /// What people know it by.
    pub name: String,
}

/// What has changed.
#[derive(Debug, Default)]
pub struct Settled {
    /// Interfaces that are guarded from now on.
    pub guarded: Vec<Interface>,
    /// Interfaces that are not guarded any more: they are gone, or not wanted.
    pub released: Vec<Interface>,
    /// Interfaces that should be guarded and cannot be.
    pub failed: Vec<(Interface, CaptureError)>,
}

/// The counts of guarded interfaces; a handle that is cheap to clone and usable from every thread.
#[derive(Clone, Debug)]
pub struct Interfaces {
    table: Table<u32, RawPackets>,
}

impl Interfaces {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        Ok(Self { table: Table::open(programs, "INTERFACES")? })
    }

    /// All of them by index. Counts only grow, until their interface is gone or not guarded any more.
    pub fn read(&self) -> Result<Vec<(u32, RawPackets)>, CaptureError> {
        let mut counts = Vec::new();
        for index in self.table.keys(INTERFACES)? {
            counts.extend(self.table.look_up(&index)?.map(|count| (index, count)));
        }
        Ok(counts)
    }
}

/// The interfaces of the calling thread's network namespace.
///
/// # Errors
/// The kernel does not list them.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let listed = nix::net::if_::if_nameindex()?;
    let interface = |one: &nix::net::if_::Interface| Interface {
        index: one.index(),
        name: one.name().to_string_lossy().into_owned(),
    };
    Ok(listed.iter().map(interface).collect())
}

/// Whether the kernel keeps programs on interfaces by links (tcx), which end with whoever holds them and can be pinned.
#[must_use]
pub fn has_links() -> bool {
    // Every namespace has one. A kernel without tcx does not know the question.
    SchedClassifier::query_tcx("lo", TcAttachType::Ingress).is_ok()
}

/// Removes the filters of a daemon that used them and has ended. Returns the interfaces that had one. Links are removed
/// with their pins.
pub fn remove_filters() -> Vec<String> {
    let mut found = interfaces().unwrap_or_default();
    found.retain(|interface| qdisc_detach_program(&interface.name, TcAttachType::Ingress, PROGRAM).is_ok());
    found.into_iter().map(|interface| interface.name).collect()
}

/// Interfaces that are guarded now.
#[derive(Debug)]
pub(super) struct Guards {
    held: HashMap<u32, Held>,
    table: Table<u32, RawPackets>,
    uses_links: bool,
    /// Whether what an earlier daemon left was looked at.
    has_looked: bool,
}

#[derive(Debug)]
struct Held {
    name: String,
    /// None for a filter, which the kernel keeps by itself.
    link: Option<Link>,
}

impl Guards {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        let table = Interfaces::open(programs)?.table;
        Ok(Self { held: HashMap::new(), table, uses_links: has_links(), has_looked: false })
    }

    pub(super) fn use_filters(&mut self) {
        self.uses_links = false;
    }

    /// Guards these interfaces and no others.
    pub(super) fn settle(
        &mut self,
        programs: &mut Ebpf,
        pins: Option<&Pins>,
        wanted: &[Interface],
    ) -> Result<Settled, CaptureError> {
        let mut settled = Settled::default();
        if !self.has_looked {
            self.remove_unwanted(pins, wanted)?;
            self.has_looked = true;
        }
        for interface in self.unwanted(wanted) {
            self.release(&interface, pins);
            settled.released.push(interface);
        }
        for interface in wanted {
            if self.held.contains_key(&interface.index) {
                continue;
            }
            match self.guard(programs, pins, interface) {
                Ok(held) => {
                    self.held.insert(interface.index, held);
                    settled.guarded.push(interface.clone());
                }
                Err(error) => settled.failed.push((interface.clone(), error)),
            }
        }
        Ok(settled)
    }

    /// Those that are held and not wanted: by their index alone, or because it is another interface's by now.
    fn unwanted(&self, wanted: &[Interface]) -> Vec<Interface> {
        let is_wanted = |index: u32, held: &Held| {
            let is_there = wanted.iter().any(|one| one.index == index && one.name == held.name);
            is_there && held.link.as_ref().is_none_or(|link| link.interface().is_ok_and(|at| at == index))
        };
        let held = self.held.iter().filter(|(index, held)| !is_wanted(**index, held));
        held.map(|(index, held)| Interface { index: *index, name: held.name.clone() }).collect()
    }

    /// Pins and counts of interfaces that an earlier daemon has guarded, and that are gone or not wanted.
    fn remove_unwanted(&self, pins: Option<&Pins>, wanted: &[Interface]) -> Result<(), CaptureError> {
        let is_wanted = |index: u32| wanted.iter().any(|one| one.index == index);
        for (index, path) in pins.map_or(Ok(Vec::new()), pinned)? {
            if !is_wanted(index) {
                std::fs::remove_file(&path).map_err(|error| CaptureError::Pin { path, error })?;
            }
        }
        let left = self.table.keys(INTERFACES)?;
        left.iter().filter(|index| !is_wanted(**index)).try_for_each(|i| self.table.remove(i).map(drop))
    }

    fn guard(
        &self,
        programs: &mut Ebpf,
        pins: Option<&Pins>,
        interface: &Interface,
    ) -> Result<Held, CaptureError> {
        // The counts come first: what the program sees has a place.
        self.table.insert_new(&interface.index, &RawPackets::default())?;
        let program = programs.program_mut(PROGRAM).ok_or(CaptureError::NotOurObject)?;
        let program: &mut SchedClassifier = program.try_into().map_err(|_| CaptureError::NotOurObject)?;
        let link = if self.uses_links {
            link(program, pins, interface).map(Some)
        } else {
            filter(program, pins, interface).map(|()| None)
        };
        let failed = |error| CaptureError::Guard { interface: interface.name.clone(), error };
        Ok(Held { name: interface.name.clone(), link: link.map_err(failed)? })
    }

    /// Whatever fails here has failed because the interface is gone, and with it what was to be removed.
    fn release(&mut self, interface: &Interface, pins: Option<&Pins>) {
        let Some(held) = self.held.remove(&interface.index) else { return };
        match held.link {
            Some(_) => drop(pins.map(|pins| std::fs::remove_file(pin(pins, interface.index)))),
            None => drop(qdisc_detach_program(&held.name, TcAttachType::Ingress, PROGRAM)),
        }
        let _ = self.table.remove(&interface.index);
    }

    /// Ends all of them.
    pub(super) fn release_all(&mut self, pins: Option<&Pins>) {
        for interface in self.unwanted(&[]) {
            self.release(&interface, pins);
        }
    }
}

fn link(program: &SchedClassifier, pins: Option<&Pins>, interface: &Interface) -> io::Result<Link> {
    let program = program.fd().map_err(io::Error::other)?;
    let Some(pins) = pins else { return Link::attach_to_interface(program.as_fd(), interface.index) };
    let path = pin(pins, interface.index);
    if let Some(link) = Link::open(&path)? {
        if link.interface()? == interface.index {
            link.replace(program.as_fd())?;
            return Ok(link);
        }
        // Of an interface that is gone, and whose index is another's by now.
        std::fs::remove_file(&path)?;
    }
    let link = Link::attach_to_interface(program.as_fd(), interface.index)?;
    link.pin(&path)?;
    Ok(link)
}

/// Without links there is no exchange: what an earlier daemon has left is removed first.
fn filter(program: &mut SchedClassifier, pins: Option<&Pins>, interface: &Interface) -> io::Result<()> {
    if pins.is_none() {
        // It would outlive what notes the packets of sockets, and take all of them for raw.
        return Err(io::Error::other(
            "this kernel has no links for interfaces (Linux 6.6); set capture.pins",
        ));
    }
    match qdisc_add_clsact(&interface.name) {
        // It may be there for others, or from an earlier daemon.
        Err(TcError::NetlinkError(error)) if error.raw_os_error() == Some(libc::EEXIST) => {}
        added => added.map_err(io_error)?,
    }
    match qdisc_detach_program(&interface.name, TcAttachType::Ingress, PROGRAM) {
        Err(TcError::IoError(error)) if error.kind() == io::ErrorKind::NotFound => {}
        detached => detached.map_err(io_error)?,
    }
    let options = TcAttachOptions::Netlink(NlOptions { priority: PRIORITY, ..NlOptions::default() });
    let attached = program.attach_with_options(&interface.name, TcAttachType::Ingress, options);
    let attached = attached.and_then(|id| program.take_link(id)).map_err(io::Error::other)?;
    // It is found by its name when it is to end, also by a later daemon.
    std::mem::forget(attached);
    Ok(())
}

fn io_error(error: TcError) -> io::Error {
    match error {
        TcError::IoError(error) => error,
        TcError::NetlinkError(error) => {
            error.raw_os_error().map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
        }
        error => io::Error::other(error),
    }
}

fn pin(pins: &Pins, index: u32) -> PathBuf {
    pins.link(&format!("{PIN}{index}"))
}

/// Pins of guarded interfaces, by index.
fn pinned(pins: &Pins) -> Result<Vec<(u32, PathBuf)>, CaptureError> {
    let index = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix(PIN)?.parse().ok();
    Ok(pins.links()?.into_iter().filter_map(|path| Some((index(&path)?, path))).collect())
}
