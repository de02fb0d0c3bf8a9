//! Secrets: what is known about their detectors, and which literals announce them. How a candidate is
//! confirmed stands beside each detector.

mod assigned;
mod keys;
mod published;
mod rarity;
mod read;
mod selfnamed;
mod shape;
mod spots;
mod table;
mod words;

use std::sync::LazyLock;

use assigned::Named;
pub(super) use published::lowered;
pub(super) use rarity::pair_share;
pub(super) use read::Read;
pub(super) use table::Key;
pub(super) use words::Words;

use super::metadata::{Detector, Family, Sample, secret_id};
use super::sample::SampleSource;
use super::text::{Peek, Text, Verdict, is_key_byte};
use super::{DetectorId, Work, aws, github, jwt, pem, provider_key};

pub(super) const AWS_ACCESS_KEY: DetectorId = secret_id("secret.aws_access_key");
pub(super) const AWS_SECRET_KEY: DetectorId = secret_id("secret.aws_secret_key");
pub(super) const GITHUB_TOKEN: DetectorId = secret_id("secret.github_token");
pub(super) const OPENAI_KEY: DetectorId = secret_id("secret.openai_key");
pub(super) const ANTHROPIC_KEY: DetectorId = secret_id("secret.anthropic_key");
pub(super) const PRIVATE_KEY: DetectorId = secret_id("secret.private_key");
pub(super) const JWT: DetectorId = secret_id("secret.jwt");
pub(super) const API_KEY: DetectorId = secret_id("secret.api_key");

/// Found behind the variables that it is written into, and in URLs.
pub(super) const SIDEKIQ_CREDENTIAL: DetectorId = secret_id("secret.sidekiq_credential");

/// True for secrets that are told by the name before them or a short prefix, and by no form of their own.
pub(crate) fn is_general(detector: DetectorId) -> bool {
    [ASSIGNED_KEY, ASSIGNED_PASSWORD, AUTHORIZATION, API_KEY].contains(&detector)
}

/// A key or token that only its name gives away.
pub(super) const ASSIGNED_KEY: DetectorId = secret_id("secret.assigned_key");
pub(super) const ASSIGNED_PASSWORD: DetectorId = secret_id("secret.password");
pub(super) const AUTHORIZATION: DetectorId = secret_id("secret.authorization");
/// A key whose own beginning says that it is one.
const SELF_NAMED_KEY: DetectorId = secret_id("secret.self_named_key");

const fn secret(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    validators: &'static [&'static str],
    sample: fn(&mut SampleSource) -> String,
) -> Detector {
    Detector { name, family: Family::Secret, label, description, validators, sample: Sample::Made(sample) }
}

