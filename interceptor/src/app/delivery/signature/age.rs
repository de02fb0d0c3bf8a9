//! When the policy in force was signed, kept where it outlives the daemon: a set that was signed before it is an old one
//! that somebody brings back. Knows times and a file. Does not know signatures.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::SignatureError;

const FILE: &str = "policy-signed-at";

/// The time of the last set that was taken from each directory.
#[derive(Debug)]
pub(super) struct Ages {
    path: PathBuf,
}

/// The time that minisign writes into trusted comments: `timestamp:1700000000`, among other words.
pub(super) fn told(comment: &str) -> Option<u64> {
    comment.split_whitespace().find_map(|word| word.strip_prefix("timestamp:")?.parse().ok())
}

impl Ages {
    /// Of a daemon that keeps its state there.
    pub(super) fn at(state: &Path) -> Self {
        Self { path: state.join(FILE) }
    }

    /// Refuses what was signed before the last set from there.
    pub(super) fn admit(&self, folder: &Path, at: u64, signature: &Path) -> Result<(), SignatureError> {
        match self.read()?.get(folder) {
            Some(&last) if at < last => {
                Err(SignatureError::Older { path: signature.to_owned(), at, last, noted: self.path.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Writes down when sets were signed that are in force now.
    pub(super) fn note(&self, times: &[(PathBuf, u64)]) -> Result<(), SignatureError> {
        let before = self.read()?;
        let mut all = before.clone();
        for (folder, at) in times {
            let known = all.entry(folder.clone()).or_default();
            *known = (*known).max(*at);
        }
        if all == before {
            return Ok(());
        }
        self.replace(&all).map_err(|io| SignatureError::Note { path: self.path.clone(), io })
    }

    /// A whole new file in the place of the old one, which a crash cannot leave half-written.
    fn replace(&self, all: &BTreeMap<PathBuf, u64>) -> io::Result<()> {
        if let Some(state) = self.path.parent() {
            // Policy is read before anything else is kept there.
            fs::create_dir_all(state)?;
        }
        let new = self.path.with_extension("new");
        let mut file = fs::File::create(&new)?;
        for (folder, at) in all {
            writeln!(file, "{at} {}", folder.display())?;
        }
        file.sync_all()?;
        fs::rename(new, &self.path)
    }

    /// What is not there was never written. What cannot be read is told, and not taken for nothing.
    fn read(&self) -> Result<BTreeMap<PathBuf, u64>, SignatureError> {
        let failed = |io| SignatureError::Read { path: self.path.clone(), io };
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            text => text.map_err(failed)?,
        };
        let line = |line: &str| {
            let (at, folder) = line.split_once(' ')?;
            Some((PathBuf::from(folder), at.parse().ok()?))
        };
        let all: Option<_> = text.lines().map(line).collect();
        all.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))
    }
}
