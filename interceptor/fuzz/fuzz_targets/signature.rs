//! Any text as the signature of a request: it is refused, or names a scope and headers that can be signed again.
#![no_main]

use interceptor::signing::Claim;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(claim) = Claim::parse(text) else { return };
    for word in [claim.region(), claim.service()] {
        assert!(!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }
    // Written out, it is the same.
    let names: Vec<&str> = claim.signed().iter().map(|name| name.as_str()).collect();
    let (region, service) = (claim.region(), claim.service());
    let again = format!(
        "AWS4-HMAC-SHA256 Credential=a/20260101/{region}/{service}/aws4_request, SignedHeaders={}, Signature=0",
        names.join(";")
    );
    if !names.is_empty() {
        assert_eq!(Claim::parse(&again).as_ref(), Some(&claim), "{again:?} of {text:?}");
    }
});
