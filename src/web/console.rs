//! The console of security administrators: accounts, units and sessions. `admin` says who may do what.
//!
//! What ends somebody's access is asked about first, on a page that says whose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use http::StatusCode;
use url::form_urlencoded;

use crate::admin::{Actor, AdminError, Change, Lacks, NewAccount};
use crate::auth::{Identity, SessionRow};
use crate::model::{Account, AccountId, AccountName, AccountState, Attestation, Bar, Refusal, Role, SessionId, UnitName, is_email};
use crate::store::{AccountFilter, StoredKey, StoredToken};

use super::call::{Answer, Asked, Posted, Refused};
use super::changes;
use super::inventory::token_row;
use super::own::{name_of, session_row};
use super::view::{
    AccountActions, AccountRow, AccountView, AccountsFilter, AccountsView, Alert, AllSessionsView, ConfirmView, ConfirmedAct, InviteForm,
    KeyRow, ManagesUnit, Paging, SessionsFilter, TokenRow, UnitRow, UnitsView,
};

/// When one of her own pages is closed is for her to say.
const STREAM_ENDS: Duration = Duration::from_secs(1);
/// How long somebody else's pack takes, more or less.
const PACK_ENDS: Duration = Duration::from_secs(60);
const LIST: &str = "/console/accounts";
const SESSIONS: &str = "/console/sessions";

/// The address that people type. To others than staff and duty officers it is none, as any other that the portal does not have.
pub async fn home(asked: Asked) -> Answer {
    let (desk, anybody, staff) = (&asked.portal.desk, person(&asked), actor(&asked));
    let may = |actor: &Result<Actor, Refused>, change| actor.as_ref().is_ok_and(|actor| desk.permit(actor, change).is_ok());
    // Whoever is on duty has nothing more urgent.
    if may(&anybody, Change::HandleIncident) {
        asked.redirect(super::incidents::LIST)
    } else if may(&staff, Change::ReadAccounts) {
        asked.redirect(LIST)
    } else if may(&staff, Change::ReadLog) {
        asked.redirect(super::log::LIST)
    } else if may(&staff, Change::ReadIncidents) {
        asked.redirect(super::incidents::LIST)
    } else {
        Err(Refusal::NotFound.into())
    }
}

pub async fn accounts(asked: Asked) -> Answer {
    list(&asked, None, InviteForm::default()).await
}

async fn list(asked: &Asked, alert: Option<Alert>, form: InviteForm) -> Answer {
    let actor = actor(asked)?;
    let query = &asked.query;
    let filter = AccountsFilter {
        search: query.text("q").trim().to_owned(),
        unit: query.text("unit").to_owned(),
        role: Role::parse(query.text("role")),
        state: AccountState::parse(query.text("state")),
    };
    let wanted =
        AccountFilter { search: (!filter.search.is_empty()).then(|| filter.search.clone()), unit: UnitName::parse(&filter.unit).ok() };
    let mut found = asked.portal.desk.accounts(&actor, &wanted).await.map_err(refused)?;
    found.retain(|account| filter.role.is_none_or(|role| account.role == role) && filter.state.is_none_or(|state| account.state == state));
    let units = units_of(asked, &actor).await?;
    let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let paging = Paging::new(with_query(asked, LIST, &["q", "unit", "role", "state"]), found.len(), asked.query.text("page"));
    let view = AccountsView {
        frame: asked.frame_at(&paging.here(), alert),
        accounts: paging.of(&found).iter().map(|account| account_row(asked, account)).collect(),
        paging,
        units: units.into_iter().map(|unit| unit.name).collect(),
        filter,
        form,
    };
    asked.show_with(status, &view)
}

