//! Addresses, cards, accounts and numbers of persons, as they stand in text.

use super::*;

#[test]
fn email_addresses() {
    for text in [
        "{}",
        "Write to {}.",
        "<{}>",
        "mailto:{}?subject=x",
        "\"{}\"",
        "a, {}, b",
        "({})",
        "- {}\n",
        "To:{};",
    ] {
        finds("pii.email", text, "jane.doe+list@mail.example.com");
        finds("pii.email", text, "jo.roe@example.co.uk");
        finds("pii.email~", text, "jo@example.co.uk");
        finds("pii.email?", text, "no-reply@mail.example.com");
        finds("pii.email~", text, "ab@b.com");
        finds("pii.email", text, "ann_oneil99@sub-domain.example.org");
        finds("pii.email", text, "jürgen.groß@example.de");
        finds("pii.email", text, "иван.петров@example.com");
        finds("pii.email?", text, "root@host.unheardof");
    }
    finds("pii.email?", "<0020c1$8752e060${}>", "5610@firm.org");
    finds("pii.email", "costs 5 ${}", "jo.roe@firm.org");
    finds("pii.email?", "joe:{}", "password@proxy.firm.org");
    silent("user@host and a@b and @handle and x@1.2.3 and icon@2x.png and react@18.2.0 and a@b..com");
    silent("http://jo@:roe@firm.org/");
    silent("git clone git@github.com:owner/repo.git");
    silent("postgres://user:word@db.example.com/x and ftp://user@files.example.com");
    silent("@decorator.call() and x @ y.shape and matrix@other.dtype");
    silent(&format!("{}@example.com", "a".repeat(65)));
    silent(&format!("a@{}.com", "b".repeat(260)));
}

#[test]
fn cards() {
    for text in
        ["{}", "card: {}, thanks", "({})", "\"{}\"", "pay {}.", "{} 12/27 123", "{}/1227", "a,{},b", "+{} "]
    {
        let text = text.replace('+', "=");
        finds("pii.card", &text, "4111 1111 1111 1111");
        finds("pii.card", &text, "4111-1111-1111-1111");
        finds("pii.card", &text, "3782 822463 10005");
        finds("pii.card", &text, "4111\u{a0}1111\u{a0}1111\u{a0}1111");
        for plain in [
            "5500005555555559",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "6200000000000005",
        ] {
            finds("pii.card~", &text, plain);
        }
    }
    finds("pii.card~", "card number {}", "4000000000000000006");
    finds("pii.card~", "card number {}", "135412345678911");
    finds("pii.card~", "my credit card: {}", "122000000000003");
    finds("pii.card?", "[{}, 9007199254740993]", "4000000000000000006");
    silent("4111 1111 1111 1112 and 4111111111111112, no checksum");
    silent("1234 5678 9012 3452 and 9999 9999 9999 9995, no issuer; 0000000000000000, 4444444444444444");
    silent("411111111111111 and 41111111111111111, no length");
    silent("x4111111111111111 4111111111111111x _4111111111111111 0.4111111111111111 4111111111111111.5");
    silent("1111 4111 1111 1111 1111 2222, a row of numbers");
    silent("550e8400-e29b-41d4-a716-4111111111111111 and 4111111111111111-abc");
    silent("1700000000000 1700000000000000 1700000000000000000");
}

#[test]
fn ibans() {
    for text in ["{}", "IBAN: {}.", "({})", "\"{}\"", "to {}, please", "IBAN:{}\n"] {
        for value in [
            "DE89 3704 0044 0532 0130 00",
            "DE89370400440532013000",
            "GB29NWBK60161331926819",
            "gb29 nwbk 6016 1331 9268 19",
            "FR14 2004 1010 0505 0001 3M02 606",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
            "CH93-0076-2011-6238-5295-7",
        ] {
            finds("pii.iban", text, value);
        }
    }
    silent(
        "DE88 3704 0044 0532 0130 00, DE89 3704 0044 0532 0130, DE893704004405320130001, ZZ89370400440532013000",
    );
    silent("xDE89370400440532013000 DE89-370400-44-0532013000 it60s at10 de12 fr20");
}

