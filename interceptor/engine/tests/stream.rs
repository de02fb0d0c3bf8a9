//! A streamed text gives the findings of the whole text, however it is cut; prose is never held; what is
//! released too early is at most the constant beginning of a key.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::sync::{Arc, LazyLock};

use interceptor_engine::detect::{
    DetectorId, Detectors, Finding, HOLD_BOUND, SampleSource, StreamFinding, StreamScanner,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

static SET: LazyLock<Arc<Detectors>> = LazyLock::new(Detectors::builtin);

fn whole(text: &[u8]) -> Vec<Finding> {
    let mut out = Vec::new();
    SET.scan(text, &mut out);
    out
}

/// Pushes the chunks and returns each finding with what had been released before it was reported.
fn streamed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(StreamFinding, u64)> {
    let mut scanner = StreamScanner::new(SET.clone());
    let (mut out, mut all, mut released, mut pushed) = (Vec::new(), Vec::new(), 0, 0);
    for chunk in chunks {
        pushed += chunk.len() as u64;
        let now = scanner.push(chunk, &mut out);
        all.extend(out.drain(..).map(|f| (f, released)));
        assert!(released <= now && now <= pushed, "the released offset goes forward, up to what came");
        assert!(pushed - now <= HOLD_BOUND as u64 + 5, "held {} bytes", pushed - now);
        released = now;
    }
    assert_eq!(scanner.finish(&mut out), pushed, "the end releases everything");
    all.extend(out.drain(..).map(|f| (f, released)));
    all
}

/// How much of a finding may be out when it is confirmed: the constant text that announces it, or what
/// cannot be told from prose.
fn may_be_out(detector: DetectorId, text: &[u8]) -> usize {
    match detector.name() {
        "pii.email" => text.iter().position(|b| *b == b'@').unwrap() + 1,
        // Up to four digits with their separators, a plus, a parenthesis.
        "pii.card" | "pii.us_ssn" | "pii.phone" => 12,
        "pii.iban" => 4,
        "pii.url_credentials" => text.iter().position(|b| *b == b':').unwrap() + 1,
        // As with cards; and letters alone are words.
        name if name.starts_with("pii.") => 16,
        "secret.aws_secret_key" => 0,
        "secret.private_key" => 10,
        "secret.github_token" => {
            if text.starts_with(b"github") {
                11
            } else {
                4
            }
        }
        "secret.aws_access_key" => 4,
        "secret.openai_key" | "secret.anthropic_key" | "secret.api_key" | "secret.jwt" => 3,
        // A prefix; or what could not be told from a word before its first digits came.
        _ => 36,
    }
}

#[track_caller]
fn agrees<'a>(text: &[u8], chunks: impl IntoIterator<Item = &'a [u8]>) {
    for ((f, released), plain) in same(text, chunks) {
        let out = released.saturating_sub(f.start);
        let text = &text[plain.start..plain.end];
        let allowed = may_be_out(f.detector, text) as u64;
        assert!(
            out <= allowed,
            "{out} bytes of {:?} {:?} were out",
            f.detector,
            String::from_utf8_lossy(text)
        );
    }
}

/// The fragments show what the whole text shows; with how much of each finding was out by then.
fn same<'a>(text: &[u8], chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<((StreamFinding, u64), Finding)> {
    let found = streamed(chunks);
    let plain: Vec<Finding> = found
        .iter()
        .map(|(f, _)| Finding {
            detector: f.detector,
            start: usize::try_from(f.start).unwrap(),
            end: usize::try_from(f.end).unwrap(),
            confidence: f.confidence,
        })
        .collect();
    assert_eq!(plain, whole(text), "in {:?}", String::from_utf8_lossy(text));
    found.into_iter().zip(plain).collect()
}

