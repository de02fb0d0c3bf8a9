//! Finds out who may call before he does: what every control group stands for, as soon as it is there.
//! Knows groups, and whom to ask again. Does not know what for.
//!
//! A container that nobody knows yet is asked about again, at ever longer intervals: the runtime may not have finished
//! making it, and what holds a pod's namespaces together is no container to it and never will be.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};

use super::ask::{Finder, changed};
use super::groups::{Change, Groups};

/// Groups that are looked at: half of what is remembered, so that those who call find room as well.
const MOST: usize = super::table::LARGEST / 2;
/// The runtime is asked about so many at once, besides those who wait for an answer.
const AT_ONCE: usize = 16;
/// The shortest and the longest time until a container in doubt is asked about again.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(60);
/// What the API server says is news about containers that were asked about so lately.
const YOUNG: Duration = Duration::from_secs(4);

/// Whose groups are to be looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// Counts up.
    pub(super) number: u64,
    /// The directory of the outermost; without it none.
    pub(super) below: Option<PathBuf>,
}

/// How that goes.
#[derive(Debug, Default)]
pub(super) struct Progress {
    foreseen: AtomicUsize,
    passed_over: AtomicUsize,
}

impl Progress {
    /// In Prometheus' format.
    pub(super) fn text(&self) -> String {
        let (foreseen, over) =
            (self.foreseen.load(Ordering::Relaxed), self.passed_over.load(Ordering::Relaxed));
        format!(
            "# HELP interceptor_groups_foreseen Control groups that are looked at before anybody calls from them.\n\
             # TYPE interceptor_groups_foreseen gauge\ninterceptor_groups_foreseen {foreseen}\n\
             # HELP interceptor_groups_passed_over Control groups that there was no room to look at.\n\
             # TYPE interceptor_groups_passed_over gauge\ninterceptor_groups_passed_over {over}\n"
        )
    }
}

/// See the head of this file.
pub(super) struct Ahead {
    finder: Rc<Finder>,
    progress: Arc<Progress>,
    room: Arc<Semaphore>,
    doubts: RefCell<HashMap<u64, Doubt>>,
}

/// A group that is to be asked about again.
struct Doubt {
    path: String,
    pause: Duration,
    due: Instant,
}

impl Ahead {
    pub(super) fn new(finder: Rc<Finder>, progress: Arc<Progress>) -> Rc<Self> {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Rc::new(Self { finder, progress, room, doubts: RefCell::default() })
    }

    /// Looks as it is wished to, and says which wish was fulfilled: every group that was there was asked about once.
    pub(super) async fn run(self: Rc<Self>, mut wishes: watch::Receiver<Wish>, done: watch::Sender<u64>) {
        loop {
            let Wish { number, below } = wishes.borrow_and_update().clone();
            self.forget();
            let look = async {
                if let Some(below) = below {
                    self.clone().look(&below, number, &done).await;
                }
                fulfil(&done, number);
                std::future::pending::<()>().await;
            };
            let changed = tokio::select! {
                changed = wishes.changed() => changed,
                () = look => Ok(()),
            };
            if changed.is_err() {
                return;
            }
        }
    }

    fn forget(&self) {
        self.finder.table.expect_none();
        self.doubts.borrow_mut().clear();
        self.progress.foreseen.store(0, Ordering::Relaxed);
        self.progress.passed_over.store(0, Ordering::Relaxed);
    }

    /// Ends only if nothing can be watched.
    async fn look(self: Rc<Self>, below: &std::path::Path, number: u64, done: &watch::Sender<u64>) {
        let watched = self.finder.tree.directory(below).and_then(|root| Groups::watch(&root, MOST));
        let (mut groups, found) = match watched {
            Ok(watched) => watched,
            Err(error) => return tracing::warn!(%error, "control groups are looked at when somebody calls"),
        };
        let first = self.clone().take(found, &groups);
        let done = done.clone();
        tokio::task::spawn_local(async move {
            futures_util::future::join_all(first).await;
            fulfil(&done, number);
        });
        let mut again = interval(SOON);
        let mut news = self.finder.news();
        loop {
            tokio::select! {
                change = groups.next() => match change {
                    Ok(change) => drop(self.clone().take(change, &groups)),
                    Err(error) => {
                        return tracing::warn!(%error, "new control groups are looked at when somebody calls");
                    }
                },
                _ = again.tick() => self.clone().ask_again(),
                () = changed(news.as_mut()) => self.clone().hear(),
            }
        }
    }

    /// Enters what a path says at once, and asks for the rest.
    fn take(self: Rc<Self>, change: Change, groups: &Groups) -> Vec<JoinHandle<()>> {
        let Change { born, gone } = change;
        gone.iter().for_each(|id| drop(self.doubts.borrow_mut().remove(id)));
        let table = &self.finder.table;
        let foreseen = table.expect(born.iter().map(|(id, _)| *id), &gone);
        self.progress.foreseen.store(foreseen, Ordering::Relaxed);
        let over = groups.passed_over();
        if self.progress.passed_over.swap(over, Ordering::Relaxed) == 0 && over > 0 {
            tracing::warn!(
                most = MOST,
                "there are more control groups than are looked at before somebody calls"
            );
        }
        let mut plain = Vec::new();
        let mut asked = Vec::new();
        for (id, directory) in born {
            let Some(path) = self.finder.tree.below(&directory) else { continue };
            match self.finder.plain(&path) {
                Some(workload) => plain.push((id, workload)),
                None => asked.push(tokio::task::spawn_local(self.clone().ask(id, path, Duration::ZERO))),
            }
        }
        self.finder.enter_all(plain);
        asked
    }

    async fn ask(self: Rc<Self>, id: u64, path: String, waited: Duration) {
        // It is closed never.
        let _place = self.room.acquire().await;
        if self.finder.table.is_expected(id) {
            self.finder.answer_at(id, &path).await;
            self.note(id, path, waited);
        }
    }

    /// Has it asked again if it is in doubt still.
    fn note(&self, id: u64, path: String, waited: Duration) {
        if self.finder.table.is_settled(id) {
            return;
        }
        let pause = (waited * 2).clamp(SOON, LATE);
        self.doubts.borrow_mut().insert(id, Doubt { path, pause, due: Instant::now() + pause });
    }

    fn ask_again(self: Rc<Self>) {
        let now = Instant::now();
        let due: Vec<_> = self.doubts.borrow_mut().extract_if(|_, doubt| doubt.due <= now).collect();
        for (id, Doubt { path, pause, .. }) in due {
            tokio::task::spawn_local(self.clone().ask(id, path, pause));
        }
    }

    fn hear(self: Rc<Self>) {
        let now = Instant::now();
        for doubt in self.doubts.borrow_mut().values_mut().filter(|doubt| doubt.pause <= YOUNG) {
            doubt.due = now;
        }
        self.ask_again();
    }
}

fn fulfil(done: &watch::Sender<u64>, number: u64) {
    done.send_modify(|done| *done = number.max(*done));
}
