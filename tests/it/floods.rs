//! Those who want the gateway to fall, and one who only wants to work meanwhile: a process of its own, thousands of attackers, and an honest
//! probe that must see no failure. Attacks come one after another, so that none is measured by another's load.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::browser::Browser;
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NEWEST, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, literal, preface,
    read_frame, remembered, request,
};
use crate::house::{Changes, SITES};
use crate::process::Process;

const SLOW: usize = 2_000;
/// Connections of one kind of flood.
const FLOODING: usize = 2_000;
/// How many of them at the same time.
const AT_ONCE: usize = 64;
/// What a flooding connection sends in one go, over and over.
const FRAMES: usize = 250;
/// What one slow attacker may cost at most, in all that the process holds.
const MOST_BYTES_EACH: u64 = 160 * 1024;
/// What a flood may cost in all: no more than those who are there at once, for nothing may be left of the others.
const MOST_BYTES_FLOODED: u64 = AT_ONCE as u64 * 384 * 1024;
/// Longer than the gateway waits for a client to take anything: then what lies in the sockets is gone with the connection.
const READERS_PAUSE: Duration = Duration::from_secs(30);
/// For what must end; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(180);

pub static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

const CONFIG: &str = r#"
[timeouts]
handshake = "15s"
first_byte = "15s"
head = "15s"
idle = "15s"
write_stall = "15s"
least_body_rate = 256
[rates]
per_person_per_second = 10000
burst = 100000
[caps]
connections = 6000
"#;

/// Nothing but the flood itself can end a connection before [`PATIENCE`] is at its end.
fn never_idle() -> String {
    CONFIG.replace("idle = \"15s\"", "idle = \"10m\"")
}

/// A besieged gateway, and somebody who works in it.
struct Siege {
    gateway: Arc<Process>,
    /// Of an attacker who may enter the app herself: the worst there is.
    cookie: String,
    browser: Arc<Browser>,
}

/// What the one who works has seen.
#[derive(Default)]
struct Probe {
    over: AtomicBool,
    good: AtomicUsize,
    most_bytes: AtomicU64,
}

impl Siege {
    async fn begin(top: &str) -> Self {
        let gateway = Arc::new(Process::start(Changes { top, ..Changes::default() }).await);
        let (browser, attacker) = (gateway.in_the_app("wang").await, gateway.in_the_app("mallory").await);
        Self { cookie: attacker.cookie_field(SITES), gateway, browser: Arc::new(browser) }
    }

    /// Attacks, while the one who works sees no failure and the gateway's memory grows by no more than `most_bytes`.
    async fn withstand<F: Future<Output = ()>>(&self, most_bytes: u64, attack: F) {
        let before = self.gateway.resident_bytes();
        let probe = Arc::new(Probe::default());
        let working = tokio::spawn(work(self.gateway.clone(), self.browser.clone(), probe.clone()));
        attack.await;
        // However slow the machine is, she has her turns; one that hangs ends by its own time.
        while probe.good.load(Ordering::Relaxed) < 3 && !working.is_finished() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        probe.over.store(true, Ordering::Relaxed);
        working.await.expect("the one who works saw no failure");
        let grown = probe.most_bytes.load(Ordering::Relaxed).saturating_sub(before);
        assert!(probe.good.load(Ordering::Relaxed) > 2, "the one who works had no turn");
        assert!(grown <= most_bytes, "the gateway grew by {} KiB, {} KiB were expected at most", grown / 1024, most_bytes / 1024);
    }

    /// So many attackers at once, each of whom opens with `open`, takes nothing for `pause`, and is cut off in the end.
    async fn slow<O, F, S>(&self, pause: Duration, open: O)
    where
        O: Fn(usize) -> F,
        F: Future<Output = std::io::Result<S>>,
        S: AsyncRead + Unpin,
    {
        self.withstand(SLOW as u64 * MOST_BYTES_EACH, async {
            let attackers: Vec<_> = stream::iter((0..SLOW).map(&open)).buffer_unordered(64).collect().await;
            let open = attackers.iter().filter(|attacker| attacker.is_ok()).count();
            assert!(
                open > SLOW * 9 / 10,
                "only {open} attackers came in, {:?}",
                attackers.iter().find_map(|attacker| attacker.as_ref().err())
            );
            tokio::time::sleep(pause).await;
            let endings = stream::iter(attackers.into_iter().flatten()).for_each_concurrent(None, until_closed);
            tokio::time::timeout(PATIENCE, endings).await.expect("all of them are cut off");
        })
        .await;
    }

