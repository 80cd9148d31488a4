//! Tokens from the drawer to their end: deliveries, issuing, suspension, loss.

use crate::auth::CodeError;
use crate::clock::Time;
use crate::model::{AccountId, AccountName, Action, Event, Outcome, Serial, TokenState};
use crate::oath::{self, TransportKey};
use crate::store::{StoreError, StoredToken, TokenChange, TokenFilter};

use super::certificates::When;
use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use super::petitions::Authority;
use super::proposal::Wish;

impl Desk {
    /// Puts a maker's file of seeds (PSKC, CSV) into the drawer; a rehearsal only says what would be. Returns how many tokens there are.
    pub async fn import_seeds(
        &self,
        actor: &Actor,
        file: &[u8],
        key: Option<&TransportKey>,
        rehearse: bool,
        now: Time,
    ) -> Result<usize, AdminError> {
        self.permit(actor, Change::ImportTokens)?;
        let delivery = oath::read(file, key).map_err(AdminError::BadDelivery)?;
        let serials: Vec<Serial> = delivery.iter().map(|token| token.serial.clone()).collect();
        let known = self.store.known_serials(&serials).await?;
        if !known.is_empty() {
            return Err(AdminError::KnownSerials(known));
        }
        if rehearse {
            return Ok(serials.len());
        }
        let seeds = self.codes.seal(delivery)?;
        let ends = serials.iter().min().zip(serials.iter().max());
        let event = Event::done(Action::TokensImported).with("count", serials.len());
        let event = ends.map_or(event.clone(), |(first, last)| event.with("first", first).with("last", last));
        let change = async {
            match self.store.stock_seeds(&seeds, now).await?.as_slice() {
                [] => Ok::<_, AdminError>(serials.len()),
                known => Err(AdminError::KnownSerials(known.to_vec())),
            }
        };
        self.recorded(actor, event, change).await
    }

    pub async fn tokens(&self, actor: &Actor, filter: &TokenFilter) -> Result<Vec<StoredToken>, AdminError> {
        self.permit(actor, Change::ReadTokens)?;
        Ok(self.store.tokens(filter).await?)
    }

