//! Which certificates of people are believed, and what was found of those that are shown.
//!
//! Invariant: what was found holds for the trust by which it was found, and for the second in which it was: a certificate that was revoked, has
//! expired, or whose list is out of date opens nothing a second later, and its open connections are cut by the next sweep. What it had opened
//! elsewhere is for `vouching`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::access::{App, Binding};
use crate::clock::Time;
use crate::edge::{Asking, Spoken};
use crate::model::{CertificateTrouble, Event, Shown, ShownChain, TokenId};
use crate::pki::{CertificateRefusal, ClientTrust, TrustedCertificate};

use super::configs::naming_left_out;
use super::house::{House, Map};
use super::pipeline::{Held, NOTHING_HELD, Worker};

/// Chains of which a worker remembers what it found.
const MOST_CHAINS: usize = 2048;

/// Who is trusted to name people, now.
pub struct Trust {
    /// Grows with each replacement.
    pub generation: u64,
    pub clients: ClientTrust,
    /// What the config says, also where security administrators have not confirmed it.
    pub declared: ClientTrust,
}

pub struct Trusting(ArcSwap<Trust>);

impl Trust {
    /// The digests of what is declared and not believed.
    pub fn left_out(&self) -> Vec<[u8; 32]> {
        let believed: Vec<[u8; 32]> = self.clients.digests().into_iter().map(|(_, digest)| digest).collect();
        self.declared.digests().into_iter().map(|(_, digest)| digest).filter(|digest| !believed.contains(digest)).collect()
    }
}

impl Trusting {
    /// `left_out`: what of it nobody has confirmed.
    pub fn new(declared: ClientTrust, left_out: &[[u8; 32]]) -> Self {
        Self(ArcSwap::from_pointee(Trust { generation: 0, clients: declared.without(left_out), declared }))
    }

    pub fn now(&self) -> Arc<Trust> {
        self.0.load_full()
    }

    pub fn replace(&self, declared: &ClientTrust, left_out: &[[u8; 32]]) {
        let clients = declared.without(left_out);
        self.0.rcu(|old| Trust { generation: old.generation.saturating_add(1), clients: clients.clone(), declared: declared.clone() });
    }

    /// `false`: another took the place of `old` meanwhile.
    fn replace_that(&self, old: &Arc<Trust>, declared: ClientTrust, left_out: &[[u8; 32]]) -> bool {
        let new = Arc::new(Trust { generation: old.generation.saturating_add(1), clients: declared.without(left_out), declared });
        Arc::ptr_eq(&self.0.compare_and_swap(old, new), old)
    }
}

/// What one worker found of the chains that are shown to it.
#[derive(Default)]
pub struct Checks(RefCell<HashMap<[u8; 32], Checked>>);

struct Checked {
    generation: u64,
    second: i64,
    found: Result<Arc<TrustedCertificate>, CertificateRefusal>,
    /// The token that it is registered to, once that was asked. That it is nobody's is not kept: it may be somebody's a moment later.
    token: Option<TokenId>,
}

impl Checks {
    /// A check costs two or three signatures: once a second is cheap, once a request of a page with a hundred images is not.
    pub fn check(&self, trust: &Trust, chain: &ShownChain, wall: Time) -> Result<Arc<TrustedCertificate>, CertificateRefusal> {
        let (mut known, second) = (self.0.borrow_mut(), second_of(wall));
        if let Some(checked) = known.get(&chain.digest())
            && checked.generation == trust.generation
            && checked.second == second
        {
            return checked.found.clone();
        }
        if known.len() >= MOST_CHAINS {
            known.clear();
        }
        let found = trust.clients.check(chain.certificates(), wall).map(Arc::new);
        known.insert(chain.digest(), Checked { generation: trust.generation, second, found: found.clone(), token: None });
        found
    }

    fn known_token(&self, chain: &ShownChain) -> Option<TokenId> {
        self.0.borrow().get(&chain.digest()).and_then(|checked| checked.token)
    }

    fn keep_token(&self, chain: &ShownChain, token: TokenId) {
        if let Some(checked) = self.0.borrow_mut().get_mut(&chain.digest()) {
            checked.token = Some(token);
        }
    }
}

fn second_of(wall: Time) -> i64 {
    wall.millis().div_euclid(1_000)
}

