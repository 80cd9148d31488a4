//! That a filtered pack has what was asked for, and nothing else.

use super::*;
use crate::cli::audit::evidence::facts::{PACK, RECORDS};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_the_same_by_its_name_and_by_its_id() {
    let house = House::lived_in().await;
    let (by_name, by_id) = (only(None, Some("Wang")), only(None, Some(&id("wang").to_string())));
    let lines = |pack: &[u8]| text_of(&unpacked(pack), RECORDS).to_owned();
    let (by_name, by_id) = (house.pack((0, 1000), by_name).await, house.pack((0, 1000), by_id).await);
    assert_eq!(lines(&by_name), lines(&by_id));
    let facts = checked(&by_id, &house.key()).unwrap().facts;
    assert_eq!((facts.account_name.as_deref(), facts.account_id), (Some("wang"), Some(id("wang").to_string())));
    let nobody = checked(&house.pack((0, 1000), only(None, Some("nobody"))).await, &house.key()).unwrap();
    let told = super::super::told::told(&nobody);
    assert!(nobody.facts.account_id.is_none() && told.contains("the store had no such account"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_who_has_the_logs_key_can_put_into_a_pack_what_was_not_asked_for() {
    let house = House::lived_in().await;
    let (key, signer) = (house.key(), house.signer());
    let files = unpacked(&house.pack((0, 1000), only(Some("sites"), Some("wang"))).await);
    // Her accesses in a pack that says it is of another account, of nobody, or of another app.
    let other = |from: &str, to: &str| refused(&changed(&files, PACK, &signer, |text| text.replace(from, to)), &key);
    assert!(other("\"wang\"", "\"li\"").contains("is not what was asked for"), "{}", other("\"wang\"", "\"li\""));
    let hers = id("wang").to_string();
    assert!(other(&hers, &id("li").to_string()).contains("is not what was asked for"));
    assert!(other("\"sites\"", "\"ledger\"").contains("is not what was asked for"));
    assert!(other("\"account\": \"wang\"", "\"account\": \"li\"").contains("nobody could have asked"));
    // The accesses of others, from a pack of all.
    let all = unpacked(&house.pack((0, 1000), Filter::default()).await);
    let lines: Vec<&str> = text_of(&all, RECORDS).lines().collect();
    let place = files.iter().position(|(path, _)| path == RECORDS).unwrap();
    let (mut more, number) = (files.clone(), "\"sequence\":5,");
    let foreign = lines.iter().find(|line| line.contains(number)).unwrap();
    let mut own: Vec<&str> = text_of(&files, RECORDS).lines().collect();
    own.insert(2, foreign);
    more[place].1 = own.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();
    assert!(refused(&resigned(&more, Some(&signer)), &key).contains("record 5 is not what was asked for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_comes_into_a_pack_as_a_config_or_as_what_stands_beside_that_is_none() {
    let house = House::lived_in().await;
    let (key, signer) = (house.key(), house.signer());
    let files = unpacked(&house.pack((150, 250), Filter::default()).await);
    let as_it = |word: &str| refused(&changed(&files, RECORDS, &signer, |text| text.replacen("\"why\":\"edge\"", word, 1)), &key);
    assert!(as_it("\"why\":\"config\"").contains("is not what was asked for"), "{}", as_it("\"why\":\"config\""));
    assert!(as_it("\"why\":\"start\"").contains("is not what was asked for"));
    let files = unpacked(&house.pack((150, 1000), only(Some("sites"), None)).await);
    let edge = |text: &str| text.replacen("\"why\":\"config\"", "\"why\":\"edge\"", 1);
    assert!(refused(&changed(&files, RECORDS, &signer, edge), &key).contains("does not belong"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_clock_put_into_the_range_is_left_out_of_a_filtered_pack() {
    let mut house = House::open().await;
    for (seconds, number) in [(10, 1), (86_400, 2), (-86_400, 3)] {
        house.clock.step_wall(seconds * 1000);
        house.access(number, Some("wang"), Some("sites"), Decision::Allowed).await.close(200, 1, 2, End::Complete);
        house.written += 1;
        house.sealed().await;
    }
    let found = checked(&house.pack((5, 20), only(None, Some("wang"))).await, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last, found.facts.chosen, found.facts.other_times), (2, 7, 4, 0));
}
