//! Sign-in and what follows sign-out.

use std::borrow::Cow;

use askama::Template;

use super::{Ceremony, Frame, ReturnTo};

#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInView {
    pub frame: Frame,
    pub return_to: ReturnTo,
    /// What the app at the end of the way is called, where there is one.
    pub going_to: Option<String>,
    /// The account name as it was typed before; it says nothing of whether there is one.
    pub name: String,
    /// USB-KEYs are taken here.
    pub usb_key: bool,
}

/// Whether the person has named herself before the key is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFirst {
    No,
    Yes,
}

#[derive(Clone, Debug, Template)]
#[template(path = "sign_in_key.html")]
pub struct SignInKeyView {
    pub frame: Frame,
    pub return_to: ReturnTo,
    /// `None`: she has no security key.
    pub ceremony: Option<Ceremony>,
    /// She holds a token that shows codes.
    pub code: bool,
    /// USB-KEYs are taken here.
    pub usb_key: bool,
    pub key_first: KeyFirst,
}

impl SignInKeyView {
    fn title(&self) -> Cow<'static, str> {
        self.frame.t(match (&self.ceremony, self.code) {
            (Some(_), _) => "sign-in-key-title",
            (None, true) => "sign-in-code-title",
            (None, false) => "sign-in-usb-key-title",
        })
    }

    fn action(&self) -> &'static str {
        match self.key_first {
            KeyFirst::No => "/sign-in/key",
            KeyFirst::Yes => "/sign-in/key-first/finish",
        }
    }
}

/// What to do before the certificate is asked for, on another host.
#[derive(Clone, Debug, Template)]
#[template(path = "usb_key.html")]
pub struct UsbKeyView {
    pub frame: Frame,
    /// What it is shown for, in a sentence; `None`: it goes without saying.
    pub what: Option<String>,
    /// On the other host.
    pub link: String,
    pub way_back: String,
}

/// The USB-KEY was right, and is one factor of two.
#[derive(Clone, Debug, Template)]
#[template(path = "usb_key_password.html")]
pub struct UsbKeyPasswordView {
    pub frame: Frame,
    pub return_to: ReturnTo,
    pub name: String,
    /// It was issued to her, and has not been shown before.
    pub first_use: bool,
}

/// The last page of sign-in, which leads on by itself. What follows is a navigation of its own, not the redirects of a form: those
/// browsers would hold to `form-action` (CSP3, section 6.4.1), and the app may lead on to wherever it likes.
#[derive(Clone, Debug, Template)]
#[template(path = "onward.html")]
pub struct OnwardView {
    pub frame: Frame,
    pub going_to: String,
    /// On the portal itself.
    pub link: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutView {
    pub frame: Frame,
    /// Signed out on every device, not only here.
    pub everywhere: bool,
}
