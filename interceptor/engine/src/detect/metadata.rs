//! The table of detectors and of the literals that anchor them. What each one accepts is documented beside
//! its code; here stands what policies, labels and reports need.

use super::DetectorId;

/// The two families, which are also the first part of a detector's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `secret.`: whoever holds it can act as its owner.
    Secret,
    /// `pii.`: it belongs to a person.
    Personal,
}

impl Family {
    /// The first part of the names of its detectors, with the dot.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "secret.",
            Self::Personal => "pii.",
        }
    }
}

/// What is known about a detector apart from its code.
#[derive(Debug)]
pub struct Detector {
    /// Stable name, used in policies and audit events.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// What stands in for the found text, without the brackets.
    pub label: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// What confirms a candidate.
    pub validator: &'static str,
}

/// How many there are.
pub(super) const COUNT: u16 = 13;

pub(super) const EMAIL: DetectorId = DetectorId(0);
pub(super) const CARD: DetectorId = DetectorId(1);
pub(super) const IBAN: DetectorId = DetectorId(2);
pub(super) const US_SSN: DetectorId = DetectorId(3);
pub(super) const PHONE: DetectorId = DetectorId(4);
pub(super) const AWS_ACCESS_KEY: DetectorId = DetectorId(5);
pub(super) const AWS_SECRET_KEY: DetectorId = DetectorId(6);
pub(super) const GITHUB_TOKEN: DetectorId = DetectorId(7);
pub(super) const OPENAI_KEY: DetectorId = DetectorId(8);
pub(super) const ANTHROPIC_KEY: DetectorId = DetectorId(9);
pub(super) const PRIVATE_KEY: DetectorId = DetectorId(10);
pub(super) const JWT: DetectorId = DetectorId(11);
pub(super) const API_KEY: DetectorId = DetectorId(12);

pub(super) static TABLE: [Detector; COUNT as usize] = [
    Detector {
        name: "pii.email",
        family: Family::Personal,
        label: "EMAIL",
        description: "an e-mail address",
        validator: "local part, host labels, known top-level domain",
    },
    Detector {
        name: "pii.card",
        family: Family::Personal,
        label: "CARD",
        description: "a payment card number",
        validator: "Luhn checksum, issuer range, length of that issuer, grouping",
    },
    Detector {
        name: "pii.iban",
        family: Family::Personal,
        label: "IBAN",
        description: "an international bank account number",
        validator: "ISO 7064 mod 97-10, length of the country",
    },
    Detector {
        name: "pii.us_ssn",
        family: Family::Personal,
        label: "US_SSN",
        description: "a social security number of the United States",
        validator: "no number of the never issued ranges; separators or context",
    },
    Detector {
        name: "pii.phone",
        family: Family::Personal,
        label: "PHONE",
        description: "a telephone number",
        validator: "country code and length, or a common national form with separators",
    },
    Detector {
        name: "secret.aws_access_key",
        family: Family::Secret,
        label: "AWS_ACCESS_KEY",
        description: "an AWS access key id",
        validator: "prefix, 16 base32 characters",
    },
    Detector {
        name: "secret.aws_secret_key",
        family: Family::Secret,
        label: "AWS_SECRET_KEY",
        description: "an AWS secret access key",
        validator: "40 base64 characters of mixed kind behind a name or key id that announces them",
    },
    Detector {
        name: "secret.github_token",
        family: Family::Secret,
        label: "GITHUB_TOKEN",
        description: "a GitHub personal, OAuth, app or refresh token",
        validator: "prefix, length, CRC-32 where the format has one",
    },
    Detector {
        name: "secret.openai_key",
        family: Family::Secret,
        label: "OPENAI_KEY",
        description: "an OpenAI API key",
        validator: "prefix, length, the marker inside",
    },
    Detector {
        name: "secret.anthropic_key",
        family: Family::Secret,
        label: "ANTHROPIC_KEY",
        description: "an Anthropic API, admin or OAuth key",
        validator: "prefix, length, the ending",
    },
    Detector {
        name: "secret.private_key",
        family: Family::Secret,
        label: "PRIVATE_KEY",
        description: "a private key in PEM or OpenPGP armour",
        validator: "begin line, a body of base64, the end line if there is one",
    },
    Detector {
        name: "secret.jwt",
        family: Family::Secret,
        label: "JWT",
        description: "a JSON Web Token",
        validator: "base64url parts of which the first is JSON with `alg`",
    },
    Detector {
        name: "secret.api_key",
        family: Family::Secret,
        label: "API_KEY",
        description: "an API key of the `sk-` shape whose issuer is not known",
        validator: "prefix, length, letters and digits mixed",
    },
];

/// Who confirms an anchor.
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

/// A literal that announces a candidate. `rare` is where in it the two rarest neighbouring pairs of bytes
/// begin: the pass samples pairs, and sees one of these two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    pub(super) text: &'static str,
    pub(super) rare: usize,
    pub(super) route: Route,
}

const fn literal(text: &'static str, rare: usize, route: Route) -> Literal {
    Literal { text, rare, route }
}

pub(super) static LITERALS: &[Literal] = &[
    literal("AKIA", 0, Route::AwsKeyId),
    literal("ASIA", 1, Route::AwsKeyId),
    literal("ABIA", 0, Route::AwsKeyId),
    literal("ACCA", 0, Route::AwsKeyId),
    literal("access_key", 5, Route::AwsSecretName),
    literal("ACCESS_KEY", 5, Route::AwsSecretName),
    literal("accessKey", 5, Route::AwsSecretName),
    literal("AccessKey", 5, Route::AwsSecretName),
    literal("Access Key", 6, Route::AwsSecretName),
    literal("access-key", 5, Route::AwsSecretName),
    literal("ghp_", 1, Route::GithubToken),
    literal("gho_", 1, Route::GithubToken),
    literal("ghu_", 1, Route::GithubToken),
    literal("ghs_", 1, Route::GithubToken),
    literal("ghr_", 1, Route::GithubToken),
    literal("github_pat_", 5, Route::GithubFineGrained),
    literal("sk-", 0, Route::SkKey),
    literal("-----BEGIN", 4, Route::PrivateKey),
    literal("eyJ", 0, Route::Jwt),
];
