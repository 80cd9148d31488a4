//! My tokens: keys and code tokens. Adding, removing and activating one, and reporting one lost, take a fresh proof by one that she has.
//!
//! 1. The button asks for the proof; the form carries what it is for.
//! 2. The proof is right: its token goes into the step cookie, and stands for one change.
//! 3. Removing and losing are done at once; adding asks for the new key, activating for a code.

use http::StatusCode;
use url::form_urlencoded;

use crate::auth::{CeremonyError, Identity, KeyChangeError, KeyError, ProofNeeded, Proven, Why, cookies};
use crate::crypto::Token;
use crate::limit::Attempt;
use crate::model::{Action, Event, Outcome, Refusal, Serial, TokenId};
use crate::store::StoredKey;

use super::call::{Answer, Asked, Fields, Posted, Refused};
use super::console::key_row;
use super::denial::{self, network};
use super::enrol::ceremony_alert;
use super::own::{own_event, record};
use super::own_tokens;
use super::sign_in::{status_of, told_to_wait, wait_of};
use super::view::{Alert, Ceremony, KeysProveView, KeysRegisterView, KeysView, ProofMeans, ProvePurpose, Tone, WhyOver};

/// What a proof is for, as the form carries it.
#[derive(Clone, Debug)]
pub(super) enum Next {
    Add,
    Remove(TokenId),
    Activate(Serial),
    PhoneApp,
    Lose(Serial),
}

impl Next {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let serial = |text: &str| Serial::parse(text).ok();
        match text.split_once(' ') {
            None if text == "add" => Some(Self::Add),
            None if text == "phone" => Some(Self::PhoneApp),
            None => text.parse().ok().map(Self::Remove),
            Some(("activate", rest)) => serial(rest).map(Self::Activate),
            Some(("lose", rest)) => serial(rest).map(Self::Lose),
            Some(_) => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Add => "add".to_owned(),
            Self::PhoneApp => "phone".to_owned(),
            Self::Remove(key) => key.to_string(),
            Self::Activate(serial) => format!("activate {serial}"),
            Self::Lose(serial) => format!("lose {serial}"),
        }
    }

    /// As part of an address.
    pub(super) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).append_pair("next", &self.text()).finish()
    }

    /// The token that is said to be lost, which can prove nothing.
    pub(super) fn lost(&self) -> Option<&Serial> {
        match self {
            Self::Lose(serial) => Some(serial),
            Self::Add | Self::PhoneApp | Self::Remove(_) | Self::Activate(_) => None,
        }
    }
}

pub async fn page(asked: Asked) -> Answer {
    list(&asked, None).await
}

pub(super) async fn list(asked: &Asked, alert: Option<Alert>) -> Answer {
    let keys = keys_of(asked).await?;
    let (tokens, opening) = own_tokens::rows(asked).await?;
    let status =
        if alert.as_ref().is_some_and(|alert| alert.tone() == Tone::Error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let keys = keys.iter().map(|key| key_row(asked, key)).collect();
    asked.show_with(
        status,
        &KeysView { frame: asked.frame_at("/keys", alert), keys, tokens, opening, phone_apps: own_tokens::may_have_phone_app(asked)? },
    )
}

async fn keys_of(asked: &Asked) -> Result<Vec<StoredKey>, Refused> {
    let account = asked.identity()?.account();
    asked.portal.auth.keys.list(account).await.map_err(super::own::broken)
}

pub async fn add(Posted { asked, .. }: Posted) -> Answer {
    ask_for_proof(&asked, &Next::Add, None).await
}

pub async fn remove(Posted { asked, form }: Posted) -> Answer {
    match form.text("key").parse() {
        Ok(key) => ask_for_proof(&asked, &Next::Remove(key), None).await,
        Err(_) => list(&asked, Some(Alert::Gone)).await,
    }
}

pub(super) async fn ask_for_proof(asked: &Asked, next: &Next, alert: Option<Alert>) -> Answer {
    let identity = asked.identity()?;
    let needed = match asked.portal.auth.keys.proof_needed(identity, next.lost(), asked.now).await {
        Ok(needed) => needed,
        Err(error) => return failed(asked, error).await,
    };
    let Some(purpose) = purpose(asked, next, needed == ProofNeeded::Password).await? else {
        return list(asked, Some(Alert::Gone)).await;
    };
    let means = match needed {
        ProofNeeded::Key { security_key, usb_key } => {
            let usb_key = (usb_key && asked.portal.key_host.is_some()).then(|| format!("/keys/prove/usb-key?{}", next.query()));
            let ceremony = if security_key { Some(key_to_prove(asked, identity, next).await) } else { None };
            match ceremony.transpose() {
                Ok(ceremony) => ProofMeans::Key { ceremony, usb_key },
                Err(error) => return failed(asked, error).await,
            }
        }
        ProofNeeded::Code => ProofMeans::Code,
        ProofNeeded::Password => ProofMeans::Password,
    };
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let view = KeysProveView { frame: asked.frame_at("/keys", alert), means, purpose, next: next.text() };
    told_to_wait(asked.show_with(status, &view)?, wait)
}

/// `None`: the key that was to be removed is not there. `last`: she has no other token.
pub(super) async fn purpose(asked: &Asked, next: &Next, last: bool) -> Result<Option<ProvePurpose>, Refused> {
    Ok(Some(match next {
        Next::Add => ProvePurpose::AddKey,
        Next::PhoneApp => ProvePurpose::PhoneApp,
        Next::Remove(id) => match keys_of(asked).await?.into_iter().find(|key| key.id == *id) {
            Some(key) => ProvePurpose::RemoveKey { name: key.label },
            None => return Ok(None),
        },
        Next::Activate(serial) => ProvePurpose::Activate { serial: serial.to_string() },
        Next::Lose(serial) => ProvePurpose::Lose { serial: serial.to_string(), last },
    }))
}

async fn key_to_prove(asked: &Asked, identity: &Identity, next: &Next) -> Result<Ceremony, KeyChangeError> {
    let keys = &asked.portal.auth.keys;
    let except = match next.lost() {
        Some(serial) => keys.list(identity.account()).await?.into_iter().find(|key| key.serial == *serial).map(|key| key.id),
        None => None,
    };
    let challenge = keys.proof_options(identity, except, asked.now).await?;
    Ok(Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() })
}

