//! WebAuthn without a store: what the browser is asked, and whether what it answers is right.
//!
//! Invariant: an answer counts only from the portal's exact origin and RP id, with the user verified by the key itself
//! (PIN or fingerprint), and from a key that cannot be copied (WebAuthn, section 6.1.3: not backup-eligible).

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use url::Url;
use webauthn_rs::prelude::{
    Credential, CredentialID, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::makes::{Makes, attestation_of};
use super::withdrawn::WithdrawnToken;
use crate::clock::Time;
use crate::crypto::sha256;
use crate::model::{Account, AccountId, Attestation, Serial, TokenId, capped};
use crate::store::{NewKey, StoredKey};

/// More than any authenticator says; a certificate chain in an attestation is the longest part.
const LONGEST_ANSWER: usize = 64 * 1024;
const LONGEST_LABEL: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the browser's answer is not a WebAuthn credential: {0}")]
    Malformed(String),
    /// A passkey that is synced, or could be: it is not bound to one piece of hardware.
    #[error("not a hardware key: it can be copied to other devices")]
    NotHardware,
    #[error("the key did not verify its user (PIN or fingerprint)")]
    UserNotVerified,
    #[error("the key answered for another site")]
    WrongOrigin,
    #[error("the answer belongs to another challenge")]
    WrongChallenge,
    #[error("the key is not registered with this account")]
    UnknownKey,
    /// It was taken out of use, and gave this answer all the same: for the log alone.
    #[error("the key is {}", .0.state)]
    Withdrawn(WithdrawnToken),
    /// The signature counter did not go on: there may be two of this key.
    #[error("the key's signature counter went back: it may have been copied")]
    CounterWentBack(Copied),
    /// Every label asks for keys of certain makes, and this is none of them.
    #[error("the key is of no make that the config lists")]
    OtherMake,
    #[error("the key's answer is wrong: {0}")]
    Wrong(String),
    #[error("the WebAuthn settings are wrong: {0}")]
    Settings(String),
}

/// A key that signed with a counter that it, or its copy, had passed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub key: TokenId,
    pub serial: Serial,
    pub account: AccountId,
    /// What the counter was, and what the answer says.
    pub known: u32,
    pub shown: u32,
    /// How many sessions ended when the key was suspended.
    pub sessions_ended: usize,
}

impl Copied {
    pub(super) fn of(key: &StoredKey, shown: u32) -> Self {
        Self { key: key.id, serial: key.serial.clone(), account: key.account, known: key.counter, shown, sessions_ended: 0 }
    }
}

/// A key answered rightly; this is to be written down.
#[derive(Clone, Debug)]
pub struct RightAnswer {
    pub key: TokenId,
    pub account: AccountId,
    pub counter: u32,
    pub passkey: String,
    /// The listed makes that it is of.
    pub makes: Arc<[Arc<str>]>,
}

/// Asks for and checks keys, for one site.
#[derive(Clone, Debug)]
pub struct Authenticators {
    webauthn: Webauthn,
    makes: Arc<ArcSwap<Makes>>,
}

impl Authenticators {
    /// `rp_id` is the portal's host name, `origin` its address with the port (WebAuthn, section 5.1.3), `name` what
    /// browsers show.
    pub fn new(rp_id: &str, origin: &Url, name: &str) -> Result<Self, KeyError> {
        if origin.scheme() != "https" {
            return Err(KeyError::Settings(format!("{origin} is not https")));
        }
        let built = WebauthnBuilder::new(rp_id, origin).and_then(|builder| builder.rp_name(name).build());
        let webauthn = built.map_err(|error| KeyError::Settings(format!("{origin} with RP id {rp_id}: {error}")))?;
        Ok(Self { webauthn, makes: Arc::default() })
    }

    /// The makes that the config lists, from now on.
    pub(super) fn list_makes(&self, makes: Makes) {
        self.makes.store(Arc::new(makes));
    }

    /// The makes that a key is of, which was registered then.
    pub(super) fn makes_of(&self, key: &StoredKey) -> Result<Arc<[Arc<str>]>, KeyError> {
        if key.attestation == Attestation::None || !self.makes.load().ask() {
            return Ok(Arc::default());
        }
        Ok(self.makes.load().of(&Credential::from(read_state::<Passkey>(&key.passkey)?), key.added))
    }

