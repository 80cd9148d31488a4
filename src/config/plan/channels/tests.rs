//! Channels are read as they are meant, and every mistake is told with what to do.

use std::os::unix::fs::PermissionsExt;

use super::super::super::load_plan;
use super::super::parse_plan;
use super::*;
use crate::incident::Plan;

const EXAMPLE: &str = include_str!("../../../../config/plan.toml");
const MAIL: &str = "[[channels]]\nname = \"duty-mail\"\nkind = \"mail\"\nserver = \"mail.city.example:587\"\ntls = \"starttls\"\nfrom = \"yumen@city.example\"\n\
                    user = \"yumen\"\npassword_file = \"p\"\nca = \"ca.pem\"\nto = [\"commander\", \"duty@city.example\"]\n";
const HOOK: &str =
    "[[channels]]\nname = \"desk\"\nkind = \"webhook\"\nurl = \"https://desk.city.example/yumen\"\nsecret_file = \"k\"\nca = \"ca.pem\"\n";
const SYSLOG: &str = "[[channels]]\nname = \"siem\"\nkind = \"syslog\"\naddress = \"tls://logs.city.example:6514\"\nca = \"ca.pem\"\n";
const ESCALATION: &str = "[escalation]\nacknowledge_within = \"15m\"\nthen = [\"commander\"]\n";

