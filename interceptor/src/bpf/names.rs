//! Compiles the catalogue's names into the automaton that the kernel side walks over whole labels, from the right.
//! Knows patterns as text. Does not know whose they are.
//!
//! A label in which a `*` stands beside other characters matches wider here than in the catalogue: `*-search` counts as
//! any label that ends in `-search`, and what has no such tail as any label at all. That is harmless: it decides which
//! connections are looked at, and the name in their ClientHello decides what becomes of them.

use super::CaptureError;
use interceptor_common::dns::{LABELS, Label, NameEdge, NameKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A name that the kernel side cannot hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the name {name} has more than {LABELS} labels")]
pub struct DeepName {
    name: String,
}

impl From<DeepName> for CaptureError {
    fn from(deep: DeepName) -> Self {
        Self::Name(deep)
    }
}

/// A node of the tree of names; the automaton's nodes are sets of these.
#[derive(Default)]
struct Node {
    whole: BTreeMap<String, usize>,
    tail: BTreeMap<String, usize>,
    any: Option<usize>,
    provider: u32,
}

/// One pattern's label.
enum Step {
    Whole(String),
    Tail(String),
    Any,
}

/// The edges of the automaton of all `names`, given with the number of their provider. Its nodes are numbered from
/// `first` on, which is the node to begin at; [`NameKey::ROOT`] is not among the edges.
pub(super) fn compile<'a>(
    names: impl Iterator<Item = (&'a str, u32)>,
    first: u32,
) -> Result<HashMap<NameKey, NameEdge>, DeepName> {
    let mut tree = vec![Node::default()];
    for (name, provider) in names {
        plant(&mut tree, name, provider)?;
    }
    Ok(Automaton::new(&tree, first).edges)
}

/// Adds one name to the tree.
fn plant(tree: &mut Vec<Node>, name: &str, provider: u32) -> Result<(), DeepName> {
    if name.split('.').count() > LABELS as usize {
        return Err(DeepName { name: name.to_owned() });
    }
    let mut at = 0;
    for label in name.rsplit('.') {
        let fresh = tree.len();
        let node = &mut tree[at];
        let next = match step(label) {
            Step::Whole(label) => *node.whole.entry(label).or_insert(fresh),
            Step::Tail(tail) => *node.tail.entry(tail).or_insert(fresh),
            Step::Any => *node.any.get_or_insert(fresh),
        };
        if next == fresh {
            tree.push(Node::default());
        }
        at = next;
    }
    tree[at].provider = provider;
    Ok(())
}

fn step(label: &str) -> Step {
    if !label.contains('*') {
        return Step::Whole(label.to_ascii_lowercase());
    }
    match label.rsplit_once('-') {
        Some((_, tail)) if !tail.contains('*') => Step::Tail(tail.to_ascii_lowercase()),
        _ => Step::Any,
    }
}

/// The tree made deterministic, so that the kernel side follows one edge a label and never goes back.
struct Automaton<'t> {
    tree: &'t [Node],
    first: u32,
    numbers: HashMap<BTreeSet<usize>, u32>,
    waiting: Vec<BTreeSet<usize>>,
    edges: HashMap<NameKey, NameEdge>,
}

impl<'t> Automaton<'t> {
    fn new(tree: &'t [Node], first: u32) -> Self {
        let (numbers, edges) = (HashMap::new(), HashMap::new());
        let mut made = Self { tree, first, numbers, waiting: Vec::new(), edges };
        made.number(BTreeSet::from([0]));
        while let Some(set) = made.waiting.pop() {
            made.leave(&set);
        }
        made
    }

    /// The number of a node, which is left later if it is new.
    fn number(&mut self, set: BTreeSet<usize>) -> u32 {
        let fresh = self.first + u32::try_from(self.numbers.len()).expect("names are far fewer");
        *self.numbers.entry(set).or_insert_with_key(|set| {
            self.waiting.push(set.clone());
            fresh
        })
    }

