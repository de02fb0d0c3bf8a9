//! The schemas that are made of the readers' shapes say what the readers say: every shipped policy fits, what a reader
//! refuses does not, and nothing is declared that nobody reads.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use std::path::Path;

use interceptor_engine::document::{Kind, Limits, Node, Report, Shape, Value, parse};
use interceptor_engine::policy::PolicySet;
use interceptor_engine::policy::schema::{DocumentKind, KINDS, custom_resource, for_editors};
use interceptor_engine::{Policy, document};
use serde_json::{Map, json};

/// The documents of a file as an editor sees them.
fn documents(name: &str, text: &str) -> Vec<serde_json::Value> {
    let report = Report::new();
    let documents = parse(name, text, Limits::WRITTEN_BY_HAND, &report);
    assert!(report.is_clean(), "{name}");
    documents.iter().map(|document| json(document.node())).collect()
}

/// A node by the rules of YAML's core schema.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        value if value.is_null() => serde_json::Value::Null,
        Value::Scalar { text, plain: true } => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            text => text.parse::<u64>().map_or_else(|_| text.into(), Into::into),
        },
        Value::Scalar { text, .. } => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            { entries.iter() }.map(|e| (e.key.clone(), json(&e.value))).collect::<Map<_, _>>().into()
        }
    }
}

fn validator() -> jsonschema::Validator {
    let shapes: Vec<&'static Shape> = KINDS.iter().map(|kind| kind.shape).collect();
    jsonschema::validator_for(&for_editors(&shapes)).unwrap()
}

/// Every policy below `policies/`, tests aside.
fn shipped() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut open = vec![root];
    let mut files = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains("kind: EgressPolicy") {
                    files.push((path.display().to_string(), text));
                }
            }
        }
    }
    files
}

#[test]
fn every_shipped_policy_fits_the_schema() {
    let (validator, shipped) = (validator(), shipped());
    assert!(shipped.len() >= 3, "{}", shipped.len());
    for (name, text) in shipped {
        let documents = documents(&name, &text);
        assert!(!documents.is_empty(), "{name}");
        for document in documents {
            let wrong: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        }
    }
}

const RULE: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: p }
spec:
  rules:
    - name: r
";

/// What the reader says of a rule, and what the schema says.
fn verdicts(rest: &str) -> (bool, bool) {
    let text = format!("{RULE}{rest}");
    let fits = documents("p.yaml", &text).iter().all(|document| validator().is_valid(document));
    (Policy::load(&[("p.yaml", &text)]).is_ok(), fits)
}

#[test]
fn reader_and_schema_agree() {
    for right in [
        "      match: { direction: request, detectors: ['*'], atLeast: 3 }\n      action: block\n",
        "      match: { direction: both, detectors: [pii.email] }\n      action: { redact: { with: reversible, restoreIn: [text] } }\n",
        "      match: { direction: both, detectors: [pii.email] }\n      action: { redact: token }\n",
        "      match: { models: ['gpt-*'], size: { over: 1MiB, under: 5000000 } }\n      action: { block: { status: 451 } }\n",
        "      match: { time: { days: [mon-fri], from: '08:00', to: '18:30', zone: '+02:00' } }\n      action: audit\n  uncertain: { oversizedBody: block, signedBody: { request: block, response: audit } }\n",
        "      match: {}\n      action: audit\n  uncertain: { signedBody: resign }\n",
        "      match: {}\n      action: audit\n  uncertain: { signedBody: { request: resign, response: audit } }\n",
        "      match: { hosts: [api.openai.com] }\n      action: allow\n      headers: { remove: [x-team] }\n  subjects: [{ podLabels: { app: shop, tier: [a, b] }, users: [1000, web], known: true }]\n",
    ] {
        assert_eq!(verdicts(right), (true, true), "{right}");
    }
    for wrong in [
        "      match: { direction: request, detectors: ['*'] }\n      acton: block\n",
        "      match: { direction: up, detectors: ['*'] }\n      action: block\n",
        "      match: { direction: request, detectors: [] }\n      action: block\n",
        "      match: { direction: request, detectors: ['*'], atLeast: 0 }\n      action: block\n",
        "      match: { models: [a], size: { over: many } }\n      action: block\n",
        "      match: {}\n      action: { block: { status: 200 } }\n",
        "      match: { time: { from: '8:00' } }\n      action: block\n",
        "      match: {}\n      action: block\n  uncertain: { oversizedBody: perhaps }\n",
        "      match: {}\n      action: block\n  uncertain: { oversizedBody: resign }\n",
        "      match: {}\n      action: block\n  uncertain: { signedBody: { request: resign, response: resign } }\n",
        "      match: {}\n      action: block\n  subjects: []\n",
    ] {
        assert_eq!(verdicts(wrong), (false, false), "{wrong}");
    }
}

