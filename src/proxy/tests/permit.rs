//! Permits with records that the test writes and reads. The only place here that knows how the floors below make them.

use std::sync::Arc;

use crate::access::{Grant, Permit};
use crate::audit::{Closing, Receipt};
use crate::auth::Identity;
use crate::clock::Time;
use crate::limit::{LimitSettings, Limits};
use crate::model::{AccountId, AccountName, AppId, End, Role, UnitName, Who};

/// When the record of a request is on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Durability {
    AtOnce,
    /// When the test says so.
    ByHand,
}

pub(in crate::proxy) struct Script(crate::audit::Script);

impl Script {
    pub(super) fn settle(&self, on_disk: bool) {
        self.0.durable.send_replace(Some(on_disk));
    }

    /// Status, bytes up, bytes down and why, once the record was closed; a second closing fails the test.
    pub(super) async fn closing(mut self) -> (u16, u64, u64, End) {
        let Closing { status, up, down, end } = self.0.closed.recv().await.unwrap();
        assert_eq!(self.0.closed.recv().await, None);
        (status, up, down, end)
    }
}

pub(super) fn permit(durability: Durability) -> (Permit, Script) {
    let (receipt, script) = Receipt::scripted();
    if durability == Durability::AtOnce {
        script.durable.send_replace(Some(true));
    }
    let person = AccountId::fresh();
    let pass = Limits::new(LimitSettings::default()).admit(person, &AppId::parse("sites").unwrap(), Time::from_millis(0)).unwrap();
    let grant = Grant { identity: Arc::new(identity("王丽", "信息中心", Some("wang@example.cn"))) };
    (Permit::new(grant, pass, receipt), Script(script))
}

pub(super) fn identity(name: &str, unit: &str, email: Option<&str>) -> Identity {
    let who = Who {
        account: AccountId::fresh(),
        name: AccountName::parse(name).unwrap(),
        unit: UnitName::parse(unit).unwrap(),
        role: Role::Member,
        factor: None,
        session: None,
    };
    Identity { who: Arc::new(who), email: email.map(str::to_owned) }
}
