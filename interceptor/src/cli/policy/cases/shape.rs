//! The document `PolicyTest`, field by field: for its reader beside this file and for the schema.

use interceptor_engine::document::{Kind, Member, Shape};

pub(super) const API_VERSION: &str = "interceptor.dev/v1alpha1";
pub(super) const KIND: &str = "PolicyTest";
pub(super) const VERDICTS: [&str; 4] = ["pass", "redact", "block", "passthrough"];
pub(super) const ACTIONS: [&str; 4] = ["allow", "audit", "redact", "block"];

const TEXTS: Kind = Kind::List(&Kind::Text);
const LABELS: Kind = Kind::Entries(&Kind::Text);

/// A whole document.
pub static DOCUMENT: Shape = Shape {
    name: "PolicyTest",
    doc: "Exchanges, and what must become of them under a policy.",
    fields: &[
        Member::required("apiVersion", Kind::Word(&[API_VERSION]), "The version of the language."),
        Member::required("kind", Kind::Word(&[KIND]), "What the document is."),
        Member::required("metadata", Kind::Map(&METADATA), "What the tests are called."),
        Member::required("spec", Kind::Map(&SPEC), "The policy and the cases."),
    ],
};

pub(super) static METADATA: Shape = Shape {
    name: "TestMetadata",
    doc: "What the tests are called.",
    fields: &[Member::required("name", Kind::Text, "Any name.")],
};

pub(super) static SPEC: Shape = Shape {
    name: "TestSpec",
    doc: "The policy and the cases.",
    fields: &[
        Member::required("policies", TEXTS, "The files of the policy, seen from this one."),
        Member::required("cases", Kind::List(&Kind::Map(&CASE)), "Exchanges."),
    ],
};

pub(super) static CASE: Shape = Shape {
    name: "TestCase",
    doc: "An exchange, and what must become of it.",
    fields: &[
        Member::required("name", Kind::Text, "What it shows."),
        Member::optional(
            "subject",
            Kind::Map(&SUBJECT),
            "Who calls. Default: somebody known on the plain host.",
        ),
        Member::optional("time", Kind::Text, "When, such as `2026-01-05T12:00:00Z`, which is the default."),
        Member::optional(
            "used",
            Kind::Entries(&Kind::Name),
            "How much of limits was used before, by their names: `60`, or `4.50 USD`. Default: nothing.",
        ),
        Member::required("request", Kind::Map(&REQUEST), "What is sent."),
        Member::optional(
            "response",
            Kind::Map(&RESPONSE),
            "What the provider answers. Default: 200 and `{}`.",
        ),
        Member::required("expect", Kind::Map(&EXPECT), "What must become of it."),
    ],
};

pub(super) static SUBJECT: Shape = Shape {
    name: "TestSubject",
    doc: "What the node would attest of the caller.",
    fields: &[
        Member::optional("namespace", Kind::Text, "Namespace of the pod."),
        Member::optional("namespaceLabels", LABELS, "Labels of that namespace."),
        Member::optional("pod", Kind::Text, "Name of the pod."),
        Member::optional("podLabels", LABELS, "Labels of the pod."),
        Member::optional("serviceAccount", Kind::Text, "Its service account."),
        Member::optional("container", Kind::Text, "Name of the container."),
        Member::optional("image", Kind::Text, "Image of the container."),
        Member::optional("executable", Kind::Text, "Path of the program."),
        Member::optional("comm", Kind::Text, "Name of the thread."),
        Member::optional("unit", Kind::Text, "systemd unit."),
        Member::optional("user", Kind::Name, "Name of the user."),
        Member::optional("uid", Kind::Number(0, 4_294_967_295), "Number of the user."),
        Member::optional("cgroup", Kind::Text, "Control group, as a path below the mount."),
        Member::optional("known", Kind::Boolean, "Whether all of it is certain. Default true."),
    ],
};

const HEADERS: Member = Member::optional(
    "headers",
    Kind::Entries(&Kind::Name),
    "Headers. Default: `content-type: application/json`.",
);
const BODY: Member = Member::optional(
    "body",
    Kind::Text,
    "The body. `${secret:github_token}` stands for a made-up value that this detector finds.",
);
const FILE: Member = Member::optional("file", Kind::Text, "A file with the body, seen from this one.");
const CHUNKS: Member =
    Member::optional("chunks", Kind::Number(1, 1 << 20), "Bytes that come at a time. Default: all at once.");

pub(super) static REQUEST: Shape = Shape {
    name: "TestRequest",
    doc: "What is sent.",
    fields: &[
        Member::optional("host", Kind::Text, "The host that is called. Either this or `provider`."),
        Member::optional("provider", Kind::Text, "A provider of the catalogue, by its first host."),
        Member::optional("method", Kind::Text, "The HTTP method. Default `POST`."),
        Member::required("path", Kind::Text, "Path and query."),
        HEADERS,
        BODY,
        FILE,
        CHUNKS,
    ],
};

pub(super) static RESPONSE: Shape = Shape {
    name: "TestResponse",
    doc: "What the provider answers, if it is asked.",
    fields: &[
        Member::optional("status", Kind::Number(100, 599), "Default 200."),
        HEADERS,
        BODY,
        FILE,
        CHUNKS,
    ],
};

pub(super) static EXPECT: Shape = Shape {
    name: "TestExpect",
    doc: "What must become of an exchange. What is not said is not asked.",
    fields: &[
        Member::optional("verdict", Kind::Word(&VERDICTS), "What happened in the end."),
        Member::optional("rule", Kind::Text, "A rule that spoke; of a refusal, the one that refused."),
        Member::optional("status", Kind::Number(100, 599), "The status that the application sees."),
        Member::optional("sent", Kind::Map(&BYTES), "The body that the provider gets."),
        Member::optional("received", Kind::Map(&BYTES), "The body that the application gets."),
        Member::optional("removedHeaders", TEXTS, "Headers that were there and do not leave."),
        Member::optional("findings", Kind::AnyList(&Kind::Map(&FOUND)), "All findings of the record."),
        Member::optional("shadow", Kind::AnyList(&Kind::Text), "All rules in shadow that would have acted."),
        Member::optional("doubts", Kind::AnyList(&Kind::Text), "All doubts of the record."),
    ],
};

pub(super) static BYTES: Shape = Shape {
    name: "TestBytes",
    doc: "What must be true of a body.",
    fields: &[
        Member::optional("whole", Kind::Text, "It is this, byte by byte."),
        Member::optional("unchanged", Kind::Boolean, "It is what was given, byte by byte."),
        Member::optional("contains", TEXTS, "All of these stand in it."),
        Member::optional("absent", TEXTS, "None of these stands in it."),
    ],
};

pub(super) static FOUND: Shape = Shape {
    name: "TestFinding",
    doc: "A finding of the record.",
    fields: &[
        Member::required("detector", Kind::Text, "Name of the detector."),
        Member::optional("rule", Kind::Text, "The rule that spoke of it."),
        Member::optional("action", Kind::Word(&ACTIONS), "What it said."),
        Member::optional("count", Kind::Number(0, 1_000), "How many there are. Default 1."),
    ],
};
