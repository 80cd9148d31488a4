//! The page of a unit's manager: the members of her unit, and nobody else. `admin` says how far she reaches.

use axum::extract::Path;
use http::StatusCode;

use crate::admin::{Actor, AdminError, NewAccount};
use crate::model::{AccountId, AccountName, AccountState, Refusal, Role, is_email};
use crate::store::AccountFilter;

use super::call::{Answer, Asked, Posted};
use super::console::{account_row, person, refused, with_query};
use super::view::{Alert, ConfirmView, ConfirmedAct, InvitationView, InviteForm, MANAGERS_ALONE, Paging, UnitMember, UnitView};

const UNIT: &str = "/unit";

pub async fn members(asked: Asked) -> Answer {
    list(&asked, None, InviteForm::default()).await
}

/// Staff see units in the console, where they reach beyond one.
fn manager(asked: &Asked) -> Result<Actor, super::call::Refused> {
    let (actor, identity) = (person(asked)?, asked.identity()?);
    let manages = identity.who().role == Role::Member && asked.portal.desk.manages_unit(identity.account());
    if manages { Ok(actor) } else { Err(Refusal::NotAllowed { rule: MANAGERS_ALONE.to_owned() }.into()) }
}

async fn list(asked: &Asked, alert: Option<Alert>, form: InviteForm) -> Answer {
    let (actor, identity, desk) = (manager(asked)?, asked.identity()?, &asked.portal.desk);
    let accounts = desk.accounts(&actor, &AccountFilter::default()).await.map_err(refused)?;
    let search = asked.query.text("q").trim().to_owned();
    let sought = search.to_lowercase();
    let found: Vec<_> = accounts.into_iter().filter(|account| account.name.as_str().contains(&sought)).collect();
    let status = if alert.as_ref().is_some_and(Alert::is_error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let paging = Paging::new(with_query(asked, UNIT, &["q"]), found.len(), asked.query.text("page"));
    let member = |account: &_| {
        let account: &crate::model::Account = account;
        UnitMember { account: account_row(asked, account), within_reach: !desk.manages_unit(account.id) }
    };
    let view = UnitView {
        frame: asked.frame_at(&paging.here(), alert),
        unit: identity.who().unit.to_string(),
        search,
        members: paging.of(&found).iter().map(member).collect(),
        paging,
        form,
    };
    asked.show_with(status, &view)
}

pub async fn invite(Posted { asked, form }: Posted) -> Answer {
    let actor = manager(&asked)?;
    let email = form.text("email").trim();
    let kept = InviteForm { name: form.text("name").to_owned(), email: email.to_owned(), ..InviteForm::default() };
    let Ok(name) = AccountName::parse(form.text("name")) else { return list(&asked, Some(Alert::NameInvalid), kept).await };
    if !email.is_empty() && !is_email(email) {
        return list(&asked, Some(Alert::EmailInvalid), kept).await;
    }
    let email = (!email.is_empty()).then(|| email.to_owned());
    let unit = asked.identity()?.who().unit.clone();
    invited(&asked, &actor, NewAccount { name, unit, role: Role::Member, email }, kept).await
}

async fn invited(asked: &Asked, actor: &Actor, new: NewAccount, kept: InviteForm) -> Answer {
    match asked.portal.desk.invite(actor, new, asked.now).await {
        Ok(invitation) => asked.show(&InvitationView {
            frame: asked.frame_at(UNIT, None),
            name: invitation.account.name.to_string(),
            link: invitation.link,
            minutes: invitation.expires.since(asked.now).as_secs().div_ceil(60),
            until: asked.portal.moment(invitation.expires),
            halved: invitation.halved,
        }),
        Err(AdminError::NameTaken) => list(asked, Some(Alert::NameTaken), kept).await,
        Err(AdminError::BeginsAnew) => list(asked, Some(Alert::BeginsAnew), kept).await,
        Err(AdminError::NamedByPlan(_)) => list(asked, Some(Alert::NamedByPlan), kept).await,
        Err(error) => Err(refused(error)),
    }
}

/// Asks once more before a member loses access. Any other address shows the unit.
pub async fn confirm(Path((id, change)): Path<(String, String)>, asked: Asked) -> Answer {
    let actor = manager(&asked)?;
    let wanted: AccountId = id.parse().map_err(|_| Refusal::NotFound)?;
    let (account, _) = asked.portal.desk.account(&actor, wanted).await.map_err(refused)?;
    if change != "disable" || asked.portal.desk.manages_unit(wanted) {
        return list(&asked, None, InviteForm::default()).await;
    }
    let (name, unit) = (account.name.to_string(), account.unit.to_string());
    asked.show(&ConfirmView { frame: asked.frame(None), act: ConfirmedAct::DisableMember, account: id, name, unit, sessions: 0 })
}

pub async fn change(Path((id, change)): Path<(String, String)>, Posted { asked, .. }: Posted) -> Answer {
    let actor = manager(&asked)?;
    let (account, desk): (AccountId, _) = (id.parse().map_err(|_| Refusal::NotFound)?, &asked.portal.desk);
    let alert = match change.as_str() {
        "disable" => match desk.disable(&actor, account).await {
            Ok(_) => Alert::AccountDisabled,
            Err(AdminError::Oneself) => Alert::NotYourself,
            Err(error) => return Err(refused(error)),
        },
        "invite" => {
            let (known, _) = desk.account(&actor, account).await.map_err(refused)?;
            if known.state != AccountState::Invited {
                return list(&asked, Some(Alert::NotInThisState), InviteForm::default()).await;
            }
            let again = NewAccount { name: known.name, unit: known.unit, role: known.role, email: known.email };
            return invited(&asked, &actor, again, InviteForm::default()).await;
        }
        _ => return Err(Refusal::NotFound.into()),
    };
    list(&asked, Some(alert), InviteForm::default()).await
}
