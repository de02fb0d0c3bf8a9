//! A text in fragments shows what the whole text shows, whatever hides in it and wherever it is cut; and what shows it is
//! still there by then.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::detect::{DetectorId, SampleSource};
use crate::exchange::scan::Scanner;

type Shown = (&'static str, usize, usize);

fn whole(text: &str) -> Vec<Shown> {
    let mut spots = Vec::new();
    Scanner::new(Some(Detectors::builtin())).scan_plain(text.as_bytes(), &mut spots);
    spots.iter().map(|spot| (spot.detector.name(), spot.raw.start, spot.raw.end)).collect()
}

/// What fragments show, and how much of each finding was out by then.
fn in_fragments<'t>(fragments: impl IntoIterator<Item = &'t [u8]>) -> Vec<(Shown, usize)> {
    let (mut layers, mut all, mut found) =
        (FragmentScanner::new(Detectors::builtin()), Vec::new(), Vec::new());
    let (mut released, mut pushed) = (0, 0);
    let place = |offset: u64| usize::try_from(offset).unwrap();
    let mut take = |found: &mut Vec<StreamFinding>, released: u64| {
        all.extend(found.drain(..).map(|f| {
            ((f.detector.name(), place(f.start), place(f.end)), place(released.saturating_sub(f.start)))
        }));
    };
    for fragment in fragments {
        pushed += fragment.len() as u64;
        let now = layers.push(fragment, &mut found);
        take(&mut found, released);
        assert!(released <= now && now <= pushed, "{released} {now} {pushed}");
        released = now;
    }
    assert_eq!(layers.finish(&mut found), pushed);
    take(&mut found, released);
    all.sort_by_key(|((_, start, end), _)| (*start, *end));
    all
}

/// Without guesses that were out before something surer was found that began before them, in the plain word before an `@`.
fn surest(found: &[(Shown, usize)], whole: &[Shown]) -> Vec<Shown> {
    let touches = |one: &Shown, other: &Shown| one.1 < other.2 && other.1 < one.2;
    let is_sure = |one: &Shown| whole.contains(one) || !whole.iter().any(|other| touches(one, other));
    found.iter().map(|(shown, _)| *shown).filter(is_sure).collect()
}

#[track_caller]
fn agrees<'t>(text: &str, fragments: impl IntoIterator<Item = &'t [u8]>, value: &str, how: &str) {
    let (found, whole) = (in_fragments(fragments), whole(text));
    assert_eq!(surest(&found, &whole), whole, "{how}: {text:?}");
    for ((name, start, end), out) in found {
        // What is not held of a text as written, the plain word before an `@` for one, is not held of its forms.
        let each = (end - start).div_ceil(value.len());
        assert!(out <= 14 * each + 8, "{how}: {out} bytes of {name} were out in {text:?}");
    }
}

fn each(text: &str, encode: impl Fn(u8) -> String) -> String {
    text.bytes().map(encode).collect()
}

fn letters(text: &str, every: usize, encode: impl Fn(char) -> String) -> String {
    let one = |(at, c): (usize, char)| if at % every == every - 1 { encode(c) } else { c.to_string() };
    text.chars().enumerate().map(one).collect()
}

fn wrapped(text: &str) -> String {
    let row = STANDARD.encode(text);
    let lines: Vec<&str> = row.as_bytes().chunks(16).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n  ")
}

