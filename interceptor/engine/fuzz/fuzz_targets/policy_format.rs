//! Any text as a file to be formatted: it is left alone with mistakes that can be printed, or formatted for good: doing it
//! again changes nothing, and a policy says as much as before.
#![no_main]

use interceptor_engine::document::{Shape, format};
use interceptor_engine::policy::Policy;
use interceptor_engine::policy::schema::KINDS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match format("fuzz.yaml", text, shape) {
    Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    Ok(once) => {
        let again = format("fuzz.yaml", &once, shape).expect("what was formatted can be read");
        assert_eq!(once, again, "of {text:?}");
        let loads = |text: &str| Policy::load(&[("fuzz.yaml", text)]).is_ok();
        assert_eq!(loads(text), loads(&once), "{text:?} became {once:?}");
    }
});

fn shape(kind: &str) -> Option<&'static Shape> {
    KINDS.iter().find(|known| known.name == kind).map(|known| known.shape)
}
