//! Whoever keeps a copy of the log has all of it: receivers that restart, dawdle, or are not who they should be.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use yumen::gateway::SinkStatus;
use yumen::model::{Action, Event};

use crate::house::{Authority, Changes, House, authority, issue};
use crate::scrape::Figures;

/// A test that waits for so long fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn write(house: &House, records: usize) {
    let journal = house.gateway().house().journal.clone();
    let all = (0..records).map(|number| journal.event(Event::done(Action::TrustReloaded).with("number", number)));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
}

/// Waits until the first sink stands so.
pub async fn until(house: &House, stands: impl Fn(&SinkStatus) -> bool) -> SinkStatus {
    let waiting = async {
        loop {
            match house.gateway().house().sink_statuses().into_iter().next().filter(|sink| stands(sink)) {
                Some(sink) => return sink,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let failed = |_| panic!("{:#?}", house.gateway().house().sink_statuses());
    timeout(PATIENCE, waiting).await.unwrap_or_else(failed)
}

pub fn sink(name: &str, kind: &str, to: &str, more: &str) -> String {
    format!("[[log.sinks]]\nname = \"{name}\"\nkind = \"{kind}\"\nto = \"{to}\"\n{more}\n")
}

async fn open(sinks: &str) -> House {
    House::open_with(Changes { top: sinks, ..Changes::default() }).await
}

/// The next lines, until one has a sequence that is `last`; checkpoints have none.
async fn lines<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, last: u64) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    while values.last().is_none_or(|value| value["sequence"].as_u64() != Some(last)) {
        let mut line = String::new();
        let length = timeout(PATIENCE, stream.read_line(&mut line)).await.unwrap().unwrap();
        assert!(length > 0, "the sink closed after {:?}", values.last());
        values.push(serde_json::from_str(&line).unwrap());
    }
    values
}

fn sequences(lines: &[Value]) -> Vec<u64> {
    lines.iter().filter_map(|line| line["sequence"].as_u64()).collect()
}

async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(PATIENCE, listener.accept()).await.unwrap().unwrap().0
}

fn acceptor(directory: &Path, clients: Option<&Authority>) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(directory.join("logs.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.join("logs.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            config.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
        }
    };
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

#[tokio::test]
async fn a_receiver_that_restarts_in_the_middle_has_every_record_in_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let house = open(&sink("siem", "json-lines", &format!("tcp://{}", listener.local_addr().unwrap()), "")).await;
    write(&house, 300).await;
    let size = house.log().len() as u64;
    let mut has = BTreeSet::new();
    for last in [5, 40, 41, size] {
        let stream = accept(&listener).await;
        let mut stream = BufReader::new(stream);
        let got = sequences(&lines(&mut stream, last).await);
        assert!(got[0] <= has.last().copied().unwrap_or(0) + 1 && got.iter().zip(&got[1..]).all(|(before, after)| before + 1 == *after));
        has.extend(got);
        // As a machine does when a process dies over what it has not read.
        stream.get_ref().set_zero_linger().unwrap();
    }
    assert_eq!(has.into_iter().collect::<Vec<_>>(), (1..=size).collect::<Vec<_>>());
    let monitoring = house.gateway().monitoring().unwrap();
    until(&house, |sink| sink.reconnects >= 3).await;
    let figures = Figures::of(monitoring).await;
    assert!(figures.get("yumen_sink_reconnects_total{sink=\"siem\"}") >= 3.0);
    assert!(figures.get("yumen_sink_records_total{sink=\"siem\"}") >= size as f64);
    assert_eq!(figures.get("yumen_sink_safe_sequence{sink=\"siem\"}"), 0.0);
    assert!(figures.has("yumen_sink_lag_seconds{sink=\"siem\"}"));
}