pub async fn prove(Posted { asked, form }: Posted) -> Answer {
    let identity = asked.identity()?.clone();
    let Some(next) = Next::parse(form.text("next")) else { return list(&asked, Some(Alert::Gone)).await };
    let attempt = match attempt(&asked, &identity, Action::KeyProof).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return ask_for_proof(&asked, &next, Some(Alert::Wait { seconds })).await,
    };
    let proven = proof_in(&asked, &identity, &form, &next).await;
    settle(&asked, attempt, &proven);
    let proven = match proven {
        Ok(proven) => proven,
        // Whoever sits before her open session may be somebody else, so this is a second factor as at sign-in.
        Err(KeyChangeError::WrongProof(denied)) => {
            denial::note(&asked, &denied, own_event(&asked, Action::KeyProof)?, "").await?;
            return match denied.why() {
                Why::Key(KeyError::CounterWentBack(_)) if identity.is_revoked() => own_tokens::over(&asked, WhyOver::KeySuspended),
                Why::Key(KeyError::CounterWentBack(_)) => list(&asked, Some(Alert::KeySuspended)).await,
                why => ask_for_proof(&asked, &next, Some(denial::key_alert(why))).await,
            };
        }
        Err(KeyChangeError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => return ask_for_proof(&asked, &next, Some(alert)).await,
            None => return failed(&asked, KeyChangeError::Ceremony(error)).await,
        },
        Err(error) if error.is_wrong() => {
            refused(&asked, own_event(&asked, Action::KeyProof)?, &error).await?;
            return match own_tokens::told(&asked, &identity, &error).await? {
                Ok(alert) => ask_for_proof(&asked, &next, Some(alert)).await,
                Err(answer) => answer,
            };
        }
        Err(error) => {
            if error.withdrawn().is_some() {
                refused(&asked, own_event(&asked, Action::KeyProof)?, &error).await?;
            }
            return failed(&asked, error).await;
        }
    };
    go_on(asked, &identity, &proven, next).await
}

/// What the proof was for.
pub(super) async fn go_on(mut asked: Asked, identity: &Identity, proven: &Proven, next: Next) -> Answer {
    match next {
        Next::Remove(key) => take_away(&asked, identity, proven.token(), key).await,
        Next::Lose(serial) => own_tokens::lose(&mut asked, identity, proven, &serial).await,
        Next::Add => {
            asked.change_step(proven.token().clone());
            asked.redirect("/keys/register")
        }
        Next::PhoneApp => own_tokens::begin_phone_app(asked, identity, proven).await,
        Next::Activate(serial) => {
            asked.change_step(proven.token().clone());
            asked.redirect(&format!("/keys/show?token={serial}"))
        }
    }
}

/// What counts is what she has to prove it by, not what the form brings.
async fn proof_in(asked: &Asked, identity: &Identity, form: &Fields, next: &Next) -> Result<Proven, KeyChangeError> {
    let (keys, now, lost) = (&asked.portal.auth.keys, asked.now, next.lost());
    match (keys.proof_needed(identity, lost, now).await?, lost) {
        (ProofNeeded::Password, Some(lost)) => keys.prove_by_password(identity, lost, form.text("password"), now).await,
        (ProofNeeded::Code, lost) => keys.prove_by_code(identity, lost, form.text("code"), now, asked.portal.clock.wall()).await,
        (ProofNeeded::Key { .. } | ProofNeeded::Password, _) => {
            let challenge = Token::parse(form.text("challenge")).ok_or(KeyChangeError::Ceremony(CeremonyError::NoChallenge))?;
            keys.prove(identity, &challenge, form.text("credential"), now).await
        }
    }
}

