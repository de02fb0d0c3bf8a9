//! Looks for the text that costs most by the byte, as somebody would who wants to keep the engine busy: short pieces,
//! said over and over. Climbs from everything that detectors look for: what costs more than its parent is kept, changed
//! and measured again. Rows that are alike, the digits and letters apart, count once.
//!
//! `cargo bench -p interceptor-engine --profile quality --bench rows` measures the rows that are known to cost most,
//! `… -- --climb` looks for others for a minute and prints the worst. `--in=exchange` measures whole chat requests,
//! `--in=stream` what arrives in chunks of 16 bytes, `--in=escaped` requests whose every character is written as an
//! escape; `--seconds=600`, `--seed=7`; `--row='|1'` measures one row and says how much work it is.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::detect::{DetectorId, Detectors, SampleSource, StreamScanner};
use interceptor_engine::{Catalogue, Engine, Limits, Policy};
use nix::time::{ClockId, clock_gettime};

#[expect(dead_code, reason = "other benchmarks need the rest")]
mod share;

/// Masks everything, so that nothing ends an exchange early.
const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: bench }
spec:
  rules:
    - { name: mask, match: { direction: both, detectors: [\"*\"] }, action: redact }
";
/// Long enough that what happens once does not count, short enough for thousands of rows a second.
const SHORT: usize = 4 << 10;
const LONG: usize = 64 << 10;
const CHUNK: usize = 16;
/// What the search has found before.
const KNOWN: [&str; 18] = [
    "4111 ",
    "123456789 ",
    "1234567890 ",
    "12345678901 ",
    "1(",
    "|1",
    "12345|",
    ":1",
    "0x:",
    "02:1b:2a:3f:",
    "a@",
    "jane@example.com, ",
    "dob: abc ",
    "nif 31668011 ",
    "nhs 564 607 000 ",
    "storyblok key vVmctQ2gUZyElocrarCKE5tt",
    "my_token = \"ai5Iwf31Cqe08Ovym1k1MUOF5sj2 ",
    "aff7xsecret:key-0_726c8f4ad3passw1dbe(5646:my_token = \"ai9key-46893c8f1ad25dbe(2459aff9xsecret:Ovym8k5MUcx3secret:x6se",
];
/// The longest row.
const LONGEST: usize = 160;
/// Kinds of rows that are climbed from.
const KEPT: usize = 96;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Detectors,
    Exchange,
    Escaped,
    Stream,
}

struct Bench {
    set: Arc<Detectors>,
    engine: Arc<Engine>,
    place: Place,
}

impl Bench {
    fn new(place: Place) -> Self {
        let policy = Arc::new(Policy::load(&[("bench.yaml", POLICY)]).expect("the policy above"));
        let set = Detectors::builtin();
        let engine = Engine::new(Catalogue::builtin(), policy, set.clone(), Limits::STANDARD);
        Self { set, engine, place }
    }

    /// The least nanoseconds of processor time for a byte, of a few runs over the row said again and again.
    fn cost(&self, row: &str, size: usize, runs: usize) -> f64 {
        let text: String = row.chars().cycle().take(size).collect();
        let body = self.body(&text);
        let bytes = if body.is_empty() { text.len() } else { body.len() };
        let mut found = Vec::new();
        let mut least = f64::INFINITY;
        for _ in 0..runs {
            let from = now();
            match self.place {
                Place::Detectors => {
                    found.clear();
                    self.set.scan(black_box(text.as_bytes()), &mut found);
                }
                Place::Stream => {
                    let (mut scanner, mut found) = (StreamScanner::new(self.set.clone()), Vec::new());
                    for chunk in text.as_bytes().chunks(CHUNK) {
                        scanner.push(black_box(chunk), &mut found);
                    }
                    scanner.finish(&mut found);
                }
                Place::Exchange | Place::Escaped => self.send(&body),
            }
            least = least.min(now() - from);
        }
        least / bytes as f64
    }

    fn body(&self, text: &str) -> Bytes {
        let content = match self.place {
            Place::Detectors | Place::Stream => return Bytes::new(),
            Place::Exchange => serde_json::to_string(text).expect("text is JSON"),
            Place::Escaped => {
                let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{escaped}\"")
            }
        };
        Bytes::from(format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":{content}}}]}}"))
    }

    fn send(&self, body: &Bytes) {
        let mut exchange = share::begin(&self.engine, &Arc::default());
        let mut out = Vec::new();
        // A refusal is an answer, too.
        let _ = exchange.request_data(body.clone(), &mut out).and_then(|()| exchange.request_end(&mut out));
        black_box((exchange.record(), out));
    }

    fn print(&self, row: &str) {
        let megabytes = 1e3 / self.cost(row, LONG, 7);
        let text: Vec<u8> = row.bytes().cycle().take(LONG).collect();
        let mut found = Vec::new();
        let work = self.set.scan_measured(&text, &mut found);
        println!(
            "{megabytes:>7.0} MB/s  {row:?}  (examined {:.1} times, an anchor every {:.1} bytes, {} found)",
            work.examined as f64 / LONG as f64,
            LONG as f64 / work.anchors.max(1) as f64,
            found.len()
        );
    }
}

