//! Recovery: behind a single-use link somebody who lost her tokens gives her password and registers a new token, or somebody who forgot
//! her password shows her token and chooses a new one.
//!
//! Invariant: what she shows is counted and limited as at sign-in, and on record; what is replaced is recorded before it is done.

use http::StatusCode;

use crate::auth::{CodeDenied, Means, NotAPassword, PasswordError, RecoveryError, cookies};
use crate::crypto::{Half, Token};
use crate::limit::{Attempt, Wait};
use crate::model::{Account, Action, Event, Outcome, RecoveryKind, Refusal};
use crate::store::Recovery;

use super::call::{Answer, Asked, Fields, Posted, Refused};
use super::denial::{self, event, network};
use super::enrol::{LEAST_CHARACTERS, ceremony_alert};
use super::own::record;
use super::own_tokens::note_stopped;
use super::sign_in::{status_of, told_to_wait, wait_of};
use super::view::{
    Alert, Ceremony, RecoverChooseView, RecoverDoneView, RecoverInvalidView, RecoverOpenView, RecoverPresentView, RecoverTokenView,
};

const PASSWORD: &str = "/recover/password";
const TOKEN: &str = "/recover/token";

pub async fn page(asked: Asked) -> Answer {
    let half = !asked.query.text("half").is_empty();
    show_open(&asked, half, "", None)
}

fn show_open(asked: &Asked, half: bool, token: &str, alert: Option<Alert>) -> Answer {
    let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let path = if half { "/recover?half=1" } else { "/recover" };
    asked.show_with(status, &RecoverOpenView { frame: asked.frame_at(path, alert), half, token: token.to_owned() })
}

pub async fn open(Posted { mut asked, form }: Posted) -> Answer {
    if let Err(Wait { retry_after, limit }) = asked.portal.limits.attempt_without_name(network(&asked), asked.now) {
        return Err(Refusal::TooMany { retry_after, limit }.into());
    }
    let Some((link, halved)) = link_in(&form) else { return invalid(&asked) };
    match asked.portal.auth.recovery.open(&link, asked.now).await {
        Ok((browser, recovery)) => {
            asked.change_step(browser);
            asked.redirect(if recovery.kind == RecoveryKind::Token { PASSWORD } else { TOKEN })
        }
        Err(RecoveryError::Gone) if halved => show_open(&asked, true, form.text("token").trim(), Some(Alert::HalfWrong)),
        Err(error) => failed(&asked, error).await,
    }
}

/// The secret of a link, with the half that somebody else gave her, if there is one.
pub(super) fn link_in(form: &Fields) -> Option<(Token, bool)> {
    let token = Token::parse(form.text("token").trim())?;
    match form.text("half").trim() {
        "" => Some((token, false)),
        half => Some((token.joined(&Half::parse(half).hash()), true)),
    }
}

pub async fn password_page(asked: Asked) -> Answer {
    show_password(&asked, None).await
}

async fn show_password(asked: &Asked, alert: Option<Alert>) -> Answer {
    let recovery = match state(asked).await {
        Ok(recovery) => recovery,
        Err(error) => return failed(asked, error).await,
    };
    let name = recovery.account.name.to_string();
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let answer = match (recovery.kind, recovery.proved) {
        (RecoveryKind::Token, false) => asked.show_with(status, &RecoverPresentView { frame: asked.frame_at(PASSWORD, alert), name }),
        (RecoveryKind::Password | RecoveryKind::PasswordByCode, true) => {
            let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { status };
            let frame = asked.frame_at(PASSWORD, alert);
            asked.show_with(status, &RecoverChooseView { frame, name, least: LEAST_CHARACTERS })
        }
        _ => return asked.redirect(TOKEN),
    };
    told_to_wait(answer?, wait)
}

/// The password that she has, or the new one: whichever it is the turn of.
pub async fn password(Posted { asked, form }: Posted) -> Answer {
    let recovery = match state(&asked).await {
        Ok(recovery) => recovery,
        Err(error) => return failed(&asked, error).await,
    };
    match (recovery.kind, recovery.proved) {
        (RecoveryKind::Token, false) => present_password(&asked, &recovery.account, &form).await,
        (RecoveryKind::Password | RecoveryKind::PasswordByCode, true) => choose_password(asked, &recovery.account, &form).await,
        _ => asked.redirect(TOKEN),
    }
}

