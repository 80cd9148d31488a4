//! Sign-in and what follows sign-out.

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
    pub key_first: KeyFirst,
}

impl SignInKeyView {
    fn action(&self) -> &'static str {
        match self.key_first {
            KeyFirst::No => "/sign-in/key",
            KeyFirst::Yes => "/sign-in/key-first/finish",
        }
    }
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