fn now() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every kernel has this clock");
    now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64
}

/// Short pieces of what detectors look at.
fn fragments() -> Vec<String> {
    let digits = (1..=20).map(|length| "12345678901234567890"[..length].to_owned());
    let others = [
        " ",
        "-",
        ".",
        "/",
        ":",
        "::",
        "+",
        "(",
        ")",
        ",",
        "|",
        "@",
        "_",
        "=",
        "\n",
        "\\n",
        "\"",
        "\\",
        "%",
        "\u{a0}",
        "\u{2011}",
        "\u{e9}",
        "\u{661}",
        "\u{200b}",
        "A",
        "a",
        "f",
        "aB",
        "Zq",
        "sk-",
        "eyJ",
        "key",
        " key ",
        "token=",
        "passw",
        "secret:",
        "api_key ",
        "auth: ",
        "://",
        "x1",
        "0x",
        "AB",
        "ssn ",
        "phone ",
        "card ",
        "tax number ",
        "Polish ",
        "id ",
        "stripe ",
        "yelp ",
        "%31",
        "&#49;",
        "\\u0031",
        "MTIz",
        "http://a.b/",
        "a.co",
        "a@b.co",
    ];
    digits.chain(others.map(str::to_owned)).collect()
}

/// What is climbed from: fragments, pairs of them, and what every detector looks for, whole and cut short.
fn seeds(fragments: &[String]) -> Vec<String> {
    let mut seeds = fragments.to_vec();
    for first in fragments {
        seeds.extend(fragments.iter().map(|second| format!("{first}{second}")));
    }
    for id in DetectorId::all() {
        let sample = id.detector().sample(&mut SampleSource::new(7));
        let cut: String = sample.chars().take(sample.chars().count().saturating_sub(1)).collect();
        let short: String = cut.chars().take(12).collect();
        seeds.extend([format!("{sample} "), format!("{cut} "), short, sample]);
    }
    seeds
}

/// What a row is, whatever its digits and letters are, and however often it is said.
fn kind(row: &str) -> String {
    let class = |c: char| match c {
        '0'..='9' => '0',
        'a'..='f' | 'A'..='F' => 'a',
        c if c.is_ascii_alphabetic() => 'z',
        c => c,
    };
    let mut kind: Vec<char> = row.chars().map(class).collect();
    kind.dedup();
    let whole = kind.len();
    // Where a row says something twice the first of it is its kind.
    let period = (1..=whole).find(|period| kind.iter().zip(&kind[*period..]).all(|(a, b)| a == b));
    kind.truncate(period.unwrap_or(whole).min(12));
    kind.into_iter().collect()
}

