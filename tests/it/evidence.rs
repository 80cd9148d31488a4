//! Packs of evidence from a whole gateway, made and checked by the program.

use std::path::Path;
use std::process::{Command, Output};

use http::Method;
use url::Url;
use yumen::incident::{Case, Category, Step};
use yumen::model::{Action, Level, Record, Role};

use crate::house::{House, LEDGER, PASSWORD, PORTAL, SITES};
use crate::incidents::{opened, spray, take, with_plan};

fn yumen(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yumen")).arg("audit").args(words).output().unwrap()
}

fn said(words: &[&str]) -> String {
    let ended = yumen(words);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

/// What records of these actions say under a name.
fn details(house: &House, actions: &[Action], name: &str) -> Vec<String> {
    let said = |record: &Record| match record {
        Record::Event(event) if actions.contains(&event.action) => event.details.get(name).cloned(),
        _ => None,
    };
    house.log().iter().filter_map(|entry| said(&entry.record)).collect()
}

/// Every byte in the files of a pack.
fn unpacked(pack: &Path) -> Vec<u8> {
    zstd::decode_all(std::fs::File::open(pack).unwrap()).unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_pack_of_a_gateway_that_runs_is_on_record_has_both_its_configs_and_no_secret_and_is_checked_with_the_key() {
    let mut house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    for host in [SITES, LEDGER] {
        browser.navigate(Method::GET, &Url::parse(&format!("https://{host}/%3Cscript%3E")).unwrap(), None).await;
    }
    let invitation = house.invite("li", Role::Member).await;
    house.disable("wang").await;
    house.reload(|text| format!("# another one\n{text}")).await.unwrap();
    let configs = details(&house, &[Action::Start, Action::ConfigReloaded], "config");
    assert_eq!(configs.len(), 2);
    let written = house.log().len() as u64;
    house.gateway().house().sealer.size().wait_for(|size| *size >= written).await.unwrap();

    let data = house.data.path().display().to_string();
    let (pack, filtered) = (house.data.path().join("one.tar.zst"), house.data.path().join("two.tar.zst"));
    let (out, second) = (pack.display().to_string(), filtered.display().to_string());
    let span = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--data", &data];
    let key = house.gateway().house().sealer.verifier_key();
    let told = said(&[&["evidence", "--out", &out][..], &span].concat());
    let told_hash = told.lines().find_map(|line| line.strip_prefix("SHA-256 ")).unwrap().to_owned();
    let checked = said(&["verify-evidence", &out, "--key", &key]);
    assert!(checked.contains("without a gap") && checked.contains("signature  right"), "{checked}");
    assert_eq!(checked.matches("its text is in the pack").count(), 2, "{checked}");
    // The span is not over.
    assert!(checked.contains("the log ended at") && checked.contains("before the end of the span"), "{checked}");
    assert!(!checked.contains("not sealed"), "{checked}");
    said(&[&["evidence", "--out", &second, "--account", "wang", "--app", "sites"][..], &span].concat());
    assert!(said(&["verify-evidence", &second, "--key", &key]).contains("cannot be proven"));

    // What was asked, and what came of it.
    let read = details(&house, &[Action::LogRead], "asked");
    assert_eq!(read.len(), 4, "{read:?}");
    assert!(read[0].starts_with("evidence from=2000-01-01") && read[2].contains("app=sites account=wang"), "{read:?}");
    assert!(read[1].contains(&format!("sha256={told_hash}")), "{read:?}");

    // Nothing that opens anything is in it.
    let bytes = unpacked(&pack);
    assert!(holds(&bytes, "another one") && holds(&bytes, "\"name\": \"wang\"") && configs.iter().all(|config| holds(&bytes, config)));
    let log_key = std::fs::read_to_string(house.data.path().join("log.key")).unwrap();
    let secret = log_key.trim().splitn(5, '+').last().unwrap();
    assert_eq!(secret.len(), 44, "the private half of {log_key:.20}…");
    for secret in [secret, PASSWORD, invitation.split('#').nth(1).unwrap(), "$argon2", "BEGIN PRIVATE KEY"] {
        assert!(!holds(&bytes, secret), "{secret}");
    }

    // Other answers.
    let code = |words: &[&str]| yumen(words).status.code();
    assert_eq!(code(&["verify-evidence", &out]), Some(3), "no key");
    let other = "gate.city.test/audit/x+00000000+AAAA";
    assert_eq!(code(&["verify-evidence", &out, "--key", other]), Some(1));
    assert_eq!(code(&[&["evidence", "--out", &out][..], &span].concat()), Some(1), "it is there already");
    let mut damaged = std::fs::read(&pack).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&pack, damaged).unwrap();
    let ended = yumen(&["verify-evidence", &out, "--key", &key]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("THE PACK IS NOT AS IT WAS MADE"));
    house.stop().await;
}

/// Each file of a pack by its name, read by others.
fn files(pack: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let tar = unpacked(pack);
    let mut archive = tar::Archive::new(tar.as_slice());
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&yumen::crypto::sha256(bytes))
}

