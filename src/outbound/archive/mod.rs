//! Where records go that the gateway drops: a directory, or a bucket of a store that speaks S3.
//!
//! An object is one part of the log, packed with the paths that its files have in the log's directory ([`pack`]), so that unpacking it over a
//! copy of that directory puts the part back.
//!
//! Invariant: an object is made whole or not at all and is never written over. It counts as kept only after it came back from the store and
//! each file in it was the one that stands in the log; what was put there just now comes back byte for byte. A place that hangs holds nobody
//! for longer than is said here.

mod pack;
mod steps;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

use self::pack::{PackError, Packed};
use self::steps::{Late, Steps};
use self::wire::Wire;
use super::NotRead;
use crate::crypto::sha256;
use crate::model::capped;
use crate::pki::{self, reason};

/// What an object may take, packed: it is held in memory while it is on its way.
const LARGEST_OBJECT: usize = 16 << 20;
/// For a whole object to go or to come.
const PATIENCE: Duration = Duration::from_mins(5);
const RETRIES: usize = 3;
/// Nothing is begun again after so long.
const RETRY_PATIENCE: Duration = Duration::from_mins(1);
const LONGEST_SECRET: usize = 256;

/// Where the archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveSettings {
    Directory(PathBuf),
    Bucket(Box<Bucket>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// What the names of objects begin with; may be empty.
    pub prefix: String,
    pub endpoint: Url,
    pub region: String,
    pub access_key: String,
    /// The file that holds the secret of the access key and nothing else.
    pub secret_key_file: PathBuf,
    /// PEM certificates of which one must have signed the store's; there if it is spoken to in TLS.
    pub ca: Option<PathBuf>,
    /// Whether the bucket stands in the path of an address, and not in its host.
    pub path_style: bool,
}

/// A path in the log's directory, and what stands there.
pub type File = (String, Vec<u8>);

/// Some records of the log, with everything that proves them. Its functions block while they read.
pub trait Part: Send + Sync + 'static {
    /// The name of the log.
    fn origin(&self) -> &str;
    /// Sequences.
    fn first(&self) -> u64;
    fn last(&self) -> u64;
    /// Each with its path in the log's directory, in an order that stays. What is of the moment, checkpoint and rotations, may differ from
    /// one time to the next.
    fn files(&self) -> Box<dyn Iterator<Item = Result<File, NotRead>> + '_>;
}

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive {to} cannot be used: {why}")]
    Setup { to: String, why: String },
    #[error("the log cannot be read for its archive: {0}")]
    Log(#[from] NotRead),
    /// Whoever asked may ask with fewer.
    #[error("so many records do not fit into one object of the archive")]
    TooLarge,
    #[error("the archive {to} does not take {object}: {why}")]
    Store { to: String, object: String, why: String },
    #[error("the archive {to} gave {object} back otherwise than it stands in the log: {what}; nothing was dropped. Look into the store")]
    Unlike { to: String, object: String, what: String },
    #[error(
        "in the archive {to} there is another {object} than the log's: {what}; it is not written over, and nothing was dropped. Move it away"
    )]
    Other { to: String, object: String, what: String },
    #[error("the archive {to} has no {directory} any more, though records were put there: is its disk mounted? Nothing was dropped")]
    Gone { to: String, directory: String },
    #[error("the archive {to} {why}")]
    Late { to: String, why: Late },
    #[error("records cannot be packed for the archive: {0}")]
    Pack(io::Error),
}

/// A place that takes objects.
pub struct Archive {
    settings: ArchiveSettings,
    /// Of the contents of the files that the settings name.
    digest: [u8; 32],
    place: Place,
    patience: Duration,
}

enum Place {
    /// Looked for each time: its disk may not be mounted yet, or not any more.
    Directory(PathBuf, Steps),
    Bucket(Arc<dyn ObjectStore>),
}

/// As it is written in the config.
impl fmt::Display for ArchiveSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file:{}", path.display()),
            Self::Bucket(bucket) if bucket.prefix.is_empty() => write!(f, "s3://{}", bucket.name),
            Self::Bucket(bucket) => write!(f, "s3://{}/{}", bucket.name, bucket.prefix),
        }
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archive").field(&self.settings.to_string()).finish()
    }
}

/// The same place, with the same keys.
impl PartialEq for Archive {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.digest == other.digest
    }
}

impl Archive {
    /// Reads the files that the settings name for a bucket; does not ask the place itself.
    pub fn open(settings: ArchiveSettings) -> Result<Self, ArchiveError> {
        let (place, digest) = match &settings {
            ArchiveSettings::Directory(path) => (Place::Directory(path.clone(), Steps::default()), [0; 32]),
            ArchiveSettings::Bucket(bucket) => {
                let (store, digest) = s3(bucket).map_err(|why| ArchiveError::Setup { to: settings.to_string(), why })?;
                (Place::Bucket(Arc::new(store)), digest)
            }
        };
        Ok(Self { settings, digest, place, patience: PATIENCE })
    }

    pub fn settings(&self) -> &ArchiveSettings {
        &self.settings
    }

