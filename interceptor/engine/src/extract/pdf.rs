//! Text of PDF documents, through lopdf: what the pages show, and every string that stands outside of them (titles,
//! authors, fields of forms, notes).
//! Knows nothing of images: a scanned page has no text.

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId, decode_text_string};

use super::{MOST_DECODED, Unreadable};

/// Most pages that are read.
const MOST_PAGES: usize = 2_000;

/// One stream may become so large while the document is opened: most, and least if there are many.
const LARGEST_STREAM: usize = 4 << 20;
const LEAST_STREAM: usize = 256 << 10;

/// Deepest nesting of arrays and dictionaries in which strings are looked for.
const MOST_DEPTH: usize = 32;

pub(super) fn text(document: &[u8]) -> Result<String, Unreadable> {
    let streams = memchr::memmem::find_iter(document, b"endstream").count().max(1);
    let options = LoadOptions {
        max_decompressed_size: Some((MOST_DECODED / streams).clamp(LEAST_STREAM, LARGEST_STREAM)),
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(document, options).map_err(|_| Unreadable::Broken)?;
    if document.is_encrypted() {
        return Err(Unreadable::Encrypted);
    }
    let mut text = String::new();
    let pages = document.get_pages();
    if pages.len() > MOST_PAGES {
        return Err(Unreadable::Limit);
    }
    let mut budget = MOST_DECODED;
    for (number, page) in pages {
        spend(&document, page, &mut budget)?;
        for chunk in document.extract_text_chunks_with_limit(&[number], LARGEST_STREAM) {
            // A font that cannot be read takes its own text with it, not that of the others.
            text += &chunk.unwrap_or_default();
        }
        text.push('\n');
    }
    for object in document.objects.values() {
        strings(object, MOST_DEPTH, &mut text);
    }
    Ok(text)
}

/// What reading a page costs: its content, and the tables of its fonts, which are read for every page anew.
fn spend(document: &Document, page: ObjectId, budget: &mut usize) -> Result<(), Unreadable> {
    let content = document.get_page_content_with_limit(page, *budget).map_err(|_| Unreadable::Limit)?;
    let mut cost = content.len();
    for font in document.get_page_fonts(page).unwrap_or_default().values() {
        cost += font_cost(document, font, *budget)?;
    }
    *budget = budget.checked_sub(cost).ok_or(Unreadable::Limit)?;
    Ok(())
}

fn font_cost(document: &Document, font: &Dictionary, budget: usize) -> Result<usize, Unreadable> {
    let Ok((_, Object::Stream(stream))) =
        font.get(b"ToUnicode").and_then(|object| document.dereference(object))
    else {
        return Ok(0);
    };
    match stream.decompressed_content_with_limit(budget) {
        Ok(content) => Ok(content.len()),
        Err(_) => Ok(stream.content.len().min(budget)),
    }
}

/// Strings outside of pages, each on a line of its own.
fn strings(object: &Object, depth: usize, text: &mut String) {
    if depth == 0 {
        return;
    }
    match object {
        Object::String(..) => {
            if let Ok(string) = decode_text_string(object) {
                text.push_str(&string);
                text.push('\n');
            }
        }
        Object::Array(values) => values.iter().for_each(|value| strings(value, depth - 1, text)),
        Object::Dictionary(members) => members.iter().for_each(|(_, value)| strings(value, depth - 1, text)),
        Object::Stream(stream) => stream.dict.iter().for_each(|(_, value)| strings(value, depth - 1, text)),
        _ => {}
    }
}