/// The incident, once so many steps were taken.
async fn handled(house: &House, number: u64, steps: usize) -> Case {
    for _ in 0..2_400 {
        let case = house.gateway().house().desk.incidents().book().case(number).unwrap().clone();
        if case.story.iter().filter(|line| line.record > case.found_last).count() >= steps {
            return case;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{:#?}", house.gateway().house().desk.incidents().book().case(number));
}

#[tokio::test]
async fn a_pack_of_an_incident_has_exactly_its_records_the_plan_that_was_in_force_and_its_papers() {
    let mut house = with_plan().await;
    let mut qian = house.signed_in("qian", Role::Member).await;
    let terminal = house.terminal(&mut qian).await;
    let mut sun = house.signed_in("sun", Role::Member).await;
    let suns = house.terminal(&mut sun).await;
    // Whoever is to switch accounts off is there before the emergency is, in which nobody new comes.
    house.signed_in("wang", Role::Member).await;
    house.disable("wang").await;
    spray(&house).await;
    let number = opened(&house).await;
    let noted = |text: &str| Step::Noted { text: text.to_owned() };
    take(&house, &terminal, number, Step::Assessed { level: Level::III, category: Category::Attack, why: "x".to_owned() }).await;
    // What others do meanwhile is none of its records.
    house.disable("qian").await;
    take(&house, &suns, number, noted("y")).await;
    // The third is what the gateway itself does for the level.
    let case = handled(&house, number, 3).await;
    let story: Vec<u64> = case.story.iter().map(|line| line.record).filter(|record| *record > case.found_last).collect();
    assert_eq!((case.found_last, story.len()), (number, 3), "{case:#?}");
    let entries = house.log();
    let disabled = |entry: &&yumen::model::Entry| matches!(&entry.record, Record::Event(event) if event.action == Action::AccountDisabled);
    let meanwhile = entries.iter().rev().find(disabled).unwrap().sequence;
    assert!(meanwhile > number && story.last().is_some_and(|last| *last > meanwhile) && !story.contains(&meanwhile));

    let data = house.data.path().display().to_string();
    let pack = house.data.path().join("incident.tar.zst");
    let out = pack.display().to_string();
    let key = house.gateway().house().sealer.verifier_key();
    let number_told = number.to_string();
    said(&["evidence", "--incident", &number_told, "--out", &out, "--data", &data]);
    let checked = said(&["verify-evidence", &out, "--key", &key]);
    assert!(checked.contains(&format!("incident   {number}; found by records {} to {number}", case.first)), "{checked}");
    assert!(!checked.contains("DRILL") && checked.contains("without a gap"), "{checked}");
    let asked = details(&house, &[Action::LogRead], "asked");
    assert!(asked[0] == format!("evidence incident={number}") && asked[1].contains("evidence made sha256="), "{asked:?}");

    // Each record from the first that set it off to the one that opened it, its story, and before them what says which config and plan held.
    let files = files(&pack);
    let lines: Vec<serde_json::Value> = files["records.jsonl"]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let of = |why: &str| lines.iter().filter(|line| line["why"] == why).map(|line| line["sequence"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((of("span"), of("story")), ((case.first..=number).collect(), story.clone()));
    assert_eq!(lines.len(), of("span").len() + story.len() + of("config").len() + of("start").len());
    let [reloaded] = of("config")[..] else { panic!("{lines:#?}") };
    let reloaded = lines.iter().find(|line| line["sequence"] == reloaded).unwrap();
    let plan = reloaded["record"]["details"]["plan"].as_str().unwrap();
    let text = &files[&format!("plans/{plan}.toml")];
    assert_eq!((sha256(text).as_str(), text), (plan, &std::fs::read(house.data.path().join("plan.toml")).unwrap()));

    // Its papers, as it is now.
    for language in ["zh", "en"] {
        for paper in ["review", "report-first", "report-supplement", "report-situation", "report-summary"] {
            let paper: serde_json::Value = serde_json::from_slice(&files[&format!("incident/{paper}.{language}.json")]).unwrap();
            assert_eq!((paper["incident"].as_u64(), paper["language"].as_str()), (Some(number), Some(language)));
        }
    }
    let review: serde_json::Value = serde_json::from_slice(&files["incident/review.en.json"]).unwrap();
    assert!(review["story"].as_array().unwrap().iter().any(|line| line["record"].as_u64() == story.last().copied()), "{review:#}");

    // A byte of one of them is not changed unnoticed.
    let mut tar = unpacked(&pack);
    let paper = &files["incident/report-first.zh.json"];
    let place = tar.windows(paper.len()).position(|window| window == paper).unwrap();
    tar[place + paper.len() / 2] ^= 1;
    std::fs::write(&pack, zstd::encode_all(tar.as_slice(), 1).unwrap()).unwrap();
    let ended = yumen(&["verify-evidence", &out, "--key", &key]);
    let why = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.code() == Some(1) && why.contains("incident/") && why.contains("was changed"), "{why}");

    // Another question is refused, and nobody but a gateway that runs can answer this one.
    let other = house.data.path().join("other.tar.zst").display().to_string();
    let refused = |words: &[&str]| String::from_utf8(yumen(words).stderr).unwrap();
    assert!(refused(&["evidence", "--incident", "999999", "--out", &other, "--data", &data]).contains("no incident 999999"));
    assert!(refused(&["evidence", "--incident", &number_told, "--app", "sites", "--out", &other]).contains("cannot be used with"));
    house.stop().await;
    let alone = refused(&["evidence", "--incident", &number_told, "--out", &other, "--data", &data]);
    assert!(alone.contains("no gateway is running") && alone.contains("--from and --to"), "{alone}");
    assert!(!Path::new(&other).exists());
}

#[tokio::test]
async fn an_auditor_downloads_the_pack_of_an_incident_from_its_review_and_nobody_else_does() {
    let mut house = with_plan().await;
    let mut wei = house.signed_in("wei", Role::Auditor).await;
    let mut qian = house.signed_in("qian", Role::Member).await;
    spray(&house).await;
    let number = opened(&house).await;
    let review = format!("https://{PORTAL}/console/incidents/{number}/review");
    let address = format!("https://{PORTAL}/console/incidents/{number}/evidence.tar.zst");
    let before: std::collections::BTreeSet<_> = names(house.data.path());
    assert!(wei.open(&review).await.text().contains(&format!("href=\"/console/incidents/{number}/evidence.tar.zst\"")));
    let pack = wei.open(&address).await;
    assert_eq!((pack.status, pack.header("content-type")), (http::StatusCode::OK, "application/zstd"));
    assert_eq!(pack.header("content-disposition"), format!("attachment; filename=\"incident-{number}.tar.zst\""));
    assert_eq!(names(house.data.path()), before, "it has no name at the gateway");

    // It is the one that the command makes, and says for whom it was made.
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("pack.tar.zst");
    std::fs::write(&path, &pack.body).unwrap();
    let key = house.gateway().house().sealer.verifier_key();
    let checked = said(&["verify-evidence", &path.display().to_string(), "--key", &key]);
    assert!(
        checked.contains(&format!("incident   {number}; found by records")) && checked.contains(", for wei in the console"),
        "{checked}"
    );
    let review_in_it = &files(&path)["incident/review.zh.json"];
    assert_eq!(serde_json::from_slice::<serde_json::Value>(review_in_it).unwrap()["incident"].as_u64(), Some(number));
    assert_eq!(details(&house, &[Action::LogRead], "sha256"), [sha256(&pack.body)]);

    // It takes the only place for minutes: another site has none made, neither for a picture nor by sending her there.
    for site in ["same-site", "cross-site"] {
        let picture = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
        let sent = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let url = url::Url::parse(&address).unwrap();
        assert_eq!(wei.send(http::Method::GET, &url, &picture, "").await.status, http::StatusCode::FORBIDDEN, "{site}");
        let reply = wei.send(http::Method::GET, &url, &sent, "").await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (http::StatusCode::SEE_OTHER, review.strip_prefix(&format!("https://{PORTAL}")).unwrap())
        );
    }
    assert_eq!(details(&house, &[Action::LogRead], "sha256").len(), 1);

    // A duty officer sees the incident, and does not take records of the log away.
    assert!(!qian.open(&review).await.text().contains("evidence.tar.zst"));
    assert_eq!(qian.open(&address).await.status, http::StatusCode::FORBIDDEN);
    assert_eq!(wei.open(&address.replace(&number.to_string(), "999999")).await.status, http::StatusCode::NOT_FOUND);
    assert_eq!(details(&house, &[Action::LogRead], "sha256").len(), 1);
    // One after the other, as often as somebody asks.
    assert_eq!(wei.open(&address).await.status, http::StatusCode::OK);
    // One that cannot be made is told where it was asked for.
    let log_key = house.data.path().join("log.key");
    std::fs::rename(&log_key, house.data.path().join("elsewhere")).unwrap();
    let told = wei.open(&address).await;
    assert_eq!((told.status, told.url.query()), (http::StatusCode::OK, Some("pack=failed")));
    assert!(told.text().contains("id=\"alert\"") && told.text().contains(&format!("yumen audit evidence --incident {number}")));
    std::fs::rename(house.data.path().join("elsewhere"), &log_key).unwrap();
    assert_eq!(wei.open(&address).await.status, http::StatusCode::OK);
    house.stop().await;
}

fn names(directory: &Path) -> std::collections::BTreeSet<std::ffi::OsString> {
    // A round of its own writes it ten seconds after the start.
    let is_of_it = |name: &std::ffi::OsString| !name.to_string_lossy().starts_with("retention.json");
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).filter(is_of_it).collect()
}
