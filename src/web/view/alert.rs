//! What a page says about the step before it.

use std::borrow::Cow;

use super::Frame;

/// How loud an alert is: errors interrupt a screen reader, the others wait their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Error,
    Done,
}

/// Makes the one list below into [`Alert`]: each line is an alert, what number it tells, its tone, and the key of its text.
macro_rules! alerts {
    ($($(#[$about:meta])* $name:ident $({ $number:ident })? $tone:ident $key:literal,)*) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Alert {
            $($(#[$about])* $name $({ $number: u64 })?,)*
        }

        impl Alert {
            pub fn tone(&self) -> Tone {
                match self {
                    $(Self::$name { .. } => Tone::$tone,)*
                }
            }

            pub(super) fn text(&self, frame: &Frame) -> Cow<'static, str> {
                match self {
                    $(Self::$name $({ $number })? => alert_text!(frame, $key $(, $number)?),)*
                }
            }

            #[cfg(test)]
            pub(super) fn all() -> Vec<Alert> {
                vec![$(Self::$name $({ $number: 30 })?,)*]
            }
        }
    };
}

macro_rules! alert_text {
    ($frame:ident, $key:literal) => {
        $frame.t($key)
    };
    ($frame:ident, $key:literal, $number:ident) => {
        $frame.t_count($key, stringify!($number), $number)
    };
}

alerts! {
    /// One message for a wrong name, a wrong password, a disabled account, a key that belongs to nobody.
    WrongSignIn Error "alert-wrong-sign-in",
    Wait { seconds } Error "alert-wait",
    Busy Error "alert-busy",
    FormExpired Error "alert-form-expired",
    PasswordTooShort { least } Error "alert-password-too-short",
    PasswordTooLong Error "alert-password-too-long",
    PasswordTooCommon Error "alert-password-too-common",
    PasswordsDiffer Error "alert-passwords-differ",
    /// The answer of a key could not be verified.
    KeyRefused Error "alert-key-refused",
    /// The key gave no sign of a PIN or a fingerprint.
    KeyWithoutUserVerification Error "alert-key-without-user-verification",
    /// A passkey that is copied between devices is no hardware token.
    KeySynced Error "alert-key-synced",
    /// Nobody vouches for the hardware of this USB-KEY.
    UsbKeyNotHardware Error "alert-usb-key-not-hardware",
    /// An app on a phone can be copied.
    PhoneAppNotEnough Error "alert-phone-app-not-enough",
    /// The key's counter went back, so that there may be two of it.
    KeySuspended Error "alert-key-suspended",
    /// Not of a make that any app would let in.
    KeyOfOtherMake Error "alert-key-of-other-make",
    /// A code that no token of hers shows now, or that was used before.
    CodeWrong Error "alert-code-wrong",
    /// Of another's token, which she reads out.
    CodesNotInARow Error "alert-codes-not-in-a-row",
    CodeForStaff Error "alert-code-for-staff",
    KeyKnown Error "alert-key-known",
    /// Its certificate is registered, or its token was taken back.
    UsbKeyTaken Error "alert-usb-key-taken",
    /// Its key may be a file.
    UsbKeyForStaff Error "alert-usb-key-for-staff",
    KeyNameInvalid Error "alert-key-name-invalid",
    ChallengeExpired Error "alert-challenge-expired",
    LastKey Error "alert-last-key",
    TooManyKeys Error "alert-too-many-keys",
    /// There were too many wrong codes.
    CodesStopped Error "alert-codes-stopped",
    PasswordWrong Error "alert-password-wrong",
    TokenActivated Done "alert-token-activated",
    TokenResynchronised Done "alert-token-resynchronised",
    OwnTokenLost Done "alert-own-token-lost",
    KeyAdded Done "alert-key-added",
    KeyRemoved Done "alert-key-removed",
    SessionEnded Done "alert-session-ended",
    SessionsEnded Done "alert-sessions-ended",
    AccountDisabled Done "alert-account-disabled",
    AccountEnabled Done "alert-account-enabled",
    ManagerAppointed Done "alert-manager-appointed",
    ManagerDismissed Done "alert-manager-dismissed",
    /// No terminal waits with the code that was typed.
    NoSuchTerminal Error "alert-no-such-terminal",
    NameInvalid Error "alert-name-invalid",
    NameTaken Error "alert-name-taken",
    UnitInvalid Error "alert-unit-invalid",
    EmailInvalid Error "alert-email-invalid",
    RoleInvalid Error "alert-role-invalid",
    NotYourself Error "alert-not-yourself",
    /// Nobody could give tokens any more.
    LastWayIn Error "alert-last-way-in",
    LastAdministrator Error "alert-last-administrator",
    /// What was to be changed is no longer there.
    Gone Error "alert-gone",
    /// The change does not fit the state that the account is in.
    NotInThisState Error "alert-not-in-this-state",
    TokenIssued Done "alert-token-issued",
    TokenResumed Done "alert-token-resumed",
    TokenSuspended Done "alert-token-suspended",
    TokenLost Done "alert-token-lost",
    TokenRevoked Done "alert-token-revoked",
    /// The change does not fit the state that the token is in.
    TokenNotInThisState Error "alert-token-not-in-this-state",
    NoSuchAccount Error "alert-no-such-account",
    /// The account is switched off, so that it cannot hold a token.
    NoHolder Error "alert-no-holder",
    TransportKeyInvalid Error "alert-transport-key-invalid",
    DeliveryRefused Error "alert-delivery-refused",
    ChangeProposed Done "alert-change-proposed",
    ChangeDone Done "alert-change-done",
    ChangeWithdrawn Done "alert-change-withdrawn",
    ChangeRejected Done "alert-change-rejected",
    /// Somebody else was first, or its time is over.
    ChangeClosed Error "alert-change-closed",
    ChangeIsYours Error "alert-change-is-yours",
    ProposerGone Error "alert-proposer-gone",
    ChangedMeanwhile Error "alert-changed-meanwhile",
    NobodyToConfirm Error "alert-nobody-to-confirm",
    NothingToProveBy Error "alert-nothing-to-prove-by",
    /// The account was somebody's, and its link is made by security administrators.
    BeginsAnew Error "alert-begins-anew",
    /// Security administrators invite her, as they do staff.
    NamedByPlan Error "alert-named-by-plan",
    /// The code that belongs to a link.
    HalfWrong Error "alert-half-wrong",
    TokensImported { count } Done "alert-tokens-imported",
    /// The code or the serial number of a letter is wrong; which is not told.
    LetterRefused Error "alert-letter-refused",
    PeopleRefused Error "alert-people-refused",
    /// Somebody changed something between two parts of a list.
    PeopleChanged Error "alert-people-changed",
    PeopleImported { count } Done "alert-people-imported",
    LettersNone Error "alert-letters-none",
    LockedDown { minutes } Done "alert-locked-down",
    /// A part of it was closed by her before.
    LockdownShortened { minutes } Done "alert-lockdown-shortened",
    LockdownExtensionAsked { minutes } Done "alert-lockdown-extension-asked",
    LockdownExtended Done "alert-lockdown-extended",
    LockdownLifted Done "alert-lockdown-lifted",
    LockdownNothingChosen Error "alert-lockdown-nothing-chosen",
    LockdownMinutesInvalid { most } Error "alert-lockdown-minutes-invalid",
    LockdownNoSuchUnit Error "alert-lockdown-no-such-unit",
    LockdownClosedByYou { minutes } Error "alert-lockdown-closed-by-you",
    LockdownClosedByYouLately { minutes } Error "alert-lockdown-closed-by-you-lately",
    /// Once at the machine and once by name, which may be one person.
    LockdownClosedByEither { minutes } Error "alert-lockdown-closed-by-either",
    LockdownOwnExtension { minutes } Error "alert-lockdown-own-extension",
    /// It is closed, but the store does not know it yet.
    LockdownNotKept Error "alert-lockdown-not-kept",
    IncidentOpened Done "alert-incident-opened",
    IncidentStepTaken Done "alert-incident-step-taken",
    /// It came when the incident did not allow it any more.
    IncidentTooLate Error "alert-incident-too-late",
    /// From where it is, it cannot go there.
    IncidentStage Error "alert-incident-stage",
    IncidentIsOver Error "alert-incident-is-over",
    IncidentNotAssessed Error "alert-incident-not-assessed",
    IncidentItself Error "alert-incident-itself",
    /// None that is open, to become a part of.
    IncidentNoSuch Error "alert-incident-no-such",
    IncidentFull Error "alert-incident-full",
    /// Its level would be out of force.
    IncidentGraver Error "alert-incident-graver",
    /// On record, but not read back yet.
    IncidentUnread Error "alert-incident-unread",
    IncidentWordsMissing Error "alert-incident-words-missing",
    IncidentWordsTooLong { most } Error "alert-incident-words-too-long",
    IncidentLevelInvalid Error "alert-incident-level-invalid",
    IncidentCategoryInvalid Error "alert-incident-category-invalid",
    IncidentSubjectInvalid Error "alert-incident-subject-invalid",
    IncidentNumberInvalid Error "alert-incident-number-invalid",
    IncidentAppUnknown Error "alert-incident-app-unknown",
    IncidentTaskUnknown Error "alert-incident-task-unknown",
    IncidentReportUnknown Error "alert-incident-report-unknown",
    IncidentPackFailed Error "alert-incident-pack-failed",
    /// She could not sign in.
    IncidentCannotTakeOver Error "alert-incident-cannot-take-over",
    /// Not on the duty list.
    IncidentNobody Error "alert-incident-nobody",
}

impl Alert {
    pub fn is_error(&self) -> bool {
        self.tone() == Tone::Error
    }
}
