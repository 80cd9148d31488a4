//! What ends because time passes: tokens whose date is over, accounts that nobody uses.
//!
//! Invariant: dates are compared with the wall clock, and what a token opened ends as soon as that says so; but a token ends for ever only
//! when the steady clock says so too, so that a wall clock that is set wrong can be set right again without a loss.

use crate::clock::Time;
use crate::model::{Action, Event, TokenState};
use crate::store::{StoreError, StoredToken, TokenChange};

use super::house::House;

/// Ends what tokens opened whose date has passed. `now` is steady.
pub async fn expire_tokens(house: &House, now: Time, wall: Time) {
    match house.store.expired_tokens(wall).await {
        Ok(expired) => {
            let mut any_marked = false;
            for token in &expired {
                match expire(house, token, now).await {
                    Ok(marked) => any_marked |= marked,
                    Err(error) => {
                        tracing::warn!(%error, serial = %token.serial, "an expired token could not be marked; it opens nothing all the same");
                    }
                }
            }
            if any_marked {
                house.desk.publish_now(wall).await;
            }
        }
        Err(error) => tracing::warn!(%error, "the store cannot say which tokens have expired"),
    }
}

/// Whether it ended for ever.
async fn expire(house: &House, token: &StoredToken, now: Time) -> Result<bool, StoreError> {
    let sessions = &house.auth.sessions;
    let mut ended = sessions.revoke_all_by(token.id);
    let is_over = token.expires.is_some_and(|end| end <= now);
    let marked = is_over && matches!(house.store.change_token(&token.serial, TokenState::Expired, now).await?, TokenChange::Done { .. });
    // Whoever signed in with it meanwhile came before it was marked.
    ended.extend(sessions.revoke_all_by(token.id));
    for session in &ended {
        let event = Event::done(Action::SessionEnded).by(session.who.clone()).with("session", session.id);
        house.journal.note(event.with("why", "token-expired").with("serial", &token.serial));
    }
    if marked {
        let event = Event::done(Action::TokenExpired).with("serial", &token.serial).with("token", token.id);
        let event = token.holder.iter().fold(event, |event, holder| event.with("account", holder.account).with("name", &holder.name));
        house.journal.note(event.with("sessions-ended", ended.len()));
    }
    Ok(marked)
}

/// Suspends the accounts with which nobody has signed in for as long as the config says.
pub async fn suspend_unused(house: &House, now: Time) {
    let Some(period) = house.map.load().suspend_unused_after else { return };
    match house.store.suspend_unused(now.minus(period), now).await {
        Ok(suspended) => {
            for (account, since) in suspended {
                let ended = house.auth.sessions.revoke_all_of(account.id).len();
                let event = Event::done(Action::AccountSuspended).with("account", account.id).with("name", &account.name);
                house.journal.note(event.with("why", "unused").with("unused-since", since).with("sessions-ended", ended));
            }
        }
        Err(error) => tracing::warn!(%error, "accounts that nobody uses could not be suspended"),
    }
}
