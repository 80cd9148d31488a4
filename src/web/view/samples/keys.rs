//! Samples of the pages of one's own tokens.

use askama::Template;

use super::super::*;
use super::{HOSTILE, OPTIONS, Typed, key, own_token, phone};
use crate::lang::Language;
use crate::model::{Role, TokenState};

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let stranger = |path: &str| Frame::portal(language, path, "csrf-token".into());
    let member = |path: &str| stranger(path).signed_in(typed.name, Role::Member).zone("UTC+08:00".into());
    let ceremony = || Ceremony { options: OPTIONS.into(), challenge: if typed.name == HOSTILE { HOSTILE } else { "c1" }.into() };
    let by_key = |security_key: bool, usb_key: bool| ProofMeans::Key {
        ceremony: security_key.then(ceremony),
        usb_key: usb_key.then(|| "/keys/prove/usb-key?next=add".to_owned()),
    };
    let prove = |purpose, means| KeysProveView { frame: member("/keys"), means, purpose, next: typed.key.into() };
    vec![
        (
            "keys",
            KeysView {
                frame: member("/keys").alert(Some(Alert::KeyAdded)),
                keys: vec![key(typed, "k1", true), key(typed, "k2", false)],
                tokens: [TokenState::Issued, TokenState::Active, TokenState::Suspended].map(own_token).into(),
                opening: 3,
                phone_apps: true,
            }
            .render(),
        ),
        (
            "keys-only-one",
            KeysView { frame: member("/keys"), keys: vec![key(typed, "k1", true)], tokens: vec![], opening: 1, phone_apps: false }.render(),
        ),
        ("keys-prove-add", prove(ProvePurpose::AddKey, by_key(true, true)).render()),
        ("keys-prove-remove", prove(ProvePurpose::RemoveKey { name: typed.key.into() }, by_key(true, false)).render()),
        ("keys-prove-usb-key", prove(ProvePurpose::AddKey, by_key(false, true)).render()),
        ("keys-prove-nothing", prove(ProvePurpose::AddKey, by_key(false, false)).render()),
        ("keys-prove-activate", prove(ProvePurpose::Activate { serial: "FT-004217".into() }, ProofMeans::Code).render()),
        ("keys-prove-lose", prove(ProvePurpose::Lose { serial: "FT-004217".into(), last: true }, ProofMeans::Password).render()),
        ("keys-show", KeysShowView { frame: member("/keys"), serial: "FT-004217".into(), phone: None }.render()),
        ("keys-phone", KeysShowView { frame: member("/keys"), serial: "P-7HQ2MZKA".into(), phone: Some(phone()) }.render()),
        ("keys-prove-phone", prove(ProvePurpose::PhoneApp, ProofMeans::Code).render()),
        ("keys-astray", KeysAstrayView { frame: member("/keys"), serial: "FT-004217".into() }.render()),
        ("keys-over", KeysOverView { frame: stranger("/sign-in"), why: WhyOver::LastOneLost }.render()),
        ("keys-over-lost", KeysOverView { frame: stranger("/sign-in"), why: WhyOver::Lost }.render()),
        ("keys-over-stopped", KeysOverView { frame: stranger("/sign-in"), why: WhyOver::CodesStopped }.render()),
        ("keys-register", KeysRegisterView { frame: member("/keys"), ceremony: ceremony(), keys: 1 }.render()),
    ]
}
