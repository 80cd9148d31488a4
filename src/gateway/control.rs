//! The control socket: how the machine's owner asks the running gateway for something. One JSON line each way.
//!
//! Invariant: only the owner of the process and root may speak (the kernel says who they are, SO_PEERCRED), and who spoke is on record
//! with whatever was changed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::admin::{Actor, NewAccount};
use crate::model::{AccountName, Role, UnitName};
use crate::store::AccountFilter;

use super::house::{House, StartError};
use super::reload::Reloader;
use super::status::Status;

/// No request or answer is longer.
pub const MAX_MESSAGE_BYTES: u64 = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    Invite { name: String, unit: String, role: Role, email: Option<String> },
    Accounts,
    Disable { name: String },
    Enable { name: String },
    EndSessions { name: String },
    Reload,
    Status,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum ControlAnswer {
    Invited { link: String, expires: String },
    Accounts { accounts: Vec<AccountLine> },
    Done { message: String },
    Status { status: Box<Status> },
    Refused { why: String },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AccountLine {
    pub name: String,
    pub unit: String,
    pub role: Role,
    pub state: String,
    pub created: String,
}

/// Binds the socket, readable by its owner only. A socket left over from a process that died is replaced: the data
/// directory's lock shows that nobody listens on it.
pub fn bind(path: &Path) -> Result<std::os::unix::net::UnixListener, StartError> {
    let failed = |why| StartError::Data { directory: path.to_owned(), why };
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
        _ => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

pub async fn listen(listener: UnixListener, house: Arc<House>, reloader: Arc<Reloader>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (house, reloader) = (house.clone(), reloader.clone());
        tokio::spawn(async move {
            if let Err(error) = tokio::time::timeout(PATIENCE, converse(stream, &house, &reloader)).await {
                tracing::debug!(%error, "a control connection took too long");
            }
        });
    }
}

async fn converse(stream: UnixStream, house: &House, reloader: &Reloader) -> std::io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reading.take(MAX_MESSAGE_BYTES)).read_line(&mut line).await?;
    let answer = if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        ControlAnswer::Refused { why: "only the gateway's own user and root may use the control socket".to_owned() }
    } else {
        match serde_json::from_str(&line) {
            Ok(ask) => answer(ask, uid, house, reloader).await,
            Err(error) => ControlAnswer::Refused { why: format!("the gateway does not understand the request: {error}") },
        }
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    writing.write_all(&text).await
}

async fn answer(ask: Ask, uid: u32, house: &House, reloader: &Reloader) -> ControlAnswer {
    let actor = Actor::Machine { uid };
    match perform(ask, &actor, house, reloader).await {
        Ok(answer) => answer,
        Err(why) => ControlAnswer::Refused { why },
    }
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
            let account = desk.account_named(actor, &account_name(&name)?).await.map_err(|error| told(&error))?;
            let ended = desk.disable(actor, account.id).await.map_err(|error| told(&error))?;
            Ok(done(format!("{} is disabled; {ended} of its sessions ended", account.name)))
        }
        Ask::Enable { name } => {
            let account = desk.account_named(actor, &account_name(&name)?).await.map_err(|error| told(&error))?;
            desk.enable(actor, account.id).await.map_err(|error| told(&error))?;
            Ok(done(format!("{} is enabled", account.name)))
        }
        Ask::EndSessions { name } => {
            let account = desk.account_named(actor, &account_name(&name)?).await.map_err(|error| told(&error))?;
            let ended = desk.end_sessions_of(actor, account.id).await.map_err(|error| told(&error))?;
            Ok(done(format!("{ended} sessions of {} ended", account.name)))
        }
        Ask::Status => Ok(ControlAnswer::Status { status: Box::new(house.status().await) }),
        Ask::Reload => reloader.reload(house, Some(actor)).await.map(done),
    }
}

fn done(message: String) -> ControlAnswer {
    ControlAnswer::Done { message }
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = std::io::Error::other("disk on fire");
        let store = crate::store::StoreError::CannotOpen { path: "yumen.db".into(), source: cause };
        assert_eq!(told(&store).matches("disk on fire").count(), 1);
        let deeper =
            crate::admin::AdminError::Store(crate::store::StoreError::Damaged { path: "yumen.db".into(), detail: "page 3".to_owned() });
        assert!(told(&deeper).contains("page 3"), "{}", told(&deeper));
    }
}
