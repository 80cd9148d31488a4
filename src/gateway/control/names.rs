//! Names of accounts as whoever sits at a terminal writes them, and times as she reads them.

use crate::admin::AdminError;
use crate::clock::Time;
use crate::model::AccountName;

use super::told;

/// Why an account could not be looked up; a name that none has may be a slip.
pub(super) fn unknown(name: &AccountName, error: &AdminError) -> String {
    match error {
        AdminError::NoSuchAccount => format!("there is no account \"{name}\"; `yumen account list` names all that there are"),
        error => told(error),
    }
}

pub(super) fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|why| format!("the account name {text:?} {why}"))
}

/// Nobody reads milliseconds of what people did.
pub(super) fn to_the_second(time: Time) -> String {
    time.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
