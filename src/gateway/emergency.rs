//! Puts an emergency level in force, keeps it over restarts, and does once what a plan lets be done once.
//!
//! Invariant: a level that was confirmed holds as long as the plan says and no longer, however often the process is stopped, the plan read again,
//! or the same confirmation applied.

mod levels;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use crate::access::Stance;
use crate::auth::Ended;
use crate::clock::Time;
use crate::config::Settings;
use crate::incident::{Measures, Once, Plan, Whose};
use crate::model::{Account, AccountId, AccountName, AccountState, Level, Serial, TokenState};
use crate::store::{StoreError, StoredLevel, TokenChange};

pub use levels::Levels;

use super::exposition::{gauge, one};
use super::house::House;

/// A level that a named person has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    pub level: Level,
    /// When it was confirmed, by the wall clock, as the record says. A level that is confirmed again has another one.
    pub since_wall: Time,
    /// The same by the steady clock, by which it lasts.
    pub since: Time,
    pub incident: u64,
}

/// What one-way acts came to, for the record.
#[derive(Debug, Default)]
pub struct Done {
    pub ended: Vec<Ended>,
    pub suspended: Vec<Serial>,
    /// Tokens that were left as they are, because nobody else could sign in as security administrator.
    pub left: Vec<Serial>,
    /// What was not done and is left to a person, a sentence each. Sessions have ended all the same.
    pub failed: Vec<String>,
}

/// The level in force in `yumen status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmergencyStatus {
    pub level: String,
    /// RFC 3339 in UTC.
    pub since: String,
    pub until: String,
    /// What it does, in short.
    pub terms: Vec<String>,
}

/// What has run out stays so, whatever a later plan says.
fn under(last: &Stance, plan: Option<&Plan>, now: Time) -> Stance {
    let stance = with_terms(last, plan);
    if last.holds(now) { stance } else { Stance { until: last.until, ..stance } }
}

fn with_terms(stance: &Stance, plan: Option<&Plan>) -> Stance {
    let terms = plan.and_then(|plan| plan.terms(stance.level));
    let measures: Measures = terms.and_then(|terms| terms.policy.clone()).unwrap_or_default();
    Stance { until: stance.since.plus(measures.lasts), measures: Arc::new(measures), ..stance.clone() }
}

fn stored(stance: &Stance) -> StoredLevel {
    let Stance { level, incident, confirmed, since, until, .. } = *stance;
    StoredLevel { level, incident, confirmed, since, until }
}

/// Does what cannot be undone: ends sessions that were begun before `begun`, and suspends the tokens of the accounts that
/// the incident is about. The caller records it, and calls it once: who let a token work again meanwhile would find it stopped.
pub async fn once(house: &House, terms: Once, concerned: &[AccountId], begun: Time) -> Done {
    let (now, wall) = (house.clock.now(), house.clock.wall());
    let sessions = &house.auth.sessions;
    let accounts: HashSet<AccountId> = concerned.iter().copied().collect();
    let mut done = Done::default();
    match terms.end_sessions {
        Some(Whose::Everybodys) => done.ended.extend(sessions.revoke_all_before(begun, None)),
        Some(Whose::Concerned) => done.ended.extend(sessions.revoke_all_before(begun, Some(&accounts))),
        None => {}
    }
    if terms.suspend_tokens {
        let named = house.map.load().plan.as_deref().map(Plan::named).unwrap_or_default();
        for account in concerned {
            let suspended = match house.store.account(*account).await {
                Ok(Some(known)) if named.contains(&known.name) => leave_tokens_of(house, &known, &mut done).await,
                Ok(_) => suspend_tokens_of(house, *account, now, &mut done).await,
                Err(error) => Err(error),
            };
            if let Err(error) = suspended {
                done.failed.push(format!("the tokens of the account {account} could not all be suspended: {}", super::told(&error)));
            }
        }
        house.desk.publish_now(wall).await;
    }
    if let Err(error) = sessions.write_back().await {
        done.failed.push(format!("that sessions have ended could not be written down, which is tried again: {}", super::told(&error)));
    }
    done
}

