//! Feeds arbitrary bytes to the ClientHello reader: it never panics, its verdict does not depend on chunking,
//! and where rustls accepts a hello it sees the same name and protocols.
#![no_main]

use interceptor::hello::{Parsed, Peeker, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let whole = parse(&bytes);

    let cut = usize::from(cut) % (bytes.len() + 1);
    let mut peeker = Peeker::default();
    let first = peeker.parse(&bytes[..cut]);
    if first == Parsed::Incomplete {
        assert_eq!(peeker.parse(&bytes), whole);
    } else {
        assert_eq!(first, whole);
    }

    if let Some((name, h2)) = reference(&bytes) {
        let Parsed::Hello(hello) = whole else { panic!("rustls accepts what we do not") };
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        assert_eq!(hello.sni.host().map(|host| host.as_str().to_owned()), name);
        assert_eq!(hello.alpn.h2(), h2);
    }
});

/// The name and whether h2 is offered, if rustls takes the bytes for a hello.
fn reference(mut bytes: &[u8]) -> Option<(Option<String>, bool)> {
    let mut acceptor = rustls::server::Acceptor::default();
    loop {
        let read = acceptor.read_tls(&mut bytes).ok()?;
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let h2 = hello.alpn().is_some_and(|mut list| list.any(|protocol| protocol == b"h2"));
                return Some((hello.server_name().map(str::to_owned), h2));
            }
            Ok(None) if read > 0 => {}
            _ => return None,
        }
    }
}