fn load(text: &str) -> Result<PolicySet, document::Mistakes> {
    PolicySet::load(&[], &[("p.yaml".to_owned(), text.to_owned())])
}

#[test]
fn readers_of_detectors_and_endpoints_agree_with_their_schemas() {
    let verdicts = |kind: &str, spec: &str| {
        let head = format!(
            "apiVersion: interceptor.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: n, labels: {{ a: b }} }}\n"
        );
        let text = format!("{head}spec: {spec}\n");
        let fits = documents("p.yaml", &text).iter().all(|document| validator().is_valid(document));
        (load(&text).is_ok(), fits)
    };
    for (kind, spec, right) in [
        (
            "DetectorSet",
            "{ detectors: [{ name: a.b, label: AB, literals: [abc, 12345], wholeWord: false, confidence: high }] }",
            true,
        ),
        (
            "DetectorSet",
            "{ detectors: [{ name: a.b, pattern: 'AB-[0-9]{6}', validator: luhn, context: { words: [id], within: 20, required: true } }] }",
            true,
        ),
        ("DetectorSet", "{ detectors: [] }", false),
        ("DetectorSet", "{ detectors: [{ name: Projects, literals: [abc] }] }", false),
        ("DetectorSet", "{ detectors: [{ name: a.b, literals: [abc], confidence: sure }] }", false),
        (
            "DetectorSet",
            "{ detectors: [{ name: a.b, literals: [abc], context: { words: [id], within: 0 } }] }",
            false,
        ),
        (
            "EndpointCatalog",
            "{ providers: [{ id: own, kind: local, hosts: [m.acme.example], ports: [8080], formats: [openai.chat_completions] }] }",
            true,
        ),
        (
            "EndpointCatalog",
            "{ formats: [{ id: own, paths: [/v1, { path: /v2, as: openai.responses }], request: { text: ['a[].b'], usage: { input: u.i } } }] }",
            true,
        ),
        ("EndpointCatalog", "{ providers: [{ id: openai, remove: true }] }", true),
        ("EndpointCatalog", "{ providers: [{ id: openai, ports: [0] }] }", false),
        ("EndpointCatalog", "{ formats: [{ id: own, paths: [/v1], stream: { framing: [morse] } }] }", false),
        ("EndpointCatalog", "{ formats: [{ id: own, paths: [/v1], request: { texts: [a] } }] }", false),
    ] {
        assert_eq!(verdicts(kind, spec), (right, right), "{kind} {spec}");
    }
}

/// What is built in is written like what operators write, so it is the longest example there is.
#[test]
fn the_built_in_catalogue_fits_the_schema() {
    for file in ["formats.yaml", "providers.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.replace("kind: Catalogue\n", "kind: EndpointCatalog\nmetadata: { name: built-in }\n");
        for document in documents(file, &text) {
            let wrong: Vec<String> =
                validator().iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
            assert!(wrong.is_empty(), "{file}: {wrong:#?}");
        }
    }
}

/// Definitions of a schema have one name space.
#[test]
fn every_shape_has_a_name_of_its_own() {
    let mut all: Vec<&'static Shape> = Vec::new();
    fn collect(shape: &'static Shape, all: &mut Vec<&'static Shape>) {
        if all.iter().any(|known| std::ptr::eq(*known, shape)) {
            return;
        }
        all.push(shape);
        for member in shape.fields {
            inner(&member.kind, all);
        }
    }
    fn inner(kind: &'static Kind, all: &mut Vec<&'static Shape>) {
        kind.shape().into_iter().for_each(|shape| collect(shape, all));
        kind.elements().into_iter().for_each(|kind| inner(kind, all));
    }
    KINDS.iter().for_each(|kind| collect(kind.shape, &mut all));
    let mut names: Vec<&str> = all.iter().map(|shape| shape.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

/// Puts a value that no field takes at every declared place: whoever reads the field complains of it.
#[test]
fn nothing_is_declared_that_nobody_reads() {
    for kind in KINDS {
        let mut places = Vec::new();
        walk(kind.shape, &mut Vec::new(), &mut places);
        assert!(places.len() > 20, "{}: {}", kind.name, places.len());
        let files: Vec<(String, String)> = (0..)
            .zip(&places)
            .map(|(n, place): (usize, _)| (format!("{n}.yaml"), write(kind, place)))
            .collect();
        for ((name, text), (mistakes, place)) in files.iter().zip(mistakes(kind, &files).iter().zip(&places))
        {
            let path = path(place);
            let said =
                |what: &String| what.strip_prefix(&path).is_some_and(|rest| rest.starts_with([':', '[']));
            assert!(mistakes.iter().any(said), "{path} is not read:\n{name}: {text}\n{mistakes:#?}");
        }
    }
}

/// What is wrong with each file. Policies answer one another, so that each is read by itself; the others are read at
/// once, because each reading of endpoints begins with all that are built in.
fn mistakes(kind: &DocumentKind, files: &[(String, String)]) -> Vec<Vec<String>> {
    let told = |mistakes: &document::Mistakes, name: &str| {
        { mistakes.iter() }.filter(|m| &*m.file == name).map(|m| m.what.clone()).collect()
    };
    if kind.name == "EgressPolicy" {
        let read =
            |file: &(String, String)| told(&Policy::load(std::slice::from_ref(file)).unwrap_err(), &file.0);
        return files.iter().map(read).collect();
    }
    let all = PolicySet::load(&[], files).unwrap_err();
    files.iter().map(|(name, _)| told(&all, name)).collect()
}

#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    First,
    Named,
}

fn walk(shape: &'static Shape, at: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    for member in shape.fields {
        at.push(Step::Field(member.name));
        places.push(at.clone());
        inside(&member.kind, at, places);
        at.pop();
    }
}

