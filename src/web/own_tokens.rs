//! My tokens, those that show codes: activating one, bringing one back that went astray; and reporting any token lost.
//!
//! Invariant: no code is shown, kept or recorded; what went wrong is on record, and what is done is recorded before it is done.

use data_encoding::BASE32_NOPAD;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::auth::{CodeDenied, Identity, KeyChangeError, Proven, cookies, may_be_lost};
use crate::crypto::Token;
use crate::model::{Action, Event, Role, Serial, TokenKind, TokenState};
use crate::store::StoredToken;

use super::call::{Answer, Asked, Posted, Refused};
use super::keys::{self, Next, attempt, failed, refused, settle};
use super::own::{broken, own_event, record};
use super::qr;
use super::sign_in::{status_of, told_to_wait, wait_of};
use super::view::{Alert, KeysAstrayView, KeysOverView, KeysShowView, OwnTokenRow, PhoneSecret, WhyOver};

/// Her tokens that have not ended, but for the keys that are listed by name; and how many tokens open anything.
pub(super) async fn rows(asked: &Asked) -> Result<(Vec<OwnTokenRow>, usize), Refused> {
    let tokens = asked.portal.auth.keys.tokens(asked.identity()?.account()).await.map_err(broken)?;
    let opening = tokens.iter().filter(|token| token.opens(asked.now)).count();
    let listed =
        |token: &&StoredToken| may_be_lost(token.state) && (token.kind != TokenKind::WebAuthn || token.state != TokenState::Active);
    let moment = |time: Option<_>| time.map(|time| asked.portal.moment(time));
    let row = |token: &StoredToken| OwnTokenRow {
        serial: token.serial.to_string(),
        kind: token.kind,
        state: token.state,
        issued: moment(token.issued),
        last_used: moment(token.last_used),
    };
    Ok((tokens.iter().filter(listed).map(row).collect(), opening))
}

pub async fn activate(Posted { asked, form }: Posted) -> Answer {
    match Serial::parse(form.text("token")) {
        Ok(serial) => keys::ask_for_proof(&asked, &Next::Activate(serial), None).await,
        Err(_) => keys::list(&asked, Some(Alert::Gone)).await,
    }
}

/// An app on a phone opens nothing for staff, and nothing at all where no app lets it in.
pub(super) fn may_have_phone_app(asked: &Asked) -> Result<bool, Refused> {
    let somewhere = asked.portal.apps.load().iter().any(|app| app.phone_app);
    Ok(somewhere && asked.identity()?.who().role == Role::Member)
}

pub async fn phone(Posted { asked, .. }: Posted) -> Answer {
    if may_have_phone_app(&asked)? {
        keys::ask_for_proof(&asked, &Next::PhoneApp, None).await
    } else {
        keys::list(&asked, Some(Alert::Gone)).await
    }
}

/// The proof is there: what the phone is to hold is made, and shown until a first code confirms it.
pub(super) async fn begin_phone_app(mut asked: Asked, identity: &Identity, proven: &Proven) -> Answer {
    asked.portal.emergency.may_enrol(asked.now, asked.portal.clock.wall())?;
    if !may_have_phone_app(&asked)? {
        return keys::list(&asked, Some(Alert::Gone)).await;
    }
    let serial = match asked.portal.auth.keys.begin_phone_app(identity, proven.token(), asked.now).await {
        Ok(serial) => serial,
        Err(error) => return failed(&asked, error).await,
    };
    // It opens nothing yet.
    let event = own_event(&asked, Action::TokenIssued)?.with("serial", &serial).with("kind", TokenKind::PhoneApp);
    record(&asked, event.with("account", identity.account()).with("name", &identity.who().name)).await?;
    asked.change_step(proven.token().clone());
    asked.redirect(&format!("/keys/show?token={serial}"))
}

async fn phone_secret(asked: &Asked, identity: &Identity, proof: &Token, serial: &Serial) -> Result<Option<PhoneSecret>, KeyChangeError> {
    let seed = asked.portal.auth.keys.phone_seed(identity, proof, serial, asked.now, asked.portal.clock.wall()).await?;
    Ok(seed.map(|seed| {
        let secret = BASE32_NOPAD.encode(seed.bytes());
        let issuer = asked.portal.origin.trim_start_matches("https://");
        let name = utf8_percent_encode(identity.who().name.as_str(), NON_ALPHANUMERIC);
        let issuer = utf8_percent_encode(issuer, NON_ALPHANUMERIC);
        // What apps take for granted is said all the same: some ask otherwise.
        let uri = format!("otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30");
        let groups: Vec<&str> = secret.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        PhoneSecret { qr: qr::draw(&uri), secret: groups.join(" ") }
    }))
}

