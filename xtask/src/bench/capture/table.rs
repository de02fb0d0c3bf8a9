//! The table of `bench capture` that people read, and the goals.

use super::{Connect, Cost, Dns, Guarded, Measured, Passthrough, Verdicts};
use crate::bench::report::{interval, number};
use crate::bench::stats::Estimate;

/// An unmatched connection may take this much of what one takes without programs.
const UNMATCHED: f64 = 1.03;
/// A passed-through connection should carry this much of what a direct one carries.
const PASSED: f64 = 0.60;

pub(super) fn print(measured: &Measured, passthrough: &Passthrough) {
    connections(&measured.connect);
    datagrams(&measured.dns);
    stream(measured);
    verdicts(&measured.verdicts);
    guarded(&measured.guarded);
    let burst = &measured.burst;
    println!("\nburst: {} connections before the first is accepted", burst.connections);
    println!("  lost destinations {}", burst.lost);
    println!("  accepted and looked up in a second of one core {:.0}", burst.accepted_per_second);
    println!("\npassthrough, answers of 10 MB");
    println!("  throughput ÷ direct {}", ratio(passthrough.throughput));
    println!("  processor time per MB, µs {}", ratio(passthrough.cpu_per_megabyte));
    goals(measured, passthrough);
}

fn connections(ways: &[Connect]) {
    println!("\nconnect()");
    println!("  {:<16}{:>12}{:>12}{:>24}{:>16}", "", "p50 µs", "p99 µs", "÷ bare [95 %]", "programs ns");
    for way in ways {
        let ratio = ratio(ways.first().and_then(|bare| way.divided_by(bare)));
        let (p50, p99) = (number(way.p50_ns / 1e3), number(way.p99_ns / 1e3));
        println!("  {:<16}{p50:>12}{p99:>12}{ratio:>24}{:>16.0}", way.way, way.nanoseconds());
    }
    println!("\nprograms, by connection (the kernel's statistics; taking the time is part of each run)");
    for way in ways.iter().filter(|way| !way.programs.is_empty()) {
        println!("  {}", way.way);
        costs(&way.programs);
    }
}

fn datagrams(received: &[Dns]) {
    println!("\ndatagrams received, `dns` ns each");
    for received in received {
        let mut programs = received.programs.iter();
        let dns = programs.find(|cost| cost.program == "dns").map_or(0.0, |cost| cost.nanoseconds_per_unit);
        println!("  {:<16}{dns:>12.0}", received.kind);
    }
}

fn stream(measured: &Measured) {
    println!("\na stream that is none of ours, by MB");
    println!("  throughput ÷ bare {}", ratio(measured.stream.ratio()));
    costs(&measured.stream.programs);
}

fn verdicts(verdicts: &Verdicts) {
    println!("\nwhile verdicts are looked for, by connection that is redirected");
    costs(&verdicts.redirected);
    println!("\nby connection that is refused");
    costs(&verdicts.refused);
    datagrams(&verdicts.answers);
}

fn guarded(guarded: &Guarded) {
    println!("\nwith a guarded interface, by connection to an address that is no endpoint");
    costs(&guarded.connect);
    println!("\nwith a guarded interface, by MB of a stream to one");
    costs(&guarded.stream);
}

fn costs(programs: &[Cost]) {
    for Cost { program, runs_per_unit, nanoseconds_per_run, nanoseconds_per_unit } in programs {
        println!(
            "    {program:<10}{:>10} runs of{nanoseconds_per_run:>8.0} ns{nanoseconds_per_unit:>10.0} ns",
            number(*runs_per_unit)
        );
    }
}

fn goals(measured: &Measured, passthrough: &Passthrough) {
    println!("\ngoals");
    let bare = measured.connect.first();
    for way in measured.connect.iter().filter(|way| way.way.starts_with("other")) {
        let found = bare.and_then(|bare| way.divided_by(bare));
        let verdict = found.map_or("not measured", |found| verdict(found.median <= UNMATCHED));
        println!("  connect, {}: {} of at most {UNMATCHED}: {verdict}", way.way, ratio(found));
    }
    let found = passthrough.throughput;
    let verdict = found.map_or("not measured", |found| verdict(found.median >= PASSED));
    println!("  passthrough: {} of at least {PASSED}: {verdict}", ratio(found));
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

fn ratio(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "-".to_owned(), |estimate| interval(&estimate))
}
