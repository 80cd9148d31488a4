//! What a config says, what is wrong with it, and that the example tells the truth about both.

mod demands;
mod usb_keys;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::access::Effect;
use crate::model::{Label, Role};

const EXAMPLE: &str = include_str!("../../config/yumen.toml");

fn read(text: &str) -> Result<Settings, Problems> {
    parse(text, "yumen.toml", Path::new("/etc/yumen"))
}

/// A config in which all is well, to which tests add what they are about.
fn with(top: &str, app: &str) -> String {
    format!(
        "data = \"d\"\n{top}\n[portal]\nhost = \"gate.example.cn\"\n[[tls.certificates]]\nchain = \"c\"\nkey = \"k\"\n\
         [[app]]\nid = \"a\"\nname = \"A\"\nhost = \"a.example.cn\"\nupstreams = [\"http://127.0.0.1:1\"]\nlabel = \"public\"\n{app}\n"
    )
}

/// Each problem as `line: what`.
fn told(problems: &Problems) -> Vec<String> {
    problems.iter().map(|problem| format!("{}: {}", problems.line(problem).unwrap_or(0), problem.what)).collect()
}

#[track_caller]
fn refuse(text: &str) -> String {
    let problems = read(text).expect_err("this must be refused");
    assert_eq!(problems.iter().count(), 1, "{problems}");
    problems.to_string()
}

/// `# key = value` lines as if they were not commented out.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ").map(|(key, _)| (rest, key))) {
        Some((rest, key)) if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_a_config() {
    let settings = read(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}"));
    let [sites, disclosure, ug] = settings.apps.as_slice() else { panic!("three apps") };
    assert_eq!(sites.policy.names.zh, "政务网站群系统");
    assert_eq!(
        sites.policy.rules.iter().map(|rule| rule.effect).collect::<Vec<_>>(),
        [Effect::Deny, Effect::Allow, Effect::Allow, Effect::Allow]
    );
    assert_eq!(sites.policy.rules[3].roles, [Role::Auditor]);
    assert_eq!(sites.upstream.addresses[1], UpstreamAddress { host: "10.1.0.12".to_owned(), port: 8080 });
    assert_eq!((disclosure.policy.label, disclosure.policy.overall), (Label::Sensitive, Duration::from_secs(4 * 3600)));
    assert_eq!(disclosure.upstream.ca.as_deref(), Some(Path::new("/etc/yumen/../certs/internal-ca.pem")));
    assert_eq!(disclosure.rate, Some(Rate { per_second: 200, burst: 400 }));
    assert!(disclosure.policy.paths.encoded_slash && !disclosure.policy.paths.backslash);
    assert!(ug.websocket && !sites.websocket);
    assert_eq!(settings.portal.origin, "https://gate.city.example");
}

#[test]
fn the_defaults_that_the_example_names_are_the_defaults() {
    let text = uncommented(EXAMPLE);
    assert!(text.lines().filter(|line| !EXAMPLE.lines().any(|other| other == *line)).count() > 30, "defaults are found in the example");
    let spelled_out = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(spelled_out, read(EXAMPLE).unwrap());
    let other = read(&text.replace("burst = 200", "burst = 201")).unwrap();
    assert_ne!(other, spelled_out);
}

