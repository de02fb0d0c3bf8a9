//! One tier: a run of `cargo test`, shown as it goes and counted.
//! Knows cargo's closing lines. Does not know what the tests need.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::fuzz;
use crate::tools::cargo::cargo;
use crate::tools::say;

/// A set of tests with the same needs.
pub(crate) struct Tier {
    name: &'static str,
    arguments: &'static [&'static str],
    /// All that its tests need was set up before: what cannot run now has failed.
    prepared: bool,
}

impl Tier {
    /// Plain `cargo test`: no root, no network, no BPF.
    pub(crate) const PURE: Self = Self { name: "pure", arguments: &[], prepared: false };
    /// The table of numbering plans is that of the library in use. Its compiler takes longer than the tests.
    pub(crate) const PLANS: Self =
        Self { name: "numbering plans", arguments: &["-p", "interceptor-plan"], prepared: false };
    /// The laboratory tests itself.
    pub(crate) const LABORATORY: Self = Self {
        name: "laboratory",
        arguments: &[
            "-p",
            "interceptor-tests",
            "--lib",
            "--bins",
            "--test",
            "lab",
            "--test",
            "bench",
            "--test",
            "deploy",
        ],
        prepared: true,
    };
    /// Real BPF in real network namespaces.
    pub(crate) const KERNEL: Self = Self {
        name: "kernel",
        arguments: &[
            "-p",
            "interceptor-tests",
            "--test",
            "object",
            "--test",
            "capture",
            "--test",
            "netns",
            "--test",
            "budget",
        ],
        prepared: true,
    };
    /// The daemon in the laboratory, byte by byte.
    pub(crate) const END_TO_END: Self =
        Self { name: "end to end", arguments: &["-p", "interceptor-tests", "--test", "e2e"], prepared: true };
    /// The same with real pods, made as kubelet makes them.
    pub(crate) const PODS: Self =
        Self { name: "pods", arguments: &["-p", "interceptor-tests", "--test", "pods"], prepared: true };
    /// Real clients: curl and the official SDKs.
    pub(crate) const CLIENTS: Self = Self {
        name: "clients",
        arguments: &["-p", "interceptor-tests", "--test", "clients"],
        prepared: true,
    };
}

/// How a tier went.
#[derive(Debug, Default, Clone)]
pub(crate) struct Count {
    pub(crate) tier: &'static str,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) succeeded: bool,
}

impl Count {
    /// Adds another tier's numbers.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Takes up a closing line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`, or the line of a
    /// test that says it was skipped.
    fn read(&mut self, line: &str) {
        if let Some((_, numbers)) = line.split_once("test result: ") {
            for part in numbers.split([';', '.']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
                let Ok(number) = number.parse::<u64>() else { continue };
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.skipped += number,
                    _ => {}
                }
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier, passed, failed, skipped, .. } = self;
        write!(f, "{tier:<12} {passed:>5} passed {failed:>4} failed {skipped:>4} skipped")
    }
}

/// Runs a tier to its end, whatever fails in it.
pub(crate) fn run(tier: &Tier) -> Result<Count> {
    say(&format!("tier: {}", tier.name));
    let mut cargo = cargo();
    cargo.args(["test", "--locked", "--no-fail-fast"]).args(tier.arguments).stdout(Stdio::piped());
    if tier.prepared {
        // Where this is set, a test that skips itself fails instead.
        cargo.env("CI", "true");
    }
    let mut child = cargo.spawn().context("run cargo test")?;
    let mut count = Count { tier: tier.name, ..Count::default() };
    let output = child.stdout.take().context("cargo's output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        count.read(&line);
        println!("{line}");
    }
    count.succeeded = child.wait()?.success();
    Ok(count)
}

/// Every fuzz target for a moment.
pub(crate) fn fuzz() -> Result<Count> {
    say("tier: fuzz targets");
    let fuzz::Smoke { passed, failed } = fuzz::smoke()?;
    Ok(Count { tier: "fuzz targets", passed, failed, skipped: 0, succeeded: failed == 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut count = Count::default();
        count.read(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
        );
        count.read("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        count.read("test something::passed ... ok");
        assert_eq!((count.passed, count.failed, count.skipped), (14, 3, 1));
    }
}
