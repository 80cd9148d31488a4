//! The decision: deny by default, the first rule that matches decides.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use http::Method;

use super::{App, Binding, Effect, Rule};
use crate::auth::{Identity, Visitor};
use crate::clock::Time;
use crate::model::{CanonicalPath, CertificateTrouble, End, Refusal, TokenId};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    pub method: &'r Method,
    pub path: &'r CanonicalPath,
    /// The token whose certificate was checked on this very connection, or why there is none.
    pub held: Result<TokenId, CertificateTrouble>,
    /// It is to become a connection both ways, whatever its method says.
    pub is_tunnel: bool,
}

impl Asked<'_> {
    /// Whether it can change nothing (RFC 9110, section 9.2.1), as far as a method tells.
    fn only_reads(&self) -> bool {
        !self.is_tunnel && matches!(*self.method, Method::GET | Method::HEAD)
    }
}

/// Policy said yes. True for the instant in which it was decided; [`Grant::ended`] says when it is no more.
///
/// Clones are one grant; what it allowed lives as long as one of them, which a [`GrantWatch`] can tell.
#[derive(Clone, Debug)]
pub struct Grant(Arc<Terms>);

#[derive(Debug)]
struct Terms {
    identity: Arc<Identity>,
    app: Arc<App>,
    rule: usize,
    valid_until: Time,
    /// Of the emergency level that it was decided under.
    epoch: u64,
    heard: Heard,
}

/// Whether the client has sent anything under a grant since somebody last asked: a body's bytes, or a tunnel's.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<AtomicBool>);