/// Whoever has wrong passwords typed for a name makes an incident be about it: that must not take away those who would end it.
async fn leave_tokens_of(house: &House, account: &Account, done: &mut Done) -> Result<(), StoreError> {
    let active = house.store.tokens_of(account.id).await?.into_iter().filter(|token| token.state == TokenState::Active);
    let serials: Vec<String> = active.map(|token| token.serial.to_string()).collect();
    if !serials.is_empty() {
        let (serials, name) = (serials.join(", "), &account.name);
        done.failed.push(format!("{serials} of {name} was left, because the plan names her for emergencies: decide about it by hand"));
    }
    Ok(())
}

async fn suspend_tokens_of(house: &House, account: AccountId, now: Time, done: &mut Done) -> Result<(), StoreError> {
    for token in house.store.tokens_of(account).await?.into_iter().filter(|token| token.state == TokenState::Active) {
        // Else nobody could let anything work again.
        if house.store.is_last_of_wardens(token.id, now).await? {
            done.left.push(token.serial);
            continue;
        }
        done.ended.extend(house.auth.sessions.revoke_all_by(token.id));
        let change = house.store.change_token(&token.serial, TokenState::Suspended, now).await?;
        // Whoever signed in meanwhile came before it was stopped.
        done.ended.extend(house.auth.sessions.revoke_all_by(token.id));
        if matches!(change, TokenChange::Done { .. }) {
            done.suspended.push(token.serial);
        }
    }
    Ok(())
}

impl House {
    pub fn emergency_status(&self) -> Option<EmergencyStatus> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        self.emergency.in_force(now).map(|stance| EmergencyStatus {
            level: stance.level.to_string(),
            since: stance.confirmed.to_string(),
            until: wall.plus(stance.until.since(now)).to_string(),
            terms: stance.measures.told(),
        })
    }

    pub fn emergency_figures(&self) -> [MetricFamily; 1] {
        let level = self.emergency.in_force(self.clock.now()).map(|stance| stance.level);
        let number = Level::ALL.iter().filter(|known| level >= Some(**known)).count();
        [gauge("yumen_emergency_level", "The emergency level in force: 1 for IV to 4 for I, 0 for none.", [one(number)])]
    }

    /// Names of the plan that give nobody anything: nobody has the account, or it is not active.
    pub async fn useless_names(&self) -> Vec<String> {
        let Some(plan) = self.map.load().plan.clone() else { return Vec::new() };
        let glass = plan.levels.iter().filter_map(|terms| terms.policy.as_ref()).flat_map(|policy| &policy.break_glass);
        let duties = plan.shifts.iter().map(|shift| &shift.account);
        let told = [
            ("lets", "into closed apps (`break_glass`)", self.inactive(glass.collect()).await),
            ("has", "on its duty list (`[[duties]]`)", self.inactive(duties.collect()).await),
        ];
        let told = told.into_iter().filter(|(.., names)| !names.is_empty());
        told.map(|(verb, what, names)| {
            format!("the emergency plan {verb} {} {what}, but there is no active account of such a name", names.join(", "))
        })
        .collect()
    }

    async fn inactive(&self, names: BTreeSet<&AccountName>) -> Vec<String> {
        let mut inactive = Vec::new();
        for name in names {
            // That the store fails is told elsewhere.
            let Ok(known) = self.store.account_by_name(name).await else { return Vec::new() };
            if known.is_none_or(|account| account.state != AccountState::Active) {
                inactive.push(name.to_string());
            }
        }
        inactive
    }
}

/// To whom the plan of this config gives power by her name.
pub(super) fn named(settings: &Settings) -> HashSet<AccountName> {
    settings.plan.as_deref().map(Plan::named).unwrap_or_default()
}

#[cfg(test)]
mod tests;