const OWN: [Detector; 12] = [
    secret(
        "secret.aws_access_key",
        "AWS_ACCESS_KEY",
        "an AWS access key id",
        &["prefix", "16 base32 characters"],
        |s| format!("{}{}", "AKIA", s.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    ),
    secret(
        "secret.aws_secret_key",
        "AWS_SECRET_KEY",
        "an AWS secret access key",
        &["a name or key id that announces it", "40 base64 characters of mixed kind"],
        |s| format!("aws_secret_access_key = {}", s.mixed(40)),
    ),
    secret(
        "secret.github_token",
        "GITHUB_TOKEN",
        "a GitHub personal, OAuth, app or refresh token",
        &["prefix", "length", "CRC-32 where the format has one"],
        github::sample,
    ),
    secret(
        "secret.openai_key",
        "OPENAI_KEY",
        "an OpenAI API key",
        &["prefix", "length", "the marker inside"],
        |s| format!("{}{}{}{}", "sk-", s.mixed(20), "T3BlbkFJ", s.mixed(20)),
    ),
    secret(
        "secret.anthropic_key",
        "ANTHROPIC_KEY",
        "an Anthropic API, admin or OAuth key",
        &["prefix", "length", "the ending"],
        |s| format!("{}{}AA", "sk-ant-api03-", s.mixed(93)),
    ),
    secret(
        "secret.private_key",
        "PRIVATE_KEY",
        "a private key in PEM or OpenPGP armour",
        &["begin line", "a body of base64", "the end line if there is one"],
        pem::sample,
    ),
    secret(
        "secret.jwt",
        "JWT",
        "a JSON Web Token",
        &["base64url parts", "the first is JSON with `alg`"],
        |s| format!("{}.{}.{}", "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0In0", s.mixed(43)),
    ),
    secret(
        "secret.api_key",
        "API_KEY",
        "an API key of the `sk-` shape whose issuer is not known",
        &["prefix", "length", "letters and digits mixed"],
        |s| format!("{}{}", "sk-", s.mixed(36)),
    ),
    secret(
        "secret.assigned_key",
        "SECRET",
        "a key, token or secret that is assigned to a name which says so",
        &["the name", "unlike words and numbers", "no placeholder, no code"],
        |s| format!("my_token = \"{}\"", s.mixed(28)),
    ),
    secret(
        "secret.password",
        "PASSWORD",
        "a password that is assigned to a name which says so",
        &["the name", "kinds of characters", "no placeholder, no code"],
        |s| format!("password = \"{}\"", s.mixed(12)),
    ),
    secret(
        "secret.authorization",
        "AUTHORIZATION",
        "the value of an HTTP Authorization header",
        &["the header's name", "unlike words"],
        |s| format!("Authorization: Bearer {}", s.mixed(32)),
    ),
    secret(
        "secret.self_named_key",
        "SELF_NAMED_KEY",
        "a key of an issuer that is not known, whose beginning says that it is one",
        &["a word that says so in its prefix", "unlike words"],
        |s| format!("{}{}", "acme_pat_", s.mixed(32)),
    ),
];

/// All of them: those with code of their own, then the keys of the table.
pub(super) static TABLE: &[Detector] = &ALL;

static ALL: [Detector; OWN.len() + table::COUNT] = {
    let mut all = [OWN[0]; OWN.len() + table::COUNT];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN.len() { OWN[at] } else { of_key(&table::KEYS[at - OWN.len()]) };
        at += 1;
    }
    all
};

const fn of_key(key: &'static Key) -> Detector {
    Detector {
        name: key.name,
        family: Family::Secret,
        label: key.label,
        description: key.description,
        validators: key.told.validators(),
        sample: Sample::Key(key),
    }
}

/// The detector of a key of the table.
fn key_id(key: usize) -> DetectorId {
    DetectorId::nth(OWN.len() + key)
}

/// A text that the detector of a key finds.
pub(super) fn sample(key: &Key, source: &mut SampleSource) -> String {
    keys::sample(key, source)
}

/// Who confirms a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    AwsKeyId,
    AwsSecretName,
    GithubToken,
    GithubFineGrained,
    SkKey,
    PrivateKey,
    Jwt,
    /// A key of the table, by its number.
    Key(u16),
    /// A name that announces a secret.
    Name(Named),
    /// An option of a command that takes a name and a password.
    UserOption,
    /// An option that takes a password, if one of these commands stands before it.
    PasswordOption(assigned::Commands),
}

