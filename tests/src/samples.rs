//! Values that a rule of the built-in policy finds, put together at run time so that no scanner of sources does.
//! None of them was ever issued to anybody.

/// A GitHub token with a correct checksum.
#[must_use]
pub fn github_token() -> String {
    let body = ["R7mQ2xVb9Kd", "T4nWc8HsYp1", "ZfLg6JtE"].concat();
    let mut crc = flate2::Crc::new();
    crc.update(body.as_bytes());
    let (mut rest, mut check) = (crc.sum(), Vec::new());
    for _ in 0..6 {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        check.insert(0, digits[usize::try_from(rest % 62).unwrap_or_default()]);
        rest /= 62;
    }
    [&["gh", "p_"].concat(), body.as_str(), &String::from_utf8_lossy(&check)].concat()
}

/// An AWS access key id.
#[must_use]
pub fn aws_key_id() -> String {
    ["AK", "IA", "Q3EGRIFT", "VPNLZ7XA"].concat()
}

/// An OpenAI project key, as an application would hold one to call the API.
#[must_use]
pub fn openai_key() -> String {
    ["s", "k-pr", "oj-", "u8Rw2LqZ5vNc7XyB3mKd", "T3Blbk", "FJ", "h9Gt4PsWe6JfYa1QxCzV"].concat()
}

/// An Anthropic API key.
#[must_use]
pub fn anthropic_key() -> String {
    let body = "u8Rw2LqZ5vNc7XyB3mKdh9Gt4PsWe6JfYa1QxCzV".repeat(3);
    ["s", "k-a", "nt-", "api03-", &body[..93], "AA"].concat()
}

/// An e-mail address.
pub const EMAIL: &str = "jane.roe@acme-widgets.de";
/// A card number with a correct checksum, in groups.
pub const CARD: &str = "4539 1488 0343 6467";
/// A German account number with a correct checksum.
pub const IBAN: &str = "DE89370400440532013000";

#[cfg(test)]
mod tests {
    use interceptor_engine::Detectors;

    #[test]
    fn every_sample_is_what_its_name_says() {
        for (sample, detector) in [
            (super::github_token(), "secret.github_token"),
            (super::aws_key_id(), "secret.aws_access_key"),
            (super::openai_key(), "secret.openai_key"),
            (super::anthropic_key(), "secret.anthropic_key"),
            (super::EMAIL.to_owned(), "pii.email"),
            (super::CARD.to_owned(), "pii.card"),
            (super::IBAN.to_owned(), "pii.iban"),
        ] {
            let text = format!("see {sample}, please");
            let mut found = Vec::new();
            Detectors::builtin().scan(text.as_bytes(), &mut found);
            let names: Vec<_> = found.iter().map(|f| (f.detector.name(), &text[f.start..f.end])).collect();
            assert_eq!(names, [(detector, sample.as_str())]);
        }
    }
}
