//! Changes that need two: the list of those that wait, one of them in full, and what comes of it.

use std::borrow::Cow;

use askama::Template;

use super::{Ceremony, Frame, Moment};
use crate::admin::{Person, Proposal};
use crate::lang::{self, Value};
use crate::model::PetitionState;

#[derive(Clone, Debug)]
pub struct ChangeRow {
    pub id: String,
    pub proposal: Proposal,
    /// `None`: its time is over.
    pub state: Option<PetitionState>,
    pub proposer: String,
    pub proposed: Moment,
    pub expires: Moment,
    pub closer: Option<String>,
}

impl ChangeRow {
    pub fn what(&self, frame: &Frame) -> Cow<'static, str> {
        let (key, name) = match &self.proposal {
            Proposal::Invite { name, .. } => ("change-invite", name.as_str()),
            Proposal::Enable { person } => ("change-enable", person.name.as_str()),
            Proposal::IssueToken { to, .. } => ("change-issue-token", to.name.as_str()),
            Proposal::ResumeToken { holder, .. } => ("change-resume-token", holder.name.as_str()),
            Proposal::IssueCertificate { to, .. } => ("change-issue-certificate", to.name.as_str()),
            Proposal::RenewCertificate { holder, .. } => ("change-renew-certificate", holder.name.as_str()),
            Proposal::NewToken { person, .. } => ("change-new-token", person.name.as_str()),
            Proposal::NewPassword { person, .. } => ("change-new-password", person.name.as_str()),
            Proposal::EnrolAnew { person, .. } => ("change-enrol-anew", person.name.as_str()),
            Proposal::Trust { what, .. } => ("change-trust", what.as_str()),
        };
        frame.t_name(key, "name", name)
    }

    fn state_text(&self, frame: &Frame) -> Cow<'static, str> {
        frame.t(match self.state {
            Some(PetitionState::Draft) => "petition-draft",
            Some(PetitionState::Open) => "petition-open",
            Some(PetitionState::Done) => "petition-done",
            Some(PetitionState::Withdrawn) => "petition-withdrawn",
            Some(PetitionState::Rejected) => "petition-rejected",
            Some(PetitionState::Failed) => "petition-failed",
            None => "petition-expired",
        })
    }

    /// As style sheets know it.
    fn badge(&self) -> &'static str {
        match self.state {
            Some(PetitionState::Draft | PetitionState::Open) => "invited",
            Some(PetitionState::Done) => "active",
            Some(PetitionState::Withdrawn | PetitionState::Rejected | PetitionState::Failed) | None => "disabled",
        }
    }

    /// All that decides what will be done, with its names.
    fn facts(&self, frame: &Frame) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
        let own = |text: &str| Cow::Owned(text.to_owned());
        let serials = |serials: &[crate::model::Serial]| -> Cow<'static, str> {
            let listed: Vec<&str> = serials.iter().map(crate::model::Serial::as_str).collect();
            if listed.is_empty() { frame.t("none") } else { listed.join(", ").into() }
        };
        let mut facts = Vec::new();
        match &self.proposal {
            Proposal::Invite { name, unit, role, email, before, named, .. } => {
                facts.extend([
                    (frame.t("account-name"), own(name.as_str())),
                    (frame.t("account-unit"), own(unit.as_str())),
                    (frame.t("account-role"), frame.role(role)),
                    (frame.t("account-email"), email.as_deref().map_or_else(|| frame.t("none"), own)),
                ]);
                facts.extend(named.then(|| plan_fact(frame)));
                if let Some(before) = before {
                    facts.push((frame.t("change-unit-before"), own(before.unit.as_str())));
                    facts.push((frame.t("change-role-before"), frame.role(&before.role)));
                }
            }
            Proposal::Enable { person } => facts.extend(person_facts(frame, person)),
            Proposal::IssueToken { serial, kind, to: person, .. } | Proposal::ResumeToken { serial, kind, holder: person, .. } => {
                facts.push((frame.t("token-serial"), own(serial.as_str())));
                facts.push((frame.t("token-kind"), frame.token_kind(kind)));
                facts.extend(person_facts(frame, person));
            }
            Proposal::IssueCertificate { serial, to: person, key, days, .. }
            | Proposal::RenewCertificate { serial, holder: person, key, days, .. } => {
                facts.push((frame.t("token-serial"), own(serial.as_str())));
                facts.push((frame.t("change-key"), own(key.digest())));
                facts.push((frame.t("change-days"), own(&days.to_string())));
                if let Proposal::RenewCertificate { before, .. } = &self.proposal {
                    facts.push((frame.t("change-certificate-before"), before.as_deref().map_or_else(|| frame.t("none"), own)));
                }
                facts.extend(person_facts(frame, person));
            }
            Proposal::NewToken { person, lost } | Proposal::EnrolAnew { person, lost } => {
                facts.extend(person_facts(frame, person));
                facts.push((frame.t("change-tokens-end"), serials(lost)));
            }
            Proposal::NewPassword { person, by_code } => {
                facts.extend(person_facts(frame, person));
                facts.push((frame.t("change-proves-by"), frame.t(if *by_code { "token-kind-oath" } else { "change-by-hardware" })));
            }
            Proposal::Trust { what, digest } => {
                facts.push((frame.t("change-authority"), own(what)));
                facts.push((frame.t("change-digest"), own(digest)));
            }
        }
        facts
    }

    fn gives_link(&self) -> bool {
        self.proposal.gives_link()
    }
}

