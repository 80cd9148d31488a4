//! One notice to one receiver: real ones, and some that lie, babble or are not who they should be.

use std::path::Path;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use yumen::clock::Time;
use yumen::incident::notice::{Addressee, Channel, Letter, Login, Mail, MailTls, Syslog, To, Way, Webhook, What};
use yumen::model::Level;
use yumen::outbound::send;

use crate::notices::{PASSWORD, files, private};
use crate::receivers::{MailServer, Manner, acceptor};

fn letter(text: &str, to: &str) -> Letter {
    Letter {
        id: "notice-1".to_owned(),
        channel: "mail".to_owned(),
        incident: Some(12),
        scope: None,
        what: What::Opened,
        drill: false,
        time: Time::from_millis(1_795_316_645_678),
        to: vec![Addressee { address: Some(to.to_owned()), ..Addressee::default() }],
        subject: "Incident 12".to_owned(),
        text: text.to_owned(),
        data: serde_json::json!({ "level": "III" }),
    }
}

/// Sends over a server of this manner, which is trusted by `ca`; what was said of it.
async fn mailed(directory: &Path, manner: Manner, tls: MailTls, ca: &str, text: &str) -> (MailServer, String) {
    let login = manner.login.map(|(user, _)| Login { user: user.to_owned(), password_file: directory.join("password") });
    let server = MailServer::open(manner).await;
    let ca = (tls != MailTls::Clear).then(|| directory.join(ca));
    let mail = Mail { host: "localhost".to_owned(), port: server.address.port(), tls, from: "yumen@city.example".to_owned(), login, ca };
    let channel = Channel {
        name: "mail".to_owned(),
        way: Way::Mail(mail),
        to: vec![To::Address("a@city.example".to_owned())],
        from_level: Level::IV,
    };
    let sent = send(&channel, &letter(text, "a@city.example"), "gate.city.test", Time::from_millis(1_795_316_645_678)).await;
    (server, sent.err().map(|error| error.to_string()).unwrap_or_default())
}

#[tokio::test]
async fn mail_goes_in_the_clear_in_tls_or_after_starttls_with_either_way_to_log_in() {
    let files = files();
    let at = files.path();
    let tls = || Some(acceptor(at, "mail"));
    let login = Some(("yumen", PASSWORD));
    let dots = ".\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\nend";
    for (manner, how, in_tls) in [
        (Manner::default(), MailTls::Clear, false),
        (Manner { login, ..Manner::default() }, MailTls::Clear, false),
        (Manner { tls: tls(), login, ..Manner::default() }, MailTls::Tls, true),
        (Manner { starttls: tls(), login, ..Manner::default() }, MailTls::Starttls, true),
        (Manner { starttls: tls(), login, only_login: true, ..Manner::default() }, MailTls::Starttls, true),
    ] {
        let (server, why) = mailed(at, manner.clone(), how, "ca.pem", dots).await;
        assert_eq!(why, "");
        let mails = server.mails();
        assert_eq!((mails.len(), mails[0].in_tls, mails[0].login.is_some()), (1, in_tls, manner.login.is_some()));
        assert_eq!(mails[0].body().trim_end(), dots, "what stands alone in a line ends nothing");
        assert_eq!(mails[0].header("Date"), "Sun, 22 Nov 2026 03:04:05 +0000");
        assert_eq!(mails[0].header("From"), "Yumen <yumen@city.example>");
    }
}

#[tokio::test]
async fn a_mail_server_that_is_not_who_it_should_be_gets_neither_notice_nor_password() {
    let files = files();
    let at = files.path();
    let tls = || Some(acceptor(at, "mail"));
    let login = Some(("yumen", PASSWORD));
    let stripped = Manner { login, ..Manner::default() };
    let (server, why) = mailed(at, stripped, MailTls::Starttls, "ca.pem", "x").await;
    assert!(why.contains("offers no STARTTLS"), "{why}");
    assert!(server.mails().is_empty() && server.heard().iter().all(|line| line.starts_with("EHLO")), "{:?}", server.heard());
    for (manner, how) in [
        (Manner { starttls: tls(), login, ..Manner::default() }, MailTls::Starttls),
        (Manner { tls: tls(), login, ..Manner::default() }, MailTls::Tls),
    ] {
        let (server, why) = mailed(at, manner, how, "other.pem", "x").await;
        assert!(why.contains("invalid peer certificate"), "{why}");
        assert!(server.mails().is_empty() && server.heard().iter().all(|line| !line.contains("AUTH")), "{:?}", server.heard());
    }
    let injecting = Manner { starttls: tls(), injects: "250-mail.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n", ..Manner::default() };
    let (server, why) = mailed(at, injecting, MailTls::Starttls, "ca.pem", "x").await;
    assert!(!why.is_empty() && server.mails().is_empty(), "what came in the clear behind the answer spoils the handshake");
}

