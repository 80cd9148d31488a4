//! A browser without a window: cookies by host, redirects, forms, and a software security key.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;
use webauthn_authenticator_rs::AuthenticatorBackendHashedClientData;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use crate::forms::{self, Form};

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn form(&self, which: &str) -> Form {
        forms::form(&self.text(), which).unwrap_or_else(|| panic!("no form {which} on {} ({}):\n{}", self.url, self.status, self.text()))
    }

    pub fn reference(&self) -> &str {
        self.header("x-request-id")
    }
}

/// A security key in software: one that says of itself what it likes, or one whose maker vouches for it.
pub type Key = Box<dyn AuthenticatorBackendHashedClientData + Send + Sync>;

pub struct Browser {
    pub address: SocketAddr,
    tls: TlsConnector,
    cookies: HashMap<String, BTreeMap<String, String>>,
    pub key: Key,
    /// What the browser says its origin is when it asks the key; `None`: the truth.
    pub claimed_origin: Option<String>,
    /// The key answers without asking for a PIN.
    pub careless: bool,
    /// What it makes may be copied to other devices, and it says so.
    pub synced: bool,
    /// The address that it connects from; `None`: whatever the system chooses.
    pub from: Option<Ipv4Addr>,
    /// What the key made and for whom: the software key keeps neither, so that it could not be found without a name.
    registered: Option<(String, String)>,
    pub language: &'static str,
    /// What it calls itself.
    pub agent: &'static str,
    /// What a proxy says before TLS.
    pub announced: &'static str,
}

