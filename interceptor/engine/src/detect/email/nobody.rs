//! Addresses that are nobody's: hosts that are reserved for examples (RFC 2606, RFC 6761) or that writers of examples
//! use all the time, and names that stand in for a name or say that nobody reads. At a host of an example a name of
//! two words may still be that of a person, as in data that was made unusable by changing the hosts.

use crate::detect::Confidence;

/// Top-level domains that are reserved for tests and documentation.
const RESERVED_TOP: [&str; 4] = ["example", "test", "invalid", "localhost"];

/// What stands before the top-level domain where a host stands in for another. `example` is reserved.
const STAND_IN_HOSTS: [&str; 24] = [
    "example",
    "foo",
    "bar",
    "baz",
    "foobar",
    "qux",
    "domain",
    "mydomain",
    "yourdomain",
    "somedomain",
    "otherdomain",
    "mycompany",
    "yourcompany",
    "somewhere",
    "nowhere",
    "anywhere",
    "elsewhere",
    "test",
    "testing",
    "dummy",
    "fake",
    "invalid",
    "server",
    "host",
];

/// Hosts in the names of algorithms (RFC 4251, section 6): nobody is written to there.
const ALGORITHMS: [&str; 3] = ["openssh.com", "libssh.org", "ssh.com"];

/// Local parts that stand in for a name, or say that nobody reads what is sent there. Digits behind them, and what
/// follows a `+`, say no more.
const STAND_IN_NAMES: [&str; 36] = [
    "foo",
    "bar",
    "baz",
    "foobar",
    "qux",
    "your",
    "yourname",
    "your.name",
    "your_name",
    "youremail",
    "your.email",
    "your_email",
    "myemail",
    "my.email",
    "first.last",
    "firstname.lastname",
    "first_last",
    "someone",
    "somebody",
    "anyone",
    "nobody",
    "noone",
    "example",
    "placeholder",
    "password",
    "passwd",
    "pass",
    "git",
    "noreply",
    "no-reply",
    "no_reply",
    "no.reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "mailer-daemon",
];

/// Words of two-word names that are no names of persons.
const NO_PERSON: [&str; 14] = [
    "foo", "bar", "baz", "first", "last", "user", "name", "your", "my", "some", "test", "email", "example",
    "support",
];

/// How sure it may be at most that somebody reads what is sent to the address. At the host of an example a name is still
/// no placeholder: whoever tries out what is masked writes such addresses, and so do those who make data unusable.
pub(super) fn at_most(local: &[u8], host: &[u8]) -> Confidence {
    let name = local.split(|b| *b == b'+').next().unwrap_or(local);
    let letters = name.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |last| last + 1);
    let letters = &name[..letters];
    let stands_in = stands_in(host);
    let person = is_person(letters);
    let placeholder =
        is_one_of(letters, &STAND_IN_NAMES) || is_typed(name, host) || (stands_in && is_phrase(name));
    let program = is_one_of(host, &ALGORITHMS) || is_list(name) || is_message(local) || is_no_mail_host(host);
    if placeholder || program || (is_made_up(host) && !person) {
        Confidence::Low
    } else if repeats(letters, host) || (stands_in && !person) {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

/// `whom_it_may_concern`: names have fewer words.
fn is_phrase(name: &[u8]) -> bool {
    name.split(|b| matches!(b, b'.' | b'_' | b'-')).count() > 3
}

/// A host with a name that programmers use for anything.
fn is_made_up(host: &[u8]) -> bool {
    const NAMES: [&str; 9] =
        ["foo", "bar", "baz", "foobar", "qux", "somewhere", "nowhere", "anywhere", "elsewhere"];
    let mut labels = host.rsplit(|b| *b == b'.').skip(1);
    labels.next().is_some_and(|name| is_one_of(name, &NAMES))
}

/// A list that many read, or the program that keeps it (RFC 2142, section 6, and the names that lists of developers
/// have).
fn is_list(name: &[u8]) -> bool {
    const ENDS: [&[u8]; 11] = [
        b"-request",
        b"-owner",
        b"-bounces",
        b"-announce",
        b"-dev",
        b"-devel",
        b"-users",
        b"-bugs",
        b"-commits",
        b"-admin",
        b"-sig",
    ];
    ENDS.iter().any(|end| name.len() > end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end))
}

