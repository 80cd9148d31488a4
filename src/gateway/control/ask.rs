//! What the verbs at the machine may ask the running gateway, and what it answers: one JSON line each way.

use serde::{Deserialize, Serialize};

use super::drills::DrillFacts;
use super::incidents::{IncidentFacts, IncidentLine};
use super::people::{DueLine, LetterLine, ProblemLine};
use super::tokens::TokenVerb;
use crate::admin::{CertificateLine, Change, TokenLine};
use crate::gateway::status::Status;
use crate::incident::{Filled, FormLanguage, Opening, Papers, Report, Review, Scenario, Step};
use crate::model::{LockdownScope, Role, TokenKind, TokenState};

/// What is sent: what is asked, and for whom.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub ask: Ask,
    /// The secret of a terminal that `yumen login` opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
}

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    Invite {
        name: String,
        unit: String,
        role: Role,
        email: Option<String>,
    },
    Accounts,
    Disable {
        name: String,
    },
    Enable {
        name: String,
    },
    EndSessions {
        name: String,
    },
    /// `seeds` and `key` are what the files hold.
    ImportTokens {
        seeds: String,
        key: Option<String>,
        rehearse: bool,
    },
    Tokens {
        state: Option<TokenState>,
        kind: Option<TokenKind>,
        search: Option<String>,
    },
    IssueToken {
        serial: String,
        account: String,
        until: Option<String>,
    },
    /// Two codes in a row of a token that went astray.
    ResynchroniseToken {
        serial: String,
        codes: (String, String),
    },
    ChangeToken {
        verb: TokenVerb,
        serial: String,
    },
    /// `people` is what the file holds; `from` is the row with which the part begins that is taken in, none: the list is only looked through.
    ImportPeople {
        people: String,
        from: Option<usize>,
    },
    LettersDue,
    MakeLetters {
        names: Vec<String>,
    },
    Recover {
        name: String,
    },
    LockDown {
        scope: LockdownScope,
        minutes: u64,
        why: String,
    },
    /// Asks that it stays closed, or confirms that another one asked.
    ExtendLockdown {
        scope: LockdownScope,
    },
    LiftLockdown {
        scope: LockdownScope,
    },
    /// Over a channel of the emergency plan.
    TestNotice {
        channel: String,
    },
    CreateAuthority {
        name: String,
    },
    /// `request` is what the file holds (PKCS #10, PEM).
    IssueCertificate {
        serial: String,
        account: String,
        request: String,
        days: u32,
    },
    RenewCertificate {
        serial: String,
        request: Option<String>,
        days: u32,
    },
    RevokeCertificate {
        serial: String,
    },
    Certificates,
    /// The one that counts of the gateway's own authority.
    Certificate {
        serial: String,
    },
    RotateLogKey,
    /// Says that whoever may read the files of the log did so, and what was asked of it.
    LogRead {
        asked: String,
    },
    Reload,
    Status,
    Incidents {
        all: bool,
    },
    Incident {
        number: u64,
    },
    IncidentReport {
        number: u64,
        report: Report,
        language: FormLanguage,
    },
    IncidentReview {
        number: u64,
        language: FormLanguage,
    },
    IncidentPapers {
        number: u64,
    },
    OpenIncident {
        opening: Opening,
    },
    TakeStep {
        number: u64,
        step: Step,
    },
    RunDrill {
        scenario: Scenario,
    },
    Drills,
    Tabletop {
        scenario: Scenario,
        language: FormLanguage,
    },
    /// Asks for a terminal.
    Login,
    /// Whether somebody has allowed it.
    LoginState {
        terminal: String,
    },
    Logout {
        terminal: String,
    },
}

