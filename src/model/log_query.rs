//! What is asked of the log, and where the answer stands in it.
//!
//! Invariant: an answer names records by their sequence and holds nothing of them; whoever shows one reads it from the log.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AccountName, Action, AppId, Reference, UnitName};
use crate::clock::Time;

/// Which records are wanted: those that fit everything that is given. The default is all, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Of whom: who acted, or whose account or token it was done to.
    pub account: Option<LogAccount>,
    pub unit: Option<UnitName>,
    pub app: Option<LogApp>,
    /// One address, or a network of them.
    pub address: Option<IpNet>,
    pub decision: Option<LogDecision>,
    pub kind: Option<LogKind>,
    /// The rule that allowed it, or the word for why it was refused, whole.
    pub rule: Option<String>,
    /// What an access was answered with.
    pub status: Option<u16>,
    /// What its error page shows: the access, and what was recorded on its way.
    pub reference: Option<Reference>,
    /// The session, as records name it.
    pub session: Option<String>,
    /// Not before then.
    pub from: Option<Time>,
    /// Before then.
    pub to: Option<Time>,
    /// A part of a path, a rule, a detail or a name, at least two characters long, in any case.
    pub text: Option<String>,
    /// Where an earlier answer ended ([`LogPage::next`]): only records before that sequence.
    pub before: Option<u64>,
    /// Only records after that sequence.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// The canonical name of an account, or its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAccount(String);

/// Where an access went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogApp {
    Portal,
    App(AppId),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDecision {
    /// Accesses that the policy let through.
    Allowed,
    Refused,
    /// What was tried and did not come about: a sign-in, a change.
    Failed,
}

/// What kind of thing is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    Access,
    Event(Action),
}

/// Where something that fits stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    pub sequence: u64,
    /// The record that closed the access, once there is one.
    pub closed: Option<u64>,
}

/// A part of an answer, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    pub rows: Vec<LogRow>,
    /// Ask again with this as [`LogQuery::before`]; `None`: nothing older fits. A search looks only so far at once, so there may be more although
    /// the rows are fewer than asked for.
    pub next: Option<u64>,
    /// How far the log was searched: records after that sequence are not known to the index yet.
    pub up_to: u64,
}

/// Accesses, and refusals among them, of an hour, an app or a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCount<By> {
    pub by: By,
    pub allowed: u64,
    /// Those of strangers that were only counted are in it.
    pub refused: u64,
}

impl LogAccount {
    /// As it was typed: a name in any case, or an id.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        match typed.parse::<uuid::Uuid>() {
            Ok(id) => Some(Self(id.as_hyphenated().to_string())),
            Err(_) => AccountName::parse(typed).ok().map(|name| Self(name.to_string())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LogApp {
    /// What stands for the portal. No id of an app has a parenthesis.
    pub const PORTAL: &str = "(portal)";
    /// What stands, in counts, for wherever strangers went who were only counted.
    pub const STRANGERS: &str = "(strangers)";

    pub fn parse(typed: &str) -> Option<Self> {
        match typed {
            "portal" | Self::PORTAL => Some(Self::Portal),
            typed => AppId::parse(typed).map(Self::App),
        }
    }

    pub fn of(app: Option<&AppId>) -> Self {
        app.map_or(Self::Portal, |app| Self::App(app.clone()))
    }

    pub fn word(&self) -> &str {
        match self {
            Self::Portal => Self::PORTAL,
            Self::App(app) => app.as_str(),
        }
    }
}

impl LogDecision {
    pub const ALL: &[Self] = &[Self::Allowed, Self::Refused, Self::Failed];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|decision| decision.word() == word)
    }
}

impl LogKind {
    const ACCESS: &str = "access";

    /// The word that stands in the log, such as `sign-in`; `access` for an access.
    pub fn parse(word: &str) -> Option<Self> {
        if word == Self::ACCESS {
            return Some(Self::Access);
        }
        Action::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word)).ok().map(Self::Event)
    }

    pub fn word(self) -> String {
        match self {
            Self::Access => Self::ACCESS.to_owned(),
            Self::Event(action) => match serde_json::to_value(action) {
                Ok(serde_json::Value::String(word)) => word,
                _ => String::new(),
            },
        }
    }
}

/// An address, or a network such as `192.0.2.0/24`, as it was typed. What is IPv4 in IPv6 is IPv4.
pub fn parse_network(typed: &str) -> Option<IpNet> {
    let typed = typed.trim();
    match typed.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => typed.parse::<IpNet>().ok().map(|network| network.trunc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_name_in_any_case_or_by_its_id() {
        assert_eq!(LogAccount::parse(" Wang Li ").unwrap().as_str(), "wang li");
        let id = "0193A5B0-0000-7000-8000-000000000001";
        assert_eq!(LogAccount::parse(id).unwrap().as_str(), id.to_lowercase());
        assert_eq!(LogAccount::parse(" "), None);
    }

    #[test]
    fn every_word_of_a_kind_or_decision_reads_back_and_no_other_does() {
        for kind in [LogKind::Access, LogKind::Event(Action::SignIn), LogKind::Event(Action::LogRead)] {
            assert_eq!(LogKind::parse(&kind.word()), Some(kind));
        }
        assert_eq!(LogKind::Event(Action::KeyCounterWentBack).word(), "key-counter-went-back");
        assert_eq!(LogKind::parse("no-such"), None);
        for decision in LogDecision::ALL {
            assert_eq!(LogDecision::parse(decision.word()), Some(*decision));
        }
        assert_eq!(LogDecision::parse("maybe"), None);
        assert_eq!((LogApp::parse("portal"), LogApp::parse("A b")), (Some(LogApp::Portal), None));
    }

    #[test]
    fn networks_and_addresses_are_canonical() {
        let network = |typed: &str| parse_network(typed).map(|network| network.to_string());
        assert_eq!(network("192.0.2.7").as_deref(), Some("192.0.2.7/32"));
        assert_eq!(network("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7/32"));
        assert_eq!(network("2001:db8::7/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(network("192.0.2"), None);
    }
}
