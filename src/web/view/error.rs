//! The one page for everything that was refused or went wrong, on the portal and on app hosts.

use std::borrow::Cow;

use askama::Template;

use super::{EmergencyView, Frame};
use crate::model::{Bar, CertificateTrouble, Refusal};

/// By which rule the page of a unit's manager is refused, as the log has it.
pub const MANAGERS_ALONE: &str = "only a unit's manager has this page";

#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorView {
    pub frame: Frame,
    pub status: u16,
    pub kind: ErrorKind,
    /// What the record in the log is called; `None` where nothing was recorded.
    pub reference: Option<String>,
    /// The portal's address, where leading there helps.
    pub portal: Option<String>,
    /// Where she can prove what was missing, in another tab.
    pub step_up: Option<String>,
    pub retry_after_s: Option<u64>,
    /// Where she may try the same again, once she has done what the page says.
    pub again: Option<String>,
    /// The emergency level that keeps her from it, if it is that.
    pub emergency: Option<EmergencyView>,
    /// Whom to ask about that, or about what is closed, where it may be told.
    pub whom: Option<Whom>,
}

/// Somebody who has a duty now.
#[derive(Clone, Debug)]
pub struct Whom {
    pub name: String,
    pub phone: String,
}

/// As a telephone dials it (RFC 3966).
pub(super) fn dialled(phone: &str) -> String {
    phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

impl Whom {
    fn dialled(&self) -> String {
        dialled(&self.phone)
    }
}

/// What the person is told; less than the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    NotAllowed,
    /// The page of a unit's manager, for anybody else.
    ManagersAlone,
    SignInAgain,
    Malformed,
    NotFound,
    ForeignOrigin,
    FormExpired,
    TooMany,
    LockedDown,
    Emergency(Bar),
    Unavailable,
    DoneUnrecorded,
    UpstreamUnreachable,
    UpstreamTimeout,
    BodyTooLarge,
    BodyTooSlow,
    UpgradeNotAllowed,
    Misdirected,
    FormNotKept,
    Certificate(CertificateTrouble),
}

impl ErrorKind {
    pub const ALL: &[ErrorKind] = &[
        Self::NotAllowed,
        Self::ManagersAlone,
        Self::SignInAgain,
        Self::Malformed,
        Self::NotFound,
        Self::ForeignOrigin,
        Self::FormExpired,
        Self::TooMany,
        Self::LockedDown,
        Self::Emergency(Bar::Closed),
        Self::Emergency(Bar::Address),
        Self::Emergency(Bar::ReadOnly),
        Self::Emergency(Bar::Enrolment),
        Self::Unavailable,
        Self::DoneUnrecorded,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::UpgradeNotAllowed,
        Self::Misdirected,
        Self::FormNotKept,
        Self::Certificate(CertificateTrouble::Missing),
        Self::Certificate(CertificateTrouble::NotHers),
        Self::Certificate(CertificateTrouble::Expired),
        Self::Certificate(CertificateTrouble::Revoked),
        Self::Certificate(CertificateTrouble::RevocationUnknown),
        Self::Certificate(CertificateTrouble::OtherAuthority),
        Self::Certificate(CertificateTrouble::WrongUse),
        Self::Certificate(CertificateTrouble::Unusable),
    ];

