//! Logs of chosen sizes, made by the journal and the sealer as the gateway runs them, for verifiers that are not ours
//! (`tests/e2e/test_verify_log.py`, which `tests/run log` runs).

use std::path::Path;

use yumen::audit::{Journal, SealSettings, Sealer, Settings};
use yumen::clock::Clock;
use yumen::model::{Action, Event};

async fn write(data: &Path, records: u64) {
    std::fs::create_dir_all(data).unwrap();
    let seal = SealSettings::within(data, "gate.city.test");
    let journal_settings = Settings { sealed: seal.sealed().unwrap(), ..Settings::new(seal.journal.clone()) };
    let (journal, _) = Journal::open(journal_settings, Clock::machine()).unwrap();
    let sealer = Sealer::start(&seal, &journal).unwrap();
    for number in 0..records {
        journal.note(Event::done(Action::SignIn).with("name", number));
    }
    journal.shut_down().await;
    sealer.shut_down().await;
    assert_eq!((sealer.failure(), *sealer.size().borrow()), (None, records));
    std::fs::write(data.join("verifier.key"), format!("{}\n", sealer.verifier_key())).unwrap();
}

#[tokio::test]
async fn a_log_of_a_few_records_is_written_for_others() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), 3).await;
    assert!(place.path().join("audit/tile/entries/000.p/3").exists() && place.path().join("verifier.key").exists());
}

#[tokio::test]
#[ignore = "writes the logs that YUMEN_LOGS and YUMEN_LOG_SIZES name, for tests/run log"]
async fn logs_are_written_for_others() {
    let place = std::env::var("YUMEN_LOGS").unwrap();
    for size in std::env::var("YUMEN_LOG_SIZES").unwrap().split(',') {
        write(&Path::new(&place).join(size), size.parse().unwrap()).await;
    }
}
