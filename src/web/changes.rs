//! The console's changes that need two: those that wait, one of them in full, and the fresh proof with which it is proposed or confirmed.
//! `admin` says who may do what.

use axum::extract::Path;
use http::StatusCode;

use crate::admin::{Actor, AdminError, Carried, Invitation, Petition, Proposed, Proposing, RecoveryLink};
use crate::auth::{CeremonyError, Challenge, Identity, KeyChangeError, PetitionProof, PetitionStep};
use crate::crypto::Token;
use crate::model::{Action, PetitionId, PetitionState, RecoveryKind, Refusal};

use super::call::{Answer, Asked, Fields, Posted, Refused};
use super::console::{actor, refused};
use super::denial;
use super::enrol::ceremony_alert;
use super::keys::{attempt, settle};
use super::own::own_event;
use super::sign_in::{status_of, told_to_wait, wait_of};
use super::usb_key_proof;
use super::view::{Alert, Ceremony, ChangePart, ChangeRow, ChangeView, ChangesView, InvitationView, RecoveryLinkView, Tone};

const LIST: &str = "/console/changes";

pub async fn page(asked: Asked) -> Answer {
    list(&asked, None).await
}

async fn list(asked: &Asked, alert: Option<Alert>) -> Answer {
    let actor = actor(asked)?;
    let (open, closed) = asked.portal.desk.petitions(&actor, asked.now).await.map_err(refused)?;
    let untrusted = asked.portal.desk.untrusted(&actor).await.map_err(refused)?;
    let status =
        if alert.as_ref().is_some_and(|alert| alert.tone() == Tone::Error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let rows = |petitions: &[Petition]| petitions.iter().map(|petition| row(asked, petition)).collect();
    let view = ChangesView {
        frame: asked.frame_at(LIST, alert),
        open: rows(&open),
        closed: rows(&closed),
        untrusted: untrusted.into_iter().map(|waits| (waits.what, waits.digest)).collect(),
    };
    asked.show_with(status, &view)
}

fn row(asked: &Asked, petition: &Petition) -> ChangeRow {
    let stored = &petition.stored;
    let over = matches!(stored.state, PetitionState::Draft | PetitionState::Open) && stored.expires <= asked.now;
    ChangeRow {
        id: stored.id.to_string(),
        proposal: petition.proposal.clone(),
        state: (!over).then_some(stored.state),
        proposer: stored.proposer_name.to_string(),
        proposed: asked.portal.moment(stored.proposed),
        expires: asked.portal.moment(stored.expires),
        closer: stored.closer_name.as_ref().map(ToString::to_string),
    }
}

pub async fn change(Path(id): Path<String>, asked: Asked) -> Answer {
    show(&asked, petition_id(&id)?, None, None).await
}

/// Addresses that take forms show the change that they belong to.
pub async fn of_step(Path((id, _)): Path<(String, String)>, asked: Asked) -> Answer {
    show(&asked, petition_id(&id)?, None, None).await
}

pub(super) async fn show(asked: &Asked, id: PetitionId, alert: Option<Alert>, half: Option<String>) -> Answer {
    let (actor, identity) = (actor(asked)?, asked.identity()?);
    let desk = &asked.portal.desk;
    let petition = desk.petition(&actor, id).await.map_err(refused)?;
    let own = petition.stored.proposer == identity.account();
    let waits = petition.is_open(asked.now) || petition.is_draft(asked.now);
    let confirmers = match waits {
        true => desk.confirmers(&petition.proposal, petition.stored.proposer, asked.now).await.map_err(refused)?,
        false => Vec::new(),
    };
    let part = if petition.is_draft(asked.now) && own {
        let alone = desk.may_settle_alone(&petition.proposal, asked.now).await.map_err(refused)?;
        let (ceremony, usb_key) = keys(asked, identity, id, PetitionStep::Propose).await?;
        ChangePart::Draft { alone, ceremony, usb_key }
    } else {
        match desk.may_look_at_confirming(identity, &petition, asked.now) {
            Ok(()) => {
                let (ceremony, usb_key) = keys(asked, identity, id, PetitionStep::Confirm).await?;
                ChangePart::Confirm { ceremony, usb_key }
            }
            Err(AdminError::OwnPetition) => ChangePart::Waits { half },
            Err(AdminError::ConcernsYou) => ChangePart::ConcernsYou,
            Err(_) => ChangePart::Closed,
        }
    };
    let alone = matches!(part, ChangePart::Draft { alone: true, .. });
    let confirmers = if alone { Vec::new() } else { confirmers };
    let (status, wait) = (status_of(alert.as_ref().filter(|alert| alert.is_error())), wait_of(alert.as_ref()));
    let view = ChangeView {
        frame: asked.frame_at(&format!("{LIST}/{id}"), alert),
        change: row(asked, &petition),
        confirmers: confirmers.iter().map(ToString::to_string).collect(),
        part,
    };
    told_to_wait(asked.show_with(status, &view)?, wait)
}

/// With what she could answer here: a security key, and a USB-KEY.
async fn keys(
    asked: &Asked,
    identity: &Identity,
    id: PetitionId,
    step: PetitionStep,
) -> Result<(Option<Ceremony>, Option<String>), Refused> {
    let ceremony = match asked.portal.auth.keys.petition_options(identity, id, step, asked.now).await {
        Ok(Challenge { id, options }) => Some(Ceremony { options: options.to_string(), challenge: id.reveal() }),
        Err(KeyChangeError::Ceremony(CeremonyError::Key(_))) => None,
        Err(error) => return Err(super::own::broken(error)),
    };
    Ok((ceremony, usb_key_proof::form(asked, format!("{LIST}/{id}/{}/usb-key", step.word())).await?))
}

/// The change, if she could take this step of it now.
pub(super) async fn row_for(asked: &Asked, id: PetitionId, step: PetitionStep) -> Result<Option<ChangeRow>, Refused> {
    let (actor, identity) = (actor(asked)?, asked.identity()?);
    let petition = asked.portal.desk.petition(&actor, id).await.map_err(refused)?;
    let hers = match step {
        PetitionStep::Propose => petition.is_draft(asked.now) && petition.stored.proposer == identity.account(),
        PetitionStep::Confirm => asked.portal.desk.may_look_at_confirming(identity, &petition, asked.now).is_ok(),
    };
    Ok(hers.then(|| row(asked, &petition)))
}

/// Asks that an authority is trusted.
pub async fn trust(Posted { asked, form }: Posted) -> Answer {
    let actor = actor(&asked)?;
    match asked.portal.desk.ask_for_trust(&actor, form.text("digest"), asked.now).await {
        Ok(proposed) => to(&asked, &proposed),
        Err(AdminError::NoSuchAuthority) => list(&asked, Some(Alert::Gone)).await,
        Err(error) => list(&asked, Some(told(error)?)).await,
    }
}

/// To the page where the proposer shows her key.
pub(super) fn to(asked: &Asked, proposed: &Proposed) -> Answer {
    asked.redirect(&format!("{LIST}/{}", proposed.id))
}

pub async fn step(Path((id, step)): Path<(String, String)>, Posted { asked, form }: Posted) -> Answer {
    let (actor, id) = (actor(&asked)?, petition_id(&id)?);
    match step.as_str() {
        "propose" => propose(&asked, &actor, id, &form).await,
        "confirm" => confirm(&asked, &actor, id, &form).await,
        "withdraw" => match asked.portal.desk.withdraw(&actor, id, asked.now).await {
            Ok(()) => list(&asked, Some(Alert::ChangeWithdrawn)).await,
            Err(error) => failed(&asked, id, error).await,
        },
        "reject" => match asked.portal.desk.reject(&actor, id, asked.now).await {
            Ok(()) => list(&asked, Some(Alert::ChangeRejected)).await,
            Err(error) => failed(&asked, id, error).await,
        },
        _ => Err(Refusal::NotFound.into()),
    }
}

async fn propose(asked: &Asked, actor: &Actor, id: PetitionId, form: &Fields) -> Answer {
    // Whose draft it is, before she is asked for anything.
    asked.portal.desk.petition(actor, id).await.map_err(refused)?;
    let proof = match proof(asked, id, PetitionStep::Propose, form).await? {
        Ok(proof) => proof,
        Err(answer) => return answer,
    };
    proposed(asked, actor, id, proof).await
}

/// Her proof for this step has come.
pub(super) async fn proven(asked: &Asked, id: PetitionId, step: PetitionStep, proof: PetitionProof) -> Answer {
    let actor = actor(asked)?;
    match step {
        PetitionStep::Propose => proposed(asked, &actor, id, proof).await,
        PetitionStep::Confirm => confirmed(asked, &actor, id, proof).await,
    }
}

async fn proposed(asked: &Asked, actor: &Actor, id: PetitionId, proof: PetitionProof) -> Answer {
    match asked.portal.desk.propose(actor, id, proof, asked.when()).await {
        Ok(Proposing::Waits(proposed)) => show(asked, id, Some(Alert::ChangeProposed), proposed.half.map(|half| half.reveal())).await,
        Ok(Proposing::Done(carried)) => done(asked, carried).await,
        Err(error) => failed(asked, id, error).await,
    }
}

async fn confirm(asked: &Asked, actor: &Actor, id: PetitionId, form: &Fields) -> Answer {
    let petition = asked.portal.desk.petition(actor, id).await.map_err(refused)?;
    if let Err(error) = asked.portal.desk.may_look_at_confirming(asked.identity()?, &petition, asked.now) {
        return failed(asked, id, error).await;
    }
    let proof = match proof(asked, id, PetitionStep::Confirm, form).await? {
        Ok(proof) => proof,
        Err(answer) => return answer,
    };
    confirmed(asked, actor, id, proof).await
}

async fn confirmed(asked: &Asked, actor: &Actor, id: PetitionId, proof: PetitionProof) -> Answer {
    match asked.portal.desk.confirm(actor, id, proof, asked.when()).await {
        Ok(carried) => done(asked, carried).await,
        Err(error) => failed(asked, id, error).await,
    }
}

/// Whoever sits before an open session may be somebody else, so this is a second factor as at sign-in.
async fn proof(asked: &Asked, id: PetitionId, step: PetitionStep, form: &Fields) -> Result<Result<PetitionProof, Answer>, Refused> {
    let identity = asked.identity()?;
    let attempt = match attempt(asked, identity, Action::KeyProof).await? {
        Ok(attempt) => attempt,
        Err(seconds) => return Ok(Err(show(asked, id, Some(Alert::Wait { seconds }), None).await)),
    };
    let Some(challenge) = Token::parse(form.text("challenge")) else {
        attempt.take_back();
        return Ok(Err(show(asked, id, Some(Alert::ChallengeExpired), None).await));
    };
    let keys = &asked.portal.auth.keys;
    let proven = keys.prove_for_petition(identity, (id, step), &challenge, form.text("credential"), asked.now).await;
    settle(asked, attempt, &proven);
    let alert = match proven {
        Ok(proof) => return Ok(Ok(proof)),
        Err(KeyChangeError::WrongProof(denied)) => {
            denial::note(asked, &denied, own_event(asked, Action::KeyProof)?.with("petition", id), "").await?;
            if identity.is_revoked() {
                return Ok(Err(asked.redirect("/sign-in")));
            }
            denial::key_alert(denied.why())
        }
        Err(KeyChangeError::NotSignedIn) => return Ok(Err(asked.redirect("/sign-in"))),
        Err(KeyChangeError::Ceremony(error)) => match ceremony_alert(&error) {
            Some(alert) => alert,
            None => return Err(super::own::broken(error)),
        },
        Err(error) => return Err(super::own::broken(error)),
    };
    Ok(Err(show(asked, id, Some(alert), None).await))
}

async fn done(asked: &Asked, carried: Carried) -> Answer {
    match carried {
        Carried::Done => list(asked, Some(Alert::ChangeDone)).await,
        Carried::Invited(invitation) => invited(asked, invitation, LIST),
        Carried::Recovery(RecoveryLink { person, kind, link, expires, halved }) => asked.show(&RecoveryLinkView {
            frame: asked.frame_at(LIST, None),
            name: person.name.to_string(),
            lacks_token: kind == RecoveryKind::Token,
            link,
            minutes: expires.since(asked.now).as_secs().div_ceil(60),
            until: asked.portal.moment(expires),
            halved,
        }),
    }
}

/// The single-use link, shown once; `from` is what the page stands for when it is asked for again.
pub(super) fn invited(asked: &Asked, invitation: Invitation, from: &str) -> Answer {
    asked.show(&InvitationView {
        frame: asked.frame_at(from, None),
        name: invitation.account.name.to_string(),
        link: invitation.link,
        minutes: invitation.expires.since(asked.now).as_secs().div_ceil(60),
        until: asked.portal.moment(invitation.expires),
        halved: invitation.halved,
    })
}

async fn failed(asked: &Asked, id: PetitionId, error: AdminError) -> Answer {
    show(asked, id, Some(told(error)?), None).await
}

/// What she is told of a change that was not made; what is no fault of hers or of time is refused.
pub(super) fn told(error: AdminError) -> Result<Alert, Refused> {
    Ok(match error {
        AdminError::PetitionClosed(_) => Alert::ChangeClosed,
        AdminError::OwnPetition => Alert::ChangeIsYours,
        AdminError::ConcernsYou => Alert::NotYourself,
        AdminError::ProposerGone => Alert::ProposerGone,
        AdminError::ChangedMeanwhile => Alert::ChangedMeanwhile,
        AdminError::NobodyToConfirm => Alert::NobodyToConfirm,
        AdminError::NoFreshProof => Alert::ChallengeExpired,
        AdminError::NothingToProveBy => Alert::NothingToProveBy,
        AdminError::WrongState(_) => Alert::NotInThisState,
        AdminError::WrongTokenState { .. } | AdminError::NoUsbKey { .. } => Alert::TokenNotInThisState,
        AdminError::NameTaken => Alert::NameTaken,
        AdminError::NoHolder => Alert::NoHolder,
        error => return Err(refused(error)),
    })
}

pub(super) fn petition_id(text: &str) -> Result<PetitionId, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound)
}
