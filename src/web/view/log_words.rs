//! The words of the log in the languages of people.
//!
//! Invariant: a word that has no translation is shown as it stands in the log.

use std::borrow::Cow;

use super::{ChartSpan, Frame};
use crate::model::{Action, End, LogDecision, LogKind};

/// What can be chosen, in an order in which it is looked for.
pub(super) const ACTIONS: &[Action] = &[
    Action::SignIn,
    Action::FirstFactor,
    Action::StepUp,
    Action::SignOut,
    Action::SessionEnded,
    Action::SessionExpired,
    Action::AppEntered,
    Action::UsbKeyShown,
    Action::UsbKeyDistrusted,
    Action::KeyCounterWentBack,
    Action::KeyAnswersMadeUp,
    Action::FormRefused,
    Action::FormKept,
    Action::FormSent,
    Action::FormDiscarded,
    Action::StrangersRefused,
    Action::Malformed,
    Action::AccountInvited,
    Action::AccountEnrolled,
    Action::AccountDisabled,
    Action::AccountEnabled,
    Action::AccountSuspended,
    Action::ManagerAppointed,
    Action::ManagerDismissed,
    Action::PeopleImported,
    Action::LetterMade,
    Action::LetterRefused,
    Action::LetterStopped,
    Action::RecoveryOpened,
    Action::RecoveryProof,
    Action::Recovered,
    Action::AdministratorRecovered,
    Action::KeyAdded,
    Action::KeyRemoved,
    Action::KeyProof,
    Action::TokensImported,
    Action::TokenIssued,
    Action::TokenActivated,
    Action::TokenSuspended,
    Action::TokenResumed,
    Action::TokenLost,
    Action::TokenRevoked,
    Action::TokenResynchronised,
    Action::TokenExpired,
    Action::TokenLimited,
    Action::AuthorityCreated,
    Action::AuthorityTrusted,
    Action::TrustReloaded,
    Action::CertificateIssued,
    Action::CertificateRenewed,
    Action::CertificateRevoked,
    Action::ChangeProposed,
    Action::ChangeConfirmed,
    Action::ChangeWithdrawn,
    Action::ChangeRejected,
    Action::LockedDown,
    Action::LockdownExtensionAsked,
    Action::LockdownLifted,
    Action::TerminalOpened,
    Action::TerminalClosed,
    Action::AnswerContinues,
    Action::LogRead,
    Action::LogKeyRotated,
    Action::LogRepaired,
    Action::LogDropped,
    Action::LogChecked,
    Action::SelfTest,
    Action::PageChanged,
    Action::TriggerFired,
    Action::DrillStarted,
    Action::IncidentOpened,
    Action::IncidentLevel,
    Action::IncidentStep,
    Action::IncidentClosed,
    Action::NoticeSent,
    Action::DiskSpace,
    Action::LogFull,
    Action::ConfigReloaded,
    Action::ConfigRefused,
    Action::Start,
    Action::Stop,
];

