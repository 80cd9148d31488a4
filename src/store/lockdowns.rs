//! What is closed for now, and what somebody closed of late.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{optional_time, time, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::model::{AskedExtension, ByTwo, Closer, Closure, LockdownScope, UnitName};

impl Store {
    /// All of both, in the place of what was.
    pub async fn keep_closures(&self, closures: &[Closure], asked: &[AskedExtension]) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM closures").execute(&mut *write).await?;
        sqlx::query("DELETE FROM asked_extensions").execute(&mut *write).await?;
        for closure in closures {
            sqlx::query(
                "INSERT INTO closures (scope, closer, since, until, lifted, reason, asker, confirmer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(closure.scope.to_string())
            .bind(closure.by.to_string())
            .bind(closure.since.millis())
            .bind(closure.until.millis())
            .bind(closure.lifted.map(Time::millis))
            .bind(&closure.reason)
            .bind(closure.extended.as_ref().map(|two| two.asked.to_string()))
            .bind(closure.extended.as_ref().map(|two| two.confirmed.to_string()))
            .execute(&mut *write)
            .await?;
        }
        for extension in asked {
            sqlx::query("INSERT INTO asked_extensions (scope, asker, asked) VALUES ($1, $2, $3)")
                .bind(extension.scope.to_string())
                .bind(extension.by.to_string())
                .bind(extension.at.millis())
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    pub async fn closures(&self) -> Result<(Vec<Closure>, Vec<AskedExtension>), StoreError> {
        let closures =
            sqlx::query("SELECT scope, closer, since, until, lifted, reason, asker, confirmer FROM closures ORDER BY since, scope")
                .fetch_all(&self.read)
                .await?;
        let asked = sqlx::query("SELECT scope, asker, asked FROM asked_extensions ORDER BY asked, scope").fetch_all(&self.read).await?;
        let extension = |row: &_| Ok(AskedExtension { scope: scope(row)?, by: closer(row, "asker")?, at: time(row, "asked")? });
        let asked: Result<_, StoreError> = asked.iter().map(extension).collect();
        Ok((closures.iter().map(closure).collect::<Result<_, _>>()?, asked?))
    }

    /// Whether any account belongs to it.
    pub async fn has_unit(&self, unit: &UnitName) -> Result<bool, StoreError> {
        let found: i64 =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts WHERE unit = $1)").bind(unit.as_str()).fetch_one(&self.read).await?;
        Ok(found != 0)
    }
}

fn closure(row: &SqliteRow) -> Result<Closure, StoreError> {
    let extended: Option<String> = row.try_get("asker")?;
    let extended = extended.map(|_| Ok::<_, StoreError>(ByTwo { asked: closer(row, "asker")?, confirmed: closer(row, "confirmer")? }));
    Ok(Closure {
        scope: scope(row)?,
        by: closer(row, "closer")?,
        since: time(row, "since")?,
        until: time(row, "until")?,
        lifted: optional_time(row, "lifted")?,
        reason: row.try_get("reason")?,
        extended: extended.transpose()?,
    })
}

fn scope(row: &SqliteRow) -> Result<LockdownScope, StoreError> {
    word(row, "scope", LockdownScope::parse)
}

fn closer(row: &SqliteRow, column: &'static str) -> Result<Closer, StoreError> {
    word(row, column, Closer::parse)
}
