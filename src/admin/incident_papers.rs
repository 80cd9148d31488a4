//! An incident with what the log still has of its records, for reports and reviews.

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use crate::audit::{Sealed, SealedError};
use crate::clock::Time;
use crate::incident::{Case, KeptLog, TreeHead};

impl Desk {
    /// An incident, for whoever may see it. Of its records no more is read than when the first and the last were written.
    pub async fn read_incident(&self, actor: &Actor, number: u64) -> Result<(Case, KeptLog), AdminError> {
        self.permit(actor, Change::ReadIncidents)?;
        let case = self.incidents().book().case(number).cloned().ok_or(AdminError::NoSuchIncident(number))?;
        let Some(books) = &self.books else { return Ok((case, KeptLog::default())) };
        let sealed = books.sealed();
        let (first, last) = (case.first, case.last);
        let kept = tokio::task::spawn_blocking(move || kept(&sealed, first, last)).await;
        // A report is due also where the log has trouble; it says then that the records could not be found.
        let kept = match kept {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the records of an incident could not be read for a report");
                KeptLog::default()
            }
            Err(_) => KeptLog::default(),
        };
        Ok((case, kept))
    }
}

fn kept(sealed: &Sealed, first: u64, last: u64) -> Result<KeptLog, SealedError> {
    let head = sealed.checkpoint()?.map(|head| TreeHead { origin: head.origin, size: head.size, root: head.root.to_string() });
    Ok(KeptLog { first: written(sealed, first)?, last: written(sealed, last)?, head })
}

/// `None`: it is not here any more, or not yet.
fn written(sealed: &Sealed, sequence: u64) -> Result<Option<Time>, SealedError> {
    let leaves = sealed.read(sequence, 1)?;
    let entry = leaves.into_iter().find(|leaf| leaf.sequence == sequence).and_then(|leaf| leaf.entry().ok());
    let time = entry.and_then(|entry| entry.time.parse::<jiff::Timestamp>().ok());
    Ok(time.map(|time| Time::from_millis(time.as_millisecond())))
}
