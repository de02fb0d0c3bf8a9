//! Fragments are undone as the whole text is, wherever it is cut.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn whole(text: &str) -> (String, Vec<(Range<u64>, Kind)>) {
    let (mut steps, mut view) = (Undo::new(text.as_bytes()), Vec::new());
    let mut pieces = Vec::new();
    while let Some(piece) = steps.step(&mut view) {
        pieces.push((piece.source.start as u64..piece.source.end as u64, piece.kind));
    }
    (String::from_utf8_lossy(&view).into_owned(), joined(pieces))
}

/// Neighbours that both stand as they are count as one.
fn joined(pieces: Vec<(Range<u64>, Kind)>) -> Vec<(Range<u64>, Kind)> {
    let mut all: Vec<(Range<u64>, Kind)> = Vec::new();
    for (source, kind) in pieces {
        match all.last_mut() {
            Some((last, Kind::Same)) if kind == Kind::Same => last.end = source.end,
            _ => all.push((source, kind)),
        }
    }
    all
}

fn in_fragments<'t>(fragments: impl IntoIterator<Item = &'t [u8]>) -> (String, Vec<(Range<u64>, Kind)>) {
    let (mut passing, mut view, mut pieces) = (Passing::begin(b"", 0, 0), Vec::new(), Vec::new());
    let mut said = 0;
    let mut told = |stretch: Stretch, part: &[u8]| {
        let length = stretch.source.end - stretch.source.start;
        assert!(stretch.kind != Kind::Same || part.len() as u64 == length);
        said += part.len();
        pieces.push((stretch.source, stretch.kind));
    };
    for fragment in fragments {
        passing.push(fragment, false, &mut view, &mut told);
    }
    passing.push(b"", true, &mut view, &mut told);
    assert_eq!(said, view.len());
    (String::from_utf8_lossy(&view).into_owned(), joined(pieces))
}

const TEXTS: [&str; 22] = [
    "jane%40x.org &#64; &commat; &#x40 \\x40 \\u0040 \\u{40} %u0040 \\100 50% & %4 &am \\u00",
    "4\u{200b}1\u{200d}\u{2060}1\u{feff}1 \u{202e}x",
    "４１１１ ٤١١١ १२३ 𝟙𝟚𝟛 ①②",
    "ѕk-lіvе ЅК-1 вирус и ещё слова, но не COVID",
    "say amFuZSBkb2Ugd2FzIGhlcmU= and 6a616e6520646f652121, and amFuZT8_Pz8_Pz9hYWFh/x",
    "j\0a\0n\0e\0",
    "\u{e006a}\u{e0061}\u{e006e}\u{e0065}",
    "4111–1111 4111\u{a0}1111 – 20 ans — déjà",
    "plain prose, 100 % of it, R&D and so on; C:\\path",
    "「全角，標點。」 日本語のテキスト ❤️ 👩‍👩‍👧 m² ελληνικά",
    "amFuZSBkb2Ugd2Fz\n  IGhlcmUsIGFuZCBz\r\nbyB3YXMgSQ==\nnext",
    "amFuZSBkb2Ugd2FzIGhlcmU=\n",
    "amFuZSBkb2Ugd2Fz\nIGhlcmU\nsomethinglongerthanthat",
    "path/v1/users/amFuZSBkb2Ugd2FzIGhlcmU/and-more_of-it",
    "let internationalization = deserialize_configuration(20240115123045, \"550e8400-e29b-41d4\");\\n",
    "\\\\n \\\\u0041 \\ud83d\\ude00 \\ud83d x \\ud83d\\u0041 \\",
    "agBhAG4AZQAuAGQAbwBlAEAAeAAuAG8AcgBnAA== amFuZQ",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "32303234303131353132333034353637 and 3230323430",
    // A whole text finds a run behind an escape that took its first letter when it is undone once more.
    "\\n amFuZSBkb2Ugd2FzIGhlcmU %0A amFuZSBkb2Ugd2FzIGhlcmU",
    "%2525%2540 &amp;amp; &amp;#64;",
    "Zm9vv\u{e9}YmFyamFuZSBkb2Ugd2FzIGhlcmU",
];

