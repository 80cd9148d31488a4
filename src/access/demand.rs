//! What an app, or a rule of it, asks for beyond a session: which factor, and how lately.

use std::time::Duration;

use super::App;
use crate::auth::Identity;
use crate::clock::Time;
use crate::model::{FactorDemand, Refusal};

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
    use crate::model::Factor;

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
