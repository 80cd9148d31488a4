//! The file that a pack is written to, until it is whole.
//!
//! Invariant: where the file system can, it has no name before it is whole, so that nothing is left of it however the process ends. Elsewhere it has
//! one of its own beside the place, is locked while it is written, and the next that is made there takes away those that nobody holds.
//! No file is ever written over.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use data_encoding::BASE32_NOPAD;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, flock, linkat, open, renameat_with};
use rustix::io::Errno;

use crate::crypto;

pub struct Unfinished {
    file: File,
    /// The name that it has, if it must have one.
    name: Option<PathBuf>,
    out: PathBuf,
}

impl Unfinished {
    /// Nothing may stand at `out`.
    pub fn new(out: &Path) -> anyhow::Result<Self> {
        is_free(out)?;
        let _ = remove_left(out);
        match open(directory(out), OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
            Ok(file) => Ok(Self { file: file.into(), name: None, out: out.to_owned() }),
            // A file system that has no files without names.
            Err(Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Self::named(out),
            Err(error) => Err(error).with_context(|| cannot(out)),
        }
    }

    /// One that never has a name, in this directory.
    pub fn nameless(directory: &Path) -> anyhow::Result<Self> {
        let mut unfinished = Self::new(&directory.join("pack-of-the-console.tar.zst"))?;
        if let Some(name) = unfinished.name.take() {
            fs::remove_file(&name).with_context(|| cannot(&name))?;
        }
        Ok(unfinished)
    }

    fn named(out: &Path) -> anyhow::Result<Self> {
        let random = BASE32_NOPAD.encode(&crypto::random::<5>()?).to_lowercase();
        let name = out.with_file_name(format!("{}{random}{PART}", prefix(out)?));
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&name).with_context(|| cannot(out))?;
        // Where there are no locks, one that was left stays until somebody removes it.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { file, name: Some(name), out: out.to_owned() })
    }

    /// To write to.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// To read what was written, from its beginning.
    pub fn again(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// Gives it its name.
    pub fn place(mut self) -> anyhow::Result<()> {
        match self.name.take() {
            Some(name) => {
                let renamed = rename(&name, &self.out);
                if renamed.is_err() {
                    self.name = Some(name);
                }
                renamed?;
            }
            None => {
                let nameless = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                match linkat(CWD, nameless.as_str(), CWD, &self.out, AtFlags::SYMLINK_FOLLOW) {
                    Err(Errno::EXIST) => return Err(taken(&self.out)),
                    // Without /proc it cannot be named.
                    Err(_) => return self.copied()?.place(),
                    Ok(()) => {}
                }
            }
        }
        File::open(directory(&self.out)).and_then(|directory| directory.sync_all()).with_context(|| cannot(&self.out))
    }
}

impl Unfinished {
    /// The same under a name.
    fn copied(&self) -> anyhow::Result<Self> {
        let named = Self::named(&self.out)?;
        io::copy(&mut self.again()?, &mut named.file()?).and_then(|_| named.file.sync_all()).with_context(|| cannot(&self.out))?;
        Ok(named)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = fs::remove_file(name);
        }
    }
}

const PART: &str = ".part";

/// What was left of earlier ones for the same place whose process was ended.
fn remove_left(out: &Path) -> anyhow::Result<()> {
    let prefix = prefix(out)?;
    for entry in fs::read_dir(directory(out))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let random = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(PART));
        let is_ours = random.is_some_and(|random| random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if !is_ours || !entry.file_type()?.is_file() {
            continue;
        }
        let file = File::open(entry.path())?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn prefix(out: &Path) -> anyhow::Result<String> {
    let name = out.file_name().with_context(|| format!("{} names no file", out.display()))?;
    Ok(format!(".{}.", name.to_string_lossy()))
}

fn directory(out: &Path) -> &Path {
    out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn is_free(out: &Path) -> anyhow::Result<()> {
    prefix(out)?;
    if out.symlink_metadata().is_ok() { Err(taken(out)) } else { Ok(()) }
}

fn cannot(out: &Path) -> String {
    format!("cannot write {}", out.display())
}

fn taken(out: &Path) -> anyhow::Error {
    anyhow!("{} is there already, and a pack is not overwritten; name another file", out.display())
}

fn rename(unfinished: &Path, out: &Path) -> anyhow::Result<()> {
    match renameat_with(CWD, unfinished, CWD, out, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => Err(taken(out)),
        // A file system that cannot promise it.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            is_free(out)?;
            fs::rename(unfinished, out).with_context(|| cannot(out))
        }
        renamed => renamed.with_context(|| cannot(out)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn one_that_never_has_a_name_leaves_nothing_whatever_stands_there() {
        let directory = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::nameless(directory.path()).unwrap();
        unfinished.file().unwrap().write_all(b"pack").unwrap();
        assert!(names(directory.path()).is_empty());
        let mut read = String::new();
        unfinished.again().unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "pack");
    }

    #[test]
    fn it_comes_to_its_place_whole_writes_over_nothing_and_goes_where_it_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("pack");
        for make in [Unfinished::new as fn(&Path) -> anyhow::Result<Unfinished>, Unfinished::named] {
            let unfinished = make(&out).unwrap();
            unfinished.file().unwrap().write_all(b"whole").unwrap();
            let mut read = String::new();
            unfinished.again().unwrap().read_to_string(&mut read).unwrap();
            assert!(read == "whole" && !out.exists());
            unfinished.place().unwrap();
            assert_eq!((fs::read(&out).unwrap(), names(directory.path())), (b"whole".to_vec(), vec!["pack".to_owned()]));
            assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(Unfinished::new(&out).is_err());
            fs::remove_file(&out).unwrap();

            let late = make(&out).unwrap();
            fs::write(&out, "precious").unwrap();
            assert!(late.place().unwrap_err().to_string().contains("not overwritten"));
            assert_eq!((fs::read(&out).unwrap(), names(directory.path())), (b"precious".to_vec(), vec!["pack".to_owned()]));
            fs::remove_file(&out).unwrap();
            let first = make(&out).unwrap();
            first.file().unwrap().write_all(b"whole").unwrap();
            first.copied().unwrap().place().unwrap();
            assert_eq!(fs::read(&out).unwrap(), b"whole");
            fs::remove_file(&out).unwrap();
            drop(first);
            drop(make(&out).unwrap());
            assert_eq!(names(directory.path()), Vec::<String>::new());
        }
    }

    #[test]
    fn what_a_process_that_was_ended_left_is_taken_away_and_what_another_one_writes_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("pack");
        let other = Unfinished::named(&out).unwrap();
        let mine = other.name.clone().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        for left in [".pack.abcdefgh.part", ".pack.x.part", ".else.abcdefgh.part", "pack.part"] {
            fs::write(directory.path().join(left), "x").unwrap();
        }
        let _unfinished = Unfinished::new(&out).unwrap();
        let mut expected = [mine.as_str(), ".pack.x.part", ".else.abcdefgh.part", "pack.part"];
        expected.sort_unstable();
        assert_eq!(names(directory.path()), expected);
    }
}
