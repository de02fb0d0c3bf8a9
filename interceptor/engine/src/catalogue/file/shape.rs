//! The documents of catalogues, field by field: for the readers beside this file and for the schemas.

use super::bodies::{DELTA_KINDS, FRAMINGS, PARTS};
use super::{KINDS, SCOPES, SHAPES, SIGNATURES, TRANSPORTS};
use crate::document::resource::{METADATA, METADATA_MEMBER, VERSION_MEMBER};
use crate::document::{Kind, Member, Shape, words};

/// What documents among the policies say in `kind`.
pub(crate) const KIND: &str = "EndpointCatalog";

/// A document among the policies.
pub(crate) static DOCUMENT: Shape = Shape {
    name: KIND,
    doc: "Endpoints of one's own, and corrections of the built-in ones.",
    fields: &[
        VERSION_MEMBER,
        Member::required("kind", Kind::Word(&[KIND]), "What the document is."),
        METADATA_MEMBER,
        Member::required("spec", Kind::Map(&SPEC), "Providers, and the formats that they speak."),
    ],
};

/// A file that the daemon's configuration names, and those that are built in. It needs no name.
pub(super) static FILE: Shape = Shape {
    name: "Catalogue",
    doc: "Endpoints, and the formats that they speak.",
    fields: &[
        VERSION_MEMBER,
        Member::required("kind", Kind::Word(&["Catalogue"]), "What the document is."),
        Member::optional("metadata", Kind::Map(&METADATA), "What the document is called."),
        Member::required("spec", Kind::Map(&SPEC), "Providers, and the formats that they speak."),
    ],
};

pub(crate) static SPEC: Shape = Shape {
    name: "EndpointCatalogSpec",
    doc: "Providers, and the formats that they speak.",
    fields: &[
        Member::optional(
            "formats",
            Kind::AnyList(&Kind::Map(&FORMAT)),
            "How requests and answers are written.",
        ),
        Member::optional(
            "providers",
            Kind::AnyList(&Kind::Map(&PROVIDER)),
            "Who answers, and under which names.",
        ),
    ],
};

const PATH_LIST: Kind = Kind::AnyList(&Kind::Text);

pub(super) static PROVIDER: Shape = Shape {
    name: "Provider",
    doc: "A provider. One that is known is corrected by the fields that are given; a new one needs `hosts` and `formats`.",
    fields: &[
        Member::required("id", Kind::Text, "What rules and events call it."),
        Member::optional("remove", Kind::Boolean, "Whether it is taken out of the catalogue."),
        Member::optional("name", Kind::Text, "What people call it."),
        Member::optional("kind", Kind::Word(&KIND_WORDS), "What it offers. Default `host`."),
        Member::optional(
            "scope",
            Kind::Word(&SCOPE_WORDS),
            "`shared` if its hosts serve other things, too, so that only known paths are AI. Default `dedicated`.",
        ),
        Member::optional(
            "hosts",
            Kind::AnyList(&Kind::Text),
            "Names; `*` stands for characters other than a dot.",
        ),
        Member::optional("ports", Kind::AnyList(&Kind::Number(1, 65_535)), "Of programs inside a cluster."),
        Member::optional("basePaths", PATH_LIST, "What stands before a format's own paths."),
        Member::optional(
            "formats",
            Kind::AnyList(&Kind::Text),
            "What it speaks; the first that fits a path wins.",
        ),
        Member::optional("telemetryName", Kind::Text, "The value of `gen_ai.provider.name`."),
        Member::optional(
            "bodySigned",
            Kind::Word(&SIGNATURE_WORDS),
            "How its clients may sign their bodies.",
        ),
    ],
};

pub(super) static FORMAT: Shape = Shape {
    name: "Format",
    doc: "A format. One that is known is corrected by the fields that are given; a new one needs `paths`.",
    fields: &[
        Member::required("id", Kind::Text, "What rules and events call it."),
        Member::optional("remove", Kind::Boolean, "Whether it is taken out of the catalogue."),
        Member::optional("methods", Kind::AnyList(&Kind::Fitting("^[A-Z]+$")), "Of HTTP. Default `[POST]`."),
        Member::optional(
            "paths",
            Kind::AnyList(&Kind::Either(&[Kind::Text, Kind::Map(&PATH)])),
            "`*` stands for a part of one segment, `/**` for any number of segments.",
        ),
        Member::optional(
            "sameAs",
            Kind::Text,
            "The format that bodies are read as which are not written here.",
        ),
        Member::optional("transport", Kind::Word(&TRANSPORT_WORDS), "What carries it. Default `http`."),
        Member::optional("closed", Kind::Boolean, "Whether only its makers can read it."),
        Member::optional(
            "refusal",
            Kind::Word(&REFUSAL_WORDS),
            "The shape of errors that its clients understand.",
        ),
        Member::optional("bothSpellings", Kind::Boolean, "Whether keys may be written `aKey` or `a_key`."),
        Member::optional("request", Kind::Map(&BODY), "Where in a request what stands."),
        Member::optional("response", Kind::Map(&BODY), "Where in an answer in one piece what stands."),
        Member::optional("stream", Kind::Map(&STREAM), "Where in an answer in pieces what stands."),
    ],
};

pub(super) static PATH: Shape = Shape {
    name: "FormatPath",
    doc: "A path that is spoken of as another format.",
    fields: &[
        Member::required("path", Kind::Text, "The path."),
        Member::required("as", Kind::Text, "The format."),
    ],
};

const PLACES: Kind = Kind::AnyList(&Kind::Text);

