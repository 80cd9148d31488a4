//! How many accesses there were, and how many of them were refused: read from sums by the hour, so that it does not matter how many they were.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::schema::HOUR_MS;
use super::terms::Kind;
use super::{LogIndex, LogIndexError, LogSpan, unsigned};
use crate::clock::Time;
use crate::model::{LogApp, LogCount};

pub(super) const BY_HOUR: &str = "SELECT hour, sum(CASE WHEN reason = 0 THEN count ELSE 0 END) AS allowed,
    sum(CASE WHEN reason = 0 THEN 0 ELSE count END) AS refused
    FROM tallies WHERE hour >= $1 AND hour <= $2 AND ($3 IS NULL OR app = (SELECT id FROM words WHERE kind = $4 AND value = $3))
    GROUP BY hour ORDER BY hour";

pub(super) const BY_APP: &str = "SELECT words.value, sum(CASE WHEN reason = 0 THEN count ELSE 0 END) AS allowed,
    sum(CASE WHEN reason = 0 THEN 0 ELSE count END) AS refused
    FROM tallies CROSS JOIN words ON words.id = tallies.app WHERE hour >= $1 AND hour <= $2 AND ($3 IS NULL OR words.value = $3)
    AND words.kind = $4 GROUP BY tallies.app ORDER BY sum(count) DESC, words.value";

pub(super) const BY_REASON: &str = "SELECT words.value, 0 AS allowed, sum(count) AS refused
    FROM tallies CROSS JOIN words ON words.id = tallies.reason WHERE hour >= $1 AND hour <= $2
    AND ($3 IS NULL OR app = (SELECT id FROM words WHERE kind = $4 AND value = $3))
    GROUP BY tallies.reason ORDER BY sum(count) DESC, words.value";

impl LogIndex {
    /// Accesses and refusals by the hour (its first instant), the oldest first; hours without any are left out.
    pub async fn count_by_hour(&self, span: &LogSpan) -> Result<Vec<LogCount<Time>>, LogIndexError> {
        let hour = |row: &SqliteRow| Ok(Time::from_millis(row.try_get::<i64, _>("hour")?.saturating_mul(HOUR_MS)));
        self.count(BY_HOUR, span, hour).await
    }

    /// By the app ([`LogApp::word`]), those with most first.
    pub async fn count_by_app(&self, span: &LogSpan) -> Result<Vec<LogCount<String>>, LogIndexError> {
        self.count(BY_APP, span, |row| row.try_get("value")).await
    }

    /// Refusals by their reason, those with most first.
    pub async fn count_by_reason(&self, span: &LogSpan) -> Result<Vec<LogCount<String>>, LogIndexError> {
        self.count(BY_REASON, span, |row| row.try_get("value")).await
    }

    async fn count<By>(
        &self,
        query: &'static str,
        span: &LogSpan,
        by: impl Fn(&SqliteRow) -> Result<By, sqlx::Error>,
    ) -> Result<Vec<LogCount<By>>, LogIndexError> {
        let hour = |time: Time| time.millis().div_euclid(HOUR_MS);
        // An hour that begins where the span ends is not touched by it.
        let last = span.to.map_or(i64::MAX, |to| to.millis().saturating_sub(1).div_euclid(HOUR_MS));
        let pools = self.0.pools.read().await;
        let rows = sqlx::query(query)
            .bind(span.from.map_or(i64::MIN, hour))
            .bind(last)
            .bind(span.app.as_ref().map(LogApp::word))
            .bind(Kind::App.number())
            .fetch_all(&pools.read)
            .await
            .map_err(|error| self.failed(error))?;
        let counted = |row: &SqliteRow| {
            Ok(LogCount { by: by(row)?, allowed: unsigned(row.try_get("allowed")?), refused: unsigned(row.try_get("refused")?) })
        };
        rows.iter().map(counted).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }
}
