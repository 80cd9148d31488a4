//! People are told of incidents: by mail, webhook and syslog, to receivers that are real, and to some that are away, slow or not who they should be.

use std::path::Path;
use std::process::Command;
use std::slice::from_ref;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::incident::notice::Facts;
use yumen::incident::{Category, Opening, Step};
use yumen::model::{AccountName, Action, Event, Level, LockdownScope, Outcome, Record, Role};

use crate::house::{House, authority, issue};
use crate::plans::{self, PLAN};
use crate::receivers::{Hook, MailServer, Manner, acceptor};
use crate::scrape::Figures;

const KEY: [u8; 32] = [7; 32];
pub const PASSWORD: &str = "correct-horse";
const ESCALATION: &str = "[escalation]\nacknowledge_within = \"15m\"\nthen = [\"commander\"]\nrepeat = \"10m\"\nat_most = 2\n";

pub fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn key() -> String {
    use base64::Engine;
    format!("whsec_{}\n", base64::engine::general_purpose::STANDARD.encode(KEY))
}

/// An authority, `mail.pem` for localhost, and the files with secrets.
pub fn files() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write_files(directory.path());
    directory
}

fn write_files(directory: &Path) {
    let ca = authority();
    issue(&ca, &["localhost"], directory, "mail");
    std::fs::write(directory.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(directory.join("other.pem"), authority().pem()).unwrap();
    private(&directory.join("password"), PASSWORD);
    private(&directory.join("key"), &key());
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_400 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never came: {what}");
}

/// Puts the example in force with these lines.
async fn adopt(house: &House, more: &str) {
    plans::adopt(house, &format!("{PLAN}\n{more}")).await.unwrap();
    // From then on nothing but other incidents in the log takes the place of what a test tells.
    until("incidents are read", || house.gateway().house().notices.incidents().is_some()).await;
}

fn hook(name: &str, address: std::net::SocketAddr) -> String {
    format!("[[channels]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{address}/hook\"\nsecret_file = \"key\"\n")
}

fn mail(address: std::net::SocketAddr) -> String {
    format!(
        "[[channels]]\nname = \"duty-mail\"\nkind = \"mail\"\nserver = \"localhost:{}\"\ntls = \"starttls\"\nfrom = \"yumen@city.example\"\n\
         user = \"yumen\"\npassword_file = \"password\"\nca = \"ca.pem\"\nto = [\"commander\", \"list@city.example\"]\n",
        address.port()
    )
}

fn incident(house: &House, number: u64) -> Facts {
    let now = house.clock.wall();
    Facts {
        number,
        proposed: Level::III,
        confirmed: None,
        lasting: None,
        stage: "open".to_owned(),
        trigger: Some("password-spraying".to_owned()),
        category: Category::Attack,
        subjects: 3,
        opened: now,
        changed: now,
        again: 0,
        acknowledged: None,
        closed: None,
        reports: Vec::new(),
        drill: false,
    }
}

fn learn(house: &House, facts: &[Facts]) {
    house.gateway().house().notices.learn(facts.to_vec());
}

fn told(house: &House) -> Vec<Event> {
    let event = |record: Record| match record {
        Record::Event(event) if event.action == Action::NoticeSent => Some(event),
        _ => None,
    };
    house.log().into_iter().filter_map(|entry| event(entry.record)).collect()
}

fn of<'e>(event: &'e Event, detail: &str) -> &'e str {
    event.details.get(detail).map_or("", String::as_str)
}

