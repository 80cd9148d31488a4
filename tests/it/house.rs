//! A whole gateway for one test, with people who have enrolled through its pages.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use url::Url;
use yumen::admin::When;
use yumen::audit::{Filter, Tail};
use yumen::clock::{Clock, Time};
use yumen::config::{self, Settings};
use yumen::gateway::{Gateway, Options, StartError};
use yumen::model::{AccountState, Entry, Record, Role};

use crate::browser::{Browser, Reply};
use crate::office::Desk;
use crate::upstream::{Forbidden, Upstream};

pub const PORTAL: &str = "gate.city.test";
pub const SITES: &str = "sites.city.test";
/// An app that only auditors may enter.
pub const LEDGER: &str = "ledger.city.test";
/// Where USB-KEYs are shown, in houses that take them.
pub const KEY: &str = "key.city.test";
pub const PASSWORD: &str = "quiet river, seven herons";

pub struct House {
    gateway: Option<Gateway>,
    pub address: SocketAddr,
    pub upstream: Upstream,
    /// Behind the app that nobody here may enter; in a house that refuses, behind every app.
    forbidden: Forbidden,
    pub data: TempDir,
    pub tls: Arc<rustls::ClientConfig>,
    /// Of its hosts' certificates.
    pub authority: rustls::pki_types::CertificateDer<'static>,
    config: Arc<std::sync::Mutex<String>>,
    /// The gateway's clock, which stands still until a test moves it.
    pub clock: Clock,
    /// Empty until something is to be done there.
    pub office: tokio::sync::Mutex<Option<Desk>>,
}