    /// Options for `navigator.credentials.create()`, and the state to keep.
    pub fn registration(&self, account: &Account, known: &[Vec<u8>]) -> Result<(Value, String), KeyError> {
        let exclude = known.iter().map(|credential| CredentialID::from(credential.clone())).collect();
        let (options, state) = self
            .webauthn
            .start_passkey_registration(account.id.0, account.name.as_str(), account.name.as_str(), Some(exclude))
            .map_err(settings)?;
        let mut options = json(&options)?;
        // The library discourages keys that can be found without a name; signing in by key alone needs them.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut) {
            selection.insert("residentKey".to_owned(), Value::from("preferred"));
        }
        if self.makes.load().ask()
            && let Some(options) = options.pointer_mut("/publicKey").and_then(Value::as_object_mut)
        {
            options.insert("attestation".to_owned(), Value::from("direct"));
        }
        Ok((options, text(&state)?))
    }

    pub fn register(&self, state: &str, answer: &str, label: &str, now: Time) -> Result<NewKey, KeyError> {
        let state: PasskeyRegistration = read_state(state)?;
        let answer: RegisterPublicKeyCredential = parse(answer)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &state).map_err(wrong)?;
        let credential = Credential::from(passkey.clone());
        if credential.backup_eligible || credential.backup_state {
            return Err(KeyError::NotHardware);
        }
        if !credential.user_verified {
            return Err(KeyError::UserNotVerified);
        }
        let makes = self.makes.load();
        if makes.only && makes.of(&credential, now).is_empty() {
            return Err(KeyError::OtherMake);
        }
        Ok(NewKey {
            attestation: attestation_of(&credential),
            id: TokenId::fresh(),
            credential: credential.cred_id.to_vec(),
            passkey: text(&passkey)?,
            counter: credential.counter,
            label: label_of(label),
        })
    }

    /// Options for `navigator.credentials.get()` with the keys of a known account, and the state to keep.
    pub fn authentication(&self, keys: &[StoredKey]) -> Result<(Value, String), KeyError> {
        if keys.is_empty() {
            return Err(KeyError::UnknownKey);
        }
        let passkeys = keys.iter().map(|key| read_state(&key.passkey)).collect::<Result<Vec<Passkey>, _>>()?;
        let (options, state) = self.webauthn.start_passkey_authentication(&passkeys).map_err(settings)?;
        Ok((json(&options)?, text(&state)?))
    }

    /// Checks the answer of one of the account's `keys`, as they are now.
    pub fn authenticate(&self, state: &str, answer: &str, account: AccountId, keys: &[StoredKey]) -> Result<RightAnswer, KeyError> {
        let state: PasskeyAuthentication = read_state(state)?;
        let answer: PublicKeyCredential = parse(answer)?;
        let handle_fits = answer.get_user_unique_id().is_none_or(|handle| handle == account.0.as_bytes());
        let key = keys
            .iter()
            .find(|key| handle_fits && key.account == account && key.credential == answer.get_credential_id())
            .ok_or(KeyError::UnknownKey)?;
        // First: so what the library says of verification, hardware and counter is said of an answer that the key gave.
        if !is_signed(key, &answer)? {
            return Err(KeyError::Wrong("the signature is not the key's".to_owned()));
        }
        let result = self.webauthn.finish_passkey_authentication(&answer, &state).map_err(|error| wrong_with(key, &answer, error))?;
        right(key, self.makes_of(key)?, &result)
    }

    /// Whether this key gave this answer to what `state` had asked of any key: its signature, the challenge and the site are right. Nothing is
    /// opened by that.
    pub fn is_answer_of(&self, key: &StoredKey, state: &str, answer: &str) -> Result<bool, KeyError> {
        let answer: PublicKeyCredential = parse(answer)?;
        let is_hers = answer.get_user_unique_id().is_none_or(|handle| handle == key.account.0.as_bytes());
        if !is_hers || key.credential != answer.get_credential_id() || !is_signed(key, &answer)? {
            return Ok(false);
        }
        let mut state: Value = read_state(state)?;
        let asked = state.pointer_mut("/ast/credentials").ok_or_else(|| KeyError::Settings("unreadable state".to_owned()))?;
        *asked = json(&[Credential::from(read_state::<Passkey>(&key.passkey)?)])?;
        let state: PasskeyAuthentication = serde_json::from_value(state).map_err(|error| KeyError::Settings(error.to_string()))?;
        Ok(match self.webauthn.finish_passkey_authentication(&answer, &state) {
            Ok(_) => true,
            Err(error) => {
                matches!(wrong_with(key, &answer, error), KeyError::UserNotVerified | KeyError::NotHardware | KeyError::CounterWentBack(_))
            }
        })
    }

    /// Options for `navigator.credentials.get()` where nobody has given a name yet, and the state to keep.
    pub fn discovery(&self) -> Result<(Value, String), KeyError> {
        let (options, state) = self.webauthn.start_discoverable_authentication().map_err(settings)?;
        let mut options = json(&options)?;
        // Whether the browser offers keys by itself or on a button is for the page to say.
        if let Some(options) = options.as_object_mut() {
            options.remove("mediation");
        }
        Ok((options, text(&state)?))
    }

    /// Which credential an answer without a name claims to be.
    pub fn claimed_credential(answer: &str) -> Result<Vec<u8>, KeyError> {
        Ok(parse::<PublicKeyCredential>(answer)?.get_credential_id().to_vec())
    }

    /// Checks the answer of a discovered `key`, which must name its own account.
    pub fn discover(&self, state: &str, answer: &str, key: &StoredKey) -> Result<RightAnswer, KeyError> {
        let state: DiscoverableAuthentication = read_state(state)?;
        let answer: PublicKeyCredential = parse(answer)?;
        let named: Uuid = self.webauthn.identify_discoverable_authentication(&answer).map_err(|_| KeyError::UnknownKey)?.0;
        if named != key.account.0 || key.credential != answer.get_credential_id() {
            return Err(KeyError::UnknownKey);
        }
        let passkey: Passkey = read_state(&key.passkey)?;
        let result = self
            .webauthn
            .finish_discoverable_authentication_v2(&answer, state, &passkey)
            .map_err(|error| wrong_with(key, &answer, error))?;
        right(key, self.makes_of(key)?, &result)
    }
}

