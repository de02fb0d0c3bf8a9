//! Documents: whatever is sent, reading it ends, within the bounds, without a panic that is not caught.
#![no_main]

use std::io::{Cursor, Write};

use interceptor_engine::extract;
use libfuzzer_sys::fuzz_target;

/// An archive of what the fuzzer wrote, so that it need not find out about checksums.
fn archive(content: &[u8]) -> Option<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("word/document.xml", zip::write::SimpleFileOptions::default()).ok()?;
    writer.write_all(content).ok()?;
    Some(writer.finish().ok()?.into_inner())
}

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let document = match choice & 3 {
        0 => [b"%PDF-1.7\n", data].concat(),
        1 => [b"PK\x03\x04", data].concat(),
        _ => archive(data).unwrap_or_default(),
    };
    if let Ok(text) = extract::text(&document) {
        assert!(text.len() < 64 << 20);
    }
});
