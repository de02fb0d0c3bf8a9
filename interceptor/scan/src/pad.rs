//! The marker that stands for harmless text, so that a record of five megabytes need not be written out.

use bytes::Bytes;

/// The word PAD between two NUL bytes.
const MARKER: &[u8] = b"\0PAD\0";

/// What a marker stands for: prose, without anything that would have to be escaped in JSON.
const PROSE: &[u8] =
    b"The quick brown fox jumps over the lazy dog while nobody is looking, and then goes home. ";

/// The chunks with prose of `length` bytes in place of every marker. A marker that is cut in two by a chunk's end is
/// made whole in the first of the chunks.
pub(crate) fn fill(chunks: Vec<Bytes>, length: usize) -> Vec<Bytes> {
    let whole = chunks.concat();
    let mut markers = markers(&whole).peekable();
    if markers.peek().is_none() {
        return chunks;
    }
    let prose: Vec<u8> = PROSE.iter().copied().cycle().take(length).collect();
    let mut ends = Vec::new();
    let mut end = 0;
    for chunk in &chunks {
        end += chunk.len();
        ends.push(end);
    }
    let mut filled = Vec::new();
    let mut at = 0;
    for end in ends {
        let mut chunk = Vec::new();
        while let Some(marker) = markers.next_if(|marker| *marker < end) {
            chunk.extend_from_slice(&whole[at..marker]);
            chunk.extend_from_slice(&prose);
            at = marker + MARKER.len();
        }
        chunk.extend_from_slice(whole.get(at..end).unwrap_or_default());
        at = at.max(end);
        filled.push(Bytes::from(chunk));
    }
    filled
}

fn markers(text: &[u8]) -> impl Iterator<Item = usize> {
    (0..text.len()).filter(|at| text[*at..].starts_with(MARKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_filled_wherever_chunks_end() {
        let text = b"ab\0PAD\0cd\0PAD\0";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let cut = [&text[..first], &text[first..second], &text[second..]];
                let filled = fill(cut.map(Bytes::copy_from_slice).to_vec(), 4);
                assert_eq!(filled.concat(), b"abThe cdThe ", "{first} {second}");
                assert_eq!(filled.len(), 3);
            }
        }
        let untouched = vec![Bytes::from_static(b"\0PAD")];
        assert_eq!(fill(untouched.clone(), 4), untouched);
    }
}