#[test]
fn every_cut_gives_the_same_view() {
    for text in TEXTS {
        let (bytes, expected) = (text.as_bytes(), whole(text));
        for cut in 0..=bytes.len() {
            assert_eq!(in_fragments([&bytes[..cut], &bytes[cut..]]), expected, "{text:?} at {cut}");
        }
        for size in 1..9 {
            assert_eq!(in_fragments(bytes.chunks(size)), expected, "{text:?} by {size}");
        }
    }
}

#[test]
fn long_runs_are_undone_in_pieces() {
    let said = "jane was here, and so was I. ".repeat(200);
    let row = STANDARD.encode(&said);
    for size in [1, 7, 500, 5000] {
        let (mut passing, mut view, mut most) = (Passing::begin(b"", 0, 0), Vec::new(), 0);
        for fragment in row.as_bytes().chunks(size) {
            passing.push(fragment, false, &mut view, |_, _| {});
            most = most.max(passing.window.len() - passing.at);
        }
        passing.push(b"", true, &mut view, |_, _| {});
        assert_eq!(String::from_utf8(view).unwrap(), said, "{size}");
        assert!(most <= LONGEST_RUN + size);
    }
}

#[test]
fn prose_is_not_held_and_what_looks_encoded_is() {
    let held = |text: &str| -> Option<String> {
        let (mut passing, mut view) = (Passing::begin(b"", 0, 0), Vec::new());
        let hold = passing.push(text.as_bytes(), false, &mut view, |_, _| {})?;
        Some(text[usize::try_from(hold).unwrap()..].to_owned())
    };
    for text in
        ["the word internationalization", "вирус", "word—", "a year: 2024", "x = y", "call_a1B2c3D4e5"]
    {
        assert_eq!(held(text), None, "{text}");
    }
    for (text, tail) in [
        ("see amFuZSBkb2", "amFuZSBkb2"),
        ("see amFuZSBkb2Ugd2Fz\n", "amFuZSBkb2Ugd2Fz\n"),
        ("to jane%4", "%4"),
        ("to jane&#6", "&#6"),
        ("a \\", "\\"),
    ] {
        assert_eq!(held(text).as_deref(), Some(tail), "{text}");
    }
}

#[test]
fn a_line_that_turns_out_to_be_too_long_does_not_go_on_with_the_one_before() {
    let text = "IGhlcmUsIGFuZCBz\r\n mFuZSBkb2Ugd2FzIG is no more of it";
    for cut in 0..text.len() {
        let (left, right) = text.as_bytes().split_at(cut);
        assert_eq!(in_fragments([left, right].into_iter()), whole(text), "cut at {cut}");
    }
}

#[test]
fn what_may_hide_something_is_noticed() {
    let first = |text: &str| begins(text.as_bytes(), 0);
    assert_eq!(first("plain prose, and deserialize_configuration(x)"), None);
    assert_eq!(first("100 % of R&D isn’t “short” — or is it? вирус, 全角，標點。 x"), None);
    assert_eq!(first("100 % of R&D isn’t %41"), Some(21));
    assert_eq!(first("isn’t 4—"), Some(9));
    assert_eq!(first("to jane%40x"), Some(7));
    assert_eq!(first("see amFuZSBkb2Ugd2FzIGhlcmU= now"), Some(4));
    assert_eq!(first("see amFuZSBk"), Some(4));
    // A row that began before counts from its beginning.
    assert_eq!(begins(b"see amFuZSBkb2Ug", 9), Some(4));
}

proptest! {
    #[test]
    fn any_mixture_gives_the_same_view(
        picks in prop::collection::vec((0..TEXTS.len(), 0..40usize, 1..30usize), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut text = String::new();
        for (pick, from, length) in picks {
            text.extend(TEXTS[pick].chars().skip(from).take(length));
            // Words in several scripts are judged by so many bytes and no more.
            text.push(' ');
        }
        let mut points: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        points.extend([0, text.len()]);
        points.sort_unstable();
        let fragments = points.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(in_fragments(fragments), whole(&text));
    }
}
