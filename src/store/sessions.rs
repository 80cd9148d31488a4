//! Sessions and their tokens, one for each host that was entered.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{account, account_columns, bytes, hash, parsed, time, word};
use super::{Store, StoreError, places, proofs};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, Factor, Host, Network, Proof, SessionId, TokenId};

/// Tokens of one session for one host: two tabs may enter at once. The oldest gives way.
const TOKENS_PER_HOST: i64 = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub account: AccountId,
    /// The key that opened it.
    pub key: TokenId,
    pub factor: Factor,
    /// How records name it: the start of the portal token's hash.
    pub mark: String,
    pub signed_in: Time,
    pub last_active: Time,
    pub address: IpAddr,
    pub user_agent: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    pub session: Session,
    pub account: Account,
    /// The newest of each token; the first is that of the token that opened it.
    pub proofs: Vec<Proof>,
    pub tokens: Vec<StoredHostToken>,
    /// When each of its hosts was last active.
    pub hosts: BTreeMap<Host, Time>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHostToken {
    pub host: Host,
    pub hash: TokenHash,
    /// What it was given out with, as far as that was not proved again since; the first is that of the token that opened the session.
    pub proofs: Vec<Proof>,
}

/// The times of a session, written back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    pub session: SessionId,
    pub signed_in: Time,
    pub last_active: Time,
    /// The last activity on each of its hosts.
    pub hosts: BTreeMap<Host, Time>,
}

