//! How old a connection may become on which a certificate was asked for: a key that was pulled ends access with its connection.
//!
//! Invariant: at its full age it is cut with all that is under way on it. Shortly before it is asked to end, so that an ordinary answer is
//! still given whole, and the browser makes a new connection for what follows.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use super::Front;
use crate::clock::{Clock, Time};
use crate::model::{End, Line};

/// How often the clock is looked at: it may be another than that of the timers.
const LOOK: Duration = Duration::from_secs(1);
/// The part of its age that is left when it is asked to end.
const LAST_PART: u32 = 30;

pub(super) struct Age {
    end: Option<Pin<Box<dyn Future<Output = ()>>>>,
    cutting: AbortHandle,
}

impl Age {
    /// From now on; the connection is the one of `line`.
    pub fn begin(front: &Front, line: &Arc<Line>) -> Self {
        let (age, begun, line) = (front.timers.certificate_age, front.clock.now(), Arc::clone(line));
        let asked_to_end = begun.plus(age.saturating_sub(age.checked_div(LAST_PART).unwrap_or_default()));
        let (clock, asked) = (front.clock.clone(), Arc::clone(&line));
        let end = async move {
            tokio::select! {
                () = until(clock, asked_to_end) => {}
                () = asked.until_asked_to_end() => {}
            }
        };
        let cut = until(front.clock.clone(), begun.plus(age));
        let cutting = spawn_local(async move {
            cut.await;
            line.cut(End::Expired);
        });
        Self { end: Some(Box::pin(end)), cutting: cutting.abort_handle() }
    }

    /// Resolves when the connection should be asked to end; given once.
    pub fn take_end(&mut self) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
        self.end.take()
    }
}

impl Drop for Age {
    fn drop(&mut self) {
        self.cutting.abort();
    }
}

async fn until(clock: Clock, at: Time) {
    loop {
        let left = at.since(clock.now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK)).await;
    }
}
