//! The control groups below one, and those that come to be there, told as soon as they are made.
//! Knows directories and watches of them. Does not know what a group stands for.
//!
//! A tracepoint would tell of new groups, too (`cgroup_mkdir`), but not of which: to read an id out of the kernel's memory
//! takes helpers that are only for programs under the GPL, and the tree would be walked for every group. A watch names the
//! directory, works on every kernel, and costs one entry of `fs.inotify.max_user_watches` a group.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;

/// Groups that have come and gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Ids and directories; those above before those below.
    pub(super) born: Vec<(u64, PathBuf)>,
    /// Ids.
    pub(super) gone: Vec<u64>,
}

/// See the head of this file.
pub(super) struct Groups {
    inotify: AsyncFd<Watches>,
    root: PathBuf,
    most: usize,
    found: HashMap<PathBuf, Found>,
    by_watch: HashMap<WatchDescriptor, PathBuf>,
    passed_over: usize,
}

/// The reactor asks for the number of the descriptor.
struct Watches(Inotify);

impl AsRawFd for Watches {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[derive(Debug, Clone, Copy)]
struct Found {
    id: u64,
    watch: WatchDescriptor,
}

impl Groups {
    /// All groups at `root` and below it, at most so many, and whoever comes to be there.
    ///
    /// # Errors
    /// The user may not watch anything more.
    pub(super) fn watch(root: &Path, most: usize) -> io::Result<(Self, Change)> {
        let watches = Watches(Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?);
        #[expect(unsafe_code, reason = "the reactor keeps a number of a descriptor")]
        // SAFETY: `watches` owns the descriptor, keeps it for as long as it lives, and moves into the reactor's handle.
        let registered = unsafe { AsyncFd::register(watches) };
        let inotify = registered.map_err(|error| error.into_parts().1)?;
        let (found, by_watch, root) = (HashMap::new(), HashMap::new(), root.to_owned());
        let mut groups = Self { inotify, root: root.clone(), most, found, by_watch, passed_over: 0 };
        let mut change = Change::default();
        groups.visit(root, &mut change);
        Ok((groups, change))
    }

    /// Groups that were found and are not watched, because there are more than there may be.
    pub(super) fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// What has changed. Nothing is lost if it is dropped while it waits.
    ///
    /// # Errors
    /// The kernel's events cannot be read.
    pub(super) async fn next(&mut self) -> io::Result<Change> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let events = match self.inotify.get_ref().0.read_events() {
                Err(Errno::EAGAIN) => {
                    ready.clear_ready();
                    continue;
                }
                events => events?,
            };
            let mut change = Change::default();
            for event in events {
                self.take(event, &mut change);
            }
            if self.has_room_again() {
                self.look_again(&mut change);
            }
            if change != Change::default() {
                return Ok(change);
            }
        }
    }

    fn take(&mut self, event: InotifyEvent, change: &mut Change) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return self.look_again(change);
        }
        let Some((directory, name)) = self.by_watch.get(&event.wd).zip(event.name) else { return };
        let path = directory.join(name);
        if event.mask.contains(AddWatchFlags::IN_DELETE) {
            self.forget(&path, change);
        } else if event.mask.contains(AddWatchFlags::IN_ISDIR) {
            self.visit(path, change);
        }
    }

    /// Takes up a directory with all that is below it: what was made there before it was watched is told by nobody.
    fn visit(&mut self, directory: PathBuf, change: &mut Change) {
        let mut waiting = vec![directory];
        while let Some(path) = waiting.pop() {
            if self.found.len() >= self.most && !self.found.contains_key(&path) {
                self.passed_over += 1;
                continue;
            }
            let watch = match self.inotify.get_ref().0.add_watch(&path, wanted()) {
                Ok(watch) => watch,
                // The user's watches are used up.
                Err(Errno::ENOSPC | Errno::ENOMEM) => {
                    self.passed_over += 1;
                    continue;
                }
                // It is gone again.
                Err(_) => continue,
            };
            let Ok(metadata) = path.metadata() else { continue };
            let found = Found { id: metadata.ino(), watch };
            match self.found.get(&path) {
                // Seen below its parent already, and told of now.
                Some(known) if known.id == found.id => continue,
                Some(_) => self.forget(&path, change),
                None => {}
            }
            change.born.push((found.id, path.clone()));
            self.by_watch.insert(watch, path.clone());
            self.found.insert(path.clone(), found);
            let below = std::fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(
                below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()),
            );
        }
    }

    /// A directory is removed only when nothing is below it any more.
    fn forget(&mut self, path: &Path, change: &mut Change) {
        let Some(found) = self.found.remove(path) else { return };
        self.by_watch.remove(&found.watch);
        // What is gone may have taken its watch along.
        let _ = self.inotify.get_ref().0.rm_watch(found.watch);
        match change.born.iter().position(|(id, _)| *id == found.id) {
            Some(at) => drop(change.born.remove(at)),
            None => change.gone.push(found.id),
        }
    }

    /// Whether so many are gone that those that were passed over may find room. Not at every single one: the whole tree is
    /// walked for it.
    fn has_room_again(&self) -> bool {
        self.passed_over > 0 && self.found.len() <= self.most - self.most.div_ceil(8)
    }

    /// Some events were lost, or there is room again: all that is there is compared with all that has been told. `change` is
    /// what is to be told next.
    fn look_again(&mut self, change: &mut Change) {
        let before = std::mem::take(&mut self.found);
        let untold: HashSet<(u64, PathBuf)> = change.born.drain(..).collect();
        self.by_watch.clear();
        self.passed_over = 0;
        let mut now = Change::default();
        self.visit(self.root.clone(), &mut now);
        let was_told = |one: &(u64, PathBuf)| {
            !untold.contains(one) && before.get(&one.1).is_some_and(|found| found.id == one.0)
        };
        change.born.extend(now.born.into_iter().filter(|one| !was_told(one)));
        for (path, found) in before {
            if self.found.get(&path).is_none_or(|now| now.id != found.id) {
                let _ = self.inotify.get_ref().0.rm_watch(found.watch);
                if !untold.contains(&(found.id, path)) {
                    change.gone.push(found.id);
                }
            }
        }
    }
}

