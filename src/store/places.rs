//! Where accounts signed in of late: so few places each that whoever comes to know one account cannot make many places familiar.

use super::rows::{parsed, time, word};
use super::{Store, StoreError, Write};
use crate::clock::Time;
use crate::model::{AccountId, AccountName, FAMILIAR_PLACES, Network};

/// A place where an account signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamiliarPlace {
    pub account: AccountName,
    pub network: Network,
    pub seen: Time,
}

impl Store {
    /// The places of all active accounts: what a process loads at its start.
    pub async fn familiar_places(&self) -> Result<Vec<FamiliarPlace>, StoreError> {
        let rows = sqlx::query(
            "SELECT accounts.name, familiar_places.network, familiar_places.seen
             FROM familiar_places JOIN accounts ON accounts.id = familiar_places.account WHERE accounts.state = 'active'",
        )
        .fetch_all(&self.read)
        .await?;
        let place = |row| {
            Ok(FamiliarPlace {
                account: word(row, "name", |text| AccountName::parse(text).ok())?,
                network: Network::of(parsed(row, "network")?),
                seen: time(row, "seen")?,
            })
        };
        rows.iter().map(place).collect()
    }

    /// Forgets the places where nobody signed in since.
    pub async fn forget_places(&self, since: Time) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM familiar_places WHERE seen <= $1").bind(since.millis()).execute(&self.write).await?;
        Ok(())
    }
}

/// The account signed in there; its oldest place gives way to one too many.
pub(super) async fn remember(write: &mut Write, account: AccountId, network: Network, now: Time) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO familiar_places (account, network, seen) VALUES ($1, $2, $3)
         ON CONFLICT (account, network) DO UPDATE SET seen = max(seen, excluded.seen)",
    )
    .bind(account.to_string())
    .bind(network.base().to_string())
    .bind(now.millis())
    .execute(&mut **write)
    .await?;
    sqlx::query(
        "DELETE FROM familiar_places WHERE account = $1 AND network IN
         (SELECT network FROM familiar_places WHERE account = $1 ORDER BY seen DESC, network LIMIT -1 OFFSET $2)",
    )
    .bind(account.to_string())
    .bind(i64::try_from(FAMILIAR_PLACES).unwrap_or(i64::MAX))
    .execute(&mut **write)
    .await?;
    Ok(())
}
