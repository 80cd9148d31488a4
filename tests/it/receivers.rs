//! Receivers of notices: a mail server that speaks as much of RFC 5321 as it takes to be strict, and one for webhooks.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// With the certificate `NAME.pem` and its key.
pub fn acceptor(directory: &Path, name: &str) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(directory.join(format!("{name}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

#[derive(Clone, Debug, Default)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// As it came, without the dots that were put before others.
    pub whole: String,
    pub in_tls: bool,
    pub login: Option<(String, String)>,
}

impl Received {
    pub fn header(&self, name: &str) -> String {
        let head = self.whole.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let start = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&start)).unwrap_or_else(|| panic!("no {name} in {head}"));
        decoded_words(line[start.len()..].trim())
    }

    pub fn body(&self) -> String {
        let (_, body) = self.whole.split_once("\r\n\r\n").unwrap();
        match self.header("Content-Transfer-Encoding").as_str() {
            "base64" => String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap(),
            "7bit" => body.to_owned(),
            other => panic!("{other}"),
        }
    }
}

/// RFC 2047, where the words are in base64: the space between two of them is none (section 6.2).
fn decoded_words(text: &str) -> String {
    let (mut bytes, mut was_encoded) = (Vec::new(), true);
    for word in text.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        let is_joined = was_encoded && encoded.is_some();
        if !bytes.is_empty() && !is_joined {
            bytes.push(b' ');
        }
        bytes.extend(encoded.map_or_else(|| word.as_bytes().to_vec(), |encoded| STANDARD.decode(encoded).unwrap()));
        was_encoded = encoded.is_some();
    }
    String::from_utf8(bytes).unwrap()
}

/// How a mail server is.
#[derive(Clone, Default)]
pub struct Manner {
    /// Offered as STARTTLS.
    pub starttls: Option<TlsAcceptor>,
    /// From the first byte.
    pub tls: Option<TlsAcceptor>,
    /// Without which it takes nothing.
    pub login: Option<(&'static str, &'static str)>,
    /// Offers AUTH LOGIN alone.
    pub only_login: bool,
    /// What it says behind the answer to STARTTLS, in the same breath.
    pub injects: &'static str,
    /// Says this for a greeting, if anything.
    pub greeting: &'static str,
    /// Whom it does not know.
    pub refuses: &'static str,
}

#[derive(Clone)]
pub struct MailServer {
    pub address: SocketAddr,
    pub mails: Arc<Mutex<Vec<Received>>>,
    /// All that was said to it.
    pub heard: Arc<Mutex<Vec<String>>>,
    manner: Manner,
}

impl MailServer {
    pub async fn open(manner: Manner) -> Self {
        Self::open_at("127.0.0.1:0".parse().unwrap(), manner).await
    }

