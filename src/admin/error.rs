//! What the desk answers where it does not do what it was asked, in the words that a terminal shows.

use crate::audit::NoRecord;
use crate::audit::SealedError;
use crate::auth::CodeError;
use crate::clock::Time;
use crate::crypto::NoRandomness;
use crate::incident::NotAllowed;
use crate::model::{AccountName, AccountState, Level, LockdownScope, PetitionState, Serial, TokenKind, TokenState};
use crate::oath::Problem;
use crate::pki::PkiError;
use crate::store::{InviteError, LogIndexError, StoreError};

use super::petitions::Proposed;
use super::roster::RowProblem;

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("this account may not do that")]
    NotAllowed,
    #[error("staff may act from listed addresses only; see `addresses` under [staff] in the config")]
    NotFromHere,
    #[error("a security administrator is active, so people are invited by her: in the console, or here after `yumen login`")]
    BootstrapOver,
    #[error("only a security administrator is recovered at the machine; she gives everybody else a new token in the console")]
    NotToBeRecovered,
    #[error(
        "{name} can sign in as security administrator, so ask her: she can give a new token. If nobody can, repeat this in {hours} hours; \
         whoever signs in as security administrator until then ends the wait"
    )]
    AnotherCan { name: AccountName, hours: u64 },
    #[error("this account was in use before and begins anew: only security administrators can make its link")]
    BeginsAnew,
    #[error(
        "the emergency plan gives power to whoever is called {0}, so she is invited as staff are: by a security administrator, and another one \
         confirms it; ask one of them"
    )]
    NamedByPlan(AccountName),
    #[error("staff cannot manage a unit: only a member can")]
    StaffManageNothing,
    #[error("no terminal waits with this code: it was mistyped, used, or is older than five minutes; run `yumen login` again")]
    NoSuchTerminal,
    #[error(
        "the emergency level {level} is in force until {until}, and with it nobody is given a way in that she did not have; what takes away is done"
    )]
    Frozen { level: Level, until: Time },
    #[error("there is no such account")]
    NoSuchAccount,
    #[error("an account of this name has enrolled already; see `yumen account list`, and `yumen account enable` if it is switched off")]
    NameTaken,
    #[error("it was done, but the audit log has failed and could not record it: write down who did it and when, and mend the log")]
    Unrecorded,
    #[error(
        "its sessions were ended at once, but the store failed, so that a restart may bring them back and no account was switched off: ask again when the store works"
    )]
    OnlyInMemory(#[source] StoreError),
    #[error("it is closed, but the store could not keep that ({0}), so a restart opens it; it is tried again until the store works")]
    ClosedInMemory(String),
    #[error(
        "{} closed by you for {minutes} min more, and nobody closes anything for longer than an hour alone: ask for it, and ask somebody \
         else on the duty list to confirm: yumen lockdown {} --extend", are(.hers), .scope.as_options()
    )]
    ClosedByYou { scope: LockdownScope, hers: LockdownScope, minutes: u64 },
    #[error(
        "{} closed by you less than an hour ago, so alone you close it again in {minutes} min only: somebody else on the duty list may close \
         it now; or ask for it, and ask her to confirm: yumen lockdown {} --extend", were(.hers), .scope.as_options()
    )]
    ClosedByYouLately { scope: LockdownScope, hers: LockdownScope, minutes: u64 },
    #[error(
        "{} closed less than an hour ago, either at the machine or by name, and one person may do both by turns: alone it is closed again in \
         {minutes} min only. Ask for it by name, and ask somebody else on the duty list to confirm: yumen lockdown {} --extend",
        were(.hers), .scope.as_options()
    )]
    ClosedByEither { scope: LockdownScope, hers: LockdownScope, minutes: u64 },
    #[error(
        "you asked for it yourself: ask somebody else on the duty list to confirm within {minutes} min: yumen lockdown {} --extend",
        .scope.as_options()
    )]
    OwnExtension { scope: LockdownScope, minutes: u64 },
    #[error(
        "it takes two people by name to keep {} closed for longer, and nobody knows who you are: `yumen login`, then yumen lockdown {} --extend",
        .0.in_words(), .0.as_options()
    )]
    NamelessExtension(LockdownScope),
    #[error("it stays closed: the gateway was stopped while it was to be opened")]
    LiftStopped,
    #[error("{} not closed, so there is nothing to extend; this closes it: yumen lockdown {}", are(.0), .0.as_options())]
    NotClosed(LockdownScope),
    #[error("nothing was closed: nobody belongs to {}; write its name as `yumen account list` does", .0.in_words())]
    NoSuchUnit(LockdownScope),
    #[error("the account is {0}, and to such an account this cannot be done")]
    WrongState(AccountState),
    #[error("nothing was imported; the file has {}:{}", problems(.0.len()), listed(.0))]
    BadDelivery(Vec<Problem>),
    #[error("nothing was imported; {} of the serial numbers are known already:{}", .0.len(), listed(.0))]
    KnownSerials(Vec<Serial>),
    #[error("nothing was imported; the file has {}:{}", problems(.0.len()), listed(.0))]
    BadRoster(Vec<RowProblem>),
    #[error("the part that begins with {0} was not imported: something changed meanwhile; look the file through again")]
    PeopleChanged(AccountName),
    #[error("there is no token with the serial number {0}; see `yumen token list`")]
    NoSuchToken(Serial),
    #[error("the token {serial} is {state}, so that cannot be done with it")]
    WrongTokenState { serial: Serial, state: TokenState },
    #[error("these are not two codes in a row of the token {0}; read them off anew, one directly after the other")]
    WrongCodes(Serial),
    #[error("a code cannot be judged")]
    Code(#[source] CodeError),
    #[error("the token {serial} is no USB-KEY: it is of the kind {kind}")]
    NoUsbKey { serial: Serial, kind: TokenKind },
    #[error("the token {0} has no certificate of the gateway's own authority: give the request that was made in it")]
    NoCertificate(Serial),
    #[error("this certificate, or its key, is registered already")]
    CertificateTaken,
    #[error("the gateway has no authority of its own yet; `yumen token create-authority` makes one")]
    NoAuthority,
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error("the account is switched off, so it cannot be given a token")]
    NoHolder,
    #[error("nobody may disable her own account, so that the last one is not lost by a slip")]
    Oneself,
    #[error(
        "the token {serial} is the last one with which a security administrator can sign in, so it is not stopped here, so that the last \
         one is not lost by a slip. If it is really lost or stolen, its holder reports it at {portal}/keys, or `yumen recover` at the \
         machine ends it"
    )]
    LastWayIn { serial: Serial, portal: String },
    #[error("{}", waits(.0))]
    Proposed(Box<Proposed>),
    #[error("there is no such change that waits")]
    NoSuchPetition,
    #[error("the change does not wait any more: it was carried out, withdrawn or rejected, or its time is over (it is {0})")]
    PetitionClosed(PetitionState),
    #[error("whoever proposed a change does not confirm it")]
    OwnPetition,
    #[error("nobody proposes or confirms what is about her own account")]
    ConcernsYou,
    #[error("whoever proposed it is no security administrator any more, or the token that she proposed it with is not hers any more")]
    ProposerGone,
    #[error("what it is about has changed since it was proposed, so it was not carried out: propose it anew")]
    ChangedMeanwhile,
    #[error(
        "it takes two security administrators, neither of whom it may be about, and there is no other one who could confirm it; \
             one who was switched off or has lost her tokens counts for three days more"
    )]
    NobodyToConfirm,
    #[error("a fresh proof by a hardware token, for this change, is needed")]
    NoFreshProof,
    #[error("she has no token by which she could show that it is she: she has to begin anew")]
    NothingToProveBy,
    #[error("the certificate of {0} is not kept: it was issued before certificates were; renew it, and it can be fetched")]
    NotKept(Serial),
    #[error("the token {0} has no certificate that counts; see `yumen token certificates`")]
    NoCertificateInForce(Serial),
    #[error("the config declares no such authority")]
    NoSuchAuthority,
    #[error("there is no incident {0}; see `yumen incident list`")]
    NoSuchIncident(u64),
    #[error(transparent)]
    Incident(#[from] NotAllowed),
    #[error("say why, in at most 500 characters; nothing was done")]
    StepMalformed,
    #[error(
        "{0} cannot sign in (there is no such account, or it is not active), so nothing was handed over; choose somebody else of the duty list"
    )]
    CannotTakeOver(AccountName),
    #[error("it is on record, but the gateway has not read it back from the log yet: look again in a minute, and do not repeat it before")]
    StepUnread,
    #[error("there is no emergency plan: name one with `plan` under [incident] in the config")]
    NoPlan,
    #[error("the log cannot be read here")]
    NoLog,
    #[error("you follow or export the log as often as one person may at once: close one of those pages")]
    TooManyStreams,
    #[error("packs of evidence are made at the machine alone: yumen audit evidence")]
    NoPacks,
    #[error("another pack of evidence is made or downloaded just now: try again in a minute")]
    PackUnderWay,
    #[error("the pack of evidence could not be made: {0}")]
    PackFailed(String),
    #[error("the log has no such record")]
    NoSuchRecord,
    #[error("record {0} was dropped after the time that the gateway keeps records; the archive has it, if there is one")]
    RecordDropped(u64),
    #[error("the log is damaged: {0}; keep it as it is, and run `yumen audit verify`")]
    LogDamaged(String),
    #[error(transparent)]
    LogIndex(#[from] LogIndexError),
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<InviteError> for AdminError {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::NameTaken => Self::NameTaken,
            InviteError::Store(error) => Self::Store(error),
        }
    }
}

