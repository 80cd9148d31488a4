//! A way to one receiver: a TLS or TCP connection, or a file.
//!
//! Invariant: a receiver that is gone, or takes nothing, is found within [`PATIENCE`]: it is listened to all the time, for it never answers,
//! and asked by the system whether it lives (RFC 9293, section 3.8.3; RFC 5482).

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Destination;
use super::window::Ending;

/// For a receiver to be connected to, to take what is written, and to answer the system.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// For a receiver to close its end when the gateway closes its own.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why there is no connection, a sentence, and how it ended.
#[derive(Debug)]
pub struct Gone {
    pub ending: Ending,
    pub why: String,
}

pub enum Connection {
    Stream(ReadHalf<Box<dyn Stream>>, WriteHalf<Box<dyn Stream>>),
    File(Lines),
}

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A file that lines are added to.
pub struct Lines {
    path: PathBuf,
    file: File,
}

impl Connection {
    pub async fn open(to: &Destination, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Gone> {
        let opened = timeout(CONNECT_PATIENCE, Self::reach(to, tls)).await;
        opened
            .unwrap_or_else(|_| Err(io::Error::other(format!("no answer within {} s", CONNECT_PATIENCE.as_secs()))))
            .map_err(|error| Gone { ending: Ending::Broken, why: format!("{to} cannot be reached: {error}") })
    }

    async fn reach(to: &Destination, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match to {
            Destination::File(path) => return Ok(Self::File(Lines::open(path).await?)),
            Destination::Tcp { host, port } => Box::new(tcp(host, *port).await?),
            Destination::Tls { host, port } => {
                let tls = tls.ok_or_else(|| io::Error::other("nothing is known of its certificate"))?;
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                let tcp = tcp(host, *port).await?;
                Box::new(TlsConnector::from(tls.clone()).connect(name, tcp).await?)
            }
        };
        let (reader, writer) = tokio::io::split(stream);
        Ok(Self::Stream(reader, writer))
    }

    /// Whether what was written is where it shall be once [`Connection::write`] has returned.
    pub fn is_durable(&self) -> bool {
        matches!(self, Self::File(_))
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        match self {
            Self::File(lines) => lines.append(bytes).await.map_err(broken),
            Self::Stream(reader, writer) => tokio::select! {
                biased;
                gone = listen(reader) => Err(gone),
                written = write_all(writer, bytes) => written.map_err(broken),
            },
        }
    }

    /// Resolves when the receiver is gone.
    pub async fn gone(&mut self) -> Gone {
        match self {
            Self::File(_) => std::future::pending().await,
            Self::Stream(reader, _) => listen(reader).await,
        }
    }

    /// Closes it, and says whether the receiver read everything before it closed too: it learns of the gateway's end behind all that was
    /// written, and answers with its own. Over TLS nobody else can say either.
    pub async fn finish(&mut self) -> Ending {
        match self {
            Self::File(_) => Ending::InOrder,
            Self::Stream(reader, writer) => {
                let farewell = async {
                    writer.shutdown().await?;
                    end_of(reader).await
                };
                match timeout(FAREWELL, farewell).await {
                    Ok(Ok(())) => Ending::InOrder,
                    Ok(Err(_)) | Err(_) => Ending::Broken,
                }
            }
        }
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_user_timeout(Some(PATIENCE))?;
    let quarter = PATIENCE.checked_div(4).unwrap_or(PATIENCE);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(quarter).with_interval(quarter).with_retries(3))?;
    Ok(stream)
}

/// It may take its time as long as it takes something.
async fn write_all(writer: &mut WriteHalf<Box<dyn Stream>>, mut rest: &[u8]) -> io::Result<()> {
    let stalled = || io::Error::other(format!("it has taken nothing for {} s", PATIENCE.as_secs()));
    while !rest.is_empty() {
        let written = timeout(PATIENCE, writer.write(rest)).await.map_err(|_| stalled())??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = rest.get(written..).unwrap_or_default();
    }
    timeout(PATIENCE, writer.flush()).await.map_err(|_| stalled())?
}

/// Resolves when the receiver is gone. However it went, it may have left something unread: only the gateway's own end is behind all
/// that was written.
async fn listen(reader: &mut ReadHalf<Box<dyn Stream>>) -> Gone {
    match end_of(reader).await {
        Ok(()) => closed(),
        // Closed without the farewell of TLS, but closed.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => closed(),
        Err(error) => broken(error),
    }
}

/// What a receiver says means nothing, but that it ends does.
async fn end_of(reader: &mut ReadHalf<Box<dyn Stream>>) -> io::Result<()> {
    let mut said = [0; 512];
    while reader.read(&mut said).await? > 0 {}
    Ok(())
}

fn closed() -> Gone {
    Gone { ending: Ending::Broken, why: "the receiver closed the connection".to_owned() }
}

fn broken(error: io::Error) -> Gone {
    Gone { ending: Ending::Broken, why: format!("the connection broke: {error}") }
}

impl Lines {
    async fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).read(true).append(true).mode(0o640).open(path).await?;
        // Its name must outlive the power as its lines do.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).await?.sync_all().await?;
        // The process may have ended in the middle of a line; the record comes again on one of its own.
        if file.metadata().await?.is_file() && file.seek(io::SeekFrom::End(0)).await? > 0 {
            file.seek(io::SeekFrom::End(-1)).await?;
            if file.read_u8().await? != b'\n' {
                file.write_all(b"\n").await?;
            }
        }
        Ok(Self { path: path.to_owned(), file })
    }

    async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.was_moved().await? {
            *self = Self::open(&self.path).await?;
        }
        self.file.write_all(bytes).await?;
        self.file.flush().await?;
        self.file.sync_data().await
    }

    /// Whoever rotates files moves them away and expects a new one.
    async fn was_moved(&self) -> io::Result<bool> {
        let ours = self.file.metadata().await?;
        match tokio::fs::metadata(&self.path).await {
            Ok(there) => Ok((there.dev(), there.ino()) != (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }
}
