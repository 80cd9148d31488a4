//! The control socket: how verbs at the machine ask the running gateway for something. One JSON line each way.
//!
//! Invariant: only the owner of the process and root may speak (the kernel says who they are, SO_PEERCRED), nothing of others is
//! read, and who spoke is on record with whatever was changed. Owning the machine is no way round the roles: by himself its owner may do what
//! the table of `admin` says of him, and everything else is done for the person whose terminal it is. What was asked for is done to its
//! end, even if the one who asked leaves or the connection's time runs out.

use std::sync::Arc;

use tokio::net::UnixListener;

use crate::admin::{Actor, Change, Disabled, NewAccount};
use crate::crypto::Token;
use crate::model::{Action, Event, UnitName};
use crate::store::{AccountFilter, TokenFilter};

use super::house::House;
use super::reload::Reloader;
use names::{account_name, to_the_second, unknown, why_not};

mod ask;
mod causes;
mod certificates;
mod drills;
mod incidents;
mod lockdown;
mod names;
mod notices;
mod people;
mod reading;
mod socket;
mod steps;
mod terminals;
mod todo;
mod tokens;

pub use ask::{AccountLine, Ask, ControlAnswer, Message};
pub use causes::told;
pub use drills::DrillFacts;
pub use incidents::{IncidentFacts, IncidentLine};
pub(super) use lockdown::{is_closed, name_of};
pub use people::{DueLine, LetterLine, ProblemLine};
pub use socket::{MAX_MESSAGE_BYTES, bind};
pub use tokens::TokenVerb;

/// How many may be connected, or have something under way, at once; others wait in the kernel's queue.
const MOST_AT_ONCE: usize = 16;

pub async fn listen(listener: UnixListener, house: Arc<House>, reloader: Arc<Reloader>) {
    socket::admit_all(listener, MOST_AT_ONCE, move |message, uid| answer(message, uid, house.clone(), reloader.clone())).await;
}

fn refused(why: &str) -> ControlAnswer {
    ControlAnswer::Refused { why: why.to_owned() }
}

async fn answer(message: Message, uid: u32, house: Arc<House>, reloader: Arc<Reloader>) -> ControlAnswer {
    let Message { ask, terminal } = message;
    let answer = match actor(&ask, terminal.as_deref(), uid, &house).await {
        Ok(Some(actor)) => perform(ask, &actor, uid, &house, &reloader).await,
        Ok(None) => Ok(ControlAnswer::LoginNeeded),
        Err(why) => Err(why),
    };
    answer.unwrap_or_else(|why| refused(&why))
}

/// For whom it is done: the person whose terminal it is, or else the machine's owner, where he may by himself. `None`: for nobody.
async fn actor(ask: &Ask, terminal: Option<&str>, uid: u32, house: &House) -> Result<Option<Actor>, String> {
    let owner = Actor::Machine { uid };
    let Some(change) = ask.change() else { return Ok(Some(owner)) };
    let owner_may = match ask.change_of_the_owner() {
        // The first people are invited by the owner, as long as nobody else could.
        Some(Change::Bootstrap) => !house.desk.has_security_administrator().await.map_err(|error| told(&error))?,
        Some(change) => house.desk.permit(&owner, change).is_ok(),
        None => false,
    };
    let at_terminal = match terminal.and_then(Token::parse) {
        Some(terminal) => house.desk.at_terminal(&terminal, uid, house.clock.now()).await,
        None => None,
    };
    Ok(match at_terminal {
        Some(person) if !owner_may || house.desk.permit(&person, change).is_ok() => Some(person),
        _ => owner_may.then_some(owner),
    })
}

