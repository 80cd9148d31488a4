//! The socket itself: who may speak on it, one line each way, and no more at once than there is room for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ControlAnswer, Message, refused};
use crate::gateway::house::StartError;

/// No request or answer is longer.
pub const MAX_MESSAGE_BYTES: u64 = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);
const BACKLOG: i32 = 16;

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
pub(super) fn bind_private(path: &Path) -> std::io::Result<Socket> {
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

/// Talks with everybody who comes, at most `places` at once.
pub(super) async fn admit_all<A>(listener: UnixListener, places: usize, act: impl Fn(Message, u32) -> A + Clone + Send + 'static)
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

pub(super) fn may_speak(uid: u32, owner: u32) -> bool {
    uid == 0 || uid == owner
}

/// `uid`: whoever speaks, if she may.
pub(super) async fn converse<A>(
    stream: UnixStream,
    uid: Option<u32>,
    place: Arc<OwnedSemaphorePermit>,
    act: impl Fn(Message, u32) -> A,
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
                Ok(message) => to_its_end(act(message, uid), place).await,
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
