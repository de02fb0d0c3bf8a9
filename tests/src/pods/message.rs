//! The messages by which pods are made (`runtime.v1`), with the fields that are needed.

use std::collections::HashMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Nothing {}

/// Every question that names one sandbox or one container has it first.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ById {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RunPodSandbox {
    #[prost(message, optional, tag = "1")]
    pub(super) config: Option<Sandbox>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sandbox {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<SandboxName>,
    #[prost(string, tag = "3")]
    pub(super) log_directory: String,
    #[prost(map = "string, string", tag = "6")]
    pub(super) labels: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    pub(super) linux: Option<Linux>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxName {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Linux {
    #[prost(string, tag = "1")]
    pub(super) cgroup_parent: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreateContainer {
    #[prost(string, tag = "1")]
    pub(super) sandbox_id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) config: Option<Container>,
    #[prost(message, optional, tag = "3")]
    pub(super) sandbox: Option<Sandbox>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    /// A name, as in [`ById`].
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<ById>,
    /// An image, likewise.
    #[prost(message, optional, tag = "2")]
    pub(super) image: Option<ById>,
    #[prost(string, repeated, tag = "3")]
    pub(super) command: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    pub(super) mounts: Vec<Mount>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mount {
    #[prost(string, tag = "1")]
    pub(super) container_path: String,
    #[prost(string, tag = "2")]
    pub(super) host_path: String,
    #[prost(bool, tag = "3")]
    pub(super) readonly: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExecSync {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) cmd: Vec<String>,
    #[prost(int64, tag = "3")]
    pub(super) timeout: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Executed {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) stdout: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) stderr: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub(super) exit_code: i32,
}
