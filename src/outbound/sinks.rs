//! All sinks of a gateway: which run, and what a changed config does to them.
//!
//! Invariant: of one name one task runs; one whose settings and files did not change goes on undisturbed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::cursor::Cursor;
use super::delivery::{Delivery, Stop};
use super::lines::Lines;
use super::progress::{Progress, Standing};
use super::{Destination, Log, SinkSettings};
use crate::clock::{Clock, Time};
use crate::crypto::sha256;
use crate::pki::{self, PkiError};

/// For a task to say farewell to its receiver.
const FAREWELL: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
#[error("the log sink {name}: {why}")]
pub struct SinkError {
    name: String,
    #[source]
    why: PkiError,
}

/// A sink whose files were read.
pub struct Ready {
    settings: SinkSettings,
    tls: Option<Arc<ClientConfig>>,
    /// Of the files' contents.
    digest: [u8; 32],
}

impl Ready {
    pub fn new(settings: SinkSettings) -> Result<Self, SinkError> {
        let tls = match &settings.to {
            Destination::Tls { .. } => Some(tls(&settings).map_err(|why| SinkError { name: settings.name.clone(), why })?),
            Destination::Tcp { .. } | Destination::File(_) => None,
        };
        let identity = settings.identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        let files: Vec<u8> = settings.ca.iter().chain(identity).flat_map(|path| sha256(&zeroize::Zeroizing::new(read(path)))).collect();
        Ok(Self { tls, digest: sha256(&files), settings })
    }
}

/// It was read a moment ago; if it cannot be now, it has changed.
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

fn tls(settings: &SinkSettings) -> Result<Arc<ClientConfig>, PkiError> {
    let identity = settings.identity.as_ref().map(|identity| (identity.certificate.as_path(), identity.key.as_path()));
    let mut config = ClientConfig::clone(&*pki::upstream_client_config(settings.ca.as_deref(), identity)?);
    // Neither protocol has a name for it.
    config.alpn_protocols.clear();
    Ok(Arc::new(config))
}

pub struct Sinks {
    log: Arc<dyn Log>,
    sealed: watch::Receiver<u64>,
    /// Where the cursors are.
    directory: PathBuf,
    clock: Clock,
    /// The portal's.
    host: String,
    running: tokio::sync::Mutex<BTreeMap<String, Running>>,
    /// The same for those who must not wait.
    progresses: Mutex<Vec<(SinkSettings, Arc<Progress>)>>,
}

struct Running {
    settings: SinkSettings,
    digest: [u8; 32],
    progress: Arc<Progress>,
    stop: watch::Sender<Stop>,
    task: JoinHandle<()>,
}

impl Sinks {
    pub fn new(log: Arc<dyn Log>, sealed: watch::Receiver<u64>, directory: PathBuf, clock: Clock, host: String) -> Self {
        Self { log, sealed, directory, clock, host, running: tokio::sync::Mutex::default(), progresses: Mutex::default() }
    }

    /// From now on these run, and no others.
    pub async fn apply(&self, wanted: Vec<Ready>) {
        let mut running = self.running.lock().await;
        let mut gone = Vec::new();
        let mut kept = BTreeMap::new();
        for (name, sink) in std::mem::take(&mut *running) {
            // One whose task has ended is begun again: what it stopped at may be mended.
            let is_same = wanted.iter().any(|ready| ready.settings == sink.settings && ready.digest == sink.digest);
            if is_same && !sink.task.is_finished() {
                kept.insert(name, sink);
            } else {
                gone.push(sink);
            }
        }
        *running = kept;
        // One that is replaced has let go of its cursor before the next takes it up.
        end(gone, Stop::Now).await;
        for ready in wanted {
            if !running.contains_key(&ready.settings.name) {
                running.insert(ready.settings.name.clone(), self.begin(ready));
            }
        }
        let progresses = running.values().map(|sink| (sink.settings.clone(), sink.progress.clone())).collect();
        *self.progresses.lock().unwrap_or_else(PoisonError::into_inner) = progresses;
    }

    /// Those that are connected send what is sealed; then all end.
    pub async fn finish(&self) {
        let running = std::mem::take(&mut *self.running.lock().await);
        end(running.into_values().collect(), Stop::WhenDone).await;
    }

    /// In the order of their names; `wall` is the time that records are written in.
    pub fn standings(&self, wall: Time) -> Vec<Standing> {
        let sealed = *self.sealed.borrow();
        let progresses = self.progresses.lock().unwrap_or_else(PoisonError::into_inner);
        progresses.iter().map(|(sink, progress)| progress.standing(&sink.name, sink.to.to_string(), sealed, wall)).collect()
    }

    fn begin(&self, ready: Ready) -> Running {
        let Ready { settings, tls, digest } = ready;
        let (stop, stopping) = watch::channel(Stop::NotYet);
        let progress = Arc::new(Progress::default());
        let task = match Cursor::open(&self.directory, &settings.name) {
            Ok(cursor) => {
                let lines = Lines { kind: settings.kind, format: settings.format, host: self.host.clone(), process: std::process::id() };
                let delivery = Delivery {
                    settings: settings.clone(),
                    lines,
                    tls,
                    log: self.log.clone(),
                    sealed: self.sealed.clone(),
                    cursor: Some(cursor),
                    progress: progress.clone(),
                    clock: self.clock.clone(),
                    stop: stopping,
                };
                tokio::spawn(delivery.run())
            }
            Err(error) => tokio::spawn(lost(settings.name.clone(), progress.clone(), error)),
        };
        Running { settings, digest, progress, stop, task }
    }
}

/// A sink that does not know where it was sends nothing: whoever reads the warning decides.
async fn lost(name: String, progress: Arc<Progress>, error: io::Error) {
    let why = format!("how far its receiver has the log is not known: {error}");
    tracing::error!(sink = %name, "{why}");
    progress.broke(&why);
}

async fn end(sinks: Vec<Running>, how: Stop) {
    for sink in &sinks {
        let _ = sink.stop.send(how);
    }
    let all = sinks.into_iter().map(|mut sink| async move {
        if timeout(FAREWELL, &mut sink.task).await.is_err() {
            sink.task.abort();
            let _ = sink.task.await;
        }
    });
    futures_util::future::join_all(all).await;
}
