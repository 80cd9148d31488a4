//! Forms that another site made, or that carry another browser's token, at every address that takes a form.

mod factors;

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use url::Url;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;
use yumen::model::{AccountName, Role, Serial};

use crate::browser::{Browser, Reply};
use crate::city::City;
use crate::forms::Form;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor, sign_in};
use crate::own_tokens::{CODES, at_second_step};
use crate::people::of_class;
use crate::two_people::{OTHER_PASSWORD, link_on};

const FOREIGN: [&str; 6] =
    ["https://sites.city.test", "null", "", "https://gate.city.test.evil.test", "https://gate.city.test:444", "http://gate.city.test"];

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

/// Tries each form that a person is about to send in every forged way first. That her own then does what it is for shows that
/// nothing else was wrong with the forged ones, and that none of them was taken.
struct Forger {
    /// Of a stranger's browser, and of somebody else who is signed in.
    tokens: Vec<String>,
    tried: BTreeSet<String>,
}

impl Forger {
    async fn beside(house: &House) -> Self {
        let mut stranger = house.browser();
        let mut somebody = house.signed_in("forger", Role::Member).await;
        let tokens = vec![
            stranger.open(&portal("/sign-in")).await.form("sign-in").field("csrf").to_owned(),
            somebody.open(&portal("/")).await.form("sign-out").field("csrf").to_owned(),
            String::new(),
            "A".repeat(43),
        ];
        assert!(tokens.iter().take(2).all(|token| token.len() > 20), "{tokens:?}");
        Self { tokens, tried: BTreeSet::new() }
    }

    async fn submit(&mut self, browser: &mut Browser, page: &Reply, form: &Form) -> Reply {
        let url = page.url.join(&form.action).unwrap();
        self.tried.insert(url.path().to_owned());
        let cookies = browser.cookie_field(PORTAL);
        for origin in FOREIGN {
            let reply = browser.navigate(Method::POST, &url, Some((origin.to_owned(), form.encoded()))).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{url} from {origin:?}");
        }
        let fields = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        let reply = browser.send(Method::POST, &url, &fields, form.encoded()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{url} without an origin");
        for token in &self.tokens {
            let forged = form.clone().with("csrf", token);
            let reply = browser.navigate(Method::POST, &url, Some((portal(""), forged.encoded()))).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{url} with the token {token:?}");
        }
        let mut without = form.clone();
        without.fields.retain(|(name, _)| name != "csrf");
        let reply = browser.navigate(Method::POST, &url, Some((portal(""), without.encoded()))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{url} without a token");
        assert_eq!(browser.cookie_field(PORTAL), cookies, "{url} changed what the browser holds");
        browser.submit(page, form).await
    }

    /// The form of a page, by what it is called.
    async fn press(&mut self, browser: &mut Browser, page: &Reply, which: &str) -> Reply {
        self.submit(browser, page, &page.form(which)).await
    }

    async fn use_key(&mut self, browser: &mut Browser, page: &Reply) -> Reply {
        let form = browser.answer_key(page);
        self.submit(browser, page, &form).await
    }

    async fn enrol(&mut self, browser: &mut Browser, link: &str) {
        let (page, token) = link.split_once('#').unwrap();
        let page = browser.open(page).await;
        let page = self.submit(browser, &page, &page.form("enrol-open").with("token", token)).await;
        let form = page.form("enrol-password").with("password", PASSWORD).with("again", PASSWORD);
        let page = self.submit(browser, &page, &form).await;
        let page = self.use_key(browser, &page).await;
        let page = self.press(browser, &page, "enrol-finish").await;
        assert!(page.text().contains("to-sign-in"), "{}", page.text());
    }

    async fn sign_in(&mut self, browser: &mut Browser, name: &str) {
        let page = browser.open(&portal("/sign-in")).await;
        let page = self.submit(browser, &page, &page.form("sign-in").with("name", name).with("password", PASSWORD)).await;
        let page = self.use_key(browser, &page).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text());
    }

    async fn key_first(&mut self, browser: &mut Browser) {
        let page = browser.open(&portal("/sign-in")).await;
        let page = self.press(browser, &page, "key-first").await;
        let page = self.use_key(browser, &page).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text());
    }

