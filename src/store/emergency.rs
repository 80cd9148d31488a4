//! The emergency level that was confirmed last, and since when each of those holds that were confirmed.

use std::collections::BTreeMap;

use sqlx::Row;

use super::rows::{time, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::model::Level;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLevel {
    pub level: Level,
    /// Which incident it was confirmed for.
    pub incident: u64,
    /// When, by the wall clock.
    pub confirmed: Time,
    pub since: Time,
    pub until: Time,
}

/// How long a confirmed level has held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelTime {
    pub since: Time,
    /// Its time has passed, and stays so whatever a later plan says.
    pub is_over: bool,
}

impl Store {
    /// In the place of what was, both at once: no level is kept whose time is not. `None`: no level is in force. Times are by the records that
    /// confirmed them.
    pub async fn keep_levels(&self, level: Option<&StoredLevel>, times: &BTreeMap<u64, LevelTime>) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM emergency").execute(&mut *write).await?;
        sqlx::query("DELETE FROM level_times").execute(&mut *write).await?;
        if let Some(StoredLevel { level, incident, confirmed, since, until }) = level {
            sqlx::query("INSERT INTO emergency (level, incident, confirmed, since, until) VALUES ($1, $2, $3, $4, $5)")
                .bind(level.word())
                // The number of a record, of which there are no 2^63.
                .bind(i64::try_from(*incident).unwrap_or(i64::MAX))
                .bind(confirmed.millis())
                .bind(since.millis())
                .bind(until.millis())
                .execute(&mut *write)
                .await?;
        }
        for (record, time) in times {
            sqlx::query("INSERT INTO level_times (record, since, over) VALUES ($1, $2, $3)")
                .bind(i64::try_from(*record).unwrap_or(i64::MAX))
                .bind(time.since.millis())
                .bind(time.is_over)
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    pub async fn level_times(&self) -> Result<BTreeMap<u64, LevelTime>, StoreError> {
        let rows = sqlx::query("SELECT record, since, over FROM level_times").fetch_all(&self.read).await?;
        let kept = rows.iter().map(|row| {
            let record: i64 = row.try_get("record")?;
            let kept = LevelTime { since: time(row, "since")?, is_over: row.try_get("over")? };
            Ok((u64::try_from(record).unwrap_or(0), kept))
        });
        kept.collect()
    }

    /// Also one whose time has passed.
    pub async fn level(&self) -> Result<Option<StoredLevel>, StoreError> {
        let row = sqlx::query("SELECT level, incident, confirmed, since, until FROM emergency").fetch_optional(&self.read).await?;
        let Some(row) = row else { return Ok(None) };
        let incident: i64 = row.try_get("incident")?;
        Ok(Some(StoredLevel {
            level: word(&row, "level", Level::parse)?,
            incident: u64::try_from(incident).unwrap_or(0),
            confirmed: time(&row, "confirmed")?,
            since: time(&row, "since")?,
            until: time(&row, "until")?,
        }))
    }
}
