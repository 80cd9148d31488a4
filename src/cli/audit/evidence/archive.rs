//! The container: a tar (POSIX ustar) of plain files, compressed with zstd.
//!
//! Invariant: the same files give the same bytes: names sorted by whoever calls, no times, no owners, one mode. Whoever reads takes a header in
//! no other form, so there are no links, no devices and no paths that were not asked for.

use std::io::{self, Read, Write};

use crate::crypto::Sha256;

const BLOCK: usize = 512;
/// Two blocks of zeros.
const END: usize = 1024;
/// What a compressed pack may ask for of memory: as much as its writer's window.
const WINDOW_LOG: u32 = 23;
const LEVEL: i32 = 6;
/// More than any pack has: a petabyte.
const LARGEST: u64 = 1 << 50;

/// The header of a file in the tar; `None`: it has no room for the name or the length.
pub fn header(path: &str, length: u64) -> Option<[u8; BLOCK]> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path).ok()?;
    header.set_size(length);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    (length <= LARGEST).then_some(*header.as_bytes())
}

/// How many zeros follow a file of this length.
fn padding(length: u64) -> usize {
    let over = usize::try_from(length % 512).unwrap_or(0);
    BLOCK.saturating_sub(over) % BLOCK
}

/// Counts and hashes what goes through it.
pub struct Hashed<W> {
    to: W,
    hash: Sha256,
    pub length: u64,
}

impl<W> Hashed<W> {
    pub fn new(to: W) -> Self {
        Self { to, hash: Sha256::default(), length: 0 }
    }

    pub fn finish(self) -> (W, [u8; 32], u64) {
        (self.to, self.hash.finish(), self.length)
    }