/// Things that are found, nearly found, or in the way. Put together at run time.
fn pieces() -> Vec<String> {
    let alnum = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6";
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";
    let key = |label: &str, body: &str, end: &str| format!("-----BEGIN {label}-----\n{body}{end}");
    let mut pieces: Vec<String> = [
        "born March 3rd, 1980",
        "née le 1er août 1992",
        "DOB: 3 de marzo de 1980",
        "born in May, by birth a Dane",
        "jane.doe@example.com",
        "bob@example.org",
        "a_b+c@mail.example.co.uk",
        "git@github.com:o/r",
        "icon@2x.png",
        "https://user:pw@example.com/",
        "@",
        "@@",
        "x@",
        ".",
        "..",
        "-",
        "--",
        "_",
        "+",
        "(",
        ")",
        " ",
        "\n",
        ", ",
        "4111 1111 1111 1111",
        "4111111111111111",
        "5500-0055-5555-5559",
        "3782 822463 10005",
        "4111",
        "1111",
        "123-45-6789",
        "ssn 123456789",
        "123-45",
        "000-12-3456",
        "+49 30 901820",
        "+44 (0)20 7946 0958",
        "(415) 555-0132",
        "415.555.0132",
        "020 7946 0958",
        "tel 0301234567",
        "+",
        "00",
        "2024-01-15",
        "12:30:45",
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "DE89",
        "de8",
        "550e8400-e29b-41d4-a716-446655440000",
        "call_abc123",
        "v1.2.3",
        "3.14159",
        "é",
        "\u{2011}",
        "\u{a0}",
        "\\n",
        "\\",
        "n",
        "\\tx@example.com",
        "word",
        "The end.",
        "e.g. this",
        "sk",
        "gh",
        "AK",
        "ey",
        "----",
    ]
    .map(str::to_owned)
    .to_vec();
    pieces.extend([
        ["gh", "p_", &alnum[..36]].concat(),
        ["gh", "o_", &alnum[..20]].concat(),
        ["github", "_pat_", &alnum[..22], "_", alnum, "abcdefg"].concat(),
        ["sk", "-", &alnum[..20], "T3Blbk", "FJ", &alnum[20..40]].concat(),
        ["sk", "-proj-", alnum].concat(),
        ["sk", "-ant-api03-", alnum, &alnum[..39], "AA"].concat(),
        ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat(),
        ["AS", "IA", "Z5PQ7MNB3KLX"].concat(),
        format!("aws_secret_access_key = {}", &alnum[..40]),
        "SecretAccessKey\": \"".to_owned(),
        alnum[..40].to_owned(),
        ["ey", "JhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0In0.", &alnum[..43]].concat(),
        ["ey", "JhbGciOiJIUzI1NiJ9."].concat(),
        key("RSA PRIVATE KEY", &line.repeat(3), "-----END RSA PRIVATE KEY-----"),
        key("PRIVATE KEY", &line.repeat(2).replace('\n', "\\n"), "-----END PRIVATE KEY-----\\n"),
        key("OPENSSH PRIVATE KEY", line, ""),
        key("PRIVATE KEY", "...", "-----END PRIVATE KEY-----"),
        key("CERTIFICATE", line, "-----END CERTIFICATE-----"),
        line.repeat(2),
        "Zm9v+/4111".repeat(14),
        "Zm9vYmFy/".repeat(40),
        "Zm9v1".repeat(60),
        "password = \"".to_owned(),
        "api_key: ".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "datadog ".to_owned(),
        "\"client_secret\", \"".to_owned(),
        "curl --user jane:".to_owned(),
    ]);
    pieces
}

/// What every detector finds, made up.
fn samples() -> impl Iterator<Item = String> {
    DetectorId::all().map(|id| id.detector().sample(&mut SampleSource::new(7)))
}

#[test]
fn every_cut_of_every_sample_gives_the_same() {
    for sample in samples() {
        let text = format!("It is {sample}, ok");
        let bytes = text.as_bytes();
        for cut in (0..=bytes.len()).step_by(3) {
            agrees(bytes, [&bytes[..cut], &bytes[cut..]]);
        }
        for size in [1, 5] {
            agrees(bytes, bytes.chunks(size));
        }
    }
}

#[test]
fn every_cut_of_every_piece_gives_the_same() {
    for piece in pieces() {
        let text = format!("see {piece}, ok");
        let bytes = text.as_bytes();
        for cut in 0..=bytes.len() {
            agrees(bytes, [&bytes[..cut], &bytes[cut..]]);
        }
        for size in [1, 2, 3, 7] {
            agrees(bytes, bytes.chunks(size));
        }
    }
}

/// What every detector of personal data finds, between other words and alone, in small fragments.
#[test]
fn samples_in_fragments_are_found_as_in_one_piece() {
    for id in DetectorId::all().filter(|id| id.name().starts_with("pii.")) {
        for seed in 1..3 {
            let sample = id.detector().sample(&mut SampleSource::new(seed));
            for text in [sample.clone(), format!("see {sample}, ok"), format!("1 {sample} 2 {sample}")] {
                for size in [1, 2, 3, 5, 11] {
                    agrees(text.as_bytes(), text.as_bytes().chunks(size));
                }
            }
        }
    }
}

/// Chunks of these sizes, over and over.
#[test]
fn a_number_behind_a_space_of_two_bytes_is_found_either_way() {
    for behind in ["n>3.14159\u{a0}020 7946 0958", "n>3.14159\u{2009}020\u{2009}7946 0958"] {
        let text = format!("internationalizations of a word: {}{behind}", "averylongword".repeat(2));
        assert!(whole(text.as_bytes()).iter().any(|f| f.detector.name() == "pii.phone"), "{text}");
        for size in 1..text.len() {
            same(text.as_bytes(), text.as_bytes().chunks(size));
        }
    }
}

#[test]
fn a_token_among_numbers_is_found_either_way() {
    let digits = ["446655440000", "4111111111111111", "2024"].concat();
    let text = format!("datadog https://user:pw@example.com/550e8400-e29b-41d4-a716-{digits}-01-15");
    assert!(whole(text.as_bytes()).iter().any(|f| f.detector.name() == "secret.datadog_key"), "{text}");
    for size in 1..text.len() {
        same(text.as_bytes(), text.as_bytes().chunks(size));
    }
}

fn cut<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, more) = rest.split_at(rest.len().min(*size));
        chunks.push(chunk);
        rest = more;
    }
    chunks
}