/// What the person is told.
pub fn trouble(refusal: CertificateRefusal) -> CertificateTrouble {
    match refusal {
        CertificateRefusal::UnknownAuthority | CertificateRefusal::NameNotPermitted => CertificateTrouble::OtherAuthority,
        CertificateRefusal::NotYetValid | CertificateRefusal::Expired | CertificateRefusal::AuthorityExpired => CertificateTrouble::Expired,
        CertificateRefusal::Revoked => CertificateTrouble::Revoked,
        CertificateRefusal::RevocationUnknown => CertificateTrouble::RevocationUnknown,
        CertificateRefusal::NotForClientLogin => CertificateTrouble::WrongUse,
        CertificateRefusal::Unreadable | CertificateRefusal::WeakKey | CertificateRefusal::UnusableName => CertificateTrouble::Unusable,
    }
}

impl Worker {
    /// The token whose certificate was shown on this connection, checked just now; for an app that binds its connections.
    pub async fn held_for(&self, app: &App, shown: &Shown, now: Time) -> Held {
        let Some(chain) = shown.chain().filter(|_| app.binding == Binding::Certificate) else { return NOTHING_HELD };
        let trust = self.house.trusting.now();
        let certificate = self.checks.check(&trust, chain, self.house.clock.wall()).map_err(trouble)?;
        if let Some(token) = self.checks.known_token(chain) {
            return Ok(token);
        }
        match self.house.auth.usb_keys.token_of(&certificate, now).await {
            Ok(Some(token)) => {
                self.checks.keep_token(chain, token);
                Ok(token)
            }
            Ok(None) => Err(CertificateTrouble::NotHers),
            Err(error) => {
                tracing::error!(%error, "a certificate's token could not be looked up");
                Err(CertificateTrouble::NotHers)
            }
        }
    }
}

impl House {
    /// Reads the files of authorities and lists anew where they changed. From then on handshakes name the new authorities.
    pub async fn refresh_trust(&self) {
        let trust = self.trusting.now();
        if trust.declared.is_empty() {
            return;
        }
        let old = Arc::clone(&trust);
        let Ok(refreshed) = tokio::task::spawn_blocking(move || trust.declared.refreshed()).await else { return };
        let files_changed = refreshed.is_some();
        let declared = match (refreshed, self.desk.trust_has_changed()) {
            (None, false) => return,
            (None, true) => old.declared.clone(),
            (Some(declared), _) => declared,
        };
        // A file that names other authorities than it did is another thing to be confirmed.
        let left_out = match self.desk.declare_trust(declared.digests(), self.clock.now()).await {
            Ok(left_out) => left_out,
            Err(error) => {
                tracing::error!(%error, "no authority is believed that was not believed before");
                // What was confirmed counts as soon as it can be read.
                self.desk.ask_trust_again();
                if !files_changed {
                    return;
                }
                let before: Vec<[u8; 32]> = old.clients.digests().into_iter().map(|(_, digest)| digest).collect();
                declared.digests().into_iter().map(|(_, digest)| digest).filter(|digest| !before.contains(digest)).collect()
            }
        };
        if self.trusting.replace_that(&old, declared, &left_out) {
            for warning in self.trusting.now().clients.warnings(self.clock.wall()) {
                tracing::warn!("{warning}");
            }
            self.ask_for_certificates(&self.map.load());
            self.journal.note(naming_left_out(Event::done(crate::model::Action::TrustReloaded), &left_out));
        }
    }

    /// The hosts of `map` that ask for certificates ask for those that are trusted now.
    pub fn ask_for_certificates(&self, map: &Map) {
        let asking = asking(map, &self.trusting.now().clients);
        if let Err(error) = self.front.ask_for_certificates(&asking) {
            tracing::error!(%error, "hosts that ask for certificates keep their old settings");
        }
    }
}

pub fn asking(map: &Map, clients: &ClientTrust) -> Asking {
    let bound = map.sites.iter().filter(|(_, site)| site.app.binding == Binding::Certificate);
    let bound = bound.map(|(host, _)| (host.clone(), Spoken::Http1And2));
    let key_host = map.key_host.iter().map(|site| (site.host.clone(), Spoken::Http1));
    Asking { hosts: bound.chain(key_host).collect(), hints: clients.hints() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_to_refuse_a_certificate_has_a_page_of_its_kind() {
        for (refusal, told) in [
            (CertificateRefusal::Expired, CertificateTrouble::Expired),
            (CertificateRefusal::Revoked, CertificateTrouble::Revoked),
            (CertificateRefusal::RevocationUnknown, CertificateTrouble::RevocationUnknown),
            (CertificateRefusal::UnknownAuthority, CertificateTrouble::OtherAuthority),
            (CertificateRefusal::NotForClientLogin, CertificateTrouble::WrongUse),
            (CertificateRefusal::WeakKey, CertificateTrouble::Unusable),
        ] {
            assert_eq!(trouble(refusal), told);
        }
    }
}
