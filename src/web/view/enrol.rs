//! Enrolment: from the single-use link to an account that is ready.

use askama::Template;

use super::{Ceremony, Frame, KeyRow};

/// The link's token is in the fragment, which the script puts into the form.
#[derive(Clone, Debug, Template)]
#[template(path = "enrol_open.html")]
pub struct EnrolOpenView {
    pub frame: Frame,
    /// It asks for the code that somebody else gave her.
    pub half: bool,
    /// The link's token, where the code was wrong and she may try again.
    pub token: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "enrol_password.html")]
pub struct EnrolPasswordView {
    pub frame: Frame,
    pub name: String,
    /// The least number of characters.
    pub least: u64,
}

#[derive(Clone, Debug, Template)]
#[template(path = "enrol_key.html")]
pub struct EnrolKeyView {
    pub frame: Frame,
    pub name: String,
    /// What is registered so far; with one key, USB-KEY or code token the person may finish.
    pub keys: Vec<KeyRow>,
    /// The serial numbers of the code tokens that she has shown.
    pub shown: Vec<String>,
    /// The USB-KEY that she has shown.
    pub usb_key: Option<UsbKeyRow>,
    /// USB-KEYs are taken here.
    pub takes_usb_key: bool,
    /// The token that came with her letter, which she has to show before she can finish.
    pub to_show: Option<String>,
    /// It shows codes.
    pub to_show_is_code_token: bool,
    /// There is a code token that she can show.
    pub takes_code: bool,
    /// `None`: no further key can be registered.
    pub ceremony: Option<Ceremony>,
}

impl EnrolKeyView {
    fn may_finish(&self) -> bool {
        self.to_show.is_none() && !(self.keys.is_empty() && self.shown.is_empty() && self.usb_key.is_none())
    }

    /// The code token of her letter comes before whatever else she may register.
    fn shows_code_first(&self) -> bool {
        self.to_show.is_some() && self.to_show_is_code_token && self.takes_code
    }

    /// What is asked for.
    fn title(&self) -> &'static str {
        if self.shows_code_first() {
            return "enrol-letter-code-title";
        }
        match (self.takes_usb_key, self.takes_code) {
            (true, _) => "enrol-any-title",
            (false, true) => "enrol-token-title",
            (false, false) => "enrol-key-title",
        }
    }

    /// What there is.
    fn heading(&self) -> &'static str {
        match (self.keys.is_empty(), self.shown.is_empty()) {
            (false, _) => "enrol-key-registered",
            (true, false) => "enrol-token-shown",
            (true, true) => "enrol-usb-key-shown",
        }
    }

    fn number_of_next_key(&self) -> u64 {
        number_after(self.keys.len())
    }
}

#[derive(Clone, Debug)]
pub struct UsbKeyRow {
    /// Of its token.
    pub serial: String,
    /// The name in its certificate.
    pub subject: String,
}

pub(super) fn number_after(keys: usize) -> u64 {
    u64::try_from(keys).unwrap_or(u64::MAX).saturating_add(1)
}

#[derive(Clone, Debug, Template)]
#[template(path = "enrol_done.html")]
pub struct EnrolDoneView {
    pub frame: Frame,
    pub name: String,
    pub by: SignsInBy,
}

/// What she signs in with from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignsInBy {
    Key,
    UsbKey,
    Code,
}

impl EnrolDoneView {
    fn text(&self) -> &'static str {
        match self.by {
            SignsInBy::Key => "enrol-done-text",
            SignsInBy::UsbKey => "enrol-done-text-usb-key",
            SignsInBy::Code => "enrol-done-text-code",
        }
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "enrol_invalid.html")]
pub struct EnrolInvalidView {
    pub frame: Frame,
}
