//! Proofs of many records under one head (RFC 9162, section 2.1.3), which share most of their hashes.
//!
//! Invariant: no proof is handed out that does not lead from the record to the head's root hash; what is remembered is bounded.

use std::collections::HashMap;

use tlog_tiles::tile;

use super::{Hash, ProofError, Tile, Tiles, WIDTH, check_inclusion};

/// Hashes of subtrees that are remembered, and tiles.
const MOST_NODES: usize = 4096;
const MOST_TILES: usize = 16;

/// Cheap where the records stand near each other.
pub struct Prover<T> {
    size: u64,
    root: Hash,
    tiles: T,
    /// By the first record and the one behind the last.
    nodes: HashMap<(u64, u64), Hash>,
    read: HashMap<Tile, Vec<u8>>,
}

impl<T: Tiles> Prover<T> {
    /// Of a tree of `size` records with this root.
    pub fn new(size: u64, root: Hash, tiles: T) -> Self {
        Self { size, root, tiles, nodes: HashMap::new(), read: HashMap::new() }
    }

    /// The proof that the record with this index and this hash is in the tree, from its sibling up.
    pub fn inclusion(&mut self, index: u64, leaf: Hash) -> Result<Vec<Hash>, ProofError<T::Error>> {
        if index >= self.size {
            return Err(ProofError::NotInTree);
        }
        let (mut first, mut behind) = (0, self.size);
        let mut proof = Vec::new();
        while behind.saturating_sub(first) > 1 {
            let middle = first.saturating_add(left_of(behind.saturating_sub(first)));
            if index < middle {
                proof.push(self.subtree(middle, behind)?);
                behind = middle;
            } else {
                proof.push(self.subtree(first, middle)?);
                first = middle;
            }
        }
        proof.reverse();
        check_inclusion(&proof, index, leaf, self.size, self.root).map_err(|_| ProofError::WrongTiles)?;
        Ok(proof)
    }

    /// The hash of the records from `first` to before `behind`.
    fn subtree(&mut self, first: u64, behind: u64) -> Result<Hash, ProofError<T::Error>> {
        if let Some(known) = self.nodes.get(&(first, behind)) {
            return Ok(*known);
        }
        let count = behind.saturating_sub(first);
        let hash = if count.is_power_of_two() {
            self.perfect(first, count)?
        } else {
            let middle = first.saturating_add(left_of(count));
            let (left, right) = (self.subtree(first, middle)?, self.subtree(middle, behind)?);
            Hash::node(left, right)
        };
        if self.nodes.len() >= MOST_NODES {
            self.nodes.clear();
        }
        self.nodes.insert((first, behind), hash);
        Ok(hash)
    }

    /// Of as many records as a power of two, which stand below one part of one tile.
    fn perfect(&mut self, first: u64, count: u64) -> Result<Hash, ProofError<T::Error>> {
        let height = count.trailing_zeros();
        let level = u8::try_from(height / 8).unwrap_or(u8::MAX);
        let each = 1_u64.checked_shl(u32::from(level).saturating_mul(8)).unwrap_or(u64::MAX);
        let place = first.checked_div(each).unwrap_or(0);
        let (index, within) = (place / WIDTH, place % WIDTH);
        let wide = count.checked_div(each).unwrap_or(0);
        let tile = Tile::within(level, index, self.size).ok_or(ProofError::NotInTree)?;
        let bytes = |hashes: u64| usize::try_from(hashes.saturating_mul(32)).unwrap_or(usize::MAX);
        let (from, to) = (bytes(within), bytes(within.saturating_add(wide)));
        let part = self.tile(tile)?.get(from..to).ok_or(ProofError::WrongTiles)?;
        Ok(Hash(tile::Tile::subtree_hash(part).0))
    }

    fn tile(&mut self, tile: Tile) -> Result<&[u8], ProofError<T::Error>> {
        if !self.read.contains_key(&tile) {
            let bytes = self.tiles.tile(&tile).map_err(ProofError::Tiles)?;
            if self.read.len() >= MOST_TILES {
                self.read.clear();
            }
            self.read.insert(tile, bytes);
        }
        self.read.get(&tile).map(Vec::as_slice).ok_or(ProofError::WrongTiles)
    }
}

/// How many of `count` records, two at least, the left subtree has: the largest power of two that is smaller.
fn left_of(count: u64) -> u64 {
    let below = count.saturating_sub(1);
    1_u64.checked_shl(63_u32.saturating_sub(below.leading_zeros())).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::{Frontier, inclusion};
    use super::*;

    struct Kept(HashMap<Tile, Vec<u8>>);

    impl Tiles for &Kept {
        type Error = ();

        fn tile(&self, tile: &Tile) -> Result<Vec<u8>, ()> {
            self.0.get(tile).cloned().ok_or(())
        }
    }

    impl Tiles for Kept {
        type Error = ();

        fn tile(&self, tile: &Tile) -> Result<Vec<u8>, ()> {
            (&self).tile(tile)
        }
    }

    fn leaf(index: u64) -> Hash {
        Hash::leaf(&index.to_be_bytes())
    }

    fn log(size: u64) -> (Hash, Kept) {
        let (mut frontier, mut tiles) = (Frontier::default(), HashMap::new());
        for index in 0..size {
            tiles.extend(frontier.push(leaf(index)).into_iter().map(|full| (full.tile, full.bytes)));
        }
        tiles.extend(frontier.partial().into_iter().map(|partial| (partial.tile, partial.bytes)));
        (frontier.root(), Kept(tiles))
    }

    #[test]
    fn many_proofs_are_those_that_are_made_one_by_one() {
        for size in [1, 2, 3, 255, 256, 257, 513, 70_000] {
            let (root, tiles) = log(size);
            let mut prover = Prover::new(size, root, &tiles);
            for index in (0..size).filter(|index| *index < 600 || index % 997 == 0 || index + 3 > size) {
                assert_eq!(prover.inclusion(index, leaf(index)), inclusion(index, size, root, &tiles), "{index} of {size}");
            }
            assert_eq!(prover.inclusion(size, leaf(size)), Err(ProofError::NotInTree));
            assert!(prover.nodes.len() <= MOST_NODES && prover.read.len() <= MOST_TILES);
        }
    }

    #[test]
    fn no_proof_is_made_from_tiles_that_were_changed_nor_of_a_record_that_was() {
        let (root, mut tiles) = log(300);
        assert_eq!(Prover::new(300, root, &tiles).inclusion(7, leaf(8)), Err(ProofError::WrongTiles));
        tiles.0.get_mut(&Tile { level: 0, index: 1, width: 44 }).unwrap()[40] ^= 1;
        assert_eq!(Prover::new(300, root, &tiles).inclusion(7, leaf(7)), Err(ProofError::WrongTiles));
        tiles.0.remove(&Tile { level: 0, index: 1, width: 44 });
        assert_eq!(Prover::new(300, root, &tiles).inclusion(7, leaf(7)), Err(ProofError::Tiles(())));
    }
}
