//! `cargo xtask ci`: what .ci/run calls. The tests, with CI's rule that nothing may be left out.

use anyhow::Result;

use crate::test;

/// Arguments of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    if std::env::var_os("CI").is_none_or(|value| value != "true") {
        anyhow::bail!("this is for CI, which sets CI=true; here, use `cargo xtask test`");
    }
    test::run(&test::Args::everything())
}
