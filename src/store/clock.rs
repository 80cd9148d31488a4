//! Instants from one process to the next: each counts by a clock of its own, which began with what the machine's wall clock said.
//!
//! Invariant: what has a length keeps it. A wall clock that was stepped, while a process ran or between two, makes nothing older or younger.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::time;
use super::{Store, StoreError, Write};
use crate::clock::{Reading, Time};

/// Less is what clocks of one machine differ by.
const NOTHING_MS: i64 = 1_000;

/// What is counted by the clock, and moves with it. When accounts and keys were made is only told to people.
const COUNTED: [&str; 14] = [
    "UPDATE sessions SET signed_in = signed_in + $1, last_active = last_active + $1",
    "UPDATE proofs SET at = at + $1",
    "UPDATE host_tokens SET created = created + $1, last_active = last_active + $1",
    "UPDATE codes SET created = created + $1, expires = expires + $1",
    "UPDATE challenges SET created = created + $1, expires = expires + $1",
    "UPDATE steps SET created = created + $1, expires = expires + $1",
    "UPDATE invitations SET expires = expires + $1",
    "UPDATE enrolments SET created = created + $1",
    "UPDATE familiar_places SET seen = seen + $1",
    "UPDATE accounts SET unused_since = unused_since + $1",
    "UPDATE emergency SET since = since + $1, until = until + $1",
    "UPDATE level_times SET since = since + $1",
    "UPDATE closures SET since = since + $1, until = until + $1, lifted = lifted + $1",
    "UPDATE asked_extensions SET asked = asked + $1",
];

impl Store {
    /// Goes on by this clock instead of the last process's. Returns by how many milliseconds the instants had to move.
    pub async fn adopt_clock(&self, now: &Reading) -> Result<i64, StoreError> {
        let mut write = self.begin().await?;
        let last = sqlx::query("SELECT steady, wall, uptime, boot FROM clock").fetch_optional(&mut *write).await?;
        let last = last.as_ref().map(reading).transpose()?;
        let moved = last.map_or(0, |last| now.steady.millis().saturating_sub(last.carried_to(now).millis()));
        let moved = if moved.abs() < NOTHING_MS { 0 } else { moved };
        if moved != 0 {
            for update in COUNTED {
                sqlx::query(update).bind(moved).execute(&mut *write).await?;
            }
        }
        keep(&mut write, now).await?;
        write.commit().await?;
        Ok(moved)
    }

    /// For the next process, should the machine start anew: then only the wall clock tells how long that took.
    pub async fn keep_clock(&self, now: &Reading) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        keep(&mut write, now).await?;
        Ok(write.commit().await?)
    }
}

async fn keep(write: &mut Write, now: &Reading) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO clock (id, steady, wall, uptime, boot) VALUES (1, $1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET steady = excluded.steady, wall = excluded.wall, uptime = excluded.uptime, boot = excluded.boot",
    )
    .bind(now.steady.millis())
    .bind(now.wall.millis())
    .bind(now.uptime.millis())
    .bind(now.boot.as_str())
    .execute(&mut **write)
    .await?;
    Ok(())
}

fn reading(row: &SqliteRow) -> Result<Reading, StoreError> {
    let at = |column| -> Result<Time, StoreError> { time(row, column) };
    Ok(Reading { steady: at("steady")?, wall: at("wall")?, uptime: at("uptime")?, boot: row.try_get("boot")? })
}
