//! Keys and tokens: by their prefix, by the name before them, by their structure.

use interceptor_engine::detect::Confidence;

use super::*;

/// The places at which keys stand in code, configuration, commands and prose.
const AROUND_KEYS: [&str; 14] = [
    "{}",
    "key={}",
    "KEY: {}\n",
    "\"{}\",",
    "'{}'",
    "`{}`",
    "Authorization: Bearer {}\r\n",
    "use {}.",
    "-{}",
    "({})",
    "https://example.com/?token={}&x=1",
    "[{}]",
    "x:{};",
    "é{} ü",
];

#[test]
fn keys_by_prefix() {
    let cases = [
        ("secret.github_token~", ["gh", "p_", &ALNUM[..36]].concat()),
        ("secret.github_token~", ["gh", "s_", ALNUM].concat()),
        ("secret.github_token", ["github", "_pat_", &ALNUM[..22], "_", ALNUM, "abcdefg"].concat()),
        ("secret.openai_key", ["sk", "-", &ALNUM[..20], "T3Blbk", "FJ", &ALNUM[20..40]].concat()),
        ("secret.openai_key", ["sk", "-proj-", &ALNUM[..40], "_T3Blbk", "FJ-", &ALNUM[..40]].concat()),
        ("secret.openai_key", ["sk", "-svcacct-", &ALNUM[..20], "T3Blbk", "FJ", &ALNUM[..20]].concat()),
        ("secret.openai_key?", ["sk", "-proj-", ALNUM].concat()),
        ("secret.openai_key~", ["sk", "-", &ALNUM[..48]].concat()),
        ("secret.api_key~", ["sk", "-", &ALNUM[..32]].concat()),
        ("secret.api_key~", ["sk", "-or-v1-", ALNUM].concat()),
        ("secret.anthropic_key", ["sk", "-ant-api03-", ALNUM, &ALNUM[..39], "AA"].concat()),
        ("secret.anthropic_key", ["sk", "-ant-admin01-", ALNUM, &ALNUM[..39], "AA"].concat()),
        ("secret.anthropic_key?", ["sk", "-ant-oat01-", ALNUM].concat()),
        ("secret.aws_access_key", ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat()),
        ("secret.aws_access_key", ["AS", "IA", "Z5PQ7MNB3KLXTRW2"].concat()),
    ];
    for (detector, value) in &cases {
        for text in AROUND_KEYS {
            finds(detector, text, value);
        }
        let other = format!("x{value}");
        // `xgithub_pat_` would be the prefix of somebody else.
        if value.contains("_pat_") { finds("secret.self_named_key~", "{}", &other) } else { silent(&other) }
    }
}

/// Keys that open nothing: of Azure's and Cosmos DB's emulators, of the documentation of Stripe and reCAPTCHA.
#[test]
fn keys_that_their_issuers_print_are_reported_and_not_sure() {
    let storage =
        ["Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6", "IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="];
    let cosmos =
        ["C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2n", "Q9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="];
    let cases = [
        ("AccountKey={};", storage.concat()),
        ("AccountKey={};", cosmos.concat()),
        ("stripe.api_key = \"{}\"", ["sk", "_test_4eC39HqLyjWDarjt", "T1zdp7dc"].concat()),
        ("recaptcha_secret = '{}'", ["6LeIxAcTAAAAAGG-", "vFI1TnRWxMZNFuojJ4WifJWe"].concat()),
        ("key: {}", ["AIza", "SyDMAScliyLx7F0NPDEJi1", "QmyCgHIAODrlU"].concat()),
    ];
    for (around, printed) in &cases {
        let sure = |value: &str| {
            let text = around.replace("{}", value);
            let found = scan(text.as_bytes());
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(&text[found[0].start..found[0].end], value, "all of it and nothing else");
            found[0].confidence > Confidence::Low
        };
        assert!(!sure(printed), "{printed}");
        // The same but for one character, which is nobody's.
        let at = printed.len() - 6;
        let swapped = if printed.as_bytes()[at] == b'Q' { "R" } else { "Q" };
        assert!(sure(&[&printed[..at], swapped, &printed[at + 1..]].concat()), "{printed}");
    }
}

/// A token whose last six characters are the CRC-32 of the thirty before, computed here on its own.
#[test]
fn a_github_token_with_its_checksum_is_certain() {
    let body = &ALNUM[..30];
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let mut rest = !crc as usize;
    let mut check = Vec::new();
    for _ in 0..6 {
        check.insert(0, alphabet[rest % 62]);
        rest /= 62;
    }
    let token = format!("gh{}_{body}{}", 'p', check.iter().collect::<String>());
    finds("secret.github_token", "{}", &token);
}

#[test]
fn aws_secret_keys_need_to_be_announced() {
    let value = ["wJalrXUtnFEMI", "/K7MDENG", "+bPxRfiCYzzK3yQ9Lab"].concat();
    assert_eq!(value.len(), 40);
    for text in [
        "aws_secret_access_key = {}",
        "AWS_SECRET_ACCESS_KEY=\"{}\"",
        "\"SecretAccessKey\": \"{}\",",
        "secretAccessKey: '{}'",
        "Secret Access Key: {}\n",
        "secret-access-key {}",
        "aws_secret_access_key is {}.",
    ] {
        finds("secret.aws_secret_key", text, &value);
    }
    silent(&value);
    silent(&format!("aws_access_key_id = {value}"));
    // Not of an AWS key's shape, but named a secret and drawn.
    finds("secret.assigned_key~", "access_key = {}", &value);
    finds("secret.assigned_key~", "secret_access_key = {}", &format!("{value}A"));
    let id = ["AK", "IA", "Z5PQ7MNB3KLXTRW2"].concat();
    let both = format!("{id},{value}");
    assert_eq!(
        found(&both),
        [format!("secret.aws_access_key={id}"), format!("secret.aws_secret_key={value}")]
    );
}

