//! What the tests of this module share: a gateway's worth of verbs over a store in memory, and a security key whose
//! every flag can be falsified.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::clock::{Clock, Time};
use crate::crypto::{SealingKey, Token, random, sha256};
use crate::model::{Account, AccountId, AccountName, AccountState, Host, Role, UnitName};
use crate::store::Store;

pub(super) const PASSWORD: &str = "six quiet camels";
pub(super) const ORIGIN: &str = "https://gate.localhost:8443";

pub(super) struct World {
    pub(super) store: Store,
    pub(super) passwords: Passwords,
    pub(super) auth: Auth,
    pub(super) clock: Clock,
}

impl World {
    pub(super) async fn new() -> Self {
        let store = Store::open_in_memory().await.unwrap();
        let clock = Clock::manual(Time::from_millis(1_800_000_000_000));
        let passwords = Passwords::with_capacity(2, 16).await.unwrap();
        let auth = wire(&store, &passwords, clock.now()).await;
        Self { store, passwords, auth, clock }
    }

    /// The same store after a restart.
    pub(super) async fn restarted(self) -> Self {
        let auth = wire(&self.store, &self.passwords, self.clock.now()).await;
        Self { auth, ..self }
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) async fn invite(&self, name: &str, role: Role) -> Token {
        let account = Account {
            id: AccountId::fresh(),
            name: AccountName::parse(name).unwrap(),
            unit: UnitName::parse("Press").unwrap(),
            role,
            email: Some("li@example.cn".to_owned()),
            state: AccountState::Invited,
            created: self.now(),
        };
        let invitation = Token::random().unwrap();
        self.store.invite(&account, invitation.hash(), self.now().plus(Duration::from_secs(900))).await.unwrap();
        invitation
    }

    pub(super) async fn enrol_as(&self, name: &str, role: Role, device: &mut Device) -> Account {
        let invitation = self.invite(name, role).await;
        let enrolment = &self.auth.enrolment;
        let (browser, _) = enrolment.open(&invitation, self.now()).await.unwrap();
        enrolment.set_password(&browser, PASSWORD, self.now()).await.unwrap();
        let challenge = enrolment.key_options(&browser, self.now()).await.unwrap();
        let credential = device.create(&challenge.options);
        enrolment.add_key(&browser, &challenge.id, &credential, "blue", self.now()).await.unwrap();
        enrolment.complete(&browser, self.now()).await.unwrap()
    }

    pub(super) async fn enrol(&self, name: &str, device: &mut Device) -> Account {
        self.enrol_as(name, Role::Member, device).await
    }

    pub(super) async fn password(&self, name: &str) -> Token {
        self.auth.sign_in.first_factor(name, PASSWORD, self.now()).await.unwrap().token
    }

    /// The second factor as the device gives it.
    pub(super) async fn second(&self, pending: &Token, device: &mut Device) -> Result<SignedIn, Denied> {
        let challenge = self.auth.sign_in.key_options(pending, self.now()).await?;
        let credential = device.get(&challenge.options);
        self.auth.sign_in.second_factor(pending, &challenge.id, &credential, browser(), self.now()).await
    }

    pub(super) async fn sign_in(&self, name: &str, device: &mut Device) -> SignedIn {
        let pending = self.password(name).await;
        self.second(&pending, device).await.unwrap()
    }

    pub(super) async fn prove(&self, identity: &Identity, device: &mut Device) -> Result<Token, KeyChangeError> {
        self.prove_except(identity, None, device).await.map(|proven| proven.token().clone())
    }

    pub(super) async fn prove_except(
        &self,
        identity: &Identity,
        except: Option<crate::model::TokenId>,
        device: &mut Device,
    ) -> Result<Proven, KeyChangeError> {
        let challenge = self.auth.keys.proof_options(identity, except, self.now()).await?;
        self.auth.keys.prove(identity, &challenge.id, &device.get(&challenge.options), self.now()).await
    }
}

async fn wire(store: &Store, passwords: &Passwords, now: Time) -> Auth {
    let sessions = Sessions::load(store.clone(), host("gate.localhost"), SessionLimits::default(), now).await.unwrap();
    Auth::new(store, Arc::new(sessions), passwords.clone(), authenticators(), SealingKey::new(&[7; 32]).unwrap(), FailureLimit::default())
}

pub(super) fn authenticators() -> Authenticators {
    Authenticators::new("gate.localhost", &Url::parse(ORIGIN).unwrap(), "Yumen").unwrap()
}

pub(super) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(super) fn browser() -> Browser {
    Browser { address: "192.0.2.1".parse().unwrap(), user_agent: "test".to_owned() }
}

/// A security key in software that can be told to lie.
pub(super) struct Device {
    keys: Vec<Held>,
    pub(super) counter: u32,
    pub(super) user_verified: bool,
    pub(super) user_present: bool,
    pub(super) backup_eligible: bool,
    pub(super) backed_up: bool,
    pub(super) origin: String,
    pub(super) cross_origin: bool,
    /// Another RP id than the one that was asked for.
    pub(super) rp_id: Option<String>,
    /// Another user than the key was made for.
    pub(super) user_handle: Option<Vec<u8>>,
    /// Sign something else than was asked.
    pub(super) break_signature: bool,
    /// It never counts.
    pub(super) counts_nothing: bool,
    /// Its maker says what it is.
    pub(super) maker: Option<Maker>,
}

struct Held {
    pair: KeyPair,
    credential: Vec<u8>,
    user: Vec<u8>,
}

