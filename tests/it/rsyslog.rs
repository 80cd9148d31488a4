//! A sink of the log against a real rsyslog over TLS (RFC 5425).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::house::{Changes, House, authority, issue};
use crate::sinks::{sink, until, write};

const PATIENCE: Duration = Duration::from_secs(60);

struct Rsyslog {
    directory: TempDir,
    child: Child,
    port: u16,
}

impl Rsyslog {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = authority();
        issue(&ca, &["localhost"], directory.path(), "logs");
        std::fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
        let port = crate::ports::free().port();
        let child = Self::process(directory.path(), port);
        let mut server = Self { directory, child, port };
        server.listening().await;
        server
    }

    fn process(directory: &Path, port: u16) -> Child {
        let at = directory.display();
        let config = format!(
            r#"
global(workDirectory="{at}" maxMessageSize="64k" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{at}/ca.pem"
       defaultNetstreamDriverCertFile="{at}/logs.pem" defaultNetstreamDriverKeyFile="{at}/logs.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="parts" type="string" string="%pri% %hostname% %app-name% %msgid% %structured-data% %msg%\n")
ruleset(name="copy") {{ action(type="omfile" file="{at}/copy.log" template="parts") }}
input(type="imtcp" port="{port}" ruleset="copy")
"#
        );
        std::fs::write(directory.join("rsyslog.conf"), config).unwrap();
        Command::new("/usr/sbin/rsyslogd")
            .arg("-n")
            .arg("-f")
            .arg(directory.join("rsyslog.conf"))
            .arg("-i")
            .arg(directory.join("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rsyslog is needed: tests/run installs it (apt-get install rsyslog rsyslog-gnutls)")
    }

    async fn listening(&mut self) {
        for _ in 0..PATIENCE.as_millis() / 20 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "rsyslogd ended; is rsyslog-gnutls installed?");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("rsyslogd does not listen");
    }

    /// As `kill -9` does.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the same port; the sink comes back by itself.
    fn restart(&mut self) {
        self.child = Self::process(self.directory.path(), self.port);
    }

    fn copy(&self) -> PathBuf {
        self.directory.path().join("copy.log")
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(self.copy()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The sequences of whole lines; a process that was killed may have left a torn one.
    fn sequences(&self) -> Vec<u64> {
        let of = |line: &String| line.split_once("[yumen@32473 sequence=\"")?.1.split('"').next()?.parse().ok();
        self.lines().iter().filter(|line| line.ends_with('}')).filter_map(of).collect()
    }

    async fn has(&self, size: u64) {
        for _ in 0..PATIENCE.as_millis() / 20 {
            if self.sequences().into_iter().collect::<BTreeSet<_>>().len() as u64 >= size {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("of {size} records rsyslog has {:?}", self.sequences());
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_real_rsyslog_that_is_killed_and_started_again_has_every_record() {
    let mut server = Rsyslog::start().await;
    let ca = format!("ca = '{}'", server.directory.path().join("ca.pem").display());
    let house =
        House::open_with(Changes { top: &sink("siem", "syslog", &format!("tls://localhost:{}", server.port), &ca), ..Changes::default() })
            .await;
    write(&house, 200).await;
    let first = house.log().len() as u64;
    server.has(first).await;
    assert_eq!(server.sequences(), (1..=first).collect::<Vec<_>>(), "each once and in order, while nothing happens");

    // Killed when it has read everything, long ago. That cannot be known, so it comes again, in order.
    house.clock.advance(Duration::from_secs(61));
    server.kill();
    write(&house, 200).await;
    until(&house, |sink| sink.trouble.is_some()).await;
    server.restart();
    let second = house.log().len() as u64;
    server.has(second).await;
    assert_eq!(server.sequences(), (1..=first).chain(1..=second).collect::<Vec<_>>());

    // Killed in the middle of much.
    let before = server.sequences().len();
    write(&house, 3_000).await;
    while server.sequences().len() < before + 300 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.kill();
    server.restart();
    let last = house.log().len() as u64;
    server.has(last).await;
    let all = server.sequences().into_iter().collect::<BTreeSet<_>>();
    assert_eq!(all, (1..=last).collect::<BTreeSet<_>>());

    let lines = server.lines();
    let start = lines.iter().find(|line| line.contains("event/start ")).unwrap();
    assert!(start.starts_with("109 gate.city.test yumen event/start [yumen@32473 sequence=\"1\" leaf=\""), "{start}");
    let entry: serde_json::Value = serde_json::from_str(start[start.find("] ").unwrap() + 2..].trim_start_matches('\u{feff}')).unwrap();
    assert_eq!((&entry["sequence"], &entry["action"]), (&1.into(), &"start".into()));
    assert!(lines.iter().any(|line| line.contains(" checkpoint [yumen@32473 size=\"")));
}
