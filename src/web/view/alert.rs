//! What a page says about the step before it.

use std::borrow::Cow;

use super::Frame;

/// How loud an alert is: errors interrupt a screen reader, the others wait their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Error,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// One message for a wrong name, a wrong password, a disabled account, a key that belongs to nobody.
    WrongSignIn,
    Wait {
        seconds: u64,
    },
    Busy,
    FormExpired,
    PasswordTooShort {
        least: u64,
    },
    PasswordTooLong,
    PasswordTooCommon,
    PasswordsDiffer,
    /// The answer of a key could not be verified.
    KeyRefused,
    /// The key gave no sign of a PIN or a fingerprint.
    KeyWithoutUserVerification,
    /// A passkey that is copied between devices is no hardware token.
    KeySynced,
    KeyKnown,
    KeyNameInvalid,
    ChallengeExpired,
    LastKey,
    TooManyKeys,
    KeyAdded,
    KeyRemoved,
    SessionEnded,
    SessionsEnded,
    AccountDisabled,
    AccountEnabled,
    NameInvalid,
    NameTaken,
    UnitInvalid,
    EmailInvalid,
    RoleInvalid,
    NotYourself,
    LastAdministrator,
    /// What was to be changed is no longer there.
    Gone,
    /// The change does not fit the state that the account is in.
    NotInThisState,
}

impl Alert {
    pub fn tone(&self) -> Tone {
        match self {
            Self::KeyAdded | Self::KeyRemoved | Self::SessionEnded | Self::SessionsEnded | Self::AccountDisabled | Self::AccountEnabled => {
                Tone::Done
            }
            _ => Tone::Error,
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.tone() == Tone::Error
    }

    pub(super) fn text(&self, frame: &Frame) -> Cow<'static, str> {
        match self {
            Self::Wait { seconds } => frame.t_count("alert-wait", "seconds", seconds),
            Self::PasswordTooShort { least } => frame.t_count("alert-password-too-short", "least", least),
            Self::WrongSignIn => frame.t("alert-wrong-sign-in"),
            Self::Busy => frame.t("alert-busy"),
            Self::FormExpired => frame.t("alert-form-expired"),
            Self::PasswordTooLong => frame.t("alert-password-too-long"),
            Self::PasswordTooCommon => frame.t("alert-password-too-common"),
            Self::PasswordsDiffer => frame.t("alert-passwords-differ"),
            Self::KeyRefused => frame.t("alert-key-refused"),
            Self::KeyWithoutUserVerification => frame.t("alert-key-without-user-verification"),
            Self::KeySynced => frame.t("alert-key-synced"),
            Self::KeyKnown => frame.t("alert-key-known"),
            Self::KeyNameInvalid => frame.t("alert-key-name-invalid"),
            Self::ChallengeExpired => frame.t("alert-challenge-expired"),
            Self::LastKey => frame.t("alert-last-key"),
            Self::TooManyKeys => frame.t("alert-too-many-keys"),
            Self::KeyAdded => frame.t("alert-key-added"),
            Self::KeyRemoved => frame.t("alert-key-removed"),
            Self::SessionEnded => frame.t("alert-session-ended"),
            Self::SessionsEnded => frame.t("alert-sessions-ended"),
            Self::AccountDisabled => frame.t("alert-account-disabled"),
            Self::AccountEnabled => frame.t("alert-account-enabled"),
            Self::NameInvalid => frame.t("alert-name-invalid"),
            Self::NameTaken => frame.t("alert-name-taken"),
            Self::UnitInvalid => frame.t("alert-unit-invalid"),
            Self::EmailInvalid => frame.t("alert-email-invalid"),
            Self::RoleInvalid => frame.t("alert-role-invalid"),
            Self::NotYourself => frame.t("alert-not-yourself"),
            Self::LastAdministrator => frame.t("alert-last-administrator"),
            Self::Gone => frame.t("alert-gone"),
            Self::NotInThisState => frame.t("alert-not-in-this-state"),
        }
    }

    #[cfg(test)]
    pub(super) fn all() -> Vec<Alert> {
        use Alert::*;
        vec![
            WrongSignIn,
            Wait { seconds: 30 },
            Busy,
            FormExpired,
            PasswordTooShort { least: 12 },
            PasswordTooLong,
            PasswordTooCommon,
            PasswordsDiffer,
            KeyRefused,
            KeyWithoutUserVerification,
            KeySynced,
            KeyKnown,
            KeyNameInvalid,
            ChallengeExpired,
            LastKey,
            TooManyKeys,
            KeyAdded,
            KeyRemoved,
            SessionEnded,
            SessionsEnded,
            AccountDisabled,
            AccountEnabled,
            NameInvalid,
            NameTaken,
            UnitInvalid,
            EmailInvalid,
            RoleInvalid,
            NotYourself,
            LastAdministrator,
            Gone,
            NotInThisState,
        ]
    }
}
