//! `interceptor policy schema`: what editors and API servers are told of the language.

mod yaml;

use std::process::ExitCode;

use clap::Args;
use interceptor_engine::document::Shape;
use interceptor_engine::policy::schema::{KINDS, custom_resource, for_editors};

use super::cases;
use crate::app::StartError;

pub(super) const EXAMPLES: &str = "Examples:\n  interceptor policy schema > policy.schema.json\n  \
     interceptor policy schema --crd | kubectl apply -f -\n\n\
     An editor with a YAML language server reads the schema for files that begin with\n  \
     # yaml-language-server: $schema=policy.schema.json";

/// `policy schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// The custom resource definitions, as YAML, instead of the JSON Schema.
    #[arg(long)]
    crd: bool,
}

impl Schema {
    #[expect(clippy::unnecessary_wraps, reason = "as the other verbs, which can fail")]
    pub(super) fn run(&self) -> Result<ExitCode, StartError> {
        if self.crd {
            super::print(&definitions());
        } else {
            let mut shapes: Vec<&'static Shape> = KINDS.iter().map(|kind| kind.shape).collect();
            shapes.push(&cases::DOCUMENT);
            super::print(&format!("{:#}\n", for_editors(&shapes)));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The resource definitions of all kinds, with a line that says where they come from.
fn definitions() -> String {
    let documents: Vec<String> = KINDS.iter().map(|kind| yaml::write(&custom_resource(kind))).collect();
    format!("# Written by `interceptor policy schema --crd`.\n{}", documents.join("---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file is written anew with `UPDATE_EXPECT=1`.
    #[test]
    fn the_shipped_definitions_are_those_of_the_reader() {
        expect_test::expect_file!["../../../../deploy/crds/policies.yaml"].assert_eq(&definitions());
    }
}
