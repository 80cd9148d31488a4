//! The console's inventory of tokens: the list, one of them, its life, and deliveries that come in. `admin` says who may do what.
//!
//! What takes a token out of use is asked about first, on a page that names it and its holder.

use axum::extract::Path;
use http::StatusCode;

use crate::admin::{Actor, AdminError, TokenEnd, TokenLine};
use crate::model::{AccountName, Refusal, Serial, TokenKind, TokenState};
use crate::oath::{self, Kind, TransportKey};
use crate::store::{StoredToken, TokenFilter};

use super::call::{Answer, Asked, Posted, Refused};
use super::console::{actor, make_text, refused, with_query};
use super::view::{
    Alert, AstrayTokenView, ConfirmTokenView, DeliveryProblem, ImportView, Paging, Rehearsed, TokenAct, TokenActions, TokenHolder,
    TokenRow, TokenView, TokensFilter, TokensView,
};

const LIST: &str = "/console/tokens";
const EXPORT: &str = "/console/tokens.csv";
const IMPORT: &str = "/console/tokens/import";
const FILTERS: [&str; 3] = ["q", "kind", "state"];
/// Of a delivery of which everything is wrong, so many problems are shown.
const MOST_PROBLEMS: usize = 200;
/// By this, spreadsheets know UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub async fn tokens(asked: Asked) -> Answer {
    list(&asked, None).await
}

async fn list(asked: &Asked, alert: Option<Alert>) -> Answer {
    let actor = actor(asked)?;
    let (filter, found) = found(asked, &actor).await?;
    let paging = Paging::new(with_query(asked, LIST, &FILTERS), found.len(), asked.query.text("page"));
    let view = TokensView {
        frame: asked.frame_at(&paging.here(), alert),
        tokens: paging.of(&found).iter().map(|token| token_row(asked, token)).collect(),
        paging,
        export: with_query(asked, EXPORT, &FILTERS),
        filter,
    };
    asked.show(&view)
}

async fn found(asked: &Asked, actor: &Actor) -> Result<(TokensFilter, Vec<StoredToken>), Refused> {
    let filter = TokensFilter {
        search: asked.query.text("q").trim().to_owned(),
        kind: TokenKind::parse(asked.query.text("kind")),
        state: TokenState::parse(asked.query.text("state")),
    };
    let search = (!filter.search.is_empty()).then(|| filter.search.clone());
    let wanted = TokenFilter { state: filter.state, kind: filter.kind, search };
    let found = asked.portal.desk.tokens(actor, &wanted).await.map_err(refused)?;
    Ok((filter, found))
}

/// All that the filter shows, as a file for spreadsheets.
pub async fn export(asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let (_, found) = found(&asked, &actor).await?;
    let lines: Vec<TokenLine> = found.into_iter().map(TokenLine::of).collect();
    let table = TokenLine::csv(&lines).map_err(|error| {
        tracing::error!(%error, "the inventory could not be written as CSV");
        Refusal::Broken { what: "the inventory could not be written as CSV" }
    })?;
    asked.attach("tokens.csv", "text/csv; charset=utf-8", [BYTE_ORDER_MARK, &table].concat())
}

pub async fn token(Path(serial): Path<String>, asked: Asked) -> Answer {
    show_token(&asked, &serial_of(&serial)?, None, "").await
}