    /// Adds a second key, and takes it away with a proof by the first.
    async fn change_keys(&mut self, browser: &mut Browser) {
        let page = browser.open(&portal("/keys")).await;
        let first = attributes(&page.text(), "data-key");
        let page = self.press(browser, &page, "key-add").await;
        let page = self.use_key(browser, &page).await;
        assert_eq!(page.url.path(), "/keys/register", "{}", page.text());
        let mut second: crate::browser::Key = Box::new(SoftPasskey::new(true));
        std::mem::swap(&mut browser.key, &mut second);
        let page = self.use_key(browser, &page).await;
        std::mem::swap(&mut browser.key, &mut second);
        let both = attributes(&page.text(), "data-key");
        let new = both.iter().find(|key| !first.contains(key)).unwrap_or_else(|| panic!("{}", page.text()));
        let form = page.form("/keys/remove").with("key", new);
        let page = self.submit(browser, &page, &form).await;
        let page = self.use_key(browser, &page).await;
        assert_eq!((both.len(), attributes(&page.text(), "data-key")), (2, first), "{}", page.text());
    }

    /// A code token at somebody's enrolment, and another among those of `wang`.
    async fn show_tokens(&mut self, house: &House, wang: &mut Browser) {
        house.stock().await;
        let link = house.invite("qian", Role::Member).await;
        house.issue("FT-1", "qian").await;
        let mut qian = house.browser();
        let page = at_second_step(&mut qian, &link).await;
        let page = self.submit(&mut qian, &page, &page.form("enrol-code").with("code", CODES[0])).await;
        self.press(&mut qian, &page, "enrol-finish").await;
        let page = qian.open(&portal("/keys")).await;
        let page = first_factor(&mut qian, &page, "qian", PASSWORD).await;
        let page = self.submit(&mut qian, &page, &page.form("code-form").with("code", CODES[1])).await;
        assert_eq!(page.url.path(), "/keys", "{}", page.text());
        house.clock.advance(std::time::Duration::from_secs(61));
        let page = qian.open(&format!("https://{SITES}/again")).await;
        let page = self.submit(&mut qian, &page, &page.form("code-form").with("code", CODES[2])).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/again"), "{}", page.text());
        let page = wang.open(&format!("https://{SITES}/again")).await;
        let page = self.use_key(wang, &page).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/again"), "{}", page.text());

        house.issue("FT-2", "wang").await;
        let page = wang.open(&portal("/keys")).await;
        let page = self.press(wang, &page, "/keys/activate").await;
        let page = self.use_key(wang, &page).await;
        let page = self.submit(wang, &page, &page.form("show-token").with("code", CODES[0])).await;
        assert_eq!(attributes(&page.text(), "data-state"), ["active"], "{}", page.text());
        let page = wang.open(&portal("/keys/astray?token=FT-2")).await;
        let form = page.form("astray").with("code", CODES[5]).with("next_code", CODES[6]);
        let page = self.submit(wang, &page, &form).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let page = self.submit(wang, &page, &page.form("/keys/lost").with("token", "FT-2")).await;
        assert!(page.text().contains("FT-2"), "{}", page.text());
    }

    /// Somebody is imported with a token, gets a letter, and opens it.
    async fn letter(&mut self, house: &House, admin: &mut Browser) {
        let page = admin.open(&portal("/console/tokens/import")).await;
        let form = page.form("import").with("seeds", "L1,3132333435363738393031323334353637383930\n").with("step", "import");
        admin.submit(&page, &form).await;
        let page = admin.open(&portal("/console/accounts/import")).await;
        let form = page.form("people-import").with("people", "name,unit,token\nmany,x,L1\n").with("step", "import");
        let page = self.submit(admin, &page, &form).await;
        let letters = self.submit(admin, &page, &page.form("letters").with("unit", "")).await;
        let code = of_class(&letters.text(), "code").remove(0);
        let mut many = house.browser();
        let page = many.open(&portal("/enrol/letter")).await;
        let page = self.submit(&mut many, &page, &page.form("enrol-letter").with("code", &code).with("serial", "L1")).await;
        assert_eq!(page.url.path(), "/enrol/password", "{}", page.text());
    }

