//! Views and the way back, whatever stands in the text.

use super::*;
use proptest::prelude::*;

fn undone(text: &str) -> String {
    let mut view = Vec::new();
    write(Undo::new(text.as_bytes()), &mut view);
    String::from_utf8_lossy(&view).into_owned()
}

/// What `needle` of the view was made from.
fn source<'t>(text: &'t str, needle: &str) -> &'t str {
    let mut view = Vec::new();
    write(Undo::new(text.as_bytes()), &mut view);
    let view = String::from_utf8(view).unwrap();
    let start = view.find(needle).unwrap();
    let mut range = start..start + needle.len();
    trace(Undo::new(text.as_bytes()), std::slice::from_mut(&mut range));
    &text[range]
}

#[test]
fn everything_is_undone_at_once() {
    assert_eq!(
        undone("jane%40x.org &#64; &commat; &#x40 \\x40 \\u0040 \\u{40} %u0040 \\100"),
        "jane@x.org @ @ @ @ @ @ @ @"
    );
    assert_eq!(undone("4\u{200b}1\u{200d}\u{2060}1\u{feff}1 \u{202e}x"), "4111 x");
    assert_eq!(undone("４１１１ ٤١١١ १२३ 𝟙𝟚𝟛 ①②"), "4111 4111 123 123 12");
    assert_eq!(undone("ѕk-lіvе ЅК-1"), "sk-live SK-1");
    assert_eq!(
        undone("say amFuZSBkb2Ugd2FzIGhlcmU= and 6a616e6520646f652121"),
        "say jane doe was here and jane doe!!"
    );
    assert_eq!(undone("j\0a\0n\0e\0"), "jane");
    assert_eq!(undone("\u{e006a}\u{e0061}\u{e006e}\u{e0065}"), "jane");
    assert_eq!(undone("4111–1111 4111\u{a0}1111"), "4111-1111 4111 1111");
}

#[test]
fn ordinary_text_is_the_same() {
    for text in [
        "plain prose, 100 % of it, R&D and so on; C:\\path",
        "вирус и ещё слова, но не COVID",
        "voilà, l’été – 20 ans — déjà",
        "「全角，標點。」 日本語のテキスト",
        "❤️ 👩‍👩‍👧 m²",
        "ελληνικά",
    ] {
        let mut view = Vec::new();
        let undone = write(Undo::new(text.as_bytes()), &mut view);
        assert_eq!((undone.changed, String::from_utf8(view).unwrap().as_str()), (false, text));
    }
}

#[test]
fn a_place_in_the_view_leads_back() {
    assert_eq!(source("mail jane%40x.org now", "jane@x.org"), "jane%40x.org");
    assert_eq!(source("mail amFuZUBleGFtcGxlLm9yZw== now", "@example"), "amFuZUBleGFtcGxlLm9yZw==");
    assert_eq!(source("a j\u{200b}a\u{200b}n b", "jan"), "j\u{200b}a\u{200b}n");
    assert_eq!(source("ѕk-lіvе", "k-li"), "k-lі");
}

#[test]
fn prose_and_code_are_not_worth_a_walk() {
    let nothing = Glance::default();
    for text in [
        "Nothing in here is encoded, not even a bit of it: 12, 13 and 14 (or so).",
        "漢字 été",
        "100 % of R&D, a % b and &self.name; C:\\Data",
        "a line\nand another line of prose\n    with more\n",
        "- one\n- two\n- three\n| a | b | c |\n",
    ] {
        for before in 0..200 {
            let text = " ".repeat(before) + text;
            assert_eq!(glance(text.as_bytes()), nothing, "{text}");
        }
    }
}

#[test]
fn what_hides_is_seen_wherever_it_stands() {
    for (text, hidden, apart) in [
        ("100%41", true, false),
        ("amFuZSBkb2Ugd2FzIGhlcmU=", true, false),
        ("&#64;", true, false),
        ("\\x40", true, false),
        ("ѕk-lіvе", true, false),
        ("4 1 1 1 2 2 2 2 3 3", false, true),
        ("jane.doe7@exam\nple.com", false, true),
        ("jane.doe7@exam\r\n> ple.com", false, true),
    ] {
        for before in 0..200 {
            let text = "x, ".repeat(before / 3) + &" ".repeat(before % 3) + text + ", and so on";
            assert_eq!(glance(text.as_bytes()), Glance { hidden, apart }, "{text}");
        }
    }
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"%41".to_vec()),
        Just(b"%".to_vec()),
        Just(b"&#65;".to_vec()),
        Just(b"&amp".to_vec()),
        Just(b"\\u0041".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"amFuZSBkb2Ugd2FzIGhlcmU=".to_vec()),
        Just(b"6a616e6520646f652121".to_vec()),
        Just("\u{200b}".as_bytes().to_vec()),
        Just("ѕ".as_bytes().to_vec()),
        Just("４".as_bytes().to_vec()),
        Just(b"a b c d e f g h 1 ".to_vec()),
        Just(b"abcdef12345\n1234567890".to_vec()),
        Just(b"\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
        "[a-z ]{1,12}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Walks must end, write what they say, and lead back in order.
fn check<'t, S: Steps>(text: &'t [u8], steps: impl Fn(&'t [u8]) -> S) {
    let mut view = Vec::new();
    let mut walk = steps(text);
    let mut at = 0;
    loop {
        let before = view.len();
        let Some(piece) = walk.step(&mut view) else { break };
        assert_eq!(piece.source.start, at, "pieces follow one another");
        assert!(piece.source.end > at, "every piece takes something");
        if piece.kind == Kind::Same {
            assert_eq!(&view[before..], &text[piece.source.clone()]);
        }
        assert!(view.len() - before <= piece.source.len(), "a view is never longer than its text");
        at = piece.source.end;
    }
    assert_eq!(at, text.len(), "nothing is left over");
    let mut ranges: Vec<Range<usize>> = (0..view.len()).map(|at| at..at + 1).collect();
    trace(steps(text), &mut ranges);
    for pair in ranges.windows(2) {
        assert!(pair[0].start <= pair[1].start && pair[0].end <= pair[1].end);
    }
    assert!(ranges.iter().all(|range| range.start < range.end && range.end <= text.len()));
}

proptest! {
    #[test]
    fn every_walk_ends_and_leads_back(text in pieces()) {
        check(&text, Undo::new);
        check(&text, Join::new);
    }

    #[test]
    fn what_is_not_worth_a_walk_has_nothing_to_undo(text in pieces(), before in 0..130usize) {
        let text = [vec![b' '; before], text].concat();
        let Glance { hidden, apart } = glance(&text);
        let mut view = Vec::new();
        prop_assert!(hidden || !write(Undo::new(&text), &mut view).changed);
        prop_assert!(apart || !write(Join::new(&text), &mut view).changed);
    }
}
