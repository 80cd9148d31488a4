//! Packs of evidence of an incident, made in the gateway for whoever may take records of the log away and see incidents.
//!
//! Invariant: one is made and handed out at a time. What is asked for, and by whom, is on record before it is begun, and what came of it once it is
//! made, also where nobody waits for it any more.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use crate::clock::Time;
use crate::incident::Papers;
use crate::model::{Action, Event, Reference};

/// A pack as it is asked for.
#[derive(Clone, Debug)]
pub struct PackWanted {
    pub papers: Papers,
    /// For whom.
    pub account: String,
    pub now: Time,
}

/// A pack in a file that has no name.
#[derive(Debug)]
pub struct PackMade {
    pub file: File,
    pub sha256: String,
    pub records: u64,
}

/// Makes packs. It takes as long as the log is long, and blocks.
pub trait PackMaker: Send + Sync {
    /// Of the gateway whose data directory it is; or says why not.
    fn make(&self, data: &Path, wanted: &PackWanted) -> Result<PackMade, String>;
}

#[derive(Clone)]
pub struct Packs {
    maker: Arc<dyn PackMaker>,
    data: PathBuf,
    turn: Arc<Semaphore>,
}

/// A pack until it was handed out; only then another one is made.
#[derive(Debug)]
pub struct PackOut {
    pub made: PackMade,
    _turn: OwnedSemaphorePermit,
}

impl Packs {
    pub fn new(maker: Arc<dyn PackMaker>, data: PathBuf) -> Self {
        Self { maker, data, turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Desk {
    /// Lets packs be made here.
    #[must_use]
    pub fn packing(self, packs: Option<Packs>) -> Self {
        Self { packs, ..self }
    }

    /// Whether she may ask for one, and there is something that makes them.
    pub fn may_have_packs(&self, actor: &Actor) -> Result<(), AdminError> {
        self.packs_for(actor).map(drop)
    }

    fn packs_for(&self, actor: &Actor) -> Result<&Packs, AdminError> {
        self.permit(actor, Change::ExportLog)?;
        self.permit(actor, Change::ReadIncidents)?;
        self.packs.as_ref().ok_or(AdminError::NoPacks)
    }

    pub async fn make_pack(&self, actor: &Actor, asked: &Reference, wanted: PackWanted) -> Result<PackOut, AdminError> {
        let packs = self.packs_for(actor)?.clone();
        let turn = Arc::clone(&packs.turn).try_acquire_owned().map_err(|_| AdminError::PackUnderWay)?;
        let (journal, number, asked) = (self.journal.clone(), wanted.papers.incident, asked.clone());
        let signed = |event: Event, what: &str| {
            let event = event.with("what", what).with("incident", number);
            actor.sign(Event { reference: Some(asked.clone()), ..event })
        };
        journal.event(signed(Event::done(Action::LogRead), "evidence")).await?;
        let (done, failed) =
            (signed(Event::done(Action::LogRead), "evidence-made"), signed(Event::failed(Action::LogRead), "evidence-made"));
        let made = tokio::task::spawn_blocking(move || {
            let made = packs.maker.make(&packs.data, &wanted);
            journal.note(match &made {
                Ok(made) => done.with("sha256", &made.sha256).with("records", made.records),
                Err(_) => failed,
            });
            made.map(|made| PackOut { made, _turn: turn })
        });
        made.await.map_err(|error| AdminError::PackFailed(error.to_string()))?.map_err(AdminError::PackFailed)
    }
}
