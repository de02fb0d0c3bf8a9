//! Reading of written documents: positions, types, units, and the limits that keep a document from costing
//! more than its length.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::time::Duration;

use expect_test::{Expect, expect};
use interceptor_engine::document::{
    Document, Limits, Mistakes, Report, Value, byte_size, duration, network_prefix, parse, socket_address,
};

/// Reads with `read` and gives the mistakes as text, or "fine".
fn read<T>(text: &str, read: impl Fn(&Document, &Report) -> Option<T>) -> String {
    let report = Report::new();
    let documents = parse("c.yaml", text, Limits::WRITTEN_BY_HAND, &report);
    let value = documents.first().and_then(|d| read(d, &report));
    match report.finish(value) {
        Ok(_) => "fine".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    }
}

fn check(text: &str, expected: Expect) {
    let all = |document: &Document, report: &Report| {
        let fields = document
            .root(report)
            .map(&["name", "port", "every", "size", "listen", "ip", "nets", "on", "level", "map"])?;
        fields.required("name").and_then(|f| f.text().map(str::to_owned));
        fields.optional("port").and_then(|f| f.number(1..=65535));
        fields.optional("every").and_then(|f| f.duration());
        fields.optional("size").and_then(|f| f.byte_size());
        fields.optional("listen").and_then(|f| f.socket_address());
        fields.optional("ip").and_then(|f| f.ip());
        fields.optional("nets").and_then(|f| f.list_of(|item| item.network_prefix()));
        fields.optional("on").and_then(|f| f.boolean());
        fields.optional("level").and_then(|f| f.one_of(&[("low", 1), ("high", 2)]));
        fields.optional("map").and_then(|f| f.entries());
        Some(())
    };
    expected.assert_eq(&read(text, all));
}

#[test]
fn a_right_document_is_read() {
    check(
        "name: x\nport: 443\nevery: 1h30m\nsize: 16MiB\nlisten: '[::1]:80'\nip: 192.0.2.1\n\
         nets: [192.0.2.0/24, '2001:db8::/48', 192.0.2.7]\non: true\nlevel: high\nmap: {a: 1, b: [2]}\n",
        expect!["fine"],
    );
    check("name: x\nport:\nevery: ~\n", expect!["fine"]);
}

