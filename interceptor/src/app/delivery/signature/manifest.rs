//! The manifest of a set of policies: what `sha256sum` prints. Knows lines and hashes. Does not know who signed it.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// The longest manifest: some ten thousand lines.
pub(super) const LONGEST: u64 = 1 << 20;

/// SHA-256 of a file.
pub(super) type Hash = [u8; SHA256_OUTPUT_LEN];

/// Hashes by the bare names of their files.
pub(super) struct Manifest<'m>(BTreeMap<&'m str, Hash>);

impl<'m> Manifest<'m> {
    /// Reads a manifest. The error is the number of the first line that is none, or that speaks of a file again.
    pub(super) fn parse(text: &'m str) -> Result<Self, usize> {
        let mut files = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let (name, hash) = read(line).ok_or(at + 1)?;
            if files.insert(name, hash).is_some() {
                return Err(at + 1);
            }
        }
        Ok(Self(files))
    }

    pub(super) fn hash(&self, name: &str) -> Option<&Hash> {
        self.0.get(name)
    }

    /// The files that a directory of policies is read for; others may be listed, too.
    pub(super) fn policies(&self) -> impl Iterator<Item = &'m str> {
        { self.0.keys().copied() }.filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
    }
}

/// `HASH  NAME`, or `HASH *NAME` for what was read as binary. Names with line breaks in them begin with a backslash and
/// fit nothing here, nor do names in other directories.
fn read(line: &str) -> Option<(&str, Hash)> {
    let (hash, name) = line.split_at_checked(2 * SHA256_OUTPUT_LEN)?;
    let name = name.strip_prefix("  ").or_else(|| name.strip_prefix(" *"))?;
    let bare = !name.is_empty() && !name.contains('/') && !name.contains(char::is_control);
    let mut bytes = Hash::default();
    for (byte, digits) in bytes.iter_mut().zip(hash.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    bare.then_some((name, bytes))
}

/// True if that is the hash of the text.
pub(super) fn fits(hash: &Hash, text: &[u8]) -> bool {
    digest(&SHA256, text).as_ref() == hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn lines_are_those_of_sha256sum() {
        let text = format!("{HASH}  a.yaml\n{HASH} *b b.yml\n{}  words.txt\n", HASH.to_uppercase());
        let manifest = Manifest::parse(&text).map_err(|line| format!("line {line}")).expect("good lines");
        assert_eq!(manifest.policies().collect::<Vec<_>>(), ["a.yaml", "b b.yml"]);
        assert!(fits(manifest.hash("words.txt").expect("listed"), b"hello"));
        assert!(!fits(manifest.hash("a.yaml").expect("listed"), b"hello\n"));
    }

    #[test]
    fn what_is_no_line_is_told_by_its_number() {
        for wrong in [
            "",
            "x",
            &HASH[1..],
            HASH,
            &format!("{HASH} a.yaml"),
            &format!("{HASH}  "),
            &format!("{HASH}  ../a.yaml"),
            &format!("{HASH}  sub/a.yaml"),
            &format!("\\{HASH}  a.yaml"),
            &format!("+{}  a.yaml", &HASH[1..]),
            &format!("é{}  a.yaml", &HASH[2..]),
            &format!("{HASH}  fine.yaml"),
        ] {
            assert_eq!(Manifest::parse(&format!("{HASH}  fine.yaml\n{wrong}\n")).err(), Some(2), "{wrong}");
        }
    }

    #[test]
    fn a_prefix_is_wrong_in_its_last_line_or_a_shorter_manifest() {
        let text = format!("{HASH}  a.yaml\n{HASH} *b.yaml\n");
        for end in 0..text.len() {
            let lines = text[..end].lines().count();
            let read = Manifest::parse(&text[..end]).map(|manifest| manifest.0.len());
            assert_eq!(read.unwrap_or_else(|line| line), lines, "{end}");
        }
    }
}
