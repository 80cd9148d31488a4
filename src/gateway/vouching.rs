//! Whether somebody still vouches for the certificates by which open sessions were proved, and the end of those for which nobody does.
//!
//! A session begins or steps up with a certificate that was good in that second. Afterwards it is looked at again, with the chain that was
//! shown: when authorities, their lists or the config change, when its time is over, and now and then.
//!
//! Invariant: a session ends when something at hand says that its certificate is good no more: a list names it (one that is out of date too), it
//! or its authority has expired, the config has no authority any more that stands for it, for her unit, or for hardware. It does not end because
//! nothing can be told, by a list that is missing or out of date, a file of an authority that cannot be read, or a clock before its
//! beginning: those let nobody in anew, and a file that comes an hour late must not sign out a whole city.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::auth::CertificateInUse;
use crate::clock::Time;
use crate::model::{Action, Event, TokenId};
use crate::pki::{CertificateRefusal, TrustedCertificate};
use crate::store::LastShown;

use super::house::House;
use super::trust::Trust;

/// A check costs up to a millisecond; its own end is seen to the second, and that of an authority between comes announced.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(600);
/// Looked at before the first of them ends, so that a change of trust takes effect within seconds, however many there are.
const AT_ONCE: usize = 256;

/// The tokens whose certificates were found good, and by what.
#[derive(Default)]
pub struct Vouching(Mutex<HashMap<TokenId, Good>>);

#[derive(Clone)]
struct Good {
    generation: u64,
    /// Steady.
    looked: Time,
    /// The last second in which it is valid, by the wall clock; `None`: it is not known.
    until: Option<Time>,
    /// `None`: no chain of it is kept, so nothing more can be said of it.
    certificate: Option<Arc<TrustedCertificate>>,
}

/// Why nobody vouches for a certificate any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Refused(CertificateRefusal),
    /// Its authority may not speak for her unit any more.
    OtherUnit,
    /// It stood for two factors, and its authority is not said to certify hardware alone any more.
    NotHardware,
}

impl Gone {
    /// For the log.
    const fn word(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.word(),
            Self::OtherUnit => "certificate-other-unit",
            Self::NotHardware => "certificate-not-hardware",
        }
    }
}

impl Vouching {
    /// Those that are to be looked at now. What is no longer in use is forgotten.
    fn due(&self, in_use: &HashMap<TokenId, CertificateInUse>, generation: u64, now: Time, wall: Time) -> Vec<TokenId> {
        let mut good = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        good.retain(|token, good| in_use.get(token).is_some_and(|used| good.holds(used, generation, now, wall)));
        in_use.keys().filter(|token| !good.contains_key(token)).copied().collect()
    }

    fn remember(&self, token: TokenId, found: Good) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, found);
    }
}

impl Good {
    fn holds(&self, used: &CertificateInUse, generation: u64, now: Time, wall: Time) -> bool {
        let is_as_used = self.certificate.as_ref().is_none_or(|certificate| gone(certificate, used).is_none());
        let is_in_time = self.until.is_none_or(|end| wall <= end);
        self.generation == generation && now.since(self.looked) < LOOKED_AT_EVERY && is_in_time && is_as_used
    }
}

/// What is found of a certificate that was good once.
fn look(trust: &Trust, last: &LastShown, used: &CertificateInUse, wall: Time) -> Result<Option<Arc<TrustedCertificate>>, Gone> {
    let Some(chain) = &last.chain else {
        return if wall > last.not_after { Err(Gone::Refused(CertificateRefusal::Expired)) } else { Ok(None) };
    };
    // What waits for a confirmation lets nobody in anew, but is not withdrawn either.
    match trust.declared.check_again(chain, wall) {
        Ok(certificate) => gone(&certificate, used).map_or_else(|| Ok(Some(Arc::new(certificate))), Err),
        Err(CertificateRefusal::RevocationUnknown | CertificateRefusal::NotYetValid) => Ok(None),
        Err(CertificateRefusal::UnknownAuthority) if !trust.declared.is_complete() => Ok(None),
        Err(refusal) => Err(Gone::Refused(refusal)),
    }
}

fn gone(certificate: &TrustedCertificate, used: &CertificateInUse) -> Option<Gone> {
    if !certificate.speaks_for(&used.unit) {
        return Some(Gone::OtherUnit);
    }
    (used.as_hardware && !certificate.is_hardware_only()).then_some(Gone::NotHardware)
}

