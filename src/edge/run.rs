//! One worker: accepts, serves, and drains. Runs on a current-thread runtime within a `LocalSet`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::connection::serve;
use super::pulse::Pulse;
use super::relief::relieve;
use super::{Front, Service};
use crate::model::{End, Line};

const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Worker<S> {
    pub front: Arc<Front>,
    pub service: S,
    pub shutdown: watch::Receiver<bool>,
    open: RefCell<HashMap<u64, Open>>,
    next: Cell<u64>,
    empty: Notify,
}

/// A connection that has not ended.
struct Open {
    line: Arc<Line>,
    pulse: Arc<Pulse>,
}

/// Serves on `listeners` (this worker's clones) until `shutdown` holds `true` or its sender is gone. Then requests
/// under way have `drain` to end; what is left after that is cut.
pub async fn run<S: Service>(
    listeners: Vec<StdListener>,
    front: Arc<Front>,
    service: S,
    mut shutdown: watch::Receiver<bool>,
    drain: Duration,
) -> io::Result<()> {
    let worker =
        Rc::new(Worker { front, service, shutdown: shutdown.clone(), open: RefCell::default(), next: Cell::new(0), empty: Notify::new() });
    let mut doors = JoinSet::new();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        doors.spawn_local(accept(Rc::clone(&worker), TcpListener::from_std(listener)?));
    }
    let relief = spawn_local(relieve(Rc::clone(&worker)));
    stopped(&mut shutdown).await;
    doors.shutdown().await;
    if timeout(drain, worker.emptied()).await.is_err() {
        worker.open.borrow().values().for_each(|open| open.line.cut(End::Shutdown));
        worker.emptied().await;
    }
    relief.abort();
    Ok(())
}

/// Resolves when the worker shall stop.
pub(super) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: nobody is left to run for.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

async fn accept<S: Service>(worker: Rc<Worker<S>>, listener: TcpListener) {
    let mut reserve = File::open("/dev/null").ok();
    let mut short = false;
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                short = false;
                let Some(mut admission) = worker.front.admit(peer.ip()) else { continue };
                let worker = Rc::clone(&worker);
                spawn_local(async move {
                    serve(worker, tcp, peer, &mut admission).await;
                    drop(admission);
                });
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // A shortage that outlives a pause: with the descriptor given up, the one who waits can be let in and turned away. One that
                // does not is over before she notices.
                if short && reserve.take().is_some() {
                    let _ = listener.accept().now_or_never();
                }
                short = true;
                sleep(PAUSE).await;
                reserve = reserve.or_else(|| File::open("/dev/null").ok());
            }
        }
    }
}

impl<S> Worker<S> {
    /// Puts a connection on the list of those that a drain waits for and then cuts.
    pub fn list(self: &Rc<Self>, line: &Arc<Line>, pulse: &Arc<Pulse>) -> Listed<S> {
        let key = self.next.get();
        self.next.set(key.wrapping_add(1));
        self.open.borrow_mut().insert(key, Open { line: Arc::clone(line), pulse: Arc::clone(pulse) });
        Listed { worker: Rc::clone(self), key }
    }

    pub fn lines_where(&self, which: impl Fn(&Line, &Pulse) -> bool) -> Vec<Arc<Line>> {
        let open = self.open.borrow();
        open.values().filter(|open| which(&open.line, &open.pulse)).map(|open| Arc::clone(&open.line)).collect()
    }

    async fn emptied(&self) {
        loop {
            let notified = self.empty.notified();
            if self.open.borrow().is_empty() {
                return;
            }
            notified.await;
        }
    }
}

pub(super) struct Listed<S> {
    worker: Rc<Worker<S>>,
    key: u64,
}

impl<S> Drop for Listed<S> {
    fn drop(&mut self) {
        let mut open = self.worker.open.borrow_mut();
        open.remove(&self.key);
        if open.is_empty() {
            self.worker.empty.notify_waiters();
        }
    }
}