fn person_facts(frame: &Frame, person: &Person) -> impl Iterator<Item = (Cow<'static, str>, Cow<'static, str>)> {
    let facts = [
        (frame.t("account-name"), person.name.to_string().into()),
        (frame.t("account-unit"), person.unit.to_string().into()),
        (frame.t("account-role"), frame.role(&person.role)),
        (frame.t("account-state"), frame.state(&person.state)),
    ];
    facts.into_iter().chain(person.named.then(|| plan_fact(frame)))
}

/// Why it takes two for somebody who is no staff.
fn plan_fact(frame: &Frame) -> (Cow<'static, str>, Cow<'static, str>) {
    (frame.t("change-plan"), frame.t("change-named"))
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_changes.html")]
pub struct ChangesView {
    pub frame: Frame,
    /// Those that wait for somebody.
    pub open: Vec<ChangeRow>,
    /// The last ones that have ended.
    pub closed: Vec<ChangeRow>,
    /// Authorities that the config declares and nobody has confirmed: in words, and the digest.
    pub untrusted: Vec<(String, String)>,
}

/// What whoever looks can do.
#[derive(Clone, Debug)]
pub enum ChangePart {
    /// Her own, and her key is still to come; `alone`: with that it is done.
    Draft {
        alone: bool,
        ceremony: Option<Ceremony>,
        usb_key: Option<String>,
    },
    /// Her own, and it waits for another one.
    Waits {
        half: Option<String>,
    },
    Confirm {
        ceremony: Option<Ceremony>,
        usb_key: Option<String>,
    },
    ConcernsYou,
    Closed,
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_change.html")]
pub struct ChangeView {
    pub frame: Frame,
    pub change: ChangeRow,
    /// Who can confirm it now.
    pub confirmers: Vec<String>,
    pub part: ChangePart,
}

impl ChangeView {
    fn action(&self, step: &str) -> String {
        format!("/console/changes/{}/{step}", self.change.id)
    }
}

/// The single-use link for somebody who lacks something, shown once.
#[derive(Clone, Debug, Template)]
#[template(path = "console_recovery.html")]
pub struct RecoveryLinkView {
    pub frame: Frame,
    pub name: String,
    /// She lost her tokens, and has her password.
    pub lacks_token: bool,
    pub link: String,
    pub minutes: u64,
    pub until: Moment,
    /// The proposer holds the other half.
    pub halved: bool,
}

impl RecoveryLinkView {
    /// For paper, on which minutes from now say nothing.
    fn until(&self) -> Cow<'static, str> {
        let zone = self.frame.zone.as_deref().unwrap_or_default();
        lang::text_with(self.frame.language, "invitation-until", &[("time", Value::Name(&self.until.shown)), ("zone", Value::Name(zone))])
    }
}
