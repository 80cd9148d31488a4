use std::sync::Arc;

use super::table::{ALL, Class};
use super::*;
use crate::clock::Time;
use crate::model::{AccountId, AccountName, Factor, Reference, Role, UnitName, Who};

const AROUND: Around<'static> = Around { origin: "gate.city.example/log", host: "gate.city.example", leaf: "00ff" };

fn told_as(record: Record) -> Value {
    super::record(&Entry::stamp(12, Time::from_millis(1_795_316_645_678), [7; 16], record), &AROUND)
}

fn who(role: Role) -> Arc<Who> {
    Arc::new(Who {
        account: AccountId::fresh(),
        name: AccountName::parse("wang li").unwrap(),
        unit: UnitName::parse("信息中心").unwrap(),
        role,
        factor: Some(Factor::SecurityKey),
        session: Some("0a1b".into()),
    })
}

/// Fails unless the event has what version 1.5.0 of the schema requires of its class, and what it requires one of.
#[track_caller]
fn must_be_whole(event: &Value) {
    let has = |pointer: &str| event.pointer(pointer).is_some_and(|value| !value.is_null() && value != "");
    let need = |pointers: &[&str]| pointers.iter().for_each(|pointer| assert!(has(pointer), "{pointer} is not in {event:#}"));
    let one_of = |pointers: &[&str]| assert!(pointers.iter().any(|pointer| has(pointer)), "none of {pointers:?} is in {event:#}");
    need(&["/activity_id", "/category_uid", "/class_uid", "/severity_id", "/time", "/type_uid"]);
    need(&["/metadata/version", "/metadata/product/name", "/metadata/product/vendor_name", "/metadata/uid", "/metadata/log_name"]);
    let number = |name: &str| event[name].as_u64().unwrap();
    let (class, activity) = (number("class_uid"), number("activity_id"));
    assert_eq!(number("type_uid"), class * 100 + activity);
    assert_eq!(number("category_uid"), class / 1000);
    assert!((1..=5).contains(&number("severity_id")));
    let known: &[u64] = match class {
        2005 => {
            need(&["/finding_info_list/0/uid", "/finding_info_list/0/title", "/status_id"]);
            one_of(&["/assignee", "/assignee_group/name"]);
            assert!([1, 5].contains(&number("status_id")));
            &[1, 2, 3]
        }
        3001 => {
            one_of(&["/user/name", "/user/uid"]);
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
        }
        3002 => {
            one_of(&["/user/name", "/user/uid"]);
            one_of(&["/service/name", "/dst_endpoint/hostname"]);
            &[1, 2, 3, 4, 5, 6]
        }
        4002 => {
            one_of(&["/http_request/url/hostname", "/http_response/code"]);
            one_of(&["/src_endpoint/ip", "/dst_endpoint/hostname"]);
            &[1, 2, 3, 4, 5, 6, 7, 8, 9]
        }
        6002 => {
            need(&["/app/name", "/app/vendor_name"]);
            &[1, 2, 3, 4]
        }
        other => panic!("{other} is no class that is used here"),
    };
    assert!(activity == 99 || known.contains(&activity), "{activity} is no activity of {class}");
    assert!(activity != 99 || has("/activity_name"), "another activity has a name of its own");
}

#[test]
fn every_action_is_told_in_a_class_with_all_that_it_requires() {
    let mut classes = Vec::new();
    for action in ALL.iter().copied() {
        for outcome in [Event::done(action), Event::failed(action)] {
            let bare = told_as(Record::Event(outcome.clone()));
            must_be_whole(&bare);
            let full =
                outcome.by(who(Role::Auditor)).from("2001:db8::7".parse().unwrap()).with("account", AccountId::fresh()).with("why", "x");
            let full = told_as(Record::Event(full));
            must_be_whole(&full);
            assert_eq!(full["actor"]["user"]["name"], "wang li");
            assert_eq!(full["src_endpoint"]["ip"], "2001:db8::7");
            assert_eq!(full["unmapped"]["why"], "x");
            classes.push(bare["class_uid"].as_u64().unwrap());
        }
    }
    for class in [Class::IncidentFinding, Class::AccountChange, Class::Authentication, Class::HttpActivity, Class::ApplicationLifecycle] {
        assert!(classes.contains(&u64::from(class.uid())), "{class:?} is used");
    }
}

