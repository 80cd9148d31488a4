//! What a person has for herself: the apps that she may enter, her sessions, the way out.

use axum::extract::Path;
use futures_util::future;

use crate::access::{self, App, Demand};
use crate::auth::{IssueError, ReturnPath, SessionRow as Session, cookies};
use crate::lang::Language;
use crate::model::{Action, AppId, Event, Factor, FactorDemand, Refusal, Role, SessionId, TokenKind, TokenState, capped};
use crate::store::{StoreError, StoredToken};

use super::agent;
use super::call::{Answer, Asked, Posted, Refused};
use super::recent;
use super::sign_in::may_go_on;
use super::view::{Alert, AppCard, PortalView, SessionRow, SessionsView, SignedOutView, name_in};

pub async fn portal(asked: Asked) -> Answer {
    let recent = recent_apps(&asked)?;
    let search = asked.query.text("q").trim().to_owned();
    let wanted = search.to_lowercase();
    let apps = asked.portal.apps.load();
    let identity = asked.identity()?;
    let tokens = asked.portal.auth.keys.tokens(identity.account()).await.map_err(broken)?;
    let is_member = identity.who().role == Role::Member;
    // A USB-KEY that she was handed opens something from its first use on.
    let usable = |token: &&StoredToken| token.opens(asked.now) || (token.kind == TokenKind::UsbKey && token.state == TokenState::Issued);
    let held: Vec<TokenKind> = tokens.iter().filter(usable).map(|token| token.kind).collect();
    let needs_token = |app: &App| match entering(&asked, app).as_ref().map_err(Demand::unmet) {
        // It may be one that nobody has registered yet.
        Err(Some(Demand { factor: Some(FactorDemand::UsbKey), .. })) if asked.portal.key_host.is_some() => false,
        Err(Some(demand)) => !is_enough(demand.factor.unwrap_or_default(), &held, is_member, |kind| app.admits(kind)),
        _ => false,
    };
    let card = |app: &App| {
        let words = format!("{} {} {} {} {}", app.names.zh, app.names.ug, app.names.en, app.id, app.host).to_lowercase();
        AppCard {
            id: app.id.to_string(),
            name: name_of(app, asked.visit.language).to_owned(),
            label: app.label,
            host: app.host.to_string(),
            link: format!("/open/{}", app.id),
            hidden: !wanted.split_whitespace().all(|word| words.contains(word)),
            words,
            needs_token: needs_token(app),
            recent: recent.contains(&app.id),
            closed: matches!(entering(&asked, app), Err(Refusal::LockedDown)),
        }
    };
    let mut seen: Vec<&App> = apps.iter().map(AsRef::as_ref).filter(|app| may_open(&asked, app).is_ok()).collect();
    seen.sort_by_key(|app| recent.iter().position(|id| *id == app.id).unwrap_or(usize::MAX));
    let cards: Vec<AppCard> = seen.into_iter().map(card).collect();
    asked.show(&PortalView { frame: asked.frame(None), has_apps: !cards.is_empty(), apps: cards, search })
}

/// From a card of the portal to the app; the browser keeps in mind that she was there.
pub async fn open(Path(id): Path<String>, mut asked: Asked) -> Answer {
    let account = asked.identity()?.who().account;
    let recent = recent_apps(&asked)?;
    let apps = asked.portal.apps.load();
    let app = apps.iter().find(|app| app.id.as_str() == id).ok_or(Refusal::NotFound)?;
    may_open(&asked, app)?;
    let cookie = recent::opened(&recent, &app.id, &asked.portal.secret, account);
    asked.set_cookie(cookie);
    asked.redirect(&format!("{}/", app.origin))
}

