//! An exchange that became a WebSocket: two streams of messages, inspected like any other, that end together.
//! Knows the engine's side of the handshake. Does not know sockets.

use bytes::Bytes;

use super::Exchange;
use super::stream::{Stream, StreamHead};
use crate::policy::{Direction, Reach, Uncertainty};
use crate::record::Ledger;
use crate::refusal::{Refusal, StreamShape};
use crate::websocket::{Agreement, Messages, Sender};

/// What an exchange becomes that leaves HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Its messages are fed to [`Exchange::message_data`].
    Inspected,
    /// It is copied: policy was asked and let it.
    Copied,
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Socket {
    up: Stream,
    down: Stream,
}

impl Socket {
    pub(super) fn ledger(&self, direction: Direction) -> Ledger {
        match direction {
            Direction::Request => self.up.ledger(),
            Direction::Response => self.down.ledger(),
        }
    }

    /// What was noted in passing: the model that answers, and what it used.
    pub(super) fn facts(&self, direction: Direction) -> &super::inspect::Facts {
        match direction {
            Direction::Request => self.up.facts(),
            Direction::Response => self.down.facts(),
        }
    }
}

impl Exchange {
    /// The request asks to leave HTTP for `protocol`. If that is nothing that can be inspected, policy is asked whether
    /// it may; an error is the answer for the client, and the exchange is over.
    pub fn upgrade(&mut self, protocol: &str) -> Result<(), Refusal> {
        // What is said in a channel later on is under no signature that could be made again.
        self.case.resigns = false;
        let is_read = protocol.trim().eq_ignore_ascii_case("websocket") && !self.foreign;
        let result = if is_read { Ok(()) } else { self.not_inspected() };
        self.settle(result)
    }

    /// The provider has agreed; `extensions` is what its answer says about them, `protocol` as above. An error is the
    /// answer for the client, and the exchange is over.
    pub fn switched(&mut self, protocol: &str, extensions: Option<&str>) -> Result<Channel, Refusal> {
        if !protocol.trim().eq_ignore_ascii_case("websocket") || self.foreign {
            return Ok(Channel::Copied);
        }
        let deflate = match Agreement::parse(extensions) {
            Agreement::Plain => None,
            Agreement::Deflate(deflate) => Some(deflate),
            Agreement::Unknown => {
                let result = self.not_inspected().map(|()| Channel::Copied);
                return self.settle(result);
            }
        };
        if !self.known {
            let result = self.case.doubt(Uncertainty::UnknownFormat, Direction::Request).map(drop);
            self.settle(result)?;
        }
        let judged = self.judge();
        self.settle(judged)?;
        let stream = |direction, sender| {
            let reach = self.case.scope.strongest(direction);
            // What the application will say is not known yet.
            let restores = direction == Direction::Response && self.case.scope.restores();
            let limits = self.engine.limits;
            let head = StreamHead {
                bodies: self.bodies.clone(),
                detectors: (reach != Reach::None).then(|| self.engine.detectors.clone()),
                acts: matches!(reach, Reach::Rewrite | Reach::Block) || restores,
                restores,
                limits,
            };
            let mut stream =
                Stream::socket(direction, Messages::new(sender, deflate, limits.held_stream), head);
            stream.ask_for_calls(self.case.scope.asks_for_arguments(direction));
            if self.case.scope.makes_tokens(direction) {
                stream.show();
            }
            stream
        };
        let up = stream(Direction::Request, Sender::Client);
        let down = stream(Direction::Response, Sender::Server);
        self.socket = Some(Box::new(Socket { up, down }));
        Ok(Channel::Inspected)
    }

    /// Takes a chunk of one direction; what may go on is pushed on `out`. After an error nothing more goes either
    /// way, except the error's `stream_frame` to the application, whichever direction it was.
    pub fn message_data(
        &mut self,
        direction: Direction,
        chunk: Bytes,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Refusal> {
        self.message_step(direction, |stream, case| stream.push(chunk, case, out))
    }

    /// One direction has ended; the rest of what may go on is pushed on `out`.
    pub fn message_end(&mut self, direction: Direction, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        self.message_step(direction, |stream, case| stream.finish(case, out))
    }

    fn message_step(
        &mut self,
        direction: Direction,
        step: impl FnOnce(&mut Stream, &mut super::case::Case) -> Result<(), Box<Refusal>>,
    ) -> Result<(), Refusal> {
        if self.over {
            return Ok(());
        }
        let Some(socket) = &mut self.socket else { return Ok(()) };
        let stream = match direction {
            Direction::Request => &mut socket.up,
            Direction::Response => &mut socket.down,
        };
        let result = step(stream, &mut self.case);
        // The last words go to the application, behind what has left for it: never into the middle of a frame.
        let speaks = socket.down.is_between();
        let shape = self.case.shape;
        let result = result.map_err(|refusal| match speaks {
            true => Box::new(refusal.in_stream(shape, StreamShape::Socket)),
            false => refusal,
        });
        self.settle(result)
    }

    fn not_inspected(&mut self) -> Result<(), Box<Refusal>> {
        self.case.doubt(Uncertainty::NotInspected, Direction::Request).map(drop)
    }
}
