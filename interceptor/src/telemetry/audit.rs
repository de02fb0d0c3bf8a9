//! The audit trail: one JSON object a line, written by a thread of its own.
//! Knows queues and files. How events are spelled is in `audit/line.rs`.

mod line;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::event::Event;

/// Events that may wait for the writer. At some 500 bytes each the queue stays under 32 MiB.
const QUEUE: usize = 65_536;
/// How long the writer lets events gather after the first. Waking it for each would cost the data path a system
/// call, and the machine a switch of threads, for every exchange.
const GATHER: Duration = Duration::from_millis(20);

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
    shared: Option<Arc<Shared>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signalled when the queue gets its first event, and when it is to be flushed or closed.
    filled: Condvar,
    /// Signalled when everything queued is written.
    written: Condvar,
}

#[derive(Default)]
struct Queue {
    events: Vec<Event>,
    state: State,
    /// Somebody waits for the queue to be written out.
    hurry: bool,
    /// Taken by the writer and not yet written.
    writing: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closed,
    /// The destination cannot be written.
    Failed,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audit {
    /// Opens the destination and starts the writer.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no thread to be had.
    pub fn start(destination: &Destination) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match destination {
            Destination::Off => return Ok(Self { shared: None, writer: None }),
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File(path) => {
                use std::os::unix::fs::OpenOptionsExt;
                Box::new(std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?)
            }
        };
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let writer = std::thread::Builder::new().name("audit".into()).spawn(move || run(&theirs, out))?;
        Ok(Self { shared: Some(shared), writer: Some(writer) })
    }

    /// Queues an event. False when the queue is full or the writer has failed: the event is lost.
    pub fn write(&self, event: Event) -> bool {
        let Some(shared) = &self.shared else { return true };
        let mut queue = shared.lock();
        if queue.state != State::Open || queue.events.len() >= QUEUE {
            return false;
        }
        queue.events.push(event);
        let first = queue.events.len() == 1;
        drop(queue);
        if first {
            shared.filled.notify_one();
        }
        true
    }

    /// Waits until everything queued so far is written, for 5 s at most.
    pub fn flush(&self) {
        let Some(shared) = &self.shared else { return };
        let mut queue = shared.lock();
        queue.hurry = true;
        shared.filled.notify_one();
        let busy =
            |queue: &mut Queue| queue.state != State::Failed && (queue.writing || !queue.events.is_empty());
        // Who waits in vain has been told why by the writer.
        let _ = shared.written.wait_timeout_while(queue, Duration::from_secs(5), busy);
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.lock().state = State::Closed;
            shared.filled.notify_one();
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn run(shared: &Shared, out: Box<dyn Write + Send>) {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    while let Some(events) = next(shared) {
        let result = write_all(&mut out, &events);
        let mut queue = shared.lock();
        queue.writing = false;
        if let Err(error) = result {
            tracing::error!(%error, "cannot write the audit trail; events are lost from here on");
            queue.state = State::Failed;
        }
        shared.written.notify_all();
        if queue.state == State::Failed {
            return;
        }
    }
}

/// Waits for events and takes all that have gathered. `None` when the queue is closed and empty.
fn next(shared: &Shared) -> Option<Vec<Event>> {
    let waiting = |queue: &mut Queue| queue.events.is_empty() && queue.state == State::Open;
    let queue = shared.filled.wait_while(shared.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
    let gathering =
        |queue: &mut Queue| queue.state == State::Open && !queue.hurry && queue.events.len() < QUEUE / 2;
    let gathered = shared.filled.wait_timeout_while(queue, GATHER, gathering);
    let (mut queue, _) = gathered.unwrap_or_else(PoisonError::into_inner);
    queue.hurry = false;
    if queue.events.is_empty() && queue.state != State::Open {
        return None;
    }
    queue.writing = true;
    Some(std::mem::take(&mut queue.events))
}

fn write_all(out: &mut impl Write, events: &[Event]) -> io::Result<()> {
    for event in events {
        line::write(out, event)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::super::event::{Capture, Event};
    use super::*;

    #[test]
    fn a_full_queue_loses_events_and_says_so() {
        let shared = Arc::new(Shared::default());
        let audit = Audit { shared: Some(shared), writer: None };
        let all = (0..=QUEUE).map(|_| audit.write(Event::Capture(Capture::FlowMissed)));
        assert_eq!(all.filter(|kept| !kept).count(), 1);
    }

    #[test]
    fn a_destination_that_fails_is_not_waited_for() {
        let audit = Audit::start(&Destination::File("/dev/full".into())).expect("it opens");
        // A connection event has a line to write, which the device refuses.
        audit.write(line::sample());
        audit.flush();
        assert!(!audit.write(line::sample()));
    }
}