impl Ask {
    /// The action that it is; `None`: it does nothing by itself.
    pub const fn change(&self) -> Option<Change> {
        Some(match self {
            Self::Invite { .. } => Change::Invite,
            Self::Accounts => Change::ReadAccounts,
            Self::Disable { .. } => Change::DisableAccount,
            Self::Enable { .. } => Change::EnableAccount,
            Self::EndSessions { .. } => Change::EndSession,
            Self::ImportTokens { .. } => Change::ImportTokens,
            Self::Tokens { .. } => Change::ReadTokens,
            Self::IssueToken { .. } => Change::IssueToken,
            Self::ChangeToken { verb: TokenVerb::Resume, .. } => Change::ResumeToken,
            Self::ResynchroniseToken { .. } => Change::ResynchroniseToken,
            Self::ChangeToken { .. } => Change::StopToken,
            Self::CreateAuthority { .. } => Change::CreateAuthority,
            Self::IssueCertificate { .. } | Self::RenewCertificate { .. } => Change::IssueCertificate,
            Self::RevokeCertificate { .. } => Change::RevokeCertificate,
            Self::Certificates | Self::Certificate { .. } => Change::ReadTokens,
            Self::ImportPeople { .. } => Change::ImportPeople,
            Self::LettersDue | Self::MakeLetters { .. } => Change::MakeLetters,
            Self::Recover { .. } => Change::Recover,
            Self::LockDown { .. } | Self::ExtendLockdown { .. } | Self::LiftLockdown { .. } => Change::LockDown,
            Self::TestNotice { .. } => Change::TestNotices,
            Self::RotateLogKey => Change::RotateLogKey,
            Self::Reload => Change::Reload,
            Self::Status => Change::ReadStatus,
            Self::Incidents { .. } | Self::Incident { .. } | Self::Drills => Change::ReadIncidents,
            Self::IncidentReport { .. } | Self::IncidentReview { .. } | Self::IncidentPapers { .. } => Change::ReadIncidents,
            Self::RunDrill { .. } | Self::Tabletop { .. } => Change::RunDrill,
            Self::OpenIncident { .. } | Self::TakeStep { .. } => Change::HandleIncident,
            Self::LogRead { .. } | Self::Login | Self::LoginState { .. } | Self::Logout { .. } => return None,
        })
    }

    /// The same where the machine's owner asks by himself.
    pub(super) const fn change_of_the_owner(&self) -> Option<Change> {
        match self {
            Self::Invite { .. } => Some(Change::Bootstrap),
            _ => self.change(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum ControlAnswer {
    PeopleFound {
        rows: usize,
        new: usize,
        same: usize,
        differing: usize,
        tokens: usize,
        problems: Vec<ProblemLine>,
        all_problems: usize,
    },
    PeopleImported {
        new: usize,
        same: usize,
        tokens: usize,
        next: Option<usize>,
        rows: usize,
    },
    LettersDue {
        due: Vec<DueLine>,
    },
    Letters {
        portal: String,
        contact: Option<String>,
        letters: Vec<LetterLine>,
    },
    /// Only a person may do that: `yumen login` first.
    LoginNeeded,
    /// Where a terminal is allowed, and the code that the page shows too.
    Login {
        link: String,
        code: String,
        terminal: String,
        expires: String,
    },
    LoginWaits,
    LoggedIn {
        name: String,
        role: Role,
        until: String,
    },
    Invited {
        link: String,
        expires: String,
    },
    Accounts {
        accounts: Vec<AccountLine>,
    },
    Tokens {
        tokens: Vec<TokenLine>,
    },
    Certificates {
        certificates: Vec<CertificateLine>,
    },
    /// A certificate (PEM) for a token, and what to say of it.
    Certificate {
        pem: String,
        message: String,
    },
    Done {
        message: String,
    },
    Status {
        status: Box<Status>,
    },
    Incidents {
        incidents: Vec<IncidentLine>,
    },
    Incident {
        incident: Box<IncidentFacts>,
    },
    Drill {
        drill: Box<DrillFacts>,
    },
    Drills {
        drills: Vec<DrillFacts>,
    },
    IncidentReport {
        report: Box<Filled>,
    },
    IncidentReview {
        review: Box<Review>,
    },
    IncidentPapers {
        papers: Box<Papers>,
    },
    Refused {
        why: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AccountLine {
    pub name: String,
    pub unit: String,
    pub role: Role,
    pub state: String,
    pub created: String,
}