/// A way to hide something.
type Family = (&'static str, fn(&str) -> String);

const FAMILIES: [Family; 21] = [
    ("percent", |t| each(t, |b| format!("%{b:02x}"))),
    ("some percent", |t| letters(t, 4, |c| format!("%{:02X}", u32::from(c)))),
    ("percent twice", |t| each(t, |b| format!("%25{b:02x}"))),
    ("entities", |t| each(t, |b| format!("&#{b};"))),
    ("some entities", |t| letters(t, 3, |c| format!("&#x{:x};", u32::from(c)))),
    ("named entities", |t| t.replace('@', "&commat;").replace('.', "&period;")),
    ("entities twice", |t| each(t, |b| format!("&amp;#{b};"))),
    ("escapes", |t| each(t, |b| format!("\\u{:04x}", u32::from(b)))),
    ("some escapes", |t| letters(t, 5, |c| format!("\\x{:02x}", u32::from(c)))),
    ("escapes twice", |t| letters(t, 3, |c| format!("\\\\u{:04x}", u32::from(c)))),
    ("zero width", |t| letters(t, 2, |c| format!("{c}\u{200b}"))),
    ("full width", |t| {
        letters(t, 1, |c| match c {
            '0'..='9' | 'a'..='z' | 'A'..='Z' => char::from_u32(u32::from(c) + 0xFEE0).unwrap().to_string(),
            c => c.to_string(),
        })
    }),
    ("homoglyphs", |t| t.replace('a', "\u{430}").replace('e', "\u{435}").replace('o', "\u{43e}")),
    ("tags", |t| letters(t, 1, |c| char::from_u32(0xE0000 + u32::from(c)).unwrap().to_string())),
    ("base64", |t| STANDARD.encode(t)),
    ("base64 of more", |t| STANDARD.encode(format!("it is {t}, as I said; and that is all there is to it"))),
    ("base64 in a path", |t| format!("/v1/{}/x", URL_SAFE_NO_PAD.encode(format!("id: {t}.")))),
    ("base64 twice", |t| STANDARD.encode(STANDARD.encode(format!("it is {t}")))),
    ("base64 in lines", |t| wrapped(&format!("it is {t}, and more of it"))),
    ("hexadecimal", |t| each(t, |b| format!("{b:02x}"))),
    ("percent in base64", |t| STANDARD.encode(each(t, |b| format!("%{b:02x}")))),
];

fn sample(name: &str) -> String {
    DetectorId::named(name).unwrap().detector().sample(&mut SampleSource::new(7))
}

fn samples() -> Vec<String> {
    let names =
        ["pii.email", "pii.card", "pii.iban", "secret.github_token", "secret.openai_key", "pii.us_ssn"];
    names.map(sample).to_vec()
}

#[test]
fn every_family_is_found_in_fragments_as_in_the_whole() {
    let mut found = 0;
    for sample in samples() {
        for (how, hide) in FAMILIES {
            let text = format!("It is {}, ok. And so on", hide(&sample));
            found += usize::from(!whole(&text).is_empty());
            let bytes = text.as_bytes();
            for cut in (0..=bytes.len()).step_by(3) {
                agrees(&text, [&bytes[..cut], &bytes[cut..]], &sample, how);
            }
            for size in [1, 4, 7] {
                agrees(&text, bytes.chunks(size), &sample, how);
            }
        }
    }
    // The whole text shows nearly all of it, so that to agree means something.
    assert!(found * 10 >= samples().len() * FAMILIES.len() * 9, "{found}");
}

#[test]
fn what_is_hidden_deep_is_found_and_what_is_deeper_is_counted() {
    let mut text = sample("pii.email");
    for depth in 0..8 {
        text = each(&text, |b| {
            if b == b'%' || depth == 0 { format!("%{b:02x}") } else { char::from(b).to_string() }
        });
        let mut layers = FragmentScanner::new(Detectors::builtin());
        let mut found = Vec::new();
        for fragment in format!("to {text}.").as_bytes().chunks(5) {
            layers.push(fragment, &mut found);
        }
        layers.finish(&mut found);
        assert_eq!(
            (found.len(), layers.is_unfinished()),
            if depth < 5 { (1, false) } else { (0, true) },
            "{depth}"
        );
    }
}

#[test]
fn a_form_ends_when_it_has_been_the_same_for_a_while() {
    let (mut layers, mut found) = (FragmentScanner::new(Detectors::builtin()), Vec::new());
    layers.push(b"caf\\u00e9 and more", &mut found);
    assert!(layers.beneath.is_some());
    for _ in 0..200 {
        layers.push(b"word ", &mut found);
    }
    assert!(layers.beneath.is_none());
    layers.push(b"to jane.doe%40exam", &mut found);
    layers.push(b"ple.com!", &mut found);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].start, 18 + 1000 + 3);
}

