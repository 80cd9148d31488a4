//! A part of the log as one `tar` under `zstd`, and what is in such an object against what stands in the log.
//!
//! Invariant: the same part makes the same files under the same names; what is of the moment stands apart, below `archived/`, so that
//! unpacking puts no older checkpoint in a newer one's place.

use std::io::{self, Read, Write};

use bytes::Bytes;

use super::{File, Part};
use crate::crypto::sha256;
use crate::outbound::NotRead;

/// Of the moment: they say of the whole log how it stood, and change.
const MOMENTARY: [&str; 2] = ["checkpoint", "rotations"];
const LEVEL: i32 = 3;
/// `tar` fills its last block up with zeros.
const LONGEST_PADDING: u64 = 64 << 10;

/// An object, and what of the moment went into it.
pub struct Packed {
    pub bytes: Bytes,
    momentary: Vec<(String, [u8; 32])>,
}

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error(transparent)]
    Log(#[from] NotRead),
    #[error("it is too large")]
    TooLarge,
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for PackError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::FileTooLarge { Self::TooLarge } else { Self::Io(error) }
    }
}

/// Packs the part into at most `most` bytes.
pub fn pack(part: &dyn Part, most: usize) -> Result<Packed, PackError> {
    let mut encoder = zstd::Encoder::new(Bounded { bytes: Vec::new(), most }, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut tar = tar::Builder::new(encoder);
    let mut momentary = Vec::new();
    for file in part.files() {
        let (path, content) = file?;
        let path = if is_momentary(&path) {
            let apart = apart(part, &path);
            momentary.push((apart.clone(), sha256(&content)));
            apart
        } else {
            path
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        tar.append_data(&mut header, &path, content.as_slice())?;
    }
    let packed = tar.into_inner()?.finish()?;
    Ok(Packed { bytes: packed.bytes.into(), momentary })
}

/// Whether each file in the object is the log's own, and none is missing or too much; otherwise what differs. `packed`: what was put there, if
/// that is known.
pub fn compare(object: &[u8], part: &dyn Part, packed: Option<&Packed>) -> Result<Result<(), String>, PackError> {
    let mut wanted = Wanted {
        may_be_apart: MOMENTARY.map(|name| apart(part, name)).to_vec(),
        files: Box::new(part.files().filter(|file| !matches!(file, Ok((path, _)) if is_momentary(path)))),
        momentary: packed.map(|packed| packed.momentary.as_slice()),
    };
    match walk(object, &mut wanted) {
        // Whatever the reading of it does not look at.
        Ok(()) if packed.is_some_and(|packed| packed.bytes != object) => Ok(Err("it has not the bytes that were put there".to_owned())),
        Ok(()) => Ok(Ok(())),
        Err(Found::Unlike(what)) => Ok(Err(what)),
        Err(Found::Failed(error)) => Err(error.into()),
    }
}

/// Why an object was not gone through to its end.
enum Found {
    Unlike(String),
    /// The log could not be read.
    Failed(NotRead),
}

/// An object that cannot be unpacked is another one.
impl From<io::Error> for Found {
    fn from(error: io::Error) -> Self {
        Self::Unlike(error.to_string())
    }
}

impl From<NotRead> for Found {
    fn from(error: NotRead) -> Self {
        Self::Failed(error)
    }
}

fn walk(object: &[u8], wanted: &mut Wanted<'_>) -> Result<(), Found> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(object)?);
    // Long names would be read into memory first, however long they are; ours are short.
    for entry in tar.entries()?.raw(true) {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            return Err(Found::Unlike("not all in it are files".to_owned()));
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        if path.starts_with("archived/") {
            wanted.of_the_moment(&path, &mut entry)?;
        } else {
            wanted.of_the_part(&path, &mut entry)?;
        }
    }
    wanted.nothing_more()?;
    ends(tar.into_inner()).map_err(Found::Unlike)
}

/// What is still to come in an object.
struct Wanted<'a> {
    files: Box<dyn Iterator<Item = Result<File, NotRead>> + 'a>,
    /// Each of them once.
    may_be_apart: Vec<String>,
    /// `None`: what an earlier round put there said of the log how it stood then.
    momentary: Option<&'a [(String, [u8; 32])]>,
}

impl Wanted<'_> {
    fn of_the_moment(&mut self, path: &str, entry: &mut impl Read) -> Result<(), Found> {
        let Some(put) = self.momentary else {
            let is_ours = self.may_be_apart.extract_if(.., |ours| ours == path).count() == 1;
            let is_ours = is_ours && read_at_most(entry, LARGEST_MOMENTARY).is_some();
            return if is_ours { Ok(()) } else { Err(Found::Unlike(format!("{path} is none of the log's files"))) };
        };
        let Some(((name, digest), rest)) = put.split_first() else { return Err(Found::Unlike(format!("{path} was not put there"))) };
        self.momentary = Some(rest);
        let same = name == path && read_at_most(entry, LARGEST_MOMENTARY).is_some_and(|read| sha256(&read) == *digest);
        if same { Ok(()) } else { Err(Found::Unlike(format!("{path} is not what was put there"))) }
    }

    fn of_the_part(&mut self, path: &str, entry: &mut impl Read) -> Result<(), Found> {
        match self.next_but_above(path)? {
            Some((wanted, content)) if wanted == path => match read_at_most(entry, content.len()) {
                Some(read) if read == content => Ok(()),
                _ => Err(Found::Unlike(format!("{path} has another content"))),
            },
            Some((wanted, _)) => Err(Found::Unlike(format!("{path} stands where {wanted} should"))),
            None => Err(Found::Unlike(format!("{path} is too much"))),
        }
    }

    fn nothing_more(&mut self) -> Result<(), Found> {
        let missing = self.next_but_above("")?.map(|(path, _)| path);
        match missing.or_else(|| self.momentary?.first().map(|(path, _)| path.clone())) {
            Some(missing) => Err(Found::Unlike(format!("{missing} is missing"))),
            None => Ok(()),
        }
    }

    /// The next file, without those that an earlier round did not have.
    fn next_but_above(&mut self, path: &str) -> Result<Option<File>, NotRead> {
        loop {
            match self.files.next().transpose()? {
                Some((wanted, _)) if self.momentary.is_none() && wanted != path && is_above(&wanted) => {}
                next => return Ok(next),
            }
        }
    }
}

/// Where what is of the moment stands in an object.
fn apart(part: &dyn Part, path: &str) -> String {
    format!("archived/{:020}-{:020}/{path}", part.first(), part.last())
}

const LARGEST_MOMENTARY: usize = 1 << 20;

fn is_momentary(path: &str) -> bool {
    MOMENTARY.contains(&path)
}

/// A tile above those of the records. It may have become full after an earlier round had packed what is below it.
fn is_above(path: &str) -> bool {
    path.starts_with("tile/") && !path.starts_with("tile/0/") && !path.starts_with("tile/entries/")
}

/// To the end, where the checksum stands.
fn ends(rest: impl Read) -> Result<(), String> {
    let mut padding = Vec::new();
    match rest.take(LONGEST_PADDING).read_to_end(&mut padding) {
        Ok(read) if (read as u64) < LONGEST_PADDING && padding.iter().all(|byte| *byte == 0) => Ok(()),
        Ok(_) => Err("there is more behind the last file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// All of it, if that is no more than so many bytes.
fn read_at_most(from: &mut impl Read, most: usize) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    from.take((most as u64).saturating_add(1)).read_to_end(&mut read).ok()?;
    (read.len() <= most).then_some(read)
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
