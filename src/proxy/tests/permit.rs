//! Permits with records that the test writes and reads. The only place here that knows how the floors below make them.

use std::sync::Arc;

use crate::access::{Grant, Permit};
use crate::audit::Receipt;
use crate::auth::Identity;
use crate::clock::Time;
use crate::limit::{LimitSettings, Limits};
use crate::model::{AccountId, AppId, Closed, End, Role};

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
        self.0.settle(on_disk);
    }

    /// Status, bytes up, bytes down and why, once the record was closed; a second closing fails the test.
    pub(super) async fn closing(self) -> (u16, u64, u64, End) {
        let (sent, closing) = self.told().await;
        assert_eq!(sent, Vec::<u64>::new(), "a long answer was told of");
        closing
    }

    /// With how much was said to be sent before.
    pub(super) async fn told(self) -> (Vec<u64>, (u16, u64, u64, End)) {
        let (sent, Closed { status, bytes_up, bytes_down, end, .. }) = self.0.told().await;
        (sent, (status, bytes_up, bytes_down, end))
    }
}

pub(super) fn permit(durability: Durability) -> (Permit, Script) {
    let (receipt, script) = Receipt::scripted();
    if durability == Durability::AtOnce {
        script.settle(true);
    }
    let person = AccountId::fresh();
    let pass = Limits::new(LimitSettings::default()).admit(person, &AppId::parse("sites").unwrap(), Time::from_millis(0)).unwrap();
    let grant = Grant::sample(identity("王丽", "信息中心", Some("wang@example.cn")));
    (Permit::new(grant, pass, receipt), Script(script))
}

pub(super) fn identity(name: &str, unit: &str, email: Option<&str>) -> Arc<Identity> {
    Identity::sample_with_email(name, unit, Role::Member, Time::from_millis(0), email)
}
