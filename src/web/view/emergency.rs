//! The emergency level in force, as pages say it: in words, and from level III on in its colour too.

use std::borrow::Cow;
use std::time::Duration;

use super::{Frame, Moment};
use crate::incident::{Apps, LevelTerms, Measures, Whose};
use crate::model::Level;

#[derive(Clone, Debug)]
pub struct EmergencyView {
    pub level: Level,
    pub until: Moment,
    /// What it does, as keys of texts.
    pub terms: Vec<&'static str>,
}

impl EmergencyView {
    /// The keys of what these measures mean to people.
    pub fn terms_of(measures: &Measures) -> Vec<&'static str> {
        let of = |apps: &Apps, all, some| if *apps == Apps::All { all } else { some };
        let narrowed = measures.from.as_ref().map(|from| &from.apps);
        let terms = [
            measures.closed.as_ref().map(|apps| of(apps, "emergency-closed", "emergency-closed-some")),
            narrowed.map(|apps| of(apps, "emergency-from", "emergency-from-some")),
            measures.read_only.as_ref().map(|apps| of(apps, "emergency-read-only", "emergency-read-only-some")),
            (measures.idle.is_some() || measures.overall.is_some()).then_some("emergency-sessions"),
            (measures.factor.is_some() || measures.fresh.is_some()).then_some("emergency-factor"),
            measures.freeze_enrolment.then_some("emergency-enrolment"),
        ];
        terms.into_iter().flatten().collect()
    }

    pub(super) fn name(&self, frame: &Frame) -> Cow<'static, str> {
        frame.t(match self.level {
            Level::I => "emergency-level-i",
            Level::II => "emergency-level-ii",
            Level::III => "emergency-level-iii",
            Level::IV => "emergency-level-iv",
        })
    }
}

/// What confirming a level does, for whoever is about to.
pub struct LevelEffects {
    pub level: Level,
    /// How long what holds for a time does; `None`: nothing does.
    pub lasts: Option<Duration>,
    /// As keys of texts.
    pub terms: Vec<&'static str>,
}

impl LevelEffects {
    pub fn of(terms: &LevelTerms) -> Self {
        let once = [
            terms.once.end_sessions.map(|whose| match whose {
                Whose::Everybodys => "level-once-sessions",
                Whose::Concerned => "level-once-sessions-concerned",
            }),
            terms.once.suspend_tokens.then_some("level-once-tokens"),
        ];
        let holds = terms.policy.iter().flat_map(EmergencyView::terms_of);
        let lasts = terms.policy.as_ref().map(|measures| measures.lasts);
        Self { level: terms.level, lasts, terms: once.into_iter().flatten().chain(holds).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Colour, Once, Texts, Thresholds};
    use crate::lang::Language;

    #[test]
    fn what_a_level_does_is_told_in_every_language() {
        let all = Measures {
            idle: Some(Duration::from_mins(5)),
            fresh: Some(Duration::from_mins(5)),
            read_only: Some(Apps::All),
            from: Some(crate::incident::Narrowed { networks: Vec::new(), apps: Apps::All }),
            closed: Some(Apps::All),
            freeze_enrolment: true,
            ..Measures::default()
        };
        let some = || Apps::These(Vec::new());
        let narrowed = crate::incident::Narrowed { networks: Vec::new(), apps: some() };
        let part = Measures { read_only: Some(some()), from: Some(narrowed), closed: Some(some()), ..Measures::default() };
        let (mut keys, some) = (EmergencyView::terms_of(&all), EmergencyView::terms_of(&part));
        assert_eq!((keys.len(), EmergencyView::terms_of(&Measures::default()).len()), (6, 0));
        assert!(some.len() == 3 && some.iter().all(|key| key.ends_with("-some")), "{some:?}");
        let level = |end_sessions, suspend_tokens: bool| LevelTerms {
            level: Level::I,
            names: Texts { zh: String::new(), en: String::new() },
            colour: Colour::of(Level::I),
            thresholds: Thresholds::default(),
            checklist: Vec::new(),
            policy: suspend_tokens.then(|| all.clone()),
            once: Once { end_sessions, suspend_tokens },
        };
        let (much, less) =
            (LevelEffects::of(&level(Some(Whose::Everybodys), true)), LevelEffects::of(&level(Some(Whose::Concerned), false)));
        assert_eq!((much.terms.len(), much.lasts, less.terms.as_slice()), (8, Some(all.lasts), &["level-once-sessions-concerned"][..]));
        keys.extend(some.into_iter().chain(much.terms).chain(less.terms));
        for language in Language::ALL {
            let frame = Frame::app_host(*language);
            assert!(keys.iter().all(|key| frame.t(key) != *key), "{language:?}");
            for level in Level::ALL.iter().copied() {
                let until = Moment { shown: String::new(), iso: String::new() };
                let name = EmergencyView { level, until, terms: Vec::new() }.name(&frame).into_owned();
                assert!(name.contains(level.word()) && !name.starts_with("emergency-"), "{name}");
            }
        }
    }
}
