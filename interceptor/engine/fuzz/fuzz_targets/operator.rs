//! An operator's detectors, from a document to findings: a stream shows what the whole text shows, and what is held
//! back is bounded. The first byte of the input says how the text is cut, the second which document is used: one of
//! these, or what stands before a zero byte.

#![no_main]

use interceptor_engine::detect::{Detectors, StreamScanner};
use libfuzzer_sys::fuzz_target;

/// Sets in which much begins and little ends.
const TANGLED: [&str; 3] = [
    "    - {name: t.a, literals: [aab, aabb, bba, abab, bbabb], wholeWord: false}
    - {name: t.b, literals: [abb, aabba, ba-b], ignoreCase: true}
    - {name: t.c, pattern: '[ab]{2,6}-[ab]{1,4}', wholeWord: false}",
    "    - {name: t.a, pattern: 'a{1,4}b{1,4}a', wholeWord: false}
    - {name: t.b, pattern: '(ab|ba){2,5}'}
    - {name: t.c, pattern: 'b-?a-?b-?a', context: {words: [aa], within: 9, required: true}, wholeWord: false}
    - {name: t.d, pattern: '[ab]{3,90}x'}",
    "    - {name: t.a, literals: ['a-b', 'b a b', 'xab', 'aXb'], ignoreCase: true}
    - {name: t.b, pattern: '[abx -]{3,40}', validator: luhn}
    - {name: t.c, pattern: '[abx]{3,40}', wholeWord: false, ignoreCase: true}
    - {name: t.d, literalsFile: f.txt}",
];

const HEAD: &str =
    "apiVersion: interceptor.dev/v1alpha1\nkind: DetectorSet\nmetadata: {name: f}\nspec:\n  detectors:\n";

fuzz_target!(|input: &[u8]| {
    let [cut, which, input @ ..] = input else { return };
    let middle = input.iter().position(|byte| *byte == 0);
    let (document, text) = match (TANGLED.get(usize::from(*which)), middle) {
        (Some(known), _) => ((*known).into(), input),
        (None, Some(middle)) => (String::from_utf8_lossy(&input[..middle]), &input[middle + 1..]),
        (None, None) => return,
    };
    let document = format!("{HEAD}{document}");
    // A list that is not read is a mistake.
    let lists: &[_] = if document.contains("f.txt") { &[("f.txt", "aab\nabab\nbba")] } else { &[] };
    let files: Vec<_> = [("f.yaml", &*document)].iter().chain(lists).copied().collect();
    let Ok(set) = Detectors::load(&files) else { return };
    let mut whole = Vec::new();
    set.scan(text, &mut whole);
    let mut whole: Vec<_> = whole
        .iter()
        .filter(|f| !f.detector.is_builtin())
        .map(|f| (f.start as u64, f.end as u64, f.detector))
        .collect();

    let mut scanner = StreamScanner::new(set.clone());
    let (mut found, mut released) = (Vec::new(), 0);
    for fragment in text.chunks(usize::from(*cut).max(1)) {
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
