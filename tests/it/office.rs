//! What a test needs done by staff and is not about: an office with a security administrator, and terminals at the control socket.

use http::Method;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use url::Url;
use yumen::admin::{Actor, NewAccount};
use yumen::crypto::Token;
use yumen::gateway::{Ask, ControlAnswer, Message};
use yumen::model::{Account, AccountId, AccountName, AccountState, Host, Role, Serial, UnitName};

use crate::browser::{Browser, Reply};
use crate::house::{House, PORTAL, enrol, sign_in};

/// The desk of a security administrator whom no test is about.
pub struct Desk {
    browser: Browser,
    actor: Actor,
    terminal: Option<String>,
}

impl House {
    /// By the machine's owner, as long as he may.
    pub async fn invite_into(&self, unit: &str, name: &str, role: Role) -> String {
        let house = self.gateway().house();
        let (name, email) = (AccountName::parse(name).unwrap(), Some(format!("{name}@city.test")));
        let unit = UnitName::parse(unit).unwrap();
        if house.desk.has_security_administrator().await.unwrap() {
            return self.invited_past_the_desk(name, unit, role, email).await;
        }
        let new = NewAccount { name, unit, role, email };
        house.desk.invite(&Actor::Machine { uid: 0 }, new, house.clock.now()).await.unwrap().link
    }

    /// Without asking who may, and whether it takes two.
    async fn invited_past_the_desk(&self, name: AccountName, unit: UnitName, role: Role, email: Option<String>) -> String {
        let house = self.gateway().house();
        let now = house.clock.now();
        let account = Account { id: AccountId::fresh(), name, unit, role, email, state: AccountState::Invited, created: now };
        let token = Token::random().unwrap();
        house.store.invite(&account, token.hash(), now.plus(std::time::Duration::from_secs(900))).await.unwrap();
        format!("https://{PORTAL}/enrol#{}", token.reveal())
    }

    /// A token from the drawer, likewise.
    pub async fn issued_past_the_desk(&self, serial: &str, to: &str) {
        let (house, account) = (self.gateway().house(), self.account_of(to).await.id);
        let serial = Serial::parse(serial).unwrap();
        house.store.issue_token(&serial, account, house.clock.now()).await.unwrap();
    }

    pub async fn account_of(&self, name: &str) -> Account {
        let house = self.gateway().house();
        house.store.account_by_name(&AccountName::parse(name).unwrap()).await.unwrap().unwrap()
    }

    /// The security administrator of the office, at her desk.
    pub async fn office(&self) -> Actor {
        let mut office = self.office.lock().await;
        self.seated(&mut office).await.actor.clone()
    }

    /// Asks at the control socket, at a terminal that the office has allowed.
    pub async fn ask_as_office(&self, ask: Ask) -> ControlAnswer {
        let terminal = {
            let mut office = self.office.lock().await;
            let desk = self.seated(&mut office).await;
            match &desk.terminal {
                Some(terminal) => terminal.clone(),
                None => {
                    let terminal = self.terminal(&mut desk.browser).await;
                    desk.terminal.insert(terminal).clone()
                }
            }
        };
        self.ask(ask, Some(&terminal)).await
    }

    /// `yumen login` as a process, which the office allows; the login is kept in that directory.
    pub async fn log_in(&self, runtime: &std::path::Path) {
        let mut office = self.office.lock().await;
        self.log_in_as(&mut self.seated(&mut office).await.browser, "office", runtime).await;
    }

    /// The same, by a security administrator who is signed in.
    pub async fn log_in_as(&self, browser: &mut Browser, name: &str, runtime: &std::path::Path) {
        use std::io::{BufRead, BufReader};
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_yumen"));
        command.args(["login", "--link", "--data"]).arg(self.data.path()).env("XDG_RUNTIME_DIR", runtime);
        let mut login = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut link = String::new();
        BufReader::new(login.stdout.take().unwrap()).read_line(&mut link).unwrap();
        let page = browser.open(link.trim()).await;
        assert!(browser.use_key(&page).await.text().contains("terminal-allowed"));
        let ended = tokio::task::spawn_blocking(move || login.wait_with_output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success() && said.contains(&format!("acts for {name} (security-administrator)")), "{said}");
    }

    async fn seated<'o>(&self, office: &'o mut Option<Desk>) -> &'o mut Desk {
        if office.as_ref().is_none_or(|desk| desk.actor.person().is_none_or(|identity| identity.is_revoked())) {
            let mut browser = match office.take() {
                Some(desk) => desk.browser,
                None => self.newly_enrolled_office().await,
            };
            browser.address = self.address;
            browser.forget(PORTAL);
            let page = sign_in(&mut browser, &format!("https://{PORTAL}/"), "office").await;
            assert_eq!(page.status, 200, "{}", page.text());
            let actor = self.signed_actor(&browser);
            *office = Some(Desk { browser, actor, terminal: None });
        }
        office.as_mut().unwrap()
    }

    /// The person of a browser that is signed in.
    pub fn signed_actor(&self, browser: &Browser) -> Actor {
        let token = Token::parse(&browser.cookie(PORTAL, "__Host-yumen").unwrap()).unwrap();
        let (house, host) = (self.gateway().house(), Host::parse(PORTAL).unwrap());
        let identity = house.auth.sessions.lookup(&token, &host, house.clock.now()).unwrap();
        Actor::Staff { identity, address: self.address.ip() }
    }

    /// Past the desk, which might want another security administrator first.
    async fn newly_enrolled_office(&self) -> Browser {
        let (name, unit) = (AccountName::parse("office").unwrap(), UnitName::parse("信息中心").unwrap());
        let link = self.invited_past_the_desk(name, unit, Role::SecurityAdministrator, None).await;
        let mut browser = self.browser();
        enrol(&mut browser, &link).await;
        browser
    }

    /// What a verb at the machine sends and is answered.
    pub async fn ask(&self, ask: Ask, terminal: Option<&str>) -> ControlAnswer {
        let mut stream = UnixStream::connect(self.data.path().join("control.sock")).await.unwrap();
        let message = Message { ask, terminal: terminal.map(str::to_owned) };
        stream.write_all(format!("{}\n", serde_json::to_string(&message).unwrap()).as_bytes()).await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// `yumen login`, as far as the terminal goes by itself: the link, the code, and its secret.
    pub async fn asked_terminal(&self) -> (String, String, String) {
        match self.ask(Ask::Login, None).await {
            ControlAnswer::Login { link, code, terminal, .. } => (link, code, terminal),
            other => panic!("{other:?}"),
        }
    }

    /// A terminal that the person of this browser, who is signed in, has allowed.
    pub async fn terminal(&self, browser: &mut Browser) -> String {
        let (link, code, terminal) = self.asked_terminal().await;
        let page = browser.open(&link).await;
        assert!(page.text().contains(&code), "{}", page.text());
        let allowed = browser.use_key(&page).await;
        assert!(allowed.text().contains("terminal-allowed"), "{}", allowed.text());
        terminal
    }
}

/// A form of the portal, sent from a page that is open.
pub async fn post(browser: &mut Browser, page: &Reply, path: &str, fields: &[(&str, &str)]) -> Reply {
    let form = crate::forms::Form { action: path.to_owned(), ..page.form("sign-out") };
    let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
    let url = Url::parse(&format!("https://{PORTAL}{path}")).unwrap();
    browser.navigate(Method::POST, &url, Some((format!("https://{PORTAL}"), form.encoded()))).await
}
