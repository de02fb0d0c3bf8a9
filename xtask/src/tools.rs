//! What the verbs share: running programs, finding them, and the directories of this checkout and this user.
//! Does not know what any program is for.

pub(crate) mod bpf;
pub(crate) mod cargo;
pub(crate) mod debian;
pub(crate) mod deny;

use anyhow::{Context as _, Result, bail};
use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of this checkout.
pub(crate) fn workspace() -> PathBuf {
    // Asked at run time: checkouts may share a target directory, and with it this program.
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_owned)
}

/// Where this user's tools and the BPF object's target directory are kept, beyond any checkout:
/// `$INTERCEPTOR_CACHE`, else `interceptor` below `$XDG_CACHE_HOME`, else below `~/.cache`.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(cache) = set("INTERCEPTOR_CACHE") {
        return Ok(cache);
    }
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let base =
        base.context("neither INTERCEPTOR_CACHE nor XDG_CACHE_HOME nor HOME is set: where to keep tools?")?;
    Ok(base.join("interceptor"))
}

/// Says what is being done, so that a long step is no riddle.
pub(crate) fn say(what: &str) {
    eprintln!("xtask: {what}");
}

/// Runs a command with our standard output and error, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns its trimmed standard output, or `None` if it does not exist or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

/// The program of that name in `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}

/// A command as somebody would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Makes `link` lead to `target`, whatever was there before.
pub(crate) fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link).with_context(|| format!("remove {}", link.display()))?;
    }
    symlink(target, link).with_context(|| format!("link {}", link.display()))
}