    /// A unit's manager invites somebody, invites her again, and switches her off; returns who that was.
    async fn manage_unit(&mut self, li: &mut Browser) -> String {
        assert_eq!(sign_in(li, &portal("/unit"), "li").await.url.path(), "/unit");
        let page = li.open(&portal("/unit")).await;
        let page = self.submit(li, &page, &page.form("invite").with("name", "sun")).await;
        assert!(page.text().contains("invitation-link"), "{}", page.text());
        let unit = li.open(&portal("/unit?q=sun")).await;
        let sun = attributes(&unit.text(), "data-account").remove(0);
        let page = self.press(li, &unit, &format!("/unit/{sun}/invite")).await;
        assert!(page.text().contains("invitation-link"), "{}", page.text());
        let page = li.open(&portal(&format!("/unit/{sun}/disable"))).await;
        let page = self.press(li, &page, "confirm").await;
        assert!(page.text().contains("badge disabled"), "{}", page.text());
        sun
    }

    /// What the console does with an account of that state; each change shows on the page that answers.
    async fn change(&mut self, browser: &mut Browser, account: &str, change: &str, shows: &str) {
        let page = browser.open(&portal(&format!("/console/accounts/{account}/{change}"))).await;
        let form = match change {
            "disable" | "end-sessions" => page.form("confirm"),
            _ => page.form(&format!("/console/accounts/{account}/{change}")),
        };
        let page = self.submit(browser, &page, &form).await;
        assert!(page.status.is_success() && page.text().contains(shows), "{change}: {}", page.text());
    }

    /// A delivery of two tokens, and what the console does with them until they end.
    async fn inventory(&mut self, browser: &mut Browser, holder: &str, key: &str) {
        let page = browser.open(&portal("/console/tokens/import")).await;
        let seed = "3132333435363738393031323334353637383930";
        let form = page.form("import").with("seeds", &format!("F1,{seed}\n")).with("step", "import");
        let page = self.submit(browser, &page, &form).await;
        assert!(page.text().contains("data-token=\"F1\""), "{}", page.text());
        let changes = [("F1", "issue", "issued"), (key, "suspend", "suspended"), (key, "resume", "active"), (key, "revoke", "revoked")];
        for (serial, change, state) in changes.into_iter().chain([("F1", "lost", "lost")]) {
            let page = browser.open(&portal(&format!("/console/tokens/{serial}/{change}"))).await;
            let form = match change {
                "issue" => page.form("token-issue").with("account", holder),
                "resume" => page.form("token-resume"),
                _ => page.form("confirm"),
            };
            let page = self.submit(browser, &page, &form).await;
            assert!(page.text().contains(&format!("data-state=\"{state}\"")), "{change}: {}", page.text());
        }
    }

    /// Ways back for `hua`, by one alone and by two; an authority; and what is withdrawn and rejected.
    async fn changes_that_need_two(&mut self, house: &House, wang: &mut Browser) -> String {
        let mut hua = house.enrolled("hua", Role::Member).await;
        let her = house.id_of("hua").await;
        let link = link_on(&self.ask(wang, &her, "new-password").await);
        let page = self.open_link(&mut hua, &link).await;
        let page = self.use_key(&mut hua, &page).await;
        let form = page.form("recover-choose").with("password", OTHER_PASSWORD).with("again", OTHER_PASSWORD);
        let page = self.submit(&mut hua, &page, &form).await;
        assert!(page.text().contains("id=\"recover-done\""), "{}", page.text());

        let (desk, now) = (&house.gateway().house().desk, house.clock.now());
        let alone = house.signed_actor(wang);
        desk.import_seeds(&alone, b"R1,3132333435363738393031323334353637383930", None, false, now).await.unwrap();
        let (token, holder) = (Serial::parse("R1").unwrap(), AccountName::parse("hua").unwrap());
        desk.issue_token(&alone, &token, &holder, now).await.unwrap();
        let link = link_on(&self.ask(wang, &her, "new-token").await);
        let page = self.open_link(&mut hua, &link).await;
        let page = self.submit(&mut hua, &page, &page.form("recover-present").with("password", OTHER_PASSWORD)).await;
        let page = self.submit(&mut hua, &page, &page.form("recover-code").with("code", CODES[0])).await;
        assert!(page.text().contains("id=\"recover-done\""), "{}", page.text());

        desk.declare_trust(vec![("city CA".to_owned(), [7; 32])], now).await.unwrap();
        let page = wang.open(&portal("/console/changes")).await;
        let page = self.press(wang, &page, "/console/changes/trust").await;
        let page = self.press(wang, &page, "withdraw").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());

