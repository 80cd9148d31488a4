//! Which configs and emergency plans were in force in a span, by the records of starts and reloads, and their texts as the gateway kept them.
//!
//! Invariant: a text is handed out only if it has the hash that the record names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::facts::{ConfigText, InForce, PlanInForce, config_of, config_path, plan_of, plan_path, puts_config_in_force};
use super::line::Why;
use crate::crypto::sha256;
use crate::gateway::{kept_config, kept_plan};
use crate::model::{Action, Entry, Record, capped};

/// No config is longer.
const LONGEST: u64 = 16 * 1024 * 1024;

/// More than any span has in which somebody could read them.
const MOST: usize = 5_000;
const LONGEST_TEXT: usize = 300;

#[derive(Debug, Default)]
pub struct Configs {
    /// The oldest first.
    pub in_force: Vec<InForce>,
    /// There are more, which were left out.
    pub is_full: bool,
}

impl Configs {
    /// Takes the next record into account, in the order of the log, if it is there for that or is of the span.
    pub fn look(&mut self, entry: &Entry, why: Why) {
        let has_stopped = matches!(&entry.record, Record::Event(event) if event.action == Action::Stop);
        let event = puts_config_in_force(entry);
        let ends = has_stopped || event.is_some();
        // Between the last start and what followed, more configs may have been in force than there are records of here.
        if let Some(last) = self.in_force.last_mut().filter(|last| ends && last.until.is_none() && !last.as_started) {
            last.until = Some(capped(&entry.time, LONGEST_TEXT));
        }
        self.is_full |= event.is_some() && self.in_force.len() >= MOST;
        if let Some(event) = event.filter(|_| !self.is_full) {
            let sha256 = config_of(event).map(str::to_owned);
            let text = if sha256.is_some() { ConfigText::Missing } else { ConfigText::Unknown };
            let waiting = event.details.get("waiting").map(|waiting| capped(waiting, LONGEST_TEXT));
            let (sequence, as_started) = (entry.sequence, why == Why::Start);
            let from = capped(&entry.time, LONGEST_TEXT);
            let plan = plan_of(event).filter(|_| !as_started);
            let plan = plan.map(|sha256| PlanInForce { sha256: sha256.to_owned(), text: ConfigText::Missing });
            self.in_force.push(InForce { sequence, as_started, from, until: None, sha256, waiting, text, plan });
        }
    }

    /// Whether this is what is said of them; which texts there are is another question.
    pub fn are_told(&self, told: &[InForce]) -> Result<(), u64> {
        let is_same = |(found, told): (&InForce, &InForce)| found.on_record() == told.on_record();
        match self.in_force.iter().zip(told).find(|both| !is_same(*both)) {
            Some((found, _)) => Err(found.sequence),
            None => {
                let longer = if told.len() > self.in_force.len() { told } else { &self.in_force };
                longer.get(told.len().min(self.in_force.len())).map_or(Ok(()), |more| Err(more.sequence))
            }
        }
    }

    /// The texts that are kept in the data directory, by their places in the pack; says of each what became of it.
    pub fn texts(&mut self, data: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut texts = BTreeMap::new();
        for config in &mut self.in_force {
            if let Some(hash) = &config.sha256 {
                config.text = kept(&mut texts, config_path(hash), &kept_config(data, hash), hash)?;
            }
            if let Some(plan) = &mut config.plan {
                plan.text = kept(&mut texts, plan_path(&plan.sha256), &kept_plan(data, &plan.sha256), &plan.sha256)?;
            }
        }
        Ok(texts)
    }
}

/// Takes a text with this hash into the pack, if the gateway keeps it.
fn kept(texts: &mut BTreeMap<String, Vec<u8>>, place: String, path: &Path, hash: &str) -> anyhow::Result<ConfigText> {
    if texts.contains_key(&place) {
        return Ok(ConfigText::Kept);
    }
    match read(path) {
        Ok(text) if HEXLOWER.encode(&sha256(&text)) == *hash => {
            texts.insert(place, text);
            Ok(ConfigText::Kept)
        }
        Ok(_) => Ok(ConfigText::Damaged),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigText::Missing),
        Err(error) => Err(anyhow::Error::new(error).context(format!("cannot read what was kept as {}", path.display()))),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST.saturating_add(1)).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::samples::entry_at;
    use super::*;
    use crate::model::Event;

    #[test]
    fn configs_follow_each_other_and_a_text_that_is_missing_or_damaged_is_named_as_such() {
        let data = tempfile::tempdir().unwrap();
        let hash = |text: &str| HEXLOWER.encode(&sha256(text.as_bytes()));
        let keep = |name: &str, text: &str| {
            let path = kept_config(data.path(), &hash(name));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        keep("one", "one");
        keep("two", "another");
        let mut configs = Configs::default();
        let event = |action, text: &str| Event::done(action).with("config", hash(text));
        for (number, event) in [
            (1, event(Action::Start, "one")),
            (2, Event::failed(Action::ConfigRefused)),
            (3, event(Action::ConfigReloaded, "two").with("waiting", "listen")),
            (4, Event::done(Action::Stop)),
            (5, event(Action::Start, "three")),
            (6, Event::done(Action::Start)),
            (7, event(Action::Start, "one")),
        ] {
            configs.look(&entry_at(number, number, Record::Event(event)), Why::Span);
        }
        let texts = configs.texts(data.path()).unwrap();
        assert_eq!(texts.into_iter().collect::<Vec<_>>(), [(config_path(&hash("one")), b"one".to_vec())]);
        let told: Vec<_> = configs.in_force.iter().map(|config| (config.sequence, config.until.is_some(), config.text)).collect();
        use ConfigText::{Damaged, Kept, Missing, Unknown};
        assert_eq!(told, [(1, true, Kept), (3, true, Damaged), (5, true, Missing), (6, true, Unknown), (7, false, Kept)]);
        assert_eq!(configs.in_force[1].waiting.as_deref(), Some("listen"));
        assert_eq!(configs.in_force[1].until, Some(entry_at(4, 4, Record::StillOpen { references: Vec::new() }).time), "the stop ends it");
    }
}
