//! Incidents in a gateway that runs: an alarm opens one, people on the duty list handle it, and the log says all of it.

use std::time::Duration;

use yumen::gateway::{Ask, ControlAnswer, IncidentFacts};
use yumen::incident::{Book, Category, Extent, FormLanguage, Opening, Report, Step, Subject};
use yumen::model::{AccountName, Action, Event, Level, LockdownScope, Record, Role, Stage};

use crate::house::{House, PORTAL, first_factor};
use crate::plans::{PLAN, adopt};

/// A gateway with the example's plan in force, by which three names from one address are an alarm.
pub async fn with_plan() -> House {
    let house = House::open().await;
    adopt(&house, &PLAN.replace("count = 8", "count = 3")).await.unwrap();
    house
}

pub async fn spray(house: &House) {
    for name in ["a", "b", "c"] {
        let mut browser = house.browser();
        // From elsewhere: an address is let try only so often.
        browser.from = Some([127, 0, 0, 9].into());
        let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
        first_factor(&mut browser, &page, name, "Winter2026!").await;
    }
}

fn book(house: &House) -> std::sync::Arc<Book> {
    house.gateway().house().desk.incidents().book()
}

/// The number of the incident that the alarm opened.
pub async fn opened(house: &House) -> u64 {
    for _ in 0..2_400 {
        if let Some(case) = book(house).cases().find(|case| case.triggers.contains_key("password-spraying")) {
            return case.number;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("no incident; the log has:\n{:#?}", house.log());
}

pub async fn take(house: &House, terminal: &str, number: u64, step: Step) -> String {
    match house.ask(Ask::TakeStep { number, step }, Some(terminal)).await {
        ControlAnswer::Done { message } => message,
        ControlAnswer::Refused { why } => why,
        answer => panic!("{answer:?}"),
    }
}

async fn shown(house: &House, number: u64) -> Box<IncidentFacts> {
    match house.ask(Ask::Incident { number }, None).await {
        ControlAnswer::Incident { incident } => incident,
        answer => panic!("{answer:?}"),
    }
}

fn why() -> String {
    "值班员已核实".to_owned()
}

#[tokio::test]
async fn an_alarm_opens_an_incident_that_people_on_the_duty_list_handle_to_its_end() {
    let mut house = with_plan().await;
    let mut qian = house.signed_in("qian", Role::Member).await;
    let terminal = house.terminal(&mut qian).await;
    spray(&house).await;
    let number = opened(&house).await;
    let facts = shown(&house, number).await;
    assert_eq!((facts.line.stage, facts.line.level, facts.line.confirmed), (Stage::Detected, Level::III, false));
    assert!(facts.line.handler.is_none() && facts.due.iter().any(|todo| todo.what == "first report" && todo.due.is_some()));

    let assess = || Step::Assessed { level: Level::III, category: Category::Attack, why: why() };
    let early = take(&house, &terminal, number, Step::Moved { to: Stage::Contained, why: why() }).await;
    assert!(early.ends_with("cannot go where it was sent, only to assessed or dismissed"), "{early}");
    for (step, stage) in [
        (assess(), Stage::Assessed),
        (Step::Noted { text: "已联系三个账号的本人".to_owned() }, Stage::Assessed),
        (Step::Moved { to: Stage::Responding, why: why() }, Stage::Responding),
        (Step::Moved { to: Stage::Contained, why: why() }, Stage::Contained),
        (Step::Moved { to: Stage::Recovering, why: why() }, Stage::Recovering),
    ] {
        let message = take(&house, &terminal, number, step).await;
        assert!(message.contains(&format!("incident {number} is {stage}, level III (confirmed)")), "{message}");
    }
    assert_eq!(book(&house).in_force().first().map(|held| (held.level, held.incident)), Some((Level::III, number)));

    // A new process knows the same, with and without what was kept; so does one that reads the whole log.
    // So that the book is kept, and a start has nothing to read about incidents.
    house.clock.advance(Duration::from_secs(60));
    take(&house, &terminal, number, Step::Noted { text: "仍在观察".to_owned() }).await;
    for _ in 0..2_400 {
        if house.data.path().join("incidents.json").exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let before = shown(&house, number).await;
    for kept in [true, false] {
        if !kept {
            let _ = std::fs::remove_file(house.data.path().join("incidents.json"));
        }
        house.restart().await;
        assert_eq!(opened(&house).await, number);
        until(&house, number, Stage::Recovering).await;
        assert_eq!(serde_json::to_value(&shown(&house, number).await.story).unwrap(), serde_json::to_value(&before.story).unwrap());
    }
    qian.address = house.address;
    let terminal = house.terminal(&mut qian).await;
    take(&house, &terminal, number, Step::Moved { to: Stage::Closed, why: why() }).await;
    assert!(book(&house).in_force().is_empty());
    assert!(take(&house, &terminal, number, assess()).await.contains("the incident is closed"));
    let told = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::IncidentClosed => Some(event.clone()),
        _ => None,
    });
    let told: Event = told.await;
    assert_eq!((told.details["incident"].as_str(), told.details["why"].as_str()), (number.to_string().as_str(), "值班员已核实"));
    assert_eq!(told.who.map(|who| who.name.to_string()), Some("qian".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn whatever_the_page_can_do_the_terminal_can_and_says_what_there_is_not() {
    let mut house = with_plan().await;
    let mut qian = house.signed_in("qian", Role::Member).await;
    let terminal = house.terminal(&mut qian).await;
    let open = async |subject: Subject| {
        let opening =
            Opening { title: "勒索信".to_owned(), level: Level::III, category: Category::MaliciousCode, subject: Some(subject) };
        match house.ask(Ask::OpenIncident { opening }, Some(&terminal)).await {
            ControlAnswer::Done { message } => message,
            ControlAnswer::Refused { why } => why,
            answer => panic!("{answer:?}"),
        }
    };
    assert_eq!(open(Subject::App("nowhere".to_owned())).await, "there is no app \"nowhere\"; there are: ledger, sites");
    let said = open(Subject::Address("2001:db8:1:2::3".parse().unwrap())).await;
    let number: u64 = said.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(said.contains(&format!("yumen incident assess {number}")), "{said}");
    assert_eq!(shown(&house, number).await.line.about, ["address:2001:db8:1::"], "as triggers count");

    let size = |accounts, people| Step::Extent(Extent { accounts, people, ..Extent::default() });
    for step in [size(Some(3), None), size(None, Some(40))] {
        take(&house, &terminal, number, step).await;
    }
    assert_eq!(shown(&house, number).await.extent, "accounts 3, people 40");
    let hand = |name: &str| Step::HandedTo { account: AccountName::parse(name).unwrap() };
    assert_eq!(
        take(&house, &terminal, number, hand("wang")).await,
        "\"wang\" is not on the duty list of the plan; these are: li, qian, sun, zhao, zhou"
    );
    let nobody = take(&house, &terminal, number, hand("zhao")).await;
    assert!(nobody.contains("zhao cannot sign in") && nobody.contains("nothing was handed over"), "{nobody}");
    house.signed_in("zhao", Role::SystemAdministrator).await;
    take(&house, &terminal, number, hand("zhao")).await;
    let task = |task: String| Step::Task { task, done: true };
    assert!(take(&house, &terminal, number, task("x".to_owned())).await.contains("`yumen incident show"));
    let facts = shown(&house, number).await;
    let first = facts.due.iter().find(|todo| todo.number == Some(1)).unwrap();
    let (first, what) = (first.task.clone().unwrap(), first.what.clone());
    let said = take(&house, &terminal, number, task("1".to_owned())).await;
    assert!(said.starts_with(&format!("the task \"{what}\" is ticked off; incident {number} is detected")), "{said}");
    let lines = shown(&house, number).await.story.len();
    for name in ["1", &first] {
        let again = take(&house, &terminal, number, task(name.to_owned())).await;
        assert!(again.contains(&what) && again.contains("ticked off already by qian"), "{again}");
    }
    let nothing = take(&house, &terminal, number, Step::Extent(Extent::default())).await;
    assert!(nothing.contains("--accounts"), "{nothing}");
    let facts = shown(&house, number).await;
    assert_eq!(facts.story.len(), lines, "none of these is on record");
    assert_eq!(facts.story.last().unwrap().what, format!("task-done \"{what}\""));
    assert!(facts.due.last().unwrap().done.is_some(), "what is done comes last");
    let due: Vec<_> = facts.due.iter().filter_map(|todo| todo.due.clone().filter(|_| todo.done.is_none())).collect();
    assert!(due.len() > 1 && due.is_sorted(), "{due:?}");
    let sent = |report, to: &str| Step::Reported { report, to: to.to_owned() };
    assert_eq!(take(&house, &terminal, number, sent(Report::Situation, "")).await, "the plan asks for no situation report");
    let wrong = take(&house, &terminal, number, sent(Report::First, "the mayor")).await;
    assert_eq!(wrong, "say with --to to whom it was sent: \"自治区党委网信办\" (in English \"The region's cyberspace administration\")");
    take(&house, &terminal, number, sent(Report::First, "")).await;
    let facts = shown(&house, number).await;
    let done: Vec<&str> = facts.due.iter().filter(|todo| todo.done.is_some()).map(|todo| todo.what.as_str()).collect();
    assert!(facts.due.iter().any(|todo| todo.task.as_ref() == Some(&first) && todo.done.is_some()), "{done:?}");
    assert!(done.contains(&"first report"), "{done:?}");
    assert_eq!(facts.line.handler.as_deref(), Some("zhao"));
    house.stop().await;
}

async fn until(house: &House, number: u64, stage: Stage) {
    for _ in 0..2_400 {
        if book(house).case(number).is_some_and(|case| case.stage == stage) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{:#?}", book(house).case(number));
}

#[tokio::test]
async fn whoever_is_not_on_the_duty_list_takes_no_step_and_two_at_once_take_theirs_one_after_the_other() {
    let mut house = with_plan().await;
    let mut terminals = Vec::new();
    for name in ["qian", "sun"] {
        let mut browser = house.signed_in(name, Role::Member).await;
        terminals.push(house.terminal(&mut browser).await);
    }
    let mut auditor = house.signed_in("wei", Role::Auditor).await;
    let auditor = house.terminal(&mut auditor).await;
    spray(&house).await;
    let number = opened(&house).await;
    assert_eq!(take(&house, &auditor, number, Step::Acknowledged).await, "this account may not do that");
    assert!(
        matches!(house.ask(Ask::Incidents { all: false }, Some(&auditor)).await, ControlAnswer::Incidents { incidents } if incidents.len() == 1)
    );
    let dismiss = Step::Moved { to: Stage::Dismissed, why: why() };
    let assess = Step::Assessed { level: Level::I, category: Category::Attack, why: why() };
    let (one, other) = tokio::join!(take(&house, &terminals[0], number, dismiss), take(&house, &terminals[1], number, assess));
    let done = |message: &String| message.contains(&format!("; incident {number} is "));
    // An incident that was assessed may be dismissed; one that was dismissed is not assessed.
    let case = book(&house).case(number).unwrap().clone();
    assert_eq!(case.stage, Stage::Dismissed, "{one} {other}");
    assert!(done(&one) && (done(&other) || other.contains("the incident is dismissed")), "{one} {other}");
    assert!(book(&house).in_force().is_empty());
    // A plan without her ends her part at once.
    let plan = PLAN.replace("account = \"qian\"", "account = \"wu\"");
    adopt(&house, &plan).await.unwrap();
    assert_eq!(take(&house, &terminals[0], number, Step::Noted { text: why() }).await, "this account may not do that");
    house.stop().await;
}

#[tokio::test]
async fn reports_and_the_review_of_an_incident_are_for_those_who_may_see_it_and_name_the_records_that_are_kept() {
    let mut house = with_plan().await;
    let mut qian = house.signed_in("qian", Role::Member).await;
    let mut wang = house.signed_in("wang", Role::Member).await;
    spray(&house).await;
    let number = opened(&house).await;
    let at = |rest: &str| format!("https://{PORTAL}/console/incidents/{number}/{rest}");
    for (_, report) in Report::WORDS {
        let page = qian.open(&at(&format!("report/{}?language=zh", report.word()))).await;
        assert_eq!(page.status, http::StatusCode::OK, "{report:?}");
        assert!(
            page.text().contains(FormLanguage::Chinese.report(report))
                && page.text().contains(&format!("yumen audit evidence --incident {number} --out")),
            "{}",
            page.text()
        );
        assert!(!page.text().contains("Winter2026!"));
    }
    let json = qian.open(&at("report/first.json?language=en")).await;
    let json: serde_json::Value = serde_json::from_str(&json.text()).unwrap();
    assert_eq!((json["incident"].as_u64(), json["report"].as_str(), json["language"].as_str()), (Some(number), Some("first"), Some("en")));
    let review = qian.open(&at("review?language=en")).await;
    assert!(review.status == http::StatusCode::OK && review.text().contains("password-spraying"), "{}", review.text());
    for path in ["report/first", "report/first.json", "review"] {
        assert_eq!(wang.open(&at(path)).await.status, http::StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(qian.open(&at("report/other")).await.status, http::StatusCode::NOT_FOUND);
    assert_eq!(qian.open(&format!("https://{PORTAL}/console/incidents/999999/review")).await.status, http::StatusCode::NOT_FOUND);
    let ask = Ask::IncidentReport { number, report: Report::First, language: FormLanguage::English };
    let ControlAnswer::IncidentReport { report } = house.ask(ask, None).await else { panic!("a report") };
    assert!(report.due.len() == 1 && report.sent.is_empty() && !report.is_late());
    let ControlAnswer::IncidentReview { review } = house.ask(Ask::IncidentReview { number, language: FormLanguage::English }, None).await
    else {
        panic!("a review")
    };
    assert_eq!(review.incident, number);
    house.stop().await;
}

#[tokio::test]
async fn what_is_closed_while_an_incident_is_handled_stands_in_its_story() {
    let mut house = with_plan().await;
    let mut browser = house.signed_in("qian", Role::Member).await;
    let terminal = house.terminal(&mut browser).await;
    spray(&house).await;
    let number = opened(&house).await;
    take(&house, &terminal, number, Step::Assessed { level: Level::IV, category: Category::Attack, why: why() }).await;
    let scope = LockdownScope::parse("app:sites").unwrap();
    let closing = [Ask::LockDown { scope: scope.clone(), minutes: 5, why: String::new() }, Ask::LiftLockdown { scope }];
    for (at, ask) in closing.into_iter().enumerate() {
        assert!(matches!(house.ask(ask, Some(&terminal)).await, ControlAnswer::Done { .. }));
        let mut told = Vec::new();
        for _ in 0..2_400 {
            told = shown(&house, number).await.story.into_iter().map(|line| line.what).filter(|what| what.starts_with("the app")).collect();
            if told.len() > at {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let all = ["the app sites closed", "the app sites opened again"];
        assert_eq!(told, all[..=at]);
    }
    house.stop().await;
}