#[test]
fn the_example_names_every_key_that_there_is() {
    let (document, errors) = toml::de::DeTable::parse_recoverable(EXAMPLE);
    assert!(errors.is_empty());
    let reader = Reader::default();
    general::read(&reader.root(&document), Path::new(""), &mut Files::default()).unwrap();
    let spelled_out: toml::Table = uncommented(EXAMPLE).parse().unwrap();
    let is_there = |name: &String| {
        let mut tables = vec![&spelled_out];
        let keys: Vec<&str> = name.split('.').collect();
        let (last, parents) = keys.split_last().unwrap();
        for parent in parents {
            let children = tables.iter().filter_map(|table| table.get(*parent));
            tables = children
                .flat_map(|value| match value {
                    toml::Value::Array(items) => items.iter().filter_map(toml::Value::as_table).collect(),
                    other => other.as_table().into_iter().collect::<Vec<_>>(),
                })
                .collect();
        }
        tables.iter().any(|table| table.contains_key(*last))
    };
    let missing: Vec<String> = reader.known().into_iter().filter(|name| !is_there(name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_short_config_is_enough() {
    let settings = read(&with("", "")).unwrap();
    assert_eq!(settings.data, Path::new("/etc/yumen/d"));
    assert!(settings.workers >= 1);
    let app = &settings.apps[0];
    assert_eq!((&*app.policy.names.zh, &*app.policy.names.ug, &*app.policy.names.en), ("A", "A", "A"));
    assert_eq!(app.policy.origin, "https://a.example.cn");
    assert!(app.policy.rules.is_empty());
}

#[test]
fn proxies_are_believed_by_name_only_and_never_everybody() {
    let proxies = |list: &str| {
        let settings = read(&with(&format!("proxy_protocol_from = {list}"), "")).map_err(|problems| told(&problems).join("; "))?;
        Ok::<_, String>(settings.proxy_protocol_from.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(read(&with("", "")).unwrap().proxy_protocol_from, []);
    assert_eq!(proxies("[]").as_deref(), Ok(""));
    assert_eq!(proxies("[\"10.0.0.5\", \"10.0.1.0/24\", \"2001:db8::/64\"]").as_deref(), Ok("10.0.0.5/32 10.0.1.0/24 2001:db8::/64"));
    for (list, why) in [
        ("[\"0.0.0.0/0\"]", "is everybody"),
        ("[\"::/0\"]", "is everybody"),
        ("[\"10.0.0.5/8\"]", "has bits beyond its length"),
        ("[\"proxy.example.cn\"]", "is not a network"),
        ("[\"10.0.0.5:443\"]", "is not a network"),
        ("\"10.0.0.5\"", "must be a list"),
    ] {
        assert_eq!(proxies(list), Err(format!("2: `proxy_protocol_from` {why}")), "{list}");
    }
}

#[test]
fn the_public_port_stands_in_every_origin() {
    let settings = read(&with("public_port = 8443", "origins = [\"https://B.example.cn:443\"]")).unwrap();
    assert_eq!(settings.portal.origin, "https://gate.example.cn:8443");
    assert_eq!(settings.apps[0].policy.origin, "https://a.example.cn:8443");
    assert_eq!(settings.apps[0].policy.origins, ["https://b.example.cn"]);
}

#[test]
fn a_config_with_a_dozen_mistakes_has_them_all_told_at_once() {
    let text = r#"listen = ["0.0.0.0"]
wokers = 4
hsts = "yes"
[portal]
host = "gate example"
[[tls.certificates]]
chain = "c.pem"
[timeouts]
head = "2h"
idle = 60
[caps]
streams = 0
[session]
activity = "persons"
[labels.public]
idle = "30m"
[log]
segment = "16MB"
[[app]]
id = "Sites"
name = ""
host = "a.example.cn"
upstreams = ["ftp://x", "http://a/b"]
label = "机密"
redact = ["/reset"]
[[app.rule]]
name = "r"
units = []
from = ["10.1.0.0/8"]
[[app.rule]]
name = "r"
paths = ["/a/**/b"]
hours = { days = ["mon", "someday"], from = "8:00", to = "18:00", zone = "Asia/Nowhere" }
"#;
    let problems = read(text).unwrap_err();
    assert_eq!(
        told(&problems),
        [
            "1: `data` is missing",
            "1: `listen` has no port",
            "2: nobody knows the key `wokers`",
            "3: `hsts` must be a yes or a no",
            "5: `portal.host` is not a host name (letters, digits, hyphens and dots; RFC 1123, section 2.1)",
            "6: `tls.certificates.key` is missing",
            "9: `timeouts.head` is out of range",
            "10: `timeouts.idle` is not a length of time",
            "12: `caps.streams` is out of range",
            "14: `session.activity` is not a known word",
            "16: `labels.public.idle` is longer than `session.idle`",
            "18: `log.segment` is not a size",
            "20: `app.id` is not an id",
            "21: `app.name` is not a name",
            "23: `app.upstreams` is neither http nor https",
            "23: `app.upstreams` has a path: requests keep the path that the browser asked for",
            "24: `app.label` is a state-secret label",
            "25: `app.redact` hides nothing",
            "28: `app.rule.units` is empty",
            "29: `app.rule.from` has bits beyond its length",
            "30: this rule does not say whom it lets in",
            "31: `app.rule.name` is another rule's too",
            "32: `app.rule.paths` has `**` elsewhere than as its whole last segment",
            "33: `app.rule.hours.days` is not a known word",
            "33: `app.rule.hours.from` is not a time of day",
            "33: `app.rule.hours.zone` is not a time zone",
        ]
    );
}

#[test]
fn a_problem_names_file_line_finding_expectation_and_remedy() {
    assert_eq!(
        refuse(&with("[caps]\nstreems = 5", "")),
        "error: nobody knows the key `caps.streems`
 --> yumen.toml:3:1
  |
3 | streems = 5
  | ^^^^^^^
  |
  = help: did you mean `streams`?"
    );
    assert_eq!(
        refuse(&with("[log]\nsegment = \"1KiB\"", "")),
        "error: `log.segment` is out of range
 --> yumen.toml:3:11
  |
3 | segment = \"1KiB\"
  |           ^^^^^^ found \"1KiB\"
  |
  = help: write a whole number with its unit (B, KiB, MiB, GiB, TiB), from \"1MiB\" to \"1GiB\""
    );
    assert!(read("x").unwrap_err().render(true).contains('\u{1b}'));
}

#[test]
fn mistakes_of_syntax_are_told_with_their_lines() {
    let problems = read("data = \"x\"\nportal = {\nhsts = tru\ndata = \"y\"\n").unwrap_err();
    assert!(problems.iter().any(|problem| problems.line(problem) > Some(1)), "{problems}");
    let twice = read("data = \"x\"\ndata = \"y\"\n").unwrap_err();
    assert_eq!(told(&twice), ["2: `data` is there already"]);
}

#[test]
fn the_cap_on_memory_is_a_size_or_a_share_and_leaves_the_gateway_enough() {
    let cap = |text: &str| {
        let settings = read(&with(&format!("[caps]\nmemory = {text}"), "")).map_err(|problems| told(&problems).join("; "))?;
        Ok::<_, String>(settings.caps.memory)
    };
    assert_eq!(read(&with("", "")).unwrap().caps.memory, MemoryCap::Share(50));
    for (text, fits) in
        [("\"512MiB\"", MemoryCap::Bytes(512 << 20)), ("\"128MiB\"", MemoryCap::Bytes(128 << 20)), ("\"90%\"", MemoryCap::Share(90))]
    {
        assert_eq!(cap(text), Ok(fits));
    }
    for (text, why) in [
        ("\"127MiB\"", "is out of range"),
        ("\"91%\"", "is out of range"),
        ("\"4%\"", "is out of range"),
        ("\"%\"", "is neither a size nor a share"),
        ("\"+50%\"", "is neither a size nor a share"),
        ("\"half\"", "is neither a size nor a share"),
        ("512", "must be text in double quotes"),
    ] {
        assert_eq!(cap(text), Err(format!("3: `caps.memory` {why}")), "{text}");
    }
    let told = refuse(&with("[caps]\nmemory = \"1\"", ""));
    assert!(
        told.contains("write a size from \"128MiB\" to \"1024TiB\", or a share of the memory that there is, from \"5%\" to \"90%\""),
        "{told}"
    );
}

#[test]
fn a_state_secret_may_not_be_published() {
    for label in ["secret", "Top Secret", "top-secret", "confidential", "机密", "秘密", "绝密", "绝密级"] {
        let told = refuse(&with("", "").replace("\"public\"", &format!("{label:?}")));
        assert!(told.contains("state-secret") && told.contains("may not be connected"), "{told}");
    }
    assert!(refuse(&with("", "").replace("\"public\"", "\"intern\"")).contains("did you mean \"internal\"?"));
    for label in ["public", "internal", "sensitive"] {
        assert!(read(&with("", "").replace("\"public\"", &format!("{label:?}"))).is_ok());
    }
}

#[test]
fn hosts_and_ids_belong_to_one_each_and_no_app_lies_beneath_the_portal() {
    let second = |id: &str, host: &str| {
        let app = format!("[[app]]\nid = \"{id}\"\nname = \"B\"\nhost = \"{host}\"\nupstreams = [\"http://[::1]:2\"]\nlabel = \"public\"");
        read(&with("", &app)).map_err(|problems| told(&problems).join("; "))
    };
    assert_eq!(second("b", "b.example.cn").unwrap().apps[1].upstream.addresses[0].host, "::1");
    assert_eq!(second("b", "A.example.cn.").unwrap_err(), "17: `app.host` is also the host of the app `a`");
    assert_eq!(second("b", "gate.example.cn").unwrap_err(), "17: `app.host` is the portal's");
    assert_eq!(second("b", "x.gate.example.cn").unwrap_err(), "17: `app.host` is beneath the portal's host");
    assert_eq!(second("a", "b.example.cn").unwrap_err(), "15: `app.id` is another app's too");
    assert!(second("b", "agate.example.cn").is_ok());
}

#[test]
fn upstreams_are_one_way_and_https_needs_an_authority() {
    let upstreams = |list: &str, more: &str| {
        let text = with("", more).replace("[\"http://127.0.0.1:1\"]", list);
        read(&text).map_err(|problems| told(&problems).join("; "))
    };
    assert!(upstreams("[\"https://a\"]", "upstream_ca = \"ca\"").unwrap().apps[0].upstream.tls);
    assert_eq!(upstreams("[\"https://a\"]", "").unwrap_err(), "12: `app.upstreams` are reached by https without `upstream_ca`");
    assert_eq!(upstreams("[\"https://a\", \"http://b\"]", "upstream_ca = \"ca\"").unwrap_err(), "12: `app.upstreams` mixes http and https");
    assert_eq!(upstreams("[\"http://a\"]", "upstream_ca = \"ca\"").unwrap_err(), "14: `app.upstream_ca` has no use");
    for (list, told) in [
        ("[]", "12: `app.upstreams` is empty"),
        ("\"http://a\"", "12: `app.upstreams` must be a list"),
        ("[\"http://u:p@a\"]", "12: `app.upstreams` has a user name or a password in it"),
        ("[\"http://a/?q\"]", "12: `app.upstreams` has a path: requests keep the path that the browser asked for"),
        ("[\"http://a:0\"]", "12: `app.upstreams` has no port"),
        ("[\"10.0.0.1:80\"]", "12: `app.upstreams` is not an address of a server"),
    ] {
        assert_eq!(upstreams(list, "").unwrap_err(), told, "{list}");
    }
}

#[test]
fn a_rule_that_lets_in_names_somebody() {
    let rule = |text: &str| read(&with("", &format!("[[app.rule]]\nname = \"r\"\n{text}"))).map_err(|problems| told(&problems).join("; "));
    for good in
        ["units = [\"u\"]", "roles = [\"member\"]", "accounts = [\"A\"]", "deny = true\npaths = [\"/x\"]", "deny = true\nunits = [\"u\"]"]
    {
        assert!(rule(good).is_ok(), "{good}");
    }
    for (bad, why) in [
        ("paths = [\"/**\"]", "14: this rule does not say whom it lets in"),
        ("deny = true", "14: this rule denies everything"),
        ("deny = true\nunits = [\"u\"]\nfresh = \"5m\"", "18: `app.rule.fresh` has no use in a rule that refuses"),
        ("units = []", "16: `app.rule.units` is empty"),
        ("units = [\"\"]", "16: `app.rule.units` is empty"),
        ("roles = [\"admin\"]", "16: `app.rule.roles` is not a known word"),
        ("units = [\"u\"]\nfrom = [\"::ffff:10.0.0.1\"]", "17: `app.rule.from` is IPv4 in the dress of IPv6"),
        ("units = [\"u\"]\nmethods = [\"gett\"]", "17: `app.rule.methods` is not a method that can be allowed"),
        ("units = [\"u\"]\npaths = [\"/a;b\"]", "17: `app.rule.paths` can match no request of this app: the path has a semicolon"),
    ] {
        assert_eq!(rule(bad).unwrap_err(), why, "{bad}");
    }
}

#[test]
fn an_unreadable_config_is_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.toml");
    let problems = load(&path).unwrap_err();
    assert_eq!(problems.to_string(), format!("error: the config file {} cannot be read: no such file or directory", path.display()));
}

#[test]
fn a_label_only_shortens_a_session() {
    let limits = |top: &str| {
        let settings = read(&with(top, "").replace("\"public\"", "\"sensitive\"")).map_err(|problems| told(&problems).join("; "))?;
        let policy = &settings.apps[0].policy;
        Ok::<_, String>((policy.idle.as_secs(), policy.overall.as_secs()))
    };
    assert_eq!(limits("").unwrap(), (600, 4 * 3600));
    assert_eq!(limits("[session]\nidle = \"5m\"\noverall = \"1h\"").unwrap(), (300, 3600));
    assert_eq!(limits("[labels.sensitive]\nidle = \"2m\"\noverall = \"12h\"").unwrap(), (120, 12 * 3600));
    assert_eq!(limits("[labels.sensitive]\noverall = \"5m\"").unwrap(), (300, 300));
    assert_eq!(limits("[labels.sensitive]\nidle = \"16m\"").unwrap_err(), "3: `labels.sensitive.idle` is longer than `session.idle`");
    assert_eq!(limits("[session]\nidle = \"2h\"\noverall = \"1h\"").unwrap_err(), "3: `session.idle` is longer than `overall`");
    assert_eq!(limits("[session]\noverall = \"13h\"").unwrap_err(), "3: `session.overall` is out of range");
}

#[test]
fn whatever_is_wrong_is_told_never_passed_over() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with('#') && line.contains(" = ")) {
        let (key, _) = line.split_once(" = ").unwrap();
        for value in ["0", "\"\"", "[]", "{}", "true", "[0]", "[\"\"]", "1979-05-27", "\"\\u0000信\"", "-1", "[[]]", "\""] {
            let spoilt = format!("{key} = {value}");
            let mut text = lines.clone();
            text[index] = &spoilt;
            match read(&text.join("\n")) {
                Ok(_) => assert!(value == "true", "line {}: {spoilt}", index + 1),
                Err(problems) => assert!(problems.to_string().contains("error: "), "line {}: {spoilt}", index + 1),
            }
        }
    }
}

#[test]
fn monitoring_stays_on_loopback_unless_it_is_said_otherwise() {
    let told = |lines: &str| read(&with(&format!("[monitoring]\n{lines}"), "")).map(|settings| settings.monitoring);
    assert_eq!(read(&with("", "")).unwrap().monitoring, Some(MONITORING_LISTEN));
    assert_eq!(told("listen = \"[::1]:9\"").unwrap(), Some("[::1]:9".parse().unwrap()));
    assert_eq!(told("enabled = false").unwrap(), None);
    assert_eq!(told("listen = \"10.0.0.1:9\"\nbeyond_loopback = true").unwrap(), Some("10.0.0.1:9".parse().unwrap()));
    for outside in ["10.0.0.1:9", "0.0.0.0:9", "[::]:9"] {
        let problem = refuse(&with(&format!("[monitoring]\nlisten = \"{outside}\""), ""));
        assert!(problem.contains("reached from other machines"), "{problem}");
    }
}
