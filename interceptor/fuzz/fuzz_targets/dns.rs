//! Feeds arbitrary bytes to the reader of DNS answers that the kernel side runs: it never panics and keeps to its
//! bounds, and where hickory accepts a message about the name both find the same addresses.
#![no_main]

#[path = "../../tests/dns/beside_hickory.rs"]
mod beside_hickory;

use interceptor_common::dns;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() <= dns::MAX_MESSAGE {
        beside_hickory::check(bytes);
    }
});
