//! Samples of enrolment.

use askama::Template;

use super::super::*;
use super::{Typed, key};

const SERIAL: &str = "FT-004217";

pub(super) fn pages(language: Language, typed: Typed, ceremony: &Ceremony) -> Vec<(&'static str, askama::Result<String>)> {
    let frame = || Frame::portal(language, "/enrol", "csrf-token".into());
    let empty = || EnrolKeyView {
        frame: frame(),
        name: typed.name.into(),
        keys: vec![],
        shown: vec![],
        usb_key: None,
        takes_usb_key: false,
        to_show: None,
        to_show_is_code_token: false,
        takes_code: false,
        ceremony: Some(ceremony.clone()),
    };
    let usb_key = || Some(UsbKeyRow { serial: "C-0F1E2D3C4B5A".into(), subject: typed.name.into() });
    let done = |by| EnrolDoneView { frame: frame(), name: typed.name.into(), by };
    vec![
        ("enrol-open", EnrolOpenView { frame: frame(), half: false, token: String::new() }.render()),
        ("enrol-password", EnrolPasswordView { frame: frame(), name: typed.name.into(), least: 12 }.render()),
        ("enrol-key", empty().render()),
        ("enrol-key-or-code", EnrolKeyView { takes_code: true, ..empty() }.render()),
        (
            "enrol-code-of-the-letter",
            EnrolKeyView { takes_code: true, to_show: Some(SERIAL.into()), to_show_is_code_token: true, ..empty() }.render(),
        ),
        ("enrol-key-or-usb-key", EnrolKeyView { takes_usb_key: true, ..empty() }.render()),
        ("enrol-code", EnrolKeyView { shown: vec![SERIAL.into()], ..empty() }.render()),
        ("enrol-usb-key", EnrolKeyView { takes_usb_key: true, usb_key: usb_key(), ..empty() }.render()),
        (
            "enrol-usb-key-not-of-the-letter",
            EnrolKeyView { takes_usb_key: true, usb_key: usb_key(), to_show: Some("UK-7".into()), ..empty() }.render(),
        ),
        ("enrol-key-second", EnrolKeyView { keys: vec![key(typed, "k1", false)], ..empty() }.render()),
        ("enrol-done", done(SignsInBy::Key).render()),
        ("enrol-done-usb-key", done(SignsInBy::UsbKey).render()),
        ("enrol-done-code", done(SignsInBy::Code).render()),
        ("enrol-invalid", EnrolInvalidView { frame: frame() }.render()),
    ]
}
