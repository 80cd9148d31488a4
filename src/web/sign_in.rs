//! Signing in: a password and then a key, or a key alone. Where she wanted to go travels in the addresses, so that two tabs each keep
//! their own way, and so does a page that is asked for again.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};

use crate::access::App;
use crate::auth::{Browser, Challenge, Denied, KeyError, SecondFactors, SignedIn, Told, Visitor, Why, cookies};
use crate::crypto::Token;
use crate::limit::{Attempt, Wait};
use crate::model::{AccountName, Action, CanonicalPath, CertificateTrouble, Refusal};

use super::call::{Answer, Asked, Fields, Posted, Unverified};
use super::denial::{self, event, key_alert, network};
use super::own::{name_of, record};
use super::view::{Alert, Ceremony, KeyFirst, OnwardView, ReturnTo, SignInKeyView, SignInView};

/// As much as the field takes.
const LONGEST_NAME_SHOWN: usize = 256;

pub async fn page(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    match &asked.visit.visitor {
        // Somebody who is signed in already only goes on; unless an app wants a newer sign-in than hers.
        Visitor::Known(_) if !must_sign_in_again(&asked, &return_to) => go_on(&asked, &return_to),
        _ => show(&asked, return_to, None, ""),
    }
}

/// Whether the app that she is on her way to lets her do there what she wants.
pub(super) fn verdict_of(asked: &Asked, return_to: &ReturnTo) -> Option<Result<(), Refusal>> {
    let app = app_of(asked, return_to)?;
    Some(may_go_on(asked, &app, return_to))
}

pub(super) fn may_go_on(asked: &Asked, app: &Arc<App>, return_to: &ReturnTo) -> Result<(), Refusal> {
    let wish = return_to.wish(app);
    let wish =
        wish.as_ref().map(|(method, path)| crate::access::Asked { method, path, held: Err(CertificateTrouble::Missing), is_tunnel: false });
    let (from, wall) = (asked.visit.origin.address, asked.portal.clock.wall());
    crate::access::may_go_on(&asked.visit.visitor, app, wish.as_ref(), from, asked.now, wall)
}

/// The app that she is on her way to finds her session too old.
fn must_sign_in_again(asked: &Asked, return_to: &ReturnTo) -> bool {
    matches!(verdict_of(asked, return_to), Some(Err(Refusal::SignInAgain)))
}

/// The app that she is on her way to.
///
/// A stranger who guesses an app's id learns its name and host here. Neither is a secret that is kept elsewhere: whoever
/// guesses the host gets its certificate, and is sent to this very page. All apps at once are named to nobody.
pub(super) fn app_of(asked: &Asked, return_to: &ReturnTo) -> Option<Arc<App>> {
    asked.portal.apps.load().iter().find(|app| app.id.as_str() == return_to.app).cloned()
}

/// The page again, with the name as it was typed.
pub(super) fn show(asked: &Asked, return_to: ReturnTo, alert: Option<Alert>, typed: &str) -> Answer {
    let going_to = app_of(asked, &return_to).map(|app| name_of(&app, asked.visit.language).to_owned());
    let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
    let name = typed.chars().filter(|c| !c.is_control()).take(LONGEST_NAME_SHOWN).collect();
    let usb_key = asked.portal.key_host.is_some();
    let view = SignInView { frame: asked.frame_at(&return_to.at("/sign-in"), alert), return_to, going_to, name, usb_key };
    told_to_wait(asked.show_with(status, &view)?, wait)
}

