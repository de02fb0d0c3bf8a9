//! Documents that are written here, and read again.

use std::io::{Cursor, Write};

use lopdf::content::{Content, Operation};
use lopdf::{Document, Object, Stream, dictionary};

use super::*;

const ADDRESS: &str = "jane.doe@example.com";

fn pdf(shown: &[&str], compress: bool) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let pages = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let mut operations =
        vec![Operation::new("BT", vec![]), Operation::new("Tf", vec!["F1".into(), 12.into()])];
    operations.extend(shown.iter().map(|text| Operation::new("Tj", vec![Object::string_literal(*text)])));
    operations.push(Operation::new("ET", vec![]));
    let content = Content { operations }.encode().unwrap();
    let content = document.add_object(Stream::new(dictionary! {}, content));
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
        "MediaBox" => vec![0.into(), 0.into(), 100.into(), 100.into()],
    });
    let kids = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 };
    document.objects.insert(pages, Object::Dictionary(kids));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    let info = document.add_object(dictionary! { "Author" => Object::string_literal("An Author") });
    document.trailer.set("Info", info);
    if compress {
        document.compress();
    }
    let mut out = Vec::new();
    document.save_to(&mut out).unwrap();
    out
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn what_pages_show_and_what_stands_beside_them_is_read() {
    for compress in [false, true] {
        let read = text(&pdf(&["write to jane.", "doe@example.com"], compress)).unwrap();
        assert!(read.contains(ADDRESS) && read.contains("An Author"), "{read}");
    }
}

#[test]
fn words_that_an_office_program_cut_are_put_together() {
    let paragraph = "<w:document xmlns:w='urn:w'><w:p><w:r><w:t>to jane.</w:t></w:r><w:proofErr/><w:r><w:rPr><w:b/></w:rPr>\
<w:t>doe&#64;example.com</w:t></w:r></w:p><w:p><w:r><w:t>next &amp; last</w:t></w:r></w:p></w:document>";
    let cells = "<sst><si><t>Name</t></si><si><t>jane.doe@example.com</t></si></sst>";
    let link = "<Relationships><Relationship Id='rId1' Target='mailto:link@example.com'/></Relationships>";
    let read = text(&archive(&[
        ("word/document.xml", paragraph.as_bytes()),
        ("xl/sharedStrings.xml", cells.as_bytes()),
        ("word/_rels/document.xml.rels", link.as_bytes()),
        ("notes.csv", b"a,b\n1,2\n"),
        ("media/image1.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ]))
    .unwrap();
    for part in [
        "to jane.doe@example.com\n",
        "next & last",
        "Name\njane.doe@example.com\n",
        "link@example.com",
        "1,2",
    ] {
        assert!(read.contains(part), "{part}: {read}");
    }
    assert!(!read.contains("IHDR"));
}

#[test]
fn bombs_are_limits() {
    let zeros = vec![b' '; MOST_DECODED + 1];
    assert_eq!(text(&archive(&[("a.xml", &zeros)])), Err(Unreadable::Limit));
    assert_eq!(text(&[b"%PDF-", &zeros[..MOST_BYTES]].concat()), Err(Unreadable::Limit));
    let page = vec!["x"; 600_000];
    assert_eq!(text(&pdf(&page, true)).map(|text| text.len() > 100), Ok(false));
}

#[test]
fn what_is_cut_off_is_broken_or_shorter() {
    assert_eq!(text(b"plain"), Err(Unreadable::Kind));
    for document in [pdf(&["hello"], true), archive(&[("a.xml", b"<a>hello</a>")])] {
        for end in 5..document.len() {
            if let Ok(text) = text(&document[..end]) {
                assert!(text.len() < 1_000);
            }
        }
    }
}
