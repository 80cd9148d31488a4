use super::super::*;
use crate::clock::Time;
use crate::outbound::{Destination, Format, Identity, Kind, SinkSettings};

const BASE: &str = "data = \"d\"\n[portal]\nhost = \"gate.example.cn\"\n[[tls.certificates]]\nchain = \"c\"\nkey = \"k\"\n";

/// A config with these lines behind, which begin at its line 7.
fn read(lines: &str) -> Result<Settings, Vec<String>> {
    let text = format!("{BASE}{lines}");
    parse(&text, "yumen.toml", Path::new("/etc/yumen"))
        .map_err(|problems| problems.iter().map(|problem| format!("{}: {}", problems.line(problem).unwrap_or(0), problem.what)).collect())
}

fn sink(lines: &str) -> String {
    format!("[[log.sinks]]\n{lines}\n")
}

#[test]
fn a_sink_has_a_name_a_kind_a_destination_and_a_format() {
    let text =
        sink("name = \"siem\"\nkind = \"syslog\"\nto = \"tls://Logs.example.cn:6514\"\nca = \"ca.pem\"\ncertificate = \"c\"\nkey = \"k\"")
            + &sink("name = \"shipper\"\nkind = \"json-lines\"\nto = \"file:/var/log/a.jsonl\"\nformat = \"ocsf\"")
            + &sink("name = \"near\"\nkind = \"json-lines\"\nto = \"tcp://[::1]:5000\"");
    let settings = read(&text).unwrap();
    let identity = Identity { certificate: "/etc/yumen/c".into(), key: "/etc/yumen/k".into() };
    let bare = |name: &str, to, format| SinkSettings { name: name.to_owned(), kind: Kind::JsonLines, to, ca: None, identity: None, format };
    assert_eq!(
        settings.sinks,
        [
            SinkSettings {
                name: "siem".to_owned(),
                kind: Kind::Syslog,
                to: Destination::Tls { host: "logs.example.cn".to_owned(), port: 6514 },
                ca: Some("/etc/yumen/ca.pem".into()),
                identity: Some(identity),
                format: Format::Yumen,
            },
            bare("shipper", Destination::File("/var/log/a.jsonl".into()), Format::Ocsf),
            bare("near", Destination::Tcp { host: "::1".to_owned(), port: 5000 }, Format::Yumen),
        ]
    );
    assert_eq!(settings.sinks[2].to.to_string(), "tcp://[::1]:5000");
    assert!(read("").unwrap().sinks.is_empty());
}

#[test]
fn what_is_wrong_with_a_sink_is_told_with_its_line() {
    let whole = "name = \"a\"\nkind = \"syslog\"\nto = \"tls://h:1\"\nca = \"ca\"";
    let told = |from: &str, to: &str| read(&sink(&whole.replace(from, to))).map(|_| String::new()).unwrap_or_else(|told| told.join("; "));
    assert_eq!(told("", ""), "");
    for (from, to, why) in [
        ("name = \"a\"\n", "", "7: `log.sinks.name` is missing"),
        ("name = \"a\"", "name = \"A/../b\"", "8: `log.sinks.name` is not a name"),
        ("\"syslog\"", "\"splunk\"", "9: `log.sinks.kind` is not a known word"),
        ("to = \"tls://h:1\"\n", "", "7: `log.sinks.to` is missing"),
        ("tls://h:1", "udp://h:1", "10: `log.sinks.to` is no destination"),
        ("tls://h:1", "tls://h", "10: `log.sinks.to` has no port"),
        ("tls://h:1", "tls://h:0", "10: `log.sinks.to` has no port"),
        ("tls://h:1", "tls://u:p@h:1", "10: `log.sinks.to` has more than a host and a port"),
        ("tls://h:1", "tls://h:1/x", "10: `log.sinks.to` has more than a host and a port"),
        ("tls://h:1", "tls://:1", "10: `log.sinks.to` is no destination"),
        ("tls://h:1", "file:/a", "10: `log.sinks.to` is a file, and syslog goes to a server"),
        ("tls://h:1", "file:", "10: `log.sinks.to` names no file"),
        ("\nca = \"ca\"", "", "7: `log.sinks.ca` is missing"),
        ("tls://h:1", "tcp://h:1", "11: `log.sinks.ca` has no use"),
        ("ca = \"ca\"", "ca = \"ca\"\nkey = \"k\"", "7: `log.sinks.certificate` is missing"),
        ("ca = \"ca\"", "ca = \"ca\"\ncertificate = \"c\"", "7: `log.sinks.key` is missing"),
        ("ca = \"ca\"", "ca = \"ca\"\nformat = \"cef\"", "12: `log.sinks.format` is not a known word"),
        ("ca = \"ca\"", "ca = \"ca\"\nport = 1", "12: nobody knows the key `log.sinks.port`"),
    ] {
        assert_eq!(told(from, to), why, "{to}");
    }
    let twice = sink(whole) + &sink(whole);
    assert_eq!(read(&twice).unwrap_err(), ["13: `log.sinks.name` is another sink's too"]);
}

#[test]
fn sending_in_the_clear_is_warned_of_and_sending_in_tls_is_not() {
    let warned = |to: &str| {
        let settings = read(&sink(&format!("name = \"a\"\nkind = \"json-lines\"\n{to}"))).unwrap();
        settings.warnings(Time::from_millis(0)).iter().map(|warning| warning.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(warned("to = \"tcp://h:1\""), ["`log.sinks.to` sends the log in the clear"]);
    assert!(warned("to = \"tls://h:1\"\nca = \"ca\"").is_empty());
    assert!(warned("to = \"file:/a\"").is_empty());
}

#[test]
fn the_files_of_a_sink_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let check = |lines: &str| {
        let text = format!("{BASE}{}", sink(&format!("name = \"a\"\nkind = \"json-lines\"\n{lines}")));
        let problems = parse(&text, "yumen.toml", directory.path()).unwrap().check_files();
        problems.iter().filter(|problem| problems.line(problem) > Some(6)).map(|problem| problem.what.clone()).collect::<Vec<_>>()
    };
    assert!(check("to = \"file:a.jsonl\"").is_empty());
    assert!(check("to = \"file:none/a.jsonl\"")[0].starts_with("there is no directory "));
    std::fs::create_dir(directory.path().join("there")).unwrap();
    assert!(check("to = \"file:there\"")[0].ends_with("is a directory"));
    let missing = check("to = \"tls://h:1\"\nca = \"ca.pem\"\ncertificate = \"c.pem\"\nkey = \"c.key\"");
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing.iter().all(|what| what.contains("cannot be read")), "{missing:?}");
}
