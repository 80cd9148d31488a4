//! Proofs that a record is in a tree and that one tree grew out of another (RFC 9162, sections 2.1.3 and 2.1.4), made from tiles.
//!
//! Invariant: no proof is handed out that does not lead to the root hash that was named. (The crate's `TileHashReader` is to see to
//! that and does not, in version 0.2: where several subtrees of the root stand in one tile, it leaves others unchecked.)

use tlog_tiles::tile;
use tlog_tiles::tlog::{self, HashReader};

use super::{Hash, LARGEST_TREE, Tile};

/// Where tiles come from, and how their absence is told.
pub trait Tiles {
    type Error;

    /// The bytes of a tile; where it is not full, a wider one of the same place serves.
    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, Self::Error>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    #[error(transparent)]
    Tiles(E),
    #[error("the tree has no such record")]
    NotInTree,
    #[error("the tiles do not belong to the tree's root hash")]
    WrongTiles,
}

/// The proof is wrong: the record is not in that tree, or the trees are not of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not lead to the root hash")]
pub struct WrongProof;

/// The root hash that the tiles of a tree of `size` records have.
pub fn root<T: Tiles>(size: u64, tiles: &T) -> Result<Hash, ProofError<T::Error>> {
    let source = Source { size, tiles, failed: Default::default() };
    let found = tlog::tree_hash(size.min(LARGEST_TREE), &source);
    source.tell(found).map(|hash| Hash(hash.0))
}

/// The proof that the tree of `size` records with this root has the record with this index.
pub fn inclusion<T: Tiles>(index: u64, size: u64, root: Hash, tiles: &T) -> Result<Vec<Hash>, ProofError<T::Error>> {
    if index >= size || size > LARGEST_TREE {
        return Err(ProofError::NotInTree);
    }
    let source = Source { size, tiles, failed: Default::default() };
    let found = source.read_hashes(&[tlog::stored_hash_index(0, index)]);
    let leaf = source.tell(found)?.first().map_or(Hash::EMPTY, |hash| Hash(hash.0));
    let found = tlog::prove_record(size, index, &source);
    let proof = source.tell(found).map(ours)?;
    check_inclusion(&proof, index, leaf, size, root).map_err(|WrongProof| ProofError::WrongTiles)?;
    Ok(proof)
}

/// The proof that the tree of `size` records with this root begins with the tree of `old` records.
pub fn consistency<T: Tiles>(old: u64, size: u64, root: Hash, tiles: &T) -> Result<Vec<Hash>, ProofError<T::Error>> {
    if old > size || size > LARGEST_TREE {
        return Err(ProofError::NotInTree);
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let source = Source { size, tiles, failed: Default::default() };
    let found = tlog::tree_hash(old, &source);
    let before = source.tell(found).map(|hash| Hash(hash.0))?;
    let found = tlog::prove_tree(size, old, &source);
    let proof = source.tell(found).map(ours)?;
    check_consistency(&proof, (old, before), (size, root)).map_err(|WrongProof| ProofError::WrongTiles)?;
    Ok(proof)
}

pub fn check_inclusion(proof: &[Hash], index: u64, leaf: Hash, size: u64, root: Hash) -> Result<(), WrongProof> {
    if index >= size || size > LARGEST_TREE {
        return Err(WrongProof);
    }
    tlog::check_record(&theirs(proof), size, tlog::Hash(root.0), index, tlog::Hash(leaf.0)).map_err(|_| WrongProof)
}

/// Every tree begins with the empty one, for which the proof is empty too.
pub fn check_consistency(proof: &[Hash], old: (u64, Hash), new: (u64, Hash)) -> Result<(), WrongProof> {
    if old.0 > new.0 || new.0 > LARGEST_TREE {
        return Err(WrongProof);
    }
    if old.0 == 0 {
        return if old.1 == Hash::EMPTY && proof.is_empty() { Ok(()) } else { Err(WrongProof) };
    }
    tlog::check_tree(&theirs(proof), new.0, tlog::Hash(new.1.0), old.0, tlog::Hash(old.1.0)).map_err(|_| WrongProof)
}

fn ours(hashes: Vec<tlog::Hash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| Hash(hash.0)).collect()
}

fn theirs(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().map(|hash| tlog::Hash(hash.0)).collect()
}

/// Hands tiles to `tlog_tiles`, and remembers why one could not be had.
struct Source<'a, T: Tiles> {
    size: u64,
    tiles: &'a T,
    failed: std::cell::RefCell<Option<T::Error>>,
}

impl<T: Tiles> Source<'_, T> {
    fn tell<V>(&self, found: Result<V, tlog::Error>) -> Result<V, ProofError<T::Error>> {
        found.map_err(|_| self.failed.take().map_or(ProofError::WrongTiles, ProofError::Tiles))
    }

    fn read(&self, level: u8, index: u64, width: u64) -> Result<Vec<u8>, tlog::Error> {
        let wanted = Tile::within(level, index, self.size).filter(|tile| tile.width >= width).ok_or(tlog::Error::IndexesNotInTree)?;
        let mut bytes = self.tiles.tile(&wanted).map_err(|error| {
            *self.failed.borrow_mut() = Some(error);
            tlog::Error::InvalidTile
        })?;
        let length = usize::try_from(wanted.width.saturating_mul(32)).unwrap_or(usize::MAX);
        if bytes.len() < length {
            return Err(tlog::Error::InvalidTile);
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl<T: Tiles> HashReader for Source<'_, T> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let one = |index: &u64| {
            let narrow = tile::Tile::from_index(8, *index);
            let (level, place, width) = (narrow.level(), narrow.level_index(), u64::from(narrow.width()));
            let bytes = self.read(level, place, width)?;
            let wide = u32::try_from(bytes.len() / 32).map_err(|_| tlog::Error::InvalidTile)?;
            tile::Tile::new(8, level, place, wide, false).hash_at_index(&bytes, *index)
        };
        indexes.iter().map(one).collect()
    }
}
