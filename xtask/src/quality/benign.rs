//! Harmless text: the sources of libraries on this machine, or any text of folders that are named. Counts what is found.
//! Does not know whether a finding is right, but for one kind: mail addresses of those who wrote the sources are true
//! personal data, and it is also said how many of the findings they are, by where they stand ([`is_credit`]).

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use serde::Serialize;

use super::scanner::{Level, Scanner};
use super::score::Count;
use crate::tools::{output, say};

/// Files beyond this are data, not sources.
const LARGEST: u64 = 4 << 20;

/// What sources end with.
const SOURCES: [&str; 2] = ["rs", "py"];

/// What other text ends with: documentation, data, configuration, logs, manuals, other languages.
const TEXTS: [&str; 38] = [
    "md", "markdown", "rst", "txt", "html", "htm", "xml", "json", "jsonl", "csv", "tsv", "log", "yaml",
    "yml", "toml", "ini", "conf", "cfg", "sql", "sh", "c", "h", "cc", "cpp", "js", "ts", "css", "go", "java",
    "rb", "lock", "po", "1", "3", "5", "7", "8", "svg",
];

/// The detector of mail addresses.
const EMAIL: &str = "pii.email";

/// So much is scanned by one process, to keep memory small.
const BATCH: usize = 16 << 20;

/// What was scanned and found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Benign {
    pub(super) bytes: u64,
    pub(super) files: u64,
    /// By detector.
    pub(super) found: BTreeMap<String, Count>,
    /// Those of them that are mail addresses of authors, at medium confidence.
    pub(super) credits: u64,
    /// Files with a finding at medium confidence.
    pub(super) files_with: u64,
    /// Where, at medium confidence: file, code point and detector.
    pub(super) places: Vec<String>,
}

/// Scans up to `megabytes` of the folders' texts, or of the sources on this machine.
pub(super) fn run(scanner: &Scanner, folders: &[PathBuf], megabytes: u64) -> Result<Benign> {
    let named = !folders.is_empty();
    let folders = if named { folders.to_vec() } else { installed() };
    let wanted = |path: &Path| is_of(path, &SOURCES) || (named && is_of(path, &TEXTS));
    let mut files = Vec::new();
    for folder in &folders {
        collect(folder, &wanted, &mut files)?;
    }
    ensure!(!files.is_empty(), "no texts in {folders:?}; name a folder with --benign");
    // A part of them should be a part of everything, and the same part each time.
    files.sort_by_key(|path| (spread(path), path.clone()));
    say(&format!("scanning up to {megabytes} MB of {} files", files.len()));
    let mut benign = Benign::default();
    let mut batch = Vec::new();
    let mut size = 0;
    for path in files {
        if benign.bytes + size as u64 >= megabytes * 1_000_000 {
            break;
        }
        let bytes = read(&path).with_context(|| format!("read {}", path.display()))?;
        if bytes.contains(&0) {
            continue;
        }
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
            self.files_with += u64::from(found.iter().any(|finding| finding.confidence >= Level::Medium));
            for finding in found {
                let address = finding.detector == EMAIL && finding.confidence >= Level::Medium;
                self.credits += u64::from(address && is_credit(text, finding.start));
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

/// True if what begins at this code point is said to be somebody's: a name and `<` stand before it, or its line speaks
/// of authors, rights, contact or thanks.
fn is_credit(text: &str, start: usize) -> bool {
    const WORDS: [&str; 16] = [
        "author",
        "copyright",
        "(c)",
        "maintain",
        "contact",
        "written by",
        "contribut",
        "thanks",
        "credit",
        "reported",
        "email",
        "e-mail",
        "mailto",
        "signed-off",
        "ported",
        "modified by",
    ];
    let Some((at, _)) = text.char_indices().nth(start) else { return false };
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let behind = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let named = text[line..at]
        .strip_suffix('<')
        .is_some_and(|name| name.ends_with(|c: char| c == ' ' || c.is_alphabetic()));
    let line = text[line..behind].to_lowercase();
    let comment = ["#", "//", "*", "..", "\"\"\""].iter().any(|mark| line.trim_start().starts_with(mark));
    named && comment || WORDS.iter().any(|word| line.contains(word))
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

/// The file ends so, perhaps with `.gz` behind it, as manuals do.
fn is_of(path: &Path, ends: &[&str]) -> bool {
    let packed = path.extension().is_some_and(|end| end == "gz");
    let name = if packed { path.file_stem().map(Path::new) } else { Some(path) };
    let end = name.and_then(Path::extension).and_then(std::ffi::OsStr::to_str);
    end.is_some_and(|end| ends.contains(&end))
}

/// What the file holds, unpacked; of more than the largest size nothing.
fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if path.extension().is_none_or(|end| end != "gz") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&*bytes).take(LARGEST + 1).read_to_end(&mut unpacked)?;
    Ok(if unpacked.len() as u64 > LARGEST { Vec::new() } else { unpacked })
}

fn collect(folder: &Path, wanted: &dyn Fn(&Path) -> bool, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            collect(&path, wanted, files)?;
        } else if kind.is_file() && wanted(&path) && entry.metadata()?.len() <= LARGEST {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_by_their_names() {
        let of = |name: &str| (is_of(Path::new(name), &SOURCES), is_of(Path::new(name), &TEXTS));
        assert_eq!(of("a/b.rs"), (true, false));
        assert_eq!([of("a/b.md"), of("a/ls.1.gz"), of("a/b.csv")], [(false, true); 3]);
        assert_eq!([of("a/b.png"), of("a/b.gz"), of("a/b")], [(false, false); 3]);
    }

    #[test]
    fn addresses_of_authors_are_told_by_their_line() {
        let credit = |text: &str| is_credit(text, text.chars().position(|c| c == '@').unwrap() - 1);
        for text in [
            "# Author: é x@firm.org",
            "__email__ = 'x@firm.org'",
            "// Jane Roe <x@firm.org>",
            "x\n (C) 2001 x@firm.org",
        ] {
            assert!(credit(text), "{text}");
        }
        for text in
            ["send('x@firm.org')", "# author\nsend(\"Jane <x@firm.org>\")", "msg = 'Jane <x@firm.org>'"]
        {
            assert!(!credit(text), "{text}");
        }
    }
}
