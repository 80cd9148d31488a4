//! Enrolment: behind a single-use link a person chooses a password, and registers one or two keys, or shows her USB-KEY or the code token
//! that she was given.

use http::StatusCode;

use crate::auth::{CeremonyError, CodeDenied, EnrolmentError, KeyError, NotAPassword, PasswordError, ShownFor, cookies};
use crate::crypto::Token;
use crate::limit::Wait;
use crate::model::{AccountId, Action, Event, Outcome, Refusal, Role, Serial, TokenKind};
use crate::store::Enrolment;

use super::call::{Answer, Asked, Posted, Refused};
use super::denial::{self, event, network};
use super::own::{broken, record};
use super::own_tokens::note_stopped;
use super::recover::link_in;
use super::sign_in::{told_to_wait, wait_of};
use super::usb_key::{Leading, answer, lead_there};
use super::view::{
    Alert, Ceremony, EnrolDoneView, EnrolInvalidView, EnrolKeyView, EnrolOpenView, EnrolPasswordView, KeyRow, SignsInBy, UsbKeyRow,
};

pub(super) const LEAST_CHARACTERS: u64 = 12;
const MOST_KEYS: usize = 2;

pub async fn page(asked: Asked) -> Answer {
    let half = !asked.query.text("half").is_empty();
    show_open(&asked, half, "", None)
}

fn show_open(asked: &Asked, half: bool, token: &str, alert: Option<Alert>) -> Answer {
    let path = if half { "/enrol?half=1" } else { "/enrol" };
    let status = status_of(&alert);
    asked.show_with(status, &EnrolOpenView { frame: asked.frame_at(path, alert), half, token: token.to_owned() })
}

pub async fn open(Posted { mut asked, form }: Posted) -> Answer {
    if let Err(Wait { retry_after, limit }) = asked.portal.limits.attempt_without_name(network(&asked), asked.now) {
        return Err(Refusal::TooMany { retry_after, limit }.into());
    }
    let Some((invitation, halved)) = link_in(&form) else { return invalid(&asked) };
    match asked.portal.auth.enrolment.open(&invitation, asked.now).await {
        Ok((browser, _)) => {
            asked.change_step(browser);
            asked.redirect("/enrol/password")
        }
        Err(EnrolmentError::Gone) if halved => show_open(&asked, true, form.text("token").trim(), Some(Alert::HalfWrong)),
        Err(error) => failed(&asked, error).await,
    }
}

pub async fn password_page(asked: Asked) -> Answer {
    show_password(&asked, None).await
}

async fn show_password(asked: &Asked, alert: Option<Alert>) -> Answer {
    let enrolment = match state(asked).await {
        Ok(enrolment) => enrolment,
        Err(error) => return failed(asked, error).await,
    };
    let view = EnrolPasswordView {
        frame: asked.frame_at("/enrol/password", alert.clone()),
        name: enrolment.account.name.to_string(),
        least: LEAST_CHARACTERS,
    };
    asked.show_with(status_of(&alert), &view)
}

pub async fn password(Posted { asked, form }: Posted) -> Answer {
    let Some(browser) = &asked.step else { return invalid(&asked) };
    if form.text("password") != form.text("again") {
        return show_password(&asked, Some(Alert::PasswordsDiffer)).await;
    }
    match asked.portal.auth.enrolment.set_password(browser, form.text("password"), asked.now).await {
        Ok(()) => asked.redirect("/enrol/key"),
        Err(EnrolmentError::Password(why)) => {
            let alert = match why {
                NotAPassword::TooShort => Alert::PasswordTooShort { least: LEAST_CHARACTERS },
                NotAPassword::TooLong => Alert::PasswordTooLong,
                NotAPassword::Common => Alert::PasswordTooCommon,
            };
            show_password(&asked, Some(alert)).await
        }
        Err(EnrolmentError::Hashing(PasswordError::Busy)) => show_password(&asked, Some(Alert::Busy)).await,
        Err(error) => failed(&asked, error).await,
    }
}

pub async fn key_page(asked: Asked) -> Answer {
    show_key(&asked, None).await
}

