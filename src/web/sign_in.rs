//! Signing in: a password and then a key, or a key alone. Where she wanted to go travels in the forms, so that two tabs each keep
//! their own way.

use data_encoding::HEXLOWER;
use http::{HeaderValue, StatusCode, header};

use crate::auth::{Browser, Denied, SignedIn, Told, Visitor, Why, cookies};
use crate::crypto::Token;
use crate::limit::Wait;
use crate::model::{Account, AccountName, Action, Event, Network, Outcome, Refusal, StrangerName};

use super::call::{Answer, Asked, Fields, Posted, Unverified};
use super::own::{name_of, record};
use super::view::{Alert, Ceremony, KeyFirst, ReturnTo, SignInKeyView, SignInView};

pub async fn page(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    match &asked.visit.visitor {
        // Somebody who is signed in already only goes on; unless an app wants a newer sign-in than hers.
        Visitor::Known(_) if !must_sign_in_again(&asked, &return_to) => go_on(&asked, &return_to),
        _ => show(&asked, return_to, None),
    }
}

/// The app that she is on her way to finds her session too old.
fn must_sign_in_again(asked: &Asked, return_to: &ReturnTo) -> bool {
    let apps = asked.portal.apps.load();
    let Some(app) = apps.iter().find(|app| app.id.as_str() == return_to.app) else { return false };
    let wall = asked.portal.clock.wall();
    let verdict = crate::access::may_enter(&asked.visit.visitor, app, asked.visit.origin.address, asked.now, wall);
    matches!(verdict, Err(Refusal::SignInAgain))
}

