//! Secrets: what is known about their detectors, and which literals announce them. How a candidate is
//! confirmed stands beside each detector.

use super::metadata::{Detector, Family, Sample, secret_id};
use super::sample::SampleSource;
use super::text::{Text, Verdict};
use super::{DetectorId, Work, aws, github, jwt, pem, provider_key};

pub(super) const AWS_ACCESS_KEY: DetectorId = secret_id("secret.aws_access_key");
pub(super) const AWS_SECRET_KEY: DetectorId = secret_id("secret.aws_secret_key");
pub(super) const GITHUB_TOKEN: DetectorId = secret_id("secret.github_token");
pub(super) const OPENAI_KEY: DetectorId = secret_id("secret.openai_key");
pub(super) const ANTHROPIC_KEY: DetectorId = secret_id("secret.anthropic_key");
pub(super) const PRIVATE_KEY: DetectorId = secret_id("secret.private_key");
pub(super) const JWT: DetectorId = secret_id("secret.jwt");
pub(super) const API_KEY: DetectorId = secret_id("secret.api_key");

const fn secret(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    validators: &'static [&'static str],
    sample: fn(&mut SampleSource) -> String,
) -> Detector {
    Detector { name, family: Family::Secret, label, description, validators, sample: Sample::Made(sample) }
}

pub(super) static TABLE: &[Detector] = &[
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
];

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
}

/// Literals, each with the offset of its rare pairs and who confirms it.
pub(super) static LITERALS: &[(&str, usize, Route)] = &[
    ("AKIA", 0, Route::AwsKeyId),
    ("ASIA", 1, Route::AwsKeyId),
    ("ABIA", 0, Route::AwsKeyId),
    ("ACCA", 0, Route::AwsKeyId),
    ("access_key", 5, Route::AwsSecretName),
    ("ACCESS_KEY", 5, Route::AwsSecretName),
    ("accessKey", 5, Route::AwsSecretName),
    ("AccessKey", 5, Route::AwsSecretName),
    ("Access Key", 6, Route::AwsSecretName),
    ("access-key", 5, Route::AwsSecretName),
    ("ghp_", 1, Route::GithubToken),
    ("gho_", 1, Route::GithubToken),
    ("ghu_", 1, Route::GithubToken),
    ("ghs_", 1, Route::GithubToken),
    ("ghr_", 1, Route::GithubToken),
    ("github_pat_", 5, Route::GithubFineGrained),
    ("sk-", 0, Route::SkKey),
    ("-----BEGIN", 4, Route::PrivateKey),
    ("eyJ", 0, Route::Jwt),
];

/// Asks the detector in charge of the literal that stands from `start` to `end`.
pub(super) fn literal(text: Text<'_>, start: usize, end: usize, route: Route, work: &mut Work) -> Verdict {
    match route {
        Route::AwsKeyId => aws::key_id(text, start, work),
        Route::AwsSecretName => aws::secret_name(text, start, end),
        Route::GithubToken => github::token(text, start, end, work),
        Route::GithubFineGrained => github::fine_grained(text, start, end, work),
        Route::SkKey => provider_key::confirm(text, start, work),
        Route::PrivateKey => pem::begin(text, start, end, work),
        Route::Jwt => jwt::begin(text, start),
    }
}
