//! Any text as the URL of a store: it is refused, or names a server that can be connected to and nothing else.
#![no_main]

use interceptor::budget::redis::StoreSpec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(spec) = StoreSpec::of_url(text) else { return };
    assert!(spec.port > 0 && !spec.host.is_empty());
    assert!(!spec.host.contains(['@', '/', '?', '#', '%', ' ']), "{:?} of {text:?}", spec.host);
    assert!(spec.user.is_none() && spec.password.is_none(), "credentials do not belong into a URL");
    // Written out, it is the same.
    let scheme = if spec.tls { "rediss" } else { "redis" };
    let host = if spec.host.contains(':') { format!("[{}]", spec.host) } else { spec.host.clone() };
    let url = format!("{scheme}://{host}:{}/{}", spec.port, spec.database);
    assert_eq!(StoreSpec::of_url(&url).as_ref(), Some(&spec), "{url:?} of {text:?}");
});
