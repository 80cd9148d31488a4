//! The regular check of the log: what is sealed is compared with its hashes and its head, as `yumen audit verify` does it.
//!
//! Invariant: each check ends with a record. Nobody who asks for an access waits for it, and it works no more than about half of one core.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::audit::{Against, Sealed, VerifyError, verify};
use crate::model::{Action, Event};
use crate::tlog::{SignedNote, Verifier};

use super::house::House;

/// The first one comes so long after a start, the next ones one after the other.
const FIRST: Duration = Duration::from_mins(10);
const EVERY: Duration = Duration::from_hours(24);
/// After one that could not be made.
const AGAIN: Duration = Duration::from_hours(1);
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The rest after each bundle of 256 records, about as long as the work.
const REST: Duration = Duration::from_millis(1);

/// What the last check found.
#[derive(Debug, Default)]
pub struct LogCheck {
    trouble: ArcSwapOption<String>,
}

impl LogCheck {
    pub fn warnings(&self) -> Vec<String> {
        self.trouble.load().iter().map(|trouble| trouble.as_ref().clone()).collect()
    }
}

/// Checks the log until the process ends.
pub async fn follow(house: Arc<House>) {
    let mut due = house.standing.since.plus(FIRST);
    let mut before: Option<SignedNote> = None;
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let now = house.clock.now();
        if now < due {
            continue;
        }
        let (found, again) = check(&house, before).await;
        (before, due) = (found, now.plus(again));
    }
}

#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Log(#[from] VerifyError),
    #[error("the log's key cannot be read: {0}")]
    Key(#[from] crate::tlog::KeyError),
    #[error("it was stopped: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

impl CheckError {
    /// Whether the log itself is wrong, and not how it was read.
    fn is_of_the_log(&self) -> bool {
        matches!(self, Self::Log(error) if error.is_of_the_log())
    }
}

/// Gives the head with which the next check begins, since when the log may only have grown, and how long that one waits.
async fn check(house: &House, before: Option<SignedNote>) -> (Option<SignedNote>, Duration) {
    let sealed = house.sealer.sealed();
    let up_to = *house.sealer.size().borrow();
    let (key, since) = (house.sealer.verifier_key(), before.clone());
    let checked = tokio::task::spawn_blocking(move || checked(&sealed, &key, since.as_ref())).await;
    match checked.map_err(CheckError::from).and_then(|checked| checked) {
        Ok((size, head)) => {
            house.log_check.trouble.store(None);
            house.journal.note(Event::done(Action::LogChecked).with("up-to", size));
            (head, EVERY)
        }
        Err(error) if !error.is_of_the_log() => {
            let trouble = format!("the log could not be checked at {}: {error}; it is tried again in an hour", house.clock.wall());
            tracing::warn!("{trouble}");
            house.log_check.trouble.store(Some(Arc::new(trouble)));
            (before, AGAIN)
        }
        Err(error) => {
            let trouble = format!(
                "the regular check of the log at {} found it wrong: {error}; keep the audit directory as evidence, and look with `yumen audit verify`",
                house.clock.wall()
            );
            tracing::error!("{trouble}");
            house.log_check.trouble.store(Some(Arc::new(trouble)));
            house.journal.note(Event::failed(Action::LogChecked).with("why", error).with("up-to", up_to));
            (before, EVERY)
        }
    }
}

fn checked(sealed: &Sealed, key: &str, since: Option<&SignedNote>) -> Result<(u64, Option<SignedNote>), CheckError> {
    let key = Verifier::parse(key)?;
    let head = sealed.signed_checkpoint().map_err(VerifyError::from)?;
    let found = verify(sealed, Against { key: Some(&key), since }, |_, _| rest())?;
    Ok((found.checkpoint.size, head))
}

#[expect(clippy::disallowed_methods, reason = "it runs on a thread for what blocks, where it keeps no task waiting")]
fn rest() {
    std::thread::sleep(REST);
}
