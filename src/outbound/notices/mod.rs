//! Brings notices of incidents to people and machines: by mail, webhook and syslog ([`send`]), as often as it takes ([`Queue`]).
//!
//! Invariant: one try ends within [`PATIENCE`], whatever the receiver does; what is told of its failure holds no secret. A receiver may get the
//! same notice twice, told by its id, and none is dropped before it was tried [`MOST_TRIES`] times over hours.

mod mail;
mod queue;
mod webhook;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::connection::Connection;
use super::severity::Severity;
use super::syslog::{self, Message};
use super::{Destination, read_secret};
use crate::clock::Time;
use crate::incident::notice::{Channel, Letter, Syslog, Way};
use crate::model::{capped, visible};
use crate::pki::{self, PkiError};

pub use mail::is_mailbox;
pub use queue::{MOST_TRIES, Queue, Waiting};
pub use webhook::read_key;

/// From the connection to the receiver's last word.
const PATIENCE: Duration = Duration::from_secs(25);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Of what a receiver says.
const LONGEST_TOLD: usize = 200;

/// Why a notice was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    #[error("the file {0}")]
    Secret(String),
    #[error(transparent)]
    Authority(#[from] PkiError),
    #[error("the receiver cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("{0}")]
    Refused(String),
    #[error("the receiver did not take it within {} s", PATIENCE.as_secs())]
    Late,
    #[error("the notice cannot be sent so: {0}")]
    Malformed(String),
    #[error("the sending was stopped")]
    Stopped,
}

impl NotSent {
    /// What the receiver said, as it may be shown; these `secrets` were sent to it.
    fn refused(what: &str, secrets: &[String]) -> Self {
        let said = secrets.iter().filter(|secret| !secret.is_empty()).fold(what.to_owned(), |said, secret| said.replace(secret, "…"));
        Self::Refused(capped(&visible(said.trim()), LONGEST_TOLD))
    }
}

/// Tries once. `host` is the portal's; `wall` the time at which it is tried.
pub async fn send(channel: &Channel, letter: &Letter, host: &str, wall: Time) -> Result<(), NotSent> {
    send_within(PATIENCE, channel, letter, host, wall).await
}

async fn send_within(patience: Duration, channel: &Channel, letter: &Letter, host: &str, wall: Time) -> Result<(), NotSent> {
    let trying = async {
        match &channel.way {
            Way::Mail(mail) => mail::send(mail, letter, host, wall).await,
            Way::Webhook(webhook) => webhook::send(webhook, letter, wall).await,
            Way::Syslog(syslog) => write(syslog, letter, host, wall).await,
        }
    };
    timeout(patience, trying).await.unwrap_or(Err(NotSent::Late))
}

/// A receiver of syslog acknowledges nothing: what is known is that its machine took the bytes, and that it closed behind them or said nothing.
async fn write(to: &Syslog, letter: &Letter, host: &str, wall: Time) -> Result<(), NotSent> {
    let tls = match &to.ca {
        Some(ca) => {
            let mut config = ClientConfig::clone(&*client_config(ca).await?);
            config.alpn_protocols.clear();
            Some(Arc::new(config))
        }
        None => None,
    };
    let destination = match &tls {
        Some(_) => Destination::Tls { host: to.host.clone(), port: to.port },
        None => Destination::Tcp { host: to.host.clone(), port: to.port },
    };
    let mut bytes = Vec::new();
    let (time, id) = (wall.to_string(), format!("notice/{}", letter.what.word()));
    let incident = letter.incident.map(|number| number.to_string()).unwrap_or_default();
    let drill = letter.drill.to_string();
    let body = letter.subject.clone();
    let level = letter.data.get("level").and_then(|level| level.as_str()).unwrap_or_default();
    let scope = letter.scope.as_ref().map(ToString::to_string);
    let mut data = vec![("notice", letter.id.as_str()), ("incident", &incident), ("level", level), ("drill", &drill)];
    data.extend(scope.as_deref().map(|scope| ("scope", scope)));
    let severity = if letter.what.is_urgent() && !letter.drill { Severity::Alert } else { Severity::Notice };
    let message = Message { severity, time: &time, host, process: std::process::id(), id: &id, data: &data, body: body.as_bytes() };
    syslog::append(&mut bytes, &message);
    let unreachable = |why: String| NotSent::Unreachable(io::Error::other(why));
    let mut connection = Connection::open(&destination, tls.as_ref()).await.map_err(|gone| unreachable(gone.why))?;
    connection.write(&bytes).await.map_err(|gone| unreachable(gone.why))?;
    let _ = connection.finish().await;
    Ok(())
}

/// Trusts whom this file names.
async fn client_config(ca: &Path) -> Result<Arc<ClientConfig>, NotSent> {
    let ca = ca.to_owned();
    Ok(spawn_blocking(move || pki::upstream_client_config(Some(&ca), None)).await.map_err(|_| NotSent::Stopped)??)
}

/// Read anew each time, so that another one holds at once.
async fn secret(path: &Path) -> Result<Zeroizing<String>, NotSent> {
    let file = path.to_owned();
    let read = spawn_blocking(move || read_secret(&file)).await.map_err(|_| NotSent::Stopped)?;
    read.map_err(|why| NotSent::Secret(format!("{} {why}", path.display())))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::incident::notice::{Addressee, Mail, MailTls, Webhook, What};
    use crate::model::Level;

    fn letter() -> Letter {
        Letter {
            id: "notice-1".to_owned(),
            channel: "hangs".to_owned(),
            incident: Some(1),
            scope: None,
            what: What::Opened,
            drill: false,
            time: Time::default(),
            to: vec![Addressee { address: Some("a@city.example".to_owned()), ..Addressee::default() }],
            subject: String::new(),
            text: String::new(),
            data: serde_json::Value::Null,
        }
    }

    #[tokio::test]
    async fn a_receiver_that_takes_the_connection_and_says_nothing_is_given_up() {
        use std::os::unix::fs::PermissionsExt;
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (key, ca) = (directory.path().join("key"), directory.path().join("ca.pem"));
        std::fs::write(&key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let own = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&ca, rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&own).unwrap().pem()).unwrap();
        let mail = |tls| {
            let ca = (tls != MailTls::Clear).then(|| ca.clone());
            Way::Mail(Mail { host: "127.0.0.1".to_owned(), port: address.port(), tls, from: "y@city.example".to_owned(), login: None, ca })
        };
        let webhook = Webhook { url: format!("http://{address}/"), secret_file: key, ca: None };
        let syslog = Syslog { host: "127.0.0.1".to_owned(), port: address.port(), ca: Some(ca.clone()) };
        for way in [mail(MailTls::Clear), mail(MailTls::Starttls), mail(MailTls::Tls), Way::Webhook(webhook), Way::Syslog(syslog)] {
            let channel = Channel { name: "hangs".to_owned(), way, to: Vec::new(), from_level: Level::IV };
            let sent = send_within(Duration::from_millis(200), &channel, &letter(), "gate.city.example", Time::default()).await;
            assert!(matches!(sent, Err(NotSent::Late)), "{:?} {sent:?}", channel.way);
        }
    }

    #[test]
    fn what_a_receiver_says_is_shown_without_secrets_and_without_what_a_terminal_obeys() {
        let said = NotSent::refused("\u{1b}[2J535 c29ycmVs or sorrel\r\n", &["sorrel".to_owned(), "c29ycmVs".to_owned()]);
        assert_eq!(said.to_string(), "\\u{1b}[2J535 … or …");
        assert!(NotSent::refused(&"x".repeat(5_000), &[String::new()]).to_string().len() < 210);
    }
}
