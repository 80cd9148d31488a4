//! My keys: adding and removing one takes a fresh proof by one that she has.
//!
//! 1. "Add" or "remove" asks for the proof; the form carries what it is for.
//! 2. The proof is right: its token goes into the step cookie, and stands for one change.
//! 3. Removing is done at once; adding asks for the new key.

use http::StatusCode;

use crate::auth::{Identity, KeyChangeError, cookies};
use crate::crypto::Token;
use crate::model::{Action, Event, KeyId, Outcome, Refusal};
use crate::store::StoredKey;

use super::call::{Answer, Asked, Posted, Refused};
use super::console::key_row;
use super::denial::{self, network};
use super::enrol::ceremony_alert;
use super::own::{own_event, record};
use super::sign_in::{settle, status_of, told_to_wait, wait_of};
use super::view::{Alert, Ceremony, KeysProveView, KeysRegisterView, KeysView, ProvePurpose, Tone};

/// What a proof is for, as the form carries it.
const TO_ADD: &str = "add";

pub async fn page(asked: Asked) -> Answer {
    list(&asked, None).await
}

async fn list(asked: &Asked, alert: Option<Alert>) -> Answer {
    let keys = keys_of(asked).await?;
    let status =
        if alert.as_ref().is_some_and(|alert| alert.tone() == Tone::Error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = KeysView { frame: asked.frame_at("/keys", alert), keys: keys.iter().map(|key| key_row(asked, key)).collect() };
    asked.show_with(status, &view)
}

async fn keys_of(asked: &Asked) -> Result<Vec<StoredKey>, Refused> {
    let account = asked.identity()?.account();
    asked.portal.auth.keys.list(account).await.map_err(super::own::broken)
}

pub async fn add(Posted { asked, .. }: Posted) -> Answer {
    ask_for_proof(&asked, TO_ADD, None).await
}

pub async fn remove(Posted { asked, form }: Posted) -> Answer {
    ask_for_proof(&asked, form.text("key"), None).await
}

async fn ask_for_proof(asked: &Asked, next: &str, alert: Option<Alert>) -> Answer {
    let identity = asked.identity()?;
    let purpose = match next {
        TO_ADD => ProvePurpose::AddKey,
        id => match keys_of(asked).await?.into_iter().find(|key| key.id.to_string() == id) {
            Some(key) => ProvePurpose::RemoveKey { name: key.label },
            None => return list(asked, Some(Alert::Gone)).await,
        },
    };
    let challenge = match asked.portal.auth.keys.proof_options(identity, asked.now).await {
        Ok(challenge) => challenge,
        Err(error) => return failed(asked, error).await,
    };
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let ceremony = Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() };
    let view = KeysProveView { frame: asked.frame_at("/keys", alert), ceremony, purpose, next: next.to_owned() };
    told_to_wait(asked.show_with(status, &view)?, wait)
}

pub async fn prove(Posted { mut asked, form }: Posted) -> Answer {
    let identity = asked.identity()?.clone();
    let next = form.text("next").to_owned();
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return ask_for_proof(&asked, &next, Some(Alert::ChallengeExpired)).await;
    };
    let attempt = match asked.portal.limits.attempt_with_key(network(&asked), identity.who().name.as_str(), asked.now) {
        Ok(attempt) => attempt,
        Err(wait) => {
            let seconds = denial::note_wait(&asked, &wait, own_event(&asked, Action::KeyProof)?, None, "").await?;
            return ask_for_proof(&asked, &next, Some(Alert::Wait { seconds })).await;
        }
    };
    let proven = asked.portal.auth.keys.prove(&identity, &challenge, form.text("credential"), asked.now).await;
    settle(&asked, attempt, proven.as_ref().err().and_then(KeyChangeError::denied));
    let proof = match proven {
        Ok(proof) => proof,
        // Whoever sits before her open session may be somebody else, so this is a second factor as at sign-in.
        Err(KeyChangeError::WrongProof(denied)) => {
            denial::note(&asked, &denied, own_event(&asked, Action::KeyProof)?, "").await?;
            return ask_for_proof(&asked, &next, Some(denial::key_alert(denied.why()))).await;
        }
        Err(KeyChangeError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => return ask_for_proof(&asked, &next, Some(alert)).await,
            None => return failed(&asked, KeyChangeError::Ceremony(error)).await,
        },
        Err(error) => return failed(&asked, error).await,
    };
    match next.parse::<KeyId>() {
        Ok(key) => take_away(&asked, &identity, &proof, key).await,
        Err(_) => {
            asked.change_step(proof);
            asked.redirect("/keys/register")
        }
    }
}

async fn take_away(asked: &Asked, identity: &Identity, proof: &Token, key: KeyId) -> Answer {
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
async fn refused(asked: &Asked, what: Event, error: &KeyChangeError) -> Result<(), Refused> {
    record(asked, Event { outcome: Outcome::Failed, ..what }.with("why", error)).await
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

async fn failed(asked: &Asked, error: KeyChangeError) -> Answer {
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