        let mut second = house.signed_in("second", Role::SecurityAdministrator).await;
        let page = self.ask(wang, &her, "new-token").await;
        let page = second.open(page.url.as_str().trim_end_matches("/propose")).await;
        let page = self.press(&mut second, &page, "reject").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let page = self.ask(wang, &her, "new-token").await;
        let page = second.open(page.url.as_str().trim_end_matches("/propose")).await;
        link_on(&self.use_key(&mut second, &page).await);
        her
    }

    async fn ask(&mut self, browser: &mut Browser, account: &str, change: &str) -> Reply {
        let page = browser.open(&portal(&format!("/console/accounts/{account}"))).await;
        let page = self.press(browser, &page, &format!("/console/accounts/{account}/{change}")).await;
        self.use_key(browser, &page).await
    }

    async fn open_link(&mut self, browser: &mut Browser, link: &str) -> Reply {
        let (page, token) = link.split_once('#').unwrap();
        let page = browser.open(page).await;
        self.submit(browser, &page, &page.form("enrol-open").with("token", token)).await
    }
}

/// What takes a proof of the last minute, whatever the factor.
const AGAIN: &str = "[[app.rule]]\nname = \"again\"\nroles = [\"member\", \"security-administrator\"]\npaths = [\"/again\"]\nfactor = \"any\"\nfresh = \"1m\"";