fn inside(kind: &'static Kind, at: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    if let Some(shape) = kind.shape() {
        walk(shape, at, places);
    }
    if let Some(elements) = kind.elements() {
        let named = matches!(kind, Kind::Entries(_));
        at.push(if named { Step::Named } else { Step::First });
        inside(elements, at, places);
        at.pop();
    }
}

/// A document in flow style, in which everything on the way to the place is there.
fn write(kind: &DocumentKind, place: &[Step]) -> String {
    let mut text = "[[[x]]]".to_owned();
    for (at, step) in place.iter().enumerate().rev() {
        text = match step {
            // Some fields are only read beside another.
            Step::Field(name @ ("confidence" | "atLeast")) => format!("{{detectors: ['*'], {name}: {text}}}"),
            Step::Field("each") => format!("{{requests: 10, each: {text}}}"),
            Step::Field("reserve") => format!("{{tokens: 10, each: minute, reserve: {text}}}"),
            Step::Field("restoreIn") => format!("{{with: reversible, restoreIn: {text}}}"),
            Step::Field(name) if at == 0 && *name != "kind" => {
                format!("{{kind: {}, {name}: {text}}}", kind.name)
            }
            Step::Field(name) => format!("{{{name}: {text}}}"),
            Step::First => format!("[{text}]"),
            Step::Named => format!("{{own: {text}}}"),
        };
    }
    text
}

fn path(place: &[Step]) -> String {
    let steps = place.iter().map(|step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::First => "[0]".to_owned(),
        Step::Named => ".own".to_owned(),
    });
    steps.collect::<String>().trim_start_matches('.').to_owned()
}

/// The rules of structural schemas that an API server checks first: a type everywhere or an extension in its place, no
/// references, and no `additionalProperties` beside `properties`. And ours: fields that there are not are kept, but for the
/// status, which nobody but the daemon writes.
#[test]
fn resource_definitions_are_structural() {
    fn check(schema: &serde_json::Value, at: &str) {
        let object = schema.as_object().unwrap();
        let extended = ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"];
        let has_type = object.contains_key("type");
        let keeps = object.get("x-kubernetes-preserve-unknown-fields").is_some_and(|keeps| keeps == true);
        assert!(has_type || extended.iter().any(|name| object.contains_key(*name)), "{at}");
        assert!(!(has_type && object.contains_key("x-kubernetes-int-or-string")), "{at}");
        if object.contains_key("properties") && !at.contains(".status") {
            assert!(keeps, "{at}");
        }
        for banned in ["$ref", "anyOf", "allOf", "oneOf"] {
            assert!(!object.contains_key(banned), "{at}: {banned}");
        }
        assert!(!(object.contains_key("properties") && object.contains_key("additionalProperties")), "{at}");
        if let Some(properties) = object.get("properties") {
            for (name, inner) in properties.as_object().unwrap() {
                check(inner, &format!("{at}.{name}"));
            }
        }
        for name in ["items", "additionalProperties"] {
            if let Some(inner) = object.get(name) {
                check(inner, &format!("{at}.{name}"));
            }
        }
    }
    for kind in KINDS {
        let definition = custom_resource(kind);
        assert_eq!(definition["metadata"]["name"], json!(format!("{}.interceptor.dev", kind.plural)));
        check(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], kind.name);
    }
}
