//! Why somebody was not let through: the only way out of the life of a request besides a permit.
//!
//! What it looks like outside is chosen in one file of `gateway`.

use std::time::Duration;

use super::{Bar, CertificateTrouble, Level, NotCanonical};
use crate::clock::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Two cookies of the gateway's name, an underscore in a field name, and their like.
    Malformed(&'static str),
    Path(NotCanonical),
    /// No such host here, or another than the connection was made for.
    Misdirected,
    NotFound,
    /// Nobody is signed in on this host.
    SignInNeeded,
    /// The session is too old or was idle too long for this app.
    SignInAgain,
    /// Signed in, but what she proved is not enough for this, or too long ago: one of these factors, at most so long ago.
    StepUpNeeded {
        /// As the config names it.
        factor: &'static str,
        fresh: Option<Duration>,
    },
    /// The same for a form that cannot be kept until she has: she is told before she goes to prove it.
    FormNotKept {
        why: &'static str,
    },
    /// It takes the certificate of her own USB-KEY on this very connection.
    Certificate(CertificateTrouble),
    /// Signed in, but no rule lets her do this.
    NotAllowed {
        rule: String,
    },
    /// The app is closed to everybody for now.
    LockedDown,
    /// The emergency level in force keeps her from it.
    Emergency {
        level: Level,
        bar: Bar,
        /// By the wall clock.
        until: Time,
    },
    /// An unsafe request that another site made.
    ForeignOrigin,
    /// A form of the gateway's own came without the token that it was given.
    FormExpired,
    /// A one-time code from the portal was spent, old, or meant for another browser.
    HandOverFailed {
        why: &'static str,
    },
    UpgradeNotAllowed,
    BodyTooLarge {
        limit: u64,
    },
    /// The client sent its body slower than the least rate.
    BodyTooSlow,
    /// The client left in the middle of its body.
    BodyBrokenOff,
    TooMany {
        retry_after: Duration,
        limit: &'static str,
    },
    /// Others have taken the room that there is for now.
    Crowded {
        retry_after: Duration,
        limit: &'static str,
    },
    /// The log cannot take a record: no record, no access.
    NoRecord,
    /// Something was taken away, as it was asked for, but the log could not record it.
    DoneUnrecorded,
    /// The store, or something else that a decision needs, failed.
    Broken {
        what: &'static str,
    },
    UpstreamUnreachable {
        why: String,
    },
    UpstreamTimeout,
    /// The session ended, or the policy changed, while the request was under way.
    Revoked,
}

impl Refusal {
    /// A word for the log and for scripts; it names no secret and nothing that a stranger may not know.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Path(_) => "path-not-canonical",
            Self::Misdirected => "misdirected",
            Self::NotFound => "not-found",
            Self::SignInNeeded => "sign-in-needed",
            Self::SignInAgain => "sign-in-again",
            Self::StepUpNeeded { .. } => "step-up-needed",
            Self::FormNotKept { .. } => "step-up-needed-form-not-kept",
            Self::Certificate(_) => "certificate",
            Self::NotAllowed { .. } => "not-allowed",
            Self::LockedDown => "locked-down",
            Self::Emergency { .. } => "emergency",
            Self::ForeignOrigin => "foreign-origin",
            Self::FormExpired => "form-expired",
            Self::HandOverFailed { .. } => "hand-over-failed",
            Self::UpgradeNotAllowed => "upgrade-not-allowed",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::BodyTooSlow => "body-too-slow",
            Self::BodyBrokenOff => "body-broken-off",
            Self::TooMany { .. } => "too-many-requests",
            Self::Crowded { .. } => "crowded",
            Self::NoRecord => "no-record",
            Self::DoneUnrecorded => "done-unrecorded",
            Self::Broken { .. } => "unavailable",
            Self::UpstreamUnreachable { .. } => "upstream-unreachable",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::Revoked => "revoked",
        }
    }

    /// What the operator reads in the log beside the word.
    pub fn detail(&self) -> String {
        match self {
            Self::Malformed(what) => (*what).to_owned(),
            Self::Path(why) => why.to_string(),
            Self::Certificate(trouble) => trouble.word().to_owned(),
            Self::NotAllowed { rule } => rule.clone(),
            Self::Emergency { level, bar, .. } => format!("level {level}: {}", bar.word()),
            Self::StepUpNeeded { factor, fresh: None } => (*factor).to_owned(),
            Self::StepUpNeeded { factor, fresh: Some(fresh) } => format!("{factor}, at most {} s ago", fresh.as_secs()),
            Self::BodyTooLarge { limit } => format!("limit {limit} bytes"),
            Self::TooMany { retry_after, limit } | Self::Crowded { retry_after, limit } => {
                format!("{limit}, retry after {} s", retry_after.as_secs())
            }
            Self::Broken { what } | Self::HandOverFailed { why: what } | Self::FormNotKept { why: what } => (*what).to_owned(),
            Self::UpstreamUnreachable { why } => why.clone(),
            Self::Misdirected
            | Self::NotFound
            | Self::SignInNeeded
            | Self::SignInAgain
            | Self::FormExpired
            | Self::ForeignOrigin
            | Self::LockedDown
            | Self::UpgradeNotAllowed
            | Self::BodyTooSlow
            | Self::BodyBrokenOff
            | Self::NoRecord
            | Self::DoneUnrecorded
            | Self::UpstreamTimeout
            | Self::Revoked => String::new(),
        }
    }
}
