//! The cap on memory, held by a gateway that is a process of its own.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::house::{Changes, SITES};
use crate::process::Process;

const CAP: u64 = 256 << 20;
const CONFIG: &str = r#"
[timeouts]
idle = "10m"
first_byte = "60s"
write_stall = "600s"
[rates]
per_person_per_second = 10000
burst = 100000
per_person_at_once = 100000
[caps]
connections = 6000
memory = "256MiB"
"#;
const PATIENCE: Duration = Duration::from_secs(60);

/// One request over a connection that is kept.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), cookie: &str) -> String {
    stream.write_all(format!("GET /kept HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookie}\r\n\r\n").as_bytes()).await.unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    let reads = async {
        while !String::from_utf8_lossy(&answer).contains("x-forwarded-user") {
            match stream.read(&mut piece).await {
                Ok(count @ 1..) => answer.extend_from_slice(&piece[..count]),
                _ => break,
            }
        }
    };
    tokio::time::timeout(PATIENCE, reads).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_its_cap_of_memory_it_turns_new_ones_away_and_who_works_goes_on_until_there_is_room_again() {
    let _alone = crate::floods::ONE_AT_A_TIME.lock().await;
    let gateway = Process::start(Changes { top: CONFIG, ..Changes::default() }).await;
    let (browser, mallory) = (gateway.in_the_app("wang").await, gateway.in_the_app("mallory").await);
    let cookie = browser.cookie_field(SITES);
    let mut kept = browser.connect(SITES).await;
    assert!(ask(&mut kept, &cookie).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let mut stranger = gateway.attack_tls(0, "http/1.1").await.unwrap();
    stranger.write_all(format!("GET / HTTP/1.1\r\nHost: {SITES}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(stranger.read(&mut [0; 4096]).await.unwrap() > 0);
    let begin = gateway.status().await;
    assert_eq!((&begin["memory"]["short"], &begin["memory"]["cap"]), (&false.into(), &CAP.into()));

    // Somebody who may enter the app asks for much and takes nothing of it, until memory is short.
    let head = format!("GET /large HTTP/1.1\r\nHost: {SITES}\r\nCookie: {}\r\n\r\n", mallory.cookie_field(SITES));
    let mut held = Vec::new();
    while held.len() < 4_000 && !gateway.status().await["memory"]["short"].as_bool().unwrap() {
        // Few at a time: what those hold who are in already may still grow a little.
        for _ in 0..10 {
            let Ok(mut reader) = gateway.attack_tls(100 + held.len(), "http/1.1").await else { break };
            if reader.write_all(head.as_bytes()).await.is_ok() {
                held.push(reader);
            }
        }
        assert!(gateway.resident_bytes() <= CAP, "{} readers took {} MiB", held.len(), gateway.resident_bytes() >> 20);
    }
    let short = gateway.status().await;
    assert_eq!(short["memory"]["short"], true, "{} readers were not enough: {short:#}", held.len());
    assert!(gateway.attack_tls(5_000, "http/1.1").await.is_err(), "nobody new comes in");
    tokio::time::timeout(PATIENCE, stranger.read_to_end(&mut Vec::new())).await.expect("a stranger who is idle is ended").ok();
    for _ in 0..20 {
        let answer = ask(&mut kept, &cookie).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let short = gateway.status().await;
    let count = |key: &str| short["connections"][key].as_u64().unwrap();
    assert!(count("turned_away") >= 1 && count("relieved") >= 1, "{short:#}");
    assert_eq!(short["ready"], false);
    assert!(short["not_ready"][0].as_str().unwrap().contains("caps.memory"), "{short:#}");
    assert!(gateway.resident_bytes() <= CAP, "{} of {CAP}", gateway.resident_bytes());

    drop(held);
    let relieved = async {
        while gateway.status().await["memory"]["short"] == true {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, relieved).await.expect("memory is given back");
    let mut new = browser.connect(SITES).await;
    assert!(ask(&mut new, &cookie).await.starts_with("HTTP/1.1 200 OK\r\n"), "all come in again");
    let end = gateway.status().await;
    assert_eq!((&end["ready"], &end["memory"]["short"]), (&true.into(), &false.into()));
}
