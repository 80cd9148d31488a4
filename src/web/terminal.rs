//! A terminal on the machine asks to act for somebody (`yumen login`): the page shows who asks, and what that would allow.
//!
//! Whoever sits before an open session may be somebody else, so allowing takes a fresh proof by a hardware token, as hard to guess at as at
//! sign-in.

use http::StatusCode;

use crate::admin::{AdminError, TERMINAL_LIVES, TerminalRequest};
use crate::auth::{CeremonyError, Challenge, KeyChangeError, KeyError, Proven};
use crate::crypto::Token;
use crate::model::{Action, Refusal};

use super::call::{Answer, Asked, Posted, Refused};
use super::console::{person, refused};
use super::denial;
use super::enrol::ceremony_alert;
use super::keys::{attempt, settle};
use super::own::{broken, own_event};
use super::sign_in::{status_of, told_to_wait, wait_of};
use super::usb_key_proof;
use super::view::{Alert, Ceremony, TerminalStage, TerminalView};

pub async fn page(asked: Asked) -> Answer {
    let typed = asked.query.text("code").trim();
    if typed.is_empty() {
        // Whoever may allow none learns it before she types anything.
        asked.portal.desk.permit(&person(&asked)?, crate::admin::Change::OpenTerminal).map_err(refused)?;
        return ask_for_code(&asked, "", None);
    }
    confirm(&asked, typed, None).await
}

fn ask_for_code(asked: &Asked, typed: &str, alert: Option<Alert>) -> Answer {
    let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let stage = TerminalStage::Code { typed: typed.chars().take(32).collect() };
    asked.show_with(status, &TerminalView { frame: asked.frame_at("/terminal", alert), stage })
}

/// The request of this code, or the page that asks for another one.
pub(super) fn waiting(asked: &Asked, typed: &str) -> Result<Result<TerminalRequest, Answer>, Refused> {
    match asked.portal.desk.terminal_request(&person(asked)?, typed, asked.now) {
        Ok(request) => Ok(Ok(request)),
        Err(AdminError::NoSuchTerminal) => Ok(Err(ask_for_code(asked, typed, Some(Alert::NoSuchTerminal)))),
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn confirm(asked: &Asked, typed: &str, alert: Option<Alert>) -> Answer {
    let identity = asked.identity()?;
    let TerminalRequest { code, uid, user, machine, .. } = match waiting(asked, typed)? {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let ceremony = match asked.portal.auth.keys.proof_options(identity, None, asked.now).await {
        Ok(Challenge { id, options }) => Some(Ceremony { options: options.to_string(), challenge: id.reveal() }),
        Err(KeyChangeError::Ceremony(CeremonyError::Key(KeyError::UnknownKey))) => None,
        Err(KeyChangeError::NotSignedIn) => return asked.redirect("/sign-in"),
        Err(error) => return Err(broken(error)),
    };
    let usb_key = usb_key_proof::form(asked, format!("/terminal/usb-key?terminal={code}")).await?;
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let until = asked.portal.moment(asked.now.plus(TERMINAL_LIVES));
    let frame = asked.frame_at(&format!("/terminal?code={code}"), alert);
    let stage = TerminalStage::Confirm { code, machine, user, uid, until, ceremony, usb_key };
    told_to_wait(asked.show_with(status, &TerminalView { frame, stage })?, wait)
}

pub async fn allow(Posted { asked, form }: Posted) -> Answer {
    let (identity, typed) = (asked.identity()?.clone(), form.text("code"));
    // First, so that a key is not troubled for a terminal that nobody could open.
    if let Err(answer) = waiting(&asked, typed)? {
        return answer;
    }
    let attempt = match attempt(&asked, &identity, Action::KeyProof).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return confirm(&asked, typed, Some(Alert::Wait { seconds })).await,
    };
    let proven = match Token::parse(form.text("challenge")) {
        Some(challenge) => asked.portal.auth.keys.prove(&identity, &challenge, form.text("credential"), asked.now).await,
        None => Err(KeyChangeError::Ceremony(CeremonyError::NoChallenge)),
    };
    settle(&asked, attempt, &proven);
    match proven {
        Ok(proven) => open(&asked, typed, &proven).await,
        Err(KeyChangeError::WrongProof(denied)) => {
            denial::note(&asked, &denied, own_event(&asked, Action::KeyProof)?, "").await?;
            if identity.is_revoked() {
                return asked.redirect("/sign-in");
            }
            confirm(&asked, typed, Some(denial::key_alert(denied.why()))).await
        }
        Err(KeyChangeError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => confirm(&asked, typed, Some(alert)).await,
            None => Err(broken(error)),
        },
        Err(KeyChangeError::NotSignedIn) => asked.redirect("/sign-in"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a terminal could not be allowed");
            Err(Refusal::Broken { what: "a terminal could not be allowed" }.into())
        }
    }
}

pub(super) async fn open(asked: &Asked, typed: &str, proven: &Proven) -> Answer {
    match asked.portal.desk.open_terminal(&person(asked)?, typed, proven, asked.now).await {
        Ok(request) => {
            let stage = TerminalStage::Allowed { machine: request.machine };
            asked.show(&TerminalView { frame: asked.frame_at("/terminal", None), stage })
        }
        // Somebody else was quicker, or it took too long.
        Err(AdminError::NoSuchTerminal) => ask_for_code(asked, "", Some(Alert::NoSuchTerminal)),
        Err(error) => Err(refused(error)),
    }
}
