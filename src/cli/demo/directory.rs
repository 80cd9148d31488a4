//! The demo's data directory: made, recognised, cleared.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::gateway;

/// What a demo leaves behind; only these are ever removed.
const OURS: &[&str] = &["yumen.toml", "yumen.db", "yumen.db-shm", "yumen.db-wal", "control.sock", "secret.key", "certs", "audit", "lock"];

/// Makes the directory, and refuses one that holds something else.
pub fn prepare(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let unusable = || format!("cannot use the data directory {}", directory.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(unusable)?;
    if let Some(other) = foreign(directory).with_context(unusable)? {
        bail!("{} holds something that is not the demo's ({other}); name a directory of the demo's own with --data", directory.display());
    }
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).with_context(unusable)
}

/// Removes what a demo left, after asking. False: the answer was no.
pub fn clear(directory: &Path, yes: bool) -> anyhow::Result<bool> {
    if !directory.exists() {
        return Ok(true);
    }
    if let Some(other) = foreign(directory)? {
        bail!("{} holds something that is not the demo's ({other}), so nothing was removed", directory.display());
    }
    // Whoever uses it now must stop first.
    let lock = gateway::lock(directory)?;
    if !yes && !confirmed(directory)? {
        return Ok(false);
    }
    for name in OURS {
        let path = directory.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    drop(lock);
    Ok(true)
}

fn foreign(directory: &Path) -> std::io::Result<Option<String>> {
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !OURS.contains(&name.as_str()) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn confirmed(directory: &Path) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("--fresh asks before it removes the accounts and the log in {}; answer in a terminal, or add --yes", directory.display());
    }
    print!("Remove the accounts, certificates and log of the demo in {}? [y/N] ", directory.display());
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_else_in_it_is_neither_used_nor_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("thesis.tex");
        std::fs::write(&precious, "…").unwrap();
        assert!(prepare(directory.path()).is_err());
        assert!(clear(directory.path(), true).is_err());
        assert!(precious.exists());
    }

    #[test]
    fn what_a_demo_left_is_removed_and_nothing_beside_it() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("data");
        prepare(&directory).unwrap();
        std::fs::create_dir(directory.join("certs")).unwrap();
        std::fs::write(directory.join("yumen.db"), "x").unwrap();
        assert!(clear(&directory, true).unwrap());
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_in_use_is_not_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let _held = gateway::lock(directory.path()).unwrap();
        assert!(clear(directory.path(), true).unwrap_err().to_string().contains("in use"));
    }
}
