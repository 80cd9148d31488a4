use std::sync::Arc;

use super::tail::{print_last, print_new};
use super::told::told;
use super::*;
use crate::audit::{Filter, Journal, Settings, Tail};
use crate::model::{
    AccountId, AccountName, Action, AppId, Closed, Decision, End, Entry, Event, Factor, Label, Opened, Outcome, Record, Reference, Role,
    UnitName, Who,
};

const NOW: Time = Time::from_millis(1_795_316_645_678);

fn wang() -> Arc<Who> {
    Arc::new(Who {
        account: AccountId::fresh(),
        name: AccountName::parse("wang").unwrap(),
        unit: UnitName::parse("信息中心").unwrap(),
        role: Role::Member,
        factor: Some(Factor::SecurityKey),
        session: None,
    })
}

fn told_as(record: Record) -> String {
    told(&Entry::stamp(42, NOW, [0; 16], record))
}

fn opened(who: Option<Arc<Who>>, app: Option<&str>, decision: Decision, rule: &str) -> Record {
    Record::Opened(Opened {
        reference: Reference::new([0; 10]),
        who,
        address: "192.0.2.7".parse().unwrap(),
        port: 5,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: app.map(|app| AppId::parse(app).unwrap()),
        label: app.map(|_| Label::Internal),
        host: "sites.city.test".to_owned(),
        method: "GET".to_owned(),
        path: "/a\u{202e}b".to_owned(),
        query: None,
        decision,
        rule: rule.to_owned(),
    })
}

#[test]
fn an_access_is_one_line_with_who_what_and_why() {
    assert_eq!(
        told_as(opened(Some(wang()), Some("sites"), Decision::Allowed, "members")),
        "      42 2026-11-22T03:04:05.678Z AAAAAAAAAAAAAAAA opened  allowed wang [信息中心, member] from 192.0.2.7 sites GET /a\\u{202e}b (members)"
    );
    assert_eq!(
        told_as(opened(None, None, Decision::Refused, "sign-in-needed")),
        "      42 2026-11-22T03:04:05.678Z AAAAAAAAAAAAAAAA opened  REFUSED stranger from 192.0.2.7 portal GET /a\\u{202e}b (sign-in-needed)"
    );
}

#[test]
fn the_end_of_an_access_tells_its_status_bytes_and_reason() {
    let closed =
        Closed { reference: Reference::new([0; 10]), status: 200, bytes_up: 3, bytes_down: 4096, duration_ms: 17, end: End::ClientLeft };
    let line = told_as(Record::Closed(closed));
    assert!(line.ends_with(" AAAAAAAAAAAAAAAA closed  200 up 3 down 4096 bytes in 17 ms, client-left"), "{line}");
}

#[test]
fn an_event_tells_whether_it_failed_by_whom_and_its_details() {
    let event = Event::done(Action::AccountDisabled).with("uid", 1000).with("name", "li\n");
    assert!(
        told_as(Record::Event(event.clone())).ends_with("Z account-disabled name=li\\n uid=1000"),
        "{}",
        told_as(Record::Event(event.clone()))
    );
    let failed = Event { outcome: Outcome::Failed, ..event }.by(wang()).from("192.0.2.7".parse().unwrap());
    let line = told_as(Record::Event(failed));
    assert!(line.ends_with("Z account-disabled FAILED by wang [信息中心, member] from 192.0.2.7 name=li\\n uid=1000"), "{line}");
    let open = told_as(Record::StillOpen { references: vec![Reference::new([0; 10])] });
    assert!(open.ends_with("Z still open: 1 accesses"), "{open}");
}

#[tokio::test]
async fn the_last_lines_are_printed_and_then_only_what_is_new() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Settings::new(directory.path().to_owned()), Clock::manual(NOW)).unwrap();
    let write = async |uid: u32| journal.event(Event::done(Action::SessionEnded).with("uid", uid)).await.unwrap();
    for uid in 1..=5 {
        write(uid).await;
    }
    let uids = |out: &[u8]| -> Vec<String> {
        let lines = std::str::from_utf8(out).unwrap().lines();
        lines.map(|line| line.rsplit_once("uid=").unwrap().1.to_owned()).collect()
    };
    let mut tail = Tail::new(directory.path(), Filter::default());
    let mut out = Vec::new();
    print_last(&mut tail, 2, &mut out, false).unwrap();
    assert_eq!(uids(&out), ["4", "5"]);
    out.clear();
    print_new(&mut tail, &mut out, false).unwrap();
    assert_eq!(uids(&out), [""; 0], "nothing came");
    write(6).await;
    print_new(&mut tail, &mut out, false).unwrap();
    assert_eq!(uids(&out), ["6"]);

    out.clear();
    print_last(&mut Tail::new(directory.path(), Filter::default()), usize::MAX, &mut out, true).unwrap();
    let entries: Vec<Entry> = std::str::from_utf8(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 6);
    out.clear();
    print_last(&mut Tail::new(directory.path(), Filter::default()), 0, &mut out, false).unwrap();
    assert!(out.is_empty(), "-n 0 is for following alone");
}

#[test]
fn since_takes_a_time_or_a_length() {
    assert_eq!(since("1970-01-01T00:00:01Z"), Ok(Time::from_millis(1_000)));
    assert!(since("30m").unwrap() < Clock::machine().wall());
    assert!(since("yesterday").is_err());
}
