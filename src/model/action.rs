//! What can be on record beside accesses, by its name there.

use serde::{Deserialize, Serialize};

/// What else is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Start,
    Stop,
    ConfigReloaded,
    ConfigRefused,
    LogRepaired,
    SignIn,
    SignOut,
    /// The first factor was right.
    FirstFactor,
    SessionEnded,
    SessionExpired,
    AppEntered,
    AccountInvited,
    AccountEnrolled,
    AccountDisabled,
    AccountEnabled,
    AccountSuspended,
    /// A member may invite and switch off the members of her unit.
    ManagerAppointed,
    ManagerDismissed,
    /// The machine's owner gave a security administrator who was locked out a new start.
    AdministratorRecovered,
    /// An app, a unit or everything was closed, or stays closed by two.
    LockedDown,
    /// Somebody wants what is closed to stay so for longer; another one has to confirm it.
    LockdownExtensionAsked,
    LockdownLifted,
    /// A person allowed a terminal on the machine to act for her.
    TerminalOpened,
    TerminalClosed,
    KeyAdded,
    KeyRemoved,
    /// A key was asked for a fresh proof, before a change of keys.
    KeyProof,
    /// More was proved in a session, or the same again.
    StepUp,
    /// A form that was refused for want of a proof is kept until there is one.
    FormKept,
    /// A form that was kept is sent on, as the access that has this reference.
    FormSent,
    FormDiscarded,
    /// A key's signature counter went back: it may have been copied.
    KeyCounterWentBack,
    /// Many answers in a row, after a right password or in a session, that no key had signed: somebody without the key has the rest.
    KeyAnswersMadeUp,
    /// The certificate of a USB-KEY was shown for sign-in or its kin.
    UsbKeyShown,
    /// Nobody vouches any more for the certificate of a USB-KEY, so what it opened has ended.
    UsbKeyDistrusted,
    /// Files of authorities, or their lists of revoked certificates, have changed.
    TrustReloaded,
    TokensImported,
    TokenIssued,
    /// Its holder showed that she has it.
    TokenActivated,
    TokenSuspended,
    TokenResumed,
    TokenLost,
    TokenRevoked,
    /// The gateway's own issuing authority was made.
    AuthorityCreated,
    CertificateIssued,
    CertificateRenewed,
    CertificateRevoked,
    /// Two codes in a row brought it back.
    TokenResynchronised,
    /// A part of a list of people was taken in.
    PeopleImported,
    LetterMade,
    /// A letter's code came with another serial number than that of its token.
    LetterRefused,
    /// There were too many of those: the letter's code is worthless.
    LetterStopped,
    /// Its date has passed.
    TokenExpired,
    /// It was told until when it opens doors.
    TokenLimited,
    /// A change that a second person has to confirm: by the one who proposed it.
    ChangeProposed,
    ChangeConfirmed,
    ChangeWithdrawn,
    ChangeRejected,
    /// A link for a new token or a new password was made.
    RecoveryOpened,
    /// Something was shown behind such a link, and was right or wrong.
    RecoveryProof,
    /// The person has her new token, or her new password.
    Recovered,
    /// An authority, or a rule by which certificates find their accounts, is trusted from now on.
    AuthorityTrusted,
    /// The key that signs the log's heads was replaced.
    LogKeyRotated,
    /// There was less room on the disk than the reserve (failed), or enough again (done).
    DiskSpace,
    /// Refusals of strangers past their quota, counted together per network and minute.
    StrangersRefused,
    Malformed,
    /// A form of the portal was refused.
    FormRefused,
    /// There was no room on the disk for the log's next file, so what was not urgent was denied (failed), or there is again (done).
    LogFull,
    /// Somebody read the log, or took a part of it away.
    LogRead,
    /// The oldest records were kept as long as they had to be, and their entries are removed.
    LogDropped,
    /// The log was checked against its hashes and heads.
    LogChecked,
    /// What the gateway relies on was tried.
    SelfTest,
    /// So much of an answer is sent by now, and it goes on.
    AnswerContinues,
    /// A page of a site that is watched is not what it was.
    PageChanged,
    /// A trigger of the emergency plan has found something in the log.
    TriggerFired,
    /// Somebody was told of an incident, or could not be.
    NoticeSent,
    /// Somebody practises the emergency plan; what follows with its number never was.
    DrillStarted,
    /// Somebody found an incident herself.
    IncidentOpened,
    /// A named person confirmed an incident's level, or changed it.
    IncidentLevel,
    /// Something was done about an incident.
    IncidentStep,
    /// An incident is over, was a false alarm, or is part of another one.
    IncidentClosed,
}
