//! A terminal on the machine, which a person may allow to act for her.

use askama::Template;

use super::{Ceremony, Frame, Moment};

#[derive(Clone, Debug, Template)]
#[template(path = "terminal.html")]
pub struct TerminalView {
    pub frame: Frame,
    pub stage: TerminalStage,
}

/// How far she is.
#[derive(Clone, Debug)]
pub enum TerminalStage {
    /// The code is still to be typed; what was typed is shown again.
    Code {
        typed: String,
    },
    Confirm {
        code: String,
        machine: String,
        user: String,
        uid: u32,
        until: Moment,
        ceremony: Option<Ceremony>,
        /// Where the form for a USB-KEY leads.
        usb_key: Option<String>,
    },
    Allowed {
        machine: String,
    },
}