#[tokio::test]
async fn a_webhook_that_fails_twice_gets_the_same_notice_until_it_takes_it_and_knows_that_it_is_ours() {
    let receiver = Hook::open(&["500 Internal Server Error", "302 Found", "200 OK"]).await;
    let house = House::open().await;
    write_files(house.data.path());
    adopt(&house, &hook("desk", receiver.address)).await;
    learn(&house, &[incident(&house, 12)]);
    until("the first try", || receiver.posted().len() == 1).await;
    until("the record of the first", || told(&house).len() == 1).await;
    let warned = || house.gateway().house().warnings().into_iter().find(|why| why.contains("over the channel desk"));
    assert!(warned().unwrap().contains("the status 500; 1 wait"), "{:?}", warned());
    house.clock.advance(Duration::from_secs(5));
    until("the second try", || receiver.posted().len() == 2).await;
    until("its warning", || warned().is_some_and(|why| why.contains("the status 302"))).await;
    let kept = house.data.path().join("notices.json");
    until("that it is kept", || std::fs::read_to_string(&kept).is_ok_and(|kept| kept.contains("\"tries\":2"))).await;
    house.clock.advance(Duration::from_secs(10));
    until("the third try", || receiver.posted().len() == 3).await;
    until("the record of the third", || told(&house).len() == 2).await;
    house.clock.advance(Duration::from_secs(3_600));

    let posted = receiver.posted();
    assert!(posted.iter().all(|one| one.is_signed_by(&KEY) && !one.is_signed_by(&[8; 32])));
    assert!(posted.iter().all(|one| one.head["webhook-id"] == posted[0].head["webhook-id"] && one.body == posted[0].body));
    assert!(posted[2].head["webhook-timestamp"] > posted[0].head["webhook-timestamp"]);
    let said = posted[0].json();
    assert_eq!(
        (said["type"].as_str(), said["data"]["incident"].as_u64(), said["data"]["level"].as_str()),
        (Some("incident.opened"), Some(12), Some("III"))
    );
    assert_eq!(said["data"]["look"], "https://gate.city.test/console/incidents/12");
    let records = told(&house);
    assert_eq!(
        (records[0].outcome, of(&records[0], "attempt"), of(&records[0], "why")),
        (Outcome::Failed, "1", "the receiver answers with the status 500")
    );
    assert_eq!((records[1].outcome, of(&records[1], "attempt"), of(&records[1], "kind")), (Outcome::Done, "3", "webhook"));
    assert_eq!((of(&records[1], "incident"), of(&records[1], "channel"), of(&records[1], "notice")), ("12", "desk", "opened"));
    assert!(warned().is_none());
    let figures = Figures::of(house.gateway().monitoring().unwrap()).await;
    assert_eq!(figures.get("yumen_notices_sent_total{channel=\"desk\"}"), 1.0);
    assert_eq!(figures.get("yumen_notices_failed_total{channel=\"desk\"}"), 2.0);
    assert_eq!(receiver.posted().len(), 3);
    // It is counted after it is on record.
    let mut waiting = 1.0;
    for _ in 0..2_400 {
        waiting = Figures::of(house.gateway().monitoring().unwrap()).await.get("yumen_notices_waiting{channel=\"desk\"}");
        if waiting == 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(waiting, 0.0);
    house.close().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_nobody_else_and_each_gets_a_mail_of_her_own_in_tls() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut house = House::open().await;
    write_files(house.data.path());
    let starttls = Some(acceptor(house.data.path(), "mail"));
    let server = MailServer::open(Manner { starttls, login: Some(("yumen", PASSWORD)), ..Manner::default() }).await;
    adopt(&house, &format!("{}{}", hook("a-hangs", hanging.local_addr().unwrap()), mail(server.address))).await;
    learn(&house, &[Facts { drill: true, ..incident(&house, 12) }]);
    let (mut stuck, _) = hanging.accept().await.unwrap();
    until("both mails", || server.mails().len() == 2).await;
    let mails = server.mails();
    assert_eq!(mails.iter().map(|mail| mail.to.join(" ")).collect::<Vec<_>>(), ["zhao@city.example", "list@city.example"]);
    for mail in &mails {
        assert!(
            mail.in_tls && mail.from == "yumen@city.example" && mail.login == Some(("yumen".to_owned(), PASSWORD.to_owned())),
            "{mail:?}"
        );
        assert_eq!(
            mail.header("Subject"),
            "演练 DRILL 玉门 Yumen: 事件 12，III 级（较大），新事件 / incident 12, level III (Considerable): new"
        );
        assert!(
            mail.body().starts_with("演练：") && mail.body().contains("https://gate.city.test/console/incidents/12"),
            "{}",
            mail.body()
        );
        assert!(mail.header("Message-ID").ends_with("@gate.city.test>") && mail.header("Auto-Submitted") == "auto-generated");
        assert!(mail.whole.is_ascii() && mail.header("Content-Type").to_lowercase().contains("utf-8"));
    }
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    until("their records", || told(&house).len() == 2).await;
    let records = told(&house);
    assert_eq!(records.iter().map(|event| of(event, "to")).collect::<Vec<_>>(), ["commander:zhao", "list@city.example"]);
    assert!(records.iter().all(|event| event.outcome == Outcome::Done && of(event, "drill") == "true" && of(event, "kind") == "mail"));
    assert!(!serde_json::to_string(&house.log()).unwrap().contains(PASSWORD));
    // It was asked and is waited for still.
    let mut asked = [0; 16];
    stuck.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"POST /hook"));
    house.stop().await;
}