#[test]
fn no_action_is_in_the_table_twice() {
    let words: std::collections::BTreeSet<String> = ALL.iter().map(word).collect();
    assert_eq!(words.len(), ALL.len());
    assert!(words.iter().all(|word| !word.is_empty() && format!("event/{word}").len() <= 32), "they fit the id of a message of syslog");
}

fn opened(decision: Decision, method: &str) -> Record {
    Record::Opened(Opened {
        reference: Reference::new([1; 10]),
        who: Some(who(Role::Member)),
        address: "192.0.2.7".parse().unwrap(),
        port: 4711,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: None,
        label: None,
        host: "sites.city.example".to_owned(),
        method: method.to_owned(),
        path: "/a".to_owned(),
        query: None,
        decision,
        rule: "editors".to_owned(),
    })
}

#[test]
fn both_records_of_an_access_are_http_activity_under_one_reference() {
    let begin = told_as(opened(Decision::Allowed, "GET"));
    let closed =
        Closed { reference: Reference::new([1; 10]), status: 502, bytes_up: 3, bytes_down: 40, duration_ms: 17, end: End::UpstreamFailed };
    let end = told_as(Record::Closed(closed));
    [&begin, &end].into_iter().for_each(must_be_whole);
    assert_eq!(begin["type_uid"], 400_203);
    assert_eq!(begin["http_request"]["url"]["hostname"], "sites.city.example");
    assert_eq!((&begin["status_id"], &begin["actor"]["user"]["type_id"]), (&json!(1), &json!(1)));
    assert_eq!(begin["metadata"]["correlation_uid"], end["metadata"]["correlation_uid"]);
    let reference = Reference::new([1; 10]);
    assert_eq!(begin["metadata"]["uid"], format!("{reference}/12"));
    assert_eq!((&end["http_response"]["code"], &end["duration"], &end["status_id"]), (&json!(502), &json!(17), &json!(2)));
    assert_eq!(end["traffic"], json!({ "bytes": 43, "bytes_in": 3, "bytes_out": 40 }));
    assert_eq!(told_as(opened(Decision::Refused, "BREW"))["type_uid"], 400_299);
    assert_eq!(told_as(opened(Decision::Refused, "BREW"))["status_id"], 2);
}

#[test]
fn what_is_not_a_request_is_whole_too() {
    must_be_whole(&told_as(Record::StillOpen { references: vec![Reference::new([1; 10])] }));
    let checkpoint = checkpoint("o", 9, "o\n9\nroot\n", "2026-11-22T03:04:05.678Z");
    must_be_whole(&checkpoint);
    assert_eq!((&checkpoint["unmapped"]["note"], &checkpoint["time"]), (&json!("o\n9\nroot\n"), &json!(1_795_316_645_678_i64)));
}

#[test]
fn a_stranger_who_fails_to_sign_in_is_somebody_all_the_same() {
    let nobody = told_as(Record::Event(Event::failed(Action::SignIn)));
    assert_eq!((&nobody["user"]["name"], &nobody["status_id"]), (&json!("(unknown)"), &json!(2)));
    let named = told_as(Record::Event(Event::failed(Action::SignIn).with("name", "wang")));
    assert_eq!(named["user"]["name"], "wang");
}

#[test]
fn an_alarm_is_opened_and_closed() {
    let event = |event| told_as(Record::Event(event));
    let (short, again) = (event(Event::failed(Action::DiskSpace)), event(Event::done(Action::DiskSpace)));
    assert_eq!((&short["type_uid"], &short["status_id"], &short["severity_id"]), (&json!(200_501), &json!(1), &json!(4)));
    assert_eq!((&again["type_uid"], &again["status_id"]), (&json!(200_503), &json!(5)));
    assert_eq!(event(Event::done(Action::KeyCounterWentBack))["severity_id"], 5);
}
