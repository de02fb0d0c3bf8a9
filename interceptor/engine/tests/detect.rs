//! What the detectors find and what they leave alone. Key-like values are put together at run time, so that
//! no scanner takes this file for a leak.

#[path = "detect/injection.rs"]
mod injection;
#[path = "detect/personal.rs"]
mod personal;
#[path = "detect/secret.rs"]
mod secret;

use interceptor_engine::detect::{DetectorId, Detectors, Family, Finding, SampleSource};

/// Letters and digits as random keys have them.
const ALNUM: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6";

fn scan(text: &[u8]) -> Vec<Finding> {
    let mut out = Vec::new();
    Detectors::builtin().scan(text, &mut out);
    out
}

/// Scans and writes each finding as `name=text`, with a mark for low (`?`) and medium (`~`) confidence.
fn found(text: &str) -> Vec<String> {
    scan(text.as_bytes())
        .iter()
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
#[track_caller]
fn finds(detector: &str, around: &str, value: &str) {
    let text = around.replace("{}", value);
    assert_eq!(found(&text), [format!("{detector}={value}")], "in {text:?}");
}

/// Nothing is found that policies act on by default: of low confidence are the many numbers whose check digit may be
/// right by chance.
#[track_caller]
fn silent(text: &str) {
    let found: Vec<String> = found(text).into_iter().filter(|f| !f.contains("?=")).collect();
    assert_eq!(found, Vec::<String>::new(), "in {text:?}");
}

#[test]
fn every_detector_has_a_name_of_its_family_and_finds_its_sample() {
    let mut names: Vec<&str> = DetectorId::all().map(DetectorId::name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "every name names one detector");
    let mut missed = Vec::new();
    for id in DetectorId::all() {
        let detector = id.detector();
        assert!(id.name().starts_with(detector.family.prefix()), "{id:?}");
        assert_eq!(DetectorId::named(id.name()), Some(id));
        let label = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        assert!(id.detector().label.bytes().all(label), "{id:?}");
        assert!(!detector.description.is_empty() && !detector.validators.is_empty(), "{id:?}");
        for seed in 0..20 {
            let sample = detector.sample(&mut SampleSource::new(seed));
            let text = format!("It is {sample}, and no more.");
            let found = scan(text.as_bytes());
            if !found.iter().any(|f| f.detector == id) {
                missed.push(format!("{id:?} does not find {text:?}: {found:?}"));
                break;
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn the_detectors_are_counted() {
    let of = |family| DetectorId::all().filter(|id| id.detector().family == family).count();
    assert!(of(Family::Secret) >= 500, "{}", of(Family::Secret));
    assert!(of(Family::Personal) >= 200, "{}", of(Family::Personal));
    // Identifiers whose own characters prove them, by an arithmetic that is named.
    const SUMS: [&str; 9] =
        ["sum", "Luhn", "ISO 7064", "Verhoeff", "modulo", "check ", "EAN-13", "modulus", "multiple of"];
    let is_proved = |id: &DetectorId| {
        let detector = id.detector();
        detector.family == Family::Personal
            && detector.validators.iter().any(|name| SUMS.iter().any(|sum| name.contains(sum)))
    };
    let proved = DetectorId::all().filter(is_proved).count();
    assert!(proved >= 100, "{proved}");
}

#[test]
fn what_only_looks_like_a_finding_stays_silent() {
    for text in [
        "550e8400-e29b-41d4-a716-446655440000 12345678-1234-1234-1234-123456789012",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "call_abc123DEF456ghi789JKL012 toolu_01A09q90qw90lq917835lq9 chatcmpl-AbCdEf0123456789 msg_01XFDUDYJgAACzvnptvVoYEL",
        "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b req_011CSHoEeqs5C35K2UUqR7Fy",
        "sk-learn sk-... sk-proj-... task-force-with-a-very-long-name-and-no-key-in-it-at-all risk-4155550132",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "export OPENAI_API_KEY=${OPENAI_API_KEY} GITHUB_TOKEN=$GITHUB_TOKEN <your-api-key> sk-your-key-here-1234567890abcdef1234567890",
        "1.2.3 v10.15.7 2024-01-15T10:30:00.123456Z 1700000000 1700000000.123456 [0.0123456789012345, -1.5e-10]",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "index 4f5e6a7..89b0c1d 100644 @@ -120,7 +120,9 @@ fn main() {",
        "10.0.0.1:8080 2001:db8::1 12:34:56 50% 90210-1234 ISBN 978-3-16-148410-0",
    ] {
        silent(text);
    }
    let encoded = "iVBORw0KGgo".repeat(20);
    for value in ["4111111111111111", "DE89370400440532013000", "+14155550132", "eyJhbGciOiJIUzI1NiJ9"] {
        silent(&format!("data:image/png;base64,{encoded}/{value}/{encoded}"));
    }
    silent(&["AK", "IAIOSFODNN7EXAMPLE"].concat());
    silent(&["aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY"].concat());
}

/// Bodies that are no valid JSON are scanned as they are, with their escapes.
#[test]
fn a_written_line_end_does_not_hide_what_follows() {
    for (detector, value) in [
        ("pii.email", "jo.roe@example.com".to_owned()),
        ("pii.card", "4111 1111 1111 1111".to_owned()),
        ("pii.us_ssn", "123-45-6789".to_owned()),
        ("pii.iban", "DE89370400440532013000".to_owned()),
        ("secret.aws_access_key", ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat()),
        ("secret.github_token~", ["gh", "p_", &ALNUM[..36]].concat()),
    ] {
        for text in [r"a\n{}\nb", r#"{"content":"see:\n{}\n"}"#, r"\t{}\n"] {
            finds(detector, text, &value);
        }
    }
}

#[test]
fn several_findings_come_in_order_and_apart() {
    let token = ["gh", "p_", &ALNUM[..36]].concat();
    let text = format!("{token} jo.roe@example.com 4111111111111111 +14155552671 {token}");
    let names: Vec<_> = scan(text.as_bytes()).iter().map(|f| f.detector.name()).collect();
    assert_eq!(names, ["secret.github_token", "pii.email", "pii.card", "pii.phone", "secret.github_token"]);
    // A number in an address belongs to the address.
    assert_eq!(found("4111111111111111@example.com"), ["pii.email~=4111111111111111@example.com"]);
    assert_eq!(
        found("a@example.com,b@example.com"),
        ["pii.email~=a@example.com", "pii.email~=b@example.com"]
    );
}

/// The work is counted in bytes that detectors examine, which no machine's load can change.
#[test]
fn hostile_text_costs_linear_work() {
    // Enough to tell a square from a line; a test without optimisation takes its time.
    const SIZE: usize = 1 << 17;
    let set = Detectors::builtin();
    let begin = secret::armour("PRIVATE KEY", "", "");
    let line = format!("{begin}{}", "A".repeat(64));
    for piece in [
        "@",
        "a@",
        "a.b@c.",
        "a@b.com@",
        "1",
        "1 ",
        "4111 ",
        "4111-",
        "+1 ",
        "(1) ",
        "+",
        "00 ",
        "0.",
        "12-34-5678 ",
        "eyJ",
        "eyJ.",
        ".eyJ",
        "/eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJub25lIn0.",
        "sk-",
        "sk- ",
        " sk-ant-",
        "ghp_",
        " ghp_",
        "github_pat_",
        "AKIA",
        " AKIA",
        "DE89 ",
        "DE89",
        "-DE89 ",
        "-----BEGIN ",
        &begin,
        &line,
        "-----BEGIN PRIVATE KEY-----A ",
        "secret_access_key ",
        "secret_access_key abc ",
        "access_key",
        "AKIAZ5PQ7MNB3KLXTRW2,",
        "\u{a0}1",
        "\u{2011}1",
        "x1@",
    ] {
        let text: Vec<u8> = piece.bytes().cycle().take(SIZE).collect();
        let mut out = Vec::new();
        let work = set.scan_measured(&text, &mut out);
        assert!(
            work.examined <= 40 * SIZE as u64,
            "{piece:?} examined {} times the text",
            work.examined / SIZE as u64
        );
        assert!(work.anchors <= SIZE as u64, "{piece:?}");
    }
}
