//! The objects of the cluster that policy was read from last.
//! Knows when others are to be read, and whose mistakes are told to whom. Does not know files or directories.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DeliveryError;
use super::cluster::{self, Document, Objects, Wrong};
use crate::app::start::StartError;
use crate::config::PolicyObjects;
use crate::telemetry::chain;

/// The objects that were taken last.
pub(super) struct Taken {
    pub(super) objects: Arc<Objects>,
    /// Where the last good set is kept.
    pub(super) state: PathBuf,
    pub(super) documents: Vec<Arc<Document>>,
    pub(super) files: Arc<Vec<(String, String)>>,
    number: u64,
    waiting: Option<u64>,
}

impl Taken {
    pub(super) fn start(spec: &PolicyObjects, state: &Path) -> Result<Self, DeliveryError> {
        let objects = Objects::start(spec)?;
        let state = state.to_owned();
        let mut taken =
            Self { objects, state, documents: Vec::new(), files: Arc::default(), number: 0, waiting: None };
        if taken.objects.wait(spec.wait) {
            taken.take();
            return Ok(taken);
        }
        let detail = taken.objects.sources().iter().find_map(|source| source.standing().detail);
        let why = detail.unwrap_or_else(|| "it gives no answer in time".to_owned());
        match cluster::kept(&taken.state) {
            Ok(files) => {
                tracing::warn!(%why, policies = files.len(), "going by the policies that were in force before");
                taken.files = Arc::new(files);
                Ok(taken)
            }
            Err(_) => Err(DeliveryError::Away { why }),
        }
    }

    fn take(&mut self) {
        if let Some((number, documents)) = self.objects.now() {
            let file = |document: &Arc<Document>| (document.file.clone(), document.text.clone());
            self.files = Arc::new(documents.iter().map(file).collect());
            (self.number, self.documents, self.waiting) = (number, documents, None);
        }
    }

    /// What changes together comes one after the other: it is taken when it rests.
    pub(super) fn has_news(&mut self) -> bool {
        let Some((number, _)) = self.objects.now() else { return false };
        if number == self.number {
            return false;
        }
        if self.waiting != Some(number) {
            self.waiting = Some(number);
            return false;
        }
        self.take();
        true
    }
}

/// What is wrong with which file.
pub(super) fn wrong(error: &StartError) -> Wrong {
    let StartError::Mistakes(mistakes) = error else {
        return Wrong { mistakes: Vec::new(), otherwise: chain(error) };
    };
    // Where an object's text has its lines, nobody sees; what is said of a field names it.
    let said = mistakes.iter().map(|mistake| {
        let place = format!("{}:{}:{}: ", mistake.file, mistake.at.line, mistake.at.column);
        let text = mistake.to_string();
        (mistake.file.to_string(), text.strip_prefix(&place).unwrap_or(&text).to_owned())
    });
    Wrong { mistakes: said.collect(), otherwise: String::new() }
}
