use std::path::Path;

use super::reckoning::DAY;
use super::*;
use crate::audit::{Against, SealSettings, Sealed, verify};
use crate::clock::Reading;
use crate::config::parse;
use crate::model::{Action, Event, Record};
use crate::outbound::ArchiveSettings;
use crate::tlog::Verifier;

const NOW: Time = Time::from_millis(1_800_000_000_000);
const KEEP: Duration = Duration::from_hours(24 * 365);

struct Log {
    directory: tempfile::TempDir,
    clock: Clock,
    journal: Journal,
    sealer: Sealer,
    retention: Retention,
}

impl Log {
    /// With so many records of now, kept for a year.
    async fn of(records: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("archive")).unwrap();
        let clock = Clock::manual(NOW);
        let (journal, _) = Journal::open(crate::audit::Settings::new(directory.path().join("audit/journal")), clock.clone()).unwrap();
        let sealer = Sealer::start(&SealSettings::within(directory.path(), "gate.test"), &journal).unwrap();
        let rule = Rule { keep: Some(KEEP), reason: Some("a rule of the city".to_owned()), archive: None };
        let retention = Retention::with_memory(directory.path().join("retention.json"), rule, &journal, &sealer, clock.clone()).unwrap();
        let log = Self { directory, clock, journal, sealer, retention };
        log.write(records).await;
        log.archive_to(&log.archive());
        log
    }

    /// What the next process has.
    fn next(&self, clock: Clock) -> Retention {
        let rule = Rule { keep: Some(KEEP), reason: Some("a rule of the city".to_owned()), archive: None };
        let file = self.directory.path().join("retention.json");
        Retention::with_memory(file, rule, &self.journal, &self.sealer, clock).unwrap()
    }

    fn archive(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    fn archive_to(&self, place: &Path) {
        let archive = Archive::open(ArchiveSettings::Directory(place.to_owned())).unwrap();
        self.retention.apply(Rule { keep: Some(KEEP), reason: Some("a rule of the city".to_owned()), archive: Some(Arc::new(archive)) });
    }

    async fn write(&self, records: u32) {
        let goal = *self.sealer.size().borrow() + u64::from(records);
        for number in 0..records {
            self.journal.event(Event::done(Action::SessionEnded).with("number", number)).await.unwrap();
        }
        self.sealer.size().wait_for(|size| *size >= goal).await.unwrap();
        // As the gateway does soon after its start and each hour.
        self.retention.look().await.unwrap();
    }

    fn sealed(&self) -> Sealed {
        self.sealer.sealed()
    }

    fn oldest(&self) -> u64 {
        self.sealed().oldest().unwrap()
    }

    /// What is on record of what was dropped.
    fn said(&self) -> Vec<(String, String, Option<String>)> {
        let leaves = self.sealed().read(1, 100_000).unwrap();
        let detail = |event: &Event, name: &str| event.details.get(name).cloned();
        let dropped = leaves.iter().filter_map(|leaf| match leaf.entry().unwrap().record {
            Record::Event(event) if event.action == Action::LogDropped => {
                assert_eq!(detail(&event, "keep").as_deref(), Some("365 days"));
                assert_eq!(detail(&event, "reason").as_deref(), Some("a rule of the city"));
                Some((detail(&event, "first")?, detail(&event, "last")?, detail(&event, "archive")))
            }
            _ => None,
        });
        dropped.collect()
    }

    fn objects(&self) -> Vec<PathBuf> {
        let inner = std::fs::read_dir(self.archive()).unwrap().flat_map(|origin| std::fs::read_dir(origin.unwrap().path()).unwrap());
        let mut objects: Vec<PathBuf> = inner.map(|object| object.unwrap().path()).collect();
        objects.sort();
        objects
    }

    fn days(&self, days: u32) {
        self.clock.advance(Duration::from_hours(24) * days);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_archived_said_on_record_and_dropped_and_nothing_else_is() {
    let log = Log::of(600).await;
    log.days(364);
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.objects().len(), log.said().len()), (1, 0, 0), "nothing is a year old");
    log.write(300).await;
    log.days(2);
    log.retention.round().await.unwrap();
    assert_eq!(log.oldest(), 513, "two bundles are wholly older, the third is not");
    let object = log.objects().pop().unwrap();
    assert!(object.ends_with("records-00000000000000000001-00000000000000000512.tar.zst"), "{}", object.display());
    let said = log.said();
    let [(first, last, Some(place))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((first.as_str(), last.as_str()), ("1", "512"));
    assert!(place.ends_with("records-00000000000000000001-00000000000000000512.tar.zst") && place.starts_with("file:"), "{place}");
    let status = log.retention.status().unwrap();
    assert_eq!((status.archived, status.dropped, status.oldest, status.failures), (512, 512, Some(513), 0));
    assert_eq!((status.last_archived_sequence, status.trouble), (Some(512), None));
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.said().len()), (513, 1), "once");
    log.days(365);
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.objects().len()), (769, 2), "the newest bundle stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_are_unpacked_over_a_copy_give_the_whole_log_back() {
    let log = Log::of(600).await;
    log.days(366);
    log.write(300).await;
    log.retention.round().await.unwrap();
    let key = Verifier::parse(&log.sealer.verifier_key()).unwrap();
    let gone = || verify(&log.sealed(), Against { key: Some(&key), since: None }, |_, _| {}).unwrap().gone;
    assert_eq!(gone(), 512);
    for object in log.objects() {
        let mut tar = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(object).unwrap()).unwrap());
        tar.set_overwrite(false);
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = log.sealed().directory().join(entry.path().unwrap());
            if !path.exists() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                entry.unpack(&path).unwrap();
            }
        }
    }
    assert_eq!(gone(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_fails_keeps_the_records_here_and_is_tried_again() {
    let log = Log::of(600).await;
    log.days(366);
    log.write(300).await;
    let away = log.directory.path().join("away");
    std::fs::rename(log.archive(), &away).unwrap();
    for failures in 1..3 {
        assert!(matches!(log.retention.round().await, Err(RetentionError::Archive(_))));
        assert_eq!(log.retention.status().unwrap().failures, failures);
    }
    assert_eq!((log.oldest(), log.said().len()), (1, 0));
    assert!(log.retention.warnings()[0].starts_with("old records stay"), "{:?}", log.retention.warnings());
    std::fs::rename(&away, log.archive()).unwrap();
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.said().len(), log.retention.warnings().len()), (513, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_changed_are_neither_archived_nor_dropped() {
    for archived in [true, false] {
        let log = Log::of(600).await;
        log.days(366);
        log.write(300).await;
        if !archived {
            log.retention.apply(Rule { keep: Some(KEEP), reason: None, archive: None });
        }
        let bundle = log.sealed().directory().join("tile/entries/001");
        let mut bytes = std::fs::read(&bundle).unwrap();
        // In the salt of its first record.
        bytes[70] ^= 1;
        std::fs::write(&bundle, bytes).unwrap();
        assert!(log.retention.round().await.is_err());
        assert_eq!((log.oldest(), log.objects().len(), log.said().len()), (1, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_a_crash_ended_after_the_archive_is_done_again() {
    let log = Log::of(600).await;
    log.days(366);
    log.write(300).await;
    let old = log.sealed().older_than(NOW.plus(Duration::from_hours(1)), PART).unwrap().unwrap();
    let part = Arc::new(OldPart::new(log.sealed(), old).unwrap());
    let archive = Archive::open(ArchiveSettings::Directory(log.archive())).unwrap();
    archive.keep(part).await.unwrap();
    log.write(1).await;
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.objects().len(), log.said().len()), (513, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_years_ahead_at_a_start_drops_nothing() {
    let log = Log::of(600).await;
    log.retention.round().await.unwrap();
    let years = 9 * 365 * 86_400_000;
    for (clock, remembers) in [(log.clock.restarted(), true), (log.clock.rebooted(), true), (log.clock.rebooted(), false)] {
        clock.step_wall(years);
        let file = log.directory.path().join(if remembers { "retention.json" } else { "none.json" });
        let rule = Rule { keep: Some(KEEP), reason: None, archive: None };
        let next = Retention::with_memory(file, rule, &log.journal, &log.sealer, clock).unwrap();
        next.round().await.unwrap();
        assert_eq!((log.oldest(), log.said().len()), (1, 0), "{remembers}");
        assert!(next.warnings()[0].contains("clock"), "{:?}", next.warnings());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_time_nothing_is_dropped_and_a_log_that_takes_no_records_keeps_its_old_ones() {
    let log = Log::of(600).await;
    log.days(366);
    log.write(300).await;
    log.retention.apply(Rule { keep: None, reason: None, archive: None });
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.retention.status()), (1, None));
    log.archive_to(&log.archive());
    log.journal.shut_down().await;
    assert!(matches!(log.retention.round().await, Err(RetentionError::LogFails)));
    assert_eq!(log.oldest(), 1);
}

#[test]
fn a_memory_that_cannot_be_used_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("retention.json");
    assert_eq!(memory::read(&file), None);
    let reading: Reading = Clock::manual(NOW).reading();
    let kept = Kept::begin(&reading, None);
    memory::write(&file, &kept).unwrap();
    assert_eq!(memory::read(&file), Some(kept));
    std::fs::write(&file, "{").unwrap();
    assert_eq!(memory::read(&file), None);
}

#[test]
fn the_rule_is_the_configs() {
    let directory = tempfile::tempdir().unwrap();
    let rule = |more: &str| {
        let text = format!(
            "data = \"d\"\n[log]\nkeep = \"365d\"\n{more}\n[portal]\nhost = \"gate.example.cn\"\n[[tls.certificates]]\nchain = \"c\"\nkey = \"k\"\n"
        );
        Rule::of(&parse(&text, "yumen.toml", directory.path()).unwrap())
    };
    assert_eq!(rule("").unwrap(), Rule { keep: Some(KEEP), reason: None, archive: None });
    let bucket = "to = \"s3://yumen-log\"\nendpoint = \"http://s3.city.example\"\naccess_key = \"AK\"\nsecret_key_file = \"gone\"";
    assert!(rule(&format!("[log.archive]\n{bucket}")).is_err());
    assert!(rule("[log.archive]\nto = \"file:gone\"").is_ok(), "a disk may be mounted later");
    assert!(rule("[log.archive]\nto = \"file:.\"").unwrap().archive.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_whose_rule_is_withdrawn_while_it_is_archived_stays() {
    let log = Log::of(600).await;
    log.days(366);
    let rule = log.retention.rule.load_full();
    log.retention.apply(Rule { keep: None, reason: None, archive: None });
    log.retention.drop_part(&rule, KEEP, Old { first: 1, last: 256 }).await.unwrap();
    assert_eq!((log.oldest(), log.said().len(), log.objects().len()), (1, 0, 1));
    log.retention.apply(Rule { keep: Some(KEEP), reason: Some("a rule of the city".to_owned()), archive: rule.archive.clone() });
    log.retention.round().await.unwrap();
    assert_eq!(log.oldest(), 513);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_whose_disk_is_not_mounted_takes_nothing() {
    let log = Log::of(600).await;
    log.days(366);
    log.retention.round().await.unwrap();
    log.write(600).await;
    log.days(366);
    let origin = std::fs::read_dir(log.archive()).unwrap().next().unwrap().unwrap().path();
    let elsewhere = log.directory.path().join("elsewhere");
    std::fs::rename(&origin, &elsewhere).unwrap();
    let why = log.retention.round().await.unwrap_err().to_string();
    assert!(why.contains("is its disk mounted?"), "{why}");
    assert_eq!((log.oldest(), log.said().len(), origin.exists()), (513, 1, false));
    std::fs::rename(&elsewhere, &origin).unwrap();
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.objects().len()), (1_025, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_from_before_a_clock_was_set_right_stay_for_as_long_as_any() {
    let log = Log::of(600).await;
    log.clock.step_wall(6 * 365 * 86_400_000);
    log.write(300).await;
    for _ in 0..16 {
        log.days(1);
        log.retention.round().await.unwrap();
    }
    assert_eq!(log.retention.warnings(), Vec::<String>::new(), "the clock is believed");
    assert_eq!((log.oldest(), log.said().len()), (1, 0), "by their own time they are six years old");
    log.days(348);
    log.retention.round().await.unwrap();
    assert_eq!(log.oldest(), 1);
    log.days(2);
    log.retention.round().await.unwrap();
    assert_eq!(log.oldest(), 769);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_starts_of_the_machine_make_nothing_more_than_a_week_too_old() {
    let log = Log::of(600).await;
    log.write(300).await;
    let mut clock = log.clock.clone();
    for _ in 0..10 {
        clock = clock.rebooted();
        clock.step_wall(7 * 86_400_000);
        log.next(clock.clone()).round().await.unwrap();
    }
    let next = log.next(clock.clone());
    clock.advance(DAY * 357);
    next.round().await.unwrap();
    assert_eq!((log.oldest(), next.warnings().len()), (1, 0), "the clock says 427 days");
    clock.advance(DAY * 2);
    next.round().await.unwrap();
    assert_eq!(log.oldest(), 769);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_corrections_of_the_clock_make_nothing_older() {
    let log = Log::of(600).await;
    log.write(300).await;
    for _ in 0..10 {
        log.clock.step_wall(23 * 3_600_000);
        log.retention.round().await.unwrap();
    }
    log.days(364);
    log.retention.round().await.unwrap();
    assert_eq!((log.oldest(), log.retention.warnings().len()), (1, 0), "the clock says 373 days");
    log.days(2);
    log.retention.round().await.unwrap();
    assert_eq!(log.oldest(), 513);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_not_there_is_told_before_anything_is_old() {
    let log = Log::of(600).await;
    std::fs::remove_dir(log.archive()).unwrap();
    let why = log.retention.round().await.unwrap_err().to_string();
    assert!(why.contains("there is no such directory"), "{why}");
    assert_eq!((log.retention.warnings().len(), log.retention.status().unwrap().oldest), (1, Some(1)));
    std::fs::create_dir(log.archive()).unwrap();
    log.retention.round().await.unwrap();
    assert!(log.retention.warnings().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_takes_longer_than_half_an_hour_is_told() {
    let log = Log::of(600).await;
    let figure = || {
        let figures = log.retention.figures();
        let family = figures.iter().find(|family| family.name() == "yumen_archive_round_seconds").unwrap();
        family.get_metric()[0].get_gauge().get_value()
    };
    log.retention.state().since = Some(log.clock.now());
    log.clock.advance(LONG - Duration::from_secs(1));
    assert_eq!((log.retention.warnings().len(), figure()), (0, 1_799.0));
    log.clock.advance(Duration::from_secs(1));
    assert!(log.retention.warnings()[0].contains("for 30 min"), "{:?}", log.retention.warnings());
    log.retention.round().await.unwrap();
    assert_eq!((log.retention.warnings().len(), figure()), (0, 0.0));
}
