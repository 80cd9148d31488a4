//! Who is given packs of evidence at the desk, one at a time, and what is on record of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::admin::{PackMade, PackMaker, PackWanted, Packs};
use crate::incident::Papers;
use crate::model::Reference;

/// Makes one when it is told to, and says that it has begun.
struct Slow {
    begun: SyncSender<()>,
    go: Mutex<Receiver<Result<(), String>>>,
}

impl PackMaker for Slow {
    fn make(&self, data: &Path, wanted: &PackWanted) -> Result<PackMade, String> {
        assert!(data == Path::new("data") && wanted.papers.incident == 6);
        self.begun.send(()).unwrap();
        self.go.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap()?;
        Ok(PackMade { file: tempfile::tempfile().unwrap(), sha256: "5a".to_owned(), records: 9 })
    }
}

fn asked() -> Reference {
    Reference::new([9; 10])
}

fn wanted() -> PackWanted {
    PackWanted {
        papers: Papers { incident: 6, drill: None, first: 2, found_last: 7, story: BTreeSet::new(), drawn: Vec::new() },
        account: "staff".to_owned(),
        now: NOW,
    }
}

/// What the records of readings say, each with its outcome.
fn read(directory: &Path) -> Vec<(Outcome, String)> {
    let entries = Tail::new(directory, Filter::default()).next_batch().unwrap();
    let said = |entry: crate::model::Entry| match entry.record {
        Record::Event(event) if event.action == Action::LogRead => {
            assert_eq!(event.reference, Some(asked()));
            let details: Vec<String> = event.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
            Some((event.outcome, details.join(" ")))
        }
        _ => None,
    };
    entries.into_iter().filter_map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_is_given_one_pack_at_a_time_and_both_question_and_answer_are_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let ((begun, has_begun), (go, may_go)) = (sync_channel(9), sync_channel(9));
    let maker = Arc::new(Slow { begun, go: Mutex::new(may_go) });
    let desk = Arc::new(desk(directory.path()).await.packing(Some(Packs::new(maker, "data".into()))));
    let auditor = staff(Role::Auditor);
    let first = tokio::spawn({
        let (desk, auditor) = (desk.clone(), auditor.clone());
        async move { desk.make_pack(&auditor, &asked(), wanted()).await }
    });
    let has_begun = tokio::task::spawn_blocking(move || has_begun.recv().map(|()| has_begun).unwrap()).await.unwrap();
    let question = (Outcome::Done, "incident=6 what=evidence".to_owned());
    assert_eq!(read(directory.path()), std::slice::from_ref(&question), "before anything is made");
    assert!(matches!(desk.make_pack(&auditor, &asked(), wanted()).await, Err(AdminError::PackUnderWay)));
    go.send(Ok(())).unwrap();
    let out = first.await.unwrap().unwrap();
    assert_eq!((out.made.sha256.as_str(), out.made.records), ("5a", 9));
    assert!(matches!(desk.make_pack(&auditor, &asked(), wanted()).await, Err(AdminError::PackUnderWay)), "it is not handed out yet");
    drop(out);
    go.send(Err("no key".to_owned())).unwrap();
    let failed = desk.make_pack(&auditor, &asked(), wanted()).await;
    assert!(matches!(failed, Err(AdminError::PackFailed(why)) if why == "no key"));
    assert_eq!(has_begun.try_iter().count(), 1, "whoever came too early began nothing");
    desk.journal.shut_down().await;
    let answer = (Outcome::Done, "incident=6 records=9 sha256=5a what=evidence-made".to_owned());
    let none = (Outcome::Failed, "incident=6 what=evidence-made".to_owned());
    assert_eq!(read(directory.path()), [question.clone(), answer, question, none]);
}

#[tokio::test]
async fn whoever_may_not_read_the_log_is_given_no_pack_nor_anybody_where_none_are_made() {
    let directory = tempfile::tempdir().unwrap();
    let (begun, go) = (sync_channel(9).0, Mutex::new(sync_channel(9).1));
    let desk = desk(directory.path()).await;
    assert!(matches!(desk.may_have_packs(&staff(Role::Auditor)), Err(AdminError::NoPacks)));
    let desk = desk.packing(Some(Packs::new(Arc::new(Slow { begun, go }), "data".into())));
    assert!(desk.may_have_packs(&staff(Role::Auditor)).is_ok());
    for role in [Role::Member, Role::SystemAdministrator, Role::SecurityAdministrator] {
        assert!(matches!(desk.may_have_packs(&staff(role)), Err(AdminError::NotAllowed)));
        assert!(matches!(desk.make_pack(&staff(role), &asked(), wanted()).await, Err(AdminError::NotAllowed)));
    }
    assert!(read(directory.path()).is_empty());
}
