//! A certificate that was checked. Only [`super::ClientTrust::check`] makes one.

use std::sync::Arc;

use super::authority::Authority;
use crate::clock::Time;
use crate::model::{AccountName, UnitName};

/// SHA-256 of a certificate's DER: what it is registered by.
pub type Fingerprint = [u8; 32];

/// A certificate whose chain, dates, uses, names and revocation were found good.
#[derive(Clone, Debug)]
pub struct TrustedCertificate {
    pub(super) fingerprint: Fingerprint,
    pub(super) serial: String,
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) not_after: Time,
    pub(super) matched: Option<AccountName>,
    pub(super) authority: Arc<Authority>,
    pub(super) chain: Arc<[u8]>,
}

impl TrustedCertificate {
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The serial number in hexadecimal, as its authority counts; not what stands on the token.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The last second in which it is valid.
    pub fn not_after(&self) -> Time {
        self.not_after
    }

    /// The authority's name in the config.
    pub fn authority(&self) -> &str {
        &self.authority.source.name
    }

    /// Whether the authority is declared to certify keys in hardware alone, so that the token and its PIN are two factors.
    pub fn is_hardware_only(&self) -> bool {
        self.authority.source.hardware_only
    }

    /// Whether its authority may name people of this unit.
    pub fn speaks_for(&self, unit: &UnitName) -> bool {
        self.authority.source.units.as_ref().is_none_or(|units| units.contains(unit))
    }

    /// What it was checked by, to be kept for [`super::ClientTrust::check_again`].
    pub fn chain(&self) -> &Arc<[u8]> {
        &self.chain
    }

    /// The account that the authority's matching rule found in it. It may not exist, and [`TrustedCertificate::speaks_for`] must still be asked.
    pub fn matched(&self) -> Option<&AccountName> {
        self.matched.as_ref()
    }
}
