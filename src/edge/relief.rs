//! What becomes of connections while memory is short.
//!
//! Invariant: a connection on which something of a signed-in person is under way is never ended for that.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::pulse::Pulse;
use super::run::Worker;
use crate::model::{End, Line};

/// Whoever becomes idle while memory is short is noticed within that.
const AGAIN: Duration = Duration::from_millis(200);

/// How much room is left. What is less takes all that more takes, and something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    #[default]
    Enough,
    /// New connections are turned away, and strangers' connections end on which nothing is under way.
    Little,
    /// All connections of strangers end.
    NoneForStrangers,
    /// Those of people who are signed in end too, where nothing is under way.
    NoneForIdlers,
}

impl Room {
    fn takes(self, line: &Line, pulse: &Pulse) -> bool {
        match self {
            Self::Enough => false,
            Self::Little => !line.is_known() && pulse.is_idle(),
            Self::NoneForStrangers => !line.is_known(),
            Self::NoneForIdlers => !line.is_known() || pulse.is_idle(),
        }
    }
}

/// Ends what must end on this worker, as long as the worker lives.
pub(super) async fn relieve<S>(worker: Rc<Worker<S>>) {
    let mut room = worker.front.room();
    while let Ok(room) = room.wait_for(|room| *room != Room::Enough).await.map(|room| *room) {
        let ended: Vec<Arc<Line>> = worker.lines_where(|line, pulse| line.why_cut().is_none() && room.takes(line, pulse));
        ended.iter().for_each(|line| line.cut(End::MemoryShort));
        worker.front.tally.relieved(ended.len());
        sleep(AGAIN).await;
    }
}
