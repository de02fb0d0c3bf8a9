//! What a process and all its descendants use: processor time and memory, read from `/proc`.
//! Knows `proc(5)`. Does not know what the processes do.

use std::collections::HashMap;
use std::fs;
use std::io;

use anyhow::Context as _;

/// Ticks per second of the times in `/proc/PID/stat`; the kernel shows 100 to user space on every port that matters.
const TICKS: f64 = 100.0;

/// The process trees that are measured together.
#[derive(Clone, Debug)]
pub struct Tree {
    roots: Vec<u32>,
}

/// Processor time up to one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Σ of what the scheduler counted for the live threads, in ns: exact, but ended threads take theirs along.
    scheduled: f64,
    /// User and system time with ended threads and waited-for children, in ns: complete, in steps of a tick.
    accounted: f64,
    processes: usize,
}

impl Moment {
    /// The time used since `earlier`, in µs. None if no process was named.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<f64> {
        if self.processes == 0 {
            return None;
        }
        // The coarse figure may be off by a tick for each of the four counters of a process. If it is larger
        // by more than that, a thread or child ended in the window and the fine figure has lost it.
        let slack = 4.0 * 1e9 / TICKS * self.processes as f64;
        let (fine, coarse) = (self.scheduled - earlier.scheduled, self.accounted - earlier.accounted);
        Some(if coarse - slack > fine { coarse } else { fine } / 1000.0)
    }
}

impl Tree {
    /// The trees below these processes, themselves included.
    #[must_use]
    pub fn new(roots: &[u32]) -> Self {
        Self { roots: roots.to_vec() }
    }

    /// Processor time used so far.
    ///
    /// # Errors
    /// A root that has ended: what it used can no longer be told.
    pub fn cpu(&self) -> anyhow::Result<Moment> {
        let members = self.members()?;
        let (mut scheduled, mut accounted) = (0.0, 0.0);
        for pid in &members {
            // A helper may end between the two looks; what it used then stands in its parent's account.
            accounted += stat(*pid).map_or(0.0, |stat| stat.ticks as f64 * 1e9 / TICKS);
            scheduled += threads(*pid).unwrap_or(0.0);
        }
        Ok(Moment { scheduled, accounted, processes: members.len() })
    }

    /// Proportional set size in bytes; none if no process was named.
    ///
    /// # Errors
    /// A root that has ended, or a map that may not be read.
    pub fn memory(&self) -> anyhow::Result<Option<u64>> {
        let mut total = None;
        for pid in self.members()? {
            let path = format!("/proc/{pid}/smaps_rollup");
            let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
            let kilobytes: u64 = text
                .lines()
                .find_map(|line| line.strip_prefix("Pss:"))
                .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
                .with_context(|| format!("no Pss in {path}"))?;
            *total.get_or_insert(0) += kilobytes * 1024;
        }
        Ok(total)
    }

    fn members(&self) -> anyhow::Result<Vec<u32>> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        if self.roots.is_empty() {
            return Ok(Vec::new());
        }
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Ok(stat) = stat(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        for root in &self.roots {
            stat(*root).with_context(|| format!("process {root} ended while it was measured"))?;
        }
        let mut members = self.roots.clone();
        let mut next = 0;
        while let Some(pid) = members.get(next).copied() {
            members.extend(children.remove(&pid).unwrap_or_default());
            next += 1;
        }
        Ok(members)
    }
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(pid: u32) -> io::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text).ok_or_else(|| io::Error::other("unreadable stat"))
}

/// Reads the fields behind the command, which itself may hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // State is field 3 of proc(5) and the first here; utime, stime, cutime and cstime are 14 to 17.
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse().unwrap_or(0)).sum();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks })
}

fn threads(pid: u32) -> io::Result<f64> {
    let mut total = 0.0;
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(entry?.path().join("schedstat")) else { continue };
        total += text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0.0);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_command_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) b) (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 1 0 99";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 124));
    }

    #[test]
    fn work_of_a_process_is_seen() {
        // A process of its own: threads of other tests would take their time along when they end.
        const WORK: &str = "read go; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read end";
        let mut command = std::process::Command::new("sh");
        let command = command.args(["-c", WORK]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let tree = Tree::new(&[child.id()]);
        let before = tree.cpu().unwrap();
        to.write_all(b"go\n").unwrap();
        let mut said = String::new();
        BufReader::new(from).read_line(&mut said).unwrap();
        let used = tree.cpu().unwrap().since(&before).unwrap();
        assert!(said == "done\n" && used > 5_000.0, "{used} µs for 300,000 rounds ({said:?})");
        assert!(tree.memory().unwrap().unwrap() > 0);
        drop(to);
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ended_is_an_error_and_none_is_none() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let id = child.id();
        child.wait().unwrap();
        assert!(Tree::new(&[id]).cpu().is_err());
        let nothing = Tree::new(&[]);
        assert_eq!(nothing.cpu().unwrap().since(&nothing.cpu().unwrap()), None);
    }
}