impl Device {
    pub(super) fn new() -> Self {
        Self {
            keys: Vec::new(),
            counter: 0,
            user_verified: true,
            user_present: true,
            backup_eligible: false,
            backed_up: false,
            origin: ORIGIN.to_owned(),
            cross_origin: false,
            rp_id: None,
            user_handle: None,
            break_signature: false,
            counts_nothing: false,
            maker: None,
        }
    }

    /// `navigator.credentials.create()`.
    pub(super) fn create(&mut self, options: &Value) -> String {
        let options = &options["publicKey"];
        let pair = KeyPair::generate().unwrap();
        let credential = random::<32>().unwrap().to_vec();
        let user = BASE64URL_NOPAD.decode(options["user"]["id"].as_str().unwrap().as_bytes()).unwrap();
        let mut data = self.authenticator_data(options["rp"]["id"].as_str().unwrap(), 0x40);
        data.extend(self.maker.as_ref().map_or([0; 16], |maker| maker.model));
        data.extend(u16::try_from(credential.len()).unwrap().to_be_bytes());
        data.extend(&credential);
        data.extend(cose_key(pair.der_bytes()));
        let client_data = self.client_data("webauthn.create", options);
        let mut object = match &self.maker {
            None => b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec(),
            Some(maker) => maker.statement(&[data.as_slice(), &sha256(&client_data)].concat()),
        };
        object.extend(cbor_bytes(&data));
        let answer = json!({
            "id": BASE64URL_NOPAD.encode(&credential),
            "rawId": BASE64URL_NOPAD.encode(&credential),
            "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
                "attestationObject": BASE64URL_NOPAD.encode(&object),
            },
            "clientExtensionResults": {},
        });
        self.keys.push(Held { pair, credential, user });
        answer.to_string()
    }

    /// `navigator.credentials.get()`.
    pub(super) fn get(&mut self, options: &Value) -> String {
        let options = &options["publicKey"];
        let allowed: Vec<Vec<u8>> = options["allowCredentials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|allowed| BASE64URL_NOPAD.decode(allowed["id"].as_str().unwrap().as_bytes()).unwrap())
            .collect();
        let fits = |held: &&Held| allowed.is_empty() || allowed.contains(&held.credential);
        let held = self.keys.iter().find(fits).unwrap_or(&self.keys[0]);
        self.counter += u32::from(!self.counts_nothing);
        let data = self.authenticator_data(options["rpId"].as_str().unwrap(), 0);
        let client_data = self.client_data("webauthn.get", options);
        let mut signed = data.clone();
        signed.extend(sha256(&client_data));
        if self.break_signature {
            signed.push(0);
        }
        json!({
            "id": BASE64URL_NOPAD.encode(&held.credential),
            "rawId": BASE64URL_NOPAD.encode(&held.credential),
            "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "signature": BASE64URL_NOPAD.encode(&held.pair.sign(&signed).unwrap()),
                "userHandle": BASE64URL_NOPAD.encode(self.user_handle.as_ref().unwrap_or(&held.user)),
            },
            "clientExtensionResults": {},
        })
        .to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        });
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, asked: &str, more: u8) -> Vec<u8> {
        let flags = [(self.user_present, 0x01), (self.user_verified, 0x04), (self.backup_eligible, 0x08), (self.backed_up, 0x10)];
        let flags = flags.iter().filter(|(set, _)| *set).fold(more, |all, (_, flag)| all | flag);
        let mut data = sha256(self.rp_id.as_deref().unwrap_or(asked).as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

/// Signs what a key says of itself, with a certificate of its own authority (WebAuthn, section 8.2).
pub(super) struct Maker {
    pub(super) model: [u8; 16],
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate: Vec<u8>,
    key: KeyPair,
}

impl Maker {
    /// `last_year`: the last in which its certificate is valid.
    pub(super) fn new(model: u8, last_year: i32) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, format!("maker {}", random::<4>().unwrap()[0]));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut leaf = CertificateParams::new(Vec::new()).unwrap();
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        for (part, value) in [
            (DnType::CountryName, "CN"),
            (DnType::OrganizationName, "A maker"),
            (DnType::OrganizationalUnitName, "Authenticator Attestation"),
            (DnType::CommonName, "A batch"),
        ] {
            leaf.distinguished_name.push(part, value);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = leaf.signed_by(&key, &authority).unwrap().der().to_vec();
        Self { model: [model; 16], authority, certificate, key }
    }

    /// It shows its own certificate, but signs with a key that this does not fit.
    pub(super) fn sign_with_key_of(&mut self, other: Maker) {
        self.key = other.key;
    }

    pub(super) fn make(&self, name: &str, models: &[u8]) -> Make {
        let models = models.iter().map(|model| uuid::Uuid::from_bytes([*model; 16])).collect();
        Make::new(name.into(), &[self.authority.der().clone()], models).unwrap()
    }

    /// All of the attestation object but what the authenticator's data are.
    fn statement(&self, signed: &[u8]) -> Vec<u8> {
        let mut object = b"\xa3\x63fmt\x66packed\x67attStmt\xa3\x63alg\x26\x63sig".to_vec();
        object.extend(cbor_bytes(&self.key.sign(signed).unwrap()));
        object.extend(b"\x63x5c\x81");
        object.extend(cbor_bytes(&self.certificate));
        object.extend(b"\x68authData");
        object
    }
}

/// RFC 8949, section 3.1: major type 2.
fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0x59], length.as_slice(), bytes].concat()
}

/// {1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9053, section 7.1.1) of an uncompressed P-256 point.
fn cose_key(point: &[u8]) -> Vec<u8> {
    let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
    key.extend(&point[1..33]);
    key.extend(b"\x22\x58\x20");
    key.extend(&point[33..65]);
    key
}