#[test]
fn prose_and_code_are_not_held() {
    let prose = "The word internationalization isn\u{2019}t short \u{2014} but 100% of us & them know it; it was 1984. ";
    let code = "fn main() { println!(\"{}\\n\", format!(\"%d & \\\\\", 0x1f & !mask)); let p = C:\\dir; } ";
    let words = "\u{441}\u{43b}\u{43e}\u{432}\u{43e} \u{438} \u{435}\u{449}\u{451}, \u{5168}\u{89d2}\u{ff0c}\u{6a19} ";
    for text in [prose, code, words] {
        let text = text.repeat(40);
        let (mut layers, mut found, mut pushed) = (FragmentScanner::new(Detectors::builtin()), Vec::new(), 0);
        let mut held: Vec<u64> = Vec::new();
        for fragment in text.as_bytes().chunks(4) {
            pushed += fragment.len() as u64;
            held.push(pushed - layers.push(fragment, &mut found));
        }
        held.sort_unstable();
        assert_eq!(held[held.len() / 2], 0, "{text}");
        assert!(held[held.len() * 99 / 100] <= 64, "{}", held[held.len() * 99 / 100]);
    }
}

/// Parts of what is undone, whole and broken, with anything between them.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&str] = &[
        "%41",
        "%",
        "%25",
        "&#65;",
        "&amp;",
        "&am",
        "\\u0041",
        "\\ud83d",
        "\\",
        "\\x4",
        "\u{200b}",
        "\u{455}",
        "\u{ff14}",
        "\u{2014}",
        "amFuZSBkb2Ugd2FzIGhlcmU=",
        "amFuZS5kb2VAZXhhbXBsZS5jb20",
        "6a616e6520646f652121",
        "\n",
        "\r\n  ",
        "=",
        "/",
        "jane",
        "@",
        "example.com",
        "4111 1111 1111 1111",
        "password: ",
    ];
    let known = prop::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    let part =
        prop_oneof![8 => known, 1 => prop::collection::vec(any::<u8>(), 0..4), 1 => Just(vec![b'A'; 700])];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn nothing_is_lost_or_placed_elsewhere(text in anything(), sizes in prop::collection::vec(1..40usize, 1..6)) {
        let (mut scanner, mut found) = (FragmentScanner::new(Detectors::builtin()), Vec::new());
        let (mut at, mut released) = (0, 0);
        for size in sizes.into_iter().cycle() {
            let end = (at + size).min(text.len());
            let now = scanner.push(&text[at..end], &mut found);
            prop_assert!(released <= now && now <= end as u64);
            (at, released) = (end, now);
            if at == text.len() {
                break;
            }
        }
        prop_assert_eq!(scanner.finish(&mut found), text.len() as u64);
        for finding in found {
            prop_assert!(finding.start < finding.end && finding.end <= text.len() as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn mixtures_are_found_in_fragments_as_in_the_whole(
        parts in prop::collection::vec((0..FAMILIES.len(), 0..6usize, "[a-z ]{0,30}"), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let samples = samples();
        let mut text = String::new();
        for (family, sample, words) in parts {
            text += &format!("{words}: {} ; ", FAMILIES[family].1(&samples[sample]));
        }
        let mut points: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        points.extend([0, text.len()]);
        points.sort_unstable();
        let fragments = points.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]);
        let whole = whole(&text);
        prop_assert_eq!(surest(&in_fragments(fragments), &whole), whole, "{}", text);
    }
}