impl House {
    /// Ends, at once and on record, the sessions that rest on certificates for which nobody vouches any more.
    pub async fn end_what_nobody_vouches_for(&self) {
        let in_use = self.auth.sessions.certificates_in_use();
        let (trust, now, wall) = (self.trusting.now(), self.clock.now(), self.clock.wall());
        let due = self.vouching.due(&in_use, trust.generation, now, wall);
        let mut have_ended = false;
        for tokens in due.chunks(AT_ONCE) {
            let last_shown = match self.store.last_shown(tokens).await {
                Ok(last_shown) => last_shown,
                Err(error) => {
                    tracing::warn!(%error, "the store cannot say which certificates opened what is open; it is asked again a second later");
                    break;
                }
            };
            let unknown = Good { generation: trust.generation, looked: now, until: None, certificate: None };
            for token in tokens.iter().filter(|token| last_shown.iter().all(|last| last.token != **token)) {
                self.vouching.remember(*token, unknown.clone());
            }
            for (last, found) in look_at_all(&trust, last_shown, &in_use, wall).await {
                match found {
                    Ok(certificate) => {
                        self.vouching.remember(last.token, Good { until: Some(last.not_after), certificate, ..unknown.clone() })
                    }
                    Err(why) => have_ended |= self.end_what_it_opened(&last, why),
                }
            }
        }
        if have_ended && let Err(error) = self.auth.sessions.write_back().await {
            tracing::warn!(%error, "sessions of certificates that are good no more have ended, but the store does not know it yet");
        }
    }

    fn end_what_it_opened(&self, last: &LastShown, why: Gone) -> bool {
        let ended = self.auth.sessions.revoke_all_by(last.token);
        for session in &ended {
            let event = Event::done(Action::SessionEnded).by(session.who.clone()).with("session", session.id);
            self.journal.note(event.with("why", why.word()).with("serial", &last.serial));
        }
        let Some(first) = ended.first() else { return false };
        let event = Event::done(Action::UsbKeyDistrusted).with("serial", &last.serial).with("token", last.token);
        let event = event.with("account", first.who.account).with("name", &first.who.name);
        self.journal.note(event.with("why", why.word()).with("sessions-ended", ended.len()));
        true
    }
}

type Found = (LastShown, Result<Option<Arc<TrustedCertificate>>, Gone>);

/// Signatures take their time, so they are checked beside whatever else is to be done.
async fn look_at_all(
    trust: &Arc<Trust>,
    last_shown: Vec<LastShown>,
    in_use: &HashMap<TokenId, CertificateInUse>,
    wall: Time,
) -> Vec<Found> {
    let trust = Arc::clone(trust);
    let to_look: Vec<_> = last_shown.into_iter().filter_map(|last| in_use.get(&last.token).cloned().map(|used| (last, used))).collect();
    let look = move |(last, used): (LastShown, CertificateInUse)| {
        let found = look(&trust, &last, &used, wall);
        (last, found)
    };
    // Where it could not be done, it is due again a second later.
    tokio::task::spawn_blocking(move || to_look.into_iter().map(look).collect()).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnitName;

    const NOW: Time = Time::from_millis(1_800_000_000_000);

    #[test]
    fn a_certificate_is_looked_at_when_trust_changes_when_its_time_is_over_and_now_and_then() {
        let (token, later) = (TokenId::fresh(), |seconds| NOW.plus(Duration::from_secs(seconds)));
        let used = CertificateInUse { unit: UnitName::parse("Information Office").unwrap(), as_hardware: false };
        let in_use = HashMap::from([(token, used)]);
        let vouching = Vouching::default();
        let due = |generation, now, wall| vouching.due(&in_use, generation, now, wall) == [token];
        for (generation, now, wall) in [(2, NOW, NOW), (1, later(600), NOW), (1, NOW, later(61))] {
            assert!(due(1, NOW, NOW), "it was not looked at yet");
            vouching.remember(token, Good { generation: 1, looked: NOW, until: Some(later(60)), certificate: None });
            assert!(!due(1, later(599), later(60)));
            assert!(due(generation, now, wall));
        }
        vouching.remember(token, Good { generation: 1, looked: NOW, until: None, certificate: None });
        assert!(vouching.due(&HashMap::new(), 1, NOW, NOW).is_empty());
        assert!(due(1, NOW, NOW), "what is in no use is forgotten");
    }
}
