//! Samples of step-up and of kept forms, for the tests.

use askama::Template;

use super::samples::Typed;
use super::*;

pub(super) fn pages(
    language: Language,
    typed: Typed,
    ceremony: &Ceremony,
    frame: Frame,
) -> Vec<(&'static str, Result<String, askama::Error>)> {
    let return_to = ReturnTo { app: typed.app.into(), path: "/.yumen/kept/1".into(), nonce: typed.key.into(), asked: "POST /a".into() };
    let step_up = |factor, ceremony, code, usb_key: Option<&str>| StepUpView {
        frame: frame.clone(),
        return_to: return_to.clone(),
        going_to: typed.app.into(),
        factor,
        makes: vec![typed.key.into()],
        fresh_minutes: Some(5),
        form_kept: true,
        ceremony,
        code,
        usb_key: usb_key.map(str::to_owned),
    };
    let on_app = || Frame { csrf: "csrf-token".into(), ..Frame::app_host(language) };
    let kept = |state| KeptView { frame: on_app(), app: typed.app.into(), state };
    let field = |value| KeptField { name: typed.name.into(), value };
    let form = |prove: Option<&str>| KeptForm {
        address: "/.yumen/kept/0f".into(),
        method: "POST".into(),
        path: "/a".into(),
        fields: vec![
            field(KeptValue::Text(typed.unit.into())),
            field(KeptValue::Masked),
            field(KeptValue::File { name: typed.key.into(), bytes: 1_234 }),
            field(KeptValue::Bytes(1)),
        ],
        more: 7,
        bytes: 4_321,
        minutes_left: 9,
        prove: prove.map(str::to_owned),
    };
    vec![
        ("step-up", step_up("step-up-any", Some(ceremony.clone()), true, Some("/step-up/usb-key")).render()),
        ("step-up-hardware", step_up("step-up-hardware", None, true, None).render()),
        ("step-up-code", step_up("step-up-phishing-resistant", None, true, Some("/step-up/usb-key")).render()),
        ("step-up-key", step_up("step-up-webauthn", Some(ceremony.clone()), false, None).render()),
        ("step-up-nothing", step_up("step-up-usb-key", None, false, None).render()),
        ("form-kept", FormKeptView { frame: Frame::app_host(language), link: return_to.at("https://gate.localhost:8443/enter") }.render()),
        ("kept", kept(KeptState::Here(form(None))).render()),
        ("kept-too-old", kept(KeptState::Here(form(Some("/.yumen/step-up?asked=POST%20%2Fa")))).render()),
        ("kept-sent", kept(KeptState::Sent).render()),
        ("kept-discarded", kept(KeptState::Discarded).render()),
        ("kept-gone", kept(KeptState::Gone).render()),
    ]
}
