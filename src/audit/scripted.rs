//! Receipts whose record is written by a test: for the floors above, which must wait for it and close it.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{Semaphore, oneshot};

use super::full::Fullness;
use super::held::Held;
use super::tally::Tally;
use super::writer::{Job, Shared};
use super::{Handle, Journal, Receipt, State};
use crate::clock::{Clock, Time};
use crate::model::{Action, Closed, Record, Reference};

/// The other side of a scripted receipt.
pub struct Script {
    durable: Mutex<Option<oneshot::Sender<()>>>,
    jobs: Receiver<Job>,
    shared: Arc<Shared>,
}

impl Receipt {
    pub fn scripted() -> (Self, Script) {
        let (jobs, written) = mpsc::channel();
        let (durable, waiting) = oneshot::channel();
        let clock = Clock::manual(Time::from_millis(0));
        let (held, failure, fullness) = (Held::default(), OnceLock::new(), Fullness::default());
        let shared = Shared {
            room: Semaphore::new(1),
            directory: PathBuf::new(),
            held,
            failure,
            fullness,
            tally: Tally::new().unwrap(),
            next_segment: false.into(),
        };
        let shared = Arc::new(shared);
        let journal = Journal(Arc::new(Handle { jobs, shared: Arc::clone(&shared), clock: clock.clone() }));
        let state = State::Waiting(waiting);
        let receipt = Receipt {
            journal,
            reference: Reference::new([7; 10]),
            who: None,
            address: [127, 0, 0, 1].into(),
            app: None,
            opened_at: clock.now(),
            state,
            is_closed: false,
        };
        (receipt, Script { durable: Mutex::new(Some(durable)), jobs: written, shared })
    }
}

impl Script {
    /// The opened record is on disk, or will never be.
    pub fn settle(&self, on_disk: bool) {
        let durable = self.durable.lock().unwrap().take();
        if let Some(durable) = durable.filter(|_| on_disk) {
            let _ = durable.send(());
        }
    }

    /// The closed record once it is there; a second one fails the test.
    pub async fn closing(self) -> Closed {
        let (sent, closed) = self.told().await;
        assert_eq!(sent, Vec::<u64>::new(), "a long answer was told of");
        closed
    }

    /// The same after how much was said to be sent while it went on.
    pub async fn told(self) -> (Vec<u64>, Closed) {
        let (mut found, mut sent) = (None, Vec::new());
        loop {
            // Before the look at what is held: then nothing can be missed when nobody is left.
            let next = self.jobs.try_recv();
            for record in self.shared.held.take() {
                let Record::Closed(closed) = record else { panic!("something else was recorded") };
                assert_eq!(found.replace(closed), None, "closed twice");
            }
            match next {
                Ok(Job::Unawaited(Record::Event(event))) if event.action == Action::AnswerContinues => {
                    sent.push(event.details["bytes"].parse().unwrap());
                }
                Ok(_) => panic!("something else was recorded"),
                // A sleep, not a yield: a paused clock moves on only when every task waits.
                Err(TryRecvError::Empty) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                Err(TryRecvError::Disconnected) => return (sent, found.expect("dropped without a closed record")),
            }
        }
    }
}
