//! Enrolment letters: for members who are invited and hold a token that they have not shown yet.
//!
//! Invariant: a code is given out once, to whoever prints the letter, and is stored as a hash alone. Staff, and whoever stands in the
//! emergency plan, get no letters: they are invited in person.

use std::collections::HashMap;
use std::time::Duration;

use crate::auth::LetterCode;
use crate::clock::Time;
use crate::model::{AccountId, AccountName, Action, Event, Serial, UnitName};
use crate::store::{LetterDue, NewLetter};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};

const PART: usize = 50;

/// What letters say beside what is each person's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterSettings {
    pub life: Duration,
    /// Whom to ask, as it is printed.
    pub contact: Option<String>,
}

impl Default for LetterSettings {
    fn default() -> Self {
        Self { life: Duration::from_hours(14 * 24), contact: None }
    }
}

/// What is printed for one person.
#[derive(Debug)]
pub struct Letter {
    pub name: AccountName,
    pub unit: UnitName,
    /// Of the token that is handed out with it.
    pub serial: Serial,
    pub code: LetterCode,
    pub expires: Time,
}

impl Desk {
    pub fn letter_settings(&self) -> &LetterSettings {
        &self.letters
    }

    /// For whom letters can be made, by unit and name.
    pub async fn letters_due(&self, actor: &Actor, now: Time) -> Result<Vec<LetterDue>, AdminError> {
        self.permit(actor, Change::MakeLetters)?;
        self.due(now).await
    }

    /// Whom the emergency plan names is invited in person, as staff are.
    async fn due(&self, now: Time) -> Result<Vec<LetterDue>, AdminError> {
        let mut due = self.store.letters_due(now).await?;
        due.retain(|due| !self.is_named(&due.account.name));
        Ok(due)
    }

    /// Makes letters for those of `names` for whom one can be made; their earlier letters and invitations are void.
    pub async fn make_letters(&self, actor: &Actor, names: &[AccountName], now: Time) -> Result<Vec<Letter>, AdminError> {
        self.permit(actor, Change::MakeLetters)?;
        self.may_give(now)?;
        let due = self.due(now).await?;
        let mut due: HashMap<AccountName, LetterDue> = due.into_iter().map(|due| (due.account.name.clone(), due)).collect();
        let wanted: Vec<LetterDue> = names.iter().filter_map(|name| due.remove(name)).collect();
        let expires = now.plus(self.letters.life);
        let mut letters = Vec::with_capacity(wanted.len());
        for part in wanted.chunks(PART) {
            letters.extend(self.make_part(actor, part, expires).await?);
        }
        Ok(letters)
    }

    async fn make_part(&self, actor: &Actor, part: &[LetterDue], expires: Time) -> Result<Vec<Letter>, AdminError> {
        let mut letters: HashMap<AccountId, Letter> = HashMap::new();
        let mut new = Vec::with_capacity(part.len());
        for LetterDue { account, token, .. } in part {
            let code = LetterCode::random()?;
            new.push(NewLetter { account: account.id, token: token.clone(), code: code.hash() });
            let letter = Letter { name: account.name.clone(), unit: account.unit.clone(), serial: token.clone(), code, expires };
            letters.insert(account.id, letter);
        }
        let event = |LetterDue { account, token, .. }: &LetterDue| {
            let event = Event::done(Action::LetterMade).with("account", account.id).with("name", &account.name);
            event.with("serial", token).with("expires", expires)
        };
        let change = self.store.make_letters(&new, expires);
        let made = self.all_recorded(actor, part.iter().map(event).collect(), change).await?;
        Ok(made.iter().filter_map(|account| letters.remove(account)).collect())
    }
}