async fn show_key(asked: &Asked, alert: Option<Alert>) -> Answer {
    let enrolment = match state(asked).await {
        Ok(enrolment) if enrolment.has_password => enrolment,
        Ok(_) => return asked.redirect("/enrol/password"),
        Err(error) => return failed(asked, error).await,
    };
    let ceremony = if enrolment.keys.len() < MOST_KEYS { Some(ceremony(asked).await) } else { None };
    let ceremony = match ceremony.transpose() {
        Ok(ceremony) => ceremony,
        Err(error) => return failed(asked, error).await,
    };
    let added = asked.portal.moment(asked.now);
    let row = |key: &crate::store::EnrolmentKey| KeyRow {
        make: None,
        id: key.id.to_string(),
        name: key.label.clone(),
        serial: None,
        added: added.clone(),
        last_used: None,
    };
    let to_show_is_code_token = match &enrolment.to_show {
        Some(serial) => is_code_token(asked, enrolment.account.id, serial).await?,
        None => false,
    };
    let view = EnrolKeyView {
        to_show_is_code_token,
        frame: asked.frame_at("/enrol/key", alert.clone()),
        name: enrolment.account.name.to_string(),
        keys: enrolment.keys.iter().map(row).collect(),
        shown: enrolment.shown.iter().map(ToString::to_string).collect(),
        usb_key: enrolment.usb_key.map(|usb_key| UsbKeyRow { serial: usb_key.serial.to_string(), subject: usb_key.subject }),
        takes_usb_key: asked.portal.key_host.is_some(),
        to_show: enrolment.to_show.as_ref().map(ToString::to_string),
        takes_code: enrolment.has_more_to_show && enrolment.account.role == Role::Member,
        ceremony,
    };
    told_to_wait(asked.show_with(status_of(&alert), &view)?, wait_of(alert.as_ref()))
}

async fn is_code_token(asked: &Asked, account: AccountId, serial: &Serial) -> Result<bool, Refused> {
    let tokens = asked.portal.auth.keys.tokens(account).await.map_err(broken)?;
    Ok(tokens.iter().any(|token| token.serial == *serial && token.kind == TokenKind::Oath))
}

async fn ceremony(asked: &Asked) -> Result<Ceremony, EnrolmentError> {
    let browser = asked.step.as_ref().ok_or(EnrolmentError::Gone)?;
    let challenge = asked.portal.auth.enrolment.key_options(browser, asked.now).await?;
    Ok(Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() })
}

pub async fn key(Posted { asked, form }: Posted) -> Answer {
    let Some(browser) = &asked.step else { return invalid(&asked) };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return show_key(&asked, Some(Alert::ChallengeExpired)).await;
    };
    let (credential, label) = (form.text("credential"), form.text("key_name"));
    match asked.portal.auth.enrolment.add_key(browser, &challenge, credential, label, asked.now).await {
        Ok(_) => asked.redirect("/enrol/key"),
        Err(EnrolmentError::KeyTaken) => show_key(&asked, Some(Alert::KeyKnown)).await,
        Err(EnrolmentError::TooManyKeys) => show_key(&asked, Some(Alert::TooManyKeys)).await,
        Err(EnrolmentError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => show_key(&asked, Some(alert)).await,
            None => failed(&asked, EnrolmentError::Ceremony(error)).await,
        },
        Err(error) => failed(&asked, error).await,
    }
}

/// She wants to show her USB-KEY, on the host that asks for certificates.
pub async fn usb_key(asked: Asked) -> Answer {
    let Some(browser) = asked.step.as_ref().map(Token::hash) else { return invalid(&asked) };
    let account = match state(&asked).await {
        Ok(enrolment) if enrolment.has_password => Some(enrolment.account.id),
        Ok(_) => return asked.redirect("/enrol/password"),
        Err(error) => return failed(&asked, error).await,
    };
    let (back, way_back) = ("/enrol/usb-key/finish".to_owned(), "/enrol/key".to_owned());
    lead_there(&asked, Leading { browser, account, shown_for: ShownFor::Enrolment, back, way_back, what: None }).await
}

/// The answer comes back with her.
pub async fn usb_key_finish(asked: Asked) -> Answer {
    let Some(browser) = &asked.step else { return invalid(&asked) };
    let shown = answer(&asked, browser.hash(), &ShownFor::Enrolment).await?;
    let Some(shown) = shown else { return show_key(&asked, Some(Alert::ChallengeExpired)).await };
    match asked.portal.auth.enrolment.show_usb_key(browser, &shown, asked.now).await {
        Ok(()) => asked.redirect("/enrol/key"),
        Err(EnrolmentError::UsbKeyTaken) => show_key(&asked, Some(Alert::UsbKeyTaken)).await,
        Err(EnrolmentError::UsbKeyForStaff) => show_key(&asked, Some(Alert::UsbKeyForStaff)).await,
        Err(error) => failed(&asked, error).await,
    }
}

/// She shows the code token that she was given.
pub async fn code(Posted { asked, form }: Posted) -> Answer {
    let Some(browser) = &asked.step else { return invalid(&asked) };
    let account = match state(&asked).await {
        Ok(enrolment) => enrolment.account,
        Err(error) => return failed(&asked, error).await,
    };
    let what = event(&asked, Action::TokenActivated).with("account", account.id).with("name", &account.name);
    let attempt = match asked.portal.limits.attempt_with_key(network(&asked), account.name.as_str(), asked.now) {
        Ok(attempt) => attempt,
        Err(wait) => {
            let seconds = denial::note_wait(&asked, &wait, what, Some(&account), "").await?;
            return show_key(&asked, Some(Alert::Wait { seconds })).await;
        }
    };
    let shown = asked.portal.auth.enrolment.show_token(browser, form.text("code"), asked.now, asked.portal.clock.wall()).await;
    match shown {
        Ok(_) => {
            attempt.take_back();
            asked.redirect("/enrol/key")
        }
        Err(EnrolmentError::Code(denied)) if denied.is_wrong() => {
            attempt.failed(asked.portal.clock.now());
            record(&asked, Event { outcome: Outcome::Failed, ..what }.with("why", &denied)).await?;
            let whose = event(&asked, Action::TokenSuspended).with("account", account.id).with("name", &account.name);
            note_stopped(&asked, whose, &denied).await?;
            let stopped = matches!(denied, CodeDenied::Stopped { .. });
            show_key(&asked, Some(if stopped { Alert::CodesStopped } else { Alert::CodeWrong })).await
        }
        Err(EnrolmentError::Code(CodeDenied::NoToken)) => {
            attempt.take_back();
            show_key(&asked, Some(Alert::Gone)).await
        }
        Err(error) => {
            attempt.take_back();
            failed(&asked, error).await
        }
    }
}