    pub async fn token(&self, actor: &Actor, serial: &Serial) -> Result<StoredToken, AdminError> {
        self.permit(actor, Change::ReadTokens)?;
        self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))
    }

    /// Those that the account holds or held, of every kind, the oldest first.
    pub async fn tokens_of(&self, actor: &Actor, account: AccountId) -> Result<Vec<StoredToken>, AdminError> {
        self.permit(actor, Change::ReadTokens)?;
        Ok(self.store.tokens_of(account).await?)
    }

    /// Hands a token out. It opens nothing until its holder has shown that she has it.
    pub async fn issue_token(&self, actor: &Actor, serial: &Serial, to: &AccountName, now: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::IssueToken)?;
        self.may_give(now)?;
        let account = self.store.account_by_name(to).await?.ok_or(AdminError::NoSuchAccount)?;
        let authority = self.authority(actor, &Wish::IssueToken { serial: serial.clone(), to: account.id }, now).await?;
        self.issue_token_by(actor, serial, (account.id, &account.name), &authority, now).await
    }

    pub(super) async fn issue_token_by(
        &self,
        actor: &Actor,
        serial: &Serial,
        (account, name): (AccountId, &AccountName),
        authority: &Authority,
        now: Time,
    ) -> Result<(), AdminError> {
        self.may_give(now)?;
        let event = Event::done(Action::TokenIssued).with("serial", serial).with("account", account).with("name", name);
        let change = async { changed(self.store.issue_token(serial, account, now).await?, serial).map(drop) };
        self.recorded(actor, authority.sign(event), change).await
    }

    /// Says until when a token of the drawer is to open doors; it never becomes later than it was. What somebody holds keeps its date,
    /// whatever serial number was mistyped.
    pub async fn limit_token(&self, actor: &Actor, serial: &Serial, until: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::IssueToken)?;
        let state = self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))?.state;
        if state != TokenState::InStock {
            return Err(AdminError::WrongTokenState { serial: serial.clone(), state });
        }
        let event = Event::done(Action::TokenLimited).with("serial", serial).with("until", until);
        let change = async { changed(self.store.limit_token(serial, until).await?, serial).map(drop) };
        self.recorded(actor, event, change).await
    }

    /// A suspended token opens doors again.
    pub async fn resume_token(&self, actor: &Actor, serial: &Serial, now: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::ResumeToken)?;
        let authority = self.authority(actor, &Wish::ResumeToken(serial.clone()), now).await?;
        self.resume_token_by(actor, serial, &authority, now).await
    }

    pub(super) async fn resume_token_by(&self, actor: &Actor, serial: &Serial, authority: &Authority, now: Time) -> Result<(), AdminError> {
        let event = Event::done(Action::TokenResumed).with("serial", serial);
        let change = async { changed(self.store.change_token(serial, TokenState::Active, now).await?, serial).map(drop) };
        self.recorded(actor, authority.sign(event), change).await
    }

    /// Brings a code token back that has gone astray, by two codes in a row that its holder reads out.
    pub async fn resynchronise_token(&self, actor: &Actor, serial: &Serial, codes: (&str, &str), wall: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::ResynchroniseToken)?;
        let token = self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))?;
        let Some(holder) = token.holder else {
            return Err(AdminError::WrongTokenState { serial: serial.clone(), state: token.state });
        };
        let event =
            Event::done(Action::TokenResynchronised).with("serial", serial).with("account", holder.account).with("name", &holder.name);
        let change = async {
            match self.codes.resynchronise(holder.account, serial, codes, wall).await {
                Ok(()) => Ok(()),
                Err(CodeError::Wrong) => Err(AdminError::WrongCodes(serial.clone())),
                Err(CodeError::NoToken) => Err(AdminError::WrongTokenState { serial: serial.clone(), state: token.state }),
                Err(CodeError::Store(error)) => Err(error.into()),
                Err(error) => Err(AdminError::Code(error)),
            }
        };
        self.recorded(actor, event, change).await
    }

    /// Takes a token out of use, for the time being or for ever, and ends at once what it had opened. Returns how many sessions that were.
    pub async fn stop_token(&self, actor: &Actor, serial: &Serial, end: TokenEnd, when: When) -> Result<usize, AdminError> {
        self.permit(actor, Change::StopToken)?;
        let token = self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))?;
        let (action, state) = end.action_and_state();
        self.leaves_a_way_in(&token, when.now).await?;
        // Before anything that can fail or wait.
        let at_once = self.sessions.revoke_all_by(token.id);
        let event = Event::done(action).with("serial", serial).with("token", token.id);
        let event = match &token.holder {
            Some(holder) => event.with("account", holder.account).with("name", &holder.name),
            None => event,
        };
        let change = async {
            let change = self.store.change_token(serial, state, when.now).await?;
            // Whoever signed in meanwhile came before the token was stopped.
            let more = self.sessions.revoke_all_by(token.id);
            Ok::<_, StoreError>((change, at_once.len().saturating_add(more.len())))
        };
        let (change, ended) = self.taken_away(actor, event.clone(), change).await?;
        self.publish_now(when.wall).await;
        changed(change, serial).map(|()| ended).inspect_err(|error| {
            self.journal.note(Event { outcome: Outcome::Failed, ..actor.sign(event) }.with("why", error));
        })
    }

    /// Whoever stops the last token that lets a security administrator in might lock everybody out by a slip. One that was lost all the
    /// same is reported by its holder, who is asked for a proof, or at the machine.
    pub(super) async fn leaves_a_way_in(&self, token: &StoredToken, now: Time) -> Result<(), AdminError> {
        if self.store.is_last_of_wardens(token.id, now).await? {
            return Err(AdminError::LastWayIn { serial: token.serial.clone(), portal: self.portal.clone() });
        }
        Ok(())
    }
}

/// How a token is taken out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEnd {
    ForNow,
    Lost,
    ForEver,
}

impl TokenEnd {
    const fn action_and_state(self) -> (Action, TokenState) {
        match self {
            Self::ForNow => (Action::TokenSuspended, TokenState::Suspended),
            Self::Lost => (Action::TokenLost, TokenState::Lost),
            Self::ForEver => (Action::TokenRevoked, TokenState::Revoked),
        }
    }
}

fn changed(change: TokenChange, serial: &Serial) -> Result<(), AdminError> {
    match change {
        TokenChange::Done { .. } => Ok(()),
        TokenChange::NoSuch => Err(AdminError::NoSuchToken(serial.clone())),
        TokenChange::Not(state) => Err(AdminError::WrongTokenState { serial: serial.clone(), state }),
        TokenChange::NoHolder => Err(AdminError::NoHolder),
    }
}
