//! Packs of an incident: which records they have, and that nothing is said of it that is not so.

use std::collections::BTreeMap;

use super::*;
use crate::cli::audit::evidence::facts::{PACK, RECORDS, ROTATIONS, plan_path};
use crate::cli::audit::evidence::incident::{About, Incident, report_path, review_path};
use crate::cli::audit::evidence::told::told;
use crate::incident::{FormLanguage, Report, Step};

const NUMBER: u64 = 6;

/// Of the text of a file.
type Change<'c> = &'c dyn Fn(&str) -> String;

fn papers(number: u64) -> BTreeMap<String, Vec<u8>> {
    let mut papers = BTreeMap::new();
    for (word, language) in FormLanguage::WORDS {
        let paper = serde_json::to_vec_pretty(&serde_json::json!({ "incident": number, "language": word, "title": "x" })).unwrap();
        papers.insert(review_path(language), paper.clone());
        papers.extend(Report::WORDS.map(|(_, report)| (report_path(report, language), paper.clone())));
    }
    papers
}

fn incident(drill: Option<u64>) -> Incident {
    Incident { about: About { number: NUMBER, drill, first: 2, last: 7, story: [9, 11].into() }, papers: papers(NUMBER) }
}

impl House {
    /// What sets an alarm off is in records 2 to 4, which opens incident 6 and finds more with 7; people handle it with 9 and 11.
    async fn alarmed(drill: Option<u64>) -> Self {
        let mut house = Self::open().await;
        house.later(100);
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            house.event(Event::failed(Action::SignIn).with("name", "wang").from(address.parse().unwrap())).await;
        }
        house.later(1);
        house.event(Event::done(Action::SignOut).by(who("li"))).await;
        for _ in 0..2 {
            let fired = Event::done(Action::TriggerFired);
            house.event(drill.map_or(fired.clone(), |drill| fired.with("drill", drill))).await;
        }
        house.later(50);
        house.event(Event::done(Action::SignOut).by(who("li"))).await;
        house.event(Step::Acknowledged.event(NUMBER).by(who("qian"))).await;
        house.event(Event::done(Action::ConfigReloaded).with("config", hash_of("later"))).await;
        house.event(Step::Noted { text: "asked her".to_owned() }.event(NUMBER).by(who("qian"))).await;
        house.event(Step::Noted { text: "of another".to_owned() }.event(NUMBER + 1).by(who("qian"))).await;
        house.sealed().await;
        house
    }

    async fn pack_of(&self, incident: &Incident) -> anyhow::Result<Vec<u8>> {
        let signer = self.signer();
        let out = self.out(&hash_of(&format!("{:?}", incident.about)));
        making(self.data.path(), Wanted::Incident(incident), Some(&signer)).make(&out).await?;
        Ok(std::fs::read(out).unwrap())
    }
}

