//! A certificate that was found good, as it waits beside a challenge for what comes next.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::model::TokenId;
use crate::store::NewCertificate;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Noted {
    token: TokenId,
    fingerprint: [u8; 32],
    number: String,
    subject: String,
    issuer: String,
    not_after_ms: i64,
    /// In base64.
    chain: Option<String>,
}

impl Noted {
    pub(super) fn of(certificate: &NewCertificate) -> Self {
        Self {
            token: certificate.token,
            fingerprint: certificate.fingerprint,
            number: certificate.number.clone(),
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            not_after_ms: certificate.not_after.millis(),
            chain: certificate.chain.as_ref().map(|chain| BASE64.encode(chain)),
        }
    }

    pub(super) fn certificate(self) -> NewCertificate {
        NewCertificate {
            token: self.token,
            fingerprint: self.fingerprint,
            number: self.number,
            subject: self.subject,
            issuer: self.issuer,
            not_after: Time::from_millis(self.not_after_ms),
            chain: self.chain.and_then(|chain| BASE64.decode(chain.as_bytes()).ok()).map(Into::into),
        }
    }
}
