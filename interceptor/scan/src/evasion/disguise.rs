//! Disguises of a text: what is done to its characters. Each is put in a message as it is, in the arguments of a
//! tool, and inside base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{Sample, body};

/// Makes a disguise, or says that this value cannot wear it.
type Disguise = fn(&Sample) -> Option<String>;

const DISGUISES: [(&str, Disguise); 17] = [
    ("plain", |sample| Some(sample.whole())),
    ("base64", |sample| Some(STANDARD.encode(sample.whole()))),
    ("base64 url-safe", |sample| Some(URL_SAFE_NO_PAD.encode(sample.whole()))),
    ("base64 wrapped", wrapped),
    ("base64 twice", |sample| Some(STANDARD.encode(STANDARD.encode(sample.whole())))),
    ("hex", |sample| Some(sample.whole().bytes().map(|byte| format!("{byte:02x}")).collect())),
    ("percent", |sample| Some(sample.whole().bytes().map(|byte| format!("%{byte:02X}")).collect())),
    ("html entities", |sample| {
        Some(sample.whole().chars().map(|c| format!("&#{};", u32::from(c))).collect())
    }),
    ("zero-width", |sample| Some(sample.with(&between(&sample.value, 3, "\u{200b}")))),
    ("bidi", |sample| {
        Some(sample.with(&format!("\u{202e}{}\u{202c}", between(&sample.value, 5, "\u{2066}"))))
    }),
    ("full-width digits", |sample| digits(sample, 0xFF10)),
    ("other digits", |sample| digits(sample, 0x0660)),
    ("homoglyphs", homoglyphs),
    ("separators: space", |sample| separated(sample, " ")),
    ("separators: dash", |sample| separated(sample, "-")),
    ("line wrap", line_wrap),
    ("escapes of code", |sample| Some(sample.whole().bytes().map(|byte| format!("\\x{byte:02x}")).collect())),
];

/// Every disguise in every tier.
pub(super) fn all(sample: &Sample) -> impl Iterator<Item = (&'static str, u8, Value)> {
    DISGUISES.into_iter().flat_map(move |(family, disguise)| {
        let text = disguise(sample);
        let tiers = (1..=3).filter_map(move |tier| {
            let text = text.as_deref()?;
            let record = match tier {
                1 => body::message(&format!("please look at {text} and answer")),
                2 => body::arguments(text),
                _ => body::message(&format!(
                    "attached: {}",
                    STANDARD.encode(format!("the data is {text} (end)"))
                )),
            };
            Some((family, tier, record))
        });
        tiers.collect::<Vec<_>>()
    })
}

fn wrapped(sample: &Sample) -> Option<String> {
    let encoded = STANDARD.encode(format!("{} and more text behind it, to fill lines", sample.whole()));
    let lines: Vec<&str> =
        (0..encoded.len()).step_by(64).map(|at| &encoded[at..encoded.len().min(at + 64)]).collect();
    Some(lines.join("\n"))
}

fn between(text: &str, every: usize, what: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % every == 0 {
            out.push_str(what);
        }
        out.push(c);
    }
    out
}

fn digits(sample: &Sample, zero: u32) -> Option<String> {
    let foreign = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(zero + digit)).unwrap_or(c);
    let value: String = sample.value.chars().map(foreign).collect();
    (value != sample.value).then(|| sample.with(&value))
}

fn homoglyphs(sample: &Sample) -> Option<String> {
    const PAIRS: [(char, char); 16] = [
        ('a', 'а'),
        ('c', 'с'),
        ('e', 'е'),
        ('i', 'і'),
        ('o', 'о'),
        ('p', 'р'),
        ('s', 'ѕ'),
        ('x', 'х'),
        ('A', 'А'),
        ('B', 'В'),
        ('E', 'Е'),
        ('H', 'Н'),
        ('K', 'К'),
        ('O', 'О'),
        ('P', 'Р'),
        ('T', 'Т'),
    ];
    let alike = |c: char| PAIRS.iter().find(|(ascii, _)| *ascii == c).map_or(c, |(_, other)| *other);
    let value: String = sample.value.chars().map(alike).collect();
    // Without a letter or digit of its own left, a word is one of the other script.
    let mixed = value.chars().any(|c| c.is_ascii_alphanumeric());
    (mixed && value != sample.value).then(|| sample.with(&value))
}

/// A value of one piece, and not so short or long that nobody would do this.
fn in_one_piece(sample: &Sample) -> Option<&str> {
    let value = sample.value.as_str();
    let plain = value.chars().all(|c| c.is_ascii_graphic());
    (plain && (9..=80).contains(&value.len())).then_some(value)
}

fn separated(sample: &Sample, separator: &str) -> Option<String> {
    in_one_piece(sample).map(|value| sample.with(&between(value, 1, separator)))
}

fn line_wrap(sample: &Sample) -> Option<String> {
    let value = in_one_piece(sample).filter(|value| value.len() >= 16)?;
    let (front, back) = value.split_at(value.len() / 2);
    Some(sample.with(&format!("{front}\n{back}")))
}