impl Heard {
    pub fn note(&self) {
        // Reading first keeps the cache line shared while it is set already.
        if !self.0.load(Ordering::Relaxed) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
impl Grant {
    /// For the floors above, whose tests are not about policy.
    pub fn sample(identity: Arc<Identity>) -> Self {
        let app = Arc::new(super::app::sample::app(Vec::new()));
        Self(Arc::new(Terms { identity, app, rule: 0, valid_until: Time::from_millis(i64::MAX), epoch: 0, heard: Heard::default() }))
    }
}

/// Sees a grant as long as somebody else holds it.
#[derive(Clone, Debug)]
pub struct GrantWatch(Weak<Terms>);

impl GrantWatch {
    /// `None`: what the grant allowed is over.
    pub fn grant(&self) -> Option<Grant> {
        self.0.upgrade().map(Grant)
    }
}

impl Grant {
    pub fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    pub fn app(&self) -> &Arc<App> {
        &self.0.app
    }

    /// The name of the rule that said so.
    pub fn rule(&self) -> &str {
        self.0.app.rules.get(self.0.rule).map_or("", |rule| &rule.name)
    }

    /// On the steady scale: the earliest of the session's overall limit, the end of the rule's hours, the beginning of
    /// the hours of a rule that would deny, and the end of an emergency level that rules name. The idle limits are not in it: activity moves them.
    pub fn valid_until(&self) -> Time {
        self.0.valid_until
    }

    /// Whether the emergency level is another by now than the one that it was decided under.
    pub fn is_of_another_level(&self, now: Time) -> bool {
        self.0.app.emergency.epoch(now) != self.0.epoch
    }

    /// The same under the level that is in force by now, for what goes on: a proof was asked for when it began, and is not asked for again where
    /// neither the level nor a rule about levels asks for another one. `None`: one of them may.
    pub fn going_on(&self, now: Time) -> Option<Self> {
        let Terms { identity, app, rule, valid_until, heard, .. } = &*self.0;
        let emergency = app.emergency.at(now);
        if emergency.asks_for_proof() || app.rules.iter().any(Rule::names_a_level) {
            return None;
        }
        let (identity, app, heard) = (Arc::clone(identity), Arc::clone(app), heard.clone());
        Some(Self(Arc::new(Terms { identity, app, rule: *rule, valid_until: *valid_until, epoch: emergency.epoch(), heard })))
    }

    pub fn heard(&self) -> &Heard {
        &self.0.heard
    }

    pub fn watch(&self) -> GrantWatch {
        GrantWatch(Arc::downgrade(&self.0))
    }

    /// Why the grant holds no longer, if so. `now` is steady.
    pub fn ended(&self, now: Time) -> Option<End> {
        let Terms { identity, app, valid_until, .. } = &*self.0;
        let emergency = app.emergency.at(now);
        if identity.is_revoked() || app.lockdown.is_closed(&app.id, &identity.who().unit, now) || emergency.is_closed_to(identity, app) {
            Some(End::Revoked)
        } else if now >= *valid_until || emergency.session_ends(identity, app).is_none() {
            Some(End::Expired)
        } else {
            None
        }
    }
}

/// Whether `visitor` may do what is `asked` of `app`. `now` is steady (for sessions), `wall` is for rules about hours.
pub fn decide(visitor: &Visitor, app: &Arc<App>, asked: &Asked<'_>, from: IpAddr, now: Time, wall: Time) -> Result<Grant, Refusal> {
    let identity = signed_in(visitor)?;
    let emergency = app.emergency.at(now);
    let mut until = emergency.session_ends(identity, app).ok_or(Refusal::SignInAgain)?;
    if app.lockdown.is_closed(&app.id, &identity.who().unit, now) {
        return Err(Refusal::LockedDown);
    }
    emergency.may_come(identity, app, from, wall)?;
    if !asked.only_reads() {
        emergency.may_write(app, wall)?;
    }
    for (index, rule) in app.rules.iter().enumerate() {
        if !rule.concerns(identity.who(), from) || !rule.covers(asked.method, asked.path) {
            continue;
        }
        // What it says may change with the level.
        let level_ends = emergency.stance().filter(|_| rule.names_a_level()).map(|stance| stance.until);
        until = level_ends.map_or(until, |ends| until.min(ends));
        match (rule.effect, rule.holds(wall, emergency.level())) {
            (Effect::Deny, true) => return Err(Refusal::NotAllowed { rule: rule.name.clone() }),
            (Effect::Deny, false) => {
                until = until.min(change_at(rule.when.as_ref().and_then(|hours| hours.opens_after(wall)), until, wall, now))
            }
            (Effect::Allow, true) => {
                emergency.proven(rule.demand.within(app.demand), identity, app)?;
                bound(identity, app, asked)?;
                until = until.min(change_at(rule.when.as_ref().and_then(|hours| hours.open_until(wall)), until, wall, now));
                let (identity, app) = (Arc::clone(identity), Arc::clone(app));
                let (epoch, heard) = (emergency.epoch(), Heard::default());
                let terms = Terms { identity, app, rule: index, valid_until: until, epoch, heard };
                return Ok(Grant(Arc::new(terms)));
            }
            (Effect::Allow, false) => {}
        }
    }
    Err(no_rule())
}

/// Whether some rule lets `visitor` into `app` at all, now and from there; for the portal's list, and before she is handed over to the app.
///
/// [`Refusal::StepUpNeeded`] says that she must prove more first, or prove it again. [`Refusal::SignInAgain`] says that her session is too old for this app, or that she was away from it for too long: the portal must ask
/// for a new sign-in, or it would send her in a circle. [`Refusal::LockedDown`] says that nothing but a lockdown keeps her out: nothing that she could prove would help.
pub fn may_enter(visitor: &Visitor, app: &App, from: IpAddr, now: Time, wall: Time) -> Result<(), Refusal> {
    let identity = signed_in(visitor)?;
    match entered_by_rules(identity, app, from, now, wall) {
        Ok(()) | Err(Refusal::StepUpNeeded { .. } | Refusal::SignInAgain) if app.lockdown.is_closed(&app.id, &identity.who().unit, now) => {
            Err(Refusal::LockedDown)
        }
        outcome => outcome,
    }
}

fn entered_by_rules(identity: &Arc<Identity>, app: &App, from: IpAddr, now: Time, wall: Time) -> Result<(), Refusal> {
    let emergency = app.emergency.at(now);
    emergency.may_come(identity, app, from, wall)?;
    let mut unmet = None;
    for rule in app.rules.iter().filter(|rule| rule.concerns(identity.who(), from) && rule.holds(wall, emergency.level())) {
        match rule.effect {
            Effect::Deny if rule.covers_all() => return Err(unmet.unwrap_or_else(|| Refusal::NotAllowed { rule: rule.name.clone() })),
            Effect::Deny => {}
            // One part of an app may ask for more than another.
            Effect::Allow => match emergency.proven(rule.demand.within(app.demand), identity, app) {
                Ok(()) => return emergency.session_ends(identity, app).map(drop).ok_or(Refusal::SignInAgain),
                Err(refusal) => unmet = unmet.or(Some(refusal)),
            },
        }
    }
    Err(unmet.unwrap_or_else(no_rule))
}

/// Another session's certificate is worth as much as none.
fn bound(identity: &Identity, app: &App, asked: &Asked<'_>) -> Result<(), Refusal> {
    match (app.binding, asked.held) {
        (Binding::Nothing, _) => Ok(()),
        (Binding::Certificate, Ok(token)) if identity.rests_on(token) => Ok(()),
        (Binding::Certificate, Ok(_)) => Err(Refusal::Certificate(CertificateTrouble::NotHers)),
        (Binding::Certificate, Err(trouble)) => Err(Refusal::Certificate(trouble)),
    }
}

/// The same for somebody who comes from the app with something in mind: where it is known what, that must be allowed, or the app would send
/// her back at once. What no rule allows is for the app's own host to refuse.
pub fn may_go_on(visitor: &Visitor, app: &Arc<App>, asked: Option<&Asked<'_>>, from: IpAddr, now: Time, wall: Time) -> Result<(), Refusal> {
    match asked.map(|asked| decide(visitor, app, asked, from, now, wall)) {
        Some(Ok(_)) => Ok(()),
        Some(Err(refusal @ (Refusal::SignInNeeded | Refusal::SignInAgain | Refusal::StepUpNeeded { .. }))) => Err(refusal),
        Some(Err(_)) | None => may_enter(visitor, app, from, now, wall),
    }
}

fn signed_in(visitor: &Visitor) -> Result<&Arc<Identity>, Refusal> {
    match visitor {
        Visitor::Known(identity) if !identity.is_revoked() => Ok(identity),
        Visitor::Known(_) | Visitor::Stranger => Err(Refusal::SignInNeeded),
    }
}

fn change_at(wall_instant: Option<Time>, otherwise: Time, wall: Time, now: Time) -> Time {
    // From the wall's scale to the steady one.
    wall_instant.map_or(otherwise, |instant| now.plus(instant.since(wall)))
}

fn no_rule() -> Refusal {
    Refusal::NotAllowed { rule: "no rule".to_owned() }
}

#[cfg(test)]
mod tests;
