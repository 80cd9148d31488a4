//! Files that are replaced whole: whoever reads one finds the old or the new, also after a crash.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Puts `bytes` durably where another file may stand, with `mode`.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let fresh = unfinished(path);
    // What a process left that was ended half-way. It is not written into: it could be a link to another file, or open to others.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    put(&fresh, path)
}

/// Puts one file durably in the place of another, in the same directory.
pub fn put(fresh: &Path, path: &Path) -> io::Result<()> {
    fs::rename(fresh, path)?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Where a file stands until it is whole.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        for text in ["a long first one", "short"] {
            replace(&path, text.as_bytes(), 0o600).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_lies_where_it_is_written_is_not_written_into() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("state.json"), directory.path().join("other"));
        fs::write(&other, "of somebody else").unwrap();
        symlink(&other, unfinished(&path)).unwrap();
        replace(&path, b"ours", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "of somebody else");
        assert!(fs::read(&path).unwrap() == b"ours" && !fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        replace(&path, b"old", 0o600).unwrap();
        fs::create_dir(unfinished(&path)).unwrap();
        replace(&path, b"new", 0o600).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
