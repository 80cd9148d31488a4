//! The forms of factors that only some people have: a USB-KEY with its password, and an app on a phone.

use http::{Method, StatusCode};
use url::Url;

use super::{Forger, portal};
use crate::city::City;
use crate::forms;
use crate::house::{House, PASSWORD};
use crate::usb_key::with_card;

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
}