async fn present_password(asked: &Asked, account: &Account, form: &Fields) -> Answer {
    let Some(browser) = &asked.step else { return invalid(asked) };
    let what = about(asked, Action::RecoveryProof, account).with("by", "password");
    let attempt = match asked.portal.limits.attempt(network(asked), account.name.as_str(), asked.now) {
        Ok(attempt) => attempt,
        Err(wait) => {
            let seconds = denial::note_wait(asked, &wait, what, Some(account), "").await?;
            return show_password(asked, Some(Alert::Wait { seconds })).await;
        }
    };
    let shown = asked.portal.auth.recovery.show_password(browser, form.text("password"), asked.now).await;
    settle(asked, attempt, &shown);
    match shown {
        Ok(()) => {
            record(asked, what).await?;
            asked.redirect(TOKEN)
        }
        Err(RecoveryError::Hashing(PasswordError::Busy)) => show_password(asked, Some(Alert::Busy)).await,
        Err(error) if error.is_wrong() => {
            record(asked, Event { outcome: Outcome::Failed, ..what }.with("why", &error)).await?;
            match error {
                RecoveryError::Void => invalid(asked),
                _ => show_password(asked, Some(Alert::PasswordWrong)).await,
            }
        }
        Err(error) => failed(asked, error).await,
    }
}

async fn choose_password(mut asked: Asked, account: &Account, form: &Fields) -> Answer {
    let Some(browser) = asked.step.clone() else { return invalid(&asked) };
    if form.text("password") != form.text("again") {
        return show_password(&asked, Some(Alert::PasswordsDiffer)).await;
    }
    let recovery = &asked.portal.auth.recovery;
    let chosen = match recovery.check_password(&browser, form.text("password"), asked.now).await {
        Ok(chosen) => chosen,
        Err(RecoveryError::Password(why)) => {
            let alert = match why {
                NotAPassword::TooShort => Alert::PasswordTooShort { least: LEAST_CHARACTERS },
                NotAPassword::TooLong => Alert::PasswordTooLong,
                NotAPassword::Common => Alert::PasswordTooCommon,
            };
            return show_password(&asked, Some(alert)).await;
        }
        Err(error) => return failed(&asked, error).await,
    };
    let what = about(&asked, Action::Recovered, account).with("new", "password");
    record(&asked, what.clone()).await?;
    match asked.portal.auth.recovery.set_password(&browser, chosen, asked.now).await {
        Ok(()) => finished(&mut asked, account, false),
        Err(error) => {
            not_done(&asked, what, &error);
            match error {
                RecoveryError::Hashing(PasswordError::Busy) => show_password(&asked, Some(Alert::Busy)).await,
                error => failed(&asked, error).await,
            }
        }
    }
}

pub async fn token_page(asked: Asked) -> Answer {
    show_token(&asked, None).await
}

pub(super) async fn show_token(asked: &Asked, alert: Option<Alert>) -> Answer {
    let recovery = match state(asked).await {
        Ok(recovery) => recovery,
        Err(error) => return failed(asked, error).await,
    };
    let Some(browser) = &asked.step else { return invalid(asked) };
    let (auth, wall) = (&asked.portal.auth.recovery, asked.portal.clock.wall());
    let (new, means) = match (recovery.kind, recovery.proved) {
        (RecoveryKind::Token, true) => (true, auth.new_token(browser, asked.now, wall).await),
        (RecoveryKind::Password | RecoveryKind::PasswordByCode, false) => (false, auth.own_token(browser, asked.now).await),
        _ => return asked.redirect(PASSWORD),
    };
    let Means { key, code, usb_key } = match means {
        Ok(means) => means,
        Err(error) => return failed(asked, error).await,
    };
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let view = RecoverTokenView {
        frame: asked.frame_at(TOKEN, alert),
        name: recovery.account.name.to_string(),
        new,
        ceremony: key.map(|key| Ceremony { options: key.options.to_string(), challenge: key.id.reveal() }),
        code,
        usb_key: (usb_key && asked.portal.key_host.is_some()).then(|| "/recover/usb-key".to_owned()),
    };
    told_to_wait(asked.show_with(status, &view)?, wait)
}

