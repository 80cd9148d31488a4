//! Which apps a person opened last from this browser: a cookie that says so, for nobody but her.
//!
//! Invariant: it orders what she may see anyway; nothing is allowed by it, and what does not name her counts as empty.

use std::time::Duration;

use data_encoding::HEXLOWER;

use crate::auth::cookies;
use crate::crypto::MacKey;
use crate::model::{AccountId, AppId};

pub const RECENT_COOKIE: &str = "__Host-yumen-recent";

/// As many as stand in one row of a wide window.
const MOST: usize = 3;
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The apps in the cookie's `value`, the last one first.
pub fn read(value: Option<&str>, secret: &MacKey, account: AccountId) -> Vec<AppId> {
    let mut parts = value.unwrap_or_default().split('.');
    if parts.next() != Some(owner(secret, account).as_str()) {
        return Vec::new();
    }
    parts.filter_map(AppId::parse).take(MOST).collect()
}

/// The cookie after `app` was opened.
pub fn opened(before: &[AppId], app: &AppId, secret: &MacKey, account: AccountId) -> String {
    let others = before.iter().filter(|known| *known != app).take(MOST.saturating_sub(1));
    let value = std::iter::once(app).chain(others).fold(owner(secret, account), |value, id| format!("{value}.{id}"));
    cookies::set(RECENT_COOKIE, &value, KEPT)
}

/// Who sits here next shall not read what she did: the cookie bears a keyed hash of her account.
fn owner(secret: &MacKey, account: AccountId) -> String {
    let tag = secret.tag("recent apps", account.to_string().as_bytes());
    HEXLOWER.encode(tag.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> AppId {
        AppId::parse(text).unwrap()
    }

    fn value(cookie: &str) -> &str {
        cookie.strip_prefix("__Host-yumen-recent=").unwrap().split(';').next().unwrap()
    }

    #[test]
    fn what_was_opened_last_stands_first_and_once() {
        let (secret, account) = (MacKey::new(&[7; 32]), AccountId::fresh());
        let mut known = Vec::new();
        for app in ["a", "b", "a", "c", "d"] {
            known = read(Some(value(&opened(&known, &id(app), &secret, account))), &secret, account);
        }
        assert_eq!(known, ["d", "c", "a"].map(id));
    }

    #[test]
    fn what_another_person_opened_here_says_nothing() {
        let (secret, hers, his) = (MacKey::new(&[7; 32]), AccountId::fresh(), AccountId::fresh());
        let cookie = opened(&[], &id("sites"), &secret, hers);
        assert_eq!(read(Some(value(&cookie)), &secret, hers), [id("sites")]);
        assert_eq!(read(Some(value(&cookie)), &secret, his), []);
        assert_eq!(read(Some(value(&cookie)), &MacKey::new(&[8; 32]), hers), []);
    }

    #[test]
    fn what_cannot_be_read_counts_as_empty() {
        let (secret, account) = (MacKey::new(&[7; 32]), AccountId::fresh());
        for value in [None, Some(""), Some("..."), Some("x.sites"), Some(".sites")] {
            assert_eq!(read(value, &secret, account), []);
        }
        let odd = format!("{}.sites.<b>..{}", owner(&secret, account), "y".repeat(40));
        assert_eq!(read(Some(&odd), &secret, account), [id("sites")]);
    }
}
