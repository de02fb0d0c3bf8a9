//! An operator's detectors, from a document to findings: a stream shows what the whole text shows, and what is held
//! back is bounded. The input is a document, a zero byte, and the text; its first byte says how the text is cut.

#![no_main]

use interceptor_engine::detect::{Detectors, StreamScanner};
use libfuzzer_sys::fuzz_target;

const HEAD: &str =
    "apiVersion: interceptor.dev/v1alpha1\nkind: DetectorSet\nmetadata: {name: f}\nspec:\n  detectors:\n";

fuzz_target!(|input: &[u8]| {
    let Some((&cut, input)) = input.split_first() else { return };
    let Some(middle) = input.iter().position(|byte| *byte == 0) else { return };
    let (document, text) = (String::from_utf8_lossy(&input[..middle]), &input[middle + 1..]);
    let document = format!("{HEAD}{document}");
    let Ok(set) = Detectors::load(&[("f.yaml", &*document), ("f.txt", "aab\nabab\nbba")]) else { return };
    let mut whole = Vec::new();
    set.scan(text, &mut whole);
    let mut whole: Vec<_> = whole
        .iter()
        .filter(|f| !f.detector.is_builtin())
        .map(|f| (f.start as u64, f.end as u64, f.detector))
        .collect();

    let mut scanner = StreamScanner::new(set.clone());
    let (mut found, mut released) = (Vec::new(), 0);
    for fragment in text.chunks(usize::from(cut).max(1)) {
        let now = scanner.push(fragment, &mut found);
        assert!(now >= released, "what was released is taken back");
        released = now;
    }
    scanner.finish(&mut found);
    let mut found: Vec<_> =
        found.iter().filter(|f| !f.detector.is_builtin()).map(|f| (f.start, f.end, f.detector)).collect();
    whole.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, whole);
});
