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
use crate::incident::{Measures, Once, Plan, Whose};
use crate::model::{AccountId, AccountState, Level, Serial, TokenState};
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
    /// What could not be done, a sentence each. Sessions have ended all the same.
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
        for account in concerned {
            if let Err(error) = suspend_tokens_of(house, *account, now, &mut done).await {
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

    /// Whether the plan names people who would break no glass: nobody has the account, or it is not active.
    pub async fn useless_break_glass(&self) -> Option<String> {
        let plan = self.map.load().plan.clone()?;
        let named = plan.levels.iter().filter_map(|terms| terms.policy.as_ref()).flat_map(|policy| &policy.break_glass);
        let mut nobodys = Vec::new();
        for name in named.collect::<BTreeSet<_>>() {
            // That the store fails is told elsewhere.
            let known = self.store.account_by_name(name).await.ok()?;
            if known.is_none_or(|account| account.state != AccountState::Active) {
                nobodys.push(name.as_str());
            }
        }
        let names = nobodys.join(", ");
        (!names.is_empty()).then(|| {
            format!("the emergency plan lets {names} into closed apps (`break_glass`), but there is no active account of such a name")
        })
    }
}

#[cfg(test)]
mod tests;