pub(super) fn armour(label: &str, body: &str, end: &str) -> String {
    ["-----BEGIN ", label, "-----\n", body, end].concat()
}

#[test]
fn private_keys() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        let end = format!("-----END {label}-----");
        let whole = armour(label, &line.repeat(5), &end);
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n";
        for value in [
            whole.clone(),
            whole.replace('\n', "\\n"),
            whole.replace('\n', "\r\n"),
            whole.replace('\n', "\n    "),
            armour(label, &format!("{headers}{}", line.repeat(3)), &end),
        ] {
            finds("secret.private_key", "{}", &value);
            finds("secret.private_key", "key: {}, and more text", &value);
        }
    }
    let cut = armour("PRIVATE KEY", &line.repeat(3), "");
    finds("secret.private_key", "{}\nThat is all I have.", cut.trim_end());
    silent(&armour("CERTIFICATE", &line.repeat(3), "-----END CERTIFICATE-----"));
    silent(&armour("PUBLIC KEY", &line.repeat(3), "-----END PUBLIC KEY-----"));
    silent(&armour("PRIVATE KEY", "...\n", "-----END PRIVATE KEY-----"));
    silent("A PEM file begins with -----BEGIN PRIVATE KEY----- and then come many lines of base64.");
}

#[test]
fn json_web_tokens() {
    let header = ["ey", "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"].concat();
    let claims = ["ey", "JzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4ifQ"].concat();
    let token = format!("{header}.{claims}.{}", &ALNUM[..43]);
    for text in AROUND_KEYS.iter().filter(|text| **text != "-{}") {
        finds("secret.jwt", text, &token);
    }
    finds("secret.jwt", "{}", &format!("{header}.{claims}."));
    finds("secret.jwt~", "{} ", &format!("{header}.{claims}"));
    finds("secret.jwt", "{}", &format!("{header}.{0}.{0}.{0}.{0}", &ALNUM[..20]));
    silent(&header);
    silent(&format!("{header}.x.y and x{token}"));
    // `{"a":1}` has no algorithm, and the last one is no JSON.
    silent(&format!("{}.{claims}.{}", ["ey", "JhIjoxfQ"].concat(), &ALNUM[..43]));
    silent(&format!("{}.{claims}.{}", ["ey", "Jabcdefghij"].concat(), &ALNUM[..43]));
}

#[test]
fn what_is_named_like_a_secret_and_is_none() {
    let id = "abcd12f2-46da-4fdb-b8d5-fbd4c466928f";
    silent(&format!("\"ChangeToken\": \"{id}\""));
    silent(&format!("\"ClientRequestToken\": \"{id}\""));
    silent(&format!("--lock-token {id} \\"));
    silent(&format!("--lifecycle-action-token {id}"));
    silent("arn:aws:secretsmanager:us-west-2:123456789012:secret:Mine2-a1b2c3d4");
    silent("\"PasswordLastUsed\": \"2016-09-24T16:18:07Z\"");
    silent("update_token = \"1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d\"");
    silent("\"token\": \"xoxp-1234-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d\"");
    assert!(found(&format!("exchange_token = \"{}\"", &ALNUM[..28])).len() == 1);
}

#[test]
fn passwords_of_commands_and_sentences() {
    let value = &ALNUM[10..28];
    for text in [
        "my password is {} and it fails",
        "The password was {}\n",
        "backup --db-password {} --all",
        "Connect-VIServer -Server v -User admin -Password {}",
        "sshpass -p {} ssh root@host",
        "docker login -u me -p {} registry.example.net",
        "mysql -uroot -p{} -h db shop",
        "mysqldump --single-transaction -u root -p'{}' shop",
        "mongo -u admin -p {} --quiet",
        "redis-cli -h cache -a {} ping",
        "unzip -P {} a.zip",
        "ldapsearch -x -D cn=admin -w {} -b dc=example",
        "openssl enc -aes-256-cbc -k {} -in a",
        "keytool -list -keystore k.jks -storepass {}",
        "machine api.example.net login jane password {}\n",
        "nmcli dev wifi connect home password {} ifname wlan0",
        "ConvertTo-SecureString \"{}\" -AsPlainText",
        "CREATE USER app IDENTIFIED BY '{}'",
        "password={}&user=bob",
    ] {
        finds("secret.password~", text, value);
    }
    // Of other commands the same options are paths, users, numbers and files.
    for text in [
        "mkdir -p {}",
        "ls -a {}",
        "sort -k {}",
        "tar -P {}",
        "grep -w {}",
        "xfreerdp /v:{}",
        "mysql -P 3306 -h db",
    ] {
        silent(&text.replace("{}", value));
    }
    silent("mysql -u root -p --password-stdin");
    silent("mysql -u root -p$DB_PASS shop");
    silent("The password is required2 by the form.");
    silent("mongodb://<username>:<password>@cluster0.ab1cd.example.net/");
}

#[test]
fn keys_whose_names_stand_apart_or_look_harmless() {
    let value = &ALNUM[3..31];
    for text in [
        "SHARED_SECRET: {}\n",
        "HostName=h;SharedAccessKeyName=owner;SharedAccessKey={};",
        "<add key=\"signing_key\" value=\"{}\" />",
        "- name: master_key\n  value: {}\n",
        "my hmac_key is {} , please use it",
        "https://example.com/?api_key={}&q=1",
    ] {
        finds("secret.assigned_key~", text, value);
    }
    silent(&format!("commitSha: {value} cache key {value}"));
}
