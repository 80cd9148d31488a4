//! The pages as types: what each one shows, and in which template.
//!
//! Invariant: a view holds only what is shown; it asks nobody, and its template escapes every text.

mod alert;
mod changes;
mod console;
mod emergency;
mod enrol;
mod error;
mod evidence;
mod icon;
mod incident;
mod incident_report;
#[cfg(test)]
mod incident_report_samples;
#[cfg(test)]
mod incident_samples;
mod incident_words;
mod incidents;
mod keys;
mod letters;
mod lockdown;
#[cfg(test)]
mod lockdown_samples;
mod log;
mod log_charts;
mod log_record;
#[cfg(test)]
mod log_samples;
mod log_words;
#[cfg(test)]
mod long_lists;
mod paging;
mod people;
#[cfg(test)]
mod people_samples;
mod portal;
mod problems;
mod recover;
#[cfg(test)]
mod samples;
mod sign_in;
#[cfg(test)]
mod staff_samples;
mod step_up;
#[cfg(test)]
mod step_up_samples;
mod terminal;
#[cfg(test)]
mod tests;
mod tokens;
mod unit;

pub use alert::{Alert, Tone};
pub use changes::{ChangePart, ChangeRow, ChangeView, ChangesView, RecoveryLinkView};
pub use console::{
    AccountActions, AccountRow, AccountView, AccountsFilter, AccountsView, AllSessionsView, ConfirmView, ConfirmedAct, InvitationView,
    InviteForm, ManagesUnit, SessionsFilter, UnitRow, UnitsView,
};
pub use emergency::{EmergencyView, LevelEffects};
pub use enrol::{EnrolDoneView, EnrolInvalidView, EnrolKeyView, EnrolOpenView, EnrolPasswordView, SignsInBy, UsbKeyRow};
pub use error::{ErrorKind, ErrorView, MANAGERS_ALONE, Whom};
pub use evidence::{
    EvidenceConfig, EvidenceConfigText, EvidenceCount, EvidenceCounts, EvidenceEmpty, EvidencePerson, EvidenceRow, EvidenceRows,
    EvidenceToken, EvidenceTold, EvidenceView,
};
pub use incident::{
    ConfirmedLevel, DoneBy, DutyRow, ExtentRow, IncidentView, MoveTo, ProposedLevel, ReportRow, StoryRow, TaskRow, ToClose,
};
pub use incident_report::{IncidentReportView, IncidentReviewView};
pub use incidents::{About, Deadline, Found, Happened, IncidentOpenView, IncidentRow, IncidentsView, TypedStep};
pub use keys::{
    KeyRow, KeysAstrayView, KeysOverView, KeysProveView, KeysRegisterView, KeysShowView, KeysView, OwnTokenRow, PhoneSecret, ProofMeans,
    ProvePurpose, WhyOver,
};
pub use letters::{LETTERS_END, LetterFacts, LetterPage, LettersHead};
pub use lockdown::{AskedRow, Closable, ClosedRow, CloserName, ConfirmLockdownView, LockdownAct, LockdownForm, LockdownView};
pub use log::{LogDone, LogExports, LogField, LogForm, LogReachLine, LogReachView, LogRow, LogRowsView, LogVerdict, LogView, LogWho};
pub use log_charts::{ChartBar, ChartOf, ChartSpan, LogChartsView};
pub use log_record::{LogDroppedView, LogProof, LogRecordView, RecordFacts, RelatedRow};
pub use paging::Paging;
pub use people::{EnrolLetterView, LettersView, PeopleImportView, PeopleLooked, PersonProblem};
pub use portal::{AppCard, PortalView, SessionRow, SessionsView};
pub use recover::{RecoverChooseView, RecoverDoneView, RecoverInvalidView, RecoverOpenView, RecoverPresentView, RecoverTokenView};
pub use sign_in::{KeyFirst, OnwardView, SignInKeyView, SignInView, SignedOutView, UsbKeyPasswordView, UsbKeyView};
pub use step_up::{FormKeptView, KeptField, KeptForm, KeptState, KeptValue, KeptView, StepUpView};
pub use terminal::{TerminalStage, TerminalView};
pub use tokens::{
    AstrayTokenView, ConfirmTokenView, DeliveryProblem, ImportView, Rehearsed, TokenAct, TokenActions, TokenHolder, TokenRow, TokenView,
    TokensFilter, TokensView,
};
pub use unit::{UnitMember, UnitView};

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::assets::{self, AssetPrefix};
use crate::access::Names;
use crate::lang::{self, Language, Value};
use crate::model::{AccountState, Label, Role, TokenKind, TokenState};

