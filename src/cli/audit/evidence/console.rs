//! Packs that the gateway makes for its console, as the command makes them at the machine.

use std::path::Path;

use super::choice::Filter;
use super::facts::Maker;
use super::incident::{About, Incident, report_path, review_path};
use super::make::Making;
use super::plan::Wanted;
use super::watched::Watched;
use super::{PATIENCE, maker};
use crate::admin::{PackMade, PackMaker, PackPaper, PackWanted};
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
    let PackWanted { incident: number, drill, first, found_last: last, story, papers, account, now } = wanted;
    let about = About { number: *number, drill: *drill, first: *first, last: *last, story: story.clone() };
    let placed = |PackPaper { report, language, json }: &PackPaper| {
        let place = report.map_or_else(|| review_path(*language), |report| report_path(report, *language));
        (place, json.clone())
    };
    let incident = Incident { about, papers: papers.iter().map(placed).collect() };
    let making = Making {
        data,
        wanted: Wanted::Incident(&incident),
        filter: Filter::default(),
        signer: Some(&signer),
        now: *now,
        maker: Maker { account: Some(account.clone()), ..maker() },
        patience: PATIENCE,
        watched: Watched::InTheGateway,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (made, file) = runtime.block_on(making.make_nameless(data, MOST_BYTES))?;
    Ok(PackMade { file, sha256: made.sha256, records: made.facts.records })
}