proptest! {
    // The same cases in every run: of random ones about one in 150,000 still differs, where things run into each other
    // without a gap (SECURITY.md). PROPTEST_CASES asks for more of them, and the fuzz target `stream_scan` for others.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(1500),
        rng_seed: RngSeed::Fixed(20_261_123),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Things that run into each other without a gap are found alike. How much of them is out is another matter: the value
    /// behind a name may be seen only at its end to have begun so early.
    #[test]
    fn any_text_in_any_chunks_gives_the_same(
        picks in prop::collection::vec((0usize..1000, prop::option::of("[ -~]{0,3}")), 0..40),
        sizes in prop::collection::vec(1usize..40, 1..40),
    ) {
        static PIECES: LazyLock<Vec<String>> = LazyLock::new(pieces);
        let text: String = picks
            .iter()
            .flat_map(|(i, junk)| [PIECES[i % PIECES.len()].as_str(), junk.as_deref().unwrap_or("")])
            .collect();
        same(text.as_bytes(), cut(text.as_bytes(), &sizes));
    }

    /// The samples of all detectors, among words.
    #[test]
    fn any_samples_in_any_chunks_give_the_same(
        picks in prop::collection::vec(0usize..1000, 0..20),
        sizes in prop::collection::vec(1usize..40, 1..40),
    ) {
        static SAMPLES: LazyLock<Vec<String>> = LazyLock::new(|| samples().collect());
        let text: String =
            picks.iter().flat_map(|i| [SAMPLES[i % SAMPLES.len()].as_str(), ", and then "]).collect();
        agrees(text.as_bytes(), cut(text.as_bytes(), &sizes));
    }

    #[test]
    fn any_bytes_in_any_chunks_give_the_same(
        bytes in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(b"0123456789@.-+_ ()eyJskghp_AKIADE".to_vec()),
            1 => any::<u8>(),
        ], 0..200),
        size in 1usize..20,
    ) {
        agrees(&bytes, bytes.chunks(size));
    }
}

/// A provider may send a byte at a time; what is undecided is looked at again for each, within its bound.
#[test]
fn hostile_fragments_cost_linear_work() {
    const SIZE: usize = 1 << 15;
    for piece in [
        "a@b.",
        "a.",
        "4111 ",
        "+1",
        "eyJh",
        "eyJhbGciOiJub25lIn0.",
        "sk-",
        " sk-ant-a",
        "ghp_a",
        "DE89 ",
        "secret_access_key a",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- ABCD",
        "-----BEGIN PRIVATE KEY-----\nABCDEFGHIJKLMNOPQRSTUVWXYZ",
    ] {
        let mut scanner = StreamScanner::new(SET.clone());
        let mut out = Vec::new();
        for byte in piece.bytes().cycle().take(SIZE) {
            scanner.push(&[byte], &mut out);
        }
        scanner.finish(&mut out);
        let factor = scanner.work().examined / SIZE as u64;
        assert!(factor <= 160, "{piece:?} examined {factor} times the text");
    }
}

/// Longer than what is held: reported in pieces that touch, the same ones as in the whole text.
#[test]
fn a_key_longer_than_the_bound_is_reported_in_pieces() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(400);
    let pem = format!("a -----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY----- b");
    let jwt = ["ey", "JhbGciOiJIUzI1NiJ9.", &"abcDEF123_-".repeat(3000), ".", &"x1Y2z3".repeat(10)].concat();
    for text in [pem, jwt] {
        let found = whole(text.as_bytes());
        assert!(found.len() > 2);
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start), "the pieces touch");
        assert!(found.iter().all(|f| f.end - f.start <= HOLD_BOUND));
        for size in [1, 100, 5000, 100_000] {
            agrees(text.as_bytes(), text.as_bytes().chunks(size));
        }
    }
}

/// However it is cut, nothing of an address is out where one was announced.
#[test]
fn an_announced_address_is_held_as_a_whole() {
    for text in
        ["Her e-mail is jane.doe@corp.io, ok", "Jane <jane@corp.io>", "mail x@corp.io; jane@corp.io or"]
    {
        for size in 1..12 {
            let mut scanner = StreamScanner::new(SET.clone());
            let (mut out, mut released) = (Vec::new(), 0);
            for chunk in text.as_bytes().chunks(size) {
                let known = out.len();
                let now = scanner.push(chunk, &mut out);
                for finding in &out[known..] {
                    assert!(released <= finding.start, "{text:?} by {size}: {}", &text[..7]);
                }
                released = now;
            }
        }
    }
}

/// Prose as models write it, with years, prices, abbreviations, code words and dashes.
const PROSE: &str = include_str!("data/prose.txt");

#[test]
fn prose_is_never_held() {
    assert_eq!(whole(PROSE.as_bytes()), []);
    for size in 1..12 {
        let mut scanner = StreamScanner::new(SET.clone());
        let mut out = Vec::new();
        let mut pushed = 0;
        for chunk in PROSE.as_bytes().chunks(size) {
            pushed += chunk.len() as u64;
            assert_eq!(
                scanner.push(chunk, &mut out),
                pushed,
                "held {:?}",
                &PROSE[..usize::try_from(pushed).unwrap()].lines().last()
            );
        }
    }
}
