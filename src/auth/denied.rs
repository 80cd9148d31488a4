//! Why somebody was not signed in: what the log says, and the little that the outside is told.

use std::error::Error;
use std::fmt;

use super::failures::Counted;
use super::keys::KeyError;
use super::session::Ended;
use super::withdrawn::WithdrawnToken;
use crate::model::{Account, Serial};

/// For the log and for records only.
#[derive(Debug)]
pub enum Why {
    UnknownName,
    WrongPassword,
    Disabled,
    Suspended,
    NotEnrolled,
    /// Too many passwords are being checked.
    Busy,
    /// No right password came before, or it is too long ago.
    NothingPending,
    /// The challenge is taken, expired, or another browser's.
    NoChallenge,
    Key(KeyError),
    WrongCode,
    /// A code of a token that was taken out of use: for the log alone.
    WithdrawnCode(WithdrawnToken),
    /// A certificate that is another's, or worth nothing.
    WrongUsbKey,
    /// Staff sign in with a token that nobody can be talked out of; a code can be read out to a stranger.
    CodeForStaff,
    /// The store or something else failed.
    Broken(Box<dyn Error + Send + Sync>),
}

/// What the outside may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// One answer for every wrong name, password, state and key.
    Refused,
    /// Try again in a moment.
    Busy,
    /// The step took too long or was taken already: begin again.
    BeginAgain,
    /// The gateway has a problem of its own.
    Broken,
}

impl Told {
    /// Whether something was tried and found wrong. The others were never judged, so they make nobody wait longer.
    pub fn is_failure(self) -> bool {
        self == Self::Refused
    }
}

#[derive(Debug)]
pub struct Denied {
    why: Why,
    account: Option<Account>,
    counted: Counted,
}

impl Denied {
    pub(super) fn new(why: Why, account: Option<Account>) -> Self {
        Self { why, account, counted: Counted::MayTryAgain }
    }

    pub(super) fn counted(self, counted: Counted) -> Self {
        Self { counted, ..self }
    }

    pub(super) fn broken(error: impl Error + Send + Sync + 'static) -> Self {
        Self::new(Why::Broken(Box::new(error)), None)
    }

    pub fn why(&self) -> &Why {
        &self.why
    }

    /// Whose sign-in it was, where the name is one that an account has.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// There if this failure suspended the account: the sessions that ended with that.
    pub fn suspended(&self) -> Option<&[Ended]> {
        match &self.counted {
            Counted::Suspended(ended) => ended.as_deref(),
            Counted::MayTryAgain | Counted::Alarm(_) | Counted::CodesSuspended(_) | Counted::KeySuspended => None,
        }
    }

    /// There if it is time to tell somebody: how many answers in a row no key had signed.
    pub fn alarm(&self) -> Option<u32> {
        match self.counted {
            Counted::Alarm(in_row) => Some(in_row),
            Counted::MayTryAgain | Counted::Suspended(_) | Counted::CodesSuspended(_) | Counted::KeySuspended => None,
        }
    }

    /// There if this failure suspended the account's code tokens.
    pub fn suspended_tokens(&self) -> Option<&[Serial]> {
        match &self.counted {
            Counted::CodesSuspended(serials) => Some(serials),
            _ => None,
        }
    }

    /// Whether a key may be shown once more with what was proved before.
    pub fn may_try_again(&self) -> bool {
        self.told() == Told::Refused && self.counted.may_try_again()
    }

    pub fn told(&self) -> Told {
        match self.why {
            Why::UnknownName
            | Why::WrongPassword
            | Why::Disabled
            | Why::Suspended
            | Why::NotEnrolled
            | Why::Key(_)
            | Why::WrongCode
            | Why::WithdrawnCode(_)
            | Why::WrongUsbKey
            | Why::CodeForStaff => Told::Refused,
            Why::Busy => Told::Busy,
            Why::NothingPending | Why::NoChallenge => Told::BeginAgain,
            Why::Broken(_) => Told::Broken,
        }
    }
}

impl Why {
    /// The token that was shown, where it is one that was taken out of use.
    pub fn withdrawn(&self) -> Option<&WithdrawnToken> {
        match self {
            Self::WithdrawnCode(token) | Self::Key(KeyError::Withdrawn(token)) => Some(token),
            _ => None,
        }
    }

    /// A word for records.
    pub fn word(&self) -> &'static str {
        match self {
            Self::UnknownName => "unknown-name",
            Self::WrongPassword => "wrong-password",
            Self::Disabled => "disabled",
            Self::Suspended => "suspended",
            Self::NotEnrolled => "not-enrolled",
            Self::Busy => "busy",
            Self::NothingPending => "nothing-pending",
            Self::NoChallenge => "no-challenge",
            Self::Key(KeyError::CounterWentBack(_)) => "key-counter-went-back",
            Self::Key(KeyError::NotHardware) => "not-a-hardware-key",
            Self::Key(KeyError::UserNotVerified) => "user-not-verified",
            Self::Key(KeyError::WrongOrigin) => "wrong-origin",
            Self::Key(KeyError::WrongChallenge) => "wrong-challenge",
            Self::Key(KeyError::UnknownKey) => "unknown-key",
            Self::Key(KeyError::OtherMake) => "key-of-another-make",
            Self::Key(KeyError::Malformed(_) | KeyError::Wrong(_) | KeyError::Settings(_)) => "wrong-key",
            Self::WrongCode => "wrong-code",
            Self::WithdrawnCode(token) | Self::Key(KeyError::Withdrawn(token)) => token.word(),
            Self::WrongUsbKey => "wrong-usb-key",
            Self::CodeForStaff => "code-for-staff",
            Self::Broken(_) => "unavailable",
        }
    }
}

/// The same for every cause, so that it can be shown by mistake.
impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sign-in was refused")
    }
}

impl Error for Denied {}
