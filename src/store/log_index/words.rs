//! The numbers of words, in memory as far as they were used of late.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection};

use super::add::{Cell, insert};
use super::terms::{Word, folded, pairs};

/// So many bytes of them are remembered, with what a table of them takes; past that, it begins anew.
const MOST_BYTES: usize = 16 << 20;
/// What one takes beside its text.
const OVERHEAD: usize = 96;

/// Belongs to the connection that writes. After an error it is thrown away, for it may know words that were never stored.
#[derive(Debug, Default)]
pub(super) struct Words {
    known: HashMap<Word, i64>,
    bytes: usize,
    /// The number that the next new word takes; `None`: not looked up yet.
    next: Option<i64>,
}

impl Words {
    /// Makes sure that all of them have a number; new ones take theirs in this order.
    pub(super) async fn learn<'w>(
        &mut self,
        connection: &mut SqliteConnection,
        words: impl Iterator<Item = &'w Word>,
    ) -> Result<(), sqlx::Error> {
        if self.bytes > MOST_BYTES {
            (self.known, self.bytes) = (HashMap::new(), 0);
        }
        let mut unknown: Vec<&Word> = Vec::new();
        let mut places: HashMap<(i64, &str), &Word> = HashMap::new();
        for word in words {
            if !self.known.contains_key(word) && places.insert((word.kind.number(), word.value.as_str()), word).is_none() {
                unknown.push(word);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        self.look_up(connection, &unknown, &places).await?;
        let mut next = match self.next {
            Some(next) => next,
            None => sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM words").fetch_one(&mut *connection).await?,
        };
        let (mut new, mut grams) = (Vec::new(), Vec::new());
        for word in unknown {
            if self.known.contains_key(word) {
                continue;
            }
            new.push([Cell::Number(next), Cell::Number(word.kind.number()), Cell::Text(word.value.clone())]);
            if word.kind.is_text() {
                grams.push([Cell::Number(next), Cell::Text(pairs(&folded(&word.value)))]);
            }
            self.keep(word, next);
            next = next.saturating_add(1);
        }
        self.next = Some(next);
        insert(connection, "INSERT INTO words (id, kind, value) ", "", new).await?;
        insert(connection, "INSERT INTO grams (rowid, pairs) ", "", grams).await
    }

    /// The number of a word that was learnt.
    pub(super) fn of(&self, word: &Word) -> Option<i64> {
        self.known.get(word).copied()
    }

    fn keep(&mut self, word: &Word, number: i64) {
        self.bytes = self.bytes.saturating_add(word.value.len()).saturating_add(OVERHEAD);
        self.known.insert(word.clone(), number);
    }

    async fn look_up(
        &mut self,
        connection: &mut SqliteConnection,
        unknown: &[&Word],
        places: &HashMap<(i64, &str), &Word>,
    ) -> Result<(), sqlx::Error> {
        let asked: Vec<(i64, &str)> = unknown.iter().map(|word| (word.kind.number(), word.value.as_str())).collect();
        let asked = serde_json::to_string(&asked).map_err(|why| sqlx::Error::Encode(why.into()))?;
        let found = sqlx::query(
            "SELECT words.id, words.kind, words.value FROM json_each($1) AS asked
             CROSS JOIN words ON words.kind = asked.value ->> 0 AND words.value = asked.value ->> 1",
        )
        .bind(asked)
        .fetch_all(connection)
        .await?;
        for row in found {
            let value: String = row.try_get("value")?;
            if let Some(word) = places.get(&(row.try_get("kind")?, value.as_str())) {
                self.keep(word, row.try_get("id")?);
            }
        }
        Ok(())
    }
}
