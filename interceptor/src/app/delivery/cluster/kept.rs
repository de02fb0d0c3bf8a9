//! The last set of objects that was in force, kept in a file: a node that starts while the API server is away goes by it.
//! Knows one file. Does not know whether what is in it is still right: it was.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// In the state directory.
const NAME: &str = "policies.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Names and texts, in order.
    documents: Vec<(String, String)>,
}

/// Keeps a set, whole or not at all.
pub(in crate::app::delivery) fn keep(state: &Path, documents: &[(String, String)]) -> io::Result<()> {
    let text = serde_json::to_vec(&Kept { documents: documents.to_vec() })?;
    let path = state.join(NAME);
    // Written every time that something changes anywhere: not if this is what is there.
    if fs::read(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(state)?;
    let new = state.join(format!("{NAME}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// The set that was kept last.
pub(in crate::app::delivery) fn kept(state: &Path) -> io::Result<Vec<(String, String)>> {
    let kept: Kept = serde_json::from_slice(&fs::read(state.join(NAME))?)?;
    Ok(kept.documents)
}