    /// Makes the edges out of one node. A more exact edge leads everywhere that the less exact ones lead.
    fn leave(&mut self, set: &BTreeSet<usize>) {
        let node = self.number(set.clone());
        let tree = self.tree;
        let nodes = || set.iter().map(|at| &tree[*at]);
        let any: BTreeSet<usize> = nodes().filter_map(|node| node.any).collect();
        let tail = |tail: &str| -> BTreeSet<usize> {
            nodes().filter_map(|node| node.tail.get(tail)).chain(&any).copied().collect()
        };
        let whole = |label: &str| -> BTreeSet<usize> {
            let tails = label.rsplit_once('-').map(|(_, text)| tail(text)).unwrap_or_default();
            let exact = nodes().filter_map(|node| node.whole.get(label));
            exact.chain(&tails).chain(&any).copied().collect()
        };
        if !any.is_empty() {
            self.edge(NameKey::any(node), any.clone());
        }
        for text in nodes().flat_map(|node| node.tail.keys()) {
            // The tail of a label begins after a dash.
            self.edge(NameKey::tail(node, Label::of(format!("-{text}").as_bytes())), tail(text));
        }
        for text in nodes().flat_map(|node| node.whole.keys()) {
            self.edge(NameKey::whole(node, Label::of(text.as_bytes())), whole(text));
        }
    }

    fn edge(&mut self, key: NameKey, to: BTreeSet<usize>) {
        let provider = to.iter().map(|at| self.tree[*at].provider).find(|provider| *provider != 0);
        let next = self.number(to);
        self.edges.insert(key, NameEdge { next, provider: provider.unwrap_or(0) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&str, u32); 7] = [
        ("api.example.com", 1),
        ("*.example.com", 2),
        ("*-search.example.com", 3),
        ("*.eu.example.com", 4),
        ("runtime.*.example.com", 5),
        ("pre*.example.net", 6),
        ("API.Example.org", 7),
    ];

    /// Walks as the kernel side does.
    fn find(name: &str) -> u32 {
        let edges = compile(NAMES.into_iter(), 1).unwrap();
        let mut edge = NameEdge { next: 1, provider: 0 };
        for text in name.rsplit('.') {
            let label = Label::of(text.as_bytes());
            let keys =
                [NameKey::whole(edge.next, label), NameKey::tail(edge.next, label), NameKey::any(edge.next)];
            match keys.iter().find_map(|key| edges.get(key)) {
                Some(next) => edge = *next,
                None => return 0,
            }
        }
        edge.provider
    }

    #[test]
    fn names_are_found_and_others_are_not() {
        for name in [
            "api.example.com",
            "any.example.com",
            "a-search.example.com",
            "x.eu.example.com",
            "runtime.us.example.com",
            // Two patterns go through `eu`, and neither may hide the other.
            "runtime.eu.example.com",
            "api.example.org",
            // Wider than the pattern, as said above.
            "other.example.net",
        ] {
            assert_ne!(find(name), 0, "{name}");
        }
        for name in ["example.com", "a.b.example.com", "a.runtime.eu.example.com", "example.net", "com"] {
            assert_eq!(find(name), 0, "{name}");
        }
    }

    #[test]
    fn the_builtin_catalogue_finds_what_it_routes() {
        let catalogue = interceptor_engine::Catalogue::builtin();
        let edges = compile(catalogue.names().map(|(name, _)| (name, 1)), 1).unwrap();
        // Two generations have to fit into the map at once.
        assert!(edges.len() * 2 < 16_384, "{} edges", edges.len());
        let wide = Label::of(b"storage");
        let google = ["com", "googleapis"]
            .iter()
            .fold(1, |node, text| edges[&NameKey::whole(node, Label::of(text.as_bytes()))].next);
        assert!(!edges.contains_key(&NameKey::any(google)), "all of Google would be redirected");
        assert!(!edges.contains_key(&NameKey::whole(google, wide)));
    }

    #[test]
    fn a_name_that_is_too_deep_is_an_error() {
        let deep = ["a"; 17].join(".");
        let said = compile([(deep.as_str(), 1)].into_iter(), 1).unwrap_err().to_string();
        assert_eq!(said, format!("the name {deep} has more than 16 labels"));
    }
}
