//! The control socket: how the machine's owner asks the running gateway for something. One JSON line each way.
//!
//! Invariant: only the owner of the process and root may speak (the kernel says who they are, SO_PEERCRED), nothing of others is
//! read, and who spoke is on record with whatever was changed. What was asked for is done to its end, even if the one who
//! asked leaves or the connection's time runs out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admin::{Actor, AdminError, CertificateLine, Disabled, NewAccount, TokenLine};
use crate::model::{AccountName, Role, TokenKind, TokenState, UnitName};
use crate::store::{AccountFilter, TokenFilter};

use super::house::{House, StartError};
use super::reload::Reloader;
use super::status::Status;

mod certificates;
mod people;
mod tokens;

pub use people::{DueLine, LetterLine, ProblemLine};
pub use tokens::TokenVerb;

/// No request or answer is longer.
pub const MAX_MESSAGE_BYTES: u64 = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);
/// How many may be connected, or have something under way, at once; others wait in the kernel's queue.
const MOST_AT_ONCE: usize = 16;
const BACKLOG: i32 = 16;

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
    Reload,
    Status,
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

/// Binds the socket, for its owner only. A socket left over from a process that died is replaced: the data
/// directory's lock shows that nobody listens on it.
pub fn bind(path: &Path) -> Result<std::os::unix::net::UnixListener, StartError> {
    let failed = |why| StartError::Data { directory: path.to_owned(), why };
    let socket = bind_private(path).map_err(failed)?;
    socket.listen(BACKLOG).map_err(failed)?;
    Ok(socket.into())
}

/// Bound, mode 0600, and not yet listening: there is no instant in which others may connect, whatever the umask and the
/// mode of the directory are, because nobody can connect before it listens.
fn bind_private(path: &Path) -> std::io::Result<Socket> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(socket)
}

pub async fn listen(listener: UnixListener, house: Arc<House>, reloader: Arc<Reloader>) {
    admit_all(listener, MOST_AT_ONCE, move |ask, uid| answer(ask, uid, house.clone(), reloader.clone())).await;
}

/// Talks with everybody who comes, at most `places` at once.
async fn admit_all<A>(listener: UnixListener, places: usize, act: impl Fn(Ask, u32) -> A + Clone + Send + 'static)
where
    A: Future<Output = ControlAnswer> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(places));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let act = act.clone();
        tokio::spawn(async move {
            let Ok(peer) = stream.peer_cred() else { return };
            let uid = may_speak(peer.uid(), rustix::process::geteuid().as_raw()).then_some(peer.uid());
            let talk = converse(stream, uid, Arc::new(place), act);
            if let Err(error) = tokio::time::timeout(PATIENCE, talk).await {
                tracing::debug!(%error, "a control connection took too long");
            }
        });
    }
}

fn may_speak(uid: u32, owner: u32) -> bool {
    uid == 0 || uid == owner
}

