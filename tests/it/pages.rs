//! Pages of public sites that the emergency plan names: who changes one without working in its app is noticed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;
use yumen::model::{Action, Event, Outcome, Record};

use crate::house::{House, SITES, authority, issue};
use crate::plans::{PLAN, adopt};

const EVERY: Duration = Duration::from_mins(5);
const HANGS: &str = "hangs";

/// A public site: what it answers is set by the test.
#[derive(Clone)]
struct Site {
    address: SocketAddr,
    /// The whole answer; empty: it closes the connection.
    answer: Arc<Mutex<String>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn open(body: &str) -> Self {
        Self::serving(body, None).await
    }

    async fn serving(body: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self { address: listener.local_addr().unwrap(), answer: Arc::default(), requests: Arc::default() };
        site.shows(body);
        let serving = site.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serving.serve(stream).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serving.serve(stream).await,
                            Err(_) => serving.requests.lock().unwrap().push("not believed".to_owned()),
                        },
                    }
                });
            }
        });
        site
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            request.push(byte);
        }
        let answer = self.answer.lock().unwrap().clone();
        self.requests.lock().unwrap().push(String::from_utf8(request).unwrap());
        if answer == HANGS {
            std::future::pending::<()>().await;
        }
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    /// From now on it takes requests and says nothing.
    fn hangs(&self) {
        self.answers(HANGS);
    }

    fn shows(&self, body: &str) {
        self.answers(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    }

    fn answers(&self, whole: &str) {
        whole.clone_into(&mut self.answer.lock().unwrap());
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Puts the example in force with this page, whose app is `sites`.
async fn watch(house: &House, url: &str, more: &str) {
    let page = format!("[[pages]]\napp = \"sites\"\nurl = \"{url}\"\nevery = \"5m\"\n{more}\n");
    adopt(house, &format!("{PLAN}\n{page}")).await.unwrap();
    // Triggers tell nothing of what was before they began.
    seen(house).await;
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_400 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never came: {what}");
}

/// Until what was seen last is kept: all of it is on record by then.
async fn kept(house: &House, what: &str) {
    let file = house.data.path().join("pages.json");
    until(what, || std::fs::read_to_string(&file).is_ok_and(|kept| kept.contains(what))).await;
}

/// Lets the next look at all pages come, and what it saw be kept.
async fn next_look(house: &House, site: &Site, then: &str) {
    let before = site.requests().len();
    house.clock.advance(EVERY);
    until("the next look", || site.requests().len() > before).await;
    kept(house, then).await;
}

fn told(house: &House) -> Vec<Event> {
    let event = |record: Record| match record {
        Record::Event(event) if event.action == Action::PageChanged => Some(event),
        _ => None,
    };
    house.log().into_iter().filter_map(|entry| event(entry.record)).collect()
}

fn alarms(house: &House) -> Vec<String> {
    let subject = |record: Record| match record {
        Record::Event(event) if event.action == Action::TriggerFired && event.details["trigger"] == "page-changed" => {
            Some(event.details["subject"].clone())
        }
        _ => None,
    };
    house.log().into_iter().filter_map(|entry| subject(entry.record)).collect()
}

/// Until the triggers have seen all that is on record now.
async fn seen(house: &House) {
    let last = house.log().last().unwrap().sequence;
    until("the triggers", || house.gateway().house().triggers.at() >= last).await;
}

fn digest(body: &str) -> String {
    yumen::crypto::sha256(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_page_that_changes_with_nobody_at_work_raises_an_alarm_once() {
    let house = House::open().await;
    let site = Site::open("welcome").await;
    watch(&house, &site.url(), "").await;
    kept(&house, &digest("welcome")).await;
    assert!(told(&house).is_empty(), "seen for the first time: {:?}", told(&house));

    site.shows("hacked");
    next_look(&house, &site, &digest("hacked")).await;
    // The second of them comes when the first is dealt with.
    for count in 3..=4 {
        house.clock.advance(EVERY);
        until("a look that finds the same", || site.requests().len() >= count).await;
    }
    house.recorded(|record| matches!(record, Record::Event(event) if event.action == Action::TriggerFired).then_some(())).await;
    let [change] = told(&house).try_into().expect("one change");
    assert_eq!(change.outcome, Outcome::Done);
    let details: Vec<&str> = ["app", "page", "before", "after", "status"].iter().map(|name| change.details[*name].as_str()).collect();
    assert_eq!(details, ["sites", &site.url(), &digest("welcome"), &digest("hacked"), "200"]);
    assert_eq!(alarms(&house), [format!("page:sites:{}", site.url())]);
    let asked = &site.requests()[0];
    assert!(asked.starts_with("GET / HTTP/1.1\r\n") && asked.contains(&format!("host: {}\r\n", site.address)), "{asked}");
    assert!(!asked.to_lowercase().contains("yumen") && !asked.contains("cookie"), "it says who asks: {asked}");
    house.close().await;
}

#[tokio::test]
async fn a_page_that_changes_after_somebody_worked_in_its_app_is_on_record_and_raises_no_alarm() {
    let house = House::open().await;
    let site = Site::open("welcome").await;
    watch(&house, &site.url(), "").await;
    kept(&house, &digest("welcome")).await;
    let mut browser = house.in_the_app("wang").await;
    let url = Url::parse(&format!("https://{SITES}/publish")).unwrap();
    let reply = browser.send(Method::POST, &url, &[("origin", &format!("https://{SITES}"))], "text=news").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    site.shows("news");
    next_look(&house, &site, &digest("news")).await;
    seen(&house).await;
    assert_eq!((told(&house).len(), alarms(&house).len()), (1, 0), "{:?}", alarms(&house));

    // The work does not explain what changes long after it.
    for _ in 0..3 {
        house.clock.advance(EVERY);
    }
    site.shows("hacked");
    next_look(&house, &site, &digest("hacked")).await;
    seen(&house).await;
    until("the alarm", || alarms(&house) == [format!("page:sites:{}", site.url())]).await;
    house.close().await;
}

#[tokio::test]
async fn a_page_that_changed_during_a_stop_is_noticed_after_it() {
    let mut house = House::open().await;
    let site = Site::open("welcome").await;
    watch(&house, &site.url(), "").await;
    kept(&house, &digest("welcome")).await;
    house.restart().await;
    until("a look after the restart", || site.requests().len() >= 2).await;
    site.shows("hacked");
    house.restart().await;
    kept(&house, &digest("hacked")).await;
    until("the alarm", || alarms(&house) == [format!("page:sites:{}", site.url())]).await;
    assert_eq!(told(&house).len(), 1, "{:?}", told(&house));
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(house.data.path().join("pages.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    house.stop().await;
}

#[tokio::test]
async fn a_site_that_fails_is_told_once_until_it_works_again_and_is_no_change() {
    let mut house = House::open().await;
    let site = Site::open("welcome").await;
    watch(&house, &site.url(), "").await;
    kept(&house, &digest("welcome")).await;
    let warnings = |house: &House| house.gateway().house().warnings().into_iter().filter(|why| why.contains("is not watched")).count();
    let whys = |house: &House| -> Vec<String> { told(house).iter().map(|event| event.details["why"].clone()).collect() };

    site.answers("");
    next_look(&house, &site, "broken").await;
    house.clock.advance(EVERY);
    until("another look", || site.requests().len() >= 3).await;
    house.restart().await;
    until("a look after the restart", || site.requests().len() >= 4).await;
    until("the warning", || warnings(&house) == 1).await;
    assert_eq!(whys(&house).len(), 1, "{:?}", whys(&house));
    // Now in this way, now in that: it fails all the time.
    for answer in
        ["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", "", "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"]
    {
        site.answers(answer);
        let before = site.requests().len();
        house.clock.advance(EVERY);
        until("a look that fails in another way", || site.requests().len() > before).await;
    }
    let latest = |house: &House| house.gateway().house().warnings().into_iter().any(|why| why.contains("the status 500"));
    until("the warning that says how it fails now", || latest(&house)).await;
    assert_eq!(whys(&house).len(), 1, "{:?}", whys(&house));

    site.shows("welcome");
    next_look(&house, &site, "\"trouble\":null").await;
    until("no warning", || warnings(&house) == 0).await;
    site.answers("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    next_look(&house, &site, "status 503").await;
    assert_eq!(whys(&house)[1..], ["the site answers with the status 503"], "it worked in between");
    seen(&house).await;
    assert!(alarms(&house).is_empty() && told(&house).iter().all(|event| event.outcome == Outcome::Failed));
    house.stop().await;
}

#[tokio::test]
async fn a_site_that_hangs_keeps_no_other_from_being_looked_at() {
    let house = House::open().await;
    let (site, hanging) = (Site::open("welcome").await, [Site::open("").await, Site::open("").await, Site::open("").await]);
    hanging.iter().for_each(Site::hangs);
    let others = hanging.iter().map(|site| format!("[[pages]]\napp = \"sites\"\nurl = \"{}\"\nevery = \"5m\"\n", site.url()));
    watch(&house, &site.url(), &others.collect::<String>()).await;
    kept(&house, &digest("welcome")).await;
    until("all are asked", || hanging.iter().all(|site| site.requests().len() == 1)).await;
    site.shows("hacked");
    next_look(&house, &site, &digest("hacked")).await;
    until("the alarm", || alarms(&house) == [format!("page:sites:{}", site.url())]).await;
    assert!(hanging.iter().all(|site| site.requests().len() == 1), "they are still waited for");
    house.close().await;
}

#[tokio::test]
async fn what_does_not_count_changes_nothing_and_a_page_that_is_too_long_is_told() {
    let house = House::open().await;
    let site = Site::open("a<i>1</i>").await;
    watch(&house, &site.url(), "ignore = [{ from = \"<i>\", to = \"</i>\" }]\nmax = \"1KiB\"").await;
    kept(&house, &digest("a<i></i>")).await;
    site.shows("a<i>2</i>");
    house.clock.advance(EVERY);
    until("another look", || site.requests().len() >= 2).await;
    site.shows(&"x".repeat(1025));
    next_look(&house, &site, "too-long").await;
    let [failed] = told(&house).try_into().expect("only what is too long");
    assert!(failed.outcome == Outcome::Failed && failed.details["why"].contains("longer than 1024 bytes"), "{failed:?}");
    house.close().await;
}

#[tokio::test]
async fn a_page_that_sends_people_elsewhere_is_not_followed_and_has_changed() {
    let house = House::open().await;
    let (site, trap) = (Site::open("welcome").await, Site::open("a trap").await);
    watch(&house, &site.url(), "").await;
    kept(&house, &digest("welcome")).await;
    site.answers(&format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", trap.url()));
    next_look(&house, &site, &digest(&format!("302 {}", trap.url()))).await;
    let [change] = told(&house).try_into().expect("one change");
    assert_eq!((change.details["status"].as_str(), change.details["to"].as_str()), ("302", trap.url().as_str()));
    until("the alarm", || alarms(&house).len() == 1).await;
    assert!(trap.requests().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_site_of_https_is_believed_by_the_authority_that_the_plan_names_and_no_other() {
    let house = House::open().await;
    let data = house.data.path();
    let (ca, other) = (authority(), authority());
    issue(&ca, &["localhost"], data, "site");
    std::fs::write(data.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(data.join("other.pem"), other.pem()).unwrap();
    let chain = yumen::pki::load_chain(&data.join("site.pem")).unwrap();
    let key = yumen::pki::load_key(&data.join("site.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let site = Site::serving("welcome", Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = format!("https://localhost:{}/", site.address.port());

    watch(&house, &url, "ca = \"other.pem\"").await;
    kept(&house, "unreachable").await;
    until("the refusal", || site.requests() == ["not believed"]).await;
    watch(&house, &url, "ca = \"ca.pem\"").await;
    house.clock.advance(EVERY);
    kept(&house, &digest("welcome")).await;
    house.close().await;
}
