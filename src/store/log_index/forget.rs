//! Forgetting what the log has dropped: rows, and the words that no other row has.
//!
//! Invariant: what is left finds what an index that begins with the oldest record finds. Only sums of an hour that is gone in part keep what
//! they were, and they name nobody.

use std::collections::BTreeMap;

use sqlx::{Row, SqliteConnection};

use super::schema::{HOUR_MS, TICK_MS};
use super::terms::{Kind, folded, pairs, unpacked};
use super::words::Words;
use super::{LogIndex, LogIndexError, signed};

/// So many rows go in one transaction, between which others come in.
const ROWS: i64 = 512;

pub(super) const OLDEST: &str = "SELECT sequence, terms FROM entries WHERE sequence < $1 ORDER BY sequence LIMIT $2";
pub(super) const MENTIONS: &str = "DELETE FROM mentions WHERE reference >= $1 AND reference < $2 AND sequence < $3";
pub(super) const POSTINGS: &str = "DELETE FROM postings WHERE term = $1 AND sequence < $2";
const FIRST_LEFT: &str = "SELECT at FROM entries WHERE sequence >= $1 ORDER BY sequence LIMIT 1";

impl LogIndex {
    /// Keeps in mind that it has no records before the one with this sequence, so that it is seen if these are in the log again.
    pub async fn begins_with(&self, oldest: u64) -> Result<(), LogIndexError> {
        if self.indexed().await?.begins >= oldest {
            return Ok(());
        }
        let pools = self.0.pools.read().await;
        let begun = sqlx::query("UPDATE state SET begins = $1").bind(signed(oldest)).execute(&pools.write).await;
        begun.map(drop).map_err(|error| self.failed(error))
    }

    /// Removes all rows of records before the one with this sequence, and says how many those were.
    pub async fn forget_before(&self, oldest: u64) -> Result<u64, LogIndexError> {
        // First, so that one that is interrupted is not taken for whole.
        self.begins_with(oldest).await?;
        let oldest = signed(oldest);
        if !self.has_before(oldest).await? {
            return Ok(0);
        }
        // Rows last: as long as there is one, the rest is looked for again.
        for first in 0..=u8::MAX {
            // No reference is as long as the last bound.
            let range = (vec![first], first.checked_add(1).map_or(vec![u8::MAX; 64], |next| vec![next]));
            self.in_a_transaction(async |write| forget_mentions(write, range, oldest).await.map(|()| 0)).await?;
        }
        self.in_a_transaction(async |write| forget_times(write, oldest).await.map(|()| 0)).await?;
        let mut forgotten: u64 = 0;
        loop {
            let rows = self.in_a_transaction(async |write| forget_rows(write, oldest).await).await?;
            if rows == 0 {
                self.empty_the_wal().await?;
                return Ok(forgotten);
            }
            forgotten = forgotten.saturating_add(rows);
        }
    }

    /// What was removed from the pages of the file stands in those of the write-ahead log still. A reader in the middle of something keeps some of
    /// it until they are written over.
    async fn empty_the_wal(&self) -> Result<(), LogIndexError> {
        let pools = self.0.pools.read().await;
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pools.write).await;
        emptied.map(drop).map_err(|error| self.failed(error))
    }

    async fn has_before(&self, oldest: i64) -> Result<bool, LogIndexError> {
        let pools = self.0.pools.read().await;
        let found = sqlx::query(OLDEST).bind(oldest).bind(1).fetch_optional(&pools.read).await;
        Ok(found.map_err(|error| self.failed(error))?.is_some())
    }

    async fn in_a_transaction(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<u64, sqlx::Error>,
    ) -> Result<u64, LogIndexError> {
        let pools = self.0.pools.read().await;
        let mut words = self.0.words.lock().await;
        let worked = async {
            let mut write = pools.write.begin_with("BEGIN IMMEDIATE").await?;
            let done = work(&mut write).await?;
            write.commit().await?;
            Ok(done)
        };
        let worked = worked.await.map_err(|error| self.failed(error));
        // It may know words that are gone now.
        *words = Words::default();
        worked
    }
}

