//! What each action is called in OCSF.
//!
//! Invariant: an action that is not in the table does not compile.

use crate::model::Action;

/// The event classes that records are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    AccountChange,
    Authentication,
    HttpActivity,
    IncidentFinding,
    /// The gateway itself.
    ApplicationLifecycle,
}

impl Class {
    pub fn uid(self) -> u32 {
        match self {
            Self::IncidentFinding => 2005,
            Self::AccountChange => 3001,
            Self::Authentication => 3002,
            Self::HttpActivity => 4002,
            Self::ApplicationLifecycle => 6002,
        }
    }

    pub fn category(self) -> u32 {
        self.uid().checked_div(1000).unwrap_or(0)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::IncidentFinding => "Incident Finding",
            Self::AccountChange => "Account Change",
            Self::Authentication => "Authentication",
            Self::HttpActivity => "HTTP Activity",
            Self::ApplicationLifecycle => "Application Lifecycle",
        }
    }
}

/// Where the class has no activity for it; its own name stands in `activity_name` then.
pub const OTHER: u32 = 99;

macro_rules! table {
    ($($action:ident => $class:ident $activity:expr),+ $(,)?) => {
        /// The class and its activity.
        pub fn told(action: Action) -> (Class, u32) {
            match action { $(Action::$action => (Class::$class, $activity)),+ }
        }

        #[cfg(test)]
        pub const ALL: &[Action] = &[$(Action::$action),+];
    };
}

// Authentication: 1 logon, 2 logoff, 6 a stage before. Account Change: 1 create, 2 enable, 4 password reset, 5 disable, 7 attach and 8 detach
// policy, 9 lock, 10 and 11 factor on and off. Incident Finding: 1 create, 2 update, 3 close. Application Lifecycle: 3 start, 4 stop.
table! {
    Start => ApplicationLifecycle 3,
    Stop => ApplicationLifecycle 4,
    ConfigReloaded => ApplicationLifecycle OTHER,
    ConfigRefused => ApplicationLifecycle OTHER,
    LogRepaired => IncidentFinding 1,
    SignIn => Authentication 1,
    SignOut => Authentication 2,
    FirstFactor => Authentication 6,
    SessionEnded => Authentication 2,
    SessionExpired => Authentication 2,
    AppEntered => Authentication OTHER,
    AccountInvited => AccountChange 1,
    AccountEnrolled => AccountChange 2,
    AccountDisabled => AccountChange 5,
    AccountEnabled => AccountChange 2,
    AccountSuspended => AccountChange 9,
    ManagerAppointed => AccountChange 7,
    ManagerDismissed => AccountChange 8,
    AdministratorRecovered => AccountChange 4,
    LockedDown => IncidentFinding 1,
    LockdownLifted => IncidentFinding 3,
    LockdownExtensionAsked => IncidentFinding 2,
    TerminalOpened => Authentication 1,
    TerminalClosed => Authentication 2,
    KeyAdded => AccountChange 10,
    KeyRemoved => AccountChange 11,
    KeyProof => Authentication OTHER,
    StepUp => Authentication OTHER,
    FormKept => HttpActivity OTHER,
    FormSent => HttpActivity OTHER,
    FormDiscarded => HttpActivity OTHER,
    KeyCounterWentBack => IncidentFinding 1,
    KeyAnswersMadeUp => IncidentFinding 1,
    UsbKeyShown => Authentication 6,
    UsbKeyDistrusted => AccountChange 11,
    TrustReloaded => ApplicationLifecycle OTHER,
    TokensImported => ApplicationLifecycle OTHER,
    TokenIssued => AccountChange OTHER,
    TokenActivated => AccountChange 10,
    TokenSuspended => AccountChange 11,
    TokenResumed => AccountChange 10,
    TokenLost => AccountChange 11,
    TokenRevoked => AccountChange 11,
    AuthorityCreated => ApplicationLifecycle OTHER,
    CertificateIssued => AccountChange OTHER,
    CertificateRenewed => AccountChange OTHER,
    CertificateRevoked => AccountChange 11,
    TokenResynchronised => AccountChange OTHER,
    PeopleImported => ApplicationLifecycle OTHER,
    LetterMade => AccountChange OTHER,
    LetterRefused => AccountChange OTHER,
    LetterStopped => AccountChange OTHER,
    TokenExpired => AccountChange 11,
    TokenLimited => AccountChange OTHER,
    ChangeProposed => AccountChange OTHER,
    ChangeConfirmed => AccountChange OTHER,
    ChangeWithdrawn => AccountChange OTHER,
    ChangeRejected => AccountChange OTHER,
    RecoveryOpened => AccountChange OTHER,
    RecoveryProof => Authentication 6,
    Recovered => AccountChange 4,
    AuthorityTrusted => ApplicationLifecycle OTHER,
    DiskSpace => IncidentFinding 1,
    StrangersRefused => HttpActivity OTHER,
    Malformed => HttpActivity OTHER,
    FormRefused => HttpActivity OTHER,
    LogKeyRotated => ApplicationLifecycle OTHER,
    LogFull => IncidentFinding 1,
    LogRead => ApplicationLifecycle OTHER,
    LogDropped => ApplicationLifecycle OTHER,
    LogChecked => ApplicationLifecycle OTHER,
    SelfTest => ApplicationLifecycle OTHER,
    AnswerContinues => ApplicationLifecycle OTHER,
    PageChanged => ApplicationLifecycle OTHER,
    TriggerFired => IncidentFinding 1,
    DrillStarted => ApplicationLifecycle OTHER,
    IncidentOpened => IncidentFinding 1,
    IncidentLevel => IncidentFinding 2,
    IncidentStep => IncidentFinding 2,
    IncidentClosed => IncidentFinding 3,
    NoticeSent => ApplicationLifecycle OTHER,
}
