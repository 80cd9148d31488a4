use std::cell::RefCell;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::{Response, StatusCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::admin::PackMaker;
use crate::clock::Clock;
use crate::config::Settings;
use crate::edge;
use crate::model::{Action, Event, Inbound, Origin, Reference};
use crate::proxy::{Pool, PoolSettings};

use super::body::Body;
use super::chores::StrangersOnRecord;
use super::flows::Flows;
use super::house::{House, StartError};
use super::metrics::Meters;
use super::pipeline::Worker;
use super::reload::{Read, Reloader};
use super::standing::{Accepting, Places};
use super::trust::Checks;
use super::{
    build, chores, configs, control, effects, incidents, indexing, log_check, memory, monitoring, notices, pages, retention, sinks,
    triggers,
};

/// So long does a stop wait for a store that does not answer.
const LONGEST_KEEPING: Duration = Duration::from_secs(5);

/// What `serve` and `demo` do differently.
#[derive(Default)]
pub struct Options {
    /// Where the time comes from; without it, the machine.
    pub clock: Option<Clock>,
    /// Reads the config again; the demo has none.
    pub reload: Option<Read>,
    /// Makes packs of evidence for the console.
    pub packs: Option<Arc<dyn PackMaker>>,
    /// What listens for monitoring already; without it, the address of the settings is taken.
    pub monitoring: Option<std::net::TcpListener>,
}

/// The data directory is this process's own as long as this lives.
#[derive(Debug)]
pub struct DataLock(#[allow(dead_code, reason = "held, not read")] File);

/// A gateway that serves.
pub struct Gateway {
    house: Arc<House>,
    reloader: Arc<Reloader>,
    back: tokio::runtime::Runtime,
    workers: Vec<JoinHandle<()>>,
    strangers: StrangersOnRecord,
    stop: watch::Sender<bool>,
    addresses: Vec<SocketAddr>,
    data: PathBuf,
    /// Held as long as the data directory is ours.
    _lock: DataLock,
}

impl Gateway {
    /// `lock` is that of the data directory that the settings name.
    pub fn start(settings: Settings, lock: DataLock, options: Options) -> Result<Self, StartError> {
        // The address first: it is the likeliest to be wrong, and nothing has been changed yet.
        let listeners = edge::bind(&settings.listen)?;
        let monitoring = match options.monitoring {
            Some(listener) => Some(listener),
            None => monitoring::bind(settings.monitoring)?,
        };
        let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let back = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("yumen-back")
            .enable_all()
            .build()
            .map_err(|why| StartError::System { what: "cannot start the runtime", why })?;
        let certificates = build::certificates(&settings, None)?;
        let portal_certificate = certificates.get(&settings.portal.host).cloned();
        let clock = options.clock.unwrap_or_else(Clock::machine);
        let (house, repair) = back.block_on(build::house(&settings, certificates, clock, (back.handle().clone(), options.packs)))?;
        let house = Arc::new(house);
        if !repair.is_empty() {
            tracing::warn!("the log of an earlier run was mended: {repair}");
        }
        tracing::info!("the log's verifier key is {}", house.sealer.verifier_key());
        back.block_on(house.sinks.apply(sinks::ready(&settings)?));
        let kept = configs::keep(&settings.data, &settings);
        let start = Event::done(Action::Start).with("version", env!("CARGO_PKG_VERSION")).with("mended", repair);
        let start = kept.name_in(start);
        back.block_on(house.journal.event(configs::naming_left_out(start, &house.trusting.now().left_out())))?;
        house.triggers.begin_after(house.journal.counts().sequence, house.map.load().plan.clone());
        // Before anybody comes.
        back.block_on(house.test_itself())?;
        house.look_at_space();
        back.block_on(house.end_what_nobody_vouches_for());
        let socket = control::bind(&settings.data.join("control.sock"))?;
        let reloader = Arc::new(Reloader::new(settings.clone(), portal_certificate, options.reload));
        house.standing.settle(Places {
            listeners: addresses.clone(),
            monitoring: monitoring.as_ref().and_then(|listener| listener.local_addr().ok()),
            workers: settings.workers,
        });
        let (stop, stopping) = watch::channel(false);
        let strangers = StrangersOnRecord::begin(back.handle(), house.clone());
        let mut gateway =
            Self { house, reloader, back, workers: Vec::new(), strangers, stop, addresses, data: settings.data.clone(), _lock: lock };
        gateway.start_chores(socket, monitoring)?;
        for number in 0..settings.workers {
            gateway.workers.push(gateway.worker(number, &listeners, settings.timeouts.drain, stopping.clone())?);
        }
        Ok(gateway)
    }

    pub fn house(&self) -> &Arc<House> {
        &self.house
    }

    pub fn reloader(&self) -> &Arc<Reloader> {
        &self.reloader
    }

    /// Where it listens; a port 0 in the config was given a number.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where metrics and health are told, if anywhere.
    pub fn monitoring(&self) -> Option<SocketAddr> {
        self.house.standing.places()?.monitoring
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.back.block_on(future)
    }

    /// Serves until the process is told to stop (SIGINT, SIGTERM), then drains and closes the log.
    pub fn run(self) {
        self.back.block_on(wait_for_signal(&self.house, &self.reloader));
        self.back.spawn(hurry(self.house.clone()));
        self.shut_down();
    }

    /// Takes no more connections, lets what is under way end within the drain time, and closes the log.
    pub fn shut_down(self) {
        self.house.standing.stop();
        let _ = self.stop.send(true);
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a worker had panicked");
            }
        }
        self.back.block_on(async {
            if let Err(error) = self.house.auth.sessions.write_back().await {
                tracing::warn!(%error, "idle times could not be written back");
            }
            // Where it cannot be kept, the log puts it in force again.
            let kept = tokio::time::timeout(LONGEST_KEEPING, self.house.levels.keep()).await;
            if !matches!(kept, Ok(Ok(()))) {
                tracing::warn!("which emergency level is in force could not be written down");
            }
            if let Err(error) = self.house.store.keep_clock(&self.house.clock.reading()).await {
                tracing::warn!(%error, "the clock could not be written down");
            }
            self.strangers.finish().await;
            self.house.journal.shut_down_with(Event::done(Action::Stop)).await;
            self.house.sealer.shut_down().await;
            self.house.sinks.finish().await;
            self.house.index.close().await;
            self.house.store.close().await;
        });
        self.back.shutdown_timeout(Duration::from_secs(2));
    }

    fn start_chores(&self, socket: std::os::unix::net::UnixListener, monitoring: Option<std::net::TcpListener>) -> Result<(), StartError> {
        let _inside = self.back.enter();
        let socket = tokio::net::UnixListener::from_std(socket)
            .map_err(|why| StartError::System { what: "cannot listen on the control socket", why })?;
        self.back.spawn(control::listen(socket, self.house.clone(), self.reloader.clone()));
        self.back.spawn(chores::keep_house(self.house.clone()));
        self.back.spawn(memory::watch(self.house.clone()));
        self.back.spawn(indexing::follow(self.house.clone()));
        self.back.spawn(retention::follow(self.house.clone()));
        self.back.spawn(log_check::follow(self.house.clone()));
        self.back.spawn(triggers::follow(self.house.clone(), self.data.clone()));
        self.back.spawn(effects::follow(self.house.clone()));
        self.back.spawn(incidents::follow(self.house.clone(), self.data.join("incidents.json")));
        self.back.spawn(pages::follow(self.house.clone(), self.data.join("pages.json")));
        let known = self.house.clone();
        self.back.spawn(notices::follow(self.house.clone(), self.data.join("notices.json"), move || known.notices.incidents()));
        if let Some(listener) = monitoring {
            let listener = tokio::net::TcpListener::from_std(listener)
                .map_err(|why| StartError::System { what: "cannot listen for monitoring", why })?;
            self.back.spawn(monitoring::listen(listener, self.house.clone()));
        }
        Ok(())
    }

    fn worker(
        &self,
        number: usize,
        listeners: &[std::net::TcpListener],
        drain: Duration,
        stopping: watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>, StartError> {
        let failed = |why| StartError::System { what: "cannot start a worker", why };
        let listeners: Vec<_> = listeners.iter().map(|listener| listener.try_clone()).collect::<Result<_, _>>().map_err(failed)?;
        let house = self.house.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let work = move || LocalSet::new().block_on(&runtime, work(house, listeners, drain, stopping));
        std::thread::Builder::new().name(format!("yumen-{number}")).spawn(work).map_err(failed)
    }
}

/// One worker, from its first connection to its last.
async fn work(house: Arc<House>, listeners: Vec<std::net::TcpListener>, drain: Duration, stopping: watch::Receiver<bool>) {
    let front = house.front.clone();
    let pool = Pool::new(PoolSettings::default(), house.clock.clone());
    let accepting = Accepting::begin(&house);
    let meters = Meters::new(house.metrics.clone());
    let worker = Rc::new(Worker { house, pool, flows: Flows::default(), meters, draws: RefCell::default(), checks: Checks::default() });
    let watching = tokio::task::spawn_local(watch_flows(worker.clone()));
    if let Err(error) = edge::run(listeners, front, Serving(worker), stopping, drain).await {
        tracing::error!(%error, "a worker cannot accept connections");
    }
    drop(accepting);
    watching.abort();
}

#[derive(Clone)]
struct Serving(Rc<Worker>);

impl edge::Service for Serving {
    type Body = Body;

    fn call(&self, inbound: Inbound) -> impl Future<Output = Response<Body>> {
        // They are large: unboxed, each HTTP/1.1 connection would keep their room while idle, each HTTP/2 stream be moved about with it, and
        // each function on the way keep a request twice.
        Box::pin(self.0.clone().serve_measured(Box::new(inbound)))
    }

    fn malformed(&self, origin: &Origin, status: StatusCode, what: &str) -> Option<Reference> {
        self.0.house.metrics.malformed();
        self.0.house.note_malformed(origin, status, what)
    }
}

async fn watch_flows(worker: Rc<Worker>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        worker.sweep();
    }
}