/// What a test changes in the config.
#[derive(Default)]
pub struct Changes<'a> {
    /// Where to listen; empty: 127.0.0.1.
    pub listen: &'a str,
    /// Lines at the top.
    pub top: &'a str,
    /// Lines of the app that members may enter.
    pub app: &'a str,
    /// Lines of its rule; empty: all that members ask.
    pub rule: &'a str,
    /// Lines of the table of monitoring; empty: any free port of 127.0.0.1.
    pub monitoring: &'a str,
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(Changes::default()).await
    }

    /// A house in which every request to an app is to be refused: whoever reaches a back office fails the test.
    pub async fn refusing() -> Self {
        Self::refusing_with(Changes::default()).await
    }

    pub async fn refusing_with(changes: Changes<'_>) -> Self {
        let (upstream, forbidden) = (Upstream::recording().await, Forbidden::start());
        let behind = forbidden.address;
        Self::between(&changes, behind, upstream, forbidden).await
    }

    pub async fn open_with(changes: Changes<'_>) -> Self {
        let (upstream, forbidden) = (Upstream::recording().await, Forbidden::start());
        let behind = upstream.address;
        Self::between(&changes, behind, upstream, forbidden).await
    }

    async fn between(changes: &Changes<'_>, behind: SocketAddr, upstream: Upstream, forbidden: Forbidden) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (tls, authority) = certificates_of(data.path());
        let config = Arc::new(std::sync::Mutex::new(config_text(changes, behind, forbidden.address)));
        let base = data.path().to_owned();
        let text = config.clone();
        let read = move || {
            config::parse(&text.lock().unwrap(), "test.toml", &base)
                .and_then(Settings::with_plan)
                .map_err(|problems| problems.render(false))
        };
        let settings = read().unwrap_or_else(|problems| panic!("{problems}"));
        let clock = Clock::manual(by_day(Clock::machine().wall()));
        let options = Options {
            clock: Some(clock.clone()),
            reload: Some(Arc::new(read)),
            packs: Some(yumen::cli::pack_maker()),
            ..Options::default()
        };
        // The gateway has runtimes of its own, which must not be made or dropped inside another.
        let gateway = tokio::task::spawn_blocking(|| {
            let lock = yumen::gateway::lock(&settings.data).unwrap();
            Gateway::start(settings, lock, options)
        })
        .await
        .unwrap()
        .unwrap();
        let address = gateway.addresses()[0];
        Self {
            gateway: Some(gateway),
            address,
            upstream,
            forbidden,
            data,
            tls,
            authority,
            config,
            clock,
            office: tokio::sync::Mutex::default(),
        }
    }

    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// Changes the config file and has it read again, on the gateway's own runtime, as its control socket does.
    pub async fn reload(&self, change: impl FnOnce(&str) -> String) -> Result<String, String> {
        {
            let mut text = self.config.lock().unwrap();
            *text = change(&text);
        }
        let (house, reloader) = (self.gateway().house().clone(), self.gateway().reloader().clone());
        let back = house.back.clone();
        back.spawn(async move { reloader.reload(&house, None).await }).await.unwrap().map(|reloaded| reloaded.to_string())
    }

    /// By the gateway's clock.
    pub fn when(&self) -> When {
        When { now: self.clock.now(), wall: self.clock.wall() }
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.address, self.tls.clone())
    }

    pub async fn invite(&self, name: &str, role: Role) -> String {
        self.invite_into("信息中心", name, role).await
    }

    pub async fn disable(&self, name: &str) {
        let (office, account) = (self.office().await, self.account_of(name).await);
        self.gateway().house().desk.disable(&office, account.id).await.unwrap();
    }

    pub async fn state_of(&self, name: &str) -> AccountState {
        self.account_of(name).await.state
    }

    /// A browser whose person has enrolled and is not signed in.
    pub async fn enrolled(&self, name: &str, role: Role) -> Browser {
        let link = self.invite(name, role).await;
        let mut browser = self.browser();
        enrol(&mut browser, &link).await;
        browser
    }

    /// A browser whose person is signed in at the portal.
    pub async fn signed_in(&self, name: &str, role: Role) -> Browser {
        let mut browser = self.enrolled(name, role).await;
        let page = sign_in(&mut browser, &format!("https://{PORTAL}/"), name).await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }

    /// A browser whose person has a session on the app's host too.
    pub async fn in_the_app(&self, name: &str) -> Browser {
        let mut browser = self.signed_in(name, Role::Member).await;
        let page = browser.open(&format!("https://{SITES}/")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }

    /// The same, but nothing was asked of the app yet: she only has its session.
    pub async fn at_the_app(&self, name: &str) -> Browser {
        let mut browser = self.signed_in(name, Role::Member).await;
        let mut url = Url::parse(&format!("https://{SITES}/")).unwrap();
        for _ in 0..2 {
            let reply = browser.navigate(Method::GET, &url, None).await;
            url = Url::parse(reply.header("location")).unwrap();
        }
        let entered = browser.navigate(Method::GET, &url, None).await;
        assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, "/"), "{}", entered.text());
        assert!(browser.cookie(SITES, "__Host-yumen").is_some());
        browser
    }

    /// All records so far.
    pub fn log(&self) -> Vec<Entry> {
        let mut tail = Tail::new(self.data.path().join("audit/journal"), Filter::default());
        let mut entries = Vec::new();
        loop {
            match tail.next_batch().unwrap() {
                batch if batch.is_empty() => return entries,
                batch => entries.extend(batch),
            }
        }
    }

    /// Waits until a record is there that fits; a record of what has ended is written without anybody waiting for it.
    pub async fn recorded<T>(&self, fits: impl Fn(&Record) -> Option<T>) -> T {
        for _ in 0..800 {
            if let Some(found) = self.log().iter().find_map(|entry| fits(&entry.record)) {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("no such record; the log has:\n{:#?}", self.log());
    }

    /// The same data with a new process, whose steady time begins with the wall's; browsers must be told its address.
    pub async fn restart(&mut self) {
        self.try_restart().await.unwrap();
    }

    /// The same, for data with which it may not start.
    pub async fn try_restart(&mut self) -> Result<(), StartError> {
        let gateway = self.gateway.take();
        self.clock = self.clock.restarted();
        let (text, base, clock) = (self.config.lock().unwrap().clone(), self.data.path().to_owned(), self.clock.clone());
        let gateway = tokio::task::spawn_blocking(move || {
            gateway.into_iter().for_each(Gateway::shut_down);
            let settings = config::parse(&text, "test.toml", &base)
                .and_then(Settings::with_plan)
                .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
            let lock = yumen::gateway::lock(&settings.data).unwrap();
            Gateway::start(settings, lock, Options { clock: Some(clock), ..Options::default() })
        })
        .await
        .unwrap()?;
        self.address = gateway.addresses()[0];
        self.gateway = Some(gateway);
        Ok(())
    }

    /// Stops the gateway; its data stays until the house is gone.
    pub async fn stop(&mut self) {
        let gateway = self.gateway.take().unwrap();
        tokio::task::spawn_blocking(|| gateway.shut_down()).await.unwrap();
    }

    /// Stops the gateway and gives the whole log.
    pub async fn close(mut self) -> Vec<Entry> {
        self.stop().await;
        self.log()
    }
}

impl Drop for House {
    /// Whatever a test did: what stands behind a refusal was never reached.
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            let (done, closed) = std::sync::mpsc::channel();
            let closing = std::thread::spawn(move || {
                gateway.shut_down();
                let _ = done.send(());
            });
            if !std::thread::panicking() {
                // What the test itself asked of the store last is given back by its runtime, which stands still here.
                let patience = std::time::Duration::from_secs(60);
                let has_hung = closed.recv_timeout(patience) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
                assert!(!has_hung, "the gateway does not stop; a test that asks the store last ends with house.close().await");
                closing.join().unwrap();
            }
        }
        if !std::thread::panicking() {
            self.forbidden.was_never_reached();
        }
    }
}

