//! Events that are fragments as they are: what a model says goes on from one to the next with no JSON around it.
//! Knows that line ends are not in the bytes of such a fragment. Does not know what is found in the text.

use std::ops::Range;

use bytes::Bytes;

use super::{Stream, stream_rules};
use crate::catalogue::DeltaKind;
use crate::exchange::case::Case;
use crate::exchange::event::{Fragment, Keys};
use crate::json::StateId;
use crate::policy::Direction;
use crate::refusal::Refusal;

/// When an event is such a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// Its name says so, whatever its data looks like. With the number of the rule for its text.
    Named(u16),
    /// If it is no JSON.
    Otherwise(u16),
}

impl Stream {
    /// Whether an event of this name may be one.
    pub(super) fn raw_rule(&self, kind: Option<&[u8]>) -> Option<Raw> {
        let rule = stream_rules(&self.bodies)?.raw.as_ref()?;
        match &rule.event {
            _ if self.direction == Direction::Request => None,
            None => Some(Raw::Otherwise(rule.delta)),
            Some(name) => (kind == Some(name.as_bytes())).then_some(Raw::Named(rule.delta)),
        }
    }

    /// The data of an event that is a fragment as it is: a line each, and line ends between them.
    pub(super) fn raw_event(
        &mut self,
        event: &Bytes,
        data: &[Range<usize>],
        number: u16,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        for (line, raw) in data.iter().enumerate() {
            if line > 0 {
                self.line_end(number, case)?;
            }
            let (state, keys, raw) = (StateId::DEAD, Keys::default(), raw.clone());
            let fragment = Fragment { state, raw, escaped: false, keys };
            self.piece(event, &fragment, number, DeltaKind::Raw, case)?;
        }
        // What did not fit in with the other texts was looked at by itself.
        self.rule_on_event(event, case)
    }

    /// A line end that the text has and no fragment holds: the framing says it in other bytes.
    fn line_end(&mut self, number: u16, case: &mut Case) -> Result<(), Box<Refusal>> {
        let Some(at) = self.channel(number, DeltaKind::Raw, &Keys::default()) else { return Ok(()) };
        let mut found = Vec::new();
        self.channels[at].push(at, b"\n", 0..1, false, &case.redactor.table, &mut found);
        found.iter().try_for_each(|finding| self.found(at, finding, case))?;
        self.restore_text(at, case);
        Ok(())
    }
}

/// A text as the data of an event, which has each line in a field of its own.
pub(super) fn in_lines_of_data(text: Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', &text).is_none() {
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            out.extend_from_slice(b"\ndata: ");
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // One that stands alone would end the field too.
        out.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
    }
    out.into()
}
