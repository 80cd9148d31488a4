//! The console: the inventory of tokens, one of them, and deliveries.

use std::borrow::Cow;

use askama::Template;

use super::{Frame, Moment, Paging, problems};
use crate::lang::{self, Value};
use crate::model::{TokenKind, TokenState};
use crate::oath::Reason;

#[derive(Clone, Debug, Template)]
#[template(path = "console_tokens.html")]
pub struct TokensView {
    pub frame: Frame,
    pub filter: TokensFilter,
    /// Those of this page.
    pub tokens: Vec<TokenRow>,
    pub paging: Paging,
    /// Where all that was found is to be had as a file.
    pub export: String,
}

/// What the list was filtered by; empty parts narrow nothing.
#[derive(Clone, Debug, Default)]
pub struct TokensFilter {
    pub search: String,
    pub kind: Option<TokenKind>,
    pub state: Option<TokenState>,
}

impl TokensFilter {
    fn has_kind(&self, kind: &TokenKind) -> bool {
        self.kind == Some(*kind)
    }

    fn has_state(&self, state: &TokenState) -> bool {
        self.state == Some(*state)
    }

    fn narrows(&self) -> bool {
        !self.search.is_empty() || self.kind.is_some() || self.state.is_some()
    }
}

#[derive(Clone, Debug)]
pub struct TokenRow {
    pub serial: String,
    pub kind: TokenKind,
    pub state: TokenState,
    /// What its holder calls it, if it is a security key that she can use.
    pub label: Option<String>,
    pub holder: Option<TokenHolder>,
    pub added: Moment,
    pub issued: Option<Moment>,
    pub last_used: Option<Moment>,
    pub ended: Option<Moment>,
    pub expires: Option<Moment>,
}

impl TokenRow {
    /// Whether it shows codes by which somebody could sign in, so that they may go astray.
    pub fn may_go_astray(&self) -> bool {
        let shows_codes = matches!(self.kind, TokenKind::Oath | TokenKind::PhoneApp);
        shows_codes && self.holder.is_some() && matches!(self.state, TokenState::Issued | TokenState::Active)
    }
}

#[derive(Clone, Debug)]
pub struct TokenHolder {
    /// The account's id.
    pub account: String,
    pub name: String,
    pub unit: String,
}

/// What may be done with a token now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenActions {
    pub issue: bool,
    pub resume: bool,
    pub suspend: bool,
    /// To report it lost, or to revoke it.
    pub end: bool,
}

impl TokenActions {
    pub fn for_state(state: TokenState) -> Self {
        let ends = Self { end: true, ..Self::default() };
        match state {
            TokenState::InStock => Self { issue: true, ..ends },
            TokenState::Issued => ends,
            TokenState::Active => Self { suspend: true, ..ends },
            TokenState::Suspended => Self { resume: true, ..ends },
            TokenState::Lost | TokenState::Revoked | TokenState::Expired => Self::default(),
        }
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_token.html")]
pub struct TokenView {
    pub frame: Frame,
    pub token: TokenRow,
    /// Of a security key: what its maker says that it is.
    pub make: Option<String>,
    /// How many sessions are open that it opened.
    pub sessions: u64,
    pub actions: TokenActions,
    /// The account's name as it was typed into the form.
    pub typed: String,
}

/// What is done to a token only after one more question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAct {
    Suspend,
    Lost,
    Revoke,
}

impl TokenAct {
    /// As addresses have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Lost => "lost",
            Self::Revoke => "revoke",
        }
    }
}

/// Names the token, its holder, and what happens; its form does it.
#[derive(Clone, Debug, Template)]
#[template(path = "console_token_confirm.html")]
pub struct ConfirmTokenView {
    pub frame: Frame,
    pub act: TokenAct,
    pub token: TokenRow,
    /// How many sessions are open that it opened.
    pub sessions: u64,
    /// It is the token of whoever looks.
    pub own: bool,
}

impl ConfirmTokenView {
    fn title(&self) -> Cow<'static, str> {
        match self.act {
            TokenAct::Suspend => self.frame.t_name("token-confirm-suspend", "serial", &self.token.serial),
            TokenAct::Lost => self.frame.t_name("token-confirm-lost", "serial", &self.token.serial),
            TokenAct::Revoke => self.frame.t_name("token-confirm-revoke", "serial", &self.token.serial),
        }
    }

    fn consequences(&self) -> [Cow<'static, str>; 2] {
        let ends = self.frame.t("token-confirm-sessions");
        match self.act {
            TokenAct::Suspend => [ends, self.frame.t("token-confirm-may-return")],
            TokenAct::Lost | TokenAct::Revoke => [ends, self.frame.t("token-confirm-for-ever")],
        }
    }

    fn verb(&self) -> Cow<'static, str> {
        match self.act {
            TokenAct::Suspend => self.frame.t("token-suspend"),
            TokenAct::Lost => self.frame.t("token-lost"),
            TokenAct::Revoke => self.frame.t("token-revoke"),
        }
    }
}

/// Asks for two codes in a row of a token whose codes are not accepted any more.
#[derive(Clone, Debug, Template)]
#[template(path = "console_token_resync.html")]
pub struct AstrayTokenView {
    pub frame: Frame,
    pub token: TokenRow,
}

/// A delivery of seeds, as it was sent to be looked at.
#[derive(Clone, Debug, Template)]
#[template(path = "console_tokens_import.html")]
pub struct ImportView {
    pub frame: Frame,
    pub text: String,
    /// It was read with a transport key, which is not shown again.
    pub has_key: bool,
    pub found: Rehearsed,
}

/// What the rehearsal of a delivery found.
#[derive(Clone, Debug, Default)]
pub enum Rehearsed {
    #[default]
    NotYet,
    Fits {
        /// Those whose code changes at each press.
        hotp: u64,
        /// Those whose code changes with the time.
        totp: u64,
    },
    Problems {
        /// The first of them.
        shown: Vec<DeliveryProblem>,
        all: u64,
    },
}

#[derive(Clone, Debug)]
pub enum DeliveryProblem {
    InLine {
        line: u64,
        reason: Reason,
    },
    /// There is a token of this serial number already.
    Known {
        serial: String,
    },
}

impl DeliveryProblem {
    fn place(&self, frame: &Frame) -> Cow<'static, str> {
        match self {
            Self::InLine { line, .. } => frame.t_count("import-line", "line", line),
            Self::Known { serial } => frame.t_name("import-known", "serial", serial),
        }
    }

    fn why(&self, frame: &Frame) -> Option<Cow<'static, str>> {
        match self {
            Self::InLine { reason, .. } => Some(problems::of_delivery(frame, reason)),
            Self::Known { .. } => None,
        }
    }
}

impl ImportView {
    fn fits(&self) -> bool {
        matches!(self.found, Rehearsed::Fits { .. })
    }

    fn may_come(&self, hotp: &u64, totp: &u64) -> Cow<'static, str> {
        self.frame.t_count("import-fits", "count", &hotp.saturating_add(*totp))
    }

    /// Nobody notices otherwise that a row without a type became one that counts presses.
    fn kinds(&self, hotp: &u64, totp: &u64) -> Cow<'static, str> {
        lang::text_with(self.frame.language, "import-kinds", &[("hotp", Value::Count(*hotp)), ("totp", Value::Count(*totp))])
    }

    fn shown_of(&self, shown: &[DeliveryProblem], all: &u64) -> Cow<'static, str> {
        let count = u64::try_from(shown.len()).unwrap_or(u64::MAX);
        lang::text_with(self.frame.language, "import-shown", &[("shown", Value::Count(count)), ("all", Value::Count(*all))])
    }
}
