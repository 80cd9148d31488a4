//! Old records go to a store that speaks S3 before they are dropped, and come back whole: against `moto`, over TLS, through a way that may
//! break.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::house::{Changes, House, authority, issue};
use crate::scrape::Figures;
use crate::sinks::write;

/// The store in a process of its own (`tests/log/store.py`).
struct Store {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u16,
    access_key: String,
    secret: String,
}

impl Store {
    fn start() -> Self {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
            let home = std::env::var_os("HOME").unwrap();
            Path::new(&home).join(".cache")
        });
        let python = std::env::var_os("YUMEN_PYTHON").map_or_else(|| cache.join("yumen/venv/bin/python"), PathBuf::from);
        let mut child = Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/log/store.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} with moto is needed (tests/run installs it): {error}", python.display()));
        let (orders, mut answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "moto does not start; tests/run installs it");
        let told: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let port = told["port"].as_u64().unwrap().try_into().unwrap();
        Self { child, orders, answers, port, access_key: text("access_key"), secret: text("secret") }
    }

    /// Writes all objects into the directory.
    fn fetch(&mut self, into: &Path) -> Vec<String> {
        writeln!(self.orders, "{}", into.display()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Honest,
    /// Hangs up in the middle of what is put there.
    Dies,
    /// Gives other bytes back than were put there.
    Lies,
}

/// The way to the store, with TLS at its gateway's end.
struct Way {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    files: TempDir,
}

impl Way {
    async fn to(store: u16) -> Self {
        let files = tempfile::tempdir().unwrap();
        let ca = authority();
        issue(&ca, &["localhost"], files.path(), "store");
        std::fs::write(files.path().join("ca.pem"), ca.pem()).unwrap();
        let chain = CertificateDer::pem_file_iter(files.path().join("store.pem")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(files.path().join("store.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), mood: Arc::new(Mutex::new(Mood::Honest)), files };
        let mood = way.mood.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, mood) = (acceptor.clone(), *mood.lock().unwrap());
                tokio::spawn(async move {
                    if let Ok(client) = acceptor.accept(stream).await {
                        let _ = pass(client, store, mood).await;
                    }
                });
            }
        });
        way
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn secret(&self, secret: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let file = self.files.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }
}

/// A head with its blank line, and what came of the body with it.
async fn head(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(Vec<u8>, usize)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok((read, end + 4));
        }
        if from.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn pass(mut client: tokio_rustls::server::TlsStream<TcpStream>, store: u16, mood: Mood) -> std::io::Result<()> {
    let mut store = TcpStream::connect(("127.0.0.1", store)).await?;
    let (request, end) = head(&mut client).await?;
    if mood == Mood::Dies && request.starts_with(b"PUT ") {
        return store.write_all(&request[..end]).await;
    }
    store.write_all(&request).await?;
    if mood == Mood::Lies && request.starts_with(b"GET ") {
        let (mut answer, end) = head(&mut store).await?;
        if answer.starts_with(b"HTTP/1.1 200") {
            while answer.len() < end + 100 && store.read_buf(&mut answer).await? > 0 {}
            answer[end + 99] ^= 1;
        }
        client.write_all(&answer).await?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut store).await.map(drop)
}

/// What the gateway says of its last round.
async fn round(house: &House) -> Result<(), String> {
    let inner = house.gateway().house().clone();
    let back = inner.back.clone();
    back.spawn(async move { inner.retention.round().await.map_err(|error| error.to_string()) }).await.unwrap()
}

/// 600 records that are older than a year, and 300 that are not, all of them sealed.
async fn a_year_goes_by(house: &House) {
    write(house, 600).await;
    all_is_sealed(house).await;
    // Once a day it sees how many there are: records are as old as they have been seen to be here.
    house.clock.advance(Duration::from_hours(25));
    round(house).await.unwrap();
    house.clock.advance(Duration::from_hours(24 * 366));
    write(house, 300).await;
    all_is_sealed(house).await;
}

async fn all_is_sealed(house: &House) {
    let written = house.gateway().house().journal.counts().sequence;
    house.gateway().house().sealer.size().wait_for(|size| *size >= written).await.unwrap();
}

fn verify(directory: &Path, key: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_yumen")).args(["audit", "verify"]).arg(directory).args(["--key", key]).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

fn shell(command: &str, directory: &Path) {
    let done = Command::new("bash").args(["-euo", "pipefail", "-c", command]).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_records_are_dropped_once_a_store_has_given_them_back_and_make_the_log_whole_again() {
    let mut store = tokio::task::spawn_blocking(Store::start).await.unwrap();
    let way = Way::to(store.port).await;
    let secret = way.secret("not-the-secret");
    let top = format!(
        "[log]\nkeep = \"365d\"\n[log.archive]\nto = \"s3://no-such-bucket/gate/one\"\nendpoint = \"https://localhost:{}\"\naccess_key = \"{}\"\n\
         secret_key_file = \"{}\"\nca = \"{}\"",
        way.port,
        store.access_key,
        secret.display(),
        way.files.path().join("ca.pem").display()
    );
    let mut house = House::open_with(Changes { top: &top, ..Changes::default() }).await;
    a_year_goes_by(&house).await;
    let oldest = |house: &House| house.gateway().house().sealer.sealed().oldest().unwrap();
    let refused = async |house: &House, why: &str| {
        let told = round(house).await.unwrap_err();
        assert!(told.contains(why), "{told}");
        assert_eq!(oldest(house), 1, "{told}");
    };
    let failures = async |house: &House| house.gateway().house().status().await.retention.unwrap().failures;
    // A reload begins a round by itself, besides the one that is asked for here.
    let refused_anew = async |house: &House, change: &dyn Fn(&str) -> String, why: &str| {
        let before = failures(house).await;
        house.reload(change).await.unwrap();
        refused(house, why).await;
        while failures(house).await < before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    refused(&house, "refuses the access key").await;
    way.secret(&store.secret);
    refused_anew(&house, &str::to_owned, "there is no such place").await;
    way.is(Mood::Dies);
    refused_anew(&house, &|text| text.replace("no-such-bucket", "yumen-log"), "does not take gate/one/gate.city.test").await;
    way.is(Mood::Lies);
    refused(&house, " back otherwise than it stands in the log: ").await;
    let status = house.gateway().house().status().await.retention.unwrap();
    assert!(status.failures >= 6 && status.last_archived.is_none() && status.trouble.is_some(), "{status:?}");

    // The object is there already, and right.
    way.is(Mood::Honest);
    round(&house).await.unwrap();
    assert_eq!(oldest(&house), 513);
    let status = house.gateway().house().status().await;
    assert!(status.ready && status.warnings.is_empty(), "{:?}", status.warnings);
    let retention = status.retention.unwrap();
    assert_eq!((retention.last_archived_sequence, retention.oldest), (Some(512), Some(513)));
    let figures = Figures::of(house.gateway().monitoring().unwrap()).await;
    assert_eq!(figures.get("yumen_archive_records_total"), 512.0);

    let key = house.gateway().house().sealer.verifier_key();
    house.stop().await;
    let copy = tempfile::tempdir().unwrap();
    shell(&format!("cp -a {}/audit audit && rm -r audit/journal", house.data.path().display()), copy.path());
    let (right, told) = verify(&copy.path().join("audit"), &key);
    assert!(right && told.contains("512"), "{told}");
    let names = store.fetch(copy.path());
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("gate/one/gate.city.test"), "{names:?}");
    shell(
        "find gate -name '*.tar.zst' | while read object; do zstd -dcq \"$object\" | tar -x --skip-old-files -C audit; done",
        copy.path(),
    );
    let (right, told) = verify(&copy.path().join("audit"), &key);
    assert!(right && !told.contains("gone"), "{told}");
    assert!(copy.path().join("audit/tile/entries/000").exists());
}

#[tokio::test]
async fn a_new_time_holds_at_once_and_nothing_is_dropped_without_one() {
    let mut house = House::open().await;
    a_year_goes_by(&house).await;
    round(&house).await.unwrap();
    assert!(house.gateway().house().status().await.retention.is_none());
    let told = house.reload(|text| text.replace("[portal]", "[log]\nkeep = \"365d\"\n[portal]")).await.unwrap();
    assert!(told.contains("without a copy"), "{told}");
    let dropped = async {
        while house.gateway().house().sealer.sealed().oldest().unwrap() == 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), dropped).await;
    assert!(waited.is_ok(), "nothing is dropped: {:#?}", house.gateway().house().status().await.retention);
    // One that is under way has ended.
    round(&house).await.unwrap();
    assert_eq!(house.gateway().house().sealer.sealed().oldest().unwrap(), 513);
    house.stop().await;
}

#[tokio::test]
async fn a_gateway_whose_archive_is_away_starts_and_reloads_and_keeps_its_old_records() {
    let disk = tempfile::tempdir().unwrap();
    let place = disk.path().join("archive");
    std::fs::create_dir(&place).unwrap();
    let top = format!("[log]\nkeep = \"365d\"\n[log.archive]\nto = \"file:{}\"", place.display());
    let mut house = House::open_with(Changes { top: &top, ..Changes::default() }).await;
    a_year_goes_by(&house).await;
    std::fs::remove_dir(&place).unwrap();
    let told = house.reload(str::to_owned).await.unwrap();
    assert!(told.contains("there is no directory"), "{told}");
    let why = round(&house).await.unwrap_err();
    assert!(why.contains("there is no such directory"), "{why}");
    let status = house.gateway().house().status().await;
    assert!(status.ready && status.warnings.iter().any(|told| told.contains("old records stay")), "{:?}", status.warnings);
    house.restart().await;
    assert_eq!(house.gateway().house().sealer.sealed().oldest().unwrap(), 1);
    std::fs::create_dir(&place).unwrap();
    round(&house).await.unwrap();
    assert_eq!(house.gateway().house().sealer.sealed().oldest().unwrap(), 513);
    house.stop().await;
}
