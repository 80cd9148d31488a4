//! Whose account is meant: by whoever asks, and in records.
//!
//! Invariant: what both sides have of id and name is the same, and they have one of them; a name counts only where it is an account's. No account
//! changes its name.

use crate::model::{AccountId, Action, Event, LogAccount, Who};

/// An account by its id, its name, or both; never by nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    pub id: Option<String>,
    pub name: Option<String>,
}

/// An account that an event names beside whoever acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named<'a> {
    pub id: Option<&'a str>,
    pub name: Option<&'a str>,
}

impl Whose {
    /// As it was asked for.
    pub fn asked(account: &LogAccount) -> Self {
        let text = account.as_str().to_owned();
        match text.parse::<AccountId>() {
            Ok(_) => Self { id: Some(text), name: None },
            Err(_) => Self { id: None, name: Some(text) },
        }
    }

    pub fn is(&self, who: &Who) -> bool {
        self.is_named(&Named { id: Some(&who.account.to_string()), name: Some(who.name.as_str()) })
    }

    pub fn is_named(&self, named: &Named<'_>) -> bool {
        let same = |wanted: Option<&str>, found: Option<&str>| Some(wanted? == found?);
        match (same(self.id.as_deref(), named.id), same(self.name.as_deref(), named.name)) {
            (None, None) => false,
            (id, name) => id.unwrap_or(true) && name.unwrap_or(true),
        }
    }
}

/// To whose account or token it was done, and who proposed it.
pub fn named_in(event: &Event) -> [Named<'_>; 2] {
    let detail = |name: &str| event.details.get(name).map(String::as_str);
    // There it is what a key or an authority is called.
    let is_label = matches!(event.action, Action::KeyAdded | Action::AuthorityCreated);
    [
        Named { id: detail("account"), name: detail("name").filter(|_| !is_label) },
        Named { id: detail("proposer"), name: detail("proposed-by") },
    ]
}