pub(super) static BODY: Shape = Shape {
    name: "FormatBody",
    doc: "Places in a body: keys with dots between them, `[]` every element, `*` any key, `**` all below.",
    fields: &[
        Member::optional("include", Kind::AnyList(&Kind::Map(&INCLUDE)), "Places of other formats."),
        Member::optional("lines", Kind::Boolean, "Whether it may be JSON lines."),
        Member::optional("model", Kind::Text, "The model's name."),
        Member::optional("tools", PLACES, "Names of tools."),
        Member::optional(
            "arguments",
            PLACES,
            "What tools are called with; the tool is named in the same object.",
        ),
        Member::optional("methods", PLACES, "Methods of the Model Context Protocol."),
        Member::optional("stream", Kind::Text, "Whether an answer in pieces is asked for."),
        Member::optional("text", PLACES, "Prose."),
        Member::optional("jsonString", PLACES, "Strings that hold JSON."),
        Member::optional("jsonValue", PLACES, "Any JSON."),
        Member::optional("schema", PLACES, "What describes tools."),
        Member::optional("binary", PLACES, "Base64, or a link."),
        Member::optional("sealed", PLACES, "Signed or encrypted by the provider."),
        Member::optional("plain", PLACES, "Names and switches: nobody's prose."),
        Member::optional("tokens", PLACES, "Numbers of a tokeniser."),
        Member::optional("usage", Kind::Map(&USAGE), "How many tokens were used."),
    ],
};

pub(super) static USAGE: Shape = Shape {
    name: "FormatUsage",
    doc: "Where numbers of tokens stand.",
    fields: &[
        Member::optional("input", Kind::Text, "Read."),
        Member::optional("output", Kind::Text, "Written."),
        Member::optional("cacheRead", Kind::Text, "Taken from a cache."),
        Member::optional("cacheWrite", Kind::Text, "Put into a cache."),
        Member::optional("reasoning", Kind::Text, "Thought."),
    ],
};

pub(super) static INCLUDE: Shape = Shape {
    name: "FormatInclude",
    doc: "Another format's body inside of this one.",
    fields: &[
        Member::required("format", Kind::Text, "The format."),
        Member::optional(
            "body",
            Kind::Word(&PART_WORDS),
            "Which of its bodies; default the one of the same name.",
        ),
        Member::optional("at", Kind::Text, "Where it stands."),
    ],
};

pub(super) static STREAM: Shape = Shape {
    name: "FormatStream",
    doc: "An answer in pieces.",
    fields: &[
        Member::required(
            "framing",
            Kind::AnyList(&Kind::Word(&FRAMING_WORDS)),
            "How events may be told apart.",
        ),
        Member::optional("kind", Kind::Text, "Where an event says what it is, if not in `type`."),
        Member::optional("include", Kind::AnyList(&Kind::Map(&STREAM_INCLUDE)), "Streams of other formats."),
        Member::optional("deltas", Kind::AnyList(&Kind::Map(&DELTA)), "Fragments of longer texts."),
        Member::optional("raw", Kind::Map(&RAW), "Events that are fragments of one text as they are."),
        Member::optional("closes", Kind::AnyList(&Kind::Map(&CLOSE)), "What ends such texts."),
        Member::optional("event", Kind::Map(&BODY), "Places in every event."),
    ],
};

pub(super) static STREAM_INCLUDE: Shape = Shape {
    name: "FormatStreamInclude",
    doc: "Another format's stream inside of this one.",
    fields: &[
        Member::required("format", Kind::Text, "The format."),
        Member::optional("at", Kind::Text, "Where its events stand."),
    ],
};

pub(super) static DELTA: Shape = Shape {
    name: "FormatDelta",
    doc: "A fragment of a longer text.",
    fields: &[
        Member::optional("event", Kind::Text, "The type of its events, if it matters."),
        Member::required("path", Kind::Text, "Where it stands in the event."),
        Member::required("place", Kind::Text, "Where the whole text stands in the answer."),
        Member::required("kind", Kind::Word(&DELTA_WORDS), "What the text is."),
        Member::optional("keys", PLACES, "Numbers that tell parallel texts apart."),
    ],
};

pub(super) static RAW: Shape = Shape {
    name: "FormatRaw",
    doc: "Events whose whole data is a fragment of one text, with no JSON around it.",
    fields: &[
        Member::optional("event", Kind::Text, "Their type; without it, every event that is no JSON."),
        Member::required("place", Kind::Text, "Where the whole text stands in the answer."),
    ],
};

pub(super) static CLOSE: Shape = Shape {
    name: "FormatClose",
    doc: "After it no fragment of the same keys follows. `event`, `path` or both.",
    fields: &[
        Member::optional("event", Kind::Text, "The type of the event."),
        Member::optional("path", Kind::Text, "What stands in it."),
        Member::optional("keys", PLACES, "Numbers that tell parallel texts apart."),
    ],
};

const KIND_WORDS: [&str; KINDS.len()] = words(&KINDS);
const SCOPE_WORDS: [&str; SCOPES.len()] = words(&SCOPES);
const SIGNATURE_WORDS: [&str; SIGNATURES.len()] = words(&SIGNATURES);
const TRANSPORT_WORDS: [&str; TRANSPORTS.len()] = words(&TRANSPORTS);
const REFUSAL_WORDS: [&str; SHAPES.len()] = words(&SHAPES);
const PART_WORDS: [&str; PARTS.len()] = words(&PARTS);
const DELTA_WORDS: [&str; DELTA_KINDS.len()] = words(&DELTA_KINDS);
const FRAMING_WORDS: [&str; FRAMINGS.len()] = words(&FRAMINGS);
