//! Installs the peers, as root on Debian, without letting their services start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::contender::Contender;
use crate::tools::debian;

/// Debian asks this file before it starts the service of a package it has just installed.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Sees to it that every chosen contender's program is there.
pub(super) fn peers(contenders: &[Contender]) -> anyhow::Result<()> {
    let needs: Vec<_> = contenders.iter().flat_map(|contender| contender.needs()).copied().collect();
    programs(&needs)
}

/// Sees to it that these files are there, by the Debian packages that bring them.
pub(super) fn programs(needs: &[(&'static str, &'static str)]) -> anyhow::Result<()> {
    let mut packages: Vec<&str> = Vec::new();
    for (file, package) in needs {
        if !Path::new(file).exists() && !packages.contains(package) {
            packages.push(package);
        }
    }
    if packages.is_empty() {
        return Ok(());
    }
    ensure!(
        debian::is_here(),
        "programs are missing and this is no Debian: install {} by hand, or leave out what needs them",
        packages.join(" ")
    );
    let _quiet = NoServices::enter()?;
    debian::install(&packages)
}

/// While this lives, an installed package does not start its service. A policy of the machine's own is kept.
struct NoServices(Option<PathBuf>);

impl NoServices {
    fn enter() -> anyhow::Result<Self> {
        let path = PathBuf::from(POLICY);
        if path.exists() {
            return Ok(Self(None));
        }
        fs::write(&path, "#!/bin/sh\nexit 101\n").with_context(|| format!("write {POLICY}"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self(Some(path)))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}
