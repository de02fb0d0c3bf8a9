//! The pass stops wherever a look at each place by itself would, and nowhere else.

use std::sync::LazyLock;

use super::*;
use crate::detect::metadata;
use proptest::prelude::*;

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| Anchors::new(metadata::literals()));

/// Where the pass stops.
fn stops(text: Text<'_>) -> Vec<Stop> {
    let (mut sweep, mut at, mut stops) = (Sweep::new(), 0, Vec::new());
    while let Ok(stop) = ANCHORS.next(&mut sweep, text, at, 0) {
        at = stop.at + 1;
        stops.push(stop);
    }
    stops
}

/// Where it should stop.
fn places(text: Text<'_>) -> Vec<usize> {
    let stop = |at: &usize| {
        single_at(text.bytes, *at, 0).is_some() || ANCHORS.windows.at(text, *at).next().is_some()
    };
    (0..text.bytes.len()).filter(stop).collect()
}

#[test]
fn every_literal_is_seen_wherever_it_stands() {
    let mut found = Found::new();
    for literal in metadata::literals() {
        for before in 0..2 * WIDTH {
            // As much behind it as the pass asks for.
            let text = [&vec![b' '; before][..], literal.text.as_bytes(), b"0123456789abcdefghij "].concat();
            let here = |anchor: &Anchor| match anchor.kind {
                Kind::Literal { route, start, end } => {
                    route == literal.route && (start, end) == (before, before + literal.text.len())
                }
                _ => false,
            };
            let seen = stops(Text::complete(&text)).into_iter().any(|stop| {
                ANCHORS.at(Text::complete(&text), stop, &mut found);
                found.iter().any(here)
            });
            assert!(seen, "{} behind {before} bytes", literal.text);
        }
    }
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let literals: Vec<&str> = metadata::literals().map(|literal| literal.text).collect();
    let piece = prop_oneof![
        4 => "[0-9]{1,6}".prop_map(String::into_bytes),
        4 => prop::sample::select(&b" -./:+()_|,*@\n\\"[..]).prop_map(|byte| vec![byte]),
        2 => "[a-zA-Z]{1,5}".prop_map(String::into_bytes),
        1 => "[a-z ]{1,20}".prop_map(String::into_bytes),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => prop::sample::select(literals).prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_pass_stops_where_a_look_at_each_place_would(text in texts(), before in 0..100usize) {
        let text = [vec![b' '; before], text].concat();
        for complete in [true, false] {
            let whole = Text { complete, ..Text::complete(&text) };
            let (mut stops, mut places) = (stops(whole).iter().map(|stop| stop.at).collect::<Vec<_>>(), places(whole));
            // Encoded data is passed over or not, and nothing in it counts.
            stops.retain(|at| !encoded::inside(&text, *at));
            places.retain(|at| !encoded::inside(&text, *at));
            prop_assert_eq!(stops, places);
        }
    }
}

#[test]
fn nobody_asks_about_counts() {
    for before in 0..=u8::MAX {
        for behind in 0..=u8::MAX {
            for count in ["7", "42", "128", "2026", "20261"] {
                let mut text = vec![b'x', before, b' '];
                text.extend_from_slice(count.as_bytes());
                text.extend_from_slice(&[b' ', behind, b'y']);
                let asked = personal::may_begin(&text, 3) || secret::may_begin(&text, 3);
                assert!(!asked || !is_count(&text, 3), "{:?}", String::from_utf8_lossy(&text));
            }
        }
    }
    assert!(is_count(b"the 128 requests", 4));
}
