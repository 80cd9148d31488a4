//! A person, what she is here, and the names of things that belong to her.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountName, UnitName};
use crate::clock::Time;

macro_rules! uuid_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new name: UUID version 7 (RFC 9562, section 5.7), so that they sort by age.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_name! {
    /// Whom everything hangs on. Names change; this does not.
    AccountId
}
uuid_name! {
    /// A signed-in session, with all the host tokens that came from it.
    SessionId
}
uuid_name! {
    /// A token of whatever kind, from the drawer to its end.
    TokenId
}
uuid_name! {
    /// A change that a second person has to confirm.
    PetitionId
}

/// Names one word of a closed list, as it is written in files, the store and the log.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),+];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

pub(super) use words;

words! {
    /// What an account may do. The three staff roles exclude each other: an account has exactly one.
    Role {
        Member = "member",
        SystemAdministrator = "system-administrator",
        SecurityAdministrator = "security-administrator",
        Auditor = "auditor",
    }
}

words! {
    AccountState {
        /// Has an invitation; can do nothing but enrol.
        Invited = "invited",
        Active = "active",
        /// Switched off by staff.
        Disabled = "disabled",
        /// Switched off by the gateway: too many failures of the second factor after a right password.
        Suspended = "suspended",
    }
}

words! {
    /// How sensitive an app is. State-secret labels do not exist here: such systems may not be published.
    Label {
        Public = "public",
        Internal = "internal",
        Sensitive = "sensitive",
    }
}

words! {
    /// How somebody proved who she is.
    Factor {
        /// A WebAuthn key with user verification (PIN or fingerprint), named by the key alone.
        SecurityKey = "security-key",
        /// A password, then a WebAuthn key with user verification.
        PasswordAndSecurityKey = "password+security-key",
        /// A password, then a code of an OATH token.
        PasswordAndOath = "password+oath",
        /// A password, then a code of an app on a phone, which can be copied.
        PasswordAndPhoneApp = "password+phone-app",
        /// A certificate of an authority whose keys live in hardware alone: the token and its PIN are two factors, whether or not a password
        /// was given before.
        UsbKey = "usb-key",
        /// A password and a certificate of any other trusted authority, whose key may be a file.
        PasswordAndUsbKey = "password+usb-key",
    }
}

words! {
    TokenKind {
        /// A certificate and its key on a PKCS#11 token.
        UsbKey = "usb-key",
        /// A security key.
        WebAuthn = "webauthn",
        /// Shows codes (HOTP, TOTP).
        Oath = "oath",
        /// Shows codes too, but is an app on a phone: it can be copied, and counts as no hardware.
        PhoneApp = "phone-app",
    }
}

words! {
    /// Where a token is in its life.
    TokenState {
        /// In the drawer.
        InStock = "in-stock",
        /// Handed to its holder, who has not shown yet that she has it.
        Issued = "issued",
        /// Opens doors; in no other state does it.
        Active = "active",
        /// For the time being; it may become active again.
        Suspended = "suspended",
        Lost = "lost",
        Revoked = "revoked",
        Expired = "expired",
    }
}

words! {
    /// How far a change is that a second person has to confirm.
    PetitionState {
        /// Written down; its proposer has not proved yet that it is she.
        Draft = "draft",
        /// Waits for the other one.
        Open = "open",
        /// Confirmed, and carried out.
        Done = "done",
        /// By its proposer.
        Withdrawn = "withdrawn",
        /// By another security administrator.
        Rejected = "rejected",
        /// Confirmed, but it could not be carried out any more.
        Failed = "failed",
    }
}

words! {
    /// What a person who is known lacks.
    RecoveryKind {
        /// She lost all her tokens, and has her password.
        Token = "token",
        /// She forgot her password, and has a hardware token.
        Password = "password",
        /// She forgot her password, and has nothing but a code token.
        PasswordByCode = "password-by-code",
    }
}

impl Role {
    pub const fn is_staff(self) -> bool {
        match self {
            Self::Member => false,
            Self::SystemAdministrator | Self::SecurityAdministrator | Self::Auditor => true,
        }
    }
}

impl Factor {
    /// Whether it answers this site alone (NIST SP 800-63B-4, section 3.2.5).
    pub const fn is_phishing_resistant(self) -> bool {
        match self {
            Self::SecurityKey | Self::PasswordAndSecurityKey | Self::UsbKey | Self::PasswordAndUsbKey => true,
            Self::PasswordAndOath | Self::PasswordAndPhoneApp => false,
        }
    }

    /// A password, then a code of a token of this kind.
    pub const fn by_code_of(kind: TokenKind) -> Self {
        match kind {
            TokenKind::PhoneApp => Self::PasswordAndPhoneApp,
            TokenKind::Oath | TokenKind::UsbKey | TokenKind::WebAuthn => Self::PasswordAndOath,
        }
    }

    pub const fn by_certificate(is_hardware_only: bool) -> Self {
        if is_hardware_only { Self::UsbKey } else { Self::PasswordAndUsbKey }
    }

    /// Whether the key behind it lies in hardware, as far as anybody vouches for that.
    pub const fn is_hardware(self) -> bool {
        match self {
            Self::SecurityKey | Self::PasswordAndSecurityKey | Self::PasswordAndOath | Self::UsbKey => true,
            Self::PasswordAndUsbKey | Self::PasswordAndPhoneApp => false,
        }
    }

    /// Whether it suffices to act as staff: a code can be read out to a stranger, and a key in a file be copied.
    pub const fn suits_staff(self) -> bool {
        self.is_hardware() && self.is_phishing_resistant()
    }

    /// The kind of token that was shown.
    pub const fn token(self) -> TokenKind {
        match self {
            Self::SecurityKey | Self::PasswordAndSecurityKey => TokenKind::WebAuthn,
            Self::UsbKey | Self::PasswordAndUsbKey => TokenKind::UsbKey,
            Self::PasswordAndOath => TokenKind::Oath,
            Self::PasswordAndPhoneApp => TokenKind::PhoneApp,
        }
    }
}

/// The name of an app in the config: lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(Arc<str>);

impl AppId {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-');
        fits.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: AccountName,
    pub unit: UnitName,
    pub role: Role,
    pub email: Option<String>,
    pub state: AccountState,
    pub created: Time,
}

/// Who acted, as a record says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub account: AccountId,
    pub name: AccountName,
    pub unit: UnitName,
    pub role: Role,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub factor: Option<Factor>,
    /// The start of the session token's hash, in hexadecimal: enough to follow a session, useless to join it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<Arc<str>>,
}
/// Whether it fits into a header field and looks like an e-mail address (RFC 5321 leaves more room than any mail system).
pub fn is_email(text: &str) -> bool {
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    text.len() <= 254 && !local.is_empty() && domain.contains('.') && text.chars().all(|c| !c.is_control() && !c.is_whitespace())
}
