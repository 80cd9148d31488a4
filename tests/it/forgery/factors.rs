//! The forms that only some people have: a USB-KEY with its password, an app on a phone, incidents of whoever is on duty.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::TokenId;

use super::{Forger, portal};
use crate::browser::{Browser, Reply};
use crate::city::City;
use crate::forms;
use crate::house::{House, PASSWORD};
use crate::incident_pages::put_plan_in_force;
use crate::two_people::link_on;
use crate::usb_key::{certificate, with_card};

impl Forger {
    /// Somebody signs in with a certificate that is one factor of two, and puts an app onto her phone.
    pub(super) async fn other_factors(&mut self, house: &House, city: &City) {
        let mut xu = with_card(house, "xu", &city.card("xu", 7)).await;
        let page = xu.open(&portal("/sign-in")).await;
        let page = self.press(&mut xu, &page, "usb-key").await;
        let link = Url::parse(&forms::link(&page.text(), "show-usb-key").unwrap()).unwrap();
        let shown = xu.navigate(Method::GET, &link, None).await;
        let page = xu.go_on(shown).await;
        let form = page.form("usb-key-password").with("password", PASSWORD);
        let page = self.submit(&mut xu, &page, &form).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text());

        let page = xu.open(&portal("/keys")).await;
        let page = self.press(&mut xu, &page, "phone-app").await;
        let page = self.use_key(&mut xu, &page).await;
        assert!(page.text().contains("id=\"phone-secret\""), "{}", page.text());
    }

    /// Wherever a fresh proof is asked for, from somebody who has a USB-KEY: her own tokens, a terminal, a change, and a forgotten password.
    pub(super) async fn proofs_by_usb_key(&mut self, house: &House, wang: &mut Browser) {
        let new = certificate(TokenId::fresh(), house.clock.now());
        let inner = house.gateway().house();
        assert!(inner.store.register_certificate(&new, house.account_of("wang").await.id, house.clock.now()).await.unwrap());

        let page = wang.open(&portal("/keys")).await;
        let page = self.press(wang, &page, "key-add").await;
        self.ask_for_card(wang, &page).await;
        let (link, ..) = house.asked_terminal().await;
        let page = wang.open(&link).await;
        self.ask_for_card(wang, &page).await;
        let her = house.id_of("xu").await;
        let page = wang.open(&portal(&format!("/console/accounts/{her}"))).await;
        let page = wang.submit(&page, &page.form(&format!("/console/accounts/{her}/new-password"))).await;
        self.ask_for_card(wang, &page).await;
        let page = wang.open(page.url.as_str()).await;
        let link = link_on(&wang.use_key(&page).await);
        let mut xu = house.browser();
        let page = self.open_link(&mut xu, &link).await;
        self.ask_for_card(&mut xu, &page).await;
    }

    /// On the duty list of a plan she opens an incident, confirms its level and notes something.
    pub(super) async fn incidents(&mut self, house: &House, wang: &mut Browser) {
        put_plan_in_force(house, |plan| plan.replace("account = \"qian\"", "account = \"wang\"")).await;
        let page = wang.open(&portal("/console/incidents/open")).await;
        let form = page.form("open").with("title", "x").with("level", "III").with("category", "attack");
        let page = self.submit(wang, &page, &form).await;
        let form = page.form("assessed").with("level", "IV").with("category", "attack").with("why", "x");
        let page = self.submit(wang, &page, &form).await;
        let form = page.form("noted").with("text", "she wrote it");
        let page = self.submit(wang, &page, &form).await;
        assert!(page.text().contains("she wrote it"), "{}", page.text());

        // Who may handle incidents may close what they are about.
        let page = wang.open(&portal("/console/lockdown/close?scope=app%3Asites&minutes=5")).await;
        let page = self.press(wang, &page, "confirm").await;
        let page = self.press(wang, &page, "/console/lockdown/extend").await;
        assert!(page.text().contains("lockdown-own"), "{}", page.text());
        let page = wang.open(&portal("/console/lockdown/lift?scope=app%3Asites")).await;
        let page = self.press(wang, &page, "confirm").await;
        assert!(page.text().contains("id=\"lockdown-none\""), "{}", page.text());
    }

    async fn ask_for_card(&mut self, browser: &mut Browser, page: &Reply) {
        let asked = self.press(browser, page, "usb-key").await;
        assert!(forms::link(&asked.text(), "show-usb-key").is_some(), "{}", asked.text());
    }
}