async fn perform(ask: Ask, actor: &Actor, uid: u32, house: &House, reloader: &Reloader) -> Result<ControlAnswer, String> {
    let desk = &house.desk;
    match ask {
        Ask::Invite { name, unit, role, email } => {
            let new = NewAccount {
                name: account_name(&name)?,
                unit: UnitName::parse(&unit).map_err(|why| format!("the unit {unit:?} {why}"))?,
                role,
                email,
            };
            let invitation = desk.invite(actor, new, house.clock.now()).await.map_err(|error| why_not(house, &error))?;
            Ok(ControlAnswer::Invited { link: invitation.link, expires: invitation.expires.to_string() })
        }
        Ask::Accounts => {
            let accounts = desk.accounts(actor, &AccountFilter::default()).await.map_err(|error| told(&error))?;
            let line = |account: crate::model::Account| AccountLine {
                name: account.name.to_string(),
                unit: account.unit.to_string(),
                role: account.role,
                state: account.state.to_string(),
                created: account.created.to_string(),
            };
            Ok(ControlAnswer::Accounts { accounts: accounts.into_iter().map(line).collect() })
        }
        Ask::Disable { name } => {
            let name = account_name(&name)?;
            let id = desk.id_of(actor, &name).await.map_err(|error| unknown(house, &name, &error))?;
            let Disabled { was_already, ended } = desk.disable(actor, id).await.map_err(|error| told(&error))?;
            let state = if was_already { "was disabled already" } else { "is disabled" };
            Ok(done(format!("{name} {state}; {ended} of its sessions ended")))
        }
        Ask::Enable { name } => {
            let name = account_name(&name)?;
            let account = desk.account_named(actor, &name).await.map_err(|error| unknown(house, &name, &error))?;
            desk.enable(actor, account.id, house.clock.now()).await.map_err(|error| why_not(house, &error))?;
            Ok(done(format!("{} is enabled", account.name)))
        }
        Ask::EndSessions { name } => {
            let name = account_name(&name)?;
            let id = desk.id_of(actor, &name).await.map_err(|error| unknown(house, &name, &error))?;
            let ended = desk.end_sessions_of(actor, id).await.map_err(|error| told(&error))?;
            Ok(done(format!("{ended} sessions of {name} ended")))
        }
        Ask::ImportTokens { seeds, key, rehearse } => tokens::import(house, actor, &seeds, key.as_deref(), rehearse).await,
        Ask::Tokens { state, kind, search } => tokens::list(house, actor, &TokenFilter { state, kind, search }).await,
        Ask::IssueToken { serial, account, until } => tokens::issue(house, actor, &serial, &account, until.as_deref()).await,
        Ask::ResynchroniseToken { serial, codes } => tokens::resynchronise(house, actor, &serial, (&codes.0, &codes.1)).await,
        Ask::ChangeToken { verb, serial } => tokens::change(house, actor, verb, &serial).await,
        Ask::ImportPeople { people, from } => people::import(house, actor, &people, from).await,
        Ask::LettersDue => people::letters_due(house, actor).await,
        Ask::MakeLetters { names } => people::make_letters(house, actor, &names).await,
        Ask::CreateAuthority { name } => certificates::create(house, actor, &name).await,
        Ask::IssueCertificate { serial, account, request, days } => {
            certificates::issue(house, actor, &serial, &account, &request, days).await
        }
        Ask::RenewCertificate { serial, request, days } => certificates::renew(house, actor, &serial, request.as_deref(), days).await,
        Ask::RevokeCertificate { serial } => certificates::revoke(house, actor, &serial).await,
        Ask::Certificates => certificates::list(house, actor).await,
        Ask::Certificate { serial } => certificates::fetch(house, actor, &serial).await,
        Ask::Recover { name } => {
            let name = account_name(&name)?;
            let invitation = desk.recover(actor, &name, certificates::when(house)).await.map_err(|error| unknown(house, &name, &error))?;
            Ok(ControlAnswer::Invited { link: invitation.link, expires: invitation.expires.to_string() })
        }
        Ask::LockDown { scope, minutes, why } => lockdown::close(house, actor, &scope, (minutes, &why)).await,
        Ask::ExtendLockdown { scope } => lockdown::extend(house, actor, &scope).await,
        Ask::LiftLockdown { scope } => lockdown::lift(house, actor, &scope).await,
        Ask::Incidents { all } => incidents::list(house, actor, all),
        Ask::Incident { number } => incidents::show(house, actor, number),
        Ask::IncidentReport { number, report, language } => {
            let report = house.pages.incident_report(actor, number, report, language).await.map_err(|error| told(&error))?;
            Ok(ControlAnswer::IncidentReport { report: Box::new(report) })
        }
        Ask::IncidentReview { number, language } => {
            let review = house.pages.incident_review(actor, number, language).await.map_err(|error| told(&error))?;
            Ok(ControlAnswer::IncidentReview { review: Box::new(review) })
        }
        Ask::IncidentPapers { number } => {
            let papers = house.pages.incident_papers(actor, number).await.map_err(|error| told(&error))?;
            Ok(ControlAnswer::IncidentPapers { papers: Box::new(papers) })
        }
        Ask::OpenIncident { opening } => incidents::open(house, actor, opening).await,
        Ask::TakeStep { number, step } => steps::take(house, actor, number, step).await,
        Ask::RunDrill { scenario } => drills::run(house, actor, scenario).await,
        Ask::Drills => drills::list(house, actor),
        Ask::Tabletop { scenario, language } => drills::tabletop(house, actor, scenario, language),
        Ask::TestNotice { channel } => notices::test(house, actor, &channel).await,
        Ask::LogRead { asked } => reading::record(house, actor, &asked).await,
        Ask::Login => terminals::ask(house, uid),
        Ask::LoginState { terminal } => terminals::state(house, uid, &terminal),
        Ask::Logout { terminal } => terminals::close(house, uid, &terminal),
        Ask::Status => {
            desk.permit(actor, Change::ReadStatus).map_err(|error| told(&error))?;
            Ok(ControlAnswer::Status { status: Box::new(house.status().await) })
        }
        Ask::RotateLogKey => {
            desk.permit(actor, Change::RotateLogKey).map_err(|error| told(&error))?;
            let event = actor.sign(Event::done(Action::LogKeyRotated));
            let key = house.sealer.rotate_key(&house.journal, event).await.map_err(|why| why.to_string())?;
            Ok(done(format!("the log is signed with a new key; give auditors its verifier key: {key}")))
        }
        Ask::Reload => {
            desk.permit(actor, Change::Reload).map_err(|error| told(&error))?;
            reloader.reload(house, Some(actor)).await.map(|reloaded| done(reloaded.to_string()))
        }
    }
}

fn done(message: String) -> ControlAnswer {
    ControlAnswer::Done { message }
}

#[cfg(test)]
mod tests;
