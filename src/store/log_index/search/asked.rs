//! What a query comes to in terms, and whether a record fulfils it.

use super::*;

/// One thing that is asked for.
pub(super) enum Condition {
    /// One of these terms, which so many records have.
    Terms { terms: HashSet<i64>, records: i64 },
    /// Too many words to be listed; each that a record has is looked at.
    Words(Words),
}

pub(super) enum Words {
    Addresses {
        first: String,
        last: String,
    },
    /// Folded.
    Text(String),
}

pub(super) struct Asked {
    conditions: Vec<Condition>,
    /// Sequences before this one, and from that one on.
    pub before: i64,
    pub floor: i64,
    from: Option<i64>,
    to: Option<i64>,
    /// The condition that leads, which its candidates need not be asked for again.
    led_by: Option<usize>,
    /// Of each word that was looked at, by condition: whether it is one of those.
    seen: HashMap<(usize, i64), bool>,
}

impl Asked {
    /// `None`: nothing can fit, for no record has such a word.
    pub(super) async fn of(read: &mut SqliteConnection, query: &LogQuery) -> Result<Option<Self>, sqlx::Error> {
        let (from, to) = (query.from.map(crate::clock::Time::millis), query.to.map(crate::clock::Time::millis));
        let (floor, ceiling) = sequences(read, from, to).await?;
        let floor = query.after.map_or(floor, |after| floor.max(signed(after).saturating_add(1)));
        let before = query.before.map_or(i64::MAX, signed).min(ceiling);
        let mut asked = Self { conditions: Vec::new(), before, floor, from, to, led_by: None, seen: HashMap::new() };
        for (kind, value) in words_of(query) {
            let found = sqlx::query(WORD).bind(kind.number()).bind(value).fetch_optional(&mut *read).await?;
            let Some(row) = found else { return Ok(None) };
            asked.conditions.push(Condition::Terms { terms: HashSet::from([row.try_get("id")?]), records: row.try_get("count")? });
        }
        if let Some(network) = &query.address {
            let (first, last) = bounds(network);
            let most = i64::try_from(MOST_WORDS).unwrap_or(i64::MAX).saturating_add(1);
            let query = sqlx::query(ADDRESSES).bind(Kind::Address.number()).bind(&first).bind(&last).bind(most);
            asked.add(query.fetch_all(&mut *read).await?, Words::Addresses { first: first.clone(), last: last.clone() })?;
        }
        if let Some(text) = &query.text {
            let text = folded(text.trim());
            let phrase = format!("\"{}\"", pairs(&text).replace('"', "\"\""));
            let most = i64::try_from(MOST_WORDS).unwrap_or(i64::MAX).saturating_add(1);
            let found = sqlx::query(TEXTS).bind(phrase).bind(most).fetch_all(&mut *read).await?;
            asked.add(found, Words::Text(text))?;
        }
        let is_hopeless = asked.conditions.iter().any(|condition| matches!(condition, Condition::Terms { terms, .. } if terms.is_empty()));
        Ok((!is_hopeless).then_some(asked))
    }

    fn add(&mut self, found: Vec<sqlx::sqlite::SqliteRow>, words: Words) -> Result<(), sqlx::Error> {
        if found.len() > MOST_WORDS {
            self.conditions.push(Condition::Words(words));
            return Ok(());
        }
        let (mut terms, mut records) = (HashSet::new(), 0_i64);
        for row in found {
            terms.insert(row.try_get("id")?);
            records = records.saturating_add(row.try_get("count")?);
        }
        self.conditions.push(Condition::Terms { terms, records });
        Ok(())
    }

    /// What leads, and by how many terms.
    pub(super) fn lead(&mut self, reference: Option<&Reference>) -> (Lead, usize) {
        if let Some(reference) = reference {
            return (Lead::Reference(super::super::add::random_of(reference)), 1);
        }
        let listed = self.conditions.iter().enumerate().filter_map(|(place, condition)| match condition {
            Condition::Terms { terms, records } => Some((*records, place, terms)),
            Condition::Words(_) => None,
        });
        let Some((_, place, terms)) = listed.min_by_key(|(records, place, _)| (*records, *place)) else { return (Lead::All, 1) };
        let lead = match terms.iter().copied().collect::<Vec<_>>().as_slice() {
            [term] => Lead::Term(*term),
            many => Lead::Terms(serde_json::to_string(many).unwrap_or_default()),
        };
        let many = terms.len();
        self.led_by = Some(place);
        (lead, many)
    }

    /// Whether every candidate fits.
    pub(super) fn is_exact(&self) -> bool {
        let others = self.conditions.len().saturating_sub(usize::from(self.led_by.is_some()));
        others == 0 && self.from.is_none() && self.to.is_none()
    }

