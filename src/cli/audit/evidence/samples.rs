//! Records for tests.

use std::sync::Arc;

use crate::clock::Time;
use crate::model::{
    AccountId, AccountName, AppId, Closed, Decision, End, Entry, Factor, Label, Opened, Record, Reference, Role, UnitName, Who,
};

pub fn entry_at(sequence: u64, seconds: u64, record: Record) -> Entry {
    Entry::stamp(sequence, Time::from_millis(1_795_316_645_000 + 1000 * seconds as i64), [0; 16], record)
}

pub fn entry(record: Record) -> Entry {
    entry_at(1, 0, record)
}

/// An account whose id goes with its name.
pub fn who(name: &str) -> Arc<Who> {
    Arc::new(Who {
        account: id(name),
        name: AccountName::parse(name).unwrap(),
        unit: UnitName::parse("信息中心").unwrap(),
        role: Role::Member,
        factor: Some(Factor::SecurityKey),
        session: None,
    })
}

pub fn id(name: &str) -> AccountId {
    let mut bytes = [7; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    AccountId(uuid::Uuid::from_bytes(bytes))
}

pub fn opened(number: u8, name: Option<&str>, app: Option<&str>, decision: Decision, rule: &str) -> Record {
    Record::Opened(Opened {
        reference: Reference::new([number; 10]),
        who: name.map(who),
        address: "192.0.2.7".parse().unwrap(),
        port: 5,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: app.map(|app| AppId::parse(app).unwrap()),
        label: app.map(|_| Label::Internal),
        host: "sites.city.test".to_owned(),
        method: "GET".to_owned(),
        path: "/<script>alert(1)</script>".to_owned(),
        query: None,
        decision,
        rule: rule.to_owned(),
    })
}

pub fn access(number: u8, name: Option<&str>, app: Option<&str>) -> Entry {
    entry(opened(number, name, app, Decision::Allowed, "members"))
}

pub fn close(number: u8) -> Record {
    Record::Closed(Closed {
        reference: Reference::new([number; 10]),
        status: 200,
        bytes_up: 0,
        bytes_down: 9,
        duration_ms: 1,
        end: End::Complete,
    })
}

pub fn closed(number: u8) -> Entry {
    entry(close(number))
}