    pub async fn open_at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), mails: Arc::default(), heard: Arc::default(), manner };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move {
                    match &serving.manner.tls {
                        None => serving.greet(stream, false).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serving.greet(stream, true).await,
                            Err(_) => serving.hear("not believed"),
                        },
                    }
                });
            }
        });
        server
    }

    pub fn mails(&self) -> Vec<Received> {
        self.mails.lock().unwrap().clone()
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn hear(&self, line: &str) {
        self.heard.lock().unwrap().push(line.to_owned());
    }

    async fn greet<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S, in_tls: bool) {
        let greeting = if self.manner.greeting.is_empty() { "220 mail.test ready\r\n" } else { self.manner.greeting };
        say(&mut stream, greeting).await;
        if let Some(mut stream) = self.talk(stream, in_tls).await
            && let Some(tls) = &self.manner.starttls
        {
            say(&mut stream, &format!("220 go ahead\r\n{}", self.manner.injects)).await;
            match tls.accept(stream).await {
                Ok(stream) => drop(self.talk(stream, true).await),
                Err(_) => self.hear("not believed"),
            }
        }
    }

    /// Until it ends, or gives the stream back for TLS.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S, in_tls: bool) -> Option<S> {
        let mut mail = Received { in_tls, ..Received::default() };
        loop {
            let line = line(&mut stream).await?;
            self.hear(&line);
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let needs_login = self.manner.login.is_some() && mail.login.is_none();
            match verb.as_str() {
                "EHLO" => {
                    let tls = if self.manner.starttls.is_some() && !in_tls { "250-STARTTLS\r\n" } else { "" };
                    let auth = if self.manner.only_login { "LOGIN" } else { "PLAIN LOGIN" };
                    say(&mut stream, &format!("250-mail.test\r\n{tls}250-AUTH {auth}\r\n250 SIZE 1000000\r\n")).await;
                }
                "STARTTLS" if !in_tls => return Some(stream),
                "AUTH" => {
                    let given = if line.contains("LOGIN") {
                        say(&mut stream, "334 VXNlcm5hbWU6\r\n").await;
                        let user = decoded(&self::line(&mut stream).await?);
                        say(&mut stream, "334 UGFzc3dvcmQ6\r\n").await;
                        (user, decoded(&self::line(&mut stream).await?))
                    } else {
                        let plain = decoded(line.rsplit(' ').next().unwrap());
                        let mut parts = plain.split('\0').skip(1).map(str::to_owned);
                        (parts.next().unwrap(), parts.next().unwrap())
                    };
                    if self.manner.login.is_some_and(|(user, password)| given == (user.to_owned(), password.to_owned())) {
                        mail.login = Some(given);
                        say(&mut stream, "235 welcome\r\n").await;
                    } else {
                        say(&mut stream, &format!("535 {} is not your password\r\n", given.1)).await;
                    }
                }
                "MAIL" if needs_login => say(&mut stream, "530 log in first\r\n").await,
                "MAIL" => {
                    mail.from = between(&line);
                    say(&mut stream, "250 ok\r\n").await;
                }
                "RCPT" if !self.manner.refuses.is_empty() && line.contains(self.manner.refuses) => {
                    say(&mut stream, "550 no such \u{1b}[2Jmailbox\r\n").await;
                }
                "RCPT" => {
                    mail.to.push(between(&line));
                    say(&mut stream, "250 ok\r\n").await;
                }
                "DATA" => {
                    say(&mut stream, "354 go on\r\n").await;
                    while let Some(line) = self::line(&mut stream).await.filter(|line| line != ".") {
                        mail.whole.push_str(line.strip_prefix('.').unwrap_or(&line));
                        mail.whole.push_str("\r\n");
                    }
                    self.mails.lock().unwrap().push(mail.clone());
                    say(&mut stream, "250 taken\r\n").await;
                }
                "QUIT" => {
                    say(&mut stream, "221 bye\r\n").await;
                    return None;
                }
                _ => say(&mut stream, "502 what?\r\n").await,
            }
        }
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
}

/// Lines end as the RFC has it, and no other way.
async fn line<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.ok()?);
        let is_whole = line.ends_with(b"\r\n") || !line.ends_with(b"\n");
        assert!(line.len() <= 1_000 && is_whole, "{:?}", String::from_utf8_lossy(&line));
    }
    line.truncate(line.len() - 2);
    Some(String::from_utf8(line).unwrap())
}

fn decoded(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
}

fn between(line: &str) -> String {
    line.split_once('<').unwrap().1.split_once('>').unwrap().0.to_owned()
}

/// What came by POST.
#[derive(Clone, Debug)]
pub struct Posted {
    pub head: BTreeMap<String, String>,
    pub body: String,
}

impl Posted {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether its signature is one by this key.
    pub fn is_signed_by(&self, key: &[u8]) -> bool {
        let signed = format!("{}.{}.{}", self.head["webhook-id"], self.head["webhook-timestamp"], self.body);
        let tag = STANDARD.decode(self.head["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
        ring::hmac::verify(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), signed.as_bytes(), &tag).is_ok()
    }
}

#[derive(Clone)]
pub struct Hook {
    pub address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
    /// What it answers next; with none left, 204.
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Hook {
    pub async fn open(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let hook = Self { address: listener.local_addr().unwrap(), posted: Arc::default(), answers };
        let serving = hook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        hook
    }

    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let first = line(&mut stream).await?;
        assert!(first.starts_with("POST /hook HTTP/1.1"), "{first}");
        let mut head = BTreeMap::new();
        while let Some(line) = line(&mut stream).await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            head.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; head["content-length"].parse().unwrap()];
        stream.read_exact(&mut body).await.ok()?;
        self.posted.lock().unwrap().push(Posted { head, body: String::from_utf8(body).unwrap() });
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or("204 No Content");
        say(&mut stream, &format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nLocation: http://{}/elsewhere\r\n\r\n", self.address)).await;
        Some(())
    }
}