    /// Whether its directory is there; a bucket is asked for nothing but objects.
    pub async fn ready(&self) -> Result<(), ArchiveError> {
        self.store().await.map(drop)
    }

    /// For a log of which something was archived here before: a directory that is gone means that another disk is there now, or none.
    pub async fn must_have(&self, part: &dyn Part) -> Result<(), ArchiveError> {
        let Some(directory) = self.directory(part) else { return Ok(()) };
        match settled(self.timely(spawn_blocking(move || Ok(directory.is_dir()))).await?)? {
            true => Ok(()),
            false => Err(ArchiveError::Gone { to: self.settings.to_string(), directory: flat(part.origin()) }),
        }
    }

    /// Has the part in the archive and reads it back. Gives the name of its object.
    pub async fn keep(&self, part: Arc<dyn Part>) -> Result<String, ArchiveError> {
        let (key, store) = (self.key(&*part), self.store().await?);
        if let Some(directory) = self.directory(&*part) {
            settled(self.timely(spawn_blocking(move || private_directory(&directory))).await?)?;
        }
        let reader = part.clone();
        let packed = self.unblocked(move || pack::pack(&*reader, LARGEST_OBJECT)).await?;
        if let Some(there) = self.fetch(&store, &key).await? {
            return self.as_before(key, there, part).await;
        }
        let put = {
            let (store, key, payload) = (store.clone(), key.clone(), PutPayload::from_bytes(packed.bytes.clone()));
            async move { store.put_opts(&key, payload, PutMode::Create.into()).await }
        };
        match self.timely(put).await? {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                let there = self.fetch(&store, &key).await?.ok_or_else(|| self.refused(&key, "it is there and cannot be read"))?;
                return self.as_before(key, there, part).await;
            }
            Err(error) => return Err(self.refused(&key, &words(&error))),
        }
        let back = self.fetch(&store, &key).await?.ok_or_else(|| self.refused(&key, "it was put there and cannot be read back"))?;
        self.compare(back, part, Some(packed)).await?.map_err(|what| ArchiveError::Unlike {
            to: self.settings.to_string(),
            object: key.to_string(),
            what,
        })?;
        Ok(key.to_string())
    }

    /// An earlier round may have come so far and no further.
    async fn as_before(&self, key: Key, there: Bytes, part: Arc<dyn Part>) -> Result<String, ArchiveError> {
        let other = |what| ArchiveError::Other { to: self.settings.to_string(), object: key.to_string(), what };
        self.compare(there, part, None).await?.map_err(other)?;
        Ok(key.to_string())
    }

    async fn compare(&self, object: Bytes, part: Arc<dyn Part>, packed: Option<Packed>) -> Result<Result<(), String>, ArchiveError> {
        self.unblocked(move || pack::compare(&object, &*part, packed.as_ref())).await
    }

    /// `None` where there is none, or nobody may know: a key that may only put and get is told the same in both cases.
    async fn fetch(&self, store: &Arc<dyn ObjectStore>, key: &Key) -> Result<Option<Bytes>, ArchiveError> {
        let (store, asked) = (store.clone(), key.clone());
        let got = self.timely(async move {
            let got = store.get(&asked).await?;
            // Nothing of ours is larger, and no more than that is held.
            if usize::try_from(got.meta.size).map_or(true, |size| size > LARGEST_OBJECT) {
                return Ok(Err(got.meta.size));
            }
            got.bytes().await.map(Ok)
        });
        match got.await? {
            Ok(Ok(bytes)) => Ok(Some(bytes)),
            Ok(Err(size)) => Err(ArchiveError::Other {
                to: self.settings.to_string(),
                object: key.to_string(),
                what: format!("it has {size} bytes, more than any part of the log"),
            }),
            Err(object_store::Error::NotFound { .. } | object_store::Error::PermissionDenied { .. }) => Ok(None),
            Err(error) => Err(self.refused(key, &words(&error))),
        }
    }

    async fn store(&self) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
        let path = match &self.place {
            Place::Directory(path, _) => path.clone(),
            Place::Bucket(store) => return Ok(store.clone()),
        };
        let opened = self.timely(spawn_blocking(move || directory(&path))).await?;
        let opened = opened.map_err(|error| error.to_string()).and_then(|opened| opened);
        opened.map_err(|why| ArchiveError::Setup { to: self.settings.to_string(), why })
    }

    /// What the place is asked. A request to a store is given up; a step on a disk cannot be.
    async fn timely<T: Send + 'static>(&self, asked: impl Future<Output = T> + Send + 'static) -> Result<T, ArchiveError> {
        let answered = match &self.place {
            Place::Directory(_, steps) => steps.take(self.patience, asked).await,
            Place::Bucket(_) => timeout(self.patience, asked).await.map_err(|_| Late::Silent(self.patience)),
        };
        answered.map_err(|why| ArchiveError::Late { to: self.settings.to_string(), why })
    }

    /// What is done with the log and in memory.
    async fn unblocked<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, PackError> + Send + 'static) -> Result<T, ArchiveError> {
        let late = |_| ArchiveError::Pack(io::Error::other(format!("it took longer than {} s", self.patience.as_secs())));
        settled(timeout(self.patience, spawn_blocking(work)).await.map_err(late)?)
    }

    fn refused(&self, key: &Key, why: &str) -> ArchiveError {
        ArchiveError::Store { to: self.settings.to_string(), object: key.to_string(), why: why.to_owned() }
    }

    /// `prefix/origin/records-first-last.tar.zst`; with so many digits, names sort as numbers do.
    fn key(&self, part: &dyn Part) -> Key {
        let prefix = match &self.settings {
            ArchiveSettings::Directory(_) => "",
            ArchiveSettings::Bucket(bucket) => &bucket.prefix,
        };
        let name = format!("records-{:020}-{:020}.tar.zst", part.first(), part.last());
        let parts = prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
        parts.chain([flat(part.origin()), name]).collect()
    }

    fn directory(&self, part: &dyn Part) -> Option<PathBuf> {
        match &self.settings {
            ArchiveSettings::Directory(path) => Some(path.join(flat(part.origin()))),
            ArchiveSettings::Bucket(_) => None,
        }
    }
}