/// What somebody at a terminal is told of a change that she cannot make alone.
fn waits(proposed: &Proposed) -> String {
    let Proposed { state, url, expires, half, .. } = proposed;
    let code = half.as_ref().map_or_else(String::new, |half| {
        format!(". Give the person this code; without it the link that the other one gets opens nothing: {}", half.reveal())
    });
    match state {
        PetitionState::Open => format!("proposed, not done yet: another security administrator confirms it at {url} until {expires}{code}"),
        _ => format!("it takes two security administrators: show your token at {url} to propose it"),
    }
}

fn are(scope: &LockdownScope) -> String {
    format!("{} {}", scope.in_words(), if *scope == LockdownScope::All { "are" } else { "is" })
}

fn were(scope: &LockdownScope) -> String {
    format!("{} {}", scope.in_words(), if *scope == LockdownScope::All { "were" } else { "was" })
}

fn problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

/// A line each, and the first few only: a whole delivery may be wrong in one way.
fn listed<T: std::fmt::Display>(all: &[T]) -> String {
    const SHOWN: usize = 20;
    let more = all.len().saturating_sub(SHOWN);
    let lines = all.iter().take(SHOWN).map(|one| format!("\n  {one}"));
    let rest = (more > 0).then(|| format!("\n  and {more} more"));
    lines.chain(rest).collect()
}
