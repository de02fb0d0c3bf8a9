//! What a test needs from the machine. A test that cannot run says so aloud, and fails where `CI=true`: there, a
//! skip would pass for a success.

use interceptor::bpf;
use nix::unistd::geteuid;
use std::path::{Path, PathBuf};

/// Returns from the calling test unless it runs as root.
#[macro_export]
macro_rules! require_root {
    () => {
        if !$crate::gate::passes($crate::gate::root()) {
            return;
        }
    };
}

/// Returns from the calling test unless it runs as root, on a machine with a cgroup v2 tree, in a build that
/// carries the BPF object.
#[macro_export]
macro_rules! require_kernel {
    () => {
        if !$crate::gate::passes($crate::gate::kernel()) {
            return;
        }
    };
}

/// Root's privileges, or what is missing.
pub fn root() -> Result<(), String> {
    if geteuid().is_root() { Ok(()) } else { Err("it needs root; run `sudo cargo xtask test`".to_owned()) }
}

/// Everything that loading and attaching needs, or what is missing.
pub fn kernel() -> Result<(), String> {
    root()?;
    bpf::object().map_err(|error| error.to_string())?;
    bpf::cgroup::root().map_err(|error| error.to_string())?;
    Ok(())
}

/// A program of the machine's own, or what is missing.
pub fn program(path: &str) -> Result<(), String> {
    if Path::new(path).exists() { Ok(()) } else { Err(format!("it needs {path}; install it")) }
}

/// What real pods are made with, or what is missing.
pub fn pods() -> Result<(), String> {
    kernel()?;
    ["/usr/bin/containerd", "/usr/sbin/runc", "/usr/lib/cni/bridge", "/usr/bin/curl"]
        .into_iter()
        .try_for_each(program)
}

/// The test client in Go, or what is missing.
pub fn go_client() -> Result<PathBuf, String> {
    made("go-connect")
}

/// The control plane of a cluster, `etcd` and `kube-apiserver`, or what is missing.
pub fn control_plane() -> Result<[PathBuf; 2], String> {
    kernel()?;
    Ok([made("etcd")?, made("kube-apiserver")?])
}

/// A program that `cargo xtask setup` has made, or what to do.
fn made(name: &str) -> Result<PathBuf, String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients").join(name);
    if program.exists() { Ok(program) } else { Err(format!("it needs {name}; run `cargo xtask setup`")) }
}

/// Whether the test may go on. Otherwise says why not, on standard error past the test runner's capture.
///
/// # Panics
/// Where the environment says `CI=true`.
#[must_use]
pub fn passes(requirement: Result<(), String>) -> bool {
    may_run(requirement, std::env::var_os("CI").is_some_and(|value| value == "true"))
}

fn may_run(requirement: Result<(), String>, is_ci: bool) -> bool {
    let Err(missing) = requirement else { return true };
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(!is_ci, "{test} cannot run: {missing}");
    say(&format!("SKIPPED {test}: {missing}\n"));
    false
}

/// `eprintln!` would be swallowed for a test that passes.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Gives up root for the calling thread alone, capabilities included: for a test of what happens without them.
///
/// # Panics
/// If the kernel does not let go, which it always does.
pub fn become_nobody() {
    const NOBODY: libc::uid_t = 65_534;
    #[expect(unsafe_code, reason = "the C library's setresuid changes every thread")]
    // SAFETY: three numbers in, nothing out.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
    assert_eq!(result, 0, "a thread may always give up root");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_met_requirement_passes_everywhere() {
        assert!(may_run(Ok(()), false));
        assert!(may_run(Ok(()), true));
    }

    #[test]
    fn a_missing_requirement_skips() {
        assert!(!may_run(Err("this line is part of a test".to_owned()), false));
    }

    #[test]
    #[should_panic(expected = "cannot run: no root")]
    fn a_missing_requirement_fails_in_ci() {
        may_run(Err("no root".to_owned()), true);
    }
}
