//! What a pack says of where the log begins and ends.

use std::fs;
use std::path::Path;

use super::*;
use crate::cli::audit::evidence::facts::{Empty, PACK};
use crate::cli::audit::evidence::told::told;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => assert!(fs::copy(&from, to).is_ok(), "{from:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_waits_until_what_was_written_before_it_was_asked_for_is_sealed() {
    let mut house = House::open().await;
    house.sealed().await;
    for _ in 0..300 {
        house.event(Event::done(Action::SignOut)).await;
    }
    let found = checked(&house.pack((0, 10), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((found.facts.last, found.facts.unsealed), (house.written, Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_seals_any_more_the_pack_says_how_much_it_does_not_have_and_where_the_log_ended() {
    let mut house = House::open().await;
    house.sealed().await;
    let (data, early) = (house.out("copy"), house.data.path().join("audit"));
    copy(&early.join("tile"), &data.join("audit/tile"));
    fs::copy(early.join("checkpoint"), data.join("audit/checkpoint")).unwrap();
    house.later(5);
    for _ in 0..3 {
        house.event(Event::done(Action::SignOut)).await;
    }
    copy(&early.join("journal"), &data.join("audit/journal"));
    let (signer, wanted) = (house.signer(), Wanted::Span(Span { from: at(0), to: at(10) }));
    let making = Making { patience: Duration::ZERO, ..making(&data, wanted, Some(&signer)) };
    making.make(&house.out("pack")).await.unwrap();
    let pack = fs::read(house.out("pack")).unwrap();
    let found = checked(&pack, &house.key()).unwrap();
    assert_eq!((found.facts.unsealed, found.facts.ended_before()), (Some(3), Some(at(0).to_string().as_str())));
    let (text, files) = (told(&found), unpacked(&pack));
    assert!(text.contains("3 records stood in the journal") && text.contains("before the end of the span"), "{text}");
    let page = text_of(&files, "summary.en.html");
    assert!(page.contains("3 records stood in the journal") && page.contains("before the end of this span"));
    // Not even who has the key says otherwise: the newest record is in the pack.
    let later =
        changed(&files, PACK, &signer, |text| text.replace(&format!("\"ends\": \"{}\"", at(0)), &format!("\"ends\": \"{}\"", at(11))));
    assert!(refused(&later, &house.key()).contains("the log began or ended at another time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_without_records_is_said_to_lie_where_it_does() {
    let house = House::lived_in().await;
    let empty = async |span| {
        let pack = house.pack(span, Filter::default()).await;
        let found = checked(&pack, &house.key()).unwrap();
        (found.facts.empty(), told(&found), text_of(&unpacked(&pack), "summary.en.html").to_owned())
    };
    let (why, text, page) = empty((10, 20)).await;
    assert!(why == Some(Empty::Nothing) && text.contains("nothing was written") && page.contains("Nothing was written"), "{text}");
    let (why, text, page) = empty((5000, 6000)).await;
    assert!(why == Some(Empty::NotYet) && text.contains("the log ended at") && page.contains("had not come to this span"), "{text}");
    assert!(!text.contains("nothing was written") && !page.contains("Nothing was written"), "{text}");
    let (why, text, _) = empty((101, 200)).await;
    assert!(why.is_none() && !text.contains("ended at"), "{text}");
    let (why, text, _) = empty((101, 2000)).await;
    assert!(why.is_none() && text.contains("the log ended at"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_was_dropped_is_said_to_be_gone_and_not_empty() {
    let house = House::lived_in().await;
    fs::remove_file(house.data.path().join("audit/tile/entries/000")).unwrap();
    let pack = house.pack((0, 50), Filter::default()).await;
    let found = checked(&pack, &house.key()).unwrap();
    let (text, files) = (told(&found), unpacked(&pack));
    assert!(found.facts.empty() == Some(Empty::Gone) && text.contains("no record of the span is left"), "{text}");
    let page = text_of(&files, "summary.en.html");
    assert!(page.contains("No record of this span is left") && !page.contains("Nothing was written"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_before_the_log_is_said_to_be_that() {
    let mut house = House::open().await;
    house.event(Event::done(Action::SignOut)).await;
    let (signer, wanted) = (house.signer(), Wanted::Span(Span { from: Time::from_millis(0), to: BEGIN }));
    making(house.data.path(), wanted, Some(&signer)).make(&house.out("pack")).await.unwrap();
    let found = checked(&fs::read(house.out("pack")).unwrap(), &house.key()).unwrap();
    assert!(found.facts.empty() == Some(Empty::BeforeTheLog) && told(&found).contains("the log began after the span"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_records_gives_a_pack_that_says_so() {
    let data = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Settings::new(data.path().join("audit/journal")), Clock::manual(BEGIN)).unwrap();
    let _sealer = Sealer::start(&SealSettings::within(data.path(), "gate.city.test"), &journal).unwrap();
    let signer = read_log_key(&data.path().join("log.key")).unwrap();
    let wanted = Wanted::Span(Span { from: at(0), to: at(10) });
    let making = Making { patience: Duration::ZERO, ..making(data.path(), wanted, Some(&signer)) };
    making.make(&data.path().join("pack")).await.unwrap();
    let found = checked(&fs::read(data.path().join("pack")).unwrap(), signer.verifier()).unwrap();
    assert!(told(&found).contains("nothing was written in the span: the log has no records"), "{}", told(&found));
}