/// The values of all attributes of a name.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let mark = format!("{name}=\"");
    let values = html.split(&mark).skip(1);
    values.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_form_of_the_portal_needs_its_token_and_the_portals_exact_origin() {
    let top = "[sign_in]\nnameless_per_address_per_minute = 1000\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n";
    let city = City::new();
    let top = &city.config(&format!("{top}[labels.internal]\nphone_app = true"));
    let house = House::open_with(Changes { top, app: AGAIN, ..Changes::default() }).await;
    let mut forger = Forger::beside(&house).await;
    let link = house.invite("wang", Role::SecurityAdministrator).await;
    let mut wang = house.browser();
    forger.enrol(&mut wang, &link).await;
    forger.key_first(&mut wang).await;
    let page = wang.open(&portal("/")).await;
    let page = forger.press(&mut wang, &page, "sign-out").await;
    assert_eq!(page.url.path(), "/signed-out");
    forger.sign_in(&mut wang, "wang").await;

    let page = wang.open(&portal("/console/accounts")).await;
    let form = page.form("invite").with("name", "zhao").with("unit", "x").with("role", "member");
    let page = forger.submit(&mut wang, &page, &form).await;
    assert!(page.text().contains("invitation-link"), "{}", page.text());
    let mut li = house.signed_in("li", Role::Member).await;
    let accounts = wang.open(&portal("/console/accounts")).await.text();
    let id_of = |name: &str| {
        let row = accounts.split("data-account=\"").skip(1).find(|row| row.contains(&format!("<bdi>{name}</bdi>")));
        row.unwrap().split('"').next().unwrap().to_owned()
    };
    let (zhao, her) = (id_of("zhao"), id_of("li"));
    forger.change(&mut wang, &zhao, "invite", "invitation-link").await;
    forger.change(&mut wang, &her, "end-sessions", "data-state=\"active\"").await;
    assert_eq!(li.open(&portal("/keys")).await.url.path(), "/sign-in");
    assert_eq!(sign_in(&mut li, &portal("/keys"), "li").await.url.path(), "/keys");
    let page = wang.open(&portal("/console/sessions?q=li")).await;
    let sessions = attributes(&page.text(), "data-session");
    let page = wang.open(&portal(&format!("/console/sessions/end?session={}", sessions[0]))).await;
    forger.press(&mut wang, &page, "confirm").await;
    assert_eq!(li.open(&portal("/keys")).await.url.path(), "/sign-in");
    forger.change(&mut wang, &her, "appoint", "manages-unit").await;
    let sun = forger.manage_unit(&mut li).await;
    forger.change(&mut wang, &her, "dismiss", "account-appoint").await;
    forger.change(&mut wang, &her, "disable", "data-state=\"disabled\"").await;
    forger.change(&mut wang, &her, "enable", "data-state=\"active\"").await;

    let held = wang.open(&portal(&format!("/console/accounts/{her}"))).await;
    let key = attributes(&held.text(), "data-token").remove(0);
    forger.inventory(&mut wang, "li", &key).await;
    forger.letter(&house, &mut wang).await;

    let (link, ..) = house.asked_terminal().await;
    let page = wang.open(&link).await;
    let page = forger.use_key(&mut wang, &page).await;
    assert!(page.text().contains("terminal-allowed"), "{}", page.text());

    // Her other machine, with the same key, has a session that she ends from here.
    let mut other = house.browser();
    std::mem::swap(&mut wang.key, &mut other.key);
    assert_eq!(sign_in(&mut other, &portal("/keys"), "wang").await.url.path(), "/keys");
    std::mem::swap(&mut wang.key, &mut other.key);
    let page = wang.open(&portal("/sessions")).await;
    forger.press(&mut wang, &page, "/sessions/end").await;
    assert_eq!(other.open(&portal("/keys")).await.url.path(), "/sign-in");
    forger.change_keys(&mut wang).await;
    // Before anything has an office, so that she is the only one at first.
    let hers = forger.changes_that_need_two(&house, &mut wang).await;
    forger.show_tokens(&house, &mut wang).await;
    forger.other_factors(&house, &city).await;
    forger.proofs_by_usb_key(&house, &mut wang).await;
    forger.incidents(&house, &mut wang).await;
    let page = wang.open(&portal("/sessions")).await;
    let page = forger.press(&mut wang, &page, "sign-out-everywhere").await;
    assert_eq!(page.url.path(), "/signed-out");

    let routed = |path: &String| {
        if let Some((_, step)) = path.strip_prefix("/console/changes/").and_then(|rest| rest.split_once('/')) {
            return format!("/console/changes/{{id}}/{step}");
        }
        if let Some((_, step)) = path.strip_prefix("/console/incidents/").and_then(|rest| rest.split_once('/')) {
            return format!("/console/incidents/{{number}}/{step}");
        }
        let path = path.replace(&zhao, "{id}").replace(&her, "{id}").replace(&hers, "{id}").replace(&sun, "{id}");
        path.replace(&format!("/tokens/{key}/"), "/tokens/{serial}/").replace("/tokens/F1/", "/tokens/{serial}/")
    };
    let tried: BTreeSet<String> = forger.tried.iter().map(routed).collect();
    let mut expected: BTreeSet<String> = yumen::web::form_addresses().into_iter().map(str::to_owned).collect();
    assert!(expected.remove("/console/accounts/{id}/{change}"));
    expected.extend(
        ["invite", "enable", "disable", "end-sessions", "appoint", "dismiss", "new-token", "new-password"]
            .map(|change| format!("/console/accounts/{{id}}/{change}")),
    );
    assert!(expected.remove("/console/tokens/{serial}/{change}"));
    assert!(expected.remove("/unit/{id}/{change}"));
    expected.extend(["invite", "disable"].map(|change| format!("/unit/{{id}}/{change}")));
    let changes = ["issue", "suspend", "resume", "lost", "revoke"];
    expected.extend(changes.map(|change| format!("/console/tokens/{{serial}}/{change}")));
    assert!(expected.remove("/console/changes/{id}/{step}"));
    assert!(expected.remove("/console/changes/{id}/{step}/usb-key"));
    assert!(expected.remove("/console/incidents/{number}/{step}"));
    expected.extend(["assessed", "noted"].map(|step| format!("/console/incidents/{{number}}/{step}")));
    let steps = ["propose", "confirm", "withdraw", "reject", "propose/usb-key"];
    expected.extend(steps.map(|step| format!("/console/changes/{{id}}/{step}")));
    assert_eq!(tried, expected, "every address that takes a form is tried, and no other");
}

#[tokio::test]
async fn a_form_token_of_another_person_is_refused() {
    let house = House::open().await;
    let mut wang = house.signed_in("wang", Role::Member).await;
    let mut li = house.signed_in("li", Role::Member).await;
    let stolen = wang.open(&portal("/sessions")).await.form("sign-out-everywhere");
    let target = Url::parse(&portal("/sign-out/everywhere")).unwrap();
    let reply = li.navigate(Method::POST, &target, Some((portal(""), stolen.encoded()))).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert_eq!(li.open(&portal("/sessions")).await.url.path(), "/sessions");
}
