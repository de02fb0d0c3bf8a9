//! What the detectors find and what they leave alone. Key-like values are put together at run time, so that
//! no scanner takes this file for a leak.

use interceptor_engine::detect::{Detectors, Finding};

/// Scans and writes each finding as `name=text`, with a mark for low (`?`) and medium (`~`) confidence.
fn found(text: &str) -> Vec<String> {
    let mut out: Vec<Finding> = Vec::new();
    Detectors::builtin().scan(text.as_bytes(), &mut out);
    out.iter()
        .map(|f| {
            let mark = match f.confidence.name() {
                "low" => "?",
                "medium" => "~",
                _ => "",
            };
            format!("{}{mark}={}", f.detector.name(), &text[f.start..f.end])
        })
        .collect()
}

/// `{}` in `around` is replaced by the value, which must be found whole and alone.
fn finds(detector: &str, around: &str, value: &str) {
    let text = around.replace("{}", value);
    assert_eq!(found(&text), [format!("{detector}={value}")], "in {text:?}");
}

fn silent(text: &str) {
    assert_eq!(found(text), Vec::<String>::new(), "in {text:?}");
}

#[test]
fn email_addresses() {
    for text in ["{}", "Write to {}.", "<{}>", "mailto:{}?subject=x", "\"{}\"", "a, {}, b", "({})", "- {}\n"]
    {
        finds("pii.email", text, "jane.doe+list@mail.example.com");
        finds("pii.email", text, "jo@example.co.uk");
        finds("pii.email", text, "o'neil_99@sub-domain.example.org");
        finds("pii.email", text, "jürgen@example.de");
    }
    silent("user@host and a@b and @handle and x@1.2.3 and icon@2x.png and react@18.2.0");
    silent("git clone git@github.com:owner/repo.git");
    silent("postgres://user:word@db.example.com/x and ftp://user@files.example.com");
}

#[test]
fn secrets_by_prefix() {
    let alnum = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6";
    let cases = [
        ("secret.github_token~", ["gh", "p_", &alnum[..36]].concat()),
        ("secret.github_token", ["github", "_pat_", &alnum[..22], "_", alnum, "abcdefg"].concat()),
        ("secret.openai_key", ["sk", "-", &alnum[..20], "T3Blbk", "FJ", &alnum[20..40]].concat()),
        ("secret.openai_key", ["sk", "-proj-", &alnum[..40], "_T3Blbk", "FJ-", &alnum[..40]].concat()),
        ("secret.openai_key~", ["sk", "-proj-", alnum].concat()),
        ("secret.anthropic_key", ["sk", "-ant-api03-", alnum, &alnum[..39], "AA"].concat()),
        ("secret.aws_access_key", ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat()),
    ];
    for (detector, value) in &cases {
        for text in ["{}", "key={}", "\"{}\",", "Authorization: Bearer {}\n", "use {}.", "-{}"] {
            finds(detector, text, value);
        }
        silent(&format!("x{value}"));
    }
}

#[test]
fn numbers() {
    for text in ["{}", "card: {}, thanks", "({})", "\"{}\"", "pay {}."] {
        finds("pii.card", text, "4111 1111 1111 1111");
        finds("pii.card", text, "3782-822463-10005");
        finds("pii.card~", text, "5500005555555559");
        finds("pii.us_ssn", text, "123-45-6789");
        finds("pii.iban", text, "DE89 3704 0044 0532 0130 00");
        finds("pii.iban", text, "GB29NWBK60161331926819");
        finds("pii.phone", text, "+49 30 901820");
        finds("pii.phone~", text, "(415) 555-0132");
        finds("pii.phone~", text, "415-555-0132");
    }
}
