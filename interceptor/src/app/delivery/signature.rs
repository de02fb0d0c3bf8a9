//! Policy that is taken from certain people only: every file has to be listed with its hash in a manifest beside it,
//! `policy.sha256` as `sha256sum` writes it, which one of the configured keys has signed with minisign.
//!
//! One manifest and not a signature for each file, so that a set is taken as a whole: nobody who can write the files but
//! has no key can leave one out, add one, or put an old one beside new ones. The time in the signature's trusted comment
//! keeps a whole older set from coming back, see `age`. What is not held off: that news are kept from a node.
//! Knows keys, hashes and manifests. Does not know what the files say.

mod age;
mod manifest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey, Signature};

use crate::config::Config;
use age::Ages;
use manifest::Manifest;

/// The manifest, in the directory of the files that it lists.
pub(super) const MANIFEST: &str = "policy.sha256";
/// What minisign puts beside it.
pub(super) const SIGNATURE: &str = "policy.sha256.minisig";

/// The longest signature or key: four lines.
const LONGEST: u64 = 4 << 10;

/// Why a policy is not taken to be that of whom it should be from.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The manifest, its signature or a key cannot be read.
    #[error("cannot read {}, and only signed policy is taken (policy.signature)", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
    /// A key that is none.
    #[error("{} is no public key of minisign (policy.signature.publicKeys)", path.display())]
    NoKey {
        /// Its path.
        path: PathBuf,
    },
    /// The signature is in no form that is known.
    #[error("{} is no signature of minisign; `minisign -Sm {MANIFEST}` writes one", path.display())]
    NoSignature {
        /// Its path.
        path: PathBuf,
    },
    /// Signed by somebody else.
    #[error("{} was made with a key that policy.signature.publicKeys does not name", path.display())]
    OtherKey {
        /// The signature.
        path: PathBuf,
    },
    /// The manifest or the signature was changed.
    #[error("{} does not fit its signature: one of them was changed after it was signed", path.display())]
    Broken {
        /// The manifest.
        path: PathBuf,
    },
    /// Nothing says when it was signed.
    #[error(
        "the trusted comment of {} holds no `timestamp:`, which minisign writes unless it is told otherwise",
        path.display()
    )]
    NoTime {
        /// The signature.
        path: PathBuf,
    },
    /// A set that is older than the last one that was taken.
    #[error(
        "{} was signed at {at}, before the policy that was taken last ({last}); to go back to what it says, sign it \
         again, or remove {}", path.display(), noted.display()
    )]
    Older {
        /// The signature.
        path: PathBuf,
        /// When it was made, in seconds since 1970.
        at: u64,
        /// When that of the last set was made.
        last: u64,
        /// Where that is noted.
        noted: PathBuf,
    },
    /// A line of the manifest that is none.
    #[error("{}:{line}: is no line of `sha256sum` with the bare name of a file, or the second one about it", path.display())]
    Line {
        /// The manifest.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// A file that nobody signed.
    #[error("{} is not in {MANIFEST}, so nobody signed it", path.display())]
    Unlisted {
        /// The file.
        path: PathBuf,
    },
    /// A file that was changed.
    #[error("{} is not as {MANIFEST} says it was signed", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file that is gone.
    #[error("{} lists `{name}`, which is not there", path.display())]
    Absent {
        /// The manifest.
        path: PathBuf,
        /// The file.
        name: String,
    },
    /// It cannot be written down when the last set was signed.
    #[error("cannot write down in {} when policy was signed", path.display())]
    Note {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
}

impl SignatureError {
    /// The file that is wrong.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::NoKey { path }
            | Self::NoSignature { path }
            | Self::OtherKey { path }
            | Self::Broken { path }
            | Self::NoTime { path }
            | Self::Older { path, .. }
            | Self::Line { path, .. }
            | Self::Unlisted { path }
            | Self::Changed { path }
            | Self::Absent { path, .. }
            | Self::Note { path, .. } => path,
        }
    }
}

/// Files that are as somebody signed them, which is noted once they are in force.
#[derive(Debug, Default)]
pub struct Signed {
    ages: Option<Ages>,
    /// The manifest's directory as it is called, and when it was signed.
    times: Vec<(PathBuf, u64)>,
}

