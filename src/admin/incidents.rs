//! Handling incidents: what people do about them goes on record, and comes back from there.
//!
//! Invariant: an incident is what the log says of it. Whoever acts is answered when the record of it has been read, and steps are taken one
//! after the other, so that nobody acts on what is not so any more.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Mutex, watch};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use crate::clock::Time;
use crate::incident::{self, Book, Opening, Plan, Scenario, Signal, Step};
use crate::model::{Account, AccountName, AccountState, Action, AppId, Event};

/// So long may it take until a record is sealed and read; it takes about a second.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// So long may the store take to say whether somebody can sign in.
const PATIENCE: Duration = Duration::from_secs(2);

/// The incidents as everybody sees them, and the plan by which they are handled.
#[derive(Debug)]
pub struct Incidents {
    book: ArcSwap<Book>,
    /// The last record that the book has seen.
    at: watch::Sender<u64>,
    plan: ArcSwapOption<Plan>,
    trouble: ArcSwapOption<String>,
    /// Held by whoever takes a step, until it was read.
    turn: Mutex<()>,
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            book: ArcSwap::default(),
            at: watch::Sender::new(0),
            plan: ArcSwapOption::empty(),
            trouble: ArcSwapOption::empty(),
            turn: Mutex::default(),
        }
    }
}

impl Incidents {
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    pub fn plan(&self) -> Option<Arc<Plan>> {
        self.plan.load_full()
    }

    pub fn set_plan(&self, plan: Option<Arc<Plan>>) {
        self.plan.store(plan);
    }

    /// What the log says now.
    pub fn show(&self, book: Arc<Book>) {
        self.book.store(book);
    }

    /// All records up to this one are in what is shown.
    pub fn has_read_to(&self, at: u64) {
        self.at.send_replace(at);
    }

    /// What keeps the gateway from reading more of the log, or from keeping what it has read; a sentence.
    pub fn set_trouble(&self, trouble: Option<String>) {
        self.trouble.store(trouble.map(Arc::new));
    }

    pub fn warnings(&self) -> Vec<String> {
        self.trouble.load().iter().map(|trouble| String::clone(trouble)).collect()
    }

    /// Tells when more of the log was read.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.at.subscribe()
    }

    async fn has_read(&self, record: u64) -> Result<(), AdminError> {
        let mut at = self.at.subscribe();
        let read = tokio::time::timeout(LONGEST_WAIT, at.wait_for(|at| *at >= record)).await;
        match read {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(AdminError::StepUnread),
        }
    }
}

impl Desk {
    /// For the gateway itself, which reads the log for it.
    pub fn incidents(&self) -> &Arc<Incidents> {
        &self.incidents
    }

    /// The incidents, for whoever may see them.
    pub fn read_incidents(&self, actor: &Actor) -> Result<Arc<Book>, AdminError> {
        self.permit(actor, Change::ReadIncidents)?;
        Ok(self.incidents.book())
    }

    /// Opens an incident by hand. Returns its number.
    pub async fn open_incident(&self, actor: &Actor, opening: &Opening) -> Result<u64, AdminError> {
        self.permit(actor, Change::HandleIncident)?;
        let _turn = self.incidents.turn.lock().await;
        let reference = self.journal.fresh_reference()?;
        let mut event = actor.sign(opening.event());
        event.reference = Some(reference.clone());
        self.journal.event(event).await?;
        self.incidents.has_read(self.journal.counts().sequence).await?;
        self.incidents.book().opened_as(&reference).map(|case| case.number).ok_or(AdminError::StepUnread)
    }

    /// Takes a step in an incident.
    pub async fn take_step(&self, actor: &Actor, incident: u64, step: &Step) -> Result<(), AdminError> {
        self.permit(actor, Change::HandleIncident)?;
        let _turn = self.incidents.turn.lock().await;
        let book = self.incidents.book();
        book.case(incident).ok_or(AdminError::NoSuchIncident(incident))?;
        book.allows(incident, step)?;
        if let Step::HandedTo { account } = step {
            self.can_take_over(account).await?;
        }
        // What the gateway has done it says itself; and what is on record is what was meant.
        let event = step.event(incident);
        if matches!(step, Step::Acted { .. }) || !step.is_said() || Step::of(&event).as_ref() != Some(&(incident, step.clone())) {
            return Err(AdminError::StepMalformed);
        }
        let event = actor.sign(event);
        let drill = book.case(incident).and_then(|case| case.drill);
        self.journal.event(drill.map_or(event.clone(), |drill| event.with("drill", drill))).await?;
        self.incidents.has_read(self.journal.counts().sequence).await
    }

    /// A store that does not answer keeps nobody from handing an incident over.
    async fn can_take_over(&self, name: &AccountName) -> Result<(), AdminError> {
        let known = tokio::time::timeout(PATIENCE, self.store.account_by_name(name)).await;
        let is_there = |account: &Option<Account>| account.as_ref().is_some_and(|account| account.state == AccountState::Active);
        match known {
            Ok(Ok(account)) if !is_there(&account) => Err(AdminError::CannotTakeOver(name.clone())),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Begins a drill: what the plan's triggers find in the scenario is on record as theirs, marked as what it is. Returns its number, and what they found.
    pub async fn begin_drill(&self, actor: &Actor, scenario: Scenario, app: &AppId, wall: Time) -> Result<(u64, Vec<Signal>), AdminError> {
        self.permit(actor, Change::RunDrill)?;
        let plan = self.incidents.plan().ok_or(AdminError::NoPlan)?;
        let _turn = self.incidents.turn.lock().await;
        let reference = self.journal.fresh_reference()?;
        let mut begun = actor.sign(Event::done(Action::DrillStarted).with("scenario", scenario));
        begun.reference = Some(reference.clone());
        self.journal.event(begun).await?;
        self.incidents.has_read(self.journal.counts().sequence).await?;
        let number = self.incidents.book().drill_begun_as(&reference).map(|drill| drill.number).ok_or(AdminError::StepUnread)?;
        let found = incident::found_in_drill(scenario, &plan, app, number, wall);
        for signal in &found {
            self.journal.event(signal.event().with("drill", number)).await?;
        }
        self.incidents.has_read(self.journal.counts().sequence).await?;
        Ok((number, found))
    }
}
