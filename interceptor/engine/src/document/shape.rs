//! What a mapping of a document may hold, said once: readers take the names of its fields from here, and the schemas
//! for editors and API servers are made of it. Knows kinds of values. Reads nothing, and knows no document.

mod schema;

pub use schema::{json_schema, structural_schema};

/// A mapping whose fields have fixed names.
#[derive(Debug)]
pub struct Shape {
    /// Names it among the definitions of a schema: `Rule`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// Its fields, in the order in which they are written.
    pub fields: &'static [Member],
}

/// A field of a [`Shape`].
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub doc: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it may hold.
    pub kind: Kind,
}

/// What a value may be.
#[derive(Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that fits a regular expression, which is the same to ECMAScript and RE2.
    Fitting(&'static str),
    /// A name that may look like a number, such as that of a user.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number, both ends included.
    Number(u64, u64),
    /// A number of bytes such as `16MiB`.
    ByteSize,
    /// A list of at least one element.
    List(&'static Kind),
    /// A list that may be empty.
    AnyList(&'static Kind),
    /// A mapping with these fields.
    Map(&'static Shape),
    /// A mapping with names of the writer's choice.
    Entries(&'static Kind),
    /// One of these kinds.
    Either(&'static [Kind]),
    /// Anything at all.
    Anything,
}

/// The words of a table that says what each of them stands for, so that a shape and its reader share the table.
pub const fn words<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}

impl Member {
    /// A field that must be there.
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, required: true, kind }
    }

    /// A field that may be left out.
    pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, required: false, kind }
    }
}

impl Shape {
    /// The names of its fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.fields.iter().map(|member| member.name)
    }

    /// The field of that name.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.fields.iter().find(|member| member.name == name)
    }
}

impl Kind {
    /// The kind of the elements, if lists are allowed.
    pub fn elements(&self) -> Option<&'static Kind> {
        match self {
            Self::List(of) | Self::AnyList(of) | Self::Entries(of) => Some(of),
            Self::Either(kinds) => kinds.iter().find_map(Kind::elements),
            _ => None,
        }
    }

    /// The mapping with fixed names, if one is allowed.
    pub fn shape(&self) -> Option<&'static Shape> {
        match self {
            Self::Map(shape) => Some(shape),
            Self::Either(kinds) => kinds.iter().find_map(Kind::shape),
            _ => None,
        }
    }

    /// The words, if it is about words.
    pub fn words(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::Word(words) => Some(words),
            Self::Either(kinds) => kinds.iter().find_map(Kind::words),
            _ => None,
        }
    }
}
