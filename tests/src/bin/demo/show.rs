//! Prints scenes as columns side by side, in the width there is. Colour only where somebody looks.

use std::io::IsTerminal as _;

use interceptor_tests::daemon::Daemon;

/// The columns, with the share of the width that each gets.
const COLUMNS: [(&str, usize); 5] = [
    ("the application sent", 22),
    ("the provider received", 22),
    ("the application got", 23),
    ("the audit trail says", 23),
    ("latency", 14),
];
/// Narrower than this, nothing is readable side by side.
const NARROWEST: usize = 110;
const WIDEST: usize = 180;

/// How a line of a cell is meant.
#[derive(Clone, Copy)]
enum Tone {
    Plain,
    Good,
    Bad,
}

/// What stands in one column.
pub(crate) struct Cell(Vec<(Tone, String)>);

impl Cell {
    /// As it is.
    pub(crate) fn text(line: &str) -> Self {
        Self(vec![(Tone::Plain, line.to_owned())])
    }

    /// As it should be.
    pub(crate) fn good(line: &str) -> Self {
        Self(vec![(Tone::Good, line.to_owned())])
    }

    /// Something was stopped.
    pub(crate) fn bad(line: &str) -> Self {
        Self(vec![(Tone::Bad, line.to_owned())])
    }

    /// One more line.
    pub(crate) fn and(mut self, line: &str) -> Self {
        self.0.push((Tone::Plain, line.to_owned()));
        self
    }
}

/// One scene in five cells.
pub(crate) struct Scene {
    pub(crate) title: &'static str,
    pub(crate) client: &'static str,
    pub(crate) sent: Cell,
    pub(crate) received: Cell,
    pub(crate) got: Cell,
    pub(crate) audit: Cell,
    pub(crate) cost: Cell,
}

/// Where it is printed.
pub(crate) struct Show {
    width: usize,
    colour: bool,
}

impl Show {
    /// Looks at standard output.
    pub(crate) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let width = if terminal { columns() } else { None };
        Self {
            width: width.unwrap_or(150).clamp(NARROWEST, WIDEST),
            colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// The first lines.
    pub(crate) fn title(&self) {
        println!("{}", self.tone("1", "interceptor: the main job, on real traffic"));
        println!(
            "Three network namespaces with no way out: app (unmodified clients), node (the daemon), internet (a DNS \
             server,\nand providers with a root of their own). The clients resolve, connect and verify as always.\n"
        );
    }

    /// The daemon is there.
    pub(crate) fn ready(&self, daemon: &Daemon) {
        let ready = daemon.ready();
        println!(
            "The daemon runs: pid {}, programs attached to {}, policy {}.",
            ready["pid"],
            ready["cgroup"].as_str().unwrap_or("?"),
            ready["policy"].as_str().unwrap_or("?"),
        );
    }

    /// A scene.
    pub(crate) fn scene(&self, scene: &Scene) {
        println!("\n{}   {}", self.tone("1", scene.title), self.tone("2", scene.client));
        let total: usize = COLUMNS.iter().map(|(_, share)| share).sum();
        let room = self.width - 3 * (COLUMNS.len() - 1);
        let widths: Vec<_> = COLUMNS.iter().map(|(_, share)| share * room / total).collect();
        let cells = [&scene.sent, &scene.received, &scene.got, &scene.audit, &scene.cost];
        let columns: Vec<_> = cells.iter().zip(&widths).map(|(cell, width)| wrapped(cell, *width)).collect();
        let names: Vec<_> =
            COLUMNS.iter().zip(&widths).map(|((name, _), width)| format!("{name:<width$}")).collect();
        println!("{}", self.tone("4", &names.join(" │ ")));
        let height = columns.iter().map(Vec::len).max().unwrap_or_default();
        for row in 0..height {
            let parts = columns.iter().zip(&widths).map(|(column, width)| {
                let (tone, line) = column.get(row).map_or((Tone::Plain, ""), |(tone, line)| (*tone, line));
                let padding = " ".repeat(width.saturating_sub(line.chars().count()));
                format!("{}{padding}", self.toned(tone, line))
            });
            println!("{}", parts.collect::<Vec<_>>().join(" │ ").trim_end());
        }
    }

    /// The last lines.
    pub(crate) fn end(&self) {
        println!("\n{}", self.tone("1;32", "All of it was checked as it was shown, and is as promised."));
        println!("On your own command:  sudo interceptor exec -- CMD");
    }

    fn toned(&self, tone: Tone, line: &str) -> String {
        match tone {
            Tone::Plain => line.to_owned(),
            Tone::Good => self.tone("32", line),
            Tone::Bad => self.tone("31", line),
        }
    }

    fn tone(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A cell's lines, cut to a width: between words where there are some, within them where there are none.
fn wrapped(cell: &Cell, width: usize) -> Vec<(Tone, String)> {
    let mut out = Vec::new();
    for (tone, text) in &cell.0 {
        for line in text.lines() {
            let mut rest: Vec<char> = line.chars().collect();
            while rest.len() > width {
                let cut = rest[..=width].iter().rposition(|c| *c == ' ').filter(|at| *at > width / 3);
                let tail = rest.split_off(cut.unwrap_or(width));
                out.push((*tone, rest.into_iter().collect()));
                rest = tail.into_iter().skip(usize::from(cut.is_some())).collect();
            }
            out.push((*tone, rest.into_iter().collect()));
        }
    }
    out
}

/// The terminal's width, if it says so.
fn columns() -> Option<usize> {
    let output =
        std::process::Command::new("stty").arg("size").stdin(std::process::Stdio::inherit()).output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().filter(|columns| *columns > 0)
}