impl Store {
    /// Creates a session with its token for the portal, and makes its place familiar. `false`: the account is not active, or the key is gone.
    pub async fn create_session(&self, new: &Session, portal: &Host, token: TokenHash) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let created = sqlx::query(
            "INSERT INTO sessions (id, account, key, factor, mark, signed_in, last_active, address, user_agent)
             SELECT $1, accounts.id, tokens.id, $4, $5, $6, $7, $8, $9 FROM accounts JOIN tokens ON tokens.account = accounts.id
             WHERE accounts.id = $2 AND accounts.state = 'active' AND tokens.id = $3 AND tokens.state = 'active'",
        )
        .bind(new.id.to_string())
        .bind(new.account.to_string())
        .bind(new.key.to_string())
        .bind(new.factor.word())
        .bind(new.mark.as_str())
        .bind(new.signed_in.millis())
        .bind(new.last_active.millis())
        .bind(new.address.to_string())
        .bind(new.user_agent.as_str())
        .execute(&mut *write)
        .await?;
        if created.rows_affected() != 1 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO host_tokens (hash, session, host, created) VALUES ($1, $2, $3, $4)")
            .bind(bytes(&token))
            .bind(new.id.to_string())
            .bind(portal.as_str())
            .bind(new.signed_in.millis())
            .execute(&mut *write)
            .await?;
        proofs::put(&mut write, new.id, &Proof { token: new.key, factor: new.factor, at: new.signed_in }).await?;
        places::remember(&mut write, new.account, Network::of(new.address), new.signed_in).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Gives the session of `asker` a token for another host, and returns the old ones that gave way to it. `None`: that token, or its
    /// session, is worth nothing any more.
    pub async fn add_host_token(
        &self,
        asker: TokenHash,
        host: &Host,
        token: TokenHash,
        now: Time,
    ) -> Result<Option<Vec<TokenHash>>, StoreError> {
        let mut write = self.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO host_tokens (hash, session, host, created, proven)
             SELECT $1, session, $3, $4, proven FROM host_tokens WHERE hash = $2",
        )
        .bind(bytes(&token))
        .bind(bytes(&asker))
        .bind(host.as_str())
        .bind(now.millis())
        .execute(&mut *write)
        .await?;
        if inserted.rows_affected() != 1 {
            return Ok(None);
        }
        let dropped = sqlx::query(
            "DELETE FROM host_tokens WHERE hash IN
             (SELECT hash FROM host_tokens WHERE session = (SELECT session FROM host_tokens WHERE hash = $1) AND host = $2 AND hash <> $3
              ORDER BY created DESC, hash LIMIT -1 OFFSET $4) RETURNING hash",
        )
        .bind(bytes(&asker))
        .bind(host.as_str())
        .bind(bytes(&token))
        .bind(TOKENS_PER_HOST.saturating_sub(1))
        .fetch_all(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Some(dropped.iter().map(|row| hash(row, "hash")).collect::<Result<_, _>>()?))
    }

    /// Every session of an active account, with its tokens: what a process loads at its start.
    pub async fn live_sessions(&self) -> Result<Vec<StoredSession>, StoreError> {
        let mut read = self.read.begin().await?;
        let mut tokens: HashMap<SessionId, Vec<(Host, TokenHash, i64)>> = HashMap::new();
        let mut hosts: HashMap<SessionId, BTreeMap<Host, Time>> = HashMap::new();
        let query = "SELECT session, host, hash, proven, COALESCE(last_active, created) AS last_active FROM host_tokens ORDER BY created";
        for row in sqlx::query(query).fetch_all(&mut *read).await? {
            let host = word(&row, "host", |text| Host::parse(text).ok())?;
            let (session, active) = (parsed(&row, "session")?, time(&row, "last_active")?);
            let last = hosts.entry(session).or_default().entry(host.clone()).or_insert(active);
            *last = active.max(*last);
            tokens.entry(session).or_default().push((host, hash(&row, "hash")?, row.try_get("proven")?));
        }
        let mut proofs = proofs::all(&mut read).await?;
        let rows = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            ", sessions.id AS session, sessions.key, sessions.factor, sessions.mark, sessions.signed_in, sessions.last_active,
             sessions.address, sessions.user_agent
             FROM sessions JOIN accounts ON accounts.id = sessions.account WHERE accounts.state = 'active'"
        ))
        .fetch_all(&mut *read)
        .await?;
        let sessions = rows.iter().map(|row| {
            let account = account(row)?;
            let session = session(row, account.id)?;
            let (tokens, hosts) = (tokens.remove(&session.id).unwrap_or_default(), hosts.remove(&session.id).unwrap_or_default());
            let proofs = proofs.remove(&session.id).unwrap_or_default();
            let sign_in = Proof { token: session.key, factor: session.factor, at: session.signed_in };
            let token = |(host, hash, proven)| StoredHostToken { host, hash, proofs: proofs::up_to(proven, sign_in, &proofs) };
            let tokens = tokens.into_iter().map(token).collect();
            Ok(StoredSession { session, account, proofs: proofs::up_to(i64::MAX, sign_in, &proofs), tokens, hosts })
        });
        sessions.collect()
    }

    /// Writes back the times of several sessions.
    pub async fn touch(&self, batch: &[Touch]) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        for touch in batch {
            // A sign-in that moves takes what was proved after it along.
            sqlx::query(
                "UPDATE proofs SET at = at + $2 - (SELECT signed_in FROM sessions WHERE id = $1)
                 WHERE session = $1 AND $2 <> (SELECT signed_in FROM sessions WHERE id = $1)",
            )
            .bind(touch.session.to_string())
            .bind(touch.signed_in.millis())
            .execute(&mut *write)
            .await?;
            sqlx::query("UPDATE sessions SET signed_in = $2, last_active = $3 WHERE id = $1")
                .bind(touch.session.to_string())
                .bind(touch.signed_in.millis())
                .bind(touch.last_active.millis())
                .execute(&mut *write)
                .await?;
            for (host, active) in &touch.hosts {
                sqlx::query("UPDATE host_tokens SET last_active = $3 WHERE session = $1 AND host = $2")
                    .bind(touch.session.to_string())
                    .bind(host.as_str())
                    .bind(active.millis())
                    .execute(&mut *write)
                    .await?;
            }
        }
        Ok(write.commit().await?)
    }

    /// Ends a session with all its tokens and codes; `false`: it had ended already.
    pub async fn end_session(&self, id: SessionId) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id.to_string()).execute(&self.write).await?;
        Ok(ended.rows_affected() == 1)
    }

    pub async fn end_sessions_of(&self, account: AccountId) -> Result<Vec<SessionId>, StoreError> {
        let ended =
            sqlx::query("DELETE FROM sessions WHERE account = $1 RETURNING id").bind(account.to_string()).fetch_all(&self.write).await?;
        ended.iter().map(|row| parsed(row, "id")).collect()
    }
}

fn session(row: &SqliteRow, account: AccountId) -> Result<Session, StoreError> {
    Ok(Session {
        id: parsed(row, "session")?,
        account,
        key: parsed(row, "key")?,
        factor: word(row, "factor", Factor::parse)?,
        mark: row.try_get("mark")?,
        signed_in: time(row, "signed_in")?,
        last_active: time(row, "last_active")?,
        address: parsed(row, "address")?,
        user_agent: row.try_get("user_agent")?,
    })
}
