//! What is closed in an emergency, on whose word, and what two people made of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountId, AccountName, AppId, UnitName};
use crate::clock::Time;

/// What somebody closes. Written `all`, `app:sites` and `unit:新闻办`, in the store, on record and between processes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LockdownScope {
    /// All apps.
    All,
    /// To everybody.
    App(AppId),
    /// Its people are kept out of all apps.
    Unit(UnitName),
}

impl LockdownScope {
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "all" => Some(Self::All),
            Some(("app", id)) => AppId::parse(id).map(Self::App),
            Some(("unit", name)) => UnitName::parse(name).ok().map(Self::Unit),
            _ => None,
        }
    }

    /// Whether one of them closes all that the other one does.
    pub fn meets(&self, other: &Self) -> bool {
        self.includes(other) || other.includes(self)
    }

    /// For a sentence that a terminal shows.
    pub fn in_words(&self) -> String {
        match self {
            Self::All => "all apps".to_owned(),
            Self::App(id) => format!("the app {id}"),
            Self::Unit(name) => format!("the unit {name}"),
        }
    }

    /// As `yumen lockdown` is told; a unit's name may have blanks in it, and what a shell obeys.
    pub fn as_options(&self) -> String {
        match self {
            Self::All => "--all".to_owned(),
            Self::App(id) => format!("--app {id}"),
            Self::Unit(name) => format!("--unit '{}'", name.as_str().replace('\'', r"'\''")),
        }
    }

    /// Whether it closes all that the other one does.
    pub fn includes(&self, other: &Self) -> bool {
        *self == Self::All || self == other
    }
}

impl fmt::Display for LockdownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::App(id) => write!(f, "app:{id}"),
            Self::Unit(name) => write!(f, "unit:{name}"),
        }
    }
}

impl TryFrom<String> for LockdownScope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is nothing that can be closed: write all, app:ID or unit:NAME"))
    }
}

impl From<LockdownScope> for String {
    fn from(scope: LockdownScope) -> Self {
        scope.to_string()
    }
}

/// One person, as far as counting to two goes. However many have root, whoever owns the machine is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closer {
    Machine,
    Person { account: AccountId, name: AccountName },
}

impl Closer {
    /// As the store keeps it; no account's id is called `machine`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "machine" => Some(Self::Machine),
            Some((account, name)) => Some(Self::Person { account: account.parse().ok()?, name: AccountName::parse(name).ok()? }),
            None => None,
        }
    }

    pub fn name(&self) -> Option<&AccountName> {
        match self {
            Self::Machine => None,
            Self::Person { name, .. } => Some(name),
        }
    }
}

impl fmt::Display for Closer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("machine"),
            Self::Person { account, name } => write!(f, "{account} {name}"),
        }
    }
}

/// What one person closed. It is remembered for a while after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    pub scope: LockdownScope,
    pub by: Closer,
    /// On the steady scale, as the other times here are.
    pub since: Time,
    pub until: Time,
    /// Somebody opened it again before its end.
    pub lifted: Option<Time>,
    /// What she said it is for; may be empty.
    pub reason: String,
    pub extended: Option<ByTwo>,
}

/// Who made it longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByTwo {
    pub asked: Closer,
    pub confirmed: Closer,
}

impl Closure {
    pub fn ends(&self) -> Time {
        self.lifted.map_or(self.until, |lifted| lifted.min(self.until))
    }

    pub fn holds(&self, now: Time) -> bool {
        now < self.ends()
    }
}

/// Somebody wants it closed for longer, and somebody else has to confirm that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedExtension {
    pub scope: LockdownScope,
    pub by: Closer,
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> LockdownScope {
        LockdownScope::parse(text).unwrap()
    }

    #[test]
    fn what_is_closed_reads_back_as_it_is_written_and_nothing_else_is_read() {
        for text in ["all", "app:sites", "unit:新闻办", "unit:a:b", "unit:all", "app:all"] {
            assert_eq!(scope(text).to_string(), text);
            assert_eq!(serde_json::from_str::<LockdownScope>(&serde_json::to_string(&scope(text)).unwrap()).unwrap(), scope(text));
        }
        for text in ["", "ALL", "sites", "app:", "app:Sites", "app: sites", "unit:", "unit: ", "unit:a\u{202e}b", "everything:all", ":all"]
        {
            assert_eq!(LockdownScope::parse(text), None, "{text:?}");
            assert!(serde_json::from_value::<LockdownScope>(text.into()).is_err(), "{text:?}");
        }
        assert_eq!(scope("unit: Press  Office "), scope("unit:Press Office"), "a unit has one name");
    }

    #[test]
    fn everything_includes_each_app_and_unit_and_these_include_only_themselves() {
        let all = ["all", "app:sites", "app:ledger", "unit:sites"].map(scope);
        for one in &all {
            for other in &all {
                assert_eq!(one.includes(other), *one == LockdownScope::All || one == other, "{one} {other}");
                assert_eq!(one.meets(other), one.includes(other) || other.includes(one), "{one} {other}");
            }
        }
    }

    #[test]
    fn whoever_closed_something_reads_back_and_nobody_is_called_the_machine() {
        let named = Closer::Person { account: AccountId::fresh(), name: AccountName::parse("machine wang").unwrap() };
        for closer in [Closer::Machine, named] {
            assert_eq!(Closer::parse(&closer.to_string()), Some(closer));
        }
        for text in ["", "machine ", "wang", "machine wang", " wang"] {
            assert_eq!(Closer::parse(text), None, "{text:?}");
        }
    }
}