async fn show_token(asked: &Asked, serial: &Serial, alert: Option<Alert>, typed: &str) -> Answer {
    let actor = actor(asked)?;
    let token = asked.portal.desk.token(&actor, serial).await.map_err(refused)?;
    let status = if alert.as_ref().is_some_and(Alert::is_error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = TokenView {
        frame: asked.frame_at(&format!("{LIST}/{serial}"), alert),
        sessions: count_sessions(asked, &actor, &token)?,
        actions: TokenActions::for_state(token.state),
        make: make_of(asked, &actor, &token).await?,
        token: token_row(asked, &token),
        typed: typed.to_owned(),
    };
    asked.show_with(status, &view)
}

/// Of which make a security key is, as far as its maker says so.
async fn make_of(asked: &Asked, actor: &Actor, token: &StoredToken) -> Result<Option<String>, Refused> {
    let Some(holder) = token.holder.as_ref().filter(|_| token.kind == TokenKind::WebAuthn) else { return Ok(None) };
    let (_, keys) = asked.portal.desk.account(actor, holder.account).await.map_err(refused)?;
    Ok(keys.iter().find(|key| key.serial == token.serial).and_then(|key| make_text(asked, key)))
}

/// Asks once more before a token is taken out of use. Other addresses that take forms show the token that they belong to.
pub async fn confirm(Path((serial, change)): Path<(String, String)>, asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let serial = serial_of(&serial)?;
    let token = asked.portal.desk.token(&actor, &serial).await.map_err(refused)?;
    if change == "resync" {
        return ask_for_two(&asked, &token, None).await;
    }
    let actions = TokenActions::for_state(token.state);
    let act = match change.as_str() {
        "suspend" if actions.suspend => TokenAct::Suspend,
        "lost" if actions.end => TokenAct::Lost,
        "revoke" if actions.end => TokenAct::Revoke,
        _ => return show_token(&asked, &serial, None, "").await,
    };
    let sessions = count_sessions(&asked, &actor, &token)?;
    let own = token.holder.as_ref().is_some_and(|holder| asked.identity().is_ok_and(|own| own.account() == holder.account));
    asked.show(&ConfirmTokenView { frame: asked.frame(None), act, token: token_row(&asked, &token), sessions, own })
}

/// Its holder stands beside whoever looks, and reads her codes out.
async fn ask_for_two(asked: &Asked, token: &StoredToken, alert: Option<Alert>) -> Answer {
    let row = token_row(asked, token);
    if !row.may_go_astray() {
        return show_token(asked, &token.serial, alert, "").await;
    }
    let status = if alert.as_ref().is_some_and(Alert::is_error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let frame = asked.frame_at(&format!("{LIST}/{}/resync", token.serial), alert);
    asked.show_with(status, &AstrayTokenView { frame, token: row })
}

async fn resynchronise(asked: &Asked, actor: &Actor, serial: &Serial, codes: (&str, &str)) -> Answer {
    match asked.portal.desk.resynchronise_token(actor, serial, codes, asked.portal.clock.wall()).await {
        Ok(()) => show_token(asked, serial, Some(Alert::TokenResynchronised), "").await,
        Err(AdminError::WrongCodes(_)) => {
            let token = asked.portal.desk.token(actor, serial).await.map_err(refused)?;
            ask_for_two(asked, &token, Some(Alert::CodesNotInARow)).await
        }
        Err(error) => show_token(asked, serial, Some(super::changes::told(error)?), "").await,
    }
}

pub async fn change(Path((serial, change)): Path<(String, String)>, Posted { asked, form }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let serial = serial_of(&serial)?;
    let desk = &asked.portal.desk;
    let typed = form.text("account");
    let stop = async |end| desk.stop_token(&actor, &serial, end, asked.when()).await.map(drop);
    let done = match change.as_str() {
        "issue" => match AccountName::parse(typed) {
            Ok(name) => desk.issue_token(&actor, &serial, &name, asked.now).await.map(|()| Alert::TokenIssued),
            Err(_) => return show_token(&asked, &serial, Some(Alert::NameInvalid), typed).await,
        },
        "resume" => desk.resume_token(&actor, &serial, asked.now).await.map(|()| Alert::TokenResumed),
        "resync" => return resynchronise(&asked, &actor, &serial, (form.text("code"), form.text("next_code"))).await,
        "suspend" => stop(TokenEnd::ForNow).await.map(|()| Alert::TokenSuspended),
        "lost" => stop(TokenEnd::Lost).await.map(|()| Alert::TokenLost),
        "revoke" => stop(TokenEnd::ForEver).await.map(|()| Alert::TokenRevoked),
        _ => return Err(Refusal::NotFound.into()),
    };
    // She was signed in with the token that she stopped.
    if done.is_ok() && asked.identity()?.is_revoked() {
        return asked.redirect("/signed-out");
    }
    let alert = match done {
        Ok(alert) => alert,
        Err(AdminError::NoSuchAccount) => Alert::NoSuchAccount,
        Err(AdminError::LastWayIn { .. }) => Alert::LastWayIn,
        Err(error) => super::changes::told(error)?,
    };
    let kept = if alert.is_error() { typed } else { "" };
    show_token(&asked, &serial, Some(alert), kept).await
}

pub async fn import_page(asked: Asked) -> Answer {
    actor(&asked).and_then(|actor| may_import(&asked, &actor))?;
    asked.show(&ImportView { frame: asked.frame(None), text: String::new(), has_key: false, found: Rehearsed::NotYet })
}

fn may_import(asked: &Asked, actor: &Actor) -> Result<(), Refused> {
    asked.portal.desk.permit(actor, crate::admin::Change::ImportTokens).map_err(refused)
}

/// Looks a delivery through; `step=import` puts it into the drawer.
pub async fn import(Posted { asked, form }: Posted) -> Answer {
    let actor = actor(&asked)?;
    let (text, key) = (form.text("seeds"), form.text("key").trim());
    let rehearse = form.text("step") != "import";
    let page = |alert: Option<Alert>, found: Rehearsed| {
        let frame = asked.frame_at(IMPORT, alert);
        let status = if frame.alert.as_ref().is_some_and(Alert::is_error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        asked.show_with(status, &ImportView { frame, text: text.to_owned(), has_key: !key.is_empty(), found })
    };
    let key = match (key, TransportKey::parse(key)) {
        ("", _) => None,
        (_, Some(key)) => Some(key),
        (_, None) => {
            may_import(&asked, &actor)?;
            return page(Some(Alert::TransportKeyInvalid), Rehearsed::NotYet);
        }
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let read = asked.portal.desk.import_seeds(&actor, text.as_bytes(), key.as_ref(), rehearse, asked.now).await;
    let problems: Vec<DeliveryProblem> = match read {
        Ok(_) if rehearse => {
            let delivery = oath::read(text.as_bytes(), key.as_ref()).unwrap_or_default();
            let (hotp, totp): (Vec<_>, Vec<_>) = delivery.iter().partition(|token| token.scheme.kind() == Kind::Hotp);
            return page(None, Rehearsed::Fits { hotp: count(hotp.len()), totp: count(totp.len()) });
        }
        Ok(tokens) => return list(&asked, Some(Alert::TokensImported { count: count(tokens) })).await,
        Err(AdminError::BadDelivery(problems)) => {
            problems.into_iter().map(|problem| DeliveryProblem::InLine { line: problem.line, reason: problem.reason }).collect()
        }
        Err(AdminError::KnownSerials(serials)) => {
            serials.iter().map(|serial| DeliveryProblem::Known { serial: serial.to_string() }).collect()
        }
        Err(error) => return Err(refused(error)),
    };
    let all = count(problems.len());
    let shown = problems.into_iter().take(MOST_PROBLEMS).collect();
    page(Some(Alert::DeliveryRefused), Rehearsed::Problems { shown, all })
}

/// What is no serial number is nobody's.
fn serial_of(text: &str) -> Result<Serial, Refusal> {
    Serial::parse(text).map_err(|_| Refusal::NotFound)
}

fn count_sessions(asked: &Asked, actor: &Actor, token: &StoredToken) -> Result<u64, Refused> {
    let sessions = asked.portal.desk.sessions(actor).map_err(refused)?;
    Ok(sessions.iter().filter(|session| session.key == token.id).count().try_into().unwrap_or(u64::MAX))
}

pub(super) fn token_row(asked: &Asked, token: &StoredToken) -> TokenRow {
    let moment = |time| asked.portal.moment(time);
    TokenRow {
        serial: token.serial.to_string(),
        kind: token.kind,
        state: token.state,
        label: None,
        holder: token.holder.as_ref().map(|holder| TokenHolder {
            account: holder.account.to_string(),
            name: holder.name.to_string(),
            unit: holder.unit.to_string(),
        }),
        added: moment(token.added),
        issued: token.issued.map(moment),
        last_used: token.last_used.map(moment),
        ended: token.ended.map(moment),
        expires: token.expires.map(moment),
    }
}