/// A row made of one or two.
fn changed(row: &str, other: &str, fragments: &[String], source: &mut SampleSource) -> String {
    let mut row: Vec<char> = row.chars().collect();
    let mut other: Vec<char> = other.chars().collect();
    for _ in 0..=source.below(3) {
        let at = source.below(row.len() + 1);
        match source.below(8) {
            0 => {
                let end = row.len().min(at + 1 + source.below(6));
                row.drain(at..end);
            }
            1 => row
                .splice(at..at, source.pick(&[fragments])[source.below(fragments.len())].chars())
                .for_each(drop),
            2 if at < row.len() => {
                row[at] = char::from(source.pick(b"0123456789abcdefxyzABCXYZ -.:/|_(),=\""));
            }
            3 => row.extend_from_within(..),
            4 => row.append(&mut other.clone()),
            5 => {
                let part = source.below(other.len() + 1);
                other.rotate_left(part);
                row.truncate(at);
                row.extend(other.iter().take(1 + source.below(12)));
            }
            6 => {
                let digit = |c: &mut char| {
                    if c.is_ascii_digit() {
                        *c = char::from(source.pick(b"0123456789"));
                    }
                };
                row.iter_mut().for_each(digit);
            }
            _ => row.rotate_left(at),
        }
    }
    row.truncate(LONGEST);
    row.into_iter().collect()
}

fn climb(bench: &Bench, seconds: f64, seed: u64) {
    let fragments = fragments();
    let mut source = SampleSource::new(seed);
    // The worst row of each kind.
    let mut kept: HashMap<String, (f64, String)> = HashMap::new();
    let keep = |row: String, known: &mut HashMap<String, (f64, String)>| {
        if row.is_empty() {
            return;
        }
        let kind = kind(&row);
        let best = known.get(&kind).map_or(0.0, |(cost, _)| *cost);
        // What seems worse is measured again: another program may have been in the way.
        if bench.cost(&row, SHORT, 2) > best {
            let cost = bench.cost(&row, SHORT, 6);
            if cost > best {
                known.insert(kind, (cost, row));
            }
        }
    };
    seeds(&fragments).into_iter().for_each(|seed| keep(seed, &mut kept));
    let from = now();
    let mut rows = 0;
    while now() - from < seconds * 1e9 {
        let mut worst: Vec<(f64, String)> = kept.values().cloned().collect();
        worst.sort_by(|a, b| b.0.total_cmp(&a.0));
        worst.truncate(KEPT);
        for _ in 0..500 {
            // Rather the worst ones.
            let mut one = || &worst[source.below(worst.len()).min(source.below(worst.len()))].1;
            let (row, other) = (one().clone(), one().clone());
            keep(changed(&row, &other, &fragments, &mut source), &mut kept);
            rows += 1;
        }
    }
    let mut worst: Vec<(f64, String)> = kept.into_values().collect();
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("the worst of {rows} rows");
    worst.iter().take(40).for_each(|(_, row)| bench.print(row));
}

pub(crate) fn main() {
    let (mut place, mut seconds, mut seed, mut rows) = (Place::Detectors, 60.0, 1, Vec::new());
    let mut climbs = false;
    for word in std::env::args().skip(1) {
        match word.split_once('=') {
            Some(("--in", "exchange")) => place = Place::Exchange,
            Some(("--in", "escaped")) => place = Place::Escaped,
            Some(("--in", "stream")) => place = Place::Stream,
            Some(("--seconds", count)) => seconds = count.parse().expect("a number of seconds"),
            Some(("--seed", number)) => seed = number.parse().expect("a number"),
            Some(("--row", row)) => rows.push(row.replace("\\n", "\n")),
            // What criterion is told as well.
            _ => climbs |= word == "--climb",
        }
    }
    let bench = Bench::new(place);
    if climbs {
        return climb(&bench, seconds, seed);
    }
    if rows.is_empty() {
        rows = KNOWN.map(str::to_owned).to_vec();
    }
    rows.iter().for_each(|row| bench.print(row));
}
