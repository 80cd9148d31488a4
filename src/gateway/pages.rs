//! Looks at the pages of public sites that the emergency plan names, and puts on record which have changed.
//!
//! Invariants: a change is on record before what is compared with next is kept, so that none is lost wherever the process is stopped; what is
//! seen for the first time is no change; what keeps a page from being read is told once, until it can be read again. No page waits for one that
//! does not answer.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Time;
use crate::crypto;
use crate::files;
use crate::incident::Page;
use crate::model::{Action, Event, capped, visible};
use crate::outbound::{Answer, NotFetched, fetch};

use super::house::House;

/// One of another version is not read.
const VERSION: u32 = 1;
const AT_ONCE: usize = 8;
/// Of these so many at most that could not be read the last time: whatever hangs must leave room for what answers.
const IN_TROUBLE_AT_ONCE: usize = 4;
/// Of what a site says of itself.
const LONGEST_TOLD: usize = 128;

/// How the watching of pages stands.
#[derive(Debug, Default)]
pub struct PublicPages {
    /// By address, a sentence each.
    troubles: ArcSwap<BTreeMap<String, String>>,
}

impl PublicPages {
    pub fn warnings(&self) -> Vec<String> {
        self.troubles.load().iter().map(|(url, why)| format!("the page {url} is not watched: {why}")).collect()
    }
}

/// What is known of one page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    /// Under which the digest was made.
    terms: String,
    /// `None`: nothing was ever read there.
    digest: Option<String>,
    /// The reason for which it could not be read first, once it is on record; `None`: it can be read.
    trouble: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// By address.
    pages: BTreeMap<String, Known>,
}

/// What was seen of a page, as it is compared and told.
#[derive(Debug, PartialEq)]
struct Seen {
    digest: String,
    status: u16,
    /// Where it sends people who ask for it.
    to: Option<String>,
    /// Whether it is a page that changes can be told of.
    is_page: bool,
}

/// What is to be done about what was seen.
#[derive(Debug, PartialEq)]
enum Finding {
    Same,
    First(String),
    Changed { before: String, seen: Seen },
    Trouble { reason: String, why: String },
}

/// Looks at them by the house's clock until the process ends.
pub async fn follow(house: Arc<House>, path: PathBuf) {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut book: Option<Book> = None;
    loop {
        if let Some(open) = book.as_mut()
            && let Some((page, seen)) = open.next_before(tick.tick()).await
        {
            open.settle(&house, &page, seen).await;
            continue;
        }
        if book.is_none() {
            tick.tick().await;
        }
        let Some(plan) = house.map.load().plan.clone().filter(|plan| !plan.pages.is_empty()) else {
            book = None;
            house.public_pages.troubles.store(Arc::default());
            continue;
        };
        let mut open = match book.take() {
            Some(book) => book,
            None => Book::open(path.clone()).await,
        };
        open.begin(&house, &plan.pages).await;
        book = Some(open);
    }
}

type Look = Pin<Box<dyn Future<Output = (Page, Result<Seen, NotFetched>)> + Send>>;

struct Book {
    path: PathBuf,
    known: BTreeMap<String, Known>,
    due: HashMap<String, Time>,
    looks: FuturesUnordered<Look>,
    /// Those that are looked at now.
    looked_at: Vec<String>,
    troubles: BTreeMap<String, String>,
}