async fn wait_for_signal(house: &Arc<House>, reloader: &Reloader) {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        tracing::error!("cannot listen for signals");
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => return,
            _ = terminate.recv() => return,
            _ = hangup.recv() => match reloader.reload(house, None).await {
                Ok(reloaded) => tracing::info!("{}", reloaded.done),
                Err(why) => tracing::error!("the config was refused:\n{why}"),
            },
        }
    }
}

/// Who asks a second time does not want to wait for what is under way; the log is closed all the same.
async fn hurry(house: Arc<House>) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else { return };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    for counted in chores::drained_to_the_end(&house) {
        house.journal.note(counted);
    }
    house.journal.shut_down_with(Event::done(Action::Stop).with("hurried", true)).await;
    house.sealer.shut_down().await;
    std::process::exit(130);
}

/// Makes the data directory if it is not there (mode 0700) and takes it for this process alone.
pub fn lock(directory: &Path) -> Result<DataLock, StartError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let failed = |why: std::io::Error| {
        let no_directory = matches!(why.kind(), std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory);
        let why = if no_directory { std::io::Error::other("it is not a directory") } else { why };
        StartError::Data { directory: directory.to_owned(), why }
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock")).map_err(failed)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(DataLock(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::InUse(directory.to_owned())),
        Err(why) => Err(failed(why.into())),
    }
}
