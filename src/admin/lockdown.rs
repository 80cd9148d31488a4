//! Closing apps and units in an emergency, for longer by two, and opening them again.
//!
//! Invariant: what closes acts in memory first and waits neither for the log nor for the store; it ends by itself within the hour. Whoever
//! asked is told where there could be no record, and where a restart would open it.

mod book;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::access::Lockdown;
use crate::clock::Time;
use crate::model::{Action, Closer, Event, LockdownScope, capped};
use crate::store::{Store, StoreError};

use book::{Book, TooLongAlone};
pub use book::{ClosedNow, Extension, LONGEST_LOCKDOWN, Lockdowns, LockedDown};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};

/// Whoever closes something is not kept waiting for a store that is slow; it is kept as soon as that answers.
const PATIENCE: Duration = Duration::from_secs(2);
/// In bytes.
const LONGEST_REASON: usize = 200;

/// The book, and the doors that follow it.
#[derive(Debug, Default)]
pub(super) struct Closing {
    book: Mutex<Book>,
    doors: Arc<Lockdown>,
    /// Whoever writes the book into the store, so that the newest is written last.
    turn: tokio::sync::Mutex<()>,
    /// The store does not have what the book says.
    is_ahead: AtomicBool,
}

impl Closing {
    pub(super) fn of(doors: Arc<Lockdown>) -> Self {
        Self { doors, ..Self::default() }
    }

    fn read<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The doors follow before anybody else sees the book.
    fn change<T>(&self, now: Time, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut book);
        self.doors.replace(book.closed(now).into_iter().map(|closed| (closed.scope, closed.until)));
        outcome
    }

    /// The store first, so that whatever fails leaves it closed.
    async fn lift(self: Arc<Self>, store: Store, scope: LockdownScope, now: Time) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let mut left = self.read(Book::clone);
        left.lift(&scope, now);
        store.keep_closures(&left.closures, &left.asked).await?;
        Ok(self.change(now, |book| book.lift(&scope, now)))
    }

    async fn keep(self: Arc<Self>, store: Store) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let Book { closures, asked } = self.read(Book::clone);
        let kept = store.keep_closures(&closures, &asked).await;
        self.is_ahead.store(kept.is_err(), Ordering::Relaxed);
        kept
    }
}

impl Desk {
    /// Closes it for at most an hour. What is open ends within seconds.
    pub async fn lock_down(
        &self,
        actor: &Actor,
        scope: &LockdownScope,
        (length, reason): (Duration, &str),
        now: Time,
    ) -> Result<LockedDown, AdminError> {
        self.permit(actor, Change::LockDown)?;
        let (by, reason) = (closer(actor), capped(reason.trim(), LONGEST_REASON));
        let event = about(Event::done(Action::LockedDown), scope).with("reason", &reason);
        let locked = match self.closing.change(now, |book| book.close(scope, &by, (length, &reason), now)) {
            Ok(locked) => locked,
            Err(too_long) => {
                let error = alone(scope, too_long, now);
                // Whoever tries to close it for longer alone may be nobody's friend.
                self.journal.note(actor.sign(about(Event::failed(Action::LockedDown), scope).with("why", &error)));
                return Err(error);
            }
        };
        if self.is_no_unit(scope).await {
            self.closing.change(now, |book| book.take_back(scope, &by));
            return Err(AdminError::NoSuchUnit(scope.clone()));
        }
        self.kept_closed(actor, event.with("until", locked.until)).await?;
        Ok(locked)
    }

    /// Asks that it stays closed for another hour, or confirms what another one asked for.
    pub async fn extend_lockdown(&self, actor: &Actor, scope: &LockdownScope, now: Time) -> Result<Extension, AdminError> {
        self.permit(actor, Change::LockDown)?;
        let by = closer(actor);
        // Whoever owns the machine may be one of the two.
        if by == Closer::Machine {
            return Err(AdminError::NamelessExtension(scope.clone()));
        }
        let asked = self.closing.read(|book| book.asked.iter().find(|asked| asked.scope == *scope).map(|asked| asked.by.clone()));
        if let Some(asked) = asked.filter(|asked| *asked != by)
            && !self.may_close_still(&asked).await
        {
            self.closing.change(now, |book| book.asked.retain(|known| known.scope != *scope || known.by != asked));
        }
        let extension = self.closing.change(now, |book| book.extend(scope, &by, now));
        let event = match &extension {
            Extension::NotClosed => return Err(AdminError::NotClosed(scope.clone())),
            Extension::AskedBefore { until } => {
                return Err(AdminError::OwnExtension { scope: scope.clone(), minutes: minutes(*until, now) });
            }
            Extension::Asked { until } => about(Event::done(Action::LockdownExtensionAsked), scope).with("until", until),
            Extension::Confirmed { until, asked } => {
                let event = about(Event::done(Action::LockedDown), scope).with("until", until).with("extended", "by two");
                match asked {
                    Closer::Machine => event.with("proposer", "machine"),
                    Closer::Person { account, name } => event.with("proposer", account).with("proposed-by", name),
                }
            }
        };
        self.kept_closed(actor, event).await?;
        Ok(extension)
    }

