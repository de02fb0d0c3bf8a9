//! What reading 10,000 policies anew does to the calls meanwhile: one daemon under the same load by turns, left alone and
//! made to read its policies again and again.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::files;
use super::series::{self, Series};
use crate::bench::Effort;
use crate::bench::contender::{Contestant, Setting, audit};
use crate::bench::lab::{Lab, command, text};
use crate::bench::report::number;

const POLICIES: usize = 10_000;
/// From the end of one reading to the beginning of the next.
const PAUSE: Duration = Duration::from_millis(250);
/// A reading that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) fn run(lab: &Lab, effort: &Effort) -> anyhow::Result<Value> {
    let count = if effort.quick { 200 } else { POLICIES };
    let directory = files::many(&lab.folder, count)?;
    let spec = format!("  policy: {{ directory: {} }}\n", text(&directory)?);
    let mut daemon = Contestant::daemon(lab, Setting { name: "many".to_owned(), spec }, 10)?;
    let mut reader = Reader::of(lab, &daemon)?;
    let alone = reader.read()?;
    println!("\n  {count} policies, read anew without load: {} ms", number(alone.as_secs_f64() * 1e3));
    let (mut all, mut times) = (Vec::new(), Vec::new());
    for id in ["rate", "cold"] {
        let scenario = series::scenario(id)?;
        let mut ways = [Series::new(&scenario, "left alone"), Series::new(&scenario, "reading")];
        for round in 0..effort.rounds {
            // Back and forth, so that a drift of the machine cancels out.
            for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                if at == 0 {
                    ways[at].round(&mut daemon, &scenario, effort)?;
                } else {
                    times.extend(reader.while_it(|| ways[at].round(&mut daemon, &scenario, effort))?);
                }
            }
        }
        series::print(&ways);
        all.push(series::report(&ways)?);
    }
    let longest = times.iter().max().copied().unwrap_or_default();
    let mean = times.iter().sum::<Duration>().as_secs_f64() / times.len().max(1) as f64;
    println!("  read {} times meanwhile, {} ms each", times.len(), number(mean * 1e3));
    Ok(json!({
        "policies": count, "alone_ms": alone.as_secs_f64() * 1e3, "times": times.len(), "mean_ms": mean * 1e3,
        "longest_ms": longest.as_secs_f64() * 1e3, "scenarios": all,
    }))
}

/// Makes a daemon read its policies anew, and follows what it tells of that.
struct Reader {
    process: String,
    audit: File,
    /// What was read of the line that is being written.
    rest: Vec<u8>,
}

impl Reader {
    fn of(lab: &Lab, daemon: &Contestant<'_>) -> anyhow::Result<Self> {
        let process = daemon.process().context("the daemon runs")?.id().to_string();
        let path = audit(lab, daemon.setting());
        let mut audit = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        audit.seek(SeekFrom::End(0))?;
        Ok(Self { process, audit, rest: Vec::new() })
    }

    /// Has them read once, and says how long that took.
    fn read(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        command("kill", &["-HUP", &self.process])?;
        while !self.has_read()? {
            ensure!(begun.elapsed() < LONGEST, "the daemon does not read its policies anew");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(begun.elapsed())
    }

    /// Whether the daemon has said since the last look that policies were read; that they were refused is an error.
    fn has_read(&mut self) -> anyhow::Result<bool> {
        self.audit.read_to_end(&mut self.rest)?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        let mut has_read = false;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).context("read an audit event")?;
            if event["event"] == "reload" && event["part"] == "policy" {
                ensure!(event["result"] == "in_force", "the policies were refused: {event}");
                has_read = true;
            }
        }
        Ok(has_read)
    }

    /// Has them read again and again until `load` is over, and says how long each took.
    fn while_it(&mut self, load: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Vec<Duration>> {
        let (over, is_over) = channel();
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || self.read_until(&is_over));
            let loaded = load();
            drop(over);
            let times = reading.join().map_err(|_| anyhow::anyhow!("the reading thread panicked"))??;
            ensure!(!times.is_empty(), "the policies were never read while there was load");
            loaded.map(|()| times)
        })
    }

    fn read_until(&mut self, is_over: &Receiver<()>) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        loop {
            times.push(self.read()?);
            if is_over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
                return Ok(times);
            }
        }
    }
}