#[test]
fn social_security_numbers() {
    for text in ["{}", "SSN {}.", "({})", "his number is {}, hers is not known", "ssn={}"] {
        finds("pii.us_ssn", text, "123-45-6789");
        finds("pii.us_ssn", text, "899-99-9999");
    }
    finds("pii.us_ssn", "My SSN is {}", "123 45 6789");
    finds("pii.us_ssn~", "Social Security number: {}", "123456789");
    finds("pii.us_ssn?", "{}", "123 45 6789");
    silent("000-12-3456 666-12-3456 900-12-3456 987-65-4321 123-00-4567 123-45-0000 078-05-1120");
    silent("123456789 and 123-456-789 and 1123-45-6789 and 123-45-67890 and 123-45-6789-0 and 12-345-6789");
}

#[test]
fn telephone_numbers() {
    for text in ["{}", "call {}.", "({})", "Tel.: {}", "\"{}\",", "{} or mail", "at {}\n"] {
        finds("pii.phone", text, "+49 30 901820");
        finds("pii.phone", text, "+14155552671");
        finds("pii.phone", text, "+1 (415) 555-2671");
        finds("pii.phone", text, "+44 (0)20 7183 8750");
        finds("pii.phone", text, "+33 1 23 45 67 89");
        finds("pii.phone", text, "+81-3-1234-5678");
        finds("pii.phone~", text, "(415) 555-2671");
        finds("pii.phone~", text, "415-555-2671");
        finds("pii.phone~", text, "415.555.2671x123");
        finds("pii.phone~", text, "415\u{2011}555\u{2011}2671");
        finds("pii.phone~", text, "1-415-555-2671");
        finds("pii.phone~", text, "020 7183 8750");
        finds("pii.phone~", text, "01 70 18 99 00");
        finds("pii.phone~", text, "0044 20 7183 8750");
    }
    // Numbers for films, and those that no plan has, unless they are written as nothing else is.
    for kept in ["(415) 555-0132", "415-555-0132", "020 7946 0958", "01 99 00 12 34"] {
        finds("pii.phone?", "{} or mail", kept);
        finds("pii.phone~", "my phone is {}", kept);
    }
    finds("pii.phone~", "{}", "+1 (415) 555-0132");
    finds("pii.phone~", "{}", "+1 415 155 2671");
    // A zero in parentheses that is a part of the calling code, and one without anything behind it.
    finds("pii.phone", "{}", "+4 (0)21 312 8480");
    silent("+4(0) and +1(0)2 and +44 (0) and +(0)44 and 00(0)4 1 2");
    finds("pii.phone?", "hex!(\"{}\")", "03 03 01 00 01");
    silent("Vol. II, p. 241-248 (1971), pp. 480–487). 1998, 377-383(1968)");
    silent("hex!(\"0c 04 31 32 33 34\") and +10000-12-31 and // 0123 456 789... and phone: 111-222-3333");
    finds("pii.phone~", "my phone is {}", "4155550132");
    finds("pii.phone~", "Phone: {}", "73 448 266");
    silent("4155550132 and 73 448 266, without a word before");
    silent("+00 12 345 678 and +999 123456789 and +1 015 555 0132 and 1e+14155550132 and C++14155550132");
    silent("2024-01-15 10:30:00, 15.01.2024, 2024-01-15T10:30:00+00:00, 1,234,567.89, phone 203.0.113.10");
    silent("415-555-01321 and 415-155-0132 and 911-555-0132 and 123-456-7890 and $4155550132");
    silent("version 10.15.7.1234 and 1.2.3-4 and 192.168.100.200 and 3.14159265358979");
}

/// Whatever else it may be: `value` alone may be a number of this kind, and the same of another digit may not.
#[track_caller]
fn reads(detector: &str, value: &str, wrong: &str) {
    let has = |value: &str| Detectors::readings(value.as_bytes()).iter().any(|id| id.name() == detector);
    assert!(has(value), "{value} is no {detector}");
    assert!(!has(wrong), "{wrong} is a {detector}");
}