/// The new key, or the one that she has: whichever the link is for.
pub async fn key(Posted { asked, form }: Posted) -> Answer {
    let recovery = match state(&asked).await {
        Ok(recovery) => recovery,
        Err(error) => return failed(&asked, error).await,
    };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return show_token(&asked, Some(Alert::ChallengeExpired)).await;
    };
    match recovery.kind {
        RecoveryKind::Token => new_key(asked, &recovery.account, &challenge, &form).await,
        RecoveryKind::Password | RecoveryKind::PasswordByCode => own_key(&asked, &recovery.account, &challenge, &form).await,
    }
}

async fn new_key(mut asked: Asked, account: &Account, challenge: &Token, form: &Fields) -> Answer {
    let Some(browser) = asked.step.clone() else { return invalid(&asked) };
    let (credential, label) = (form.text("credential"), form.text("key_name"));
    let checked = asked.portal.auth.recovery.check_key(&browser, challenge, credential, label, asked.now).await;
    let key = match checked {
        Ok(key) => key,
        Err(RecoveryError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => return show_token(&asked, Some(alert)).await,
            None => return failed(&asked, RecoveryError::Ceremony(error)).await,
        },
        Err(error) => return failed(&asked, error).await,
    };
    let what = about(&asked, Action::Recovered, account).with("new", "key").with("key", key.id);
    record(&asked, what.clone()).await?;
    match asked.portal.auth.recovery.add_key(&browser, &key, asked.now).await {
        Ok(()) => finished(&mut asked, account, true),
        Err(error) => {
            not_done(&asked, what, &error);
            match error {
                RecoveryError::KeyTaken => show_token(&asked, Some(Alert::KeyKnown)).await,
                error => failed(&asked, error).await,
            }
        }
    }
}

async fn own_key(asked: &Asked, account: &Account, challenge: &Token, form: &Fields) -> Answer {
    let Some(browser) = &asked.step else { return invalid(asked) };
    let what = about(asked, Action::RecoveryProof, account).with("by", "key");
    let attempt = match second_attempt(asked, account, &what).await? {
        Ok(attempt) => attempt,
        Err(answer) => return answer,
    };
    let shown = asked.portal.auth.recovery.show_key(browser, challenge, form.text("credential"), asked.now).await;
    settle(asked, attempt, &shown);
    match shown {
        Ok(()) => {
            record(asked, what).await?;
            asked.redirect(PASSWORD)
        }
        Err(RecoveryError::WrongKey(denied)) => {
            denial::note(asked, &denied, what, "").await?;
            show_token(asked, Some(denial::key_alert(denied.why()))).await
        }
        Err(RecoveryError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => show_token(asked, Some(alert)).await,
            None => failed(asked, RecoveryError::Ceremony(error)).await,
        },
        Err(error) => failed(asked, error).await,
    }
}

/// A code of the token that was issued to her, or of the one that she has: whichever the link is for.
pub async fn code(Posted { mut asked, form }: Posted) -> Answer {
    let (recovery, browser) = match (state(&asked).await, asked.step.clone()) {
        (Ok(recovery), Some(browser)) => (recovery, browser),
        (Err(error), _) => return failed(&asked, error).await,
        (_, None) => return invalid(&asked),
    };
    let (account, is_new) = (&recovery.account, recovery.kind == RecoveryKind::Token);
    let what = about(&asked, Action::RecoveryProof, account).with("by", "code");
    let attempt = match second_attempt(&asked, account, &what).await? {
        Ok(attempt) => attempt,
        Err(answer) => return answer,
    };
    let shown = if is_new { activated(&asked, &browser, account, &form).await? } else { shown(&asked, &browser, &form).await };
    settle(&asked, attempt, &shown);
    match shown {
        Ok(()) if is_new => finished(&mut asked, account, true),
        Ok(()) => {
            record(&asked, what).await?;
            asked.redirect(PASSWORD)
        }
        Err(RecoveryError::Code(denied)) if denied.is_wrong() => {
            record(&asked, wrong_code(what, &denied)).await?;
            note_stopped(&asked, about(&asked, Action::TokenSuspended, account), &denied).await?;
            let stopped = matches!(denied.told(), CodeDenied::Stopped { .. });
            show_token(&asked, Some(if stopped { Alert::CodesStopped } else { Alert::CodeWrong })).await
        }
        Err(RecoveryError::Code(denied)) if matches!(denied.told(), CodeDenied::NoToken) => {
            if denied.withdrawn().is_some() {
                record(&asked, wrong_code(what, &denied)).await?;
            }
            show_token(&asked, Some(Alert::Gone)).await
        }
        Err(error) => failed(&asked, error).await,
    }
}

