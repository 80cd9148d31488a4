//! What is closed to everybody for now.

use sqlx::Row;

use super::rows::{time, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::model::AppId;

impl Store {
    /// All that is closed, in the place of what was; `None` stands for all apps.
    pub async fn keep_lockdowns(&self, closed: &[(Option<AppId>, Time)]) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM lockdowns").execute(&mut *write).await?;
        for (app, until) in closed {
            sqlx::query("INSERT INTO lockdowns (app, until) VALUES ($1, $2)")
                .bind(app.as_ref().map_or("", AppId::as_str))
                .bind(until.millis())
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    pub async fn lockdowns(&self, now: Time) -> Result<Vec<(Option<AppId>, Time)>, StoreError> {
        let rows = sqlx::query("SELECT app, until FROM lockdowns WHERE until > $1").bind(now.millis()).fetch_all(&self.read).await?;
        let app = |row: &_| match Row::try_get::<&str, _>(row, "app")? {
            "" => Ok(None),
            _ => word(row, "app", AppId::parse).map(Some),
        };
        rows.iter().map(|row| Ok((app(row)?, time(row, "until")?))).collect()
    }
}