#[tokio::test]
async fn what_is_due_outlives_the_process_and_what_was_told_is_not_told_again() {
    let address = crate::ports::free();
    let mut house = House::open().await;
    write_files(house.data.path());
    adopt(&house, &mail(address).replace("[\"commander\", \"list@city.example\"]", "[\"commander\"]")).await;
    let one = incident(&house, 12);
    learn(&house, from_ref(&one));
    until("the record of the first try", || told(&house).len() == 1).await;
    assert!(of(&told(&house)[0], "why").contains("cannot be reached"), "{:?}", told(&house));
    house.stop().await;

    let starttls = Some(acceptor(house.data.path(), "mail"));
    let server = MailServer::open_at(address, Manner { starttls, login: Some(("yumen", PASSWORD)), ..Manner::default() }).await;
    house.clock.advance(Duration::from_secs(60));
    house.restart().await;
    until("the mail", || server.mails().len() == 1).await;
    until("its record", || told(&house).len() == 2).await;
    assert_eq!(of(&told(&house)[1], "attempt"), "2");
    for _ in 0..2 {
        house.restart().await;
        until("incidents are read", || house.gateway().house().notices.incidents().is_some()).await;
        learn(&house, &[one.clone(), incident(&house, 13)]);
        until("the other incident", || server.mails().len() >= 2).await;
        until("its record", || told(&house).len() == 3).await;
    }
    let subjects: Vec<bool> = server.mails().iter().map(|mail| mail.header("Subject").contains("incident 12")).collect();
    assert_eq!(subjects, [true, false]);
    house.stop().await;
}

#[tokio::test]
async fn people_are_reminded_until_somebody_acknowledges() {
    let receiver = Hook::open(&[]).await;
    let house = House::open().await;
    write_files(house.data.path());
    adopt(&house, &format!("{}{ESCALATION}", hook("desk", receiver.address))).await;
    let (first, second) = (incident(&house, 1), incident(&house, 2));
    learn(&house, &[first.clone(), second.clone()]);
    until("both", || receiver.posted().len() == 2).await;
    house.clock.advance(Duration::from_secs(15 * 60));
    until("both reminders", || receiver.posted().len() == 4).await;
    let acknowledged = Facts { acknowledged: Some((house.clock.wall(), AccountName::parse("qian").unwrap())), ..first.clone() };
    learn(&house, &[acknowledged, second.clone()]);
    house.clock.advance(Duration::from_secs(10 * 60));
    until("the last reminder", || receiver.posted().len() == 5).await;
    house.clock.advance(Duration::from_secs(3_600));
    learn(&house, &[Facts { closed: Some(house.clock.wall()), ..second }]);
    until("the end", || receiver.posted().len() == 6).await;
    let said: Vec<String> =
        receiver.posted().iter().map(|one| format!("{} {}", one.json()["type"], one.json()["data"]["incident"])).collect();
    assert_eq!(said.iter().filter(|one| one.contains("unacknowledged\" 1")).count(), 1, "{said:?}");
    assert_eq!(said[4..], ["\"incident.unacknowledged\" 2", "\"incident.closed\" 2"]);
    assert_eq!(receiver.posted()[3].json()["data"]["to"][0]["account"], "zhao");
    house.close().await;
}

#[tokio::test]
async fn an_operator_tries_a_channel_and_sees_what_is_wrong_with_it() {
    let receiver = Hook::open(&["200 OK", "401 Unauthorized"]).await;
    let mut house = House::open().await;
    write_files(house.data.path());
    let run = |house: &House, channel: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yumen"));
        command.args(["incident", "notice", "--test", channel, "--data"]).arg(house.data.path());
        async move {
            let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            (ended.status.success(), String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap())
        }
    };
    let (_, said) = run(&house, "desk").await;
    assert!(said.contains("no emergency plan is in force"), "{said}");
    adopt(&house, &hook("desk", receiver.address)).await;
    let (went, said) = run(&house, "mail").await;
    assert!(!went && said.contains("no channel \"mail\"; there are: desk"), "{said}");
    let (went, said) = run(&house, "desk").await;
    assert!(went && said.contains("a test notice went over the channel desk"), "{said}");
    assert_eq!(receiver.posted()[0].json()["type"], "incident.test");
    let (went, said) = run(&house, "desk").await;
    assert!(!went && said.contains("the channel desk does not work") && said.contains("the status 401"), "{said}");
    private(&house.data.path().join("key"), "hunter2");
    let (went, said) = run(&house, "desk").await;
    assert!(!went && said.contains("holds no key of signatures") && !said.contains("hunter2"), "{said}");
    let records = told(&house);
    assert_eq!(
        records.iter().map(|event| (event.outcome, of(event, "notice"))).collect::<Vec<_>>(),
        [(Outcome::Done, "test"), (Outcome::Failed, "test"), (Outcome::Failed, "test")]
    );
    assert!(records.iter().all(|event| !of(event, "uid").is_empty() && of(event, "incident").is_empty()));
    house.stop().await;
}

