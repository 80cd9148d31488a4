//! The console of security administrators: accounts and sessions. `admin` says who may do what.

use std::sync::Arc;

use axum::extract::Path;
use http::StatusCode;

use crate::admin::{Actor, AdminError, NewAccount};
use crate::auth::Identity;
use crate::model::{Account, AccountId, AccountName, AccountState, Refusal, Role, SessionId, UnitName};
use crate::store::{AccountFilter, StoredKey};

use super::call::{Answer, Asked, Posted, Refused};
use super::own::session_row;
use super::view::{AccountActions, AccountRow, AccountView, AccountsView, Alert, AllSessionsView, InvitationView, InviteForm, KeyRow};

const MOST_LISTED: usize = 200;
const LIST: &str = "/console/accounts";

pub async fn accounts(asked: Asked) -> Answer {
    list(&asked, None, InviteForm::default()).await
}

async fn list(asked: &Asked, alert: Option<Alert>, form: InviteForm) -> Answer {
    let actor = actor(asked)?;
    let filter = asked.query.text("q").trim().to_owned();
    let wanted = AccountFilter { search: (!filter.is_empty()).then(|| filter.clone()), ..AccountFilter::default() };
    let mut found = asked.portal.desk.accounts(&actor, &wanted).await.map_err(refused)?;
    let more = found.len() > MOST_LISTED;
    found.truncate(MOST_LISTED);
    let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = AccountsView {
        frame: asked.frame_at(LIST, alert),
        filter,
        accounts: found.iter().map(|account| account_row(asked, account)).collect(),
        more,
        form,
    };
    asked.show_with(status, &view)
}

pub async fn invite(Posted { asked, form }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let email = form.text("email").trim();
    let kept = InviteForm {
        name: form.text("name").to_owned(),
        unit: form.text("unit").to_owned(),
        role: Role::parse(form.text("role")),
        email: email.to_owned(),
    };
    let wrong = |alert| list(&asked, Some(alert), kept.clone());
    let Ok(name) = AccountName::parse(form.text("name")) else { return wrong(Alert::NameInvalid).await };
    let Ok(unit) = UnitName::parse(form.text("unit")) else { return wrong(Alert::UnitInvalid).await };
    let Some(role) = kept.role else { return wrong(Alert::RoleInvalid).await };
    if !email.is_empty() && !is_email(email) {
        return wrong(Alert::EmailInvalid).await;
    }
    let new = NewAccount { name, unit, role, email: (!email.is_empty()).then(|| email.to_owned()) };
    invited(&asked, &actor, new, kept).await
}

async fn invited(asked: &Asked, actor: &Actor, new: NewAccount, kept: InviteForm) -> Answer {
    match asked.portal.desk.invite(actor, new, asked.now).await {
        Ok(invitation) => asked.show(&InvitationView {
            frame: asked.frame_at(LIST, None),
            name: invitation.account.name.to_string(),
            link: invitation.link,
            minutes: invitation.expires.since(asked.now).as_secs().div_ceil(60),
        }),
        Err(AdminError::NameTaken) => list(asked, Some(Alert::NameTaken), kept).await,
        Err(error) => Err(refused(error)),
    }
}

