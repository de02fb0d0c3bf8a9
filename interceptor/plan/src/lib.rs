//! The numbering plans of all countries, as libphonenumber describes them (`rlibphonenumber`), as one table: an
//! automaton over the digits of an international number without its `+`. Knows regular expressions and the order in
//! which the library asks its regions. Does not know text, or how a number is written.

mod graph;
mod metadata;
mod region;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use graph::{Graph, Node};
use region::Regions;

/// The table, as the engine reads it; see [`graph`] for its form.
///
/// # Errors
/// If the library's metadata is not where it was, or says something that this cannot read.
pub fn table() -> Result<Vec<u8>> {
    let mut codes: BTreeMap<i32, Vec<rlibphonenumber::PhoneMetadata>> = BTreeMap::new();
    for region in metadata::read()?.metadata {
        let Some(code) = region.country_code else { continue };
        let regions = codes.entry(code).or_default();
        // Of the regions of one code the main one is asked first.
        let at = if region.main_country_for_code() { 0 } else { regions.len() };
        regions.insert(at, region);
    }
    let mut graph = Graph::new();
    let mut roots = Vec::new();
    for (code, regions) in codes {
        let regions = Regions::compile(&regions).with_context(|| format!("calling code {code}"))?;
        let root = regions.enter(&mut graph);
        roots.push((code.to_string(), graph.begin_national(root, regions.lengths())));
    }
    let root = join(&mut graph, &roots, "");
    graph.bytes(root)
}

/// The node that the calling codes which begin with `prefix` share.
fn join(graph: &mut Graph, roots: &[(String, u32)], prefix: &str) -> u32 {
    if let Some((_, root)) = roots.iter().find(|(code, _)| code == prefix) {
        return *root;
    }
    let mut node = Node::default();
    for (digit, next) in ('0'..='9').zip(&mut node.next) {
        let longer = format!("{prefix}{digit}");
        if roots.iter().any(|(code, _)| code.starts_with(&longer)) {
            *next = join(graph, roots, &longer);
        }
    }
    graph.enter(node)
}
