//! Embeds the BPF object, where there is one. A build without it succeeds and says so when it is asked to capture.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_bpf_object)");
    println!("cargo::rerun-if-env-changed=INTERCEPTOR_BPF_OBJECT");
    if let Some(object) = object() {
        let embedded =
            PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("interceptor.o");
        fs::copy(&object, &embedded)
            .unwrap_or_else(|error| panic!("the BPF object {} cannot be copied: {error}", object.display()));
        println!("cargo::rustc-cfg=has_bpf_object");
    }
}

/// The object named by `INTERCEPTOR_BPF_OBJECT`, which must then exist, or the one that `cargo xtask ebpf` leaves in
/// `target/bpf` of the workspace, wherever cargo's own target directory is.
fn object() -> Option<PathBuf> {
    if let Some(named) = env::var_os("INTERCEPTOR_BPF_OBJECT") {
        println!("cargo::rerun-if-changed={}", Path::new(&named).display());
        return Some(named.into());
    }
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let directory = manifest.parent().expect("the package lies in the workspace").join("target/bpf");
    // Cargo takes a watched path that does not exist for changed, and would rebuild the daemon each time. A
    // read-only source tree keeps that drawback and nothing worse.
    let _ = fs::create_dir_all(&directory);
    println!("cargo::rerun-if-changed={}", directory.display());
    Some(directory.join("interceptor.o")).filter(|object| object.is_file())
}
