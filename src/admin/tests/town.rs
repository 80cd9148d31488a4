//! A town with its security administrators, and what they ask for.

use std::time::Duration;

use super::super::{Carried, Lacks, Proposed, Proposing, When};
use super::certificates::request;
use super::*;
use crate::auth::{PetitionProof, PetitionStep};
use crate::crypto::{SealingKey, Token};
use crate::model::{Account, AccountId, Event, Factor, PetitionId, PetitionState, Serial, SessionId, TokenId, TokenState};
use crate::pki::{IssuingCa, IssuingFiles, RequestedKey};
use crate::store::{CertificateChange, Completion, NewCertificate, NewKey, OwnCertificate, Session, Spending};

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Invite(&'static str, Role),
    Enable(&'static str),
    Issue(&'static str, &'static str),
    Resume(&'static str),
    Certify(&'static str, &'static str),
    Renew(&'static str),
    Lacks(&'static str, Lacks),
    Trust,
}

pub(super) const SEEDS: &str = "F1,3132333435363738393031323334353637383930\nF2,3132333435363738393031323334353637383930\nF3,3132333435363738393031323334353637383930\n";
pub(super) const PORTAL: &str = "gate.city.test";

/// Security administrators who have their keys and a session each; `sun`, who is staff and switched off; `tan`, who is staff;
/// `mia`, a member. F1 is in the drawer, F2 suspended in tan's hands, F3 active in mia's; U2 and U3 are USB-KEYs with certificates, which tan
/// and mia were handed.
pub(super) struct Town {
    pub(super) directory: tempfile::TempDir,
    pub(super) desk: Desk,
    seats: Vec<(String, Token, TokenId)>,
}

pub(super) fn later(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

/// Where both clocks agree.
pub(super) fn at(now: Time) -> When {
    When { now, wall: now }
}

pub(super) fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

pub(super) fn new(name: &str, role: Role) -> NewAccount {
    NewAccount { name: AccountName::parse(name).unwrap(), role, ..wang() }
}

pub(super) async fn person(store: &Store, name: &str, role: Role, n: u8) -> (AccountId, TokenId) {
    let NewAccount { name, unit, role, email } = new(name, role);
    let account = Account { id: AccountId::fresh(), name, unit, role, email, state: AccountState::Invited, created: NOW };
    let (link, browser) = (Token::random().unwrap(), Token::random().unwrap());
    store.invite(&account, link.hash(), later(900)).await.unwrap();
    store.begin_enrolment(link.hash(), browser.hash(), NOW).await.unwrap().unwrap();
    assert!(store.save_enrolment_password(browser.hash(), "$argon2id$test", NOW).await.unwrap());
    let key = NewKey {
        id: TokenId::fresh(),
        credential: vec![n; 8],
        passkey: "{}".into(),
        counter: 0,
        label: "blue".into(),
        attestation: Default::default(),
    };
    store.add_enrolment_key(browser.hash(), &key, NOW).await.unwrap();
    assert!(matches!(store.complete_enrolment(browser.hash(), NOW).await.unwrap(), Completion::Done(_)));
    (account.id, key.id)
}

/// Of one of their USB-KEYs.
pub(super) fn certificate(n: u8) -> NewCertificate {
    NewCertificate {
        token: TokenId::fresh(),
        fingerprint: [n; 32],
        number: format!("{n:02x}"),
        subject: "s".into(),
        issuer: "i".into(),
        not_after: later(86_400),
        chain: None,
    }
}

impl Town {
    pub(super) async fn of(wardens: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_in_memory().await.unwrap();
        let codes = Codes::new(store.clone(), SealingKey::new(&[7; 32]).unwrap());
        let seeds = codes.seal(crate::oath::read(SEEDS.as_bytes(), None).unwrap()).unwrap();
        assert_eq!(store.stock_seeds(&seeds, NOW).await.unwrap(), []);
        let mut seats = Vec::new();
        for (n, name) in (1..).zip(wardens) {
            let (account, key) = person(&store, name, Role::SecurityAdministrator, n).await;
            let token = Token::random().unwrap();
            let session = Session {
                id: SessionId::fresh(),
                account,
                key,
                factor: Factor::PasswordAndSecurityKey,
                mark: "m".repeat(16),
                signed_in: NOW,
                last_active: NOW,
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                user_agent: "test".to_owned(),
            };
            assert!(store.create_session(&session, &Host::parse(PORTAL).unwrap(), token.hash()).await.unwrap());
            seats.push(((*name).to_owned(), token, key));
        }
        let (sun, _) = person(&store, "sun", Role::Auditor, 101).await;
        store.set_state(sun, AccountState::ALL, AccountState::Disabled).await.unwrap();
        let (tan, _) = person(&store, "tan", Role::SystemAdministrator, 102).await;
        let (mia, _) = person(&store, "mia", Role::Member, 103).await;
        for (name, holder) in [("F2", tan), ("F3", mia)] {
            store.issue_token(&serial(name), holder, NOW).await.unwrap();
            let token = store.token(&serial(name)).await.unwrap().unwrap().id;
            assert!(store.activate_oath(&Spending { token, was: 0, next: 1, drift: 0 }, NOW).await.unwrap());
        }
        store.change_token(&serial("F2"), TokenState::Suspended, NOW).await.unwrap();
        let (journal, _) = Journal::open(Settings::new(directory.path().to_owned()), Clock::manual(NOW)).unwrap();
        let limits = SessionLimits { idle: Duration::from_secs(1_000_000), overall: Duration::from_secs(1_000_000) };
        let sessions = Sessions::load(store.clone(), Host::parse(PORTAL).unwrap(), limits, NOW).await.unwrap();
        let desk = Desk::new(store, Arc::new(sessions), journal, codes, format!("https://{PORTAL}"));
        let desk = desk.issuing_from(IssuingFiles::new(directory.path()));
        let files = IssuingFiles::new(directory.path());
        IssuingCa::create(&files, "Yumen token CA", NOW).unwrap();
        for (name, holder, n) in [("U2", tan, 2), ("U3", mia, 3)] {
            let key = RequestedKey::of_request(&request()).unwrap();
            let new = certificate(n);
            let own = OwnCertificate { key: key.info(), pem: "the first" };
            let issued = desk.store.issue_certificate(&serial(name), holder, &new, own, NOW).await.unwrap();
            assert!(matches!(issued, CertificateChange::Done { .. }));
        }
        Self { directory, desk, seats }
    }

    pub(super) fn identity(&self, name: &str) -> Arc<Identity> {
        let (_, token, _) = self.seats.iter().find(|(seat, _, _)| seat == name).unwrap();
        self.desk.sessions.lookup(token, &Host::parse(PORTAL).unwrap(), NOW).unwrap()
    }

    pub(super) fn actor(&self, name: &str) -> Actor {
        Actor::Staff { identity: self.identity(name), address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    pub(super) fn key(&self, name: &str) -> TokenId {
        self.seats.iter().find(|(seat, _, _)| seat == name).unwrap().2
    }

    pub(super) fn proof(&self, name: &str, id: PetitionId, step: PetitionStep) -> PetitionProof {
        PetitionProof::sample(&self.identity(name), id, step, self.key(name))
    }

    pub(super) async fn id(&self, name: &str) -> AccountId {
        self.desk.account_named(&OFFICE, &AccountName::parse(name).unwrap()).await.unwrap().id
    }

    pub(super) async fn serial_of(&self, name: &str) -> Serial {
        self.desk.store.tokens_of(self.id(name).await).await.unwrap().remove(0).serial
    }

    /// Asks for it as the console's forms do; a link or nothing comes of it, or somebody has to show her key.
    pub(super) async fn ask(&self, by: &str, what: What) -> Result<(), AdminError> {
        let (desk, actor) = (&self.desk, self.actor(by));
        let waits = |proposed: Proposed| Err(AdminError::Proposed(Box::new(proposed)));
        match what {
            What::Invite(name, role) => desk.invite(&actor, new(name, role), NOW).await.map(drop),
            What::Enable(name) => desk.enable(&actor, self.id(name).await, NOW).await,
            What::Issue(token, name) => desk.issue_token(&actor, &serial(token), &AccountName::parse(name).unwrap(), NOW).await,
            What::Resume(token) => desk.resume_token(&actor, &serial(token), NOW).await,
            What::Certify(token, name) => {
                let name = AccountName::parse(name).unwrap();
                desk.issue_certificate(&actor, &serial(token), &name, &request(), 30, at(NOW)).await.map(drop)
            }
            What::Renew(token) => desk.renew_certificate(&actor, &serial(token), None, 30, at(NOW)).await.map(drop),
            What::Lacks(name, lacks) => desk.ask_for_recovery(&actor, self.id(name).await, lacks, NOW).await.and_then(waits),
            What::Trust => {
                desk.declare_trust(vec![("city CA".to_owned(), [9; 32])], NOW).await.unwrap();
                desk.ask_for_trust(&actor, &"09".repeat(32), NOW).await.and_then(waits)
            }
        }
    }

    /// Asks, and finds the draft that came of it.
    pub(super) async fn draft(&self, by: &str, what: What) -> PetitionId {
        match self.ask(by, what).await {
            Err(AdminError::Proposed(proposed)) => {
                assert_eq!(proposed.state, PetitionState::Draft, "{what:?}");
                proposed.id
            }
            other => panic!("{what:?}: {other:?}"),
        }
    }

    pub(super) async fn propose(&self, by: &str, id: PetitionId, now: Time) -> Result<Proposing, AdminError> {
        self.desk.propose(&self.actor(by), id, self.proof(by, id, PetitionStep::Propose), at(now)).await
    }

    pub(super) async fn proposed(&self, by: &str, what: What) -> PetitionId {
        let id = self.draft(by, what).await;
        assert!(matches!(self.propose(by, id, NOW).await, Ok(Proposing::Waits(_))), "{what:?}");
        id
    }

    pub(super) async fn confirm(&self, by: &str, id: PetitionId, now: Time) -> Result<Carried, AdminError> {
        self.desk.confirm(&self.actor(by), id, self.proof(by, id, PetitionStep::Confirm), at(now)).await
    }

    pub(super) async fn state(&self, id: PetitionId) -> PetitionState {
        self.desk.store.petition(id).await.unwrap().unwrap().state
    }

    /// Everything that these changes change.
    pub(super) async fn everything(&self) -> String {
        let store = &self.desk.store;
        let accounts = store.accounts(&AccountFilter::default()).await.unwrap();
        let tokens = store.tokens(&crate::store::TokenFilter::default()).await.unwrap();
        let trust = store.confirmed_trust().await.unwrap();
        let certificates = store.certificates().await.unwrap();
        format!("{accounts:?} {tokens:?} {trust:?} {certificates:?}")
    }

    pub(super) async fn recorded(&self, action: Action, outcome: Outcome) -> Vec<Event> {
        self.desk.journal.event(Event::done(Action::Start)).await.unwrap();
        let entries = Tail::new(self.directory.path(), Filter::default()).next_batch().unwrap();
        let of_action = entries.into_iter().filter_map(|entry| match entry.record {
            Record::Event(event) if event.action == action && event.outcome == outcome => Some(event),
            _ => None,
        });
        of_action.collect()
    }
}