/// What every page has around its own content.
#[derive(Clone, Debug)]
pub struct Frame {
    pub language: Language,
    /// What the operator calls the portal; `None`: the product's own name.
    pub portal_name: Option<String>,
    pub signed_in: Option<SignedIn>,
    /// The token of every form on the page.
    pub csrf: String,
    /// Where the language switch comes back to: a path that answers GET, also where a form's answer is shown.
    pub path: String,
    pub alert: Option<Alert>,
    /// The time zone of the times on the page, such as `UTC+08:00`; whoever is not signed in sees no times.
    pub zone: Option<String>,
    pub assets: AssetPrefix,
    /// How many changes wait for a second security administrator; told to security administrators alone.
    pub waiting: u64,
    /// How many open incidents nobody has acknowledged; `None`: she may not see incidents.
    pub incidents: Option<u64>,
    /// The audit log has no room; told to staff alone.
    pub log_full: bool,
    /// The emergency level in force, from III on; told to whoever is signed in.
    pub emergency: Option<EmergencyView>,
}

#[derive(Clone, Debug)]
pub struct SignedIn {
    pub name: String,
    pub role: Role,
    /// Whether she manages her unit.
    pub manages: bool,
    /// Whether she may close apps in an emergency.
    pub closes: bool,
}

/// An instant as it is shown (in the portal's time zone), and as machines read it (RFC 3339).
#[derive(Clone, Debug)]
pub struct Moment {
    pub shown: String,
    pub iso: String,
}

/// Where sign-in goes on to: an app, the path there, and the hash of the nonce that waits in the browser. All empty: the portal.
#[derive(Clone, Debug, Default)]
pub struct ReturnTo {
    pub app: String,
    pub path: String,
    pub nonce: String,
    /// What she wants to do there, as `METHOD /path`; empty: to see `path`.
    pub asked: String,
}

/// What the browser needs to ask a key: the options as JSON (`{"publicKey": …}`) and the name of the challenge on the server.
#[derive(Clone, Debug)]
pub struct Ceremony {
    pub options: String,
    pub challenge: String,
}

impl Frame {
    /// A page of the portal for somebody who is not signed in.
    pub fn portal(language: Language, path: &str, csrf: String) -> Self {
        Self { csrf, path: path.to_owned(), assets: AssetPrefix::Portal, ..Self::app_host(language) }
    }

    /// A page on an app's host: it has neither forms nor the portal's links.
    pub fn app_host(language: Language) -> Self {
        Self {
            language,
            portal_name: None,
            signed_in: None,
            csrf: String::new(),
            path: "/".to_owned(),
            alert: None,
            zone: None,
            assets: AssetPrefix::AppHost,
            waiting: 0,
            incidents: None,
            log_full: false,
            emergency: None,
        }
    }

    /// With the name that the operator gave the portal.
    #[must_use]
    pub fn called(mut self, names: &Names) -> Self {
        self.portal_name = Some(name_in(names, self.language).to_owned());
        self
    }

    #[must_use]
    pub fn signed_in(mut self, name: &str, role: Role) -> Self {
        self.signed_in = Some(SignedIn { name: name.to_owned(), role, manages: false, closes: false });
        self
    }

    /// Whether she who is signed in manages her unit.
    #[must_use]
    pub fn managing(mut self, manages: bool) -> Self {
        self.signed_in = self.signed_in.map(|person| SignedIn { manages, ..person });
        self
    }

    /// Whether she who is signed in may close apps in an emergency.
    #[must_use]
    pub fn closing(mut self, closes: bool) -> Self {
        self.signed_in = self.signed_in.map(|person| SignedIn { closes, ..person });
        self
    }

    #[must_use]
    pub fn alert(mut self, alert: Option<Alert>) -> Self {
        self.alert = alert;
        self
    }

    #[must_use]
    pub fn waiting(mut self, waiting: u64) -> Self {
        self.waiting = waiting;
        self
    }

    #[must_use]
    pub fn incidents(mut self, unseen: Option<u64>) -> Self {
        self.incidents = unseen;
        self
    }

    #[must_use]
    pub fn log_full(mut self, full: bool) -> Self {
        self.log_full = full;
        self
    }

    #[must_use]
    pub fn emergency(mut self, emergency: Option<EmergencyView>) -> Self {
        self.emergency = emergency;
        self
    }

    #[must_use]
    pub fn zone(mut self, zone: String) -> Self {
        self.zone = Some(zone);
        self
    }

    // Templates hand over references only, whence the borrowed words and numbers below.