pub(super) fn status_of(alert: Option<&Alert>) -> StatusCode {
    match alert {
        None => StatusCode::OK,
        Some(Alert::Wait { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(Alert::Busy) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::FORBIDDEN,
    }
}

pub(super) fn wait_of(alert: Option<&Alert>) -> Option<u64> {
    match alert {
        Some(Alert::Wait { seconds }) => Some(*seconds),
        _ => None,
    }
}

pub(super) fn told_to_wait(mut response: Response, wait: Option<u64>) -> Answer {
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

pub(super) fn go_on(asked: &Asked, return_to: &ReturnTo) -> Answer {
    if !return_to.app.is_empty() {
        return asked.redirect(&return_to.at("/enter"));
    }
    let path = crate::auth::ReturnPath::parse(&return_to.path).unwrap_or_else(crate::auth::ReturnPath::root);
    asked.redirect(path.as_str())
}

/// After a form: by way of a page of the portal's own, where the form's chain of redirects ends.
pub(super) fn lead_on(asked: &Asked, return_to: &ReturnTo) -> Answer {
    if return_to.app.is_empty() { go_on(asked, return_to) } else { asked.redirect(&return_to.at("/sign-in/onward")) }
}

/// The page from which an app is entered.
pub async fn onward(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    match app_of(&asked, &return_to).filter(|_| asked.visit.visitor.known().is_some()) {
        Some(app) => {
            let going_to = name_of(&app, asked.visit.language).to_owned();
            let frame = asked.frame_at(&return_to.at("/sign-in/onward"), None);
            asked.show(&OnwardView { frame, going_to, link: return_to.at("/enter") })
        }
        None => go_on(&asked, &return_to),
    }
}

/// What every step of sign-in does with its form. One that came too late loses nothing: she goes on, or begins again on her way.
pub(super) fn begin(unverified: Unverified) -> Result<(Asked, Fields, ReturnTo), Box<Answer>> {
    let return_to = unverified.asked.query.return_to();
    if unverified.asked.visit.visitor.known().is_some() && !must_sign_in_again(&unverified.asked, &return_to) {
        // Another tab signed in meanwhile.
        return Err(Box::new(lead_on(&unverified.asked, &return_to)));
    }
    match unverified.verify() {
        Ok(Posted { asked, form }) => Ok((asked, form, return_to)),
        Err(unverified) => Err(Box::new(show(&unverified.asked, return_to, Some(Alert::FormExpired), unverified.form.text("name")))),
    }
}

pub async fn first_factor(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let typed = form.text("name");
    let name = AccountName::parse(typed).map_or_else(|_| typed.to_owned(), |name| name.to_string());
    let attempt = match asked.portal.limits.attempt(network(&asked), &name, asked.now) {
        Ok(attempt) => attempt,
        Err(wait) => return refuse_for_now(&asked, return_to, &wait, typed).await,
    };
    let checked = asked.portal.auth.sign_in.first_factor(typed, form.text("password"), asked.now).await;
    settle(&asked, attempt, checked.as_ref().err());
    match checked {
        Ok(pending) => {
            record(&asked, event(&asked, Action::FirstFactor).with("name", &pending.account.name)).await?;
            asked.change_step(pending.token);
            asked.redirect(&return_to.at("/sign-in/key"))
        }
        Err(denied) => deny(&asked, return_to, &denied, typed).await,
    }
}

pub async fn key_page(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    ask_for_key(&asked, return_to, None).await
}

async fn ask_for_key(asked: &Asked, return_to: ReturnTo, alert: Option<Alert>) -> Answer {
    let Some(pending) = &asked.step else { return asked.redirect(&return_to.at("/sign-in")) };
    match asked.portal.auth.sign_in.second_factors(pending, asked.portal.key_host.is_some(), asked.now, asked.portal.clock.wall()).await {
        Ok(SecondFactors { key, code, usb_key }) => {
            let (status, wait) = (status_of(alert.as_ref()), wait_of(alert.as_ref()));
            let frame = asked.frame_at(&return_to.at("/sign-in/key"), alert);
            let view = SignInKeyView { frame, return_to, ceremony: key.as_ref().map(ceremony), code, usb_key, key_first: KeyFirst::No };
            told_to_wait(asked.show_with(status, &view)?, wait)
        }
        Err(denied) => deny(asked, return_to, &denied, "").await,
    }
}

pub async fn second_factor(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let Some(pending) = asked.step.clone() else { return lead_on(&asked, &return_to) };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return show(&asked, return_to, Some(Alert::ChallengeExpired), "");
    };
    let attempt = match attempt_of_pending(&asked, &pending, &return_to).await {
        Ok(attempt) => attempt,
        Err(answer) => return *answer,
    };
    let (browser, credential) = (browser(&asked), form.text("credential"));
    let answered = asked.portal.auth.sign_in.second_factor(&pending, &challenge, credential, browser, asked.now).await;
    settle(&asked, attempt, answered.as_ref().err());
    finish(&mut asked, return_to, answered).await
}

/// The second factor as a code.
pub async fn code(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let Some(pending) = asked.step.clone() else { return lead_on(&asked, &return_to) };
    let attempt = match attempt_of_pending(&asked, &pending, &return_to).await {
        Ok(attempt) => attempt,
        Err(answer) => return *answer,
    };
    let times = (asked.now, asked.portal.clock.wall());
    let answered = asked.portal.auth.sign_in.code(&pending, form.text("code"), browser(&asked), times).await;
    settle(&asked, attempt, answered.as_ref().err());
    finish(&mut asked, return_to, answered).await
}

/// Counts an attempt at the second factor of the account whose password was right.
async fn attempt_of_pending(asked: &Asked, pending: &Token, return_to: &ReturnTo) -> Result<Attempt, Box<Answer>> {
    let account = match asked.portal.auth.sign_in.who_is_pending(pending, asked.now).await {
        Ok(account) => account,
        Err(denied) => return Err(Box::new(deny(asked, return_to.clone(), &denied, "").await)),
    };
    let wait = match asked.portal.limits.attempt_with_key(network(asked), account.name.as_str(), asked.now) {
        Ok(attempt) => return Ok(attempt),
        Err(wait) => wait,
    };
    asked.portal.auth.sign_in.tally().must_wait();
    let answer = match denial::note_wait(asked, &wait, event(asked, Action::SignIn), Some(&account), "").await {
        Ok(seconds) => ask_for_key(asked, return_to.clone(), Some(Alert::Wait { seconds })).await,
        Err(refused) => Err(refused),
    };
    Err(Box::new(answer))
}

/// Whether the second factor was right, she may try again, or has to begin anew.
async fn finish(asked: &mut Asked, return_to: ReturnTo, answered: Result<SignedIn, Denied>) -> Answer {
    match answered {
        Ok(signed_in) => enter(asked, signed_in, &return_to).await,
        // The right password still counts: she may try again, until there were too many.
        Err(denied) if denied.may_try_again() => {
            denial::note(asked, &denied, event(asked, Action::SignIn), "").await?;
            let alert = key_alert(denied.why());
            ask_for_key(asked, return_to, Some(alert)).await
        }
        Err(denied) => deny(asked, return_to, &denied, "").await,
    }
}

fn ceremony(challenge: &Challenge) -> Ceremony {
    Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() }
}

/// What was found wrong makes the next attempt wait; what was right, or never judged, does not.
pub(super) fn settle(asked: &Asked, attempt: Attempt, denied: Option<&Denied>) {
    if denied.is_some_and(|denied| denied.told().is_failure()) {
        attempt.failed(asked.portal.clock.now());
    } else {
        attempt.take_back();
    }
}

pub async fn key_first(unverified: Unverified) -> Answer {
    let (mut asked, _, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    if let Err(wait) = asked.portal.limits.attempt_without_name(network(&asked), asked.now) {
        return refuse_for_now(&asked, return_to, &wait, "").await;
    }
    let step = match asked.step.clone() {
        Some(step) => step,
        // Whoever is signed in, but too long ago for an app, holds a session and no step.
        None => {
            let step = Token::random().map_err(|_| Refusal::Broken { what: "no random bytes" })?;
            asked.change_step(step.clone());
            step
        }
    };
    match asked.portal.auth.sign_in.key_first_options(&step, asked.now).await {
        Ok(challenge) => {
            let view = SignInKeyView {
                frame: asked.frame_at(&return_to.at("/sign-in"), None),
                return_to,
                ceremony: Some(ceremony(&challenge)),
                code: false,
                usb_key: false,
                key_first: KeyFirst::Yes,
            };
            asked.show(&view)
        }
        Err(denied) => deny(&asked, return_to, &denied, "").await,
    }
}

pub async fn key_first_finish(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    if let Err(wait) = asked.portal.limits.attempt_without_name(network(&asked), asked.now) {
        return refuse_for_now(&asked, return_to, &wait, "").await;
    }
    let (Some(step), Some(challenge)) = (asked.step.clone(), Token::parse(form.text("challenge"))) else {
        return show(&asked, return_to, Some(Alert::ChallengeExpired), "");
    };
    let (browser, credential) = (browser(&asked), form.text("credential"));
    match asked.portal.auth.sign_in.key_first(&step, &challenge, credential, browser, asked.now).await {
        Ok(signed_in) => enter(&mut asked, signed_in, &return_to).await,
        Err(denied) => deny(&asked, return_to, &denied, "").await,
    }
}

pub(super) async fn enter(asked: &mut Asked, signed_in: SignedIn, return_to: &ReturnTo) -> Answer {
    let SignedIn { token, identity, key } = signed_in;
    let event = event(asked, Action::SignIn).by(identity.who().clone()).with("key", key);
    if let Err(refused) = record(asked, event).await {
        // No record, no access: the session that nobody knows of ends before anybody holds it.
        let _ = asked.portal.auth.sessions.end(identity.session_id()).await;
        return Err(refused);
    }
    // One browser has one session: what it had before would only be left lying about.
    if let Some(before) = asked.visit.visitor.known() {
        asked.portal.auth.sessions.end(before.session_id()).await.map_err(super::own::broken)?;
    }
    asked.portal.limits.succeeded(network(asked), identity.who().name.as_str(), asked.now);
    asked.set_cookie(cookies::set(cookies::SESSION, &token.reveal(), asked.portal.cookie_lives));
    asked.set_cookie(cookies::forget(cookies::STEP));
    lead_on(asked, return_to)
}

/// One public answer for every wrong name, password and state.
pub(super) async fn deny(asked: &Asked, return_to: ReturnTo, denied: &Denied, typed: &str) -> Answer {
    denial::note(asked, denied, event(asked, Action::SignIn), typed).await?;
    let alert = match denied.told() {
        // The key itself, or a copy, answered: that tells nothing to strangers.
        Told::Refused if matches!(denied.why(), Why::Key(KeyError::CounterWentBack(_))) => Alert::KeySuspended,
        Told::Refused => Alert::WrongSignIn,
        Told::Busy => Alert::Busy,
        Told::BeginAgain => Alert::ChallengeExpired,
        Told::Broken => return Err(Refusal::Broken { what: "sign-in failed" }.into()),
    };
    show(asked, return_to, Some(alert), typed)
}

pub(super) async fn refuse_for_now(asked: &Asked, return_to: ReturnTo, wait: &Wait, typed: &str) -> Answer {
    asked.portal.auth.sign_in.tally().must_wait();
    let seconds = denial::note_wait(asked, wait, event(asked, Action::SignIn), None, typed).await?;
    show(asked, return_to, Some(Alert::Wait { seconds }), typed)
}

pub(super) fn browser(asked: &Asked) -> Browser {
    Browser { address: asked.visit.origin.address, user_agent: asked.agent().to_owned() }
}

impl Fields {
    /// Where the query wants to go on to.
    pub fn return_to(&self) -> ReturnTo {
        let text = |name| self.text(name).to_owned();
        ReturnTo { app: text("app"), path: text("path"), nonce: text("nonce"), asked: text("asked") }
    }
}

impl ReturnTo {
    /// What she wants to do in the app, where the address says so; the gateway's own corner is open to whoever is in.
    fn wish(&self, app: &App) -> Option<(Method, CanonicalPath)> {
        let (method, path) = self.asked.split_once(' ').unwrap_or(("GET", &self.path));
        let path = CanonicalPath::parse(path.split('?').next().unwrap_or_default(), app.paths).ok()?;
        let is_reserved = path.as_str().starts_with("/.yumen/");
        Some((method.parse().ok()?, path)).filter(|_| !is_reserved)
    }
}
