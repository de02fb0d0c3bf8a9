//! An image with a few of the machine's own programs and the libraries they need, in the archive that `docker save` writes.
//! Knows tar and the archive's two JSON files. Does not know who runs it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

/// Writes the image `name` with these programs into `folder`, and returns the archive.
pub(super) fn write(folder: &Path, name: &str, programs: &[&str]) -> Result<PathBuf> {
    let folder = folder.join("image");
    std::fs::create_dir(&folder)?;
    let mut files = BTreeSet::new();
    for program in programs {
        files.insert((*program).to_owned());
        files.extend(libraries(program)?);
    }
    let relative = files.iter().map(|file| file.trim_start_matches('/'));
    // What is a link here is a file there.
    tar(Command::new("tar").arg("-chf").arg(folder.join("layer.tar")).args(["-C", "/"]).args(relative))?;
    let layer = digest(&SHA256, &std::fs::read(folder.join("layer.tar"))?);
    let layer: String = layer.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({
        "architecture": architecture, "os": "linux", "config": {"Cmd": ["/usr/bin/sleep", "infinity"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]}
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    std::fs::write(folder.join("config.json"), config.to_string())?;
    std::fs::write(folder.join("manifest.json"), manifest.to_string())?;
    let archive = folder.join("image.tar");
    let parts = ["manifest.json", "config.json", "layer.tar"];
    tar(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&folder).args(parts))?;
    Ok(archive)
}

/// The libraries of a program, its loader among them.
fn libraries(program: &str) -> Result<Vec<String>> {
    let output = Command::new("ldd").arg(program).output().context("ldd")?;
    ensure!(output.status.success(), "ldd {program}: {output:?}");
    let text = String::from_utf8(output.stdout)?;
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(str::to_owned).collect())
}

fn tar(command: &mut Command) -> Result<()> {
    let output = command.output().context("tar")?;
    ensure!(output.status.success(), "tar: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