/// Only so much as makes it fit into a header field and look like an address (RFC 5321 leaves more room than any mail system).
fn is_email(text: &str) -> bool {
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    text.len() <= 254 && !local.is_empty() && domain.contains('.') && text.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

pub async fn account(Path(id): Path<String>, asked: Asked) -> Answer {
    show_account(&asked, &id, None).await
}

/// An address that takes forms, asked for as a page (after a change of language): the account that it belongs to.
pub async fn account_again(Path((id, _)): Path<(String, String)>, asked: Asked) -> Answer {
    show_account(&asked, &id, None).await
}

async fn show_account(asked: &Asked, id: &str, alert: Option<Alert>) -> Answer {
    let actor = actor(asked)?;
    let id: AccountId = id.parse().map_err(|_| Refusal::NotFound)?;
    let (account, keys) = asked.portal.desk.account(&actor, id).await.map_err(refused)?;
    let sessions = asked.portal.desk.sessions(&actor).map_err(refused)?;
    let own = asked.identity()?.who().account == id;
    let view = AccountView {
        frame: asked.frame_at(&format!("{LIST}/{id}"), alert),
        account: account_row(asked, &account),
        email: account.email.clone(),
        keys: keys.iter().map(|key| key_row(asked, key)).collect(),
        sessions: sessions.iter().filter(|session| session.who.account == id).count().try_into().unwrap_or(u64::MAX),
        actions: AccountActions::for_state(account.state, own),
    };
    asked.show(&view)
}

pub async fn change(Path((id, change)): Path<(String, String)>, Posted { asked, .. }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let account: AccountId = id.parse().map_err(|_| Refusal::NotFound)?;
    let desk = &asked.portal.desk;
    let done = match change.as_str() {
        "disable" => desk.disable(&actor, account).await.map(|_| Alert::AccountDisabled),
        "enable" => desk.enable(&actor, account).await.map(|()| Alert::AccountEnabled),
        "end-sessions" => desk.end_sessions_of(&actor, account).await.map(|_| Alert::SessionsEnded),
        "invite" => {
            let (known, _) = desk.account(&actor, account).await.map_err(refused)?;
            if known.state != AccountState::Invited {
                return show_account(&asked, &id, Some(Alert::NotInThisState)).await;
            }
            let again = NewAccount { name: known.name, unit: known.unit, role: known.role, email: known.email };
            return invited(&asked, &actor, again, InviteForm::default()).await;
        }
        _ => return Err(Refusal::NotFound.into()),
    };
    let alert = match done {
        Ok(alert) => alert,
        Err(AdminError::Oneself) => Alert::NotYourself,
        Err(AdminError::WrongState(_)) => Alert::NotInThisState,
        Err(error) => return Err(refused(error)),
    };
    show_account(&asked, &id, Some(alert)).await
}

pub async fn sessions(asked: Asked) -> Answer {
    list_sessions(&asked, None).await
}

async fn list_sessions(asked: &Asked, alert: Option<Alert>) -> Answer {
    let actor = actor(asked)?;
    let own = asked.identity()?.session_id();
    let sessions = asked.portal.desk.sessions(&actor).map_err(refused)?;
    let rows = sessions.iter().map(|session| session_row(asked, session, own)).collect();
    asked.show(&AllSessionsView { frame: asked.frame_at("/console/sessions", alert), sessions: rows })
}

pub async fn end_session(Posted { asked, form }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let session: SessionId = form.text("session").parse().map_err(|_| Refusal::NotFound)?;
    let ended = asked.portal.desk.end_session(&actor, session).await.map_err(refused)?;
    list_sessions(&asked, Some(if ended { Alert::SessionEnded } else { Alert::Gone })).await
}

fn actor(asked: &Asked) -> Result<Actor, Refused> {
    let identity: &Arc<Identity> = asked.identity()?;
    Ok(Actor::Staff { identity: identity.clone(), address: asked.visit.origin.address })
}

fn refused(error: AdminError) -> Refused {
    let refusal = match error {
        AdminError::NotAllowed => Refusal::NotAllowed { rule: "the console is for security administrators".to_owned() },
        AdminError::NoSuchAccount => Refusal::NotFound,
        AdminError::NoRecord(_) => Refusal::NoRecord,
        AdminError::Unrecorded => Refusal::DoneUnrecorded,
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "a change by staff failed");
            Refusal::Broken { what: "a change by staff failed" }
        }
    };
    refusal.into()
}

fn account_row(asked: &Asked, account: &Account) -> AccountRow {
    AccountRow {
        id: account.id.to_string(),
        name: account.name.to_string(),
        unit: account.unit.to_string(),
        role: account.role,
        state: account.state,
        created: asked.portal.moment(account.created),
    }
}

pub(super) fn key_row(asked: &Asked, key: &StoredKey) -> KeyRow {
    KeyRow {
        id: key.id.to_string(),
        name: key.label.clone(),
        added: asked.portal.moment(key.added),
        last_used: key.last_used.map(|time| asked.portal.moment(time)),
    }
}