/// Literals with code of their own behind them.
static LITERALS: &[(&str, Route)] = &[
    ("AKIA", Route::AwsKeyId),
    ("ASIA", Route::AwsKeyId),
    ("ABIA", Route::AwsKeyId),
    ("ACCA", Route::AwsKeyId),
    ("access_key", Route::AwsSecretName),
    ("ACCESS_KEY", Route::AwsSecretName),
    ("accessKey", Route::AwsSecretName),
    ("AccessKey", Route::AwsSecretName),
    ("Access Key", Route::AwsSecretName),
    ("ACCESS KEY", Route::AwsSecretName),
    ("access-key", Route::AwsSecretName),
    ("ghp_", Route::GithubToken),
    ("gho_", Route::GithubToken),
    ("ghu_", Route::GithubToken),
    ("ghs_", Route::GithubToken),
    ("ghr_", Route::GithubToken),
    ("github_pat_", Route::GithubFineGrained),
    ("sk-", Route::SkKey),
    ("-----BEGIN", Route::PrivateKey),
    ("eyJ", Route::Jwt),
    ("passw", Route::Name(Named::Password)),
    ("Passw", Route::Name(Named::Password)),
    ("PASSW", Route::Name(Named::Password)),
    ("passphrase", Route::Name(Named::Password)),
    ("Passphrase", Route::Name(Named::Password)),
    ("PASSPHRASE", Route::Name(Named::Password)),
    ("_pass", Route::Name(Named::Password)),
    ("_PASS", Route::Name(Named::Password)),
    ("pwd", Route::Name(Named::Password)),
    ("Pwd", Route::Name(Named::Password)),
    ("PWD", Route::Name(Named::Password)),
    ("secret", Route::Name(Named::Key)),
    ("Secret", Route::Name(Named::Key)),
    ("SECRET", Route::Name(Named::Key)),
    ("token", Route::Name(Named::Key)),
    ("Token", Route::Name(Named::Key)),
    ("TOKEN", Route::Name(Named::Key)),
    ("apikey", Route::Name(Named::Key)),
    ("api_key", Route::Name(Named::Key)),
    ("api-key", Route::Name(Named::Key)),
    ("api key", Route::Name(Named::Key)),
    ("apiKey", Route::Name(Named::Key)),
    ("ApiKey", Route::Name(Named::Key)),
    ("APIKey", Route::Name(Named::Key)),
    ("APIKEY", Route::Name(Named::Key)),
    ("API_KEY", Route::Name(Named::Key)),
    ("API-KEY", Route::Name(Named::Key)),
    ("API-Key", Route::Name(Named::Key)),
    ("Api-Key", Route::Name(Named::Key)),
    ("API key", Route::Name(Named::Key)),
    ("API Key", Route::Name(Named::Key)),
    ("ccountKey", Route::Name(Named::Key)),
    ("private_key", Route::Name(Named::Key)),
    ("PRIVATE_KEY", Route::Name(Named::Key)),
    ("privateKey", Route::Name(Named::Key)),
    ("private-key", Route::Name(Named::Key)),
    ("encryption_key", Route::Name(Named::Key)),
    ("ENCRYPTION_KEY", Route::Name(Named::Key)),
    ("encryptionKey", Route::Name(Named::Key)),
    ("PRIVATEKEY", Route::Name(Named::Key)),
    ("PrivateKey", Route::Name(Named::Key)),
    ("uthorization", Route::Name(Named::Header)),
    ("AUTHORIZATION", Route::Name(Named::Header)),
    ("--user ", Route::UserOption),
    (" -u ", Route::UserOption),
    ("SecureString", Route::Name(Named::Password)),
    ("IDENTIFIED BY", Route::Name(Named::Password)),
    ("identified by", Route::Name(Named::Password)),
];

/// Every literal that announces a secret, with who confirms it.
pub(super) fn literals() -> impl Iterator<Item = (&'static str, Route)> {
    let options = assigned::OPTIONS.iter().map(|(text, commands)| (*text, Route::PasswordOption(commands)));
    LITERALS
        .iter()
        .copied()
        .chain(options)
        .chain(keys::literals().map(|(text, number)| (text, Route::Key(number))))
}

/// How many bytes of a key must follow the literal of a route at least; fewer are known to be none at once.
pub(super) fn least(route: Route) -> usize {
    match route {
        Route::SkKey => 1,
        Route::Jwt => jwt::SHORTEST_HEADER - 3,
        _ => 0,
    }
}

/// True if the first digit of a group is worth [`digit`].
pub(super) fn may_begin(bytes: &[u8], digit: usize) -> bool {
    keys::may_begin(bytes, digit)
}

/// Asks about the first digit of a group, which may stand anywhere in a token.
pub(super) fn digit(text: Text<'_>, at: usize, read: &mut Read, work: &mut Work) -> Verdict {
    match keys::token(text, at, read, work) {
        // A key that says itself whose it is may begin with a digit: then no word before it says better.
        Verdict::Match(token) => match known_at(text, token.start, read, work) {
            Some(known @ (Verdict::Match(_) | Verdict::Undecided { .. })) => known,
            _ => Verdict::Match(token),
        },
        verdict => verdict,
    }
}