fn plan(text: &str) -> std::sync::Arc<Plan> {
    parse_plan(&format!("{EXAMPLE}\n{text}"), "plan.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> Vec<(String, String)> {
    let problems = parse_plan(&format!("{EXAMPLE}\n{text}"), "plan.toml").err();
    problems.iter().flat_map(|problems| problems.iter()).map(|problem| (problem.what.clone(), problem.help.clone())).collect()
}

/// One problem, which says this.
#[track_caller]
fn tells(text: &str, what: &str, help: &str) {
    let found = problems(text);
    assert!(matches!(found.as_slice(), [(w, h)] if w.contains(what) && h.contains(help)), "{found:#?}");
}

/// The same where one place of a good text is changed.
#[track_caller]
fn changed(text: &str, old: &str, new: &str, what: &str, help: &str) {
    assert!(text.contains(old), "{old}");
    tells(&text.replacen(old, new, 1), what, help);
}

#[test]
fn channels_are_read_with_what_they_do_not_say() {
    let here = "[[channels]]\nname = \"here\"\nkind = \"mail\"\nserver = \"[::1]:25\"\ntls = \"none\"\nfrom = \"y@city.example\"\nto = [\"commander\"]\nfrom_level = \"II\"\n";
    let near = "[[channels]]\nname = \"near\"\nkind = \"syslog\"\naddress = \"tcp://127.0.0.1:514\"\nto = [\"handler\"]\n";
    let read = plan(&format!("{MAIL}{HOOK}{SYSLOG}{here}{near}"));
    let login = Some(Login { user: "yumen".to_owned(), password_file: "p".into() });
    let ca = Some(PathBuf::from("ca.pem"));
    let mail = Mail {
        host: "mail.city.example".to_owned(),
        port: 587,
        tls: MailTls::Starttls,
        from: "yumen@city.example".to_owned(),
        login,
        ca: ca.clone(),
    };
    let url = "https://desk.city.example/yumen".to_owned();
    let channel = |name: &str, way, to: &[To], from_level| Channel { name: name.to_owned(), way, to: to.to_vec(), from_level };
    let commander = To::Duty(Duty::Commander);
    let own = Mail { host: "::1".to_owned(), port: 25, tls: MailTls::Clear, from: "y@city.example".to_owned(), login: None, ca: None };
    let syslog = |host: &str, port, ca| Way::Syslog(Syslog { host: host.to_owned(), port, ca });
    let webhook = Way::Webhook(Webhook { url, secret_file: "k".into(), ca: ca.clone() });
    assert_eq!(
        read.channels,
        [
            channel("duty-mail", Way::Mail(mail), &[commander.clone(), To::Address("duty@city.example".to_owned())], Level::IV),
            channel("desk", webhook, &[], Level::IV),
            channel("siem", syslog("logs.city.example", 6514, ca), &[], Level::IV),
            channel("here", Way::Mail(own), &[commander], Level::II),
            channel("near", syslog("127.0.0.1", 514, None), &[To::Duty(Duty::Handler)], Level::IV),
        ]
    );
    assert_eq!(read.escalation, None);
}

#[test]
fn the_channels_of_the_example_are_good() {
    let (_, shown) = EXAMPLE.split_once("#[[channels]]").unwrap();
    let (shown, _) = shown.split_once("\n\n").unwrap();
    let shown: String =
        shown.lines().map(|line| format!("{}\n", line.strip_prefix('#').filter(|line| !line.starts_with(' ')).unwrap_or(line))).collect();
    let read = plan(&format!("[[channels]]{shown}"));
    assert_eq!(read.channels.iter().map(|channel| channel.way.word()).collect::<Vec<_>>(), ["mail", "webhook", "syslog"]);
    let escalation = read.escalation.clone().unwrap();
    assert_eq!(escalation.within(Level::I), Some(Duration::from_mins(5)));
    assert_eq!((escalation.then, escalation.at_most), (vec![Duty::Commander], 8));
}

#[test]
fn a_mistake_in_a_channel_is_told_at_its_place_with_what_to_do() {
    changed(MAIL, "name = \"duty-mail\"\n", "", "`channels.name` is missing", "on record");
    changed(MAIL, "\"duty-mail\"", "\"Duty mail\"", "`channels.name` is not a name", "lower-case");
    changed(MAIL, "\"mail\"", "\"mial\"", "is not a known word", "did you mean \"mail\"?");
    changed(MAIL, ":587", "", "`channels.server` has no port", "587");
    changed(MAIL, "mail.city.example:587", "smtp://mail.city.example:587", "`channels.server`", "host:port");
    changed(MAIL, "\"starttls\"", "\"none\"", "in the clear to another machine", "starttls");
    changed(
        &MAIL.replace("ca = \"ca.pem\"\n", ""),
        "\"starttls\"",
        "\"in-the-clear\"",
        "`channels.user` would be sent with its password in the clear",
        "starttls",
    );
    changed(MAIL, "ca = \"ca.pem\"\n", "", "`channels.ca` is missing", "no public authority");
    changed(MAIL, "password_file = \"p\"\n", "", "`channels.password_file` is missing", "owner alone");
    changed(MAIL, "user = \"yumen\"\n", "", "has no use without `user`", "user");
    let found = problems(&MAIL.replacen("password_file = \"p\"", "password = \"hunter2\"", 1));
    assert!(
        matches!(found.as_slice(), [_, (what, help)] if what.contains("`channels.password`") && help.contains("`password_file`")),
        "{found:?}"
    );
    assert!(found.iter().all(|(what, help)| !what.contains("hunter2") && !help.contains("hunter2")), "{found:?}");
    changed(MAIL, "\"yumen@city.example\"", "\"Yumen <yumen@city.example>\"", "`channels.from` is no mail address", "without a name");
    changed(MAIL, "duty@city.example", "duty@@city", "`channels.to` is no mail address", "duties");
    changed(MAIL, "\"commander\"", "\"handler\"", "writes to whoever is handler, and qian has no address", "`[[duties]]` of qian");
    changed(MAIL, "to = [\"commander\", \"duty@city.example\"]\n", "", "`channels.to` is missing", "duties");
    changed(MAIL, "[\"commander\", \"duty@city.example\"]", "[]", "`channels.to` is empty", "at least one");
    changed(HOOK, "https:", "http:", "in the clear to another machine", "https://");
    changed(HOOK, "/yumen", "/yumen?key=1", "has more than a host and a path", "no secrets");
    changed(HOOK, "https://desk", "https://u:p@desk", "has more than a host and a path", "no secrets");
    changed(HOOK, "https://desk.city.example/yumen", "ftp://desk", "`channels.url` is no address", "https://host/path");
    changed(HOOK, "secret_file = \"k\"\n", "", "`channels.secret_file` is missing", "whsec_");
    changed(HOOK, "ca = \"ca.pem\"\n", "ca = \"ca.pem\"\nto = [\"a@city.example\"]\n", "this channel writes no mail", "duties");
    changed(HOOK, "ca = \"ca.pem\"\n", "ca = \"ca.pem\"\ntls = \"tls\"\n", "nobody knows the key `channels.tls`", "");
    changed(SYSLOG, "tls://logs.city.example:6514", "tcp://127.0.0.1:514", "`channels.ca` has no use", "`address`");
    changed(&SYSLOG.replace("ca = \"ca.pem\"\n", ""), "tls:", "tcp:", "in the clear to another machine", "tls://");
    changed(SYSLOG, "tls://logs.city.example:6514", "file:/tmp/x", "`channels.address` is a file", "tls://");
    tells(&format!("{SYSLOG}{SYSLOG}"), "is another channel's too", "a name of its own");
}

#[test]
fn whoever_is_reminded_of_reports_by_mail_has_an_address() {
    let without = |text: &str| {
        let example = EXAMPLE.replace("email = \"zhou@city.example\"\n", "");
        parse_plan(&format!("{example}\n{text}"), "plan.toml").err().map(|problems| problems.iter().next().unwrap().what.clone())
    };
    let what = without(&format!("{HOOK}{MAIL}")).unwrap();
    assert!(what.contains("liaison") && what.contains("zhou has no address"), "{what}");
    assert_eq!(without(HOOK), None, "who is called by other ways needs none");
}

#[test]
fn a_mistake_in_the_escalation_is_told_at_its_place_with_what_to_do() {
    let both = format!("{MAIL}{ESCALATION}");
    assert_eq!(plan(&both).escalation.as_ref().map(|known| (known.repeat, known.at_most)), Some((Duration::from_mins(15), 8)));
    tells(ESCALATION, "`escalation` has no use without `channels`", "[[channels]]");
    changed(&both, "acknowledge_within = \"15m\"\n", "", "`escalation.acknowledge_within` is missing", "how soon");
    changed(&both, "\"15m\"", "\"15s\"", "`escalation.acknowledge_within` is out of range", "\"1m\"");
    changed(
        &both,
        "\"15m\"",
        "{ IV = \"10m\", II = \"20m\" }",
        "is longer than that of a less grave level",
        "graver incidents wait no longer",
    );
    changed(&both, "\"15m\"", "{}", "says nothing", "15m");
    changed(&both, "then = [\"commander\"]", "then = [\"handler\"]", "qian has no address", "`email");
    changed(&both, "then = [\"commander\"]", "at_most = 0", "`escalation.at_most` is out of range", "from 1 to 100");
    let levels = plan(&both.replace("\"15m\"", "{ III = \"15m\", I = \"5m\" }")).escalation.clone().unwrap();
    assert_eq!([Level::IV, Level::III, Level::II, Level::I].map(|level| levels.within(level).unwrap().as_secs() / 60), [15, 15, 15, 5]);
}

#[test]
fn a_plan_that_tells_fewer_people_is_looser() {
    let config = include_str!("../../../../config/yumen.toml");
    let config = super::super::super::parse(config, "yumen.toml", std::path::Path::new("")).unwrap_or_else(|problems| panic!("{problems}"));
    let with = |text: &str| crate::config::Settings { plan: Some(plan(text)), ..config.clone() };
    assert_eq!(with(HOOK).looser_than(&with(&format!("{HOOK}{SYSLOG}"))).as_deref(), Some("incident.plan"));
    assert_eq!(with(&format!("{HOOK}{SYSLOG}")).looser_than(&with(HOOK)), None);
    let reminding = format!("{HOOK}{ESCALATION}");
    assert_eq!(with(HOOK).looser_than(&with(&reminding)).as_deref(), Some("incident.plan"));
    assert_eq!((with(&reminding).looser_than(&with(HOOK)), with(&reminding).looser_than(&with(&reminding))), (None, None));
}

#[test]
fn secrets_that_cannot_be_used_are_told_before_the_plan_holds() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(at("ca.pem"), rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(at("plan.toml"), format!("{EXAMPLE}\n{MAIL}{HOOK}")).unwrap();
    let why = || load_plan(&at("plan.toml"), None).err().map(|problems| problems.to_string()).unwrap_or_default();
    let write = |name: &str, text: &str, mode: u32| {
        std::fs::write(at(name), text).unwrap();
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    assert!(why().contains("/p cannot be read") && why().contains("/k cannot be read"), "{}", why());
    write("p", "hunter2\n", 0o644);
    write("k", "hunter2\n", 0o600);
    assert!(
        why().contains("/p is open to others than its owner (mode 0644)") && why().contains("/k holds no key of signatures"),
        "{}",
        why()
    );
    assert!(why().contains("openssl rand -base64 32") && !why().contains("hunter2"), "{}", why());
    write("p", "hunter2\n", 0o600);
    write("k", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600);
    assert_eq!(why(), "");
}
