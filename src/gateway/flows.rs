//! What is under way on this worker, so that whoever loses her right loses what is running too.
//!
//! A flow lives as long as its grant. Once a second each is looked at: a grant whose session ended, whose time ran out or idle limit
//! passed, or which the policy or emergency level in force would no longer give, cuts its connection at the socket, because a stalled client polls nothing.
//!
//! Invariant: each flow knows the policy that it was judged by last, so none slips by that was begun under the policy before a reload.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, header};

use crate::access::{self, Binding, Crossing, Grant, GrantWatch};
use crate::auth::Visitor;
use crate::clock::Time;
use crate::config::{Activity, Upstream};
use crate::model::{CanonicalPath, End, Inbound, Line, Refusal, Shown};

use super::house::{AppSite, Map};
use super::pipeline::Held;
use super::trust::{Checks, Trust};

/// What a flow asked for, to ask again when the policy changes.
pub struct Asked {
    method: Method,
    path: CanonicalPath,
    address: IpAddr,
    crossing: Crossing,
    /// What it said of the site that made it.
    made_by: HeaderMap,
    is_unsafe: bool,
    /// What the connection showed of itself, and the token that it was found to be.
    shown: Shown,
    held: Held,
}

impl Asked {
    pub fn of(inbound: &Inbound, path: &CanonicalPath, held: Held) -> Self {
        let crossing = crossing(inbound);
        let tells = |name: &str| name == header::ORIGIN || name.starts_with("sec-fetch-");
        let mut made_by = HeaderMap::new();
        if crossing != Crossing::Safe {
            for (name, value) in inbound.headers.iter().filter(|(name, _)| tells(name.as_str())) {
                made_by.append(name.clone(), value.clone());
            }
        }
        Self {
            method: inbound.method.clone(),
            path: path.clone(),
            address: inbound.origin.address,
            crossing,
            made_by,
            is_unsafe: inbound.is_unsafe(),
            shown: inbound.origin.shown.clone(),
            held,
        }
    }
}

pub fn crossing(inbound: &Inbound) -> Crossing {
    if inbound.headers.contains_key(header::UPGRADE) {
        Crossing::WebSocket
    } else if inbound.is_unsafe() {
        Crossing::Unsafe
    } else {
        Crossing::Safe
    }
}

struct Flow {
    grant: GrantWatch,
    /// What the policy in force says of it, if that is not the policy that it began under.
    judged: Option<Grant>,
    generation: u64,
    site: Arc<AppSite>,
    line: Arc<Line>,
    asked: Asked,
}

#[derive(Default)]
pub struct Flows(RefCell<Vec<Flow>>);

impl Flows {
    /// `map` is the one by which it was judged, with `site` in it.
    pub fn track(&self, grant: &Grant, map: &Map, site: &Arc<AppSite>, line: Arc<Line>, asked: Asked) {
        let (generation, site) = (map.generation, site.clone());
        self.0.borrow_mut().push(Flow { grant: grant.watch(), judged: None, generation, site, line, asked });
    }

    /// Cuts what must end by the policy in force, which is `map`.
    pub fn sweep(&self, map: &Map, certificates: (&Checks, &Trust), now: Time, wall: Time) {
        self.0.borrow_mut().retain_mut(|flow| {
            let Some(grant) = flow.grant.grant() else { return false };
            match flow.over(&grant, map, certificates, now, wall) {
                Some(why) => {
                    flow.line.cut(why);
                    false
                }
                None => true,
            }
        });
    }
}

impl Flow {
    fn over(&mut self, grant: &Grant, map: &Map, (checks, trust): (&Checks, &Trust), now: Time, wall: Time) -> Option<End> {
        if self.generation != map.generation || self.judged.as_ref().unwrap_or(grant).is_of_another_level(now) {
            let Some((site, judged)) = self.judge_anew(grant, map, now, wall) else {
                return grant.ended(now).or(Some(End::Revoked));
            };
            (self.site, self.judged, self.generation) = (site, Some(judged), map.generation);
        }
        if self.site.app.binding == Binding::Certificate
            && self.asked.shown.chain().is_none_or(|chain| checks.check(trust, chain, wall).is_err())
        {
            return Some(End::Revoked);
        }
        let ended = self.judged.as_ref().unwrap_or(grant).ended(now);
        let is_heard = grant.heard().take();
        // What comes on a request that counts as activity goes on counting; what is sent to the client never does.
        if ended.is_none() && is_heard && (self.asked.is_unsafe || map.activity == Activity::Any) {
            grant.identity().mark_active(now);
        }
        ended
    }

    fn judge_anew(&self, grant: &Grant, map: &Map, now: Time, wall: Time) -> Option<(Arc<AppSite>, Grant)> {
        let site = map.site_of(&grant.app().id)?;
        let is_tunnel = self.asked.crossing == Crossing::WebSocket && self.site.backend.websocket;
        let tunnel_stays = site.backend.websocket && still_leads_there(&self.site.upstream, &site.upstream);
        if site.app.host != self.site.app.host || (is_tunnel && !tunnel_stays) {
            return None;
        }
        access::origin_check(self.asked.crossing, &self.asked.made_by, &site.app).ok()?;
        let visitor = Visitor::Known(grant.identity().clone());
        let question = access::Asked {
            method: &self.asked.method,
            path: &self.asked.path,
            held: self.asked.held,
            is_tunnel: self.asked.crossing == Crossing::WebSocket,
        };
        let judged = match access::decide(&visitor, &site.app, &question, self.asked.address, now, wall) {
            Ok(judged) => judged,
            Err(Refusal::StepUpNeeded { .. }) if self.generation == map.generation => {
                self.judged.as_ref().unwrap_or(grant).going_on(now)?
            }
            Err(_) => return None,
        };
        Some((site.clone(), judged))
    }
}

/// A tunnel goes to one of the old addresses, so it stays only where each of them is still reached, and in the same way.
fn still_leads_there(old: &Upstream, new: &Upstream) -> bool {
    let same_way = (old.tls, &old.host, &old.ca, &old.certificate) == (new.tls, &new.host, &new.ca, &new.certificate);
    same_way && old.addresses.iter().all(|address| new.addresses.contains(address))
}

#[cfg(test)]
mod tests;
