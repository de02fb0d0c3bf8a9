//! Any text as the path of a control group: what it names is a part of it, is what identifiers look like, and does not
//! change with what is made below.
#![no_main]

#[path = "../../src/identity/place.rs"]
mod place;

use libfuzzer_sys::fuzz_target;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fuzz_target!(|input: (&str, &str)| {
    let (path, below) = input;
    // An identifier is long: one is put where the input says so.
    let path = path.replace("ID", ID);
    let unit = place::unit(&path);
    if let Some(unit) = unit {
        assert!(path.split('/').any(|segment| segment == unit), "{path:?} has no {unit:?}");
    }
    let Some(container) = place::container(&path) else { return };
    assert!(path.starts_with(container.path) && container.path.contains(container.id), "{path:?}");
    assert!(
        container.id.len() == 64 && container.id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{path:?}"
    );
    if let Some(pod) = container.pod {
        assert!(container.is_of(pod) && container.path.contains("kubepods"), "{path:?}");
    }
    // Whoever may make groups below a container's is in that container, whatever he calls them.
    let deeper = format!("{}/{}", container.path, below.replace("ID", ID));
    let again = place::container(&deeper);
    assert_eq!(again, Some(container), "{deeper:?}");
});
