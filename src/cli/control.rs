//! The client of the control socket.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::check::BadConfig;
use super::terminal;
use crate::gateway::{Ask, ControlAnswer, MAX_MESSAGE_BYTES, Message};

/// Where the running gateway is found: by its data directory, or by the config that names it.
#[derive(Clone, clap::Args)]
#[group(multiple = false)]
pub struct Which {
    /// The gateway's data directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The gateway's config file, which names the data directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Nobody listens on the control socket.
#[derive(Debug, thiserror::Error)]
#[error("no gateway is running on {}; start it, or name its data directory with --data DIR or its config with --config FILE", .0.display())]
pub struct NotRunning(PathBuf);

/// Nobody has allowed this terminal to act for her.
#[derive(Debug, thiserror::Error)]
#[error("only a person known by name may do that: run `yumen login` first")]
pub struct LoginNeeded;

impl Which {
    pub fn data(&self) -> anyhow::Result<PathBuf> {
        match (&self.data, &self.config) {
            (Some(data), _) => Ok(data.clone()),
            (None, Some(config)) => crate::config::data_directory(config).map_err(|problems| BadConfig::new(problems, config).into()),
            (None, None) => Ok(PathBuf::from("data")),
        }
    }

    /// The config, where it is named.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Asks for the person whose terminal this is, if somebody has allowed it.
    pub fn ask(&self, ask: Ask) -> anyhow::Result<ControlAnswer> {
        let socket = self.socket()?;
        let terminal = terminal::kept(&socket);
        match converse(&socket, &Message { ask, terminal })? {
            ControlAnswer::Refused { why } => bail!("{why}"),
            ControlAnswer::LoginNeeded => {
                terminal::forget(&socket);
                Err(LoginNeeded.into())
            }
            answer => Ok(answer),
        }
    }

    pub fn socket(&self) -> anyhow::Result<PathBuf> {
        let socket = self.data()?.join("control.sock");
        // However the directory was named, it is the same gateway's.
        Ok(socket.parent().and_then(|data| data.canonicalize().ok()).map_or(socket.clone(), |data| data.join("control.sock")))
    }
}

fn converse(socket: &Path, message: &Message) -> anyhow::Result<ControlAnswer> {
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::ConnectionRefused) => {
            return Err(NotRunning(socket.to_owned()).into());
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!("only the user who runs the gateway, and root, may use {}", socket.display())
        }
        Err(error) => return Err(error).with_context(|| format!("cannot reach the gateway on {}", socket.display())),
    };
    stream.set_read_timeout(Some(Duration::from_secs(40)))?;
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_MESSAGE_BYTES)).read_line(&mut answer).context("the gateway did not answer")?;
    serde_json::from_str(&answer).context("the gateway's answer is not understood; is it of another version?")
}
