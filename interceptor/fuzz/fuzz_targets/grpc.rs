//! Any bytes as the answer of a gRPC service: it is one whole message or none, and a prefix of one is none.
#![no_main]

use interceptor::identity::grpc::unframe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], bool, usize)| {
    let (bytes, is_framed, cut) = input;
    if !is_framed {
        if let Some(message) = unframe(bytes) {
            assert_eq!(message, &bytes[5..]);
        }
        return;
    }
    let length = u32::try_from(bytes.len()).expect("a fuzzer's inputs are short");
    let answer = [&[0], &length.to_be_bytes()[..], bytes].concat();
    assert_eq!(unframe(&answer), Some(bytes));
    assert_eq!(unframe(&answer[..cut % answer.len()]), None);
});
