use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::audit::{Journal, SealSettings, Sealer, Settings};
use crate::incident::{Category, Opening, Step};
use crate::model::{Action, Event, Level};

const NOW: Time = Time::from_millis(1_800_000_000_000);
/// More than two batches.
const MANY: usize = 2 * BATCH + 100;

struct Log {
    directory: tempfile::TempDir,
    journal: Journal,
    sealer: Sealer,
    clock: Clock,
}

impl Log {
    fn open() -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::manual(NOW));
        let (journal, _) = Journal::open(Settings::new(directory.path().join("audit/journal")), clock.clone()).unwrap();
        let sealer = Sealer::start(&SealSettings::within(directory.path(), "gate.test"), &journal).unwrap();
        Self { directory, journal, sealer, clock }
    }

    /// Until they are sealed; the number of the last one.
    async fn write(&self, events: impl IntoIterator<Item = Event>) -> u64 {
        let written = futures_util::future::join_all(events.into_iter().map(|event| self.journal.event(event))).await;
        written.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let last = self.journal.counts().sequence;
        self.sealer.size().wait_for(|size| *size >= last).await.unwrap();
        last
    }

    async fn write_many(&self) -> u64 {
        self.write((0..MANY).map(|number| Event::done(Action::SessionEnded).with("number", number))).await
    }

    async fn begin(&self) -> Reading {
        Reading::begin(self.kept(), self.sealer.sealed(), self.clock.now()).await.unwrap()
    }

    /// With a file of the incident from before its level was confirmed, and with more than two batches behind that.
    async fn with_an_old_book(incidents: &Incidents) -> (Self, Reading, u64) {
        let log = Self::open();
        let opening = Opening { title: "fire".to_owned(), level: Level::III, category: Category::Attack, subject: None };
        let number = log.write([opening.event()]).await;
        let mut window = window(incidents);
        log.clock.advance(KEEP_EVERY);
        let reading = log.begin().await.catch_up(&mut window, &log.clock).await.0.unwrap();
        log.clock.advance(KEEP_EVERY);
        let reading = reading.catch_up(&mut window, &log.clock).await.0.unwrap();
        assert_eq!(log.kept_book().at(), number);
        let step = Step::Assessed { level: Level::II, category: Category::Attack, why: "because".to_owned() };
        log.write([step.event(number)]).await;
        let last = log.write_many().await;
        (log, reading, last)
    }

    fn kept(&self) -> PathBuf {
        self.directory.path().join("incidents.json")
    }

    fn kept_book(&self) -> Book {
        believed(&fs::read(self.kept()).unwrap(), &self.sealer.sealed()).unwrap().unwrap()
    }
}

fn window(incidents: &Incidents) -> Window<'_> {
    Window { incidents, shown: 0, is_stale: true }
}

fn levels(incidents: &Incidents) -> Vec<Level> {
    incidents.book().in_force().iter().map(|held| held.level).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_cannot_be_kept_is_the_book_all_the_same_and_is_kept_later() {
    let incidents = Incidents::default();
    let (log, reading, last) = Log::with_an_old_book(&incidents).await;
    let before = log.kept_book().at();
    let in_the_way = log.directory.path().join("incidents.json.new");
    fs::create_dir(&in_the_way).unwrap();
    log.clock.advance(KEEP_EVERY);
    let mut window = window(&incidents);
    let (reading, error) = reading.catch_up(&mut window, &log.clock).await;
    let reading = reading.unwrap();
    assert!(error.is_none() && reading.book.at() == last);
    assert_eq!((levels(&incidents), *incidents.follow().borrow()), (vec![Level::II], last));
    let why = reading.unkept.clone().unwrap();
    assert!(why.contains("incidents.json (") && why.contains("directory"), "{why}");
    fs::remove_dir(&in_the_way).unwrap();
    let (reading, _) = reading.catch_up(&mut window, &log.clock).await;
    assert_eq!(log.kept_book().at(), before, "not at once");
    log.clock.advance(PAUSE);
    let (reading, _) = reading.unwrap().catch_up(&mut window, &log.clock).await;
    assert_eq!((log.kept_book().at(), reading.unwrap().unkept), (last, None), "though nothing has changed meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_is_begun_anew_is_shown_once_it_has_all_that_was_shown_before() {
    let incidents = Incidents::default();
    let (log, reading, last) = Log::with_an_old_book(&incidents).await;
    let mut window = window(&incidents);
    reading.catch_up(&mut window, &log.clock).await.0.unwrap();
    assert_eq!(levels(&incidents), [Level::II]);
    let mut anew = log.begin().await;
    assert!(anew.book.at() < last && anew.book.in_force().is_empty());
    let mut batches = 0;
    window.is_stale = true;
    while anew.book.at() < last {
        let (reading, read) = anew.read();
        (anew, batches) = (reading, batches + 1);
        window.show(&anew.book, read.unwrap().1);
        assert_eq!((levels(&incidents), *incidents.follow().borrow()), (vec![Level::II], last));
    }
    assert!(batches > 1 && Arc::ptr_eq(&incidents.book(), &anew.book));
    let more = log.write_many().await;
    anew.catch_up(&mut window, &log.clock).await.0.unwrap();
    assert_eq!(*incidents.follow().borrow(), more);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_start_nothing_is_shown_before_all_that_was_on_record() {
    let (log, _, last) = Log::with_an_old_book(&Incidents::default()).await;
    for kept in [true, false] {
        if !kept {
            fs::remove_file(log.kept()).unwrap();
        }
        let incidents = Incidents::default();
        let mut window = Window { shown: last, ..window(&incidents) };
        let mut reading = log.begin().await;
        window.show(&reading.book, false);
        while reading.book.at() < last {
            assert_eq!((incidents.book().at(), *incidents.follow().borrow()), (0, 0));
            let (next, read) = reading.read();
            reading = next;
            window.show(&reading.book, read.unwrap().1);
        }
        assert_eq!((levels(&incidents), *incidents.follow().borrow()), (vec![Level::II], last));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_for_a_while_is_read_on_from_where_it_was() {
    let incidents = Incidents::default();
    let (log, reading, last) = Log::with_an_old_book(&incidents).await;
    let mut window = window(&incidents);
    let reading = reading.catch_up(&mut window, &log.clock).await.0.unwrap();
    let more = log.write_many().await;
    let mut bundles = BTreeMap::new();
    collect(&log.sealer.sealed().directory().join("tile/entries"), &mut bundles);
    bundles.keys().for_each(|path| fs::write(path, "x").unwrap());
    let (reading, error) = reading.catch_up(&mut window, &log.clock).await;
    assert!(matches!(error, Some(ReadError::Log(_))), "{error:?}");
    assert_eq!((levels(&incidents), *incidents.follow().borrow()), (vec![Level::II], last));
    bundles.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let (reading, error) = reading.unwrap().catch_up(&mut window, &log.clock).await;
    assert!(error.is_none() && reading.unwrap().book.at() == more);
}

fn collect(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => drop(files.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
}
