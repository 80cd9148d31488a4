//! The pack of evidence of an incident, made and downloaded in the console by whoever may take records of the log away.
//!
//! Invariant: the file has no name anywhere, and is gone with the answer that hands it out.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use axum::extract::Path;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::admin::{AdminError, PackWanted};
use crate::model::Refusal;

use super::call::{Answer, Asked, Refused};
use super::console::person;
use super::incident_reports::{not_shown, parsed};
use super::is_own_site;

/// What the review is asked with, where it says that none could be made.
pub(super) const FAILED: &str = "pack";

const PIECE: u64 = 256 * 1024;
/// So long one may take to be handed out, since nobody else gets one meanwhile.
const LONGEST: Duration = Duration::from_mins(15);

pub async fn pack(Path(number): Path<String>, asked: Asked) -> Answer {
    let (actor, number) = (person(&asked)?, parsed(&number)?);
    // It takes the only place for minutes, so no other site has one made by sending her here: she presses it herself.
    if !is_own_site(&asked.headers) {
        return Err(Refused::Elsewhere(format!("/console/incidents/{number}/review")));
    }
    let desk = &asked.portal.desk;
    desk.may_have_packs(&actor).map_err(not_shown)?;
    let room = desk.open_log_stream(&actor).map_err(not_shown)?;
    let identity = asked.identity()?.clone();
    let papers = asked.portal.papers(&actor, number).await.map_err(not_shown)?;
    let wanted = PackWanted { papers, account: identity.who().name.to_string(), now: asked.portal.clock.wall() };
    let out = match desk.make_pack(&actor, &asked.visit.reference, wanted).await {
        Err(AdminError::PackFailed(why)) => {
            tracing::error!(incident = number, why, "a pack of evidence could not be made");
            return Err(Refused::Elsewhere(format!("/console/incidents/{number}/review?{FAILED}=failed")));
        }
        made => made.map_err(not_shown)?,
    };
    let (sender, pieces) = mpsc::channel(3);
    // One place is kept, so that also a browser that has stopped reading is told that it has not the whole.
    let cut = sender.clone().try_reserve_owned().map_err(|_| Refusal::Broken { what: "a pack of evidence" })?;
    let response = asked.stream("application/zstd", Some(&format!("incident-{number}.tar.zst")), pieces)?;
    let file = out.made.file.try_clone().map_err(|_| Refusal::Broken { what: "a pack of evidence" })?;
    tokio::spawn(async move {
        let why = tokio::select! {
            () = hand_out(file, &sender) => None,
            () = tokio::time::sleep(LONGEST) => Some("it was not taken in time, and others wait for theirs"),
            () = identity.until_revoked() => Some("whoever asked may have it no more"),
        };
        if let Some(why) = why {
            cut.send(Err(std::io::Error::other(why)));
        }
        drop((out, room));
    });
    Ok(response)
}

async fn hand_out(mut file: File, sender: &mpsc::Sender<Result<Bytes, std::io::Error>>) {
    loop {
        let (piece, rest) = match tokio::task::spawn_blocking(move || piece(file)).await.map_err(std::io::Error::other).flatten() {
            Ok((piece, _)) if piece.is_empty() => return,
            Ok(read) => read,
            Err(error) => return drop(sender.send(Err(error)).await),
        };
        file = rest;
        if sender.send(Ok(piece.into())).await.is_err() {
            return;
        }
    }
}

/// The next one, and what follows; an empty one at the end.
fn piece(file: File) -> std::io::Result<(Vec<u8>, File)> {
    let (mut piece, mut taken) = (Vec::new(), file.take(PIECE));
    taken.read_to_end(&mut piece)?;
    Ok((piece, taken.into_inner()))
}
