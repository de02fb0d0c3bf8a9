//! Writes the table that the engine reads; to be run when the library has a new version.

use std::path::Path;
use std::{fs, process};

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/data/numbers.bin");
    let written = interceptor_plan::table().and_then(|table| Ok(fs::write(&path, table)?));
    if let Err(error) = written {
        eprintln!("{}: {error:#}", path.display());
        process::exit(1);
    }
}
