//! The gateway as a process of its own, so that its memory and its descriptors can be looked at and limited.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::browser::Browser;
use crate::house::{Changes, SITES, certificates, config_text, enrol, sign_in};
use crate::upstream::{Forbidden, Upstream};

pub struct Process {
    child: Child,
    pub address: SocketAddr,
    pub upstream: Upstream,
    forbidden: Forbidden,
    data: TempDir,
    tls: Arc<rustls::ClientConfig>,
}

impl Process {
    pub async fn start(changes: Changes<'_>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (upstream, forbidden) = (Upstream::recording().await, Forbidden::start());
        let tls = certificates(data.path());
        std::fs::write(data.path().join("yumen.toml"), config_text(&changes, upstream.address, forbidden.address)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_yumen"))
            .args(["serve", "--config"])
            .arg(data.path().join("yumen.toml"))
            .stderr(Stdio::piped())
            .env("RUST_LOG", "error,yumen=error")
            .spawn()
            .unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            assert!(words.read_line(&mut said).unwrap() > 0, "the gateway did not start: {said}");
            if let Some((_, rest)) = said.split_once("serving on ").filter(|(_, rest)| rest.ends_with('\n')) {
                break rest.split(';').next().unwrap().parse().unwrap();
            }
        };
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || {
            let _ = words.read_to_end(&mut Vec::new());
        });
        Self { child, address, upstream, forbidden, data, tls }
    }

    /// A browser whose person has a session on the app's host.
    pub async fn in_the_app(&self, name: &str) -> Browser {
        let invited = Command::new(env!("CARGO_BIN_EXE_yumen"))
            .args(["account", "invite", name, "--unit", "信息中心", "--role", "member", "--config"])
            .arg(self.data.path().join("yumen.toml"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&invited.stdout).into_owned();
        let link = words.split_whitespace().find(|word| word.starts_with("https://")).unwrap_or_else(|| panic!("{invited:?}"));
        let mut browser = Browser::new(self.address, self.tls.clone());
        enrol(&mut browser, link).await;
        let page = sign_in(&mut browser, &format!("https://{SITES}/"), name).await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }

    /// What `yumen status --json` says.
    pub async fn status(&self) -> serde_json::Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yumen"));
        command.args(["status", "--json", "--data"]).arg(self.data.path());
        let answer = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        serde_json::from_slice(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// At most so many descriptors from now on.
    pub fn limit_descriptors(&self, most: u64) {
        prlimit(Some(self.pid()), Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) }).unwrap();
    }

    pub fn descriptors(&self) -> u64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count() as u64
    }

    /// How many files of the log there are.
    pub fn segments(&self) -> usize {
        std::fs::read_dir(self.data.path().join("audit/journal")).unwrap().count()
    }

    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the gateway lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// A TCP connection from the `number`th attacker; each address has fewer connections than its cap.
    pub async fn attack(&self, number: usize) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        let [high, low] = u16::try_from(number / 100).unwrap().to_be_bytes();
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 1, high, low + 1), 0)))?;
        socket.connect(self.address).await
    }

    pub async fn attack_tls(&self, number: usize, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = (*self.tls).clone();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let tcp = self.attack(number).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(SITES).unwrap(), tcp).await
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            self.forbidden.was_never_reached();
        }
    }
}