#[test]
fn numbers_that_stand_alone_are_read_by_the_rules_of_who_gives_them_out() {
    // The sum is left out for births on the first of January alone.
    assert!(found("cpr 010165-1234").contains(&"pii.dk_cpr~=010165-1234".to_owned()));
    assert!(!found("cpr 020165-1234").iter().any(|found| found.contains("dk_cpr")));
    reads("pii.au_abn", "AU51824753556", "AU51824753557");
    for (detector, value, wrong) in [
        ("pii.ar_cuit", "20-55361685-9", "20-55361685-8"),
        ("pii.be_national_number", "85.07.30-033 28", "85.07.30-033 29"),
        ("pii.es_nie", "x-2482300w", "x-2482300v"),
        ("pii.fr_nir", "253072B07300470", "253072B07300471"),
        ("pii.rs_jmbg", "1112978714800", "1112978714801"),
        ("pii.uy_rut", "21-100342-001-7", "21-100342-001-8"),
        ("pii.za_id", "750330 5044089", "750330 5044088"),
        ("pii.mx_curp", "BOXW310820HNERXN09", "BOXW310820HNERXN08"),
        ("pii.in_gstin", "27AAPFU0939F1ZV", "27AAPFU0939F1ZO"),
    ] {
        reads(detector, value, wrong);
    }
    reads("pii.hk_id", "A123456[3]", "A123456[4]");
    reads("pii.hk_id", "A123456(3)", "A123456{3}");
    reads("pii.uk_vat", "GBGD001", "GBGD501");
    reads("pii.uk_vat", "GBHA599", "GBHA499");
    reads("pii.ly_national_id", "119850000017", "319850000017");
    reads("pii.tn_cin", "04718296", "12345678");
    reads("pii.ro_nif", "9000471829638", "9100471829638");
    reads("pii.mt_tax_id", "334718296", "344718296");
    reads("pii.ar_dni", "34718296", "64718296");
    // Since 2016 there are none of the old form, and none is from before 1910.
    reads("pii.lk_nic", "853400937V", "053400937V");
    // 29 February 1980 and 1981.
    reads("pii.it_fiscal_code", "RSSMRA80B29A562U", "RSSMRA81B29A562V");
    // Cambridge, and no place at all.
    reads("pii.uk_postcode", "CB2 1TN", "CQ2 1TN");
    reads("pii.uk_postcode", "M60 0AA", "J60 0AA");
    // A month of no century is nobody's mistake, a day too many is.
    reads("pii.pl_pesel", "44551401453", "44023001455");
}

#[test]
fn an_account_number_ends_where_an_address_does_not_begin() {
    finds("pii.iban", "{}", "DE89370400440532013000");
    assert!(!found("DE89370400440532013000@bank").iter().any(|found| found.contains("iban")));
}

#[test]
fn numbers_among_numbers_are_no_cards_and_quantities_no_telephones() {
    let card = "5555555555554444";
    assert_eq!(found(&format!("1234567890123,\n    {card},\n")), [format!("pii.card?={card}")]);
    assert_eq!(found(&format!("4111111111111111,\n    {card},\n")).pop(), Some(format!("pii.card~={card}")));
    for text in
        ["09:08:07.12345678", "07:00:00.123456789-04:00", "'+3.140000; -3.140000'", "12:34:56.7890123"]
    {
        silent(text);
    }
    finds("pii.phone", "{}", "+1.4155552671");
}

#[test]
fn a_top_level_domain_of_two_letters_is_a_countrys() {
    finds("pii.email", "{}", "jane.doe@firm.is");
    finds("pii.email?", "{}", "jane.doe@firm.ep");
    silent("rsc.io/sampler@v1.3.0rsc.io/sampler@v1.3.1");
}

#[test]
fn what_a_sentence_says_makes_a_number_sure() {
    for (text, found_in_it) in [
        ("My address is CB2 1TN in Cambridge", "pii.uk_postcode=CB2 1TN"),
        ("You can vote with your ABC4718296", "pii.in_voter_id~=ABC4718296"),
    ] {
        assert_eq!(found(text), [found_in_it], "{text}");
    }
}

#[test]
fn rows_and_pairs_that_count_are_nobodys() {
    // A table of prefixes and who has them.
    silent("553199702|Some Celular\n553199704|Some Celular\n553199705|Other\n");
    assert!(found("Celular:\n(31) 9912-0476 1").iter().all(|found| !found.contains("pii.phone?")));
    silent("telephone <Buffer 01 02 03 04 05>");
    // A row of four, as in tables of characters; three are an address.
    silent("[.192A.0020.000E.3053]");
    finds("pii.mac_address~", "{}", "0a2b.3c4d.5e6f");
}
