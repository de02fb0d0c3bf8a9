//! Reads of an audit line what a policy can be asked about: the other end of the daemon's audit trail.

use std::sync::Arc;

use interceptor_engine::detect::Confidence;
use interceptor_engine::policy::{BodyFacts, Context, Direction, Identity, Pod, Subject, Uncertainty};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An exchange, as far as its line tells.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) id: String,
    pub(super) time: String,
    at: u64,
    pub(super) provider: String,
    host: String,
    operation: String,
    /// As the list that conditions are asked with; empty if it is not told.
    pub(super) model: Option<String>,
    models: Vec<String>,
    pub(super) subject: Subject,
    /// A limit refused it.
    pub(super) limited: bool,
    pub(super) findings: Vec<Found>,
    pub(super) tools: Vec<Tool>,
    pub(super) doubts: Vec<Doubted>,
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) detector: String,
    pub(super) direction: Direction,
    pub(super) confidence: Confidence,
}

#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) direction: Direction,
}

#[derive(Debug)]
pub(super) struct Doubted {
    pub(super) uncertainty: Uncertainty,
    pub(super) direction: Direction,
}

impl Recorded {
    /// `None` for a line that lacks what every line of an exchange has.
    pub(super) fn read(line: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let inspection = &line["inspection"];
        let time = text(&line["time"])?;
        let at = OffsetDateTime::parse(&time, &Rfc3339).ok()?.unix_timestamp();
        let model = text(&inspection["model"]);
        Some(Self {
            id: text(&line["id"])?,
            time,
            at: u64::try_from(at).ok()?,
            provider: text(&line["provider"])?,
            host: text(&line["host"])?,
            operation: text(&inspection["operation"])?,
            models: model.iter().cloned().collect(),
            model,
            subject: subject(&line["caller"]),
            limited: inspection["limits"]
                .as_array()
                .is_some_and(|all| all.iter().any(|l| l["refused"] == true)),
            findings: each(&inspection["findings"], found)?,
            tools: each(&inspection["tools"], tool)?,
            doubts: each(&inspection["doubts"], doubted)?,
        })
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            provider: &self.provider,
            host: &self.host,
            method: "",
            path: "",
            operation: &self.operation,
            subject: &self.subject,
            at: self.at,
        }
    }

    pub(super) fn body(&self) -> BodyFacts<'_> {
        BodyFacts { models: &self.models, ..BodyFacts::default() }
    }
}

/// What a field of a rule's `match` asks for, if a line does not tell it.
pub(super) fn untold(field: &str, recorded: &Recorded) -> Option<&'static str> {
    match field {
        "paths" => Some("paths"),
        "tools" => Some("tools"),
        "mcpMethods" => Some("mcpMethods"),
        "size" => Some("size"),
        "when" => Some("expressions"),
        "models" if recorded.model.is_none() => Some("models"),
        _ => None,
    }
}

/// Every element of a list, or nothing if one cannot be read. A list that is not there is empty.
fn each<T>(list: &Value, read: fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    list.as_array().map_or(Some(Vec::new()), |items| items.iter().map(read).collect())
}

fn direction(value: &Value) -> Option<Direction> {
    Direction::ALL.into_iter().find(|direction| value["direction"] == direction.name())
}

fn found(value: &Value) -> Option<Found> {
    let confidence = Confidence::ALL.into_iter().find(|level| value["confidence"] == level.name())?;
    Some(Found { detector: value["detector"].as_str()?.to_owned(), direction: direction(value)?, confidence })
}

fn tool(value: &Value) -> Option<Tool> {
    Some(Tool { name: value["name"].as_str()?.to_owned(), direction: direction(value)? })
}

fn doubted(value: &Value) -> Option<Doubted> {
    let uncertainty = Uncertainty::ALL.into_iter().find(|doubt| value["kind"] == doubt.name())?;
    Some(Doubted { uncertainty, direction: direction(value)? })
}

fn subject(caller: &Value) -> Subject {
    let text = |value: &Value| value.as_str().map(Arc::<str>::from);
    let pod = &caller["pod"];
    let of_pod = |namespace: &str| {
        let mut read = Pod::named(namespace, pod["name"].as_str().unwrap_or_default());
        read.container = text(&pod["container"]).unwrap_or_default();
        read.image = text(&pod["image"]).unwrap_or_default();
        read.service_account = text(&pod["service_account"]);
        Arc::new(read)
    };
    let unknown = !caller["unknown"].is_null();
    Subject {
        uid: caller["uid"].as_u64().and_then(|uid| u32::try_from(uid).ok()).unwrap_or_default(),
        user: text(&caller["user"]),
        executable: text(&caller["executable"]),
        comm: text(&caller["comm"]).unwrap_or_default(),
        cgroup: text(&caller["cgroup_path"]).unwrap_or_default(),
        unit: text(&caller["unit"]),
        pod: pod["namespace"].as_str().map(of_pod),
        identity: if unknown { Identity::Unknown("recorded") } else { Identity::Known },
    }
}
