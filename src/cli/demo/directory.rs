//! The demo's data directory: made, recognised, cleared.

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use anyhow::{Context, bail};

use crate::cli::print;
use crate::gateway::{self, DataLock};

/// Held by whoever uses the directory, so it stays.
const LOCK: &str = "lock";

/// What a demo leaves behind; only these are ever removed.
const OURS: &[&str] = &[
    "yumen.toml",
    "yumen.db",
    "yumen.db-shm",
    "yumen.db-wal",
    "log-index.db",
    "log-index.db-shm",
    "log-index.db-wal",
    "configs",
    "control.sock",
    "secret.key",
    "log.key",
    "log.key.next",
    "retention.json",
    "retention.json.new",
    "triggers.json",
    "triggers.json.new",
    "pages.json",
    "pages.json.new",
    "notices.json",
    "notices.json.new",
    "plan.toml",
    "incidents.json",
    "incidents.json.new",
    "certs",
    "audit",
    LOCK,
];

/// Makes the directory (mode 0700) and takes it for this process; refuses one that holds something else.
pub fn take(directory: &Path) -> anyhow::Result<DataLock> {
    use std::os::unix::fs::PermissionsExt;
    if directory.exists() {
        let foreign = foreign(directory).with_context(|| unusable(directory))?;
        if let Some(other) = foreign {
            bail!(
                "{} holds something that is not the demo's ({other}); name a directory of the demo's own with --data",
                directory.display()
            );
        }
    }
    let lock = gateway::lock(directory)?;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).with_context(|| unusable(directory))?;
    Ok(lock)
}

fn unusable(directory: &Path) -> String {
    format!("cannot use {}: make it a directory that this user may write, or name another with --data", directory.display())
}

/// Removes what a demo left, after asking; whoever calls has taken the directory. False: the answer was no.
pub fn clear(directory: &Path, yes: bool) -> anyhow::Result<bool> {
    if !yes && !confirmed(directory)? {
        return Ok(false);
    }
    for name in OURS.iter().filter(|name| **name != LOCK) {
        let path = directory.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
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
    print::results(format_args!("Remove the accounts, certificates and log of the demo in {}? [y/N] ", directory.display()))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_else_in_it_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("thesis.tex");
        std::fs::write(&precious, "…").unwrap();
        assert!(take(directory.path()).unwrap_err().to_string().contains("thesis.tex"));
        assert!(precious.exists() && !directory.path().join(LOCK).exists());
    }

    #[test]
    fn what_a_demo_left_is_removed_and_nothing_beside_it() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("data");
        let _lock = take(&directory).unwrap();
        std::fs::create_dir(directory.join("certs")).unwrap();
        std::fs::write(directory.join("yumen.db"), "x").unwrap();
        assert!(clear(&directory, true).unwrap());
        let left: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK]);
    }

    #[test]
    fn a_directory_in_use_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let held = take(directory.path()).unwrap();
        assert!(take(directory.path()).unwrap_err().to_string().contains("in use"));
        drop(held);
        take(directory.path()).unwrap();
    }
}
