//! Where this user keeps the secret of a terminal between two verbs: a file for each gateway, which nobody else can read.
//!
//! Invariant: the directory is this user's own with mode 0700 and the file has mode 0600, or nothing is kept and nothing believed.

use std::ffi::OsString;
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

/// Makes the place and finds it private, before anybody goes to the trouble of a login that could not be kept.
pub fn prepare(socket: &Path) -> anyhow::Result<()> {
    made_place(socket).map(drop)
}

pub fn keep(socket: &Path, terminal: &str) -> anyhow::Result<()> {
    let (file, directory) = made_place(socket)?;
    let cannot = || cannot(&directory);
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
    let gateway = sha256(socket.as_os_str().as_encoded_bytes());
    let name = gateway.iter().take(8).fold("terminal-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    Some(directory(|name| std::env::var_os(name))?.join(name))
}

/// Below the user's runtime directory, or else below her cache (XDG Base Directory Specification). `yumen` itself may be open to others,
/// as caches are.
fn directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = || absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    Some(absolute("XDG_RUNTIME_DIR").or_else(cache)?.join("yumen").join("terminals"))
}

/// The file and its directory, which is there and private.
fn made_place(socket: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let file = file_of(socket).context("there is no place to keep the login: set XDG_RUNTIME_DIR or HOME")?;
    let directory = file.parent().context("there is no place to keep the login")?.to_owned();
    make_private(&directory)?;
    Ok((file, directory))
}

fn make_private(directory: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(|| cannot(directory))?;
    if !is_private(directory, 0o700) {
        bail!("{} must be a directory of your own that nobody else may enter (chmod 700)", directory.display());
    }
    Ok(())
}

fn cannot(directory: &Path) -> String {
    format!("cannot keep the login in {}", directory.display())
}

/// This user's own, no link, and with no more than this mode.
fn is_private(path: &Path, mode: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path)
        .is_ok_and(|found| found.uid() == own && !found.file_type().is_symlink() && found.mode() & 0o777 & !mode == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_login_is_kept_in_the_runtime_directory_or_the_cache_that_the_user_names() {
        let place = |variables: &[(&str, &str)]| {
            directory(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value)))
        };
        let (run, cache, home) = (("XDG_RUNTIME_DIR", "/run/user/7"), ("XDG_CACHE_HOME", "/var/cache/wang"), ("HOME", "/home/wang"));
        assert_eq!(place(&[run, cache, home]).unwrap(), Path::new("/run/user/7/yumen/terminals"));
        assert_eq!(place(&[cache, home]).unwrap(), Path::new("/var/cache/wang/yumen/terminals"));
        assert_eq!(place(&[("XDG_CACHE_HOME", "cache"), home]).unwrap(), Path::new("/home/wang/.cache/yumen/terminals"));
        assert_eq!(place(&[]), None);
    }

    #[test]
    fn the_place_is_private_within_a_directory_that_is_not_and_refused_where_it_is_open_itself() {
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let open = home.path().join("yumen");
        std::fs::create_dir(&open).unwrap();
        mode(&open, 0o755);
        let place = open.join("terminals");
        make_private(&place).unwrap();
        assert!(is_private(&place, 0o700));
        mode(&place, 0o755);
        assert!(make_private(&place).unwrap_err().to_string().contains("chmod 700"));
        std::fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink(home.path(), &place).unwrap();
        make_private(&place).unwrap_err();
    }
}