/// The page with what it was narrowed by, so that another language shows the same.
pub(super) fn with_query(asked: &Asked, path: &str, names: &[&str]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in names.iter().filter(|name| !asked.query.text(name).is_empty()) {
        query.append_pair(name, asked.query.text(name));
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

pub async fn units(asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let units = units_of(&asked, &actor).await?;
    asked.show(&UnitsView { frame: asked.frame(None), units })
}

async fn units_of(asked: &Asked, actor: &Actor) -> Result<Vec<UnitRow>, Refused> {
    let accounts = asked.portal.desk.accounts(actor, &AccountFilter::default()).await.map_err(refused)?;
    let mut units: BTreeMap<&str, UnitRow> = BTreeMap::new();
    for account in &accounts {
        let name = account.unit.as_str();
        let row = units
            .entry(name)
            .or_insert_with(|| UnitRow { name: name.to_owned(), states: AccountState::ALL.iter().map(|state| (*state, 0)).collect() });
        for (_, count) in row.states.iter_mut().filter(|(state, _)| *state == account.state) {
            *count = count.saturating_add(1);
        }
    }
    Ok(units.into_values().collect())
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
        Ok(invitation) => changes::invited(asked, invitation, LIST),
        Err(AdminError::NameTaken) => list(asked, Some(Alert::NameTaken), kept).await,
        Err(error) => Err(refused(error)),
    }
}

pub async fn account(Path(id): Path<String>, asked: Asked) -> Answer {
    show_account(&asked, &id, None).await
}

/// Asks once more before somebody loses access. Other addresses that take forms show the account that they belong to.
pub async fn confirm(Path((id, change)): Path<(String, String)>, asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let wanted: AccountId = id.parse().map_err(|_| Refusal::NotFound)?;
    let (account, _) = asked.portal.desk.account(&actor, wanted).await.map_err(refused)?;
    let actions = AccountActions::for_state(account.state, asked.identity()?.who().account == wanted);
    let act = match change.as_str() {
        "disable" if actions.disable => ConfirmedAct::Disable,
        "end-sessions" if actions.end_sessions => ConfirmedAct::EndSessions,
        _ => return show_account(&asked, &id, None).await,
    };
    let view = ConfirmView {
        frame: asked.frame(None),
        act,
        account: id,
        name: account.name.to_string(),
        unit: account.unit.to_string(),
        sessions: count_sessions(&asked, &actor, wanted)?,
    };
    asked.show(&view)
}

fn count_sessions(asked: &Asked, actor: &Actor, account: AccountId) -> Result<u64, Refused> {
    let sessions = asked.portal.desk.sessions(actor).map_err(refused)?;
    Ok(sessions.iter().filter(|session| session.who.account == account).count().try_into().unwrap_or(u64::MAX))
}

async fn show_account(asked: &Asked, id: &str, alert: Option<Alert>) -> Answer {
    let actor = actor(asked)?;
    let id: AccountId = id.parse().map_err(|_| Refusal::NotFound)?;
    let (account, keys) = asked.portal.desk.account(&actor, id).await.map_err(refused)?;
    let own = asked.identity()?.who().account == id;
    let tokens = asked.portal.desk.tokens_of(&actor, id).await.map_err(refused)?;
    let row = |token: &StoredToken| {
        let label = keys.iter().find(|key| key.id == token.id).map(|key| key.label.clone());
        TokenRow { label, ..token_row(asked, token) }
    };
    let view = AccountView {
        frame: asked.frame_at(&format!("{LIST}/{id}"), alert),
        account: account_row(asked, &account),
        email: account.email.clone(),
        unused_since: asked.portal.desk.unused_since(&actor, id).await.map_err(refused)?.map(|time| asked.portal.moment(time)),
        tokens: tokens.iter().map(row).collect(),
        sessions: count_sessions(asked, &actor, id)?,
        actions: AccountActions::for_state(account.state, own),
        manages: manages(asked, &account),
    };
    asked.show(&view)
}

fn manages(asked: &Asked, account: &Account) -> ManagesUnit {
    match asked.portal.desk.manages_unit(account.id) {
        true => ManagesUnit::Is,
        false if account.role == Role::Member && account.state == AccountState::Active => ManagesUnit::Could,
        false => ManagesUnit::CanNot,
    }
}

pub async fn change(Path((id, change)): Path<(String, String)>, Posted { asked, .. }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let account: AccountId = id.parse().map_err(|_| Refusal::NotFound)?;
    let desk = &asked.portal.desk;
    let done = match change.as_str() {
        "disable" => desk.disable(&actor, account).await.map(|_| Alert::AccountDisabled),
        "enable" => desk.enable(&actor, account, asked.now).await.map(|()| Alert::AccountEnabled),
        "end-sessions" => desk.end_sessions_of(&actor, account).await.map(|_| Alert::SessionsEnded),
        "appoint" => desk.appoint_manager(&actor, account, true).await.map(|()| Alert::ManagerAppointed),
        "dismiss" => desk.appoint_manager(&actor, account, false).await.map(|()| Alert::ManagerDismissed),
        "invite" => {
            let (known, _) = desk.account(&actor, account).await.map_err(refused)?;
            // Whoever is enrolled has something to lose: that is no invitation, but a new beginning.
            if known.state == AccountState::Active {
                return recovery(&asked, &actor, account, Lacks::Both).await;
            }
            if known.state != AccountState::Invited {
                return show_account(&asked, &id, Some(Alert::NotInThisState)).await;
            }
            let again = NewAccount { name: known.name, unit: known.unit, role: known.role, email: known.email };
            return invited(&asked, &actor, again, InviteForm::default()).await;
        }
        "new-token" => return recovery(&asked, &actor, account, Lacks::Token).await,
        "new-password" => return recovery(&asked, &actor, account, Lacks::Password).await,
        _ => return Err(Refusal::NotFound.into()),
    };
    let alert = match done {
        Ok(alert) => alert,
        Err(AdminError::Oneself) => Alert::NotYourself,
        Err(AdminError::StaffManageNothing) => Alert::NotInThisState,
        Err(error) => changes::told(error)?,
    };
    show_account(&asked, &id, Some(alert)).await
}

/// Goes on to where whoever asks shows her key.
async fn recovery(asked: &Asked, actor: &Actor, account: AccountId, lacks: Lacks) -> Answer {
    match asked.portal.desk.ask_for_recovery(actor, account, lacks, asked.now).await {
        Ok(proposed) => changes::to(asked, &proposed),
        Err(error) => show_account(asked, &account.to_string(), Some(changes::told(error)?)).await,
    }
}

pub async fn sessions(asked: Asked) -> Answer {
    list_sessions(&asked, None).await
}

async fn list_sessions(asked: &Asked, alert: Option<Alert>) -> Answer {
    let actor = actor(asked)?;
    let own = asked.identity()?.session_id();
    let sessions = asked.portal.desk.sessions(&actor).map_err(refused)?;
    let filter = SessionsFilter { search: asked.query.text("q").trim().to_owned(), app: asked.query.text("app").to_owned() };
    let apps = asked.portal.apps.load();
    let host = apps.iter().find(|app| app.id.as_str() == filter.app).map(|app| &app.host);
    let sought = filter.search.to_lowercase();
    let fits = |session: &&SessionRow| {
        let told = format!("{} {} {}", session.who.name, session.who.unit, session.address).to_lowercase();
        told.contains(&sought) && (filter.app.is_empty() || host.is_some_and(|host| session.hosts.contains(host)))
    };
    let found: Vec<&SessionRow> = sessions.iter().filter(fits).collect();
    let paging = Paging::new(with_query(asked, SESSIONS, &["q", "app"]), found.len(), asked.query.text("page"));
    let view = AllSessionsView {
        frame: asked.frame_at(&paging.here(), alert),
        apps: apps.iter().map(|app| (app.id.to_string(), name_of(app, asked.visit.language).to_owned())).collect(),
        filter,
        sessions: paging.of(&found).iter().map(|session| session_row(asked, session, own)).collect(),
        paging,
    };
    asked.show(&view)
}

/// Asks once more before a session of somebody's is ended; one that is not named or no longer there: the list.
pub async fn confirm_end(asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let wanted: Option<SessionId> = asked.query.text("session").parse().ok();
    let sessions = asked.portal.desk.sessions(&actor).map_err(refused)?;
    let Some(session) = sessions.iter().find(|session| Some(session.id) == wanted) else {
        let alert = wanted.map(|_| Alert::Gone);
        return list_sessions(&asked, alert).await;
    };
    let row = session_row(&asked, session, asked.identity()?.session_id());
    let view = ConfirmView {
        frame: asked.frame_at(&with_query(&asked, "/console/sessions/end", &["session"]), None),
        act: ConfirmedAct::EndSession { id: row.id, browser: row.browser, address: row.address },
        account: session.who.account.to_string(),
        name: row.account,
        unit: row.unit,
        sessions: 1,
    };
    asked.show(&view)
}

pub async fn end_session(Posted { asked, form }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let session: SessionId = form.text("session").parse().map_err(|_| Refusal::NotFound)?;
    let ended = asked.portal.desk.end_session(&actor, session).await.map_err(refused)?;
    list_sessions(&asked, Some(if ended { Alert::SessionEnded } else { Alert::Gone })).await
}

pub(super) fn actor(asked: &Asked) -> Result<Actor, Refused> {
    let actor = person(asked)?;
    // A unit manager has pages of her own, which show nothing beyond her unit.
    match asked.identity()?.who().role {
        Role::Member => Err(refused(AdminError::NotAllowed)),
        Role::SystemAdministrator | Role::SecurityAdministrator | Role::Auditor => Ok(actor),
    }
}

/// Whoever asks, staff or not.
pub(super) fn person(asked: &Asked) -> Result<Actor, Refused> {
    let identity: &Arc<Identity> = asked.identity()?;
    Ok(Actor::Staff { identity: identity.clone(), address: asked.visit.origin.address })
}

pub(super) fn refused(error: AdminError) -> Refused {
    let refusal = match error {
        AdminError::NotAllowed => Refusal::NotAllowed { rule: "the role of this account does not allow it".to_owned() },
        AdminError::Frozen { level, until } => Refusal::Emergency { level, bar: Bar::Enrolment, until },
        AdminError::NotFromHere => Refusal::NotAllowed { rule: error.to_string() },
        // It takes another one: whoever asked goes on to where she proposes it.
        AdminError::Proposed(proposed) => return Refused::Elsewhere(format!("/console/changes/{}", proposed.id)),
        AdminError::NoSuchAccount | AdminError::NoSuchToken(_) | AdminError::NoSuchPetition => Refusal::NotFound,
        AdminError::NoSuchRecord | AdminError::RecordDropped(_) | AdminError::NoSuchIncident(_) => Refusal::NotFound,
        AdminError::TooManyStreams => Refusal::TooMany { retry_after: STREAM_ENDS, limit: "log-streams" },
        AdminError::PackUnderWay => Refusal::TooMany { retry_after: PACK_ENDS, limit: "evidence-packs" },
        AdminError::NoPacks => Refusal::NotFound,
        AdminError::NoRecord(_) => Refusal::NoRecord,
        AdminError::Unrecorded => Refusal::DoneUnrecorded,
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "a change by staff failed");
            Refusal::Broken { what: "a change by staff failed" }
        }
    };
    refusal.into()
}

pub(super) fn account_row(asked: &Asked, account: &Account) -> AccountRow {
    AccountRow {
        id: account.id.to_string(),
        name: account.name.to_string(),
        unit: account.unit.to_string(),
        role: account.role,
        state: account.state,
        created: asked.portal.moment(account.created),
    }
}

/// What is known of a key's make: what the config calls it, or the model that its maker's certificate names.
pub(super) fn make_text(asked: &Asked, key: &StoredKey) -> Option<String> {
    match (asked.portal.auth.makes_of(key), key.attestation) {
        (makes, _) if !makes.is_empty() => Some(makes.join(", ")),
        (_, Attestation::Certified { model }) => Some(model.to_string()),
        (_, Attestation::Own | Attestation::None) => None,
    }
}

pub(super) fn key_row(asked: &Asked, key: &StoredKey) -> KeyRow {
    KeyRow {
        id: key.id.to_string(),
        name: key.label.clone(),
        serial: Some(key.serial.to_string()),
        make: make_text(asked, key),
        added: asked.portal.moment(key.added),
        last_used: key.last_used.map(|time| asked.portal.moment(time)),
    }
}
