//! How urgent a record is for whoever watches many logs.

use crate::model::{Action, Decision, End, Event, Outcome, Record};

/// The severities of syslog that are used here (RFC 5424, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody must look now.
    Alert = 1,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Informational = 6,
}

impl Severity {
    pub fn of(record: &Record) -> Self {
        match record {
            Record::Opened(opened) if opened.decision == Decision::Refused => Self::Warning,
            Record::Closed(closed) if closed.end == End::UpstreamFailed => Self::Warning,
            Record::Opened(_) | Record::Closed(_) | Record::StillOpen { .. } => Self::Informational,
            Record::Event(event) => Self::of_event(event),
        }
    }

    fn of_event(event: &Event) -> Self {
        // It never was.
        if event.details.contains_key("drill") {
            return Self::Notice;
        }
        match (event.action, event.outcome) {
            (
                Action::KeyCounterWentBack
                | Action::KeyAnswersMadeUp
                | Action::LockedDown
                | Action::TriggerFired
                | Action::IncidentOpened
                | Action::IncidentLevel,
                _,
            ) => Self::Alert,
            // Somebody else has a quarter of an hour to confirm it.
            (Action::LockdownExtensionAsked, _) => Self::Alert,
            (Action::LogRepaired, _) | (Action::DiskSpace | Action::NoticeSent, Outcome::Failed) => Self::Error,
            // Nobody is let through.
            (Action::LogFull, Outcome::Failed) => Self::Alert,
            (Action::StrangersRefused | Action::Malformed | Action::FormRefused, _) | (_, Outcome::Failed) => Self::Warning,
            (Action::AnswerContinues, Outcome::Done) => Self::Informational,
            (_, Outcome::Done) => Self::Notice,
        }
    }

    /// OCSF's `severity_id`: 1 informational, 2 low, 3 medium, 4 high, 5 critical.
    pub fn ocsf(self) -> u8 {
        match self {
            Self::Alert => 5,
            Self::Error => 4,
            Self::Warning => 3,
            Self::Notice | Self::Informational => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_louder_than_what_was_refused_and_that_is_louder_than_work() {
        let of = |event| Severity::of(&Record::Event(event));
        assert_eq!(of(Event::done(Action::KeyCounterWentBack)), Severity::Alert);
        assert_eq!(of(Event::failed(Action::KeyAnswersMadeUp)), Severity::Alert);
        assert_eq!(of(Event::done(Action::LockedDown)), Severity::Alert);
        assert_eq!(of(Event::done(Action::LockdownExtensionAsked)), Severity::Alert);
        assert_eq!(of(Event::failed(Action::DiskSpace)), Severity::Error);
        assert_eq!(of(Event::done(Action::DiskSpace)), Severity::Notice);
        assert_eq!(of(Event::done(Action::LogRepaired)), Severity::Error);
        assert_eq!(of(Event::failed(Action::LogFull)), Severity::Alert);
        assert_eq!(of(Event::done(Action::LogFull)), Severity::Notice);
        assert_eq!(of(Event::failed(Action::SignIn)), Severity::Warning);
        assert_eq!(of(Event::done(Action::SignIn)), Severity::Notice);
        assert_eq!(Severity::of(&Record::StillOpen { references: Vec::new() }), Severity::Informational);
    }
}
