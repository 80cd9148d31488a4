//! The pages of incidents over a whole gateway: a duty officer handles one from its opening to its end, others see it, and nobody else does.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, Record, Role};

use crate::browser::{Browser, Reply};
use crate::house::{House, PORTAL};
use crate::plans::{PLAN, adopt};

const LIST: &str = "/console/incidents";

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

async fn open(browser: &mut Browser, path: &str) -> Reply {
    browser.open(&portal(path)).await
}

/// The example, with a change.
pub async fn put_plan_in_force(house: &House, change: impl FnOnce(&str) -> String) {
    adopt(house, &change(PLAN)).await.unwrap();
}

/// Presses the button of a form of this page.
async fn press(browser: &mut Browser, page: &Reply, form: &str, fields: &[(&str, &str)]) -> Reply {
    let form = fields.iter().fold(page.form(form), |form, (name, value)| form.with(name, value));
    browser.submit(page, &form).await
}

async fn post(browser: &mut Browser, page: &Reply, path: &str, fields: &[(&str, &str)]) -> StatusCode {
    let mut form = page.form("sign-out");
    for (name, value) in fields {
        form = form.with(name, value);
    }
    browser.navigate(Method::POST, &Url::parse(&portal(path)).unwrap(), Some((portal(""), form.encoded()))).await.status
}

