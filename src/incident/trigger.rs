//! What raises an alarm, as the plan says it.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::marks::Enough;
use super::plan::Category;
use crate::model::{AccountName, AppId, Hours, Level, UnitName};

#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Stands on record with what it raised.
    pub name: String,
    pub level: Level,
    pub category: Category,
    pub except: Exceptions,
    pub kind: Kind,
}

/// What a trigger leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    pub accounts: Vec<AccountName>,
    pub units: Vec<UnitName>,
    pub apps: Vec<AppId>,
    pub from: Vec<IpNet>,
}

impl Exceptions {
    pub(super) fn leave_out(&self, name: Option<&str>, unit: Option<&str>, app: Option<&str>, address: Option<IpAddr>) -> bool {
        let address = address.map(|address| address.to_canonical());
        name.is_some_and(|name| self.accounts.iter().any(|known| known.as_str() == name))
            || unit.is_some_and(|unit| self.units.iter().any(|known| known.as_str() == unit))
            || app.is_some_and(|app| self.apps.iter().any(|known| known.as_str() == app))
            || address.is_some_and(|address| self.from.iter().any(|network| network.contains(&address)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Account,
    Address,
    Unit,
}

impl Per {
    pub const WORDS: [(&str, Self); 3] = [("account", Self::Account), ("address", Self::Address), ("unit", Self::Unit)];
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// So many failed sign-ins.
    Failures {
        per: Per,
        count: usize,
        window: Duration,
    },
    /// One address fails with so many names.
    ManyAccounts {
        count: usize,
        window: Duration,
    },
    /// So many second factors fail after a right password.
    SecondFactor {
        count: usize,
        window: Duration,
    },
    /// A key's counter went back, answers came that no key had made, or a token was used that is revoked, lost or suspended.
    TokenMisused,
    /// One account is used from two places: those that are named here, and wide networks elsewhere.
    TwoPlaces {
        window: Duration,
        places: Vec<Vec<IpNet>>,
    },
    /// Somebody works when nobody should.
    OutsideHours {
        hours: Hours,
    },
    /// So many bytes to one account from one app.
    BulkDownload {
        bytes: u64,
        window: Duration,
    },
    /// An account signs in that had not for so long, or never since it was made.
    Dormant {
        after: Duration,
    },
    /// Staff sign in from elsewhere.
    StaffAddress {
        from: Vec<IpNet>,
    },
    /// A config came into force that lets more through.
    PolicyLoosened,
    /// The log was repaired, is full, or does not check.
    LogBroken,
    SelfTestFailed,
    /// So many answers of one app fail, and so many out of a hundred.
    UpstreamErrors {
        count: u64,
        percent: u64,
        window: Duration,
    },
    /// A page of a site changed, and nobody who may had worked there for so long.
    PageChanged {
        after: Duration,
    },
}

/// How long what happens at once is not told again.
const HOUR: Duration = Duration::from_hours(1);

impl Kind {
    /// As plans name them, in the order of the documentation.
    pub const WORDS: [&str; 14] = [
        "failures",
        "many-accounts",
        "second-factor",
        "token-misused",
        "two-places",
        "outside-hours",
        "bulk-download",
        "dormant",
        "staff-address",
        "policy-loosened",
        "log-broken",
        "self-test-failed",
        "upstream-errors",
        "page-changed",
    ];

    pub fn word(&self) -> &'static str {
        match self {
            Self::Failures { .. } => "failures",
            Self::ManyAccounts { .. } => "many-accounts",
            Self::SecondFactor { .. } => "second-factor",
            Self::TokenMisused => "token-misused",
            Self::TwoPlaces { .. } => "two-places",
            Self::OutsideHours { .. } => "outside-hours",
            Self::BulkDownload { .. } => "bulk-download",
            Self::Dormant { .. } => "dormant",
            Self::StaffAddress { .. } => "staff-address",
            Self::PolicyLoosened => "policy-loosened",
            Self::LogBroken => "log-broken",
            Self::SelfTestFailed => "self-test-failed",
            Self::UpstreamErrors { .. } => "upstream-errors",
            Self::PageChanged { .. } => "page-changed",
        }
    }

    /// What a trigger of this kind can leave out, as plans name it: it looks at nothing else.
    pub fn exceptions(&self) -> &'static [&'static str] {
        match self {
            Self::TwoPlaces { .. } | Self::OutsideHours { .. } | Self::BulkDownload { .. } | Self::UpstreamErrors { .. } => {
                &["accounts", "units", "apps", "from"]
            }
            Self::Failures { .. }
            | Self::ManyAccounts { .. }
            | Self::SecondFactor { .. }
            | Self::TokenMisused
            | Self::Dormant { .. }
            | Self::StaffAddress { .. } => &["accounts", "units", "from"],
            Self::PageChanged { .. } => &["apps"],
            Self::PolicyLoosened | Self::LogBroken | Self::SelfTestFailed => &[],
        }
    }

    pub(super) fn enough(&self) -> Enough {
        match self {
            Self::Failures { count, .. } | Self::SecondFactor { count, .. } => Enough::Count(*count),
            Self::ManyAccounts { count, .. } => Enough::Distinct(*count),
            Self::TwoPlaces { .. } => Enough::Distinct(2),
            Self::BulkDownload { bytes, .. } => Enough::Sum(*bytes),
            Self::UpstreamErrors { count, percent, .. } => Enough::Share { count: *count, percent: *percent },
            _ => Enough::Count(1),
        }
    }

    /// Within what it has to come together, and for how long it is not told again.
    pub(super) fn window(&self) -> Duration {
        match self {
            Self::Failures { window, .. }
            | Self::ManyAccounts { window, .. }
            | Self::SecondFactor { window, .. }
            | Self::TwoPlaces { window, .. }
            | Self::BulkDownload { window, .. }
            | Self::UpstreamErrors { window, .. } => *window,
            // Each of these may be another one.
            Self::PolicyLoosened | Self::LogBroken | Self::SelfTestFailed => Duration::ZERO,
            _ => HOUR,
        }
    }
}
