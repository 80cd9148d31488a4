//! "Prove it once more", and the form that waits for it.

use std::borrow::Cow;

use askama::Template;

use super::{Ceremony, Frame, ReturnTo};

#[derive(Clone, Debug, Template)]
#[template(path = "step_up.html")]
pub struct StepUpView {
    pub frame: Frame,
    pub return_to: ReturnTo,
    /// What the app that asks is called.
    pub going_to: String,
    /// The text that says what it asks for.
    pub factor: &'static str,
    /// Of which makes a security key must be; empty: of any.
    pub makes: Vec<String>,
    /// How long ago the proof may be at most, if that is asked.
    pub fresh_minutes: Option<u64>,
    /// She was sending a form, which is kept.
    pub form_kept: bool,
    /// `None`: no security key of hers would do.
    pub ceremony: Option<Ceremony>,
    /// A code of one of her tokens would do.
    pub code: bool,
    /// Where she can show a USB-KEY that would do.
    pub usb_key: Option<String>,
}

impl StepUpView {
    fn has_nothing(&self) -> bool {
        self.ceremony.is_none() && !self.code && self.usb_key.is_none()
    }
}

/// Between a form that was kept and the portal.
#[derive(Clone, Debug, Template)]
#[template(path = "form_kept.html")]
pub struct FormKeptView {
    pub frame: Frame,
    /// On the portal.
    pub link: String,
}

/// A form that is kept on the app's host, or what has become of it.
#[derive(Clone, Debug, Template)]
#[template(path = "kept.html")]
pub struct KeptView {
    pub frame: Frame,
    /// What the app is called.
    pub app: String,
    pub state: KeptState,
}

#[derive(Clone, Debug)]
pub enum KeptState {
    Here(KeptForm),
    Sent,
    Discarded,
    /// Its time ran out, or it is another session's, or another browser's.
    Gone,
}

#[derive(Clone, Debug)]
pub struct KeptForm {
    /// The reserved address of the form, to which `/send` and `/discard` are added.
    pub address: String,
    /// Where it goes: method and path.
    pub method: String,
    pub path: String,
    pub fields: Vec<KeptField>,
    /// Fields that are not shown, because there are too many.
    pub more: u64,
    pub bytes: u64,
    pub minutes_left: u64,
    /// What she proved has become too old meanwhile: where she proves it again.
    pub prove: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptField {
    pub name: String,
    pub value: KeptValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptValue {
    Text(String),
    /// A password, by its name.
    Masked,
    File {
        name: String,
        bytes: u64,
    },
    /// Something else of that many bytes.
    Bytes(u64),
}

impl KeptView {
    fn title(&self) -> Cow<'static, str> {
        self.frame.t(match self.state {
            KeptState::Here(_) => "kept-title",
            KeptState::Sent => "kept-sent-title",
            KeptState::Discarded => "kept-discarded-title",
            KeptState::Gone => "kept-gone-title",
        })
    }
}
