//! Where tiles and entries stand in the directory of a log, and what is in them (C2SP tlog-tiles).

use std::fmt;

use super::WIDTH;

/// A tile of hashes. `width` below [`WIDTH`]: only so many are there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    pub level: u8,
    pub index: u64,
    pub width: u64,
}

impl Tile {
    /// How many hashes a level has in a tree of `size` records: one for each full tile below.
    pub fn count(level: u8, size: u64) -> u64 {
        size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0)
    }

    /// The levels that such a tree has.
    pub fn levels(size: u64) -> impl Iterator<Item = u8> {
        (0..8).take_while(move |level| Self::count(*level, size) > 0)
    }

    /// The last tile of a level, if it is not full.
    pub fn partial(level: u8, size: u64) -> Option<Self> {
        let count = Self::count(level, size);
        let width = count.checked_rem(WIDTH)?;
        (width > 0).then(|| Self { level, index: count.checked_div(WIDTH).unwrap_or(0), width })
    }

    /// The tile as it stands in a tree of `size` records; `None`: it is not in that tree.
    pub fn within(level: u8, index: u64, size: u64) -> Option<Self> {
        let before = index.checked_mul(WIDTH)?;
        let width = Self::count(level, size).checked_sub(before)?.min(WIDTH);
        (width > 0).then_some(Self { level, index, width })
    }

    /// The tile of the level above that has this one's hash once it is full, and the hash's place in it.
    pub fn above(&self, size: u64) -> Option<(Self, u64)> {
        let place = self.index.checked_rem(WIDTH)?;
        let above = Self::within(self.level.saturating_add(1), self.index.checked_div(WIDTH)?, size)?;
        (place < above.width).then_some((above, place))
    }

    /// The sequences, from 1, of the first and the last record below the hash in this place.
    pub fn covered_by(&self, place: u64) -> (u64, u64) {
        let each = 1_u64.checked_shl(u32::from(self.level).saturating_mul(8)).unwrap_or(u64::MAX);
        let before = self.index.saturating_mul(WIDTH).saturating_add(place).saturating_mul(each);
        (before.saturating_add(1), before.saturating_add(each))
    }

    pub fn is_full(&self) -> bool {
        self.width >= WIDTH
    }

    /// The same tile when all its hashes are there.
    pub fn full(&self) -> Self {
        Self { width: WIDTH, ..*self }
    }
}

/// Its path in the log's directory.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, numbered(self.index, self.width))
    }
}

/// The path of the bundle that holds the entries of a level 0 tile, which has as many.
pub fn entry_path(tile: &Tile) -> String {
    format!("tile/entries/{}", numbered(tile.index, tile.width))
}

fn numbered(index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("entry {0} is longer than a bundle can say (65,535 bytes)")]
    TooLong(u64),
    #[error("it ends in the middle of its entry {0}")]
    Short(u64),
}

/// Adds an entry to a bundle: its length in two bytes, the high one first, then its bytes.
pub fn bundle(out: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong(0))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle.
pub fn unbundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let short = || BundleError::Short(entries.len() as u64);
        let (length, behind) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let (entry, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(short)?;
        entries.push(entry);
        rest = behind;
    }
    Ok(entries)
}
