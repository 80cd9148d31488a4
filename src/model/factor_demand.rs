//! Which factors are enough, as configs and plans ask for them.

use super::{Factor, TokenKind};

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

    /// Whether whatever is enough for this is enough for `other` too.
    pub fn implies(self, other: Self) -> bool {
        Factor::ALL.iter().all(|factor| !self.is_met_by(*factor) || other.is_met_by(*factor))
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
    fn a_demand_implies_another_where_nothing_meets_it_that_does_not_meet_the_other() {
        use FactorDemand::{Any, Hardware, PhishingResistant, UsbKey, WebAuthn};
        for (_, demand) in FactorDemand::WORDS {
            assert!(demand.implies(demand) && demand.implies(Any), "{demand:?}");
        }
        assert!(WebAuthn.implies(PhishingResistant) && WebAuthn.implies(Hardware) && UsbKey.implies(PhishingResistant));
        for (one, other) in
            [(Any, Hardware), (Hardware, PhishingResistant), (PhishingResistant, Hardware), (WebAuthn, UsbKey), (UsbKey, Hardware)]
        {
            assert!(!one.implies(other), "{one:?} {other:?}");
        }
    }
}