/// True if a value looks more like one that was drawn than like words, names or numbers.
pub(super) fn looks_drawn(value: &[u8]) -> bool {
    rarity::random(value, rarity::TELLING)
}

/// See [`keys::tail`].
pub(super) fn tail(text: Text<'_>) -> Option<usize> {
    keys::tail(text)
}

/// Literals that begin keys, by their first byte.
static BY_FIRST: LazyLock<[Vec<(&'static str, Route)>; 128]> = LazyLock::new(|| {
    let mut table = [const { Vec::new() }; 128];
    for (literal, route) in LITERALS.iter().copied().chain(keys::prefixes()) {
        if !matches!(
            route,
            Route::Name(_) | Route::AwsSecretName | Route::UserOption | Route::PasswordOption(_)
        ) {
            table[usize::from(literal.as_bytes()[0] & 127)].push((literal, route));
        }
    }
    table
});

/// True if `value` begins like a key that can be told by itself.
fn begins_known(value: &[u8]) -> bool {
    let first = value.first().map_or(0, |b| usize::from(*b & 127));
    BY_FIRST[first].iter().any(|(literal, _)| value.starts_with(literal.as_bytes()))
}

/// Asks every literal that begins exactly at `at`; `None` if there is none.
fn known_at(text: Text<'_>, at: usize, read: &mut Read, work: &mut Work) -> Option<Verdict> {
    let there = &text.bytes[at..];
    let mut verdict = None;
    for (literal, route) in &BY_FIRST[usize::from(*there.first()? & 127)] {
        let whole = there.starts_with(literal.as_bytes());
        if !whole && literal.as_bytes().starts_with(there) && text.peek(text.bytes.len()) == Peek::Unknown {
            return Some(Verdict::Undecided { hold: at });
        }
        if !whole {
            continue;
        }
        match self::literal(text, at, at + literal.len(), *route, read, work) {
            Verdict::No { resume } => verdict = Some(Verdict::No { resume }),
            found => return Some(found),
        }
    }
    verdict
}

/// Asks the detector in charge of the literal that stands from `start` to `end`.
pub(super) fn literal(
    text: Text<'_>,
    start: usize,
    end: usize,
    route: Route,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    match route {
        Route::AwsKeyId => aws::key_id(text, start, work),
        Route::AwsSecretName => match aws::secret_name(text, start, end) {
            Verdict::No { .. } => assigned::announced(text, start, end, Named::Key, read, work),
            follow => follow,
        },
        Route::GithubToken => github::token(text, start, end, work),
        Route::GithubFineGrained => github::fine_grained(text, start, end, work),
        // Every key goes on with a letter, digit or dash; rows of bare prefixes are not worth asking about each of them.
        Route::SkKey if matches!(text.peek(end), Peek::Byte(b) if !is_key_byte(b)) => {
            Verdict::No { resume: start + 3 }
        }
        Route::SkKey => keys::begins_with_sk(text, start, &mut read.runs, work)
            .unwrap_or_else(|| provider_key::confirm(text, start, work)),
        Route::PrivateKey => pem::begin(text, start, end, work),
        Route::Jwt => jwt::begin(text, start),
        Route::Key(number) => keys::prefixed(text, start, number, &mut read.runs, work),
        Route::Name(named) => assigned::announced(text, start, end, named, read, work),
        Route::PasswordOption(commands) => {
            assigned::password_option(text, (start, end), commands, read, work)
        }
        Route::UserOption => assigned::user_option(text, start, end, read, work),
    }
}

/// The name of an AWS secret key was there, but no key of its shape behind `from`: there may be another.
pub(super) fn after_name(text: Text<'_>, from: usize, read: &mut Read, work: &mut Work) -> Verdict {
    assigned::value_behind(text, from, Named::Key, from, read, work)
}