/// Whether the key signed this very answer (WebAuthn, section 7.2, steps 19 and 20).
fn is_signed(key: &StoredKey, answer: &PublicKeyCredential) -> Result<bool, KeyError> {
    let public = Credential::from(read_state::<Passkey>(&key.passkey)?).cred;
    let mut signed = answer.response.authenticator_data.to_vec();
    signed.extend(sha256(&answer.response.client_data_json));
    Ok(public.verify_signature(&answer.response.signature, &signed).unwrap_or(false))
}

fn right(key: &StoredKey, makes: Arc<[Arc<str>]>, result: &webauthn_rs::prelude::AuthenticationResult) -> Result<RightAnswer, KeyError> {
    if !result.user_verified() {
        return Err(KeyError::UserNotVerified);
    }
    if result.backup_eligible() || result.backup_state() {
        return Err(KeyError::NotHardware);
    }
    let mut passkey: Passkey = read_state(&key.passkey)?;
    passkey.update_credential(result).ok_or(KeyError::UnknownKey)?;
    Ok(RightAnswer { key: key.id, account: key.account, counter: result.counter(), passkey: text(&passkey)?, makes })
}

/// The library looks at the counter after all else, the signature too: so nobody without the key, or a copy, comes so far.
fn wrong_with(key: &StoredKey, answer: &PublicKeyCredential, error: WebauthnError) -> KeyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => {
            // WebAuthn, section 6.1: behind the hash of the RP id and the flags.
            let counter = answer.response.authenticator_data.get(33..37).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            KeyError::CounterWentBack(Copied::of(key, counter.unwrap_or(0)))
        }
        other => wrong(other),
    }
}

fn wrong(error: WebauthnError) -> KeyError {
    match error {
        WebauthnError::UserNotVerified => KeyError::UserNotVerified,
        WebauthnError::CredentialMayNotBeHardwareBound | WebauthnError::CredentialBackupEligibilityInconsistent => KeyError::NotHardware,
        WebauthnError::InvalidRPOrigin | WebauthnError::InvalidRPIDHash | WebauthnError::CredentialCrossOrigin => KeyError::WrongOrigin,
        WebauthnError::MismatchedChallenge => KeyError::WrongChallenge,
        WebauthnError::CredentialNotFound => KeyError::UnknownKey,
        other => KeyError::Wrong(other.to_string()),
    }
}

fn settings(error: WebauthnError) -> KeyError {
    KeyError::Settings(error.to_string())
}

fn parse<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T, KeyError> {
    if answer.len() > LONGEST_ANSWER {
        return Err(KeyError::Malformed(format!("{} bytes", answer.len())));
    }
    serde_json::from_str(answer).map_err(|error| KeyError::Malformed(error.to_string()))
}

fn read_state<T: serde::de::DeserializeOwned>(state: &str) -> Result<T, KeyError> {
    serde_json::from_str(state).map_err(|error| KeyError::Settings(format!("unreadable state: {error}")))
}

fn json(value: &impl serde::Serialize) -> Result<Value, KeyError> {
    serde_json::to_value(value).map_err(|error| KeyError::Settings(error.to_string()))
}

fn text(value: &impl serde::Serialize) -> Result<String, KeyError> {
    serde_json::to_string(value).map_err(|error| KeyError::Settings(error.to_string()))
}

fn label_of(typed: &str) -> String {
    let visible: String = typed.chars().filter(|c| !c.is_control()).collect();
    capped(visible.trim(), LONGEST_LABEL)
}
