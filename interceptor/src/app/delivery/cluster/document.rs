//! An object of the API server as the file that it would be.
//! Knows which of its fields are policy: its name and its `spec`, and nothing that the server adds.

use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject};
use serde::Deserialize;
use serde_json::{Value, json};

const GROUP: &str = "interceptor.dev";
const VERSION: &str = "v1alpha1";

/// A kind of policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) plural: &'static str,
}

/// All of them, in the order in which they are read.
pub(super) const KINDS: [Kind; 3] = [
    Kind { name: "EgressPolicy", plural: "egresspolicies" },
    Kind { name: "DetectorSet", plural: "detectorsets" },
    Kind { name: "EndpointCatalog", plural: "endpointcatalogs" },
];

impl Kind {
    pub(super) fn resource(self) -> ApiResource {
        ApiResource {
            group: GROUP.to_owned(),
            version: VERSION.to_owned(),
            api_version: format!("{GROUP}/{VERSION}"),
            kind: self.name.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}

/// A document of policy, and what its object was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app::delivery) struct Document {
    /// Its place in [`KINDS`].
    pub(super) kind: usize,
    pub(super) name: Arc<str>,
    /// What messages call it.
    pub(in crate::app::delivery) file: String,
    pub(in crate::app::delivery) text: String,
    pub(super) generation: i64,
    pub(super) told: Option<Condition>,
}

/// What an object is told, as Kubernetes has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) observed_generation: i64,
    pub(super) last_transition_time: String,
}

/// The condition that is ours.
pub(super) const ACCEPTED: &str = "Accepted";

/// What is read of an object of a kind.
pub(super) fn read<const KIND: usize>(object: DynamicObject) -> Option<(Arc<str>, Arc<Document>)> {
    let name: Arc<str> = object.metadata.name.as_deref()?.into();
    let kind = KINDS[KIND];
    let spec = object.data.get("spec").cloned().unwrap_or(Value::Null);
    let said = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": kind.name,
        "metadata": {"name": &*name},
        "spec": spec,
    });
    let document = Document {
        kind: KIND,
        // A name may end as it likes, and a file's ending says what it is.
        file: format!("{}/{name}.json", kind.name),
        text: format!("{said:#}\n"),
        generation: object.metadata.generation.unwrap_or_default(),
        told: told(&object.data),
        name: name.clone(),
    };
    Some((name, Arc::new(document)))
}

fn told(object: &Value) -> Option<Condition> {
    let conditions = object.get("status")?.get("conditions")?.as_array()?;
    let read = conditions.iter().filter_map(|one| Condition::deserialize(one).ok());
    read.into_iter().find(|one| one.kind == ACCEPTED)
}
