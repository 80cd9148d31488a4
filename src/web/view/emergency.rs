//! The emergency level in force, as pages say it: in words, and from level III on in its colour too.

use std::borrow::Cow;

use super::{Frame, Moment};
use crate::incident::Measures;
use crate::model::Level;

#[derive(Clone, Debug)]
pub struct EmergencyView {
    pub level: Level,
    pub until: Moment,
    /// What it does, as keys of texts.
    pub terms: Vec<&'static str>,
    /// Whom to ask, where that may be told.
    pub whom: Option<String>,
}

impl EmergencyView {
    /// The keys of what these measures mean to people.
    pub fn terms_of(measures: &Measures) -> Vec<&'static str> {
        let terms = [
            ("emergency-closed", measures.closed.is_some()),
            ("emergency-from", measures.from.is_some()),
            ("emergency-read-only", measures.read_only.is_some()),
            ("emergency-sessions", measures.idle.is_some() || measures.overall.is_some()),
            ("emergency-factor", measures.factor.is_some() || measures.fresh.is_some()),
            ("emergency-enrolment", measures.freeze_enrolment),
        ];
        terms.into_iter().filter_map(|(key, holds)| holds.then_some(key)).collect()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::incident::Apps;
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
        let keys = EmergencyView::terms_of(&all);
        assert_eq!((keys.len(), EmergencyView::terms_of(&Measures::default()).len()), (6, 0));
        for language in Language::ALL {
            let frame = Frame::app_host(*language);
            assert!(keys.iter().all(|key| !frame.t(key).starts_with("emergency-")), "{language:?}");
            for level in Level::ALL.iter().copied() {
                let until = Moment { shown: String::new(), iso: String::new() };
                let name = EmergencyView { level, until, terms: Vec::new(), whom: None }.name(&frame).into_owned();
                assert!(name.contains(level.word()) && !name.starts_with("emergency-"), "{name}");
            }
        }
    }
}
