//! A USB-KEY as the fresh proof, wherever a page asks a security key for one: its form leads to the page that leads to the other host, and
//! the answer comes back here.
//!
//! Invariant: what is asked for by a form is done with the answer, and nothing else: the answer is bound to it, to this browser, and serves
//! once.

use axum::extract::Path;

use crate::admin::Change;
use crate::auth::{KeyChangeError, PetitionProof, PetitionStep, Proven, RecoveryError, ShownFor};
use crate::model::{Action, PetitionId, RecoveryKind, Refusal};

use super::call::{Answer, Asked, Posted, Refused};
use super::changes::{self, petition_id};
use super::console::{actor, refused};
use super::keys::{self, Next};
use super::own::{broken, record};
use super::usb_key::{Leading, answer, lead_there};
use super::view::{Alert, ChangeRow};
use super::{recover, terminal};

/// Where the form of a page leads; `None`: no such form.
pub(super) async fn form(asked: &Asked, address: String) -> Result<Option<String>, Refused> {
    let holds =
        asked.portal.key_host.is_some() && asked.portal.auth.keys.holds_usb_key(asked.identity()?, asked.now).await.map_err(broken)?;
    Ok(holds.then_some(address))
}

pub async fn own_tokens(Posted { asked, .. }: Posted) -> Answer {
    let Some(next) = Next::parse(asked.query.text("next")) else { return asked.redirect("/keys") };
    let what = match keys::purpose(&asked, &next, false).await? {
        Some(purpose) => purpose.sentence(&asked.frame(None)).into_owned(),
        None => return keys::list(&asked, Some(Alert::Gone)).await,
    };
    let back = format!("/keys/prove/usb-key/finish?{}", next.query());
    ask(&asked, ShownFor::OwnTokens(next.text()), back, "/keys".to_owned(), Some(what)).await
}

pub async fn own_tokens_finish(asked: Asked) -> Answer {
    let identity = asked.identity()?.clone();
    let Some(next) = Next::parse(asked.query.text("next")) else { return asked.redirect("/keys") };
    let Some(shown) = answer(&asked, asked.browser, &ShownFor::OwnTokens(next.text())).await? else {
        return keys::list(&asked, Some(Alert::ChallengeExpired)).await;
    };
    match asked.portal.auth.keys.prove_by_usb_key(&identity, next.lost(), shown, asked.now).await {
        Ok(proven) => keys::go_on(asked, &identity, &proven, next).await,
        Err(error) => match told(&error) {
            Some(alert) => keys::ask_for_proof(&asked, &next, Some(alert)).await,
            None => keys::failed(&asked, error).await,
        },
    }
}

pub async fn petition(Path((id, step)): Path<(String, String)>, Posted { asked, .. }: Posted) -> Answer {
    let (id, step) = petition_step(&asked, &id, &step)?;
    let what = changes::row_for(&asked, id, step).await?.map(|row: ChangeRow| row.what(&asked.frame(None)).into_owned());
    let Some(what) = what else { return changes::show(&asked, id, Some(Alert::ChangeClosed), None).await };
    let page = format!("/console/changes/{id}");
    let back = format!("{page}/{}/usb-key/finish", step.word());
    ask(&asked, step.shown_for(id), back, page, Some(what)).await
}

pub async fn petition_finish(Path((id, step)): Path<(String, String)>, asked: Asked) -> Answer {
    let (id, step) = petition_step(&asked, &id, &step)?;
    match petition_proof(&asked, id, step).await? {
        Ok(proof) => changes::proven(&asked, id, step, proof).await,
        Err(answer) => answer,
    }
}

async fn petition_proof(asked: &Asked, id: PetitionId, step: PetitionStep) -> Result<Result<PetitionProof, Answer>, Refused> {
    let identity = asked.identity()?;
    let Some(shown) = answer(asked, asked.browser, &step.shown_for(id)).await? else {
        return Ok(Err(changes::show(asked, id, Some(Alert::ChallengeExpired), None).await));
    };
    match asked.portal.auth.keys.prove_for_petition_by_usb_key(identity, (id, step), shown, asked.now).await {
        Ok(proof) => Ok(Ok(proof)),
        Err(KeyChangeError::NotSignedIn) => Ok(Err(asked.redirect("/sign-in"))),
        Err(error) => match told(&error) {
            Some(alert) => Ok(Err(changes::show(asked, id, Some(alert), None).await)),
            None => Err(broken(error)),
        },
    }
}