/// Those whose references are in this range, so that one transaction looks at a part of them.
async fn forget_mentions(write: &mut SqliteConnection, (from, to): (Vec<u8>, Vec<u8>), oldest: i64) -> Result<(), sqlx::Error> {
    sqlx::query(MENTIONS).bind(from).bind(to).bind(oldest).execute(write).await.map(drop)
}

/// Marks of times and sums of hours that only records before it have.
async fn forget_times(write: &mut SqliteConnection, oldest: i64) -> Result<(), sqlx::Error> {
    let Some(at) = sqlx::query_scalar::<_, i64>(FIRST_LEFT).bind(oldest).fetch_optional(&mut *write).await? else { return Ok(()) };
    let back: i64 = sqlx::query_scalar("SELECT back FROM state").fetch_one(&mut *write).await?;
    sqlx::query("DELETE FROM marks WHERE tick < $1").bind(at.div_euclid(TICK_MS)).execute(&mut *write).await?;
    let hour = at.saturating_sub(back).div_euclid(HOUR_MS);
    sqlx::query("DELETE FROM tallies WHERE hour < $1").bind(hour).execute(write).await.map(drop)
}

/// The oldest rows, and how many those were.
async fn forget_rows(write: &mut SqliteConnection, oldest: i64) -> Result<u64, sqlx::Error> {
    // The pairs of a word that is gone stand in order, and would spell it.
    sqlx::query("INSERT INTO grams (grams, rank) VALUES ('secure-delete', 1)").execute(&mut *write).await?;
    let (mut rows, mut behind, mut terms) = (0_u64, 0_i64, BTreeMap::<i64, i64>::new());
    for row in sqlx::query(OLDEST).bind(oldest).bind(ROWS).fetch_all(&mut *write).await? {
        rows = rows.saturating_add(1);
        behind = row.try_get::<i64, _>("sequence")?.saturating_add(1);
        for term in unpacked(row.try_get("terms")?) {
            let count = terms.entry(term).or_default();
            *count = count.saturating_add(1);
        }
    }
    for (term, count) in terms {
        sqlx::query(POSTINGS).bind(term).bind(behind).execute(&mut *write).await?;
        let left = sqlx::query_scalar::<_, i64>("UPDATE counts SET count = count - $2 WHERE term = $1 RETURNING count");
        if left.bind(term).bind(count).fetch_optional(&mut *write).await?.is_none_or(|left| left <= 0) {
            forget_word(write, term).await?;
        }
    }
    sqlx::query("DELETE FROM entries WHERE sequence < $1").bind(behind).execute(write).await?;
    Ok(rows)
}

/// A word that no row has any more. One that sums have stays with them: it is the name of an app or a rule.
async fn forget_word(write: &mut SqliteConnection, term: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM counts WHERE term = $1").bind(term).execute(&mut *write).await?;
    let Some(row) = sqlx::query("SELECT kind, value FROM words WHERE id = $1").bind(term).fetch_optional(&mut *write).await? else {
        return Ok(());
    };
    let kind: i64 = row.try_get("kind")?;
    if [Kind::App.number(), Kind::Rule.number()].contains(&kind) {
        let is_summed: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM tallies WHERE app = $1 OR reason = $1)")
            .bind(term)
            .fetch_one(&mut *write)
            .await?;
        if is_summed {
            return Ok(());
        }
    }
    if Kind::is_text_number(kind) {
        let value: String = row.try_get("value")?;
        // What has no content of its own is told what it held.
        let gone = sqlx::query("INSERT INTO grams (grams, rowid, pairs) VALUES ('delete', $1, $2)");
        gone.bind(term).bind(pairs(&folded(&value))).execute(&mut *write).await?;
    }
    sqlx::query("DELETE FROM words WHERE id = $1").bind(term).execute(write).await.map(drop)
}
