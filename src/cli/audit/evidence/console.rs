//! Packs that the gateway makes for its console, as the command makes them at the machine.

use std::path::Path;

use super::choice::Filter;
use super::facts::Maker;
use super::incident::Incident;
use super::make::Making;
use super::plan::Wanted;
use super::watched::Watched;
use super::{PATIENCE, maker};
use crate::admin::{PackMade, PackMaker, PackWanted};
use crate::audit::read_log_key;

/// Larger ones are made at the machine.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

pub struct ForTheConsole;

impl PackMaker for ForTheConsole {
    fn make(&self, data: &Path, wanted: &PackWanted) -> Result<PackMade, String> {
        made(data, wanted).map_err(|error| format!("{error:#}"))
    }
}

fn made(data: &Path, wanted: &PackWanted) -> anyhow::Result<PackMade> {
    let signer = read_log_key(&data.join("log.key"))?;
    let incident = Incident::from(wanted.papers.clone());
    let making = Making {
        data,
        wanted: Wanted::Incident(&incident),
        filter: Filter::default(),
        signer: Some(&signer),
        now: wanted.now,
        maker: Maker { account: Some(wanted.account.clone()), ..maker() },
        patience: PATIENCE,
        watched: Watched::InTheGateway,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (made, file) = runtime.block_on(making.make_nameless(data, MOST_BYTES))?;
    Ok(PackMade { file, sha256: made.sha256, records: made.facts.records })
}