/// Of the terminal whose code is in the address.
pub async fn terminal(Posted { asked, .. }: Posted) -> Answer {
    let code = match terminal::waiting(&asked, asked.query.text("terminal"))? {
        Ok(request) => request.code,
        Err(answer) => return answer,
    };
    let what = asked.frame(None).t_name("terminal-usb-key", "code", &code).into_owned();
    let back = format!("/terminal/usb-key/finish?terminal={code}");
    ask(&asked, ShownFor::Terminal(code.clone()), back, format!("/terminal?code={code}"), Some(what)).await
}

pub async fn terminal_finish(asked: Asked) -> Answer {
    let code = match terminal::waiting(&asked, asked.query.text("terminal"))? {
        Ok(request) => request.code,
        Err(answer) => return answer,
    };
    match terminal_proof(&asked, &code).await? {
        Ok(proven) => terminal::open(&asked, &code, &proven).await,
        Err(Some(alert)) => terminal::confirm(&asked, &code, Some(alert)).await,
        Err(None) => asked.redirect("/sign-in"),
    }
}

async fn terminal_proof(asked: &Asked, code: &str) -> Result<Result<Proven, Option<Alert>>, Refused> {
    let Some(shown) = answer(asked, asked.browser, &ShownFor::Terminal(code.to_owned())).await? else {
        return Ok(Err(Some(Alert::ChallengeExpired)));
    };
    match asked.portal.auth.keys.prove_by_usb_key(asked.identity()?, None, shown, asked.now).await {
        Ok(proven) => Ok(Ok(proven)),
        Err(KeyChangeError::NotSignedIn) => Ok(Err(None)),
        Err(error) => told(&error).map(|alert| Err(Some(alert))).ok_or_else(|| broken(error)),
    }
}

/// Behind the link for a new password.
pub async fn recovery(Posted { asked, .. }: Posted) -> Answer {
    let (Ok(recovery), Some(step)) = (recover::state(&asked).await, &asked.step) else { return recover::invalid(&asked) };
    if recovery.kind != RecoveryKind::Password {
        return recover::show_token(&asked, None).await;
    }
    let leading = Leading {
        browser: step.hash(),
        account: Some(recovery.account.id),
        shown_for: ShownFor::Recovery,
        back: "/recover/usb-key/finish".to_owned(),
        way_back: "/recover/token".to_owned(),
        what: None,
    };
    lead_there(&asked, leading).await
}

pub async fn recovery_finish(asked: Asked) -> Answer {
    let (Ok(recovery), Some(step)) = (recover::state(&asked).await, asked.step.clone()) else { return recover::invalid(&asked) };
    let Some(shown) = answer(&asked, step.hash(), &ShownFor::Recovery).await? else {
        return recover::show_token(&asked, Some(Alert::ChallengeExpired)).await;
    };
    match asked.portal.auth.recovery.show_usb_key(&step, shown, asked.now).await {
        Ok(()) => {
            record(&asked, recover::about(&asked, Action::RecoveryProof, &recovery.account).with("by", "usb-key")).await?;
            asked.redirect("/recover/password")
        }
        Err(RecoveryError::NotHardware) => recover::show_token(&asked, Some(Alert::UsbKeyNotHardware)).await,
        Err(error) => recover::failed(&asked, error).await,
    }
}

async fn ask(asked: &Asked, shown_for: ShownFor, back: String, way_back: String, what: Option<String>) -> Answer {
    let account = Some(asked.identity()?.account());
    lead_there(asked, Leading { browser: asked.browser, account, shown_for, back, way_back, what }).await
}

/// What she can mend by showing another token, or the same again.
fn told(error: &KeyChangeError) -> Option<Alert> {
    match error {
        KeyChangeError::NotHardware => Some(Alert::UsbKeyNotHardware),
        KeyChangeError::NoProof => Some(Alert::ChallengeExpired),
        _ => None,
    }
}

/// Whoever has another role learns nothing of what there is.
fn petition_step(asked: &Asked, id: &str, word: &str) -> Result<(PetitionId, PetitionStep), Refused> {
    asked.portal.desk.permit(&actor(asked)?, Change::ReadChanges).map_err(refused)?;
    let step = [PetitionStep::Propose, PetitionStep::Confirm].into_iter().find(|step| step.word() == word).ok_or(Refusal::NotFound)?;
    Ok((petition_id(id)?, step))
}