#[test]
fn every_wrong_value_is_reported_where_it_stands() {
    check(
        "port: 0\nevery: 30\nsize: 1 parsec\nlisten: localhost:80\nip: 192.0.2\nnets: [192.0.2.1/24, 192.0.2.0/33, x]\n\
         on: yes\nlevel: hgih\nmap: 3\nlevle: low\n",
        expect![[r#"
            c.yaml:1:1: the field `name` is missing
            c.yaml:1:7: port: `0` is not allowed; expected a whole number from 1 to 65535
            c.yaml:2:8: every: `30` is not allowed; expected a duration such as `250ms`, `30s`, `5m`, `12h`, `7d` or `1h30m`
            c.yaml:3:7: size: `1 parsec` is not allowed; expected a size such as `512`, `64KiB`, `16MiB` or `1GiB`
            c.yaml:4:9: listen: `localhost:80` is not allowed; expected an address and port such as `127.0.0.1:9090` or `[::1]:9090`
            c.yaml:5:5: ip: `192.0.2` is not allowed; expected an IP address
            c.yaml:6:8: nets[0]: `192.0.2.1/24` is not allowed; expected an address or prefix such as `203.0.113.10`, `203.0.113.0/24` or `2001:db8::/48`
            c.yaml:6:22: nets[1]: `192.0.2.0/33` is not allowed; expected an address or prefix such as `203.0.113.10`, `203.0.113.0/24` or `2001:db8::/48`
            c.yaml:6:36: nets[2]: `x` is not allowed; expected an address or prefix such as `203.0.113.10`, `203.0.113.0/24` or `2001:db8::/48`
            c.yaml:7:5: on: unknown value `yes`; expected one of `true`, `false`
            c.yaml:8:8: level: unknown value `hgih`; expected one of `low`, `high`; did you mean `high`?
            c.yaml:9:6: map: is a single value; expected a mapping
            c.yaml:10:1: unknown field `levle`; expected one of `name`, `port`, `every`, `size`, `listen`, `ip`, `nets`, `on`, `level`, `map`; did you mean `level`?"#]],
    );
    check("name: [a]\n", expect!["c.yaml:1:7: name: is a list; expected a word"]);
    check("name: ''\n", expect!["fine"]);
}

#[test]
fn what_yaml_offers_beyond_data_is_refused() {
    check("name: &a x\n", expect!["c.yaml:1:7: anchors (`&name`) are not supported"]);
    check("name: *a\n", expect!["c.yaml:1:7: not valid YAML: while parsing node, found unknown anchor"]);
    check("name: !env HOME\n", expect!["c.yaml:1:7: tags (`!name`) are not supported"]);
    check("name: x\nname: y\n", expect!["c.yaml:2:1: the key `name` is there twice (first in line 1)"]);
    check(
        "? [a]\n: b\n",
        expect![[r#"
        c.yaml:1:1: the field `name` is missing
        c.yaml:1:3: a list or mapping cannot be a key; expected a word
        c.yaml:1:3: unknown field ``; expected one of `name`, `port`, `every`, `size`, `listen`, `ip`, `nets`, `on`, `level`, `map`"#]],
    );
    check(
        "name: \"x\n",
        expect!["c.yaml:1:7: not valid YAML: while scanning a quoted scalar, found unexpected end of stream"],
    );
    check(
        "name: x\n\tport: 1\n",
        expect!["c.yaml:1:7: not valid YAML: while scanning a plain scalar, found a tab"],
    );
}

/// Nine levels of ten aliases would be a thousand million values.
#[test]
fn aliases_do_not_multiply() {
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    let report = Report::new();
    let documents = parse("bomb.yaml", &bomb, Limits::WRITTEN_BY_HAND, &report);
    assert!(size(documents[0].node()) < 200);
    assert!(report.count() >= 100);
}

fn size(node: &interceptor_engine::document::Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|e| size(&e.value)).sum(),
    }
}

fn limited(text: &str) -> String {
    let report = Report::new();
    let limits = Limits { bytes: 1000, depth: 4, nodes: 20 };
    let documents = parse("c.yaml", text, limits, &report);
    assert!(documents.is_empty());
    let result: Result<(), Mistakes> = report.finish(None);
    result.unwrap_err().to_string()
}

#[test]
fn limits_are_errors() {
    expect!["c.yaml:1:1: the file has 1001 bytes; expected at most 1000 bytes"]
        .assert_eq(&limited(&"a".repeat(1001)));
    expect!["c.yaml:1:5: lists and mappings are nested too deep; expected at most 4 levels"]
        .assert_eq(&limited("[[[[[x]]]]]"));
    expect!["c.yaml:5:9: lists and mappings are nested too deep; expected at most 4 levels"]
        .assert_eq(&limited("a:\n  b:\n    c:\n      d:\n        e: 1\n"));
    expect!["c.yaml:1:62: the file has too many values; expected at most 20"]
        .assert_eq(&limited(&format!("[{}]", "x, ".repeat(30))));
}

#[test]
fn several_documents_are_several() {
    let report = Report::new();
    let documents = parse("c.yaml", "a: 1\n---\n# empty\n---\nb: 2\n", Limits::WRITTEN_BY_HAND, &report);
    assert_eq!(documents.len(), 2);
    assert!(report.is_clean());
}

#[test]
fn columns_count_characters() {
    check(
        "name: x\n\"äöü\": 1\nport: \"äöü\"\n",
        expect![[r#"
        c.yaml:2:1: unknown field `äöü`; expected one of `name`, `port`, `every`, `size`, `listen`, `ip`, `nets`, `on`, `level`, `map`
        c.yaml:3:7: port: `äöü` is not allowed; expected a whole number from 1 to 65535"#]],
    );
}

#[test]
fn units() {
    assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(duration("1d2h3m4s"), Ok(Duration::from_secs(93_784)));
    assert_eq!(duration("0"), Ok(Duration::ZERO));
    for bad in ["", "5", "s", "-1s", "1.5s", "1 s", "99999999999999999999s", "18446744073709551615d", "1w"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
    assert_eq!(byte_size("512"), Ok(512));
    assert_eq!(byte_size("64 KiB"), Ok(65_536));
    assert_eq!(byte_size("2GB"), Ok(2_000_000_000));
    for bad in ["", "KiB", "-1", "1.5MiB", "16M", "18446744073709551615GiB"] {
        assert!(byte_size(bad).is_err(), "{bad}");
    }
    assert!(socket_address("127.0.0.1:0").is_ok() && socket_address("localhost:1").is_err());
    let net = network_prefix("10.0.0.0/8").unwrap();
    assert!(net.contains("10.255.0.1".parse().unwrap()) && !net.contains("11.0.0.1".parse().unwrap()));
    assert!(!net.contains("::ffff:10.0.0.1".parse().unwrap()), "families are apart");
    assert!(network_prefix("0.0.0.0/0").unwrap().contains("203.0.113.1".parse().unwrap()));
    assert!(network_prefix("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
    for bad in ["10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "x", "10.0.0.0/0008"] {
        assert!(network_prefix(bad).is_err(), "{bad}");
    }
}
