//! Texts in all their forms, and what is found in them.

use base64::Engine as _;

use super::*;

#[test]
fn every_form_is_scanned() {
    let address = "jane.doe@example.com";
    let mut text = format!("x\n\t{address} \"quoted\"");
    let mut scanner = Scanner::new(Some(Detectors::builtin()));
    for _ in 0..DEEPEST {
        let quoted = serde_json::to_string(&text).unwrap();
        let raw = &quoted[1..quoted.len() - 1];
        let mut out = Vec::new();
        scanner.scan(raw.as_bytes(), true, &mut out);
        let found: Vec<&str> = out.iter().map(|spot| &raw[spot.raw.clone()]).collect();
        assert_eq!(found, [address], "{raw}");
        text = quoted;
    }
}

fn found(text: &str) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    Scanner::new(Some(Detectors::builtin())).scan_plain(text.as_bytes(), &mut out);
    out.iter().map(|spot| (spot.detector.name(), &text[spot.raw.clone()])).collect()
}

#[test]
fn encodings_hide_nothing() {
    const BASE64: &str = "amFuZS5kb2VAZXhhbXBsZS5jb20gYW5kIGpvaG5AZXhhbXBsZS5jb20=";
    for (text, place) in [
        ("to jane%2Edoe%40example.com, ok", "jane%2Edoe%40example.com"),
        ("to jane.doe&#64;example.com, ok", "jane.doe&#64;example.com"),
        ("to j.a.n.e. j_a_n_e_@_e_x_a_m_p_l_e_._c_o_m", "j_a_n_e_@_e_x_a_m_p_l_e_._c_o_m"),
        ("to jane\u{200b}.doe@exa\u{200d}mple.com", "jane\u{200b}.doe@exa\u{200d}mple.com"),
        ("to jаne.doe@exаmple.com", "jаne.doe@exаmple.com"),
        ("to 6a616e652e646f65406578616d706c652e636f6d", "6a616e652e646f65406578616d706c652e636f6d"),
        ("to jane.doe@exam\nple.com", "jane.doe@exam\nple.com"),
    ] {
        assert_eq!(found(text), [("pii.email", place)], "{text}");
    }
    assert_eq!(found(&format!("see {BASE64}.")), [("pii.email", BASE64); 2]);
}

#[test]
fn a_surer_form_wins_over_a_guess() {
    // Put together, the number would be another.
    assert_eq!(found("4111 1111 1111 1111\n1234567890123456"), [("pii.card", "4111 1111 1111 1111")]);
}

#[test]
fn what_is_whole_by_itself_takes_no_line_beside_it() {
    let key = format!("gl{}-Ab3dEf6hIj9lMnOpQr2t", "pat");
    for (before, place, behind) in [
        ("Regards,\nTom\n", "tom.roe@acme-corp.org", ""),
        ("the end\n\t", "tom.roe@acme-corp.org", "\nThanks"),
        ("token ", &*key, "\nThanks a lot"),
        ("TOKEN=", &*key, "\nDEBUG=true\n"),
        ("TOKEN=", &*key, "\r\n> REGION=eu-west-1\r\n"),
    ] {
        let text = format!("{before}{place}{behind}");
        let places: Vec<&str> = found(&text).iter().map(|(_, place)| *place).collect();
        assert_eq!(places, [place], "{text:?}");
    }
}

#[test]
fn a_guess_that_covers_a_part_of_it_wins() {
    let half = |number: usize| {
        (0..20usize).map(move |at| char::from(b"0a1b2c3d4e5f6789abcd"[(7 * at + number) % 20]))
    };
    let token: String = half(3).chain(['\n']).chain(half(8)).collect();
    let text = format!("wandb key {token} and more");
    assert_eq!(found(&text).iter().map(|(_, place)| *place).collect::<Vec<_>>(), [&*token]);
    // In base64 both stand at the same place.
    let encoded = base64::engine::general_purpose::STANDARD.encode(&text);
    assert_eq!(found(&encoded), [("secret.wandb_old_key", &*encoded)]);
    // What is pulled apart is no value by itself.
    let apart: Vec<String> = token.chars().filter(char::is_ascii_alphanumeric).map(String::from).collect();
    let apart = apart.join("-");
    assert_eq!(found(&format!("wandb key {apart}.")), [("secret.wandb_old_key", &*apart)]);
}

#[test]
fn what_is_still_encoded_is_counted() {
    let mut scanner = Scanner::new(Some(Detectors::builtin()));
    let mut nested = "jane.doe@example.com".replace('.', "%2E");
    for _ in 1..DEEPEST {
        nested = nested.replace('%', "%25");
    }
    let mut out = Vec::new();
    scanner.scan_plain(nested.as_bytes(), &mut out);
    assert_eq!((out.len(), scanner.unfinished()), (1, 0));
    assert_eq!(out[0].raw, 0..nested.len());
    scanner.scan_plain(nested.replace('%', "%25").as_bytes(), &mut out);
    assert_eq!(scanner.unfinished(), 1);
}

#[test]
fn what_is_long_and_nested_is_counted_instead_of_followed() {
    let mut scanner = Scanner::new(Some(Detectors::builtin()));
    let mut out = Vec::new();
    scanner.scan_plain("%2525252541".repeat(400_000).as_bytes(), &mut out);
    assert_eq!(scanner.unfinished(), 1);
    // Text in its own script hides nothing, however long it is.
    scanner.scan_plain("Съешь же ещё этих мягких французских булок. ".repeat(50_000).as_bytes(), &mut out);
    assert_eq!(scanner.unfinished(), 1);
}

#[test]
fn two_bytes_for_each_character_are_read_and_not_rewritten() {
    let text: Vec<u8> = "to jane.doe@example.com".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = Vec::new();
    Scanner::new(Some(Detectors::builtin())).scan_plain(&text, &mut out);
    assert_eq!((out[0].raw.clone(), out[0].fixed), (6..46, true));
    let text: Vec<u8> = "кпп: рнокпп 3571075738".encode_utf16().flat_map(u16::to_be_bytes).collect();
    out.clear();
    Scanner::new(Some(Detectors::builtin())).scan_plain(&text, &mut out);
    assert_eq!((out[0].raw.clone(), out[0].confidence), (24..44, Confidence::High));
}

#[test]
fn an_escaped_at_sign_hides_nothing() {
    let raw = r"write to jane.doe\u0040example.com \ud83d\ude00";
    let mut out = Vec::new();
    Scanner::new(Some(Detectors::builtin())).scan(raw.as_bytes(), true, &mut out);
    assert_eq!(&raw[out[0].raw.clone()], r"jane.doe\u0040example.com");
    assert_eq!((out[0].start, out[0].length), (9, 20));
}
