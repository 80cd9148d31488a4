//! A tree head: which log, how many records, and their root hash (C2SP tlog-checkpoint).

use super::{Hash, LARGEST_TREE};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is; unlike that of any other.
    pub origin: String,
    /// How many records the tree has.
    pub size: u64,
    pub root: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("it is no checkpoint: origin, size and root hash must stand on its first three lines (C2SP tlog-checkpoint)")]
    Malformed,
    #[error("it tells of more records than any log has")]
    TooLarge,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Extension lines are allowed and mean nothing here.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Malformed)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        if size.starts_with('0') && size.len() > 1 || !size.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CheckpointError::Malformed);
        }
        let size = size.parse().map_err(|_| CheckpointError::TooLarge)?;
        let root = Hash::parse_base64(root).ok_or(CheckpointError::Malformed)?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Malformed);
        }
        if size > LARGEST_TREE { Err(CheckpointError::TooLarge) } else { Ok(Self { origin: origin.to_owned(), size, root }) }
    }
}
