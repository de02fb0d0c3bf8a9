//! The daemon's own credentials, read from files and read again when these change.
//! Knows files, and for which hosts credentials are. Does not know requests.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use interceptor_engine::catalogue::HostPattern;
use zeroize::Zeroizing;

use crate::hello::Host;
use crate::telemetry::chain;

/// Longest file that is read: session tokens have some two thousand characters, and no documented bound.
const LONGEST: usize = 16 << 10;

/// Where credentials are, and what they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialSpec {
    /// What events call them.
    pub name: Arc<str>,
    /// The catalogue's provider.
    pub provider: String,
    /// Hosts of that provider; none means all.
    pub hosts: Vec<HostPattern>,
    /// The file with the access key's identifier.
    pub id: PathBuf,
    /// The file with the secret.
    pub secret: PathBuf,
    /// The file with the token of temporary credentials.
    pub token: Option<PathBuf>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("cannot read {} (signing.credentials: {name})", path.display())]
    Read {
        /// Whose it is.
        name: Arc<str>,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: io::Error,
    },
    /// A file holds something else.
    #[error(
        "{} holds no {what} of AWS (signing.credentials: {name}); expected that one word and nothing else",
        path.display()
    )]
    Unfit {
        /// Whose it is.
        name: Arc<str>,
        /// What it should hold.
        what: &'static str,
        /// Its path.
        path: PathBuf,
    },
    /// Nobody is called like that.
    #[error(
        "the catalogue has no provider `{provider}` (signing.credentials: {name}); expected one whose requests AWS signs, \
         such as `aws-bedrock`"
    )]
    Provider {
        /// Whose it is.
        name: Arc<str>,
        /// What was written.
        provider: String,
    },
}

/// Credentials as they are at the moment.
#[derive(PartialEq, Eq)]
pub struct Keys {
    name: Arc<str>,
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

// Only the name is for others.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Keys {
    /// What the configuration calls them.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }

    #[cfg(test)]
    pub(super) fn of(name: &str, id: &str, secret: &str, token: Option<&str>) -> Self {
        let kept = |text: &str| Zeroizing::new(text.to_owned());
        Self { name: name.into(), id: id.to_owned(), secret: kept(secret), token: token.map(kept) }
    }

    fn read(spec: &CredentialSpec) -> Result<Self, CredentialError> {
        let name = &spec.name;
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let id = word(name, "access key id", &spec.id, is_id)?;
        let secret = word(name, "secret access key", &spec.secret, |byte| byte.is_ascii_graphic())?;
        let token = spec.token.as_deref();
        let token = token.map(|path| word(name, "session token", path, |byte| byte.is_ascii_graphic()));
        Ok(Self { name: name.clone(), id: id.to_string(), secret, token: token.transpose()? })
    }
}

/// The one word that a file holds.
fn word(
    name: &Arc<str>,
    what: &'static str,
    path: &Path,
    fits: impl Fn(u8) -> bool,
) -> Result<Zeroizing<String>, CredentialError> {
    let unread = |io| CredentialError::Read { name: name.clone(), path: path.to_owned(), io };
    // As long as it can get from the start: memory that is moved is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    File::open(path)
        .and_then(|file| file.take(LONGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(unread)?;
    let word = bytes.trim_ascii();
    let is_fit = !word.is_empty() && bytes.len() <= LONGEST && word.iter().all(|byte| fits(*byte));
    let word = is_fit.then(|| std::str::from_utf8(word).ok()).flatten();
    let unfit = || CredentialError::Unfit { name: name.clone(), what, path: path.to_owned() };
    word.map(|word| Zeroizing::new(word.to_owned())).ok_or_else(unfit)
}

/// All credentials.
#[derive(Default)]
pub struct Keyring {
    held: Vec<Held>,
}

struct Held {
    spec: CredentialSpec,
    keys: ArcSwap<Keys>,
    seen: Mutex<Seen>,
}

/// What the last look showed that is not in force.
#[derive(Default)]
enum Seen {
    #[default]
    Nothing,
    /// Others. There are two or three files, and whoever replaces them is met half-way now and then: others are taken when
    /// they are seen for the second time.
    Others(Keys),
    /// Something wrong, told when it is seen for the second time.
    Wrong { text: String, is_told: bool },
}

/// What came of a look at one set of files, to be told of.
#[derive(Debug)]
pub struct Look {
    /// Whose files.
    pub name: Arc<str>,
    /// What is wrong with them, if they are not in force now.
    pub error: Option<CredentialError>,
}

impl Keyring {
    /// Reads all credentials.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn load(specs: &[CredentialSpec]) -> Result<Self, CredentialError> {
        let held = |spec: &CredentialSpec| {
            let keys = Keys::read(spec)?;
            warn_of_readers(spec);
            Ok(Held { spec: spec.clone(), keys: ArcSwap::from_pointee(keys), seen: Mutex::default() })
        };
        Ok(Self { held: specs.iter().map(held).collect::<Result<_, _>>()? })
    }

    /// Whose provider is not among those that `is_known`.
    ///
    /// # Errors
    /// The first such.
    pub fn check(&self, is_known: impl Fn(&str) -> bool) -> Result<(), CredentialError> {
        match self.held.iter().find(|held| !is_known(&held.spec.provider)) {
            Some(Held { spec, .. }) => {
                Err(CredentialError::Provider { name: spec.name.clone(), provider: spec.provider.clone() })
            }
            None => Ok(()),
        }
    }

    /// The credentials for a host: the first that are for it.
    pub fn keys(&self, provider: &str, host: &Host) -> Option<Arc<Keys>> {
        let is_for = |held: &&Held| {
            let hosts = &held.spec.hosts;
            held.spec.provider == provider
                && (hosts.is_empty() || hosts.iter().any(|pattern| pattern.matches(host.as_str())))
        };
        self.held.iter().find(is_for).map(|held| held.keys.load_full())
    }

    /// Looks at all files, takes up those that have changed, and says what is to be told of that. What is wrong never
    /// replaces what is right.
    pub fn look(&self) -> Vec<Look> {
        self.held.iter().filter_map(Held::look).collect()
    }
}

impl Held {
    fn look(&self) -> Option<Look> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let name = self.spec.name.clone();
        let before = std::mem::take(&mut *seen);
        match (Keys::read(&self.spec), before) {
            (Ok(keys), _) if keys == **self.keys.load() => None,
            (Ok(keys), Seen::Others(others)) if keys == others => {
                self.keys.store(Arc::new(keys));
                warn_of_readers(&self.spec);
                Some(Look { name, error: None })
            }
            (Ok(keys), _) => {
                *seen = Seen::Others(keys);
                None
            }
            (Err(error), before) => {
                let text = chain(&error);
                let (again, was_told) = match before {
                    Seen::Wrong { text: last, is_told } => (last == text, is_told),
                    _ => (false, false),
                };
                *seen = Seen::Wrong { text, is_told: again };
                (again && !was_told).then_some(Look { name, error: Some(error) })
            }
        }
    }
}

/// Mounted secrets can often be read by everybody in the container, which is nobody else: no reason to refuse them.
fn warn_of_readers(spec: &CredentialSpec) {
    for path in [Some(&spec.secret), spec.token.as_ref()].into_iter().flatten() {
        let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o777);
        if mode & 0o077 != 0 {
            let mode = format!("{mode:04o}");
            tracing::warn!(path = %path.display(), mode, "others than its owner can read this secret");
        }
    }
}
