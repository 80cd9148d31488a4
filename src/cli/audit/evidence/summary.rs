//! The summary of a pack, as pages in each language.

use askama::Template;

use super::facts::{ConfigText, Empty, Facts, InForce};
use super::people::{AccountFacts, AccountsFile, TokenFacts};
use super::survey::{Row, Rows, Survey, Tally};
use crate::lang::Language;
use crate::model::{AccountState, visible};
use crate::tlog::Checkpoint;
use crate::web::view::{
    EvidenceConfig, EvidenceConfigText, EvidenceCount, EvidenceCounts, EvidenceEmpty, EvidencePerson, EvidenceRow, EvidenceRows,
    EvidenceToken, EvidenceTold, EvidenceView,
};

/// Names of a table of counts.
const MOST_COUNTED: usize = 20;
/// People in the summary; all are in `accounts.json`.
const MOST_PEOPLE: usize = 200;

pub struct Told<'a> {
    pub facts: &'a Facts,
    pub survey: &'a Survey,
    pub accounts: &'a AccountsFile,
    pub head: &'a Checkpoint,
    pub is_signed: bool,
}

pub fn page(language: Language, told: &Told<'_>) -> Result<String, askama::Error> {
    EvidenceView::new(language, &told.words()).render()
}

impl Told<'_> {
    fn words(&self) -> EvidenceTold {
        let Told { facts, survey, accounts, head, is_signed } = self;
        let people = accounts.accounts.iter().take(MOST_PEOPLE).map(person).collect();
        EvidenceTold {
            log: facts.log.clone(),
            version: facts.version.clone(),
            made: moment(&facts.made),
            by: facts.by.user.as_ref().map_or_else(|| facts.by.uid.to_string(), |user| format!("{user} ({})", facts.by.uid)),
            from: moment(&facts.from),
            to: moment(&facts.to),
            incident: facts.incident.as_ref().map(|about| about.number),
            is_drill: facts.incident.as_ref().is_some_and(|about| about.drill.is_some()),
            app: facts.app.clone(),
            account: facts.account.clone(),
            first: facts.first,
            last: facts.last,
            looked_at: facts.last.saturating_add(1).saturating_sub(facts.first),
            chosen: facts.chosen,
            records: facts.records,
            is_gapless: facts.gapless,
            gone: if facts.may_be_gone() { facts.oldest.saturating_sub(1) } else { 0 },
            empty: facts.empty().map(|empty| match empty {
                Empty::Nothing => EvidenceEmpty::Nothing,
                Empty::NotYet => EvidenceEmpty::NotYet,
                Empty::Gone => EvidenceEmpty::Gone,
                Empty::BeforeTheLog => EvidenceEmpty::BeforeTheLog,
            }),
            ended: facts.ended_before().map(moment),
            unsealed: facts.unsealed,
            end_is_unsure: facts.end_is_unsure(),
            other_times: facts.other_times,
            still_open: if facts.incident.is_some() { 0 } else { facts.still_open },
            allowed: survey.allowed,
            refused: survey.refused,
            events: survey.events,
            unknown: survey.unknown,
            apps: counts(&survey.apps),
            reasons: counts(&survey.reasons),
            accounts: counts(&survey.accounts),
            kinds: counts(&survey.kinds),
            refusals: rows(&survey.refusals),
            changes: rows(&survey.changes),
            lockdowns: rows(&survey.lockdowns),
            gaps: rows(&survey.gaps),
            configs: survey.configs.in_force.iter().map(config).collect(),
            people,
            all_people: accounts.accounts.len() as u64,
            as_of: moment(&accounts.as_of),
            store_read: accounts.store_read,
            size: head.size,
            root: head.root.to_string(),
            is_signed: *is_signed,
        }
    }
}

/// RFC 3339 in UTC, to the second, as people read it.
fn moment(rfc3339: &str) -> String {
    let (day, time) = rfc3339.split_once('T').unwrap_or((rfc3339, ""));
    let time = time.split(['.', 'Z']).next().unwrap_or_default();
    format!("{day} {time}")
}

fn counts(tally: &Tally) -> EvidenceCounts {
    let (top, rest) = tally.top(MOST_COUNTED);
    let count = |(name, allowed, refused): (&str, u64, u64)| EvidenceCount { name: visible(name), allowed, refused };
    EvidenceCounts {
        counts: top.into_iter().map(count).collect(),
        rest: EvidenceCount { name: String::new(), allowed: rest.0, refused: rest.1 },
    }
}

fn rows(rows: &Rows) -> EvidenceRows {
    EvidenceRows { rows: rows.rows.iter().map(row).collect(), all: rows.all }
}

fn row(row: &Row) -> EvidenceRow {
    EvidenceRow {
        sequence: row.sequence,
        time: moment(&row.time),
        what: visible(&row.what),
        failed: row.failed,
        who: row.who.as_deref().map(visible),
        address: row.address.clone(),
        details: row.details.iter().map(|(name, value)| (visible(name), visible(value))).collect(),
    }
}

fn text(text: ConfigText) -> EvidenceConfigText {
    match text {
        ConfigText::Kept => EvidenceConfigText::Kept,
        ConfigText::Missing => EvidenceConfigText::Missing,
        ConfigText::Damaged => EvidenceConfigText::Damaged,
        ConfigText::Unknown => EvidenceConfigText::Unknown,
    }
}

fn config(config: &InForce) -> EvidenceConfig {
    EvidenceConfig {
        sequence: config.sequence,
        as_started: config.as_started,
        from: moment(&config.from),
        until: config.until.as_deref().map(moment),
        sha256: config.sha256.clone(),
        waiting: config.waiting.as_deref().map(visible),
        text: text(config.text),
        plan: config.plan.as_ref().map(|plan| (plan.sha256.clone(), text(plan.text))),
    }
}

fn person(account: &AccountFacts) -> EvidencePerson {
    EvidencePerson {
        name: account.name.clone(),
        unit: account.unit.clone(),
        role: account.role,
        state: account.state.as_deref().and_then(AccountState::parse),
        tokens: account.tokens.iter().map(token).collect(),
    }
}

fn token(token: &TokenFacts) -> EvidenceToken {
    EvidenceToken { serial: token.serial.clone(), kind: token.kind, state: token.state, label: token.label.as_deref().map(visible) }
}
