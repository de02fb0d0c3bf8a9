//! What is shown and what is meant, by example; and that the signs say no less than the bytes they stand for.

use super::*;
use crate::detect::personal::IPV4;
use crate::detect::{Detectors, SampleSource};

/// Where nothing is a sign nothing says that a value is shown, and where some are nothing else does, whatever was
/// asked about before.
#[test]
fn nobody_is_asked_about_what_is_not_there() {
    let words = [&DOCUMENTATION[..], &EXAMPLES, &RIGHTS, &FIELDS, &DEEDS, &REMARKS, &READERS, &TESTERS];
    let words = words.into_iter().flatten().filter_map(|word| std::str::from_utf8(word).ok());
    let others = [
        "assert_eq!(",
        "#[case(",
        "# ",
        "// ",
        "\"",
        "(",
        ")",
        "x ",
        "\n",
        "\n\n",
        ": ",
        "<",
        "word ",
        ">>> to = ",
        "\n>>> ",
    ];
    let pieces: Vec<&str> = words.chain(others).chain(["sentence "; 20]).collect();
    let mut source = SampleSource::new(5);
    for _ in 0..300 {
        let text: String = (0..60).map(|_| source.pick(&pieces)).collect();
        let (text, mut signs) = (Text::complete(text.as_bytes()), Signs::default());
        let mut start = 0;
        while start < text.bytes.len() {
            for detector in [EMAIL, IPV4] {
                let finding = Finding { detector, start, end: start + 1, confidence: Confidence::Medium };
                let said = signs.before(text, start, &mut 0);
                let all = by_what_stands_before(text, &finding, Said::ALL);
                assert_eq!(by_what_stands_before(text, &finding, said), all);
                assert!(said != Said(0) || all == Confidence::High);
            }
            start += 1 + source.below(50);
            // Sometimes back: an address begins before its anchor.
            start -= source.below(30).min(start);
        }
    }
}

/// The confidence of the first finding of personal data in `text`.
#[track_caller]
fn sure(text: &str) -> Confidence {
    let mut out = Vec::new();
    Detectors::builtin().scan(text.as_bytes(), &mut out);
    out.first().unwrap_or_else(|| panic!("nothing is found in {text:?}")).confidence
}

#[test]
fn what_is_shown_is_of_low_confidence() {
    for text in [
        "/// The owner, as in `jane.roe@firm.com`.",
        "x\n    //! Call +41 44 668 1800.",
        ">>> send('jane.roe@firm.com')",
        ">>> to = [\"jane.roe@firm.com\"]",
        "assert_eq!(\n    mail(), \"jane.roe@firm.com\")",
        "self.assertEqual(p.path, '+31-641044153')",
        "    #[case(parsed(\"+61406823897\"), Some(AU))]",
        "// e.g. jane.roe@firm.com",
        "the address (ex: '02:5c:18:9d:0e:67')",
        "parse_v6(\"2a02:6b8:17::11:11\")",
        "urlsplit('tel:+31-641044153')",
        "Coord::lon_lat(13.361389, 38.115556)",
        "    (Coord::lon_lat(\"13.361389\", \"38.115556\"), \"Palermo\")",
        "parse(Some(country::US), \"+64 3 331 6005\")",
        "# Copyright (c) 2019 Jane Roe <jane.roe@firm.com>",
        "author_email='jane.roe@firm.com',",
        "authors = [\"Jane Roe <jane.roe@firm.com>\"]",
        "Maintainer: Jane Roe <jane.roe@firm.com>",
        "authors = [\n    \"John Doe\",\n    \"Jane Roe <jane.roe@firm.com>\",\n]",
        "    \"author\": \"Jane Roe <jane.roe@firm.com>\",",
        " * @author jane.roe@firm.com",
        "// Jane Roe (@janeroe) <jane.roe@firm.com>, and",
        "Written by Jane Roe (jane.roe@firm.com).",
        "# Contact: jane.roe@firm.com",
        "__email__ = \"jane.roe@firm.com\"",
        "json!(\"joe@example.com\")",
        "    // 1e150\n    check_normalize(5555555555554444, 446)",
        "# originally written by jane.roe@firm.com, 1995",
        "# jane.roe@firm.com",
        "#   - Jane Roe (jane.roe@firm.com), 1995",
        "smtp.send(from='joe@example.com')",
        "send(\"to\", [\"joe@example.com\"])",
        "    # ZIP+4 form\n    12101-0001\n",
        "    // ipv4 address in range\n    \"10.42.7.100\",",
        "15735193600*t**16 + 4111111111111111*t**12",
        "latitude 48.208174",
        "self.node_coordinates[node][1]-40.03751*difference",
    ] {
        assert_eq!(sure(text), Confidence::Low, "{text}");
    }
}

#[test]
fn what_is_meant_is_not() {
    for text in [
        "Jane Roe <jane.roe@firm.com>",
        "* Jane Roe <jane.roe@firm.com>",
        "{\"email\": \"joe@example.com\"}",
        "email: joe@example.com",
        "EMAIL=joe@example.com",
        "contact = \"jane.roe@firm.com\"",
        "send_mail(\"jane.roe@firm.com\")",
        "INSERT INTO users VALUES ('Jane', 'jane.roe@firm.com')",
        "INSERT INTO users VALUES('Joe', 'joe@example.com')",
        "realm = \"realm2@example.com\"",
        "{\"to\": [\"joe@example.com\"]}",
        "authors = [\"John Doe\"]\ncc = [\"jane.roe@firm.com\"]",
        "assert!(done);\n\nlet to = \"jane.roe@firm.com\";",
        "For example, my own address is jane.roe@firm.com",
        "# Postal code\n12101-0001\n",
        "    // the office\n    office_ip = \"93.184.7.100\"",
        "- **card** - 4111111111111111",
        "* ip address 93.184.7.100",
        "the author of this letter is jane.roe@firm.com",
        "Contact: jane.roe@firm.com",
        "this was written by jane.roe@firm.com",
        "We maintain that jane.roe@firm.com is right: call her",
        "notify_latest(\"jane.roe@firm.com\")",
        ">>> On Monday Jane Roe (jane.roe@firm.com) wrote:",
        "I assert that jane.roe@firm.com is mine",
        "Thanks,\nJane <jane.roe@firm.com>",
    ] {
        assert!(sure(text) > Confidence::Low, "{text}");
    }
}
