//! The right edge of a growing tree: the hashes of the tiles that are not full yet, one tile a level.
//!
//! Invariant: a level holds fewer hashes than a full tile; together they and the full tiles before them are the whole tree.

use tlog_tiles::tile;

use super::{Hash, Tile, WIDTH};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Level 0 has leaves; each hash of a level is that of a full tile of the level below.
    levels: Vec<Vec<Hash>>,
}

/// A tile that just became full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    pub tile: Tile,
    pub bytes: Vec<u8>,
}

impl FullTile {
    /// Of all that the tile covers: what the level above has of it.
    pub fn hash(&self) -> Hash {
        Hash(tile::Tile::subtree_hash(&self.bytes).0)
    }
}

impl Frontier {
    /// Of a tree of `size` records, from its partial tiles: what [`Frontier::partial`] gave, level by level.
    pub fn resume(size: u64, mut partial: impl FnMut(Tile) -> Option<Vec<u8>>) -> Option<Self> {
        let mut levels = Vec::new();
        for level in Tile::levels(size) {
            levels.push(match Tile::partial(level, size) {
                Some(tile) => hashes(&partial(tile)?).filter(|hashes| hashes.len() as u64 == tile.width)?,
                None => Vec::new(),
            });
        }
        Some(Self { size, levels })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next record's hash; gives the tiles that it fills, the lowest first.
    pub fn push(&mut self, leaf: Hash) -> Vec<FullTile> {
        self.size = self.size.saturating_add(1);
        self.put(0, leaf)
    }

    /// Takes as many records as a tile has by the hash of all of them; `None` where a tile has begun.
    pub fn push_tile(&mut self, hash: Hash) -> Option<Vec<FullTile>> {
        if self.levels.first().is_some_and(|leaves| !leaves.is_empty()) {
            return None;
        }
        self.size = self.size.saturating_add(WIDTH);
        Some(self.put(1, hash))
    }

    fn put(&mut self, mut level: u8, hash: Hash) -> Vec<FullTile> {
        let mut full = Vec::new();
        let mut next = Some(hash);
        while let Some(hash) = next.take() {
            while self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else { break };
            hashes.push(hash);
            if hashes.len() as u64 >= WIDTH {
                let bytes = bytes(hashes);
                hashes.clear();
                next = Some(Hash(tile::Tile::subtree_hash(&bytes).0));
                let index = Tile::count(level, self.size).saturating_sub(1).checked_div(WIDTH).unwrap_or(0);
                full.push(FullTile { tile: Tile { level, index, width: WIDTH }, bytes });
            }
            level = level.saturating_add(1);
        }
        full
    }

    /// The tiles that are not full, with what they hold.
    pub fn partial(&self) -> Vec<FullTile> {
        let of = |(level, hashes): (u8, &Vec<Hash>)| {
            let tile = Tile::partial(level, self.size)?;
            Some(FullTile { tile, bytes: bytes(hashes) })
        };
        (0..).zip(&self.levels).filter_map(of).collect()
    }

    /// The root hash of the tree as it is (RFC 9162, section 2.1.1).
    pub fn root(&self) -> Hash {
        // Perfect subtrees from the smallest, at the right, to the largest.
        let mut root: Option<Hash> = None;
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let smallest = 1 << rest.len().trailing_zeros();
                let (before, subtree) = rest.split_at(rest.len().saturating_sub(smallest));
                let hash = Hash(tile::Tile::subtree_hash(&bytes(subtree)).0);
                root = Some(root.map_or(hash, |right| Hash::node(hash, right)));
                rest = before;
            }
        }
        root.unwrap_or(Hash::EMPTY)
    }
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (whole, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| whole.iter().map(|hash| Hash(*hash)).collect())
}
