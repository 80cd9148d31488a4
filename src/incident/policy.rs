//! What a level does while it is in force, as the plan says: what holds for a time and is then as if it had never been, and what is done once.
//!
//! Invariant: the two are never mixed. [`Measures`] are only ever looked at, so they end by themselves; an act of [`Once`] cannot be undone.

use std::time::Duration;

use ipnet::IpNet;

use super::length;
use super::report::FormLanguage;
use crate::model::{AccountName, AppId, FactorDemand};

/// Of which apps something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apps {
    All,
    These(Vec<AppId>),
}

impl Apps {
    pub fn has(&self, app: &AppId) -> bool {
        match self {
            Self::All => true,
            Self::These(apps) => apps.contains(app),
        }
    }

    /// Whether each of `others` is among these.
    fn has_all(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::These(_), Self::All) => false,
            (Self::These(_), Self::These(others)) => others.iter().all(|app| self.has(app)),
        }
    }
}

/// The only networks from which anybody enters these apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    pub networks: Vec<IpNet>,
    pub apps: Apps,
}

/// What holds while a level is in force, beside all that the config says: whichever of the two is stricter counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measures {
    /// How long at most; whoever needs more confirms the level again.
    pub lasts: Duration,
    pub idle: Option<Duration>,
    pub overall: Option<Duration>,
    pub factor: Option<FactorDemand>,
    /// The longest that a proof may be ago.
    pub fresh: Option<Duration>,
    /// Where nothing but GET and HEAD is let through.
    pub read_only: Option<Apps>,
    pub from: Option<Narrowed>,
    /// What nobody enters but `break_glass`.
    pub closed: Option<Apps>,
    pub break_glass: Vec<AccountName>,
    /// Nobody is given a way in that she did not have.
    pub freeze_enrolment: bool,
}

impl Default for Measures {
    /// Of a level of which the plan says nothing: it changes nothing by itself, but rules of the config may name it.
    fn default() -> Self {
        Self {
            lasts: Duration::from_hours(24),
            idle: None,
            overall: None,
            factor: None,
            fresh: None,
            read_only: None,
            from: None,
            closed: None,
            break_glass: Vec::new(),
            freeze_enrolment: false,
        }
    }
}

impl Measures {
    /// In which parts they let through what `other` does not, as the plan names them. An app that is closed counts as read-only: whoever breaks
    /// the glass is to mend something there.
    pub fn laxer_than(&self, other: &Self) -> Vec<&'static str> {
        let longer = |own: Option<Duration>, other: Option<Duration>| other.is_some_and(|other| own.is_none_or(|own| own > other));
        let factor = other.factor.is_some_and(|other| self.factor.is_none_or(|own| !own.implies(other)));
        let opens = |own: &Option<Apps>, other: &Option<Apps>| {
            other.as_ref().is_some_and(|other| own.as_ref().is_none_or(|own| !own.has_all(other)))
        };
        let parts = [
            ("idle", longer(self.idle, other.idle)),
            ("overall", longer(self.overall, other.overall)),
            ("factor", factor),
            ("fresh", longer(self.fresh, other.fresh)),
            ("read_only", other.read_only.as_ref().is_some_and(|apps| !self.lets_nobody_write_to(apps))),
            ("from", self.is_wider_than(other)),
            ("closed", opens(&self.closed, &other.closed)),
            ("break_glass", other.closed.is_some() && self.break_glass.iter().any(|account| !other.break_glass.contains(account))),
            ("freeze_enrolment", other.freeze_enrolment && !self.freeze_enrolment),
        ];
        parts.into_iter().filter_map(|(name, laxer)| laxer.then_some(name)).collect()
    }

    fn lets_nobody_write_to(&self, apps: &Apps) -> bool {
        let among = |own: &Option<Apps>, app: &AppId| own.as_ref().is_some_and(|own| own.has(app));
        let whole = |own: &Option<Apps>| own.as_ref() == Some(&Apps::All);
        match apps {
            Apps::All => whole(&self.read_only) || whole(&self.closed),
            Apps::These(apps) => apps.iter().all(|app| among(&self.read_only, app) || among(&self.closed, app)),
        }
    }

    fn is_wider_than(&self, other: &Self) -> bool {
        let within = |own: &Narrowed, other: &Narrowed| {
            own.apps.has_all(&other.apps) && own.networks.iter().all(|network| other.networks.iter().any(|wide| wide.contains(network)))
        };
        other.from.as_ref().is_some_and(|other| self.from.as_ref().is_none_or(|own| !within(own, other)))
    }

    /// What they do, in the order and by the words of the plan, for people who know it.
    pub fn told(&self) -> Vec<String> {
        let length =
            |name: &str, length: Option<Duration>| length.map(|length| format!("{name} {}", length::length(length, FormLanguage::English)));
        let apps = |name: &str, apps: &Option<Apps>| apps.as_ref().map(|apps| format!("{name} {}", listed(apps)));
        let from = self.from.as_ref().map(|from| {
            let networks: Vec<String> = from.networks.iter().map(ToString::to_string).collect();
            format!("from {} alone into {}", networks.join(", "), listed(&from.apps))
        });
        let glass = (!self.break_glass.is_empty()).then(|| {
            let accounts: Vec<&str> = self.break_glass.iter().map(AccountName::as_str).collect();
            format!("break-glass {}", accounts.join(", "))
        });
        let parts = [
            length("idle", self.idle),
            length("overall", self.overall),
            self.factor.map(|factor| format!("factor {}", factor.word())),
            length("fresh", self.fresh),
            apps("read-only", &self.read_only),
            from,
            apps("closed", &self.closed),
            glass,
            self.freeze_enrolment.then(|| "enrolment frozen".to_owned()),
        ];
        parts.into_iter().flatten().collect()
    }
}

fn listed(apps: &Apps) -> String {
    match apps {
        Apps::All => "all apps".to_owned(),
        Apps::These(apps) => apps.iter().map(AppId::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// What is done when a level is confirmed. None of it comes back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// Whose sessions end; `None`: nobody's.
    pub end_sessions: Option<Whose>,
    /// The tokens of the accounts that the incident is about stop working until somebody lets them work again.
    pub suspend_tokens: bool,
}

impl Once {
    pub fn does_less_than(self, other: Self) -> bool {
        let ends = |once: Self| match once.end_sessions {
            None => 0,
            Some(Whose::Concerned) => 1,
            Some(Whose::Everybodys) => 2,
        };
        ends(self) < ends(other) || other.suspend_tokens && !self.suspend_tokens
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Everybodys,
    /// Of the accounts that the incident is about.
    Concerned,
}

impl Whose {
    pub const WORDS: [(&str, Self); 2] = [("all", Self::Everybodys), ("concerned", Self::Concerned)];
}

#[cfg(test)]
mod tests;
