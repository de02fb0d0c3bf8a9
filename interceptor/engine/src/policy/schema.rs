//! What editors and API servers are told of the language: a JSON Schema and a custom resource definition, both made of
//! the shapes that the readers use. Knows documents. Does not know where files lie.

use serde_json::{Map, Value, json};

use super::shape;
use crate::document::{Shape, json_schema, structural_schema};
use crate::{catalogue, detect};

/// A kind of document that a policy is made of.
#[derive(Debug)]
pub struct DocumentKind {
    /// `kind` of the document.
    pub name: &'static str,
    /// The name of the resource in the API server.
    pub plural: &'static str,
    /// A short name for command lines.
    pub short: &'static str,
    /// What stands in it.
    pub shape: &'static Shape,
    /// What stands in its `spec`.
    pub spec: &'static Shape,
}

/// All kinds.
pub static KINDS: &[DocumentKind] = &[
    DocumentKind {
        name: shape::KIND,
        plural: "egresspolicies",
        short: "egp",
        shape: &shape::DOCUMENT,
        spec: &shape::SPEC,
    },
    DocumentKind {
        name: detect::SET_KIND,
        plural: "detectorsets",
        short: "detset",
        shape: &detect::SET,
        spec: &detect::SET_SPEC,
    },
    DocumentKind {
        name: catalogue::ENDPOINTS_KIND,
        plural: "endpointcatalogs",
        short: "epcat",
        shape: &catalogue::ENDPOINTS,
        spec: &catalogue::ENDPOINTS_SPEC,
    },
];

/// The shape of documents of a kind, by whose fields they are read, formatted and completed.
pub fn shape_of(kind: &str) -> Option<&'static Shape> {
    KINDS.iter().find(|known| known.name == kind).map(|known| known.shape)
}

/// The schema of files that hold documents of these shapes.
pub fn for_editors(shapes: &[&'static Shape]) -> Value {
    let mut definitions = Map::new();
    let kinds: Vec<Value> = shapes.iter().map(|shape| json_schema(shape, &mut definitions)).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Policies of interceptor",
        "anyOf": kinds,
        "definitions": definitions,
    })
}

/// The definition that an API server takes, after which it stores documents of this kind.
pub fn custom_resource(kind: &DocumentKind) -> Value {
    let schema = json!({
        "description": kind.shape.doc,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": structural_schema(kind.spec),
            "status": status(),
        },
        "x-kubernetes-preserve-unknown-fields": true,
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.interceptor.dev", kind.plural) },
        "spec": {
            "group": "interceptor.dev",
            // A policy says itself whom it is for.
            "scope": "Cluster",
            "names": {
                "kind": kind.name,
                "plural": kind.plural,
                "singular": kind.name.to_lowercase(),
                "shortNames": [kind.short],
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": schema },
                // So that who may write policies need not be who tells what became of them, and the other way round.
                "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    { "name": "Accepted", "type": "string", "jsonPath": accepted("status") },
                    { "name": "Reason", "type": "string", "jsonPath": accepted("reason") },
                    { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
                ],
            }],
        },
    })
}

/// Where `kubectl get` finds what became of an object.
fn accepted(field: &str) -> String {
    format!(".status.conditions[?(@.type==\"Accepted\")].{field}")
}

/// What the daemon tells of an object, in the form that Kubernetes' own kinds have.
fn status() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "description": "What became of it. Written by the daemon, and read by nobody but people.",
        "type": "object",
        "properties": { "conditions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "status"],
                "properties": {
                    "type": text,
                    "status": text,
                    "reason": text,
                    "message": text,
                    "observedGeneration": { "type": "integer" },
                    "lastTransitionTime": { "type": "string", "format": "date-time" },
                },
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        } },
    })
}
