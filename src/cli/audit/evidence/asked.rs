//! An incident as the gateway that runs tells it, with its papers.

use anyhow::{Context, bail};

use super::incident::Incident;
use crate::cli::control::Which;
use crate::gateway::{Ask, ControlAnswer};

const WITHOUT: &str =
    "the gateway itself fills the papers of an incident in: where none runs, make a pack of the time, with --from and --to";

/// Asks for all of it; whoever may not see incidents is refused.
pub fn incident(which: &Which, number: u64) -> anyhow::Result<Incident> {
    match which.ask(Ask::IncidentPapers { number }).context(WITHOUT)? {
        ControlAnswer::IncidentPapers { papers } => Ok((*papers).into()),
        _ => bail!("the gateway's answer is not understood; is it of another version?"),
    }
}