fn wrong_code(what: Event, denied: &CodeDenied) -> Event {
    let what = Event { outcome: Outcome::Failed, ..what }.with("why", denied);
    denied.withdrawn().map_or(what.clone(), |token| token.on(what))
}

async fn shown(asked: &Asked, browser: &Token, form: &Fields) -> Result<(), RecoveryError> {
    asked.portal.auth.recovery.show_code(browser, form.text("code"), asked.now, asked.portal.clock.wall()).await
}

async fn activated(asked: &Asked, browser: &Token, account: &Account, form: &Fields) -> Result<Result<(), RecoveryError>, Refused> {
    let recovery = &asked.portal.auth.recovery;
    let checked = match recovery.check_new_code(browser, form.text("code"), asked.now, asked.portal.clock.wall()).await {
        Ok(checked) => checked,
        Err(error) => return Ok(Err(error)),
    };
    let what = about(asked, Action::Recovered, account).with("new", "code token").with("serial", checked.serial());
    record(asked, what.clone()).await?;
    let done = recovery.activate(browser, checked, asked.now).await;
    if let Err(error) = &done {
        not_done(asked, what, error);
    }
    Ok(done)
}

async fn second_attempt(asked: &Asked, account: &Account, what: &Event) -> Result<Result<Attempt, Answer>, Refused> {
    match asked.portal.limits.attempt_with_key(network(asked), account.name.as_str(), asked.now) {
        Ok(attempt) => Ok(Ok(attempt)),
        Err(wait) => {
            let seconds = denial::note_wait(asked, &wait, what.clone(), Some(account), "").await?;
            Ok(Err(show_token(asked, Some(Alert::Wait { seconds })).await))
        }
    }
}

fn settle<T>(asked: &Asked, attempt: Attempt, tried: &Result<T, RecoveryError>) {
    if tried.as_ref().is_err_and(RecoveryError::is_wrong) {
        attempt.failed(asked.portal.clock.now());
    } else {
        attempt.take_back();
    }
}

pub(super) fn about(asked: &Asked, action: Action, account: &Account) -> Event {
    event(asked, action).with("account", account.id).with("name", &account.name)
}

fn not_done(asked: &Asked, what: Event, error: &RecoveryError) {
    asked.portal.journal.note(Event { outcome: Outcome::Failed, ..what }.with("why", error));
}

fn finished(asked: &mut Asked, account: &Account, token: bool) -> Answer {
    asked.set_cookie(cookies::forget(cookies::STEP));
    asked.show(&RecoverDoneView { frame: asked.frame_at("/", None), name: account.name.to_string(), token })
}

pub(super) async fn state(asked: &Asked) -> Result<Recovery, RecoveryError> {
    let browser = asked.step.as_ref().ok_or(RecoveryError::Gone)?;
    asked.portal.auth.recovery.state(browser, asked.now).await
}

pub(super) fn invalid(asked: &Asked) -> Answer {
    asked.show_with(StatusCode::GONE, &RecoverInvalidView { frame: asked.frame_at("/recover", None) })
}

pub(super) async fn failed(asked: &Asked, error: RecoveryError) -> Answer {
    match error {
        RecoveryError::Gone | RecoveryError::Void => invalid(asked),
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "a recovery failed");
            Err(Refusal::Broken { what: "the recovery failed" }.into())
        }
    }
}
