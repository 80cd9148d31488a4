//! Failed sign-ins and proofs on record: who, why, and what came of it.
//!
//! Invariant: what needs no account is recorded within the strangers' quota only, since it can be caused without end; and whether an
//! account exists changes nothing in how long an answer takes.

use data_encoding::HEXLOWER;

use crate::auth::{Denied, KeyError, Why};
use crate::crypto::MacKey;
use crate::limit::Wait;
use crate::model::{Account, AccountName, Action, Event, Network, NotAName, Outcome, StrangerName};

use super::call::{Asked, Refused};
use super::own::record;
use super::view::Alert;

pub fn network(asked: &Asked) -> Network {
    Network::of(asked.visit.origin.address)
}

/// An event of this request, done by nobody that is known yet.
pub fn event(asked: &Asked, action: Action) -> Event {
    Event { reference: Some(asked.visit.reference.clone()), ..Event::done(action).from(asked.visit.origin.address) }
}

/// Puts a refusal on record. `what` is the event as it would have been, `typed` the name that was given.
pub async fn note(asked: &Asked, denied: &Denied, what: Event, typed: &str) -> Result<(), Refused> {
    if let Why::Broken(error) = denied.why() {
        tracing::error!(%error, "sign-in failed");
    }
    let denial = Event { outcome: Outcome::Failed, ..what }.with("why", denied.why().word());
    let denial = denied.why().withdrawn().map_or(denial.clone(), |token| token.on(denial));
    let denial = with_name(denial, stranger_name(asked, denied.account(), typed));
    match (within_quota(asked), denied.account()) {
        (true, _) => record(asked, denial).await?,
        // Failures of an account are on record in any case. Past the quota nobody waits for the disk: it would tell by its time which
        // names there are.
        (false, Some(_)) => asked.portal.journal.note(denial),
        (false, None) => {}
    }
    // Only a right signature shows a counter, so strangers cannot cause this one.
    if let Why::Key(KeyError::CounterWentBack(copied)) = denied.why() {
        let about = |action| named(event(asked, action), denied.account()).with("key", copied.key).with("serial", &copied.serial);
        let counters = about(Action::KeyCounterWentBack).with("counter-known", copied.known).with("counter-shown", copied.shown);
        record(asked, counters).await?;
        let suspended = about(Action::TokenSuspended).with("why", "counter-went-back");
        record(asked, suspended.with("sessions-ended", copied.sessions_ended)).await?;
    }
    if let Some(in_row) = denied.alarm() {
        tracing::warn!(in_row, "answers that no key had signed came after a right password, or in a session: see the log");
        record(asked, named(event(asked, Action::KeyAnswersMadeUp), denied.account()).with("in-a-row", in_row)).await?;
    }
    if let Some(serials) = denied.suspended_tokens() {
        let serials = serials.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let suspended = named(event(asked, Action::TokenSuspended), denied.account());
        record(asked, suspended.with("serial", serials).with("why", "too-many-wrong-codes")).await?;
    }
    if let Some(ended) = denied.suspended() {
        record(asked, named(event(asked, Action::AccountSuspended), denied.account()).with("sessions-ended", ended.len())).await?;
    }
    Ok(())
}

/// Puts on record that a limit refused `what`, the event as it would have been; gives the seconds to wait. `account` is whose it was, if
/// a right password or a session came before.
pub async fn note_wait(asked: &Asked, wait: &Wait, what: Event, account: Option<&Account>, typed: &str) -> Result<u64, Refused> {
    let seconds = wait.retry_after.as_secs().saturating_add(1);
    if within_quota(asked) {
        let refused = Event { outcome: Outcome::Failed, ..what };
        let refused = refused.with("why", "must-wait").with("limit", wait.limit).with("seconds", seconds);
        record(asked, with_name(refused, stranger_name(asked, account, typed))).await?;
    }
    Ok(seconds)
}

/// What a person is told of a key that did not count.
pub fn key_alert(why: &Why) -> Alert {
    match why {
        Why::Key(KeyError::UserNotVerified) => Alert::KeyWithoutUserVerification,
        Why::Key(KeyError::NotHardware) => Alert::KeySynced,
        Why::Key(KeyError::CounterWentBack(_)) => Alert::KeySuspended,
        Why::WrongCode | Why::WithdrawnCode(_) => Alert::CodeWrong,
        Why::CodeForStaff => Alert::CodeForStaff,
        _ => Alert::KeyRefused,
    }
}

/// Past the quota it is only counted.
fn within_quota(asked: &Asked) -> bool {
    asked.portal.strangers.admit(network(asked), asked.portal.clock.wall())
}

fn with_name(event: Event, name: Option<StrangerName>) -> Event {
    match name {
        Some(StrangerName::Known(name)) => event.with("name", name),
        Some(StrangerName::Unknown(hash)) => event.with("unknown-name", hash),
        None => event,
    }
}

fn named(event: Event, account: Option<&Account>) -> Event {
    match account {
        Some(account) => event.with("account", account.id).with("name", &account.name),
        None => event,
    }
}

/// A name that no account has is recorded as a keyed hash: people type passwords there.
fn stranger_name(asked: &Asked, account: Option<&Account>, typed: &str) -> Option<StrangerName> {
    if let Some(account) = account {
        return Some(StrangerName::Known(account.name.clone()));
    }
    unknown_name(&asked.portal.secret, typed).map(StrangerName::Unknown)
}

/// The hash of the name as an account's would be looked up, so that one name in many spellings is not taken for many names. What could be no
/// name at all is hashed as it stands.
fn unknown_name(secret: &MacKey, typed: &str) -> Option<String> {
    let name = match AccountName::parse(typed) {
        Ok(name) => name.as_str().to_owned(),
        Err(NotAName::Empty) => return None,
        Err(NotAName::TooLong | NotAName::Invisible) => typed.to_owned(),
    };
    let hash = secret.tag("unknown name", name.as_bytes());
    Some(HEXLOWER.encode(hash.get(..8).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_in_many_spellings_is_one_name_and_its_hash_says_nothing_without_the_key() {
        let of = |typed: &str| unknown_name(&MacKey::new(&[7; 32]), typed);
        let name = of("zhang san").unwrap();
        for spelling in ["Zhang San", " zhang san ", "ZHANG  SAN", "zhang\tsan", "\u{3000}zhang\u{a0}san", "ｚｈａｎｇ ｓａｎ"] {
            assert_eq!(of(spelling).as_ref(), Some(&name), "{spelling:?}");
        }
        for other in ["zhangsan", "zhang san.", "zhang sa", "zhang\u{200b} san"] {
            assert!(of(other).is_some_and(|hash| hash != name), "{other:?}");
        }
        assert_ne!(of(&"x".repeat(65)), of(&"y".repeat(65)), "what is too long for a name");
        assert_eq!((of(""), of(" \u{3000} ")), (None, None));
        assert_ne!(unknown_name(&MacKey::new(&[8; 32]), "zhang san"), Some(name.clone()));
        assert_eq!(name.len(), 16);
    }
}
