//! Finds the metadata of the library: it is compiled into it, and not given away. Knows where the crate's sources
//! have it. Reads files and asks cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use prost::Message as _;
use rlibphonenumber::PhoneMetadataCollection;

/// The metadata that the version in `Cargo.lock` was built with.
pub(crate) fn read() -> Result<PhoneMetadataCollection> {
    let path = sources()?.join("src/generated/metadata/metadata.bin");
    let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    PhoneMetadataCollection::decode(bytes.as_slice()).context("decode the metadata")
}

/// Where the library's sources are.
fn sources() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let graph: serde_json::Value = serde_json::from_slice(&output.stdout).context("read cargo metadata")?;
    let packages = graph["packages"].as_array().context("cargo metadata names no packages")?;
    let library = packages.iter().find(|package| package["name"] == "rlibphonenumber");
    let manifest = library.and_then(|library| library["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    Ok(folder.context("rlibphonenumber is not among the packages")?.to_owned())
}
