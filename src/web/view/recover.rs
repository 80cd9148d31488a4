//! Recovery: from the single-use link to a new token, or to a new password.

use askama::Template;

use super::enrol::number_after;
use super::{Ceremony, Frame};

/// The link's token is in the fragment, which the script puts into the form.
#[derive(Clone, Debug, Template)]
#[template(path = "recover_open.html")]
pub struct RecoverOpenView {
    pub frame: Frame,
    /// It asks for the code that somebody else gave her.
    pub half: bool,
    /// The link's token, where the code was wrong and she may try again.
    pub token: String,
}

/// The password that she has, before a new token.
#[derive(Clone, Debug, Template)]
#[template(path = "recover_present.html")]
pub struct RecoverPresentView {
    pub frame: Frame,
    pub name: String,
}

/// A new password.
#[derive(Clone, Debug, Template)]
#[template(path = "recover_choose.html")]
pub struct RecoverChooseView {
    pub frame: Frame,
    pub name: String,
    /// The least number of characters.
    pub least: u64,
}

#[derive(Clone, Debug, Template)]
#[template(path = "recover_token.html")]
pub struct RecoverTokenView {
    pub frame: Frame,
    pub name: String,
    /// A new token is registered; otherwise she shows the one that she has.
    pub new: bool,
    pub ceremony: Option<Ceremony>,
    /// She can show a code token.
    pub code: bool,
    /// Where the form for a USB-KEY leads.
    pub usb_key: Option<String>,
}

impl RecoverTokenView {
    fn number_of_next_key(&self) -> u64 {
        number_after(0)
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "recover_done.html")]
pub struct RecoverDoneView {
    pub frame: Frame,
    pub name: String,
    /// It is a token that she has anew; otherwise a password.
    pub token: bool,
}

#[derive(Clone, Debug, Template)]
#[template(path = "recover_invalid.html")]
pub struct RecoverInvalidView {
    pub frame: Frame,
}
