//! The toolchain that builds the BPF object: a Rust compiler that may use unstable features and has the source of
//! the standard library, and bpf-linker built for that compiler's LLVM.
//!
//! Two ways lead there. Debian packages a recent compiler with its source beside the stable one (`rustc-web`), and
//! the linker is built once against Debian's LLVM. Elsewhere it is rustup's nightly with `rust-src`, and a released
//! bpf-linker on `PATH`.

use super::cargo::install;
use super::{cache, debian, on_path, output, run, say};
use anyhow::{Context as _, Result, bail};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of bpf-linker that we build, and the LLVM versions that it can be built for.
const LINKER_VERSION: &str = "0.13.0";
const LINKER_LLVMS: [u32; 3] = [21, 22, 23];

const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
/// The compiler beside Debian's stable one, its cargo, and the source of its standard library.
const SYSTEM_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// What builds the object.
#[derive(Clone, Debug)]
pub(crate) struct BpfToolchain {
    rust: Rust,
    linker: PathBuf,
}

#[derive(Clone, Debug)]
enum Rust {
    /// The distribution's, unlocked by `RUSTC_BOOTSTRAP`.
    System { version: String },
    /// One of rustup's nightlies.
    Nightly { toolchain: String },
}

impl BpfToolchain {
    /// What is there already, or `None`.
    pub(crate) fn find() -> Option<Self> {
        Self::find_system().or_else(Self::find_nightly)
    }

    fn find_system() -> Option<Self> {
        let (version, llvm) = system_rust()?;
        let linker = cached_linker(llvm).ok().filter(|linker| works(linker))?;
        Some(Self { rust: Rust::System { version }, linker })
    }

    fn find_nightly() -> Option<Self> {
        let linker = on_path("bpf-linker").filter(|linker| works(linker))?;
        let list = output(Command::new("rustup").args(["toolchain", "list"]))?;
        let names = list.lines().filter_map(|line| line.split_whitespace().next());
        let toolchain =
            names.filter(|name| name.starts_with("nightly")).find(|name| has_source(name))?.to_owned();
        Some(Self { rust: Rust::Nightly { toolchain }, linker })
    }

    /// Installs what is missing, where we know how and may.
    pub(crate) fn install() -> Result<Self> {
        if !debian::is_here() {
            bail!("no BPF toolchain: {BY_HAND}");
        }
        debian::install(&SYSTEM_PACKAGES).context(BY_HAND)?;
        let (version, llvm) = system_rust().with_context(|| {
            format!("{SYSTEM_RUSTC} has no LLVM among {LINKER_LLVMS:?}, or its source is missing; {BY_HAND}")
        })?;
        let (dev, polly) = (format!("llvm-{llvm}-dev"), format!("libpolly-{llvm}-dev"));
        debian::install(&["g++", &dev, &polly, "zlib1g-dev", "libzstd-dev"])?;
        let linker = cached_linker(llvm)?;
        if !works(&linker) {
            build_linker(llvm)?;
        }
        Ok(Self { rust: Rust::System { version }, linker })
    }

    /// `cargo`, to be completed with what to do for the BPF target.
    pub(crate) fn cargo(&self) -> Result<Command> {
        let mut cargo = match &self.rust {
            Rust::System { .. } => {
                let mut cargo = Command::new(SYSTEM_CARGO);
                cargo.env("RUSTC", SYSTEM_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
            Rust::Nightly { toolchain } => {
                let mut rustup = Command::new("rustup");
                rustup.args(["run", toolchain, "cargo"]).env_remove("RUSTC");
                rustup
            }
        };
        // What the calling cargo or its user set is meant for the daemon.
        for name in
            ["RUSTUP_TOOLCHAIN", "CARGO", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"]
        {
            cargo.env_remove(name);
        }
        let linker = self.linker.parent().context("the linker lies in a directory")?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths(std::iter::once(linker.to_owned()).chain(std::env::split_paths(&path)))?;
        cargo.env("PATH", path);
        Ok(cargo)
    }
}

impl fmt::Display for BpfToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rust {
            Rust::System { version } => write!(f, "the system's {version}")?,
            Rust::Nightly { toolchain } => write!(f, "rustup's {toolchain}")?,
        }
        write!(f, " and {}", self.linker.display())
    }
}

const BY_HAND: &str = "run `cargo xtask setup` as root on Debian 12 or later, or install by hand: \
    `rustup toolchain install nightly --component rust-src`, and a released bpf-linker on PATH \
    (`cargo binstall bpf-linker`)";

/// Version and LLVM major of the distribution's compiler, if it has its source and an LLVM that we have a linker for.
fn system_rust() -> Option<(String, u32)> {
    let about = output(Command::new(SYSTEM_RUSTC).arg("-vV"))?;
    let llvm = llvm_major(&about).filter(|llvm| LINKER_LLVMS.contains(llvm))?;
    let sysroot = output(Command::new(SYSTEM_RUSTC).args(["--print", "sysroot"]))?;
    if !has_library(Path::new(&sysroot)) || !Path::new(SYSTEM_CARGO).exists() {
        return None;
    }
    let version = about.lines().next()?.split(" (").next()?.to_owned();
    Some((version, llvm))
}

/// From the line `LLVM version: 22.1.8`.
fn llvm_major(about: &str) -> Option<u32> {
    let version = about.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

fn has_source(toolchain: &str) -> bool {
    let sysroot = output(Command::new("rustup").args(["run", toolchain, "rustc", "--print", "sysroot"]));
    sysroot.is_some_and(|sysroot| has_library(Path::new(&sysroot)))
}

fn has_library(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").exists()
}

/// Starts, that is: finds the LLVM library that it was built with.
fn works(linker: &Path) -> bool {
    output(Command::new(linker).arg("--version")).is_some()
}

/// Where our own linker for this LLVM is kept. One directory a combination: another compiler must not find the
/// linker of the last one.
fn linker_root(llvm: u32) -> Result<PathBuf> {
    Ok(cache()?.join(format!("tools/bpf-linker-{LINKER_VERSION}-llvm-{llvm}")))
}

fn cached_linker(llvm: u32) -> Result<PathBuf> {
    Ok(linker_root(llvm)?.join("bin/bpf-linker"))
}

fn build_linker(llvm: u32) -> Result<()> {
    let root = linker_root(llvm)?;
    fs::create_dir_all(&root).with_context(|| format!("make {}", root.display()))?;
    say(&format!("building bpf-linker {LINKER_VERSION} for LLVM {llvm}; about two minutes, once"));
    let mut install = install("bpf-linker", LINKER_VERSION, &root);
    install.args(["--no-default-features", "--features", &format!("llvm-{llvm}")]);
    // Without the prefix the build finds whichever LLVM comes first, and fails when it links.
    install.env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}"));
    run(&mut install)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_version_is_read_from_the_compiler() {
        assert_eq!(llvm_major("rustc 1.96.0\nbinary: rustc\nLLVM version: 22.1.8"), Some(22));
        assert_eq!(llvm_major("rustc 1.63.0\nbinary: rustc"), None);
    }
}
