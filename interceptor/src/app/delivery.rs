//! Policy that is delivered: files that the configuration names, a directory that others write, and objects of the
//! cluster. All of them are one set.
//! Knows how directories change under a reader: Kubernetes swaps a link, people write files in place. Does not know what
//! policies say.

mod cluster;
pub mod signature;
mod taken;

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::cluster::Verdict;
use self::taken::{Taken, wrong};
use super::start::StartError;
use crate::cluster::ConnectError;
use crate::config::Config;
use crate::source::Source;

/// The largest file, and the most that all of them may hold. Ten thousand policies fit; what is larger is no policy.
const LARGEST: u64 = 16 << 20;
/// Files in a directory.
const MOST: usize = 4096;
/// The link that Kubernetes swaps when a mounted ConfigMap or Secret changes. The files' own links lead through it.
const SWAPPED: &str = "..data";

/// Why policy cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// A file or the directory cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said: of links that lead to one another, too.
        #[source]
        io: std::io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("{} is no file", path.display())]
    NoFile {
        /// Its path.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{} is not UTF-8", path.display())]
    NoText {
        /// Its path.
        path: PathBuf,
    },
    /// With this file there is more than anybody means.
    #[error("policies hold more than {} MiB with {}", LARGEST >> 20, path.display())]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// The directory has more files than anybody means.
    #[error("{} holds more than {MOST} files", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// The directory has no policy. Nothing would be in force that somebody meant to be.
    #[error("{} holds no policy: no file that ends with .yaml or .yml (policy.directory)", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// The API server cannot be asked, now or ever.
    #[error("policies cannot be asked for (policy.kubernetes)")]
    Cluster(#[from] ConnectError),
    /// The API server has not answered, and nobody knows what it would have said.
    #[error(
        "the API server has not said which policies there are ({why}), and none are kept from an earlier start \
         (policy.kubernetes)"
    )]
    Away {
        /// What is wrong, as far as it is known.
        why: String,
    },
}

/// Where policy comes from, watched.
pub(super) struct Delivery {
    watch: Watch,
    objects: Option<Taken>,
}

impl Delivery {
    /// Looks at everything before it is read: what changes meanwhile is news. Waits for objects, if there are to be any.
    ///
    /// # Errors
    /// Nobody knows which objects there are.
    pub(super) fn start(config: &Config) -> Result<Self, DeliveryError> {
        let objects =
            config.policy_objects.as_ref().map(|spec| Taken::start(spec, &config.state)).transpose()?;
        Ok(Self { watch: Watch::new(config), objects })
    }

    /// All policies, each with its name for messages.
    ///
    /// # Errors
    /// See [`DeliveryError`]; nothing is left out.
    pub(super) fn policies(&self, config: &Config) -> Result<Vec<(String, String)>, DeliveryError> {
        policies_with(config, &self.objects())
    }

    /// Those of them that are objects of the cluster, as they were taken last.
    pub(super) fn objects(&self) -> Arc<Vec<(String, String)>> {
        self.objects.as_ref().map(|taken| taken.files.clone()).unwrap_or_default()
    }

    /// Whether there is something new to be read.
    pub(super) fn has_news(&mut self) -> bool {
        // Both are looked at: what is new in one place must not wait for the other.
        let in_objects = self.objects.as_mut().is_some_and(Taken::has_news);
        self.watch.has_news() || in_objects
    }

    /// The objects that were in force before, for a start that finds mistakes in those of now.
    pub(super) fn kept(&self) -> Option<Vec<(String, String)>> {
        let taken = self.objects.as_ref()?;
        cluster::kept(&taken.state).ok().filter(|files| *files != *taken.files)
    }

    /// Goes on with another directory.
    pub(super) fn watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    /// Keeps a set that is in force, and lets objects be told what became of the set: nothing is `wrong` if it is.
    pub(super) fn judged(&self, wrong: Option<&StartError>) {
        let Some(taken) = &self.objects else { return };
        let wrong = wrong.map(self::wrong);
        if wrong.is_none()
            && let Err(error) = cluster::keep(&taken.state, &taken.files)
        {
            tracing::warn!(%error, "policies are not kept for a start without the API server (stateDirectory)");
        }
        taken.objects.judge(Verdict { documents: taken.documents.clone(), wrong });
    }

    /// Who is asked for policies, and how that goes.
    pub(super) fn sources(&self) -> &[Arc<Source>] {
        self.objects.as_ref().map_or(&[], |taken| taken.objects.sources())
    }
}

