//! What a person sees of her own tokens: keys, and tokens that show codes.

use std::borrow::Cow;

use askama::Template;

use super::enrol::number_after;
use super::{Ceremony, Frame, Moment};
use crate::model::{TokenKind, TokenState};
use crate::web::qr::Qr;

#[derive(Clone, Debug)]
pub struct KeyRow {
    pub id: String,
    pub name: String,
    /// None before it is registered.
    pub serial: Option<String>,
    /// What its maker vouches for; `None`: nothing.
    pub make: Option<String>,
    pub added: Moment,
    pub last_used: Option<Moment>,
}

/// A token that has no name of its own.
#[derive(Clone, Debug)]
pub struct OwnTokenRow {
    pub serial: String,
    pub kind: TokenKind,
    pub state: TokenState,
    pub issued: Option<Moment>,
    pub last_used: Option<Moment>,
}

impl OwnTokenRow {
    /// She sees no others here.
    fn state_text(&self, frame: &Frame) -> Cow<'static, str> {
        frame.t(match self.state {
            TokenState::Active => "own-token-active",
            TokenState::Suspended => "own-token-suspended",
            TokenState::Issued | TokenState::InStock | TokenState::Lost | TokenState::Revoked | TokenState::Expired => "own-token-issued",
        })
    }

    fn may_be_activated(&self) -> bool {
        matches!(self.kind, TokenKind::Oath | TokenKind::PhoneApp) && self.state == TokenState::Issued
    }

    pub fn may_go_astray(&self) -> bool {
        let shows_codes = matches!(self.kind, TokenKind::Oath | TokenKind::PhoneApp);
        shows_codes && (self.state == TokenState::Active || (self.kind == TokenKind::Oath && self.state == TokenState::Issued))
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "keys.html")]
pub struct KeysView {
    pub frame: Frame,
    pub keys: Vec<KeyRow>,
    pub tokens: Vec<OwnTokenRow>,
    /// How many keys and code tokens she can sign in with.
    pub opening: usize,
    /// Some app lets in by an app on a phone, and she may have one.
    pub phone_apps: bool,
}

impl KeysView {
    /// Who removed her last token could never sign in again.
    fn may_remove(&self) -> bool {
        self.opening > 1
    }
}

/// What the fresh proof is for.
#[derive(Clone, Debug)]
pub enum ProvePurpose {
    AddKey,
    RemoveKey {
        name: String,
    },
    Activate {
        serial: String,
    },
    PhoneApp,
    /// `last`: she has no other token.
    Lose {
        serial: String,
        last: bool,
    },
}

impl ProvePurpose {
    pub fn sentence(&self, frame: &Frame) -> Cow<'static, str> {
        match self {
            Self::AddKey => frame.t("keys-prove-add"),
            Self::RemoveKey { name } => frame.t_name("keys-prove-remove", "name", name),
            Self::Activate { serial } => frame.t_name("keys-prove-activate", "serial", serial),
            Self::PhoneApp => frame.t("keys-prove-phone"),
            Self::Lose { serial, .. } => frame.t_name("keys-prove-lose", "serial", serial),
        }
    }
}

/// What the proof is given by.
#[derive(Clone, Debug)]
pub enum ProofMeans {
    /// `usb_key`: where the form for one leads.
    Key {
        ceremony: Option<Ceremony>,
        usb_key: Option<String>,
    },
    Code,
    Password,
}

#[derive(Clone, Debug, Template)]
#[template(path = "keys_prove.html")]
pub struct KeysProveView {
    pub frame: Frame,
    pub means: ProofMeans,
    pub purpose: ProvePurpose,
    /// Handed back by the form: what the handler goes on with.
    pub next: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "keys_register.html")]
pub struct KeysRegisterView {
    pub frame: Frame,
    pub ceremony: Ceremony,
    /// How many keys she has already.
    pub keys: usize,
}

impl KeysRegisterView {
    fn number_of_next_key(&self) -> u64 {
        number_after(self.keys)
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "keys_show.html")]
pub struct KeysShowView {
    pub frame: Frame,
    pub serial: String,
    /// What an app on her phone is to hold; `None`: it is a token of its own.
    pub phone: Option<PhoneSecret>,
}

/// For a phone to read, or a person to type.
#[derive(Clone, Debug)]
pub struct PhoneSecret {
    pub qr: Option<Qr>,
    pub secret: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "keys_astray.html")]
pub struct KeysAstrayView {
    pub frame: Frame,
    pub serial: String,
}

/// Why her session ended with a change of her tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyOver {
    /// She had signed in with the token that she reported lost.
    Lost,
    LastOneLost,
    /// Too many wrong codes.
    CodesStopped,
    /// The key that she had signed in with may have been copied.
    KeySuspended,
}

#[derive(Clone, Debug, Template)]
#[template(path = "keys_over.html")]
pub struct KeysOverView {
    pub frame: Frame,
    pub why: WhyOver,
}