impl Frame {
    pub(super) fn log_kind(&self, kind: &LogKind) -> Cow<'static, str> {
        self.or_as_it_stands("log-kind-", &kind.word())
    }

    /// What can be chosen, with the word that stands in the log.
    pub(super) fn log_kinds(&self) -> Vec<(String, Cow<'static, str>)> {
        let kinds = std::iter::once(LogKind::Access).chain(ACTIONS.iter().copied().map(LogKind::Event));
        kinds.map(|kind| (kind.word(), self.log_kind(&kind))).collect()
    }

    pub(super) fn log_decision(&self, decision: &LogDecision) -> Cow<'static, str> {
        self.t(match decision {
            LogDecision::Allowed => "log-allowed",
            LogDecision::Refused => "log-refused",
            LogDecision::Failed => "log-failed",
        })
    }

    /// Why an access was refused: the word in her language, and what stands behind it as it is.
    pub(super) fn log_reason(&self, rule: &str) -> String {
        let (word, detail) = rule.split_once(": ").map_or((rule, None), |(word, detail)| (word, Some(detail)));
        let told = self.or_as_it_stands("log-reason-", word);
        detail.map_or_else(|| told.to_string(), |detail| format!("{told}: {detail}"))
    }

    pub(super) fn log_end(&self, end: &End) -> Cow<'static, str> {
        self.t(match end {
            End::Complete => "log-end-complete",
            End::Refused => "log-end-refused",
            End::ClientLeft => "log-end-client-left",
            End::UpstreamFailed => "log-end-upstream-failed",
            End::Revoked => "log-end-revoked",
            End::Expired => "log-end-expired",
            End::TooSlow => "log-end-too-slow",
            End::TooLarge => "log-end-too-large",
            End::MemoryShort => "log-end-memory-short",
            End::Shutdown => "log-end-shutdown",
            End::CutOff => "log-end-cut-off",
        })
    }

    pub(super) fn log_detail(&self, name: &str) -> Cow<'static, str> {
        self.or_as_it_stands("log-detail-", name)
    }

    pub(super) fn log_field(&self, name: &str) -> Cow<'static, str> {
        self.t(match name {
            "account" => "account-name",
            "unit" => "account-unit",
            "address" => "log-address-or-network",
            "reference" => "log-reference",
            "reason" => "log-reason-or-rule",
            "text" => "log-text",
            "from" => "log-from",
            _ => "log-to",
        })
    }

    pub(super) fn log_wrong(&self, name: &str) -> Cow<'static, str> {
        self.t(match name {
            "account" => "alert-name-invalid",
            "unit" => "alert-unit-invalid",
            "address" => "log-wrong-address",
            "reference" => "log-wrong-reference",
            "text" | "reason" => "log-wrong-text",
            "from" => "log-wrong-time",
            _ => "log-wrong-to",
        })
    }

    pub(super) fn chart_span(&self, span: &ChartSpan) -> Cow<'static, str> {
        self.t(match span {
            ChartSpan::Day => "log-chart-day",
            ChartSpan::Week => "log-chart-week",
            ChartSpan::Month => "log-chart-month",
        })
    }

    pub(super) fn chart_by_time(&self, span: &ChartSpan) -> Cow<'static, str> {
        self.t(if *span == ChartSpan::Month { "log-chart-by-day" } else { "log-chart-by-hour" })
    }

    fn or_as_it_stands(&self, start: &str, word: &str) -> Cow<'static, str> {
        let key = format!("{start}{word}");
        let told = self.t(&key);
        if told == key { Cow::Owned(word.to_owned()) } else { told }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lang::Language;

    /// The words of an enum of the record, as its source has them.
    fn variants(name: &str) -> BTreeSet<String> {
        let sources = [include_str!("../../model/record.rs"), include_str!("../../model/action.rs")];
        let (_, body) = sources.iter().find_map(|source| source.split_once(&format!("pub enum {name} {{"))).unwrap();
        let body = body.split_once("\n}").unwrap().0;
        let lines = body.lines().map(str::trim).filter(|line| line.ends_with(',') && !line.starts_with("//"));
        lines.map(|line| line.trim_end_matches(',').to_owned()).collect()
    }

    #[test]
    fn every_action_can_be_chosen_and_has_a_name_in_every_language() {
        let listed: BTreeSet<String> = ACTIONS.iter().map(|action| format!("{action:?}")).collect();
        assert_eq!((listed.clone(), ACTIONS.len()), (variants("Action"), listed.len()));
        for language in Language::ALL {
            let frame = Frame::portal(*language, "/", String::new());
            let mut names = BTreeSet::new();
            for (word, name) in frame.log_kinds() {
                assert_ne!(word, name, "{language:?}");
                assert!(names.insert(name.to_string()), "{language:?}: {name} stands for two");
            }
        }
    }

    #[test]
    fn every_reason_is_told_in_words_with_what_stands_behind_it() {
        let source = include_str!("../../model/refusal.rs");
        let (_, body) = source.split_once("pub fn word(&self)").unwrap();
        let body = body.split_once("\n    }\n").unwrap().0;
        let words: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
        assert!(words.len() > 20);
        for language in Language::ALL {
            let frame = Frame::portal(*language, "/", String::new());
            for word in &words {
                let told = frame.log_reason(&format!("{word}: some rule"));
                assert!(told.ends_with(": some rule") && !told.starts_with(word), "{language:?}: {told}");
            }
            assert_eq!(frame.log_reason("no such word: x"), "no such word: x");
        }
    }
}