impl Browser {
    pub fn new(address: SocketAddr, tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            address,
            tls: TlsConnector::from(tls),
            cookies: HashMap::new(),
            key: Box::new(SoftPasskey::new(true)),
            synced: false,
            claimed_origin: None,
            careless: false,
            from: None,
            registered: None,
            language: "en",
            agent: "test",
            announced: "",
        }
    }

    pub async fn connect(&self, host: &str) -> TlsStream<TcpStream> {
        let mut stream = match self.from {
            None => TcpStream::connect(self.address).await.unwrap(),
            Some(address) => {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind((address, 0).into()).unwrap();
                socket.connect(self.address).await.unwrap()
            }
        };
        stream.write_all(self.announced.as_bytes()).await.unwrap();
        self.tls.connect(ServerName::try_from(host.to_owned()).unwrap(), stream).await.unwrap()
    }

    pub fn cookie(&self, host: &str, name: &str) -> Option<String> {
        self.cookies.get(host)?.get(name).cloned()
    }

    pub fn set_cookie(&mut self, host: &str, name: &str, value: &str) {
        self.cookies.entry(host.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
    }

    /// The person goes over to another browser with her key.
    pub fn take_key_from(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.key, &mut other.key);
        std::mem::swap(&mut self.registered, &mut other.registered);
    }

    /// From now on the browser has what this client shows to hosts that ask.
    pub fn plug_in(&mut self, tls: Arc<rustls::ClientConfig>) {
        self.tls = TlsConnector::from(tls);
    }

    pub fn forget(&mut self, host: &str) {
        self.cookies.remove(host);
    }

    /// The Cookie field for a host.
    pub fn cookie_field(&self, host: &str) -> String {
        let cookies = self.cookies.get(host).into_iter().flatten();
        cookies.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// One request, no redirects, exactly these header fields beside Host and Cookie.
    pub async fn send(&mut self, method: Method, url: &Url, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let host = url.host_str().unwrap().to_owned();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(self.connect(&host).await)).await.unwrap();
        let driver = tokio::spawn(connection);
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, &host);
        let cookies = self.cookie_field(&host);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        driver.abort();
        self.keep_cookies(&host, &parts.headers);
        Reply { url: url.clone(), status: parts.status, headers: parts.headers, body }
    }

    fn keep_cookies(&mut self, host: &str, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let jar = self.cookies.entry(host.to_owned()).or_default();
            if attributes.to_ascii_lowercase().contains("max-age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A person follows a link: with redirects.
    pub async fn open(&mut self, url: &str) -> Reply {
        let url = Url::parse(url).unwrap();
        let reply = self.navigate(Method::GET, &url, None).await;
        self.follow(reply).await
    }

    /// A person sends a form.
    pub async fn submit(&mut self, page: &Reply, form: &Form) -> Reply {
        let url = page.url.join(&form.action).unwrap();
        let reply = self.navigate(Method::POST, &url, Some((page.url.origin().ascii_serialization(), form.encoded()))).await;
        self.follow(reply).await
    }

    pub async fn navigate(&mut self, method: Method, url: &Url, form: Option<(String, String)>) -> Reply {
        let mut fields = vec![
            ("accept", "text/html,application/xhtml+xml"),
            ("accept-language", self.language),
            ("user-agent", self.agent),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        let (origin, body) = form.unwrap_or_default();
        if method == Method::POST {
            fields.extend([
                ("origin", origin.as_str()),
                ("sec-fetch-site", "same-origin"),
                ("content-type", "application/x-www-form-urlencoded"),
            ]);
        }
        self.send(method, url, &fields, body).await
    }

    /// Wherever the answer sends the browser.
    pub async fn go_on(&mut self, reply: Reply) -> Reply {
        self.follow(reply).await
    }

    async fn follow(&mut self, mut reply: Reply) -> Reply {
        for _ in 0..10 {
            let to = match reply.status {
                StatusCode::SEE_OTHER | StatusCode::FOUND => reply.header("location").to_owned(),
                _ => match forms::leads_on_to(&reply.text()) {
                    Some(to) => to,
                    None => return reply,
                },
            };
            let to = reply.url.join(&to).unwrap();
            reply = self.navigate(Method::GET, &to, None).await;
        }
        panic!("redirected for ever: {}", reply.url);
    }

    /// Presses "use the key" on a page that asks for one.
    pub async fn use_key(&mut self, page: &Reply) -> Reply {
        let form = self.answer_key(page);
        self.submit(page, &form).await
    }

    /// The form that the page's script would send.
    pub fn answer_key(&mut self, page: &Reply) -> Form {
        let form = page.form("webauthn");
        let options: Value = serde_json::from_str(form.options.as_deref().expect("a form with options")).unwrap();
        let origin = self.claimed_origin.clone().unwrap_or_else(|| page.url.origin().ascii_serialization());
        let credential = self.credential(&options["publicKey"], &origin);
        form.with("credential", &credential.to_string()).with("key_name", "test key")
    }

    /// What the key answers to options of the server, as JSON.
    pub fn credential(&mut self, options: &Value, origin: &str) -> Value {
        let mut options = options.clone();
        let nameless = options.get("rp").is_none() && options["allowCredentials"].as_array().is_none_or(Vec::is_empty);
        if let (true, Some((credential, _))) = (nameless, &self.registered) {
            options["allowCredentials"] = json!([{ "type": "public-key", "id": credential }]);
        }
        if self.careless {
            options["userVerification"] = "preferred".into();
        }
        let creating = options.get("rp").is_some();
        let kind = if creating { "webauthn.create" } else { "webauthn.get" };
        let client_data = json!({ "type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false }).to_string();
        let hash = ring::digest::digest(&ring::digest::SHA256, client_data.as_bytes()).as_ref().to_vec();
        let mut credential = if creating {
            let options = serde_json::from_value(options.clone()).unwrap();
            serde_json::to_value(self.key.perform_register(hash, options, 1_000).expect("the key registers")).unwrap()
        } else {
            let options = serde_json::from_value(options.clone()).unwrap();
            serde_json::to_value(self.key.perform_auth(hash, options, 1_000).expect("the key answers")).unwrap()
        };
        if creating && self.synced {
            let object = &mut credential["response"]["attestationObject"];
            *object = of_a_synced_passkey(object.as_str().unwrap()).into();
        }
        if creating {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            self.registered = Some((text(&credential["id"]), text(&options["user"]["id"])));
        } else if let (true, Some((_, user))) = (nameless, &self.registered) {
            credential["response"]["userHandle"] = user.as_str().into();
        }
        credential["response"]["clientDataJSON"] = URL_SAFE_NO_PAD.encode(client_data).into();
        credential
    }
}

/// The same attestation object as software that copies its passkeys sends it: the flags BE and BS are set, and nobody signs for it (WebAuthn,
/// sections 6.1 and 8.7).
fn of_a_synced_passkey(object: &str) -> String {
    const KEY: &[u8] = b"\x68authData";
    let object = URL_SAFE_NO_PAD.decode(object.trim_end_matches('=')).unwrap();
    let at = object.windows(KEY.len()).position(|window| window == KEY).unwrap() + KEY.len();
    let (start, length) = match object[at] {
        0x58 => (at + 2, usize::from(object[at + 1])),
        0x59 => (at + 3, usize::from(u16::from_be_bytes([object[at + 1], object[at + 2]]))),
        other => panic!("{other:x} is no byte string"),
    };
    let mut data = object[start..start + length].to_vec();
    data[32] |= 0x18;
    let length = u16::try_from(length).unwrap().to_be_bytes();
    let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0";
    URL_SAFE_NO_PAD.encode([head, KEY, &[0x59], &length, &data].concat())
}
