//! Schemas of shapes: JSON Schema (draft 7, which editors understand) and the structural schemas of custom resources.
//!
//! Both are a little stricter than the reader, which takes any single value as text: in a schema a number is a number.
//! A structural schema can say less: where a value may be a word or a mapping it says nothing, and the daemon checks.

use serde_json::{Map, Value, json};

use super::{Kind, Member, Shape};

/// Collects the definitions of a shape and of all shapes in it, by name.
pub fn json_schema(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(shape.name) {
        // It may stand within itself.
        definitions.insert(shape.name.to_owned(), Value::Null);
        let mut properties = Map::new();
        for member in shape.fields {
            let schema = json_kind(&member.kind, definitions);
            properties.insert(member.name.to_owned(), described(schema, member.doc));
        }
        let mut schema = json!({
            "description": shape.doc,
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        });
        require(&mut schema, shape);
        definitions.insert(shape.name.to_owned(), schema);
    }
    json!({ "$ref": format!("#/definitions/{}", shape.name) })
}

fn json_kind(kind: &'static Kind, definitions: &mut Map<String, Value>) -> Value {
    match kind {
        Kind::Name => json!({ "type": ["string", "integer"] }),
        Kind::ByteSize => json!({ "type": ["string", "integer"], "pattern": SIZE, "minimum": 0 }),
        Kind::List(of) => json!({ "type": "array", "minItems": 1, "items": json_kind(of, definitions) }),
        Kind::AnyList(of) => json!({ "type": "array", "items": json_kind(of, definitions) }),
        Kind::Map(shape) => json_schema(shape, definitions),
        Kind::Entries(of) => {
            json!({ "type": "object", "additionalProperties": json_kind(of, definitions) })
        }
        Kind::Either(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|kind| json_kind(kind, definitions)).collect();
            json!({ "anyOf": kinds })
        }
        Kind::Anything => json!({}),
        plain => scalar(plain),
    }
}

/// The schema of a shape for the API server of Kubernetes. It keeps fields that a shape does not have: the server would
/// drop them and say nothing, a rule would hold for more than was meant, and whoever reads it could not tell.
pub fn structural_schema(shape: &'static Shape) -> Value {
    let properties: Map<String, Value> = { shape.fields.iter() }.map(structural_member).collect();
    let mut schema = json!({
        "description": shape.doc,
        "type": "object",
        "properties": properties,
        "x-kubernetes-preserve-unknown-fields": true,
    });
    require(&mut schema, shape);
    schema
}

fn structural_member(member: &'static Member) -> (String, Value) {
    (member.name.to_owned(), described(structural_kind(&member.kind), member.doc))
}

fn structural_kind(kind: &'static Kind) -> Value {
    match kind {
        Kind::Name => json!({ "x-kubernetes-int-or-string": true }),
        Kind::ByteSize => json!({ "x-kubernetes-int-or-string": true }),
        Kind::List(of) => json!({ "type": "array", "minItems": 1, "items": structural_kind(of) }),
        Kind::AnyList(of) => json!({ "type": "array", "items": structural_kind(of) }),
        Kind::Map(shape) => structural_schema(shape),
        Kind::Entries(of) => json!({ "type": "object", "additionalProperties": structural_kind(of) }),
        // Without a type there can be no alternatives in a structural schema, and with one only one of them.
        Kind::Either(_) | Kind::Anything => json!({ "x-kubernetes-preserve-unknown-fields": true }),
        plain => scalar(plain),
    }
}

const SIZE: &str = "^[0-9]+ *([KMG]i?B|B)?$";

/// What both kinds of schema say of single values.
fn scalar(kind: &Kind) -> Value {
    match kind {
        Kind::Fitting(pattern) => json!({ "type": "string", "pattern": pattern }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        _ => json!({ "type": "string" }),
    }
}

/// Adds what a field says. Draft 7 ignores everything beside a reference, so that one is wrapped.
fn described(schema: Value, doc: &str) -> Value {
    let mut schema = match schema {
        reference if reference.get("$ref").is_some() => json!({ "allOf": [reference] }),
        plain => plain,
    };
    if !doc.is_empty() {
        schema["description"] = doc.into();
    }
    schema
}

fn require(schema: &mut Value, shape: &Shape) {
    let required: Vec<&str> = { shape.fields.iter() }.filter(|m| m.required).map(|m| m.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
}