/// One that wants a newer sign-in, or another proof, is listed and opened: it asks for it when it is entered. One that an emergency keeps her out
/// of says so then.
fn may_open(asked: &Asked, app: &App) -> Result<(), Refusal> {
    match entering(asked, app) {
        Ok(()) | Err(Refusal::SignInAgain | Refusal::StepUpNeeded { .. } | Refusal::Emergency { .. } | Refusal::LockedDown) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

fn entering(asked: &Asked, app: &App) -> Result<(), Refusal> {
    access::may_enter(&asked.visit.visitor, app, asked.visit.origin.address, asked.now, asked.portal.clock.wall())
}

/// Whether one of these kinds of tokens can be what is asked for; whether this very token is, shows only when it is shown.
fn is_enough(demand: FactorDemand, held: &[TokenKind], is_member: bool, admits: impl Fn(TokenKind) -> bool) -> bool {
    let proves = |kind: TokenKind| match kind {
        TokenKind::WebAuthn => demand.is_met_by(Factor::SecurityKey),
        TokenKind::UsbKey => demand.is_met_by(Factor::UsbKey),
        TokenKind::Oath | TokenKind::PhoneApp => is_member && demand.is_met_by(Factor::by_code_of(kind)),
    };
    held.iter().any(|kind| admits(*kind) && proves(*kind))
}

fn recent_apps(asked: &Asked) -> Result<Vec<AppId>, Refused> {
    let account = asked.identity()?.who().account;
    let cookie = cookies::sole(&asked.headers, recent::RECENT_COOKIE).one();
    Ok(recent::read(cookie, &asked.portal.secret, account))
}

pub(super) fn name_of(app: &App, language: Language) -> &str {
    name_in(&app.names, language)
}

/// Somebody comes from an app's host and wants back there, signed in.
pub async fn enter(asked: Asked) -> Answer {
    let wanted = asked.query.return_to();
    let nonce = crate::crypto::TokenHash::parse_base64url(&wanted.nonce).ok_or(Refusal::Malformed("the nonce of a way back"))?;
    // A stranger is asked to sign in whatever app she names, and who is signed in is told of one that is not there what she
    // is told of one that is not hers: only the log knows which.
    if asked.visit.visitor.known().is_none() {
        return asked.redirect(&wanted.at("/sign-in"));
    }
    let apps = asked.portal.apps.load();
    let no_such_app = || Refusal::NotAllowed { rule: format!("no app is called {:?}", capped(&wanted.app, 64)) };
    let app = apps.iter().find(|app| app.id.as_str() == wanted.app).ok_or_else(no_such_app)?;
    match may_go_on(&asked, app, &wanted) {
        Ok(()) => {}
        Err(Refusal::SignInNeeded | Refusal::SignInAgain) => return asked.redirect(&wanted.at("/sign-in")),
        Err(Refusal::StepUpNeeded { .. }) => return asked.redirect(&wanted.at("/step-up")),
        Err(refusal) => return Err(refusal.into()),
    }
    let path = ReturnPath::parse(&wanted.path).unwrap_or_else(ReturnPath::root);
    let identity = asked.identity()?;
    match asked.portal.auth.handover.issue(identity, &app.host, nonce, &path, asked.now).await {
        Ok(code) => asked.redirect(&format!("{}/.yumen/enter?code={}", app.origin, code.reveal())),
        // Another tab proved more, or signed out, while this was under way: she comes with what she has now.
        Err(IssueError::SessionOver) => asked.redirect(&wanted.at("/enter")),
        Err(error) => Err(broken(error)),
    }
}

pub async fn sessions(asked: Asked) -> Answer {
    list(&asked, None)
}

fn list(asked: &Asked, alert: Option<Alert>) -> Answer {
    let identity = asked.identity()?;
    let (account, own) = (identity.who().account, identity.session_id());
    let sessions = asked.portal.auth.sessions.list_of(account);
    let rows = sessions.iter().map(|session| session_row(asked, session, own)).collect();
    asked.show(&SessionsView { frame: asked.frame_at("/sessions", alert), sessions: rows })
}

pub async fn end_session(Posted { asked, form }: Posted) -> Answer {
    let identity = asked.identity()?.clone();
    let wanted: SessionId = form.text("session").parse().map_err(|_| Refusal::NotFound)?;
    let sessions = &asked.portal.auth.sessions;
    if !sessions.list_of(identity.who().account).iter().any(|session| session.id == wanted) {
        return list(&asked, Some(Alert::Gone));
    }
    take_away(&asked, own_event(&asked, Action::SessionEnded)?.with("session", wanted), sessions.end(wanted)).await?;
    if wanted == identity.session_id() {
        return leave(asked, "/signed-out");
    }
    list(&asked, Some(Alert::SessionEnded))
}

pub async fn sign_out(Posted { asked, .. }: Posted) -> Answer {
    if let Some(identity) = asked.visit.visitor.known() {
        let end = asked.portal.auth.sessions.end(identity.session_id());
        take_away(&asked, own_event(&asked, Action::SignOut)?, end).await?;
    }
    leave(asked, "/signed-out")
}

pub async fn sign_out_everywhere(Posted { asked, .. }: Posted) -> Answer {
    let identity = asked.identity()?;
    let end = asked.portal.auth.sessions.end_all_of(identity.who().account);
    take_away(&asked, own_event(&asked, Action::SignOut)?.with("which", "all"), end).await?;
    leave(asked, "/signed-out?everywhere=1")
}

fn leave(mut asked: Asked, to: &str) -> Answer {
    asked.set_cookie(cookies::forget(cookies::SESSION));
    asked.redirect(to)
}

pub async fn signed_out(asked: Asked) -> Answer {
    asked.show(&SignedOutView { frame: asked.frame(None), everywhere: !asked.query.text("everywhere").is_empty() })
}

pub(super) fn session_row(asked: &Asked, session: &Session, own: SessionId) -> SessionRow {
    let apps = asked.portal.apps.load();
    let entered = session.hosts.iter().filter_map(|host| apps.iter().find(|app| app.host == *host));
    SessionRow {
        id: session.id.to_string(),
        current: session.id == own,
        account: session.who.name.to_string(),
        unit: session.who.unit.to_string(),
        signed_in: asked.portal.moment(session.signed_in),
        last_active: asked.portal.moment(session.last_active),
        address: session.address.to_string(),
        browser: agent::in_words(asked.visit.language, &session.user_agent),
        agent: session.user_agent.clone(),
        apps: entered.map(|app| name_of(app, asked.visit.language).to_owned()).collect(),
    }
}

/// An event of the person who is signed in.
pub(super) fn own_event(asked: &Asked, action: Action) -> Result<Event, Refused> {
    let who = asked.identity()?.who().clone();
    Ok(Event { reference: Some(asked.visit.reference.clone()), ..Event::done(action).by(who).from(asked.visit.origin.address) })
}

pub(super) async fn record(asked: &Asked, event: Event) -> Result<(), Refused> {
    asked.portal.journal.event(event).await.map_err(|_| Refusal::NoRecord.into())
}

/// Ending what is one's own waits for no record; where there is none, the person is told.
async fn take_away<T>(asked: &Asked, event: Event, end: impl Future<Output = Result<T, StoreError>>) -> Result<(), Refused> {
    let (recorded, ended) = future::join(asked.portal.journal.event(event), end).await;
    ended.map_err(broken)?;
    recorded.map_err(|_| Refusal::DoneUnrecorded.into())
}

pub(super) fn broken(error: impl std::error::Error) -> Refused {
    tracing::error!(%error, "a page of the portal failed");
    Refusal::Broken { what: "a page of the portal failed" }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_needs_a_token_that_she_has_not_got_where_none_of_hers_can_be_what_it_asks_for() {
        use FactorDemand::{Any, Hardware, PhishingResistant};
        use TokenKind::{Oath, PhoneApp, UsbKey, WebAuthn};
        let everything = |_| true;
        for (demand, held, is_member, enough) in [
            (PhishingResistant, &[Oath, PhoneApp][..], true, false),
            (PhishingResistant, &[Oath, WebAuthn], true, true),
            (PhishingResistant, &[UsbKey], true, true),
            (Hardware, &[PhoneApp], true, false),
            (Hardware, &[Oath], true, true),
            (Hardware, &[Oath], false, false),
            (Any, &[PhoneApp], true, true),
            (Any, &[], true, false),
            (FactorDemand::WebAuthn, &[UsbKey, Oath], true, false),
            (FactorDemand::UsbKey, &[WebAuthn], true, false),
        ] {
            assert_eq!(is_enough(demand, held, is_member, everything), enough, "{demand:?} with {held:?}");
        }
        assert!(!is_enough(Any, &[PhoneApp], true, |kind| kind != PhoneApp), "where an app on a phone is not let in");
    }
}
