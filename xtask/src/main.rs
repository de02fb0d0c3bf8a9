//! `cargo xtask`: the development commands, one file a verb. Knows paths and processes, not the product's insides.

mod bench;
mod ci;
mod demo;
mod ebpf;
mod fuzz;
mod quality;
mod setup;
mod test;
mod tools;

use clap::Parser;

/// Development commands of interceptor.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about)]
enum Verb {
    /// Install what building and testing need: BPF toolchain, linker, test clients.
    Setup(setup::Args),
    /// Build the BPF object.
    Ebpf(ebpf::Args),
    /// Set everything up and show the main job on real traffic.
    Demo(demo::Args),
    /// Set everything up and run every test there is.
    Test(test::Args),
    /// Fuzz the parsers, on the stable toolchain.
    Fuzz(fuzz::Args),
    /// Measure: direct against intercepted and against peers.
    Bench(bench::Args),
    /// Score the detectors on labelled texts, and on sources that should be silent.
    Quality(quality::Args),
    /// What .ci/run calls: `test` with CI's rules.
    Ci(ci::Args),
}

fn main() -> anyhow::Result<()> {
    match Verb::parse() {
        Verb::Setup(args) => setup::run(&args),
        Verb::Ebpf(args) => ebpf::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Test(args) => test::run(&args),
        Verb::Fuzz(args) => fuzz::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Quality(args) => quality::run(&args),
        Verb::Ci(args) => ci::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_of_every_verb_are_sound() {
        super::Verb::command().debug_assert();
    }
}