/// `uid`: whoever speaks, if she may.
async fn converse<A>(
    stream: UnixStream,
    uid: Option<u32>,
    place: Arc<OwnedSemaphorePermit>,
    act: impl Fn(Ask, u32) -> A,
) -> std::io::Result<()>
where
    A: Future<Output = ControlAnswer> + Send + 'static,
{
    let (reading, mut writing) = stream.into_split();
    let answer = match uid {
        None => refused("only the gateway's own user and root may use the control socket"),
        Some(uid) => {
            let mut line = String::new();
            BufReader::new(reading.take(MAX_MESSAGE_BYTES)).read_line(&mut line).await?;
            match serde_json::from_str(&line) {
                Ok(ask) => to_its_end(act(ask, uid), place).await,
                Err(error) => refused(&format!("the gateway does not understand the request: {error}")),
            }
        }
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    writing.write_all(&text).await
}

/// On a task of its own, which nothing that happens to the connection can stop half-way.
async fn to_its_end(act: impl Future<Output = ControlAnswer> + Send + 'static, place: Arc<OwnedSemaphorePermit>) -> ControlAnswer {
    let acting = tokio::spawn(async move {
        let _place = place;
        act.await
    });
    acting.await.unwrap_or_else(|error| refused(&format!("the gateway failed: {error}; `yumen account list` shows what was done")))
}

fn refused(why: &str) -> ControlAnswer {
    ControlAnswer::Refused { why: why.to_owned() }
}

async fn answer(ask: Ask, uid: u32, house: Arc<House>, reloader: Arc<Reloader>) -> ControlAnswer {
    perform(ask, &Actor::Machine { uid }, &house, &reloader).await.unwrap_or_else(|why| refused(&why))
}

async fn perform(ask: Ask, actor: &Actor, house: &House, reloader: &Reloader) -> Result<ControlAnswer, String> {
    let desk = &house.desk;
    match ask {
        Ask::Invite { name, unit, role, email } => {
            let new = NewAccount {
                name: account_name(&name)?,
                unit: UnitName::parse(&unit).map_err(|why| format!("the unit {unit:?} {why}"))?,
                role,
                email,
            };
            let invitation = desk.invite(actor, new, house.clock.now()).await.map_err(|error| told(&error))?;
            Ok(ControlAnswer::Invited { link: invitation.link, expires: invitation.expires.to_string() })
        }
        Ask::Accounts => {
            let accounts = desk.accounts(actor, &AccountFilter::default()).await.map_err(|error| told(&error))?;
            let line = |account: crate::model::Account| AccountLine {
                name: account.name.to_string(),
                unit: account.unit.to_string(),
                role: account.role,
                state: account.state.to_string(),
                created: account.created.to_string(),
            };
            Ok(ControlAnswer::Accounts { accounts: accounts.into_iter().map(line).collect() })
        }
        Ask::Disable { name } => {
            let name = account_name(&name)?;
            let id = desk.id_of(actor, &name).await.map_err(|error| unknown(&name, &error))?;
            let Disabled { was_already, ended } = desk.disable(actor, id).await.map_err(|error| told(&error))?;
            let state = if was_already { "was disabled already" } else { "is disabled" };
            Ok(done(format!("{name} {state}; {ended} of its sessions ended")))
        }
        Ask::Enable { name } => {
            let name = account_name(&name)?;
            let account = desk.account_named(actor, &name).await.map_err(|error| unknown(&name, &error))?;
            desk.enable(actor, account.id, house.clock.now()).await.map_err(|error| told(&error))?;
            Ok(done(format!("{} is enabled", account.name)))
        }
        Ask::EndSessions { name } => {
            let name = account_name(&name)?;
            let id = desk.id_of(actor, &name).await.map_err(|error| unknown(&name, &error))?;
            let ended = desk.end_sessions_of(actor, id).await.map_err(|error| told(&error))?;
            Ok(done(format!("{ended} sessions of {name} ended")))
        }
        Ask::ImportTokens { seeds, key, rehearse } => tokens::import(house, actor, &seeds, key.as_deref(), rehearse).await,
        Ask::Tokens { state, kind, search } => tokens::list(house, actor, &TokenFilter { state, kind, search }).await,
        Ask::IssueToken { serial, account, until } => tokens::issue(house, actor, &serial, &account, until.as_deref()).await,
        Ask::ResynchroniseToken { serial, codes } => tokens::resynchronise(house, actor, &serial, (&codes.0, &codes.1)).await,
        Ask::ChangeToken { verb, serial } => tokens::change(house, actor, verb, &serial).await,
        Ask::ImportPeople { people, from } => people::import(house, actor, &people, from).await,
        Ask::LettersDue => people::letters_due(house, actor).await,
        Ask::MakeLetters { names } => people::make_letters(house, actor, &names).await,
        Ask::CreateAuthority { name } => certificates::create(house, actor, &name).await,
        Ask::IssueCertificate { serial, account, request, days } => {
            certificates::issue(house, actor, &serial, &account, &request, days).await
        }
        Ask::RenewCertificate { serial, request, days } => certificates::renew(house, actor, &serial, request.as_deref(), days).await,
        Ask::RevokeCertificate { serial } => certificates::revoke(house, actor, &serial).await,
        Ask::Certificates => certificates::list(house, actor).await,
        Ask::Status => Ok(ControlAnswer::Status { status: Box::new(house.status().await) }),
        Ask::Reload => reloader.reload(house, Some(actor)).await.map(done),
    }
}

fn done(message: String) -> ControlAnswer {
    ControlAnswer::Done { message }
}

/// Why an account could not be looked up; a name that none has may be a slip.
fn unknown(name: &AccountName, error: &AdminError) -> String {
    match error {
        AdminError::NoSuchAccount => format!("there is no account \"{name}\"; `yumen account list` names all that there are"),
        error => told(error),
    }
}

fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|why| format!("the account name {text:?} {why}"))
}

/// An error with its causes in one sentence: the machine's owner may know. What a message says already is not said again.
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    without_numbers(&text)
}

/// The numbers that the system gives its errors say nothing beside their words: "(os error 2)".
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |said, part| match part.split_once(')') {
        Some((number, rest)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => said + rest,
        _ => said + " (os error " + part,
    })
}

#[cfg(test)]
mod tests;
