//! Step-up: a session in which something more is proved.
//!
//! Invariant: a session has one proof of each token, the newest. With a proof the portal's token changes, and the old one is worth nothing
//! from that moment on; what was given out before keeps the proofs that it had. A proof loses every race with the end of its token,
//! account or session.

use std::sync::Arc;

use super::identity::{Identity, strongest};
use super::session::{Open, SessionError, Sessions};
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Proof, SessionId, TokenId, Who};

impl Sessions {
    /// Takes a proof into the session. The token is new, and for the portal's cookie. `None`: the session is over, or the token that was
    /// shown opens nothing any more.
    pub async fn step_up(&self, id: SessionId, proof: Proof, now: Time) -> Result<Option<(Token, Arc<Identity>)>, SessionError> {
        let token = Token::random()?;
        let _alone = self.proving.lock().await;
        // In memory first: whoever revokes the token meanwhile finds this session too.
        if !self.begin_proving(id, proof.token, now) {
            return Ok(None);
        }
        let stored = self.store.step_up(id, &proof, self.portal(), token.hash(), now).await;
        let mut open = self.open();
        let Some(session) = open.get_mut(&id) else { return Ok(None) };
        session.finish_proving(proof.token);
        if !stored? || session.live.is_over(now) {
            return Ok(None);
        }
        session.take(proof);
        let portal = self.portal();
        for (_, old) in session.tokens.extract_if(.., |(host, _)| host == portal) {
            self.tokens.remove(&old);
        }
        session.tokens.push((portal.clone(), token.hash()));
        let identity = session.identity(portal, token.hash(), now);
        self.tokens.insert(token.hash(), Arc::clone(&identity));
        identity.mark_active(now);
        Ok(Some((token, identity)))
    }

    fn begin_proving(&self, id: SessionId, token: TokenId, now: Time) -> bool {
        let mut open = self.open();
        let Some(session) = open.get_mut(&id).filter(|session| !session.live.is_over(now)) else { return false };
        session.proving.push(token);
        true
    }
}

impl Open {
    fn finish_proving(&mut self, token: TokenId) {
        if let Some(index) = self.proving.iter().position(|proving| *proving == token) {
            self.proving.swap_remove(index);
        }
    }

    fn take(&mut self, proof: Proof) {
        let newest = |known: &Proof| if known.token == proof.token && known.at <= proof.at { proof } else { *known };
        let mut proofs: Vec<Proof> = self.proofs.iter().map(newest).collect();
        if !proofs.iter().any(|known| known.token == proof.token) {
            proofs.push(proof);
        }
        self.who = Arc::new(Who { factor: Some(strongest(self.live.factor, &proofs)), ..Who::clone(&self.who) });
        self.proofs = proofs.into();
    }
}
