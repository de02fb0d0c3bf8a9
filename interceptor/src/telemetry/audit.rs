//! The audit trail: one JSON object a line, written by a thread of its own.
//! Knows how events are spelled. Does not decide which are worth telling.

mod inspection;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::event::{Caller, Connection, Event, Exchange, Label};

/// Events that may wait for the writer. At some 500 bytes each the queue stays under 32 MiB.
const QUEUE: usize = 65_536;

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Appended to a file, which is made readable by its owner only.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Nowhere.
    Off,
}

/// The queue to the writer.
pub struct Audit {
    queue: Option<SyncSender<Item>>,
    writer: Option<JoinHandle<()>>,
}

enum Item {
    Event(Box<Event>),
    Flush(SyncSender<()>),
}

impl Audit {
    /// Opens the destination and starts the writer.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no thread to be had.
    pub fn start(destination: &Destination) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match destination {
            Destination::Off => return Ok(Self { queue: None, writer: None }),
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File(path) => {
                use std::os::unix::fs::OpenOptionsExt;
                Box::new(std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?)
            }
        };
        let (queue, events) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new().name("audit".into()).spawn(move || run(&events, out))?;
        Ok(Self { queue: Some(queue), writer: Some(writer) })
    }

    /// Queues an event. False when the queue is full or the writer has failed: the event is lost.
    pub fn write(&self, event: Event) -> bool {
        let Some(queue) = &self.queue else { return true };
        match queue.try_send(Item::Event(Box::new(event))) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Waits until everything queued so far is written.
    pub fn flush(&self) {
        let Some(queue) = &self.queue else { return };
        let (done, wait) = sync_channel(1);
        if queue.send(Item::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(5));
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn run(events: &Receiver<Item>, out: Box<dyn Write + Send>) {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    while let Ok(first) = events.recv() {
        // Everything that has gathered goes out in one write; a quiet daemon writes every line at once.
        let mut next = Some(first);
        let mut flushed = Vec::new();
        while let Some(item) = next {
            match item {
                Item::Event(event) => {
                    if let Err(error) = line(&mut out, &event) {
                        tracing::error!(%error, "cannot write the audit trail; events are lost from here on");
                        return;
                    }
                }
                Item::Flush(done) => flushed.push(done),
            }
            next = events.try_recv().ok();
        }
        if let Err(error) = out.flush() {
            tracing::error!(%error, "cannot write the audit trail; events are lost from here on");
            return;
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

fn line(out: &mut impl Write, event: &Event) -> io::Result<()> {
    let value = match event {
        Event::ConnectionEnded(ended) => connection(ended),
        Event::ExchangeEnded(ended) => exchange(ended),
        // Capture's own events are metrics and log lines; they belong to no caller.
        Event::Capture(_) => return Ok(()),
    };
    serde_json::to_writer(&mut *out, &value)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct CallerLine<'a> {
    namespace: &'a str,
    namespace_cookie: u64,
    cgroup: u64,
    pid: u32,
    uid: u32,
    comm: &'a str,
    executable: Option<&'a str>,
}

fn caller(caller: &Caller) -> Value {
    json!(CallerLine {
        namespace: &caller.namespace_name,
        namespace_cookie: caller.namespace,
        cgroup: caller.cgroup,
        pid: caller.pid,
        uid: caller.uid,
        comm: &caller.comm,
        executable: caller.executable.as_deref(),
    })
}

fn connection(ended: &Connection) -> Value {
    json!({
        "event": "connection",
        "time": timestamp(ended.at),
        "connection": ended.id.to_string(),
        "caller": caller(&ended.caller),
        "destination": ended.destination.to_string(),
        "host": ended.host.as_ref().map(|host| host.as_str()),
        "route": ended.route.label(),
        "reason": ended.route.reason(),
        "outcome": ended.outcome.label(),
        "detail": ended.detail,
        "bytes_sent": ended.sent,
        "bytes_received": ended.received,
        "exchanges": ended.exchanges,
        "duration_us": micros(ended.took),
    })
}

fn exchange(ended: &Exchange) -> Value {
    json!({
        "event": "exchange",
        "time": timestamp(ended.at),
        "id": ended.id.to_string(),
        "connection": ended.connection.to_string(),
        "caller": caller(&ended.caller),
        "host": ended.host.as_str(),
        "provider": &*ended.provider,
        "http": ended.http,
        "status": ended.status,
        "ending": ended.ending.label(),
        "detail": ended.detail,
        "upstream_reused": ended.reused,
        "duration_us": micros(ended.took),
        "held_us": micros(ended.held),
        "inspected_us": micros(ended.inspected),
        "waited_us": ended.waited.map(micros),
        "inspection": ended.record.as_ref().map(inspection::value),
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn timestamp(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default()
}