/// What a person is told of an answer that did not count; `None`: the gateway's own trouble.
pub(super) fn ceremony_alert(error: &CeremonyError) -> Option<Alert> {
    match error {
        CeremonyError::NoChallenge => Some(Alert::ChallengeExpired),
        CeremonyError::Key(KeyError::NotHardware) => Some(Alert::KeySynced),
        CeremonyError::Key(KeyError::UserNotVerified) => Some(Alert::KeyWithoutUserVerification),
        CeremonyError::Key(KeyError::OtherMake) => Some(Alert::KeyOfOtherMake),
        CeremonyError::Key(KeyError::Settings(_)) => None,
        CeremonyError::Key(_) => Some(Alert::KeyRefused),
        CeremonyError::Store(_) | CeremonyError::NoRandomness(_) => None,
    }
}

pub async fn finish(Posted { mut asked, .. }: Posted) -> Answer {
    let Some(browser) = asked.step.clone() else { return invalid(&asked) };
    let enrolment = match state(&asked).await {
        Ok(enrolment) => enrolment,
        Err(error) => return failed(&asked, error).await,
    };
    // Recorded before it is done, as every change is; one that is not finished is refused first.
    if !enrolment.is_ready() {
        return show_key(&asked, None).await;
    }
    let events = completion(&asked, &enrolment);
    for event in &events {
        record(&asked, event.clone()).await?;
    }
    match asked.portal.auth.enrolment.complete(&browser, asked.now).await {
        Ok(account) => {
            asked.set_cookie(cookies::forget(cookies::STEP));
            let by = match (enrolment.keys.is_empty(), &enrolment.usb_key) {
                (false, _) => SignsInBy::Key,
                (true, Some(_)) => SignsInBy::UsbKey,
                (true, None) => SignsInBy::Code,
            };
            asked.show(&EnrolDoneView { frame: asked.frame_at("/", None), name: account.name.to_string(), by })
        }
        Err(error) => {
            for event in events {
                asked.portal.journal.note(Event { outcome: Outcome::Failed, ..event });
            }
            match error {
                EnrolmentError::KeyTaken => show_key(&asked, Some(Alert::KeyKnown)).await,
                EnrolmentError::UsbKeyTaken => show_key(&asked, Some(Alert::UsbKeyTaken)).await,
                error => failed(&asked, error).await,
            }
        }
    }
}

/// What is on record of an enrolment that completes: the account, and what is active by that.
fn completion(asked: &Asked, enrolment: &Enrolment) -> Vec<Event> {
    let account = &enrolment.account;
    let of = |action| event(asked, action).with("account", account.id).with("name", &account.name);
    let enrolled = of(Action::AccountEnrolled).with("keys", enrolment.keys.len()).with("code-tokens", enrolment.shown.len());
    let enrolled = enrolled.with("usb-keys", usize::from(enrolment.usb_key.is_some()));
    let serials = enrolment.shown.iter().chain(enrolment.usb_key.iter().map(|usb_key| &usb_key.serial));
    let activated = serials.map(|serial| of(Action::TokenActivated).with("serial", serial));
    std::iter::once(enrolled).chain(activated).collect()
}

async fn state(asked: &Asked) -> Result<Enrolment, EnrolmentError> {
    let browser = asked.step.as_ref().ok_or(EnrolmentError::Gone)?;
    asked.portal.auth.enrolment.state(browser, asked.now).await
}

fn invalid(asked: &Asked) -> Answer {
    asked.show_with(StatusCode::GONE, &EnrolInvalidView { frame: asked.frame_at("/enrol", None) })
}

async fn failed(asked: &Asked, error: EnrolmentError) -> Answer {
    match error {
        EnrolmentError::Gone => invalid(asked),
        EnrolmentError::Unfinished => asked.redirect("/enrol/password"),
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "an enrolment failed");
            Err(Refusal::Broken { what: "the enrolment failed" }.into())
        }
    }
}

fn status_of(alert: &Option<Alert>) -> StatusCode {
    match alert {
        None => StatusCode::OK,
        Some(Alert::Wait { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