fn sequences(files: &[(String, Vec<u8>)]) -> Vec<(u64, String)> {
    let read = |line: &str| {
        let (head, _) = super::super::line::read(line.as_bytes()).unwrap();
        (head.sequence, format!("{:?}", head.why))
    };
    text_of(files, RECORDS).lines().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_an_incident_has_its_records_and_papers_and_nothing_else_that_was_written_meanwhile() {
    let house = House::alarmed(None).await;
    let files = unpacked(&house.pack_of(&incident(None)).await.unwrap());
    let found = checked(&packed(&files), &house.key()).unwrap();
    let mut wanted = vec![(1, "Config".to_owned())];
    wanted.extend((2..=7).map(|number| (number, "Span".to_owned())));
    wanted.extend([9, 11].map(|number| (number, "Story".to_owned())));
    assert_eq!(sequences(&files), wanted);
    assert_eq!((found.facts.first, found.facts.last, found.facts.chosen, found.facts.records), (2, 7, 6, 9));
    assert_eq!(
        (found.facts.from.clone(), found.facts.to.clone()),
        (at(100).to_string(), at(101).plus(Duration::from_millis(1)).to_string())
    );
    assert_eq!(found.facts.incident, Some(incident(None).about));
    // The plan that was in force then, and not the config that came later.
    assert_eq!(text_of(&files, &plan_path(&hash_of(PLAN))), PLAN);
    assert_eq!(found.configs.len(), 1);
    for (path, paper) in papers(NUMBER) {
        assert_eq!(text_of(&files, &path).as_bytes(), paper);
    }
    assert!(text_of(&files, "accounts.json").contains("qian"), "who handled it is concerned");
    let text = told(&found);
    assert!(text.contains("incident   6; found by records 2 to 7, and 2 of what was done about it") && !text.contains("DRILL"), "{text}");
    assert!(text.contains("every record from 2 to 7, without a gap") && !text.contains("log ended"), "{text}");
    let page = text_of(&files, "summary.en.html");
    assert!(page.contains("<dt>Incident</dt><dd>6</dd>") && !page.contains("This was a drill"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_a_drill_says_so_everywhere_and_the_record_must_too() {
    let house = House::alarmed(Some(1)).await;
    let files = unpacked(&house.pack_of(&incident(Some(1))).await.unwrap());
    let text = told(&checked(&packed(&files), &house.key()).unwrap());
    assert!(text.contains("incident   6, which is a DRILL (begun with record 1): it never was"), "{text}");
    assert!(text_of(&files, "summary.zh-Hans.html").contains("此为演练"));
    let real = changed(&files, PACK, &house.signer(), |text| text.replace("\"drill\": 1", "\"drill\": null"));
    assert!(refused(&real, &house.key()).contains("is a drill"));
    let error = house.pack_of(&incident(Some(2))).await.unwrap_err();
    assert!(format!("{error:#}").contains("is a drill"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_who_has_the_logs_key_can_leave_out_what_was_done_or_put_in_what_belongs_to_another() {
    let house = House::alarmed(None).await;
    let (key, signer) = (house.key(), house.signer());
    let files = unpacked(&house.pack_of(&incident(None)).await.unwrap());
    assert!(checked(&resigned(&files, Some(&signer)), &key).is_ok());
    let with = |changes: &[(&str, Change<'_>)]| {
        let mut changed = files.clone();
        for (path, change) in changes {
            let place = files.iter().position(|(found, _)| found == path).unwrap();
            changed[place].1 = change(text_of(&files, path)).into_bytes();
            assert_ne!(changed[place].1, files[place].1, "{path}");
        }
        refused(&resigned(&changed, Some(&signer)), &key)
    };
    let without = |number: u64| {
        move |text: &str| {
            text.lines()
                .filter(|line| !line.contains(&format!("\"sequence\":{number},\"leaf\"")))
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        }
    };
    let counted = |from: u64, to: u64| move |text: &str| text.replacen(&format!("\"records\": {from},"), &format!("\"records\": {to},"), 1);
    // A record of the range, or of the story.
    assert!(with(&[(RECORDS, &without(5))]).contains("records 5 to 5 are missing"));
    assert!(with(&[(RECORDS, &without(11)), (PACK, &counted(9, 8))]).contains("what was done about the incident are missing"));
    // Its number, its ends, its span.
    let pack = |from: &str, to: &str| with(&[(PACK, &|text: &str| text.replacen(from, to, 1))]);
    assert!(pack("\"number\": 6", "\"number\": 5").contains("did not begin with that record"));
    assert!(pack("\"number\": 6", "\"number\": 9").contains("cannot be those of such an incident"));
    assert!(pack("\"first\": 2,\n    \"last\": 7,", "\"first\": 3,\n    \"last\": 7,").contains("cannot be those of such an incident"));
    let later = at(102).to_string();
    assert!(pack(&at(101).plus(Duration::from_millis(1)).to_string(), &later).contains("its span is not that"), "{}", pack("\"6\"", "6"));
    // What was written meanwhile, and what was done about another.
    let all = unpacked(&house.pack((0, 1_000), Filter::default()).await);
    for foreign in [10, 12] {
        let line = text_of(&all, RECORDS).lines().find(|line| line.contains(&format!("\"sequence\":{foreign},"))).unwrap();
        let line = line.replace("\"why\":\"span\"", "\"why\":\"story\"");
        let put = |text: &str| {
            let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"sequence\":11,")).collect();
            lines.push(&line);
            lines.iter().map(|line| format!("{line}\n")).collect::<String>()
        };
        let named = |text: &str| text.replacen("      11\n", &format!("      {foreign}\n"), 1);
        assert!(with(&[(RECORDS, &put), (PACK, &named)]).contains(&format!("record {foreign} is not what was asked for")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_paper_is_changed_left_out_or_of_another_incident() {
    let house = House::alarmed(None).await;
    let (key, signer) = (house.key(), house.signer());
    let files = unpacked(&house.pack_of(&incident(None)).await.unwrap());
    let review = review_path(FormLanguage::Chinese);
    let place = files.iter().position(|(path, _)| *path == review).unwrap();
    let mut changed_byte = files.clone();
    changed_byte[place].1[20] ^= 1;
    assert!(matches!(checked(&packed(&changed_byte), &key), Err(EvidenceError::Changed(path)) if path == review));
    for (from, to) in [("\"incident\": 6", "\"incident\": 7"), ("\"language\": \"zh\"", "\"language\": \"en\""), ("{", "[")] {
        let error = refused(&changed(&files, &review, &signer, |text| text.replacen(from, to, 1)), &key);
        assert!(error.contains(&format!("{review} is no paper of the incident")), "{error}");
    }
    let mut fewer = files.clone();
    fewer.remove(place);
    assert!(refused(&resigned(&fewer, Some(&signer)), &key).contains("lacks one"));
    let mut other = files.clone();
    other[place].0 = "incident/letter.zh.json".to_owned();
    other.sort_by(|(one, _), (other, _)| (one != MANIFEST, one != ROTATIONS, one).cmp(&(other != MANIFEST, other != ROTATIONS, other)));
    assert!(refused(&resigned(&other, Some(&signer)), &key).contains("letter"));
    // Papers in a pack of a span are nobody's.
    let mut span = unpacked(&house.pack((0, 1_000), Filter::default()).await);
    span.extend(papers(NUMBER));
    span.sort_by(|(one, _), (other, _)| (one != MANIFEST, one != ROTATIONS, one).cmp(&(other != MANIFEST, other != ROTATIONS, other)));
    assert!(refused(&resigned(&span, Some(&signer)), &key).contains("papers of an incident that it does not name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_has_dropped_of_an_incident_is_named_and_one_of_which_nothing_is_left_gives_no_pack() {
    let mut house = House::open().await;
    for _ in 0..300 {
        house.event(Event::done(Action::SignOut)).await;
    }
    house.event(Event::done(Action::TriggerFired)).await;
    house.event(Step::Acknowledged.event(302).by(who("qian"))).await;
    house.sealed().await;
    std::fs::remove_file(house.data.path().join("audit/tile/entries/000")).unwrap();
    let about = About { number: 302, drill: None, first: 250, last: 302, story: [303].into() };
    let found = checked(&house.pack_of(&Incident { about: about.clone(), papers: papers(302) }).await.unwrap(), &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last), (257, 302));
    assert!(told(&found).contains("records 250 to 256 of the incident were no longer there"), "{}", told(&found));
    let gone = About { number: 200, first: 190, last: 200, story: BTreeMap::<u64, ()>::new().into_keys().collect(), ..about };
    let error = house.pack_of(&Incident { about: gone, papers: papers(200) }).await.unwrap_err();
    assert!(error.to_string().contains("records 190 to 200") && error.to_string().contains("archive"), "{error}");
}
