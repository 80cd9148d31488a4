//! What may still be written while there is no room for the log's next file: a reserve at the end of each file is kept for it.
//!
//! Invariant: whoever may use the reserve leaves a part of it to what is more urgent, so nobody can keep the last record from being written.

use super::line::LONGEST_LINE;
use crate::model::{Action, Event, Outcome};

/// How far into the reserve a record may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Not at all.
    Ordinary,
    /// A page from which something can be taken away, such as one's own session.
    WayOut,
    /// It only takes away: a session, an account, a token.
    TakesAway,
    /// What the duty officer needs at three in the morning.
    Emergency,
    /// The end of the process.
    Last,
}

impl Urgency {
    pub(super) fn of(event: &Event) -> Self {
        match event.action {
            Action::LockedDown | Action::LockdownExtensionAsked if event.outcome == Outcome::Done => Self::Emergency,
            // A gateway that cannot start lets nobody sign out and closes nothing.
            Action::LogFull | Action::Start | Action::LogKeyRotated | Action::Stop => Self::Emergency,
            // Nothing is done after it.
            Action::SelfTest if event.outcome == Outcome::Failed => Self::Emergency,
            // It makes room, and room may be just what is missing.
            Action::LogDropped => Self::Emergency,
            Action::SignOut
            | Action::SessionEnded
            | Action::AccountDisabled
            | Action::AccountSuspended
            | Action::ManagerDismissed
            | Action::KeyRemoved
            | Action::UsbKeyDistrusted
            | Action::TokenSuspended
            | Action::TokenLost
            | Action::TokenRevoked
            | Action::CertificateRevoked
            | Action::ChangeWithdrawn
            | Action::ChangeRejected
            | Action::TerminalClosed
            // That the log is full is an alarm itself.
            | Action::TriggerFired
            // A full log is an incident, which has to be handled while it is full.
            | Action::IncidentOpened
            | Action::IncidentLevel
            | Action::IncidentStep
            | Action::IncidentClosed
            | Action::NoticeSent => Self::TakesAway,
            _ => Self::Ordinary,
        }
    }

    /// So many bytes of a reserve must be left behind such a record.
    pub(super) fn leaves(self, reserve: u64) -> u64 {
        let quarter = reserve.checked_div(4).unwrap_or(0);
        match self {
            Self::Ordinary => reserve,
            Self::WayOut => quarter.saturating_mul(3),
            Self::TakesAway => quarter.saturating_mul(2),
            Self::Emergency => LONGEST_LINE as u64,
            Self::Last => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::SMALLEST_RESERVE;
    use super::*;

    #[test]
    fn each_degree_leaves_a_line_to_the_next_in_the_smallest_reserve() {
        use Urgency::{Emergency, Last, Ordinary, TakesAway, WayOut};
        let left = [Ordinary, WayOut, TakesAway, Emergency, Last].map(|urgency| urgency.leaves(SMALLEST_RESERVE as u64));
        assert!(left.windows(2).all(|pair| pair[0] - pair[1] >= LONGEST_LINE as u64), "{left:?}");
        assert_eq!(left[4], 0);
    }

    #[test]
    fn what_takes_away_is_urgent_and_what_gives_is_not() {
        for (action, urgency) in [
            (Action::SignOut, Urgency::TakesAway),
            (Action::AccountDisabled, Urgency::TakesAway),
            (Action::LockedDown, Urgency::Emergency),
            (Action::Start, Urgency::Emergency),
            (Action::LockdownExtensionAsked, Urgency::Emergency),
            (Action::LockdownLifted, Urgency::Ordinary),
            (Action::SignIn, Urgency::Ordinary),
            (Action::AccountEnabled, Urgency::Ordinary),
            (Action::TokenIssued, Urgency::Ordinary),
        ] {
            assert_eq!(Urgency::of(&Event::done(action)), urgency, "{action:?}");
        }
        assert_eq!(Urgency::of(&Event::failed(Action::LockedDown)), Urgency::Ordinary, "what was refused can wait");
        let self_tests = [Event::done(Action::SelfTest), Event::failed(Action::SelfTest)];
        assert_eq!(self_tests.map(|event| Urgency::of(&event)), [Urgency::Ordinary, Urgency::Emergency]);
    }
}
