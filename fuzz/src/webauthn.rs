//! What a browser says a security key said: JSON, CBOR and certificates from outside. Never a panic, and nothing is accepted but what the
//! recorded ceremony's key signed. The first byte says which step the rest answers.

use std::sync::OnceLock;

use serde_json::Value;
use yumen::auth::Authenticators;
use yumen::clock::Time;
use yumen::model::{Serial, TokenId};
use yumen::store::StoredKey;

/// A registration and a sign-in with a software key, each with the state that the gateway kept; `tests/it/corpora.rs` records it anew.
const RECORDED: &str = include_str!("webauthn.json");
pub const ORIGIN: &str = "https://gate.example.cn";

struct Site {
    authenticators: Authenticators,
    recorded: Value,
    key: StoredKey,
}

pub fn run(bytes: &[u8]) {
    let Some((step, answer)) = bytes.split_first() else { return };
    let Ok(answer) = std::str::from_utf8(answer) else { return };
    let site = site();
    let keys = std::slice::from_ref(&site.key);
    match step {
        b'r' => {
            if let Ok(key) = site.authenticators.register(site.text("registration_state"), answer, "\u{7}my  key ", Time::from_millis(0)) {
                assert_eq!((key.credential.as_slice(), key.label.as_str()), (site.key.credential.as_slice(), "my  key"));
            }
        }
        b'a' => {
            if let Ok(right) = site.authenticators.authenticate(site.text("authentication_state"), answer, site.key.account, keys) {
                assert_eq!((right.key, right.account), (site.key.id, site.key.account));
            }
        }
        b'd' => assert!(site.authenticators.discover(site.text("discovery_state"), answer, &site.key).is_err(), "another challenge"),
        _ => {}
    }
    let _ = Authenticators::claimed_credential(answer);
}

pub fn accepts_what_was_recorded() -> bool {
    let site = site();
    let registered = site.authenticators.register(site.text("registration_state"), site.text("registration"), "", Time::from_millis(0));
    let keys = std::slice::from_ref(&site.key);
    let state = site.text("authentication_state");
    let answered = site.authenticators.authenticate(state, site.text("authentication"), site.key.account, keys);
    registered.is_ok() && answered.is_ok()
}

impl Site {
    fn text(&self, name: &str) -> &str {
        self.recorded[name].as_str().expect("it was recorded")
    }
}

fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let recorded: Value = serde_json::from_str(RECORDED).expect("JSON");
        let text = |name: &str| recorded[name].as_str().expect("it was recorded").to_owned();
        let key = StoredKey {
            serial: Serial::parse("K-1").unwrap(),
            id: TokenId::fresh(),
            account: text("account").parse().expect("an account"),
            credential: Authenticators::claimed_credential(&text("authentication")).expect("a credential"),
            passkey: text("passkey"),
            counter: 0,
            label: String::new(),
            attestation: yumen::model::Attestation::None,
            added: Time::from_millis(0),
            last_used: None,
        };
        let origin = ORIGIN.parse().expect("an address");
        let authenticators = Authenticators::new("gate.example.cn", &origin, "Yumen").expect("a site");
        Site { authenticators, recorded, key }
    })
}