fn show(asked: &Asked, return_to: ReturnTo, alert: Option<Alert>) -> Answer {
    let apps = asked.portal.apps.load();
    let app = apps.iter().find(|app| app.id.as_str() == return_to.app);
    let going_to = app.map(|app| name_of(app, asked.visit.language).to_owned());
    let status = match &alert {
        None => StatusCode::OK,
        Some(Alert::Wait { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(Alert::Busy) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::FORBIDDEN,
    };
    let wait = match &alert {
        Some(Alert::Wait { seconds }) => Some(*seconds),
        _ => None,
    };
    let view = SignInView { frame: asked.frame_at(&return_to.sign_in_link(), alert), return_to, going_to };
    let mut response = asked.show_with(status, &view)?;
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

fn go_on(asked: &Asked, return_to: &ReturnTo) -> Answer {
    if !return_to.app.is_empty() {
        return asked.redirect(&return_to.sign_in_link().replacen("/sign-in", "/enter", 1));
    }
    let path = crate::auth::ReturnPath::parse(&return_to.path).unwrap_or_else(crate::auth::ReturnPath::root);
    asked.redirect(path.as_str())
}

/// What every step of sign-in does with its form. One that came too late loses nothing: she goes on, or begins again on her way.
fn begin(unverified: Unverified) -> Result<(Asked, Fields, ReturnTo), Box<Answer>> {
    let return_to = unverified.form.return_to();
    if unverified.asked.visit.visitor.known().is_some() && !must_sign_in_again(&unverified.asked, &return_to) {
        // Another tab signed in meanwhile.
        return Err(Box::new(go_on(&unverified.asked, &return_to)));
    }
    match unverified.verify() {
        Ok(Posted { asked, form }) => Ok((asked, form, return_to)),
        Err(unverified) => Err(Box::new(show(&unverified.asked, return_to, Some(Alert::FormExpired)))),
    }
}

pub async fn first_factor(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let typed = form.text("name");
    let name = AccountName::parse(typed).map_or_else(|_| typed.to_owned(), |name| name.to_string());
    if let Err(wait) = asked.portal.limits.attempt(network(&asked), &name, asked.now) {
        return refuse_for_now(&asked, return_to, &wait, typed).await;
    }
    match asked.portal.auth.sign_in.first_factor(typed, form.text("password"), asked.now).await {
        Ok(pending) => {
            record(&asked, event(&asked, Action::FirstFactor).with("name", &pending.account.name)).await?;
            asked.change_step(pending.token);
            asked.redirect(&return_to.sign_in_link().replacen("/sign-in", "/sign-in/key", 1))
        }
        Err(denied) => {
            asked.portal.limits.failed(network(&asked), &name, asked.now);
            deny(&asked, return_to, &denied, typed).await
        }
    }
}

pub async fn key_page(asked: Asked) -> Answer {
    let return_to = asked.query.return_to();
    ask_for_key(&asked, return_to, None).await
}

async fn ask_for_key(asked: &Asked, return_to: ReturnTo, alert: Option<Alert>) -> Answer {
    let Some(pending) = &asked.step else { return asked.redirect(&return_to.sign_in_link()) };
    match asked.portal.auth.sign_in.key_options(pending, asked.now).await {
        Ok(challenge) => {
            let status = if alert.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
            let here = return_to.sign_in_link().replacen("/sign-in", "/sign-in/key", 1);
            let view = SignInKeyView {
                frame: asked.frame_at(&here, alert),
                return_to,
                ceremony: Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() },
                key_first: KeyFirst::No,
            };
            asked.show_with(status, &view)
        }
        Err(denied) => deny(asked, return_to, &denied, "").await,
    }
}

pub async fn second_factor(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let Some(pending) = asked.step.clone() else { return go_on(&asked, &return_to) };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return show(&asked, return_to, Some(Alert::ChallengeExpired));
    };
    let (browser, credential) = (browser(&asked), form.text("credential"));
    match asked.portal.auth.sign_in.second_factor(&pending, &challenge, credential, browser, asked.now).await {
        Ok(signed_in) => enter(&mut asked, signed_in, &return_to).await,
        // The right password still counts: she may try the key again, until too many failures suspend the account.
        Err(denied) if denied.told() == Told::Refused && denied.suspended().is_none() => {
            note_denied(&asked, &denied, "").await?;
            let alert = key_alert(denied.why());
            ask_for_key(&asked, return_to, Some(alert)).await
        }
        Err(denied) => deny(&asked, return_to, &denied, "").await,
    }
}

pub async fn key_first(unverified: Unverified) -> Answer {
    let (asked, _, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let Some(step) = &asked.step else { return go_on(&asked, &return_to) };
    if let Err(wait) = asked.portal.limits.attempt(network(&asked), &key_first_name(&asked), asked.now) {
        return refuse_for_now(&asked, return_to, &wait, "").await;
    }
    match asked.portal.auth.sign_in.key_first_options(step, asked.now).await {
        Ok(challenge) => asked.show(&SignInKeyView {
            frame: asked.frame_at(&return_to.sign_in_link(), None),
            return_to,
            ceremony: Ceremony { options: challenge.options.to_string(), challenge: challenge.id.reveal() },
            key_first: KeyFirst::Yes,
        }),
        Err(denied) => deny(&asked, return_to, &denied, "").await,
    }
}

pub async fn key_first_finish(unverified: Unverified) -> Answer {
    let (mut asked, form, return_to) = match begin(unverified) {
        Ok(begun) => begun,
        Err(answer) => return *answer,
    };
    let Some(step) = asked.step.clone() else { return go_on(&asked, &return_to) };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        return show(&asked, return_to, Some(Alert::ChallengeExpired));
    };
    let (browser, credential) = (browser(&asked), form.text("credential"));
    match asked.portal.auth.sign_in.key_first(&step, &challenge, credential, browser, asked.now).await {
        Ok(signed_in) => enter(&mut asked, signed_in, &return_to).await,
        Err(denied) => {
            asked.portal.limits.failed(network(&asked), &key_first_name(&asked), asked.now);
            deny(&asked, return_to, &denied, "").await
        }
    }
}

/// Nobody has given a name, so failures are counted by where they come from alone.
fn key_first_name(asked: &Asked) -> String {
    format!("a key alone, from {}", network(asked))
}

async fn enter(asked: &mut Asked, signed_in: SignedIn, return_to: &ReturnTo) -> Answer {
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
    go_on(asked, return_to)
}

/// One public answer for every wrong name, password and state.
async fn deny(asked: &Asked, return_to: ReturnTo, denied: &Denied, typed: &str) -> Answer {
    note_denied(asked, denied, typed).await?;
    let alert = match denied.told() {
        Told::Refused => Alert::WrongSignIn,
        Told::Busy => Alert::Busy,
        Told::BeginAgain => Alert::ChallengeExpired,
        Told::Broken => return Err(Refusal::Broken { what: "sign-in failed" }.into()),
    };
    show(asked, return_to, Some(alert))
}

async fn note_denied(asked: &Asked, denied: &Denied, typed: &str) -> Result<(), super::call::Refused> {
    if let Why::Broken(error) = denied.why() {
        tracing::error!(%error, "sign-in failed");
    }
    // What needs no account can be caused without end: past the quota it is only counted.
    if denied.account().is_none() && !asked.portal.strangers.admit(network(asked), asked.portal.clock.wall()) {
        return Ok(());
    }
    let denial = failed(asked, Action::SignIn).with("why", denied.why().word());
    record(asked, with_name(denial, stranger_name(asked, denied.account(), typed))).await?;
    if let Why::Key(crate::auth::KeyError::CounterWentBack(key)) = denied.why() {
        record(asked, named(event(asked, Action::KeyCounterWentBack), denied.account()).with("key", key)).await?;
    }
    if let Some(ended) = denied.suspended() {
        record(asked, named(event(asked, Action::AccountSuspended), denied.account()).with("sessions-ended", ended.len())).await?;
    }
    Ok(())
}

fn failed(asked: &Asked, action: Action) -> Event {
    Event { outcome: Outcome::Failed, ..event(asked, action) }
}

fn with_name(event: Event, name: Option<StrangerName>) -> Event {
    match name {
        Some(StrangerName::Known(name)) => event.with("name", name),
        Some(StrangerName::Unknown(hash)) => event.with("unknown-name", hash),
        None => event,
    }
}

fn named(event: Event, account: Option<&Account>) -> Event {
    match account {
        Some(account) => event.with("account", account.id).with("name", &account.name),
        None => event,
    }
}

/// A name that no account has is recorded as a keyed hash: people type passwords there.
fn stranger_name(asked: &Asked, account: Option<&Account>, typed: &str) -> Option<StrangerName> {
    if let Some(account) = account {
        return Some(StrangerName::Known(account.name.clone()));
    }
    let hash = asked.portal.secret.tag("unknown name", typed.as_bytes());
    (!typed.is_empty()).then(|| StrangerName::Unknown(HEXLOWER.encode(hash.get(..8).unwrap_or_default())))
}

fn key_alert(why: &Why) -> Alert {
    use crate::auth::KeyError;
    match why {
        Why::Key(KeyError::UserNotVerified) => Alert::KeyWithoutUserVerification,
        Why::Key(KeyError::NotHardware) => Alert::KeySynced,
        _ => Alert::KeyRefused,
    }
}

async fn refuse_for_now(asked: &Asked, return_to: ReturnTo, wait: &Wait, typed: &str) -> Answer {
    let seconds = wait.retry_after.as_secs().saturating_add(1);
    // Whoever is refused by a limit can be refused without end: past the quota it is only counted.
    if asked.portal.strangers.admit(network(asked), asked.portal.clock.wall()) {
        let refused = failed(asked, Action::SignIn).with("why", "must-wait").with("limit", wait.limit).with("seconds", seconds);
        record(asked, with_name(refused, stranger_name(asked, None, typed))).await?;
    }
    show(asked, return_to, Some(Alert::Wait { seconds }))
}

fn network(asked: &Asked) -> Network {
    Network::of(asked.visit.origin.address)
}

pub(super) fn event(asked: &Asked, action: Action) -> Event {
    Event { reference: Some(asked.visit.reference.clone()), ..Event::done(action).from(asked.visit.origin.address) }
}

fn browser(asked: &Asked) -> Browser {
    Browser { address: asked.visit.origin.address, user_agent: asked.agent().to_owned() }
}

impl Fields {
    /// Where the form or query wants to go on to.
    pub fn return_to(&self) -> ReturnTo {
        ReturnTo { app: self.text("app").to_owned(), path: self.text("path").to_owned(), nonce: self.text("nonce").to_owned() }
    }
}
