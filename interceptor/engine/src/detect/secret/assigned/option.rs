//! Passwords that are an option of a command: `mysql -pX`, `redis-cli -a X`, `curl -u name:X`. What is an option depends on
//! the command, which is asked for first: without one nothing is read, and nothing held. Does not know how a value looks
//! that is a secret (`judge.rs`).

use super::super::ASSIGNED_PASSWORD;
use super::super::read::Read;
use super::Named;
use super::gap::is_quote;
use super::judge::Value;
use super::value::{Assignment, PASSWORD};
use crate::detect::text::{Peek, Text, Verdict};
use crate::detect::{Confidence, Finding, Work};

/// Words before an option of which one has to stand there, in lower case. A line of a shell is seldom longer than what is
/// looked at before an option.
pub(in crate::detect) type Commands = &'static [&'static str];

/// So far before an option its command is looked for.
const REACH: usize = 120;
/// The same where other options with long values are usual.
const FAR: usize = 200;
/// Shorter ones are numbers of ports, and words.
const SHORTEST: usize = 6;

/// Commands that take a name and a password in one word.
const OF_BOTH: Commands = &["curl", "wget", "http"];

/// Options that a password follows, and the commands that have them. One that ends with its last letter or mark has its
/// password in the same word.
pub(in super::super) const OPTIONS: [(&str, Commands); 8] = [
    (
        " -p ",
        &[
            "sshpass",
            "login",
            "psexec",
            "mysql",
            "mariadb",
            "ldap",
            "mongo",
            "cqlsh",
            "useradd",
            "usermod",
            "rdesktop",
            "winrm",
            "crackmapexec",
            "netexec",
            "twine",
        ],
    ),
    (" -p", &["mysql", "mariadb"]),
    (" -P ", &["zip", "sqlcmd", "bcp", "mosquitto_"]),
    (" -w ", &["ldap"]),
    (" -a ", &["redis-cli"]),
    (" -k ", &["openssl"]),
    (" -storepass ", &["keytool", "jarsigner"]),
    (" -keypass ", &["keytool", "jarsigner"]),
];

/// Whether the word that ends at `end` is an option by itself, in a command or in a file of logins (`machine HOST login NAME
/// password X`): no mark stands between such a word and its value.
pub(super) fn is_word(text: Text<'_>, end: usize, work: &mut Work) -> bool {
    text.mentions_before(end, REACH, &["machine ", "nmcli "], work)
}

/// The value of an option that takes a name and a password: the password, with its name.
pub(in super::super) fn user_option(
    text: Text<'_>,
    option: usize,
    end: usize,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    let no = Verdict::No { resume: end };
    if !text.mentions_before(option, FAR, OF_BOTH, work) {
        return no;
    }
    let start = text.run_end(end, 3, |b| is_quote(b) || matches!(b, b'\\' | b'='));
    let stop =
        text.run_end(start, 256, |b| b.is_ascii_graphic() && !matches!(b, b'"' | b'`' | b'\\') || b >= 0x80);
    work.examined += (stop - end) as u64;
    let stop = if text.before(start, 1) == Some(b'\'') {
        text.run_end(start, 256, |b| b.is_ascii_graphic() && b != b'\'')
    } else {
        stop
    };
    if text.peek(stop) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    let pair = &text.bytes[start..stop];
    let Some(colon) = pair.iter().position(|b| *b == b':') else { return no };
    let password = &pair[colon + 1..];
    if colon == 0 || password.len() < SHORTEST {
        return no;
    }
    let mut value = Value { bytes: text.bytes, at: start..stop, read, work };
    if value.is_stand_in() {
        return no;
    }
    value.at.start += colon + 1;
    if value.is_stand_in() {
        return no;
    }
    found(&mut value, start, no)
}

/// The value of an option that takes a password.
pub(in super::super) fn password_option(
    text: Text<'_>,
    (option, end): (usize, usize),
    commands: Commands,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    let no = Verdict::No { resume: end };
    if !text.mentions_before(option, REACH, commands, work) {
        return no;
    }
    let start = text.run_end(end, 2, |b| is_quote(b) || b == b'\\');
    let stop =
        text.run_end(start, PASSWORD, |b| b.is_ascii_graphic() && !is_quote(b) && b != b'\\' || b >= 0x80);
    work.examined += (stop - end) as u64;
    if text.peek(stop) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    let mut value = Value { bytes: text.bytes, at: start..stop, read, work };
    if stop - start < SHORTEST || value.is_stand_in() {
        return no;
    }
    found(&mut value, start, no)
}

fn found(value: &mut Value<'_, '_>, start: usize, no: Verdict) -> Verdict {
    let how = Assignment { named: Named::Password, separated: true, quote: Some(b'"'), behind: false };
    match value.judge(how) {
        Some((_, confidence)) if confidence > Confidence::Low => {
            let end = value.at.end;
            Verdict::Match(Finding { detector: ASSIGNED_PASSWORD, start, end, confidence })
        }
        _ => no,
    }
}
