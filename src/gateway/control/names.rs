//! Names of accounts as whoever sits at a terminal writes them, and times as she reads them.

use crate::admin::AdminError;
use crate::clock::Time;
use crate::gateway::house::House;
use crate::model::{AccountName, Level};

use super::told;

/// Why an account could not be looked up; a name that none has may be a slip.
pub(super) fn unknown(house: &House, name: &AccountName, error: &AdminError) -> String {
    match error {
        AdminError::NoSuchAccount => format!("there is no account \"{name}\"; `yumen account list` names all that there are"),
        error => why_not(house, error),
    }
}

/// Why the desk does not do it; where a level in force is why, also how that ends.
pub(super) fn why_not(house: &House, error: &AdminError) -> String {
    let now = house.clock.now();
    let stance = house.emergency.in_force(now);
    match (error, stance) {
        (AdminError::Frozen { level, .. }, Some(stance)) => {
            frozen(*level, house.clock.wall().plus(stance.until.since(now)), stance.incident)
        }
        (error, _) => told(error),
    }
}

fn frozen(level: Level, until: Time, incident: u64) -> String {
    format!(
        "the emergency level {level} is in force until {} by incident {incident}, and with it nobody is given a way in that she did not have; \
         switching off, suspending and revoking go on. It ends sooner when whoever is on the duty list lowers the level (`yumen incident level \
         {incident} LEVEL --why TEXT`) or takes the incident to its end (`yumen incident move {incident} STAGE --why TEXT`)",
        to_the_second(until)
    )
}

pub(super) fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|why| format!("the account name {text:?} {why}"))
}

/// Nobody reads milliseconds of what people did.
pub(super) fn to_the_second(time: Time) -> String {
    time.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_level_in_force_forbids_names_the_way_out_and_no_milliseconds() {
        let text = frozen(Level::III, Time::from_millis(1_795_316_645_678), 68);
        assert!(text.contains("until 2026-11-22 03:04:05 UTC by incident 68,") && !text.contains("678"), "{text}");
        assert!(text.contains("`yumen incident level 68 ") && text.contains("`yumen incident move 68 "), "{text}");
    }
}
