//! What an app, or a rule of it, asks for beyond a session: which factor, and how lately.

use std::time::Duration;

use super::App;
use crate::auth::Identity;
use crate::clock::Time;
use crate::model::{Factor, Refusal, TokenKind};

/// Which factors are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactorDemand {
    /// Whatever opens a session.
    Any,
    /// A token of its own that cannot be copied: a security key, a token that shows codes, or a USB-KEY of an authority that vouches for it.
    Hardware,
    /// A token that answers this site alone, so that nobody can be talked out of the answer. Codes can be read out to a stranger.
    #[default]
    PhishingResistant,
    /// A security key.
    WebAuthn,
    /// A certificate on a USB-KEY.
    UsbKey,
}

impl FactorDemand {
    /// As the config names them.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("any", Self::Any),
        ("hardware", Self::Hardware),
        ("phishing-resistant", Self::PhishingResistant),
        ("webauthn", Self::WebAuthn),
        ("usb-key", Self::UsbKey),
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, demand)| *demand == self).map_or("", |(word, _)| word)
    }

    pub fn is_met_by(self, factor: Factor) -> bool {
        match self {
            Self::Any => true,
            Self::Hardware => factor.is_hardware(),
            Self::PhishingResistant => factor.is_phishing_resistant(),
            Self::WebAuthn => factor.token() == TokenKind::WebAuthn,
            Self::UsbKey => factor.token() == TokenKind::UsbKey,
        }
    }
}

/// What a rule may change for the requests that it covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// `None`: what the app says.
    pub factor: Option<FactorDemand>,
    /// The longest that the proof may be ago; `None`: what the app says, or as long as the session lasts.
    pub fresh: Option<Duration>,
}

impl Demand {
    /// What holds where a rule that says `self` stands in an app that says `app`.
    pub(super) fn within(self, app: Self) -> Self {
        Self { factor: self.factor.or(app.factor), fresh: self.fresh.or(app.fresh) }
    }

    /// One proof must do for all of it: an old proof by the right factor is not made young by a new one by another.
    pub(super) fn check(self, identity: &Identity, app: &App, now: Time) -> Result<(), Refusal> {
        let factor = self.factor.unwrap_or_default();
        if identity.proven_by(|proof| factor.is_met_by(proof.factor) && app.counts(identity, proof), self.fresh, now) {
            Ok(())
        } else {
            Err(Refusal::StepUpNeeded { factor: factor.word(), fresh: self.fresh })
        }
    }

    /// What was missing, if that was why she was refused.
    pub fn unmet(refusal: &Refusal) -> Option<Self> {
        let Refusal::StepUpNeeded { factor, fresh } = refusal else { return None };
        let (_, demand) = FactorDemand::WORDS.iter().find(|(word, _)| word == factor)?;
        Some(Self { factor: Some(*demand), fresh: *fresh })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demand_is_met_by_its_own_factors_and_by_no_other() {
        use Factor::{PasswordAndOath, PasswordAndSecurityKey, PasswordAndUsbKey, SecurityKey, UsbKey};
        let keys = [SecurityKey, PasswordAndSecurityKey];
        let certificates = [UsbKey, PasswordAndUsbKey];
        for factor in Factor::ALL.iter().copied() {
            let (is_key, is_certificate) = (keys.contains(&factor), certificates.contains(&factor));
            for (demand, met) in [
                (FactorDemand::Any, true),
                (FactorDemand::Hardware, ![Factor::PasswordAndPhoneApp, PasswordAndUsbKey].contains(&factor)),
                (FactorDemand::PhishingResistant, is_key || is_certificate),
                (FactorDemand::WebAuthn, is_key),
                (FactorDemand::UsbKey, is_certificate),
            ] {
                assert_eq!(demand.is_met_by(factor), met, "{demand:?} {factor}");
            }
        }
        assert!(!FactorDemand::PhishingResistant.is_met_by(PasswordAndOath));
        assert_eq!(FactorDemand::default(), FactorDemand::PhishingResistant);
    }

    #[test]
    fn one_proof_must_be_of_the_right_kind_and_young_enough_at_once() {
        use crate::model::Role;
        let (start, minute) = (Time::from_millis(1_800_000_000_000), Duration::from_secs(60));
        let signed_in = Identity::sample("wang li", "Press", Role::Member, start);
        let app = super::super::app::sample::app(Vec::new());
        let demand = |factor, fresh| Demand { factor: Some(factor), fresh };
        let fresh = demand(FactorDemand::WebAuthn, Some(5 * minute));
        let needed = Refusal::StepUpNeeded { factor: "webauthn", fresh: Some(5 * minute) };
        assert_eq!(fresh.check(&signed_in, &app, start.plus(5 * minute).minus(Duration::from_millis(1))), Ok(()));
        assert_eq!(fresh.check(&signed_in, &app, start.plus(5 * minute)), Err(needed.clone()));
        assert_eq!(Demand::unmet(&needed), Some(fresh));

        let later = start.plus(10 * minute);
        let coded = signed_in.sample_stepped_up(Factor::PasswordAndOath, later);
        assert_eq!(fresh.check(&coded, &app, later), Err(needed.clone()), "an old key and a new code are not a new key");
        assert_eq!(demand(FactorDemand::Any, Some(5 * minute)).check(&coded, &app, later), Ok(()));
        assert_eq!(demand(FactorDemand::WebAuthn, None).check(&coded, &app, later), Ok(()));
        let keyed = coded.sample_stepped_up(Factor::SecurityKey, later);
        assert_eq!(fresh.check(&keyed, &app, later), Ok(()));
        assert_eq!(fresh.check(&signed_in, &app, later), Err(needed), "what was given out before stays as weak as it was");
        assert_eq!(
            demand(FactorDemand::UsbKey, None).check(&keyed, &app, later),
            Err(Refusal::StepUpNeeded { factor: "usb-key", fresh: None })
        );
        assert_eq!(Demand::unmet(&Refusal::SignInAgain), None);
    }

    #[test]
    fn a_rule_says_more_exactly_what_its_app_says() {
        let (five, ten) = (Some(Duration::from_secs(300)), Some(Duration::from_secs(600)));
        let app = Demand { factor: Some(FactorDemand::Any), fresh: ten };
        assert_eq!(Demand::default().within(app), app);
        let rule = Demand { factor: Some(FactorDemand::WebAuthn), fresh: five };
        assert_eq!(rule.within(app), rule);
        assert_eq!(Demand { fresh: five, ..Demand::default() }.within(app), Demand { fresh: five, ..app });
    }
}
