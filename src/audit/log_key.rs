//! The key that signs the log's heads: made at the first start, in a file of mode 0600 outside the directory that may be served.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::crypto;
use crate::files;
use crate::tlog::{KeyError, Signer};

#[derive(Debug, thiserror::Error)]
pub enum LogKeyError {
    #[error("cannot use the log's key {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} may be read by others (mode {mode:03o}); make it 600, and if others may have read it, rotate the key", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{}: {why}; restore it from a copy", path.display())]
    Wrong { path: PathBuf, why: KeyError },
    #[error("{} is gone, though the log was signed with it; restore it from a copy", path.display())]
    Gone { path: PathBuf },
}

/// Reads the key, or makes one for a log that begins: `host` names the gateway in the log's origin. A key that is there though its log is not
/// is put aside: it may have signed another one, and two logs of one key would be two histories of one name.
pub(super) fn open(path: &Path, host: &str, has_signed: bool) -> Result<Signer, LogKeyError> {
    let failed = |source| LogKeyError::File { path: path.to_owned(), source };
    let wrong = |why| LogKeyError::Wrong { path: path.to_owned(), why };
    if !has_signed && path.exists() {
        let aside = path.with_extension(format!(
            "key.{}",
            BASE32_NOPAD.encode(&crypto::random::<5>().map_err(|why| wrong(why.into()))?).to_lowercase()
        ));
        tracing::warn!(
            "there is a key of a log and no log: it was put aside as {}, and a new log begins with a key of its own",
            aside.display()
        );
        files::put(path, &aside).map_err(failed)?;
    }
    match fs::read_to_string(path) {
        Ok(text) => {
            let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(LogKeyError::Open { path: path.to_owned(), mode });
            }
            Signer::parse(&text).map_err(wrong)
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            if has_signed {
                return Err(LogKeyError::Gone { path: path.to_owned() });
            }
            // No two logs have one origin, also where one begins anew on the same host.
            let random = crypto::random::<5>().map_err(|why| wrong(why.into()))?;
            let signer = Signer::generate(&format!("{host}/audit/{}", BASE32_NOPAD.encode(&random).to_lowercase())).map_err(wrong)?;
            write(path, &signer).map_err(failed)?;
            Ok(signer)
        }
        Err(source) => Err(failed(source)),
    }
}

/// Reads the key of a log that there is.
pub fn read(path: &Path) -> Result<Signer, LogKeyError> {
    let text = fs::read_to_string(path).map_err(|source| LogKeyError::File { path: path.to_owned(), source })?;
    Signer::parse(&text).map_err(|why| LogKeyError::Wrong { path: path.to_owned(), why })
}

/// Writes a key, durably and in one step.
pub(super) fn write(path: &Path, signer: &Signer) -> io::Result<()> {
    let key = signer.reveal();
    // Of its length from the beginning: what grows leaves pieces of itself in memory.
    let mut line = Zeroizing::new(String::with_capacity(key.len().saturating_add(1)));
    line.push_str(&key);
    line.push('\n');
    files::replace(path, line.as_bytes(), 0o600)
}
