//! Makes of security keys, as the config lists them: whether a key is of one is what its maker's certificate says (WebAuthn attestation).
//!
//! Invariant: a make vouches for a key only if a chain of certificates leads from the key's answer to one of the make's authorities, valid
//! when the key was registered, and the key is of a model that the make names. What the key alone says of itself counts for nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use webauthn_rs::prelude::{AttestationCaList, AttestationCaListBuilder, AttestationMetadata, Credential, ParsedAttestationData, Uuid};
use webauthn_rs_core::attestation::verify_attestation_ca_chain;

use crate::clock::Time;
use crate::model::{Attestation, TokenId};

#[derive(Debug, thiserror::Error)]
#[error("the authority of the make {make} cannot be used: {why}")]
pub struct NotAMake {
    make: Arc<str>,
    why: String,
}

/// Keys of one kind, from one maker.
#[derive(Clone, Debug)]
pub struct Make {
    name: Arc<str>,
    authorities: AttestationCaList,
    /// AAGUIDs; empty: whatever its authorities vouch for.
    models: Vec<Uuid>,
}

/// What the config says of keys.
#[derive(Clone, Debug, Default)]
pub struct Makes {
    pub listed: Vec<Make>,
    /// Every label asks for a listed make, so that another key could open nothing: it is refused when it is registered.
    pub only: bool,
}

impl Make {
    pub fn new(name: Arc<str>, authorities: &[CertificateDer<'_>], models: Vec<Uuid>) -> Result<Self, NotAMake> {
        let mut builder = AttestationCaListBuilder::new();
        for authority in authorities {
            // The library wants a model with each authority; which models count is decided here.
            let inserted = builder.insert_device_der(authority, Uuid::nil(), String::new(), BTreeMap::new());
            inserted.map_err(|error| NotAMake { make: name.clone(), why: format!("{error:?}") })?;
        }
        Ok(Self { name, authorities: builder.build(), models })
    }

    fn vouches_for(&self, credential: &Credential, registered: Time) -> bool {
        let Attestation::Certified { model } = attestation_of(credential) else { return false };
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(registered.millis()).unwrap_or(0)));
        let leads_there =
            at.is_some_and(|at| matches!(verify_attestation_ca_chain(&credential.attestation.data, &self.authorities, at), Ok(Some(_))));
        leads_there && (self.models.is_empty() || self.models.contains(&model))
    }
}

impl Makes {
    /// Whether keys are asked what their maker says; browsers tell people of that question, so it is not asked in vain.
    pub fn ask(&self) -> bool {
        !self.listed.is_empty()
    }

    /// The makes that the key is of.
    pub fn of(&self, credential: &Credential, registered: Time) -> Arc<[Arc<str>]> {
        self.listed.iter().filter(|make| make.vouches_for(credential, registered)).map(|make| make.name.clone()).collect()
    }
}

/// What the library found in the answer; it has checked the signature that the statement bears.
pub(super) fn attestation_of(credential: &Credential) -> Attestation {
    match (&credential.attestation.data, &credential.attestation.metadata) {
        (
            ParsedAttestationData::Basic(_) | ParsedAttestationData::AttCa(_) | ParsedAttestationData::AnonCa(_),
            AttestationMetadata::Packed { aaguid } | AttestationMetadata::Tpm { aaguid, .. },
        ) => Attestation::Certified { model: *aaguid },
        // U2F keys have no model.
        (ParsedAttestationData::Basic(_) | ParsedAttestationData::AttCa(_) | ParsedAttestationData::AnonCa(_), _) => {
            Attestation::Certified { model: Uuid::nil() }
        }
        (ParsedAttestationData::Self_, _) => Attestation::Own,
        _ => Attestation::None,
    }
}

/// Which keys are of which makes, for policy: read on the way of a request, replaced when the config is. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MakesOfKeys(Arc<ArcSwap<MakesByKey>>);

type MakesByKey = HashMap<TokenId, Arc<[Arc<str>]>>;

impl MakesOfKeys {
    pub fn of(&self, key: TokenId) -> Option<Arc<[Arc<str>]>> {
        self.0.load().get(&key).cloned()
    }

    /// Whether the key is of one of these makes.
    pub fn is_one_of(&self, key: TokenId, makes: &[Arc<str>]) -> bool {
        self.0.load().get(&key).is_some_and(|its| its.iter().any(|make| makes.contains(make)))
    }

    pub(super) fn note(&self, key: TokenId, makes: &Arc<[Arc<str>]>) {
        if self.of(key).unwrap_or_default() == *makes {
            return;
        }
        self.0.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(key, Arc::clone(makes));
            all
        });
    }

    pub(super) fn replace(&self, all: MakesByKey) {
        self.0.store(Arc::new(all));
    }
}
