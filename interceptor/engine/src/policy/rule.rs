//! A checked rule: every name in it exists, every pattern fits something.

use std::sync::Arc;

use super::{Action, Cell, Context, Direction, Pattern};
use crate::detect::{Confidence, DetectorId};

/// Whether a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It acts.
    Enforce,
    /// It is evaluated, and what it would have done is recorded.
    Shadow,
}

/// One rule of a policy.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: Arc<str>,
    pub(super) directions: [bool; 2],
    /// One place per detector.
    pub(super) detectors: Box<[bool]>,
    pub(super) confidence: Confidence,
    pub(super) selector: Selector,
    pub(super) action: Action,
    pub(super) mode: Mode,
}

/// The part of a rule that is about the exchange and not about the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) providers: Vec<Pattern>,
    pub(super) operations: Vec<Pattern>,
}

impl Rule {
    /// Its name, unique in the policy.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it does.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whether it acts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// True if it looks at this direction.
    pub fn looks_at(&self, direction: Direction) -> bool {
        self.directions[direction.index()]
    }

    /// True if it asks for what this detector finds.
    pub fn asks_for(&self, detector: DetectorId) -> bool {
        self.detectors[detector.index()]
    }

    pub(super) fn matches(&self, cell: Cell) -> bool {
        self.looks_at(cell.direction) && self.asks_for(cell.detector) && cell.confidence >= self.confidence
    }
}

impl Selector {
    pub(super) fn selects(&self, context: &Context<'_>) -> bool {
        self.providers.iter().any(|p| p.fits(context.provider))
            && self.operations.iter().any(|p| p.fits(context.operation))
    }

    pub(super) fn selects_everything(&self) -> bool {
        self.providers.iter().any(Pattern::is_any) && self.operations.iter().any(Pattern::is_any)
    }
}