#[tokio::test]
async fn a_duty_officer_opens_an_incident_confirms_its_level_and_closes_it_and_others_only_see_it() {
    let house = House::open().await;
    put_plan_in_force(&house, str::to_owned).await;
    // While the level holds, nobody enrols.
    let mut zhao = house.signed_in("auditor", Role::Auditor).await;
    let mut sun = house.signed_in("chief", Role::SystemAdministrator).await;
    let mut wang = house.signed_in("wang", Role::Member).await;
    // A member, who is on the duty list of the plan.
    let mut qian = house.signed_in("qian", Role::Member).await;
    house.signed_in("sun", Role::Member).await;
    assert!(open(&mut qian, "/").await.text().contains("<a id=\"to-console\" href=\"/console/incidents\""));
    let list = open(&mut qian, "/console").await;
    assert_eq!((list.status, list.url.path()), (StatusCode::OK, LIST));
    assert!(list.text().contains("id=\"no-incidents\""), "{}", list.text());

    let form = open(&mut qian, "/console/incidents/open").await;
    let asked = [("title", "门户首页\r\n 被改"), ("level", "III"), ("category", "content"), ("about", "app"), ("name", "nosuch")];
    let wrong = press(&mut qian, &form, "open", &asked).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("value=\"nosuch\"") && wrong.text().contains("<option value=\"III\" selected>"), "{}", wrong.text());
    let page = press(&mut qian, &wrong, "open", &[asked[0], asked[1], asked[2], asked[3], ("name", "sites")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let path = page.url.path().to_owned();
    let number: u64 = path.strip_prefix("/console/incidents/").unwrap().parse().unwrap();
    assert!(page.text().contains("门户首页 被改") && page.text().contains("id=\"alert\" class=\"alert done\""), "{}", page.text());

    // What an address claims is not told where it is not so.
    assert!(!open(&mut qian, &format!("{path}?done=closed")).await.text().contains("id=\"alert\""));
    let why = ("why", "看过日志，确属篡改");
    let wrong = press(&mut qian, &page, "assessed", &[("level", "II"), ("category", "content"), ("why", " ")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = press(&mut qian, &wrong, "assessed", &[("level", "II"), ("category", "content"), why]).await;
    assert!(page.text().contains("id=\"confirmed\"") && page.text().contains("Start the response of level II"), "{}", page.text());
    // Whoever sends a form of an older page is told, and nothing is lost.
    let late = press(&mut qian, &wrong, "assessed", &[("level", "I"), ("category", "content"), why]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = press(&mut qian, &page, "noted", &[("text", "已通知  新闻办")]).await;
    assert!(page.text().contains("已通知 新闻办"), "{}", page.text());
    let page = press(&mut qian, &page, &format!("{path}/task-done"), &[]).await;
    assert!(page.text().contains(&format!("action=\"{path}/task-open\"")), "{}", page.text());
    let page = press(&mut qian, &page, &format!("{path}/reported"), &[]).await;
    assert_eq!(page.text().matches("value=\"first\"").count(), 1, "it can be taken back, and not be sent twice: {}", page.text());
    assert!(page.text().contains(&format!("action=\"{path}/not-reported\"")), "{}", page.text());
    let nobody = press(&mut qian, &page, "handed-over", &[("account", "zhou")]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nobody.text().contains("This person cannot sign in") && nobody.text().contains("value=\"zhou\" selected"), "{}", nobody.text());
    let page = press(&mut qian, &page, "handed-over", &[("account", "sun")]).await;
    assert!(page.text().contains("(sun)"), "{}", page.text());

    for browser in [&mut zhao, &mut sun] {
        assert!(open(browser, LIST).await.text().contains("门户首页 被改"));
        let seen = open(browser, &path).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert!(!seen.text().contains(&format!("action=\"{path}/")), "{}", seen.text());
        assert_eq!(open(browser, "/console/incidents/open").await.status, StatusCode::FORBIDDEN);
        assert_eq!(post(browser, &seen, &format!("{path}/noted"), &[("text", "x")]).await, StatusCode::FORBIDDEN);
        assert_eq!(post(browser, &seen, "/console/incidents/open", &asked).await, StatusCode::FORBIDDEN);
    }
    for place in [LIST, path.as_str(), "/console/incidents/open"] {
        assert_eq!(open(&mut wang, place).await.status, StatusCode::FORBIDDEN, "{place}");
    }
    assert_eq!(open(&mut house.browser(), &path).await.url.path(), "/sign-in");
    assert_eq!(open(&mut qian, "/console/incidents/999999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(open(&mut qian, &format!("{path}/noted")).await.status, StatusCode::OK, "another language shows the incident");
    assert_eq!(post(&mut qian, &page, &format!("{path}/acted"), &[]).await, StatusCode::NOT_FOUND);
    // Without the token of her browser nothing is done.
    let forged = page.form("noted").with("text", "forged").with("csrf", "AAAA");
    assert_eq!(qian.submit(&page, &forged).await.status, StatusCode::FORBIDDEN);

    let mut page = page;
    for step in ["responding", "contained", "recovering", "closed"] {
        let fields: Vec<(&str, &str)> = (step == "closed").then_some(why).into_iter().collect();
        page = press(&mut qian, &page, step, &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{step}: {}", page.text());
    }
    assert!(page.text().contains(&format!("action=\"{path}/reviewed\"")), "{}", page.text());
    let log = house.close().await;
    let steps: Vec<String> = log
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Event(event) if event.details.get("incident").is_some_and(|of| *of == number.to_string()) => {
                // What the plan has done once is the gateway's.
                if event.who.is_none() {
                    assert_eq!(event.details["step"], "acted");
                    return None;
                }
                assert_eq!(event.who.as_ref().unwrap().name.as_str(), "qian");
                assert!(matches!(event.action, Action::IncidentLevel | Action::IncidentStep | Action::IncidentClosed));
                event.details.get("step").cloned()
            }
            _ => None,
        })
        .collect();
    let expected =
        ["assessed", "noted", "task-done", "reported", "handed-over", "responding", "contained", "recovering", "closed"].map(str::to_owned);
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn without_a_plan_staff_are_told_what_to_do_and_nobody_handles_anything() {
    let house = House::open().await;
    let mut sun = house.signed_in("sun", Role::SystemAdministrator).await;
    let page = open(&mut sun, "/console").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, LIST));
    assert!(page.text().contains("id=\"no-plan\"") && page.text().contains("[incident]"), "{}", page.text());
    let mut qian = house.signed_in("qian", Role::Member).await;
    assert_eq!(open(&mut qian, LIST).await.status, StatusCode::FORBIDDEN);
    assert_eq!(open(&mut qian, "/console").await.status, StatusCode::NOT_FOUND);
    house.close().await;
}