#[tokio::test]
async fn a_receiver_that_dawdles_delays_nobody_but_itself() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(4).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("copy.jsonl");
    let slow = sink("a-slow", "json-lines", &format!("tcp://{}", listener.local_addr().unwrap()), "format = \"ocsf\"");
    let house = open(&format!("{slow}{}", sink("file", "json-lines", &format!("file:{}", file.display()), ""))).await;
    let stream = accept(&listener).await;
    write(&house, 8_000).await;
    let size = house.log().len() as u64;
    let others = async {
        while house.gateway().house().sink_statuses()[1].safe < size {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, others).await.unwrap();
    let late = house.gateway().house().sink_statuses().remove(0);
    assert!(late.connected && late.lag_records > 0, "{late:?}");
    let mut reader = BufReader::new(stream);
    let mut next = 1;
    while next <= size {
        let mut line = String::new();
        timeout(PATIENCE, reader.read_line(&mut line)).await.unwrap().unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        if let Some(sequence) = value["metadata"]["sequence"].as_u64() {
            assert_eq!(sequence, next);
            next += 1;
        }
    }
    let copied = std::fs::read_to_string(&file).unwrap();
    let values: Vec<Value> = copied.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(sequences(&values), (1..=size).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_receiver_is_known_by_its_authority_and_the_gateway_by_its_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let (ca, other) = (authority(), authority());
    issue(&ca, &["localhost"], directory.path(), "logs");
    issue(&ca, &["gateway"], directory.path(), "gateway");
    std::fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(directory.path().join("other.pem"), other.pem()).unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("tls://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = acceptor(directory.path(), Some(&ca));
    let identity = format!("certificate = '{}'\nkey = '{}'", at("gateway.pem"), at("gateway.key"));
    let good = sink("siem", "json-lines", &to, &format!("ca = '{}'\n{identity}", at("ca.pem")));
    let stranger = sink("siem", "json-lines", &to, &format!("ca = '{}'\n{identity}", at("other.pem")));

    let house = open(&stranger).await;
    let refused = acceptor.accept(accept(&listener).await).await;
    assert!(refused.is_err(), "nothing is said to a receiver that another authority vouches for");
    let told = until(&house, |sink| sink.trouble.is_some()).await;
    assert!(told.trouble.as_ref().unwrap().contains("invalid peer certificate") && told.sent == 0, "{told:?}");

    house.reload(|text| text.replace(&stranger, &good)).await.unwrap();
    let accepted = async {
        loop {
            if let Ok(stream) = acceptor.accept(accept(&listener).await).await {
                return stream;
            }
        }
    };
    let stream = timeout(PATIENCE, accepted).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap().len(), 1);
    // It stays open: a sink that is left alone is in trouble again.
    let mut stream = BufReader::new(stream);
    let got = lines(&mut stream, house.log().len() as u64).await;
    assert_eq!(sequences(&got)[0], 1);
    until(&house, |sink| sink.connected && sink.trouble.is_none()).await;
    drop(stream);
    let why = house.reload(|text| text.replace("ca.pem", "none.pem")).await.unwrap_err();
    assert!(why.contains("siem") && why.contains("none.pem"), "{why}");
}

#[tokio::test]
async fn a_receiver_remembers_how_long_the_log_was_and_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut house = open(&sink("siem", "json-lines", &format!("tcp://{}", listener.local_addr().unwrap()), "")).await;
    let mut stream = BufReader::new(accept(&listener).await);
    let reading = tokio::spawn(async move {
        let mut all = String::new();
        while stream.read_line(&mut all).await.unwrap() > 0 {}
        all
    });
    until(&house, |sink| sink.sequence > 0 && sink.lag_records == 0).await;
    house.stop().await;
    let all = timeout(PATIENCE, reading).await.unwrap().unwrap();
    let values: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let noted = values.iter().find(|value| value["kind"] == "checkpoint").expect("a checkpoint");
    let note = noted["note"].as_str().unwrap();
    assert!(note.lines().nth(1) == noted["size"].as_u64().map(|size| size.to_string()).as_deref() && note.contains("\n\n— "), "{note}");
    assert!(values.iter().any(|value| value["action"] == "stop"), "the last record is sent before the gateway ends");
    assert_eq!(sequences(&values), (1..=house.log().len() as u64).collect::<Vec<_>>());
}