impl Book {
    async fn open(path: PathBuf) -> Self {
        let file = path.clone();
        let known = match spawn_blocking(move || std::fs::read(file)).await.map_err(io::Error::other).and_then(|read| read) {
            Ok(bytes) => read(&bytes).unwrap_or_else(|why| {
                tracing::warn!("{} cannot be used ({why}): what pages change from is learned anew", path.display());
                BTreeMap::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(%error, "{} cannot be read: what pages change from is learned anew", path.display());
                BTreeMap::new()
            }
        };
        Self { path, known, due: HashMap::new(), looks: FuturesUnordered::new(), looked_at: Vec::new(), troubles: BTreeMap::new() }
    }

    /// What was seen of one of those that are looked at, if that is there before `tick`.
    async fn next_before(&mut self, tick: impl Future) -> Option<(Page, Result<Seen, NotFetched>)> {
        tokio::select! {
            biased;
            // First, so that no crowd of pages keeps another's time from coming.
            _ = tick => None,
            Some(seen) = self.looks.next() => Some(seen),
        }
    }

    /// Begins to look at those whose time has come, those that have waited longest first.
    async fn begin(&mut self, house: &House, pages: &[Page]) {
        let now = house.clock.now();
        let is_named = |url: &String| pages.iter().any(|page| page.url == *url);
        self.due.retain(|url, _| is_named(url));
        self.troubles.retain(|url, _| is_named(url));
        let before = self.known.len();
        self.known.retain(|url, _| is_named(url));
        if self.known.len() != before {
            self.keep().await;
        }
        let due = |page: &&Page| self.due.get(&page.url).is_none_or(|due| *due <= now) && !self.looked_at.contains(&page.url);
        let mut due: Vec<&Page> = pages.iter().filter(due).collect();
        due.sort_by_key(|page| self.due.get(&page.url).copied());
        for page in due {
            let in_trouble = self.looked_at.iter().filter(|url| self.is_in_trouble(url)).count();
            if self.looked_at.len() >= AT_ONCE || (in_trouble >= IN_TROUBLE_AT_ONCE && self.is_in_trouble(&page.url)) {
                continue;
            }
            self.due.insert(page.url.clone(), now.plus(page.every));
            self.looked_at.push(page.url.clone());
            let page = page.clone();
            self.looks.push(Box::pin(async move {
                let seen = see(&page).await;
                (page, seen)
            }));
        }
        self.publish(house);
    }

    fn is_in_trouble(&self, url: &str) -> bool {
        self.known.get(url).is_some_and(|known| known.trouble.is_some())
    }

    async fn settle(&mut self, house: &House, page: &Page, seen: Result<Seen, NotFetched>) {
        self.looked_at.retain(|url| *url != page.url);
        // The plan may have changed meanwhile.
        if !house.map.load().plan.as_ref().is_some_and(|plan| plan.pages.contains(page)) {
            self.due.remove(&page.url);
            return;
        }
        let known = self.known.get(&page.url).cloned();
        self.take(house, page, seen).await;
        // At once, so that what is on record is not found again after a stop.
        if self.known.get(&page.url) != known.as_ref() {
            self.keep().await;
        }
        self.publish(house);
    }

    fn publish(&self, house: &House) {
        if **house.public_pages.troubles.load() != self.troubles {
            house.public_pages.troubles.store(Arc::new(self.troubles.clone()));
        }
    }

    async fn take(&mut self, house: &House, page: &Page, seen: Result<Seen, NotFetched>) {
        let terms = HEXLOWER.encode(&page.terms());
        // A digest under other terms says nothing of this one.
        let known = self.known.get(&page.url).filter(|known| known.terms == terms).cloned().unwrap_or_default();
        let known = Known { terms, ..known };
        let told = |event: Event| event.with("app", &page.app).with("page", &page.url);
        let (event, known) = match judge(&known, seen) {
            Finding::Same => (None, Known { trouble: None, ..known }),
            Finding::First(digest) => (None, Known { digest: Some(digest), trouble: None, ..known }),
            Finding::Changed { before, seen: Seen { digest, status, to, .. } } => {
                tracing::warn!(app = %page.app, page = %page.url, "a watched page has changed");
                let event = told(Event::done(Action::PageChanged)).with("before", before).with("after", &digest).with("status", status);
                let event = if let Some(to) = to { event.with("to", to) } else { event };
                (Some(event), Known { digest: Some(digest), trouble: None, ..known })
            }
            Finding::Trouble { reason, why } => {
                self.troubles.insert(page.url.clone(), why.clone());
                // A site that fails now in this way and now in that is one that fails.
                let event = known.trouble.is_none().then(|| told(Event::failed(Action::PageChanged)).with("why", &why));
                (event, Known { trouble: known.trouble.or(Some(reason)), ..known })
            }
        };
        if known.trouble.is_none() {
            self.troubles.remove(&page.url);
        }
        if let Some(event) = event
            && let Err(error) = house.journal.event(event).await
        {
            tracing::warn!(%error, page = %page.url, "what was seen of a watched page is not on record; it is told when it is seen again");
            return;
        }
        self.known.insert(page.url.clone(), known);
    }

    // Nobody else may hold the looks meanwhile.
    async fn keep(&mut self) {
        let (path, kept) = (self.path.clone(), Kept { version: VERSION, pages: self.known.clone() });
        let written = spawn_blocking(move || files::replace(&path, &serde_json::to_vec(&kept).map_err(io::Error::from)?, 0o600)).await;
        if let Err(error) = written.map_err(io::Error::other).and_then(|written| written) {
            tracing::warn!(%error, "{} cannot be written; a change may be told again, or missed during a stop", self.path.display());
        }
    }
}

fn read(bytes: &[u8]) -> Result<BTreeMap<String, Known>, String> {
    let kept: Kept = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if kept.version == VERSION { Ok(kept.pages) } else { Err(format!("it is of version {}", kept.version)) }
}

async fn see(page: &Page) -> Result<Seen, NotFetched> {
    Ok(match fetch(page).await? {
        Answer::Page { status, body } => {
            let page = page.clone();
            let digest = spawn_blocking(move || page.digest(&body)).await?;
            Seen { digest: HEXLOWER.encode(&digest), status, to: None, is_page: true }
        }
        // What stands beside the place to go is nothing that the public reads.
        Answer::Elsewhere { status, to } => Seen { digest: digest_of(status, &to), status, to: Some(to), is_page: false },
        Answer::Gone { status } => Seen { digest: digest_of(status, ""), status, to: None, is_page: false },
    })
}

fn digest_of(status: u16, to: &str) -> String {
    HEXLOWER.encode(&crypto::sha256(format!("{status} {to}").as_bytes()))
}

fn judge(known: &Known, seen: Result<Seen, NotFetched>) -> Finding {
    match (&known.digest, seen) {
        (_, Err(error)) => Finding::Trouble { reason: error.reason(), why: error.why() },
        (Some(before), Ok(seen)) if *before == seen.digest => Finding::Same,
        (Some(before), Ok(seen)) => Finding::Changed { before: before.clone(), seen },
        (None, Ok(seen)) if seen.is_page => Finding::First(seen.digest),
        // Who watches such a one from the beginning watches nothing.
        (None, Ok(Seen { status, to: Some(to), .. })) => {
            let to = capped(&visible(&to), LONGEST_TOLD);
            let why = format!("it sends people to {to} (status {status}): name that address in the emergency plan");
            Finding::Trouble { reason: "elsewhere".to_owned(), why }
        }
        (None, Ok(Seen { status, .. })) => {
            Finding::Trouble { reason: format!("status {status}"), why: format!("there is no such page (status {status})") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(digest: &str, is_page: bool) -> Seen {
        Seen { digest: digest.to_owned(), status: if is_page { 200 } else { 302 }, to: (!is_page).then(|| "/x".to_owned()), is_page }
    }

    fn known(digest: &str) -> Known {
        Known { digest: Some(digest.to_owned()), ..Known::default() }
    }

    #[test]
    fn a_page_that_is_seen_for_the_first_time_has_not_changed_and_another_digest_later_has() {
        assert_eq!(judge(&Known::default(), Ok(seen("a", true))), Finding::First("a".to_owned()));
        assert_eq!(judge(&known("a"), Ok(seen("a", true))), Finding::Same);
        assert_eq!(judge(&known("a"), Ok(seen("b", true))), Finding::Changed { before: "a".to_owned(), seen: seen("b", true) });
    }

    #[test]
    fn a_page_that_begins_to_send_people_elsewhere_has_changed_and_one_that_always_did_is_told_to_be_no_page() {
        assert!(matches!(judge(&known("a"), Ok(seen("b", false))), Finding::Changed { .. }));
        let Finding::Trouble { why, .. } = judge(&Known::default(), Ok(seen("b", false))) else { panic!("taken for a page") };
        assert!(why.contains("it sends people to /x") && why.contains("name that address"), "{why}");
        let gone = Seen { to: None, status: 404, ..seen("c", false) };
        assert!(matches!(judge(&Known::default(), Ok(gone)), Finding::Trouble { why, .. } if why.contains("no such page")));
    }

    #[test]
    fn a_site_that_fails_has_not_changed() {
        for digest in [Known::default(), known("a")] {
            let Finding::Trouble { reason, why } = judge(&digest, Err(NotFetched::Status(503))) else { panic!("no trouble") };
            assert_eq!((reason.as_str(), why.as_str()), ("status 503", "the site answers with the status 503"));
        }
    }

    #[test]
    fn what_is_kept_reads_back_and_what_another_version_kept_does_not() {
        let pages = BTreeMap::from([("http://x/".to_owned(), Known { trouble: Some("late".to_owned()), ..known("a") })]);
        let kept = |version| serde_json::to_vec(&Kept { version, pages: pages.clone() }).unwrap();
        assert_eq!(read(&kept(VERSION)).unwrap(), pages);
        assert!(read(&kept(VERSION + 1)).unwrap_err().contains("of version 2") && read(b"{").is_err());
    }
}
