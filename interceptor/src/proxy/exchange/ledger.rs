//! The record of one exchange while it runs, shared by its request, its answer and its end.
//! Knows the engine's exchange and what telemetry wants to know. Does not move bytes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use interceptor_engine::budget::{Drawn, End, Note, Usage};
use interceptor_engine::{Exchange as Inspection, Record, Refusal};

use crate::budget::Reservation;
use crate::proxy::hints::Hint;
use crate::proxy::serve::Served;
use crate::telemetry::event::{self, Ending, Event, Id};

/// One running exchange. The event about it is sent exactly once: by [`Ledger::finish`], or, if everybody
/// forgot the exchange because the application went away, when the last holder drops it.
pub struct Ledger {
    inner: RefCell<Inner>,
}

struct Inner {
    served: Rc<Served>,
    id: Id,
    at: SystemTime,
    start: Instant,
    held: Duration,
    sent: Option<Instant>,
    waited: Option<Duration>,
    inspected: Duration,
    http: u8,
    status: Option<u16>,
    reused: bool,
    resigned: Option<Arc<str>>,
    /// By the provider.
    is_refused: bool,
    detail: Option<String>,
    inspection: Option<Inspection>,
    reservation: Option<Reservation>,
    told: bool,
}

impl Ledger {
    /// Opens the record when a request's head has arrived.
    pub fn open(served: Rc<Served>, id: Id, http: u8) -> Rc<Self> {
        let inner = Inner {
            served,
            id,
            at: SystemTime::now(),
            start: Instant::now(),
            held: Duration::ZERO,
            sent: None,
            waited: None,
            inspected: Duration::ZERO,
            http,
            status: None,
            reused: false,
            resigned: None,
            is_refused: false,
            detail: None,
            inspection: None,
            reservation: None,
            told: false,
        };
        Rc::new(Self { inner: RefCell::new(inner) })
    }

    /// The request id that events and block answers name.
    pub fn id(&self) -> Id {
        self.inner.borrow().id
    }

    /// Hands over the engine's part of the exchange.
    pub fn begin_inspection(&self, inspection: Inspection) {
        self.inner.borrow_mut().inspection = Some(inspection);
    }

    /// Runs a step of the engine and counts its time.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn inspect<T>(
        &self,
        step: impl FnOnce(&mut Inspection) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        let mut inner = self.inner.borrow_mut();
        let begin = Instant::now();
        let result = match inner.inspection.as_mut() {
            Some(inspection) => step(inspection).map(Some),
            None => Ok(None),
        };
        inner.inspected += begin.elapsed();
        result
    }

    /// The request goes upstream now.
    pub fn sent(&self, reused: bool) {
        let mut inner = self.inner.borrow_mut();
        let now = Instant::now();
        inner.held = now - inner.start;
        inner.sent = Some(now);
        inner.reused = reused;
    }

    /// Whether the request was changed under a signature that has to be made again.
    pub fn is_to_be_resigned(&self) -> bool {
        self.inner.borrow().inspection.as_ref().is_some_and(Inspection::is_to_be_resigned)
    }

    /// It is signed with these credentials.
    pub fn resigned(&self, name: Arc<str>) {
        self.inner.borrow_mut().resigned = Some(name);
    }

    /// The head of the answer is here.
    pub fn answered(&self, status: http::StatusCode) {
        let mut inner = self.inner.borrow_mut();
        inner.waited = inner.sent.map(|sent| sent.elapsed());
        inner.is_refused = status.is_client_error() || status.is_server_error();
    }

    /// Whether anything is to be taken of limits before the request goes upstream.
    pub fn drawn(&self) -> Drawn {
        self.inner.borrow().inspection.as_ref().map(Inspection::drawn).unwrap_or_default()
    }

    /// What was taken; it is settled when the exchange is over.
    pub fn reserved(&self, reservation: Reservation, notes: Vec<Note>) {
        let mut inner = self.inner.borrow_mut();
        inner.reservation = Some(reservation);
        if let Some(inspection) = &mut inner.inspection {
            inspection.noted(notes);
        }
    }

    /// The status that the application gets.
    pub fn status(&self, status: http::StatusCode) {
        self.inner.borrow_mut().status = Some(status.as_u16());
    }

    /// What went wrong, in words without payload.
    pub fn detail(&self, detail: impl std::fmt::Display) {
        self.inner.borrow_mut().detail = Some(detail.to_string());
    }

    /// Ends the exchange and tells of it.
    pub fn finish(&self, ending: Ending) {
        self.inner.borrow_mut().tell(ending);
    }
}

impl Inner {
    fn tell(&mut self, ending: Ending) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let record = self.inspection.take().map(|mut inspection| inspection.record());
        if let (Some(reservation), Some(record)) = (self.reservation.take(), &record) {
            reservation.settle(self.used(record));
        }
        let served = &self.served;
        if ending == Ending::Blocked {
            served.shared.hints.leave(|| Hint::Refused(served.flow.caller.clone()));
        }
        served.shared.telemetry.record(Event::ExchangeEnded(Box::new(event::Exchange {
            id: self.id,
            connection: served.flow.id,
            at: self.at,
            took: self.start.elapsed(),
            held: self.held,
            inspected: self.inspected,
            waited: self.waited,
            caller: served.flow.caller.clone(),
            host: served.target.host.clone(),
            provider: served.provider.clone(),
            http: self.http,
            status: self.status,
            ending,
            detail: self.detail.take(),
            reused: self.reused,
            resigned: self.resigned.take(),
            record,
        })));
        served.exchange_over();
    }
}

impl Inner {
    /// What the exchange has used of limits. A request that was sent may have been acted upon, whatever came back.
    fn used(&self, record: &Record) -> End {
        match self.sent {
            None => End::Unsent,
            Some(_) if self.is_refused => End::Refused,
            Some(_) => {
                End::Used(Usage::of(&record.operation, &record.usage, &record.request, &record.response))
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tell(Ending::ApplicationGone);
    }
}