    pub fn t(&self, key: &str) -> Cow<'static, str> {
        lang::text(self.language, key)
    }

    pub fn t_name(&self, key: &str, argument: &str, name: &str) -> Cow<'static, str> {
        lang::text_with(self.language, key, &[(argument, Value::Name(name))])
    }

    pub fn t_count(&self, key: &str, argument: &str, count: &u64) -> Cow<'static, str> {
        lang::text_with(self.language, key, &[(argument, Value::Count(*count))])
    }

    /// What stands at the head of each page and in its title.
    pub fn portal_name(&self) -> Cow<'_, str> {
        self.portal_name.as_deref().map_or_else(|| self.t("product"), Cow::Borrowed)
    }

    pub fn asset(&self, name: &str) -> String {
        assets::url(self.assets, name)
    }

    /// What parts a colon or a sentence from what follows; the marks of Han have air of their own.
    fn blank(&self) -> &'static str {
        if self.language == Language::Chinese { "" } else { " " }
    }

    fn mark(&self) -> &'static str {
        icon::MARK
    }

    fn icon(&self, name: &str) -> String {
        icon::icon(name)
    }

    fn on_portal(&self) -> bool {
        self.assets == AssetPrefix::Portal
    }

    fn is_auditors(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|person| person.role == Role::Auditor)
    }

    fn is_security_administrators(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|person| person.role == Role::SecurityAdministrator)
    }

    fn closes(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|person| person.closes)
    }

    /// Where her console begins, if she has one.
    fn console(&self, person: &SignedIn) -> Option<&'static str> {
        match person.role {
            Role::SecurityAdministrator => Some("/console/accounts"),
            Role::Auditor => Some("/console/log"),
            Role::SystemAdministrator | Role::Member => {
                self.incidents.map(|_| "/console/incidents").or(person.closes.then_some("/console/lockdown"))
            }
        }
    }

    fn is_at(&self, path: &str) -> bool {
        self.path.split('?').next() == Some(path)
    }

    fn is_below(&self, path: &str) -> bool {
        self.path.starts_with(path)
    }

    fn language_link(&self, language: &Language) -> String {
        format!("/language/{}?return={}", language.tag(), escaped(&self.path))
    }

    fn role(&self, role: &Role) -> Cow<'static, str> {
        self.t(match role {
            Role::Member => "role-member",
            Role::SystemAdministrator => "role-system-administrator",
            Role::SecurityAdministrator => "role-security-administrator",
            Role::Auditor => "role-auditor",
        })
    }

    fn state(&self, state: &AccountState) -> Cow<'static, str> {
        self.t(match state {
            AccountState::Invited => "state-invited",
            AccountState::Active => "state-active",
            AccountState::Disabled => "state-disabled",
            AccountState::Suspended => "state-suspended",
        })
    }

    fn token_kind(&self, kind: &TokenKind) -> Cow<'static, str> {
        self.t(match kind {
            TokenKind::UsbKey => "token-kind-usb-key",
            TokenKind::WebAuthn => "token-kind-webauthn",
            TokenKind::Oath => "token-kind-oath",
            TokenKind::PhoneApp => "token-kind-phone-app",
        })
    }

    fn token_state(&self, state: &TokenState) -> Cow<'static, str> {
        self.t(match state {
            TokenState::InStock => "token-in-stock",
            TokenState::Issued => "token-issued",
            TokenState::Active => "token-active",
            TokenState::Suspended => "token-suspended",
            TokenState::Lost => "token-is-lost",
            TokenState::Revoked => "token-revoked",
            TokenState::Expired => "token-expired",
        })
    }

    fn label(&self, label: &Label) -> Cow<'static, str> {
        self.t(match label {
            Label::Public => "label-public",
            Label::Internal => "label-internal",
            Label::Sensitive => "label-sensitive",
        })
    }
}

/// What people read in this language.
pub fn name_in(names: &Names, language: Language) -> &str {
    match language {
        Language::Chinese => &names.zh,
        Language::Uyghur => &names.ug,
        Language::English => &names.en,
    }
}

impl ReturnTo {
    /// The address of a page of sign-in that goes on to the same place.
    pub fn at(&self, page: &str) -> String {
        if self.app.is_empty() && self.path.is_empty() {
            return page.to_owned();
        }
        let asked = if self.asked.is_empty() { String::new() } else { format!("&asked={}", escaped(&self.asked)) };
        format!("{page}?app={}&path={}&nonce={}{asked}", escaped(&self.app), escaped(&self.path), escaped(&self.nonce))
    }
}

fn escaped(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