    pub fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Malformed(_) | Refusal::Path(_) | Refusal::BodyBrokenOff => Self::Malformed,
            Refusal::Misdirected => Self::Misdirected,
            Refusal::NotFound => Self::NotFound,
            Refusal::FormExpired | Refusal::HandOverFailed { .. } => Self::FormExpired,
            Refusal::SignInNeeded | Refusal::SignInAgain | Refusal::StepUpNeeded { .. } | Refusal::Revoked => Self::SignInAgain,
            Refusal::Certificate(trouble) => Self::Certificate(*trouble),
            Refusal::NotAllowed { rule } if rule == MANAGERS_ALONE => Self::ManagersAlone,
            Refusal::NotAllowed { .. } => Self::NotAllowed,
            Refusal::ForeignOrigin => Self::ForeignOrigin,
            Refusal::UpgradeNotAllowed => Self::UpgradeNotAllowed,
            Refusal::BodyTooLarge { .. } => Self::BodyTooLarge,
            Refusal::BodyTooSlow => Self::BodyTooSlow,
            Refusal::TooMany { .. } => Self::TooMany,
            Refusal::LockedDown => Self::LockedDown,
            Refusal::Emergency { bar, .. } => Self::Emergency(*bar),
            Refusal::Crowded { .. } | Refusal::NoRecord | Refusal::Broken { .. } => Self::Unavailable,
            Refusal::DoneUnrecorded => Self::DoneUnrecorded,
            Refusal::UpstreamUnreachable { .. } => Self::UpstreamUnreachable,
            Refusal::UpstreamTimeout => Self::UpstreamTimeout,
            Refusal::FormNotKept { .. } => Self::FormNotKept,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotAllowed | Self::ManagersAlone => "error-not-allowed-title",
            Self::SignInAgain => "error-sign-in-again-title",
            Self::Malformed => "error-malformed-title",
            Self::NotFound => "error-not-found-title",
            Self::ForeignOrigin => "error-foreign-origin-title",
            Self::FormExpired => "error-form-expired-title",
            Self::TooMany => "error-too-many-title",
            Self::LockedDown | Self::Emergency(Bar::Closed) => "error-locked-down-title",
            Self::Emergency(Bar::Address) => "error-emergency-address-title",
            Self::Emergency(Bar::ReadOnly) => "error-emergency-read-only-title",
            Self::Emergency(Bar::Enrolment) => "error-emergency-enrolment-title",
            Self::Unavailable => "error-unavailable-title",
            Self::DoneUnrecorded => "error-done-unrecorded-title",
            Self::UpstreamUnreachable => "error-upstream-unreachable-title",
            Self::UpstreamTimeout => "error-upstream-timeout-title",
            Self::BodyTooLarge => "error-body-too-large-title",
            Self::BodyTooSlow => "error-body-too-slow-title",
            Self::UpgradeNotAllowed => "error-upgrade-not-allowed-title",
            Self::Misdirected => "error-misdirected-title",
            Self::FormNotKept => "error-form-not-kept-title",
            Self::Certificate(_) => "error-certificate-title",
        }
    }

    pub const fn happened(self) -> &'static str {
        match self {
            Self::NotAllowed => "error-not-allowed-happened",
            Self::ManagersAlone => "error-managers-alone-happened",
            Self::SignInAgain => "error-sign-in-again-happened",
            Self::Malformed => "error-malformed-happened",
            Self::NotFound => "error-not-found-happened",
            Self::ForeignOrigin => "error-foreign-origin-happened",
            Self::FormExpired => "error-form-expired-happened",
            Self::TooMany => "error-too-many-happened",
            Self::LockedDown => "error-locked-down-happened",
            Self::Emergency(Bar::Closed) => "error-emergency-closed-happened",
            Self::Emergency(Bar::Address) => "error-emergency-address-happened",
            Self::Emergency(Bar::ReadOnly) => "error-emergency-read-only-happened",
            Self::Emergency(Bar::Enrolment) => "error-emergency-enrolment-happened",
            Self::Unavailable => "error-unavailable-happened",
            Self::DoneUnrecorded => "error-done-unrecorded-happened",
            Self::UpstreamUnreachable => "error-upstream-unreachable-happened",
            Self::UpstreamTimeout => "error-upstream-timeout-happened",
            Self::BodyTooLarge => "error-body-too-large-happened",
            Self::BodyTooSlow => "error-body-too-slow-happened",
            Self::UpgradeNotAllowed => "error-upgrade-not-allowed-happened",
            Self::Misdirected => "error-misdirected-happened",
            Self::FormNotKept => "error-form-not-kept-happened",
            Self::Certificate(trouble) => match trouble {
                CertificateTrouble::Missing => "error-certificate-missing-happened",
                CertificateTrouble::NotHers => "error-certificate-not-hers-happened",
                CertificateTrouble::Expired => "error-certificate-expired-happened",
                CertificateTrouble::Revoked => "error-certificate-revoked-happened",
                CertificateTrouble::RevocationUnknown => "error-certificate-revocation-unknown-happened",
                CertificateTrouble::OtherAuthority => "error-certificate-other-authority-happened",
                CertificateTrouble::WrongUse => "error-certificate-wrong-use-happened",
                CertificateTrouble::Unusable => "error-certificate-unusable-happened",
            },
        }
    }

    const fn next(self) -> &'static str {
        match self {
            Self::NotAllowed => "error-not-allowed-next",
            Self::ManagersAlone => "error-managers-alone-next",
            Self::SignInAgain => "error-sign-in-again-next",
            Self::Malformed => "error-malformed-next",
            Self::NotFound => "error-not-found-next",
            Self::ForeignOrigin => "error-foreign-origin-next",
            Self::FormExpired => "error-form-expired-next",
            Self::TooMany => "error-too-many-next",
            Self::LockedDown => "error-locked-down-next",
            Self::Emergency(Bar::Closed) => "error-emergency-closed-next",
            Self::Emergency(Bar::Address) => "error-emergency-address-next",
            Self::Emergency(Bar::ReadOnly) => "error-emergency-read-only-next",
            Self::Emergency(Bar::Enrolment) => "error-emergency-enrolment-next",
            Self::Unavailable => "error-unavailable-next",
            Self::DoneUnrecorded => "error-done-unrecorded-next",
            Self::UpstreamUnreachable => "error-upstream-unreachable-next",
            Self::UpstreamTimeout => "error-upstream-timeout-next",
            Self::BodyTooLarge => "error-body-too-large-next",
            Self::BodyTooSlow => "error-body-too-slow-next",
            Self::UpgradeNotAllowed => "error-upgrade-not-allowed-next",
            Self::Misdirected => "error-misdirected-next",
            Self::FormNotKept => "error-form-not-kept-next",
            Self::Certificate(trouble) => match trouble {
                CertificateTrouble::Missing => "error-certificate-missing-next",
                CertificateTrouble::NotHers => "error-certificate-not-hers-next",
                CertificateTrouble::Expired => "error-certificate-expired-next",
                CertificateTrouble::Revoked => "error-certificate-revoked-next",
                CertificateTrouble::RevocationUnknown => "error-certificate-revocation-unknown-next",
                CertificateTrouble::OtherAuthority => "error-certificate-other-authority-next",
                CertificateTrouble::WrongUse => "error-certificate-wrong-use-next",
                CertificateTrouble::Unusable => "error-certificate-unusable-next",
            },
        }
    }
}

impl ErrorView {
    /// To try again at once is of no use where the browser has to be closed first.
    fn closes_first(&self) -> bool {
        self.again.is_some() && self.kind == ErrorKind::Certificate(CertificateTrouble::Missing)
    }

    pub(super) fn title(&self) -> Cow<'static, str> {
        self.frame.t(self.kind.title())
    }

    pub(super) fn happened(&self) -> Cow<'static, str> {
        self.frame.t(self.kind.happened())
    }

    pub(super) fn next(&self) -> Cow<'static, str> {
        self.frame.t(self.kind.next())
    }
}