    fn count(&mut self, part: &[u8]) {
        self.hash.update(part);
        self.length = self.length.saturating_add(part.len() as u64);
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.count(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Takes so many bytes and no more.
pub struct Bounded<W> {
    to: W,
    left: u64,
}

impl<W> Bounded<W> {
    pub fn new(to: W, most: u64) -> Self {
        Self { to, left: most }
    }

    pub fn into_inner(self) -> W {
        self.to
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        let too_long = || io::Error::other("it is longer than the console hands out; make it at the machine, with `yumen audit evidence`");
        let left = left.ok_or_else(too_long)?;
        let written = self.to.write(bytes)?;
        self.left = left.saturating_add((bytes.len() as u64).saturating_sub(written as u64));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

pub struct Packer<W: Write> {
    to: zstd::Encoder<'static, W>,
}

impl<W: Write> Packer<W> {
    pub fn new(to: W) -> io::Result<Self> {
        let mut to = zstd::Encoder::new(to, LEVEL)?;
        to.include_checksum(true)?;
        to.window_log(WINDOW_LOG)?;
        Ok(Self { to })
    }

    /// A file whose length is known before; what `write` gives must have it.
    pub fn file(&mut self, path: &str, length: u64, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<[u8; 32]> {
        let header = header(path, length).ok_or_else(|| anyhow::anyhow!("{path} is too long for a pack; take a shorter span"))?;
        self.to.write_all(&header)?;
        let mut counted = Hashed::new(&mut self.to);
        write(&mut counted)?;
        let (to, hash, written) = counted.finish();
        if written != length {
            anyhow::bail!("{path} changed while the pack was made; make it again");
        }
        to.write_all([0; BLOCK].get(..padding(length)).unwrap_or_default())?;
        Ok(hash)
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; END])?;
        self.to.finish()
    }
}

pub struct Unpacker<R: Read> {
    from: zstd::Decoder<'static, io::BufReader<R>>,
}

/// A file whose header was read.
pub struct Unpacked {
    pub path: String,
    pub length: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("the pack cannot be read to its end, or was damaged: {0}")]
    Read(#[from] io::Error),
    #[error("a file's header in the pack is not as `yumen audit evidence` writes it")]
    Header,
    #[error("there is more in the pack than its manifest names, or less")]
    End,
}

impl<R: Read> Unpacker<R> {
    pub fn new(from: R) -> io::Result<Self> {
        let mut from = zstd::Decoder::new(from)?.single_frame();
        from.window_log_max(WINDOW_LOG)?;
        Ok(Self { from })
    }

    /// The next file: whoever calls reads all of it with [`Unpacker::content`] before she asks again.
    pub fn next(&mut self) -> Result<Unpacked, ContainerError> {
        let mut block = [0; BLOCK];
        self.from.read_exact(&mut block)?;
        let read = tar::Header::from_byte_slice(&block);
        let length = read.entry_size().map_err(|_| ContainerError::Header)?;
        let bytes = read.path_bytes();
        let path = str::from_utf8(&bytes).map_err(|_| ContainerError::Header)?.to_owned();
        // A name of our own has one header; whatever else could stand in one is refused here.
        if header(&path, length) != Some(block) {
            return Err(ContainerError::Header);
        }
        Ok(Unpacked { path, length })
    }

    /// The content of the file, part by part.
    pub fn content<E: From<ContainerError>>(&mut self, length: u64, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut part = vec![0; 64 * 1024];
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(part.len());
            let room = part.get_mut(..most).unwrap_or_default();
            self.from.read_exact(room).map_err(ContainerError::Read)?;
            take(room)?;
            left = left.saturating_sub(most as u64);
        }
        let mut zeros = [0; BLOCK];
        let zeros = zeros.get_mut(..padding(length)).unwrap_or_default();
        self.from.read_exact(zeros).map_err(ContainerError::Read)?;
        if zeros.iter().any(|byte| *byte != 0) { Err(ContainerError::Header.into()) } else { Ok(()) }
    }

    /// That nothing follows, neither in the tar nor behind it.
    pub fn end(mut self) -> Result<(), ContainerError> {
        let mut rest = Vec::new();
        (&mut self.from).take(END.saturating_add(1) as u64).read_to_end(&mut rest)?;
        if rest.len() != END || rest.iter().any(|byte| *byte != 0) {
            return Err(ContainerError::End);
        }
        let mut behind = self.from.finish();
        let mut one = [0; 1];
        if behind.read(&mut one)? == 0 { Ok(()) } else { Err(ContainerError::End) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut packer = Packer::new(Vec::new()).unwrap();
        for (path, content) in files {
            packer.file(path, content.len() as u64, |to| Ok(to.write_all(content)?)).unwrap();
        }
        packer.finish().unwrap()
    }

    #[test]
    fn no_more_is_written_than_there_is_room_for() {
        let mut bounded = Bounded::new(Vec::new(), 5);
        bounded.write_all(b"abc").unwrap();
        assert!(bounded.write_all(b"def").unwrap_err().to_string().contains("at the machine"));
        bounded.write_all(b"de").unwrap();
        assert_eq!(bounded.into_inner(), b"abcde");
    }

    #[test]
    fn what_was_packed_is_unpacked_and_the_same_files_give_the_same_bytes() {
        let long = vec![b'x'; 100_000];
        let files: [(&str, &[u8]); 4] = [("a", b""), ("b", b"bb"), ("c/d.toml", &long), ("e", &[7; 512])];
        let bytes = packed(&files);
        assert_eq!(bytes, packed(&files));
        let mut unpacker = Unpacker::new(bytes.as_slice()).unwrap();
        for (path, content) in files {
            let next = unpacker.next().unwrap();
            assert_eq!((next.path.as_str(), next.length), (path, content.len() as u64));
            let mut read = Vec::new();
            let keep = |part: &[u8]| -> Result<(), ContainerError> {
                read.extend_from_slice(part);
                Ok(())
            };
            unpacker.content(next.length, keep).unwrap();
            assert_eq!(read, content);
        }
        unpacker.end().unwrap();
        // Others read it too.
        let tar = zstd::decode_all(bytes.as_slice()).unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        assert_eq!(archive.entries().unwrap().count(), 4);
    }

    #[test]
    fn links_other_forms_and_whatever_is_behind_the_end_are_refused() {
        let repacked = |change: &dyn Fn(&mut tar::Header)| {
            let mut header = tar::Header::new_ustar();
            header.set_path("a").unwrap();
            header.set_size(0);
            header.set_mode(0o600);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_entry_type(tar::EntryType::Regular);
            change(&mut header);
            header.set_cksum();
            zstd::encode_all([header.as_bytes().as_slice(), &[0; 1024]].concat().as_slice(), 3).unwrap()
        };
        let read = |bytes: Vec<u8>| Unpacker::new(bytes.as_slice()).unwrap().next();
        assert!(read(repacked(&|_| {})).is_ok());
        assert!(read(repacked(&|header| header.set_entry_type(tar::EntryType::Symlink))).is_err());
        assert!(read(repacked(&|header| header.set_mtime(1))).is_err());
        assert!(read(repacked(&|header| header.set_mode(0o644))).is_err());
        let end = |bytes: Vec<u8>| {
            let mut unpacker = Unpacker::new(bytes.as_slice()).unwrap();
            unpacker.next().unwrap();
            unpacker.end()
        };
        let bytes = packed(&[("a", b"")]);
        end(bytes.clone()).unwrap();
        assert!(end([bytes.as_slice(), b"x"].concat()).is_err(), "behind the frame");
        assert!(end([bytes.as_slice(), &bytes].concat()).is_err(), "a second frame");
        let mut tar = zstd::decode_all(bytes.as_slice()).unwrap();
        tar.extend([0; 512]);
        assert!(end(zstd::encode_all(tar.as_slice(), 3).unwrap()).is_err(), "more zeros");
        assert!(end(zstd::encode_all(&tar[..1024], 3).unwrap()).is_err(), "fewer");
    }

    #[test]
    fn a_file_that_is_not_as_long_as_was_said_is_not_packed() {
        let mut packer = Packer::new(Vec::new()).unwrap();
        assert!(packer.file("a", 3, |to| Ok(to.write_all(b"ab")?)).is_err());
        assert!(header(&"x".repeat(300), 1).is_none() && header("a", 1 << 51).is_none() && header("a", 1 << 40).is_some());
    }
}