#[tokio::test]
async fn what_a_mail_server_answers_is_told_and_can_do_no_harm() {
    let files = files();
    let at = files.path();
    let (_, why) = mailed(at, Manner { refuses: "a@city.example", ..Manner::default() }, MailTls::Clear, "", "x").await;
    assert!(why.contains("the mail server answers 550: no such") && !why.contains('\u{1b}'), "{why}");
    private(&at.join("password"), "another-word");
    let (_, why) = mailed(at, Manner { login: Some(("yumen", PASSWORD)), ..Manner::default() }, MailTls::Clear, "", "x").await;
    assert!(why.contains("answers 535") && !why.contains("another-word"), "{why}");
    let long: &'static str = Box::leak(format!("220{}", "-".repeat(300_000)).into_boxed_str());
    let endless: &'static str = Box::leak("220-more\r\n".repeat(30_000).into_boxed_str());
    for greeting in [long, endless, "554 go away\r\n", "hello\r\n"] {
        for how in [MailTls::Clear, MailTls::Starttls] {
            let (server, why) = mailed(at, Manner { greeting, ..Manner::default() }, how, "ca.pem", "x").await;
            assert!(!why.is_empty() && why.len() < 400 && server.mails().is_empty(), "{why}");
            assert!(!why.contains("did not take it within"), "{greeting:.20} {how:?}");
        }
    }
    std::fs::remove_file(at.join("password")).unwrap();
    let (server, why) = mailed(at, Manner { login: Some(("yumen", PASSWORD)), ..Manner::default() }, MailTls::Clear, "", "x").await;
    assert!(why.contains("password cannot be read") && server.heard().is_empty(), "{why}");
}

#[tokio::test]
async fn a_webhook_in_tls_is_known_by_its_authority() {
    let files = files();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = acceptor(files.path(), "mail");
    let accepted = tokio::spawn(async move { tls.accept(listener.accept().await.unwrap().0).await.is_ok() });
    let webhook = Webhook {
        url: format!("https://localhost:{}/hook", address.port()),
        secret_file: files.path().join("key"),
        ca: Some(files.path().join("other.pem")),
    };
    let channel = Channel { name: "desk".to_owned(), way: Way::Webhook(webhook), to: Vec::new(), from_level: Level::IV };
    let why = send(&channel, &letter("x", ""), "gate.city.test", Time::from_millis(0)).await.unwrap_err().to_string();
    assert!(why.contains("invalid peer certificate") && !accepted.await.unwrap(), "{why}");
}

#[tokio::test]
async fn syslog_gets_one_line_in_tls() {
    let files = files();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = acceptor(files.path(), "mail");
    let heard = tokio::spawn(async move {
        let mut stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut line = Vec::new();
        stream.read_to_end(&mut line).await.unwrap();
        String::from_utf8(line).unwrap()
    });
    let syslog = Syslog { host: "localhost".to_owned(), port, ca: Some(files.path().join("ca.pem")) };
    let channel = Channel { name: "siem".to_owned(), way: Way::Syslog(syslog), to: Vec::new(), from_level: Level::IV };
    send(&channel, &letter("x", ""), "gate.city.test", Time::from_millis(1_795_316_645_678)).await.unwrap();
    let line = heard.await.unwrap();
    let expected = "notice/opened [yumen@32473 notice=\"notice-1\" incident=\"12\" level=\"III\" drill=\"false\"] \u{feff}Incident 12";
    assert!(line.contains("<105>1 2026-11-22T03:04:05.678Z gate.city.test yumen ") && line.ends_with(expected), "{line}");
}
