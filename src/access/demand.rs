//! What an app, or a rule of it, asks for beyond a session: which factor, and how lately.

use std::time::Duration;

use crate::auth::Identity;
use crate::clock::Time;
use crate::model::{Factor, Refusal};

/// Which factors are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactorDemand {
    /// Whatever opens a session.
    Any,
    /// A token of its own that cannot be copied: a security key, or a token that shows codes.
    Hardware,
    /// A token that answers this site alone, so that nobody can be talked out of the answer. Codes can be read out to a stranger.
    #[default]
    PhishingResistant,
    /// A security key.
    WebAuthn,
}

impl FactorDemand {
    /// As the config names them.
    pub const WORDS: [(&'static str, Self); 4] =
        [("any", Self::Any), ("hardware", Self::Hardware), ("phishing-resistant", Self::PhishingResistant), ("webauthn", Self::WebAuthn)];

    pub const fn is_met_by(self, factor: Factor) -> bool {
        factor.is_phishing_resistant() || matches!(self, Self::Any | Self::Hardware)
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

    pub(super) fn check(self, identity: &Identity, now: Time) -> Result<(), Refusal> {
        if !self.factor.unwrap_or_default().is_met_by(identity.factor()) {
            return Err(Refusal::OtherFactorNeeded);
        }
        match self.fresh {
            Some(fresh) if now >= identity.signed_in().plus(fresh) => Err(Refusal::SignInAgain),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_never_taken_for_phishing_resistant() {
        for (demand, keys, codes) in [
            (FactorDemand::Any, true, true),
            (FactorDemand::Hardware, true, true),
            (FactorDemand::PhishingResistant, true, false),
            (FactorDemand::WebAuthn, true, false),
        ] {
            assert_eq!(demand.is_met_by(Factor::PasswordAndSecurityKey), keys, "{demand:?}");
            assert_eq!(demand.is_met_by(Factor::SecurityKey), keys, "{demand:?}");
            assert_eq!(demand.is_met_by(Factor::PasswordAndOath), codes, "{demand:?}");
        }
        assert_eq!(FactorDemand::default(), FactorDemand::PhishingResistant);
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
