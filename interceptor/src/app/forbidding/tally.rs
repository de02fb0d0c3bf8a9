//! What there is to scrape of verdicts. Knows counts alone.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bpf::CaptureError;
use crate::telemetry::chain;

/// See the head of this file.
#[derive(Debug, Default)]
pub(in crate::app) struct Tally {
    verdicts: AtomicU64,
    callers: AtomicU64,
    no_room: AtomicU64,
}

impl Tally {
    /// In Prometheus' format.
    pub(in crate::app) fn text(&self) -> String {
        let gauge = |name: &str, help: &str, count: &AtomicU64| {
            let count = count.load(Ordering::Relaxed);
            format!(
                "# HELP interceptor_{name} {help}\n# TYPE interceptor_{name} gauge\ninterceptor_{name} {count}\n"
            )
        };
        let verdicts = "Verdicts that the kernel side enforces before a connection is made.";
        let callers = "Callers of whom it knows that more is forbidden to them than to everyone.";
        let no_room = self.no_room.load(Ordering::Relaxed);
        format!(
            "{}{}# HELP interceptor_verdicts_without_room Verdicts and callers that found no room there and are left to \
             the daemon.\n# TYPE interceptor_verdicts_without_room counter\n\
             interceptor_verdicts_without_room_total {no_room}\n",
            gauge("verdicts", verdicts, &self.verdicts),
            gauge("verdict_callers", callers, &self.callers),
        )
    }

    /// A verdict was entered, or taken back.
    pub(super) fn verdicts(&self, by: i64) {
        add(&self.verdicts, by);
    }

    /// The same of a caller.
    pub(super) fn callers(&self, by: i64) {
        add(&self.callers, by);
    }

    /// Everything is about to be entered anew.
    pub(super) fn begin(&self) {
        self.verdicts.store(0, Ordering::Relaxed);
        self.callers.store(0, Ordering::Relaxed);
    }

    /// Something was not entered: the exchange is refused as ever, only later.
    pub(super) fn no_room(&self, error: &CaptureError) {
        if self.no_room.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(error = chain(error), "a verdict is left to the daemon");
        }
    }
}

fn add(count: &AtomicU64, by: i64) {
    count.fetch_add(by.cast_unsigned(), Ordering::Relaxed);
}