/// The name of a message (RFC 5322, section 3.6.4), which programs make of the time and other numbers.
fn is_message(local: &[u8]) -> bool {
    let dots = local.iter().filter(|b| **b == b'.').count();
    local.len() >= 12 && dots >= 2 && local.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

/// Mail goes to no host that is called `www`, and right below `py` are no domains (NIC.py): that is a file of Python.
fn is_no_mail_host(host: &[u8]) -> bool {
    let mut labels = host.split(|b| *b == b'.');
    let (first, labels) = (labels.next().unwrap_or_default(), 1 + labels.count());
    first.eq_ignore_ascii_case(b"www") || (labels == 2 && host.to_ascii_lowercase().ends_with(b".py"))
}

/// `a@b.com`, `ccc@zzz.org`: one letter over and over on both sides.
fn is_typed(name: &[u8], host: &[u8]) -> bool {
    let below = host.split(|b| *b == b'.').next().unwrap_or_default();
    let same = |word: &[u8]| {
        word.len() < 5
            && word
                .first()
                .is_some_and(|first| first.is_ascii_alphabetic() && word.iter().all(|b| b == first))
    };
    same(name) && same(below) && host.iter().filter(|b| **b == b'.').count() == 1
}

/// `one@one.org`: what one writes who needs an address.
fn repeats(name: &[u8], host: &[u8]) -> bool {
    let below = host.split(|b| *b == b'.').next().unwrap_or_default();
    name.len() < 8 && name.eq_ignore_ascii_case(below)
}

/// A host of examples: by its top-level domain, or by the name below it.
fn stands_in(host: &[u8]) -> bool {
    let mut labels = host.rsplit(|b| *b == b'.');
    let top = labels.next().unwrap_or_default();
    if is_one_of(top, &RESERVED_TOP) {
        return true;
    }
    let below = labels.next().unwrap_or_default();
    // `example.co.uk`: the name is one further on.
    let name = if top.len() == 2 && matches!(below, b"co" | b"com" | b"org" | b"net" | b"ac") {
        labels.next().unwrap_or(below)
    } else {
        below
    };
    // One letter, or one over and over.
    let typed = name.len() < 5 && name.iter().all(|b| b.is_ascii_alphabetic() && *b == name[0]);
    typed || is_one_of(name, &STAND_IN_HOSTS)
}

/// Two words of letters, with an initial between them or not.
fn is_person(name: &[u8]) -> bool {
    let mut count = 0;
    for word in name.split(|b| matches!(b, b'.' | b'_' | b'-')) {
        let initial = word.len() == 1 && count == 1;
        let letters = word.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80);
        if !letters || is_one_of(word, &NO_PERSON) || (word.len() < 2 && !initial) {
            return false;
        }
        count += usize::from(!initial);
    }
    count == 2
}

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|one| word.eq_ignore_ascii_case(one.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_most(address: &str) -> Confidence {
        let (local, host) = address.split_once('@').unwrap();
        super::at_most(local.as_bytes(), host.as_bytes())
    }

    #[test]
    fn stand_ins_are_nobodys() {
        for address in [
            "foo@acme.com",
            "your.name@example.com",
            "noreply@github.com",
            "No-Reply@accounts.acme.com",
            "chacha20-poly1305@openssh.com",
            "git@gitlab.com",
            "foo2+tag@gmail.com",
            "openssl-dev@openssl.org",
            "15975.17901.207240.414604@firm.com",
            "jane@www.firm.com",
            "part@whole.py",
            "ccc@zzz.org",
            "whom_it_may_concern@example.com",
            "john@foo.org",
        ] {
            assert_eq!(at_most(address), Confidence::Low, "{address}");
        }
    }

    #[test]
    fn a_name_at_the_host_of_an_example_may_be_somebodys() {
        for address in [
            "joe@example.com",
            "user@mail.example.org",
            "heron-9@example.co.uk",
            "x@server.invalid",
            "three@three.org",
            "john@qq.com",
            "a@b.test.com",
        ] {
            assert_eq!(at_most(address), Confidence::Medium, "{address}");
        }
    }

    #[test]
    fn persons_are_somebodys() {
        for address in [
            "jane.doe@example.com",
            "jane.doe@foo.org",
            "mary_j_jones7@example.org",
            "joe@acme.com",
            "info@presidio.site",
            "admin@firm.co.uk",
            "sample.anna@firm.de",
            "x@examples.com",
            "test@mail.it",
            "user@firm.com",
            "dev@firm.com",
            "17.12.1980@firm.com",
            "jane@firm.com.py",
            "jjj@firm.com",
        ] {
            assert_eq!(at_most(address), Confidence::High, "{address}");
        }
    }
}
