//! What a record says that triggers ask about, with what was known before it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use crate::clock::Time;
use crate::model::{Action, Closed, Decision, End, Entry, Event, LogKind, Opened, Outcome, Record, Reference, Role};

/// So many accesses may be open, so many people and apps be known, so many passwords have been right lately.
const MOST_OPEN: usize = 65_536;
const MOST_PEOPLE: usize = 65_536;
const MOST_APPS: usize = 4_096;
const MOST_PASSWORDS: usize = 16_384;
/// For so long a right password stands behind what fails after it.
const PASSWORD_COUNTS: Duration = Duration::from_mins(10);

/// What was never judged is no failure.
const NOT_JUDGED: [&str; 5] = ["busy", "nothing-pending", "no-challenge", "unavailable", "must-wait"];
const CHANGED_BY_RESTART: &str = "another config since the start";

/// Answers of the app itself, or of the gateway for one that does not answer.
const SERVER_ERROR: u16 = 500;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fact {
    pub sequence: u64,
    pub time: Time,
    pub name: Option<String>,
    pub unit: Option<String>,
    pub role: Option<Role>,
    pub app: Option<String>,
    pub address: Option<IpAddr>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// With a name that an account has, or the keyed hash of one that none has.
    SignInFailed {
        typed: Option<String>,
        after_password: bool,
    },
    /// So long after the last time; or, where it is the first, after she was invited or enrolled.
    SignedIn {
        away: Option<Duration>,
    },
    /// An access was allowed.
    Accessed,
    Answered {
        /// That were not [`What::Taken`] before.
        bytes: u64,
        failed: bool,
    },
    /// So much more of an answer that goes on.
    Taken {
        bytes: u64,
    },
    TokenMisused,
    Loosened {
        how: String,
    },
    LogBroken {
        how: String,
    },
    SelfTestFailed {
        what: String,
    },
    /// How long ago somebody who may had changed something there.
    PageChanged {
        page: String,
        worked: Option<Duration>,
    },
}

/// What has to be remembered from one record to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    open: Bounded<Reference, Open>,
    people: Bounded<String, Person>,
    /// When somebody last sent an app something that may have changed it.
    worked: Bounded<String, Time>,
    passwords: Bounded<String, Time>,
    /// The config that was put in force last, by its hash.
    config: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    name: Option<String>,
    app: Option<String>,
    address: IpAddr,
    /// So many bytes of the answer were told.
    #[serde(default, skip_serializing_if = "is_zero")]
    told: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Person {
    unit: String,
    signed_in: Option<Time>,
    /// When she was invited or enrolled last: as long as she never signed in, her account lies unused since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<Time>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            open: Bounded::new(MOST_OPEN),
            people: Bounded::new(MOST_PEOPLE),
            worked: Bounded::new(MOST_APPS),
            passwords: Bounded::new(MOST_PASSWORDS),
            config: None,
        }
    }
}

impl Memory {
    /// What the record says; `None`: nothing that any trigger asks about.
    pub fn learn(&mut self, entry: &Entry, time: Time) -> Option<Fact> {
        let fact =
            Fact { sequence: entry.sequence, time, name: None, unit: None, role: None, app: None, address: None, what: What::Accessed };
        match &entry.record {
            Record::Opened(opened) => self.opened(opened, fact),
            Record::Closed(closed) => self.closed(closed, fact),
            Record::Event(event) => self.event(event, fact),
            Record::StillOpen { .. } => None,
        }
    }

    fn opened(&mut self, opened: &Opened, fact: Fact) -> Option<Fact> {
        if opened.decision != Decision::Allowed {
            return None;
        }
        let app = opened.app.as_ref().map(|app| app.as_str().to_owned());
        let name = opened.who.as_deref().map(|who| who.name.as_str().to_owned());
        self.open.touch(opened.reference.clone(), || Open { name: name.clone(), app: app.clone(), address: opened.address, told: 0 });
        if let Some(app) = &app
            && !matches!(opened.method.as_str(), "GET" | "HEAD" | "OPTIONS")
            && let Some(worked) = self.worked.touch(app.clone(), || fact.time)
        {
            *worked = fact.time;
        }
        let who = opened.who.as_deref()?;
        Some(Fact {
            name,
            unit: Some(who.unit.as_str().to_owned()),
            role: Some(who.role),
            app,
            address: Some(opened.address),
            what: What::Accessed,
            ..fact
        })
    }

    fn closed(&mut self, closed: &Closed, fact: Fact) -> Option<Fact> {
        let open = self.open.remove(&closed.reference)?;
        let bytes = closed.bytes_down.saturating_sub(open.told);
        let failed = closed.end == End::UpstreamFailed || closed.status >= SERVER_ERROR;
        Some(self.of_access(&open, Fact { what: What::Answered { bytes, failed }, ..fact }))
    }

    fn continues(&mut self, event: &Event, fact: Fact) -> Option<Fact> {
        let reference = event.reference.as_ref()?;
        let sent: u64 = event.details.get("bytes")?.parse().ok()?;
        let before = self.open.get(reference)?.clone();
        let open = self.open.touch(reference.clone(), || before)?;
        let bytes = sent.saturating_sub(open.told);
        open.told = open.told.max(sent);
        let open = open.clone();
        Some(self.of_access(&open, Fact { what: What::Taken { bytes }, ..fact }))
    }

