//! Where this user keeps the secret of a terminal between two verbs: a file for each gateway, which nobody else can read.
//!
//! Invariant: the directory is this user's own with mode 0700 and the file has mode 0600, or nothing is kept and nothing believed.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::crypto::{Token, sha256};

/// The secret that was kept for the gateway of this socket. Whatever is wrong with the file, it is as if there were none.
pub fn kept(socket: &Path) -> Option<String> {
    let file = file_of(socket)?;
    let directory = file.parent()?;
    if !is_private(directory, 0o700) || !is_private(&file, 0o600) {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    Token::parse(text.trim()).map(|token| token.reveal())
}

pub fn keep(socket: &Path, terminal: &str) -> anyhow::Result<()> {
    let file = file_of(socket).context("there is no place to keep the login: set XDG_RUNTIME_DIR or HOME")?;
    let directory = file.parent().context("there is no place to keep the login")?;
    let cannot = || format!("cannot keep the login in {}", directory.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(cannot)?;
    if !is_private(directory, 0o700) {
        bail!("{} must be a directory of your own that nobody else may enter (chmod 700)", directory.display());
    }
    // A name that nobody can have laid in wait, then moved: a reader finds all of it or nothing.
    let fresh = directory.join(format!(".{}", Token::random()?.hash().hex()));
    let mut writing = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).with_context(cannot)?;
    writing.write_all(terminal.as_bytes()).with_context(cannot)?;
    std::fs::rename(&fresh, &file).with_context(cannot)
}

pub fn forget(socket: &Path) {
    if let Some(file) = file_of(socket) {
        let _ = std::fs::remove_file(file);
    }
}

fn file_of(socket: &Path) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_RUNTIME_DIR").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    let gateway = sha256(socket.as_os_str().as_encoded_bytes());
    let name = gateway.iter().take(8).fold("terminal-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    Some(base.join("yumen").join(name))
}

/// This user's own, no link, and with no more than this mode.
fn is_private(path: &Path, mode: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path)
        .is_ok_and(|found| found.uid() == own && !found.file_type().is_symlink() && found.mode() & 0o777 & !mode == 0)
}
