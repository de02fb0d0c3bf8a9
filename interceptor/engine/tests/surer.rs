//! A weak finding does not hide a surer one that begins in it, in whole texts and in streams. Glues test values of all
//! detectors to the shapes of others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::sync::{Arc, LazyLock};

use interceptor_engine::detect::{
    Confidence, DetectorId, Detectors, Finding, SampleSource, StreamFinding, StreamScanner,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

static SET: LazyLock<Arc<Detectors>> = LazyLock::new(Detectors::builtin);

fn whole(text: &str) -> Vec<Finding> {
    let mut out = Vec::new();
    SET.scan(text.as_bytes(), &mut out);
    out
}

fn streamed<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<StreamFinding> {
    let mut scanner = StreamScanner::new(SET.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        scanner.push(chunk, &mut out);
    }
    scanner.finish(&mut out);
    out
}

fn same(whole: &[Finding], streamed: &[StreamFinding]) -> bool {
    whole.len() == streamed.len()
        && whole.iter().zip(streamed).all(|(w, s)| {
            (w.detector, w.confidence, w.start as u64, w.end as u64)
                == (s.detector, s.confidence, s.start, s.end)
        })
}

/// A sample of the detector, or only what is found of it.
fn sample(id: DetectorId, bare: bool, source: &mut SampleSource) -> String {
    let text = id.detector().sample(source);
    let own = whole(&text).into_iter().find(|found| found.detector == id);
    match own.filter(|_| bare) {
        Some(found) => text[found.start..found.end].to_owned(),
        None => text,
    }
}

const BETWEEN: [&str; 14] = ["", "-", "_", ".", "/", ":", "=", "+", " ", ", ", "@", "|", "://", " key="];

/// What is weak and may go on into what follows.
const WEAK: [&str; 8] = [
    "mysql -p ",
    "curl -u bob:",
    "call 555-201-4477",
    "id 2917754",
    "password: \"abc",
    "my_token=Qx72pLk9",
    "Authorization: Basic Zm9v",
    "born 12.03.1984",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_chunking_finds_the_surer_one(
        first in 0..DetectorId::all().len() + WEAK.len(),
        second in 0..DetectorId::all().len(),
        (bare, cut) in (any::<(bool, bool)>(), 0.3..1.0f64),
        between in proptest::sample::select(&BETWEEN),
        seed in any::<u32>(),
        size in 1..40usize,
    ) {
        let source = &mut SampleSource::new(u64::from(seed));
        let ids: Vec<DetectorId> = DetectorId::all().collect();
        let mut text = match ids.get(first) {
            Some(id) => sample(*id, bare.0, source),
            None => WEAK[first - ids.len()].to_owned(),
        };
        if bare.1 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                reason = "a share of a short length")]
            let most = (text.len() as f64 * cut) as usize;
            text.truncate(text.floor_char_boundary(most));
        }
        text.push_str(between);
        text.push_str(&sample(ids[second], bare.0, source));
        text.push_str(" and so on");
        let found = whole(&text);
        for two in found.windows(2) {
            prop_assert!(two[0].end <= two[1].start, "{found:?} in {text}");
        }
        let bytes = text.as_bytes();
        for chunks in [streamed(bytes.chunks(size)), streamed(bytes.chunks(1))] {
            prop_assert!(same(&found, &chunks), "{chunks:?} and not {found:?} in {text}");
        }
    }
}

/// The finding that covers all of `key`.
fn covers(text: &str, key: &str) -> Option<Finding> {
    let start = text.find(key).unwrap();
    whole(text).into_iter().find(|found| found.start == start && found.end == start + key.len())
}

#[test]
fn a_sure_key_in_a_weak_one_is_reported() {
    let body = SampleSource::new(3).mixed(40);
    let slack = ["xo", "xb-790330096201-404001417831-", &body[..24]].concat();
    let gitlab = ["gl", "pat-", &body[..20]].concat();
    let amazon = ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat();
    for key in [slack, gitlab, amazon] {
        for before in ["curl -u bob:", "my_token=Qx72pLk9/", "password=\"Kx9!", "x-api-key: 7fQ2kd8s:"] {
            let text = format!("{before}{key}\" and so on");
            let found = covers(&text, &key).unwrap_or_else(|| panic!("{text}: {:?}", whole(&text)));
            let alone = covers(&format!(" {key} "), &key).unwrap();
            assert_eq!((found.detector, found.confidence), (alone.detector, alone.confidence), "{text}");
        }
    }
}

#[test]
fn what_is_left_of_a_likely_secret_stays_reported() {
    let key = ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat();
    let text = format!("my_token=Qx72pLk9w/{key}/8sHq2LzX4v end");
    let found = whole(&text);
    assert_eq!((found[0].start, found.last().unwrap().end), (9, text.len() - 4), "{found:?}");
    assert!(found.windows(2).all(|two| two[0].end == two[1].start), "{found:?}");
    assert!(found.iter().any(|f| f.confidence == Confidence::High));
}
