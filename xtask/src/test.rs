//! `cargo xtask test`: all set-up, then every test there is, tier by tier.
//! Knows cargo and the tiers. Does not know what is tested.

mod tier;

use anyhow::{Result, bail};

use self::tier::{Count, Tier};
use crate::tools::cargo::{build_programs, cargo};
use crate::tools::{self, deny, say, workspace};
use crate::{ebpf, fuzz, setup};

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out what needs root, the kernel or clients; says so at the end.
    #[arg(long)]
    pure: bool,
}

impl Args {
    /// Nothing left out.
    pub(crate) fn everything() -> Self {
        Self { pure: false }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let root = tools::is_root();
    let everything = root && !args.pure;
    if is_ci() && !everything {
        bail!("CI runs every test: it needs root, and --pure is not for it");
    }
    if everything {
        setup::ensure_clients()?;
        setup::ensure_languages()?;
        setup::ensure_pods()?;
        setup::ensure_cluster()?;
        ebpf::build()?;
    }
    fuzz::ensure_compiler()?;
    style()?;
    if everything {
        say("licences, bans and sources of the dependencies");
        deny::check()?;
    }
    let mut counts = vec![tier::run(&Tier::PURE)?];
    if everything {
        // Programs that tests start are found beside the test's own.
        build_programs()?;
        counts.push(tier::run(&Tier::PLANS)?);
        counts.push(tier::run(&Tier::LABORATORY)?);
        counts.push(tier::run(&Tier::KERNEL)?);
        counts.push(tier::run(&Tier::END_TO_END)?);
        counts.push(tier::run(&Tier::PODS)?);
        counts.push(tier::run(&Tier::CLIENTS)?);
        counts.push(tier::fuzz()?);
    } else {
        say(
            "NOT RUN: the kernel tier, the tier of real clients, the fuzzers and the check of dependencies, which come with root: `sudo cargo xtask test`",
        );
    }
    conclude(&counts)
}

/// Whether the environment says that this is CI, where nothing may be left out.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// Formatting and lints of the workspace, and of the BPF programs as far as the stable toolchain reads them.
fn style() -> Result<()> {
    say("formatting and lints");
    tools::run(cargo().args(["fmt", "--all", "--check"]))?;
    tools::run(cargo().args(["fmt", "--check"]).current_dir(workspace().join("interceptor-ebpf")))?;
    tools::run(cargo().args([
        "clippy",
        "--quiet",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The closing lines: a count for each tier, then the sum in the form that CI reads.
fn conclude(counts: &[Count]) -> Result<()> {
    let mut sum = Count { tier: "all tiers", ..Count::default() };
    println!();
    for count in counts {
        println!("{count}");
        sum.add(count);
    }
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    if sum.failed > 0 || counts.iter().any(|count| !count.succeeded) {
        bail!("not all tests passed");
    }
    if counts.iter().any(|count| count.passed == 0) {
        bail!("a tier ran no test");
    }
    if is_ci() && sum.skipped > 0 {
        bail!("tests were skipped, which CI does not allow");
    }
    Ok(())
}