    /// Many connections, each of which sends `opening` and then `again` without end, until the gateway has had enough.
    async fn flood(&self, opening: Vec<u8>, again: impl Fn(usize) -> Vec<u8>) {
        let pieces: Mutex<Vec<Arc<Vec<u8>>>> = Mutex::default();
        // Made once for all connections, as far as any of them comes.
        let piece = async |number: usize| {
            let mut pieces = pieces.lock().await;
            while pieces.len() <= number {
                let first = pieces.len() * FRAMES;
                pieces.push(Arc::new((first..first + FRAMES).flat_map(&again).collect()));
            }
            pieces[number].clone()
        };
        self.withstand(MOST_BYTES_FLOODED, async {
            let attack = stream::iter(0..FLOODING).for_each_concurrent(AT_ONCE, async |number| {
                let connection = self.gateway.attack_tls(number, "h2").await.unwrap();
                let (hearing, mut sending) = tokio::io::split(connection);
                let sending = async {
                    let mut sent = sends(&mut sending, &opening).await;
                    for number in 0.. {
                        // Whoever is cut off while sending has what she deserves.
                        let Ok(()) = sent else { break };
                        sent = sends(&mut sending, &piece(number).await).await;
                        // Everybody has a turn, so that who has been cut off sees it.
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    () = sending => {}
                    () = until_closed(hearing) => {}
                }
            });
            tokio::time::timeout(PATIENCE, attack).await.expect("all of them are cut off");
        })
        .await;
    }

    fn head(&self, line: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {SITES}\r\nOrigin: https://{SITES}\r\nCookie: {}\r\n", self.cookie)
    }

    fn request(&self, path: &str) -> Vec<u8> {
        [request("GET", SITES, path), literal("cookie", &self.cookie)].concat()
    }
}

/// Asks again and again over new connections, and notes how large the gateway becomes.
async fn work(gateway: Arc<Process>, browser: Arc<Browser>, probe: Arc<Probe>) {
    let cookie = browser.cookie_field(SITES);
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    while !probe.over.load(Ordering::Relaxed) {
        turns.tick().await;
        let mut stream = browser.connect(SITES).await;
        let ask = format!("GET /work HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        probe.good.fetch_add(1, Ordering::Relaxed);
        probe.most_bytes.fetch_max(gateway.resident_bytes(), Ordering::Relaxed);
    }
}

async fn until_closed(mut stream: impl AsyncRead + Unpin) {
    let mut nothing = vec![0; 4096];
    while let Ok(1..) = stream.read(&mut nothing).await {}
}

async fn sends(stream: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_handshakes_keep_nobody_from_work() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(CONFIG).await;
    siege
        .slow(Duration::ZERO, async |number| {
            let mut tcp = siege.gateway.attack(number).await?;
            sends(&mut tcp, &[0x16, 3, 1]).await?;
            Ok(tcp)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_heads_keep_nobody_from_work() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(CONFIG).await;
    siege
        .slow(Duration::ZERO, async |number| {
            let mut tls = siege.gateway.attack_tls(number, "http/1.1").await?;
            sends(&mut tls, b"GET / HTTP/1.1\r\nHost: ").await?;
            Ok(tls)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_bodies_keep_nobody_from_work() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(CONFIG).await;
    let head = siege.head("POST /slow") + "Content-Length: 100000\r\n\r\nx";
    siege
        .slow(Duration::ZERO, async |number| {
            let mut tls = siege.gateway.attack_tls(number, "http/1.1").await?;
            sends(&mut tls, head.as_bytes()).await?;
            Ok(tls)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_readers_keep_nobody_from_work() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(CONFIG).await;
    let head = siege.head("GET /large") + "\r\n";
    siege
        .slow(READERS_PAUSE, async |number| {
            let mut tls = siege.gateway.attack_tls(number, "http/1.1").await?;
            sends(&mut tls, head.as_bytes()).await?;
            Ok(tls)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_windows_of_nothing_keep_nobody_from_work() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(CONFIG).await;
    let opening = [preface(&[(4, 0)]), frame(HEADERS, END_HEADERS | END_STREAM, 1, &siege.request("/large"))].concat();
    siege
        .slow(Duration::ZERO, async |number| {
            let mut tls = siege.gateway.attack_tls(number, "h2").await?;
            sends(&mut tls, &opening).await?;
            Ok(tls)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_are_cut_off() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(&never_idle()).await;
    let fields = siege.request("/reset");
    siege
        .flood(preface(&[]), |number| {
            let stream = u32::try_from(number * 2 + 1).unwrap();
            [frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
        })
        .await;
    let reached = siege.gateway.upstream.requests().iter().filter(|head| head.contains("/reset")).count();
    assert!(reached < FLOODING * 250, "{reached} requests that nobody waited for reached the back office");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_that_the_client_provokes_are_cut_off() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(&never_idle()).await;
    let fields = siege.request("/provoked");
    siege
        .flood(preface(&[]), |number| {
            let stream = u32::try_from(number * 2 + 1).unwrap();
            // A window that grows by nothing is an error of the stream (RFC 9113, section 6.9).
            [frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields), frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 0])].concat()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_control_frames_are_cut_off() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(&never_idle()).await;
    siege.flood(preface(&[]), |_| frame(PING, 0, 0, &[0; 8])).await;
    siege.flood(preface(&[]), |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])).await;
    siege.flood(preface(&[]), |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])).await;
    siege.flood(preface(&[]), |_| frame(0xfa, 0, 0, &[0; 8])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_without_end_is_cut_off() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(&never_idle()).await;
    let opening = [preface(&[]), frame(HEADERS, END_STREAM, 1, &siege.request("/endless"))].concat();
    let fields = literal("x-more", &"y".repeat(200));
    siege.flood(opening.clone(), |_| frame(CONTINUATION, 0, 1, &fields)).await;
    siege.flood(opening, |_| frame(CONTINUATION, 0, 1, &[])).await;
    assert!(!siege.gateway.upstream.seen().contains("/endless"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_empty_pieces_is_cut_off() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(&never_idle()).await;
    let fields =
        [request("POST", SITES, "/crumbs"), literal("cookie", &siege.cookie), literal("origin", &format!("https://{SITES}"))].concat();
    let opening = [preface(&[]), frame(HEADERS, END_HEADERS, 1, &fields)].concat();
    siege.flood(opening, |_| frame(DATA, 0, 1, &[])).await;
}

/// One entry of four thousand bytes, and a thousand references of one byte to it; and as many crumbs of a cookie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_heads_that_grow_large_are_refused() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let siege = Siege::begin(&never_idle()).await;
    for bomb in
        [remembered("x-bomb", &"b".repeat(3_900)), remembered("cookie", &format!("a={}", "b".repeat(3_900))), remembered("cookie", "")]
    {
        let first = [siege.request("/bomb"), bomb].concat();
        let opening = [preface(&[]), frame(HEADERS, END_HEADERS | END_STREAM, 1, &first)].concat();
        let references = [siege.request("/bomb"), vec![NEWEST; 1_000]].concat();
        let heads = (1..=5).flat_map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream * 2 + 1, &references));
        // Whoever is not cut off has an answer to this after all the others.
        let growing: Vec<u8> = heads.chain(frame(PING, 0, 0, &[0; 8])).collect();
        siege
            .withstand(MOST_BYTES_FLOODED, async {
                let attack = stream::iter(0..FLOODING).for_each_concurrent(AT_ONCE, async |number| {
                    let mut connection = siege.gateway.attack_tls(number, "h2").await.unwrap();
                    let _ = sends(&mut connection, &opening).await;
                    let _ = sends(&mut connection, &growing).await;
                    while read_frame(&mut connection).await.is_ok_and(|(kind, ..)| kind != PING) {}
                });
                tokio::time::timeout(PATIENCE, attack).await.expect("all of them are cut off");
            })
            .await;
    }
    // The first of each is an ordinary request; those that grow never arrive.
    let reached = siege.gateway.upstream.requests().iter().filter(|head| head.contains("/bomb")).count();
    assert!(reached <= 3 * FLOODING, "{reached}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_out_of_descriptors_is_survived() {
    let _alone = ONE_AT_A_TIME.lock().await;
    // Segments so small that the log needs new files all the while.
    let siege = Siege::begin(&format!("{CONFIG}[log]\nsegment = \"1MiB\"\n")).await;
    let mut kept = siege.browser.connect(SITES).await;
    let cookie = siege.browser.cookie_field(SITES);
    let long = "x".repeat(1_800);
    let mut ask = async || {
        let ask = format!("GET /kept/{long} HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookie}\r\n\r\n");
        kept.write_all(ask.as_bytes()).await.unwrap();
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&answer).contains("x-forwarded-user") {
            let count = tokio::time::timeout(Duration::from_secs(30), kept.read(&mut piece)).await.expect("an answer").unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&piece[..count]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    };
    ask().await;
    siege.gateway.limit_descriptors(siege.gateway.descriptors() + 40);
    let mut attackers = Vec::new();
    for number in 0..200 {
        attackers.extend(siege.gateway.attack(number).await);
    }
    assert!(attackers.len() > 100, "{} attackers", attackers.len());
    // Who is connected goes on working, and all of it goes on record.
    for _ in 0..1_200 {
        ask().await;
    }
    assert!(siege.gateway.segments() > 2, "the log began new files meanwhile");
    drop(attackers);
    // As soon as they are gone, everybody else comes in again.
    siege.withstand(32 * 1024 * 1024, async { tokio::time::sleep(Duration::from_secs(1)).await }).await;
}