    fn of_access(&self, open: &Open, fact: Fact) -> Fact {
        let Open { name, app, address, .. } = open.clone();
        let unit = name.as_ref().and_then(|name| self.people.get(name)).map(|person| person.unit.clone());
        Fact { name, unit, app, address: Some(address), ..fact }
    }

    fn event(&mut self, event: &Event, fact: Fact) -> Option<Fact> {
        let detail = |name: &str| event.details.get(name).cloned();
        let fact = Fact { address: event.address, ..fact };
        match (event.action, event.outcome) {
            (Action::SignIn, Outcome::Done) => self.signed_in(event, fact),
            (Action::SignIn | Action::StepUp | Action::KeyProof | Action::RecoveryProof | Action::UsbKeyShown, Outcome::Failed)
                if detail("why").is_some_and(|why| why == "revoked") =>
            {
                let name = detail("name").or_else(|| event.who.as_deref().map(|who| who.name.as_str().to_owned()));
                Some(self.about(name, Fact { what: What::TokenMisused, ..fact }))
            }
            (Action::SignIn, Outcome::Failed) => self.sign_in_failed(event, fact),
            (Action::AnswerContinues, _) => self.continues(event, fact),
            (Action::FirstFactor, Outcome::Done) => {
                let name = detail("name")?;
                *self.passwords.touch(name, || fact.time)? = fact.time;
                None
            }
            (Action::AccountInvited, Outcome::Done) => {
                let (name, unit) = (detail("name")?, detail("unit")?);
                let person = self.people.touch(name, Person::default)?;
                (person.unit, person.expected) = (unit, Some(fact.time));
                None
            }
            (Action::AccountEnrolled, Outcome::Done) => {
                self.people.touch(detail("name")?, Person::default)?.expected = Some(fact.time);
                None
            }
            (Action::KeyCounterWentBack | Action::KeyAnswersMadeUp, _) => {
                Some(self.about(detail("name"), Fact { what: What::TokenMisused, ..fact }))
            }
            (Action::ConfigReloaded, Outcome::Done) => {
                self.config = detail("config");
                let how = detail("loosened")?;
                Some(Fact { what: What::Loosened { how }, ..fact })
            }
            // Nothing compares them.
            (Action::Start, Outcome::Done) => {
                let config = detail("config");
                let before = std::mem::replace(&mut self.config, config.clone())?;
                (config.as_ref() != Some(&before)).then(|| Fact { what: What::Loosened { how: CHANGED_BY_RESTART.to_owned() }, ..fact })
            }
            // She was known before: by her password, or by her session.
            (Action::UsbKeyShown | Action::StepUp | Action::KeyProof, Outcome::Failed) => {
                let why = detail("why")?;
                let judged = !NOT_JUDGED.contains(&why.as_str()) && why != "missing";
                let name = detail("name").or_else(|| event.who.as_deref().map(|who| who.name.as_str().to_owned())).filter(|_| judged)?;
                Some(self.about(Some(name.clone()), Fact { what: What::SignInFailed { typed: Some(name), after_password: true }, ..fact }))
            }
            (Action::LogRepaired, _) | (Action::LogFull | Action::LogChecked, Outcome::Failed) => {
                Some(Fact { what: What::LogBroken { how: LogKind::Event(event.action).word() }, ..fact })
            }
            (Action::SelfTest, Outcome::Failed) => {
                Some(Fact { what: What::SelfTestFailed { what: detail("what").unwrap_or_default() }, ..fact })
            }
            // One that could not be read, or was seen for the first time, has not changed.
            (Action::PageChanged, Outcome::Done) => {
                let (app, page) = (detail("app")?, detail("page")?);
                detail("before")?;
                let worked = self.worked.get(&app).map(|worked| fact.time.since(*worked));
                Some(Fact { app: Some(app), what: What::PageChanged { page, worked }, ..fact })
            }
            _ => None,
        }
    }

    fn signed_in(&mut self, event: &Event, fact: Fact) -> Option<Fact> {
        let who = event.who.as_deref()?;
        let (name, unit) = (who.name.as_str().to_owned(), who.unit.as_str().to_owned());
        self.passwords.remove(&name);
        let person = self.people.touch(name.clone(), Person::default)?;
        person.unit.clone_from(&unit);
        let expected = person.expected.take();
        let away = person.signed_in.replace(fact.time).or(expected).map(|before| fact.time.since(before));
        Some(Fact { name: Some(name), unit: Some(unit), role: Some(who.role), what: What::SignedIn { away }, ..fact })
    }

    fn sign_in_failed(&mut self, event: &Event, fact: Fact) -> Option<Fact> {
        let why = event.details.get("why").map_or("", String::as_str);
        if why.is_empty() || NOT_JUDGED.contains(&why) {
            return None;
        }
        let name = event.details.get("name").cloned();
        let right = name.as_ref().and_then(|name| self.passwords.get(name));
        let after_password = why != "wrong-password" && right.is_some_and(|right| fact.time.since(*right) < PASSWORD_COUNTS);
        let typed = name.clone().or_else(|| event.details.get("unknown-name").cloned());
        Some(self.about(name, Fact { what: What::SignInFailed { typed, after_password }, ..fact }))
    }

    fn about(&self, name: Option<String>, fact: Fact) -> Fact {
        let unit = name.as_ref().and_then(|name| self.people.get(name)).map(|person| person.unit.clone()).filter(|unit| !unit.is_empty());
        Fact { name, unit, ..fact }
    }
}