pub async fn report(Posted { asked, form }: Posted) -> Answer {
    let (tokens, serial) = (asked.portal.auth.keys.tokens(asked.identity()?.account()).await.map_err(broken)?, form.text("token"));
    match tokens.into_iter().find(|token| token.serial.as_str() == serial && may_be_lost(token.state)) {
        Some(token) => keys::ask_for_proof(&asked, &Next::Lose(token.serial), None).await,
        None => keys::list(&asked, Some(Alert::Gone)).await,
    }
}

pub async fn show_page(asked: Asked) -> Answer {
    match Serial::parse(asked.query.text("token")) {
        Ok(serial) => ask_to_show(&asked, &serial, None).await,
        Err(_) => asked.redirect("/keys"),
    }
}

async fn ask_to_show(asked: &Asked, serial: &Serial, alert: Option<Alert>) -> Answer {
    let identity = asked.identity()?;
    let Some(proof) = &asked.step else { return asked.redirect("/keys") };
    if let Err(error) = asked.portal.auth.keys.may_activate(identity, proof, serial, asked.now).await {
        return failed(asked, error).await;
    }
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let frame = asked.frame_at(&format!("/keys/show?token={serial}"), alert);
    let phone = match phone_secret(asked, identity, proof, serial).await {
        Ok(phone) => phone,
        Err(error) => return failed(asked, error).await,
    };
    told_to_wait(asked.show_with(status, &KeysShowView { frame, serial: serial.to_string(), phone })?, wait)
}

pub async fn show(Posted { mut asked, form }: Posted) -> Answer {
    let identity = asked.identity()?.clone();
    let (Some(proof), Ok(serial)) = (asked.step.clone(), Serial::parse(form.text("token"))) else { return asked.redirect("/keys") };
    let attempt = match attempt(&asked, &identity, Action::TokenActivated).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return ask_to_show(&asked, &serial, Some(Alert::Wait { seconds })).await,
    };
    let event = own_event(&asked, Action::TokenActivated)?.with("serial", &serial);
    let done = activated(&asked, &identity, &proof, (&serial, form.text("code")), &event).await?;
    settle(&asked, attempt, &done);
    match done {
        Ok(()) => {
            asked.set_cookie(cookies::forget(cookies::STEP));
            keys::list(&asked, Some(Alert::TokenActivated)).await
        }
        Err(error) => {
            refused(&asked, event, &error).await?;
            match told(&asked, &identity, &error).await? {
                Ok(alert) if error.is_wrong() && alert != Alert::CodesStopped => ask_to_show(&asked, &serial, Some(alert)).await,
                Ok(alert) if error.is_wrong() => keys::list(&asked, Some(alert)).await,
                Ok(_) => failed(&asked, error).await,
                Err(answer) => answer,
            }
        }
    }
}

type Changed = Result<Result<(), KeyChangeError>, Refused>;

async fn activated(asked: &Asked, identity: &Identity, proof: &Token, (serial, code): (&Serial, &str), event: &Event) -> Changed {
    let (keys, wall) = (&asked.portal.auth.keys, asked.portal.clock.wall());
    let shown = match keys.check_activation(identity, proof, serial, code, asked.now, wall).await {
        Ok(shown) => shown,
        Err(error) => return Ok(Err(error)),
    };
    record(asked, event.clone()).await?;
    Ok(keys.activate(identity, proof, shown, asked.now).await)
}

pub async fn astray_page(asked: Asked) -> Answer {
    match Serial::parse(asked.query.text("token")) {
        Ok(serial) => ask_for_two(&asked, &serial, None).await,
        Err(_) => asked.redirect("/keys"),
    }
}

async fn ask_for_two(asked: &Asked, serial: &Serial, alert: Option<Alert>) -> Answer {
    let (tokens, _) = rows(asked).await?;
    let Some(token) = tokens.into_iter().find(|token| token.serial == serial.as_str() && token.may_go_astray()) else {
        return keys::list(asked, Some(Alert::Gone)).await;
    };
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let frame = asked.frame_at(&format!("/keys/astray?token={serial}"), alert);
    told_to_wait(asked.show_with(status, &KeysAstrayView { frame, serial: token.serial })?, wait)
}