/// When the city works, by the hours of the example plan, whenever this runs: who signs in at night is an incident there.
fn by_day(now: Time) -> Time {
    let hour = now.timestamp().to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap()).hour();
    if (8..20).contains(&hour) { now } else { now.plus(std::time::Duration::from_hours(12)) }
}

/// Through the pages, as the person does it.
pub async fn enrol(browser: &mut Browser, link: &str) {
    let (page, token) = link.split_once('#').unwrap();
    let page = browser.open(page).await;
    let form = page.form("enrol-open").with("token", token);
    let page = browser.submit(&page, &form).await;
    let form = page.form("enrol-password").with("password", PASSWORD).with("again", PASSWORD);
    let page = browser.submit(&page, &form).await;
    let page = browser.use_key(&page).await;
    let form = page.form("enrol-finish");
    let page = browser.submit(&page, &form).await;
    assert!(page.text().contains("to-sign-in"), "{}", page.text());
}

/// Opens an address, signs in when asked, and gives the page that it ends on.
pub async fn sign_in(browser: &mut Browser, url: &str, name: &str) -> Reply {
    let page = browser.open(url).await;
    let page = first_factor(browser, &page, name, PASSWORD).await;
    browser.use_key(&page).await
}

pub async fn first_factor(browser: &mut Browser, page: &Reply, name: &str, password: &str) -> Reply {
    let form = page.form("sign-in").with("name", name).with("password", password);
    browser.submit(page, &form).await
}

pub fn config_text(changes: &Changes<'_>, upstream: SocketAddr, forbidden: SocketAddr) -> String {
    format!(
        r#"
listen = ["{listen}:0"]
data = "."
workers = 1
{top}
[portal]
host = "{PORTAL}"
name = "Yumen"
[[tls.certificates]]
chain = "chain.pem"
key = "chain.key"
[[app]]
id = "sites"
name = "Sites"
host = "{SITES}"
{upstreams}
label = "internal"
{app}
[[app.rule]]
name = "members"
roles = ["member", "security-administrator"]
{rule}
[[app]]
id = "ledger"
name = "Ledger"
host = "{LEDGER}"
upstreams = ["http://{no}"]
label = "sensitive"
websocket = true
[[app.rule]]
name = "auditors"
roles = ["auditor"]
[monitoring]
{monitoring}
"#,
        listen = if changes.listen.is_empty() { "127.0.0.1" } else { changes.listen },
        top = changes.top,
        app = changes.app,
        rule = changes.rule,
        monitoring = if changes.monitoring.is_empty() { "listen = \"127.0.0.1:0\"" } else { changes.monitoring },
        upstreams = if changes.app.contains("upstreams") { String::new() } else { format!("upstreams = [\"http://{upstream}\"]") },
        no = forbidden,
    )
}

pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority() -> Authority {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate and its key as `NAME.pem` and `NAME.key`.
pub fn issue(ca: &Authority, names: &[&str], directory: &std::path::Path, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, ca).unwrap();
    let file = |ending: &str| directory.join(format!("{name}.{ending}"));
    std::fs::write(file("pem"), leaf.pem()).unwrap();
    std::fs::write(file("key"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(file("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub fn certificates(directory: &std::path::Path) -> Arc<rustls::ClientConfig> {
    certificates_of(directory).0
}

fn certificates_of(directory: &std::path::Path) -> (Arc<rustls::ClientConfig>, rustls::pki_types::CertificateDer<'static>) {
    let ca = authority();
    issue(&ca, &[PORTAL, SITES, LEDGER, KEY], directory, "chain");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (Arc::new(config.with_root_certificates(roots).with_no_client_auth()), ca.der().clone())
}
