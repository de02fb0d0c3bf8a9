//! Text of what office programs write: archives of XML (OOXML, OpenDocument), and of any other archive that holds text.
//! The pieces into which programs cut a word are put together; cells and paragraphs are kept apart.

use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use super::{MOST_DECODED, Unreadable};
use crate::sniff::{Sniffed, sniff};

/// Most files in an archive.
const MOST_FILES: usize = 5_000;

pub(super) fn text(document: &[u8]) -> Result<String, Unreadable> {
    let mut archive = ZipArchive::new(Cursor::new(document)).map_err(|_| Unreadable::Broken)?;
    if archive.len() > MOST_FILES {
        return Err(Unreadable::Limit);
    }
    let mut text = String::new();
    let mut budget = MOST_DECODED;
    for number in 0..archive.len() {
        let mut file = archive.by_index(number).map_err(|_| Unreadable::Broken)?;
        if file.encrypted() {
            return Err(Unreadable::Encrypted);
        }
        let name = file.name().map_err(|_| Unreadable::Broken)?.into_owned();
        let xml = [".xml", ".rels"].iter().any(|end| name.ends_with(end));
        text.push_str(&name);
        text.push('\n');
        let mut content = Vec::new();
        // One byte more than there may be shows that there is more.
        let most = u64::try_from(budget + 1).unwrap_or(u64::MAX);
        file.by_ref().take(most).read_to_end(&mut content).map_err(|_| Unreadable::Broken)?;
        budget = budget.checked_sub(content.len()).ok_or(Unreadable::Limit)?;
        match sniff(&content) {
            Sniffed::Text if xml => markup(&String::from_utf8_lossy(&content), &mut text),
            Sniffed::Text | Sniffed::Json => text.push_str(&String::from_utf8_lossy(&content)),
            Sniffed::Nothing | Sniffed::Binary | Sniffed::Document => {}
        }
        text.push('\n');
    }
    Ok(text)
}

/// The text between the tags and in the attributes. What is no XML is taken as it is, from where it stops being XML.
fn markup(content: &str, text: &mut String) {
    let mut reader = Reader::from_str(content);
    reader.config_mut().check_end_names = false;
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        match reader.read_event() {
            Ok(Event::Text(piece)) => text.push_str(&piece),
            Ok(Event::CData(piece)) => text.push_str(&piece),
            Ok(Event::GeneralRef(name)) => match name.resolve_char_ref() {
                Ok(Some(c)) => text.push(c),
                _ => text.push_str(entity(&name)),
            },
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                separate(tag.local_name().as_ref(), text);
                for attribute in tag.attributes().with_checks(false).flatten() {
                    let value = &attribute.value;
                    // Numbers and names of styles tell nothing.
                    if value.contains(['@', ':', ' ']) && !value.starts_with("http://schemas.") {
                        text.push_str(value);
                        text.push('\n');
                    }
                }
            }
            Ok(Event::End(tag)) => separate(tag.local_name().as_ref(), text),
            Ok(Event::Eof) => return,
            Ok(_) => {}
            Err(_) => {
                return text.push_str(content.get(before..).unwrap_or_default());
            }
        }
    }
}

/// Everything but a run and the text in it stands apart from what is beside it.
fn separate(name: &str, text: &mut String) {
    // What stands inside a word or between the runs of one: text, style, marks of spelling.
    const INLINE: [&str; 17] = [
        "t",
        "r",
        "rPr",
        "span",
        "proofErr",
        "lang",
        "rFonts",
        "sz",
        "szCs",
        "b",
        "i",
        "u",
        "color",
        "noProof",
        "solidFill",
        "latin",
        "lastRenderedPageBreak",
    ];
    match name {
        "tab" | "br" | "s" => text.push(' '),
        name if !INLINE.contains(&name) && !text.ends_with('\n') => text.push('\n'),
        _ => {}
    }
}

fn entity(name: &str) -> &'static str {
    match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}