pub async fn astray(Posted { asked, form }: Posted) -> Answer {
    let identity = asked.identity()?.clone();
    let Ok(serial) = Serial::parse(form.text("token")) else { return asked.redirect("/keys") };
    let attempt = match attempt(&asked, &identity, Action::TokenResynchronised).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return ask_for_two(&asked, &serial, Some(Alert::Wait { seconds })).await,
    };
    let event = own_event(&asked, Action::TokenResynchronised)?.with("serial", &serial);
    let done = resynchronised(&asked, &identity, &serial, (form.text("code"), form.text("next_code")), &event).await?;
    settle(&asked, attempt, &done);
    let Err(error) = done else { return keys::list(&asked, Some(Alert::TokenResynchronised)).await };
    refused(&asked, event, &error).await?;
    match told(&asked, &identity, &error).await? {
        Ok(alert) if error.is_wrong() && alert != Alert::CodesStopped => ask_for_two(&asked, &serial, Some(alert)).await,
        Ok(alert) if error.is_wrong() => keys::list(&asked, Some(alert)).await,
        Ok(_) => failed(&asked, error).await,
        Err(answer) => answer,
    }
}

async fn resynchronised(asked: &Asked, identity: &Identity, serial: &Serial, codes: (&str, &str), event: &Event) -> Changed {
    let (keys, wall) = (&asked.portal.auth.keys, asked.portal.clock.wall());
    let astray = match keys.check_astray(identity, serial, codes, asked.now, wall).await {
        Ok(astray) => astray,
        Err(error) => return Ok(Err(error)),
    };
    record(asked, event.clone()).await?;
    Ok(keys.resynchronise(identity, astray, asked.now).await)
}

/// Ends a token for ever, after the proof by another one.
pub(super) async fn lose(asked: &mut Asked, identity: &Identity, proven: &Proven, serial: &Serial) -> Answer {
    let keys = &asked.portal.auth.keys;
    let event = own_event(asked, Action::TokenLost)?.with("serial", serial);
    let lost = match keys.check_loss(identity, proven, serial, asked.now).await {
        Ok(lost) => lost,
        Err(error) => {
            refused(asked, event, &error).await?;
            return failed(asked, error).await;
        }
    };
    let event = event.with("token", lost.token().id).with("account", identity.account()).with("name", &identity.who().name);
    record(asked, event.clone()).await?;
    if let Err(error) = keys.report_lost(lost, asked.now).await {
        refused(asked, event, &error).await?;
        return failed(asked, error).await;
    }
    asked.portal.desk.publish_now(asked.portal.clock.wall()).await;
    let (_, opening) = rows(asked).await?;
    match (identity.is_revoked(), opening) {
        (false, _) => keys::list(asked, Some(Alert::OwnTokenLost)).await,
        (true, 0) => over(asked, WhyOver::LastOneLost),
        (true, _) => over(asked, WhyOver::Lost),
    }
}

/// What she is told of a code or password that was wrong, or the page that tells her that this was the end of her session.
pub(super) async fn told(asked: &Asked, identity: &Identity, error: &KeyChangeError) -> Result<Result<Alert, Answer>, Refused> {
    Ok(match error {
        KeyChangeError::WrongPassword => Ok(Alert::PasswordWrong),
        KeyChangeError::Code(denied) => {
            let account = own_event(asked, Action::TokenSuspended)?.with("account", identity.account()).with("name", &identity.who().name);
            note_stopped(asked, account, denied).await?;
            match denied.told() {
                CodeDenied::Stopped { .. } if identity.is_revoked() => Err(over(asked, WhyOver::CodesStopped)),
                CodeDenied::Stopped { .. } => Ok(Alert::CodesStopped),
                _ => Ok(Alert::CodeWrong),
            }
        }
        _ => Ok(Alert::Gone),
    })
}

/// Tokens that were suspended because of too many wrong codes, on record; `event` says whose they are.
pub(super) async fn note_stopped(asked: &Asked, event: Event, denied: &CodeDenied) -> Result<(), Refused> {
    let CodeDenied::Stopped { serials, sessions_ended } = denied.told() else { return Ok(()) };
    for serial in serials {
        let event = event.clone().with("serial", serial).with("why", "too-many-wrong-codes");
        record(asked, event.with("sessions-ended", sessions_ended)).await?;
    }
    Ok(())
}

pub(super) fn over(asked: &Asked, why: WhyOver) -> Answer {
    asked.show_with(StatusCode::OK, &KeysOverView { frame: asked.strangers_frame("/sign-in"), why })
}