fn wanted() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ONLYDIR
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn id(path: &Path) -> u64 {
        path.metadata().unwrap().ino()
    }

    fn one(path: &Path) -> (u64, PathBuf) {
        (id(path), path.to_owned())
    }

    /// Changes until nothing is missing of these.
    async fn until(groups: &mut Groups, born: usize, gone: usize) -> Change {
        let mut all = Change::default();
        while all.born.len() < born || all.gone.len() < gone {
            let change = groups.next().await.unwrap();
            all.born.extend(change.born);
            all.gone.extend(change.gone);
        }
        all
    }

    #[tokio::test]
    async fn what_is_there_and_what_comes_and_goes_is_told() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        let pod = root.join("kubepods/pod1");
        fs::create_dir_all(&pod).unwrap();
        fs::write(root.join("cgroup.procs"), "").unwrap();
        let (mut groups, found) = Groups::watch(root, 100).unwrap();
        assert_eq!(found.born, [one(root), one(&root.join("kubepods")), one(&pod)]);

        let deep = pod.join("container/inner");
        fs::create_dir_all(&deep).unwrap();
        fs::write(pod.join("cgroup.events"), "").unwrap();
        let change = until(&mut groups, 2, 0).await;
        assert_eq!(change.born, [one(&pod.join("container")), one(&deep)]);

        let inner = id(&deep);
        fs::remove_dir(&deep).unwrap();
        assert_eq!(until(&mut groups, 0, 1).await, Change { born: Vec::new(), gone: vec![inner] });
        fs::create_dir(&deep).unwrap();
        assert_eq!(until(&mut groups, 1, 0).await.born, [one(&deep)]);
        assert_eq!(groups.passed_over(), 0);
    }

    #[tokio::test]
    async fn more_groups_than_there_may_be_are_counted() {
        let tree = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::create_dir(tree.path().join(name)).unwrap();
        }
        let (groups, found) = Groups::watch(tree.path(), 3).unwrap();
        assert_eq!((found.born.len(), groups.passed_over()), (3, 1));
    }

    #[tokio::test]
    async fn those_that_were_passed_over_are_looked_at_when_there_is_room() {
        let tree = tempfile::tempdir().unwrap();
        let all = ["a", "b", "c", "d"].map(|name| tree.path().join(name));
        all.iter().for_each(|path| fs::create_dir(path).unwrap());
        let (mut groups, found) = Groups::watch(tree.path(), 4).unwrap();
        assert_eq!((found.born.len(), groups.passed_over()), (4, 1));
        let (watched, over): (Vec<_>, Vec<_>) =
            all.iter().partition(|path| found.born.iter().any(|(_, born)| born == *path));
        let gone = id(watched[0]);
        fs::remove_dir(watched[0]).unwrap();
        let change = until(&mut groups, 1, 1).await;
        assert_eq!(change, Change { born: vec![one(over[0])], gone: vec![gone] });
        assert_eq!(groups.passed_over(), 0);
    }

    #[tokio::test]
    async fn where_events_were_lost_everything_is_looked_at_again() {
        let tree = tempfile::tempdir().unwrap();
        let [stays, goes, comes] = ["stays", "goes", "comes"].map(|name| tree.path().join(name));
        fs::create_dir(&stays).unwrap();
        fs::create_dir(&goes).unwrap();
        let (mut groups, _) = Groups::watch(tree.path(), 100).unwrap();
        let gone = id(&goes);
        fs::remove_dir(&goes).unwrap();
        fs::create_dir(&comes).unwrap();
        // What came before the events were lost, and is not told yet, is told; what has gone meanwhile, never.
        let [early, brief] = ["early", "brief"].map(|name| tree.path().join(name));
        let mut change = Change::default();
        for path in [&early, &brief] {
            fs::create_dir(path).unwrap();
            groups.visit(path.clone(), &mut change);
        }
        fs::remove_dir(&brief).unwrap();
        groups.look_again(&mut change);
        change.born.sort_by(|a, b| a.1.cmp(&b.1));
        assert_eq!(change, Change { born: vec![one(&comes), one(&early)], gone: vec![gone] });
        // What the events say of it afterwards is no news.
        fs::create_dir(stays.join("below")).unwrap();
        assert_eq!(until(&mut groups, 1, 0).await.born, [one(&stays.join("below"))]);
    }
}