/// A secret from a file that is its owner's alone. Gives a sentence without its subject where it cannot be used.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let file = std::fs::metadata(path).map_err(|error| format!("cannot be read: {}", reason(&error)))?;
    if file.permissions().mode() & 0o077 != 0 {
        return Err(format!("is open to others than its owner (mode {:04o})", file.permissions().mode() & 0o7777));
    }
    if file.len() > LONGEST_SECRET as u64 {
        return Err("is too long to be a secret".to_owned());
    }
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| format!("cannot be read: {}", reason(&error)))?);
    let secret = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    match !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Zeroizing::new(secret.to_owned())),
        false => Err("holds no secret: one word, in letters, digits and signs".to_owned()),
    }
}

/// No credentials but these are looked for anywhere: not in the environment, not at a metadata service.
fn s3(bucket: &Bucket) -> Result<(object_store::aws::AmazonS3, [u8; 32]), String> {
    let secret = read_secret(&bucket.secret_key_file).map_err(|why| format!("the file {} {why}", bucket.secret_key_file.display()))?;
    let mut digest = sha256(secret.as_bytes()).to_vec();
    let tls = match &bucket.ca {
        Some(ca) => {
            digest.extend(sha256(&std::fs::read(ca).unwrap_or_default()));
            Some(pki::upstream_client_config(Some(ca), None).map_err(|error| error.to_string())?)
        }
        None => None,
    };
    let mut endpoint = bucket.endpoint.clone();
    if !bucket.path_style {
        let host = format!("{}.{}", bucket.name, endpoint.host_str().unwrap_or_default());
        endpoint.set_host(Some(&host)).map_err(|error| format!("{host} is no host: {error}"))?;
    }
    let store = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_endpoint(endpoint.as_str().trim_end_matches('/'))
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key)
        .with_secret_access_key(secret.as_str())
        .with_virtual_hosted_style_request(!bucket.path_style)
        // Stores that lock objects ask for it, and find with it what the way has changed.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_PATIENCE, ..RetryConfig::default() })
        .with_http_connector(Wire::new(tls))
        .build()
        .map_err(|error| words(&error))?;
    Ok((store, sha256(&digest)))
}

fn flat(origin: &str) -> String {
    origin.replace('/', "_")
}

/// What is in it are records of persons.
fn private_directory(path: &Path) -> Result<(), PackError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = std::fs::DirBuilder::new().mode(0o700).create(path);
    let outer = || std::fs::File::open(path.parent().unwrap_or(path))?.sync_all();
    made.and_then(|()| outer()).map_err(|error| PackError::Io(io::Error::other(format!("{}: {}", path.display(), reason(&error)))))
}

fn directory(path: &Path) -> Result<Arc<dyn ObjectStore>, String> {
    if !path.is_dir() {
        return Err("there is no such directory; is its disk mounted? Nothing was dropped".to_owned());
    }
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| words(&error))?;
    Ok(Arc::new(store.with_fsync(true)))
}

fn settled<T>(done: Result<Result<T, PackError>, JoinError>) -> Result<T, ArchiveError> {
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(PackError::Log(error))) => Err(ArchiveError::Log(error)),
        Ok(Err(PackError::TooLarge)) => Err(ArchiveError::TooLarge),
        Ok(Err(PackError::Io(error))) => Err(ArchiveError::Pack(error)),
        Err(error) => Err(ArchiveError::Pack(io::Error::other(error))),
    }
}

/// What a store says, in one line that says what to do where that is known.
fn words(error: &object_store::Error) -> String {
    let said = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let said = capped(&said, 400);
    match error {
        object_store::Error::NotFound { .. } => format!("there is no such place; make the bucket or the directory ({said})"),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            format!("the store refuses the access key, its secret, or what it wants: it must be allowed to put and to get objects ({said})")
        }
        _ => said,
    }
}