    /// Those of the candidates that fit, in the same order.
    pub(super) async fn fitting(&mut self, read: &mut SqliteConnection, candidates: &[i64]) -> Result<Vec<LogRow>, sqlx::Error> {
        let mut entries = HashMap::with_capacity(candidates.len());
        for row in sqlx::query(ENTRIES).bind(json(candidates)).fetch_all(&mut *read).await? {
            let at: i64 = row.try_get("at")?;
            if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at >= to) {
                continue;
            }
            let sequence: i64 = row.try_get("sequence")?;
            let closed: Option<i64> = row.try_get("closed")?;
            entries.insert(sequence, (closed, unpacked(row.try_get("terms")?)));
        }
        for place in 0..self.conditions.len() {
            if Some(place) != self.led_by {
                self.look_at_words(read, place, entries.values().flat_map(|(_, terms)| terms)).await?;
                entries.retain(|_, (_, terms)| self.fulfils(place, terms));
            }
        }
        let row = |sequence: &i64| {
            let (closed, _) = entries.get(sequence)?;
            Some(LogRow { sequence: unsigned(*sequence), closed: closed.map(unsigned) })
        };
        Ok(candidates.iter().filter_map(row).collect())
    }

    fn fulfils(&self, place: usize, of_record: &[i64]) -> bool {
        match self.conditions.get(place) {
            Some(Condition::Terms { terms, .. }) => of_record.iter().any(|term| terms.contains(term)),
            Some(Condition::Words(_)) => of_record.iter().any(|term| self.seen.get(&(place, *term)) == Some(&true)),
            None => true,
        }
    }

    async fn look_at_words(
        &mut self,
        read: &mut SqliteConnection,
        place: usize,
        of_records: impl Iterator<Item = &i64>,
    ) -> Result<(), sqlx::Error> {
        let Some(Condition::Words(words)) = self.conditions.get(place) else { return Ok(()) };
        let new: HashSet<i64> = of_records.copied().filter(|term| !self.seen.contains_key(&(place, *term))).collect();
        let new: Vec<i64> = new.into_iter().collect();
        for row in sqlx::query(VALUES).bind(json(&new)).fetch_all(read).await? {
            let (kind, value): (i64, String) = (row.try_get("kind")?, row.try_get("value")?);
            self.seen.insert((place, row.try_get("id")?), words.have(kind, &value));
        }
        Ok(())
    }
}

impl Words {
    fn have(&self, kind: i64, value: &str) -> bool {
        match self {
            Self::Addresses { first, last } => kind == Kind::Address.number() && first.as_str() <= value && value <= last.as_str(),
            Self::Text(text) => Kind::is_text_number(kind) && folded(value).contains(text.as_str()),
        }
    }
}

fn words_of(query: &LogQuery) -> Vec<(Kind, String)> {
    let account = query.account.as_ref().map(|account| {
        let kind = if account.as_str().parse::<uuid::Uuid>().is_ok() { Kind::AccountId } else { Kind::Account };
        (kind, account.as_str().to_owned())
    });
    let one = |kind: Kind, value: Option<String>| value.map(|value| (kind, value));
    [
        account,
        one(Kind::Unit, query.unit.as_ref().map(ToString::to_string)),
        one(Kind::App, query.app.as_ref().map(|app| app.word().to_owned())),
        one(Kind::Decision, query.decision.map(|decision| decision.word().to_owned())),
        one(Kind::What, query.kind.map(crate::model::LogKind::word)),
        one(Kind::Rule, query.rule.clone()),
        one(Kind::Status, query.status.map(|status| status.to_string())),
        one(Kind::Session, query.session.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// From which sequence on, and up to which, records of that time can be.
async fn sequences(read: &mut SqliteConnection, from: Option<i64>, to: Option<i64>) -> Result<(i64, i64), sqlx::Error> {
    let tick = |millis: i64| millis.div_euclid(super::super::schema::TICK_MS);
    let floor = match from {
        Some(from) => sqlx::query_scalar(FIRST_SINCE).bind(tick(from)).fetch_optional(&mut *read).await?.unwrap_or(0),
        None => 0,
    };
    let Some(to) = to else { return Ok((floor, i64::MAX)) };
    let back: i64 = sqlx::query_scalar("SELECT back FROM state").fetch_one(&mut *read).await?;
    let after = sqlx::query_scalar(FIRST_AFTER).bind(tick(to.saturating_add(back))).fetch_optional(read).await?;
    Ok((floor, after.unwrap_or(i64::MAX)))
}

fn json(numbers: &[i64]) -> String {
    serde_json::to_string(numbers).unwrap_or_default()
}