#[tokio::test]
async fn people_are_told_what_was_closed_that_a_second_person_is_wanted_and_that_it_was_opened() {
    let receiver = Hook::open(&[]).await;
    let house = House::open().await;
    write_files(house.data.path());
    // Whatever the level of which a channel tells: a closure has none.
    adopt(&house, &format!("{}from_level = \"I\"\n", hook("desk", receiver.address))).await;
    let (mut qian, mut zhou) = (house.signed_in("qian", Role::Member).await, house.signed_in("zhou", Role::Member).await);
    let (first, second) = (house.terminal(&mut qian).await, house.terminal(&mut zhou).await);
    let scope = LockdownScope::parse("app:sites").unwrap();
    let asks = [
        (Ask::LockDown { scope: scope.clone(), minutes: 60, why: "no secret of hers".to_owned() }, &first, 1),
        (Ask::ExtendLockdown { scope: scope.clone() }, &first, 2),
        (Ask::ExtendLockdown { scope: scope.clone() }, &second, 3),
        (Ask::LiftLockdown { scope }, &second, 4),
    ];
    for (ask, terminal, posted) in asks {
        // Each lasts for longer than the one before.
        house.clock.advance(Duration::from_secs(5));
        let answer = house.ask(ask, Some(terminal)).await;
        assert!(matches!(answer, ControlAnswer::Done { .. }), "{answer:?}");
        until("the notice", || receiver.posted().len() == posted).await;
    }
    let said = receiver.posted();
    let types: Vec<_> = said.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["lockdown.locked-down", "lockdown.extension-asked", "lockdown.locked-down", "lockdown.lifted"]);
    assert!(said.iter().all(|one| one.is_signed_by(&KEY) && one.json()["data"]["scope"] == "app:sites"));
    assert_eq!((said[0].json()["data"]["by"].clone(), said[2].json()["data"]["by"].clone()), (json!(["qian"]), json!(["qian", "zhou"])));
    assert!(!said[0].body.contains("no secret of hers"));
    until("the last record", || told(&house).len() == 4).await;
    assert!(told(&house).iter().all(|event| of(event, "scope") == "app:sites"), "{:?}", told(&house));
    house.close().await;
}

#[tokio::test]
async fn people_are_told_before_a_level_runs_out_and_when_it_has() {
    let receiver = Hook::open(&[]).await;
    let house = House::open().await;
    write_files(house.data.path());
    adopt(&house, &hook("desk", receiver.address)).await;
    let mut qian = house.signed_in("qian", Role::Member).await;
    let terminal = house.terminal(&mut qian).await;
    let opening = Opening { title: "a page is not ours".to_owned(), level: Level::III, category: Category::Content, subject: None };
    let opened = house.ask(Ask::OpenIncident { opening }, Some(&terminal)).await;
    assert!(matches!(opened, ControlAnswer::Done { .. }), "{opened:?}");
    let number = house.gateway().house().desk.incidents().book().cases().next().unwrap().number;
    let step = Step::Assessed { level: Level::III, category: Category::Content, why: "it is so".to_owned() };
    let taken = house.ask(Ask::TakeStep { number, step }, Some(&terminal)).await;
    assert!(matches!(taken, ControlAnswer::Done { .. }), "{taken:?}");
    let count = |wanted: &str| receiver.posted().iter().filter(|one| one.json()["type"] == wanted).count();
    until("that it was opened", || count("incident.opened") == 1).await;
    // In the example level III holds for a day.
    house.clock.advance(Duration::from_hours(23));
    until("that it ends", || count("incident.level-ends") == 1).await;
    assert_eq!(count("incident.level-ended"), 0);
    house.clock.advance(Duration::from_hours(1));
    until("that it has ended", || count("incident.level-ended") == 1).await;
    assert_eq!(count("incident.level-ends"), 1);
    house.close().await;
}
