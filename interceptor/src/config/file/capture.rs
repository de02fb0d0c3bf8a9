//! Reads the section `capture`.
//! Knows how people write it. Does not know what is done with it.

use std::time::Duration;

use interceptor_engine::document::{Field, Fields};

use super::{Reader, set, time};
use crate::bpf::RawPacketPolicy;
use crate::config::capture::{
    CaptureSpec, InterfacePattern, Mode, OnFailure, OnStop, VethGuard, Which, Workload,
};

/// A sign of life comes four times a second, and one may be late on a busy machine.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(500);

const KNOWN: &[&str] =
    &["mode", "onFailure", "unknown", "heartbeat", "pins", "onStop", "vethGuard", "workloads"];

impl Reader<'_> {
    pub(super) fn capture(&self, field: &Field<'_>, capture: &mut CaptureSpec) {
        let Some(fields) = field.map(KNOWN) else { return };
        set(&mut capture.standard.mode, mode(&fields));
        set(&mut capture.standard.on_failure, on_failure(&fields, "onFailure"));
        set(&mut capture.unknown, on_failure(&fields, "unknown"));
        let heartbeat = fields.optional("heartbeat");
        set(&mut capture.heartbeat, heartbeat.and_then(|field| time(&field, SHORTEST_HEARTBEAT)));
        if let Some(field) = fields.optional("pins") {
            // Reported by the reader itself when it is neither.
            capture.pins = if field.text() == Some("off") { None } else { self.path(&field) };
        }
        let on_stop = fields.optional("onStop");
        let words = [("keep", OnStop::Keep), ("detach", OnStop::Detach)];
        set(&mut capture.on_stop, on_stop.and_then(|field| field.one_of(&words)));
        if let Some(field) = fields.optional("vethGuard") {
            veth_guard(&field, &mut capture.veth_guard);
        }
        let workloads = fields.optional("workloads");
        set(&mut capture.workloads, workloads.and_then(|field| field.list_of(|item| self.workload(item))));
    }

    fn workload(&self, item: &Field<'_>) -> Option<Workload> {
        let fields = item.map(&["namespace", "cgroup", "mode", "onFailure"])?;
        let namespace = fields.optional("namespace").map(|field| self.path(&field).map(Which::Namespace));
        let cgroup = fields.optional("cgroup").map(|field| self.path(&field).map(Which::Cgroup));
        let which = match (namespace, cgroup) {
            (Some(which), None) | (None, Some(which)) => which,
            _ => {
                item.mistake("does not say which workload", Some("either `namespace` or `cgroup`"));
                None
            }
        };
        let (mode, on_failure) = (mode(&fields), on_failure(&fields, "onFailure"));
        if fields.optional("mode").is_none() && fields.optional("onFailure").is_none() {
            item.mistake("changes nothing", Some("`mode`, `onFailure` or both"));
        }
        Some(Workload { which: which?, mode, on_failure })
    }
}

fn veth_guard(field: &Field<'_>, guard: &mut VethGuard) {
    let Some(fields) = field.map(&["mode", "interfaces"]) else { return };
    let words =
        [("off", RawPacketPolicy::Leave), ("count", RawPacketPolicy::Count), ("drop", RawPacketPolicy::Drop)];
    set(&mut guard.mode, fields.optional("mode").and_then(|field| field.one_of(&words)));
    let interfaces = fields.optional("interfaces");
    set(&mut guard.interfaces, interfaces.and_then(|field| field.list_of(pattern)));
}

fn pattern(item: &Field<'_>) -> Option<InterfacePattern> {
    let pattern = InterfacePattern::parse(item.text()?);
    if pattern.is_none() {
        item.mistake(
            "is no name of interfaces",
            Some("a name of up to 15 characters, with `*` for any others"),
        );
    }
    pattern
}

fn mode(fields: &Fields<'_>) -> Option<Mode> {
    fields.optional("mode")?.one_of(&[("hint", Mode::Hint), ("strict", Mode::Strict)])
}

fn on_failure(fields: &Fields<'_>, name: &'static str) -> Option<OnFailure> {
    fields.optional(name)?.one_of(&[("open", OnFailure::Open), ("closed", OnFailure::Closed)])
}
