//! One rule of an app: who, from where, when, with which methods, on which paths.

use std::net::IpAddr;

use http::Method;
use ipnet::IpNet;

use super::{Demand, PathPattern};
use crate::clock::Time;
use crate::model::{AccountName, CanonicalPath, Hours, Level, Role, UnitName, Who};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// Matches if every part that it names matches; a part that it leaves empty does not restrict.
///
/// Invariant: a rule that allows names somebody. There is no rule for everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Stands in the log with what it decided.
    pub name: String,
    pub effect: Effect,
    pub accounts: Vec<AccountName>,
    pub units: Vec<UnitName>,
    pub roles: Vec<Role>,
    pub from: Vec<IpNet>,
    pub when: Option<Hours>,
    /// Holds only while this emergency level or a graver one is in force.
    pub level: Option<Level>,
    /// Holds only while a less grave level than this is in force, or none.
    pub below: Option<Level>,
    /// `GET` stands for `HEAD` too.
    pub methods: Vec<Method>,
    pub paths: Vec<PathPattern>,
    /// Of a rule that allows.
    pub demand: Demand,
}

impl Rule {
    pub fn names_somebody(&self) -> bool {
        !(self.accounts.is_empty() && self.units.is_empty() && self.roles.is_empty())
    }

    /// Whether the rule speaks of this person at this address. A rule that allows but names nobody speaks of nobody.
    pub(super) fn concerns(&self, who: &Who, from: IpAddr) -> bool {
        if self.effect == Effect::Allow && !self.names_somebody() {
            return false;
        }
        let from = from.to_canonical();
        any(&self.accounts, |account| *account == who.name)
            && any(&self.units, |unit| *unit == who.unit)
            && any(&self.roles, |role| *role == who.role)
            && any(&self.from, |network| network.contains(&from))
    }

    /// Whether the rule speaks of this request, whoever makes it.
    pub(super) fn covers(&self, method: &Method, path: &CanonicalPath) -> bool {
        let method_fits = |named: &Method| named == method || (*named == Method::GET && *method == Method::HEAD);
        let path_fits = |pattern: &PathPattern| match self.effect {
            Effect::Allow => pattern.matches(path),
            Effect::Deny => pattern.may_match(path),
        };
        any(&self.methods, method_fits) && any(&self.paths, path_fits)
    }

    /// Whether the rule speaks of every request.
    pub(super) fn covers_all(&self) -> bool {
        self.methods.is_empty() && self.paths.is_empty()
    }

    /// Whether the rule holds at `wall`, while `level` is in force.
    pub(super) fn holds(&self, wall: Time, level: Option<Level>) -> bool {
        self.is_of(level) && self.when.as_ref().is_none_or(|hours| hours.open_until(wall).is_some())
    }

    /// Whether it speaks of this emergency level. None is below all.
    pub(super) fn is_of(&self, level: Option<Level>) -> bool {
        self.level.is_none_or(|least| level >= Some(least)) && self.below.is_none_or(|below| level < Some(below))
    }

    pub(super) fn names_a_level(&self) -> bool {
        self.level.is_some() || self.below.is_some()
    }
}

/// Whether a part of a rule lets something through: any of what it names, or anything if it names nothing.
fn any<T>(named: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    named.is_empty() || named.iter().any(fits)
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A rule that speaks of nobody yet.
    pub fn rule(name: &str, effect: Effect) -> Rule {
        Rule {
            name: name.to_owned(),
            effect,
            accounts: Vec::new(),
            units: Vec::new(),
            roles: Vec::new(),
            from: Vec::new(),
            when: None,
            level: None,
            below: None,
            methods: Vec::new(),
            paths: Vec::new(),
            demand: Demand::default(),
        }
    }

    pub fn for_unit(name: &str, unit: &str) -> Rule {
        Rule { units: vec![UnitName::parse(unit).unwrap()], ..rule(name, Effect::Allow) }
    }
}
