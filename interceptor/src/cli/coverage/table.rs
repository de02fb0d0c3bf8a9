//! A report of coverage for people: a line for each workload whose numbers add up to its attempts, and below it the
//! reasons. Knows the report. Does not know where it comes from.

use std::fmt::Write as _;

use crate::app::coverage::report::{Counts, RawPackets, Report, Workload, sum};

const COLUMNS: [&str; 8] =
    ["ATTEMPTS", "INSPECTED", "PASSED", "REFUSED", "FAILED", "LEFT", "OPEN", "EARLIER"];

/// The whole text.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    if report.workloads.is_empty() {
        text.push_str("No workload has tried to reach an AI endpoint.\n");
    } else {
        head(&mut text);
        report.workloads.iter().for_each(|line| workload(&mut text, line));
    }
    node(&mut text, report);
    text
}

fn head(text: &mut String) {
    for column in COLUMNS {
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, "{column:>10}");
    }
    text.push_str("  ADDS UP  WORKLOAD\n");
}

fn workload(text: &mut String, line: &Workload) {
    for number in [
        line.attempts,
        line.inspected,
        sum(&line.passed),
        sum(&line.refused) + sum(&line.rejected),
        sum(&line.failed) + sum(&line.dropped),
        sum(&line.left),
        line.open + line.waiting,
        line.earlier,
    ] {
        let _ = write!(text, "{number:>10}");
    }
    let _ = writeln!(text, "  {:<7}  {}", if line.adds_up { "yes" } else { "NO" }, line.name);
    if let (Some(pod), container) = (&line.pod, &line.container) {
        let container = container
            .as_deref()
            .map_or(String::new(), |id| format!(", container {}", id.get(..12).unwrap_or(id)));
        let _ = writeln!(text, "           pod {pod}{container}");
    }
    reasons(text, line);
    if !line.adds_up {
        let _ = writeln!(text, "           {}", missing(line.unaccounted));
    }
}

fn reasons(text: &mut String, line: &Workload) {
    let upgraded = Counts::from([("other_protocol".to_owned(), line.upgraded)]);
    let tunnelled = Counts::from([("connect".to_owned(), line.tunnelled)]);
    for (what, counts) in [
        ("inspected until it left HTTP", &upgraded),
        ("through a proxy, however they ended", &tunnelled),
        ("passed through unread", &line.passed),
        ("refused in the kernel", &line.refused),
        ("refused by the daemon", &line.rejected),
        ("failed before anything was served", &line.failed),
        ("redirected and not served", &line.dropped),
        ("left un-redirected", &line.left),
        ("of these seen leaving", &line.seen_leaving),
        ("of these dropped on leaving", &line.seen_dropped),
    ] {
        if sum(counts) > 0 {
            let _ = writeln!(text, "           {what}: {}", listed(counts));
        }
    }
}

fn listed(counts: &Counts) -> String {
    let each: Vec<_> = counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    each.join(", ")
}

fn missing(unaccounted: i64) -> String {
    let by = unaccounted.unsigned_abs();
    if unaccounted < 0 {
        return format!("{by} more than were redirected: made while it was read; ask again");
    }
    format!(
        "{by} not accounted for: with an earlier daemon that still drains, without a free port, or without a record"
    )
}

fn node(text: &mut String, report: &Report) {
    let node = &report.node;
    if node.without_record > 0 {
        let _ = writeln!(text, "{} redirected without room for their record, and reset", node.without_record);
    }
    for raw in &node.raw_packets {
        let RawPackets { interface, left, refused } = raw;
        let _ = writeln!(text, "raw packets out of {interface}: {left} left, {refused} dropped");
    }
    if !node.adds_up {
        let lacking = listed(&node.not_by_workload);
        let _ =
            writeln!(text, "not in any line, for want of room or because the workload is gone: {lacking}");
    }
    let uninspected = report.uninspected();
    let adds_up = if report.adds_up { "Everything adds up" } else { "Not everything adds up" };
    let _ = writeln!(text, "{adds_up}; {uninspected} reached, or may have reached, a provider uninspected.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::coverage::report::Node;
    use expect_test::{Expect, expect};

    fn check(report: &Report, shown: &Expect) {
        shown.assert_eq(&of(report));
    }

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
    }

    #[test]
    fn a_line_adds_up_to_its_attempts_and_the_reasons_are_below_it() {
        let line = Workload {
            name: "/kubepods/pod0f1e2d3c".to_owned(),
            pod: Some("0f1e2d3c".to_owned()),
            container: Some("ab".repeat(32)),
            attempts: 17,
            redirected: 12,
            inspected: 4,
            upgraded: 1,
            passed: counts(&[("no_name", 1), ("other_name", 2)]),
            rejected: counts(&[("framing", 1)]),
            failed: counts(&[("client_untrusted", 2)]),
            dropped: counts(&[("not_accepted", 1)]),
            open: 1,
            refused: counts(&[("datagram", 2)]),
            left: counts(&[("no_listener", 3)]),
            seen_leaving: counts(&[("no_listener", 3)]),
            adds_up: true,
            ..Workload::default()
        };
        let node = Node { adds_up: true, ..Node::default() };
        check(
            &Report { adds_up: true, workloads: vec![line], node },
            &expect![[r#"
              ATTEMPTS INSPECTED    PASSED   REFUSED    FAILED      LEFT      OPEN   EARLIER  ADDS UP  WORKLOAD
                    17         4         3         3         3         3         1         0  yes      /kubepods/pod0f1e2d3c
                       pod 0f1e2d3c, container abababababab
                       inspected until it left HTTP: other_protocol 1
                       passed through unread: no_name 1, other_name 2
                       refused in the kernel: datagram 2
                       refused by the daemon: framing 1
                       failed before anything was served: client_untrusted 2
                       redirected and not served: not_accepted 1
                       left un-redirected: no_listener 3
                       of these seen leaving: no_listener 3
            Everything adds up; 5 reached, or may have reached, a provider uninspected.
        "#]],
        );
    }

    #[test]
    fn what_does_not_add_up_is_told_with_by_how_much_and_why() {
        let line = |name: &str, unaccounted| Workload {
            name: name.to_owned(),
            attempts: 5,
            redirected: 5,
            unaccounted,
            ..Workload::default()
        };
        let workloads = vec![line("/a", 5), line("/b", -2)];
        let not_by_workload = counts(&[("redirected", 3)]);
        let raw_packets = vec![RawPackets { interface: "veth1a2b".to_owned(), left: 2, refused: 0 }];
        let node = Node { adds_up: false, not_by_workload, without_record: 1, raw_packets };
        check(
            &Report { adds_up: false, workloads, node },
            &expect![[r#"
                  ATTEMPTS INSPECTED    PASSED   REFUSED    FAILED      LEFT      OPEN   EARLIER  ADDS UP  WORKLOAD
                         5         0         0         0         0         0         0         0  NO       /a
                           5 not accounted for: with an earlier daemon that still drains, without a free port, or without a record
                         5         0         0         0         0         0         0         0  NO       /b
                           2 more than were redirected: made while it was read; ask again
                1 redirected without room for their record, and reset
                raw packets out of veth1a2b: 2 left, 0 dropped
                not in any line, for want of room or because the workload is gone: redirected 3
                Not everything adds up; 0 reached, or may have reached, a provider uninspected.
            "#]],
        );
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let node = Node { adds_up: true, ..Node::default() };
        check(
            &Report { adds_up: true, workloads: Vec::new(), node },
            &expect![[r#"
            No workload has tried to reach an AI endpoint.
            Everything adds up; 0 reached, or may have reached, a provider uninspected.
        "#]],
        );
    }
}