/// Checks the files of a configuration's policy, each with its name. Without keys anything goes.
///
/// # Errors
/// The first thing that is wrong; nothing of the set may be used then.
pub fn check(config: &Config, files: &[(String, String)]) -> Result<Signed, SignatureError> {
    if config.policy_keys.is_empty() {
        return Ok(Signed::default());
    }
    let keys = Keys::read(&config.policy_keys)?;
    let ages = Ages::at(&config.state);
    let mut times = Vec::new();
    for (folder, files) in by_folder(files) {
        let named = config.policies.iter().any(|path| path.parent() == Some(&folder));
        // The directory goes by its own name, wherever its links lead today.
        let directory = config.policy_directory.as_ref().filter(|path| !named || **path == folder);
        let at = keys.folder(&folder, &files, directory.is_some())?;
        let called = directory.unwrap_or(&folder);
        ages.admit(called, at, &folder.join(SIGNATURE))?;
        times.push((called.clone(), at));
    }
    Ok(Signed { ages: Some(ages), times })
}

/// Checks files as a directory of policies is checked, except for what came before: when each manifest was signed.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_files(keys: &[PathBuf], files: &[(String, String)]) -> Result<Vec<u64>, SignatureError> {
    let keys = Keys::read(keys)?;
    by_folder(files).into_iter().map(|(folder, files)| keys.folder(&folder, &files, true)).collect()
}

impl Signed {
    /// The set is in force: nothing that was signed before it will be, from now on.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn accept(self) -> Result<(), SignatureError> {
        match self.ages {
            Some(ages) => ages.note(&self.times),
            None => Ok(()),
        }
    }
}

/// A file and its text.
type Named<'f> = (&'f str, &'f str);

/// The files of each directory, by their bare names.
fn by_folder(files: &[(String, String)]) -> BTreeMap<PathBuf, Vec<Named<'_>>> {
    let mut folders: BTreeMap<PathBuf, Vec<Named<'_>>> = BTreeMap::new();
    for (path, text) in files {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        folders.entry(folder.into()).or_default().push((name, text));
    }
    folders
}

/// The keys of those from whom policy is taken.
struct Keys(Vec<PublicKey>);

impl Keys {
    fn read(paths: &[PathBuf]) -> Result<Self, SignatureError> {
        let key = |path: &PathBuf| {
            let text = read(path, LONGEST)?;
            // With the comment in front, as minisign writes it into a file, or without it, as it prints it.
            let key = PublicKey::decode(&text).or_else(|_| PublicKey::from_base64(text.trim()));
            key.map_err(|_| SignatureError::NoKey { path: path.clone() })
        };
        Ok(Self(paths.iter().map(key).collect::<Result<_, _>>()?))
    }

    /// Checks the files of a directory against its manifest; `whole` says that there have to be all that it lists.
    /// When that was signed, in seconds since 1970.
    fn folder(&self, folder: &Path, files: &[Named<'_>], whole: bool) -> Result<u64, SignatureError> {
        let path = folder.join(MANIFEST);
        let text = read(&path, manifest::LONGEST)?;
        let at = self.signed(&path, &text, &folder.join(SIGNATURE))?;
        let manifest =
            Manifest::parse(&text).map_err(|line| SignatureError::Line { path: path.clone(), line })?;
        for (name, text) in files {
            let hash = manifest.hash(name);
            let hash = hash.ok_or_else(|| SignatureError::Unlisted { path: folder.join(name) })?;
            if !manifest::fits(hash, text.as_bytes()) {
                return Err(SignatureError::Changed { path: folder.join(name) });
            }
        }
        let absent = manifest.policies().find(|name| files.iter().all(|(known, _)| known != name));
        match absent.filter(|_| whole) {
            Some(name) => Err(SignatureError::Absent { path, name: name.to_owned() }),
            None => Ok(at),
        }
    }

    /// When one of the keys signed the manifest.
    fn signed(&self, manifest: &Path, text: &str, path: &Path) -> Result<u64, SignatureError> {
        let unfit = || SignatureError::NoSignature { path: path.to_owned() };
        let signature = Signature::decode(&read(path, LONGEST)?).map_err(|_| unfit())?;
        let mut worst = SignatureError::OtherKey { path: path.to_owned() };
        for key in &self.0 {
            match key.verify(text.as_bytes(), &signature, false) {
                Ok(()) => {
                    let at = age::told(signature.trusted_comment());
                    return at.ok_or_else(|| SignatureError::NoTime { path: path.to_owned() });
                }
                Err(Error::UnexpectedKeyId) => {}
                // Before version 0.10 minisign signed without a hash, which nobody has to do any more.
                Err(Error::UnexpectedAlgorithm) => worst = unfit(),
                Err(_) => worst = SignatureError::Broken { path: manifest.to_owned() },
            }
        }
        Err(worst)
    }
}

/// The text of a small file.
fn read(path: &Path, most: u64) -> Result<String, SignatureError> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |io| SignatureError::Read { path: path.to_owned(), io };
    // Opening a pipe must not wait for whoever writes into it.
    let file = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let mut text = String::new();
    let length = file.map_err(failed)?.take(most + 1).read_to_string(&mut text).map_err(failed)?;
    if length as u64 > most {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