/// All policy files of a configuration, each with its name for messages: the named ones, then those of the directory in
/// the order of their names.
///
/// # Errors
/// See [`DeliveryError`]; nothing is left out.
pub(super) fn policies(config: &Config) -> Result<Vec<(String, String)>, DeliveryError> {
    policies_with(config, &[])
}

/// The same, and objects of the cluster after them.
///
/// # Errors
/// See [`DeliveryError`]; nothing is left out.
pub(super) fn policies_with(
    config: &Config,
    objects: &[(String, String)],
) -> Result<Vec<(String, String)>, DeliveryError> {
    let mut paths = config.policies.clone();
    if let Some(directory) = &config.policy_directory {
        let listed = list(&current(directory), directory)?;
        if listed.is_empty() {
            return Err(DeliveryError::Empty { path: directory.clone() });
        }
        paths.extend(listed);
    }
    let mut left = LARGEST;
    let mut files = paths.into_iter().map(|path| read(&path, &mut left)).collect::<Result<Vec<_>, _>>()?;
    for (name, text) in objects {
        left = left
            .checked_sub(text.len() as u64)
            .ok_or_else(|| DeliveryError::TooLarge { path: name.into() })?;
        files.push((name.clone(), text.clone()));
    }
    Ok(files)
}

/// The directory in which the files are. Followed once, so that a swap in the middle cannot mix two versions.
fn current(directory: &Path) -> PathBuf {
    directory.join(SWAPPED).canonicalize().unwrap_or_else(|_| directory.to_owned())
}

/// The policy files of a directory. Names with a dot in front are Kubernetes' own, and what editors leave.
fn list(current: &Path, directory: &Path) -> Result<Vec<PathBuf>, DeliveryError> {
    let failed = |io| DeliveryError::Read { path: directory.to_owned(), io };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(current).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_ours = path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_ours && !is_hidden {
            paths.push(path);
        }
        if paths.len() > MOST {
            return Err(DeliveryError::TooMany { path: directory.to_owned() });
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Reads one file, of at most as many bytes as are `left` for it and those after it.
fn read(path: &Path, left: &mut u64) -> Result<(String, String), DeliveryError> {
    let failed = |io| DeliveryError::Read { path: path.to_owned(), io };
    // Opening a pipe must not wait for whoever writes into it.
    let file: File =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(DeliveryError::NoFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    // One byte more than may be: the file may grow while it is read.
    let size = file.take(*left + 1).read_to_end(&mut bytes).map_err(failed)? as u64;
    *left = left.checked_sub(size).ok_or_else(|| DeliveryError::TooLarge { path: path.to_owned() })?;
    let text = String::from_utf8(bytes).map_err(|_| DeliveryError::NoText { path: path.to_owned() })?;
    Ok((path.display().to_string(), text))
}

/// What a directory looks like: where its files are, and of each what changes when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    current: PathBuf,
    files: Vec<(PathBuf, Option<[i64; 4]>)>,
}

impl Look {
    fn at(directory: &Path) -> Self {
        let current = current(directory);
        let files = list(&current, directory).unwrap_or_default();
        // A set that is signed anew is another set.
        let signed = [signature::MANIFEST, signature::SIGNATURE].map(|name| current.join(name));
        let files = files.into_iter().chain(signed).map(|path| {
            let facts = path.metadata().ok().map(|file| {
                [file.ino().cast_signed(), file.size().cast_signed(), file.mtime(), file.mtime_nsec()]
            });
            (path, facts)
        });
        Self { files: files.collect(), current }
    }
}

/// Looks at a directory again and again.
#[derive(Debug, Default)]
pub(super) struct Watch {
    directory: Option<PathBuf>,
    taken: Option<Look>,
    waiting: Option<Look>,
}

impl Watch {
    /// Of the directory of a configuration whose policy was just read.
    pub(super) fn new(config: &Config) -> Self {
        let mut watch = Self { directory: config.policy_directory.clone(), ..Self::default() };
        watch.taken = watch.look();
        watch
    }

    /// Whether there is something new to be read. A swapped link is complete at once; files that are written in place
    /// have to look the same twice, because the beginning of a policy may be a policy, too.
    pub(super) fn has_news(&mut self) -> bool {
        let look = self.look();
        if look == self.taken {
            self.waiting = None;
            return false;
        }
        let place = |look: &Option<Look>| look.as_ref().map(|look| look.current.clone());
        let is_swapped = place(&look) != place(&self.taken);
        if is_swapped || look == self.waiting {
            self.waiting = None;
            // What is wrong is told once, and read again when it has changed.
            self.taken = look;
            return true;
        }
        self.waiting = look;
        false
    }

    fn look(&self) -> Option<Look> {
        self.directory.as_deref().map(Look::at)
    }
}

#[cfg(test)]
mod tests;