    /// Opens it again. `false`: it was not closed by itself.
    pub async fn lift_lockdown(&self, actor: &Actor, scope: &LockdownScope, now: Time) -> Result<bool, AdminError> {
        self.permit(actor, Change::LockDown)?;
        if !self.closing.read(|book| book.closed(now).iter().any(|closed| closed.scope == *scope)) {
            return Ok(false);
        }
        let event = about(Event::done(Action::LockdownLifted), scope);
        let lifting = Arc::clone(&self.closing).lift(self.store.clone(), scope.clone(), now);
        // On a task of its own, so that the store and the doors do not part when whoever asked leaves.
        let change = async {
            let lifted = tokio::spawn(lifting).await.map_err(|_| AdminError::LiftStopped)?;
            lifted.map_err(AdminError::from)
        };
        self.recorded(actor, event, change).await
    }

    /// What is closed now, and what waits for a second person and until when, for whoever may change it.
    pub fn lockdowns(&self, actor: &Actor, now: Time) -> Result<Lockdowns, AdminError> {
        self.permit(actor, Change::LockDown)?;
        Ok(self.closing.read(|book| book.told(now)))
    }

    /// The same for whoever may see how the gateway stands.
    pub fn closed_now(&self, now: Time) -> Lockdowns {
        self.closing.read(|book| book.told(now))
    }

    /// Closes again what was closed when the gateway was stopped. To be called before anybody is let in.
    pub async fn restore_lockdowns(&self, now: Time) -> Result<(), AdminError> {
        let (closures, asked) = self.store.closures().await?;
        self.closing.change(now, |book| {
            *book = Book { closures, asked };
            book.forget(now);
        });
        Ok(())
    }

    /// Gives the store what it could not take before.
    pub async fn keep_lockdowns(&self) -> Result<(), StoreError> {
        match self.closing.is_ahead.load(Ordering::Relaxed) {
            true => Arc::clone(&self.closing).keep(self.store.clone()).await,
            false => Ok(()),
        }
    }

    /// It is closed already; this says so on record, and keeps it for the next process.
    async fn kept_closed(&self, actor: &Actor, event: Event) -> Result<(), AdminError> {
        // On a task of its own, so that a write is not left half-way by whoever waits no longer.
        let keeping = tokio::spawn(Arc::clone(&self.closing).keep(self.store.clone()));
        let kept = async {
            match tokio::time::timeout(PATIENCE, keeping).await {
                Ok(Ok(kept)) => kept.map_err(|error| AdminError::ClosedInMemory(error.to_string())),
                Ok(Err(error)) => Err(AdminError::ClosedInMemory(error.to_string())),
                Err(_) => Err(AdminError::ClosedInMemory(format!("it has not answered within {} s", PATIENCE.as_secs()))),
            }
        };
        self.done_at_once(actor, event, kept).await
    }

    /// Whether she who asked could do so now, as far as that is known at once.
    async fn may_close_still(&self, asked: &Closer) -> bool {
        let Closer::Person { account, .. } = asked else { return true };
        match tokio::time::timeout(PATIENCE, self.store.account(*account)).await {
            Ok(Ok(Some(account))) => self.permissions.would_allow(&account, Change::LockDown),
            _ => true,
        }
    }

    /// Whether nobody belongs to it, as far as that is known at once: a unit that is closed by a wrong name keeps nobody out.
    async fn is_no_unit(&self, scope: &LockdownScope) -> bool {
        let LockdownScope::Unit(unit) = scope else { return false };
        if self.sessions.list_all().iter().any(|session| session.who.unit == *unit) {
            return false;
        }
        matches!(tokio::time::timeout(PATIENCE, self.store.has_unit(unit)).await, Ok(Ok(false)))
    }
}

fn closer(actor: &Actor) -> Closer {
    match actor.person() {
        Some(identity) => Closer::Person { account: identity.account(), name: identity.who().name.clone() },
        None => Closer::Machine,
    }
}

/// With the app or the unit by which the log is searched.
fn about(event: Event, scope: &LockdownScope) -> Event {
    let event = event.with("scope", scope);
    match scope {
        LockdownScope::All => event,
        LockdownScope::App(app) => event.with("app", app),
        LockdownScope::Unit(unit) => event.with("unit", unit),
    }
}

fn alone(scope: &LockdownScope, too_long: TooLongAlone, now: Time) -> AdminError {
    let scope = scope.clone();
    match too_long {
        TooLongAlone::Closed { hers, until } => AdminError::ClosedByYou { scope, hers, minutes: minutes(until, now) },
        TooLongAlone::Lately { hers, again } => AdminError::ClosedByYouLately { scope, hers, minutes: minutes(again, now) },
        TooLongAlone::ByEither { hers, again } => AdminError::ClosedByEither { scope, hers, minutes: minutes(again, now) },
    }
}

fn minutes(until: Time, now: Time) -> u64 {
    until.since(now).as_secs().div_ceil(60)
}
