//! Which authorities and matching rules may be trusted, by the digest of what the config says of them.

use super::rows::hash;
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::TokenHash;

impl Store {
    pub async fn confirmed_trust(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows = sqlx::query("SELECT digest FROM confirmed_trust ORDER BY confirmed").fetch_all(&self.read).await?;
        rows.iter().map(|row| hash(row, "digest").map(|TokenHash(digest)| digest)).collect()
    }

    pub async fn confirm_trust(&self, digest: &[u8; 32], what: &str, now: Time) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO confirmed_trust (digest, what, confirmed) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING")
            .bind(digest.as_slice())
            .bind(what)
            .bind(now.millis())
            .execute(&self.write)
            .await?;
        Ok(())
    }
}
