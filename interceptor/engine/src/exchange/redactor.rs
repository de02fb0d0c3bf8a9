//! What takes the place of a finding in one exchange, and what its answer is restored from.
//! Knows the tenant's key and the exchange's table. Does not know bodies.

use crate::detect::{DetectorId, Registry};
use crate::policy::{Direction, Redaction};
use crate::redact::{Full, Table, TenantKey, token};

/// One exchange's part of redaction.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// None if no rule needs it, or nobody has given a key: then labels stand in.
    key: Option<TenantKey>,
    /// The names that labels and tokens are made of.
    pub(super) names: Registry,
    /// What is put back in the answer.
    pub(super) table: Table,
}

impl Redactor {
    pub(super) fn new(key: Option<TenantKey>, names: Registry) -> Self {
        Redactor { key, names, table: Table::default() }
    }

    /// What takes the place of `found`: ASCII without characters that JSON escapes. Without the whole text there is no
    /// token for it.
    pub(super) fn replacement(
        &mut self,
        how: Redaction,
        detector: DetectorId,
        direction: Direction,
        found: Option<&[u8]>,
    ) -> Result<String, Full> {
        if how == Redaction::Label {
            return Ok(self.label(detector));
        }
        let text = self.token(detector, found);
        if let (Redaction::Reversible { in_tools }, Direction::Request, Some(_), Some(found)) =
            (how, direction, &self.key, found)
        {
            self.table.insert(&text, found, in_tools)?;
        }
        Ok(text)
    }

    /// The token for `found`, or the label where there can be none.
    pub(super) fn token(&self, detector: DetectorId, found: Option<&[u8]>) -> String {
        match (&self.key, found) {
            (Some(key), Some(found)) => token(key, &self.names, detector, found),
            _ => self.label(detector),
        }
    }

    fn label(&self, detector: DetectorId) -> String {
        format!("[{}]", self.names.label(detector))
    }
}
