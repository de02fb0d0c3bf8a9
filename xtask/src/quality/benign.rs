//! Harmless text: the sources of libraries on this machine. Counts what is found in it.
//! Does not know whether a finding is right: some sources hold addresses of their authors, or keys for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::scanner::Scanner;
use super::score::Count;
use crate::tools::{output, say};

/// Files beyond this are data, not sources.
const LARGEST: u64 = 4 << 20;

/// So much is scanned by one process, to keep memory small.
const BATCH: usize = 16 << 20;

/// What was scanned and found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Benign {
    pub(super) bytes: u64,
    pub(super) files: u64,
    pub(super) found: BTreeMap<String, Count>,
    /// Where, at medium confidence: file, code point and detector.
    pub(super) places: Vec<String>,
}

/// Scans up to `megabytes` of the folders' sources, or of those on this machine.
pub(super) fn run(scanner: &Scanner, folders: &[PathBuf], megabytes: u64) -> Result<Benign> {
    let folders = if folders.is_empty() { installed() } else { folders.to_vec() };
    let mut files = Vec::new();
    for folder in &folders {
        collect(folder, &mut files)?;
    }
    ensure!(!files.is_empty(), "no sources in {folders:?}; name a folder with --benign");
    // A part of them should be a part of everything, and the same part each time.
    files.sort_by_key(|path| (spread(path), path.clone()));
    say(&format!("scanning up to {megabytes} MB of {} source files", files.len()));
    let mut benign = Benign::default();
    let mut batch = Vec::new();
    let mut size = 0;
    for path in files {
        if benign.bytes + size as u64 >= megabytes * 1_000_000 {
            break;
        }
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        size += bytes.len();
        batch.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        if size >= BATCH {
            benign.scan(scanner, &std::mem::take(&mut batch))?;
            size = 0;
        }
    }
    benign.scan(scanner, &batch)?;
    Ok(benign)
}

impl Benign {
    fn scan(&mut self, scanner: &Scanner, batch: &[(PathBuf, String)]) -> Result<()> {
        let found = scanner.scan(batch.iter().map(|(_, text)| text.as_str()))?;
        for ((path, text), found) in batch.iter().zip(found) {
            self.bytes += text.len() as u64;
            self.files += 1;
            for finding in found {
                let count = self.found.entry(finding.detector.clone()).or_default();
                let before = count.medium;
                count.add(finding.confidence);
                if count.medium > before {
                    self.places.push(format!("{}:{} {}", path.display(), finding.start, finding.detector));
                }
            }
        }
        Ok(())
    }
}

/// Where Rust crates and Python's library are.
fn installed() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home.map(|home| home.join(".cargo")));
    let crates = cargo.map(|cargo| cargo.join("registry/src"));
    let mut python = Command::new("python3");
    python.args(["-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"]);
    let python = output(&mut python).map(PathBuf::from);
    crates.into_iter().chain(python).filter(|folder| folder.is_dir()).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let source = || path.extension().is_some_and(|end| end == "rs" || end == "py");
        if kind.is_dir() {
            collect(&path, files)?;
        } else if kind.is_file() && source() && entry.metadata()?.len() <= LARGEST {
            files.push(path);
        }
    }
    Ok(())
}

/// A number that has nothing to do with the name's order (FNV-1a).
fn spread(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