/// One more try in this session, or the seconds to wait.
pub(super) async fn attempt(asked: &Asked, identity: &Identity, action: Action) -> Result<Result<Attempt, u64>, Refused> {
    match asked.portal.limits.attempt_with_key(network(asked), identity.who().name.as_str(), asked.now) {
        Ok(attempt) => Ok(Ok(attempt)),
        Err(wait) => Ok(Err(denial::note_wait(asked, &wait, own_event(asked, action)?, None, "").await?)),
    }
}

/// What was found wrong makes the next attempt wait.
pub(super) fn settle<T>(asked: &Asked, attempt: Attempt, tried: &Result<T, KeyChangeError>) {
    if tried.as_ref().is_err_and(KeyChangeError::is_wrong) {
        attempt.failed(asked.portal.clock.now());
    } else {
        attempt.take_back();
    }
}

async fn take_away(asked: &Asked, identity: &Identity, proof: &Token, key: TokenId) -> Answer {
    let (keys, what) = (&asked.portal.auth.keys, own_event(asked, Action::KeyRemoved)?.with("key", key));
    let removable = match keys.check_removal(identity, proof, key, asked.now).await {
        Ok(removable) => removable,
        Err(error) => {
            refused(asked, what, &error).await?;
            return failed(asked, error).await;
        }
    };
    record(asked, what.clone()).await?;
    match keys.remove(identity, proof, removable, asked.now).await {
        Ok(_) if identity.is_revoked() => asked.redirect("/sign-in"),
        Ok(_) => list(asked, Some(Alert::KeyRemoved)).await,
        Err(error) => {
            refused(asked, what, &error).await?;
            failed(asked, error).await
        }
    }
}

/// A change that was not made, on record as such.
pub(super) async fn refused(asked: &Asked, what: Event, error: &KeyChangeError) -> Result<(), Refused> {
    let what = Event { outcome: Outcome::Failed, ..what }.with("why", error);
    record(asked, error.withdrawn().map_or(what.clone(), |token| token.on(what))).await
}

pub async fn register_page(asked: Asked) -> Answer {
    ask_for_new_key(&asked, None).await
}

async fn ask_for_new_key(asked: &Asked, alert: Option<Alert>) -> Answer {
    let identity = asked.identity()?;
    let Some(proof) = asked.step.clone() else { return asked.redirect("/keys") };
    let challenge = match asked.portal.auth.keys.new_key_options(identity, &proof, asked.now).await {
        Ok(challenge) => challenge,
        Err(error) => return failed(asked, error).await,
    };
    let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let ceremony = Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() };
    let keys = keys_of(asked).await?.len();
    asked.show_with(status, &KeysRegisterView { frame: asked.frame_at("/keys/register", alert), ceremony, keys })
}

pub async fn register(Posted { mut asked, form }: Posted) -> Answer {
    let identity = asked.identity()?.clone();
    let Some(proof) = asked.step.clone() else { return asked.redirect("/keys") };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return ask_for_new_key(&asked, Some(Alert::ChallengeExpired)).await;
    };
    let (credential, label) = (form.text("credential"), form.text("key_name"));
    let what = own_event(&asked, Action::KeyAdded)?.with("name", label);
    let keys = &asked.portal.auth.keys;
    let checked = match keys.check(&identity, &proof, &challenge, credential, label, asked.now).await {
        Ok(checked) => checked,
        Err(error) => return not_added(&asked, what, error).await,
    };
    // Recorded before it is done, as every change is, and after all that could refuse it.
    record(&asked, what.clone()).await?;
    match keys.add(&identity, &proof, checked, asked.now).await {
        Ok(_) => {
            asked.set_cookie(cookies::forget(cookies::STEP));
            list(&asked, Some(Alert::KeyAdded)).await
        }
        Err(error) => not_added(&asked, what, error).await,
    }
}

async fn not_added(asked: &Asked, what: Event, error: KeyChangeError) -> Answer {
    refused(asked, what, &error).await?;
    match error {
        KeyChangeError::Ceremony(error) => match ceremony_alert(&error) {
            Some(alert) => ask_for_new_key(asked, Some(alert)).await,
            None => failed(asked, KeyChangeError::Ceremony(error)).await,
        },
        error => failed(asked, error).await,
    }
}

pub(super) async fn failed(asked: &Asked, error: KeyChangeError) -> Answer {
    let alert = match error {
        KeyChangeError::NotSignedIn => return asked.redirect("/sign-in"),
        KeyChangeError::NoProof => Alert::ChallengeExpired,
        KeyChangeError::KeyTaken => Alert::KeyKnown,
        KeyChangeError::TooManyKeys => Alert::TooManyKeys,
        KeyChangeError::LastOne => Alert::LastKey,
        KeyChangeError::NoSuchKey => Alert::Gone,
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be changed");
            return Err(Refusal::Broken { what: "a key could not be changed" }.into());
        }
    };
    list(asked, Some(alert)).await
}
