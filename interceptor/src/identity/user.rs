//! Names of the host's users.
//! Knows the format of `/etc/passwd`. Does not ask directories (LDAP, SSSD): their users have no name here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// The host's own file, also where the daemon has another root: process 1 is the host's where a daemon of a node runs.
const FILES: [&str; 2] = ["/proc/1/root/etc/passwd", "/etc/passwd"];

/// Names by number, and when the file was written that they are from.
#[derive(Debug, Default)]
pub(super) struct Users {
    names: HashMap<u32, Arc<str>>,
    written: Option<SystemTime>,
}

impl Users {
    /// The names as they are now, if they are others than these.
    pub(super) fn renewed(&self) -> Option<Self> {
        let path = FILES.into_iter().map(Path::new).find(|path| path.exists())?;
        let written = path.metadata().and_then(|file| file.modified()).ok();
        if written.is_some() && written == self.written {
            return None;
        }
        let names = read(&std::fs::read_to_string(path).ok()?);
        Some(Self { names, written })
    }

    /// All numbers and names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.names.iter().map(|(uid, name)| (*uid, &**name))
    }

    #[cfg(test)]
    pub(super) fn of(names: &[(u32, &str)]) -> Self {
        Self { names: names.iter().map(|(uid, name)| (*uid, (*name).into())).collect(), written: None }
    }

    /// The name of a user.
    pub(super) fn name(&self, uid: u32) -> Option<Arc<str>> {
        self.names.get(&uid).cloned()
    }
}

/// The first line with a number gives its name, as the C library has it.
fn read(text: &str) -> HashMap<u32, Arc<str>> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(name), _, Some(uid)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let Ok(uid) = uid.parse() else { continue };
        if !name.is_empty() {
            names.entry(uid).or_insert_with(|| name.into());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts() {
        let names = read(
            "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n# note\n+::::::\nal:x:1000:1000\nbad:x:y\n",
        );
        assert_eq!(names.get(&0).map(|name| &**name), Some("root"));
        assert_eq!(names.get(&1000).map(|name| &**name), Some("al"));
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn names_are_read_again_only_when_the_file_has_changed() {
        let users = Users::default().renewed().expect("every machine has users");
        assert_eq!(users.name(0).as_deref(), Some("root"));
        assert!(users.renewed().is_none());
    }
}
