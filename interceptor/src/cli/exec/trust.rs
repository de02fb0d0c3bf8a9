//! An authority for the time of one command, and everything that makes the command trust it.
//! Knows which runtime reads which variable. Does not know what the certificates are used for.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use interceptor_engine::Catalogue;
use time::OffsetDateTime;

use crate::tls::authority::Authority;
use crate::tls::authority::issue::Root;
use crate::tls::bundle::{self, SYSTEM_BUNDLES};
use crate::tls::constraints::Folded;

/// Variables that name a file with everything a program trusts. The bundle holds the system's certificates too,
/// because most of these replace and do not add.
const BUNDLE_VARIABLES: [&str; 8] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "GIT_SSL_CAINFO",
];
/// Variables that make a program read the system's store.
const SWITCHES: [(&str, &str); 3] =
    [("NODE_USE_SYSTEM_CA", "1"), ("DENO_TLS_CA_STORE", "system"), ("UV_SYSTEM_CERTS", "true")];

/// Files of one `exec`, removed on drop: root, intermediate, bundle.
pub(super) struct Trust {
    directory: PathBuf,
    authority: PathBuf,
    bundle: PathBuf,
}

impl Trust {
    /// Makes a root, an intermediate for the catalogue's names, and a bundle. The root's key is gone when this
    /// returns, so nobody can sign with it afterwards.
    ///
    /// # Errors
    /// Files or keys cannot be made, or the system has no bundle.
    pub(super) fn make(catalogue: &Catalogue) -> Result<Self, Box<dyn std::error::Error>> {
        let directory = PathBuf::from(format!("/run/interceptor-exec-{}", std::process::id()));
        std::fs::create_dir(&directory)?;
        let trust =
            Self { authority: directory.join("ca"), bundle: directory.join("ca-bundle.pem"), directory };
        let now = OffsetDateTime::now_utc();
        let mut permitted = Folded::default();
        for pattern in catalogue.permitted_domains() {
            // Servers on this machine have no name that a certificate could vouch for.
            let _ = permitted.add(pattern);
        }
        let domains = permitted.domains;
        let root_directory = trust.directory.join("root");
        let root = Root::create(&root_directory, "interceptor exec", 1, now)?;
        root.issue(&trust.authority, "interceptor exec", &domains, 1, now)?;
        std::fs::remove_dir_all(&root_directory)?;
        let authority = Authority::load(&trust.authority)?;
        let system = bundle::find_system(Path::new("/"))?;
        std::fs::write(&trust.bundle, bundle::full(&system, authority.roots())?.text)?;
        // The command may be another user's: it must read the bundle, and nothing else in there.
        std::fs::set_permissions(&trust.bundle, PermissionsExt::from_mode(0o644))?;
        std::fs::set_permissions(&trust.directory, PermissionsExt::from_mode(0o711))?;
        Ok(trust)
    }

    /// Where the daemon finds its authority.
    pub(super) fn authority(&self) -> &Path {
        &self.authority
    }

    /// Everything that the command may trust.
    pub(super) fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// The system's bundles on this machine, each once; the command sees ours in their place.
    pub(super) fn system_bundles(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            SYSTEM_BUNDLES.iter().filter_map(|path| std::fs::canonicalize(path).ok()).collect();
        found.sort();
        found.dedup();
        found
    }

    /// What the command's environment gains.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let bundle = self.bundle.clone().into_os_string();
        BUNDLE_VARIABLES
            .iter()
            .map(|name| (*name, bundle.clone()))
            .chain(SWITCHES.iter().map(|(name, value)| (*name, OsString::from(value))))
            .collect()
    }
}

impl Drop for Trust {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, directory = %self.directory.display(), "files of this run stay behind");
        }
    }
}
