//! Unit managers: members who invite and switch off the members of their own unit, and do nothing else.

use http::StatusCode;
use yumen::model::{AccountState, Action, Record, Role};

use crate::browser::Browser;
use crate::house::{House, PASSWORD, PORTAL, enrol, first_factor, sign_in};
use crate::office::post;

async fn open(browser: &mut Browser, path: &str) -> crate::browser::Reply {
    browser.open(&format!("https://{PORTAL}{path}")).await
}

/// Somebody who is signed in and manages her unit.
async fn manager(house: &House, unit: &str, name: &str) -> Browser {
    let mut browser = house.browser();
    enrol(&mut browser, &house.invite_into(unit, name, Role::Member).await).await;
    let (office, id) = (house.office().await, house.account_of(name).await.id);
    house.gateway().house().desk.appoint_manager(&office, id, true).await.unwrap();
    sign_in(&mut browser, &format!("https://{PORTAL}/"), name).await;
    browser
}

#[tokio::test]
async fn a_unit_manager_sees_her_members_and_nobody_of_staff_or_of_another_unit() {
    let house = House::open().await;
    let mut li = manager(&house, "Press", "li").await;
    for (unit, name, role) in [("Press", "wang", Role::Member), ("Press", "zhao", Role::Auditor), ("Archive", "sun", Role::Member)] {
        house.invite_into(unit, name, role).await;
    }
    let page = open(&mut li, "/unit").await;
    let text = page.text();
    assert!(text.contains("data-name=\"wang\"") && text.contains("data-name=\"li\""), "{text}");
    assert!(!text.contains("zhao") && !text.contains("sun") && !text.contains("office"), "{text}");
    assert!(text.contains("href=\"/unit\"") && !text.contains("/console/"), "{text}");
    for path in ["/console/accounts", "/console/units", "/console/sessions", "/console/tokens", "/terminal"] {
        assert_eq!(open(&mut li, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for name in ["zhao", "sun", "office"] {
        let id = house.account_of(name).await.id;
        assert_eq!(open(&mut li, &format!("/unit/{id}/disable")).await.status, StatusCode::NOT_FOUND, "{name}");
        for change in ["disable", "invite"] {
            let reply = post(&mut li, &page, &format!("/unit/{id}/{change}"), &[]).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{name} {change}");
        }
        assert_ne!(house.state_of(name).await, AccountState::Disabled, "{name}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_unit_manager_invites_plain_members_into_her_unit_and_switches_them_off_but_not_on() {
    let house = House::open().await;
    let mut li = manager(&house, "Press", "li").await;
    house.invite_into("Archive", "sun", Role::Member).await;
    let page = open(&mut li, "/unit").await;
    let sent = [("name", "wang"), ("unit", "Archive"), ("role", "security-administrator")];
    let reply = post(&mut li, &page, "/unit/invite", &sent).await;
    assert!(reply.text().contains("invitation-link"), "{}", reply.text());
    let wang = house.account_of("wang").await;
    assert_eq!((wang.role, wang.unit.as_str()), (Role::Member, "Press"), "whatever the form said");
    // An invitation of another unit is not hers to renew.
    let reply = post(&mut li, &page, "/unit/invite", &[("name", "sun")]).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.account_of("sun").await.unit.as_str(), "Archive");
    let reply = post(&mut li, &page, &format!("/unit/{}/disable", wang.id), &[]).await;
    assert!(reply.text().contains("badge disabled"), "{}", reply.text());
    assert_eq!(house.state_of("wang").await, AccountState::Disabled);
    let reply = post(&mut li, &page, &format!("/unit/{}/enable", wang.id), &[]).await;
    assert_eq!((reply.status, house.state_of("wang").await), (StatusCode::NOT_FOUND, AccountState::Disabled));
    let own = house.account_of("li").await.id;
    post(&mut li, &page, &format!("/unit/{own}/disable"), &[]).await;
    assert_eq!(house.state_of("li").await, AccountState::Active);
    let log = house.close().await;
    let who = log.iter().find_map(|entry| match &entry.record {
        Record::Event(event) if event.action == Action::AccountDisabled => event.who.clone(),
        _ => None,
    });
    assert_eq!(who.unwrap().name.as_str(), "li");
}

#[tokio::test]
async fn a_unit_manager_gives_herself_no_name_of_the_emergency_plan_neither_before_nor_after_it_is_in_force() {
    let house = House::open().await;
    let mut li = manager(&house, "Press", "clerk").await;
    let page = open(&mut li, "/unit").await;
    let early = post(&mut li, &page, "/unit/invite", &[("name", "zhou")]).await.text();
    let link = early.split_once("/enrol#").unwrap().1.split(['"', '<', ' ']).next().unwrap().to_owned();
    crate::incident_pages::put_plan_in_force(&house, str::to_owned).await;
    let opened = house.gateway().house().store.invitation(yumen::crypto::Token::parse(&link).unwrap().hash(), house.clock.now()).await;
    assert_eq!(opened.unwrap(), None, "the link that she has opens nothing");
    let id = house.account_of("zhou").await.id;
    for path in ["/unit/invite".to_owned(), format!("/unit/{id}/invite")] {
        let reply = post(&mut li, &page, &path, &[("name", "zhou")]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let text = reply.text();
        assert!(!text.contains("invitation-link") && text.contains("Ask a security administrator."), "{text}");
    }
    assert_eq!(house.state_of("zhou").await, AccountState::Invited);
    house.close().await;
}

#[tokio::test]
async fn managing_a_unit_begins_and_ends_at_once_and_never_with_staff() {
    let house = House::open().await;
    let mut li = manager(&house, "Press", "li").await;
    let mut other = manager(&house, "Press", "qian").await;
    let (office, desk) = (house.office().await, &house.gateway().house().desk);
    let page = open(&mut li, "/unit").await;
    let reply = post(&mut li, &page, &format!("/unit/{}/disable", house.account_of("qian").await.id), &[]).await;
    assert_eq!((reply.status, house.state_of("qian").await), (StatusCode::NOT_FOUND, AccountState::Active), "nor another manager");
    desk.appoint_manager(&office, house.account_of("li").await.id, false).await.unwrap();
    assert_eq!(open(&mut li, "/unit").await.status, StatusCode::FORBIDDEN);
    assert_eq!(post(&mut li, &page, "/unit/invite", &[("name", "wang")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(open(&mut other, "/unit").await.status, StatusCode::OK);
    house.enrolled("zhao", Role::Auditor).await;
    let staff = house.account_of("zhao").await.id;
    assert!(desk.appoint_manager(&office, staff, true).await.is_err());
    assert!(!desk.manages_unit(staff));
    house.close().await;
}

#[tokio::test]
async fn a_manager_who_signed_in_by_code_manages_nothing() {
    let house = House::open().await;
    house.stock().await;
    drop(manager(&house, "Press", "li").await);
    house.issue("FT-1", "li").await;
    let id = house.account_of("li").await.id;
    house.show_first_code(id).await;
    let mut browser = house.browser();
    let page = open(&mut browser, "/").await;
    let page = first_factor(&mut browser, &page, "li", PASSWORD).await;
    let form = page.form("code-form").with("code", crate::own_tokens::CODES[1]);
    assert_eq!(browser.submit(&page, &form).await.status, StatusCode::OK);
    assert_eq!(open(&mut browser, "/unit").await.status, StatusCode::FORBIDDEN);
    house.close().await;
}

#[tokio::test]
async fn the_consoles_own_address_leads_staff_to_the_accounts_and_is_none_for_others() {
    let house = House::open().await;
    let mut li = house.signed_in("li", Role::Member).await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    assert_eq!(open(&mut li, "/console").await.status, StatusCode::NOT_FOUND);
    let page = open(&mut shen, "/console").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/console/accounts"));
    assert!(open(&mut li, "/unit").await.text().contains("manages a unit"), "whose page it is");
}
