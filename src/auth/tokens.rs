//! From a token's hash to who holds it: on the way of every request, so in shards that hardly ever meet.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::identity::Identity;
use crate::crypto::TokenHash;

const SHARDS: usize = 64;

type Shard = RwLock<HashMap<TokenHash, Arc<Identity>>>;

#[derive(Debug)]
pub(super) struct Tokens(Vec<Shard>);

impl Default for Tokens {
    fn default() -> Self {
        Self(std::iter::repeat_with(Shard::default).take(SHARDS).collect())
    }
}

impl Tokens {
    pub(super) fn find(&self, token: &TokenHash) -> Option<Arc<Identity>> {
        self.shard(token)?.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(super) fn insert(&self, token: TokenHash, identity: Arc<Identity>) {
        if let Some(shard) = self.shard(&token) {
            shard.write().unwrap_or_else(PoisonError::into_inner).insert(token, identity);
        }
    }

    pub(super) fn remove(&self, token: &TokenHash) {
        if let Some(shard) = self.shard(token) {
            shard.write().unwrap_or_else(PoisonError::into_inner).remove(token);
        }
    }

    /// A hash is as good as random, so its first byte spreads the load.
    fn shard(&self, token: &TokenHash) -> Option<&Shard> {
        let first = usize::from(token.0.first().copied().unwrap_or(0));
        self.0.get(first.checked_rem(SHARDS).unwrap_or(0))
    }
}
