//! One trigger at work: which facts concern it, of whom, and when there is enough.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::fact::{Fact, What};
use super::marks::{Enough, Mark, Marks, Reached};
use super::subject::Subject;
use super::trigger::{Kind, Per, Trigger};
use crate::model::Role;

/// Of so many subjects it is known at once what they did; who floods it with others makes it forget those of whom it has not heard for longest.
const MOST_SUBJECTS: usize = 16_384;
/// Networks of another place, where the plan names none: of IPv4, and of IPv6.
const PLACE_BITS: (u8, u8) = (16, 32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// What happens at once is known by itself, so that one alarm keeps no other from being told.
    subjects: Bounded<(Subject, String), Marks>,
    /// What the records up to here show raises no alarm.
    since: u64,
}

impl Watch {
    pub fn begin(since: u64) -> Self {
        Self { subjects: Bounded::new(MOST_SUBJECTS), since }
    }

    pub fn look(&mut self, trigger: &Trigger, fact: &Fact) -> Option<(Subject, Reached)> {
        if trigger.except.leave_out(fact.name.as_deref(), fact.unit.as_deref(), fact.app.as_deref(), fact.address) {
            return None;
        }
        let (subject, what, weight) = concern(&trigger.kind, fact)?;
        let mark = Mark { time: fact.time, sequence: fact.sequence, what, weight, of: 1 };
        let enough = trigger.kind.enough();
        let by_itself = if enough == Enough::Count(1) { mark.what.clone() } else { String::new() };
        let marks = self.subjects.touch((subject.clone(), by_itself), Marks::default)?;
        let reached = marks.add(mark, trigger.kind.window(), enough)?;
        (fact.sequence > self.since).then_some((subject, reached))
    }
}

type Concern = (Subject, String, u64);

/// Whose it is where a fact concerns a trigger, what tells it from others, and how much it weighs.
fn concern(kind: &Kind, fact: &Fact) -> Option<Concern> {
    match (kind, &fact.what) {
        (Kind::Failures { per, .. }, What::SignInFailed { typed, .. }) => failed(*per, fact, typed.as_deref()),
        (Kind::ManyAccounts { .. }, What::SignInFailed { typed, .. }) => Some((Subject::holding(fact.address?), typed.clone()?, 1)),
        (Kind::SecondFactor { .. }, What::SignInFailed { after_password: true, .. }) => Some((person(fact)?, address(fact), 1)),
        (Kind::TokenMisused, What::TokenMisused) => Some((person(fact).unwrap_or(Subject::Gateway), address(fact), 1)),
        (Kind::TwoPlaces { places, .. }, What::SignedIn { .. } | What::Accessed) => Some((person(fact)?, place(fact.address?, places), 1)),
        (Kind::OutsideHours { hours }, What::SignedIn { .. } | What::Accessed) => {
            hours.open_until(fact.time).is_none().then(|| person(fact).map(|person| (person, String::new(), 1)))?
        }
        (Kind::BulkDownload { .. }, What::Answered { bytes, .. } | What::Taken { bytes }) => {
            Some((person(fact)?, fact.app.clone()?, *bytes))
        }
        (Kind::Dormant { after }, What::SignedIn { away: Some(away) }) => {
            (away >= after).then(|| person(fact).map(|person| (person, address(fact), 1)))?
        }
        (Kind::StaffAddress { from }, What::SignedIn { .. }) => {
            let address = fact.address?.to_canonical();
            let is_elsewhere = fact.role? != Role::Member && !from.iter().any(|network| network.contains(&address));
            is_elsewhere.then(|| person(fact).map(|person| (person, address.to_string(), 1)))?
        }
        (Kind::PolicyLoosened, What::Loosened { how }) => Some((Subject::Gateway, how.clone(), 1)),
        (Kind::LogBroken, What::LogBroken { how }) => Some((Subject::Gateway, how.clone(), 1)),
        (Kind::SelfTestFailed, What::SelfTestFailed { what }) => Some((Subject::Gateway, what.clone(), 1)),
        (Kind::UpstreamErrors { .. }, What::Answered { failed, .. }) => {
            Some((Subject::App(fact.app.clone()?), String::new(), u64::from(*failed)))
        }
        (Kind::PageChanged { after }, What::PageChanged { page, worked }) => {
            let unexplained = worked.is_none_or(|worked| worked > *after);
            unexplained.then(|| fact.app.clone().map(|app| (Subject::Page { app, page: page.clone() }, String::new(), 1)))?
        }
        _ => None,
    }
}

fn failed(per: Per, fact: &Fact, typed: Option<&str>) -> Option<Concern> {
    match per {
        Per::Account => Some((person(fact)?, address(fact), 1)),
        Per::Address => Some((Subject::holding(fact.address?), typed.unwrap_or_default().to_owned(), 1)),
        Per::Unit => Some((Subject::Unit(fact.unit.clone()?), fact.name.clone()?, 1)),
    }
}

fn person(fact: &Fact) -> Option<Subject> {
    fact.name.clone().map(Subject::Account)
}

fn address(fact: &Fact) -> String {
    fact.address.map(|address| address.to_string()).unwrap_or_default()
}

/// The first of the plan's places that has it, or its own wide network.
fn place(address: IpAddr, places: &[Vec<IpNet>]) -> String {
    let address = address.to_canonical();
    if let Some(place) = places.iter().position(|place| place.iter().any(|network| network.contains(&address))) {
        return format!("place {}", place.saturating_add(1));
    }
    let bits = if address.is_ipv4() { PLACE_BITS.0 } else { PLACE_BITS.1 };
    IpNet::new(address, bits).map_or_else(|_| address.to_string(), |network| network.trunc().to_string())
}
