//! Whose account is meant: by whoever asks, and in records.
//!
//! Invariant: where both sides have the id of an account, it decides; a name alone counts only where it is an account's.

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
        match (self.id.as_deref(), named.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => self.name.as_deref().is_some_and(|wanted| named.name == Some(wanted)),
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
